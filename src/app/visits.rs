//! Signaling in a running relay: what it is given, and what it does here.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwap;
use axum::Router;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::board::Board;
use super::control::Control;
use super::view::View;
use super::webhooks::{self, Receivers};
use crate::admin::{Counted, SignalReading};
use crate::api::review::Review;
use crate::api::{Access, Right};
use crate::auth::token::Limits;
use crate::auth::{Revocation, Revoked};
use crate::client::{Trust, client_config};
use crate::clock::SystemClock;
use crate::config::{self, Config};
use crate::openid::Provider;
use crate::signal::message::Turn;
use crate::signal::{self, Book, Condition, Deed, OpenId, Outside, PersonId, RoomId, Roster, Signal};
use crate::store::{Shelf, Store};
use crate::time::{Now, UnixTime};
use crate::webhook::{Event, Webhooks};

/// What the store holds of visits, read before it goes to where it is written.
pub(super) struct Kept {
    book: Book,
    roster: Roster,
    webhooks: Vec<(String, Vec<u8>)>,
}

/// Reads it, if the configuration has visits.
///
/// # Errors
/// The store cannot be read, or holds something that is none of ours.
pub(super) fn kept(config: &Config, store: Option<&Store>) -> anyhow::Result<Option<Kept>> {
    let Some(store) = store.filter(|_| !config.signal.origins.is_empty()) else { return Ok(None) };
    let damaged = "was written by a later hilum or is damaged; run that one, or put the store back from a backup";
    let book = Book::read(&store.shelf(Shelf::Appointments)?);
    let book = book.map_err(|_| anyhow!("an appointment in the store {damaged}"))?;
    let roster = Roster::read(&store.shelf(Shelf::Staff)?);
    let roster = roster.map_err(|_| anyhow!("an account of staff in the store {damaged}"))?;
    tracing::info!(appointments = book.len(), accounts = roster.accounts().count(), "visits are kept");
    Ok(Some(Kept { book, roster, webhooks: store.shelf(Shelf::Webhooks)? }))
}

/// Signaling at work. Dropping it stops its clock, and telling others.
#[derive(Debug)]
pub(super) struct Visits {
    pub(super) signal: Arc<Signal>,
    pub(super) webhooks: Arc<Webhooks>,
    around: Arc<Around>,
    _running: JoinSet<()>,
}

impl Visits {
    /// Begins.
    ///
    /// # Errors
    /// The system has no randomness, or the server of a webhook cannot be known.
    pub(super) fn begin(
        config: &Config,
        kept: Kept,
        control: &Arc<Control>,
        board: Board,
        clock: SystemClock,
    ) -> anyhow::Result<Self> {
        let access = ArcSwap::from(Arc::clone(&config.api.access));
        let webhooks = webhooks::begin(clock, kept.webhooks, control);
        webhooks.set(webhooks::receivers(config)?);
        let (view, board, told) = (Arc::clone(board.view()), Arc::new(board), Arc::clone(&webhooks));
        let control = Arc::clone(control);
        let around = Arc::new(Around { control, view, board: Arc::clone(&board), clock, access, webhooks: told });
        let outside: Arc<dyn Outside> = around.clone();
        let signal = Signal::new(outside, config.signal.clone(), kept.book, kept.roster).context("signaling")?;
        signal.set_openid(provider(config)?);
        signal.go_on(&around.view.legacy.onward.all());
        let mut running = JoinSet::new();
        running.spawn(Arc::clone(&signal).run());
        running.spawn(board.watch());
        running.spawn(Arc::clone(&webhooks).run());
        Ok(Self { signal, webhooks, around, _running: running })
    }

    /// Becomes part of what is published.
    pub(super) fn show(&self, view: &View) {
        view.signal.set(Arc::clone(&self.signal)).ok();
        view.webhooks.set(Arc::clone(&self.webhooks)).ok();
    }

    /// Its routes, for the door.
    pub(super) fn routes(&self) -> Router {
        signal::router(Arc::clone(&self.signal))
    }

    /// Takes over what a reload can change. Where the pages are is no such thing.
    pub(super) fn reload(&self, running: &Config, new: &Config, receivers: Receivers) {
        self.webhooks.set(receivers);
        self.around.access.store(Arc::clone(&new.api.access));
        self.signal.set(signal::Settings { origins: running.signal.origins.clone(), ..new.signal.clone() });
        if running.openid != new.openid {
            let openid = provider(new).unwrap_or_else(|why| {
                tracing::error!("staff cannot sign in at the provider until the next reload: {why:#}");
                None
            });
            self.signal.set_openid(openid);
        }
    }
}

