//! What is answered: calls, allocations and revocations by the opaque ids of their tokens. No address is here to leak.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

use super::relay::{CallKey, Revoking, Status};
use crate::addr::Family;
use crate::auth::token::{Kid, PartyLabel, Region, TokenId, Word};
use crate::auth::{Revocation, Revoked};
use crate::time::UnixTime;
use crate::time::date::to_rfc3339;
use crate::turn::{AllocationView, Families};

/// An answer in JSON. It is not kept anywhere on its way, is nothing but JSON, and is the only one on its connection: the
/// next visitor must not wait for one that keeps its place.
pub(super) fn json(body: &impl Serialize) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONNECTION, HeaderValue::from_static("close")),
    ];
    match serde_json::to_vec(body) {
        Ok(mut text) => {
            text.push(b'\n');
            (HEADERS, Body::from(text)).into_response()
        }
        // No type here has a form that JSON lacks.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(super) fn word<S: Serializer, const MOST: usize>(word: &Word<MOST>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word.as_str())
}

fn words<S: Serializer, const MOST: usize>(words: &[Word<MOST>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(words.iter().map(Word::as_str))
}

fn maybe<S: Serializer, const MOST: usize>(word: &Option<Word<MOST>>, serializer: S) -> Result<S::Ok, S::Error> {
    word.as_ref().map(Word::as_str).serialize(serializer)
}

fn time<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_rfc3339(*time))
}

/// `GET /v1/status`.
#[derive(Serialize)]
pub(super) struct StatusAnswer {
    version: &'static str,
    #[serde(serialize_with = "maybe")]
    region: Option<Region>,
    seal: &'static str,
    call_tokens: bool,
    ready: bool,
    allocations: u64,
    revocations: usize,
    #[serde(serialize_with = "time")]
    started: UnixTime,
}

impl StatusAnswer {
    pub(super) fn new(status: Status, revocations: usize) -> Self {
        let Status { region, seal, call_tokens, ready, allocations, started } = status;
        Self { version: env!("CARGO_PKG_VERSION"), region, seal, call_tokens, ready, allocations, revocations, started }
    }
}

