//! What Prometheus reads: live counters out of the shards' tallies, at every scrape.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::keys::KeyReading;
use super::names::{self, Name};
use super::signal::SignalReading;
use super::succession::SuccessionReading;
use super::webhooks::WebhookReading;
use crate::addr::Transport;
use crate::audit::AuditState;
use crate::auth::token::TokenRefusal;
use crate::policy::seal::{Fact, Mode, Profile, Reason, SuiteClass, Version};
use crate::policy::{Exceeded, PeerRefusal};
use crate::time::UnixTime;
use crate::turn::{Answer, Direction, Discard, EndCause, Event, Tally};
use crate::wire::Method;

/// Bounds of the histogram of lifetimes, in seconds: a failed attempt, a short call, a visit, a long one, an orphan.
const LIFETIMES: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0];

/// Bounds of the histogram of seals, in seconds: one round trip, a few, checks over TCP, retransmissions, an ICE restart,
/// a handshake that was nearly given up.
const SEALS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// One shard, as last published.
#[derive(Clone, Debug, Default)]
pub struct ShardReading {
    /// Its counters.
    pub tally: Tally,
    /// Facts that it could not hand on.
    pub facts_lost: u64,
}

/// One certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateReading {
    /// When it ends.
    pub expires: UnixTime,
    /// Whether its files are no pair and something older is shown, or the authority issues none.
    pub alarm: bool,
}

/// What has come through the door. The labels are metric labels.
#[derive(Clone, Debug, Default)]
pub struct DoorReading {
    /// Connections that speak HTTP and are open now.
    pub visitors: u64,
    /// Connections by what they turned out to be.
    pub arrivals: Vec<(&'static str, u64)>,
    /// Answers to requests by the class of their status.
    pub answers: Vec<(&'static str, u64)>,
}

/// Where the readings come from.
pub trait Source: Send + Sync {
    /// The shards, by their numbers.
    fn shards(&self) -> Vec<ShardReading>;
    /// Open connections of a stream transport.
    fn connections(&self, transport: Transport) -> u64;
    /// What has come through the door.
    fn door(&self) -> DoorReading;
    /// Connections closed at once because there were too many.
    fn connections_refused(&self) -> u64;
    /// TLS handshakes that failed.
    fn handshakes_failed(&self) -> u64;
    /// Connections of load balancers that did not say whose they are.
    fn proxies_failed(&self) -> u64;
    /// The mode of the seal that is in force.
    fn seal_mode(&self) -> Mode;
    /// How the audit log does; `None` without one.
    fn audit(&self) -> Option<AuditState>;
    /// How this process began, and how its journal does; `None` without one.
    fn succession(&self) -> Option<SuccessionReading>;
    /// Signaling; `None` without visits.
    fn signal(&self) -> Option<SignalReading>;
    /// Entries in the memory of conversations.
    fn conversations(&self) -> u64;
    /// The keys of call tokens.
    fn keys(&self) -> KeyReading;
    /// Requests of operators by route and outcome.
    fn api_requests(&self) -> Vec<([&'static str; 2], u64)>;
    /// The certificates, in the order of the configuration; none without TLS.
    fn certificates(&self) -> Vec<CertificateReading>;
    /// How often changed files were a pair that is shown now, and how often they were none; `None` without TLS.
    fn certificate_reloads(&self) -> Option<[u64; 2]>;
    /// How often an authority has issued a certificate, and how often it has not.
    fn acme_orders(&self) -> [u64; 2];
    /// What has become of webhooks; `None` without visits.
    fn webhooks(&self) -> Option<WebhookReading>;
}

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    lifetimes: Histogram,
    seals: Histogram,
    reloads: IntCounterVec,
}

impl core::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics over a source. `started`: when the relay did.
    ///
    /// # Errors
    /// Two metrics of one name: a fault of ours.
    pub fn new(source: Arc<dyn Source>, started: UnixTime) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(Readings::new(source)?))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let lifetimes = histogram(names::ALLOCATION_LIFETIME, &LIFETIMES)?;
        registry.register(Box::new(lifetimes.clone()))?;
        let seals = histogram(names::SEAL_SECONDS, &SEALS)?;
        registry.register(Box::new(seals.clone()))?;
        let reloads = IntCounterVec::new(opts(names::CONFIG_RELOADS), names::CONFIG_RELOADS.labels)?;
        for result in ["applied", "refused"] {
            reloads.with_label_values(&[result]);
        }
        registry.register(Box::new(reloads.clone()))?;
        let start = IntGauge::with_opts(opts(names::START_TIME))?;
        start.set(i64::try_from(started.as_secs()).unwrap_or(i64::MAX));
        registry.register(Box::new(start))?;
        let build = IntGaugeVec::new(opts(names::BUILD_INFO), names::BUILD_INFO.labels)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        Ok(Self { registry, lifetimes, seals, reloads })
    }

