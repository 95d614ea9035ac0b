//! The RTP header (RFC 3550 §5.1) and its extension (§5.3.1).

use hilum::wire::{InvalidRtp, RtpHeader};
use proptest::prelude::*;

use super::bytes::hex;

#[test]
fn a_header_is_read_as_it_is_drawn() {
    let packet = hex("80      ; version 2, no padding, no extension, no contributing source
         e0      ; marker, payload type 96
         1234    ; sequence number
         01020304 ; timestamp
         a1a2a3a4 ; SSRC
         ffff");
    assert_eq!(
        RtpHeader::parse(&packet),
        Ok(RtpHeader {
            payload_type: 96,
            marker: true,
            sequence: 0x1234,
            timestamp: 0x0102_0304,
            ssrc: 0xA1A2_A3A4,
            payload: 12
        })
    );
}

#[test]
fn the_payload_starts_behind_contributing_sources_and_extension() {
    let fixed = "60 0001 00000001 00000002";
    for (name, text, payload) in [
        ("no payload at all", format!("80 {fixed}"), 12),
        ("one source", format!("81 {fixed} 00000003 ff"), 16),
        ("15 sources", format!("8f {fixed} {} ff", "00000003".repeat(15)), 72),
        ("an extension of no words", format!("90 {fixed} bede 0000 ff"), 16),
        ("an extension of two words", format!("90 {fixed} bede 0002 1122334455667788 ff"), 24),
        ("a source and an extension", format!("91 {fixed} 00000003 1000 0001 11223344"), 24),
        ("padding is nobody's to check", format!("a0 {fixed} ff"), 12),
    ] {
        assert_eq!(RtpHeader::parse(&hex(&text)).map(|header| header.payload), Ok(payload), "{name}");
    }
    let longest = [hex(&format!("90 {fixed} bede ffff")), vec![0; 65_535 * 4]].concat();
    assert_eq!(RtpHeader::parse(&longest).map(|header| header.payload), Ok(longest.len()));
}

#[test]
fn a_header_cut_at_any_byte_is_refused() {
    for start in ["80", "83", "90", "92"] {
        let sources = usize::from(hex(start)[0] & 15) * 4;
        let extension = if start.starts_with('9') { hex("bede 0002 1122334455667788") } else { Vec::new() };
        let packet = [hex(&format!("{start} 60 0001 00000001 00000002")), vec![5; sources], extension].concat();
        assert!(RtpHeader::parse(&packet).is_ok(), "{start}");
        for cut in 0..packet.len() {
            assert_eq!(RtpHeader::parse(&packet[..cut]), Err(InvalidRtp::Truncated), "{cut} bytes of {start}");
        }
    }
}

#[test]
fn every_other_version_is_refused() {
    for first in 0..=u8::MAX {
        let packet = [&[first][..], &[0; 80]].concat();
        let read = RtpHeader::parse(&packet).err();
        assert_eq!(read, (first >> 6 != 2).then_some(InvalidRtp::Version), "{first:#04x}");
    }
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn a_header_is_read_back(
        (payload_type, marker, padding) in (0_u8..128, any::<bool>(), any::<bool>()),
        (sequence, timestamp, ssrc) in (any::<u16>(), any::<u32>(), any::<u32>()),
        sources in proptest::collection::vec(any::<u32>(), 0..=15),
        extension in proptest::option::of((any::<u16>(), proptest::collection::vec(any::<u32>(), 0..20))),
        payload in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let count = u8::try_from(sources.len()).unwrap();
        let first = 0x80 | u8::from(padding) << 5 | u8::from(extension.is_some()) << 4 | count;
        let mut packet = vec![first, payload_type | u8::from(marker) << 7];
        packet.extend(sequence.to_be_bytes());
        packet.extend([timestamp, ssrc].iter().chain(&sources).flat_map(|word| word.to_be_bytes()));
        if let Some((profile, words)) = &extension {
            packet.extend(profile.to_be_bytes());
            packet.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
            packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        let start = packet.len();
        packet.extend(payload);
        let header = RtpHeader { payload_type, marker, sequence, timestamp, ssrc, payload: start };
        prop_assert_eq!(RtpHeader::parse(&packet), Ok(header));
        for cut in 0..start {
            prop_assert_eq!(RtpHeader::parse(&packet[..cut]), Err(InvalidRtp::Truncated));
        }
    }

    #[test]
    fn of_any_bytes_the_payload_lies_inside(first in 0x80_u8..0xC0, rest in proptest::collection::vec(any::<u8>(), 0..90)) {
        let packet = [&[first][..], &rest].concat();
        if let Ok(header) = RtpHeader::parse(&packet) {
            prop_assert!((12..=packet.len()).contains(&header.payload));
        }
    }
}
