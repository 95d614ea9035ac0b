//! Allocate: a relayed address, or one of each family (RFC 8656 §7.2).

use rand_core::RngCore;

use crate::addr::{Family, FiveTuple};
use crate::auth::{CallGrant, Grant, Request};
use crate::policy::Rate;
use crate::time::{Lifetime, Now};
use crate::wire::attribute::{
    TRANSPORT_UDP, decode_dont_fragment, decode_even_port, decode_family, decode_lifetime, decode_requested_transport,
    decode_reservation_token,
};
use crate::wire::{AttributeType, Message};

use super::allocation::{Allocation, Relayed};
use super::own::Holder;
use super::port::Held;
use super::refusal::Refusal;
use super::reply::{Allocated, Body};
use super::{Event, Families, Relay};

/// What an Allocate asks for, its attributes checked one by one and beside each other.
#[derive(Clone, Copy, Debug)]
struct Wish {
    lifetime: Option<Lifetime>,
    ports: Ports,
}

#[derive(Clone, Copy, Debug)]
enum Ports {
    /// The port that a token stands for.
    Reserved([u8; 8]),
    /// A new one of this family.
    One(Family, Parity),
    /// One of each.
    Both(Parity),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parity {
    Any,
    Even,
    /// Even, and the next higher one reserved.
    EvenAndNext,
}

/// Ports taken out of the supply for one allocation.
#[derive(Debug, Default)]
struct Taken {
    v4: Option<Held>,
    v6: Option<Held>,
    token: Option<[u8; 8]>,
    missing: Option<(Family, Refusal)>,
}

impl Relay {
    pub(super) fn allocate(&mut self, request: &Request<'_>, client: FiveTuple, now: Now) -> Result<Body, Refusal> {
        let message = request.message();
        let subject = request.grant().subject();
        if let Some(allocation) = self.live(&client, now).and_then(|index| self.table.get(index)) {
            return if allocation.transaction == message.transaction() && allocation.subject == subject {
                Ok(Body::Allocated(allocation.answer))
            } else {
                Err(Refusal::AllocationMismatch)
            };
        }
        let wish = Wish::read(message)?;
        if self.draining {
            let alternate = self.settings.alternate.iter().copied();
            let mut alternate = alternate.filter(|server| server.is_ipv4() == client.client.socket().is_ipv4());
            return Err(alternate.next().map_or(Refusal::InsufficientCapacity, Refusal::TryAlternate));
        }
        if !self.common.admits() {
            return Err(Refusal::InsufficientCapacity);
        }
        let call = request.grant().call().cloned();
        self.may_begin(request.grant(), client, now)?;
        let reservation = self.reserve(subject, call.as_ref(), client, now)?;
        let (lifetime, cause) = self.granted(wish.lifetime, request.grant(), now)?;
        let taken = self.take_ports(wish.ports, request, now)?;
        let expires = now.moment + lifetime;
        let relayed = |held: Option<Held>| held.map(|held| Relayed { held, expires, cause });
        let address = |held: &Option<Held>| held.as_ref().map(Held::relayed);
        let limit = self.settings.rate_limit(call.as_ref());
        let answer = Allocated {
            v4: address(&taken.v4),
            v6: address(&taken.v6),
            lifetime,
            token: taken.token,
            missing: taken.missing.map(|(family, refusal)| (family, refusal.code())),
        };
        let allocation = Allocation {
            subject,
            party: request.grant().party(),
            call,
            destinations: request.grant().reach(),
            transaction: message.transaction(),
            answer,
            begun: now.moment,
            until: request.grant().until(),
            v4: relayed(taken.v4),
            v6: relayed(taken.v6),
            permissions: Vec::new(),
            channels: Vec::new(),
            scheduled: 0,
            rate: Rate::new(limit, reservation.account()),
            reservation,
        };
        self.begin(client, allocation)?;
        Ok(Body::Allocated(answer))
    }

