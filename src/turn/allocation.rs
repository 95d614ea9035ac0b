//! An allocation and what hangs on it. Permissions and channels are fields, so that none outlives its allocation.

use core::net::IpAddr;

use crate::addr::{Family, PeerAddr};
use crate::auth::{CallGrant, Destinations, Party, Subject};
use crate::policy::{Rate, Reservation};
use crate::time::{Moment, UnixTime};
use crate::wire::{ChannelNumber, TransactionId};

use super::port::Held;
use super::reply::Allocated;
use super::{Discard, EndCause, Families, StrictPort};

/// One relayed transport address of an allocation. In a dual allocation each family has its own lifetime
/// (RFC 8656 §8.1).
#[derive(Debug)]
pub(super) struct Relayed {
    pub(super) held: Held,
    pub(super) expires: Moment,
    /// Why it ends when it expires: the client's silence, or its credential.
    pub(super) cause: EndCause,
}

/// Leave to exchange data with an IP address, whatever the port (RFC 8656 §9).
#[derive(Clone, Copy, Debug)]
pub(super) struct Permission {
    pub(super) ip: IpAddr,
    pub(super) expires: Moment,
    pub(super) whose: Whose,
}

/// Whose address a peer's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Somebody's outside of this relay.
    Others,
    /// Ours, and the operator lets whatever listens there be reached.
    Ours,
    /// Ours, and only live relayed ports may be reached there.
    Clients,
}

/// A channel: a number that stands for a peer (RFC 8656 §12).
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) number: ChannelNumber,
    pub(super) peer: PeerAddr,
    pub(super) expires: Moment,
}

/// An allocation: built from open ports, a reservation of quota and a proven credential, and it gives all three back.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) subject: Subject,
    pub(super) party: Party,
    /// The call that it is bound to.
    pub(super) call: Option<CallGrant>,
    /// Whether it may reach peers outside; a reload may narrow it, and never widens it.
    pub(super) destinations: Destinations,
    /// The Allocate that made it; the same one again is a retransmission.
    pub(super) transaction: TransactionId,
    /// What that one was answered.
    pub(super) answer: Allocated,
    pub(super) begun: Moment,
    /// When its credential ends.
    pub(super) until: Option<UnixTime>,
    pub(super) v4: Option<Relayed>,
    pub(super) v6: Option<Relayed>,
    pub(super) permissions: Vec<Permission>,
    pub(super) channels: Vec<Channel>,
    /// The second for which it stands in the wheel.
    pub(super) scheduled: u64,
    /// Its place in the quota, and what its credential has sent.
    pub(super) reservation: Reservation,
    /// The limit on what its credential sends, if it has one.
    pub(super) rate: Option<Rate>,
}

impl Allocation {
    /// Whether it keeps to clients of this relay, apart from what a token names.
    pub(super) const fn is_bound(&self) -> bool {
        self.call.is_some() || matches!(self.destinations, Destinations::Clients)
    }

    /// The relayed address of a family.
    pub(super) const fn relayed(&self, family: Family) -> Option<&Relayed> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }

    /// The same, to change or to take it.
    pub(super) const fn relayed_mut(&mut self, family: Family) -> &mut Option<Relayed> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// The families of its relayed addresses.
    pub(super) const fn families(&self) -> Families {
        match (&self.v4, &self.v6) {
            (Some(_), Some(_)) => Families::Both,
            (None, Some(_)) => Families::One(Family::V6),
            (_, None) => Families::One(Family::V4),
        }
    }

    /// When the first of its relayed addresses expires.
    pub(super) fn expires(&self) -> Option<Moment> {
        [&self.v4, &self.v6].into_iter().flatten().map(|relayed| relayed.expires).min()
    }

    /// The live permission for an IP address.
    pub(super) fn permission(&self, ip: IpAddr, now: Moment) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.ip == ip && now < permission.expires)
    }

    /// The live channel with a number.
    pub(super) fn channel(&self, number: ChannelNumber, now: Moment) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.number == number && now < channel.expires)
    }

    /// The live channel that stands for a peer.
    pub(super) fn channel_of(&self, peer: PeerAddr, now: Moment) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.peer == peer && now < channel.expires)
    }

    /// The channel that data from a peer goes out on, if there is one. Clients of this relay all have its address; what holds
    /// them is their call.
    ///
    /// # Errors
    /// [`Discard::PeerPort`]: the allocation is strict about ports, and has a channel to another port of the peer.
    pub(super) fn channel_from(
        &self,
        peer: PeerAddr,
        whose: Whose,
        strict: StrictPort,
        now: Moment,
    ) -> Result<Option<&Channel>, Discard> {
        let channel = self.channel_of(peer, now);
        if channel.is_none()
            && whose != Whose::Clients
            && strict.is_for(self.call.is_some())
            && self.binds(peer.ip(), now)
        {
            return Err(Discard::PeerPort);
        }
        Ok(channel)
    }

    /// Whether a live channel stands for some port of an IP address.
    fn binds(&self, ip: IpAddr, now: Moment) -> bool {
        self.channels.iter().any(|channel| channel.peer.ip() == ip && now < channel.expires)
    }
}
