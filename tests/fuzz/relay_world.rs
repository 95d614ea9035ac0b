//! A relay with its driver, its clients and its peers, all made of bytes: what the relay targets run.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use hilum::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr, RelayedAddr, Transport, canonical_ip};
use hilum::auth::{
    Authenticator, Credentials, NonceKey, SharedSecret, StaticUser, ephemeral_password, ephemeral_username,
};
use hilum::policy::{PeerRules, Policy, Quota};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Event, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm, TransactionId,
};

use super::model::Model;

pub const PERMISSION_LIFETIME: Lifetime = Lifetime::from_secs(300);
pub const CHANNEL_LIFETIME: Lifetime = Lifetime::from_secs(600);
pub const RELAY_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
pub const RELAY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1));
/// An address that the policy denies inside a network that it allows.
pub const DENIED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
/// Small, so that a short input reaches it.
pub const QUOTA: Quota = Quota { total: 6, per_subject: 4 };
pub const MOST_PERMISSIONS: usize = 4;
pub const MOST_CHANNELS: usize = 3;
const REALM: &str = "hilum";
const PASSWORD: &str = "a long enough password";
const START: UnixTime = UnixTime::from_secs(1_700_000_000);

fn secret() -> SharedSecret {
    SharedSecret::new(b"the secret that signs credentials".to_vec()).expect("long enough")
}

/// Made once: it does not change, and making it costs more than most inputs.
static AUTHENTICATOR: LazyLock<Arc<Authenticator>> = LazyLock::new(|| {
    let user = |name: &str| StaticUser { name: name.into(), password: PASSWORD.into() };
    let credentials = Credentials::new(vec![user("alice"), user("bob")], vec![secret()]).expect("two users");
    Arc::new(Authenticator::new(REALM, credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600)))
});

/// Users, the last one with a credential that ends 400 s after the start.
static USERS: LazyLock<[(String, String); 3]> = LazyLock::new(|| {
    let name = ephemeral_username(START.plus_secs(400), "visit");
    let password = ephemeral_password(&secret(), name.as_bytes());
    [("alice".into(), PASSWORD.into()), ("bob".into(), PASSWORD.into()), (name, password)]
});

fn policy(strict: bool) -> Arc<Policy> {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a network")).collect();
    let deny: &[&str] = if strict { &["203.0.113.0/24"] } else { &["203.0.113.66/32"] };
    let peers = PeerRules::new(
        networks(&["203.0.113.0/24", "2001:db8:2::/48"]),
        networks(deny),
        1024,
        vec![RELAY_V4, RELAY_V6],
    );
    Arc::new(Policy {
        peers,
        quota: QUOTA,
        challenges_per_second: 1_000_000,
        seal: hilum::policy::seal::Settings { mode: hilum::policy::seal::Mode::Off, ..Default::default() },
    })
}

fn settings() -> Settings {
    Settings {
        permission_lifetime: PERMISSION_LIFETIME,
        channel_lifetime: CHANNEL_LIFETIME,
        max_permissions: MOST_PERMISSIONS,
        max_channels: MOST_CHANNELS,
        spare_ports: 2,
        spare_pairs: 1,
        proxies: vec!["10.0.0.7".parse().expect("a network")],
        ..Settings::default()
    }
}

/// The one spelling of an address that our model speaks of.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(canonical_ip(address.ip()), address.port())
}

/// The bytes of an input, used up from the front. When they are gone, everything is the first choice.
pub struct Program<'p>(pub &'p [u8]);

impl<'p> Program<'p> {
    pub fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// One of several.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// Up to 63 bytes, their number first.
    pub fn bytes(&mut self) -> &'p [u8] {
        let length = usize::from(self.byte() % 64).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

pub struct World {
    pub relay: Relay,
    pub common: Arc<Common>,
    pub model: Model,
    pub now: Now,
    /// What the driver has open.
    pub open: HashMap<PortKey, SocketAddr>,
    pub last_token: [u8; 8],
    slot: Slot,
    next_key: u32,
    next_port: u16,
    next_transaction: u64,
}

impl World {
    pub fn new() -> Self {
        let common = Common::new(QUOTA, &[RELAY_V4, RELAY_V6]);
        let relay = Relay::new(settings(), Arc::clone(&AUTHENTICATOR), policy(false), Arc::clone(&common), [42; 32]);
        let mut world = Self {
            relay,
            common,
            model: Model::default(),
            now: Now { moment: Moment::from_secs(1000), unix: START },
            open: HashMap::new(),
            last_token: [0; 8],
            slot: Slot::new(),
            next_key: 3,
            next_port: 50_000,
            next_transaction: 1,
        };
        world.turn();
        world
    }

