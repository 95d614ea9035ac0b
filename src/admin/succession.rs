//! What is told of the process before, and of the journal for the next one.

use super::metrics::Page;
use super::names;

/// How this process began, and how the journal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessionReading {
    /// `resumed`, or why this start was a clean one: a label of [`crate::journal::Unreadable`].
    pub start: &'static str,
    /// Allocations that go on from the process before.
    pub resumed: u64,
    /// What does not, by reason.
    pub lost: Vec<(&'static str, u64)>,
    /// The journal cannot be written.
    pub journal_failing: bool,
    /// Bytes of it.
    pub journal_bytes: u64,
}

impl SuccessionReading {
    /// Whether there was anything that could have gone on.
    #[must_use]
    pub fn is_of_note(&self) -> bool {
        self.start != "absent"
    }

    pub(super) fn write(&self, page: &mut Page) -> Result<(), prometheus::Error> {
        page.gauges(names::START, [(vec![self.start.to_owned()], 1)])?;
        page.gauges(names::RESTORED, [(vec![], self.resumed)])?;
        page.gauges(names::NOT_RESTORED, self.lost.iter().map(|(why, count)| (vec![(*why).to_owned()], *count)))?;
        page.gauges(names::JOURNAL_FAILING, [(vec![], u64::from(self.journal_failing))])?;
        page.gauges(names::JOURNAL_BYTES, [(vec![], self.journal_bytes)])
    }
}
