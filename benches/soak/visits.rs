//! Who comes to the relay: people who call somebody outside or each other, over every transport, and leave in every way;
//! strangers; and an operator.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hilum::addr::Transport;
use hilum::client::{
    ClientError, Credential, Options, Rehearsal, RequestFailure, Schedule, Side, Trust, TurnClient, TurnUri,
    client_config, random,
};
use hilum::time::Lifetime;
use hilum::wire::{ChannelNumber, ErrorCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::issuer;
use super::relay::Relay;

/// One visit begins, and every other time a closed call as well.
const BEGINS_EVERY: Duration = Duration::from_millis(80);
/// Packets each way of a visit, and of voice the time between two.
const PACKETS: u32 = 20;
const VOICE: Duration = Duration::from_millis(20);
/// Visits that last as long as the soak.
const LASTING: u64 = 4;
/// How often they ask for more time: less than a lifetime.
const REFRESHED_EVERY: u32 = 1000;
/// How long anything may take on loopback.
const SOON: Duration = Duration::from_secs(10);
/// Where peers outside are: not at the relay's own address, whose other ports are clients'.
pub const PEERS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Tokens that a relay remembers once their signatures were right, see `hilum::auth::CallTokens`.
const REMEMBERED: usize = 16_384;
const CHANNEL: ChannelNumber = ChannelNumber::FIRST;

/// What has been done.
#[derive(Debug, Default)]
pub struct Counts {
    pub outside: AtomicU64,
    pub closed: AtomicU64,
    pub streams: AtomicU64,
    pub packets: AtomicU64,
    pub strangers: AtomicU64,
    pub revoked: AtomicU64,
    pub reloads: AtomicU64,
    /// Visits that broke off although nobody revoked them.
    pub failed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Everybody who comes.
pub struct Town {
    plain: SocketAddr,
    tls: SocketAddr,
    operator: PathBuf,
    relay: Pid,
    options: Options,
    pub counts: Counts,
}

/// Begins visits until `end`, and waits until the last one is over.
pub async fn churn(town: Arc<Town>, end: Instant) {
    let mut visits = JoinSet::new();
    for number in 0..LASTING {
        visits.spawn(Town::visit(town.clone(), number, Some(end)));
        visits.spawn(Town::call(town.clone(), number, Some(end)));
    }
    let mut ticks = tokio::time::interval(BEGINS_EVERY);
    for number in LASTING.. {
        ticks.tick().await;
        if Instant::now() >= end {
            break;
        }
        visits.spawn(Town::visit(town.clone(), number, None));
        if number % 2 == 0 {
            visits.spawn(Town::call(town.clone(), number, None));
        }
        if number % 4 == 0 {
            visits.spawn(Town::stranger(town.clone(), number / 4));
        }
        if number % 500 == 0 {
            kill(town.relay, Signal::SIGHUP).unwrap();
            count(&town.counts.reloads);
        }
        while visits.try_join_next().is_some() {}
    }
    visits.join_all().await;
}

/// How a visit ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// The allocation is deleted.
    Politely,
    /// A stream is closed; over UDP the allocation runs out a minute after its beginning.
    Silently,
    /// An operator revokes the call.
    Revoked,
}

impl Town {
    pub fn new(relay: &Relay) -> Arc<Self> {
        let tls = Some(client_config(&Trust::Anyone).unwrap());
        let options = Options { schedule: Schedule::IMPATIENT, connect_patience: SOON, tls };
        let (plain, operator, pid) = (relay.plain, relay.operator(), relay.pid());
        Arc::new(Self { plain, tls: relay.tls, operator, relay: pid, options, counts: Counts::default() })
    }

    /// As many tokens as the relay remembers are shown once, so that this memory is as large as it ever gets.
    pub async fn fill_memory(&self) -> Result<(), ClientError> {
        for number in 0..REMEMBERED {
            let mut caller = self.allocate(Transport::Udp, &issuer::token(&format!("before-{number}"), "a")).await?;
            caller.client.refresh(Lifetime::ZERO).await?;
        }
        Ok(())
    }

    /// Somebody with a user name, and a peer outside.
    async fn visit(self: Arc<Self>, number: u64, end: Option<Instant>) {
        count(&self.counts.outside);
        let transport = [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Tls][(number % 4) as usize];
        let leave = if (number / 4).is_multiple_of(3) && end.is_none() { Leave::Silently } else { Leave::Politely };
        let visit = async {
            let mut client = self.allocate(transport, &issuer::user(number as usize)).await?;
            let peer = UdpSocket::bind((PEERS, 0)).await.map_err(ClientError::Io)?;
            client.bind(peer.local_addr().map_err(ClientError::Io)?).await?;
            peer.connect(client.relayed).await.map_err(ClientError::Io)?;
            let mut ends = [End::Client(Box::new(client)), End::Peer(peer)];
            self.talk(&mut ends, end).await?;
            Self::leave(ends, leave).await
        };
        self.finished(visit.await);
    }

    /// Two parties of a closed call.
    async fn call(self: Arc<Self>, number: u64, end: Option<Instant>) {
        count(&self.counts.closed);
        let transports = [Transport::Udp, [Transport::Udp, Transport::Tls, Transport::Tcp][(number / 2 % 3) as usize]];
        let leave = match number / 2 {
            _ if end.is_some() => Leave::Politely,
            // Few: what is revoked is remembered for as long as a token of it may be good, and is to be.
            number if number % 64 == 2 => Leave::Revoked,
            number if number.is_multiple_of(4) => Leave::Silently,
            _ => Leave::Politely,
        };
        let name = format!("call-{number}");
        let call = async {
            let [ada, ben] = issuer::tokens(&name);
            let mut ada = self.allocate(transports[0], &ada).await?;
            let mut ben = self.allocate(transports[1], &ben).await?;
            ada.bind(ben.relayed).await?;
            ben.bind(ada.relayed).await?;
            let mut ends = [End::Client(Box::new(ada)), End::Client(Box::new(ben))];
            self.talk(&mut ends, end).await?;
            if leave == Leave::Revoked {
                self.revoke(&name).await?;
            }
            Self::leave(ends, leave).await
        };
        self.finished(call.await);
    }

    fn finished(&self, result: Result<(), ClientError>) {
        if let Err(error) = result {
            count(&self.counts.failed);
            eprintln!("a visit breaks off: {error}");
        }
    }

    async fn connect(&self, transport: Transport, who: &Credential) -> Result<TurnClient, ClientError> {
        let server = if transport == Transport::Tls { self.tls } else { self.plain };
        if transport != Transport::Udp {
            count(&self.counts.streams);
        }
        let uri = TurnUri { host: "localhost".to_owned(), port: server.port(), transport };
        TurnClient::connect_to(&uri, server, who, &self.options).await
    }

    async fn allocate(&self, transport: Transport, who: &Credential) -> Result<Caller, ClientError> {
        loop {
            let mut client = self.connect(transport, who).await?;
            match client.allocate(None, None).await {
                Ok(allocation) => return Ok(Caller { client, relayed: allocation.relayed, peer: None }),
                // The port had been that of somebody who left without a word: from another one (RFC 8656 §7.4).
                Err(ClientError::Request(RequestFailure::Refused(refusal)))
                    if refusal.code == ErrorCode::ALLOCATION_MISMATCH => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A handshake, then packets each way.
    async fn talk(&self, ends: &mut [End; 2], end: Option<Instant>) -> Result<(), ClientError> {
        let call = Rehearsal::new(random()?);
        for (side, datagram) in call.handshake() {
            self.pass(ends, side, &datagram).await?;
        }
        let mut voice = tokio::time::interval(VOICE);
        for number in 0.. {
            if end.map_or(number >= PACKETS, |end| Instant::now() >= end) {
                break;
            }
            let packet = call.sealed(number, 172);
            self.pass(ends, Side::Client, &packet).await?;
            self.pass(ends, Side::Server, &packet).await?;
            if number % REFRESHED_EVERY == REFRESHED_EVERY - 1 {
                for each in ends.iter_mut() {
                    each.refresh().await?;
                }
            }
            voice.tick().await;
        }
        Ok(())
    }

    async fn pass(&self, ends: &mut [End; 2], side: Side, datagram: &[u8]) -> Result<(), ClientError> {
        let [one, other] = ends;
        let (from, to) = if side == Side::Client { (one, other) } else { (other, one) };
        from.send(datagram).await?;
        let received = timeout(SOON, to.receive()).await.map_err(|_| ClientError::Closed)??;
        assert!(received == datagram, "a datagram arrives as another one");
        count(&self.counts.packets);
        Ok(())
    }

    async fn leave(ends: [End; 2], leave: Leave) -> Result<(), ClientError> {
        if leave == Leave::Politely {
            for end in ends {
                if let End::Client(caller) = end {
                    caller.client.close().await?;
                }
            }
        }
        Ok(())
    }

    async fn revoke(&self, call: &str) -> Result<(), ClientError> {
        let body = format!("{{\"call\":\"{}/{call}\"}}", issuer::ISSUER);
        let request = format!(
            "POST /v1/revocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = String::new();
        let mut stream = UnixStream::connect(&self.operator).await.map_err(ClientError::Io)?;
        stream.write_all(request.as_bytes()).await.map_err(ClientError::Io)?;
        stream.read_to_string(&mut answer).await.map_err(ClientError::Io)?;
        assert!(answer.starts_with("HTTP/1.1 20"), "the call is not revoked: {answer}");
        count(&self.counts.revoked);
        Ok(())
    }

    /// Somebody who proves nothing. What becomes of it is the relay's business.
    async fn stranger(self: Arc<Self>, number: u64) {
        count(&self.counts.strangers);
        let noise = random::<200>().unwrap();
        match number % 6 {
            0 | 1 => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                for length in [1, 20, 200] {
                    socket.send_to(&noise[..length], self.plain).await.ok();
                }
            }
            2 => {
                let who = Credential::new(issuer::name(0), "not the password").unwrap();
                if let Ok(mut client) = self.connect(Transport::Udp, &who).await {
                    client.allocate(None, None).await.expect_err("nobody comes in with a wrong password");
                }
            }
            3 => {
                if let Ok(mut client) = self.connect(Transport::Udp, &issuer::user(0)).await {
                    client.binding().await.ok();
                }
            }
            4 => {
                // Until the relay has waited long enough.
                if let Ok(mut stream) = TcpStream::connect(self.plain).await {
                    stream.read_u8().await.ok();
                }
            }
            _ => {
                if let Ok(mut stream) = TcpStream::connect(self.tls).await {
                    stream.write_all(&noise).await.ok();
                    stream.read_u8().await.ok();
                }
            }
        }
    }
}

/// A client with an allocation.
struct Caller {
    client: TurnClient,
    relayed: SocketAddr,
    /// Whom its channel leads to.
    peer: Option<SocketAddr>,
}

impl Caller {
    async fn bind(&mut self, peer: SocketAddr) -> Result<(), ClientError> {
        self.peer = Some(peer);
        self.client.channel_bind(CHANNEL, peer).await.map(|_| ())
    }
}

/// Who talks.
enum End {
    Client(Box<Caller>),
    Peer(UdpSocket),
}

impl End {
    async fn send(&mut self, datagram: &[u8]) -> Result<(), ClientError> {
        match self {
            Self::Client(caller) => caller.client.send_channel(CHANNEL, datagram).await,
            Self::Peer(socket) => socket.send(datagram).await.map(|_| ()).map_err(ClientError::Io),
        }
    }

    async fn receive(&mut self) -> Result<Vec<u8>, ClientError> {
        match self {
            Self::Client(caller) => caller.client.receive().await.map(|received| received.data),
            Self::Peer(socket) => {
                let mut buffer = vec![0; 2048];
                let length = socket.recv(&mut buffer).await.map_err(ClientError::Io)?;
                buffer.truncate(length);
                Ok(buffer)
            }
        }
    }

    /// Asks for more time, and for a permission, which a channel renews as well.
    async fn refresh(&mut self) -> Result<(), ClientError> {
        let Self::Client(caller) = self else { return Ok(()) };
        caller.client.refresh(Lifetime::from_secs(600)).await?;
        match caller.peer {
            Some(peer) => caller.bind(peer).await,
            None => Ok(()),
        }
    }
}
