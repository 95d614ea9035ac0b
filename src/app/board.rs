//! What operators are shown on a page: the same readings as the metrics, and the peaks since the start.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{MissedTickBehavior, interval};

use super::BoundAddresses;
use super::view::View;
use crate::addr::Transport;
use crate::admin::{Health, ShardReading, Source as _};
use crate::auth::token::TokenRefusal;
use crate::policy::seal::Reason;
use crate::policy::{Exceeded, PeerRefusal};
use crate::signal::{Alarm, AuditLog, CertificateState, Condition, KeyState, Level};
use crate::time::{Moment, UnixTime};
use crate::turn::{Direction, Tally};

/// How often is looked: as often as shards publish.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks whose mean is shown: a shard may publish a little late.
const LOOKS: usize = 5;
/// Seconds before a certificate's end from which on it is told: authorities and people take days.
const SOON: u64 = 14 * 24 * 3600;

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    view: Arc<View>,
    health: Arc<Health>,
    started: UnixTime,
    listeners: BTreeMap<&'static str, u64>,
    seen: Mutex<Seen>,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
struct Seen {
    bytes: VecDeque<(Moment, u64)>,
    bits: Level,
    allocations: Level,
}

impl Board {
    pub(super) fn new(view: &Arc<View>, health: &Arc<Health>, addresses: &BoundAddresses) -> Self {
        let BoundAddresses { udp, tcp, tls, door, .. } = addresses;
        let listeners = [("udp", udp), ("tcp", tcp), ("tls", tls), ("door", door)];
        let count = |list: &Vec<_>| u64::try_from(list.len()).unwrap_or(u64::MAX);
        Self {
            started: view.clock.now().unix,
            view: Arc::clone(view),
            health: Arc::clone(health),
            listeners: listeners.into_iter().map(|(name, list)| (name, count(list))).collect(),
            seen: Mutex::default(),
        }
    }

    /// What it looks at.
    pub(super) const fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Looks once a second until it is dropped.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&self.view.shards());
        }
    }

    /// What there is now, and the peaks with it.
    fn look(&self, shards: &[ShardReading]) -> (Level, Level) {
        let now = self.view.clock.now().moment;
        let allocations = sum(shards, |tally| Transport::ALL.iter().map(|one| tally.live(*one)).sum());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).add(now, relayed(shards), allocations)
    }

    pub(super) fn condition(&self) -> Condition {
        let shards = self.view.shards();
        let (allocations, bits) = self.look(&shards);
        let now = self.view.clock.now().unix;
        let certificates = self.view.certificates();
        let audit = self.view.audit();
        let keys = self.view.keyring.load().is_some().then(|| self.view.keys());
        let hanging = self.health.hanging().len();
        let journal = self.view.succession().is_some_and(|succession| succession.journal_failing);
        let alarms = [
            (Alarm::CertificateEnds, certificates.iter().any(|one| one.expires <= now.plus_secs(SOON))),
            (Alarm::Certificate, certificates.iter().any(|one| one.alarm)),
            (Alarm::Audit, audit.as_ref().is_some_and(|state| state.alarm.is_some())),
            (Alarm::Syslog, audit.as_ref().is_some_and(|state| state.syslog_connected == Some(false))),
            (Alarm::Journal, journal),
            (Alarm::Shards, hanging > 0),
            (Alarm::Keys, keys.as_ref().is_some_and(|keys| keys.accepted() == 0)),
        ];
        Condition {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started.as_secs(),
            draining: !self.health.is_ready(),
            shards: number(shards.len()),
            hanging: number(hanging),
            listeners: self.listeners.clone(),
            allocations,
            bits,
            paths: Transport::ALL.map(|one| (one.label(), sum(&shards, |tally| tally.live(one)))).into(),
            refused: refused(&shards),
            certificates: certificates
                .iter()
                .map(|one| CertificateState { ends: one.expires.as_secs(), alarm: one.alarm })
                .collect(),
            keys: keys.map(|keys| KeyState { accepted: keys.accepted(), oldest: keys.oldest() }),
            audit: audit.map(|state| AuditLog {
                records: state.head.0,
                lost: state.lost,
                writing: state.alarm.is_none(),
                syslog: state.syslog_connected,
            }),
            alarms: alarms.into_iter().filter(|(_, is)| *is).map(|(alarm, _)| alarm).collect(),
        }
    }
}

impl Seen {
    /// The levels of allocations and of bits, once this look is among them.
    fn add(&mut self, now: Moment, bytes: u64, allocations: u64) -> (Level, Level) {
        let due = self.bytes.back().is_none_or(|(last, _)| now.since(*last) >= LOOK_EVERY / 2);
        if due {
            self.bytes.push_back((now, bytes));
            if self.bytes.len() > LOOKS + 1 {
                self.bytes.pop_front();
            }
            if let (Some((first, least)), Some((last, most))) = (self.bytes.front(), self.bytes.back()) {
                let millis = u64::try_from(last.since(*first).as_millis()).unwrap_or(u64::MAX);
                let bits = most.saturating_sub(*least).saturating_mul(8000).checked_div(millis).unwrap_or(0);
                self.bits = Level { now: bits, peak: self.bits.peak.max(bits) };
            }
        }
        self.allocations = Level { now: allocations, peak: self.allocations.peak.max(allocations) };
        (self.allocations, self.bits)
    }
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn sum(shards: &[ShardReading], value: impl Fn(&Tally) -> u64) -> u64 {
    shards.iter().map(|shard| value(&shard.tally)).sum()
}

/// Bytes that came from clients and from peers: each once, whatever becomes of them.
fn relayed(shards: &[ShardReading]) -> u64 {
    let ways = [Direction::FromClient, Direction::FromPeer];
    let of = |tally: &Tally| {
        let each = Transport::ALL.iter().flat_map(|one| ways.map(|way| tally.traffic(*one, way).bytes));
        each.sum()
    };
    sum(shards, of)
}

fn refused(shards: &[ShardReading]) -> BTreeMap<&'static str, u64> {
    let by_reason = |reason: &Reason| (reason.label(), sum(shards, |tally| tally.seal_discards(*reason)));
    let mut refused: BTreeMap<_, _> = Reason::ALL.iter().map(by_reason).collect();
    let tokens = |tally: &Tally| TokenRefusal::LABELS.iter().map(|label| tally.token_refusals(label)).sum();
    let quotas = |tally: &Tally| Exceeded::ALL.iter().map(|one| tally.quota_refusals(*one)).sum();
    let peers = |tally: &Tally| PeerRefusal::ALL.iter().map(|one| tally.peer_refusals(*one)).sum();
    refused.extend([
        ("token", sum(shards, tokens)),
        ("region", sum(shards, |tally| tally.wrong_region)),
        ("quota", sum(shards, quotas)),
        ("peer", sum(shards, peers)),
    ]);
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_mean_of_five_seconds_and_peaks_stay() {
        let mut seen = Seen::default();
        let level = |now, peak| Level { now, peak };
        assert_eq!(seen.add(Moment::from_secs(10), 1000, 3), (level(3, 3), level(0, 0)));
        assert_eq!(seen.add(Moment::from_secs(11), 2000, 5), (level(5, 5), level(8000, 8000)));
        for second in 12..=17 {
            seen.add(Moment::from_secs(second), 2000, 1);
        }
        assert_eq!(seen.add(Moment::from_secs(18), 2000, 1), (level(1, 5), level(0, 8000)));
        let soon = Moment::from_secs(18) + Duration::from_millis(100);
        assert_eq!(seen.add(soon, 9000, 1).1, level(0, 8000), "who looks often does not shorten the mean");
    }
}
