//! Messages in a stream, and how many streams there may be.

use std::time::Duration;

use hilum::addr::Transport;
use hilum::listen::{BindError, Listeners, Pages, RunError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::world::{PATIENCE, World, binding, eventually, expect_answer, generous, until_closed};

#[tokio::test]
async fn a_request_split_at_any_byte_is_answered() {
    let world = World::start(&generous());
    let mut stream = world.connect(Transport::Tcp).await;
    for at in 0..20 {
        let mark = u8::try_from(at).unwrap();
        let request = binding(mark);
        let (first, second) = request.split_at(at);
        // The answer to the request before has come, and each write is a segment of its own.
        stream.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(second).await.unwrap();
        expect_answer(&mut stream, mark).await;
    }
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_order() {
    let world = World::start(&generous());
    let mut stream = world.connect(Transport::Tcp).await;
    let requests: Vec<u8> = (0..200).flat_map(binding).collect();
    stream.write_all(&requests).await.unwrap();
    for mark in 0..200 {
        expect_answer(&mut stream, mark).await;
    }
}

#[tokio::test]
async fn another_protocol_is_hung_up_on() {
    let world = World::start(&generous());
    for opening in [&b"GET / HTTP/1.1\r\nHost: hilum\r\n\r\n"[..], &[0x16, 3, 1, 0, 200], &[0, 1, 0, 0, 1, 2, 3, 4]] {
        let mut stream = world.connect(Transport::Tcp).await;
        stream.write_all(opening).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"", "{opening:?}");
    }
    eventually("no connection is left", || world.connections.live(Transport::Tcp) == 0).await;
}

#[tokio::test]
async fn garbage_after_a_request_ends_the_connection() {
    let world = World::start(&generous());
    let mut stream = world.connect(Transport::Tcp).await;
    stream.write_all(&binding(1)).await.unwrap();
    expect_answer(&mut stream, 1).await;
    stream.write_all(&[0xff; 10]).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
}

#[tokio::test]
async fn one_source_gets_no_more_connections_than_its_cap() {
    let world = World::start(&hilum::listen::Settings { connections_per_source: 2, ..generous() });
    let (mut first, mut second) = (world.connect(Transport::Tcp).await, world.connect(Transport::Tcp).await);
    for stream in [&mut first, &mut second] {
        stream.write_all(&binding(1)).await.unwrap();
        expect_answer(stream, 1).await;
    }
    // The cap is for all transports together.
    for transport in [Transport::Tcp, Transport::Tls] {
        assert_eq!(until_closed(&mut world.connect(transport).await).await, b"");
    }
    assert_eq!((world.connections.live(Transport::Tcp), world.connections.refused()), (2, 2));
    drop(first);
    eventually("its place is free", || world.connections.live(Transport::Tcp) == 1).await;
    let mut third = world.connect(Transport::Tcp).await;
    third.write_all(&binding(3)).await.unwrap();
    expect_answer(&mut third, 3).await;
}

#[tokio::test]
async fn the_total_of_connections_has_a_cap() {
    let world = World::start(&hilum::listen::Settings { connections: 1, ..generous() });
    let mut first = world.connect(Transport::Tcp).await;
    first.write_all(&binding(1)).await.unwrap();
    expect_answer(&mut first, 1).await;
    assert_eq!(until_closed(&mut world.connect(Transport::Tcp).await).await, b"");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_hung_up_on() {
    let world = World::start(&hilum::listen::Settings { send_queue: 16_384, ..generous() });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(world.address(Transport::Tcp)).await.unwrap();
    let requests: Vec<u8> = (0..200).flat_map(binding).collect();
    // 80 MB of requests: more answers than all buffers between the two hold.
    let writing = async {
        for _ in 0..20_000 {
            if stream.write_all(&requests).await.is_err() {
                return true;
            }
        }
        false
    };
    assert!(timeout(PATIENCE, writing).await.unwrap(), "the connection is still open");
    eventually("no connection is left", || world.connections.live(Transport::Tcp) == 0).await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_advice() {
    let taken = Listeners::bind(&generous()).unwrap();
    let (_, address) = taken.addresses().next().unwrap();
    let error: BindError =
        Listeners::bind(&hilum::listen::Settings { tcp: vec![address], ..generous() }).map(drop).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot listen on tcp {address}: ")), "{text}");
    assert!(
        text.ends_with("; another process listens there: perhaps another relay: end it, or choose another port"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_runs_without_a_shard_or_a_certificate() {
    let bound = || Listeners::bind(&generous()).unwrap();
    assert!(matches!(bound().run(Vec::new(), None, Pages::default()), Err(RunError::NoShards)));
    let world = World::start(&generous());
    let error = bound().run(world.plane.gates.clone(), None, Pages::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("set `tls.certificate` and `tls.key`"), "{error}");
}

#[tokio::test]
async fn stopping_closes_connections_and_the_listener() {
    let mut world = World::start(&generous());
    let mut stream = world.connect(Transport::Tcp).await;
    stream.write_all(&binding(1)).await.unwrap();
    expect_answer(&mut stream, 1).await;
    timeout(Duration::from_secs(5), world.running.take().unwrap().stop()).await.expect("the end");
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"");
    assert_eq!(world.connections.live(Transport::Tcp), 0);
    assert!(tokio::net::TcpStream::connect(world.address(Transport::Tcp)).await.is_err());
}
