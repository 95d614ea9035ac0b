//! When a request is sent again and when it has failed (RFC 8489 §6.2.1, §6.2.2). It knows no clock: the moment comes
//! in.

use core::time::Duration;

use crate::time::Moment;

/// How often and how long a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// RTO: the time to the first retransmission; it doubles with each.
    pub initial: Duration,
    /// Rc: how often a request is sent in all, 1 to 16.
    pub sends: u32,
    /// Rm: how many times RTO to wait for an answer to the last.
    pub last_wait: u32,
}

impl Schedule {
    /// The standard's: sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, given up at 39.5 s.
    pub const STANDARD: Self = Self { initial: Duration::from_millis(500), sends: 7, last_wait: 16 };
    /// For a person who waits: sent at 0, 0.5, 1.5 and 3.5 s, given up at 5.5 s.
    pub const IMPATIENT: Self = Self { initial: Duration::from_millis(500), sends: 4, last_wait: 4 };

    /// How long a request takes that nobody answers. It is also Ti, the patience on a stream (39.5 s by the standard).
    #[must_use]
    pub fn patience(&self) -> Duration {
        let doubled = 2u32.saturating_pow(self.sends.clamp(1, 16).saturating_sub(1)).saturating_sub(1);
        self.initial.saturating_mul(doubled.saturating_add(self.last_wait))
    }
}

/// What a transaction wants now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send the request now; then ask again.
    Send,
    /// Nothing until this moment, unless an answer comes.
    Wait(Moment),
    /// Nobody answered.
    Expired,
}

/// The timer of one request.
#[derive(Clone, Debug)]
pub struct Transaction {
    next: Moment,
    gap: Duration,
    sends_left: u32,
    sent: u32,
    ends: Moment,
}

impl Transaction {
    /// A request that is to be sent at `now`: several times over datagrams, once over a stream (RFC 8489 §6.2.2).
    #[must_use]
    pub fn new(schedule: &Schedule, over_stream: bool, now: Moment) -> Self {
        Self {
            next: now,
            gap: schedule.initial,
            sends_left: if over_stream { 1 } else { schedule.sends.clamp(1, 16) },
            sent: 0,
            ends: now + schedule.patience(),
        }
    }

    /// What is due. A late caller gets one `Send`, not the ones it missed, and the gaps go on from now.
    pub fn due(&mut self, now: Moment) -> Due {
        if now >= self.ends {
            return Due::Expired;
        }
        if self.sends_left == 0 {
            return Due::Wait(self.ends);
        }
        if now < self.next {
            return Due::Wait(self.next.min(self.ends));
        }
        self.sends_left -= 1;
        self.sent += 1;
        self.next = now + self.gap;
        self.gap = self.gap.saturating_mul(2);
        Due::Send
    }

    /// How often the request has been sent.
    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.sent
    }
}
