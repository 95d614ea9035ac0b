//! What a stream begins with, against a second reading that spells each protocol out, and against its own prefixes.

use hilum::wire::{Proxied, Spoken, frame_length, proxy_header, spoken};

/// What stands at the start of a stream where several protocols share a port.
pub fn wire_spoken(bytes: &[u8]) {
    read_spoken(bytes);
}

/// The same, and whether it is one of them.
pub fn read_spoken(bytes: &[u8]) -> bool {
    let told = spoken(bytes);
    assert_eq!(told, reference(bytes), "the reference reads it otherwise");
    // Who has seen less may only know less: what one byte tells is not taken back, unless it turns out to be nothing.
    let mut before = None;
    for length in 1..=bytes.len().min(24) {
        let now = spoken(&bytes[..length]);
        assert!(length == 1 || now == before || now.is_none(), "{before:?} becomes {now:?} at {length} bytes");
        before = now;
    }
    // Whoever parses it next never meets what another should have had.
    if told == Some(Spoken::Turn) {
        assert!(frame_length(bytes).is_ok());
    }
    if proxy_header(bytes, Proxied::Stream).is_ok_and(|header| header.is_some()) {
        assert_eq!(told, None, "a PROXY header from somebody who may send none");
    }
    told.is_some()
}

fn reference(bytes: &[u8]) -> Option<Spoken> {
    let fits = |places: &[&[u8]]| bytes.iter().zip(places).all(|(byte, allowed)| allowed.contains(byte));
    let number = |at: usize| Some(usize::from(*bytes.get(at)?) * 256 + usize::from(*bytes.get(at + 1)?));
    let any: Vec<u8> = (0..=255).collect();
    if bytes.is_empty() {
        return None;
    }
    if fits(&[&[0, 1, 2, 3], &any, &any, &any, &[0x21], &[0x12], &[0xa4], &[0x42]]) || cookie_in_part(bytes) {
        return number(2).is_none_or(|length| length % 4 == 0).then_some(Spoken::Turn);
    }
    if fits(&[&[22], &[3], &[0, 1, 2, 3, 4], &any, &any, &[1]]) {
        return number(3).is_none_or(|length| (4..=16_384).contains(&length)).then_some(Spoken::Tls);
    }
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
        let method = format!("{method} ").into_bytes();
        if bytes.starts_with(&method) || method.starts_with(bytes) {
            return Some(Spoken::Http);
        }
    }
    None
}

/// A cookie of which some bytes are missing is not looked at yet.
fn cookie_in_part(bytes: &[u8]) -> bool {
    bytes[0] <= 3 && bytes.len() < 8
}