    /// Takes note of a fact.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::Ended { age, .. } => self.lifetimes.observe(age.as_secs_f64()),
            Event::Seal { fact: Fact::Opened { after, .. }, .. } => self.seals.observe(after.as_secs_f64()),
            Event::Seal { .. } | Event::Allocated { .. } | Event::Restored { .. } | Event::Refused { .. } => {}
        }
    }

    /// Takes note of a reload.
    pub fn reloaded(&self, applied: bool) {
        self.reloads.with_label_values(&[if applied { "applied" } else { "refused" }]).inc();
    }

    /// Everything, in Prometheus' text format.
    ///
    /// # Errors
    /// A metric without a value: a fault of ours.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn opts(name: Name) -> Opts {
    Opts::new(name.name, name.help)
}

fn histogram(name: Name, bounds: &[f64]) -> Result<Histogram, prometheus::Error> {
    Histogram::with_opts(HistogramOpts::new(name.name, name.help).buckets(bounds.to_vec()))
}

/// Every combination that a handshake can choose, and its labels: the profile is encrypted in DTLS 1.3.
fn seals() -> impl Iterator<Item = (Version, Option<Profile>, SuiteClass)> {
    let profiles = |version| match version {
        Version::Dtls12 => Profile::ALL.map(Some).to_vec(),
        Version::Dtls13 => vec![None],
    };
    let suites = |version| SuiteClass::ALL.into_iter().filter(move |suite| suite.belongs_to(version));
    Version::ALL.into_iter().flat_map(move |version| {
        profiles(version)
            .into_iter()
            .flat_map(move |profile| suites(version).map(move |suite| (version, profile, suite)))
    })
}

/// Turns readings into metrics when asked.
struct Readings {
    source: Arc<dyn Source>,
    descriptions: Vec<Desc>,
}

