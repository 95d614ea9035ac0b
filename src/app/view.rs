//! What the metrics look at.

use core::fmt::Display;
use core::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use sha2::{Digest as _, Sha256};

use super::record::Record;
use super::succession::Legacy;
use super::uses::Uses;
use super::visits;
use crate::acme;
use crate::addr::Transport;
use crate::admin::{
    self, CertificateReading, DoorReading, KeyReading, ShardReading, SignalReading, SuccessionReading, WebhookReading,
};
use crate::api;
use crate::api::review::{self, Review};
use crate::audit::AuditState;
use crate::auth::Keyring;
use crate::clock::SystemClock;
use crate::listen;
use crate::plane::{Resumed, ShardHandle};
use crate::policy::seal;
use crate::signal::Signal;
use crate::turn::Common;
use crate::webhook::Webhooks;

/// What is published about a running relay.
#[derive(Debug)]
pub(super) struct View {
    pub(super) shards: Vec<ShardHandle>,
    pub(super) common: Arc<Common>,
    pub(super) seal_mode: ArcSwap<seal::Mode>,
    pub(super) connections: OnceLock<Arc<listen::Connections>>,
    pub(super) api: OnceLock<Arc<api::Api>>,
    pub(super) signal: OnceLock<Arc<Signal>>,
    pub(super) webhooks: OnceLock<Arc<Webhooks>>,
    pub(super) certificates: Option<Arc<listen::Renewal>>,
    pub(super) acme: Arc<acme::Status>,
    pub(super) keyring: ArcSwapOption<Keyring>,
    pub(super) clock: SystemClock,
    pub(super) record: Option<Arc<Record>>,
    pub(super) uses: Arc<Uses>,
    /// What goes on from the process before, and what this one leaves to the next.
    pub(super) resumed: Resumed,
    pub(super) legacy: Legacy,
    /// This process ends, and its calls go on in the next one.
    pub(super) leaving: AtomicBool,
}

impl View {
    /// The mode of the seal that is in force.
    pub(super) fn seal_mode(&self) -> seal::Mode {
        **self.seal_mode.load()
    }

    /// Who has access, this among it; it goes on record who asked, with 48 digits of the SHA-256 of
    /// its spreadsheet.
    pub(super) fn review(&self, access: &api::Access, by: (&impl Display, &str)) -> Review {
        let now = self.clock.now().unix;
        let mut entries = review::configured(access, now, |id| self.uses.last(id));
        if let Some(signal) = self.signal.get() {
            entries.extend(signal.entries());
        }
        let review = Review::new(entries, now);
        if let Some(record) = &self.record {
            let hash = Sha256::digest(review.csv());
            // A word of a record has 64 bytes at most, so it is three quarters of the hash.
            let hash: String = hash.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
            record.acted(&format!("access.review:{hash}"), None, by);
        }
        review
    }
}

impl admin::Source for View {
    fn shards(&self) -> Vec<ShardReading> {
        let reading = |shard: &ShardHandle| ShardReading { tally: shard.tally(), facts_lost: shard.facts_lost() };
        self.shards.iter().map(reading).collect()
    }

    fn connections(&self, transport: Transport) -> u64 {
        self.connections.get().map_or(0, |open| u64::try_from(open.live(transport)).unwrap_or(u64::MAX))
    }

    fn door(&self) -> DoorReading {
        let Some(connections) = self.connections.get() else { return DoorReading::default() };
        let arrivals = listen::Arrival::ALL.map(|one| (one.label(), connections.door().arrivals(one)));
        DoorReading {
            visitors: u64::try_from(connections.visitors()).unwrap_or(u64::MAX),
            arrivals: arrivals.to_vec(),
            answers: connections.door().answers().to_vec(),
        }
    }

    fn succession(&self) -> Option<SuccessionReading> {
        self.legacy.reading(&self.resumed)
    }

    fn connections_refused(&self) -> u64 {
        self.connections.get().map_or(0, |connections| connections.refused())
    }

    fn handshakes_failed(&self) -> u64 {
        self.connections.get().map_or(0, |connections| connections.failed_handshakes())
    }

    fn proxies_failed(&self) -> u64 {
        self.connections.get().map_or(0, |connections| connections.failed_proxies())
    }

    fn seal_mode(&self) -> seal::Mode {
        self.seal_mode()
    }

    fn audit(&self) -> Option<AuditState> {
        self.record.as_ref().map(|record| record.state())
    }

    fn signal(&self) -> Option<SignalReading> {
        self.signal.get().map(|signal| visits::reading(signal))
    }

    fn conversations(&self) -> u64 {
        self.common.conversations().map_or(0, |known| u64::try_from(known.len()).unwrap_or(u64::MAX))
    }

    fn keys(&self) -> KeyReading {
        let keyring = self.keyring.load();
        keyring.as_deref().map_or_else(KeyReading::default, |keyring| KeyReading::of(keyring, self.clock.now().unix))
    }

    fn api_requests(&self) -> Vec<([&'static str; 2], u64)> {
        self.api.get().map_or_else(Vec::new, |api| api.counts().all())
    }

    fn certificates(&self) -> Vec<CertificateReading> {
        let readings = self.certificates.as_ref().map(|certificates| certificates.readings());
        let reading = |one: &listen::Reading| CertificateReading { expires: one.expires, alarm: one.alarm };
        let mut all: Vec<_> = readings.iter().flat_map(|readings| readings.iter().map(reading)).collect();
        if let Some(first) = all.first_mut() {
            first.alarm |= self.acme.alarm();
        }
        all
    }

    fn acme_orders(&self) -> [u64; 2] {
        [self.acme.issued(), self.acme.failed()]
    }

    fn webhooks(&self) -> Option<WebhookReading> {
        let webhooks = self.webhooks.get()?;
        Some(WebhookReading { counts: webhooks.counts(), waiting: webhooks.waiting() })
    }

    fn certificate_reloads(&self) -> Option<[u64; 2]> {
        let reloads = self.certificates.as_ref()?.reloads();
        Some([reloads.applied, reloads.refused])
    }
}
