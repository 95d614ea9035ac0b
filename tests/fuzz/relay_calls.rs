//! Parties of two closed calls, one of whom also reaches a peer outside. An input is a program of requests, data, pauses
//! and revocations. Whatever they do: data stays within its call, arrives as it was sent, and only where both ends have
//! been granted it; nothing leaves for a peer outside but from the one who may.

#[allow(dead_code, reason = "the target needs a part of it")]
#[path = "../scenarios/issuer.rs"]
pub mod issuer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use hilum::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr, RelayedAddr, Transport};
use hilum::auth::token::PasswordKey;
use hilum::auth::{Authenticator, CallTokens, Credentials, NonceKey, Revocation, Revocations, Revoked};
use hilum::policy::{PeerRules, Policy, Quota, seal};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Direction, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, padded, write_channel_header,
};
use issuer::{PASSWORD_KEY, Token};

use super::relay::world::{CHANNEL_LIFETIME, PERMISSION_LIFETIME, Program, RELAY_V4};

const START: UnixTime = UnixTime::from_secs(1_700_000_000);
/// Steps of one program.
const MOST_STEPS: usize = 150;
/// Seconds that pass: those at which something ends, and those around.
const PAUSES: [u64; 8] = [1, 60, 299, 300, 301, 599, 601, 3700];
const OUTSIDE: &str = "203.0.113.5:7000";
const CALLS: [&str; 2] = ["one", "two"];
const CHANNELS: [u16; 3] = [0x4000, 0x4001, 0x4002];

/// Who is there: the place of the call, and what the token's bearer shows.
struct Party {
    call: usize,
    outward: bool,
    username: String,
    key: IntegrityKey,
}

/// Made once: signing costs more than most inputs.
static PARTIES: LazyLock<Vec<Party>> = LazyLock::new(|| {
    let party = |call: usize, label: &'static str, more: &'static str| {
        let username = Token { more, ..Token::new(CALLS[call], label) }.username();
        let password = PasswordKey::new(PASSWORD_KEY).password(username.as_bytes());
        let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, username.as_bytes(), b"hilum", password.as_bytes());
        Party { call, outward: !more.is_empty(), username, key }
    };
    let outward = r#","peers":["203.0.113.5"]"#;
    vec![party(0, "a", ""), party(0, "b", ""), party(0, "e", outward), party(1, "c", ""), party(1, "d", "")]
});

/// The client of each party; one of each call is on a stream.
fn client(party: usize) -> FiveTuple {
    let link = match party {
        1 => Link::Stream(ConnectionId(1), Transport::Tcp),
        4 => Link::Stream(ConnectionId(2), Transport::Tls),
        _ => Link::Udp(0),
    };
    FiveTuple { client: ClientAddr::new(([192, 0, 2, 10 + party as u8], 4000).into()), link }
}

/// What a party has been granted, and until when.
struct Granted {
    relayed: SocketAddr,
    until: Moment,
    permissions: HashMap<std::net::IpAddr, Moment>,
    channels: HashMap<u16, (SocketAddr, Moment)>,
}

impl Granted {
    fn permits(&self, peer: SocketAddr, now: Moment) -> bool {
        self.permissions.get(&peer.ip()).is_some_and(|until| *until > now)
    }

    /// The peer of a channel that lives.
    fn peer_of(&self, number: u16, now: Moment) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|(_, until)| *until > now).map(|(peer, _)| *peer)
    }
}

struct World {
    relay: Relay,
    revocations: Arc<Revocations>,
    now: Now,
    open: HashMap<PortKey, SocketAddr>,
    granted: [Option<Granted>; 5],
    slot: Slot,
    next: u32,
}

