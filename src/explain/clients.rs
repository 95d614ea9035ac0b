//! The clients of a capture, what they have asked the server for and what they have got.

use core::net::{IpAddr, SocketAddr};
use std::collections::{HashMap, VecDeque};

use crate::addr::PeerAddr;
use crate::auth::Party;
use crate::policy::seal::Way;
use crate::wire::attribute::decode_lifetime;
use crate::wire::{AttributeType, ChannelNumber, Class, Message, Method, TransactionId};

use super::roles::Tuple;

/// Clients that are told apart: as many as a large relay serves at once.
const MOST: usize = 16_384;
/// Requests of one client that wait for an answer.
const MOST_PENDING: usize = 64;
/// A client that is silent for so long is gone, in nanoseconds: an allocation has to be refreshed within an hour
/// (RFC 8656 §7.2).
const SILENCE: u64 = 3600 * 1_000_000_000;

/// One five-tuple that speaks TURN.
#[derive(Debug)]
pub(super) struct Client {
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) party: Party,
    /// The party is known, and not merely different from all others.
    known: bool,
    /// Its relayed transport addresses; none before it has an allocation.
    pub(super) relayed: Vec<SocketAddr>,
    channels: HashMap<ChannelNumber, PeerAddr>,
    pending: VecDeque<(TransactionId, Pending)>,
    used: u64,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Allocate(Party),
    /// Refresh with a lifetime of zero.
    Delete,
    /// ChannelBind of a channel that was not bound.
    Bind(ChannelNumber),
}

/// What a message means for paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It has an allocation now, whose making is in the capture if `whole`.
    Begun { whole: bool },
    /// It has none any more.
    Ended,
    /// Its party has become known, and it began before the capture.
    Known,
}

/// All clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    clients: HashMap<Tuple, Client>,
    owners: HashMap<SocketAddr, Tuple>,
    count: u32,
}

impl Clients {
    pub(super) fn get(&self, tuple: &Tuple) -> Option<&Client> {
        self.clients.get(tuple)
    }

    /// How many there have been.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// The client with this relayed transport address.
    pub(super) fn owner(&self, relayed: SocketAddr) -> Option<&Client> {
        self.owners.get(&relayed).and_then(|tuple| self.clients.get(tuple))
    }

    /// The parties of the clients at one of two addresses that speak with a server at the other.
    pub(super) fn between(&self, one: IpAddr, other: IpAddr) -> Vec<Party> {
        let ends = |tuple: &Tuple| {
            let ends = (tuple.client.ip(), tuple.server.ip());
            ends == (one, other) || ends == (other, one)
        };
        self.clients.iter().filter(|(tuple, _)| ends(tuple)).map(|(_, client)| client.party).collect()
    }

    /// The client of a five-tuple, made if there is none; false when there are too many.
    pub(super) fn admit(&mut self, tuple: Tuple, time: u64) -> bool {
        if let Some(client) = self.clients.get_mut(&tuple) {
            client.used = time;
            return true;
        }
        if self.clients.len() >= MOST {
            self.clients.retain(|_, client| time.saturating_sub(client.used) < SILENCE);
            self.owners.retain(|_, owner| self.clients.contains_key(owner));
        }
        if self.clients.len() >= MOST {
            return false;
        }
        self.count += 1;
        let number = self.count;
        // Nobody else is called this: a username cannot hold a NUL and be one of SASLprep (RFC 8265).
        let party = Party::of(format!("\0client {number}").as_bytes());
        let (relayed, channels, pending) = (Vec::new(), HashMap::new(), VecDeque::new());
        self.clients.insert(tuple, Client { number, party, known: false, relayed, channels, pending, used: time });
        true
    }

    /// A new connection with an old five-tuple is a new client to the server, and what the old one had is gone.
    pub(super) fn reconnect(&mut self, tuple: &Tuple) -> bool {
        let Some(client) = self.clients.get_mut(tuple) else { return false };
        for relayed in client.relayed.drain(..) {
            self.owners.remove(&relayed);
        }
        client.channels.clear();
        client.pending.clear();
        true
    }

