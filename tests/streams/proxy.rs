//! Through a load balancer: whose a connection is, who may say so, and under whose caps it comes.

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::listen::Settings;
use hilum::wire::{AttributeType, Message, decode_xor_address};
use ppp::{v1, v2};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls::trusting;
use crate::world::{PATIENCE, World, binding, eventually, expect_answer, generous, until_closed};

const CLIENT: &str = "198.51.100.7:56324";
const BALANCER: &str = "127.0.0.77";

fn behind_a_balancer() -> Settings {
    Settings { proxies: vec!["127.0.0.77/32".parse().unwrap()], ..generous() }
}

/// A connection from the balancer's address.
async fn from_balancer(world: &World, transport: Transport) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(BALANCER.parse().unwrap(), 0)).unwrap();
    let stream = timeout(PATIENCE, socket.connect(world.address(transport))).await.unwrap().unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn addresses(client: &str) -> (SocketAddr, SocketAddr) {
    let client: SocketAddr = client.parse().unwrap();
    (client, if client.is_ipv4() { "192.0.2.1:443" } else { "[2001:db8::1]:443" }.parse().unwrap())
}

fn line(client: &str) -> Vec<u8> {
    v1::Addresses::from(addresses(client)).to_string().into_bytes()
}

fn binary(command: v2::Command, protocol: v2::Protocol, client: &str) -> Vec<u8> {
    let builder = v2::Builder::with_addresses(v2::Version::Two | command, protocol, addresses(client));
    builder.write_tlv(v2::Type::UniqueId, &[7; 100]).unwrap().build().unwrap()
}

fn proxied(client: &str) -> Vec<u8> {
    binary(v2::Command::Proxy, v2::Protocol::Stream, client)
}

/// Whom the relay takes the client of this connection for.
async fn mapped<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> SocketAddr {
    stream.write_all(&binding(9)).await.unwrap();
    let mut bytes = vec![0; 20];
    let read = async {
        stream.read_exact(&mut bytes).await.unwrap();
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        bytes.resize(20 + length, 0);
        stream.read_exact(&mut bytes[20..]).await.unwrap();
    };
    timeout(PATIENCE, read).await.expect("an answer");
    let message = Message::parse(&bytes).unwrap();
    let value = message.value(AttributeType::XOR_MAPPED_ADDRESS).unwrap();
    decode_xor_address(value, message.transaction()).unwrap()
}

#[tokio::test]
async fn a_client_behind_a_balancer_is_known_by_its_own_address() {
    let world = World::start(&behind_a_balancer());
    for client in [CLIENT, "[2001:db8::5]:4711"] {
        for header in [line(client), proxied(client)] {
            let mut stream = from_balancer(&world, Transport::Tcp).await;
            stream.write_all(&header).await.unwrap();
            assert_eq!(mapped(&mut stream).await, client.parse().unwrap());

            let mut socket = from_balancer(&world, Transport::Tls).await;
            socket.write_all(&header).await.unwrap();
            let connector = TlsConnector::from(trusting(&world.pair, &["stun.turn"]));
            let shaking = connector.connect(ServerName::try_from("localhost").unwrap(), socket);
            let mut stream = timeout(PATIENCE, shaking).await.unwrap().expect("TLS stands behind the header");
            assert_eq!(mapped(&mut stream).await, client.parse().unwrap());
        }
    }
    assert_eq!((world.connections.failed_proxies(), world.connections.failed_handshakes()), (0, 0));
}

