//! Calls of real browsers, recorded on the clients' leg of a relay: of a good call not one datagram is refused.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Local, Other, Reason, Settings, Version, Way};
use hilum::time::Moment;
use hilum::wire::{AttributeType, ChannelData, Class, Message, Method, decode_xor_address};

const RELAY: u16 = 3478;

/// One UDP datagram of a capture.
struct Packet {
    at: Duration,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The UDP datagrams of a pcap file of raw IPv4 packets.
fn packets(name: &str) -> Vec<Packet> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seal/recordings").join(name);
    let file = std::fs::read(path).unwrap();
    assert_eq!((u32_at(&file, 0), u32_at(&file, 20)), (0xA1B2_C3D4, 101), "little endian, microseconds, raw IP");
    let mut packets = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let time = Duration::from_secs(u32_at(&file, at).into()) + Duration::from_micros(u32_at(&file, at + 4).into());
        let length = usize::try_from(u32_at(&file, at + 8)).unwrap();
        assert_eq!(u32_at(&file, at + 8), u32_at(&file, at + 12), "nothing is cut off");
        let ip = &file[at + 16..at + 16 + length];
        at += 16 + length;
        assert_eq!((ip[0], ip[9]), (0x45, 17), "IPv4 without options, UDP");
        let address = |ip: &[u8], port: &[u8]| {
            let octets: [u8; 4] = ip.try_into().unwrap();
            let port = u16::from_be_bytes(port.try_into().unwrap());
            SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(octets), port))
        };
        let (from, to) = (address(&ip[12..16], &ip[20..22]), address(&ip[16..20], &ip[22..24]));
        packets.push(Packet { at: time, from, to, bytes: ip[28..].to_vec() });
    }
    packets
}

/// What a recording shows of TURN: who has which relayed address, and which channel leads where.
#[derive(Default)]
struct Turn {
    people: BTreeMap<SocketAddr, Party>,
    relayed: BTreeMap<SocketAddr, SocketAddr>,
    channels: BTreeMap<(SocketAddr, u16), SocketAddr>,
}

impl Turn {
    /// Learns from a datagram, and gives the peer and the data that it relays, if it does.
    fn read(&mut self, client: SocketAddr, bytes: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        if let Ok(data) = ChannelData::parse(bytes) {
            return Some((self.channels[&(client, data.channel.number())], data.data.to_vec()));
        }
        let message = Message::parse(bytes).ok()?;
        let address = |kind| decode_xor_address(message.value(kind)?, message.transaction()).ok();
        if let Some(username) = message.value(AttributeType::USERNAME) {
            self.people.insert(client, Party::of(username));
        }
        match (message.method(), message.class()) {
            (Method::Allocate, Class::Success) => {
                self.relayed.insert(client, address(AttributeType::XOR_RELAYED_ADDRESS)?);
            }
            (Method::ChannelBind, Class::Request) => {
                let number = message.value(AttributeType::CHANNEL_NUMBER)?;
                let number = u16::from_be_bytes([number[0], number[1]]);
                self.channels.insert((client, number), address(AttributeType::XOR_PEER_ADDRESS)?);
            }
            (Method::Send | Method::Data, Class::Indication) => {
                let data = message.value(AttributeType::DATA)?.to_vec();
                return Some((address(AttributeType::XOR_PEER_ADDRESS)?, data));
            }
            _ => {}
        }
        None
    }

    fn owner(&self, relayed: SocketAddr) -> Option<Party> {
        let client = self.relayed.iter().find(|(_, address)| **address == relayed)?.0;
        self.people.get(client).copied()
    }
}

/// What became of a recording.
#[derive(Debug, Default)]
struct Shown {
    refused: Vec<(usize, Reason)>,
    opened: Vec<(usize, Version)>,
    media: usize,
    relayed: usize,
}