    /// The clients: three over UDP, one of them IPv6, and one each over TCP and TLS.
    pub fn client(index: u8) -> FiveTuple {
        let over = |address: &str, link| {
            let client = ClientAddr::new(address.parse().expect("an address"));
            FiveTuple { client, link }
        };
        match index % 5 {
            0 => over("192.0.2.10:4000", Link::Udp(0)),
            1 => over("192.0.2.10:4001", Link::Udp(0)),
            2 => over("[2001:db8:9::1]:4000", Link::Udp(1)),
            3 => over("192.0.2.11:4000", Link::Stream(ConnectionId(1), Transport::Tcp)),
            _ => over("192.0.2.11:4000", Link::Stream(ConnectionId(2), Transport::Tls)),
        }
    }

    /// A peer's address: reachable, forbidden, spelled in another way, or one of our own.
    pub fn peer(&self, program: &mut Program<'_>) -> SocketAddr {
        let choice = program.byte();
        let text = match choice % 14 {
            0 => "203.0.113.1:5000",
            1 => "203.0.113.1:5001",
            2 => "203.0.113.2:5000",
            3 => "[2001:db8:2::1]:5000",
            4 => "203.0.113.1:80",
            5 => "[::ffff:203.0.113.1]:5000",
            6 => "[2002:cb00:7101::]:5000",
            7 => "[64:ff9b::127.0.0.1]:5000",
            8 => "127.0.0.1:5000",
            9 => "203.0.113.66:5000",
            10 => "198.51.100.1:3478",
            11 => "10.1.2.3:5000",
            12 => return self.model.relayed_of(&Self::client(choice >> 4)).unwrap_or(DENIED_SOCKET),
            _ => "[2001:db8:2::2]:5000",
        };
        text.parse().expect("an address")
    }

    /// What a driver does after each batch.
    pub fn turn(&mut self) {
        self.relay.tick(self.now);
        assert!(self.relay.deadline().is_none_or(|deadline| deadline > self.now.moment), "a tick left something to do");
        while let Some(port) = self.relay.take_closed() {
            let address = self.open.remove(&port.key()).expect("a port came back twice");
            assert_eq!(address, port.relayed().socket());
            assert!(!self.model.relayed().contains(&address), "the port of a live allocation came back");
            assert!(!self.common.is_live(PeerAddr::canonical(address)), "a dead port counts as a live one");
        }
        for pool in Pool::ALL {
            for _ in 0..self.relay.wanted(pool) {
                let opened = self.open_ports(pool);
                self.relay.supply(opened);
            }
            assert_eq!(self.relay.wanted(pool), 0, "the supply is not filled by what it wants");
        }
        while let Some(event) = self.relay.take_event() {
            if let Event::Refused { client, .. } = event {
                assert!((0..5).any(|index| Self::client(index) == client));
            }
        }
    }

    fn open_ports(&mut self, pool: Pool) -> Opened {
        // Numbers come around again; a number that is open is not opened a second time.
        let even = self.next_port.next_multiple_of(2);
        self.next_port = if even > 60_000 { 50_000 } else { even + 2 };
        let (Pool::Single(family) | Pool::Pair(family)) = pool;
        let ip = if family == Family::V4 { RELAY_V4 } else { RELAY_V6 };
        let mut port = |number: u16| {
            let key = PortKey(self.next_key);
            self.next_key += 1;
            let relayed = SocketAddr::new(ip, number);
            self.open.insert(key, relayed);
            Port::new(key, RelayedAddr::new(relayed))
        };
        match pool {
            Pool::Single(_) => Opened::Single(port(even)),
            Pool::Pair(_) => Opened::Pair(port(even), port(even + 1)),
        }
    }

    /// Time passes and nobody calls `tick`, as when a driver is busy: what has run out is over all the same.
    pub fn advance_without_tick(&mut self, seconds: u64) {
        self.now.moment = self.now.moment + core::time::Duration::from_secs(seconds);
        self.now.unix = self.now.unix.plus_secs(seconds);
        self.model.pass(self.now.moment);
    }

    pub fn advance(&mut self, seconds: u64) {
        self.advance_without_tick(seconds);
        self.turn();
    }

    pub fn reload(&mut self, strict: bool) {
        self.relay.reload(settings(), Arc::clone(&AUTHENTICATOR), policy(strict));
        self.model.reloaded(strict);
    }

    /// Gives the relay one datagram, and returns what became of it.
    pub fn judge(&mut self, bytes: &[u8], origin: Origin) -> (Verdict, Vec<u8>) {
        self.slot.fill_from(bytes, origin);
        self.relay.handle(&mut self.slot, self.now);
        (self.slot.verdict(), self.slot.message().to_vec())
    }

    pub fn key_of(&self, relayed: SocketAddr) -> Option<PortKey> {
        self.open.iter().find(|(_, address)| **address == relayed).map(|(key, _)| *key)
    }

    pub fn transaction(&mut self) -> TransactionId {
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.next_transaction.to_be_bytes());
        self.next_transaction += 1;
        TransactionId(id)
    }

