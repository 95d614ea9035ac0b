//! A life of several calls: two whole shards over the simulated network, clients that come, go and change hands, and a
//! watch on every byte that leaves.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hilum::addr::{ClientAddr, ConnectionId, FiveTuple, Link, Transport};
use hilum::auth::{Authenticator, LONGEST_REVOCATION, Revocation, Revocations, Revoked, Subject};
use hilum::plane::sim::{Faults, Sent, Sim, SimNet, SimStream};
use hilum::plane::{
    Fact, Inbound, Mail, Opening, Patience, RelayAddress, Settings as PlaneSettings, Shard, ShardHandle, StreamGate,
    Tuning,
};
use hilum::policy::{PeerRefusal, PeerRules, Policy, Quota, seal};
use hilum::time::Lifetime;
use hilum::turn::{Common, Discard, Event, Relay, Settings};
use hilum::wire::{AttributeType, ChannelData, Class, ErrorCode, FrameKind, Message, Method, TransactionId, kind_of};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use tokio::sync::watch;

use crate::people::{Group, NAMED, PEOPLE, Person, groups_in};
use crate::scenario::{self, Answer, Client, RELAY_V4, RELAY_V6, START};

const SHARDS: usize = 2;
/// Steps that are kept to be told when something is wrong.
const TOLD: usize = 60;
/// Few numbers, so that relayed addresses come again in other hands.
const PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_079;
/// What virtual ports do not have: they get the hundred numbers below.
const OPENED: std::ops::RangeInclusive<u16> = 1124..=65_535;
const QUOTA: Quota = Quota { total: 22, per_subject: 3 };
const FACTS: usize = 4096;
/// The longest that a datagram travels.
pub const DELAY: Duration = Duration::from_millis(30);
/// A client's place: its address, and the connection if it has one.
pub const STREAMS: [usize; 2] = [4, 9];

/// What a request was about, until its answer comes.
#[derive(Clone, Debug)]
pub enum Asked {
    Nonce,
    Allocate,
    Refresh { end: bool },
    Permit,
    Bind(u16, SocketAddr),
}

/// A client as it sees itself: where it is, who speaks, and what it believes to have.
pub struct Device {
    pub client: Client,
    pub person: usize,
    pub nonce: Option<Vec<u8>>,
    pub relayed: Vec<SocketAddr>,
    pub channels: BTreeMap<u16, SocketAddr>,
    /// There is an allocation here already: the answer that told of it was lost, or it is somebody else's.
    pub in_the_way: bool,
    stream: Option<SimStream>,
    asked: HashMap<TransactionId, (usize, Asked)>,
}

/// What was seen in a life.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Datagrams that a client got, by whose words they were.
    pub delivered: BTreeMap<Group, u64>,
    /// Datagrams that went outside, by whose words they were.
    pub left: BTreeMap<Group, u64>,
    /// Relayed addresses that came again in other hands.
    pub reused: u64,
    /// Refused because of the call: datagrams, and requests.
    pub refused: [u64; 2],
    pub codes: BTreeMap<u16, u64>,
    /// Allocations that a revocation ended.
    pub ended: u64,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        other.delivered.iter().for_each(|(group, count)| *self.delivered.entry(*group).or_default() += count);
        other.left.iter().for_each(|(group, count)| *self.left.entry(*group).or_default() += count);
        other.codes.iter().for_each(|(code, count)| *self.codes.entry(*code).or_default() += count);
        self.reused += other.reused;
        self.ended += other.ended;
        self.refused = std::array::from_fn(|at| self.refused[at] + other.refused[at]);
    }
}

pub struct Life {
    pub seed: u64,
    pub chance: ChaCha8Rng,
    pub sim: Sim,
    pub devices: Vec<Device>,
    /// Relayed addresses that somebody was told of, old ones included, and who it was.
    pub known: VecDeque<(SocketAddr, usize)>,
    pub seal: seal::Mode,
    pub seen: Seen,
    shards: Vec<Shard<SimNet>>,
    handles: Vec<ShardHandle>,
    gates: Vec<StreamGate>,
    facts: Receiver<Fact>,
    common: Arc<Common>,
    authenticator: Arc<Authenticator>,
    revocations: Arc<Revocations>,
    /// Whose tokens are revoked, for the rest of the life.
    revoked: Vec<usize>,
    /// Who has an allocation, by the relay's own facts.
    holders: HashMap<FiveTuple, usize>,
    /// Who has lost one in this turn: what left before that was for them.
    leaving: Vec<(FiveTuple, usize)>,
    transactions: u64,
    told: VecDeque<String>,
}

