//! Which relayed port is next: each free number of the range is as likely as any other, and a number that was closed
//! rests for 60 s, so that a late packet for one client never reaches the next (RFC 8656 §7.2, §21.3).

use core::net::IpAddr;
use core::ops::RangeInclusive;
use std::collections::VecDeque;

use rand_core::RngCore;

use crate::time::{Lifetime, Moment};

/// How long a closed number rests. Longer than a peer's retransmissions and most NATs' memory of the flow.
pub(super) const REST: Lifetime = Lifetime::from_secs(60);
/// Random numbers that are tried before the free ones are counted: with half of the range taken, one opening in 256 has to
/// count.
const DRAWS: usize = 8;
/// Bits of one word.
const WORD: u16 = 64;
/// The even port numbers of a word.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// The system's source of randomness, buffered. Port numbers are visible to everyone once used, so the buffer is no secret
/// for long.
#[derive(Debug)]
pub(super) struct SystemRandom {
    buffer: [u8; 256],
    used: usize,
}

impl SystemRandom {
    /// Asks the system once, so that a system without randomness is found at the start.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut buffer = [0; 256];
        super::sys::random(&mut buffer)?;
        Ok(Self { buffer, used: 0 })
    }

    /// Four bytes; `None` if the system's source failed after it had worked.
    fn draw(&mut self) -> Option<u32> {
        if self.used + 4 > self.buffer.len() {
            super::sys::random(&mut self.buffer).ok()?;
            self.used = 0;
        }
        let bytes = self.buffer.get(self.used..)?.first_chunk::<4>()?;
        self.used += 4;
        Some(u32::from_ne_bytes(*bytes))
    }
}

/// Where the numbers come from: the system, or a seed in the simulated world.
#[derive(Debug)]
pub(super) enum Chance {
    System(Box<SystemRandom>),
    Seeded(Box<rand_chacha::ChaCha8Rng>),
}

impl Chance {
    fn draw(&mut self) -> Option<u32> {
        match self {
            Self::System(system) => system.draw(),
            Self::Seeded(seeded) => Some(seeded.next_u32()),
        }
    }

    /// A number below `bound`, each as likely as any other.
    fn below(&mut self, bound: u32) -> Option<u32> {
        // The largest multiple of the bound; what lies above would favour the small numbers. Half of all draws pass at
        // the worst bound, so 64 failures in a row do not happen.
        let fair = u32::MAX - u32::MAX % bound.max(1);
        (0..64).find_map(|_| self.draw().filter(|&drawn| drawn < fair)).and_then(|drawn| drawn.checked_rem(bound))
    }
}

/// The numbers of one local address, shared by all shards.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) local: IpAddr,
    range: RangeInclusive<u16>,
    /// One bit per number, set while it is free.
    free: Box<[u64; 1024]>,
    resting: VecDeque<(Moment, u16)>,
}

impl Numbers {
    pub(super) fn new(local: IpAddr, range: RangeInclusive<u16>) -> Self {
        let free = Box::new([0; 1024]);
        let mut numbers = Self { local, range: range.clone(), free, resting: VecDeque::new() };
        range.for_each(|port| numbers.set(port, true));
        numbers
    }

    /// Draws a number and marks it as taken. `None`: all are taken or rest.
    pub(super) fn draw(&mut self, chance: &mut Chance, now: Moment) -> Option<u16> {
        self.wake(now);
        let port = self.select(chance, |word| word)?;
        self.set(port, false);
        Some(port)
    }

    /// Draws an even number whose successor is free too, and marks both as taken.
    pub(super) fn draw_pair(&mut self, chance: &mut Chance, now: Moment) -> Option<(u16, u16)> {
        self.wake(now);
        let even = self.select(chance, |word| word & (word >> 1) & EVEN)?;
        let odd = even.checked_add(1)?;
        self.set(even, false);
        self.set(odd, false);
        Some((even, odd))
    }

    /// Takes this number; false: it is not of the range, is taken or rests.
    pub(super) fn take(&mut self, port: u16, now: Moment) -> bool {
        self.wake(now);
        let bit = 1 << (port % WORD);
        let free = self.free.get(usize::from(port / WORD)).is_some_and(|word| word & bit != 0);
        self.set(port, false);
        free
    }

    /// A number was closed, or the system would not bind it: it rests.
    pub(super) fn rest(&mut self, port: u16, now: Moment) {
        self.resting.push_back((now + REST, port));
    }

    fn wake(&mut self, now: Moment) {
        while let Some(&(until, port)) = self.resting.front()
            && until <= now
        {
            self.resting.pop_front();
            self.set(port, true);
        }
    }

