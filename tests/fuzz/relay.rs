//! The state machine as a stranger sees it, and as someone with a credential sees it. An input is a program: a sequence
//! of datagrams, pauses and misfortunes, run against a real relay with real authentication, policy and quota.

#[path = "relay_model.rs"]
mod model;
#[path = "relay_world.rs"]
pub mod world;

use hilum::addr::{FiveTuple, Link, PeerAddr};
use hilum::turn::{EndCause, Origin, Tally, Verdict};
use hilum::wire::attribute::Icmp;
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, Message, MessageWriter, Method, PasswordAlgorithm, TransactionId,
    padded, write_channel_header,
};
use world::{Program, World, add_attribute, balancer, from_peer, header_of, sign};

/// Steps of one program: enough for several lives of an allocation, few enough to keep an execution short.
const MOST_STEPS: usize = 200;

/// Seconds that pass: those at which something ends, and those around.
const PAUSES: [u64; 13] = [1, 29, 30, 40, 99, 299, 300, 301, 599, 600, 3599, 3600, 5000];

/// Clients without a credential, beside one that has an allocation. Whatever they send: no answer is larger than three
/// times the datagram, nothing reaches a peer, nothing is allocated, and the other's allocation stays as it is.
pub fn relay_unauthenticated(bytes: &[u8]) {
    run_unauthenticated(bytes);
}

/// The same, and what the relay counted.
pub fn run_unauthenticated(bytes: &[u8]) -> Tally {
    let mut program = Program(bytes);
    let mut world = World::new();
    let victim = World::client(0);
    allocate(&mut world, victim);
    let (open, spare) = (world.open.len(), world.relay.tally().spare_ports);
    for _ in 0..MOST_STEPS {
        let Some(operation) = program.next() else { break };
        let client = World::client(1 + operation % 4);
        let mut answered = client;
        let (sent, verdict, answer) = match (operation >> 4) % 8 {
            0 => {
                // Time passes, but not so much that the victim's allocation ends by itself.
                if world.now.moment.as_secs() < 1300 {
                    world.advance(u64::from(program.byte() % 30));
                }
                continue;
            }
            1 => {
                let sent = program.bytes().to_vec();
                let (verdict, answer) = world.judge(&sent, Origin::Client(client));
                (sent, verdict, answer)
            }
            2 => {
                let sent = channel_data(&mut program);
                let (verdict, answer) = world.judge(&sent, Origin::Client(client));
                (sent, verdict, answer)
            }
            3 => {
                // A stranger who learned a good nonce of his own signs with a key that nobody has.
                let nonce = world.nonce(client);
                let sent = forged(&mut program, &mut world, &nonce);
                let (verdict, answer) = world.judge(&sent, Origin::Client(client));
                (sent, verdict, answer)
            }
            7 => {
                // Through a load balancer, as anybody: even as somebody at the victim's own address.
                answered = balancer();
                let mut header = header_of(World::client(program.byte()).client.socket());
                spoil(&mut program, &mut header);
                let sent = forged(&mut program, &mut world, b"a nonce of somebody else's");
                let (verdict, answer) = world.judge(&[header, sent.clone()].concat(), Origin::Client(answered));
                (sent, verdict, answer)
            }
            _ => {
                let sent = forged(&mut program, &mut world, b"a nonce of somebody else's");
                let (verdict, answer) = world.judge(&sent, Origin::Client(client));
                (sent, verdict, answer)
            }
        };
        match verdict {
            Verdict::ToClient(to) => {
                assert_eq!(to, answered, "an answer went to somebody else");
                assert!(answer.len() <= 3 * sent.len(), "{} bytes for {}", answer.len(), sent.len());
                assert_answers(&sent, &answer);
            }
            Verdict::ToPeer { .. } | Verdict::ToShard { .. } => panic!("a stranger reached a peer"),
            Verdict::Discard(_) => {}
        }
        world.turn();
        assert_eq!(world.relay.allocations(), 1, "a stranger changed what is allocated");
        assert_eq!(world.common.ledger().live(), 1);
        assert_eq!((world.open.len(), world.relay.tally().spare_ports), (open, spare), "a stranger cost a port");
        assert_eq!(world.relay.tally().permissions + world.relay.tally().channels, 0);
    }
    finish(world)
}

