//! The only place that knows everyone: a checked configuration goes in, a running relay comes out.

mod authority;
mod board;
mod calls;
mod certificates;
mod control;
mod enrol;
mod notes;
mod office;
mod record;
mod refusals;
mod sockets;
mod succession;
mod uses;
mod view;
mod visits;
mod webhooks;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use arc_swap::{ArcSwap, ArcSwapOption};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::acme;
use crate::addr::Transport;
use crate::admin::{self, Health, Metrics};
use crate::api::{self, Endpoint};
use crate::auth::{Authenticator, CallTokens, Keyring, NonceKey, Revocations};
use crate::clock::SystemClock;
use crate::config::{self, Change, Config};
use crate::listen::{Listeners, Pages, Renewal, Running, front_page};
use crate::manager::{self, Sockets};
use crate::plane::{self, Mail, Plane, ShardHandle};
use crate::policy::seal;
use crate::signal::{self, Signal};
use crate::turn::{Common, Relay, Tally};

pub use control::{Control, Hanging, RevokeError, Revoking};
pub use record::Record;

use board::Board;
use calls::Recorder;
use notes::note_facts;
use office::{Bound, Desk, Office};
use succession::{Estate, Inheritance, Legacy};
use uses::Uses;
use view::View;
use visits::Visits;

/// How long shards may take to stop: they look up once a second.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How often a draining relay looks whether it is empty.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where a running relay can be reached; port 0 of the configuration has become a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundAddresses {
    /// TURN over UDP.
    pub udp: Vec<SocketAddr>,
    /// TURN over TCP.
    pub tcp: Vec<SocketAddr>,
    /// TURN over TLS.
    pub tls: Vec<SocketAddr>,
    /// Everything over TCP; over UDP it is one of the addresses there.
    pub door: Vec<SocketAddr>,
    /// Metrics and health.
    pub admin: Option<SocketAddr>,
    /// The operator's way in over the network.
    pub api: Vec<SocketAddr>,
}

impl BoundAddresses {
    /// Those of clients.
    fn of(plane: &Plane, listeners: &Listeners) -> Self {
        let over = |one| listeners.addresses().filter(|(over, _)| *over == one).map(|(_, address)| address).collect();
        let door = listeners.doors().collect();
        Self { udp: plane.udp.clone(), tcp: over(Transport::Tcp), tls: over(Transport::Tls), door, ..Self::default() }
    }
}

/// A running relay.
#[derive(Debug)]
pub struct App {
    config: Config,
    addresses: BoundAddresses,
    plane: Plane,
    listeners: Running,
    certificates: Option<Arc<Renewal>>,
    /// Ends when it is dropped.
    _watching: JoinSet<()>,
    /// Likewise.
    asking: JoinSet<()>,
    admin: Option<JoinHandle<std::io::Result<()>>>,
    common: Arc<Common>,
    nonce_key: [u8; 32],
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    view: Arc<View>,
    revocations: Arc<Revocations>,
    control: Arc<Control>,
    office: Office,
    visits: Option<Visits>,
    record: Option<Arc<Record>>,
    /// What the door answers to.
    paths: Vec<&'static str>,
    /// Says that all facts were noted.
    noted: Option<Receiver<()>>,
    /// Where sockets are left for the next process.
    manager: manager::Store,
}

/// Starts a relay: everything is bound when this returns, or nothing is. To be called inside a tokio runtime.
///
/// # Errors
/// What could not be had: an address, a certificate, something of the system.
pub async fn start(config: Config, clock: SystemClock) -> anyhow::Result<App> {
    resume(config, clock, Sockets::default()).await
}

/// The same, with pages of the caller's beside those that the door shows over TLS.
///
/// # Errors
/// As [`start`].
pub async fn start_beside(config: Config, clock: SystemClock, beside: Router) -> anyhow::Result<App> {
    begin(config, clock, Sockets::default(), beside).await
}

/// The same, where the service manager may have some of the sockets, and is asked to keep the others.
///
/// # Errors
/// As [`start`].
pub async fn resume(config: Config, clock: SystemClock, manager: Sockets) -> anyhow::Result<App> {
    begin(config, clock, manager, Router::new()).await
}