/// Whoever fails says with which seed and after what.
impl Drop for Life {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps: Vec<_> = self.told.iter().map(String::as_str).collect();
            eprintln!("HILUM_CALLS_SEED={} fails; its last steps:\n{}", self.seed, steps.join("\n"));
        }
    }
}

/// What is ready without waiting.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn settings() -> Settings {
    Settings { spare_ports: 4, spare_pairs: 1, max_channels: 8, ..Settings::default() }
}

fn policy(mode: seal::Mode, denying: bool) -> Arc<Policy> {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let own = [RELAY_V4, RELAY_V6].map(|text| text.parse().unwrap()).to_vec();
    let deny: &[&str] = if denying { &["203.0.113.0/29"] } else { &[] };
    Arc::new(Policy {
        peers: PeerRules::new(networks(&["203.0.113.0/24"]), networks(deny), 1024, own),
        quota: QUOTA,
        challenges_per_second: 1_000_000,
        seal: seal::Settings { mode, ..seal::Settings::default() },
    })
}

impl Life {
    pub fn new(seed: u64, seal: seal::Mode) -> Self {
        let relay = [RELAY_V4, RELAY_V6].map(|text| {
            let address = text.parse().unwrap();
            RelayAddress { local: address, external: address }
        });
        let plane = PlaneSettings {
            udp: Vec::new(),
            relay: relay.to_vec(),
            ports: PORTS,
            shards: SHARDS,
            tuning: Tuning::default(),
        };
        let sim = Sim::new(seed, &plane, START);
        sim.set_faults(Faults { lost: 10, doubled: 20, delay: DELAY });
        let common = Common::with_addresses(QUOTA, &relay.map(|address| address.external), &OPENED, &[]);
        let revocations = Arc::default();
        let authenticator = scenario::authenticator_but_for(Lifetime::from_secs(3600), Arc::clone(&revocations));
        let authenticator = Arc::new(authenticator);
        let (sender, facts) = sync_channel(FACTS);
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let (mut shards, mut handles, mut gates) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..SHARDS {
            let mut key = [0; 32];
            chance.fill_bytes(&mut key);
            let (authenticator, policy) = (Arc::clone(&authenticator), policy(seal, false));
            let relay = Relay::new(settings(), authenticator, policy, Arc::clone(&common), key);
            let relay = relay.in_shard(u8::try_from(index).unwrap());
            let (net, gate) = sim.net(index);
            let (mut shard, handle) = Shard::new(index, net, relay, sim.waker(), sender.clone());
            shard.fill();
            shards.push(shard);
            handles.push(handle);
            gates.push(gate);
        }
        Self {
            seed,
            chance,
            sim,
            devices: Vec::new(),
            known: VecDeque::new(),
            seal,
            seen: Seen::default(),
            shards,
            handles,
            gates,
            facts,
            common,
            authenticator,
            revocations,
            revoked: Vec::new(),
            holders: HashMap::new(),
            leaving: Vec::new(),
            transactions: 0,
            told: VecDeque::new(),
        }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.next_u64() % bound as u64).unwrap()
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        let now = self.sim.now().moment.as_nanos() as f64 / 1e9;
        self.told.push_back(format!("{now:>12.3} {}", what()));
    }

    /// Whether a client is where somebody of another group has an allocation.
    pub fn is_held_by_others(&self, device: usize) -> bool {
        let device = &self.devices[device];
        let holder = self.holders.get(&device.client.five_tuple);
        holder.is_some_and(|person| PEOPLE[*person].group != PEOPLE[device.person].group)
    }

    pub fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    /// A device at a place. Stream clients open a connection.
    pub fn device(&mut self, number: usize, place: SocketAddr, person: usize) -> Device {
        let (client, stream) = if STREAMS.contains(&number) {
            self.transactions += 1;
            let connection = ConnectionId(self.transactions);
            let link = Link::Stream(connection, if number == STREAMS[0] { Transport::Tcp } else { Transport::Tls });
            let mut client = Client::udp(&place.to_string());
            client.five_tuple = FiveTuple { client: ClientAddr::new(place), link };
            let (stream, carrier) = SimStream::new();
            let patience = Patience { bytes: 1 << 20, age: Duration::from_millis(250) };
            let (client_is, carrier, proven) = (client.five_tuple, Box::new(carrier), watch::Sender::new(false));
            self.tell_gate(connection, Inbound::Opened(Opening { client: client_is, carrier, patience, proven }));
            (client, Some(stream))
        } else {
            (Client::udp(&place.to_string()), None)
        };
        let client = PEOPLE[person].at(client);
        let (relayed, channels, in_the_way, asked) = (Vec::new(), BTreeMap::new(), false, HashMap::new());
        Device { client, person, nonce: None, relayed, channels, in_the_way, stream, asked }
    }

    /// A stream client hangs up.
    pub fn hang_up(&mut self, device: usize) {
        if let Link::Stream(connection, _) = self.devices[device].client.five_tuple.link {
            self.tell(|| format!("connection {} closes", connection.0));
            self.tell_gate(connection, Inbound::Closed { connection });
        }
    }

    fn tell_gate(&self, connection: ConnectionId, inbound: Inbound) {
        let gate = &self.gates[usize::try_from(connection.0).unwrap() % SHARDS];
        ready(gate.send(inbound)).expect("the shard keeps up").expect("the shard lives");
    }

    /// A client sends bytes from where it is.
    pub fn send(&mut self, device: usize, bytes: &[u8]) {
        let five_tuple = self.devices[device].client.five_tuple;
        match five_tuple.link {
            Link::Udp(_) | Link::Proxied(_) => self.sim.client_sends(five_tuple.client.socket(), 0, bytes),
            Link::Stream(..) => {
                let mut bytes = bytes.to_vec();
                // RFC 8656 §12.5: padded on streams.
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                self.devices[device].stream.as_ref().expect("a stream client has one").say(&bytes);
            }
        }
    }

    pub fn ask(&mut self, device: usize, transaction: TransactionId, asked: Asked, bytes: &[u8]) {
        let (person, place) = (self.devices[device].person, self.devices[device].client.five_tuple.client.socket());
        self.tell(|| format!("{place} (person {person}, {:?}) asks: {asked:?}", PEOPLE[person].group));
        self.devices[device].asked.insert(transaction, (person, asked));
        self.send(device, bytes);
    }

    pub fn reload(&mut self, denying: bool) {
        self.tell(|| format!("reload, denying: {denying}"));
        for handle in &self.handles {
            let (authenticator, policy) = (Arc::clone(&self.authenticator), policy(self.seal, denying));
            handle.send(Mail::Reload { settings: settings(), authenticator, policy }).unwrap();
        }
    }

    pub fn end_all(&mut self, shard: usize) {
        self.tell(|| format!("shard {shard} ends all"));
        self.handles[shard % SHARDS].send(Mail::EndAll).unwrap();
    }

    pub fn drain(&mut self) {
        self.tell(|| "both shards drain".into());
        let (reply, _) = sync_channel(SHARDS);
        let drain = || Mail::Drain { draining: true, reply: reply.clone() };
        self.handles.iter().for_each(|handle| handle.send(drain()).unwrap());
    }

    /// From now on, until the end of the life, these people have nothing and get nothing.
    pub fn revoke(&mut self, what: Revoked, people: &[usize]) {
        self.tell(|| format!("revoked: {what:?}"));
        let now = self.sim.now();
        let revocation = Revocation { what, since: now.unix, until: now.unix.plus_secs(LONGEST_REVOCATION) };
        self.revocations.add(&revocation, now).unwrap();
        let replies = [(); SHARDS].map(|()| sync_channel(1));
        for (handle, (reply, _)) in self.handles.iter().zip(&replies) {
            handle.send(Mail::Revoke { revocation, reply: reply.clone() }).unwrap();
        }
        self.turn();
        let ended: usize = replies.iter().map(|(_, reply)| reply.try_recv().expect("an answer in one turn")).sum();
        self.seen.ended += ended as u64;
        // What was on its way between the shards has arrived or is lost.
        self.turn();
        self.revoked.extend(people);
    }

    /// Both shards turn, and everything that came of it is looked at.
    pub fn turn(&mut self) {
        for shard in 0..SHARDS {
            let goes_on = self.shards[shard].turn();
            assert!(goes_on, "nobody stopped the shard");
            self.look();
        }
        let live: usize = self.shards.iter().map(|shard| shard.relay().allocations()).sum();
        let counted = (self.common.ledger().live(), self.holders.len());
        assert_eq!(counted, (live, live), "the ledger, the facts and the shards agree");
        assert!(live <= QUOTA.total);
        assert!(!self.holders.values().any(|person| self.revoked.contains(person)), "who is revoked has nothing");
    }

    /// What the relay says has happened, and then every byte that it has sent.
    fn look(&mut self) {
        let mut changed = false;
        while let Ok(fact) = self.facts.try_recv() {
            changed |= matches!(fact.event, Event::Allocated { .. } | Event::Ended { .. });
            match fact.event {
                Event::Allocated { client, subject, .. } => {
                    let person = PEOPLE.iter().position(|each| each.subject == subject).expect("somebody we know");
                    assert!(!self.revoked.contains(&person), "who is revoked begins nothing");
                    assert!(self.holders.insert(client, person).is_none(), "one allocation at a time");
                }
                Event::Ended { client, subject, .. } => {
                    let person = self.holders.remove(&client).expect("an allocation ends once");
                    assert_eq!(PEOPLE[person].subject, subject, "and in the same hands");
                    self.leaving.push((client, person));
                }
                _ => {}
            }
        }
        if changed {
            self.count();
        }
        while let Some(sent) = self.sim.take_sent() {
            match sent {
                Sent::ToClient { client, bytes } => self.hear(client, &bytes),
                Sent::ToPeer { from, to, bytes, .. } => self.outside(from.socket(), to.socket(), &bytes),
            }
        }
        for device in STREAMS {
            let Some(found) = self.devices.get(device) else { continue };
            let (five_tuple, stream) = (found.client.five_tuple, found.stream.clone());
            while let Some(bytes) = stream.as_ref().and_then(SimStream::hear) {
                self.hear(five_tuple, &bytes);
            }
        }
        self.leaving.clear();
    }

    /// The ledger counts what every subject has.
    fn count(&self) {
        let mut held: HashMap<Subject, usize> = HashMap::new();
        self.holders.values().for_each(|person| *held.entry(PEOPLE[*person].subject).or_default() += 1);
        for person in PEOPLE.iter() {
            let here = held.get(&person.subject).copied().unwrap_or(0);
            assert_eq!(self.common.ledger().held(person.subject), here, "what the ledger says of a subject");
            assert!(here <= QUOTA.per_subject);
        }
    }

    /// Something has come to a client.
    fn hear(&mut self, client: FiveTuple, bytes: &[u8]) {
        let in_it = groups_in(bytes);
        match kind_of(bytes[0]) {
            Some(FrameKind::ChannelData) => {
                let data = ChannelData::parse(bytes).expect("what the relay sends is well-formed").data;
                assert!(!groups_in(data).is_empty(), "nothing but our own words");
                self.deliver(client, &in_it);
            }
            Some(FrameKind::Stun) => {
                let message = Message::parse(bytes).expect("what the relay sends is well-formed");
                if message.class() == Class::Indication {
                    assert_eq!(message.method(), Method::Data);
                    self.deliver(client, &in_it);
                } else {
                    assert_eq!(in_it, [], "an answer holds nobody's words");
                    self.answered(client, bytes);
                }
            }
            None => panic!("neither STUN nor ChannelData"),
        }
    }

    /// The words in it are those of the holder's call. Whoever lost the allocation in this very turn may have got it.
    fn deliver(&mut self, client: FiveTuple, in_it: &[Group]) {
        let left = self.leaving.iter().filter(|(each, _)| *each == client).map(|(_, person)| *person);
        let holders: Vec<usize> = self.holders.get(&client).copied().into_iter().chain(left).collect();
        let gone = |group| self.revoked.iter().any(|person| PEOPLE[*person].group == group && group == Group::Brief);
        for group in in_it {
            assert!(!gone(*group), "what is revoked is heard no more");
            let may = holders.iter().any(|person| may_hear(&PEOPLE[*person], *group));
            let who: Vec<_> = holders.iter().map(|person| PEOPLE[*person].group).collect();
            assert!(may, "words of {group:?} came to {who:?} at {}", client.client.socket());
            *self.seen.delivered.entry(*group).or_default() += 1;
        }
        let place = client.client.socket();
        self.tell(|| format!("  {place} hears {in_it:?}"));
    }

    /// Something has left for somebody outside.
    fn outside(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        assert!(![RELAY_V4, RELAY_V6].iter().any(|own| own.parse() == Ok(to.ip())), "{from} to {to}, which is us");
        for group in groups_in(bytes) {
            let may = group == Group::Open || group == Group::Green && to == NAMED.parse().unwrap();
            assert!(may, "words of {group:?} left for {to}");
            *self.seen.left.entry(group).or_default() += 1;
        }
    }

    fn answered(&mut self, client: FiveTuple, bytes: &[u8]) {
        let answer = Answer(bytes.to_vec());
        let (message, transaction) = (answer.message(), answer.message().transaction());
        let Some(number) = self.devices.iter().position(|device| device.client.five_tuple == client) else { return };
        // The answer to a request may come twice, and after somebody else has come to this place.
        let Some((person, asked)) = self.devices[number].asked.get(&transaction).cloned() else { return };
        let code = answer.code().map_or(0, ErrorCode::number);
        *self.seen.codes.entry(code).or_default() += 1;
        self.tell(|| format!("  {} is answered {code}", client.client.socket()));
        let device = &mut self.devices[number];
        if let (401 | 438, Some(nonce)) = (code, message.value(AttributeType::NONCE)) {
            device.nonce = Some(nonce.to_vec());
            return;
        }
        let here = device.person == person;
        match (asked, code) {
            (Asked::Allocate, 0) => {
                let relayed = answer.relayed();
                for address in &relayed {
                    let before = self.known.iter().find(|(each, _)| each == address);
                    self.seen.reused += u64::from(before.is_some_and(|(_, other)| *other != person));
                    self.known.retain(|(each, _)| each != address);
                    self.known.push_back((*address, person));
                }
                if here {
                    device.relayed = relayed;
                    device.channels.clear();
                }
                self.known.drain(..self.known.len().saturating_sub(40));
            }
            (Asked::Allocate, 437) => device.in_the_way = true,
            (Asked::Bind(channel, peer), 0) if here => _ = device.channels.insert(channel, peer),
            (Asked::Refresh { end: true }, 0)
            | (Asked::Refresh { .. } | Asked::Permit | Asked::Bind(..), 437 | 441) => {
                device.relayed.clear();
                device.channels.clear();
            }
            _ => {}
        }
    }

    /// Both shards stop: nothing is left.
    pub fn finish(&mut self) {
        self.handles.iter().for_each(ShardHandle::stop);
        for shard in 0..SHARDS {
            assert!(!self.shards[shard].turn(), "the shard has stopped");
            self.look();
            let tally = self.shards[shard].relay().tally();
            self.seen.refused[0] += tally.discards(Discard::OtherCall);
            self.seen.refused[1] += tally.peer_refusals(PeerRefusal::OtherCall);
            assert_eq!(self.handles[shard].facts_lost(), 0, "every fact was heard");
        }
        self.count();
        assert_eq!(self.common.ledger().live(), 0);
    }
}

/// Who may hear whose words.
fn may_hear(person: &Person, group: Group) -> bool {
    match group {
        Group::Open | Group::Unnamed => person.group == Group::Open,
        Group::Spoofed => person.group == Group::Open,
        Group::Named => person.group == Group::Open || person.names,
        Group::Red | Group::Green | Group::Blue | Group::Brief => person.group == group,
    }
}