#[tokio::test]
async fn a_header_may_come_in_pieces_and_together_with_what_follows_it() {
    let world = World::start(&behind_a_balancer());
    for header in [line(CLIENT), proxied(CLIENT)] {
        let mut stream = from_balancer(&world, Transport::Tcp).await;
        for byte in &header {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(mapped(&mut stream).await, CLIENT.parse().unwrap());

        let mut stream = from_balancer(&world, Transport::Tcp).await;
        stream.write_all(&[header, binding(1), binding(2)].concat()).await.unwrap();
        expect_answer(&mut stream, 1).await;
        expect_answer(&mut stream, 2).await;
    }
}

#[tokio::test]
async fn a_balancer_that_speaks_for_itself_is_a_client_like_others() {
    let world = World::start(&behind_a_balancer());
    for header in [binary(v2::Command::Local, v2::Protocol::Stream, CLIENT), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut stream = from_balancer(&world, Transport::Tcp).await;
        stream.write_all(&header).await.unwrap();
        assert_eq!(mapped(&mut stream).await, stream.local_addr().unwrap());
    }
}

#[tokio::test]
async fn who_is_not_named_chooses_no_address() {
    let world = World::start(&behind_a_balancer());
    for header in [line(CLIENT), proxied(CLIENT)] {
        for transport in [Transport::Tcp, Transport::Tls] {
            let mut stream = world.connect(transport).await;
            stream.write_all(&[header.clone(), binding(1)].concat()).await.unwrap();
            // Over TLS an alert may come first.
            assert!(until_closed(&mut stream).await.len() < 20);
        }
    }
    let mut stream = world.connect(Transport::Tcp).await;
    assert_eq!(mapped(&mut stream).await, stream.local_addr().unwrap(), "without a header it is a client");
    assert_eq!(world.connections.failed_proxies(), 0);
}

#[tokio::test]
async fn a_balancer_that_names_no_client_is_hung_up_on_and_counted() {
    let world = World::start(&behind_a_balancer());
    let unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[1; 216]].concat();
    for (count, opening) in [
        binding(1),
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03".to_vec(),
        b"PROXY TCP4 198.51.100.7 192.0.2.1 0 443\r\n".to_vec(),
        b"PROXY TCP4 198.51.100.7\r\n".to_vec(),
        b"PROXY ".repeat(100),
        binary(v2::Command::Proxy, v2::Protocol::Datagram, CLIENT),
        unix,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        for (transport, more) in [(Transport::Tcp, 1), (Transport::Tls, 2)] {
            let mut stream = from_balancer(&world, transport).await;
            stream.write_all(&opening).await.unwrap();
            assert_eq!(until_closed(&mut stream).await, b"", "{opening:?}");
            let counted = u64::try_from(2 * count).unwrap() + more;
            eventually("it is counted", || world.connections.failed_proxies() == counted).await;
        }
    }
}

#[tokio::test]
async fn a_balancer_that_says_nothing_has_no_more_time_than_a_stranger() {
    let world =
        World::start(&Settings { stranger_deadline: std::time::Duration::from_millis(100), ..behind_a_balancer() });
    let mut stream = from_balancer(&world, Transport::Tcp).await;
    stream.write_all(b"PROXY TCP4").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
    eventually("it is counted", || world.connections.failed_proxies() == 1).await;
    eventually("its place is free", || world.connections.live(Transport::Tcp) == 0).await;
}

#[tokio::test]
async fn caps_are_the_clients_not_the_balancers() {
    let world = World::start(&Settings { connections_per_source: 2, ..behind_a_balancer() });
    let mut held = Vec::new();
    for client in 1..=5 {
        for _ in 0..2 {
            let mut stream = from_balancer(&world, Transport::Tcp).await;
            stream.write_all(&proxied(&format!("198.51.100.{client}:5000"))).await.unwrap();
            // Its answer says that it is the client's now.
            mapped(&mut stream).await;
            held.push(stream);
        }
    }
    let mut third = from_balancer(&world, Transport::Tcp).await;
    third.write_all(&proxied("198.51.100.1:6000")).await.unwrap();
    assert_eq!(until_closed(&mut third).await, b"");
    assert_eq!((world.connections.refused(), world.connections.failed_proxies()), (1, 0));
    drop(held);
    eventually("all places are free", || world.connections.live(Transport::Tcp) == 0).await;
}
