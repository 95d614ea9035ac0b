//! A relay with one client that has a channel to a peer outside, or with two clients that have one to each other, and a
//! datagram each way, for the benches of one forward.

// The files stand on their own, so that they can be had without the rest of the client and of the tests.
#[allow(dead_code, reason = "a bench needs a part of it")]
#[path = "../../tests/scenarios/issuer.rs"]
mod issuer;
#[allow(dead_code, reason = "a bench needs a part of it")]
#[path = "../../src/client/rehearsal.rs"]
mod rehearsal;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hilum::addr::{ClientAddr, FiveTuple, Link, PeerAddr, RelayedAddr};
use hilum::auth::token::PasswordKey;
use hilum::auth::{Authenticator, CallTokens, Credentials, NonceKey, StaticUser};
use hilum::policy::seal::{self, Mode};
use hilum::policy::{PeerRules, Policy, Quota, RateLimit};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, CHANNEL_HEADER, ChannelNumber, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, write_channel_header,
};
use issuer::{PASSWORD_KEY, Token};
use rehearsal::{Rehearsal, Side};

const REALM: &str = "hilum";
const PORT: PortKey = PortKey(7);
const TRANSACTION: TransactionId = TransactionId([1; 12]);
/// The wall clock, which stands still; tokens are minted around it.
const START: UnixTime = UnixTime::from_secs(1_700_000_000);
/// The peer outside.
const OUTSIDE: ([u8; 4], u16) = ([93, 184, 215, 14], 5000);

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the first client.
    Up,
    /// To the first client.
    Down,
}

/// Who is at the other end of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody outside: what goes up loses its header and leaves from a relayed port, what comes down gets one.
    Open,
    /// The other party of a closed call: ChannelData in, ChannelData out, each way.
    Closed,
}

/// Packets each way before anything is measured: a sender's first ones are looked at more closely than all that follow.
const SETTLED: usize = 5000;

/// The start of a packet is another one for each forward, of this many: a header and the bytes that the seal may look at.
const HEADS: usize = 1024;
const HEAD: usize = 12 + 48;

/// One end of the call, and the datagram that it sends.
struct End {
    origin: Origin,
    datagram: Vec<u8>,
}

impl End {
    fn client(number: u8) -> Self {
        let client = ClientAddr::new(SocketAddr::from(([192, 0, 2, number], 4000)));
        Self { origin: Origin::Client(FiveTuple { client, link: Link::Udp(0) }), datagram: Vec::new() }
    }

    /// Bytes before the application data.
    const fn header(&self) -> usize {
        if matches!(self.origin, Origin::Client(_)) { CHANNEL_HEADER } else { 0 }
    }
}

/// The relay, a slot, and what is put into it.
pub struct Bench {
    relay: Relay,
    slot: Slot,
    now: Now,
    first: End,
    second: End,
    heads: Vec<[u8; HEAD]>,
    sequence: u16,
}

impl Bench {
    /// With packets of this many bytes, SRTP in form. With the seal enforced they come after a handshake, on a flow that
    /// has been open for a while. Time stands still here: what is forwarded must fit the burst of a rate.
    pub fn new(peer: Peer, size: usize, mode: Mode, rate: RateLimit) -> Self {
        let relayed: IpAddr = [198, 51, 100, 1].into();
        let outside = Origin::Peer { port: PORT, peer: PeerAddr::canonical(SocketAddr::from(OUTSIDE)) };
        let second = match peer {
            Peer::Open => End { origin: outside, datagram: Vec::new() },
            Peer::Closed => End::client(8),
        };
        let mut bench = Self {
            relay: relay(relayed, mode, rate),
            slot: Slot::new(),
            now: Now { moment: Moment::from_secs(10), unix: START },
            first: End::client(7),
            second,
            heads: Vec::new(),
            sequence: 0,
        };
        while bench.relay.wanted(Pool::ALL[0]) > 0 {
            let address = RelayedAddr::new(SocketAddr::new(relayed, 50_000));
            bench.relay.supply(Opened::Single(Port::new(PORT, address)));
        }
        match peer {
            Peer::Open => bench.call_outside(),
            Peer::Closed => bench.call_inside(),
        }
        bench.settle(size, mode);
        bench
    }

    /// A client with a channel to the peer outside.
    fn call_outside(&mut self) {
        let mut client = Client::new(&self.first, USER.0.to_owned(), USER.1.as_bytes());
        client.allocate(self);
        client.bind(self, SocketAddr::from(OUTSIDE));
        assert_eq!(self.relay.allocations(), 1);
    }

    /// Two parties of a call with a channel to each other.
    fn call_inside(&mut self) {
        let party = |end: &End, party| {
            let username = Token::new("call", party).username();
            let password = PasswordKey::new(PASSWORD_KEY).password(username.as_bytes());
            Client::new(end, username, password.as_bytes())
        };
        let (mut one, mut other) = (party(&self.first, "a"), party(&self.second, "b"));
        let (of_one, of_other) = (one.allocate(self), other.allocate(self));
        one.bind(self, of_other);
        other.bind(self, of_one);
        assert_eq!(self.relay.allocations(), 2);
    }

    fn settle(&mut self, size: usize, mode: Mode) {
        let call = Rehearsal::new([5; 24]);
        if mode == Mode::Enforce {
            for (side, datagram) in call.handshake() {
                self.pass(if side == Side::Client { Way::Up } else { Way::Down }, &datagram);
            }
        }
        for way in [Way::Up, Way::Down] {
            self.pass(way, &call.sealed(0, size));
        }
        self.heads = (1..).take(HEADS).map(|number| call.sealed(number, HEAD).try_into().unwrap()).collect();
        for way in [Way::Up, Way::Down] {
            self.load(way);
            for _ in 0..SETTLED {
                self.forward(way);
            }
        }
    }