    /// Whether a credential begins an allocation now and here: within its window, in one of its regions.
    fn may_begin(&mut self, grant: &Grant, client: FiveTuple, now: Now) -> Result<(), Refusal> {
        if let Some(Err(refusal)) = grant.call().map(|call| call.may_begin(now.unix)) {
            self.tally.token_refused(refusal);
            return Err(Refusal::Forbidden);
        }
        let Some(region) = &self.settings.region else { return Ok(()) };
        if grant.is_for(region) {
            return Ok(());
        }
        self.tally.wrong_region += 1;
        let v4 = client.client.socket().is_ipv4();
        let mut elsewhere = self.settings.other_regions.iter();
        let elsewhere = elsewhere.find(|(region, server)| grant.is_for(region) && server.is_ipv4() == v4);
        Err(elsewhere.map_or(Refusal::Forbidden, |(_, server)| Refusal::TryAlternate(*server)))
    }

    fn begin(&mut self, client: FiveTuple, allocation: Allocation) -> Result<(), Refusal> {
        let Allocation { subject, party, answer, until, .. } = allocation;
        let call = allocation.call.clone();
        let holder = Holder { party, call: call.as_ref().map(CallGrant::id) };
        let held = [&allocation.v4, &allocation.v6].map(|relayed| relayed.as_ref().map(|relayed| &relayed.held));
        let keys = held.map(|held| held.and_then(Held::key));
        let addresses = held.map(|held| held.map(|held| (held.relayed(), held.key().is_none())));
        let index = match self.table.insert(&client, allocation) {
            Ok(index) => index,
            Err(allocation) => {
                for relayed in [allocation.v4, allocation.v6].into_iter().flatten() {
                    self.give_back(relayed.held);
                }
                return Err(Refusal::InsufficientCapacity);
            }
        };
        self.owned.extend(keys.into_iter().flatten());
        for (relayed, is_virtual) in addresses.into_iter().flatten() {
            self.common.own().begun(relayed, holder, self.shard, index, is_virtual);
        }
        self.ending.begun(until);
        self.schedule(index);
        self.tally.begun(client.link.transport());
        let families = match (answer.v4, answer.v6) {
            (Some(_), Some(_)) => Families::Both,
            (None, Some(_)) => Families::One(Family::V6),
            (_, None) => Families::One(Family::V4),
        };
        self.events.push_back(Event::Allocated { client, subject, families, call });
        Ok(())
    }

    fn take_ports(&mut self, ports: Ports, request: &Request<'_>, now: Now) -> Result<Taken, Refusal> {
        let mut taken = Taken::default();
        let closed = request.grant().is_closed();
        match ports {
            Ports::Reserved(token) => {
                let held = self.common.claim(token, request.grant().subject(), now.moment);
                let held = held.ok_or(Refusal::InsufficientCapacity)?;
                match held.relayed().family() {
                    Family::V4 => taken.v4 = Some(held),
                    Family::V6 => taken.v6 = Some(held),
                }
            }
            Ports::One(family, parity) => {
                let held = match parity {
                    Parity::EvenAndNext => {
                        let (held, token) = self.take_pair(family, request, now)?;
                        taken.token = Some(token);
                        held
                    }
                    Parity::Any | Parity::Even => self.take_port(family, parity, closed)?,
                };
                match family {
                    Family::V4 => taken.v4 = Some(held),
                    Family::V6 => taken.v6 = Some(held),
                }
            }
            Ports::Both(parity) => {
                let [v4, v6] = [Family::V4, Family::V6].map(|family| self.take_port(family, parity, closed));
                match (v4, v6) {
                    (Err(refusal), Err(Refusal::AddressFamilyNotSupported)) | (Err(_), Err(refusal)) => {
                        return Err(refusal);
                    }
                    (v4, v6) => {
                        let missing = v4.as_ref().err().map(|&refusal| (Family::V4, refusal));
                        taken.missing = missing.or(v6.as_ref().err().map(|&refusal| (Family::V6, refusal)));
                        taken.v4 = v4.ok();
                        taken.v6 = v6.ok();
                    }
                }
            }
        }
        self.count_spare_ports();
        Ok(taken)
    }

