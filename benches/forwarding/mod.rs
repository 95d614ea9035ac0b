//! A relay with one client that has a channel to one peer, and a datagram each way, for the benches of one forward.

// The file stands on its own, so that it can be had without the rest of the client.
#[allow(dead_code, reason = "a bench needs a part of it")]
#[path = "../../src/client/rehearsal.rs"]
mod rehearsal;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hilum::addr::{ClientAddr, FiveTuple, Link, PeerAddr, RelayedAddr};
use hilum::auth::{Authenticator, Credentials, NonceKey, StaticUser};
use hilum::policy::seal::{self, Mode};
use hilum::policy::{PeerRules, Policy, Quota, RateLimit};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm,
    TransactionId, write_channel_header,
};
use rehearsal::{Rehearsal, Side};

const USER: &str = "bench";
const PASSWORD: &str = "a password of the bench";
const REALM: &str = "hilum";
const PORT: PortKey = PortKey(7);
const TRANSACTION: TransactionId = TransactionId([1; 12]);

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// ChannelData from the client becomes a datagram to the peer.
    Up,
    /// A datagram from the peer becomes ChannelData to the client.
    Down,
}

/// Packets each way before anything is measured: a sender's first ones are looked at more closely than all that follow.
const SETTLED: usize = 5000;

/// The start of a packet is another one for each forward, of this many: a header and the bytes that the seal may look at.
const HEADS: usize = 1024;
const HEAD: usize = 12 + 48;

/// The relay, a slot, and what is put into it.
pub struct Bench {
    relay: Relay,
    slot: Slot,
    now: Now,
    client: FiveTuple,
    peer: PeerAddr,
    up: Vec<u8>,
    down: Vec<u8>,
    heads: Vec<[u8; HEAD]>,
    sequence: u16,
}

impl Bench {
    /// With packets of this many bytes, SRTP in form. With the seal enforced they come after a handshake, on a flow that
    /// has been open for a while. Time stands still here: what is forwarded must fit the burst of a rate.
    pub fn new(size: usize, mode: Mode, rate: RateLimit) -> Self {
        let relayed: IpAddr = [198, 51, 100, 1].into();
        let client = ClientAddr::new(SocketAddr::from(([192, 0, 2, 7], 4000)));
        let call = Rehearsal::new([5; 24]);
        let mut bench = Self {
            relay: relay(relayed, mode, rate),
            slot: Slot::new(),
            now: Now { moment: Moment::from_secs(10), unix: UnixTime::from_secs(1_700_000_000) },
            client: FiveTuple { client, link: Link::Udp(0) },
            peer: PeerAddr::canonical(SocketAddr::from(([93, 184, 215, 14], 5000))),
            up: Vec::new(),
            down: Vec::new(),
            heads: Vec::new(),
            sequence: 0,
        };
        while bench.relay.wanted(Pool::ALL[0]) > 0 {
            let address = RelayedAddr::new(SocketAddr::new(relayed, 50_000));
            bench.relay.supply(Opened::Single(Port::new(PORT, address)));
        }
        bench.set_up();
        if mode == Mode::Enforce {
            for (side, datagram) in call.handshake() {
                bench.pass(if side == Side::Client { Way::Up } else { Way::Down }, &datagram);
            }
        }
        for way in [Way::Up, Way::Down] {
            bench.pass(way, &call.sealed(0, size));
        }
        let mut numbers = (1..).map(|number| call.sealed(number, HEAD));
        bench.heads = (0..HEADS).map(|_| numbers.next().and_then(|packet| packet.try_into().ok()).unwrap()).collect();
        for way in [Way::Up, Way::Down] {
            bench.load(way);
            for _ in 0..SETTLED {
                bench.forward(way);
            }
        }
        bench
    }

