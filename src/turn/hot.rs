//! What nearly every packet of an allocation needs, in two cache lines that stand together: who its client is, what it
//! has carried, and a note of where its last packet went.

use core::net::SocketAddr;

use crate::addr::{ClientAddr, FiveTuple, Link, PackedIp, PeerAddr, RelayedAddr};
use crate::time::Moment;
use crate::wire::ChannelNumber;

use super::allocation::{Allocation, Channel, Whose};
use super::{Carried, PortKey};

/// Instead of the key of a port: there is no socket.
const VIRTUAL: u32 = u32::MAX;

/// The place of an allocation, or of none.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Hot {
    client: PackedIp,
    /// `None`: the place is free.
    link: Option<Link>,
    // From here on the note. [`super::table::Table`] takes it away from whatever may be changed.
    /// When the first of the allocation, the permission and the channel ends; zero without a note.
    until: Moment,
    peer: PackedIp,
    client_port: u16,
    peer_port: u16,
    channel: ChannelNumber,
    whose: Whose,
    /// Where the path to the peer stood last.
    path: u8,
    // The second line.
    pub(super) carried: Carried,
    relayed: PackedIp,
    port: u32,
    relayed_port: u16,
    limited: bool,
}

/// Where a client and a peer exchange data on a channel, as the allocation has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) peer: PeerAddr,
    /// Whose address the peer's is, by the permission for it.
    pub(super) whose: Whose,
    /// The relayed transport address of the peer's family.
    pub(super) relayed: RelayedAddr,
    /// Its socket, if there is one.
    pub(super) port: Option<PortKey>,
    pub(super) channel: ChannelNumber,
    /// Whether the credential has a rate.
    pub(super) limited: bool,
    until: Moment,
}

impl Route {
    /// The route of a live channel. `None` without a permission for its peer, or a relayed address of its family.
    pub(super) fn of(allocation: &Allocation, channel: &Channel, now: Moment) -> Option<Self> {
        let permission = allocation.permission(channel.peer.ip(), now)?;
        let held = &allocation.relayed(channel.peer.family())?.held;
        Some(Self {
            peer: channel.peer,
            whose: permission.whose,
            relayed: held.relayed(),
            port: held.key(),
            channel: channel.number,
            limited: allocation.rate.is_some(),
            until: allocation.expires()?.min(permission.expires).min(channel.expires),
        })
    }
}

impl Hot {
    /// A place that is free.
    pub(super) const FREE: Self = Self {
        client: PackedIp::NONE,
        link: None,
        until: Moment::ZERO,
        peer: PackedIp::NONE,
        client_port: 0,
        peer_port: 0,
        channel: ChannelNumber::FIRST,
        whose: Whose::Others,
        path: 0,
        carried: Carried::NONE,
        relayed: PackedIp::NONE,
        port: VIRTUAL,
        relayed_port: 0,
        limited: false,
    };

    /// For a new allocation.
    pub(super) fn new(client: &FiveTuple) -> Self {
        let address = client.client.socket();
        let (ip, client_port) = (PackedIp::of(address.ip()), address.port());
        Self { client: ip, client_port, link: Some(client.link), ..Self::FREE }
    }

    /// Whether it is this client's.
    #[inline]
    pub(super) fn is_of(&self, client: &FiveTuple) -> bool {
        let address = client.client.socket();
        self.client_port == address.port()
            && self.client == PackedIp::of(address.ip())
            && self.link == Some(client.link)
    }

    /// The client.
    #[inline]
    pub(super) fn client(&self) -> Option<FiveTuple> {
        let link = self.link?;
        Some(FiveTuple { client: ClientAddr::new(SocketAddr::new(self.client.ip(), self.client_port)), link })
    }

    /// Whether what was noted still holds, and is for this channel.
    #[inline]
    pub(super) fn is_on(&self, channel: ChannelNumber, now: Moment) -> bool {
        now < self.until && self.channel == channel
    }

    /// Whether what was noted still holds, and is for this peer.
    #[inline]
    pub(super) fn is_with(&self, peer: PeerAddr, now: Moment) -> bool {
        now < self.until && self.peer_port == peer.port() && self.peer == PackedIp::of(peer.ip())
    }

    /// Whether this port was noted.
    #[inline]
    pub(super) const fn is_through(&self, port: PortKey) -> bool {
        self.port == port.0 && port.0 != VIRTUAL
    }

    /// Whether this relayed address was noted.
    #[inline]
    pub(super) fn is_from(&self, relayed: RelayedAddr) -> bool {
        self.relayed_port == relayed.port() && self.relayed == PackedIp::of(relayed.socket().ip())
    }

    /// What was noted.
    #[inline]
    pub(super) fn route(&self) -> Route {
        Route {
            peer: self.peer(),
            whose: self.whose,
            relayed: RelayedAddr::new(SocketAddr::new(self.relayed.ip(), self.relayed_port)),
            port: (self.port != VIRTUAL).then_some(PortKey(self.port)),
            channel: self.channel,
            limited: self.limited,
            until: self.until,
        }
    }

    #[inline]
    fn peer(&self) -> PeerAddr {
        PeerAddr::canonical(SocketAddr::new(self.peer.ip(), self.peer_port))
    }

    /// Notes a route.
    pub(super) fn note(&mut self, route: &Route) {
        let (peer, relayed) = (route.peer.socket(), route.relayed.socket());
        self.until = route.until;
        (self.peer, self.peer_port) = (PackedIp::of(peer.ip()), peer.port());
        (self.relayed, self.relayed_port) = (PackedIp::of(relayed.ip()), relayed.port());
        self.channel = route.channel;
        self.whose = route.whose;
        self.limited = route.limited;
        self.port = route.port.map_or(VIRTUAL, |port| port.0);
        let noted = self.route();
        // An address with more to it than its number and port is not noted.
        if (noted.peer, noted.relayed) != (route.peer, route.relayed) {
            self.forget();
        }
    }

    /// Forgets what was noted.
    pub(super) const fn forget(&mut self) {
        self.until = Moment::ZERO;
    }

    /// Where to look for the path to the peer first.
    #[inline]
    pub(super) fn path(&self) -> usize {
        usize::from(self.path)
    }

    /// Where it was.
    pub(super) fn set_path(&mut self, at: usize) {
        self.path = u8::try_from(at).unwrap_or(0);
    }

    /// The peer of what was noted, if others of this relay may be there.
    #[inline]
    pub(super) fn peer_of_ours(&self) -> Option<PeerAddr> {
        (self.whose != Whose::Others).then(|| self.peer())
    }

    /// The channel that was noted, and whose address its peer's is.
    #[inline]
    pub(super) const fn channel(&self) -> (ChannelNumber, Whose) {
        (self.channel, self.whose)
    }

    /// Whether its last packet's allocation had a rate.
    #[inline]
    pub(super) const fn is_limited(&self) -> bool {
        self.limited
    }

    /// Reads something of both cache lines.
    #[inline]
    pub(super) const fn touch(&self) -> u64 {
        self.until.as_nanos() ^ self.carried.up.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_packet_needs_is_two_cache_lines() {
        assert_eq!(size_of::<Hot>(), 128);
        assert_eq!(align_of::<Hot>(), 128);
        assert_eq!(core::mem::offset_of!(Hot, carried), 64);
    }
}