    /// Takes note of what a message asks for, or grants.
    pub(super) fn hear(&mut self, tuple: &Tuple, way: Way, message: &Message<'_>) -> Change {
        let Some(client) = self.clients.get_mut(tuple) else { return Change::None };
        match (way, message.class()) {
            (Way::Up, Class::Request) => client.ask(message),
            (Way::Down, Class::Success) => {
                let pending = client.answered(message.transaction());
                match (message.method(), pending) {
                    (Method::Allocate, pending) => self.allocated(tuple, pending, message),
                    (Method::Refresh, Some(Pending::Delete)) => {
                        self.reconnect(tuple);
                        Change::Ended
                    }
                    _ => Change::None,
                }
            }
            (Way::Down, Class::Error) => {
                if let Some(Pending::Bind(channel)) = client.answered(message.transaction()) {
                    client.channels.remove(&channel);
                }
                Change::None
            }
            _ => Change::None,
        }
    }

    /// The peer behind a channel.
    pub(super) fn peer(&self, tuple: &Tuple, channel: ChannelNumber) -> Option<PeerAddr> {
        self.clients.get(tuple)?.channels.get(&channel).copied()
    }

    fn allocated(&mut self, tuple: &Tuple, pending: Option<Pending>, message: &Message<'_>) -> Change {
        let Some(client) = self.clients.get_mut(tuple) else { return Change::None };
        let relayed = message.attributes().filter(|each| each.kind == AttributeType::XOR_RELAYED_ADDRESS);
        let relayed = relayed.filter_map(|each| {
            let address = crate::wire::decode_xor_address(each.value, message.transaction()).ok()?;
            Some(PeerAddr::canonical(address).socket())
        });
        // One of each family at most (RFC 8656 §7.2).
        let relayed: Vec<SocketAddr> = relayed.take(2).collect();
        if client.relayed == relayed {
            return Change::None;
        }
        for old in core::mem::replace(&mut client.relayed, relayed.clone()) {
            self.owners.remove(&old);
        }
        client.channels.clear();
        let whole = matches!(pending, Some(Pending::Allocate(_)));
        if let Some(Pending::Allocate(party)) = pending {
            client.party = party;
            client.known = true;
        }
        for address in relayed {
            self.owners.insert(address, *tuple);
        }
        Change::Begun { whole }
    }
}

impl Client {
    fn ask(&mut self, message: &Message<'_>) -> Change {
        let name = message.value(AttributeType::USERNAME).or_else(|| message.value(AttributeType::USERHASH));
        let party = name.map(Party::of);
        let pending = match message.method() {
            Method::Allocate => party.map(Pending::Allocate),
            Method::Refresh => {
                let lifetime = message.value(AttributeType::LIFETIME).map(decode_lifetime);
                matches!(lifetime, Some(Ok(lifetime)) if lifetime.as_secs() == 0).then_some(Pending::Delete)
            }
            Method::ChannelBind => self.bind(message),
            Method::Binding | Method::Send | Method::Data | Method::CreatePermission => None,
        };
        if let Some(pending) = pending {
            if self.pending.len() >= MOST_PENDING {
                self.pending.pop_front();
            }
            self.pending.push_back((message.transaction(), pending));
        }
        if self.known || message.method() == Method::Allocate {
            return Change::None;
        }
        let Some(party) = party else { return Change::None };
        self.party = party;
        self.known = true;
        Change::Known
    }

    /// A channel is taken to be bound as soon as it is asked for: the answer may be missing in the capture, or come behind
    /// the first data.
    fn bind(&mut self, message: &Message<'_>) -> Option<Pending> {
        let channel = ChannelNumber::decode(message.value(AttributeType::CHANNEL_NUMBER)?).ok()?;
        let peer = PeerAddr::canonical(message.xor_address(AttributeType::XOR_PEER_ADDRESS)?.ok()?);
        if self.channels.contains_key(&channel) {
            return None;
        }
        self.channels.insert(channel, peer);
        Some(Pending::Bind(channel))
    }

    /// The request that an answer is for.
    fn answered(&mut self, transaction: TransactionId) -> Option<Pending> {
        let index = self.pending.iter().position(|(id, _)| *id == transaction)?;
        self.pending.remove(index).map(|(_, pending)| pending)
    }

    /// The relayed transport address of a peer's family.
    pub(super) fn relayed_for(&self, peer: PeerAddr) -> Option<SocketAddr> {
        self.relayed.iter().copied().find(|relayed| relayed.is_ipv4() == peer.socket().is_ipv4())
    }
}
