//! What passes, what does not, and what nobody can tell.

use hilum::explain::{Aside, Kind, Name, Options, Outcome, Unjudged, Verdict};
use hilum::policy::seal::{Fact, Reason, Settings, Version};

use crate::call::*;
use crate::explain;
use crate::explain_with;
use crate::writer::{Format, udp, udp_in_fragments};

fn capture(leg: &Leg) -> Vec<u8> {
    Format::PLAIN.file(&over_udp(leg, address(CLIENT), address(SERVER)))
}

#[test]
fn a_good_call_passes_and_its_seal_is_told() {
    let story = explain(&capture(&Client::default().leg(&good()))).unwrap();
    let summary = &story.summary;
    assert_eq!((summary.outcome(), summary.passed, summary.clients, summary.turn), (Outcome::Passes, 48, 1, 6));
    let [path] = summary.paths.as_slice() else { panic!("{summary:?}") };
    let passed = Kind::ALL.map(|kind| path.passed.get(&kind).copied().unwrap_or(0));
    assert_eq!(passed, [2, 5, 40, 1, 0]);
    let [opened] = path.opened.as_slice() else { panic!("{path:?}") };
    // Behind 6 packets of TURN and 2 checks, the last of 5.
    assert_eq!((opened.packet, path.peer), (13, Name::Peer(1)));
    assert!(matches!(opened.fact, Fact::Opened { version: Version::Dtls12, profile: Some(_), .. }));
    let text = story.text();
    for part in ["client 1 <-> peer 1", "opens at packet 13", "AEAD-AES-128-GCM", "All 48 relayed packets would pass."]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("203.0.113") && !text.contains("192.0.2"), "{text}");
}

#[test]
fn a_handshake_of_dtls_1_3_shows_what_it_offered() {
    let datagrams = [handshake_13(), media("ciphertext", 3)].concat();
    let story = explain(&capture(&Client::default().leg(&datagrams))).unwrap();
    assert_eq!(story.summary.outcome(), Outcome::Passes);
    let text = story.text();
    assert!(text.contains("hidden in 1.3; offered: AES128-CM-SHA1-80, AEAD-AES-128-GCM, AEAD-AES-256-GCM"), "{text}");
}

#[test]
fn send_and_data_indications_are_followed_like_channels() {
    let client = Client { indications: true, ..Client::default() };
    let leg = [client.allocate(), client.relay_all(&good())].concat();
    let story = explain(&capture(&leg)).unwrap();
    assert_eq!((story.summary.outcome(), story.summary.passed), (Outcome::Passes, 48));
}

