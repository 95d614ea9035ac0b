//! What the metrics say of signaling. No label is anybody's, or of any room.

use super::metrics::Page;
use super::names;

/// Counts with one label each, which is of the protocol.
pub type Counted = Vec<(&'static str, u64)>;

/// Signaling, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalReading {
    /// WebSockets that are open.
    pub sockets: u64,
    /// Who is connected, or was a moment ago, by role.
    pub members: Counted,
    /// Rooms with somebody in them.
    pub rooms: u64,
    /// Rooms whose call has begun.
    pub calls: u64,
    /// People who wait.
    pub waiting: u64,
    /// Appointments in the book.
    pub appointments: u64,
    /// Messages of clients, by type.
    pub messages: Counted,
    /// Messages that were not passed on, by the rule that says so.
    pub refused: Counted,
    /// Sockets that were closed by us, by the reason.
    pub closed: Counted,
    /// Requests by route and outcome.
    pub requests: Vec<([&'static str; 2], u64)>,
    /// Tries to sign in, by outcome.
    pub sign_ins: Counted,
    /// What people say of their visit, in stars.
    pub ratings: Counted,
}

impl SignalReading {
    pub(super) fn write(&self, page: &mut Page) -> Result<(), prometheus::Error> {
        for (name, value) in [
            (names::SIGNAL_SOCKETS, self.sockets),
            (names::SIGNAL_ROOMS, self.rooms),
            (names::SIGNAL_CALLS, self.calls),
            (names::SIGNAL_WAITING, self.waiting),
            (names::SIGNAL_APPOINTMENTS, self.appointments),
        ] {
            page.gauges(name, [(vec![], value)])?;
        }
        page.gauges(names::SIGNAL_MEMBERS, labelled(&self.members))?;
        for (name, counts) in [
            (names::SIGNAL_MESSAGES, &self.messages),
            (names::SIGNAL_REFUSALS, &self.refused),
            (names::SIGNAL_CLOSED, &self.closed),
            (names::SIGNAL_SIGN_INS, &self.sign_ins),
            (names::SIGNAL_RATINGS, &self.ratings),
        ] {
            page.counters(name, labelled(counts))?;
        }
        let requests = self.requests.iter().map(|(labels, count)| (labels.map(str::to_owned).to_vec(), *count));
        page.counters(names::SIGNAL_REQUESTS, requests)
    }
}

fn labelled(counts: &Counted) -> impl Iterator<Item = (Vec<String>, u64)> {
    counts.iter().map(|(label, count)| (vec![(*label).to_owned()], *count))
}
