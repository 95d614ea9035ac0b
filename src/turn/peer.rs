//! Which peers may be reached: policy's rules, our own address as far as live allocations have it, and the one call that
//! an allocation may be bound to.

use core::net::IpAddr;

use crate::addr::PeerAddr;
use crate::auth::{CallGrant, Destinations, Party};
use crate::policy::{PeerRefusal, PeerRules};

use super::Common;
use super::own::Holder;

/// What decides about the peers of one allocation.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) rules: &'a PeerRules,
    pub(super) common: &'a Common,
    pub(super) party: Party,
    /// With a call, only its other parties' relayed addresses may be reached, and the peers outside that the token
    /// names and the rules allow.
    pub(super) call: Option<&'a CallGrant>,
    /// Whether peers outside may be reached at all.
    pub(super) destinations: Destinations,
}

impl Reach<'_> {
    /// Whether a permission may be given for an IP address; `Ok(true)` when it is one of our relayed addresses, where
    /// only live relayed ports may be reached: two clients of this relay must reach each other, and nobody anything
    /// else here.
    pub(super) fn ip(&self, ip: IpAddr) -> Result<bool, PeerRefusal> {
        let own = match self.rules.permits_ip(ip) {
            // Whoever is bound to the relay's clients reaches them at our address, and no other service there.
            Ok(()) => self.is_bound() && self.common.is_own(ip),
            Err(PeerRefusal::OwnAddress) if self.common.is_own(ip) => true,
            Err(refusal) => return Err(refusal),
        };
        let named = |call: &CallGrant| call.peers().iter().any(|range| range.covers(ip));
        let outside = self.destinations == Destinations::Anywhere && self.call.is_none_or(named);
        if own || outside { Ok(own) } else { Err(self.refusal()) }
    }

    /// The same with the port.
    pub(super) fn peer(&self, peer: PeerAddr) -> Result<bool, PeerRefusal> {
        let holder = self.common.own().holder(peer);
        let own = match self.rules.permits(peer) {
            Ok(()) => self.is_bound() && self.common.is_own(peer.ip()),
            Err(PeerRefusal::OwnAddress) if holder.is_some() => true,
            Err(refusal) => return Err(refusal),
        };
        match holder {
            Some(holder) if self.meets(&holder) => Ok(own),
            Some(_) => Err(PeerRefusal::OtherCall),
            None if !own && self.is_named(peer) => Ok(own),
            None => Err(self.refusal()),
        }
    }

    /// Whether the credential keeps to clients of this relay, apart from what it names.
    const fn is_bound(&self) -> bool {
        self.call.is_some() || matches!(self.destinations, Destinations::Clients)
    }

    /// Why a peer that is no client of ours may not be reached.
    const fn refusal(&self) -> PeerRefusal {
        if self.call.is_some() { PeerRefusal::OtherCall } else { PeerRefusal::Outside }
    }

    /// Whether a peer outside may be reached: the token, if there is one, names it.
    pub(super) fn is_named(&self, peer: PeerAddr) -> bool {
        let named = |call: &CallGrant| call.peers().iter().any(|range| range.contains(peer.ip(), peer.port()));
        self.destinations == Destinations::Anywhere && self.call.is_none_or(named)
    }

    /// Whether the holder of a relayed address of ours is somebody to talk to: another party of the same call, or
    /// nobody's call on both sides.
    pub(super) fn meets(&self, holder: &Holder) -> bool {
        match (self.call, holder.call) {
            (Some(call), Some(other)) => call.id() == other && self.party != holder.party,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}
