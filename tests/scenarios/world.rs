//! A relay, some clients and some peers in simulated time. Nothing here opens a socket or reads a clock.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hilum::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr, RelayedAddr, Transport};
use hilum::auth::token::PasswordKey;
use hilum::auth::{
    Authenticator, CallTokens, Credentials, NonceKey, Revocation, Revocations, Revoked, SharedSecret, StaticUser, Terms,
};
use hilum::policy::{PeerRules, Policy, Quota, seal};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Discard, Event, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Tally, Verdict};
use hilum::wire::attribute::Icmp;
use hilum::wire::{AttributeType, ErrorCode, IntegrityKey, Method, PasswordAlgorithm, TransactionId};

#[path = "issuer.rs"]
mod issuer;
#[path = "message.rs"]
mod message;
#[path = "restart.rs"]
mod restart;

use issuer::PASSWORD_KEY;
pub use issuer::{Token, rules};
pub use message::*;

pub const REALM: &str = "hilum";
pub const ALICE: &str = "alice";
pub const BOB: &str = "bob";
/// A peer that may be reached, another port there, and two peers elsewhere.
pub const PEER: &str = "203.0.113.5:7000";
pub const SAME_HOST: &str = "203.0.113.5:7001";
pub const OTHER_PEER: &str = "203.0.113.6:7000";
pub const PEER_V6: &str = "[2001:db8:2::5]:7000";
pub const PASSWORD: &str = "a long enough password";
pub const SECRET: &[u8] = b"the secret that signs credentials";
/// The wall clock at the start of every scenario.
pub const START: UnixTime = UnixTime::from_secs(1_700_000_000);
/// Our relayed addresses.
pub const RELAY_V4: &str = "198.51.100.1";
pub const RELAY_V6: &str = "2001:db8:1::1";

/// What a scenario may want to be different.
pub struct Setup {
    pub settings: Settings,
    pub quota: Quota,
    pub allow: Vec<&'static str>,
    pub deny: Vec<&'static str>,
    pub families: Vec<Family>,
    pub challenges_per_second: u32,
    pub seal: seal::Settings,
    pub nonce_lifetime: Lifetime,
    /// What static users and time-limited credentials may do.
    pub terms: Terms,
    /// What is revoked; the same for all shards.
    pub revocations: Arc<Revocations>,
    /// Ports that the system will still open; `None` is no end of them.
    pub ports: Option<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            quota: Quota::default(),
            // The documentation ranges stand for the public Internet.
            allow: vec!["203.0.113.0/24", "2001:db8::/32"],
            deny: Vec::new(),
            families: vec![Family::V4, Family::V6],
            challenges_per_second: 1_000_000,
            // What is relayed here are plain words; the seal has scenarios of its own.
            seal: seal::Settings { mode: seal::Mode::Off, ..seal::Settings::default() },
            nonce_lifetime: Lifetime::from_secs(600),
            terms: Terms::default(),
            revocations: Arc::default(),
            ports: None,
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went to a client.
    ToClient(FiveTuple, Vec<u8>),
    /// It went to a peer, from one of our relayed addresses.
    ToPeer { from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, dont_fragment: bool },
    /// It went to an allocation on another shard.
    ToShard { shard: u8, from: SocketAddr, to: SocketAddr, serial: u32, bytes: Vec<u8> },
    /// It was discarded.
    Discarded(Discard),
}

