//! The record of an allocation, field by field.

use core::net::{IpAddr, SocketAddr};

use crate::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr, RelayedAddr, Transport, canonical_ip};
use crate::auth::{CallGrant, Destinations, Party, Subject};
use crate::time::{Lifetime, Moment, UnixTime};
use crate::wire::keep::{Keep, keep_list, recall_list};
use crate::wire::{ErrorCode, TransactionId};

use super::super::allocation::{Channel, Permission, Relayed, Whose};
use super::super::paths::Paths;
use super::super::reply::Allocated;
use super::super::{Carried, EndCause, Relay, Volume};
use super::held::HeldAs;

/// Permissions and channels that are written of one allocation each: as many as an operator may allow.
const MOST: u16 = 1024;
/// How a client's link is written.
const UDP: u8 = 0;
const PROXIED: u8 = 1;
const TCP: u8 = 2;
const TLS: u8 = 3;

/// An allocation as its record has it, before any of its ports is taken.
pub(super) struct Kept {
    pub(super) client: FiveTuple,
    /// The load balancer's address that the client was heard from last.
    pub(super) via: Option<ClientAddr>,
    pub(super) credential: Credential,
    pub(super) transaction: TransactionId,
    pub(super) answer: Allocated,
    pub(super) begun: Moment,
    pub(super) v4: Option<KeptRelayed>,
    pub(super) v6: Option<KeptRelayed>,
    pub(super) permissions: Vec<Permission>,
    pub(super) channels: Vec<Channel>,
    pub(super) carried: Carried,
    /// When the buckets of its rate will be full again, if it has one.
    pub(super) rate: Option<[Moment; 2]>,
    pub(super) paths: Paths,
}

/// What an allocation keeps of its credential.
pub(super) struct Credential {
    pub(super) subject: Subject,
    pub(super) party: Party,
    pub(super) until: Option<UnixTime>,
    pub(super) destinations: Destinations,
    pub(super) call: Option<CallGrant>,
}

/// A relayed address of an allocation as it is written.
#[derive(Clone, Copy)]
pub(super) struct KeptRelayed {
    pub(super) held: HeldAs,
    pub(super) expires: Moment,
    pub(super) cause: EndCause,
    /// Which use of an address of ours this is; 0 of one that is not in our list.
    pub(super) serial: u32,
}

impl Relay {
    /// Appends the allocation at a place; false when there is none.
    pub(super) fn keep_allocation(&self, index: u32, to: &mut Vec<u8>) -> bool {
        let (Some(allocation), Some(client)) = (self.table.get(index), self.table.client(index)) else { return false };
        keep_client(&client, to);
        self.table.via(&client).map(ClientAddr::socket).keep(to);
        match &allocation.call {
            Some(call) => {
                true.keep(to);
                call.keep(to);
            }
            None => {
                false.keep(to);
                (allocation.subject, allocation.party).keep(to);
                (allocation.until, allocation.destinations).keep(to);
            }
        }
        allocation.transaction.keep(to);
        keep_answer(&allocation.answer, to);
        allocation.begun.keep(to);
        for relayed in [&allocation.v4, &allocation.v6] {
            relayed.as_ref().map(|relayed| self.kept_relayed(relayed)).keep(to);
        }
        keep_list(&allocation.permissions, MOST, to);
        keep_list(&allocation.channels, MOST, to);
        self.table.carried(index).unwrap_or_default().keep(to);
        let full_at = allocation.rate.as_ref().map(crate::policy::Rate::full_at);
        full_at.map(|[up, down]| (up, down)).keep(to);
        if let Some(paths) = self.table.paths(index) {
            paths.keep(to);
        }
        true
    }

    fn kept_relayed(&self, relayed: &Relayed) -> KeptRelayed {
        let Relayed { held, expires, cause } = relayed;
        let address = PeerAddr::canonical(held.relayed().socket());
        let serial = self.common.own().locate(address).map_or(0, |located| located.serial);
        KeptRelayed { held: HeldAs::of(held), expires: *expires, cause: *cause, serial }
    }