impl World {
    fn new() -> Self {
        let revocations = Arc::new(Revocations::new());
        let tokens = CallTokens::with_revocations(issuer::rules(), Arc::clone(&revocations)).reaching_outside(true);
        let credentials = Credentials::new(Vec::new(), Vec::new()).expect("none are needed");
        let authenticator = Authenticator::new("hilum", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600))
            .with_tokens(Some(Arc::new(tokens)));
        let quota = Quota { total: 20, per_subject: 4 };
        let policy = Policy {
            peers: PeerRules::new(vec!["203.0.113.0/24".parse().expect("a network")], Vec::new(), 1024, vec![RELAY_V4]),
            quota,
            challenges_per_second: 1_000_000,
            seal: seal::Settings { mode: seal::Mode::Off, ..seal::Settings::default() },
        };
        let settings = Settings { spare_ports: 2, spare_pairs: 0, ..Settings::default() };
        let common = Common::new(quota, &[RELAY_V4]);
        let mut world = Self {
            relay: Relay::new(settings, Arc::new(authenticator), Arc::new(policy), common, [42; 32]),
            revocations,
            now: Now { moment: Moment::from_secs(1000), unix: START },
            open: HashMap::new(),
            granted: [const { None }; 5],
            slot: Slot::new(),
            next: 1,
        };
        world.turn();
        world
    }

    /// What a driver does after each batch.
    fn turn(&mut self) {
        self.relay.tick(self.now);
        while let Some(port) = self.relay.take_closed() {
            self.open.remove(&port.key()).expect("a port came back twice");
        }
        while self.relay.wanted(Pool::Single(Family::V4)) > 0 {
            let (key, relayed) = (PortKey(self.next), SocketAddr::new(RELAY_V4, 50_000 + self.next as u16));
            self.next += 1;
            self.open.insert(key, relayed);
            self.relay.supply(Opened::Single(Port::new(key, RelayedAddr::new(relayed))));
        }
        while self.relay.take_event().is_some() {}
        let now = self.now.moment;
        for granted in &mut self.granted {
            granted.take_if(|granted| granted.until <= now);
        }
        let live = self.granted.iter().flatten().count();
        assert_eq!(self.relay.allocations(), live, "allocations are there that nobody was granted, or gone");
    }

    fn judge(&mut self, bytes: &[u8], origin: Origin) -> (Verdict, Vec<u8>) {
        self.slot.fill_from(bytes, origin);
        self.relay.handle(&mut self.slot, self.now);
        (self.slot.verdict(), self.slot.message().to_vec())
    }

    fn transaction(&mut self) -> TransactionId {
        self.next += 1;
        let [a, b, c, d] = self.next.to_be_bytes();
        TransactionId([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Somebody's relayed address, nobody's, or a peer outside.
    fn peer(&self, program: &mut Program<'_>) -> SocketAddr {
        let choice = usize::from(program.byte() % 7);
        match self.granted.get(choice) {
            Some(Some(granted)) => granted.relayed,
            Some(None) => SocketAddr::new(RELAY_V4, 2000),
            None => OUTSIDE.parse().expect("an address"),
        }
    }

    fn ask(&mut self, party: usize, method: Method, write: impl FnOnce(&mut MessageWriter<'_>, TransactionId)) {
        let mut buffer = [0; 2048];
        let id = self.transaction();
        let length = MessageWriter::new(&mut buffer, Class::Request, method, id)
            .attribute(AttributeType::SOFTWARE, &[b'x'; 100])
            .finish()
            .expect("room");
        let (_, challenge) = self.judge(&buffer[..length], Origin::Client(client(party)));
        let nonce = Message::parse(&challenge).expect("an answer").value(AttributeType::NONCE).map(<[u8]>::to_vec);
        let id = self.transaction();
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, id);
        write(&mut writer, id);
        let Party { username, key, .. } = &PARTIES[party];
        writer
            .attribute(AttributeType::USERNAME, username.as_bytes())
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, &nonce.expect("a stranger is challenged"))
            .integrity(IntegrityKind::Sha1, key);
        let length = writer.finish().expect("room");
        let (verdict, answer) = self.judge(&buffer[..length], Origin::Client(client(party)));
        assert_eq!(verdict, Verdict::ToClient(client(party)), "an answer goes to who asked");
        let (request, answer) = (Message::parse(&buffer[..length]), Message::parse(&answer));
        self.answered(party, &request.expect("it was written"), &answer.expect("an answer is a message"));
    }

    fn answered(&mut self, party: usize, request: &Message<'_>, answer: &Message<'_>) {
        if answer.class() != Class::Success {
            return;
        }
        let now = self.now.moment;
        let until = answer.value(AttributeType::LIFETIME).map(|value| {
            let seconds = u32::from_be_bytes(value.try_into().expect("four bytes"));
            now + Lifetime::from_secs(seconds)
        });
        let peer = request.xor_address(AttributeType::XOR_PEER_ADDRESS).map(|peer| peer.expect("it was written"));
        let place = &mut self.granted[party];
        match (request.method(), place) {
            (Method::Allocate, place) => {
                assert!(place.is_none(), "a second allocation on one five-tuple");
                let relayed =
                    answer.xor_address(AttributeType::XOR_RELAYED_ADDRESS).expect("it has one").expect("good");
                let opened = self.open.values().any(|open| *open == relayed);
                assert_eq!(opened, PARTIES[party].outward, "who stays inside has no port, and who goes out has one");
                let (permissions, channels) = (HashMap::new(), HashMap::new());
                *place = Some(Granted { relayed, until: until.expect("a lifetime"), permissions, channels });
            }
            (Method::Refresh, place) => match until {
                Some(until) if until > now => place.as_mut().expect("what is refreshed is there").until = until,
                _ => *place = None,
            },
            (method, place) => {
                let (granted, peer) = (place.as_mut().expect("an allocation"), peer.expect("a peer"));
                let inside = peer.ip() == RELAY_V4;
                assert!(inside || PARTIES[party].outward, "a peer outside was granted to who has none");
                granted.permissions.insert(peer.ip(), now + PERMISSION_LIFETIME);
                if method == Method::ChannelBind {
                    let value = request.value(AttributeType::CHANNEL_NUMBER).expect("a channel");
                    let number = u16::from_be_bytes([value[0], value[1]]);
                    granted.channels.insert(number, (peer, now + CHANNEL_LIFETIME));
                }
            }
        }
    }

    /// Data of a party, for a peer that the model names if it was granted one.
    fn says(&mut self, party: usize, sent: &[u8], peer: Option<SocketAddr>, data: &[u8]) {
        let now = self.now.moment;
        let (verdict, bytes) = self.judge(sent, Origin::Client(client(party)));
        if let Verdict::Discard(_) = verdict {
            let reaches = peer.is_some_and(|peer| self.reaches(party, peer).is_some());
            assert!(!reaches, "what was granted at both ends does not pass");
            return;
        }
        let granted = self.granted[party].as_ref().expect("data passes without an allocation");
        let peer = peer.expect("data passes without a channel");
        assert!(granted.permits(peer, now), "data passes without a permission");
        match verdict {
            Verdict::ToPeer { port, peer: to, .. } => {
                assert!(
                    PARTIES[party].outward && to.socket() == peer && peer.ip() != RELAY_V4,
                    "data leaves the relay"
                );
                assert_eq!((self.open.get(&port), bytes.as_slice()), (Some(&granted.relayed), data));
            }
            Verdict::ToClient(to) => {
                let receiver = self.reaches(party, peer).expect("data reaches somebody of another call, or nobody");
                assert_eq!(to, client(receiver), "data reaches somebody else");
                self.hears(receiver, granted.relayed, &bytes, data);
            }
            Verdict::ToShard { .. } | Verdict::Discard(_) => panic!("there is one shard"),
        }
    }

    /// Who gets what a party sends to a relayed address of ours.
    fn reaches(&self, party: usize, peer: SocketAddr) -> Option<usize> {
        let (now, from) = (self.now.moment, self.granted[party].as_ref()?);
        let receiver = self.granted.iter().position(|each| each.as_ref().is_some_and(|each| each.relayed == peer))?;
        let heard = self.granted[receiver].as_ref()?;
        let same = PARTIES[party].call == PARTIES[receiver].call && party != receiver;
        (same && from.permits(peer, now) && heard.permits(from.relayed, now)).then_some(receiver)
    }

    /// What arrives is what was sent, from whom it was sent.
    fn hears(&self, receiver: usize, from: SocketAddr, bytes: &[u8], data: &[u8]) {
        let granted = self.granted[receiver].as_ref().expect("it is heard");
        if let Ok(message) = ChannelData::parse(bytes) {
            assert_eq!(granted.peer_of(message.channel.number(), self.now.moment), Some(from), "another's channel");
            assert_eq!(message.data, data);
            let stream = client(receiver).link.transport().is_stream();
            assert_eq!(bytes.len(), 4 + if stream { padded(data.len()) } else { data.len() });
        } else {
            let message = Message::parse(bytes).expect("data arrives in ChannelData or in a message");
            assert_eq!((message.class(), message.method()), (Class::Indication, Method::Data));
            assert_eq!(message.value(AttributeType::DATA), Some(data));
            assert_eq!(message.xor_address(AttributeType::XOR_PEER_ADDRESS), Some(Ok(from)));
        }
    }

    fn revoke(&mut self, call: usize) {
        let what =
            Revoked::Call { issuer: "clinic".parse().expect("a word"), call: CALLS[call].parse().expect("a word") };
        let revocation = Revocation::new(what, self.now.unix, None);
        self.revocations.add(&revocation, self.now).expect("room");
        let ended = self.relay.revoke(&revocation, self.now);
        let mut expected = 0;
        for (party, granted) in PARTIES.iter().zip(&mut self.granted) {
            expected += usize::from(party.call == call && granted.take_if(|_| party.call == call).is_some());
        }
        assert_eq!(ended, expected);
    }
}

/// Runs a program.
pub fn relay_calls(bytes: &[u8]) {
    run_calls(bytes);
}

/// The same, and how many packets went from client to client and to peers outside.
pub fn run_calls(bytes: &[u8]) -> [u64; 2] {
    let mut program = Program(bytes);
    let mut world = World::new();
    for _ in 0..MOST_STEPS {
        let Some(operation) = program.next() else { break };
        let party = usize::from(operation & 7) % PARTIES.len();
        match operation >> 3 {
            0..=4 => {
                let transport = [17, 0, 0, 0];
                world.ask(party, Method::Allocate, |writer, _| {
                    writer.attribute(AttributeType::REQUESTED_TRANSPORT, &transport);
                });
            }
            5..=9 => {
                let (number, peer) = (program.of(&CHANNELS), world.peer(&mut program));
                world.ask(party, Method::ChannelBind, |writer, id| {
                    writer.number(AttributeType::CHANNEL_NUMBER, u32::from(number) << 16);
                    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id);
                });
            }
            10..=12 => {
                let peer = world.peer(&mut program);
                world.ask(party, Method::CreatePermission, |writer, id| {
                    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id);
                });
            }
            13 => {
                let lifetime = program.of(&[0, 600, 3600]);
                world.ask(party, Method::Refresh, |writer, _| {
                    writer.number(AttributeType::LIFETIME, lifetime);
                });
            }
            14..=20 => {
                let (number, data) = (program.of(&CHANNELS), program.bytes());
                let channel = ChannelNumber::new(number).expect("in range");
                let length = u16::try_from(data.len()).expect("up to 63");
                let sent = [&write_channel_header(channel, length)[..], data].concat();
                let granted = world.granted[party].as_ref();
                let peer = granted.and_then(|granted| granted.peer_of(number, world.now.moment));
                world.says(party, &sent, peer, data);
            }
            21..=24 => {
                let (peer, data, id) = (world.peer(&mut program), program.bytes(), world.transaction());
                let mut buffer = [0; 256];
                let length = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, id)
                    .xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id)
                    .attribute(AttributeType::DATA, data)
                    .finish()
                    .expect("room");
                world.says(party, &buffer[..length], Some(peer), data);
            }
            25 | 26 => from_outside(&mut program, &mut world),
            27 | 28 => {
                let seconds = program.of(&PAUSES);
                world.now.moment = world.now.moment + core::time::Duration::from_secs(seconds);
                world.now.unix = world.now.unix.plus_secs(seconds);
            }
            29 => world.revoke(usize::from(program.byte() == 255)),
            _ => {
                let noise = program.bytes();
                let (verdict, _) = world.judge(noise, Origin::Client(client(party)));
                assert!(!matches!(verdict, Verdict::ToPeer { .. }) || ChannelData::parse(noise).is_ok());
            }
        }
        world.turn();
    }
    let sum = |direction| Transport::ALL.map(|over| world.relay.tally().traffic(over, direction).packets).iter().sum();
    [sum(Direction::Inside), sum(Direction::ToPeer)]
}

