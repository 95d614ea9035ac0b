//! The counters of one shard: plain numbers, written by one thread, published once a second.

use crate::addr::Transport;
use crate::auth::token::TokenRefusal;
use crate::policy::seal::{Fact, Profile, Reason, SuiteClass, Version};
use crate::policy::{Exceeded, PeerRefusal};
use crate::wire::{ErrorCode, Method};

use super::{Discard, EndCause, Volume};

/// Which way a packet went. Messages to and from clients are counted whole, headers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Received from a client.
    FromClient,
    /// Sent to a client.
    ToClient,
    /// Received from a peer.
    FromPeer,
    /// Sent to a peer.
    ToPeer,
    /// Received from another client of this relay, without leaving it.
    Inside,
}

impl Direction {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::FromClient, Self::ToClient, Self::FromPeer, Self::ToPeer, Self::Inside];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FromClient => "from_client",
            Self::ToClient => "to_client",
            Self::FromPeer => "from_peer",
            Self::ToPeer => "to_peer",
            Self::Inside => "inside",
        }
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With success.
    Success,
    /// With this error.
    Error(ErrorCode),
}

impl Answer {
    /// All of them, in the order of their numbers: success, then every code this server sends.
    pub const ALL: [Self; 15] = [
        Self::Success,
        Self::Error(ErrorCode::TRY_ALTERNATE),
        Self::Error(ErrorCode::BAD_REQUEST),
        Self::Error(ErrorCode::UNAUTHENTICATED),
        Self::Error(ErrorCode::FORBIDDEN),
        Self::Error(ErrorCode::UNKNOWN_ATTRIBUTE),
        Self::Error(ErrorCode::ALLOCATION_MISMATCH),
        Self::Error(ErrorCode::STALE_NONCE),
        Self::Error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
        Self::Error(ErrorCode::WRONG_CREDENTIALS),
        Self::Error(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
        Self::Error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH),
        Self::Error(ErrorCode::ALLOCATION_QUOTA_REACHED),
        Self::Error(ErrorCode::SERVER_ERROR),
        Self::Error(ErrorCode::INSUFFICIENT_CAPACITY),
    ];

    /// The metric label: `success` or the number.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Success => "success".into(),
            Self::Error(code) => code.number().to_string(),
        }
    }
}

/// Counters of which there are more than arrays have a default for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counts<const N: usize>([u64; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// The counters of one shard since it started, and its gauges as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    requests: [[u64; Answer::ALL.len()]; Method::ALL.len()],
    discards: Counts<{ Discard::ALL.len() }>,
    traffic: [[Volume; Direction::ALL.len()]; Transport::ALL.len()],
    ended: [u64; EndCause::ALL.len()],
    seals_opened: [[[u64; SuiteClass::ALL.len()]; 1 + Profile::ALL.len()]; Version::ALL.len()],
    seal_discards: [u64; Reason::ALL.len()],
    seal_reported: [u64; Reason::ALL.len()],
    live: [u64; Transport::ALL.len()],
    peer_refusals: [u64; PeerRefusal::ALL.len()],
    quota_refusals: [u64; Exceeded::ALL.len()],
    token_refusals: [u64; TokenRefusal::LABELS.len()],
    /// Allocations refused because the credential is for other regions.
    pub wrong_region: u64,
    /// Challenges sent: 401 and 438.
    pub challenges: u64,
    /// Answers to strangers that their source's budget did not allow.
    pub rate_limited: u64,
    /// Permissions installed or refreshed.
    pub permissions: u64,
    /// Channels bound or refreshed.
    pub channels: u64,
    /// Conversations that were open and are over.
    pub seals_closed: u64,
    /// Allocations begun.
    pub allocated: u64,
    /// Allocations that go on after another process has ended.
    pub restored: u64,
    /// Live allocations whose credential ends within five minutes, as of [`super::Relay::count_ending`].
    pub ending: u64,
    /// Slots in the last batch: how deep the shard's queue was.
    pub queue_depth: u64,
    /// Batches handled.
    pub batches: u64,
    /// Relayed ports that are open and not yet owned by an allocation.
    pub spare_ports: u64,
}

impl Tally {
    /// Counts a request and its answer.
    pub fn request(&mut self, method: Method, answer: Answer) {
        let column = Answer::ALL.iter().position(|&each| each == answer);
        let row = Method::ALL.iter().position(|&each| each == method);
        if let (Some(row), Some(column)) = (row, column) {
            bump(self.requests.get_mut(row).and_then(|row| row.get_mut(column)));
        }
    }

    /// How often a method was answered so.
    #[must_use]
    pub fn requests(&self, method: Method, answer: Answer) -> u64 {
        let column = Answer::ALL.iter().position(|&each| each == answer).unwrap_or(usize::MAX);
        let row = Method::ALL.iter().position(|&each| each == method).unwrap_or(usize::MAX);
        self.requests.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    }

    /// Counts a discarded datagram.
    pub fn discard(&mut self, reason: Discard) {
        bump(self.discards.0.get_mut(reason as usize));
    }