async fn begin(mut config: Config, clock: SystemClock, mut manager: Sockets, beside: Router) -> anyhow::Result<App> {
    config.turn.spare_ports = spare_ports(&config);
    let inheritance = Inheritance::take(&config)?;
    let certificates = certificates::open(&config, clock)?;
    let tls = certificates.as_ref().map(|certificates| Arc::clone(certificates.tls()));
    let listeners = Listeners::bind_with(&config.listen, &mut manager)?;
    let admin_listener = bind_admin(&config, &mut manager).await?;
    let bound = Bound::new(&config, &mut manager).await?;
    // Once the addresses are ours: another relay that runs already says so in words that are easier to understand.
    let record = Record::open(&config, clock)?;
    let common = common(&config);
    let Estate { nonce_key, store, revocations, picture, legacy } = inheritance.open(&config, clock)?;
    let visits = visits::kept(&config, store.as_ref())?;
    let uses = Uses::read(store.as_ref(), &config.api.access.keys)?;
    let authenticator = authenticator(&config, nonce_key, &revocations);
    let policy = Arc::new(config.policy.clone());
    let seeds = seeds(config.shards)?;
    let succession = plane::Succession { manager: &mut manager, picture: &picture, journal: legacy.journal.as_ref() };
    let mut plane = plane::resume(plane_settings(&config, &listeners), clock, succession, |shard| {
        let seed = seeds.get(shard).copied().unwrap_or_default();
        let (authenticator, policy) = (Arc::clone(&authenticator), Arc::clone(&policy));
        let relay = Relay::new(config.turn.clone(), authenticator, policy, Arc::clone(&common), seed);
        // 256 shards at most.
        relay.in_shard(u8::try_from(shard).unwrap_or(u8::MAX))
    })?;

    sockets::settle(&mut manager);
    let view = view(&plane, &common, certificates.as_ref(), &config, clock, (record.clone(), legacy, uses));
    let source: Arc<dyn admin::Source> = view.clone();
    let metrics = Arc::new(Metrics::new(source, clock.now().unix)?);
    let beating = plane.handles.clone();
    let health =
        Arc::new(Health::new(move || clock.now().moment, move || beating.iter().map(ShardHandle::heartbeat).collect()));
    let recorder = record.clone().map(|record| Recorder::new(record, &view, &config, tls.as_deref()));
    let noted = plane.facts.take().map(|facts| note_facts(facts, Arc::clone(&metrics), recorder, clock)).transpose()?;
    let addresses = BoundAddresses {
        admin: admin_listener.as_ref().and_then(|listener| listener.local_addr().ok()),
        api: bound.addresses(),
        ..BoundAddresses::of(&plane, &listeners)
    };
    let admin = admin_listener.map(|listener| admin::serve(listener, Arc::clone(&metrics), Arc::clone(&health)));
    let control = Control::new(plane.handles.clone(), Arc::clone(&revocations), store, clock);
    let control = Arc::new(control.with_pen(view.legacy.pen()));
    let desk = Desk::new(&control, &view, &health, clock, &config);
    let office = bound.open(desk, &config, tls.as_deref())?;
    view.api.set(Arc::clone(&office.api)).ok();
    let board = || Board::new(&view, &health, &addresses);
    let visits = visits.map(|kept| Visits::begin(&config, kept, &control, board(), clock)).transpose()?;
    visits.iter().for_each(|visits| visits.show(&view));
    let (pages, paths) = pages(&config, &office, certificates.as_deref(), visits.as_ref(), beside);
    let listeners = listeners.run(plane.gates.clone(), tls, pages)?;
    view.connections.set(listeners.connections()).ok();
    health.set_ready(true);
    Ok(App {
        asking: authority::ask(&config, certificates.as_deref(), &view)?,
        config,
        addresses,
        plane,
        listeners,
        _watching: certificates::watch(certificates.clone(), record.clone(), clock),
        certificates,
        admin,
        common,
        nonce_key,
        metrics,
        health,
        view,
        revocations,
        control,
        office,
        visits,
        record,
        paths,
        noted,
        manager: *manager.store(),
    })
}

impl App {
    /// Where it can be reached.
    #[must_use]
    pub fn addresses(&self) -> BoundAddresses {
        self.addresses.clone()
    }