    fn set_up(&mut self) {
        let challenge = self.ask(Method::Allocate, &[(AttributeType(0xC000), vec![0; 64])], None);
        let nonce = Message::parse(&challenge).unwrap().value(AttributeType::NONCE).unwrap().to_vec();
        self.ask(Method::Allocate, &[(AttributeType::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])], Some(&nonce));
        self.ask(Method::ChannelBind, &[(AttributeType::CHANNEL_NUMBER, vec![0x40, 0, 0, 0])], Some(&nonce));
        assert_eq!(self.relay.allocations(), 1);
    }

    fn ask(&mut self, method: Method, attributes: &[(AttributeType, Vec<u8>)], nonce: Option<&[u8]>) -> Vec<u8> {
        let mut buffer = [0; 1024];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, TRANSACTION);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        if method == Method::ChannelBind {
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, self.peer.socket(), TRANSACTION);
        }
        if let Some(nonce) = nonce {
            let (user, realm) = (USER.as_bytes(), REALM.as_bytes());
            let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, user, realm, PASSWORD.as_bytes());
            writer
                .attribute(AttributeType::USERNAME, user)
                .attribute(AttributeType::REALM, realm)
                .attribute(AttributeType::NONCE, nonce)
                .integrity(IntegrityKind::Sha1, &key);
        }
        let length = writer.finish().unwrap();
        self.slot.fill_from(&buffer[..length], Origin::Client(self.client));
        self.relay.handle(&mut self.slot, self.now);
        assert!(matches!(self.slot.verdict(), Verdict::ToClient(_)), "{:?}", self.slot.verdict());
        self.slot.message().to_vec()
    }

    /// Forwards a datagram, which stays what is forwarded that way.
    fn pass(&mut self, way: Way, datagram: &[u8]) {
        match way {
            Way::Up => {
                let length = u16::try_from(datagram.len()).unwrap();
                self.up = [&write_channel_header(hilum::wire::ChannelNumber::FIRST, length)[..], datagram].concat();
            }
            Way::Down => self.down = datagram.to_vec(),
        }
        self.load(way);
        self.forward(way);
    }

    /// One forward, as a shard does it: a filled slot in, a verdict out. Most of the bytes are put there once, as the
    /// system does, and not for each forward.
    pub fn forward(&mut self, way: Way) -> usize {
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(head) = self.heads.get(usize::from(self.sequence) % HEADS) {
            let start = if way == Way::Up { 4 } else { 0 };
            let place = &mut self.slot.receive_area()[start..start + HEAD];
            place.copy_from_slice(head);
            place[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        }
        match way {
            Way::Up => self.slot.fill(self.up.len(), Origin::Client(self.client)),
            Way::Down => self.slot.fill(self.down.len(), Origin::Peer { port: PORT, peer: self.peer }),
        }
        self.relay.handle(&mut self.slot, self.now);
        assert!(!matches!(self.slot.verdict(), Verdict::Discard(_)), "{:?}", self.slot.verdict());
        self.slot.message().len()
    }

    /// Puts the bytes of a way into the slot.
    pub fn load(&mut self, way: Way) {
        let bytes = if way == Way::Up { &self.up } else { &self.down };
        self.slot.receive_area()[..bytes.len()].copy_from_slice(bytes);
    }
}

fn relay(relayed: IpAddr, mode: Mode, rate: RateLimit) -> Relay {
    let user = StaticUser { name: USER.into(), password: PASSWORD.into() };
    let credentials = Credentials::new(vec![user], Vec::new()).unwrap();
    let authenticator = Authenticator::new(REALM, credentials, NonceKey::new([1; 32]), Lifetime::from_secs(600));
    let policy = Policy {
        peers: PeerRules::default(),
        quota: Quota::default(),
        challenges_per_second: 1000,
        seal: seal::Settings { mode, ..seal::Settings::default() },
    };
    let common = Common::new(Quota::default(), &[relayed]);
    let settings = Settings { spare_ports: 1, spare_pairs: 0, user_rate: rate, ..Settings::default() };
    Relay::new(settings, Arc::new(authenticator), Arc::new(policy), common, [3; 32])
}
