//! A batch is its datagrams one by one. Two relays with the same seed hear the same: one in batches, the other one by
//! one, and that one forgets before each datagram whatever it has noted. Everything that comes out must be the same.

// The file stands on its own, so that it can be had without the rest of the client.
#[allow(dead_code, reason = "a test needs a part of it")]
#[allow(clippy::duplicate_mod, reason = "the core is tested without what is above it")]
#[path = "../../client/rehearsal.rs"]
mod rehearsal;

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU32;
use core::time::Duration;
use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use super::*;
use crate::addr::{ClientAddr, ConnectionId, FiveTuple, Link, RelayedAddr, Transport};
use crate::auth::{Authenticator, Credentials, Destinations, NonceKey, StaticUser, Terms};
use crate::policy::seal::{self, Mode};
use crate::policy::{PeerRules, Policy, Quota, RateLimit};
use crate::time::{Lifetime, Moment, UnixTime};
use crate::turn::{Common, Direction, Discard, EndCause, Opened, Pool, Port, PortKey, Settings, StrictPort, Verdict};
use crate::wire::attribute::Icmp;
use crate::wire::{
    AttributeType, ChannelNumber, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, write_channel_header,
};
use rehearsal::{Rehearsal, Side};

const REALM: &str = "hilum";
const CLIENTS: u8 = 8;
const OWN: [u8; 4] = [198, 51, 100, 1];

/// Two relays that must not differ.
struct Twins {
    batched: Relay,
    plain: Relay,
    now: Now,
    chance: ChaCha12Rng,
    next_port: u16,
    nonce: Vec<u8>,
    /// By client: the relayed address that it was told last.
    relayed: [Option<SocketAddr>; CLIENTS as usize],
    call: Rehearsal,
    sequence: u32,
}

type Datagram = (Vec<u8>, Origin);

fn client(number: u8) -> FiveTuple {
    let address = match number % 4 {
        0 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)], 4000)),
        _ => SocketAddr::from(([192, 0, 2, 7], 4000 + u16::from(number))),
    };
    let link = match number % 4 {
        3 => Link::Stream(ConnectionId(u64::from(number)), Transport::Tls),
        _ => Link::Udp(u16::from(number % 2)),
    };
    FiveTuple { client: ClientAddr::new(address), link }
}

fn outside(number: u32) -> SocketAddr {
    SocketAddr::from((
        [93, 184, 215, 14 + u8::try_from(number / 2).unwrap()],
        5000 + u16::try_from(number % 2).unwrap(),
    ))
}

fn authenticator(reach: Destinations) -> Arc<Authenticator> {
    let user = |number| StaticUser { name: format!("user {}", number / 2), password: "secret".into() };
    let credentials = Credentials::new((0..CLIENTS).step_by(2).map(user).collect(), Vec::new()).unwrap();
    let authenticator = Authenticator::new(REALM, credentials, NonceKey::new([1; 32]), Lifetime::from_secs(3600));
    Arc::new(authenticator.with_terms(Terms { reach, ..Terms::default() }))
}

fn policy(deny: &[&str], mode: Mode) -> Arc<Policy> {
    let deny = deny.iter().map(|network| network.parse().unwrap()).collect();
    Arc::new(Policy {
        peers: PeerRules::new(Vec::new(), deny, 1024, vec![OWN.into()]),
        quota: Quota::default(),
        challenges_per_second: 1_000_000,
        seal: seal::Settings { mode, ..seal::Settings::default() },
    })
}

fn settings(rate: Option<u32>, strict_port: StrictPort) -> Settings {
    let user_rate = RateLimit { kbps: rate.and_then(NonZeroU32::new), packets: None };
    Settings { spare_ports: 3, spare_pairs: 0, user_rate, strict_port, ..Settings::default() }
}