pub struct World {
    pub relay: Relay,
    pub common: Arc<Common>,
    pub now: Now,
    /// Ports that are open, by the driver's key.
    pub open: HashMap<PortKey, RelayedAddr>,
    /// Ports that the relay gave back, in order.
    pub closed: Vec<SocketAddr>,
    pub setup: Setup,
    /// What a load balancer puts in front of everything that clients send.
    pub header: Vec<u8>,
    slot: Slot,
    next_key: u32,
    next_port: HashMap<Family, u16>,
    next_transaction: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

pub fn policy(setup: &Setup) -> Policy {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let own = [RELAY_V4, RELAY_V6].map(|text| text.parse::<IpAddr>().unwrap()).to_vec();
    Policy {
        peers: PeerRules::new(networks(&setup.allow), networks(&setup.deny), 1024, own),
        quota: setup.quota,
        challenges_per_second: setup.challenges_per_second,
        seal: setup.seal,
    }
}

pub fn authenticator(nonce_lifetime: Lifetime) -> Authenticator {
    authenticator_but_for(nonce_lifetime, Arc::default())
}

/// One that refuses what is revoked.
pub fn authenticator_but_for(nonce_lifetime: Lifetime, revocations: Arc<Revocations>) -> Authenticator {
    let user = |name: &str| StaticUser { name: name.into(), password: PASSWORD.into() };
    let secret = SharedSecret::new(SECRET.to_vec()).unwrap();
    let credentials = Credentials::new(vec![user(ALICE), user(BOB)], vec![secret]).unwrap();
    let tokens = Arc::new(CallTokens::with_revocations(rules(), revocations).reaching_outside(true));
    Authenticator::new(REALM, credentials, NonceKey::new([7; 32]), nonce_lifetime).with_tokens(Some(tokens))
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let common = Self::common(&setup);
        Self::shard(setup, common, 0)
    }

    fn common(setup: &Setup) -> Arc<Common> {
        let relayed: Vec<IpAddr> = setup
            .families
            .iter()
            .map(|family| match family {
                Family::V4 => RELAY_V4.parse().unwrap(),
                Family::V6 => RELAY_V6.parse().unwrap(),
            })
            .collect();
        Common::new(setup.quota, &relayed)
    }

    /// One of several shards that have `common` in common.
    pub fn shard(setup: Setup, common: Arc<Common>, shard: u8) -> Self {
        let mut world = Self::before_any_turn(setup, common, shard);
        world.turn();
        world
    }

    fn before_any_turn(setup: Setup, common: Arc<Common>, shard: u8) -> Self {
        let authenticator = authenticator_but_for(setup.nonce_lifetime, Arc::clone(&setup.revocations));
        let relay = Relay::new(
            setup.settings.clone(),
            Arc::new(authenticator.with_terms(setup.terms.clone())),
            Arc::new(policy(&setup)),
            Arc::clone(&common),
            [42 + shard; 32],
        );
        let relay = relay.in_shard(shard);
        Self {
            relay,
            common,
            now: Now { moment: Moment::from_secs(1000), unix: START },
            open: HashMap::new(),
            closed: Vec::new(),
            setup,
            header: Vec::new(),
            slot: Slot::new(),
            next_key: 3,
            next_port: HashMap::from([(Family::V4, 50_000), (Family::V6, 50_000)]),
            next_transaction: 1,
        }
    }

    /// What a driver does after each batch: tick, close what came back, fill the supply.
    pub fn turn(&mut self) {
        self.relay.tick(self.now);
        while let Some(port) = self.relay.take_closed() {
            let address = self.open.remove(&port.key()).expect("a port is given back once");
            assert_eq!(address, port.relayed());
            self.closed.push(address.socket());
        }
        for pool in Pool::ALL {
            for _ in 0..self.relay.wanted(pool) {
                let Some(opened) = self.open_port(pool) else { break };
                self.relay.supply(opened);
            }
        }
    }

    fn open_port(&mut self, pool: Pool) -> Option<Opened> {
        let (family, count) = match pool {
            Pool::Single(family) => (family, 1),
            Pool::Pair(family) => (family, 2),
        };
        if let Some(left) = &mut self.setup.ports {
            *left = left.checked_sub(count)?;
        }
        let next = self.next_port.get_mut(&family).unwrap();
        let number = if count == 2 { next.next_multiple_of(2) } else { *next };
        *next = number + u16::try_from(count).unwrap();
        let ip: IpAddr = if family == Family::V4 { RELAY_V4 } else { RELAY_V6 }.parse().unwrap();
        let mut port = |number| {
            let key = PortKey(self.next_key);
            self.next_key += 1;
            let relayed = RelayedAddr::new(SocketAddr::new(ip, number));
            self.open.insert(key, relayed);
            Port::new(key, relayed)
        };
        Some(if count == 2 { Opened::Pair(port(number), port(number + 1)) } else { Opened::Single(port(number)) })
    }

