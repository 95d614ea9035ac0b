//! The door behind a load balancer: the PROXY header stands before everything.

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::listen::{Arrival, Settings};
use ppp::{v1, v2};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::world::{NAME, PATIENCE, World, ask, eventually, generous, mapped, until_closed};

const CLIENT: &str = "198.51.100.7:56324";

fn behind_a_balancer() -> Settings {
    Settings { proxies: vec!["127.0.0.77/32".parse().unwrap()], ..generous() }
}

async fn from_balancer(world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.77:0".parse().unwrap()).unwrap();
    let stream = timeout(PATIENCE, socket.connect(world.door)).await.unwrap().unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn headers() -> [Vec<u8>; 2] {
    let addresses: (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    let line = v1::Addresses::from(addresses).to_string().into_bytes();
    let builder = v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, v2::Protocol::Stream, addresses);
    [line, builder.build().unwrap()]
}

#[tokio::test]
async fn turn_and_http_behind_a_balancer_are_the_clients_own() {
    let world = World::start(&behind_a_balancer());
    let who = "GET /who HTTP/1.1\r\nHost: relay.clinic.example\r\n";
    for header in headers() {
        let mut plain = from_balancer(&world).await;
        plain.write_all(&header).await.unwrap();
        assert_eq!(mapped(&mut plain, 1).await, CLIENT.parse().ok());
        for offered in [&["stun.turn"][..], &[]] {
            let mut socket = from_balancer(&world).await;
            socket.write_all(&header).await.unwrap();
            let mut secure = world.shake_over(socket, offered, NAME).await.unwrap();
            assert_eq!(mapped(&mut secure, 1).await, CLIENT.parse().ok(), "{offered:?}");
        }
        for offered in [&["http/1.1"][..], &[]] {
            let mut socket = from_balancer(&world).await;
            socket.write_all(&header).await.unwrap();
            let mut secure = world.shake_over(socket, offered, NAME).await.unwrap();
            assert_eq!(ask(&mut secure, who).await.body, CLIENT, "{offered:?}");
        }
        let mut plain = from_balancer(&world).await;
        plain.write_all(&header).await.unwrap();
        assert_eq!(ask(&mut plain, "GET / HTTP/1.1\r\nHost: relay.clinic.example\r\n").await.status(), 308);
    }
    assert_eq!(world.connections.failed_proxies(), 0);
}

#[tokio::test]
async fn a_balancer_without_a_header_is_hung_up_on_and_nobody_else_brings_one() {
    let world = World::start(&behind_a_balancer());
    for (count, opening) in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22, 3, 1, 2, 0, 1, 0], &[0, 1, 0, 0]].into_iter().enumerate()
    {
        let mut stream = from_balancer(&world).await;
        stream.write_all(opening).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"", "{opening:?}");
        let counted = u64::try_from(count).unwrap() + 1;
        eventually("it is counted", || world.connections.failed_proxies() == counted).await;
    }
    for header in headers() {
        let mut stream = world.connect().await;
        stream.write_all(&header).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"");
    }
    world.arrived(Arrival::Unknown, 2).await;
}

#[tokio::test]
async fn visitors_behind_a_balancer_come_under_the_caps_of_their_source() {
    let world = World::start(&Settings { connections_per_source: 2, ..behind_a_balancer() });
    let [header, _] = headers();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = from_balancer(&world).await;
        socket.write_all(&header).await.unwrap();
        let mut secure = world.shake_over(socket, &["http/1.1"], NAME).await.unwrap();
        secure.write_all(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
        crate::world::head(&mut secure).await;
        held.push(secure);
    }
    let mut third = from_balancer(&world).await;
    third.write_all(&header).await.unwrap();
    assert_eq!(until_closed(&mut third).await, b"");
    // Others are not concerned.
    let mut other = world.connect().await;
    assert!(mapped(&mut other, 1).await.is_some());
    assert_eq!((world.connections.visitors(), world.connections.live(Transport::Tcp)), (2, 1));
}
