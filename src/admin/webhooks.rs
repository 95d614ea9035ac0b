//! How the hospital's own systems take what is told of visits.

use super::metrics::Page;
use super::names;
use crate::webhook::Counts;

/// What has become of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookReading {
    /// What has been counted, in the order of [`Counts::LABELS`].
    pub counts: [u64; 5],
    /// Messages that wait.
    pub waiting: usize,
}

impl WebhookReading {
    pub(super) fn write(&self, page: &mut Page) -> Result<(), prometheus::Error> {
        let outcomes = Counts::LABELS.map(|outcome| vec![outcome.to_owned()]);
        page.counters(names::WEBHOOKS, outcomes.into_iter().zip(self.counts))?;
        page.gauges(names::WEBHOOKS_WAITING, [(vec![], u64::try_from(self.waiting).unwrap_or(u64::MAX))])
    }
}