impl Readings {
    const NAMES: &[Name] = &[
        names::ALLOCATIONS,
        names::ALLOCATIONS_ENDING,
        names::ALLOCATIONS_BEGUN,
        names::ALLOCATIONS_ENDED,
        names::REQUESTS,
        names::CHALLENGES,
        names::RATE_LIMITED,
        names::DISCARDS,
        names::PACKETS,
        names::BYTES,
        names::PERMISSIONS,
        names::CHANNELS,
        names::CONNECTIONS,
        names::DOOR_ARRIVALS,
        names::DOOR_ANSWERS,
        names::CONNECTIONS_REFUSED,
        names::HANDSHAKES_FAILED,
        names::PROXIES_FAILED,
        names::QUEUE_DEPTH,
        names::BATCHES,
        names::SPARE_PORTS,
        names::FACTS_LOST,
        names::TOKEN_REFUSALS,
        names::TOKENS_ELSEWHERE,
        names::KEYS,
        names::KEYS_OLDEST,
        names::QUOTA_REFUSALS,
        names::PEER_REFUSALS,
        names::SEAL_MODE,
        names::SEAL_OPENED,
        names::SEAL_CLOSED,
        names::SEAL_DISCARDS,
        names::SEAL_REPORTED,
        names::SEAL_CONVERSATIONS,
        names::API_REQUESTS,
        names::CERTIFICATE_EXPIRY,
        names::CERTIFICATE_ALARM,
        names::CERTIFICATE_RELOADS,
        names::ACME_ORDERS,
        names::WEBHOOKS,
        names::WEBHOOKS_WAITING,
        names::AUDIT_ALARM,
        names::AUDIT_RECORDS,
        names::AUDIT_LOST,
        names::AUDIT_SYSLOG_CONNECTED,
        names::AUDIT_SYSLOG_LOST,
        names::START,
        names::RESTORED,
        names::NOT_RESTORED,
        names::JOURNAL_FAILING,
        names::JOURNAL_BYTES,
        names::SIGNAL_SOCKETS,
        names::SIGNAL_MEMBERS,
        names::SIGNAL_ROOMS,
        names::SIGNAL_CALLS,
        names::SIGNAL_WAITING,
        names::SIGNAL_APPOINTMENTS,
        names::SIGNAL_MESSAGES,
        names::SIGNAL_REFUSALS,
        names::SIGNAL_CLOSED,
        names::SIGNAL_REQUESTS,
        names::SIGNAL_SIGN_INS,
        names::SIGNAL_RATINGS,
    ];

    fn new(source: Arc<dyn Source>) -> Result<Self, prometheus::Error> {
        let describe = |name: &Name| {
            let labels = name.labels.iter().map(|&label| label.to_owned()).collect();
            Desc::new(name.name.to_owned(), name.help.to_owned(), labels, std::collections::HashMap::new())
        };
        let descriptions = Self::NAMES.iter().map(describe).collect::<Result<_, _>>()?;
        Ok(Self { source, descriptions })
    }