/// A datagram from the peer outside, or under the name of one of our own addresses, to an open port.
fn from_outside(program: &mut Program<'_>, world: &mut World) {
    let Some((&key, &relayed)) = world.open.iter().min() else { return };
    let held = world.granted[2].as_ref().map(|granted| granted.relayed);
    let port = held.and_then(|held| world.open.iter().find(|(_, open)| **open == held));
    let (key, relayed) = port.map_or((key, relayed), |(key, open)| (*key, *open));
    let (peer, data) = (world.peer(program), program.bytes());
    let (verdict, bytes) = world.judge(data, Origin::Peer { port: key, peer: PeerAddr::canonical(peer) });
    match verdict {
        Verdict::Discard(_) => {}
        Verdict::ToClient(to) => {
            assert_eq!((to, Some(relayed)), (client(2), held), "who has no port hears nobody outside");
            let granted = world.granted[2].as_ref().expect("it is heard");
            assert!(granted.permits(peer, world.now.moment), "nobody permitted that peer");
            let own = world.granted.iter().flatten().any(|each| each.relayed == peer);
            assert!(!own || peer == relayed, "somebody bears the address of a client of ours");
            world.hears(2, peer, &bytes, data);
        }
        Verdict::ToPeer { .. } | Verdict::ToShard { .. } => panic!("what comes from outside goes to a client"),
    }
}
