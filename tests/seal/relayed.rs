//! The seal inside of a relay: real allocations, permissions and channels, UDP and stream clients, counters and events.
//! Two clients reach each other through opened ports, or inside the relay through virtual ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::auth::{Destinations, Terms};
use hilum::policy::seal::{Fact, Mode, Reason, Settings};
use hilum::turn::{Discard, Event};
use hilum::wire::AttributeType;

use crate::language::Place;
use crate::stage::{Seen, Stage, Who};
use crate::world::{Client, Outcome, Request, START, Setup, World, channel_data, send_indication};

pub struct Relayed {
    world: World,
    mode: Mode,
    /// Whether clients have virtual ports, and nobody outside is reached.
    inside: bool,
    clients: BTreeMap<Place, Seat>,
    closed: usize,
    /// Which kind of client comes next.
    turn: u16,
    /// Who has been told of which refusal.
    told: BTreeSet<(Place, SocketAddr, Reason)>,
    /// Whether all clients speak UDP.
    over_udp: bool,
    /// Whether another process takes over before each datagram, or each sixteenth of media.
    restarts: bool,
    sent: usize,
}

/// A client and its allocation.
struct Seat {
    client: Client,
    v4: SocketAddr,
    v6: SocketAddr,
    /// Peers, their channels, and when the permission was asked for.
    peers: BTreeMap<SocketAddr, (Option<u16>, u64)>,
    /// Whether it speaks by channels; otherwise by indications.
    channels: bool,
}

impl Relayed {
    /// `turn`: where in the round of transports and ways to speak the first client stands.
    pub fn new(settings: Settings, turn: u16) -> Self {
        Self::with(settings, turn, Destinations::Anywhere)
    }

    /// The same, where clients reach clients only.
    pub fn inside(settings: Settings, turn: u16) -> Self {
        Self::with(settings, turn, Destinations::Clients)
    }

    fn with(settings: Settings, turn: u16, reach: Destinations) -> Self {
        let terms = Terms { reach, ..Terms::default() };
        Self {
            world: World::new(Setup { seal: settings, terms, ..Setup::default() }),
            mode: settings.mode,
            inside: reach == Destinations::Clients,
            clients: BTreeMap::new(),
            closed: 0,
            turn,
            told: BTreeSet::new(),
            over_udp: false,
            restarts: false,
            sent: 0,
        }
    }

    /// The same, where another process takes over before each datagram.
    pub fn restarting(self) -> Self {
        Self { restarts: true, ..self.over_udp() }
    }

    /// The same, where all clients speak UDP.
    pub fn over_udp(self) -> Self {
        Self { over_udp: true, ..self }
    }

    /// What the relay would leave to another process.
    pub fn records(&mut self) -> Vec<Vec<u8>> {
        self.world.records().into_values().collect()
    }