#[test]
fn clear_media_is_refused_with_the_reason() {
    let leg = Client::default().leg(&[check(), media("pcmu", 2)].concat());
    let story = explain(&capture(&leg)).unwrap();
    assert_eq!((story.summary.outcome(), story.summary.refused), (Outcome::Refused, 4));
    assert_eq!(story.refused(Reason::MediaUnsealed), [9, 10, 11, 12]);
    let text = story.text();
    for part in ["media_unsealed", Reason::MediaUnsealed.explanation(), "4 of 6", "the first is packet 9"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let line = story.lines.last().unwrap().text(&story.names);
    assert!(line.contains("client 1 <- peer 1") && line.contains("REFUSED media_unsealed"), "{line}");
}

#[test]
fn media_before_the_end_of_the_handshake_is_refused() {
    let mut datagrams = handshake_12();
    datagrams.insert(4, media("ciphertext", 1)[0].clone());
    let story = explain(&capture(&Client::default().leg(&datagrams))).unwrap();
    assert_eq!(story.refused(Reason::MediaEarly), [11]);
}

#[test]
fn the_oldest_version_is_a_matter_of_settings() {
    let settings = Settings { min_version: Version::Dtls13, ..Settings::default() };
    let file = capture(&Client::default().leg(&handshake_12()));
    let story = explain_with(&file, &Options { settings, server: None }).unwrap();
    assert!(!story.refused(Reason::DtlsVersion).is_empty(), "{:?}", story.summary);
}

#[test]
fn two_clients_of_the_relay_are_parties_to_each_other() {
    // What one sends to the other's relayed address comes out at the other's leg.
    let one = Client { peer: address("198.51.100.1:55556"), ..Client::default() };
    let two = Client { name: "clinician", relayed: one.peer, peer: one.relayed, ..Client::default() };
    let at = |client: &str, leg: &Leg| over_udp(leg, address(client), address(SERVER));
    let other = "192.0.2.20:50000";
    let mut packets = [at(CLIENT, &one.allocate()), at(other, &two.allocate())].concat();
    packets.extend([at(CLIENT, &one.bind()), at(other, &two.bind())].concat());
    for (up, datagram) in good() {
        let legs = [at(CLIENT, &vec![one.relay(up, &datagram)]), at(other, &vec![two.relay(!up, &datagram)])];
        packets.extend(legs.concat());
    }
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    assert_eq!((story.summary.outcome(), story.summary.passed), (Outcome::Passes, 96));
    let paths: Vec<_> = story.summary.paths.iter().map(|path| (path.client, path.peer)).collect();
    assert_eq!(paths, [(1, Name::Client(2)), (2, Name::Client(1))]);
    // One seal for both of them.
    assert_eq!(story.summary.paths.iter().map(|path| path.opened.len()).sum::<usize>(), 1);
    assert!(story.text().contains("open by another path"));
}

#[test]
fn a_new_allocation_of_the_same_person_needs_no_new_handshake() {
    let client = Client::default();
    let leg = [client.leg(&good()), client.delete()].concat();
    let mut packets = over_udp(&leg, address(CLIENT), address(SERVER));
    let again = Client { relayed: address("198.51.100.1:55999"), ..client };
    packets.extend(over_udp(&again.leg(&media("ciphertext", 5)), address("192.0.2.10:50001"), address(SERVER)));
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    assert_eq!((story.summary.outcome(), story.summary.passed), (Outcome::Passes, 58));
}

#[test]
fn a_capture_that_begins_in_the_middle_does_not_accuse() {
    let client = Client::default();
    let leg = client.relay_all(&[check(), media("ciphertext", 4)].concat());
    let story = explain(&capture(&leg)).unwrap();
    let summary = &story.summary;
    assert_eq!((summary.outcome(), summary.passed), (Outcome::Unjudged, 2));
    assert_eq!(summary.unjudged.get(&Unjudged::Handshake), Some(&8));
    assert_eq!(summary.paths[0].peer, Name::Channel(0x4001));
    assert!(story.text().contains("The handshake is not in the capture"), "{}", story.text());

    // The binding alone does not bring the handshake back.
    let story = explain(&capture(&[client.bind(), leg].concat())).unwrap();
    assert_eq!(story.summary.unjudged.get(&Unjudged::Handshake), Some(&8));

    // What no handshake could excuse is refused all the same.
    let dns = client.relay_all(&[(true, b"\x10\x01\x01\x00\x00\x01".to_vec())]);
    assert_eq!(explain(&capture(&dns)).unwrap().refused(Reason::Zrtp), [1]);
}

#[test]
fn fragments_and_cut_packets_are_counted_and_never_ignored() {
    let client = Client::default();
    let mut packets = over_udp(&client.leg(&handshake_12()), address(CLIENT), address(SERVER));
    let (_, large) = client.relay(true, &media("ciphertext-video", 1)[0].1);
    packets.extend(udp_in_fragments(address(CLIENT), address(SERVER), &large));
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    assert_eq!((story.summary.fragments, story.summary.outcome()), (2, Outcome::Unjudged));
    assert_eq!(story.summary.unjudged.get(&Unjudged::Fragment), Some(&2));

    let elsewhere = udp_in_fragments(address("192.0.2.77:1"), address("192.0.2.78:2"), &[0; 900]);
    let story = explain(&Format::PLAIN.file(&elsewhere)).unwrap();
    assert_eq!((story.summary.fragments, story.summary.aside.get(&Aside::Fragment)), (2, Some(&2)));

    // A hundred bytes of each packet: headers and checks are whole, a hello and media are not.
    let leg = client.leg(&[handshake_12(), media("ciphertext-video", 3)].concat());
    let format = Format { snap: 160, ..Format::PLAIN };
    let story = explain(&format.file(&over_udp(&leg, address(CLIENT), address(SERVER)))).unwrap();
    let cut = story.summary.unjudged.get(&Unjudged::Cut).copied().unwrap();
    assert!(cut >= 7 && story.summary.refused == 0, "{:?}", story.summary);
    assert_eq!(story.summary.paths[0].unjudged.get(&Unjudged::Cut), Some(&cut), "the channel tells the path");
}

#[test]
fn what_is_encrypted_or_foreign_is_said_to_be() {
    let (client, server) = (address(CLIENT), address("198.51.100.1:443"));
    let long = [&[0xC3, 0, 0, 0, 1, 8], [7; 40].as_slice()].concat();
    let mut packets = vec![udp(client, server, &long), udp(server, client, &[0x45; 60])];
    packets.push(udp(client, address("198.51.100.9:53"), b"\x12\x34\x01\x00\x00\x01"));
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    assert_eq!(story.summary.outcome(), Outcome::Nothing);
    assert_eq!(story.summary.aside.get(&Aside::Quic), Some(&2));
    assert_eq!(story.summary.aside.get(&Aside::Other), Some(&1));
    assert!(story.text().contains("encrypted between client and server, so nobody can explain it"), "{}", story.text());
}

#[test]
fn the_server_can_be_named() {
    let file = capture(&Client::default().leg(&good()));
    let named = |name: &str| {
        let options = Options { server: Some(name.parse().unwrap()), ..Options::default() };
        explain_with(&file, &options).unwrap().summary.passed
    };
    assert_eq!(["198.51.100.1", SERVER, "198.51.100.1:3479", "198.51.100.2"].map(named), [48, 48, 0, 0]);
    assert!("turn.example.org".parse::<hilum::explain::Server>().is_err());
    assert!("[2001:db8::1]".parse::<hilum::explain::Server>().is_ok());
}

#[test]
fn every_packet_has_a_line() {
    let leg = Client::default().leg(&[good(), media("zeros", 1)].concat());
    let packets = over_udp(&leg, address(CLIENT), address(SERVER));
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    let numbers: Vec<_> = story.lines.iter().map(|line| line.packet).collect();
    assert_eq!(numbers, (1..=u64::try_from(packets.len()).unwrap()).collect::<Vec<_>>());
    assert!(story.lines.iter().all(|line| line.verdict != Verdict::Aside));
}