impl Twins {
    fn new(seed: u8, mode: Mode) -> Self {
        let relay = || {
            let common = Common::with_addresses(Quota::default(), &[IpAddr::from(OWN)], &(40_000..=65_535), &[]);
            let settings = settings(None, StrictPort::Tokens);
            Relay::new(settings, authenticator(Destinations::Anywhere), policy(&[], mode), common, [seed; 32])
        };
        Self {
            batched: relay(),
            plain: relay(),
            now: Now { moment: Moment::from_secs(10), unix: UnixTime::from_secs(1_700_000_000) },
            chance: ChaCha12Rng::from_seed([seed; 32]),
            next_port: 40_000,
            nonce: Vec::new(),
            relayed: [None; CLIENTS as usize],
            call: Rehearsal::new([5; 24]),
            sequence: 0,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.chance.next_u32() % bound
    }

    /// Both hear the datagrams, and do the same; what was answered.
    fn hear(&mut self, datagrams: &[Datagram]) -> Vec<(Verdict, Vec<u8>)> {
        let slot = |(bytes, origin): &Datagram| {
            let mut slot = Slot::new();
            slot.fill_from(bytes, *origin);
            slot
        };
        let mut batch: Vec<Slot> = datagrams.iter().map(slot).collect();
        self.batched.handle_batch(&mut batch, self.now);
        for (datagram, batched) in datagrams.iter().zip(&batch) {
            let mut alone = slot(datagram);
            // Whoever may change everything forgets everything.
            self.plain.table.iter_mut().for_each(drop);
            self.plain.handle(&mut alone, self.now);
            assert_eq!(batched.verdict(), alone.verdict());
            assert_eq!(batched.message(), alone.message());
        }
        self.compare();
        batch.iter().map(|slot| (slot.verdict(), slot.message().to_vec())).collect()
    }

    fn both(&mut self, mut what: impl FnMut(&mut Relay, Now)) {
        what(&mut self.batched, self.now);
        what(&mut self.plain, self.now);
        self.compare();
    }

    fn compare(&mut self) {
        let Self { batched, plain, now, .. } = self;
        assert_eq!(batched.tally(), plain.tally());
        assert_eq!(batched.allocations(), plain.allocations());
        assert_eq!(batched.deadline(), plain.deadline());
        for _ in 0..100 {
            assert_eq!(batched.take_owned(), plain.take_owned());
            assert_eq!(batched.take_closed(), plain.take_closed());
            assert_eq!(batched.take_event(), plain.take_event());
        }
        assert_eq!(batched.take_event(), None);
        assert_eq!(batched.survey(None, 0, 1000, *now), plain.survey(None, 0, 1000, *now));
        while batched.wanted(Pool::ALL[0]) > 0 {
            let relayed = SocketAddr::new(OWN.into(), self.next_port);
            let port = || Port::new(PortKey(u32::from(self.next_port) - 39_000), RelayedAddr::new(relayed));
            batched.supply(Opened::Single(port()));
            plain.supply(Opened::Single(port()));
            self.next_port += 1;
        }
    }

    fn request(
        &self,
        number: u8,
        method: Method,
        attributes: &[(AttributeType, Vec<u8>)],
        peer: Option<SocketAddr>,
    ) -> Datagram {
        let mut buffer = [0; 512];
        let transaction = TransactionId([number; 12]);
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, transaction);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        if let Some(peer) = peer {
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, transaction);
        }
        let user = format!("user {}", number / 2);
        let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, user.as_bytes(), REALM.as_bytes(), b"secret");
        writer
            .attribute(AttributeType::USERNAME, user.as_bytes())
            .attribute(AttributeType::REALM, REALM.as_bytes())
            .attribute(AttributeType::NONCE, &self.nonce)
            .integrity(IntegrityKind::Sha1, &key);
        let length = writer.finish().unwrap();
        (buffer.get(..length).unwrap().to_vec(), Origin::Client(client(number)))
    }

    fn allocate(&self, number: u8) -> Datagram {
        self.request(number, Method::Allocate, &[(AttributeType::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])], None)
    }

    fn bind(&self, number: u8, channel: u8, peer: SocketAddr) -> Datagram {
        let channel = (AttributeType::CHANNEL_NUMBER, vec![0x40, channel, 0, 0]);
        self.request(number, Method::ChannelBind, &[channel], Some(peer))
    }

    fn data(number: u8, channel: u8, payload: &[u8]) -> Datagram {
        let channel = ChannelNumber::new(0x4000 + u16::from(channel)).unwrap();
        let header = write_channel_header(channel, u16::try_from(payload.len()).unwrap());
        let mut message = [&header[..], payload].concat();
        if client(number).link.transport().is_stream() {
            message.resize(message.len().next_multiple_of(4), 0);
        }
        (message, Origin::Client(client(number)))
    }

    fn indication(number: u8, peer: SocketAddr, payload: &[u8]) -> Datagram {
        let mut buffer = [0; 2048];
        let transaction = TransactionId([number; 12]);
        let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, transaction);
        writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, transaction).attribute(AttributeType::DATA, payload);
        let length = writer.finish().unwrap();
        (buffer.get(..length).unwrap().to_vec(), Origin::Client(client(number)))
    }

    /// Somebody outside, or another client.
    fn peer(&mut self) -> SocketAddr {
        let number = self.below(10);
        let other = usize::try_from(number.wrapping_sub(4)).unwrap_or(usize::MAX);
        let other = self.relayed.get(other).copied().flatten();
        other.unwrap_or_else(|| outside(number % 4))
    }

    fn payload(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let step = usize::try_from(self.below(4)).unwrap();
        match self.below(12) {
            0 => self.call.handshake().into_iter().nth(step).unwrap().1,
            1 => self.call.unsealed(self.sequence, 100),
            2 => vec![200; 3],
            3 => vec![0x80, 200, 0, 1, 0, 0, 0, 1],
            _ => self.call.sealed(self.sequence, 30 + 300 * step),
        }
    }

    /// The key of the port that has a relayed address.
    fn port(relayed: Option<SocketAddr>) -> PortKey {
        PortKey(relayed.map_or(1, |relayed| u32::from(relayed.port()).saturating_sub(39_000)))
    }

    fn datagram(&mut self) -> Datagram {
        let number = u8::try_from(self.below(u32::from(CLIENTS))).unwrap();
        let channel = u8::try_from(self.below(3)).unwrap();
        let (peer, payload) = (self.peer(), self.payload());
        let relayed = self.relayed.get(usize::from(number)).copied().flatten();
        match self.below(40) {
            0 => self.allocate(number),
            1 => self.bind(number, channel, peer),
            2 => self.request(number, Method::CreatePermission, &[], Some(peer)),
            3 => {
                let lifetime = vec![0, 0, 0, if self.below(3) == 0 { 0 } else { 200 }];
                self.request(number, Method::Refresh, &[(AttributeType::LIFETIME, lifetime)], None)
            }
            4..=6 => Self::indication(number, peer, &payload),
            7 => {
                let from = RelayedAddr::new(peer);
                let to = RelayedAddr::new(relayed.unwrap_or(peer));
                let serial = self.batched.common.own().locate(PeerAddr::canonical(to.socket()));
                let serial = serial.map_or(1, |located| located.serial) ^ u32::from(self.below(8) == 0);
                (payload, Origin::Shard { from, to, serial })
            }
            8 => {
                let icmp = Icmp { kind: 3, code: 1, data: 0 };
                (Vec::new(), Origin::PeerError { port: Self::port(relayed), peer: PeerAddr::canonical(peer), icmp })
            }
            9..=19 => {
                let peer = if self.below(4) == 0 { peer } else { outside(u32::from(number % 4)) };
                (payload, Origin::Peer { port: Self::port(relayed), peer: PeerAddr::canonical(peer) })
            }
            _ => Self::data(number, channel, &payload),
        }
    }

    /// A call that is set up: allocations, channels to each other and to somebody outside, a handshake on each.
    fn set_up(&mut self, number: u8) {
        let challenge =
            self.hear(&[self.request(number, Method::Allocate, &[(AttributeType(0xC000), vec![0; 64])], None)]);
        if let Some(nonce) = Message::parse(&challenge[0].1).unwrap().value(AttributeType::NONCE) {
            self.nonce = nonce.to_vec();
        }
        for each in [number, number ^ 1] {
            let (_, answer) = self.hear(&[self.allocate(each)]).swap_remove(0);
            let answer = Message::parse(&answer).unwrap();
            if let Some(Ok(relayed)) = answer.xor_address(AttributeType::XOR_RELAYED_ADDRESS) {
                self.relayed[usize::from(each)] = Some(relayed);
            }
        }
        let ends = [number, number ^ 1].map(|each| self.relayed[usize::from(each)]);
        let [Some(one), Some(other)] = ends else { return };
        let requests = [
            self.bind(number, 0, other),
            self.bind(number ^ 1, 0, one),
            self.bind(number, 1, outside(u32::from(number % 4))),
        ];
        self.hear(&requests);
        for (side, datagram) in self.call.handshake() {
            let from = if side == Side::Client { number } else { number ^ 1 };
            self.hear(&[Self::data(from, 0, &datagram)]);
            let peer = PeerAddr::canonical(outside(u32::from(number % 4)));
            self.hear(&[match side {
                Side::Client => Self::data(number, 1, &datagram),
                Side::Server => (datagram, Origin::Peer { port: Self::port(Some(one)), peer }),
            }]);
        }
    }

    /// Now and then something happens that is no datagram.
    fn happen(&mut self, mode: Mode) {
        match self.below(24) {
            0 => {
                let reach = if self.below(2) == 0 { Destinations::Clients } else { Destinations::Anywhere };
                let (denies, limited, strict) = (self.below(3) == 0, self.below(2) == 0, self.below(2) == 0);
                let deny: &[&str] = if denies { &["93.184.215.14/32"] } else { &[] };
                let settings =
                    settings(limited.then_some(8), if strict { StrictPort::Always } else { StrictPort::Never });
                self.both(|relay, _| relay.reload(settings.clone(), authenticator(reach), policy(deny, mode)));
            }
            1 => {
                let connection = ConnectionId(u64::from(3 + 4 * self.below(2)));
                self.both(|relay, now| relay.connection_closed(connection, now));
            }
            2 if self.below(4) == 0 => self.both(|relay, now| relay.end_all(EndCause::Ended, now)),
            3..=5 => {
                let seconds = u64::from(self.below(250));
                self.now.moment = self.now.moment + Duration::from_secs(seconds);
                self.now.unix = self.now.unix.plus_secs(seconds);
            }
            6..=9 => self.both(Relay::tick),
            _ => {
                self.now.moment = self.now.moment + Duration::from_millis(u64::from(self.below(300)));
            }
        }
    }
}

