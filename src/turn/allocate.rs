//! Allocate: a relayed address, or one of each family (RFC 8656 §7.2).

use rand_core::RngCore;

use crate::addr::{Family, FiveTuple};
use crate::auth::{CallGrant, Request};
use crate::time::{Lifetime, Now};
use crate::wire::attribute::{
    TRANSPORT_UDP, decode_dont_fragment, decode_even_port, decode_family, decode_lifetime, decode_requested_transport,
    decode_reservation_token,
};
use crate::wire::{AttributeType, Message};

use super::allocation::{Allocation, Relayed};
use super::common::Holder;
use super::paths::Paths;
use super::refusal::Refusal;
use super::reply::{Allocated, Body};
use super::{Carried, Event, Families, Port, Relay};

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
    v4: Option<Port>,
    v6: Option<Port>,
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
        let call = request.grant().call().cloned();
        let mut most = usize::MAX;
        if let Some(call) = &call {
            self.may_begin(call, client, now)?;
            most = call.claims().limits.allocations.map_or(most, usize::from);
        }
        let reservation = self.common.ledger().reserve(subject, most)?;
        let (lifetime, cause) = self.granted(wish.lifetime, request.grant(), now);
        let taken = self.take_ports(wish.ports, request, now)?;
        let expires = now.moment + lifetime;
        let relayed = |port: Option<Port>| port.map(|port| Relayed { port, expires, cause });
        let address = |port: &Option<Port>| port.as_ref().map(Port::relayed);
        let answer = Allocated {
            v4: address(&taken.v4),
            v6: address(&taken.v6),
            lifetime,
            token: taken.token,
            missing: taken.missing.map(|(family, refusal)| (family, refusal.code())),
        };
        let allocation = Allocation {
            five_tuple: client,
            subject,
            party: request.grant().party(),
            call,
            transaction: message.transaction(),
            answer,
            begun: now.moment,
            v4: relayed(taken.v4),
            v6: relayed(taken.v6),
            permissions: Vec::new(),
            channels: Vec::new(),
            paths: Paths::default(),
            carried: Carried::default(),
            scheduled: 0,
            _reservation: reservation,
        };
        self.begin(allocation)?;
        Ok(Body::Allocated(answer))
    }

    /// Whether a call token begins an allocation now and here: within its window, in one of its regions.
    fn may_begin(&mut self, call: &CallGrant, client: FiveTuple, now: Now) -> Result<(), Refusal> {
        if let Err(refusal) = call.may_begin(now.unix) {
            self.tally.token_refused(refusal);
            return Err(Refusal::Forbidden);
        }
        let Some(region) = &self.settings.region else { return Ok(()) };
        if call.is_for(region) {
            return Ok(());
        }
        self.tally.wrong_region += 1;
        let v4 = client.client.socket().is_ipv4();
        let mut elsewhere = self.settings.other_regions.iter();
        let elsewhere = elsewhere.find(|(region, server)| call.is_for(region) && server.is_ipv4() == v4);
        Err(elsewhere.map_or(Refusal::Forbidden, |(_, server)| Refusal::TryAlternate(*server)))
    }

    fn begin(&mut self, allocation: Allocation) -> Result<(), Refusal> {
        let Allocation { five_tuple: client, subject, party, answer, .. } = allocation;
        let holder = Holder { party, call: allocation.call.as_ref().map(CallGrant::id) };
        let keys = [&allocation.v4, &allocation.v6].map(|relayed| relayed.as_ref().map(|relayed| relayed.port.key()));
        let index = match self.table.insert(allocation) {
            Ok(index) => index,
            Err(allocation) => {
                let ports = [allocation.v4, allocation.v6].into_iter().flatten().map(|relayed| relayed.port);
                self.closed.extend(ports);
                return Err(Refusal::InsufficientCapacity);
            }
        };
        self.owned.extend(keys.into_iter().flatten());
        for relayed in [answer.v4, answer.v6].into_iter().flatten() {
            self.common.begun(relayed, holder);
        }
        self.schedule(index);
        self.tally.begun(client.link.transport());
        let families = match (answer.v4, answer.v6) {
            (Some(_), Some(_)) => Families::Both,
            (None, Some(_)) => Families::One(Family::V6),
            (_, None) => Families::One(Family::V4),
        };
        self.events.push_back(Event::Allocated { client, subject, families });
        Ok(())
    }

    fn take_ports(&mut self, ports: Ports, request: &Request<'_>, now: Now) -> Result<Taken, Refusal> {
        let mut taken = Taken::default();
        match ports {
            Ports::Reserved(token) => {
                let port = self.common.claim(token, request.grant().subject(), now.moment);
                let port = port.ok_or(Refusal::InsufficientCapacity)?;
                match port.relayed().family() {
                    Family::V4 => taken.v4 = Some(port),
                    Family::V6 => taken.v6 = Some(port),
                }
            }
            Ports::One(family, parity) => {
                let port = match parity {
                    Parity::EvenAndNext => {
                        let (port, token) = self.take_pair(family, request, now)?;
                        taken.token = Some(token);
                        port
                    }
                    Parity::Any | Parity::Even => self.take_port(family, parity)?,
                };
                match family {
                    Family::V4 => taken.v4 = Some(port),
                    Family::V6 => taken.v6 = Some(port),
                }
            }
            Ports::Both(parity) => match (self.take_port(Family::V4, parity), self.take_port(Family::V6, parity)) {
                (Err(refusal), Err(Refusal::AddressFamilyNotSupported)) | (Err(_), Err(refusal)) => {
                    return Err(refusal);
                }
                (v4, v6) => {
                    let missing = v4.as_ref().err().map(|&refusal| (Family::V4, refusal));
                    taken.missing = missing.or(v6.as_ref().err().map(|&refusal| (Family::V6, refusal)));
                    taken.v4 = v4.ok();
                    taken.v6 = v6.ok();
                }
            },
        }
        self.count_spare_ports();
        Ok(taken)
    }

    fn take_port(&mut self, family: Family, parity: Parity) -> Result<Port, Refusal> {
        if !self.common.relays(family) {
            return Err(Refusal::AddressFamilyNotSupported);
        }
        let port = match parity {
            Parity::Any => self.supply.take(family),
            Parity::Even | Parity::EvenAndNext => self.supply.take_even(family),
        };
        port.ok_or(Refusal::InsufficientCapacity)
    }

    /// An even port, and a token for the next higher one.
    fn take_pair(&mut self, family: Family, request: &Request<'_>, now: Now) -> Result<(Port, [u8; 8]), Refusal> {
        if !self.common.relays(family) {
            return Err(Refusal::AddressFamilyNotSupported);
        }
        let (even, odd) = self.supply.take_pair(family).ok_or(Refusal::InsufficientCapacity)?;
        let mut token = [0; 8];
        self.random.fill_bytes(&mut token);
        match self.common.reserve(token, request.grant().subject(), odd, now.moment) {
            Ok(()) => Ok((even, token)),
            Err(odd) => {
                self.supply.put(super::Opened::Pair(even, odd));
                Err(Refusal::InsufficientCapacity)
            }
        }
    }
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
