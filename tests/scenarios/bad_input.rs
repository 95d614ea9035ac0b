//! Whatever arrives: no panic, no state, and nothing sent to a peer.

use hilum::turn::Discard;
use hilum::wire::{AttributeType, Class, Method};

use crate::world::{Client, Outcome, PEER, PEER_V6, Request, World, channel_data, indication, send_indication};

/// Every request, signed, for a client with an allocation or without one.
fn requests(world: &mut World, client: &Client) -> Vec<Vec<u8>> {
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let nonce = world.nonce(client);
    [
        Request::allocate().lifetime(900).with(AttributeType::EVEN_PORT, &[0x80]).fingerprint(),
        both,
        Request::refresh(0),
        Request::new(Method::CreatePermission).peer(PEER).peer("[2001:db8:2::5]:1"),
        Request::bind(0x4000, PEER),
    ]
    .map(|request| request.bytes(client, world.transaction(), &nonce))
    .to_vec()
}

fn is_error_or_silence(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::ToClient(_, bytes) => crate::world::Answer(bytes.clone()).message().class() == Class::Error,
        Outcome::Discarded(_) => true,
        Outcome::ToPeer { .. } | Outcome::ToShard { .. } => false,
    }
}

/// A world in which everything is there that a message could hit.
fn busy() -> (World, Client) {
    let mut world = World::default();
    let client = Client::usual();
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    world.request(&client, both).expect_success();
    world.bind(&client, 0x4000, PEER);
    world.permit(&client, &[PEER_V6]);
    (world, client)
}

#[test]
fn a_request_cut_at_any_byte_is_discarded() {
    let mut world = World::default();
    let client = Client::usual();
    for bytes in requests(&mut world, &client) {
        for length in 0..bytes.len() {
            let outcome = world.from_client(&client, &bytes[..length]);
            assert!(
                matches!(outcome, Outcome::Discarded(Discard::Malformed | Discard::NotStun)),
                "{length}: {outcome:?}"
            );
        }
    }
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn a_request_cut_at_any_attribute_with_its_length_corrected_proves_nothing() {
    let mut world = World::default();
    let client = Client::usual();
    for bytes in requests(&mut world, &client) {
        let integrity_and_fingerprint =
            if bytes.len() > 8 && bytes[bytes.len() - 8..][..2] == [0x80, 0x28] { 32 } else { 24 };
        for length in (20..=bytes.len() - integrity_and_fingerprint).step_by(4) {
            let mut cut = bytes[..length].to_vec();
            cut[2..4].copy_from_slice(&u16::try_from(length - 20).unwrap().to_be_bytes());
            let outcome = world.from_client(&client, &cut);
            assert!(is_error_or_silence(&outcome), "{length}: {outcome:?}");
        }
    }
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn a_send_indication_cut_at_any_byte_is_discarded() {
    let (mut world, client) = busy();
    let bytes = send_indication(&mut world, PEER, b"voice");
    for length in 0..bytes.len() {
        let outcome = world.from_client(&client, &bytes[..length]);
        assert!(matches!(outcome, Outcome::Discarded(_)), "{length}: {outcome:?}");
    }
}

#[test]
fn bytes_after_the_end_are_discarded() {
    let (mut world, client) = busy();
    let mut bytes = send_indication(&mut world, PEER, b"voice");
    for _ in 0..64 {
        bytes.push(0);
        assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::Malformed));
    }
}

#[test]
fn a_message_inside_a_message_is_data_and_nothing_else() {
    let (mut world, client) = busy();
    let inner = requests(&mut world, &client).remove(2);
    let bytes = send_indication(&mut world, PEER, &inner);
    assert_eq!(world.from_client(&client, &bytes).for_peer().2, inner);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, &inner)).for_peer().2, inner);
    assert_eq!(world.relay.allocations(), 1, "the deletion inside was not obeyed");
    let twice = send_indication(&mut world, PEER, &bytes);
    assert_eq!(world.from_client(&client, &twice).for_peer().2, bytes);
}

#[test]
fn what_stands_behind_the_integrity_is_not_seen() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    let mut bytes = Request::new(Method::Allocate).bytes(&client, world.transaction(), &nonce);
    bytes.extend([0, 0x19, 0, 4, 17, 0, 0, 0]);
    let length = u16::try_from(bytes.len() - 20).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let answer = world.expect_answer(&client, &bytes);
    assert_eq!(answer.message().class(), Class::Error);
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn messages_of_64_kib_are_survived() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    let most = 65_535 - 20 - 3;
    let unknown = vec![0; most - 4];
    let outcome = {
        let bytes =
            Request::new(Method::Allocate).with(AttributeType(0x7abc), &unknown).unauthenticated(world.transaction());
        assert!(bytes.len() > 65_500);
        world.from_client(&client, &bytes)
    };
    assert!(is_error_or_silence(&outcome));
    let many = (0..16_000).fold(Request::allocate(), |request, _| request.with(AttributeType(0x7abc), &[]));
    let bytes = many.bytes(&client, world.transaction(), &nonce);
    assert!(bytes.len() > 64_000);
    world.expect_answer(&client, &bytes).expect_error(hilum::wire::ErrorCode::UNKNOWN_ATTRIBUTE);
    assert_eq!(world.relay.allocations(), 0);
    world.from_client(&client, &[0; 65_535]);
    world.from_client(&client, &[0x40; 65_535]);
    world.from_client(&client, &[0xff; 70_000]);
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn thousands_of_peers_in_one_request_are_refused_together() {
    let (mut world, client) = busy();
    let nonce = world.nonce(&client);
    let peers: Vec<String> = (0..2000).map(|number| format!("[2001:db8:2::{number:x}]:1")).collect();
    let request = peers.iter().fold(Request::new(Method::CreatePermission), |request, peer| request.peer(peer));
    let bytes = request.bytes(&client, world.transaction(), &nonce);
    world.expect_answer(&client, &bytes).expect_error(hilum::wire::ErrorCode::INSUFFICIENT_CAPACITY);
}