    /// One of the bits that `eligible` leaves, each as likely as any other.
    fn select(&self, chance: &mut Chance, eligible: impl Fn(u64) -> u64) -> Option<u16> {
        let (first, last) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        for _ in 0..DRAWS {
            let drawn = chance.below((last + 1).saturating_sub(first))?;
            let port = u16::try_from(first + drawn).ok()?;
            let word = self.free.get(usize::from(port / WORD)).copied().unwrap_or(0);
            if eligible(word) >> (port % WORD) & 1 == 1 {
                return Some(port);
            }
        }
        self.count(chance, eligible)
    }

    /// The same for a range that is nearly used up: 1024 words are counted in a microsecond.
    fn count(&self, chance: &mut Chance, eligible: impl Fn(u64) -> u64) -> Option<u16> {
        let total: u32 = self.free.iter().map(|&word| eligible(word).count_ones()).sum();
        let mut nth = if total == 0 { return None } else { chance.below(total)? };
        for (index, &word) in (0_u16..).zip(self.free.iter()) {
            let mut bits = eligible(word);
            if nth >= bits.count_ones() {
                nth -= bits.count_ones();
                continue;
            }
            for _ in 0..nth {
                bits &= bits - 1;
            }
            return u16::try_from(bits.trailing_zeros()).ok().map(|bit| index * WORD + bit);
        }
        None
    }

    fn set(&mut self, port: u16, free: bool) {
        let bit = 1 << (port % WORD);
        if let Some(word) = self.free.get_mut(usize::from(port / WORD)) {
            *word = if free { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use rand_core::SeedableRng;
    use std::collections::{BTreeMap, BTreeSet};

    fn seeded(seed: u64) -> Chance {
        Chance::Seeded(Box::new(rand_chacha::ChaCha8Rng::seed_from_u64(seed)))
    }

    fn numbers(range: RangeInclusive<u16>) -> Numbers {
        Numbers::new(Ipv4Addr::LOCALHOST.into(), range)
    }

    #[test]
    fn every_port_of_the_range_is_as_likely_as_any_other() {
        let mut chance = Chance::System(Box::new(SystemRandom::new().unwrap()));
        let mut seen: BTreeMap<u16, f64> = BTreeMap::new();
        for _ in 0..64_000 {
            *seen.entry(numbers(65_472..=65_535).draw(&mut chance, Moment::ZERO).unwrap()).or_default() += 1.0;
        }
        assert_eq!(seen.len(), 64);
        // Chi-squared with 63 degrees of freedom: above 135 once in a million runs.
        let surprise: f64 = seen.values().map(|count| (count - 1000.0) * (count - 1000.0) / 1000.0).sum();
        assert!(surprise < 135.0, "chi-squared {surprise}");
    }

    #[test]
    fn the_range_can_be_used_up_and_no_port_comes_twice() {
        let (mut numbers, mut chance) = (numbers(50_000..=50_099), seeded(1));
        let drawn: BTreeSet<u16> = (0..100).map(|_| numbers.draw(&mut chance, Moment::ZERO).unwrap()).collect();
        assert_eq!(drawn, (50_000..=50_099).collect());
        assert_eq!(numbers.draw(&mut chance, Moment::ZERO), None);
    }

    #[test]
    fn a_closed_port_rests_for_sixty_seconds() {
        let (mut numbers, mut chance) = (numbers(50_000..=50_000), seeded(2));
        assert_eq!(numbers.draw(&mut chance, Moment::ZERO), Some(50_000));
        numbers.rest(50_000, Moment::from_secs(10));
        assert_eq!(numbers.draw(&mut chance, Moment::from_nanos(69_999_999_999)), None);
        assert_eq!(numbers.draw(&mut chance, Moment::from_secs(70)), Some(50_000));
    }

    #[test]
    fn a_number_is_taken_once_and_out_of_the_range_never() {
        let (mut numbers, mut chance) = (numbers(50_000..=50_001), seeded(4));
        assert!(!numbers.take(49_999, Moment::ZERO) && !numbers.take(50_002, Moment::ZERO));
        assert!(numbers.take(50_001, Moment::ZERO) && !numbers.take(50_001, Moment::ZERO));
        assert_eq!([(); 2].map(|()| numbers.draw(&mut chance, Moment::ZERO)), [Some(50_000), None]);
    }

    #[test]
    fn a_pair_is_an_even_port_and_the_next() {
        let (mut numbers, mut chance) = (numbers(1025..=1030), seeded(3));
        let mut pairs = [(); 2].map(|()| numbers.draw_pair(&mut chance, Moment::ZERO).unwrap());
        pairs.sort_unstable();
        assert_eq!(pairs, [(1026, 1027), (1028, 1029)]);
        assert_eq!(numbers.draw_pair(&mut chance, Moment::ZERO), None);
    }
}
