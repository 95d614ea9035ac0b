//! The fuzz targets: plain functions that take bytes and panic when an invariant breaks. `tests/fuzz.rs` drives them on
//! stable Rust, `fuzz/` hands the same functions to libFuzzer.
//!
//! Each target holds the code against a second, slower reading of the same rule; bytes that no reader minds prove
//! little.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hilum::addr::{PeerAddr, canonical_ip};
use hilum::wire::attribute::{self, Icmp};
use hilum::wire::{
    Attribute, AttributeType, CHANNEL_HEADER, ChannelData, ChannelNumber, Class, ErrorCode, Frame, FrameKind, HEADER,
    IntegrityKey, IntegrityKind, LARGEST_MESSAGE, MAGIC_COOKIE, Malformed, Message, MessageWriter, Method,
    PasswordAlgorithm, decode_address, encode_address, frame_length, padded, write_channel_header,
};

#[path = "datagram.rs"]
mod datagram;
#[path = "dtls.rs"]
mod dtls;
#[cfg(feature = "server")]
#[path = "journal.rs"]
mod journal;
#[path = "proxy.rs"]
mod proxy;
#[path = "relay.rs"]
mod relay;
#[path = "relay_calls.rs"]
mod relay_calls;
#[path = "relay_snapshot.rs"]
mod relay_snapshot;
#[path = "rtp.rs"]
mod rtp;
#[path = "sdp.rs"]
mod sdp;
#[path = "seal.rs"]
pub mod seal;
#[path = "seal_datagrams.rs"]
mod seal_datagrams;
#[path = "spoken.rs"]
mod spoken;
#[path = "token.rs"]
mod token;

#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use datagram::wire_datagram;
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use dtls::{hellos_in, wire_dtls};
#[cfg(feature = "server")]
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use journal::{IDENTITY as JOURNAL_IDENTITY, KEY as JOURNAL_KEY, journal, read_journal};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use proxy::{read_proxy, wire_proxy};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use relay::{relay_authenticated, relay_unauthenticated, run_authenticated, run_unauthenticated};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use relay_calls::{relay_calls, run_calls};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use relay_snapshot::{relay_snapshot, run_snapshot};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use rtp::wire_rtp;
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use sdp::{read_sdp, sdp};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use seal::seal;
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use seal_datagrams::seal_datagrams;
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use spoken::{read_spoken, wire_spoken};
#[allow(unused_imports, reason = "each binary of `fuzz/` calls one target by name")]
pub use token::{auth_token, read_token};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All of them, by the name of their corpus, with the mutations that an ordinary test run tries of it: about a second
/// each without optimisation.
#[allow(dead_code, reason = "each binary of `fuzz/` calls one target by name")]
pub const TARGETS: &[(&str, Target, u64)] = &[
    ("wire_message", wire_message, 20_000),
    ("wire_channel_data", wire_channel_data, 20_000),
    ("wire_frames", wire_frames, 20_000),
    ("wire_dtls", wire_dtls, 20_000),
    ("wire_rtp", wire_rtp, 20_000),
    ("wire_proxy", wire_proxy, 20_000),
    ("wire_datagram", wire_datagram, 1_000),
    ("wire_spoken", wire_spoken, 20_000),
    ("peer_address", peer_address, 20_000),
    ("auth_token", auth_token, 10_000),
    ("sdp", sdp, 10_000),
    #[cfg(feature = "server")]
    ("journal", journal, 2_000),
    ("seal", seal, 5_000),
    ("seal_datagrams", seal_datagrams, 2_000),
    ("relay_unauthenticated", relay_unauthenticated, 2_000),
    ("relay_authenticated", relay_authenticated, 2_000),
    ("relay_calls", relay_calls, 1_000),
    ("relay_snapshot", relay_snapshot, 200),
];