#[test]
fn a_batch_is_its_datagrams_one_by_one_and_what_is_noted_changes_nothing() {
    let mut carried = [0; 4];
    for (seed, mode) in (0..24).zip(Mode::ALL.into_iter().cycle()) {
        let mut twins = Twins::new(seed, mode);
        for round in 0..40 {
            if round % 2 == 0 {
                let number = u8::try_from(twins.below(u32::from(CLIENTS))).unwrap();
                twins.set_up(number);
            }
            let length = match twins.below(3) {
                0 => 1 + twins.below(3),
                _ => 1 + twins.below(150),
            };
            let batch: Vec<Datagram> = (0..length).map(|_| twins.datagram()).collect();
            twins.hear(&batch);
            twins.happen(mode);
        }
        let tally = twins.batched.tally();
        let ways = [Direction::ToPeer, Direction::FromPeer, Direction::Inside];
        for (carried, way) in carried.iter_mut().zip(ways) {
            *carried += Transport::ALL.map(|transport| tally.traffic(transport, way).packets).iter().sum::<u64>();
        }
        carried[3] += tally.discards(Discard::Rate) + tally.discards(Discard::PeerPort);
    }
    let [up, down, inside, refused] = carried;
    assert!(up.min(down) > 1000 && inside > 200 && refused > 0, "what is to be compared happens: {carried:?}");
}