/// Signaling, as the metrics show it.
pub(super) fn reading(signal: &Signal) -> SignalReading {
    let counts = signal.counts();
    let mut reading = SignalReading {
        sockets: counts.sockets,
        members: counts.members.into_iter().collect(),
        rooms: counts.rooms,
        calls: counts.calls,
        waiting: counts.waiting,
        appointments: u64::try_from(signal.appointments()).unwrap_or(u64::MAX),
        messages: counts.messages.into_iter().collect(),
        refused: counts.refused.into_iter().collect(),
        closed: counts.closed.into_iter().collect(),
        requests: Vec::new(),
        sign_ins: signal::SIGN_IN_OUTCOMES.map(|outcome| (outcome, 0)).to_vec(),
        ratings: ["1", "2", "3", "4", "5"].map(|stars| (stars, 0)).to_vec(),
    };
    let add = |counts: &mut Counted, label, count| match counts.iter_mut().find(|(known, _)| *known == label) {
        Some((_, known)) => *known = count,
        None => counts.push((label, count)),
    };
    for (labels, count) in signal.requests() {
        let [route, outcome] = labels;
        match route {
            "stars" => add(&mut reading.ratings, outcome, count),
            "signin" => add(&mut reading.sign_ins, outcome, count),
            _ => reading.requests.push((labels, count)),
        }
    }
    reading
}

/// Where staff sign in, if that is not here alone. Nothing is asked of it yet.
///
/// # Errors
/// There is no way to know its server, or the system has no randomness.
fn provider(config: &Config) -> anyhow::Result<Option<OpenId>> {
    let Some(config::OpenId { provider, rules }) = &config.openid else { return Ok(None) };
    let trust = provider.authorities.clone().map_or(Trust::System, Trust::File);
    let mut tls = (*client_config(&trust).context("the provider of sign-in (signal.openid.ca)")?).clone();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut key = Zeroizing::new([0; 32]);
    signal::random(key.as_mut_slice()).context("signing in at a provider")?;
    Ok(Some(OpenId { provider: Provider::new(provider.clone(), Arc::new(tls), &key), rules: rules.clone() }))
}

/// The relay, as signaling knows it.
#[derive(Debug)]
struct Around {
    control: Arc<Control>,
    view: Arc<View>,
    board: Arc<Board>,
    clock: SystemClock,
    access: ArcSwap<Access>,
    webhooks: Arc<Webhooks>,
}

impl Outside for Around {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn turn(
        &self,
        (call, party): (&RoomId, &PersonId),
        limits: Limits,
        expires: UnixTime,
        end: UnixTime,
    ) -> Option<Turn> {
        let access = self.access.load();
        let minter = access.minter.as_ref()?;
        let now = self.clock.now().unix;
        let minted = minter.of_party((*call, *party), (now, expires, end), limits)?;
        Some(Turn {
            urls: minter.urls.clone(),
            username: minted.username,
            credential: minted.password.as_str().to_owned(),
            expires: expires.as_secs(),
            region: minter.regions.first().map_or_else(String::new, |region| region.as_str().to_owned()),
        })
    }

    fn end_call(&self, call: &RoomId, until: UnixTime) {
        let Some(issuer) = self.access.load().minter.as_ref().map(|minter| minter.issuer) else { return };
        let what = Revoked::Call { issuer, call: *call };
        let revoked = self.control.revoke(&Revocation { what, since: self.clock.now().unix, until });
        match (revoked, &self.view.record) {
            (Ok(revoking), Some(record)) => record.revoked(&what, revoking.ended, &"visit"),
            (Ok(_), None) => {}
            (Err(why), _) => tracing::error!("a visit is over, and its credentials are not revoked: {why}"),
        }
    }

    fn keep(&self, shelf: Shelf, things: &[(String, Option<Vec<u8>>)]) -> Result<(), String> {
        self.control.keep(shelf, things)
    }

    fn remember(&self, things: &[(String, Option<Vec<u8>>)]) {
        self.view.legacy.onward.put(things);
    }

    fn key(&self, shown: &Zeroizing<String>) -> Option<String> {
        let access = self.access.load();
        let key = access.keys.find(shown).filter(|key| key.role.may(Right::Mint))?;
        self.view.uses.note(key.id, self.clock.now().unix);
        Some(key.id.as_str().to_owned())
    }

    fn condition(&self) -> Condition {
        self.board.condition()
    }

    fn review(&self, by: &str) -> Review {
        self.view.review(&self.access.load(), (&format!("staff:{by}"), signal::Role::Operator.label()))
    }

    fn record(&self, deed: &Deed) {
        let Some(record) = &self.view.record else { return };
        let room = deed.room.as_ref().map(RoomId::as_str);
        let named = deed.role.is_staff() && !deed.actor.contains(':');
        let actor = if named { format!("staff:{}", deed.actor) } else { deed.actor.clone() };
        record.acted(&deed.action, room, (&actor, deed.role.label()));
    }

    fn tell(&self, event: Event, appointment: &RoomId) {
        self.webhooks.tell(event, appointment);
    }
}