    fn gather(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let shards = self.source.shards();
        let sum = |value: &dyn Fn(&Tally) -> u64| shards.iter().map(|shard| value(&shard.tally)).sum::<u64>();
        let mut page = Page::default();
        for (name, value) in [
            (names::ALLOCATIONS_BEGUN, sum(&|tally| tally.allocated)),
            (names::CHALLENGES, sum(&|tally| tally.challenges)),
            (names::RATE_LIMITED, sum(&|tally| tally.rate_limited)),
            (names::PERMISSIONS, sum(&|tally| tally.permissions)),
            (names::SEAL_CLOSED, sum(&|tally| tally.seals_closed)),
            (names::CHANNELS, sum(&|tally| tally.channels)),
            (names::CONNECTIONS_REFUSED, self.source.connections_refused()),
            (names::HANDSHAKES_FAILED, self.source.handshakes_failed()),
            (names::PROXIES_FAILED, self.source.proxies_failed()),
            (names::FACTS_LOST, shards.iter().map(|shard| shard.facts_lost).sum()),
        ] {
            page.counters(name, [(vec![], value)])?;
        }
        let ended = EndCause::ALL.map(|cause| (vec![cause.label().to_owned()], sum(&|tally| tally.ended(cause))));
        page.counters(names::ALLOCATIONS_ENDED, ended)?;
        let discards =
            Discard::ALL.iter().map(|&reason| (vec![reason.label().to_owned()], sum(&|tally| tally.discards(reason))));
        page.counters(names::DISCARDS, discards)?;
        let pairs = || Method::ALL.into_iter().flat_map(|method| Answer::ALL.map(|answer| (method, answer)));
        let requests = pairs().map(|(method, answer)| {
            (vec![method.label().to_owned(), answer.label()], sum(&|tally| tally.requests(method, answer)))
        });
        page.counters(names::REQUESTS, requests)?;
        let ways = || Transport::ALL.into_iter().flat_map(|one| Direction::ALL.map(|direction| (one, direction)));
        let labels = |one: Transport, direction: Direction| vec![one.label().to_owned(), direction.label().to_owned()];
        let packets = ways().map(|(one, way)| (labels(one, way), sum(&|tally| tally.traffic(one, way).packets)));
        page.counters(names::PACKETS, packets)?;
        let bytes = ways().map(|(one, way)| (labels(one, way), sum(&|tally| tally.traffic(one, way).bytes)));
        page.counters(names::BYTES, bytes)?;
        let live = Transport::ALL.map(|one| (vec![one.label().to_owned()], sum(&|tally| tally.live(one))));
        page.gauges(names::ALLOCATIONS, live)?;
        let streams = [Transport::Tcp, Transport::Tls];
        let open = streams.map(|one| (vec![one.label().to_owned()], self.source.connections(one)));
        let door = self.source.door();
        page.gauges(names::CONNECTIONS, open.into_iter().chain([(vec!["http".to_owned()], door.visitors)]))?;
        let labelled = |(label, count): (&str, u64)| (vec![label.to_owned()], count);
        page.counters(names::DOOR_ARRIVALS, door.arrivals.into_iter().map(labelled))?;
        page.counters(names::DOOR_ANSWERS, door.answers.into_iter().map(labelled))?;
        let each = |value: fn(&Tally) -> u64| {
            let numbered = shards.iter().enumerate();
            numbered.map(move |(index, shard)| (vec![index.to_string()], value(&shard.tally))).collect::<Vec<_>>()
        };
        page.gauges(names::QUEUE_DEPTH, each(|tally| tally.queue_depth))?;
        page.counters(names::BATCHES, each(|tally| tally.batches))?;
        page.gauges(names::SPARE_PORTS, each(|tally| tally.spare_ports))?;
        page.gauges(names::ALLOCATIONS_ENDING, [(vec![], sum(&|tally| tally.ending))])?;
        let keys = self.source.keys();
        page.gauges(names::KEYS, keys.counts())?;
        if let Some(age) = keys.oldest() {
            page.gauges(names::KEYS_OLDEST, [(vec![], age)])?;
        }
        self.seal(&mut page, &shards)?;
        let asked = self.source.api_requests().into_iter();
        page.counters(names::API_REQUESTS, asked.map(|(labels, count)| (labels.map(str::to_owned).to_vec(), count)))?;
        self.certificates(&mut page)?;
        if let Some(state) = self.source.audit() {
            page.audit(&state)?;
        }
        if let Some(signal) = self.source.signal() {
            signal.write(&mut page)?;
        }
        if let Some(succession) = self.source.succession() {
            succession.write(&mut page)?;
        }
        if let Some(webhooks) = self.source.webhooks() {
            webhooks.write(&mut page)?;
        }
        Ok(page.families)
    }

    /// A certificate is labelled by its number in the configuration, from 1 on; there are 32 at most.
    fn certificates(&self, page: &mut Page) -> Result<(), prometheus::Error> {
        let Some(reloads) = self.source.certificate_reloads() else { return Ok(()) };
        let certificates = self.source.certificates();
        let each = |value: fn(&CertificateReading) -> u64| {
            let labelled = (1_usize..).zip(&certificates);
            labelled.map(move |(number, one)| (vec![number.to_string()], value(one))).collect::<Vec<_>>()
        };
        page.gauges(names::CERTIFICATE_EXPIRY, each(|one| one.expires.as_secs()))?;
        page.gauges(names::CERTIFICATE_ALARM, each(|one| u64::from(one.alarm)))?;
        let results = ["applied", "refused"].map(|result| vec![result.to_owned()]);
        page.counters(names::CERTIFICATE_RELOADS, results.into_iter().zip(reloads))?;
        let results = ["issued", "failed"].map(|result| vec![result.to_owned()]);
        page.counters(names::ACME_ORDERS, results.into_iter().zip(self.source.acme_orders()))
    }

