//! The in-memory world: the same shard loop over a network of hosts that one seed describes completely. Time moves only
//! when it is told to.

mod stream;

use core::net::SocketAddr;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::net::Net;
use super::ports::{Chance, Numbers};
use super::stream::{StreamGate, Streams};
use super::wake::Waker;
use super::{RelayAddress, Settings};
use crate::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr, RelayedAddr};
use crate::time::{Moment, Now, UnixTime};
use crate::turn::{Discard, Event, Opened, Origin, Pool, Port, PortKey, Slot, Tally, Verdict};
use crate::wire::attribute::Icmp;

pub use stream::{SimCarrier, SimStream};

/// Slots per turn.
const BATCH: usize = 64;
/// Datagrams that wait to be taken out of the world; more are refused, as by a full socket.
const MOST_SENT: usize = 65_536;

/// How the network fails. Chances are per mille of datagrams, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Datagrams that vanish.
    pub lost: u16,
    /// Datagrams that arrive twice.
    pub doubled: u16,
    /// The longest delay on the way in; each datagram draws its own, so that they overtake each other.
    pub delay: Duration,
}

/// A datagram that left the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// To a UDP client.
    ToClient {
        /// The client and our end.
        client: FiveTuple,
        /// The message.
        bytes: Vec<u8>,
    },
    /// To a peer.
    ToPeer {
        /// The relayed address it comes from, as the peer sees it.
        from: RelayedAddr,
        /// The peer.
        to: PeerAddr,
        /// The application data.
        bytes: Vec<u8>,
        /// Whether the DF bit is set.
        dont_fragment: bool,
    },
}

/// The world outside of the shards: hosts, the network, and the clocks.
#[derive(Clone, Debug)]
pub struct Sim(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    now: Now,
    /// What is below a second of the wall clock.
    wall: Duration,
    chance: ChaCha8Rng,
    faults: Faults,
    addresses: Vec<RelayAddress>,
    numbers: Vec<Numbers>,
    draws: Chance,
    refusing: bool,
    open: HashMap<PortKey, Open>,
    keys: HashMap<SocketAddr, PortKey>,
    unused: Vec<PortKey>,
    /// What is on its way, by shard, moment and order.
    arriving: Vec<BTreeMap<(Moment, u64), Arrival>>,
    arrivals: u64,
    sent: VecDeque<Sent>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    relayed: RelayedAddr,
    owner: Option<usize>,
}

#[derive(Clone, Debug)]
struct Arrival {
    origin: Origin,
    bytes: Vec<u8>,
}

impl Sim {
    /// A world in which it is `unix` o'clock and a thousand seconds since its start. Only `relay`, `ports` and `shards` of
    /// the settings matter.
    #[must_use]
    pub fn new(seed: u64, settings: &Settings, unix: UnixTime) -> Self {
        let numbers = |range: RangeInclusive<u16>| {
            settings.relay.iter().map(|address| Numbers::new(address.local, range.clone())).collect()
        };
        Self(Arc::new(Mutex::new(World {
            now: Now { moment: Moment::from_secs(1000), unix },
            wall: Duration::ZERO,
            chance: ChaCha8Rng::seed_from_u64(seed),
            faults: Faults::default(),
            addresses: settings.relay.clone(),
            numbers: numbers(settings.ports.clone()),
            draws: Chance::Seeded(Box::new(ChaCha8Rng::seed_from_u64(seed.wrapping_add(1)))),
            refusing: false,
            open: HashMap::new(),
            keys: HashMap::new(),
            unused: Vec::new(),
            arriving: vec![BTreeMap::new(); settings.shards.max(1)],
            arrivals: 0,
            sent: VecDeque::new(),
        })))
    }

    /// The network as the shard with this number sees it, and the gate for its stream clients.
    #[must_use]
    pub fn net(&self, shard: usize) -> (SimNet, StreamGate) {
        let (gate, streams) = Streams::new(Waker::silent(), None);
        let slots = (0..BATCH).map(|_| Slot::new()).collect();
        (SimNet { world: self.clone(), shard, streams, slots, filled: 0 }, gate)
    }