fn replay(name: &str) -> Shown {
    let conversations = Conversations::new([1, 2, 3, 4], 1000);
    let settings = Settings::default();
    let (mut turn, mut shown) = (Turn::default(), Shown::default());
    let mut flows: BTreeMap<(SocketAddr, SocketAddr), Flow> = BTreeMap::new();
    let packets = packets(name);
    let begun = packets[0].at;
    for (index, packet) in packets.iter().enumerate() {
        let now = Moment::from_secs(1000) + packet.at.saturating_sub(begun);
        let (way, client) = if packet.to.port() == RELAY { (Way::Up, packet.from) } else { (Way::Down, packet.to) };
        let Some((peer, data)) = turn.read(client, &packet.bytes) else { continue };
        let local = Local { party: turn.people[&client], relayed: turn.relayed[&client] };
        let other = turn.owner(peer).map_or(Other::Address(peer.ip()), Other::Party);
        let flow = flows
            .entry((client, peer))
            .or_insert_with(|| conversations.flow(local, peer, other, now).expect("a small table"));
        let judgement = conversations.judge(flow, way, &data, now, &settings);
        shown.relayed += 1;
        match judgement.refused {
            Some(reason) => shown.refused.push((index, reason)),
            None => shown.media += usize::from(matches!(data.first(), Some(128..=191))),
        }
        if let Some(Fact::Opened { version, .. }) = judgement.fact {
            shown.opened.push((index, version));
        }
    }
    shown
}

#[test]
fn not_one_datagram_of_a_good_call_is_refused() {
    let recordings = [
        ("mixed-chromium-firefox.pcap", Version::Dtls13),
        ("chromium-dtls-in-stun.pcap", Version::Dtls13),
        ("mixed-dtls12.pcap", Version::Dtls12),
    ];
    for (name, version) in recordings {
        let shown = replay(name);
        assert_eq!(shown.refused, [], "{name}: {shown:?}");
        assert!(!shown.opened.is_empty() && shown.opened.iter().all(|(_, each)| *each == version), "{name}: {shown:?}");
        assert!(shown.media > 30, "{name}: {shown:?}");
    }
}

// The sender of the last Finished sends media at once. When that Finished is lost on its way to the relay, the media
// waits until it comes again, at the relay and at the other end alike.
#[test]
fn with_loss_before_the_relay_nothing_but_media_ahead_of_the_last_finished_is_refused() {
    for name in ["chromium-chromium-loss-reorder.pcap", "firefox-firefox-loss-reorder.pcap"] {
        let shown = replay(name);
        let opened = shown.opened.first().unwrap_or_else(|| panic!("{name}: {shown:?}")).0;
        let early = |&(index, reason): &(usize, Reason)| index < opened && reason == Reason::MediaEarly;
        assert!(shown.refused.iter().all(early) && shown.media > 3, "{name}: {shown:?}");
    }
}

#[test]
fn not_one_packet_of_media_passes_from_a_browser_with_encryption_switched_off() {
    let shown = replay("chromium-clear.pcap");
    assert!(shown.media == 0 && shown.opened.is_empty(), "{shown:?}");
    assert!(shown.refused.len() > 30 && shown.refused.iter().all(|(_, reason)| *reason == Reason::MediaUnsealed));
}

// aiortc: DTLS 1.2 by Python's cryptography, SRTP by pylibsrtp (`record_aiortc.py`).
#[test]
fn a_call_of_aiortc_is_sealed_and_passes_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seal/recordings/aiortc.bin");
    let file = std::fs::read(path).unwrap();
    let conversations = Conversations::new([1, 2, 3, 4], 10);
    let (alice, bob) = (Party::of(b"alice"), Party::of(b"bob"));
    let relayed: [SocketAddr; 2] = ["198.51.100.1:50001", "198.51.100.1:50002"].map(|text| text.parse().unwrap());
    let begun = Moment::from_secs(1000);
    let flow = |party, at: usize, other| {
        let local = Local { party, relayed: relayed[at] };
        conversations.flow(local, relayed[1 - at], Other::Party(other), begun).unwrap()
    };
    let mut flows = [flow(alice, 0, bob), flow(bob, 1, alice)];
    let (mut rest, mut opened, mut media) = (file.as_slice(), 0, 0);
    while let Some((&[from, a, b, c, d, high, low], after)) = rest.split_first_chunk::<7>() {
        let (datagram, after) = after.split_at(u16::from_be_bytes([high, low]).into());
        let now = begun + Duration::from_millis(u32::from_be_bytes([a, b, c, d]).into());
        for (at, way) in [(from, Way::Up), (1 - from, Way::Down)] {
            let flow = &mut flows[usize::from(at)];
            let judgement = conversations.judge(flow, way, datagram, now, &Settings::default());
            assert_eq!(judgement.refused, None, "{datagram:02x?}");
            opened += usize::from(matches!(judgement.fact, Some(Fact::Opened { version: Version::Dtls12, .. })));
        }
        media += usize::from(matches!(datagram.first(), Some(128..=191)));
        rest = after;
    }
    assert_eq!((opened, media), (1, 48));
}