/// A datagram that claims to be STUN.
pub fn wire_message(bytes: &[u8]) {
    let result = Message::parse(bytes);
    assert_eq!(result.as_ref().err().copied(), fault_of_message(bytes), "the reference reads it otherwise");
    let Ok(message) = result else { return };
    assert_eq!(message.as_bytes(), bytes);
    assert_eq!(bytes.get(..2), Some(message.class().message_type(message.method()).to_be_bytes().as_slice()));
    assert_eq!(bytes.get(8..HEADER), Some(message.transaction().0.as_slice()));

    let seen: Vec<Attribute<'_>> = message.attributes().collect();
    assert_eq!(seen, visible_attributes(bytes), "the reference sees other attributes");
    for attribute in &seen {
        assert_eq!(message.attribute(attribute.kind), seen.iter().find(|other| other.kind == attribute.kind).copied());
        read_value(attribute.value);
        if let Some(Ok(address)) = message.xor_address(attribute.kind) {
            let first = message.value(attribute.kind).expect("it was seen");
            assert_eq!((address.port() ^ 0x2112).to_be_bytes(), first[2..4]);
        }
    }
    assert!(message.unknown_required().all(|kind| kind.0 < 0x8000 && !AttributeType::KNOWN.contains(&kind)));
    assert_eq!(message.fingerprint().is_some(), message.has(AttributeType::FINGERPRINT));

    let key = IntegrityKey::from_bytes(b"a key that nobody signed with").expect("shorter than 64 bytes");
    for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
        assert!(!key.verify(kind, &message), "verified with a key that nobody has");
    }
    rewrite(&message, &seen, &key);
}

/// What `Message::parse` is to say, read a second time from RFC 8489 §5 and §14. The order of the tests is the order in
/// which faults are reported.
fn fault_of_message(bytes: &[u8]) -> Option<Malformed> {
    let word = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let Some(kind) = word(0) else { return Some(Malformed::Truncated) };
    if kind >= 0x4000 {
        return Some(Malformed::NotStun);
    }
    let (Some(length), Some(cookie)) = (word(2), bytes.get(4..8)) else { return Some(Malformed::Truncated) };
    if cookie != MAGIC_COOKIE.to_be_bytes() {
        return Some(Malformed::NoCookie);
    }
    if bytes.len() < HEADER {
        return Some(Malformed::Truncated);
    }
    if !length.is_multiple_of(4) {
        return Some(Malformed::UnalignedLength);
    }
    let whole = HEADER + usize::from(length);
    if bytes.len() != whole {
        return Some(if bytes.len() < whole { Malformed::Truncated } else { Malformed::Trailing });
    }
    let classes = [Class::Request, Class::Indication, Class::Success, Class::Error];
    let known = |class: &Class| Method::ALL.iter().any(|method| class.message_type(*method) == kind);
    if !classes.iter().any(known) {
        return Some(Malformed::UnknownMethod);
    }
    let mut at = HEADER;
    while at < whole {
        let (Some(kind), Some(length)) = (word(at), word(at + 2)) else { return Some(Malformed::AttributeOverrun) };
        at += 4 + usize::from(length).next_multiple_of(4);
        match kind {
            _ if at > whole => return Some(Malformed::AttributeOverrun),
            0x8028 if length != 4 => return Some(Malformed::AttributeLength),
            0x8028 if at != whole => return Some(Malformed::AfterFingerprint),
            _ => {}
        }
    }
    None
}

/// The attributes that count, by the rules of RFC 8489 §14.5 and §14.6, from a message known to be well formed.
fn visible_attributes(bytes: &[u8]) -> Vec<Attribute<'_>> {
    let mut visible = Vec::new();
    let (mut after_sha1, mut after_sha256) = (false, false);
    let mut offset = HEADER;
    while offset < bytes.len() {
        let kind = u16::from_be_bytes([bytes[offset], bytes[offset + 1]]);
        let length = usize::from(u16::from_be_bytes([bytes[offset + 2], bytes[offset + 3]]));
        let hidden = match kind {
            0x8028 => false,
            0x001C => after_sha256,
            _ => after_sha1 || after_sha256,
        };
        if !hidden {
            after_sha1 |= kind == 0x0008;
            after_sha256 |= kind == 0x001C;
            let value = &bytes[offset + 4..offset + 4 + length];
            visible.push(Attribute { kind: AttributeType(kind), value, offset });
        }
        offset += 4 + length.next_multiple_of(4);
    }
    visible
}