    /// What [`super::Shard::new`] wants; nobody sleeps here.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker::silent()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        self.lock().now
    }

    /// Both clocks move on.
    pub fn advance(&self, by: Duration) {
        let mut world = self.lock();
        world.wall += by;
        let seconds = world.wall.as_secs();
        world.wall -= Duration::from_secs(seconds);
        world.now = Now { moment: world.now.moment + by, unix: world.now.unix.plus_secs(seconds) };
    }

    /// Somebody sets the wall clock; the monotonic one does not notice.
    pub fn set_wall(&self, unix: UnixTime) {
        self.lock().now.unix = unix;
    }

    /// From now on the network fails so.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// From now on no port can be opened, or can again.
    pub fn refuse_opens(&self, refuse: bool) {
        self.lock().refusing = refuse;
    }

    /// Open relayed ports, spare ones included.
    #[must_use]
    pub fn open_ports(&self) -> usize {
        self.lock().open.len()
    }

    /// When the next datagram on its way arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Moment> {
        self.lock().arriving.iter().filter_map(|queue| queue.keys().next()).map(|(moment, _)| *moment).min()
    }

    /// The shard that serves a UDP client: always the same one, as long as the shards are.
    #[must_use]
    pub fn shard_of(&self, client: SocketAddr, listener: u16) -> usize {
        self.lock().shard_of(client, listener)
    }

    /// A client sends to a listening address.
    pub fn client_sends(&self, client: SocketAddr, listener: u16, bytes: &[u8]) {
        let mut world = self.lock();
        let shard = world.shard_of(client, listener);
        let five_tuple = FiveTuple { client: ClientAddr::new(client), link: Link::Udp(listener) };
        world.carry(shard, Arrival { origin: Origin::Client(five_tuple), bytes: bytes.to_vec() });
    }

    /// A host sends to a relayed address. Nobody hears it if no allocation owns that.
    pub fn peer_sends(&self, peer: SocketAddr, relayed: SocketAddr, bytes: &[u8]) {
        self.lock().arrive(peer, relayed, bytes);
    }

    /// The network reports that a datagram from a relayed address did not reach a peer.
    pub fn network_reports(&self, relayed: SocketAddr, peer: SocketAddr, icmp: Icmp) {
        let mut world = self.lock();
        let Some((port, shard)) = world.owner(relayed) else { return };
        let origin = Origin::PeerError { port, peer: PeerAddr::canonical(peer), icmp };
        world.carry(shard, Arrival { origin, bytes: Vec::new() });
    }

    /// The oldest datagram that left the relay.
    pub fn take_sent(&self) -> Option<Sent> {
        self.lock().sent.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn shard_of(&self, client: SocketAddr, listener: u16) -> usize {
        // The default hasher's keys are constants: a seed means the same world everywhere.
        let mut hasher = DefaultHasher::new();
        (client, listener).hash(&mut hasher);
        let shards = u64::try_from(self.arriving.len()).unwrap_or(1);
        hasher.finish().checked_rem(shards).and_then(|shard| usize::try_from(shard).ok()).unwrap_or(0)
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.chance.next_u32() % 1000 < u32::from(per_mille)
    }

    /// How often a datagram arrives.
    fn copies(&mut self) -> usize {
        let Faults { lost, doubled, .. } = self.faults;
        if self.happens(lost) { 0 } else { 1 + usize::from(self.happens(doubled)) }
    }

    fn carry(&mut self, shard: usize, arrival: Arrival) {
        for _ in 0..self.copies() {
            let longest = u64::try_from(self.faults.delay.as_nanos()).unwrap_or(u64::MAX);
            let delay = self.chance.next_u64().checked_rem(longest).unwrap_or(0);
            self.arrivals += 1;
            let key = (self.now.moment + Duration::from_nanos(delay), self.arrivals);
            if let Some(queue) = self.arriving.get_mut(shard) {
                queue.insert(key, arrival.clone());
            }
        }
    }

    /// From shard to shard: nothing on that way fails.
    fn cross(&mut self, shard: usize, arrival: Arrival) {
        self.arrivals += 1;
        let key = (self.now.moment, self.arrivals);
        if let Some(queue) = self.arriving.get_mut(shard) {
            queue.insert(key, arrival);
        }
    }

    fn owner(&self, relayed: SocketAddr) -> Option<(PortKey, usize)> {
        let port = *self.keys.get(&relayed)?;
        Some((port, self.open.get(&port)?.owner?))
    }

    fn arrive(&mut self, peer: SocketAddr, relayed: SocketAddr, bytes: &[u8]) {
        let peer = PeerAddr::canonical(peer);
        if let Some((port, shard)) = self.owner(relayed) {
            self.carry(shard, Arrival { origin: Origin::Peer { port, peer }, bytes: bytes.to_vec() });
        }
    }

    /// A datagram leaves; to an address of ours it comes back in. `false`: nobody takes what leaves.
    fn leave(&mut self, sent: Sent) -> bool {
        if let Sent::ToPeer { from, to, bytes, .. } = &sent
            && self.keys.contains_key(&to.socket())
        {
            self.arrive(from.socket(), to.socket(), bytes);
            return true;
        }
        for _ in 0..self.copies() {
            if self.sent.len() >= MOST_SENT {
                return false;
            }
            self.sent.push_back(sent.clone());
        }
        true
    }

    fn add(&mut self, relayed: SocketAddr) -> Port {
        let dense = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        let key = self.unused.pop().unwrap_or(PortKey(dense));
        let relayed = RelayedAddr::new(relayed);
        self.open.insert(key, Open { relayed, owner: None });
        self.keys.insert(relayed.socket(), key);
        Port::new(key, relayed)
    }

    fn open(&mut self, pool: Pool) -> Option<Opened> {
        if self.refusing {
            return None;
        }
        let (Pool::Single(family) | Pool::Pair(family)) = pool;
        let address = *self.addresses.iter().find(|address| Family::of(address.local) == family)?;
        let numbers = self.numbers.iter_mut().find(|numbers| numbers.local == address.local)?;
        match pool {
            Pool::Single(_) => {
                let port = numbers.draw(&mut self.draws, self.now.moment)?;
                Some(Opened::Single(self.add((address.external, port).into())))
            }
            Pool::Pair(_) => {
                let (even, odd) = numbers.draw_pair(&mut self.draws, self.now.moment)?;
                let even = self.add((address.external, even).into());
                Some(Opened::Pair(even, self.add((address.external, odd).into())))
            }
        }
    }

    fn close(&mut self, port: &Port) {
        let relayed = port.relayed().socket();
        self.keys.remove(&relayed);
        if self.open.remove(&port.key()).is_some() {
            self.unused.push(port.key());
        }
        let address = self.addresses.iter().find(|address| address.external == relayed.ip());
        let numbers = address.and_then(|address| self.numbers.iter_mut().find(|each| each.local == address.local));
        if let Some(numbers) = numbers {
            numbers.rest(relayed.port(), self.now.moment);
        }
    }
}

