//! A relay with many clients, each with a channel to one peer and a flow that is open under the seal.

// The file stands on its own, so that it can be had without the rest of the client.
#[allow(dead_code, reason = "a bench needs a part of it")]
#[path = "../../src/client/rehearsal.rs"]
mod rehearsal;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use hilum::addr::{ClientAddr, FiveTuple, Link, PeerAddr, RelayedAddr};
use hilum::auth::{
    Authenticator, Credentials, Destinations, NonceKey, SharedSecret, Terms, ephemeral_password, ephemeral_username,
};
use hilum::policy::{PeerRules, Policy, Quota, seal};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Opened, Origin, Pool, Port, PortKey, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, ChannelNumber, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, write_channel_header,
};
use rehearsal::{Rehearsal, Side};

const REALM: &str = "hilum";
const TRANSACTION: TransactionId = TransactionId([1; 12]);
/// What the system hands over at once.
pub const BATCH: usize = 64;
/// Bytes of a packet: voice.
const SIZE: usize = 172;
/// The start of a packet is another one for each forward, of this many: a header and what the seal may look at.
const HEADS: usize = 1024;
const HEAD: usize = 12 + 48;
/// Packets of each sender before anything is measured: its first ones are looked at more closely than all that follow.
const SETTLED: usize = 20;
/// Relayed addresses, and the ports that are opened on each.
const ADDRESSES: u8 = 4;
const OPENED: RangeInclusive<u16> = 32_768..=65_535;

/// Whom the clients talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// Each to somebody outside.
    Open,
    /// In pairs, to each other: nothing leaves the relay.
    Closed,
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client: to its peer, or to the other client.
    Up,
    /// From a peer outside.
    Down,
}

struct Member {
    client: FiveTuple,
    user: String,
    port: PortKey,
    relayed: SocketAddr,
    peer: PeerAddr,
    sequence: u16,
}

/// The relay, its clients, and a batch of slots.
pub struct Crowd {
    relay: Relay,
    slots: Vec<Slot>,
    now: Now,
    secret: SharedSecret,
    members: Vec<Member>,
    heads: Vec<[u8; HEAD]>,
    chance: u64,
}

impl Crowd {
    pub fn new(size: usize, peers: Peers) -> Self {
        let unix = UnixTime::from_secs(1_700_000_000);
        let mut crowd = Self {
            relay: relay(peers),
            slots: (0..BATCH).map(|_| Slot::new()).collect(),
            now: Now { moment: Moment::from_secs(10), unix },
            secret: secret(),
            members: Vec::new(),
            heads: Vec::new(),
            chance: 1,
        };
        let call = Rehearsal::new([5; 24]);
        let mut numbers = (1..).map(|number| call.sealed(number, HEAD));
        crowd.heads = (0..HEADS).map(|_| numbers.next().and_then(|packet| packet.try_into().ok()).unwrap()).collect();
        for slot in &mut crowd.slots {
            slot.receive_area()[..SIZE].fill(0xa5);
        }
        (0..u32::try_from(size).unwrap()).for_each(|number| crowd.allocate(number));
        (0..size).for_each(|member| crowd.bind(member, peers));
        assert_eq!(crowd.relay.allocations(), size);
        for member in 0..size {
            // Of a pair in a closed call the first one begins.
            let begins = peers == Peers::Open || member % 2 == 0;
            for (side, datagram) in call.handshake().into_iter().filter(|_| begins) {
                match (side, peers) {
                    (Side::Client, _) => crowd.pass(member, Way::Up, &datagram),
                    (Side::Server, Peers::Open) => crowd.pass(member, Way::Down, &datagram),
                    (Side::Server, Peers::Closed) => crowd.pass(member + 1, Way::Up, &datagram),
                }
            }
        }
        let ways: &[Way] = if peers == Peers::Open { &[Way::Up, Way::Down] } else { &[Way::Up] };
        for &way in ways {
            for first in (0..size * SETTLED).step_by(BATCH) {
                crowd.fill(way, |at, _| (first + at) % size);
                crowd.relay();
            }
        }
        crowd
    }

