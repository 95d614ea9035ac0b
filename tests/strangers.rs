//! The `turn` crate's client and the `stun` crate's codec against `hilum serve` on loopback: other people's reading of
//! the RFCs judges ours. The crate's client binds a channel by itself, which coturn's tools cannot do within today's range.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]
#![cfg(feature = "server")]

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket as BlockingUdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stun::message::Getter;
use stun::xoraddr::XorMappedAddress;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

const USER: &str = "clinic";
const PASSWORD: &str = "a password of the clinic";
/// Generous: other tests run beside these.
const SOON: Duration = Duration::from_secs(10);
/// Datagrams each way: many more than the client needs until its channel is bound.
const DATAGRAMS: usize = 200;
const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// `hilum serve` on free ports; ends with the value.
struct Relay {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// A port free for UDP and TCP now.
fn free_port() -> SocketAddr {
    (0..50)
        .find_map(|_| {
            let stream = TcpListener::bind(LOOPBACK).ok()?;
            let address = stream.local_addr().ok()?;
            BlockingUdpSocket::bind(address).is_ok().then_some(address)
        })
        .unwrap()
}

fn config(folder: &Path, address: SocketAddr, admin: SocketAddr) -> String {
    let password = folder.join("password");
    let mut private = std::fs::OpenOptions::new();
    private.write(true).create_new(true).mode(0o600);
    private.open(&password).unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    format!(
        "[server]\nshards = 2\n[listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n\
         [relay]\naddresses = [\"127.0.0.1\"]\n\
         [[auth.user]]\nname = \"{USER}\"\npassword_file = \"{}\"\n\
         [peers]\nallow = [\"127.0.0.1\"]\n[seal]\nmode = \"off\"\naccept_unsealed = true\n[admin]\nlisten = \"{admin}\"\n",
        password.display()
    )
}

/// True when `GET /ready` says 200.
async fn ready(admin: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(admin).await else { return false };
    let request = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    stream.write_all(request).await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}

async fn relay() -> Relay {
    let folder = tempfile::tempdir().unwrap();
    let (address, admin) = (free_port(), free_port());
    let file = folder.path().join("hilum.toml");
    std::fs::write(&file, config(folder.path(), address, admin)).unwrap();
    let process = Command::new(env!("CARGO_BIN_EXE_hilum"))
        .args(["serve", "--config"])
        .arg(&file)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let relay = Relay { process, address, _folder: folder };
    let is_ready = async {
        while !ready(admin).await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, is_ready).await.expect("hilum serve is not ready in time");
    relay
}

/// How the crate's client reaches the relay. Counts channel messages, so that a test can tell channels were used.
enum Wire {
    Udp(UdpSocket),
    /// The halves, and the address of the far end: the crate knows no TURN over TCP, so frames are cut here.
    Tcp(Mutex<OwnedReadHalf>, Mutex<OwnedWriteHalf>, SocketAddr),
}

struct Link {
    wire: Wire,
    channel_messages_in: AtomicUsize,
    channel_messages_out: AtomicUsize,
}

fn is_channel_message(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| (0x40..=0x4F).contains(first))
}

/// Bytes of the whole frame that starts so, and of the padding after it (RFC 8656 §12.5).
fn frame_length(start: [u8; 4]) -> (usize, usize) {
    let length = usize::from(u16::from_be_bytes([start[2], start[3]]));
    if is_channel_message(&start) { (4 + length, length.wrapping_neg() % 4) } else { (20 + length, 0) }
}

async fn read_frame(stream: &mut OwnedReadHalf, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut start = [0; 4];
    stream.read_exact(&mut start).await?;
    let (length, padding) = frame_length(start);
    buffer[..4].copy_from_slice(&start);
    stream.read_exact(&mut buffer[4..length]).await?;
    stream.read_exact(&mut [0; 4][..padding]).await?;
    Ok(length)
}