    /// How many datagrams were discarded for this reason.
    #[must_use]
    pub fn discards(&self, reason: Discard) -> u64 {
        self.discards.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Counts what happened to a seal; refusals are counted datagram by datagram.
    pub fn count_seal_fact(&mut self, fact: &Fact) {
        match *fact {
            Fact::Opened { version, profile, suite, .. } => {
                let of_version = self.seals_opened.get_mut(version as usize);
                let of_profile = of_version.and_then(|row| row.get_mut(column(profile)));
                bump(of_profile.and_then(|row| row.get_mut(suite as usize)));
            }
            Fact::Closed { .. } => self.seals_closed += 1,
            Fact::Refused { .. } => {}
        }
    }

    /// How many seals were opened with this version, profile and class of suite.
    #[must_use]
    pub fn seals_opened(&self, version: Version, profile: Option<Profile>, suite: SuiteClass) -> u64 {
        let of_profile = self.seals_opened.get(version as usize).and_then(|row| row.get(column(profile)));
        of_profile.and_then(|row| row.get(suite as usize)).copied().unwrap_or(0)
    }

    /// How many seals were opened, whatever was chosen.
    #[must_use]
    pub fn all_seals_opened(&self) -> u64 {
        self.seals_opened.iter().flatten().flatten().sum()
    }

    /// Counts a datagram that the seal stopped.
    pub fn count_seal_discard(&mut self, reason: Reason) {
        bump(self.seal_discards.get_mut(reason as usize));
    }

    /// How many datagrams the seal stopped for this reason.
    #[must_use]
    pub fn seal_discards(&self, reason: Reason) -> u64 {
        self.seal_discards.get(reason as usize).copied().unwrap_or(0)
    }

    /// Counts a datagram that passed, and that the seal would have stopped if it enforced.
    pub fn count_seal_reported(&mut self, reason: Reason) {
        bump(self.seal_reported.get_mut(reason as usize));
    }

    /// How many datagrams passed that the seal would have stopped for this reason.
    #[must_use]
    pub fn seal_reported(&self, reason: Reason) -> u64 {
        self.seal_reported.get(reason as usize).copied().unwrap_or(0)
    }

    /// Counts a peer that was refused.
    pub fn peer_refused(&mut self, refusal: PeerRefusal) {
        bump(self.peer_refusals.get_mut(refusal as usize));
    }

    /// How many peers were refused for this reason.
    #[must_use]
    pub fn peer_refusals(&self, refusal: PeerRefusal) -> u64 {
        self.peer_refusals.get(refusal as usize).copied().unwrap_or(0)
    }

    /// Counts an allocation that met a bound.
    pub fn quota_refused(&mut self, exceeded: Exceeded) {
        bump(self.quota_refusals.get_mut(exceeded as usize));
    }

    /// How many allocations met this bound.
    #[must_use]
    pub fn quota_refusals(&self, exceeded: Exceeded) -> u64 {
        self.quota_refusals.get(exceeded as usize).copied().unwrap_or(0)
    }

    /// Counts a call token that was not believed, or not now.
    pub fn token_refused(&mut self, refusal: TokenRefusal) {
        let label = TokenRefusal::LABELS.iter().position(|&label| label == refusal.label());
        bump(label.and_then(|label| self.token_refusals.get_mut(label)));
    }

    /// How many call tokens were refused, by one of [`TokenRefusal::LABELS`].
    #[must_use]
    pub fn token_refusals(&self, label: &str) -> u64 {
        let index = TokenRefusal::LABELS.iter().position(|&each| each == label);
        index.and_then(|index| self.token_refusals.get(index)).copied().unwrap_or(0)
    }

    /// Counts a packet.
    pub fn packet(&mut self, transport: Transport, direction: Direction, bytes: usize) {
        if let Some(volume) = self.traffic.get_mut(transport as usize).and_then(|row| row.get_mut(direction as usize)) {
            volume.add(bytes);
        }
    }

    /// Packets and bytes of clients on a transport, one way.
    #[must_use]
    pub fn traffic(&self, transport: Transport, direction: Direction) -> Volume {
        self.traffic.get(transport as usize).and_then(|row| row.get(direction as usize)).copied().unwrap_or_default()
    }

    /// Counts an allocation that began.
    pub fn begun(&mut self, transport: Transport) {
        self.allocated += 1;
        bump(self.live.get_mut(transport as usize));
    }

    /// Counts an allocation that goes on here.
    pub fn resumed(&mut self, transport: Transport) {
        self.restored += 1;
        bump(self.live.get_mut(transport as usize));
    }

    /// Counts an allocation that ended.
    pub fn over(&mut self, transport: Transport, cause: EndCause) {
        bump(self.ended.get_mut(cause as usize));
        if let Some(live) = self.live.get_mut(transport as usize) {
            *live = live.saturating_sub(1);
        }
    }

    /// Allocations that ended for this cause.
    #[must_use]
    pub fn ended(&self, cause: EndCause) -> u64 {
        self.ended.get(cause as usize).copied().unwrap_or(0)
    }

    /// Live allocations of clients on a transport.
    #[must_use]
    pub fn live(&self, transport: Transport) -> u64 {
        self.live.get(transport as usize).copied().unwrap_or(0)
    }
}

/// Where a profile is counted; one that is encrypted comes first.
const fn column(profile: Option<Profile>) -> usize {
    match profile {
        None => 0,
        Some(profile) => 1 + profile as usize,
    }
}

fn bump(counter: Option<&mut u64>) {
    if let Some(counter) = counter {
        *counter += 1;
    }
}
