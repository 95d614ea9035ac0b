//! File formats and link types, and files that are not what they should be.

use hilum::explain::{Outcome, Unreadable};
use proptest::prelude::*;

use crate::call::*;
use crate::explain;
use crate::writer::{Format, Link};

const CLIENT_6: &str = "[2001:db8::10]:50000";
const SERVER_6: &str = "[2001:db8::1]:3478";

fn formats() -> Vec<Format> {
    let mut formats = Vec::new();
    for link in Link::ALL {
        for bits in 0..8 {
            formats.push(Format { link, big: bits & 1 != 0, nano: bits & 2 != 0, ng: bits & 4 != 0, ..Format::PLAIN });
        }
    }
    formats
}

#[test]
fn every_format_and_link_type_tells_the_same_story() {
    let leg = Client::default().leg(&good());
    for (client, server) in [(CLIENT, SERVER), (CLIENT_6, SERVER_6)] {
        let packets = over_udp(&leg, address(client), address(server));
        for format in formats() {
            let story = explain(&format.file(&packets)).unwrap_or_else(|error| panic!("{format:?}: {error}"));
            assert_eq!((story.summary.outcome(), story.summary.passed), (Outcome::Passes, 48), "{format:?} {client}");
            // One every 10 ms.
            assert_eq!(story.lines[1].time, 10_000_000, "{format:?}");
        }
    }
}

#[test]
fn ipv6_goes_over_tcp_too() {
    let leg = Client { stream: true, ..Client::default() }.leg(&good());
    let packets = over_tcp(&leg, address(CLIENT_6), address(SERVER_6));
    assert_eq!(explain(&Format::PLAIN.file(&packets)).unwrap().summary.passed, 48);
}

#[test]
fn what_is_no_capture_is_refused_with_a_reason() {
    let refused = |bytes: &[u8]| explain(bytes).err();
    assert_eq!(refused(b""), Some(Unreadable::Empty));
    assert_eq!(refused(b"GIF89a, and more that is no capture"), Some(Unreadable::Unknown));
    assert_eq!(refused(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), Some(Unreadable::Packed));
    let whole = Format::PLAIN.file(&[]);
    assert_eq!(refused(&whole[..10]), Some(Unreadable::Unknown));
    assert_eq!(explain(&whole).unwrap().summary.outcome(), Outcome::Nothing);
}

#[test]
fn a_file_that_ends_in_a_packet_is_read_until_there() {
    let packets = over_udp(&Client::default().leg(&good()), address(CLIENT), address(SERVER));
    for ng in [false, true] {
        let file = Format { ng, ..Format::PLAIN }.file(&packets);
        let story = explain(&file[..file.len() - 5]).unwrap();
        assert!(story.summary.truncated && story.summary.unreadable.is_none(), "{:?}", story.summary);
        assert_eq!((story.summary.outcome(), story.summary.passed), (Outcome::Passes, 47));
        assert!(story.text().contains("ends in the middle of a packet"));
        assert!(!explain(&file).unwrap().summary.truncated);
    }
}

#[test]
fn a_damaged_file_is_told_from_a_short_one() {
    let packets = over_udp(&Client::default().leg(&good()), address(CLIENT), address(SERVER));
    let mut file = Format::PLAIN.file(&packets);
    // The captured length of the second packet: 4 GiB.
    let second = 24 + 16 + Link::Ethernet.wrap(&packets[0]).len();
    file[second + 8..second + 12].fill(0xFF);
    let story = explain(&file).unwrap();
    assert_eq!((story.summary.packets, story.summary.unreadable), (1, Some(Unreadable::Corrupt)));
}

#[test]
fn an_unknown_link_type_is_counted() {
    let mut file = Format { link: Link::Raw, ..Format::PLAIN }.file(&[vec![0; 40], vec![0; 40]]);
    file[20] = 147;
    let story = explain(&file).unwrap();
    assert_eq!(story.summary.aside.get(&hilum::explain::Aside::Link), Some(&2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), magic in 0usize..4) {
        let format = Format { big: magic & 1 != 0, ng: magic & 2 != 0, ..Format::PLAIN };
        _ = explain(&bytes);
        _ = explain(&[format.file(&[]), bytes].concat()).map(|story| story.text());
    }

    #[test]
    fn no_packet_makes_it_panic(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)) {
        for link in Link::ALL {
            let wrapped: Vec<_> = packets.iter().filter(|packet| !packet.is_empty()).cloned().collect();
            let story = explain(&Format { link, ..Format::PLAIN }.file(&wrapped)).unwrap();
            prop_assert!(story.lines.len() >= wrapped.len());
        }
    }

    #[test]
    fn no_damage_makes_it_panic(
        stream in any::<bool>(),
        ng in any::<bool>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let leg = Client { stream, ..Client::default() }.leg(&[handshake_13(), good()].concat());
        let over = if stream { over_tcp } else { over_udp };
        let mut file = Format { ng, ..Format::PLAIN }.file(&over(&leg, address(CLIENT), address(SERVER)));
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(story) = explain(&file) {
            prop_assert!(story.lines.iter().all(|line| !line.text(&story.names).is_empty()));
            prop_assert!(story.summary.json(&story.names).is_object());
        }
    }
}
