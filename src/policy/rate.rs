//! How much a credential may send each way. When it sends more, large packets go first and small ones last: a call whose
//! video is too much for its token keeps its voice.

use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use super::seal::Way;
use crate::time::Moment;
use crate::wire::is_rtcp;

/// Bytes of a packet that counts as small: voice at 96 kbit/s in frames of 20 ms has 250, and video fills its packets.
pub const SMALL: usize = 300;
/// What may be sent at once, in time: the larger part for everybody, the rest for small packets. Two frames of video at
/// any rate, and little enough that a minute's average is the rate.
const BURST: u64 = 750_000_000;
/// What may be sent at once at the least, whatever the rate: the certificates of two handshakes, and voice beside them.
const LEAST_PACKETS: u64 = 16;
const LEAST_BYTES: u64 = 16 * 1500;
/// The part of a burst that is reserved for small packets, as its divisor.
const RESERVED: u64 = 3;
/// How often a packet that lost a race against other shards tries again. Each time one of them has won, and a shard has
/// one packet at a time, so it takes some hundred shards at one token to lose as often.
const MOST_TRIES: usize = 256;
/// Prices of a byte are in this part of a nanosecond, so that 10 Gbit/s have one.
const FRACTION: u32 = 16;

/// How much a credential may send in a second, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Application data in kbit/s, 1000 bits each; `None` for any amount.
    pub kbps: Option<NonZeroU32>,
    /// Datagrams a second; `None` for any number.
    pub packets: Option<NonZeroU32>,
}

impl RateLimit {
    /// No limit.
    pub const NONE: Self = Self { kbps: None, packets: None };

    /// The narrower of this limit and so many kbit/s.
    #[must_use]
    pub fn narrowed(self, kbps: Option<NonZeroU32>) -> Self {
        let both = [self.kbps, kbps].into_iter().flatten().min();
        Self { kbps: both, ..self }
    }
}

/// What a [`RateLimit`] makes of a packet: the time that it takes, by its bytes or as one of so many, whichever is longer.
/// So one number keeps both limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tariff {
    /// In 2⁻¹⁶ ns, rounded up.
    per_byte: u64,
    /// In ns, rounded up.
    per_packet: u64,
    /// How far ahead of the time large packets may get, in ns.
    large: u64,
    /// The same for small ones.
    small: u64,
}

impl Tariff {
    fn of(limit: RateLimit) -> Option<Self> {
        if limit == RateLimit::NONE {
            return None;
        }
        // 8 bits of a byte, at 1000 bits and a thousand million nanoseconds.
        let per_byte = limit.kbps.map_or(0, |kbps| (8_000_000_u64 << FRACTION).div_ceil(u64::from(kbps.get())));
        let per_packet = limit.packets.map_or(0, |packets| 1_000_000_000_u64.div_ceil(u64::from(packets.get())));
        let least = cost(per_byte, LEAST_BYTES).max(per_packet.saturating_mul(LEAST_PACKETS));
        let small = least.max(BURST);
        Some(Self { per_byte, per_packet, large: small - small / RESERVED, small })
    }

    fn cost(&self, bytes: usize) -> u64 {
        cost(self.per_byte, u64::try_from(bytes).unwrap_or(u64::MAX)).max(self.per_packet)
    }
}

const fn cost(per_byte: u64, bytes: u64) -> u64 {
    (per_byte.saturating_mul(bytes).saturating_add((1 << FRACTION) - 1)) >> FRACTION
}

/// What the allocations of one credential have sent lately, on whatever shard they are: for each way the moment when its
/// bucket will be full again (the generic cell rate algorithm).
#[derive(Debug, Default)]
pub struct Account {
    up: Bucket,
    down: Bucket,
}

impl Account {
    /// Whether nothing of what was sent counts any more.
    #[must_use]
    pub fn is_settled(&self, now: Moment) -> bool {
        [&self.up, &self.down].into_iter().all(|bucket| bucket.0.load(Ordering::Relaxed) <= now.as_nanos())
    }

    /// Whether nothing was ever sent.
    pub(super) fn is_unused(&self) -> bool {
        self.is_settled(Moment::ZERO)
    }
}

#[derive(Debug, Default)]
struct Bucket(AtomicU64);

impl Bucket {
    /// Takes `cost` out unless that would go deeper than `depth`. A shard whose clock was read a little earlier takes the
    /// bucket for a little emptier; none takes it for fuller.
    fn take(&self, cost: u64, depth: u64, now: Moment) -> bool {
        let now = now.as_nanos();
        let mut full_at = self.0.load(Ordering::Relaxed);
        for _ in 0..MOST_TRIES {
            let next = full_at.max(now).saturating_add(cost);
            if next - now > depth {
                return false;
            }
            match self.0.compare_exchange(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => full_at = other,
            }
        }
        false
    }
}

/// A packet beyond the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BeyondRate {
    /// A large one. What is left is reserved for small ones.
    Large,
    /// A small one. Nothing is left.
    Small,
}

/// A limit and the account that is held to it: what an allocation asks about each packet.
#[derive(Clone, Debug)]
pub struct Rate {
    tariff: Tariff,
    account: Arc<Account>,
}

impl Rate {
    /// Holds an account to a limit; `None` without one.
    #[must_use]
    pub fn new(limit: RateLimit, account: &Arc<Account>) -> Option<Self> {
        Tariff::of(limit).map(|tariff| Self { tariff, account: Arc::clone(account) })
    }

    /// Brings the limit into the cache; the number has no meaning.
    #[inline]
    #[must_use]
    pub fn touch(&self) -> u64 {
        self.tariff.per_byte ^ self.tariff.small
    }

    /// The same for the account.
    #[inline]
    #[must_use]
    pub fn touch_account(&self) -> u64 {
        self.account.up.0.load(Ordering::Relaxed)
    }

    /// When the buckets of the account will be full again, up and down.
    #[must_use]
    pub fn full_at(&self) -> [Moment; 2] {
        [&self.account.up, &self.account.down].map(|bucket| Moment::from_nanos(bucket.0.load(Ordering::Relaxed)))
    }

    /// What another process said of that, as far as the limit allows so much: nothing is won by its end.
    pub fn resume(&self, full_at: [Moment; 2], now: Moment) {
        let latest = now + Duration::from_nanos(self.tariff.small);
        for (bucket, full_at) in [&self.account.up, &self.account.down].into_iter().zip(full_at) {
            bucket.0.fetch_max(full_at.min(latest).as_nanos(), Ordering::Relaxed);
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// [`BeyondRate`]: it must not be sent, and costs nothing.
    #[inline(never)]
    pub fn send(&self, way: Way, packet: &[u8], now: Moment) -> Result<(), BeyondRate> {
        let bucket = match way {
            Way::Up => &self.account.up,
            Way::Down => &self.account.down,
        };
        let (depth, beyond) = if is_small(packet) {
            (self.tariff.small, BeyondRate::Small)
        } else {
            (self.tariff.large, BeyondRate::Large)
        };
        if bucket.take(self.tariff.cost(packet.len()), depth, now) { Ok(()) } else { Err(beyond) }
    }
}

/// Whether a packet may use the reserve: by its size, or because a call ends without it (ICE, the handshake of DTLS) or
/// goes wrong (feedback).
#[must_use]
pub fn is_small(packet: &[u8]) -> bool {
    packet.len() <= SMALL
        || match packet.first() {
            // RFC 7983: STUN, and of DTLS all but data.
            Some(0..=3 | 20..=22) => true,
            Some(128..=191) => is_rtcp(packet),
            _ => false,
        }
}

#[cfg(test)]
mod tests;