    fn seal(&self, page: &mut Page, shards: &[ShardReading]) -> Result<(), prometheus::Error> {
        let sum = |value: &dyn Fn(&Tally) -> u64| shards.iter().map(|shard| value(&shard.tally)).sum::<u64>();
        let refused =
            TokenRefusal::LABELS.map(|label| (vec![label.to_owned()], sum(&|tally| tally.token_refusals(label))));
        page.counters(names::TOKEN_REFUSALS, refused)?;
        page.counters(names::TOKENS_ELSEWHERE, [(vec![], sum(&|tally| tally.wrong_region))])?;
        let refused = Exceeded::ALL.map(|one| (vec![one.label().to_owned()], sum(&|tally| tally.quota_refusals(one))));
        page.counters(names::QUOTA_REFUSALS, refused)?;
        let refused =
            PeerRefusal::ALL.map(|one| (vec![one.label().to_owned()], sum(&|tally| tally.peer_refusals(one))));
        page.counters(names::PEER_REFUSALS, refused)?;
        let mode = self.source.seal_mode();
        page.gauges(names::SEAL_MODE, Mode::ALL.map(|one| (vec![one.label().to_owned()], u64::from(one == mode))))?;
        let opened = seals().map(|(version, profile, suite)| {
            let labels = [version.label(), profile.map_or("encrypted", Profile::label), suite.label()];
            (labels.map(str::to_owned).to_vec(), sum(&|tally| tally.seals_opened(version, profile, suite)))
        });
        page.counters(names::SEAL_OPENED, opened)?;
        let reason = |count: fn(&Tally, Reason) -> u64| {
            let reasons = Reason::ALL.iter().copied();
            reasons.map(move |reason| (vec![reason.label().to_owned()], sum(&|tally| count(tally, reason))))
        };
        page.counters(names::SEAL_DISCARDS, reason(Tally::seal_discards))?;
        page.counters(names::SEAL_REPORTED, reason(Tally::seal_reported))?;
        page.gauges(names::SEAL_CONVERSATIONS, [(vec![], self.source.conversations())])
    }
}

/// Metric families in the making.
#[derive(Default)]
pub(super) struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    fn audit(&mut self, state: &AuditState) -> Result<(), prometheus::Error> {
        self.gauges(names::AUDIT_ALARM, [(vec![], u64::from(state.alarm.is_some()))])?;
        self.counters(names::AUDIT_RECORDS, [(vec![], state.head.0)])?;
        self.counters(names::AUDIT_LOST, [(vec![], state.lost)])?;
        if let Some(connected) = state.syslog_connected {
            self.gauges(names::AUDIT_SYSLOG_CONNECTED, [(vec![], u64::from(connected))])?;
            self.counters(names::AUDIT_SYSLOG_LOST, [(vec![], state.syslog_lost)])?;
        }
        Ok(())
    }

    pub(super) fn counters(
        &mut self,
        name: Name,
        values: impl IntoIterator<Item = (Vec<String>, u64)>,
    ) -> Result<(), prometheus::Error> {
        let vector = IntCounterVec::new(opts(name), name.labels)?;
        for (labels, value) in values {
            vector.get_metric_with_label_values(&labels)?.inc_by(value);
        }
        self.families.extend(vector.collect());
        Ok(())
    }

    pub(super) fn gauges(
        &mut self,
        name: Name,
        values: impl IntoIterator<Item = (Vec<String>, u64)>,
    ) -> Result<(), prometheus::Error> {
        let vector = IntGaugeVec::new(opts(name), name.labels)?;
        for (labels, value) in values {
            vector.get_metric_with_label_values(&labels)?.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.families.extend(vector.collect());
        Ok(())
    }
}

impl Collector for Readings {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The names and labels are constants; a fault in them shows in every test that scrapes.
        self.gather().unwrap_or_default()
    }
}