    /// Every path that the door answers to over TLS, as its router matches them: `/v1/appointments/{id}`.
    #[must_use]
    pub fn door_paths(&self) -> &[&'static str] {
        &self.paths
    }

    /// How long running allocations may go on when the relay is told to stop.
    #[must_use]
    pub const fn grace(&self) -> Duration {
        self.config.drain
    }

    /// What the seal does with what it does not let through.
    #[must_use]
    pub const fn seal_mode(&self) -> seal::Mode {
        self.config.policy.seal.mode
    }

    /// How many datagrams the seal has stopped for each reason, in the order of [`seal::Reason::ALL`]. The counters may be
    /// a second old; those of the next call are not.
    #[must_use]
    pub fn seal_discards(&self) -> Vec<u64> {
        let tallies = self.tallies();
        let sum = |reason: &seal::Reason| tallies.iter().map(|tally| tally.seal_discards(*reason)).sum();
        seal::Reason::ALL.iter().map(sum).collect()
    }

    /// How many handshakes have opened a seal; as old as [`App::seal_discards`].
    #[must_use]
    pub fn seals_opened(&self) -> u64 {
        self.tallies().iter().map(|tally| tally.all_seals_opened()).sum()
    }

    /// The counters of all shards, which are asked for new ones.
    fn tallies(&self) -> Vec<Tally> {
        let tallies = self.plane.handles.iter().map(ShardHandle::tally).collect();
        for shard in &self.plane.handles {
            // A shard that does not read its mail publishes when its time comes.
            shard.send(Mail::Report).ok();
        }
        tallies
    }

    /// Signaling, if there are visits.
    #[must_use]
    pub fn visits(&self) -> Option<&Arc<Signal>> {
        self.visits.as_ref().map(|visits| &visits.signal)
    }

    /// Whether it lives and wants calls.
    #[must_use]
    pub const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// What an operator can do to it.
    #[must_use]
    pub const fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Takes over a new configuration, as far as a running relay can; says what changed and what has to wait for a
    /// restart. The certificates are read again in any case.
    ///
    /// # Errors
    /// A certificate, or the authorities for operators or of a webhook's server, are bad: nothing has changed, the old
    /// configuration and certificates stay.
    pub fn reload(&mut self, mut new: Config) -> anyhow::Result<Vec<Change>> {
        let running = self.certificates.as_deref();
        let fresh = running.map(|_| certificates::read(&new, self.view.clock)).transpose()?;
        let asking = authority::ask(&new, running, &self.view)?;
        let receivers = webhooks::receivers(&new)?;
        self.office.reload(&new, running.map(|certificates| &**certificates.tls()))?;
        self.asking = asking;
        if let (Some(running), Some(fresh)) = (running, fresh) {
            certificates::note(&running.take(fresh), self.record.as_deref());
        }
        if let Some(visits) = &self.visits {
            visits.reload(&self.config, &new, receivers);
        }
        new.turn.spare_ports = self.config.turn.spare_ports;
        new.turn.proxies.clone_from(&self.config.turn.proxies);
        let changes = config::changes(&self.config, &new);
        self.common.ledger().set_quota(new.policy.quota);
        let authenticator = authenticator(&new, self.nonce_key, &self.revocations);
        let policy = Arc::new(new.policy.clone());
        for shard in &self.plane.handles {
            let (authenticator, policy) = (Arc::clone(&authenticator), Arc::clone(&policy));
            shard.send(Mail::Reload { settings: new.turn.clone(), authenticator, policy })?;
        }
        self.view.keyring.store(keyring(&new));
        self.view.seal_mode.store(Arc::new(new.policy.seal.mode));
        if let Some(record) = &self.record {
            record.reloaded(&self.config, &new, &changes, "signal");
        }
        self.take_over(new);
        self.metrics.reloaded(true);
        Ok(changes)
    }

