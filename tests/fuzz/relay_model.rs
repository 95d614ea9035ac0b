//! What a relay may do, worked out from nothing but the answers it gave: the reference that the relay targets hold it
//! against. It knows no wheel, no table and no quota; it only remembers what was granted and until when.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use hilum::addr::{FiveTuple, canonical_ip};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{AttributeType, ChannelNumber, Class, Message, Method, TransactionId, attribute, decode_xor_address};

use super::world::{
    CHANNEL_LIFETIME, DENIED, MOST_CHANNELS, MOST_PERMISSIONS, PERMISSION_LIFETIME, RELAY_V4, RELAY_V6, canonical,
};

/// An allocation as its client knows it.
#[derive(Debug)]
pub struct Allocation {
    username: Vec<u8>,
    transaction: TransactionId,
    relayed: Vec<(SocketAddr, Moment)>,
    permissions: HashMap<IpAddr, Moment>,
    channels: HashMap<u16, (SocketAddr, Moment)>,
}

impl Allocation {
    fn ends(&self) -> Option<Moment> {
        self.relayed.iter().map(|(_, until)| *until).max()
    }
}

/// All allocations, and whether the stricter policy is in force.
#[derive(Debug, Default)]
pub struct Model {
    allocations: HashMap<FiveTuple, Allocation>,
    pub strict: bool,
}

impl Model {
    /// Forgets what has run out.
    pub fn pass(&mut self, now: Moment) {
        self.allocations.retain(|_, allocation| {
            let families = allocation.relayed.len();
            allocation.relayed.retain(|(_, until)| now < *until);
            if allocation.relayed.len() < families {
                let left: HashSet<bool> = allocation.relayed.iter().map(|(address, _)| address.is_ipv4()).collect();
                allocation.permissions.retain(|ip, _| left.contains(&ip.is_ipv4()));
                allocation.channels.retain(|_, (peer, _)| left.contains(&peer.is_ipv4()));
            }
            allocation.permissions.retain(|_, until| now < *until);
            allocation.channels.retain(|_, (_, until)| now < *until);
            allocation.ends().is_some()
        });
    }

    pub fn live(&self) -> usize {
        self.allocations.len()
    }

