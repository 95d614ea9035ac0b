//! What has come through the door.

use core::sync::atomic::{AtomicU64, Ordering};

/// What a connection of the door turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// TURN over plain TCP.
    Turn,
    /// TURN over TLS.
    TurnTls,
    /// HTTP/1.1 over TLS.
    Http1,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP without TLS, which is told to come back with it.
    HttpPlain,
    /// An authority that looked for the proof of a name, and that was all.
    Acme,
    /// Nothing that is spoken here.
    Unknown,
    /// Nothing was said in time, or the client left without a word.
    Silent,
}

impl Arrival {
    /// All of them, in the order of their metric labels.
    pub const ALL: [Self; 8] =
        [Self::Turn, Self::TurnTls, Self::Http1, Self::Http2, Self::HttpPlain, Self::Acme, Self::Unknown, Self::Silent];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::TurnTls => "turn_tls",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::HttpPlain => "http_plain",
            Self::Acme => "acme",
            Self::Unknown => "unknown",
            Self::Silent => "silent",
        }
    }
}

/// The first digit of an HTTP status, as a metric label.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Connections by what they turned out to be, and answers to requests by the class of their status.
#[derive(Debug, Default)]
pub struct DoorCounts {
    arrivals: [AtomicU64; Arrival::ALL.len()],
    answers: [AtomicU64; CLASSES.len()],
}

impl DoorCounts {
    /// Connections that turned out to be this.
    #[must_use]
    pub fn arrivals(&self, arrival: Arrival) -> u64 {
        self.arrivals.get(arrival as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Requests that were answered, by label: `1xx` to `5xx`.
    #[must_use]
    pub fn answers(&self) -> [(&'static str, u64); CLASSES.len()] {
        let mut counts = CLASSES.map(|class| (class, 0));
        for (count, answers) in counts.iter_mut().zip(&self.answers) {
            count.1 = answers.load(Ordering::Relaxed);
        }
        counts
    }

    pub(super) fn arrived(&self, arrival: Arrival) {
        if let Some(count) = self.arrivals.get(arrival as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `status` has three digits.
    pub(super) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.answers.get(class)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arrival_and_each_class_has_its_counter() {
        let counts = DoorCounts::default();
        for (times, arrival) in Arrival::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| counts.arrived(arrival));
        }
        assert_eq!(Arrival::ALL.map(|arrival| counts.arrivals(arrival)), [0, 1, 2, 3, 4, 5, 6, 7]);
        for status in [101, 200, 204, 404, 431, 499, 503, 0, 99, 600] {
            counts.answered(status);
        }
        assert_eq!(counts.answers(), [("1xx", 1), ("2xx", 2), ("3xx", 0), ("4xx", 3), ("5xx", 1)]);
    }
}