    fn allocate(&mut self, number: u32) {
        let [_, a, b, c] = number.to_be_bytes();
        let client = ClientAddr::new(SocketAddr::from(([10, a, b, c], 4000)));
        let user = ephemeral_username(UnixTime::from_secs(1_700_086_400), &number.to_string());
        // The number of a port is the place that it has on its address.
        let opened = u32::from(*OPENED.end() - *OPENED.start());
        let (on, place) = (number / opened, u16::try_from(number % opened).unwrap());
        let port = PortKey(number + 10);
        if self.relay.wanted(Pool::ALL[0]) > 0 {
            let relayed = SocketAddr::new(relayed(u8::try_from(on).unwrap()), OPENED.start() + place);
            self.relay.supply(Opened::Single(Port::new(port, RelayedAddr::new(relayed))));
        }
        let peer = PeerAddr::canonical(SocketAddr::from(([93, a, b, c], 5000)));
        let client = FiveTuple { client, link: Link::Udp(0) };
        self.members.push(Member { client, user, port, relayed: peer.socket(), peer, sequence: 0 });
        let member = self.members.len() - 1;
        let transport = (AttributeType::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]);
        let answer = self.ask(member, Method::Allocate, &[transport], None);
        let answer = Message::parse(&answer).unwrap();
        let relayed = answer.xor_address(AttributeType::XOR_RELAYED_ADDRESS).unwrap().unwrap();
        self.members[member].relayed = relayed;
        while let Some(_event) = self.relay.take_event() {}
        while let Some(_owned) = self.relay.take_owned() {}
    }

    fn bind(&mut self, member: usize, peers: Peers) {
        if peers == Peers::Closed {
            self.members[member].peer = PeerAddr::canonical(self.members[member ^ 1].relayed);
        }
        let peer = self.members[member].peer.socket();
        self.ask(member, Method::ChannelBind, &[(AttributeType::CHANNEL_NUMBER, vec![0x40, 0, 0, 0])], Some(peer));
    }

    fn ask(
        &mut self,
        member: usize,
        method: Method,
        attributes: &[(AttributeType, Vec<u8>)],
        peer: Option<SocketAddr>,
    ) -> Vec<u8> {
        let padding = (AttributeType(0xC000), vec![0; 64]);
        let challenge = self.send(member, method, &[padding], None, None);
        let nonce = Message::parse(&challenge).unwrap().value(AttributeType::NONCE).unwrap().to_vec();
        self.send(member, method, attributes, peer, Some(&nonce))
    }

    fn send(
        &mut self,
        member: usize,
        method: Method,
        attributes: &[(AttributeType, Vec<u8>)],
        peer: Option<SocketAddr>,
        nonce: Option<&[u8]>,
    ) -> Vec<u8> {
        let Member { user, client, .. } = &self.members[member];
        let mut buffer = [0; 1024];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, TRANSACTION);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        if let Some(peer) = peer {
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, TRANSACTION);
        }
        if let Some(nonce) = nonce {
            let (user, realm) = (user.as_bytes(), REALM.as_bytes());
            let password = ephemeral_password(&self.secret, user);
            let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, user, realm, password.as_bytes());
            writer
                .attribute(AttributeType::USERNAME, user)
                .attribute(AttributeType::REALM, realm)
                .attribute(AttributeType::NONCE, nonce)
                .integrity(IntegrityKind::Sha1, &key);
        }
        let length = writer.finish().unwrap();
        let slot = &mut self.slots[0];
        slot.fill_from(&buffer[..length], Origin::Client(*client));
        self.relay.handle(slot, self.now);
        assert!(matches!(slot.verdict(), Verdict::ToClient(_)), "{:?}", slot.verdict());
        let answer = Message::parse(slot.message()).unwrap();
        assert!(
            nonce.is_none() || answer.class() == Class::Success,
            "{method:?} is answered {:?}",
            answer.value(AttributeType::ERROR_CODE)
        );
        slot.message().to_vec()
    }

    /// Forwards one datagram.
    fn pass(&mut self, member: usize, way: Way, datagram: &[u8]) {
        let Member { client, port, peer, .. } = self.members[member];
        let slot = &mut self.slots[0];
        match way {
            Way::Up => {
                let header = write_channel_header(ChannelNumber::FIRST, u16::try_from(datagram.len()).unwrap());
                slot.fill_from(&[&header[..], datagram].concat(), Origin::Client(client));
            }
            Way::Down => slot.fill_from(datagram, Origin::Peer { port, peer }),
        }
        self.relay.handle(slot, self.now);
        assert!(!matches!(slot.verdict(), Verdict::Discard(_)), "{:?}", slot.verdict());
        while let Some(_event) = self.relay.take_event() {}
    }

    /// Fills a batch with packets of members drawn at random.
    pub fn draw(&mut self, way: Way) {
        let members = u64::try_from(self.members.len()).unwrap();
        self.fill(way, |_, chance| {
            // SplitMix64.
            *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *chance;
            word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((word >> 16) % members).unwrap()
        });
    }

    /// Fills a batch with packets of the members that `which` names, as the system does.
    fn fill(&mut self, way: Way, mut which: impl FnMut(usize, &mut u64) -> usize) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let member = &mut self.members[which(at, &mut self.chance)];
            member.sequence = member.sequence.wrapping_add(1);
            let head = self.heads[(usize::from(member.sequence) + at * 7) % HEADS];
            let area = slot.receive_area();
            let start = if way == Way::Up { 4 } else { 0 };
            area[start..start + HEAD].copy_from_slice(&head);
            area[start + 2..start + 4].copy_from_slice(&member.sequence.to_be_bytes());
            match way {
                Way::Up => {
                    area[..4].copy_from_slice(&write_channel_header(ChannelNumber::FIRST, SIZE as u16));
                    slot.fill(4 + SIZE, Origin::Client(member.client));
                }
                Way::Down => slot.fill(SIZE, Origin::Peer { port: member.port, peer: member.peer }),
            }
        }
    }

    /// What is measured: a batch, judged.
    pub fn relay(&mut self) {
        self.relay.handle_batch(&mut self.slots, self.now);
    }

    /// Whether all of the last batch went on.
    pub fn went_on(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot.verdict(), Verdict::ToClient(_) | Verdict::ToPeer { .. }))
    }
}

