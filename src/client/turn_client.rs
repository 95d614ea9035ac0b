//! A TURN client on a real connection: [`Session`] with a socket and a clock.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::error::ClientError;
use super::login::Credential;
use super::request::{Allocation, Answer, Operation, RequestFailure};
use super::session::{Incoming, Session, Step};
use super::tls::{Trust, client_config};
use super::transaction::Schedule;
use super::transport::{Connection, resolve};
use super::uri::TurnUri;
use crate::addr::{Family, Transport};
use crate::clock::SystemClock;
use crate::time::{Lifetime, Moment};
use crate::wire::{ChannelNumber, Malformed};

/// Data that comes in while an answer is awaited is kept, up to this many packets; then the oldest goes. An answer
/// comes within a round trip, in which a video call receives some dozens.
const KEPT: usize = 1024;

/// What a client needs besides a server and a credential.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often and how long to ask.
    pub schedule: Schedule,
    /// How long to wait for a TCP connection and a TLS handshake.
    pub connect_patience: Duration,
    /// TLS; `None` will do for servers without.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Options {
    /// The standard's patience, without TLS.
    #[must_use]
    pub const fn plain() -> Self {
        Self { schedule: Schedule::STANDARD, connect_patience: Duration::from_secs(10), tls: None }
    }

    /// The standard's patience, and TLS with this trust.
    ///
    /// # Errors
    /// [`ClientError::Trust`] when there is nothing to trust.
    pub fn with_trust(trust: &Trust) -> Result<Self, ClientError> {
        Ok(Self { tls: Some(client_config(trust).map_err(ClientError::Trust)?), ..Self::plain() })
    }
}

/// Where application data came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A peer's address, in a Data indication.
    Peer(SocketAddr),
    /// A channel.
    Channel(ChannelNumber),
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(_) => formatter.write_str("Peer(redacted)"),
            Self::Channel(channel) => write!(formatter, "{channel:?}"),
        }
    }
}

/// Application data from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose.
    pub from: Source,
    /// The bytes.
    pub data: Vec<u8>,
}

/// One client of one TURN server, with at most one allocation.
#[derive(Debug)]
pub struct TurnClient {
    connection: Connection,
    session: Session,
    clock: SystemClock,
    opened: Moment,
    answered: Option<Duration>,
    kept: VecDeque<Received>,
    buffer: Vec<u8>,
}

impl TurnClient {
    /// Connects to the first address of the server that takes the connection. Over UDP nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`] of the last address tried.
    pub async fn connect(uri: &TurnUri, credential: &Credential, options: &Options) -> Result<Self, ClientError> {
        let mut last = None;
        for server in resolve(uri).await? {
            match Self::connect_to(uri, server, credential, options).await {
                Ok(client) => return Ok(client),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(ClientError::Closed))
    }

    /// Connects to one address of the server.
    ///
    /// # Errors
    /// [`ClientError`]: no connection, or TLS that is not acceptable.
    pub async fn connect_to(
        uri: &TurnUri,
        server: SocketAddr,
        credential: &Credential,
        options: &Options,
    ) -> Result<Self, ClientError> {
        let connection = Connection::open(uri, server, options.tls.clone(), options.connect_patience).await?;
        let clock = SystemClock::start();
        let over_stream = uri.transport != Transport::Udp;
        let session = Session::new(credential.clone(), over_stream, options.schedule, random()?);
        let (opened, kept) = (clock.now().moment, VecDeque::new());
        Ok(Self { connection, session, clock, opened, answered: None, kept, buffer: Vec::new() })
    }

    /// The server's address.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.connection.server()
    }

