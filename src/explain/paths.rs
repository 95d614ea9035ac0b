//! The seal's question, put for every relayed datagram as the relay puts it, and the answers counted by path.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::addr::PeerAddr;
use crate::auth::Party;
use crate::policy::seal::{Conversations, Fact, Flow, Local, Other, Reason, Settings, Way};
use crate::time::Moment;

use super::clients::{Client, Clients};
use super::line::{Kind, Name, Opened, Peer, Unjudged, Verdict};
use super::roles::Tuple;

/// Paths that are told apart. The state of one is a few kilobytes while its handshake is under way.
const MOST_PATHS: usize = 16_384;
/// Ways to find a conversation: a path is one or two.
const MOST_CONVERSATIONS: usize = 4 * MOST_PATHS;
/// Seals of one path that are remembered one by one.
const MOST_OPENED: usize = 64;
/// The hash tables' seeds: what this command prints about a file is the same each time.
const SEEDS: [u64; 4] = [0x6869_6c75_6d00_0001, 0x6869_6c75_6d00_0002, 0x6869_6c75_6d00_0003, 0x6869_6c75_6d00_0004];

/// What went between a client and a peer.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Packets that pass, by kind.
    pub(super) passed: BTreeMap<Kind, u64>,
    /// Packets that are refused, and the first of them.
    pub(super) refused: BTreeMap<(Reason, Way), (u64, u64)>,
    pub(super) unjudged: BTreeMap<Unjudged, u64>,
    pub(super) opened: Vec<Opened>,
    flow: Option<State>,
}

/// What the relay would know of the path, and of whom.
#[derive(Debug)]
struct State {
    local: Party,
    other: Other,
    flow: Flow,
}

/// All paths.
#[derive(Debug)]
pub(super) struct Paths {
    settings: Settings,
    conversations: Conversations,
    paths: BTreeMap<(u32, Name), Path>,
    peers: HashMap<PeerAddr, u32>,
    /// The same, by number.
    numbered: Vec<PeerAddr>,
    /// Parties of whose handshakes some may not be in the capture.
    torn: HashSet<Party>,
}

/// What was found out about a datagram.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) peer: Option<Name>,
    pub(super) verdict: Verdict,
    pub(super) opened: Option<Opened>,
}