    /// Another process takes over, and writes what it has read.
    fn restart(&mut self) {
        if !self.restarts {
            return;
        }
        self.events();
        let before = self.world.records();
        for restored in self.world.restart() {
            assert!(restored.is_ok(), "{restored:?}");
        }
        let after = self.world.records();
        // Places in the table of allocations are given anew.
        let sorted = |records: &BTreeMap<_, Vec<u8>>| records.values().cloned().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&before), sorted(&after), "what was written, read and written again");
        let goes_on = self.world.events().into_iter().filter(|event| matches!(event, Event::Restored { .. })).count();
        assert_eq!(goes_on, self.clients.len(), "every allocation goes on");
    }

    fn sit(&mut self, place: &Place, person: &str) {
        if self.clients.contains_key(place) {
            return;
        }
        self.turn += 1;
        let address = format!("192.0.2.{}:4000", self.turn % 250);
        let client = match self.turn % 3 {
            _ if self.over_udp => Client::udp(&address),
            0 => Client::udp(&address),
            1 => Client::stream(&address, u64::from(self.turn), Transport::Tcp),
            _ => Client::stream(&address, u64::from(self.turn), Transport::Tls),
        };
        // Every allocation has a credential of its own, made for the same person.
        let client = client.ephemeral(START.plus_secs(86_400 + u64::from(self.turn)), person);
        let request = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]).lifetime(3600);
        let answer = self.world.request(&client, request);
        answer.expect_success();
        let [v4, v6] = answer.relayed().try_into().expect("one address of each family");
        let seat = Seat { client, v4, v6, peers: BTreeMap::new(), channels: self.turn.is_multiple_of(2) };
        self.clients.insert(place.clone(), seat);
    }

    fn address(&self, place: &Place, who: &Who) -> SocketAddr {
        match who {
            Who::Client(_) => self.clients[place].v4,
            Who::Foreign(address) => *address,
        }
    }

    /// A permission, and a channel if this client uses them.
    fn permit(&mut self, place: &Place, peer: SocketAddr) -> (Client, Option<u16>, SocketAddr) {
        let now = self.world.now.moment.as_secs();
        let seat = self.clients.get_mut(place).unwrap();
        let relayed = if peer.is_ipv6() { seat.v6 } else { seat.v4 };
        let number = 0x4000 + u16::try_from(seat.peers.len()).unwrap();
        let channel = seat.channels.then_some(number);
        let known = seat.peers.get(&peer).copied();
        let (channel, since) = known.unwrap_or((channel, 0));
        let client = seat.client.clone();
        if known.is_none() || now - since > 200 {
            seat.peers.insert(peer, (channel, now));
            match channel {
                Some(channel) => self.world.bind(&client, channel, &peer.to_string()),
                None => self.world.permit(&client, &[&peer.to_string()]),
            }
        }
        (client, channel, relayed)
    }

    /// One leg of the way, judged by what the relay did, counted and told.
    fn leg(&mut self, place: &Place, peer: SocketAddr, run: impl FnOnce(&mut World) -> (Outcome, Outcome)) -> Seen {
        let count = |world: &World| -> Vec<(Reason, u64, u64)> {
            let tally = world.tally();
            Reason::ALL.iter().map(|each| (*each, tally.seal_discards(*each), tally.seal_reported(*each))).collect()
        };
        let before = count(&self.world);
        let (outcome, whole) = run(&mut self.world);
        let changed: Vec<_> = before.iter().zip(count(&self.world)).filter(|(one, other)| *one != other).collect();
        let refused = match changed.as_slice() {
            [] => None,
            [((reason, discards, reported), (_, more_discards, more_reported))] => {
                // What only reports goes on to the other end, which is inside this relay, and may count it as well.
                let expected: &[_] = match (self.mode, self.inside) {
                    (Mode::Report, true) => &[(0, 1), (0, 2)],
                    (Mode::Report, false) => &[(0, 1)],
                    (Mode::Enforce | Mode::Off, _) => &[(1, 0)],
                };
                let counted = (more_discards - discards, more_reported - reported);
                assert!(expected.contains(&counted), "counted {counted:?} under {:?}", self.mode);
                Some(*reason)
            }
            more => panic!("one datagram, several reasons: {more:?}"),
        };
        let forwarded = outcome == whole;
        if !forwarded {
            assert_eq!(outcome, Outcome::Discarded(Discard::Seal), "what the seal does not stop arrives as it was");
        }
        let facts: Vec<Fact> = self.events();
        if let Some(reason) = refused {
            let told = facts.contains(&Fact::Refused { reason });
            let first = self.told.insert((place.clone(), peer, reason));
            assert!(told == first || (told && self.inside), "the first refusal of an end is told, no other");
        }
        let opened = facts.iter().find_map(|fact| match fact {
            Fact::Opened { version, .. } => Some(*version),
            _ => None,
        });
        Seen { refused, forwarded, opened }
    }

    fn events(&mut self) -> Vec<Fact> {
        let facts: Vec<Fact> = (self.world.events().into_iter())
            .filter_map(|event| match event {
                Event::Seal { fact, .. } => Some(fact),
                _ => None,
            })
            .collect();
        self.closed += facts.iter().filter(|fact| matches!(fact, Fact::Closed { .. })).count();
        facts
    }

    fn up(&mut self, place: &Place, peer: SocketAddr, datagram: &[u8]) -> Seen {
        let (client, channel, relayed) = self.permit(place, peer);
        self.leg(place, peer, |world| {
            let bytes = says(world, &client, channel, peer, datagram);
            let whole = Outcome::ToPeer { from: relayed, to: peer, bytes: datagram.to_vec(), dont_fragment: false };
            (world.from_client(&client, &bytes), whole)
        })
    }

    fn down(&mut self, place: &Place, peer: SocketAddr, datagram: &[u8]) -> Seen {
        let (client, channel, relayed) = self.permit(place, peer);
        self.leg(place, peer, |world| {
            let outcome = world.from_peer(&peer.to_string(), relayed, datagram);
            let expected = arrives(&client, channel, peer, datagram, &outcome);
            (outcome, expected)
        })
    }

    /// From client to client inside the relay.
    fn across(
        &mut self,
        (from, sender): (&Place, SocketAddr),
        (to, receiver): (&Place, SocketAddr),
        datagram: &[u8],
    ) -> Seen {
        let (client, channel, _) = self.permit(from, receiver);
        let (other, other_channel, _) = self.permit(to, sender);
        self.leg(from, receiver, |world| {
            let bytes = says(world, &client, channel, receiver, datagram);
            let outcome = world.from_client(&client, &bytes);
            let expected = arrives(&other, other_channel, sender, datagram, &outcome);
            (outcome, expected)
        })
    }
}