    /// Lets time pass by both clocks.
    pub fn advance(&mut self, seconds: u64) {
        self.now.moment = self.now.moment + std::time::Duration::from_secs(seconds);
        self.now.unix = self.now.unix.plus_secs(seconds);
        self.turn();
    }

    /// Gives the relay one datagram.
    fn judge(&mut self, bytes: &[u8], origin: Origin) -> Outcome {
        self.slot.fill_from(bytes, origin);
        self.relay.handle(&mut self.slot, self.now);
        let bytes = self.slot.message().to_vec();
        let outcome = match self.slot.verdict() {
            Verdict::ToClient(client) => Outcome::ToClient(client, bytes),
            Verdict::ToPeer { port, peer, dont_fragment } => {
                let from = self.open.get(&port).expect("data leaves from an open port").socket();
                Outcome::ToPeer { from, to: peer.socket(), bytes, dont_fragment }
            }
            Verdict::ToShard { shard, from, to, serial } => {
                Outcome::ToShard { shard, from: from.socket(), to: to.socket(), serial, bytes }
            }
            Verdict::Discard(reason) => Outcome::Discarded(reason),
        };
        self.turn();
        outcome
    }

    /// A client's datagram, or frame of a stream.
    pub fn from_client(&mut self, client: &Client, bytes: &[u8]) -> Outcome {
        let bytes = [&self.header, bytes].concat();
        self.judge(&bytes, Origin::Client(client.five_tuple))
    }

    fn key_of(&self, relayed: SocketAddr) -> PortKey {
        let found = self.open.iter().find(|(_, address)| address.socket() == relayed);
        *found.expect("the relayed address is open").0
    }

    /// A peer's datagram to a relayed address.
    pub fn from_peer(&mut self, peer: &str, relayed: SocketAddr, bytes: &[u8]) -> Outcome {
        let port = self.key_of(relayed);
        self.judge(bytes, Origin::Peer { port, peer: PeerAddr::canonical(peer.parse().unwrap()) })
    }

    /// Data from an allocation of another shard, for one use of an address.
    pub fn from_shard(&mut self, from: SocketAddr, to: SocketAddr, serial: u32, bytes: &[u8]) -> Outcome {
        self.judge(bytes, Origin::Shard { from: RelayedAddr::new(from), to: RelayedAddr::new(to), serial })
    }

    /// The network says that a datagram from a relayed address to a peer did not arrive.
    pub fn icmp(&mut self, peer: &str, relayed: SocketAddr, icmp: Icmp) -> Outcome {
        let port = self.key_of(relayed);
        self.judge(&[], Origin::PeerError { port, peer: PeerAddr::canonical(peer.parse().unwrap()), icmp })
    }

    /// Revokes for all shards, and ends what runs on this one; how many allocations that were.
    pub fn revoke(&mut self, what: Revoked) -> usize {
        let revocation = Revocation::new(what, self.now.unix, None);
        self.setup.revocations.add(&revocation, self.now).unwrap();
        let ended = self.relay.revoke(&revocation, self.now);
        self.turn();
        ended
    }