    /// What applies at once becomes part of the running configuration; what needs a restart does not, so that the next
    /// reload speaks of it again.
    fn take_over(&mut self, new: Config) {
        let running = &mut self.config;
        running.tokens = new.tokens;
        running.realm = new.realm;
        running.drain = new.drain;
        running.tls = new.tls;
        running.acme = new.acme;
        running.credentials = new.credentials;
        running.terms = new.terms;
        running.issuing_secret = new.issuing_secret;
        running.peers = new.peers;
        running.accept_unsealed = new.accept_unsealed;
        running.policy = new.policy;
        running.turn = new.turn;
        running.nonce_lifetime = new.nonce_lifetime;
        let (socket, listen) = (running.api.socket.take(), core::mem::take(&mut running.api.listen));
        running.api = config::Api { socket, listen, door: running.api.door, ..new.api };
        let origins = core::mem::take(&mut running.signal.origins);
        running.signal = crate::signal::Settings { origins, ..new.signal };
        running.webhooks = new.webhooks;
        running.audit.when_failing = new.audit.when_failing;
        running.text = new.text;
    }

    /// The audit log, if there is one: what others than the relay's own facts put on record goes through it.
    #[must_use]
    pub const fn record(&self) -> Option<&Arc<Record>> {
        self.record.as_ref()
    }

    /// Takes note that a reload was refused.
    pub fn reload_refused(&self) {
        self.metrics.reloaded(false);
    }

    /// Live allocations, as of a second ago at most.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.plane.handles.iter().map(ShardHandle::allocations).sum()
    }

    /// Takes no new allocations and waits until the last one has ended, `patience` at most. Returns how many are left.
    pub async fn drain(&self, patience: Duration) -> u64 {
        self.health.set_ready(false);
        if let Err(hanging) = tokio::task::block_in_place(|| self.control.end()) {
            tracing::error!("not every shard is told to drain: {hanging}");
        }
        let empty = async {
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.tick().await;
            loop {
                look.tick().await;
                if self.allocations() == 0 {
                    break;
                }
            }
        };
        if tokio::time::timeout(patience, empty).await.is_err() { self.allocations() } else { 0 }
    }

    /// Ends every allocation, closes everything and waits for it.
    pub async fn stop(self) {
        self.end(false).await;
    }

    /// Leaves the allocations of datagram clients, and the sockets, to the next process; connections end. Without a
    /// journal it is a stop.
    pub async fn leave(self) {
        let leaves = self.view.legacy.journal.is_some();
        self.view.leaving.store(leaves, Ordering::Release);
        self.end(leaves).await;
    }

    async fn end(mut self, leaves: bool) {
        self.health.set_ready(false);
        // Nobody does anything any more that is to be on record.
        drop(self.office);
        if let Some(visits) = &self.visits {
            visits.signal.stop();
        }
        self.listeners.stop().await;
        tokio::task::block_in_place(|| {
            // From here on nothing is received, until the next process does.
            let plane::Left { sockets, hanging } = match leaves {
                true => self.plane.leave(STOP_WITHIN),
                false => plane::Left { hanging: self.plane.stop(STOP_WITHIN).err(), ..plane::Left::default() },
            };
            if let Some(error) = hanging {
                tracing::error!(%error, "stopping");
            }
            self.view.legacy.end(leaves.then_some((sockets, self.manager)));
        });
        if let Some(visits) = &self.visits {
            tokio::task::block_in_place(|| visits.webhooks.stop());
        }
        self.control.close();
        if let Some(record) = self.record.take() {
            tokio::task::block_in_place(|| {
                // The facts of the end come first. A shard that hangs keeps them open; then they are left out.
                if let Some(noted) = self.noted.take() {
                    noted.recv_timeout(STOP_WITHIN).ok();
                }
                record.stopped(if leaves { "handed-over" } else { "stopped" });
            });
        }
        if let Some(admin) = self.admin.take() {
            admin.abort();
            // The next relay may want its address at once.
            admin.await.ok();
        }
    }
}

/// What is published, as far as it is known before the doors open.
fn view(
    plane: &Plane,
    common: &Arc<Common>,
    certificates: Option<&Arc<Renewal>>,
    config: &Config,
    clock: SystemClock,
    (record, legacy, uses): (Option<Arc<Record>>, Legacy, Uses),
) -> Arc<View> {
    Arc::new(View {
        shards: plane.handles.clone(),
        common: Arc::clone(common),
        seal_mode: ArcSwap::from_pointee(config.policy.seal.mode),
        connections: OnceLock::new(),
        api: OnceLock::new(),
        signal: OnceLock::new(),
        webhooks: OnceLock::new(),
        certificates: certificates.cloned(),
        acme: Arc::default(),
        keyring: ArcSwapOption::from(keyring(config)),
        clock,
        record,
        uses: Arc::new(uses),
        resumed: plane.resumed,
        legacy,
        leaving: AtomicBool::new(false),
    })
}