fn relayed(on: u8) -> IpAddr {
    [198, 51, 100, 1 + on].into()
}

fn secret() -> SharedSecret {
    SharedSecret::new(b"a secret of the bench, long enough".to_vec()).unwrap()
}

fn relay(peers: Peers) -> Relay {
    let credentials = Credentials::new(Vec::new(), vec![secret()]).unwrap();
    let reach = if peers == Peers::Open { Destinations::Anywhere } else { Destinations::Clients };
    let authenticator = Authenticator::new(REALM, credentials, NonceKey::new([1; 32]), Lifetime::from_secs(600))
        .with_terms(Terms { reach, ..Terms::default() });
    let quota = Quota { total: 1_000_000, per_subject: 32 };
    let addresses: Vec<IpAddr> = (0..ADDRESSES).map(relayed).collect();
    let policy = Policy {
        peers: PeerRules::new(Vec::new(), Vec::new(), 1024, addresses.clone()),
        quota,
        challenges_per_second: 1_000_000_000,
        seal: seal::Settings::default(),
    };
    let common = Common::with_addresses(quota, &addresses, &OPENED, &[]);
    let settings =
        Settings { spare_ports: 1, spare_pairs: 0, opens_ports: peers == Peers::Open, ..Settings::default() };
    Relay::new(settings, Arc::new(authenticator), Arc::new(policy), common, [3; 32])
}