    pub fn connection_closed(&mut self, client: &Client) {
        let Link::Stream(connection, _) = client.five_tuple.link else { panic!("not a stream client") };
        self.relay.connection_closed(connection, self.now);
        self.turn();
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.take_event()).collect()
    }

    pub fn tally(&self) -> &Tally {
        self.relay.tally()
    }

    pub fn transaction(&mut self) -> TransactionId {
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.next_transaction.to_be_bytes());
        self.next_transaction += 1;
        TransactionId(id)
    }

    /// Sends a request with this user's credentials and returns the answer.
    pub fn request(&mut self, client: &Client, request: Request) -> Answer {
        let transaction = request.transaction.unwrap_or_else(|| self.transaction());
        let nonce = self.nonce(client);
        let bytes = request.bytes(client, transaction, &nonce);
        self.expect_answer(client, &bytes)
    }

    pub fn expect_answer(&mut self, client: &Client, bytes: &[u8]) -> Answer {
        match self.from_client(client, bytes) {
            Outcome::ToClient(to, bytes) if to == client.five_tuple => Answer(bytes),
            other => panic!("an answer to the client, and not {other:?}"),
        }
    }

    /// The nonce that a client is challenged with now.
    pub fn nonce(&mut self, client: &Client) -> Vec<u8> {
        let transaction = self.transaction();
        let bytes = Request::new(Method::Allocate).padding(80).unauthenticated(transaction);
        let answer = self.expect_answer(client, &bytes);
        assert_eq!(answer.code(), Some(ErrorCode::UNAUTHENTICATED));
        answer.value(AttributeType::NONCE).expect("a challenge has a nonce")
    }

    /// An allocation over IPv4 with nothing special about it; returns its relayed address.
    pub fn allocate(&mut self, client: &Client) -> SocketAddr {
        let answer = self.request(client, Request::allocate());
        answer.expect_success();
        answer.relayed()[0]
    }

    /// Permissions for these peers.
    pub fn permit(&mut self, client: &Client, peers: &[&str]) {
        let request = peers.iter().fold(Request::new(Method::CreatePermission), |request, peer| request.peer(peer));
        self.request(client, request).expect_success();
    }

    /// A channel to this peer.
    pub fn bind(&mut self, client: &Client, number: u16, peer: &str) {
        self.request(client, Request::bind(number, peer)).expect_success();
    }
}

/// A client: where it is, and as whom it speaks.
#[derive(Clone, Debug)]
pub struct Client {
    pub five_tuple: FiveTuple,
    pub username: String,
    pub password: String,
}

impl Client {
    pub fn udp(address: &str) -> Self {
        Self::over(address, Link::Udp(0))
    }

    pub fn stream(address: &str, connection: u64, transport: Transport) -> Self {
        Self::over(address, Link::Stream(ConnectionId(connection), transport))
    }

    fn over(address: &str, link: Link) -> Self {
        let client = ClientAddr::new(address.parse().unwrap());
        let five_tuple = FiveTuple { client, link };
        Self { five_tuple, username: ALICE.into(), password: PASSWORD.into() }
    }

    pub fn named(mut self, username: &str) -> Self {
        self.username = username.into();
        self
    }

    /// The client of most scenarios.
    pub fn usual() -> Self {
        Self::udp("192.0.2.7:4000")
    }

    /// The client with this number, at an address of its own.
    pub fn number(number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        Self::udp(&format!("192.0.{high}.{low}:4000"))
    }

    /// With a time-limited credential that ends at `expires`.
    pub fn ephemeral(mut self, expires: UnixTime, label: &str) -> Self {
        self.username = hilum::auth::ephemeral_username(expires, label);
        let secret = SharedSecret::new(SECRET.to_vec()).unwrap();
        self.password = hilum::auth::ephemeral_password(&secret, self.username.as_bytes());
        self
    }

    /// With a call token.
    pub fn holding(self, token: &Token) -> Self {
        self.with_username(token.username())
    }

    /// With any username, and the password that belongs to it.
    pub fn with_username(mut self, username: String) -> Self {
        self.password = PasswordKey::new(PASSWORD_KEY).password(username.as_bytes()).as_str().to_owned();
        self.username = username;
        self
    }

    pub fn key(&self) -> IntegrityKey {
        let (username, password) = (self.username.as_bytes(), self.password.as_bytes());
        IntegrityKey::long_term(PasswordAlgorithm::Md5, username, REALM.as_bytes(), password)
    }
}