    /// The nonce that a client is challenged with now.
    pub fn nonce(&mut self, client: FiveTuple) -> Vec<u8> {
        let mut buffer = [0; 256];
        let transaction = self.transaction();
        let length = MessageWriter::new(&mut buffer, Class::Request, Method::Refresh, transaction)
            .attribute(AttributeType::SOFTWARE, &[b'x'; 100])
            .finish()
            .expect("room");
        let (verdict, answer) = self.judge(&buffer[..length], Origin::Client(client));
        assert_eq!(verdict, Verdict::ToClient(client), "a stranger is challenged");
        let answer = Message::parse(&answer).expect("an answer is a message");
        answer.value(AttributeType::NONCE).expect("a challenge has a nonce").to_vec()
    }
}

const DENIED_SOCKET: SocketAddr = SocketAddr::new(DENIED, 5000);

/// Adds one attribute, most of them with a value that means something.
pub fn add_attribute(program: &mut Program<'_>, world: &World, writer: &mut MessageWriter<'_>, id: TransactionId) {
    use AttributeType as T;
    match program.byte() % 16 {
        0 => writer.attribute(T::REQUESTED_TRANSPORT, &[program.byte(), 0, 0, 0]),
        1 => {
            let seconds = program.of(&[0, 1, 599, 600, 601, 1000, 3600, 3601, u32::MAX]);
            writer.number(T::LIFETIME, seconds)
        }
        2 => writer.attribute(T::EVEN_PORT, &[program.byte()]),
        3 => writer.attribute(T::DONT_FRAGMENT, &[]),
        4 => writer.attribute(T::REQUESTED_ADDRESS_FAMILY, &[program.of(&[1, 2, 0, 3]), 0, 0, 0]),
        5 => writer.attribute(T::ADDITIONAL_ADDRESS_FAMILY, &[program.of(&[2, 1, 0, 3]), 0, 0, 0]),
        6 => writer.attribute(T::RESERVATION_TOKEN, &world.last_token),
        7 | 8 => writer.xor_address(T::XOR_PEER_ADDRESS, world.peer(program), id),
        9 => {
            let number = program.of(&[0x4000_u32, 0x4001, 0x4002, 0x4003, 0x4FFF, 0x5000, 0x3FFF]);
            writer.number(T::CHANNEL_NUMBER, number << 16)
        }
        10 => writer.attribute(T::DATA, program.bytes()),
        11 => writer.attribute(T(0x7000 | u16::from(program.byte())), program.bytes()),
        12 => writer.attribute(T(0xF000 | u16::from(program.byte())), program.bytes()),
        13 => writer.attribute(T::KNOWN[usize::from(program.byte()) % T::KNOWN.len()], program.bytes()),
        14 => writer.attribute(T::SOFTWARE, program.bytes()),
        _ => writer.attribute(T::PASSWORD_ALGORITHM, &[0, program.byte() % 4, 0, 0]),
    };
}

/// Signs with the credential of a user. The proof is right unless the program says otherwise.
pub fn sign(user: u8, algorithm: PasswordAlgorithm, nonce: &[u8], writer: &mut MessageWriter<'_>) {
    let (name, password) = &USERS[usize::from(user) % USERS.len()];
    writer
        .attribute(AttributeType::USERNAME, name.as_bytes())
        .attribute(AttributeType::REALM, REALM.as_bytes())
        .attribute(AttributeType::NONCE, nonce);
    let kind = match algorithm {
        PasswordAlgorithm::Md5 => IntegrityKind::Sha1,
        PasswordAlgorithm::Sha256 => {
            writer
                .attribute(AttributeType::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER)
                .attribute(AttributeType::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
            IntegrityKind::Sha256
        }
    };
    writer.integrity(kind, &IntegrityKey::long_term(algorithm, name.as_bytes(), REALM.as_bytes(), password.as_bytes()));
}

/// A load balancer in front of the relay.
pub fn balancer() -> FiveTuple {
    FiveTuple { client: ClientAddr::new(SocketAddr::from(([10, 0, 0, 7], 30_000))), link: Link::Udp(0) }
}

/// What the balancer says of a datagram from there.
pub fn header_of(client: SocketAddr) -> Vec<u8> {
    let (family, ip, other): (u8, Vec<u8>, Vec<u8>) = match client.ip() {
        IpAddr::V4(ip) => (0x12, ip.octets().to_vec(), vec![192; 4]),
        IpAddr::V6(ip) => (0x22, ip.octets().to_vec(), vec![32; 16]),
    };
    let length = u8::try_from(ip.len() + other.len() + 4).expect("12 or 36");
    let ports = [client.port().to_be_bytes(), 443_u16.to_be_bytes()].concat();
    [b"\r\n\r\n\0\r\nQUIT\n".to_vec(), vec![0x21, family, 0, length], ip, other, ports].concat()
}

/// A peer's datagram for a relayed address.
pub fn from_peer(key: PortKey, peer: SocketAddr) -> Origin {
    Origin::Peer { port: key, peer: PeerAddr::canonical(peer) }
}