/// `POST /v1/drain`.
#[derive(Serialize)]
pub(super) struct Drained {
    pub(super) draining: bool,
    /// Those that run.
    pub(super) allocations: usize,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl Page {
    fn of<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// Bytes and packets, from the client and to it.
#[derive(Clone, Copy, Default, Serialize)]
struct Traffic {
    bytes_up: u64,
    bytes_down: u64,
    packets_up: u64,
    packets_down: u64,
}

impl Traffic {
    fn of(view: &AllocationView) -> Self {
        let (up, down) = (view.carried.up, view.carried.down);
        Self { bytes_up: up.bytes, bytes_down: down.bytes, packets_up: up.packets, packets_down: down.packets }
    }

    const fn add(&mut self, other: Self) {
        self.bytes_up = self.bytes_up.saturating_add(other.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(other.bytes_down);
        self.packets_up = self.packets_up.saturating_add(other.packets_up);
        self.packets_down = self.packets_down.saturating_add(other.packets_down);
    }
}

/// `GET /v1/allocations`.
#[derive(Serialize)]
pub(super) struct Allocations {
    /// How many there are, whatever page this is.
    total: usize,
    allocations: Vec<Allocation>,
}

#[derive(Serialize)]
struct Allocation {
    /// `None` for a credential that is no call token.
    token: Option<Token>,
    transport: &'static str,
    families: &'static [&'static str],
    age_seconds: u64,
    left_seconds: u64,
    permissions: usize,
    channels: usize,
    #[serde(flatten)]
    traffic: Traffic,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Token {
    #[serde(flatten)]
    key: CallKey,
    #[serde(serialize_with = "word")]
    party: PartyLabel,
    #[serde(serialize_with = "word")]
    id: TokenId,
    #[serde(serialize_with = "word")]
    kid: Kid,
    #[serde(serialize_with = "time")]
    end: UnixTime,
}

impl Allocations {
    /// Those of call tokens first, by call and party, the oldest of each first.
    pub(super) fn new(views: &[AllocationView], page: Page) -> Self {
        let mut allocations: Vec<Allocation> = views.iter().map(Allocation::of).collect();
        allocations.sort_by(|one, other| {
            let tokens = one.token.is_none().cmp(&other.token.is_none()).then_with(|| one.token.cmp(&other.token));
            tokens.then(other.age_seconds.cmp(&one.age_seconds))
        });
        Self { total: allocations.len(), allocations: page.of(allocations) }
    }
}

impl Allocation {
    fn of(view: &AllocationView) -> Self {
        let token = view.token.as_ref().map(|token| {
            let claims = &token.claims;
            let key = CallKey { issuer: claims.issuer, call: claims.call };
            Token { key, party: claims.party, id: claims.id, kid: token.kid, end: claims.end }
        });
        Self {
            token,
            transport: view.transport.label(),
            families: match view.families {
                Families::One(Family::V4) => &["ipv4"],
                Families::One(Family::V6) => &["ipv6"],
                Families::Both => &["ipv4", "ipv6"],
            },
            age_seconds: view.age.as_secs(),
            left_seconds: view.left.as_secs(),
            permissions: view.permissions,
            channels: view.channels,
            traffic: Traffic::of(view),
        }
    }
}

/// `GET /v1/calls`.
#[derive(Serialize)]
pub(super) struct Calls {
    total: usize,
    calls: Vec<Call>,
}

#[derive(Serialize)]
struct Call {
    #[serde(flatten)]
    key: CallKey,
    #[serde(serialize_with = "words")]
    parties: Vec<PartyLabel>,
    allocations: usize,
    age_seconds: u64,
    #[serde(flatten)]
    traffic: Traffic,
}

impl Calls {
    /// The calls of these allocations, by issuer and name; allocations of other credentials belong to none.
    pub(super) fn new(views: &[AllocationView], page: Page) -> Self {
        let mut calls: BTreeMap<CallKey, Call> = BTreeMap::new();
        for (view, token) in views.iter().filter_map(|view| Some((view, view.token.as_ref()?))) {
            let key = CallKey { issuer: token.claims.issuer, call: token.claims.call };
            let new = Call { key, parties: Vec::new(), allocations: 0, age_seconds: 0, traffic: Traffic::default() };
            let call = calls.entry(key).or_insert(new);
            if let Err(place) = call.parties.binary_search(&token.claims.party) {
                call.parties.insert(place, token.claims.party);
            }
            call.allocations = call.allocations.saturating_add(1);
            call.age_seconds = call.age_seconds.max(view.age.as_secs());
            call.traffic.add(Traffic::of(view));
        }
        Self { total: calls.len(), calls: page.of(calls.into_values().collect()) }
    }
}

/// `GET /v1/revocations`.
#[derive(Serialize)]
pub(super) struct Revocations {
    total: usize,
    revocations: Vec<RevocationAnswer>,
}

impl Revocations {
    /// The newest first.
    pub(super) fn new(mut all: Vec<Revocation>, page: Page) -> Self {
        all.sort_by(|one, other| other.since.cmp(&one.since).then_with(|| one.what.cmp(&other.what)));
        Self { total: all.len(), revocations: page.of(all.iter().map(RevocationAnswer::of).collect()) }
    }
}

#[derive(Serialize)]
struct RevocationAnswer {
    #[serde(flatten)]
    what: What,
    #[serde(serialize_with = "time")]
    since: UnixTime,
    #[serde(serialize_with = "time")]
    until: UnixTime,
}

impl RevocationAnswer {
    fn of(revocation: &Revocation) -> Self {
        Self { what: What::of(&revocation.what), since: revocation.since, until: revocation.until }
    }
}

/// What is revoked, in the words of the request that does it.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Token(String),
    Call(String),
    Party(String),
    Kid(String),
}

impl What {
    fn of(what: &Revoked) -> Self {
        match what {
            Revoked::Token { issuer, id } => Self::Token(format!("{}/{}", issuer.as_str(), id.as_str())),
            Revoked::Call { issuer, call } => Self::Call(format!("{}/{}", issuer.as_str(), call.as_str())),
            Revoked::Party { issuer, call, party } => {
                Self::Party(format!("{}/{}/{}", issuer.as_str(), call.as_str(), party.as_str()))
            }
            Revoked::Key { kid } => Self::Kid(kid.as_str().to_owned()),
        }
    }
}

/// `POST /v1/revocations`.
#[derive(Serialize)]
pub(super) struct Done {
    #[serde(flatten)]
    revocation: RevocationAnswer,
    /// Allocations that ended.
    ended: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

impl Done {
    pub(super) fn new(revocation: &Revocation, revoked: Revoking) -> Self {
        Self { revocation: RevocationAnswer::of(revocation), ended: revoked.ended, warning: revoked.warning }
    }
}

/// `POST /v1/credentials`: what a browser's `RTCPeerConnection` takes, and until when.
#[derive(Serialize)]
pub(super) struct Credentials {
    #[serde(rename = "iceServers")]
    pub(super) ice_servers: [IceServer; 1],
    #[serde(serialize_with = "time")]
    pub(super) expires: UnixTime,
    #[serde(serialize_with = "time")]
    pub(super) end: UnixTime,
}

#[derive(Serialize)]
pub(super) struct IceServer {
    pub(super) urls: Vec<String>,
    pub(super) username: String,
    pub(super) credential: String,
}