/// The network as one shard sees it.
#[derive(Debug)]
pub struct SimNet {
    world: Sim,
    shard: usize,
    streams: Streams,
    slots: Vec<Slot>,
    filled: usize,
}

impl SimNet {
    /// Whether a turn of the loop would find anything.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let world = self.world.lock();
        let first = world.arriving.get(self.shard).and_then(|queue| queue.keys().next());
        first.is_some_and(|(moment, _)| *moment <= world.now.moment) || self.streams.waiting()
    }
}

impl Net for SimNet {
    fn wait(&mut self, _until: Option<Moment>) -> Now {
        self.world.now()
    }

    fn recv(&mut self) -> &mut [Slot] {
        let now = self.world.now().moment;
        self.filled = self.streams.receive(&mut self.slots, now);
        let mut world = self.world.lock();
        if let Some(queue) = world.arriving.get_mut(self.shard) {
            while let Some(slot) = self.slots.get_mut(self.filled)
                && let Some(first) = queue.first_entry()
                && first.key().0 <= now
            {
                let Arrival { origin, bytes } = first.remove();
                slot.fill_from(&bytes, origin);
                self.filled += 1;
            }
        }
        drop(world);
        self.slots.get_mut(..self.filled).unwrap_or_default()
    }

    fn flush(&mut self, tally: &mut Tally) {
        let mut world = self.world.lock();
        for slot in self.slots.iter().take(self.filled) {
            let bytes = slot.message().to_vec();
            let sent = match slot.verdict() {
                Verdict::Discard(_) => continue,
                Verdict::ToClient(client) => match client.link {
                    Link::Stream(connection, _) => {
                        self.streams.send(connection, &bytes, tally);
                        continue;
                    }
                    Link::Udp(_) | Link::Proxied(_) => Some(Sent::ToClient { client, bytes }),
                },
                Verdict::ToShard { shard, from, to, serial } => {
                    let origin = Origin::Shard { from, to, serial };
                    world.cross(usize::from(shard), Arrival { origin, bytes });
                    continue;
                }
                Verdict::ToPeer { port, peer, dont_fragment } => {
                    let open = world.open.get(&port).filter(|open| open.relayed.family() == peer.family());
                    open.map(|open| Sent::ToPeer { from: open.relayed, to: peer, bytes, dont_fragment })
                }
            };
            if !sent.is_some_and(|sent| world.leave(sent)) {
                tally.discard(Discard::SendFailed);
            }
        }
        drop(world);
        self.streams.flush(tally);
        self.filled = 0;
    }

    fn open(&mut self, pool: Pool) -> Option<Opened> {
        self.world.lock().open(pool)
    }

    fn own(&mut self, port: PortKey) {
        if let Some(open) = self.world.lock().open.get_mut(&port) {
            open.owner = Some(self.shard);
        }
    }

    fn close(&mut self, port: Port) {
        self.world.lock().close(&port);
    }

    fn take_disconnected(&mut self) -> Option<ConnectionId> {
        self.streams.take_disconnected()
    }

    fn observe(&mut self, fact: &Event) {
        self.streams.observe(fact);
    }
}