/// Every reader of a value, whatever the attribute: what one accepts, its writer gives back, but for reserved bits.
fn read_value(value: &[u8]) {
    if let Ok(address) = decode_address(value) {
        let (written, length) = encode_address(address);
        assert_eq!(written[1..length], value[1..]);
    }
    if let Ok((code, reason)) = ErrorCode::decode(value) {
        assert!((300..700).contains(&code.number()));
        assert_eq!((code.encode()[2], code.encode()[3], reason), (value[2] & 7, value[3], &value[4..]));
    }
    if let Ok(algorithm) = PasswordAlgorithm::decode(value) {
        assert_eq!(value, [0, u8::try_from(algorithm.code()).expect("1 or 2"), 0, 0]);
    }
    if let Ok(channel) = ChannelNumber::decode(value) {
        assert!((0x4000..=0x4FFF).contains(&channel.number()));
        assert_eq!(channel.number().to_be_bytes(), value[..2]);
    }
    if let Ok(icmp) = Icmp::decode(value) {
        assert_eq!(icmp.encode()[2..], value[2..]);
    }
    assert_eq!(attribute::decode_lifetime(value).is_ok(), value.len() == 4);
    assert_eq!(attribute::decode_requested_transport(value).is_ok(), value.len() == 4);
    assert_eq!(attribute::decode_family(value).is_ok(), value.len() == 4);
    assert_eq!(attribute::decode_even_port(value).is_ok(), value.len() == 1);
    assert_eq!(attribute::decode_dont_fragment(value).is_ok(), value.is_empty());
    assert_eq!(attribute::decode_reservation_token(value).is_ok(), value.len() == 8);
}

/// Writes what was seen, but for the attributes that end a message, signs it, and reads it again.
fn rewrite(message: &Message<'_>, seen: &[Attribute<'_>], key: &IntegrityKey) {
    let ends = [AttributeType::MESSAGE_INTEGRITY, AttributeType::MESSAGE_INTEGRITY_SHA256, AttributeType::FINGERPRINT];
    let kept: Vec<_> = seen.iter().filter(|attribute| !ends.contains(&attribute.kind)).collect();
    let mut buffer = vec![0xEE; message.as_bytes().len() + 100];
    let mut writer = MessageWriter::new(&mut buffer, message.class(), message.method(), message.transaction());
    for attribute in &kept {
        writer.attribute(attribute.kind, attribute.value);
    }
    writer.integrity(IntegrityKind::Sha1, key).integrity(IntegrityKind::Sha256, key).fingerprint();
    let Ok(length) = writer.finish() else {
        // Both integrities and the fingerprint take 68 bytes, and the length field counts to 65,532.
        assert!(message.as_bytes().len() + 68 > LARGEST_MESSAGE, "there was room");
        return;
    };
    let written = Message::parse(&buffer[..length]).expect("what we write, we read");
    assert_eq!(written.attributes().count(), kept.len() + 3);
    for (before, after) in kept.iter().zip(written.attributes()) {
        assert_eq!((before.kind, before.value), (after.kind, after.value));
    }
    assert!(key.verify(IntegrityKind::Sha1, &written));
    assert!(key.verify(IntegrityKind::Sha256, &written));
    assert_eq!(written.fingerprint(), Some(true));
}

/// A datagram that claims to be ChannelData.
pub fn wire_channel_data(bytes: &[u8]) {
    let expected = match bytes {
        [high @ 0x40..=0x4F, low, length_high, length_low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
            let number = u16::from_be_bytes([*high, *low]);
            (rest.len() >= length && rest.len() - length <= 3).then(|| (number, &rest[..length]))
        }
        _ => None,
    };
    let read = ChannelData::parse(bytes);
    assert_eq!(read.ok().map(|read| (read.channel.number(), read.data)), expected);
    let Ok(read) = read else { return };
    let length = u16::try_from(read.data.len()).expect("the length field has 16 bits");
    assert_eq!(write_channel_header(read.channel, length), bytes[..CHANNEL_HEADER]);
    let frame = Frame { kind: FrameKind::ChannelData, length: CHANNEL_HEADER + padded(read.data.len()) };
    assert_eq!(frame_length(bytes), Ok(Some(frame)));
}

/// What a stream's reader made of it: the frames, and how it went on.
#[derive(Debug, PartialEq, Eq)]
struct Split {
    frames: Vec<Vec<u8>>,
    rest: Vec<u8>,
    fault: Option<Malformed>,
}

fn split<'s>(pieces: impl Iterator<Item = &'s [u8]>) -> Split {
    let mut split = Split { frames: Vec::new(), rest: Vec::new(), fault: None };
    for piece in pieces {
        split.rest.extend_from_slice(piece);
        while split.fault.is_none() {
            match frame_length(&split.rest) {
                Ok(Some(frame)) => {
                    assert!(frame.length >= CHANNEL_HEADER, "a frame without a header is read for ever");
                    assert!(frame.length <= LARGEST_MESSAGE, "a frame larger than any message");
                    assert!(frame.length.is_multiple_of(4));
                    if split.rest.len() < frame.length {
                        break;
                    }
                    let rest = split.rest.split_off(frame.length);
                    split.frames.push(core::mem::replace(&mut split.rest, rest));
                }
                Ok(None) => break,
                Err(fault) => split.fault = Some(fault),
            }
        }
    }
    split
}

