//! What one way to one server is worth: open, allocate, relay packets and their echoes, delete; with times and losses.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::diagnosis::{Diagnosis, diagnose};
use super::echo::{Echo, Far, Tour};
use super::error::ClientError;
use super::login::Credential;
use super::rehearsal;
use super::request::{Allocation, RequestFailure};
use super::turn_client::{Options, TurnClient};
use super::uri::TurnUri;
use crate::clock::SystemClock;
use crate::time::Lifetime;
use crate::wire::{ChannelNumber, ErrorCode};

/// The smallest probe packet: an RTP header and an authentication tag.
pub const SMALLEST_PACKET: usize = rehearsal::SHORTEST;
/// The largest: with headers it still fits an Ethernet frame, as media packets do.
pub const LARGEST_PACKET: usize = 1400;

/// A video call still works with this share of its packets lost, though not well.
pub const HIGHEST_LOSS_PERCENT: f64 = 5.0;

/// What the packets of a probe are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// As of a call: a DTLS handshake first, then SRTP, both in form only, see [`super::Rehearsal`].
    Sealed,
    /// RTP that nobody has encrypted, without a handshake: what a relay with a seal stops.
    Unsealed,
}

/// What to send, and how long to wait.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the packets are.
    pub traffic: Traffic,
    /// How many packets go out.
    pub packets: u32,
    /// Bytes in each, [`SMALLEST_PACKET`] to [`LARGEST_PACKET`].
    pub size: usize,
    /// The time between two packets.
    pub interval: Duration,
    /// How many packets may be under way at once; more are held back.
    pub window: u32,
    /// How long to wait for the last echoes.
    pub grace: Duration,
    /// How long all of it may take.
    pub deadline: Duration,
}

impl Plan {
    /// Like a voice call: a packet of 172 bytes every 20 ms.
    #[must_use]
    pub fn voice(packets: u32) -> Self {
        let interval = Duration::from_millis(20);
        let grace = Duration::from_secs(2);
        // The time of the packets, and 20 s for connections, five requests and their retransmissions.
        let deadline = Duration::from_secs(20) + interval.saturating_mul(packets) + grace;
        Self { traffic: Traffic::Sealed, packets, size: 172, interval, window: 256, grace, deadline }
    }
}

/// How far a probe came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Looking up the name.
    Resolve,
    /// Connecting, with TLS where it applies.
    Connect,
    /// Getting a relayed address.
    Allocate,
    /// Letting the echo's packets in.
    Permit,
    /// Relaying packets.
    Echo,
}

/// What the packets of a probe went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoPath {
    /// To a second allocation on the same server and back, as a call between two clients.
    SecondAllocation,
    /// To a UDP port of this machine and back, because the server refused the second allocation or its address.
    LocalPort,
}

/// The times of the packets that came back, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RoundTrip {
    /// The shortest.
    pub min_ms: f64,
    /// Half of the packets took no longer.
    pub median_ms: f64,
    /// Of a hundred packets, 95 took no longer.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl RoundTrip {
    /// Summarises times; `None` when there are none.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        // Nearest rank: the smallest time that is not less than this share of all.
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let (min, max) = (times.first().copied()?, times.last().copied()?);
        Some(Self {
            min_ms: milliseconds(min),
            median_ms: milliseconds(rank(50)?),
            p95_ms: milliseconds(rank(95)?),
            max_ms: milliseconds(max),
        })
    }
}

/// What came of the packets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EchoReport {
    /// What they went through.
    pub path: EchoPath,
    /// Why not to a second allocation, in the server's words.
    pub path_reason: Option<String>,
    /// Bytes in each.
    pub packet_bytes: usize,
    /// How many were sent.
    pub sent: u32,
    /// How many reached the far end.
    pub reached: u32,
    /// How many came back.
    pub returned: u32,
    /// How many did not.
    pub lost: u32,
    /// The same as a percentage of those sent.
    pub loss_percent: f64,
    /// How many came back changed. They count as lost.
    pub corrupted: u32,
    /// How many came back again.
    pub duplicated: u32,
    /// From sending to the return of the echo.
    pub round_trip: Option<RoundTrip>,
}

/// What one way to one server is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeReport {
    /// The way.
    pub uri: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// The server's address that was tried.
    pub server: Option<SocketAddr>,
    /// Name lookup and connection, with the TLS handshake, in milliseconds.
    pub connect_ms: Option<f64>,
    /// From the connection to the server's first answer of any kind, in milliseconds.
    pub answer_ms: Option<f64>,
    /// From the connection to the relayed address, in milliseconds.
    pub allocate_ms: Option<f64>,
    /// The lifetime that the server granted, in seconds.
    pub lifetime_s: Option<u32>,
    /// What came of the packets.
    pub echo: Option<EchoReport>,
    /// What went wrong.
    pub failure: Option<Diagnosis>,
}

impl ProbeReport {
    /// Whether a call could be made this way: the packets' echoes came back unchanged, all but one in twenty at worst.
    #[must_use]
    pub fn works(&self) -> bool {
        self.failure.is_none()
            && self.echo.as_ref().is_some_and(|echo| {
                echo.returned > 0 && echo.loss_percent <= HIGHEST_LOSS_PERCENT && echo.corrupted == 0
            })
    }

    /// Whether every packet came back.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.works() && self.echo.as_ref().is_some_and(|echo| echo.lost == 0)
    }
}

