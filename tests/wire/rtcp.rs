//! RTCP: what of it SRTCP leaves in the clear, and what it looks like when nothing is encrypted (RFC 3550 §6,
//! RFC 3711 §3.4, RFC 5761 §4).

use hilum::wire::{InvalidRtcp, RtcpHeader, is_clear_compound, is_rtcp};
use proptest::prelude::*;

use super::bytes::hex;

/// A receiver report without blocks, and a source description as a browser sends it.
const REPORT: &str = "80 c9 0001 0000000a";
const DESCRIPTION: &str = "81 ca 0003 0000000a 0105 6162636465 00";
const BYE: &str = "81 cb 0001 0000000a";
/// A source that leaves without saying which: of no use, but valid (RFC 3550 §6.6).
const EMPTY_BYE: &str = "80 cb 0000";

#[test]
fn a_header_is_read_as_it_is_drawn() {
    let packet = hex("a2   ; version 2, padding, 2 blocks
         c8   ; sender report
         0003 ; four words
         a1a2a3a4 0000000000000004 ffff");
    let header = RtcpHeader { kind: 200, count: 2, padding: true, length: 16, ssrc: 0xA1A2_A3A4 };
    assert_eq!(RtcpHeader::parse(&packet), Ok(header));
}

#[test]
fn what_is_no_header_is_refused() {
    for (name, text, why) in [
        ("nothing", "", InvalidRtcp::Truncated),
        ("a header without a source", "80 c9 0001", InvalidRtcp::Truncated),
        ("half a source", "80 c9 0001 000000", InvalidRtcp::Truncated),
        ("version 1", "40 c9 0001 0000000a", InvalidRtcp::Version),
        ("version 3", "c0 c9 0001 0000000a", InvalidRtcp::Version),
        ("an RTP packet", "80 e0 0001 0000000a", InvalidRtcp::Kind),
        ("a type below", "80 bf 0001 0000000a", InvalidRtcp::Kind),
        ("a length past the end", "80 c9 0002 0000000a", InvalidRtcp::Truncated),
        ("no room for the source", "80 c9 0000 0000000a", InvalidRtcp::Length),
    ] {
        assert_eq!(RtcpHeader::parse(&hex(text)), Err(why), "{name}");
    }
}

/// RFC 5761 §4: packet types 192 to 223, where payload types with and without marker would be 64 to 95.
#[test]
fn the_second_byte_tells_rtcp_from_rtp() {
    for second in 0..=u8::MAX {
        assert_eq!(is_rtcp(&[0x80, second]), (192..=223).contains(&second), "{second}");
        let read = RtcpHeader::parse(&[0x80, second, 0, 1, 0, 0, 0, 1]);
        assert_eq!(read.is_ok(), is_rtcp(&[0x80, second]));
    }
    assert!(!is_rtcp(&[]) && !is_rtcp(&[0x80]));
}

#[test]
fn clear_compounds_are_seen() {
    for (name, text) in [
        ("a report", REPORT.to_owned()),
        ("a report and a description", format!("{REPORT} {DESCRIPTION}")),
        ("a report and a BYE", format!("{REPORT} {BYE}")),
        ("a BYE of nobody", format!("{REPORT} {EMPTY_BYE}")),
        ("feedback alone, RFC 5506", "81 ce 0002 0000000a 0000000b".to_owned()),
        ("the first and the last type", "80 c0 0000 80 df 0000".to_owned()),
        ("padding in the last", format!("{REPORT} a1 cb 0002 0000000a 00000004")),
        ("padding that lies about itself", format!("{REPORT} a1 cb 0002 0000000a 000000ff")),
    ] {
        assert!(is_clear_compound(&hex(&text)), "{name}");
    }
}

#[test]
fn everything_else_is_no_clear_compound() {
    for (name, text) in [
        ("nothing", String::new()),
        ("a byte too many", format!("{REPORT} 00")),
        ("a word too many", format!("{REPORT} 00000000")),
        ("a byte too few", REPORT.replace("0a", "")),
        ("a length past the end", "80 c9 0002 0000000a".to_owned()),
        ("another version in the second", format!("{REPORT} 41 cb 0001 0000000a")),
        ("another type in the second", format!("{REPORT} 81 e0 0001 0000000a")),
        ("padding in the first", format!("a0 c9 0001 0000000a {BYE}")),
        ("RTP", "80 60 0001 00000001 00000002".to_owned()),
        // RFC 3711 §3.4: E and the index, then ten bytes of tag.
        ("SRTCP, AES-CM and an 80-bit tag", format!("{REPORT} 80000001 00112233445566778899")),
        // RFC 7714 §9: the tag of 16 bytes, then E and the index.
        ("SRTCP, AES-GCM", format!("{REPORT} 00112233445566778899aabbccddeeff 80000001")),
        ("SRTCP without E", format!("{REPORT} 00000001 00112233445566778899")),
    ] {
        assert!(!is_clear_compound(&hex(&text)), "{name}");
    }
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn packets_in_the_clear_are_a_clear_compound_and_not_with_any_other_length(
        packets in proptest::collection::vec(
            (192_u8..=223, 0_u8..32, proptest::collection::vec(any::<u32>(), 1..12)), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut compound = Vec::new();
        let mut ends = Vec::new();
        for (kind, count, words) in &packets {
            compound.extend([0x80 | count, *kind]);
            compound.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
            compound.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            ends.push(compound.len());
        }
        prop_assert!(is_clear_compound(&compound));
        let (kind, count, words) = &packets[0];
        let header = RtcpHeader { kind: *kind, count: *count, padding: false, length: ends[0], ssrc: words[0] };
        prop_assert_eq!(RtcpHeader::parse(&compound), Ok(header));
        let cut = cut.index(compound.len());
        prop_assert_eq!(is_clear_compound(&compound[..cut]), ends.contains(&cut));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        first in 0x80_u8..0xC0, kind in 192_u8..=223,
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), 0_u8..8, any::<u8>()], 0..90),
    ) {
        let packet = [&[first, kind][..], &rest].concat();
        let clear = is_clear_compound(&packet);
        prop_assert!(!clear || packet.len().is_multiple_of(4));
        match RtcpHeader::parse(&packet) {
            Ok(header) => {
                prop_assert!((8..=packet.len()).contains(&header.length) && header.length.is_multiple_of(4));
            }
            Err(InvalidRtcp::Truncated) => prop_assert!(!clear || packet.len() < 8),
            Err(why) => prop_assert_eq!(why, InvalidRtcp::Length),
        }
    }
}