/// A byte stream in pieces: the first byte says how many bytes of piece lengths follow, what is left is the stream.
pub fn wire_frames(bytes: &[u8]) {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let (lengths, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let whole = split(core::iter::once(stream));

    let mut lengths = lengths.iter().map(|length| usize::from(*length).max(1)).cycle();
    let mut left = stream;
    let pieces = core::iter::from_fn(|| {
        let (piece, later) = left.split_at(lengths.next().unwrap_or(1).min(left.len()));
        left = later;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(split(pieces), whole, "the pieces of the stream give other frames than the whole");

    for frame in &whole.frames {
        match frame_length(frame).expect("it was a frame").expect("it is whole").kind {
            FrameKind::ChannelData => {
                ChannelData::parse(frame).expect("a frame of ChannelData is ChannelData");
            }
            FrameKind::Stun => {
                let fault = Message::parse(frame).err();
                assert!(!matches!(fault, Some(Malformed::Truncated | Malformed::Trailing | Malformed::NoCookie)));
            }
        }
    }
}

/// A peer address as a client may spell it: four bytes are IPv4, sixteen IPv6, two more are the port.
pub fn peer_address(bytes: &[u8]) {
    let (ip, port) = if let Some((octets, [a, b])) = bytes.split_first_chunk::<16>() {
        (IpAddr::from(*octets), u16::from_be_bytes([*a, *b]))
    } else if let Some((octets, [a, b])) = bytes.split_first_chunk::<4>() {
        (IpAddr::from(*octets), u16::from_be_bytes([*a, *b]))
    } else {
        return;
    };
    let canonical = canonical_ip(ip);
    assert_eq!(canonical, canonical_by_table(ip), "the reference knows another spelling");
    assert_eq!(canonical_ip(canonical), canonical, "a canonical address has a further spelling");
    let peer = PeerAddr::canonical(SocketAddr::new(ip, port));
    assert_eq!((peer.ip(), peer.port()), (canonical, port));
    assert_eq!(peer, PeerAddr::canonical(peer.socket()));
    assert_eq!(format!("{peer:?}"), "PeerAddr(redacted)");
    if let IpAddr::V6(v6) = canonical {
        assert_eq!(v6.to_ipv4_mapped(), None);
        assert!(v6 == Ipv6Addr::UNSPECIFIED || v6 == Ipv6Addr::LOCALHOST || v6.to_ipv4().is_none());
    }
    if let IpAddr::V4(v4) = ip {
        for spelling in spellings(v4) {
            let other = PeerAddr::canonical(SocketAddr::new(IpAddr::V6(spelling), port));
            // `::0.0.0.0` and `::0.0.0.1` are the unspecified address and loopback of IPv6.
            let exempt = u128::from(spelling) <= 1;
            assert_eq!(other == peer, !exempt, "{spelling}");
        }
    }
}

/// The prefixes that embed an IPv4 address: prefix, its length in bits, how far left the address stands, what is
/// XORed with it.
const EMBEDDINGS: [(u128, u32, u32, u32); 7] = [
    (0x0000_0000_0000_0000_0000_ffff_0000_0000, 96, 0, 0),
    (0x0000_0000_0000_0000_ffff_0000_0000_0000, 96, 0, 0),
    (0x0000_0000_0000_0000_0000_0000_0000_0000, 96, 0, 0),
    (0x0064_ff9b_0000_0000_0000_0000_0000_0000, 96, 0, 0),
    (0x0064_ff9b_0001_0000_0000_0000_0000_0000, 48, 0, 0),
    (0x2002_0000_0000_0000_0000_0000_0000_0000, 16, 80, 0),
    (0x2001_0000_0000_0000_0000_0000_0000_0000, 32, 0, u32::MAX),
];

fn canonical_by_table(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let bits = u128::from(v6);
    if bits <= 1 {
        return ip;
    }
    for (prefix, length, left, mask) in EMBEDDINGS {
        if bits >> (128 - length) == prefix >> (128 - length) {
            let embedded = u32::try_from((bits >> left) & 0xffff_ffff).expect("masked");
            return IpAddr::V4(Ipv4Addr::from(embedded ^ mask));
        }
    }
    ip
}

fn spellings(v4: Ipv4Addr) -> impl Iterator<Item = Ipv6Addr> {
    let bits = u32::from(v4);
    EMBEDDINGS
        .into_iter()
        .map(move |(prefix, _, left, mask)| Ipv6Addr::from(prefix | (u128::from(bits ^ mask) << left)))
}