    fn sender(&mut self, way: Way) -> &mut End {
        if way == Way::Up { &mut self.first } else { &mut self.second }
    }

    /// Forwards a datagram, which stays what is forwarded that way.
    fn pass(&mut self, way: Way, datagram: &[u8]) {
        let header = write_channel_header(ChannelNumber::FIRST, u16::try_from(datagram.len()).unwrap());
        let sender = self.sender(way);
        sender.datagram = [&header[..sender.header()], datagram].concat();
        self.load(way);
        self.forward(way);
    }

    /// One forward, as a shard does it: a filled slot in, a verdict out. Most of the bytes are put there once, as the
    /// system does, and not for each forward.
    pub fn forward(&mut self, way: Way) -> usize {
        self.sequence = self.sequence.wrapping_add(1);
        let sender = if way == Way::Up { &self.first } else { &self.second };
        if let Some(head) = self.heads.get(usize::from(self.sequence) % HEADS) {
            let start = sender.header();
            let place = &mut self.slot.receive_area()[start..start + HEAD];
            place.copy_from_slice(head);
            place[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        }
        self.slot.fill(sender.datagram.len(), sender.origin);
        self.relay.handle(&mut self.slot, self.now);
        assert!(!matches!(self.slot.verdict(), Verdict::Discard(_)), "{:?}", self.slot.verdict());
        self.slot.message().len()
    }

    /// Puts the bytes of a way into the slot.
    pub fn load(&mut self, way: Way) {
        let sender = if way == Way::Up { &self.first } else { &self.second };
        self.slot.receive_area()[..sender.datagram.len()].copy_from_slice(&sender.datagram);
    }
}

/// A user name and its password.
const USER: (&str, &str) = ("bench", "a password of the bench");

/// A client while it asks for what it needs.
struct Client {
    origin: Origin,
    username: String,
    key: IntegrityKey,
    nonce: Vec<u8>,
}

impl Client {
    fn new(end: &End, username: String, password: &[u8]) -> Self {
        let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, username.as_bytes(), REALM.as_bytes(), password);
        Self { origin: end.origin, username, key, nonce: Vec::new() }
    }

    /// Is challenged, and allocates.
    fn allocate(&mut self, bench: &mut Bench) -> SocketAddr {
        // Strangers are answered with three times their bytes at most.
        let challenge = self.ask(bench, Method::Allocate, (AttributeType(0xC000), &[0; 64]), None);
        self.nonce = Message::parse(&challenge).unwrap().value(AttributeType::NONCE).unwrap().to_vec();
        let answer = self.ask(bench, Method::Allocate, (AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]), None);
        Message::parse(&answer).unwrap().xor_address(AttributeType::XOR_RELAYED_ADDRESS).unwrap().unwrap()
    }

    fn bind(&mut self, bench: &mut Bench, peer: SocketAddr) {
        self.ask(bench, Method::ChannelBind, (AttributeType::CHANNEL_NUMBER, &[0x40, 0, 0, 0]), Some(peer));
    }

    fn ask(
        &self,
        bench: &mut Bench,
        method: Method,
        (kind, value): (AttributeType, &[u8]),
        peer: Option<SocketAddr>,
    ) -> Vec<u8> {
        let mut buffer = [0; 1024];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, TRANSACTION);
        writer.attribute(kind, value);
        if let Some(peer) = peer {
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, TRANSACTION);
        }
        if !self.nonce.is_empty() {
            writer
                .attribute(AttributeType::USERNAME, self.username.as_bytes())
                .attribute(AttributeType::REALM, REALM.as_bytes())
                .attribute(AttributeType::NONCE, &self.nonce)
                .integrity(IntegrityKind::Sha1, &self.key);
        }
        let length = writer.finish().unwrap();
        bench.slot.fill_from(&buffer[..length], self.origin);
        bench.relay.handle(&mut bench.slot, bench.now);
        assert!(matches!(bench.slot.verdict(), Verdict::ToClient(_)), "{:?}", bench.slot.verdict());
        let answer = bench.slot.message().to_vec();
        let class = Message::parse(&answer).unwrap().class();
        assert_eq!(class == Class::Success, !self.nonce.is_empty(), "{method:?} is answered by {class:?}");
        answer
    }
}

fn relay(relayed: IpAddr, mode: Mode, rate: RateLimit) -> Relay {
    let user = StaticUser { name: USER.0.into(), password: USER.1.into() };
    let credentials = Credentials::new(vec![user], Vec::new()).unwrap();
    let authenticator = Authenticator::new(REALM, credentials, NonceKey::new([1; 32]), Lifetime::from_secs(600))
        .with_tokens(Some(Arc::new(CallTokens::new(issuer::rules()))));
    let policy = Policy {
        peers: PeerRules::new(Vec::new(), Vec::new(), 1024, vec![relayed]),
        quota: Quota::default(),
        challenges_per_second: 1000,
        seal: seal::Settings { mode, ..seal::Settings::default() },
    };
    let common = Common::new(Quota::default(), &[relayed]);
    let settings =
        Settings { spare_ports: 1, spare_pairs: 0, user_rate: rate, token_rate: rate, ..Settings::default() };
    Relay::new(settings, Arc::new(authenticator), Arc::new(policy), common, [3; 32])
}
