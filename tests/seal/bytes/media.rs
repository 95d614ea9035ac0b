//! RTP and RTCP, clear and encrypted (RFC 3550, RFC 3711, RFC 7714).

use super::{Chance, ciphertext};

/// Payloads of a real encoder, in order (`../make_clear_media.py`): each with a length of two bytes.
pub fn recorded(name: &str) -> Option<Vec<Vec<u8>>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seal/clear_media").join(name);
    let file = std::fs::read(path.with_extension("bin")).ok()?;
    let mut rest = file.as_slice();
    let mut payloads = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
        payloads.push(payload.to_vec());
        rest = after;
    }
    Some(payloads)
}

/// The payload of one packet as a codec makes it, or as encryption does.
pub fn payload(codec: &str, number: u64) -> Option<(u8, Vec<u8>)> {
    let mut chance = Chance::new(number);
    let tail = |length: usize, chance: &mut Chance| chance.bytes(length);
    let low = u8::try_from(number % 128).unwrap();
    Some(match codec {
        // 20 ms of digital silence, and of a quiet room.
        "pcmu" => (0, vec![0xFF; 160]),
        "pcma" => (8, vec![0xD5; 160]),
        "pcmu-room" => (0, (0..160).map(|_| 0xFF ^ (chance.bytes(1)[0] & 0x83)).collect()),
        "g722" => (9, vec![0xFA; 160]),
        // A table-of-contents byte and what a range coder makes, which looks random (RFC 6716 §3.1).
        "opus" => (111, [vec![0x78], tail(79, &mut chance)].concat()),
        // A frame of silence in discontinuous transmission.
        "opus-silence" => (111, vec![0x78, 0xFF, 0xFE]),
        // FU-A of an IDR slice, then of another (RFC 6184 §5.8).
        "h264" => {
            (102, [vec![0x7C, if number.is_multiple_of(8) { 0x85 } else { 0x05 }], tail(1000, &mut chance)].concat())
        }
        // A payload descriptor with a picture id, and a frame header at the first packet (RFC 7741 §4.2).
        "vp8" => {
            let start = number.is_multiple_of(8);
            let descriptor = [if start { 0x90 } else { 0x80 }, 0x80, 0x80 | low, low];
            let header: &[u8] = if start { &[0x50, 0x42, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01] } else { &[] };
            (96, [&descriptor, header, &tail(900, &mut chance)].concat())
        }
        "text" => (98, b"patient 4711 has a fever and nobody may read this here".repeat(3)),
        "zeros" => (99, vec![0; 200]),
        "ciphertext" => (111, ciphertext(number, 90)),
        "ciphertext-video" => (96, ciphertext(number, 1100)),
        // Comfort noise, encrypted: a byte and the tag.
        "ciphertext-short" => (13, ciphertext(number, 17)),
        _ => return None,
    })
}

/// An RTP packet. `extension`: a one-byte-header extension of so many words (RFC 8285); `sources`: contributing ones.
#[derive(Clone, Copy, Debug)]
pub struct Rtp {
    pub kind: u8,
    pub sequence: u16,
    pub ssrc: u32,
    pub extension: Option<u16>,
    pub sources: u8,
    pub version: u8,
}

pub fn rtp(header: Rtp, payload: &[u8]) -> Vec<u8> {
    let extended = if header.extension.is_some() { 0x10 } else { 0 };
    let timestamp = u32::from(header.sequence).wrapping_mul(960);
    let mut packet = vec![(header.version << 6) | extended | header.sources, header.kind];
    packet.extend(header.sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(header.ssrc.to_be_bytes());
    packet.extend((0..header.sources).flat_map(|source| [0, 0, 1, source]));
    if let Some(words) = header.extension {
        packet.extend([0xBE, 0xDE]);
        packet.extend(words.to_be_bytes());
        packet.extend((0..words).flat_map(|_| [0x30, 0x80, 0, 0]));
    }
    packet.extend(payload);
    packet
}

/// One clear RTCP packet: its count or format, its type, its words after the source.
fn packet(count: u8, kind: u8, ssrc: u32, words: &[u8]) -> Vec<u8> {
    let length = u16::try_from(words.len() / 4 + 1).unwrap();
    [&[0x80 | count, kind], length.to_be_bytes().as_slice(), &ssrc.to_be_bytes(), words].concat()
}

/// Clear RTCP by name.
pub fn rtcp(what: &str, ssrc: u32) -> Option<Vec<u8>> {
    let sender_report = || packet(0, 200, ssrc, &[0; 20]);
    let receiver_report = || packet(1, 201, ssrc, &[[0, 0, 0, 9].as_slice(), &[0; 20]].concat());
    let description = || packet(1, 202, ssrc, &[1, 4, b'a', b'b', b'c', b'd', 0, 0]);
    let feedback = |format, kind, more: &[u8]| packet(format, kind, ssrc, &[[0, 0, 0, 9].as_slice(), more].concat());
    Some(match what {
        "sender-report" => sender_report(),
        "receiver-report" => receiver_report(),
        "compound" => [sender_report(), description()].concat(),
        "feedback-compound" => [receiver_report(), description(), feedback(1, 205, &[0, 9, 0, 0])].concat(),
        "goodbye" => packet(1, 203, ssrc, &[]),
        "application" => packet(0, 204, ssrc, b"HILU"),
        // Reduced size: feedback without a report (RFC 5506).
        "nack" => feedback(1, 205, &[0, 9, 0, 0]),
        "picture-loss" => feedback(1, 206, &[]),
        "remb" => feedback(15, 206, b"REMB\x01\x12\x34\x56\x00\x00\x00\x09"),
        "transport-feedback" => feedback(15, 205, &[0, 1, 0, 2, 0, 0, 1, 0, 0x20, 2, 4, 4]),
        "extended-report" => packet(0, 207, ssrc, &[4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
        _ => return None,
    })
}

/// Padded to the next four bytes and four more, the last of which says how many (RFC 3550 §6.4.1).
pub fn padded(mut clear: Vec<u8>) -> Vec<u8> {
    clear.extend([0, 0, 0, 4]);
    clear[0] |= 0x20;
    let words = u16::from_be_bytes([clear[2], clear[3]]) + 1;
    clear[2..4].copy_from_slice(&words.to_be_bytes());
    clear
}

/// Encrypts as this profile does, with whether the E bit is set, and what follows the packet's first eight bytes left
/// in the clear when it is not.
pub fn srtcp(clear: &[u8], profile: u16, e: bool, number: u64) -> Vec<u8> {
    let (head, body) = clear.split_at(8);
    let body = if e { ciphertext(number, body.len()) } else { body.to_vec() };
    let index = u32::try_from(number & 0x7fff_ffff).unwrap() | if e { 0x8000_0000 } else { 0 };
    let index = index.to_be_bytes().to_vec();
    match profile {
        0x0007 | 0x0008 => [head.to_vec(), body, ciphertext(number ^ 1, 16), index].concat(),
        _ => [head.to_vec(), body, index, ciphertext(number ^ 1, 10)].concat(),
    }
}