/// What the shards share.
fn common(config: &Config) -> Arc<Common> {
    let externals: Vec<IpAddr> = config.relay.addresses.iter().map(|address| address.external).collect();
    Common::with_addresses(config.policy.quota, &externals, &config.relay.ports, &config.relay.closed)
}

/// Where the chance of each shard comes from.
fn seeds(shards: usize) -> anyhow::Result<Vec<[u8; 32]>> {
    let seeds = (0..shards).map(|_| plane::seed()).collect::<std::io::Result<_>>();
    seeds.context("the system has no randomness")
}

/// What the door shows, and every path of it.
fn pages(
    config: &Config,
    office: &Office,
    certificates: Option<&Renewal>,
    visits: Option<&Visits>,
    beside: Router,
) -> (Pages, Vec<&'static str>) {
    // An authority looks without TLS first, and wherever it is sent from there.
    let proofs = certificates.map(|certificates| Arc::clone(certificates.tls().challenges()).routes());
    let plain = proofs.unwrap_or_default();
    let first = visits.map_or_else(|| (vec!["/"], front_page()), |visits| (signal::paths(), visits.routes()));
    let mut parts = vec![first, (vec![acme::PAGES], plain.clone())];
    if config.api.door {
        parts.push((Endpoint::paths(), office.api.beside_others()));
    }
    if config.api.door || visits.is_some() {
        parts.push((vec![api::DESCRIPTION_PATH], api::description()));
    }
    let (paths, routers): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (Pages { secure: routers.into_iter().fold(beside, Router::merge), plain }, paths.concat())
}

fn authenticator(config: &Config, nonce_key: [u8; 32], revocations: &Arc<Revocations>) -> Arc<Authenticator> {
    let key = NonceKey::new(nonce_key);
    let outside = config.tokens.outside;
    let tokens =
        config.tokens.rules.clone().map(|rules| {
            Arc::new(CallTokens::with_revocations(rules, Arc::clone(revocations)).reaching_outside(outside))
        });
    let authenticator = Authenticator::new(&config.realm, config.credentials.clone(), key, config.nonce_lifetime);
    Arc::new(authenticator.with_tokens(tokens).with_terms(config.terms.clone()))
}

fn keyring(config: &Config) -> Option<Arc<Keyring>> {
    config.tokens.rules.as_ref().map(|rules| Arc::new(rules.keyring.clone()))
}

async fn bind_admin(config: &Config, manager: &mut Sockets) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.admin else { return Ok(None) };
    let bound = sockets::listener(address, manager).await;
    Ok(Some(bound.with_context(|| format!("cannot listen on {address} for metrics (admin.listen)"))?))
}

/// Ports that each shard keeps open in advance: 64, but a quarter of the range at most for all shards together, so that
/// a small range is not spent on stock.
fn spare_ports(config: &Config) -> usize {
    let ports = usize::from(config.relay.ports.end().saturating_sub(*config.relay.ports.start())) + 1;
    (ports / (4 * config.shards.max(1))).clamp(1, 64)
}

fn plane_settings(config: &Config, listeners: &Listeners) -> plane::Settings {
    // A door has one number for everything, also where the system chooses it.
    let door = &config.listen.door;
    let mut chosen = listeners.doors().filter(|at| !door.contains(at) && !at.ip().is_unspecified());
    let doors = door.iter().filter_map(|at| if at.port() == 0 { chosen.next() } else { Some(*at) });
    let alone = config.udp.iter().copied().filter(|at| !door.contains(at));
    plane::Settings {
        udp: alone.chain(doors).collect(),
        relay: config.relay.addresses.clone(),
        ports: config.relay.ports.clone(),
        shards: config.shards,
        tuning: config.tuning.clone(),
    }
}