    /// Our own address.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.connection.local()
    }

    /// How long after the connection the server's first answer came, whatever it was; `None`: none came.
    #[must_use]
    pub const fn first_answer(&self) -> Option<Duration> {
        self.answered
    }

    /// The session, to look at.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Asks which address the server sees.
    ///
    /// # Errors
    /// As every request: [`ClientError::Request`] when it is refused or nobody answers, others when the connection
    /// ends.
    pub async fn binding(&mut self) -> Result<SocketAddr, ClientError> {
        let Answer::Mapped(address) = self.request(Operation::Binding).await? else { return Err(unexpected()) };
        Ok(address)
    }

    /// Allocates a relayed address for UDP.
    ///
    /// # Errors
    /// As [`TurnClient::binding`].
    pub async fn allocate(
        &mut self,
        family: Option<Family>,
        lifetime: Option<Lifetime>,
    ) -> Result<Allocation, ClientError> {
        let Answer::Allocated(allocation) = self.request(Operation::Allocate { family, lifetime }).await? else {
            return Err(unexpected());
        };
        Ok(allocation)
    }

    /// Prolongs the allocation; zero deletes it. Returns what the server granted.
    ///
    /// # Errors
    /// As [`TurnClient::binding`].
    pub async fn refresh(&mut self, lifetime: Lifetime) -> Result<Lifetime, ClientError> {
        let Answer::Refreshed(lifetime) = self.request(Operation::Refresh(lifetime)).await? else {
            return Err(unexpected());
        };
        Ok(lifetime)
    }

    /// Lets peers in.
    ///
    /// # Errors
    /// As [`TurnClient::binding`].
    pub async fn create_permission(&mut self, peers: &[SocketAddr]) -> Result<(), ClientError> {
        self.request(Operation::CreatePermission(peers.to_vec())).await.map(|_| ())
    }

    /// Binds a channel to a peer, which lets it in, too.
    ///
    /// # Errors
    /// As [`TurnClient::binding`].
    pub async fn channel_bind(&mut self, channel: ChannelNumber, peer: SocketAddr) -> Result<(), ClientError> {
        self.request(Operation::ChannelBind(channel, peer)).await.map(|_| ())
    }

    /// Sends data to a peer in a Send indication. Nobody confirms it.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`], or the connection ends.
    pub async fn send_to(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), ClientError> {
        self.session.send_indication(&mut self.buffer, peer, data).map_err(|_| ClientError::TooLarge)?;
        self.connection.send(&self.buffer).await
    }

    /// Sends data on a channel. Nobody confirms it.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`], or the connection ends.
    pub async fn send_channel(&mut self, channel: ChannelNumber, data: &[u8]) -> Result<(), ClientError> {
        self.session.channel_data(&mut self.buffer, channel, data).map_err(|_| ClientError::TooLarge)?;
        self.connection.send(&self.buffer).await
    }

    /// Waits for data from a peer. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection ends.
    pub async fn receive(&mut self) -> Result<Received, ClientError> {
        loop {
            if let Some(received) = self.kept.pop_front() {
                return Ok(received);
            }
            let frame = self.connection.receive().await?;
            if let Some(received) = received(&self.session.handle(frame, self.clock.now().moment)) {
                return Ok(received);
            }
        }
    }

    /// Deletes the allocation and closes the connection.
    ///
    /// # Errors
    /// As [`TurnClient::binding`]; the connection is closed all the same.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.refresh(Lifetime::ZERO).await.map(|_| ())
    }

    async fn request(&mut self, operation: Operation) -> Result<Answer, ClientError> {
        self.session.begin(operation, self.clock.now().moment)?;
        loop {
            let now = self.clock.now().moment;
            let until = match self.session.poll(now) {
                Step::Send(bytes) => {
                    self.connection.send(bytes).await?;
                    continue;
                }
                Step::Wait(until) => until.unwrap_or(now),
                Step::Failed(failure) => return Err(failure.into()),
            };
            let frame = tokio::select! {
                frame = self.connection.receive() => frame?,
                () = tokio::time::sleep(until.since(now)) => continue,
            };
            let now = self.clock.now().moment;
            let incoming = self.session.handle(frame, now);
            if matches!(incoming, Incoming::Again | Incoming::Done(_)) {
                self.answered.get_or_insert(now.since(self.opened));
            }
            if let Incoming::Done(result) = incoming {
                return Ok(result?);
            }
            if let Some(received) = received(&incoming) {
                if self.kept.len() >= KEPT {
                    self.kept.pop_front();
                }
                self.kept.push_back(received);
            }
        }
    }
}

fn received(incoming: &Incoming<'_>) -> Option<Received> {
    match incoming {
        Incoming::Data(peer, data) => Some(Received { from: Source::Peer(*peer), data: data.to_vec() }),
        Incoming::Channel(channel, data) => Some(Received { from: Source::Channel(*channel), data: data.to_vec() }),
        Incoming::Icmp(..) | Incoming::Done(_) | Incoming::Again | Incoming::Ignored => None,
    }
}

/// The session answers each operation with its own kind of answer; this stands where the compiler cannot know it.
fn unexpected() -> ClientError {
    ClientError::Request(RequestFailure::Answer(Malformed::AttributeValue))
}

/// Random bytes from the system.
///
/// # Errors
/// [`ClientError::Randomness`] when the system has none.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], ClientError> {
    let mut bytes = [0; LENGTH];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| ClientError::Randomness)?;
    Ok(bytes)
}