impl Paths {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            conversations: Conversations::new(SEEDS, MOST_CONVERSATIONS),
            paths: BTreeMap::new(),
            peers: HashMap::new(),
            numbered: Vec::new(),
            torn: HashSet::new(),
        }
    }

    pub(super) const fn all(&self) -> &BTreeMap<(u32, Name), Path> {
        &self.paths
    }

    /// The address of a peer outside.
    pub(super) fn peer(&self, number: u32) -> Option<SocketAddr> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.numbered.get(index).map(|peer| peer.socket())
    }

    /// Something that this party sent or got is not in the capture, or cannot be read.
    pub(super) fn tear(&mut self, party: Party) {
        if self.torn.len() < MOST_CONVERSATIONS {
            self.torn.insert(party);
        }
    }

    /// The allocation of a client has ended: its flows end, and what they agreed on is remembered for the time of grace.
    pub(super) fn end(&mut self, client: u32) {
        let first = (client, Name::Client(0));
        let next = (client.saturating_add(1), Name::Client(0));
        for path in self.paths.range_mut(first..next).map(|(_, path)| path) {
            path.flow = None;
        }
    }

    /// Judges a datagram between a client and a peer.
    pub(super) fn judge(
        &mut self,
        clients: &Clients,
        tuple: &Tuple,
        peer: Peer,
        way: Way,
        datagram: &[u8],
        at: (u64, Moment),
    ) -> Answer {
        let (packet, now) = at;
        self.conversations.sweep(now, self.settings.grace);
        let Some((client, name)) = self.named(clients, tuple, peer) else { return Answer::beyond(None) };
        let Some(path) = path_of(&mut self.paths, client.number, name) else { return Answer::beyond(Some(name)) };
        let (socket, other, torn) = match peer {
            Peer::Address(address) => match clients.owner(address.socket()) {
                Some(owner) => (address.socket(), Other::Party(owner.party), self.torn.contains(&owner.party)),
                None => (address.socket(), Other::Address(address.ip()), false),
            },
            // An address that no packet can have (RFC 6666), one for each channel.
            Peer::Channel(channel) => {
                let ip = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, channel));
                (SocketAddr::new(ip, 0), Other::Address(ip), true)
            }
        };
        let torn = torn || self.torn.contains(&client.party);
        let state = match path.flow.take().filter(|state| state.local == client.party && state.other == other) {
            Some(state) => state,
            None => {
                let relayed = match peer {
                    Peer::Address(address) => client.relayed_for(address),
                    Peer::Channel(_) => None,
                };
                let local = Local { party: client.party, relayed: relayed.unwrap_or(tuple.client) };
                match self.conversations.flow(local, socket, other, now) {
                    Ok(flow) => State { local: client.party, other, flow },
                    Err(_) => return Answer::beyond(Some(name)),
                }
            }
        };
        let state = path.flow.insert(state);
        let judgement = self.conversations.judge(&mut state.flow, way, datagram, now, &self.settings);
        let verdict = match judgement.refused {
            None => Verdict::Passes,
            Some(reason) if torn && may_be_torn(reason, datagram) => Verdict::Unjudged(Unjudged::Handshake),
            Some(reason) => Verdict::Refused(reason),
        };
        let offered = || state.flow.offered_profiles();
        let opened = judgement.fact.filter(|fact| matches!(fact, Fact::Opened { .. }));
        let opened = opened.map(|fact| Opened { packet, fact, offered: offered() });
        path.count(verdict, Kind::of(datagram), way, packet);
        path.opened.extend(opened.filter(|_| path.opened.len() < MOST_OPENED));
        Answer { peer: Some(name), verdict, opened }
    }

    /// Counts a datagram that cannot be judged. What it was may matter for what follows.
    pub(super) fn miss(&mut self, clients: &Clients, tuple: &Tuple, peer: Option<Peer>, why: Unjudged) -> Answer {
        if let Some(client) = clients.get(tuple) {
            self.tear(client.party);
        }
        let named = peer.and_then(|peer| self.named(clients, tuple, peer));
        let name = named.map(|(_, name)| name);
        if let Some((client, name)) = named
            && let Some(path) = path_of(&mut self.paths, client.number, name)
        {
            *path.unjudged.entry(why).or_default() += 1;
        }
        Answer { peer: name, verdict: Verdict::Unjudged(why), opened: None }
    }

    fn number(&mut self, peer: PeerAddr) -> Option<u32> {
        if let Some(number) = self.peers.get(&peer) {
            return Some(*number);
        }
        if self.peers.len() >= MOST_PATHS {
            return None;
        }
        self.numbered.push(peer);
        let number = u32::try_from(self.numbered.len()).ok()?;
        self.peers.insert(peer, number);
        Some(number)
    }

    /// A client and the name of a peer of it; `None` when there are too many names.
    fn named<'c>(&mut self, clients: &'c Clients, tuple: &Tuple, peer: Peer) -> Option<(&'c Client, Name)> {
        let client = clients.get(tuple)?;
        let name = match peer {
            Peer::Channel(channel) => Name::Channel(channel),
            Peer::Address(address) => match clients.owner(address.socket()) {
                Some(owner) => Name::Client(owner.number),
                None => Name::Peer(self.number(address)?),
            },
        };
        Some((client, name))
    }
}

fn path_of(paths: &mut BTreeMap<(u32, Name), Path>, client: u32, name: Name) -> Option<&mut Path> {
    if paths.len() >= MOST_PATHS && !paths.contains_key(&(client, name)) {
        return None;
    }
    Some(paths.entry((client, name)).or_default())
}

impl Path {
    fn count(&mut self, verdict: Verdict, kind: Kind, way: Way, packet: u64) {
        match verdict {
            Verdict::Passes => *self.passed.entry(kind).or_default() += 1,
            Verdict::Refused(reason) => self.refused.entry((reason, way)).or_insert((0, packet)).0 += 1,
            Verdict::Unjudged(why) => *self.unjudged.entry(why).or_default() += 1,
            Verdict::Turn | Verdict::Aside => {}
        }
    }
}

impl Answer {
    const fn beyond(peer: Option<Name>) -> Self {
        Self { peer, verdict: Verdict::Unjudged(Unjudged::Bound), opened: None }
    }
}

/// Whether a refusal may be due to a handshake that is not in the capture.
fn may_be_torn(reason: Reason, datagram: &[u8]) -> bool {
    let early = [Reason::MediaUnsealed, Reason::MediaEarly, Reason::DtlsUnexpected, Reason::DtlsEarly];
    // Records with a connection id, whose length the handshake tells.
    let unknown = reason == Reason::DtlsMalformed && matches!(datagram.first(), Some(25 | 32..=63));
    early.contains(&reason) || unknown
}
