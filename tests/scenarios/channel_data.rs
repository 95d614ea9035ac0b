//! ChannelData (RFC 8656 §12.4 to §12.7).

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::turn::{Discard, LARGEST};
use hilum::wire::{AttributeType, Method};

use crate::world::{Client, Outcome, PEER, SAME_HOST, World, channel_data, send_indication};

fn with_channel() -> (World, Client, SocketAddr) {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    (world, client, relayed)
}

// RFC 8656 §12.6: source, destination and data of the datagram; DF is not set (§14).
#[test]
fn data_leaves_from_the_relayed_address_to_the_channels_peer() {
    let (mut world, client, relayed) = with_channel();
    let expected =
        Outcome::ToPeer { from: relayed, to: PEER.parse().unwrap(), bytes: b"voice".to_vec(), dont_fragment: false };
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"voice")), expected);
}

// RFC 8656 §12.5: "The server ... MUST use the ChannelData message if a channel has been bound to the peer".
#[test]
fn a_peer_with_a_channel_is_heard_on_it() {
    let (mut world, client, relayed) = with_channel();
    for data in [&b""[..], b"1", b"12", b"123", b"1234"] {
        let expected = Outcome::ToClient(client.five_tuple, channel_data(0x4000, data));
        assert_eq!(world.from_peer(PEER, relayed, data), expected);
    }
}

// RFC 8656 §12.5: a client "may freely intermix the two message types".
#[test]
fn send_indications_work_beside_a_channel() {
    let (mut world, client, relayed) = with_channel();
    let bytes = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&client, &bytes).for_peer(), (relayed, PEER.parse().unwrap(), b"x".to_vec()));
}

// RFC 8656 §12.7 with §11.3: another port of the peer's host has no channel.
#[test]
fn another_port_of_the_peer_is_heard_by_data_indication() {
    let (mut world, client, relayed) = with_channel();
    let data = world.from_peer(SAME_HOST, relayed, b"x").for_client(&client);
    assert_eq!(data.message().method(), Method::Data);
    assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(SAME_HOST.parse().unwrap()));
}

// RFC 8656 §12.6: "if the Length field in the ChannelData message is 0 ... the UDP datagram is still formed and sent".
#[test]
fn empty_data_is_sent_as_an_empty_datagram() {
    let (mut world, client, _) = with_channel();
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"")).for_peer().2, b"");
}

// RFC 8656 §12.6: "if the UDP datagram is too short to contain the claimed length ... silently discarded".
#[test]
fn a_datagram_shorter_than_its_length_field_is_discarded() {
    let (mut world, client, _) = with_channel();
    let bytes = channel_data(0x4000, b"voice");
    for length in 1..bytes.len() {
        let outcome = world.from_client(&client, &bytes[..length]);
        assert_eq!(outcome, Outcome::Discarded(Discard::Malformed), "{length} bytes");
    }
}

// RFC 8656 §12.5: "Over UDP, the padding is not required but MAY be included".
#[test]
fn padding_is_not_relayed() {
    let (mut world, client, _) = with_channel();
    for padding in 0..=3 {
        let mut bytes = channel_data(0x4000, b"voice");
        bytes.extend(vec![0xff; padding]);
        assert_eq!(world.from_client(&client, &bytes).for_peer().2, b"voice");
    }
}

// RFC 8656 §12.6: "received on a channel that is not bound to any peer ... silently discarded".
#[test]
fn an_unbound_channel_is_discarded() {
    let (mut world, client, _) = with_channel();
    for number in [0x4001, 0x4fff] {
        let outcome = world.from_client(&client, &channel_data(number, b"x"));
        assert_eq!(outcome, Outcome::Discarded(Discard::NoChannel));
    }
}

// RFC 8656 §12.6: "the reserved range (0x5000 through 0xFFFF) ... silently discarded"; §12, table 3.
#[test]
fn every_first_byte_outside_stun_and_channels_is_discarded() {
    let (mut world, client, _) = with_channel();
    for first in (4..=63).chain(80..=255) {
        let outcome = world.from_client(&client, &[first, 0, 0, 4, 1, 2, 3, 4]);
        // RFC 9443: what else might share the port is told apart, and counted.
        let kind = match first {
            20..=63 => Discard::Dtls,
            80..=127 | 192..=255 => Discard::Quic,
            128..=191 => Discard::Media,
            _ => Discard::NotStun,
        };
        assert_eq!(outcome, Outcome::Discarded(kind), "first byte {first}");
    }
    assert_eq!(world.from_client(&client, &[]), Outcome::Discarded(Discard::NotStun));
}