    /// A relayed address: with a socket from the supply, or `closed` and virtual.
    fn take_port(&mut self, family: Family, parity: Parity, closed: bool) -> Result<Held, Refusal> {
        let even = parity != Parity::Any;
        let held = if closed {
            may_relay(self.common.own().has_virtual(family))?;
            self.common.own().draw(family, even, &mut self.random).map(Held::Virtual)
        } else {
            may_relay(self.common.relays(family))?;
            let port = if even { self.supply.take_even(family) } else { self.supply.take(family) };
            port.map(Held::Open)
        };
        held.ok_or(Refusal::InsufficientCapacity)
    }

    /// An even port, and a token for the next higher one.
    fn take_pair(&mut self, family: Family, request: &Request<'_>, now: Now) -> Result<(Held, [u8; 8]), Refusal> {
        let pair = if request.grant().is_closed() {
            may_relay(self.common.own().has_virtual(family))?;
            let pair = self.common.own().draw_pair(family, &mut self.random);
            pair.map(|(even, odd)| (Held::Virtual(even), Held::Virtual(odd)))
        } else {
            may_relay(self.common.relays(family))?;
            self.supply.take_pair(family).map(|(even, odd)| (Held::Open(even), Held::Open(odd)))
        };
        let (even, odd) = pair.ok_or(Refusal::InsufficientCapacity)?;
        let mut token = [0; 8];
        self.random.fill_bytes(&mut token);
        match self.common.reserve(token, request.grant().subject(), odd, now.moment) {
            Ok(()) => Ok((even, token)),
            Err(odd) => {
                match (even, odd) {
                    (Held::Open(even), Held::Open(odd)) => self.supply.put(super::Opened::Pair(even, odd)),
                    (even, odd) => [even, odd].into_iter().for_each(|held| self.give_back(held)),
                }
                Err(Refusal::InsufficientCapacity)
            }
        }
    }
}

const fn may_relay(has_addresses: bool) -> Result<(), Refusal> {
    if has_addresses { Ok(()) } else { Err(Refusal::AddressFamilyNotSupported) }
}

impl Wish {
    /// Reads the attributes in the order of RFC 8656 §7.2, so that of several faults the RFC's first one is answered.
    fn read(message: &Message<'_>) -> Result<Self, Refusal> {
        let transport = message.value(AttributeType::REQUESTED_TRANSPORT).ok_or(Refusal::BadRequest)?;
        if decode_requested_transport(transport)? != TRANSPORT_UDP {
            return Err(Refusal::UnsupportedTransportProtocol);
        }
        message.value(AttributeType::DONT_FRAGMENT).map(decode_dont_fragment).transpose()?;
        let token = message.value(AttributeType::RESERVATION_TOKEN).map(decode_reservation_token).transpose()?;
        let even = message.value(AttributeType::EVEN_PORT).map(decode_even_port).transpose()?;
        let family = message.value(AttributeType::REQUESTED_ADDRESS_FAMILY).map(decode_family).transpose()?;
        let additional = message.value(AttributeType::ADDITIONAL_ADDRESS_FAMILY).map(decode_family).transpose()?;
        let lifetime = message.value(AttributeType::LIFETIME).map(decode_lifetime).transpose()?;
        let parity = match even {
            None => Parity::Any,
            Some(false) => Parity::Even,
            Some(true) => Parity::EvenAndNext,
        };
        let ports = match (token, family, additional) {
            (Some(token), None, None) if even.is_none() => Ports::Reserved(token),
            (Some(_), ..) | (_, Some(_), Some(_)) | (_, _, Some(Some(Family::V4))) => return Err(Refusal::BadRequest),
            (_, Some(None), _) | (_, _, Some(None)) => return Err(Refusal::AddressFamilyNotSupported),
            (None, Some(Some(family)), None) => Ports::One(family, parity),
            (None, None, Some(Some(Family::V6))) if parity == Parity::EvenAndNext => return Err(Refusal::BadRequest),
            (None, None, Some(Some(Family::V6))) => Ports::Both(parity),
            (None, None, None) => Ports::One(Family::V4, parity),
        };
        Ok(Self { lifetime, ports })
    }
}