/// A datagram that claims everything and proves nothing.
fn forged(program: &mut Program<'_>, world: &mut World, nonce: &[u8]) -> Vec<u8> {
    let id = world.transaction();
    let class = program.of(&[Class::Request, Class::Request, Class::Indication, Class::Success, Class::Error]);
    let method = program.of(&Method::ALL);
    let mut buffer = [0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, class, method, id);
    for _ in 0..program.byte() % 6 {
        add_attribute(program, world, &mut writer, id);
    }
    let proof = program.byte();
    if proof & 1 != 0 {
        // Another user's name with a wrong password: the last user of three has neither of these passwords.
        writer
            .attribute(AttributeType::USERNAME, if proof & 2 != 0 { b"alice" } else { b"nobody" })
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, nonce);
        let kind = if proof & 4 != 0 { hilum::wire::IntegrityKind::Sha1 } else { hilum::wire::IntegrityKind::Sha256 };
        let key = hilum::wire::IntegrityKey::from_bytes(b"a guess").expect("short");
        writer.integrity(kind, &key);
    }
    if proof & 8 != 0 {
        writer.fingerprint();
    }
    let length = writer.finish().expect("room");
    let mut sent = buffer[..length].to_vec();
    spoil(program, &mut sent);
    sent
}

/// Changes bytes of a finished datagram, or cuts it; most often it is left alone.
fn spoil(program: &mut Program<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..program.byte().saturating_sub(200) % 8 {
        let at = usize::from(u16::from_be_bytes([program.byte(), program.byte()])) % bytes.len().max(1);
        if program.byte() == 255 {
            bytes.truncate(at);
        } else if let Some(byte) = bytes.get_mut(at) {
            *byte ^= program.byte();
        }
    }
}

fn channel_data(program: &mut Program<'_>) -> Vec<u8> {
    let number = program.of(&[0x4000, 0x4001, 0x4002, 0x4003, 0x4FFF]);
    let data = program.bytes();
    let length = u16::try_from(data.len()).expect("up to 63");
    let mut bytes = write_channel_header(ChannelNumber::new(number).expect("in range"), length).to_vec();
    bytes.extend_from_slice(data);
    spoil(program, &mut bytes);
    bytes
}

/// An answer is a message of the same transaction and method.
fn assert_answers(sent: &[u8], answer: &[u8]) {
    let request = Message::parse(sent).expect("what is answered is a message");
    let answer = Message::parse(answer).expect("an answer is a message");
    assert_eq!(request.class(), Class::Request, "what is no request was answered");
    assert!(matches!(answer.class(), Class::Success | Class::Error));
    assert_eq!((answer.method(), answer.transaction()), (request.method(), request.transaction()));
    assert_ne!(answer.fingerprint(), Some(false));
}

/// Clients with credentials, which they use well and badly. Whatever they send: data flows where an answer of ours has
/// allowed it and nowhere else, the books agree with each other, and every port comes back.
pub fn relay_authenticated(bytes: &[u8]) {
    run_authenticated(bytes);
}

/// The same, and what the relay counted.
pub fn run_authenticated(bytes: &[u8]) -> Tally {
    let mut program = Program(bytes);
    let mut world = World::new();
    let mut last: Option<(FiveTuple, Vec<u8>)> = None;
    for _ in 0..MOST_STEPS {
        let Some(operation) = program.next() else { break };
        let client = World::client(operation & 7);
        match operation >> 3 {
            0..=11 => {
                let sent = request(&mut program, &mut world, client);
                from_client(&mut world, client, &sent);
                last = Some((client, sent));
            }
            12..=15 => {
                let sent = send_indication(&mut program, &mut world);
                from_client(&mut world, client, &sent);
            }
            16..=18 => {
                let sent = channel_data(&mut program);
                from_client(&mut world, client, &sent);
            }
            19..=23 => peer_sends(&mut program, &mut world, client),
            24 => {
                let sent = program.bytes().to_vec();
                from_client(&mut world, client, &sent);
            }
            // The same datagram again, as a network may deliver it.
            25 => {
                if let Some((client, sent)) = &last {
                    from_client(&mut world, *client, sent);
                }
            }
            26 | 27 => world.advance(program.of(&PAUSES)),
            28 => {
                world.advance_without_tick(program.of(&PAUSES));
                continue;
            }
            29 => {
                if let Link::Stream(connection, _) = client.link {
                    world.relay.connection_closed(connection, world.now);
                    world.model.ended(&client);
                }
            }
            30 => {
                let strict = !world.model.strict;
                world.reload(strict);
            }
            _ => match program.byte() {
                255 => world.relay.drain(true),
                254 => {
                    world.relay.end_all(EndCause::Ended, world.now);
                    world.model.all_ended();
                }
                _ => {}
            },
        }
        world.turn();
        assert_books(&world);
    }
    finish(world)
}

