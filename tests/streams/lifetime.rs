//! How long a connection may live, and what its end ends.

use std::time::Duration;

use hilum::addr::Transport;
use hilum::client::{ClientError, Options, RequestFailure, TurnClient};
use hilum::time::Lifetime;
use hilum::turn::EndCause;
use hilum::wire::ChannelNumber;
use tokio::io::AsyncWriteExt;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{PATIENCE, World, binding, eventually, expect_answer, generous, until_closed};

/// Long enough for an allocation on a busy machine.
const SHORT: Duration = Duration::from_millis(1500);

fn impatient() -> World {
    World::start(&hilum::listen::Settings { stranger_deadline: SHORT, ..generous() })
}

/// The relay closes the client's connection, though it goes on asking for what a stranger is told or refused.
async fn expect_closed(client: &mut TurnClient) {
    let asking = async {
        while matches!(
            client.refresh(Lifetime::ZERO).await,
            Ok(_) | Err(ClientError::Request(RequestFailure::Refused(_)))
        ) {}
    };
    timeout(PATIENCE, asking).await.expect("the relay closes the connection");
}

#[tokio::test]
async fn a_silent_stranger_is_hung_up_on_at_the_deadline() {
    let world = impatient();
    let began = Instant::now();
    assert_eq!(until_closed(&mut world.connect(Transport::Tcp).await).await, b"");
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stranger_gains_no_time_by_asking() {
    let world = impatient();
    let mut client = world.client(Transport::Tcp, &Options::plain()).await;
    let began = Instant::now();
    expect_closed(&mut client).await;
    assert!(began.elapsed() < SHORT * 10, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_drip_of_single_bytes_gains_no_time() {
    let world = impatient();
    let mut stream = world.connect(Transport::Tcp).await;
    let dripping = async {
        for byte in binding(1).into_iter().chain(binding(2)).cycle() {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("the relay closes the connection");
}

#[tokio::test]
async fn a_stranger_gets_no_buffer_for_a_large_message() {
    let world = impatient();
    let mut stream = world.connect(Transport::Tcp).await;
    // ChannelData of 60 kB that nobody has bound a channel for, and a request behind it.
    let large = [&[0x40, 0, 0xea, 0x60][..], &[0; 60_000], &binding(1)].concat();
    stream.write_all(&large).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_hung_up_on_at_the_deadline() {
    let world = impatient();
    assert_eq!(until_closed(&mut world.connect(Transport::Tls).await).await, b"");
    eventually("the handshake is counted", || world.connections.failed_handshakes() == 1).await;
}

#[tokio::test]
async fn a_client_with_an_allocation_outlives_the_deadline_and_has_it_anew_afterwards() {
    let world = impatient();
    let mut client = world.client(Transport::Tcp, &Options::plain()).await;
    client.allocate(None, None).await.unwrap();
    sleep(SHORT * 2).await;
    client.refresh(Lifetime::from_secs(600)).await.unwrap();
    client.refresh(Lifetime::ZERO).await.unwrap();
    client.allocate(None, None).await.expect("there is time for another allocation");
    client.refresh(Lifetime::ZERO).await.unwrap();
    let ended = Instant::now();
    expect_closed(&mut client).await;
    assert!(ended.elapsed() >= SHORT / 2, "{:?}", ended.elapsed());
    assert!(ended.elapsed() < SHORT * 10, "{:?}", ended.elapsed());
}

#[tokio::test]
async fn an_allocation_ends_once_with_its_connection() {
    let world = World::start(&generous());
    for count in 1..=3 {
        let mut client = world.client(Transport::Tcp, &Options::plain()).await;
        client.allocate(None, None).await.unwrap();
        drop(client);
        world.ended(EndCause::Disconnected, count).await;
    }
    eventually("no connection is left", || world.connections.live(Transport::Tcp) == 0).await;
}

#[tokio::test]
async fn an_allocation_ends_once_when_its_connection_is_aborted() {
    let mut world = World::start(&generous());
    let mut client = world.client(Transport::Tcp, &Options::plain()).await;
    client.allocate(None, None).await.unwrap();
    // Without the grace of `stop`.
    drop(world.running.take());
    world.ended(EndCause::Disconnected, 1).await;
    eventually("no connection is left", || world.connections.live(Transport::Tcp) == 0).await;
}

#[tokio::test]
async fn a_shard_that_stops_ends_its_connections() {
    let mut world = World::start(&generous());
    let mut stream = world.connect(Transport::Tcp).await;
    stream.write_all(&binding(1)).await.unwrap();
    expect_answer(&mut stream, 1).await;
    world.plane.stop(PATIENCE).unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
}

#[tokio::test]
async fn media_crosses_over_tcp_and_tls() {
    let world = World::start(&generous());
    let secure = Options { tls: Some(crate::tls::trusting(&world.pair, &["stun.turn"])), ..Options::plain() };
    for (transport, options) in [(Transport::Tcp, &Options::plain()), (Transport::Tls, &secure)] {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut client = world.client(transport, options).await;
        client.allocate(None, None).await.unwrap();
        let channel = ChannelNumber::FIRST;
        client.channel_bind(channel, peer.local_addr().unwrap()).await.unwrap();
        // Every padding, and a datagram larger than what a stranger may send.
        for length in [1, 2, 3, 4, 1200, 9000] {
            let data = vec![7; length];
            client.send_channel(channel, &data).await.unwrap();
            let mut there = vec![0; 10_000];
            let (got, relayed) = timeout(PATIENCE, peer.recv_from(&mut there)).await.expect("there").unwrap();
            assert_eq!(there[..got], data);
            peer.send_to(&data, relayed).await.unwrap();
            let back = timeout(PATIENCE, client.receive()).await.expect("and back").unwrap();
            assert_eq!(back.data, data);
        }
    }
}
