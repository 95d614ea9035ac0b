//! Two shards of a relay, clients behind NATs, peers and a network that loses, repeats and reorders, all in simulated
//! time and drawn from one seed.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hilum::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, RelayedAddr, Transport};
use hilum::auth::{Authenticator, Subject};
use hilum::policy::{PeerRules, Policy, Quota};
use hilum::time::{Lifetime, Moment, Now};
use hilum::turn::{
    Answer as Tallied, Common, Direction, Discard, EndCause, Event, Opened, Origin, Pool, Port, PortKey, RecordKey,
    Relay, Settings, Slot, Verdict, Volume,
};
use hilum::wire::{AttributeType, Class, Method, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::model::{self, Badge, Expected, Granted, Model, Nonce, Proof, SHARDS, Said, Word, shard_of};
use crate::scenario::{self, Answer, Client, RELAY_V4, RELAY_V6, START};
use crate::speech::{bytes_of, client_of, method_of, name};

mod arrivals;
mod restart;

/// Steps that are kept to be told when something is wrong.
const TOLD: usize = 40;
/// A number is not used again before this, so that what is late does not reach a stranger.
const QUARANTINE: Duration = Duration::from_secs(60);
const TRANSPORTS: [Transport; 3] = Transport::ALL;

/// A datagram on its way.
#[derive(Clone, Debug)]
#[allow(clippy::enum_variant_names, reason = "where a datagram comes from is all the difference")]
pub enum Packet {
    FromClient { said: Said, bytes: Vec<u8> },
    FromPeer { peer: SocketAddr, relayed: SocketAddr, data: Vec<u8> },
    FromShard { shard: usize, from: RelayedAddr, to: RelayedAddr, serial: u32, data: Vec<u8> },
}

/// A client: where it seems to be, as whom it speaks, and what it was told.
pub struct Device {
    pub client: Client,
    pub until: Option<hilum::time::UnixTime>,
    pub badge: Option<Badge>,
    pub nonce: Option<Nonce>,
    pub token: Option<[u8; 8]>,
    pub last: Option<Packet>,
}

struct OpenPort {
    relayed: SocketAddr,
    shard: usize,
    owned: bool,
}

/// What a life was: a digest of all that happened, and which kinds of things did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub digest: u64,
    pub forwarded: u64,
    pub inside: u64,
    /// Allocations that went on in another process.
    pub restored: u64,
    pub codes: BTreeSet<u16>,
    pub causes: BTreeSet<EndCause>,
    pub discards: BTreeSet<Discard>,
}

impl Report {
    pub fn add(&mut self, other: Self) {
        self.digest ^= other.digest;
        self.forwarded += other.forwarded;
        self.inside += other.inside;
        self.restored += other.restored;
        self.codes.extend(other.codes);
        self.causes.extend(other.causes);
        self.discards.extend(other.discards);
    }
}

/// What one shard's counters must say.
#[derive(Default)]
struct Counted {
    discards: BTreeMap<Discard, u64>,
    traffic: BTreeMap<(Transport, Direction), Volume>,
    answers: BTreeMap<(u16, u16), u64>,
    begun: u64,
    restored: u64,
    ended: BTreeMap<EndCause, u64>,
}

pub struct Sim {
    pub seed: u64,
    pub chance: ChaCha8Rng,
    pub now: Now,
    pub model: Model,
    pub devices: Vec<Device>,
    pub flying: Vec<Packet>,
    /// Relayed addresses that somebody was told of, old ones included.
    pub known: Vec<SocketAddr>,
    pub forwarded: u64,
    pub inside: u64,
    relays: [Relay; SHARDS],
    common: Arc<Common>,
    authenticator: Arc<Authenticator>,
    slot: Slot,
    ports: BTreeMap<PortKey, OpenPort>,
    free_keys: BTreeSet<u32>,
    resting: BTreeMap<SocketAddr, Moment>,
    counted: [Counted; SHARDS],
    /// What each allocation carried, up and down, as it happened.
    carried: BTreeMap<FiveTuple, [Volume; 2]>,
    /// Whose allocation is where, by the relays' facts.
    holders: BTreeMap<FiveTuple, Subject>,
    /// Everybody who ever had one.
    subjects: BTreeSet<Subject>,
    told: VecDeque<String>,
    digest: DefaultHasher,
    transactions: u64,
    /// What each shard has written, as it changed.
    journals: [BTreeMap<RecordKey, Vec<u8>>; SHARDS],
    /// What the processes before this one have done.
    before: Report,
}