/// A request with a proof that is usually right.
fn request(program: &mut Program<'_>, world: &mut World, client: FiveTuple) -> Vec<u8> {
    let method = program.of(&[Method::Allocate, Method::CreatePermission, Method::ChannelBind, Method::Refresh]);
    let nonce = world.nonce(client);
    let id = world.transaction();
    let shape = program.byte();
    let mut buffer = [0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, id);
    // What the method needs comes by itself, so that short programs get far; the program may leave it out.
    if shape & 0x80 == 0 {
        match method {
            Method::Allocate => {
                writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            }
            Method::CreatePermission => {
                writer.xor_address(AttributeType::XOR_PEER_ADDRESS, world.peer(program), id);
            }
            Method::ChannelBind => {
                let number = program.of(&[0x4000_u32, 0x4001, 0x4002, 0x4003]);
                writer.number(AttributeType::CHANNEL_NUMBER, number << 16);
                writer.xor_address(AttributeType::XOR_PEER_ADDRESS, world.peer(program), id);
            }
            Method::Refresh | Method::Binding | Method::Send | Method::Data => {}
        }
    }
    for _ in 0..shape & 3 {
        add_attribute(program, world, &mut writer, id);
    }
    let algorithm = if shape & 4 == 0 { PasswordAlgorithm::Md5 } else { PasswordAlgorithm::Sha256 };
    sign(shape >> 3 & 3, algorithm, &nonce, &mut writer);
    if shape & 0x40 != 0 {
        writer.fingerprint();
    }
    let length = writer.finish().expect("room");
    let mut sent = buffer[..length].to_vec();
    if shape & 0x20 != 0 {
        spoil(program, &mut sent);
    }
    sent
}

fn send_indication(program: &mut Program<'_>, world: &mut World) -> Vec<u8> {
    let id = world.transaction();
    let mut buffer = [0; 1024];
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, id);
    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, world.peer(program), id);
    writer.attribute(AttributeType::DATA, program.bytes());
    if program.byte() > 200 {
        add_attribute(program, world, &mut writer, id);
    }
    let length = writer.finish().expect("room");
    let mut sent = buffer[..length].to_vec();
    spoil(program, &mut sent);
    sent
}

/// One datagram of a client, and what may have come of it.
fn from_client(world: &mut World, client: FiveTuple, sent: &[u8]) {
    let (verdict, bytes) = world.judge(sent, Origin::Client(client));
    match verdict {
        Verdict::ToClient(to) => {
            assert_eq!(to, client, "an answer went to somebody else");
            assert_answers(sent, &bytes);
            let request = Message::parse(sent).expect("it was answered");
            let answer = Message::parse(&bytes).expect("it is an answer");
            world.model.answered(client, &request, &answer, world.now.moment);
            if let Some(token) = answer.value(AttributeType::RESERVATION_TOKEN) {
                world.last_token = token.try_into().expect("eight bytes");
            }
        }
        Verdict::ToShard { .. } => panic!("there is one shard"),
        Verdict::ToPeer { port, peer, .. } => {
            let from = *world.open.get(&port).expect("data leaves from an open port");
            world.model.assert_may_send(&client, from, peer.socket());
            if let Ok(data) = ChannelData::parse(sent) {
                assert_eq!(bytes, data.data);
                assert_eq!(world.model.peer_of(&client, data.channel.number()), Some(peer.socket()));
            } else {
                let message = Message::parse(sent).expect("data comes in ChannelData or in a message");
                assert_eq!((message.class(), message.method()), (Class::Indication, Method::Send));
                assert_eq!(message.value(AttributeType::DATA), Some(bytes.as_slice()));
            }
        }
        Verdict::Discard(_) => {
            if let Ok(data) = ChannelData::parse(sent) {
                // What was granted is also done.
                let peer = world.model.peer_of(&client, data.channel.number());
                assert!(peer.is_none_or(|peer| !world.may_send(&client, peer.ip())), "a channel swallowed data");
            }
        }
    }
}

impl World {
    fn may_send(&self, client: &FiveTuple, peer: std::net::IpAddr) -> bool {
        let own = [world::RELAY_V4, world::RELAY_V6].contains(&peer);
        // Toward our own addresses it also takes a living receiver.
        !own && self
            .model
            .relayed_of(client)
            .into_iter()
            .chain(self.model.relayed())
            .any(|relayed| self.model.receiver(relayed, (peer, 0).into()) == Some(*client))
    }
}