    /// Takes an allocation off; `None` when something else stands there.
    pub(super) fn recall_allocation(&self, from: &mut &[u8]) -> Option<Kept> {
        let client = recall_client(from)?;
        let via = Option::<SocketAddr>::recall(from)?.map(ClientAddr::new);
        let credential = if bool::recall(from)? {
            let call = self.authenticator.recall_call(from)?;
            let (claims, destinations) = (call.claims(), call.reach());
            let (subject, party, until) = (claims.subject(), claims.party(), Some(claims.end));
            Credential { subject, party, until, destinations, call: Some(call) }
        } else {
            let ((subject, party), (until, destinations)) = <((_, _), (_, Destinations))>::recall(from)?;
            // As a reload does: what the operator has narrowed is narrow, and what is wider is for whoever comes.
            let destinations = destinations.min(self.authenticator.terms().reach);
            Credential { subject, party, until, destinations, call: None }
        };
        let party = credential.party;
        let kept = Kept {
            client,
            via,
            credential,
            transaction: Keep::recall(from)?,
            answer: recall_answer(from)?,
            begun: Keep::recall(from)?,
            v4: Option::<KeptRelayed>::recall(from)?,
            v6: Option::<KeptRelayed>::recall(from)?,
            permissions: recall_list(from, MOST)?,
            channels: recall_list(from, MOST)?,
            carried: Keep::recall(from)?,
            rate: Option::<(Moment, Moment)>::recall(from)?.map(|(up, down)| [up, down]),
            paths: Paths::recall(from, party, self.common.conversations()?)?,
        };
        let is_of = |kept: &Option<KeptRelayed>, family| kept.is_none_or(|kept| kept.held.relayed.family() == family);
        (from.is_empty() && is_of(&kept.v4, Family::V4) && is_of(&kept.v6, Family::V6)).then_some(kept)
    }
}

fn keep_client(client: &FiveTuple, to: &mut Vec<u8>) {
    client.client.socket().keep(to);
    match client.link {
        Link::Udp(socket) => (UDP, socket).keep(to),
        Link::Proxied(socket) => (PROXIED, socket).keep(to),
        Link::Stream(ConnectionId(number), Transport::Tls) => (TLS, number).keep(to),
        Link::Stream(ConnectionId(number), _) => (TCP, number).keep(to),
    }
}

fn recall_client(from: &mut &[u8]) -> Option<FiveTuple> {
    let client = ClientAddr::new(SocketAddr::recall(from)?);
    let link = match u8::recall(from)? {
        UDP => Link::Udp(u16::recall(from)?),
        PROXIED => Link::Proxied(u16::recall(from)?),
        TCP => Link::Stream(ConnectionId(u64::recall(from)?), Transport::Tcp),
        TLS => Link::Stream(ConnectionId(u64::recall(from)?), Transport::Tls),
        _ => return None,
    };
    Some(FiveTuple { client, link })
}

fn keep_answer(answer: &Allocated, to: &mut Vec<u8>) {
    let Allocated { v4, v6, lifetime, token, missing } = *answer;
    ((v4, v6), (lifetime, token)).keep(to);
    missing.keep(to);
}

fn recall_answer(from: &mut &[u8]) -> Option<Allocated> {
    type Addresses = (Option<RelayedAddr>, Option<RelayedAddr>);
    let ((v4, v6), (lifetime, token)) = <(Addresses, (Lifetime, Option<[u8; 8]>))>::recall(from)?;
    let missing = Option::<(Family, ErrorCode)>::recall(from)?;
    Some(Allocated { v4, v6, lifetime, token, missing })
}

impl Keep for KeptRelayed {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { held, expires, cause, serial } = *self;
        (held, expires).keep(to);
        (cause as u8, serial).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let ((held, expires), (cause, serial)) = <((_, _), (u8, _))>::recall(from)?;
        let cause = *EndCause::ALL.get(usize::from(cause))?;
        Some(Self { held, expires, cause, serial })
    }
}

impl Keep for Permission {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.ip, self.expires).keep(to);
    }

    /// Whose the address is, is asked again.
    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (ip, expires) = <(IpAddr, Moment)>::recall(from)?;
        Some(Self { ip: canonical_ip(ip), expires, whose: Whose::Others })
    }
}

impl Keep for Channel {
    fn keep(&self, to: &mut Vec<u8>) {
        ((self.number, self.peer), self.expires).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let ((number, peer), expires) = Keep::recall(from)?;
        Some(Self { number, peer, expires })
    }
}

impl Keep for Volume {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.packets, self.bytes).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        // Room to go on counting is left, whatever stands there.
        let (packets, bytes) = <(u64, u64)>::recall(from)?;
        Some(Self { packets: packets.min(u64::MAX / 2), bytes: bytes.min(u64::MAX / 2) })
    }
}

impl Keep for Carried {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.up, self.down).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (up, down) = Keep::recall(from)?;
        Some(Self { up, down })
    }
}
