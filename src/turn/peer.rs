//! Which peers may be reached: policy's rules, our own address as far as live allocations have it, and the one call that
//! an allocation may be bound to.

use core::net::IpAddr;

use crate::addr::PeerAddr;
use crate::auth::{CallGrant, Destinations, Party};
use crate::policy::{PeerRefusal, PeerRules};

use super::Common;
use super::allocation::{Allocation, Whose};
use super::own::Holder;

/// What decides about the peers of one allocation.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    rules: &'a PeerRules,
    common: &'a Common,
    party: Party,
    /// With a call, only its other parties' relayed addresses may be reached, and the peers outside that the token
    /// names and the rules allow.
    call: Option<&'a CallGrant>,
    /// Whether peers outside may be reached at all.
    destinations: Destinations,
}

impl<'a> Reach<'a> {
    /// For an allocation with this party, this call and these destinations.
    pub(super) const fn new(
        rules: &'a PeerRules,
        common: &'a Common,
        party: Party,
        call: Option<&'a CallGrant>,
        destinations: Destinations,
    ) -> Self {
        Self { rules, common, party, call, destinations }
    }

    /// Whether a permission may be given for an IP address. At our own, only live relayed ports may be reached: two
    /// clients of this relay must reach each other, and nobody anything else here.
    pub(super) fn ip(&self, ip: IpAddr) -> Result<Whose, PeerRefusal> {
        let ours = self.common.is_own(ip);
        let whose = match self.rules.permits_ip(ip) {
            Ok(()) if !ours => Whose::Others,
            // Whoever is bound to the relay's clients reaches them at our address, and no other service there.
            Ok(()) if self.is_bound() => Whose::Clients,
            Ok(()) => Whose::Ours,
            Err(PeerRefusal::OwnAddress) if ours => Whose::Clients,
            Err(refusal) => return Err(refusal),
        };
        let named = |call: &CallGrant| call.peers().iter().any(|range| range.covers(ip));
        let outside = self.destinations == Destinations::Anywhere && self.call.is_none_or(named);
        if outside || whose == Whose::Clients { Ok(whose) } else { Err(self.refusal()) }
    }

    /// The same with the port.
    pub(super) fn peer(&self, peer: PeerAddr) -> Result<Whose, PeerRefusal> {
        let holder = self.common.own().holder(peer);
        let whose = match self.rules.permits(peer) {
            Ok(()) if !self.common.is_own(peer.ip()) => Whose::Others,
            Ok(()) if self.is_bound() => Whose::Clients,
            Ok(()) => Whose::Ours,
            Err(PeerRefusal::OwnAddress) if holder.is_some() => Whose::Clients,
            Err(refusal) => return Err(refusal),
        };
        match holder {
            Some(holder) if self.meets(&holder) => Ok(whose),
            Some(_) => Err(PeerRefusal::OtherCall),
            None if whose != Whose::Clients && self.is_named(peer) => Ok(whose),
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

/// Takes the permissions and channels away that an allocation may not have by these rules.
pub(super) fn hold_to(rules: &PeerRules, common: &Common, allocation: &mut Allocation) {
    let reach = Reach::new(rules, common, allocation.party, allocation.call.as_ref(), allocation.destinations);
    allocation.permissions.retain_mut(|permission| match reach.ip(permission.ip) {
        Ok(whose) => {
            permission.whose = whose;
            true
        }
        Err(_) => false,
    });
    // A channel to our own address may wait for the port to be relayed again; any other one needs its port too.
    allocation.channels.retain(|channel| match reach.ip(channel.peer.ip()) {
        Ok(whose) => whose == Whose::Clients || rules.permits_port(channel.peer.port()).is_ok(),
        Err(_) => false,
    });
}
