//! TURN through the door: over TCP, over TLS with its protocol named and without.

use std::net::SocketAddr;
use std::time::Duration;

use hilum::addr::Transport;
use hilum::client::{Received, TurnClient};
use hilum::listen::{Arrival, Settings};
use hilum::time::Lifetime;
use hilum::wire::ChannelNumber;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use crate::world::{NAME, PATIENCE, World, answer, binding, eventually, generous, mapped, until_closed};

#[tokio::test]
async fn a_turn_client_is_known_with_and_without_tls_and_with_and_without_a_protocol() {
    let world = World::start(&generous());
    let mut plain = world.connect().await;
    assert_eq!(mapped(&mut plain, 1).await, Some(plain.local_addr().unwrap()));
    world.arrived(Arrival::Turn, 1).await;
    for (count, (offered, chosen)) in
        [(&["stun.turn"][..], Some(&b"stun.turn"[..])), (&["h2", "stun.turn"], Some(b"stun.turn")), (&[], None)]
            .into_iter()
            .enumerate()
    {
        let mut secure = world.shake(offered, NAME).await.unwrap();
        assert_eq!(secure.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
        assert_eq!(mapped(&mut secure, 2).await, Some(secure.get_ref().0.local_addr().unwrap()), "{offered:?}");
        world.arrived(Arrival::TurnTls, u64::try_from(count).unwrap() + 1).await;
    }
    assert_eq!(world.connections.live(Transport::Tcp), 1, "those over TLS are counted as such");
}

#[tokio::test]
async fn the_first_request_may_come_in_any_two_pieces_and_more_at_once() {
    let world = World::start(&generous());
    for at in 1..20 {
        let mark = u8::try_from(at).unwrap();
        let request = [binding(mark), binding(mark + 100)].concat();
        let (first, second) = request.split_at(at);
        let mut plain = world.connect().await;
        let mut secure = world.shake(&[], NAME).await.unwrap();
        for part in [first, second] {
            plain.write_all(part).await.unwrap();
            secure.write_all(part).await.unwrap();
            secure.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        for mark in [mark, mark + 100] {
            assert!(answer(&mut plain, mark).await.is_some(), "{at}");
            assert!(answer(&mut secure, mark).await.is_some(), "{at}");
        }
    }
}

#[tokio::test]
async fn a_hello_may_come_a_byte_at_a_time() {
    let world = World::start(&generous());
    let (inside, outside) = tokio::io::duplex(65_536);
    let door = world.connect().await;
    // What the client writes goes on byte by byte.
    let carrying = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(outside);
        let (mut back, mut forth) = door.into_split();
        let returning = tokio::spawn(async move { tokio::io::copy(&mut back, &mut to).await });
        let mut byte = [0];
        while tokio::io::AsyncReadExt::read_exact(&mut from, &mut byte).await.is_ok() {
            forth.write_all(&byte).await.unwrap();
        }
        returning.abort();
    });
    let mut secure = world.shake_over(inside, &["stun.turn"], NAME).await.unwrap();
    assert!(mapped(&mut secure, 1).await.is_some());
    drop(secure);
    carrying.await.unwrap();
}

async fn hears(client: &mut TurnClient, data: &[u8]) {
    let Received { data: heard, .. } = timeout(PATIENCE, client.receive()).await.unwrap().unwrap();
    assert_eq!(heard, data);
}

#[tokio::test]
async fn a_call_between_two_clients_of_the_door() {
    let world = World::start(&generous());
    let (mut one, mut two) = (world.client(Transport::Tcp).await, world.client(Transport::Tls).await);
    let [first, second] = [one.allocate(None, None).await.unwrap(), two.allocate(None, None).await.unwrap()];
    let channel = ChannelNumber::new(0x4001).unwrap();
    one.channel_bind(channel, second.relayed).await.unwrap();
    two.channel_bind(channel, first.relayed).await.unwrap();
    for number in 0..100_u32 {
        let data = [&number.to_be_bytes()[..], &[7; 1000]].concat();
        one.send_channel(channel, &data).await.unwrap();
        hears(&mut two, &data).await;
        two.send_channel(channel, &data).await.unwrap();
        hears(&mut one, &data).await;
    }
    assert_eq!((world.connections.live(Transport::Tcp), world.connections.live(Transport::Tls)), (1, 1));
    one.refresh(Lifetime::ZERO).await.unwrap();
    drop((one, two));
    world.empties().await;
}

/// How long a connection may take to say what it is, in the tests of that.
const SHORT: Duration = Duration::from_secs(1);

fn impatient() -> World {
    World::start(&Settings { stranger_deadline: SHORT, ..generous() })
}

#[tokio::test]
async fn who_says_nothing_or_not_enough_is_hung_up_on_at_the_deadline() {
    let world = impatient();
    let began = Instant::now();
    let mut silent = world.connect().await;
    let mut half_a_hello = world.connect().await;
    half_a_hello.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await.unwrap();
    let mut half_a_request = world.connect().await;
    half_a_request.write_all(&binding(1)[..7]).await.unwrap();
    let mut unnamed = world.shake(&[], NAME).await.unwrap();
    let mut named = world.shake(&["stun.turn"], NAME).await.unwrap();
    assert_eq!(until_closed(&mut silent).await, b"");
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    assert_eq!(until_closed(&mut half_a_request).await, b"");
    until_closed(&mut half_a_hello).await;
    until_closed(&mut unnamed).await;
    until_closed(&mut named).await;
    world.arrived(Arrival::Silent, 2).await;
    assert_eq!(world.connections.failed_handshakes(), 1);
    world.empties().await;
}

#[tokio::test]
async fn who_leaves_without_a_word_is_nobody() {
    let world = World::start(&generous());
    drop(world.connect().await);
    world.arrived(Arrival::Silent, 1).await;
    drop(world.shake(&[], NAME).await.unwrap());
    world.arrived(Arrival::Silent, 2).await;
    world.empties().await;
}

#[tokio::test]
async fn a_source_has_one_cap_for_everything() {
    let world = World::start(&Settings { connections_per_source: 3, ..generous() });
    let mut plain = world.connect().await;
    mapped(&mut plain, 1).await.unwrap();
    let mut secure = world.shake(&["stun.turn"], NAME).await.unwrap();
    mapped(&mut secure, 1).await.unwrap();
    let mut web = world.shake(&["http/1.1"], NAME).await.unwrap();
    web.write_all(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
    crate::world::head(&mut web).await;
    let live = |transport| world.connections.live(transport);
    assert_eq!((live(Transport::Tcp), live(Transport::Tls), world.connections.visitors()), (1, 1, 1));
    assert_eq!(until_closed(&mut world.connect().await).await, b"");
    assert_eq!(world.connections.refused(), 1);
    drop(web);
    eventually("its place is free", || world.connections.visitors() == 0).await;
    let mut again = world.connect().await;
    assert!(mapped(&mut again, 2).await.is_some());
}

#[tokio::test]
async fn a_door_that_is_taken_is_named() {
    let taken = hilum::listen::Listeners::bind(&generous()).unwrap();
    let address: SocketAddr = taken.doors().next().unwrap();
    let error = hilum::listen::Listeners::bind(&Settings { door: vec![address], ..generous() }).map(drop).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on tcp {address}: ")), "{error}");
}