/// A datagram from a peer, or the network's word that one did not arrive.
fn peer_sends(program: &mut Program<'_>, world: &mut World, client: FiveTuple) {
    let peer = world::canonical(world.peer(program));
    let relayed = match world.model.relayed_of(&client) {
        Some(relayed) if program.byte() & 7 != 7 => relayed,
        _ => match world.open.values().min().copied() {
            Some(any) => any,
            None => return,
        },
    };
    let Some(key) = world.key_of(relayed) else { panic!("the relayed address of a live allocation is not open") };
    let icmp = program.byte();
    if icmp > 220 {
        let icmp = Icmp { kind: icmp % 16, code: 4, data: 1280 };
        let (verdict, bytes) = world.judge(&[], Origin::PeerError { port: key, peer: PeerAddr::canonical(peer), icmp });
        if let Verdict::ToClient(to) = verdict {
            assert_eq!(world.model.receiver(relayed, peer), Some(to), "ICMP for somebody without a permission");
            let message = Message::parse(&bytes).expect("an indication");
            assert_eq!(message.value(AttributeType::ICMP).map(Icmp::decode), Some(Ok(icmp)));
        }
        assert!(!matches!(verdict, Verdict::ToPeer { .. }));
        return;
    }
    let data = program.bytes();
    let (verdict, bytes) = world.judge(data, from_peer(key, peer));
    let expected = world.model.receiver(relayed, peer);
    match verdict {
        Verdict::ToClient(to) => {
            assert_eq!(expected, Some(to), "data of a peer without a permission was delivered");
            assert_delivers(world, &to, peer, data, &bytes);
        }
        Verdict::ToPeer { .. } | Verdict::ToShard { .. } => panic!("data of a peer went to a peer"),
        Verdict::Discard(reason) => assert_eq!(expected, None, "data was not delivered: {}", reason.label()),
    }
}

/// The client gets ChannelData where it has a channel, and a Data indication otherwise.
fn assert_delivers(world: &World, client: &FiveTuple, peer: std::net::SocketAddr, data: &[u8], bytes: &[u8]) {
    if let Some(number) = world.model.channel_of(client, peer) {
        let read = ChannelData::parse(bytes).expect("there is a channel");
        assert_eq!((read.channel.number(), read.data), (number, data));
        let length = if client.link.transport().is_stream() { padded(4 + data.len()) } else { 4 + data.len() };
        assert_eq!(bytes.len(), length);
    } else {
        let message = Message::parse(bytes).expect("a Data indication");
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::Data));
        assert_eq!(message.value(AttributeType::DATA), Some(data));
        assert_eq!(message.xor_address(AttributeType::XOR_PEER_ADDRESS), Some(Ok(peer)));
    }
}

/// An ordinary allocation, for a world that needs one to be there.
pub fn allocate(world: &mut World, client: FiveTuple) {
    let nonce = world.nonce(client);
    let id: TransactionId = world.transaction();
    let mut buffer = [0; 512];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::Allocate, id);
    writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    sign(0, PasswordAlgorithm::Md5, &nonce, &mut writer);
    let length = writer.finish().expect("room");
    from_client(world, client, &buffer[..length]);
    world.turn();
    assert_eq!(world.model.live(), 1, "the allocation was refused");
}

/// The relay, its tally, the quota's ledger and the model count the same.
fn assert_books(world: &World) {
    let live = world.relay.allocations();
    assert_eq!(live, world.model.live(), "the relay and its answers disagree about who is there");
    assert_eq!(live, world.common.ledger().live(), "the quota's ledger is wrong");
    assert!(live <= world::QUOTA.total);
    world.model.assert_bounds();
    let tally = world.relay.tally();
    let counted: u64 = hilum::addr::Transport::ALL.iter().map(|transport| tally.live(*transport)).sum();
    assert_eq!(u64::try_from(live), Ok(counted), "the tally is wrong");
    let ended: u64 = EndCause::ALL.iter().map(|cause| tally.ended(*cause)).sum();
    assert_eq!(tally.allocated, counted + ended);
    for relayed in world.model.relayed() {
        assert!(world.common.is_live(PeerAddr::canonical(relayed)), "a live port does not count as one");
    }
}

/// Ends everything: what is open then is the supply, and nothing else.
fn finish(mut world: World) -> Tally {
    world.relay.end_all(EndCause::Stopped, world.now);
    world.model.all_ended();
    // Ports that wait for the holder of a token come back when he does not come.
    world.advance(31);
    assert_books(&world);
    assert_eq!(u64::try_from(world.open.len()), Ok(world.relay.tally().spare_ports), "a port did not come back");
    for relayed in world.open.values() {
        assert!(!world.common.is_live(PeerAddr::canonical(*relayed)), "a dead port counts as a live one");
    }
    world.relay.tally().clone()
}