/// Whoever fails says with which seed and after what.
impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps: Vec<_> = self.told.iter().map(String::as_str).collect();
            eprintln!("HILUM_SIM_SEED={} fails; its last steps:\n{}", self.seed, steps.join("\n"));
        }
    }
}

pub fn settings() -> Settings {
    Settings {
        max_permissions: model::MOST_PERMISSIONS,
        max_channels: model::MOST_CHANNELS,
        spare_ports: 4,
        spare_pairs: 1,
        ..Settings::default()
    }
}

fn quota() -> Quota {
    Quota { total: model::MOST_ALLOCATIONS, per_subject: model::MOST_PER_USER }
}

fn policy(denying: bool) -> Arc<Policy> {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let own = [RELAY_V4, RELAY_V6].map(|text| text.parse::<IpAddr>().unwrap()).to_vec();
    let deny: &[&str] = if denying { &["203.0.113.64/26", "203.0.113.128/25"] } else { &[] };
    let peers = PeerRules::new(networks(&["203.0.113.0/24", "2001:db8:2::/48"]), networks(deny), 1024, own);
    Arc::new(Policy {
        peers,
        quota: quota(),
        challenges_per_second: 1_000_000,
        seal: hilum::policy::seal::Settings { mode: hilum::policy::seal::Mode::Off, ..Default::default() },
    })
}