// RFC 9443: the first bytes of channels are QUIC's, too; who has no allocation has no channel.
#[test]
fn what_is_no_channel_data_is_quic_of_strangers_and_malformed_of_clients() {
    let (mut world, client, _) = with_channel();
    let stranger = Client::number(9);
    for first in 0x40..=0x4f {
        let short_header = [first, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3];
        assert_eq!(world.from_client(&client, &short_header), Outcome::Discarded(Discard::Malformed));
        assert_eq!(world.from_client(&stranger, &short_header), Outcome::Discarded(Discard::Quic));
        assert_eq!(world.from_client(&stranger, &[first, 0, 0, 1, 9]), Outcome::Discarded(Discard::NoAllocation));
    }
}

// RFC 8656 §12.6: "MUST NOT refresh either the channel binding or the permission".
#[test]
fn data_refreshes_neither_channel_nor_permission() {
    let (mut world, client, relayed) = with_channel();
    world.advance(299);
    world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    world.from_peer(PEER, relayed, b"x").for_client_bytes(&client);
    world.advance(1);
    let dropped = Outcome::Discarded(Discard::NoPermission);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), dropped);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), dropped);
    world.permit(&client, &[PEER]);
    world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    world.request(&client, crate::world::Request::refresh(600)).expect_success();
    world.advance(299);
    world.permit(&client, &[PEER]);
    world.advance(1);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoChannel));
}

// RFC 8656 §5: "be silently ignored (if it is an indication or a ChannelData message)".
#[test]
fn without_an_allocation_it_is_ignored() {
    let mut world = World::default();
    let outcome = world.from_client(&Client::usual(), &channel_data(0x4000, b"x"));
    assert_eq!(outcome, Outcome::Discarded(Discard::NoAllocation));
}

// RFC 8656 §12.5: "The ChannelData message is then sent on the 5-tuple associated with the allocation".
#[test]
fn another_five_tuple_has_no_part_in_a_channel() {
    let (mut world, client, _) = with_channel();
    let mut elsewhere = Client::udp("192.0.2.7:4001");
    assert_eq!(world.from_client(&elsewhere, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoAllocation));
    elsewhere.five_tuple = hilum::addr::FiveTuple { link: hilum::addr::Link::Udp(1), ..client.five_tuple };
    assert_eq!(world.from_client(&elsewhere, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoAllocation));
}

// RFC 8656 §12.5: over a stream "MUST be padded to a multiple of four bytes", which the length does not count.
#[test]
fn on_a_stream_data_to_the_client_is_padded() {
    let mut world = World::default();
    let client = Client::stream("192.0.2.7:4000", 1, Transport::Tcp);
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    for length in 0..=9_u8 {
        let data = vec![0xaa; usize::from(length)];
        let bytes = world.from_peer(PEER, relayed, &data).for_client_bytes(&client);
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(bytes[..4], [0x40, 0, 0, length]);
        assert_eq!(bytes[4..4 + data.len()], data);
        assert!(bytes[4 + data.len()..].iter().all(|&byte| byte == 0));
        assert!(bytes.len() < 4 + data.len() + 4);
    }
}

// RFC 8656 §12.4: the length field has 16 bits; the largest datagram of a peer fits, its header before it.
#[test]
fn the_largest_datagram_is_relayed_on_a_channel() {
    let (mut world, client, relayed) = with_channel();
    let data = vec![7; 65_507];
    let bytes = world.from_peer(PEER, relayed, &data).for_client_bytes(&client);
    assert_eq!(bytes, channel_data(0x4000, &data));
    let mut largest = channel_data(0x4000, &vec![7; LARGEST - 4]);
    assert_eq!(world.from_client(&client, &largest).for_peer().2.len(), LARGEST - 4);
    largest[2..4].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(world.from_client(&client, &largest), Outcome::Discarded(Discard::Malformed));
}
