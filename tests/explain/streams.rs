//! TURN over TCP (RFC 8656 §12.5): segments lost, sent again, out of order and in halves.

use hilum::explain::{Aside, Outcome, Unjudged};
use hilum::policy::seal::Reason;

use crate::call::*;
use crate::explain;
use crate::writer::{ACK, Format, SYN, tcp};

fn leg() -> Leg {
    Client { stream: true, ..Client::default() }.leg(&good())
}

fn packets() -> Vec<Vec<u8>> {
    over_tcp(&leg(), address(CLIENT), address(SERVER))
}

fn passes(packets: &[Vec<u8>]) -> u64 {
    let summary = explain(&Format::PLAIN.file(packets)).unwrap().summary;
    assert_eq!(summary.outcome(), Outcome::Passes, "{summary:?}");
    summary.passed
}

#[test]
fn messages_are_found_in_segments() {
    assert_eq!(passes(&packets()), 48);
}

#[test]
fn a_segment_that_comes_again_counts_once() {
    let twice: Vec<_> = packets().into_iter().flat_map(|packet| [packet.clone(), packet]).collect();
    assert_eq!(passes(&twice), 48);
}

#[test]
fn segments_out_of_order_are_put_in_order() {
    let mut swapped = packets();
    // Wherever two segments behind each other have the same sender, the second one comes first.
    let mut at = 2;
    let mut count = 0;
    while at + 1 < swapped.len() {
        if swapped[at][12..16] == swapped[at + 1][12..16] {
            swapped.swap(at, at + 1);
            (at, count) = (at + 1, count + 1);
        }
        at += 1;
    }
    assert!(count > 10, "there is something out of order");
    assert_eq!(passes(&swapped), 48);
}

#[test]
fn a_segment_that_is_missing_stops_the_stream_and_is_told() {
    let mut missing = packets();
    let at = missing.len() - 20;
    missing.remove(at);
    let summary = explain(&Format::PLAIN.file(&missing)).unwrap().summary;
    assert_eq!((summary.outcome(), summary.refused, summary.waiting), (Outcome::Unjudged, 0, 1));
    assert!(summary.passed < 48);
}

#[test]
fn after_a_hole_that_nobody_fills_the_next_whole_message_is_found() {
    let client = Client { stream: true, ..Client::default() };
    let leg = client.leg(&[handshake_12(), media("ciphertext-video", 300)].concat());
    let mut packets = over_tcp(&leg, address(CLIENT), address(SERVER));
    packets.remove(40);
    let summary = explain(&Format::PLAIN.file(&packets)).unwrap().summary;
    assert_eq!((summary.refused, summary.waiting), (0, 0), "{summary:?}");
    assert_eq!(summary.unjudged.get(&Unjudged::Lost), Some(&1), "the segment at which the patience ended");
    assert!(summary.passed > 590, "{summary:?}");
}

#[test]
fn clear_media_over_tcp_is_refused() {
    let client = Client { stream: true, ..Client::default() };
    let packets = over_tcp(&client.leg(&media("pcma", 3)), address(CLIENT), address(SERVER));
    let story = explain(&Format::PLAIN.file(&packets)).unwrap();
    assert_eq!(story.refused(Reason::MediaUnsealed).len(), 6);
}

#[test]
fn a_connection_that_was_there_before_the_capture_is_found_in_the_middle() {
    let client = Client { stream: true, ..Client::default() };
    let packets = over_tcp(&client.relay_all(&media("ciphertext", 6)), address(CLIENT), address(SERVER));
    let summary = explain(&Format::PLAIN.file(&packets[2..])).unwrap().summary;
    assert_eq!((summary.outcome(), summary.refused), (Outcome::Unjudged, 0));
    assert!(summary.all_unjudged() >= 8, "{summary:?}");
}

#[test]
fn tls_is_said_to_be_encrypted_and_http_to_be_something_else() {
    let (client, server) = (address(CLIENT), address("198.51.100.1:5349"));
    let open = |first: &[u8]| {
        let packets = [tcp(client, server, 1, SYN, &[]), tcp(client, server, 2, ACK, first)];
        explain(&Format::PLAIN.file(&packets)).unwrap()
    };
    let tls = open(&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]);
    assert_eq!((tls.summary.outcome(), tls.summary.aside.get(&Aside::Tls)), (Outcome::Nothing, Some(&1)));
    assert!(tls.text().contains("TLS: encrypted, cannot be explained"), "{}", tls.text());
    let http = open(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((http.summary.outcome(), http.summary.aside.get(&Aside::Other)), (Outcome::Nothing, Some(&1)));
}