impl Sim {
    pub fn new(seed: u64) -> Self {
        let nonce_lifetime = u32::try_from(model::NONCE_LIFETIME).unwrap();
        let authenticator = Arc::new(scenario::authenticator(Lifetime::from_secs(nonce_lifetime)));
        let common = Common::new(quota(), &[RELAY_V4, RELAY_V6].map(|text| text.parse().unwrap()));
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut number = 0;
        let relays = [(); SHARDS].map(|()| {
            let mut seed = [0; 32];
            chance.fill_bytes(&mut seed);
            let relay = Relay::new(settings(), Arc::clone(&authenticator), policy(false), Arc::clone(&common), seed);
            number += 1;
            relay.in_shard(number - 1)
        });
        let mut sim = Self {
            seed,
            chance,
            now: Now { moment: Moment::from_secs(1000), unix: START },
            model: Model::default(),
            devices: Vec::new(),
            flying: Vec::new(),
            known: Vec::new(),
            forwarded: 0,
            inside: 0,
            relays,
            common,
            authenticator,
            slot: Slot::new(),
            ports: BTreeMap::new(),
            free_keys: (3..400).collect(),
            resting: BTreeMap::new(),
            counted: Default::default(),
            carried: BTreeMap::new(),
            holders: BTreeMap::new(),
            subjects: BTreeSet::new(),
            told: VecDeque::new(),
            digest: DefaultHasher::new(),
            transactions: 0,
            journals: Default::default(),
            before: Report::default(),
        };
        (0..SHARDS).for_each(|shard| sim.turn(shard));
        sim
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.chance.next_u64() % bound
    }

    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()].clone()
    }

    pub fn tell(&mut self, what: String) {
        what.hash(&mut self.digest);
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        self.told.push_back(format!("{:>12.3} {what:.200}", self.now.moment.as_nanos() as f64 / 1e9));
    }

    /// What this life was, in short.
    pub fn report(&self) -> Report {
        let mut report = self.before.clone();
        (report.digest, report.forwarded, report.inside) = (self.digest.finish(), self.forwarded, self.inside);
        for counted in &self.counted {
            report.codes.extend(counted.answers.keys().map(|(_, code)| *code));
            report.causes.extend(counted.ended.keys());
            report.discards.extend(counted.discards.keys());
        }
        report
    }

    /// What a driver does after each batch.
    fn turn(&mut self, shard: usize) {
        self.relays[shard].tick(self.now);
        while let Some(key) = self.relays[shard].take_owned() {
            let port = self.ports.get_mut(&key).expect("an open port");
            assert!(!port.owned, "a port is owned once");
            (port.owned, port.shard) = (true, shard);
        }
        while let Some(port) = self.relays[shard].take_closed() {
            let open = self.ports.remove(&port.key()).expect("a port is given back once");
            assert_eq!(open.relayed, port.relayed().socket());
            self.resting.insert(open.relayed, self.now.moment + QUARANTINE);
            // As the system does with descriptors: the lowest free number is next.
            self.free_keys.insert(port.key().0);
        }
        for pool in Pool::ALL {
            for _ in 0..self.relays[shard].wanted(pool) {
                let opened = self.open(pool, shard);
                self.relays[shard].supply(opened);
            }
        }
        self.take_events(shard);
        self.check_counters(shard);
        self.check_ledger();
        self.write_down(shard);
    }

    fn open(&mut self, pool: Pool, shard: usize) -> Opened {
        let (family, pair) = match pool {
            Pool::Single(family) => (family, false),
            Pool::Pair(family) => (family, true),
        };
        let now = self.now.moment;
        self.resting.retain(|_, until| now < *until);
        let ip: IpAddr = if family == Family::V4 { RELAY_V4 } else { RELAY_V6 }.parse().unwrap();
        let number = loop {
            let number = 50_000 + u16::try_from(self.below(256)).unwrap();
            let numbers = if pair { vec![number & !1, number | 1] } else { vec![number] };
            let taken = |number: &u16| {
                let address = SocketAddr::new(ip, *number);
                self.resting.contains_key(&address) || self.ports.values().any(|port| port.relayed == address)
            };
            if !numbers.iter().any(taken) {
                break numbers[0];
            }
        };
        let mut port = |number| {
            let key = PortKey(self.free_keys.pop_first().expect("keys enough"));
            let relayed = SocketAddr::new(ip, number);
            self.ports.insert(key, OpenPort { relayed, shard, owned: false });
            Port::new(key, RelayedAddr::new(relayed))
        };
        if pair { Opened::Pair(port(number), port(number + 1)) } else { Opened::Single(port(number)) }
    }

    /// Every relayed address that is open, the spare ones too.
    pub fn open_addresses(&self) -> Vec<SocketAddr> {
        self.ports.values().map(|port| port.relayed).collect()
    }

    fn take_events(&mut self, shard: usize) {
        while let Some(event) = self.relays[shard].take_event() {
            let counted = &mut self.counted[shard];
            match event {
                Event::Allocated { client, subject, .. } => {
                    assert_eq!(shard_of(&client), shard);
                    self.holders.insert(client, subject);
                    self.subjects.insert(subject);
                    counted.begun += 1;
                    assert!(self.carried.insert(client, Default::default()).is_none(), "one allocation at a time");
                }
                Event::Ended { client, subject, cause, carried, .. } => {
                    assert_eq!(self.holders.remove(&client), Some(subject), "it ends in the hands it began in");
                    *counted.ended.entry(cause).or_default() += 1;
                    let expected = self.carried.remove(&client).expect("an allocation ends once");
                    assert_eq!([carried.up, carried.down], expected, "what an allocation carried");
                }
                Event::Restored { .. } => panic!("nothing goes on but at the start of a process"),
                Event::Refused { .. } | Event::Seal { .. } => {}
            }
        }
    }

    /// The tally adds up, and the relay has the allocations that the model has.
    fn check_counters(&mut self, shard: usize) {
        self.model.catch_up(self.now);
        let (relay, counted) = (&self.relays[shard], &self.counted[shard]);
        let tally = relay.tally();
        for &reason in Discard::ALL {
            assert_eq!(tally.discards(reason), counted.discards.get(&reason).copied().unwrap_or(0), "{reason:?}");
        }
        for transport in TRANSPORTS {
            for direction in Direction::ALL {
                let expected = counted.traffic.get(&(transport, direction)).copied().unwrap_or_default();
                assert_eq!(tally.traffic(transport, direction), expected, "{transport:?} {direction:?}");
            }
        }
        let answers: u64 = Method::ALL
            .iter()
            .flat_map(|method| Tallied::ALL.iter().map(move |answer| tally.requests(*method, *answer)))
            .sum();
        assert_eq!(answers, counted.answers.values().sum::<u64>(), "answers");
        assert_eq!(tally.allocated, counted.begun);
        let ended: u64 = EndCause::ALL.iter().map(|cause| tally.ended(*cause)).sum();
        assert_eq!(ended, counted.ended.values().sum::<u64>());
        let live: u64 = TRANSPORTS.iter().map(|transport| tally.live(*transport)).sum();
        assert_eq!(tally.restored, counted.restored);
        assert_eq!((live, tally.allocated + tally.restored - ended), (relay.allocations() as u64, live));
        let (least, most) = self.model.bounds(shard);
        let live = relay.allocations();
        assert!((least..=most).contains(&live), "{live} allocations, and not {least} to {most}");
    }

    /// The ledger counts what lives: in all, and of every subject.
    fn check_ledger(&self) {
        let ledger = self.common.ledger();
        let live: usize = self.relays.iter().map(Relay::allocations).sum();
        assert_eq!((ledger.live(), self.holders.len()), (live, live), "the ledger, the facts and the shards agree");
        for subject in &self.subjects {
            let held = self.holders.values().filter(|each| *each == subject).count();
            assert_eq!(ledger.held(*subject), held, "what the ledger says of a subject");
        }
    }

    /// Both clocks move on, and every shard wakes up.
    pub fn advance(&mut self, by: Duration) {
        self.tell(format!("{by:?} pass"));
        self.now.moment = self.now.moment + by;
        self.now.unix = self.now.unix.plus_secs(by.as_secs());
        self.model.catch_up(self.now);
        (0..SHARDS).for_each(|shard| self.turn(shard));
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&mut self, seconds: u64) {
        self.tell(format!("the wall clock is set to {seconds}"));
        self.now.unix = hilum::time::UnixTime::from_secs(seconds);
    }

    pub fn reload(&mut self, shard: usize, denying: bool) {
        self.tell(format!("shard {shard} reloads, denying: {denying}"));
        self.relays[shard].reload(settings(), Arc::clone(&self.authenticator), policy(denying));
        self.model.reload(shard, denying);
        self.turn(shard);
    }

    pub fn drain(&mut self, shard: usize) {
        self.tell(format!("shard {shard} drains"));
        self.relays[shard].drain(true);
        self.model.rules[shard].draining = true;
    }

    pub fn end_all(&mut self, shard: usize) {
        self.tell(format!("shard {shard} ends all"));
        self.relays[shard].end_all(EndCause::Ended, self.now);
        self.model.all_end(shard);
        self.turn(shard);
        assert_eq!(self.relays[shard].allocations(), 0);
    }

    pub fn close_connection(&mut self, device: usize, next: u64) {
        let five_tuple = self.devices[device].client.five_tuple;
        let Link::Stream(connection, transport) = five_tuple.link else { return };
        self.tell(format!("device {device} closes its connection"));
        let shard = shard_of(&five_tuple);
        self.relays[shard].connection_closed(connection, self.now);
        self.model.ends(&five_tuple);
        self.turn(shard);
        self.devices[device].client.five_tuple.link = Link::Stream(ConnectionId(next), transport);
    }

    /// A NAT gives a client another address: nothing follows it there.
    pub fn rebind(&mut self, device: usize, address: SocketAddr) {
        self.tell(format!("device {device} is now at {address}"));
        self.devices[device].client.five_tuple.client = ClientAddr::new(address);
    }

    pub fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    /// What a client's word looks like on the wire.
    pub fn packet(&mut self, client: &Client, word: Word, proof: Option<Proof>) -> Packet {
        let transaction = self.transaction();
        let said = Said { client: client.five_tuple, word, proof, transaction };
        let bytes = bytes_of(&said, client);
        Packet::FromClient { said, bytes }
    }

    pub fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::FromClient { said, bytes } => self.deliver_to_client_side(&said, &bytes),
            Packet::FromPeer { peer, relayed, data } => self.deliver_to_relayed(peer, relayed, &data),
            Packet::FromShard { shard, from, to, serial, data } => {
                self.deliver_to_shard(shard, (from, to, serial), &data);
            }
        }
    }

    fn deliver_to_client_side(&mut self, said: &Said, bytes: &[u8]) {
        let [.., number] = said.transaction.0.map(u32::from);
        self.tell(format!("{} says {:?} ({number:02x})", name(&said.client), said.word));
        let shard = shard_of(&said.client);
        self.model.catch_up(self.now);
        let expected = self.model.hears(said, self.now);
        self.slot.fill_from(bytes, Origin::Client(said.client));
        self.relays[shard].handle(&mut self.slot, self.now);
        let out = self.slot.message().to_vec();
        let transport = said.client.link.transport();
        self.count(shard, transport, Direction::FromClient, bytes.len());
        match (expected, self.slot.verdict()) {
            (Expected::Answer(codes), Verdict::ToClient(to)) => {
                assert_eq!(to, said.client, "an answer goes to who asked");
                self.count(shard, transport, Direction::ToClient, out.len());
                self.judge_answer(said, &codes, Answer(out), shard);
            }
            (Expected::ToPeer { from, to, data, .. }, Verdict::ToPeer { port, peer, .. }) => {
                let open = self.ports.get(&port).expect("data leaves from an open port");
                assert!(open.owned && open.shard == shard);
                assert_eq!((open.relayed, peer.socket(), &out), (from, to, &data), "what reaches a peer");
                self.count(shard, transport, Direction::ToPeer, out.len());
                self.carried.get_mut(&said.client).expect("an allocation")[0].add(out.len());
                self.forwarded += 1;
                self.tell(format!("  {from} to {to}: {} bytes", out.len()));
                if model::is_own(to.ip()) {
                    self.flying.push(Packet::FromPeer { peer: from, relayed: to, data });
                }
            }
            (Expected::Inside { from, to, data, way }, verdict) => {
                self.crosses((shard, said.client), (from, to, data), way, verdict, &out);
            }
            (Expected::Nothing | Expected::ToPeer { perhaps: true, .. }, Verdict::Discard(reason)) => {
                self.tell(format!("  {reason:?}"));
                *self.counted[shard].discards.entry(reason).or_default() += 1;
            }
            (expected, verdict) => panic!("{expected:?}, and not {verdict:?}"),
        }
        self.turn(shard);
    }

    fn judge_answer(&mut self, said: &Said, codes: &[u16], answer: Answer, shard: usize) {
        answer.0.hash(&mut self.digest);
        let message = answer.message();
        let code = answer.code().map_or(0, hilum::wire::ErrorCode::number);
        self.tell(format!("  answered {code}"));
        assert!(codes.contains(&code), "one of {codes:?}, and not {code}");
        assert_eq!(message.transaction(), said.transaction);
        assert_eq!(message.class(), if code == 0 { Class::Success } else { Class::Error });
        *self.counted[shard].answers.entry((method_of(&said.word) as u16, code)).or_default() += 1;
        let device = self.devices.iter().position(|device| device.client.five_tuple == said.client);
        let heard = device.filter(|_| !self.one_in(12));
        if let (401 | 438, Some(bytes)) = (code, answer.value(AttributeType::NONCE)) {
            let nonce = Nonce { bytes, client: said.client.client.socket(), second: self.now.moment.as_secs() };
            if let Some(device) = heard {
                self.devices[device].nonce = Some(nonce);
            }
            return;
        }
        let Some(proof) = &said.proof else { panic!("more than a challenge for a stranger") };
        let signer = client_of(proof, said.client);
        assert!(answer.is_signed_for(&signer), "answers to proven requests are signed");
        if code != 0 {
            return;
        }
        let token = answer.value(AttributeType::RESERVATION_TOKEN).map(|token| token.try_into().unwrap());
        let relayed = answer.relayed();
        if matches!(said.word, Word::Allocate { .. }) {
            assert_eq!(answer.address(AttributeType::XOR_MAPPED_ADDRESS), Some(said.client.client.socket()));
            self.known.extend(&relayed);
            let excess = self.known.len().saturating_sub(16);
            self.known.drain(..excess);
        }
        let lifetime = answer.lifetime().map_or(0, u64::from);
        self.model.does(said, Granted { relayed, lifetime, token }, self.now);
        if let (Some(device), Some(token)) = (heard, token) {
            self.devices[device].token = Some(token);
        }
    }

    fn count(&mut self, shard: usize, transport: Transport, direction: Direction, bytes: usize) {
        self.counted[shard].traffic.entry((transport, direction)).or_default().add(bytes);
    }

    /// Everything ends: what was open comes back, and nothing is left in the ledger.
    pub fn finish(&mut self) {
        (0..SHARDS).for_each(|shard| {
            self.relays[shard].end_all(EndCause::Stopped, self.now);
            self.model.all_end(shard);
            self.turn(shard);
        });
        // Reservations outlive the allocation that made them.
        self.advance(Duration::from_secs(31));
        assert_eq!(self.common.ledger().live(), 0, "the ledger is empty");
        assert!(self.carried.is_empty(), "every allocation has said its end");
        assert!(self.ports.values().all(|port| !port.owned), "no port is anybody's");
        let spare: u64 = self.relays.iter().map(|relay| relay.tally().spare_ports).sum();
        assert_eq!(self.ports.len() as u64, spare, "every port is closed or in the supply");
        for packet in std::mem::take(&mut self.flying) {
            if !matches!(packet, Packet::FromClient { .. }) {
                self.deliver(packet);
            }
        }
    }
}