#[async_trait]
impl Conn for Link {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.recv_from(buffer).await?.0)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        let (length, from) = match &self.wire {
            Wire::Udp(socket) => socket.recv_from(buffer).await?,
            Wire::Tcp(reader, _, far) => (read_frame(&mut *reader.lock().await, buffer).await?, *far),
        };
        self.channel_messages_in.fetch_add(usize::from(is_channel_message(&buffer[..length])), Ordering::Relaxed);
        Ok((length, from))
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(std::io::Error::other("the client always names the server").into())
    }

    async fn send_to(&self, frame: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        self.channel_messages_out.fetch_add(usize::from(is_channel_message(frame)), Ordering::Relaxed);
        match &self.wire {
            Wire::Udp(socket) => Ok(socket.send_to(frame, to).await?),
            Wire::Tcp(_, writer, _) => {
                let mut padded = frame.to_vec();
                padded.resize(frame.len().next_multiple_of(4), 0);
                writer.lock().await.write_all(&padded).await?;
                Ok(frame.len())
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        match &self.wire {
            Wire::Udp(socket) => Ok(socket.local_addr()?),
            Wire::Tcp(_, writer, _) => Ok(writer.try_lock().map_err(std::io::Error::other)?.local_addr()?),
        }
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

impl Link {
    fn new(wire: Wire) -> Arc<Self> {
        Arc::new(Self { wire, channel_messages_in: AtomicUsize::new(0), channel_messages_out: AtomicUsize::new(0) })
    }

    async fn over_udp() -> Arc<Self> {
        Self::new(Wire::Udp(UdpSocket::bind(LOOPBACK).await.unwrap()))
    }

    async fn over_tcp(relay: &Relay) -> Arc<Self> {
        let (reader, writer) = TcpStream::connect(relay.address).await.unwrap().into_split();
        Self::new(Wire::Tcp(Mutex::new(reader), Mutex::new(writer), relay.address))
    }

    /// Channel messages that came from the relay and that went to it.
    fn channel_messages(&self) -> (usize, usize) {
        (self.channel_messages_in.load(Ordering::Relaxed), self.channel_messages_out.load(Ordering::Relaxed))
    }
}

async fn client(relay: &Relay, link: &Arc<Link>, password: &str) -> Client {
    let client = Client::new(ClientConfig {
        stun_serv_addr: relay.address.to_string(),
        turn_serv_addr: relay.address.to_string(),
        username: USER.to_owned(),
        password: password.to_owned(),
        realm: String::new(),
        software: String::new(),
        rto_in_ms: 0,
        conn: Arc::clone(link) as Arc<dyn Conn + Send + Sync>,
        vnet: None,
    })
    .await
    .unwrap();
    client.listen().await.unwrap();
    client
}

/// Datagrams of many lengths, so that every remainder by four is among them.
fn datagram(index: usize) -> Vec<u8> {
    let mark = u8::try_from(index % 251).unwrap();
    vec![mark; 1 + index * 5]
}

async fn receive(from: &(impl Conn + Sync)) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (length, sender) = timeout(SOON, from.recv_from(&mut buffer)).await.expect("nothing came back").unwrap();
    buffer.truncate(length);
    (buffer, sender)
}

/// Through the relay to a peer and back, each datagram answered before the next.
async fn data_goes_both_ways(relay: &Relay, link: Arc<Link>) {
    let client = client(relay, &link, PASSWORD).await;
    let relayed = timeout(SOON, client.allocate()).await.expect("no answer to Allocate").unwrap();
    let relayed_address = relayed.local_addr().unwrap();
    let peer = UdpSocket::bind(LOOPBACK).await.unwrap();
    let peer_address = peer.local_addr().unwrap();
    for index in 0..DATAGRAMS {
        let sent = datagram(index);
        relayed.send_to(&sent, peer_address).await.unwrap();
        let mut buffer = vec![0; 2048];
        let (length, from) = timeout(SOON, peer.recv_from(&mut buffer)).await.expect("lost to the peer").unwrap();
        assert_eq!((&buffer[..length], from), (&sent[..], relayed_address), "what the peer sees of datagram {index}");
        peer.send_to(&buffer[..length], from).await.unwrap();
        assert_eq!(receive(&relayed).await, (sent, peer_address), "what the client sees of datagram {index}");
    }
    let (from_relay, to_relay) = link.channel_messages();
    assert!(from_relay > DATAGRAMS / 2 && to_relay > DATAGRAMS / 2, "channels: {from_relay} in, {to_relay} out");
    client.close().await.unwrap();
}

#[tokio::test]
async fn the_turn_crates_client_sends_and_receives_through_channels_over_udp() {
    let relay = relay().await;
    data_goes_both_ways(&relay, Link::over_udp().await).await;
}

#[tokio::test]
async fn the_turn_crates_client_sends_and_receives_through_channels_over_tcp() {
    let relay = relay().await;
    data_goes_both_ways(&relay, Link::over_tcp(&relay).await).await;
}

#[tokio::test]
async fn two_of_the_turn_crates_clients_reach_each_other_through_the_relay() {
    let relay = relay().await;
    let (one_link, other_link) = (Link::over_udp().await, Link::over_tcp(&relay).await);
    let (one_client, other_client) =
        (client(&relay, &one_link, PASSWORD).await, client(&relay, &other_link, PASSWORD).await);
    let one = timeout(SOON, one_client.allocate()).await.unwrap().unwrap();
    let other = timeout(SOON, other_client.allocate()).await.unwrap().unwrap();
    let (one_address, other_address) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    // The first datagram makes the sender's permission; the other side has none yet, so it may be dropped there.
    other.send_to(b"open", one_address).await.unwrap();
    for index in 0..DATAGRAMS {
        let sent = datagram(index);
        one.send_to(&sent, other_address).await.unwrap();
        assert_eq!(receive(&other).await, (sent.clone(), one_address), "datagram {index} one way");
        other.send_to(&sent, one_address).await.unwrap();
        let back = receive(&one).await;
        let back = if back.0 == b"open" { receive(&one).await } else { back };
        assert_eq!(back, (sent, other_address), "datagram {index} the other way");
    }
    one_client.close().await.unwrap();
    other_client.close().await.unwrap();
}

#[tokio::test]
async fn the_turn_crates_client_is_refused_with_a_wrong_password() {
    let relay = relay().await;
    let link = Link::over_udp().await;
    let client = client(&relay, &link, "another password").await;
    let refused = timeout(SOON, client.allocate()).await.expect("no answer to Allocate").err().unwrap();
    assert!(refused.to_string().contains("401"), "{refused}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn the_stun_crate_reads_our_answer_to_its_binding_request() {
    let relay = relay().await;
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut request = stun::message::Message::new();
    let setters: [Box<dyn stun::message::Setter>; 3] = [
        Box::new(stun::agent::TransactionId::new()),
        Box::new(stun::message::BINDING_REQUEST),
        Box::new(stun::fingerprint::FINGERPRINT),
    ];
    request.build(&setters).unwrap();
    socket.send_to(&request.raw, relay.address).await.unwrap();
    let mut buffer = vec![0; 2048];
    let (length, from) = timeout(SOON, socket.recv_from(&mut buffer)).await.expect("no answer").unwrap();
    buffer.truncate(length);

    let mut answer = stun::message::Message::new();
    answer.unmarshal_binary(&buffer).unwrap();
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&answer).unwrap();
    assert_eq!(from, relay.address, "the answer leaves from the address that was asked");
    assert_eq!(answer.typ, stun::message::BINDING_SUCCESS);
    assert_eq!(answer.transaction_id, request.transaction_id);
    assert_eq!(SocketAddr::new(mapped.ip, mapped.port), socket.local_addr().unwrap());
    stun::fingerprint::FINGERPRINT.check(&answer).unwrap();
}