/// What a client sends for a peer to get this datagram.
fn says(world: &mut World, client: &Client, channel: Option<u16>, peer: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let mut bytes = match channel {
        Some(number) => channel_data(number, datagram),
        None => send_indication(world, &peer.to_string(), datagram),
    };
    if client.five_tuple.link.transport() != Transport::Udp {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// What a client gets of a peer's datagram; an indication has a random transaction, and is compared by its parts.
fn arrives(client: &Client, channel: Option<u16>, peer: SocketAddr, datagram: &[u8], outcome: &Outcome) -> Outcome {
    let mut expected = channel_data(channel.unwrap_or(0), datagram);
    match (channel, outcome) {
        (Some(_), _) if client.five_tuple.link.transport() != Transport::Udp => {
            expected.resize(expected.len().next_multiple_of(4), 0);
        }
        (None, Outcome::ToClient(to, bytes)) if *to == client.five_tuple => {
            let answer = crate::world::Answer(bytes.clone());
            assert_eq!(answer.address(AttributeType::XOR_PEER_ADDRESS), Some(peer));
            assert_eq!(answer.value(AttributeType::DATA).as_deref(), Some(datagram));
            expected.clone_from(bytes);
        }
        _ => {}
    }
    Outcome::ToClient(client.five_tuple, expected)
}

impl Stage for Relayed {
    fn send(&mut self, from: (&Place, &Who), to: (&Place, &Who), datagram: &[u8]) -> Seen {
        for (place, who) in [from, to] {
            if let Who::Client(person) = who {
                self.sit(place, person);
            }
        }
        self.sent += 1;
        if !hilum::policy::seal::is_media(datagram) || self.sent.is_multiple_of(16) {
            self.restart();
        }
        let (sender, receiver) = (self.address(from.0, from.1), self.address(to.0, to.1));
        if self.inside {
            return self.across((from.0, sender), (to.0, receiver), datagram);
        }
        let mut seen = Seen { forwarded: true, ..Seen::default() };
        if matches!(from.1, Who::Client(_)) {
            seen = self.up(from.0, receiver, datagram);
        }
        if matches!(to.1, Who::Client(_)) && seen.forwarded {
            let second = self.down(to.0, sender, datagram);
            seen = Seen {
                refused: seen.refused.or(second.refused),
                forwarded: second.forwarded,
                opened: seen.opened.or(second.opened),
            };
        }
        seen
    }

    fn wait(&mut self, seconds: u64) {
        self.restart();
        for _ in 0..seconds {
            self.world.advance(1);
            self.events();
        }
    }

    fn end(&mut self, place: &Place) {
        self.restart();
        let seat = self.clients.remove(place).expect("it has begun");
        self.world.request(&seat.client, Request::refresh(0)).expect_success();
        // The flows of a new allocation are new, and tell again.
        self.told.retain(|(allocation, ..)| allocation != place);
        self.events();
    }

    fn closed(&self) -> usize {
        self.closed
    }
}