    /// The relayed addresses of live allocations.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        self.allocations.values().flat_map(|each| each.relayed.iter().map(|(address, _)| *address)).collect()
    }

    pub fn relayed_of(&self, client: &FiveTuple) -> Option<SocketAddr> {
        self.allocations.get(client)?.relayed.first().map(|(address, _)| *address)
    }

    /// What an answer grants, read together with the request it answers.
    pub fn answered(&mut self, client: FiveTuple, request: &Message<'_>, answer: &Message<'_>, now: Moment) {
        if answer.class() != Class::Success {
            return;
        }
        if let Some(allocation) = self.allocations.get(&client).filter(|_| request.method() != Method::Binding) {
            let username = request.value(AttributeType::USERNAME).expect("nobody has proven himself");
            assert_eq!(username, allocation.username, "one user's request was done to another's allocation");
        }
        let lifetime = answer.value(AttributeType::LIFETIME).and_then(|value| attribute::decode_lifetime(value).ok());
        let peers: Vec<SocketAddr> = request
            .attributes()
            .filter(|attribute| attribute.kind == AttributeType::XOR_PEER_ADDRESS)
            .filter_map(|attribute| decode_xor_address(attribute.value, request.transaction()).ok().map(canonical))
            .collect();
        match request.method() {
            Method::Allocate => self.allocated(client, request, answer, lifetime.expect("Allocate has LIFETIME"), now),
            Method::Refresh => self.refreshed(client, request, lifetime.expect("Refresh has LIFETIME"), now),
            Method::CreatePermission => {
                let allocation = self.allocations.get_mut(&client).expect("a permission without an allocation");
                allocation.permissions.extend(peers.iter().map(|peer| (peer.ip(), now + PERMISSION_LIFETIME)));
            }
            Method::ChannelBind => {
                let number = request.value(AttributeType::CHANNEL_NUMBER).and_then(|it| ChannelNumber::decode(it).ok());
                let number = number.expect("a channel was bound without a number").number();
                let allocation = self.allocations.get_mut(&client).expect("a channel without an allocation");
                let peer = peers[0];
                if let Some((other, _)) = allocation.channels.get(&number) {
                    assert_eq!(*other, peer, "a channel was bound to a second peer");
                }
                assert!(
                    allocation.channels.iter().all(|(other, (each, _))| *each != peer || *other == number),
                    "a peer got a second channel"
                );
                allocation.channels.insert(number, (peer, now + CHANNEL_LIFETIME));
                allocation.permissions.insert(peer.ip(), now + PERMISSION_LIFETIME);
            }
            Method::Binding | Method::Send | Method::Data => {}
        }
    }

    fn allocated(
        &mut self,
        client: FiveTuple,
        request: &Message<'_>,
        answer: &Message<'_>,
        lifetime: Lifetime,
        now: Moment,
    ) {
        let relayed: Vec<(SocketAddr, Moment)> = answer
            .attributes()
            .filter(|attribute| attribute.kind == AttributeType::XOR_RELAYED_ADDRESS)
            .map(|attribute| decode_xor_address(attribute.value, answer.transaction()).expect("an address of ours"))
            .map(|address| (address, now + lifetime))
            .collect();
        assert!(matches!(relayed.len(), 1 | 2), "an allocation with {} relayed addresses", relayed.len());
        if let Some(living) = self.allocations.get(&client) {
            assert_eq!(living.transaction, request.transaction(), "a second allocation on one five-tuple");
            return;
        }
        let taken = self.relayed();
        assert!(relayed.iter().all(|(address, _)| !taken.contains(address)), "one port for two allocations");
        let allocation = Allocation {
            username: request.value(AttributeType::USERNAME).expect("nobody has proven himself").to_vec(),
            transaction: request.transaction(),
            relayed,
            permissions: HashMap::new(),
            channels: HashMap::new(),
        };
        self.allocations.insert(client, allocation);
    }

    fn refreshed(&mut self, client: FiveTuple, request: &Message<'_>, lifetime: Lifetime, now: Moment) {
        let v4 = match request.value(AttributeType::REQUESTED_ADDRESS_FAMILY) {
            Some(value) => {
                attribute::decode_family(value).expect("four bytes").map(|it| attribute::family_code(it) == 1)
            }
            None => None,
        };
        if lifetime == Lifetime::ZERO {
            // A deletion that is repeated finds nothing and is answered all the same.
            if let Some(allocation) = self.allocations.get_mut(&client) {
                for relayed in &mut allocation.relayed {
                    if v4.is_none_or(|v4| relayed.0.is_ipv4() == v4) {
                        relayed.1 = Moment::ZERO;
                    }
                }
            }
            return self.pass(now);
        }
        let allocation = self.allocations.get_mut(&client).expect("something was refreshed that is not there");
        for relayed in &mut allocation.relayed {
            if v4.is_none_or(|v4| relayed.0.is_ipv4() == v4) {
                relayed.1 = now + lifetime;
            }
        }
    }

    /// No allocation holds more than an allocation may.
    pub fn assert_bounds(&self) {
        for allocation in self.allocations.values() {
            assert!(allocation.permissions.len() <= MOST_PERMISSIONS, "too many permissions");
            assert!(allocation.channels.len() <= MOST_CHANNELS, "too many channels");
        }
    }

    pub fn ended(&mut self, client: &FiveTuple) {
        self.allocations.remove(client);
    }

    pub fn all_ended(&mut self) {
        self.allocations.clear();
    }

    /// The stricter policy comes into force, or the ordinary one again: what is no longer allowed is gone.
    pub fn reloaded(&mut self, strict: bool) {
        self.strict = strict;
        for allocation in self.allocations.values_mut() {
            allocation.permissions.retain(|ip, _| may_reach_ip(*ip, strict));
            allocation.channels.retain(|_, (peer, _)| may_reach_ip(peer.ip(), strict));
        }
    }

    /// Holds a datagram that went to a peer against what was granted.
    pub fn assert_may_send(&self, client: &FiveTuple, from: SocketAddr, to: SocketAddr) {
        let allocation = self.allocations.get(client).expect("data was relayed without an allocation");
        assert!(allocation.relayed.iter().any(|(address, _)| *address == from), "data left from another's port");
        assert_eq!(from.is_ipv4(), to.is_ipv4(), "data crossed from one family to the other");
        assert!(allocation.permissions.contains_key(&to.ip()), "data went to a peer without a permission");
        assert_eq!(to.ip(), canonical_ip(to.ip()), "data went to a second spelling of an address");
        assert!(may_reach_ip(to.ip(), self.strict), "data went where policy forbids");
        if is_own(to.ip()) {
            assert!(self.relayed().contains(&to), "data went to a port of ours that nobody has");
        } else {
            assert!(to.port() >= 1024, "data went to a port below 1024");
        }
    }

    /// The peer behind a client's channel.
    pub fn peer_of(&self, client: &FiveTuple, number: u16) -> Option<SocketAddr> {
        self.allocations.get(client)?.channels.get(&number).map(|(peer, _)| *peer)
    }

    /// The channel that a client has for a peer.
    pub fn channel_of(&self, client: &FiveTuple, peer: SocketAddr) -> Option<u16> {
        let channels = &self.allocations.get(client)?.channels;
        channels.iter().find(|(_, (each, _))| *each == peer).map(|(number, _)| *number)
    }

    /// Who is to get a datagram that `peer` sent to one of our addresses.
    pub fn receiver(&self, relayed: SocketAddr, peer: SocketAddr) -> Option<FiveTuple> {
        self.allocations
            .iter()
            .find(|(_, allocation)| allocation.relayed.iter().any(|(address, _)| *address == relayed))
            .filter(|(_, allocation)| allocation.permissions.contains_key(&peer.ip()))
            .map(|(client, _)| *client)
    }
}

fn is_own(ip: IpAddr) -> bool {
    [RELAY_V4, RELAY_V6].contains(&ip)
}

/// The policy of the world, written out a second time.
pub fn may_reach_ip(ip: IpAddr, strict: bool) -> bool {
    match ip {
        _ if is_own(ip) => true,
        _ if ip == DENIED => false,
        IpAddr::V4(v4) => !strict && v4.octets()[..3] == [203, 0, 113],
        IpAddr::V6(v6) => v6.segments()[..3] == [0x2001, 0x0db8, 2],
    }
}
