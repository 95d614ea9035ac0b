//! RFC 8656 §9 permits an IP address, whatever the port. An allocation that is bound to a call is stricter, once it has a
//! channel to that address.

use hilum::turn::{Discard, Settings, StrictPort};
use hilum::wire::attribute::Icmp;

use super::world::*;

const REFUSED: Outcome = Outcome::Discarded(Discard::PeerPort);

fn with(strict_port: StrictPort) -> World {
    World::new(Setup { settings: Settings { strict_port, ..Settings::default() }, ..Setup::default() })
}

/// A holder of a token that may reach the hosts of the scenarios.
fn holder() -> Client {
    Client::usual().holding(&Token { more: r#","peers":["203.0.113.0/24"]"#, ..Token::new("visit", "a") })
}

#[track_caller]
fn arrives(outcome: Outcome) {
    assert!(matches!(outcome, Outcome::ToClient(..)), "{outcome:?}");
}

#[test]
fn without_a_channel_every_port_of_a_permitted_address_may_send() {
    let mut world = World::default();
    let ada = holder();
    let relayed = world.allocate(&ada);
    world.permit(&ada, &[PEER]);
    arrives(world.from_peer(PEER, relayed, b"hello"));
    arrives(world.from_peer(SAME_HOST, relayed, b"hello"));
}

#[test]
fn with_a_channel_only_its_port_of_that_address_may_send() {
    let mut world = World::default();
    let ada = holder();
    let relayed = world.allocate(&ada);
    world.bind(&ada, 0x4000, PEER);
    arrives(world.from_peer(PEER, relayed, b"hello"));
    assert_eq!(world.from_peer(SAME_HOST, relayed, b"hello"), REFUSED);
    assert_eq!(world.tally().discards(Discard::PeerPort), 1);
    // A second channel is a second port.
    world.bind(&ada, 0x4001, SAME_HOST);
    arrives(world.from_peer(SAME_HOST, relayed, b"hello"));
    assert_eq!(world.from_peer("203.0.113.5:7002", relayed, b"hello"), REFUSED);
}

#[test]
fn a_channel_to_one_address_says_nothing_about_another() {
    let mut world = World::default();
    let ada = holder();
    let relayed = world.allocate(&ada);
    world.bind(&ada, 0x4000, PEER);
    world.permit(&ada, &[OTHER_PEER]);
    arrives(world.from_peer(OTHER_PEER, relayed, b"hello"));
    arrives(world.from_peer("203.0.113.6:7009", relayed, b"hello"));
    // Nor does it open what no permission opens.
    assert_eq!(world.from_peer("203.0.113.7:7000", relayed, b"hello"), Outcome::Discarded(Discard::NoPermission));
}

#[test]
fn it_ends_with_the_channel() {
    let mut world = World::default();
    let ada = holder();
    let relayed = world.allocate(&ada);
    world.bind(&ada, 0x4000, PEER);
    world.advance(299);
    world.permit(&ada, &[PEER]);
    world.request(&ada, Request::refresh(600)).expect_success();
    world.advance(299);
    world.permit(&ada, &[PEER]);
    assert_eq!(world.from_peer(SAME_HOST, relayed, b"hello"), REFUSED);
    // The channel lives for ten minutes.
    world.advance(2);
    arrives(world.from_peer(SAME_HOST, relayed, b"hello"));
}

// Inside the relay all peers have our IP address, and their call holds them: a third party, or the second address of one
// that restarts ICE, must be heard before there is a channel to it (RFC 8445 §7.2.1).
#[test]
fn clients_of_the_relay_are_held_to_their_call_and_not_to_ports() {
    let mut world = World::default();
    let of = |number, party, id| Client::number(number).holding(&Token { id, ..Token::new("visit", party) });
    let (ada, ben, restarted, cem) = (of(1, "a", "a"), of(2, "b", "b"), of(3, "b", "b2"), of(4, "c", "c"));
    let relayed = [&ada, &ben, &restarted, &cem].map(|client| world.allocate(client).to_string());
    let [of_ada, of_ben, ..] = &relayed;
    world.bind(&ada, 0x4000, of_ben);
    let hello = send_indication(&mut world, of_ada, b"hello");
    for client in [&ben, &restarted, &cem] {
        world.permit(client, &[of_ada]);
        arrives(world.from_client(client, &hello));
    }
}

#[test]
fn who_holds_no_token_is_not_held_to_ports() {
    let mut world = World::default();
    let alice = Client::usual();
    let relayed = world.allocate(&alice);
    world.bind(&alice, 0x4000, PEER);
    arrives(world.from_peer(SAME_HOST, relayed, b"hello"));
}

#[test]
fn the_configuration_can_have_it_for_everybody_or_for_nobody() {
    for (strict, client, refused) in [
        (StrictPort::Always, Client::usual(), true),
        (StrictPort::Always, holder(), true),
        (StrictPort::Never, holder(), false),
    ] {
        let mut world = with(strict);
        let relayed = world.allocate(&client);
        world.bind(&client, 0x4000, PEER);
        assert_eq!(world.from_peer(SAME_HOST, relayed, b"hello") == REFUSED, refused, "{strict:?}");
    }
}

// RFC 8656 §11.5: what the network says is about a datagram that the client has sent.
#[test]
fn errors_of_the_network_come_from_any_port() {
    let mut world = World::default();
    let ada = holder();
    let relayed = world.allocate(&ada);
    world.bind(&ada, 0x4000, PEER);
    arrives(world.icmp(SAME_HOST, relayed, Icmp { kind: 3, code: 3, data: 0 }));
}