/// Examines one way to one server. It never fails: what went wrong is in the report.
pub async fn probe(uri: &TurnUri, credential: &Credential, options: &Options, plan: &Plan) -> ProbeReport {
    let report = ProbeReport {
        uri: uri.to_string(),
        transport: uri.transport.label(),
        server: None,
        connect_ms: None,
        answer_ms: None,
        allocate_ms: None,
        lifetime_s: None,
        echo: None,
        failure: None,
    };
    let mut probe =
        Probe { uri, credential, options, plan, clock: SystemClock::start(), stage: Stage::Resolve, report };
    let outcome = tokio::time::timeout(plan.deadline, probe.run()).await;
    let Probe { stage, mut report, .. } = probe;
    report.failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(diagnose(uri, stage, &error, report.answer_ms.is_some())),
        Err(_) => Some(Diagnosis::out_of_time(stage, plan.deadline)),
    };
    if let (None, Some(echo)) = (&report.failure, &report.echo) {
        report.failure = Diagnosis::of_echo(uri, echo);
    }
    report
}

struct Probe<'p> {
    uri: &'p TurnUri,
    credential: &'p Credential,
    options: &'p Options,
    plan: &'p Plan,
    clock: SystemClock,
    stage: Stage,
    report: ProbeReport,
}

impl Probe<'_> {
    async fn run(&mut self) -> Result<(), ClientError> {
        let began = self.clock.now().moment;
        let addresses = super::transport::resolve(self.uri).await?;
        self.stage = Stage::Connect;
        let (mut near, allocation) = self.near(&addresses, began).await?;
        let outcome = self.echo(&mut near, allocation).await;
        // Deleting is a courtesy to the server; its failure changes nothing.
        let deleted = near.close().await;
        tracing::debug!(deleted = deleted.is_ok(), "probe over");
        outcome
    }

    /// The first address that takes a connection and answers; a name may have IPv6 addresses that lead nowhere.
    async fn near(
        &mut self,
        addresses: &[SocketAddr],
        mut began: crate::time::Moment,
    ) -> Result<(TurnClient, Allocation), ClientError> {
        let mut last = ClientError::Closed;
        for server in addresses {
            self.report.server = Some(*server);
            match TurnClient::connect_to(self.uri, *server, self.credential, self.options).await {
                Ok(mut client) => {
                    let connected = self.clock.now().moment;
                    self.report.connect_ms = Some(milliseconds(connected.since(began)));
                    self.stage = Stage::Allocate;
                    let allocation = client.allocate(None, None).await;
                    self.report.answer_ms = client.first_answer().map(milliseconds);
                    match allocation {
                        Ok(allocation) => {
                            self.report.allocate_ms = Some(milliseconds(self.clock.now().moment.since(connected)));
                            self.report.lifetime_s = Some(allocation.lifetime.as_secs());
                            return Ok((client, allocation));
                        }
                        Err(error) if client.first_answer().is_some() => return Err(error),
                        Err(error) => last = error,
                    }
                }
                Err(error) => last = error,
            }
            began = self.clock.now().moment;
        }
        Err(last)
    }

    async fn echo(&mut self, near: &mut TurnClient, allocation: Allocation) -> Result<(), ClientError> {
        self.stage = Stage::Permit;
        let (far, channel, path, path_reason) = match self.second(near, allocation).await {
            Ok(far) => (far, ChannelNumber::FIRST, EchoPath::SecondAllocation, None),
            Err(error) if is_policy(&error) => {
                let far = self.local(near).await?;
                (far, ChannelNumber::LAST, EchoPath::LocalPort, Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        self.stage = Stage::Echo;
        let mut echo = Echo::new(self.plan, self.clock, channel)?;
        let (tour, far) = echo.run(near, far).await;
        self.report.echo = Some(echo.report(path, path_reason));
        if let Far::Allocation { client, .. } = far {
            // As above.
            let deleted = client.close().await;
            tracing::debug!(deleted = deleted.is_ok(), "echo over");
        }
        match tour {
            Tour::Over => Ok(()),
            Tour::Broken(error) => Err(error),
        }
    }

    /// The far end as a second allocation at the same server, each side letting the other in.
    async fn second(&self, near: &mut TurnClient, allocation: Allocation) -> Result<Far, ClientError> {
        let mut client = TurnClient::connect_to(self.uri, near.server(), self.credential, self.options).await?;
        let far = client.allocate(None, None).await?;
        let permitted = match near.channel_bind(ChannelNumber::FIRST, far.relayed).await {
            Ok(()) => client.create_permission(&[allocation.relayed]).await,
            Err(error) => Err(error),
        };
        match permitted {
            Ok(()) => Ok(Far::Allocation { client: Box::new(client), peer: allocation.relayed }),
            Err(error) => {
                // The refusal is what counts, not whether the deletion was heard.
                let deleted = client.refresh(Lifetime::ZERO).await;
                tracing::debug!(deleted = deleted.is_ok(), "second allocation given up");
                Err(error)
            }
        }
    }

    /// The far end as a UDP port of this machine, at the address that faces the server.
    async fn local(&self, near: &mut TurnClient) -> Result<Far, ClientError> {
        let socket = tokio::net::UdpSocket::bind((near.local().ip(), 0)).await.map_err(ClientError::Connect)?;
        let peer = socket.local_addr().map_err(ClientError::Connect)?;
        // Another channel: the first may be bound already, to an allocation whose own permission was then refused.
        near.channel_bind(ChannelNumber::LAST, peer).await?;
        Ok(Far::Local { socket, buffer: vec![0; 2 * LARGEST_PACKET] })
    }
}

/// Whether the server could do it but does not want to.
fn is_policy(error: &ClientError) -> bool {
    let ClientError::Request(RequestFailure::Refused(refusal)) = error else { return false };
    matches!(refusal.code, ErrorCode::FORBIDDEN | ErrorCode::ALLOCATION_QUOTA_REACHED)
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    // Microseconds are as fine as a person reads, and numbers in JSON stay short.
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