#[test]
fn an_attribute_of_any_wrong_length_does_no_harm() {
    for length in 0..=70 {
        for kind in AttributeType::KNOWN {
            let (mut world, client) = busy();
            let value = vec![0xff; length];
            for method in [Method::Refresh, Method::CreatePermission, Method::ChannelBind] {
                let transaction = world.transaction();
                let request = Request::new(method).with(*kind, &value);
                let nonce = b"no nonce of ours";
                world.from_client(&client, &request.bytes(&client, transaction, nonce));
                let outcome = world.from_client(&client, &request.unauthenticated(transaction));
                assert!(is_error_or_silence(&outcome));
            }
            let bytes = indication(&mut world, None, Some(b"x"), &[(*kind, &value)]);
            let outcome = world.from_client(&client, &bytes);
            assert!(matches!(outcome, Outcome::Discarded(_)), "{kind:?} of {length}: {outcome:?}");
            assert_eq!(world.relay.allocations(), 1);
        }
    }
}

#[test]
fn a_proven_request_with_any_wrong_attribute_is_refused_or_harmless() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    for length in [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 19, 20, 21, 64] {
        for kind in AttributeType::KNOWN {
            for method in [Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind] {
                let request = Request::new(method).with(*kind, &vec![0xff; length]);
                let bytes = request.bytes(&client, world.transaction(), &nonce);
                let outcome = world.from_client(&client, &bytes);
                assert!(is_error_or_silence(&outcome), "{method:?} with {kind:?} of {length}: {outcome:?}");
            }
        }
    }
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn every_message_type_is_survived_and_only_requests_are_answered() {
    let (mut world, client) = busy();
    for kind in 0..=0x3fff_u16 {
        let mut bytes = Request::new(Method::Binding).padding(80).unauthenticated(world.transaction());
        bytes[..2].copy_from_slice(&kind.to_be_bytes());
        if let Outcome::ToClient(..) = world.from_client(&client, &bytes) {
            assert_eq!(kind & 0x110, 0, "type {kind:#06x} is a request");
        }
    }
    assert_eq!(world.relay.allocations(), 1);
}

#[test]
fn responses_are_never_answered() {
    let (mut world, client) = busy();
    for class in [Class::Success, Class::Error] {
        for method in Method::ALL {
            let mut bytes = Request::new(Method::Binding).unauthenticated(world.transaction());
            bytes[..2].copy_from_slice(&class.message_type(method).to_be_bytes());
            let outcome = world.from_client(&client, &bytes);
            assert_eq!(outcome, Outcome::Discarded(Discard::NotForServers));
        }
    }
}

// RFC 8656 §5: "TURN does not use the backwards-compatibility mechanism": without the cookie it is no STUN.
#[test]
fn a_message_without_the_magic_cookie_is_discarded() {
    let mut world = World::default();
    let bytes = Request::new(Method::Binding).unauthenticated(world.transaction());
    for at in 4..8 {
        let mut classic = bytes.clone();
        classic[at] ^= 0x80;
        assert_eq!(world.from_client(&Client::usual(), &classic), Outcome::Discarded(Discard::NotStun));
    }
}

#[test]
fn a_wrong_fingerprint_is_discarded() {
    let mut world = World::default();
    let mut bytes = Request::new(Method::Binding).fingerprint().unauthenticated(world.transaction());
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(world.from_client(&Client::usual(), &bytes), Outcome::Discarded(Discard::Fingerprint));
}

#[test]
fn any_single_changed_bit_does_no_harm() {
    let (mut world, client) = busy();
    let bytes = send_indication(&mut world, PEER, b"voice");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Outcome::ToPeer { to, .. } = world.from_client(&client, &changed) {
                assert_eq!(to.ip(), PEER.parse::<std::net::SocketAddr>().unwrap().ip(), "byte {at}");
            }
        }
    }
    assert_eq!(world.relay.allocations(), 1);
}

#[test]
fn nothing_from_peers_does_harm() {
    let (mut world, client) = busy();
    let relayed: Vec<_> = world.open.values().map(|port| port.socket()).collect();
    for bytes in requests(&mut world, &client) {
        for relayed in &relayed {
            let peer = if relayed.is_ipv4() { PEER } else { PEER_V6 };
            let outcome = world.from_peer(peer, *relayed, &bytes);
            assert!(!matches!(outcome, Outcome::ToPeer { .. }));
        }
    }
    assert_eq!(world.relay.allocations(), 1, "a request from a peer is data");
}
