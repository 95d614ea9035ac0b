//! How many answers strangers get, enough for a hospital behind one address and too few to make a reflector worthwhile;
//! and how many requests a credential may make.

use core::hash::Hash;

use super::Source;
use crate::addr::ClientAddr;
use crate::auth::Subject;
use crate::time::Moment;

/// Sets of buckets, a power of two. With four ways of 16 bytes each the table has 64 KiB and lives in the second-level
/// cache; 4096 spenders can use theirs at the same time without sharing one.
const SETS: usize = 1024;
/// Buckets per set: a busy spender drives its neighbours to other ways, not to its own.
const WAYS: usize = 4;
const SECOND: u64 = 1_000_000_000;

/// The budget of one spender, as the moment when it will be full again (the generic cell rate algorithm): each expense
/// moves it on by one interval, and it may be so far ahead as the burst is long.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    spender: u64,
    full_at: u64,
}

/// A budget for each spender and second.
///
/// The table is allocated once and never grows. Spenders share it by a keyed hash: nobody outside can choose addresses or
/// names that collide with a victim's. When all ways of a set are spent, a new spender takes over the fullest bucket with
/// what is left in it, so that inventing spenders wins nothing.
struct Budget {
    sets: Box<[[Bucket; WAYS]]>,
    hash: ahash::RandomState,
    /// Nanoseconds per expense; `None` means nothing at all.
    interval: Option<u64>,
    /// Nanoseconds that may be spent at once.
    burst: u64,
}

impl Budget {
    /// A full budget for everybody: `per_second`, 0 for nothing, and so many seconds' worth at once. `key` is random.
    fn new(per_second: u32, seconds: u64, key: [u8; 32]) -> Self {
        let mut seeds = [0; 4];
        for (seed, bytes) in seeds.iter_mut().zip(key.chunks_exact(8)) {
            *seed = bytes.iter().fold(0, |sum, &byte| (sum << 8) | u64::from(byte));
        }
        let [a, b, c, d] = seeds;
        Self {
            sets: vec![[Bucket::default(); WAYS]; SETS].into_boxed_slice(),
            hash: ahash::RandomState::with_seeds(a, b, c, d),
            interval: interval(per_second),
            burst: seconds.saturating_mul(SECOND),
        }
    }

    /// Takes one expense out of the spender's budget; false when none is left.
    fn spend(&mut self, spender: impl Hash, now: Moment) -> bool {
        let Some(interval) = self.interval else { return false };
        let now = now.as_nanos();
        let spender = self.hash.hash_one(spender);
        // The top bits choose the set; the tag is the whole hash.
        let set = usize::try_from(spender >> 54).unwrap_or(0);
        let Some(ways) = self.sets.get_mut(set) else { return false };
        let known = ways.iter().position(|bucket| bucket.spender == spender);
        let place = known.or_else(|| {
            let fullest = ways.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at);
            fullest.map(|(index, _)| index)
        });
        let Some(bucket) = place.and_then(|index| ways.get_mut(index)) else { return false };
        bucket.spender = spender;
        let full_at = bucket.full_at.max(now).saturating_add(interval);
        if full_at.saturating_sub(now) > self.burst {
            return false;
        }
        bucket.full_at = full_at;
        true
    }
}

/// One interval is at least a nanosecond: a rate beyond that is no limit.
fn interval(per_second: u32) -> Option<u64> {
    SECOND.checked_div(u64::from(per_second)).map(|interval| interval.max(1))
}

/// How many answers each source of strangers gets.
pub struct ChallengeBudget(Budget);

impl ChallengeBudget {
    /// `per_second` answers for every source, a second's worth at once, 0 for none. `key` is random.
    #[must_use]
    pub fn new(per_second: u32, key: [u8; 32]) -> Self {
        Self(Budget::new(per_second, 1, key))
    }

    /// A new rate from now on; what sources have already spent stays spent.
    pub fn set_rate(&mut self, per_second: u32) {
        self.0.interval = interval(per_second);
    }

    /// Takes one answer out of the source's budget; false when none is left.
    pub fn allow(&mut self, client: ClientAddr, now: Moment) -> bool {
        self.0.spend(Source::of(client.socket().ip()), now)
    }
}

/// How many proven requests each credential may make. It outlives allocations, so that ending them and beginning again
/// wins nothing.
pub struct RequestBudget(Budget);

impl RequestBudget {
    /// Seconds' worth that may be asked at once: a browser begins a call with some ten requests for each of its
    /// interfaces.
    const BURST: u64 = 4;

    /// `per_second` requests for every credential, four seconds' worth at once, 0 for any number. `key` is random.
    #[must_use]
    pub fn new(per_second: u32, key: [u8; 32]) -> Self {
        Self(Budget::new(per_second, Self::BURST, key))
    }

    /// A new rate from now on; what has been spent stays spent.
    pub fn set_rate(&mut self, per_second: u32) {
        self.0.interval = interval(per_second);
    }

    /// Takes one request out of the credential's budget; false when none is left.
    pub fn allow(&mut self, subject: Subject, now: Moment) -> bool {
        self.0.interval.is_none() || self.0.spend(subject, now)
    }
}

impl Budget {
    /// Gives one expense back to a spender who is still known. Nobody gets more than the whole budget.
    fn give_back(&mut self, spender: impl Hash) {
        let Some(interval) = self.interval else { return };
        let spender = self.hash.hash_one(spender);
        let ways = usize::try_from(spender >> 54).ok().and_then(|set| self.sets.get_mut(set));
        if let Some(bucket) = ways.and_then(|ways| ways.iter_mut().find(|bucket| bucket.spender == spender)) {
            bucket.full_at = bucket.full_at.saturating_sub(interval);
        }
    }
}

/// How often each source may fail at what could be guessed. What may fail is charged before it is known to have failed, so
/// that nobody tries more at the same time.
pub struct AttemptBudget(Budget);

impl AttemptBudget {
    /// Seconds' worth that may fail at once.
    const BURST: u64 = 60;

    /// `per_minute` failures for every source, a minute's worth at once, 0 for none. `key` is random.
    #[must_use]
    pub fn new(per_minute: u32, key: [u8; 32]) -> Self {
        let mut budget = Budget::new(1, Self::BURST, key);
        budget.interval = interval(per_minute).map(|interval| interval.saturating_mul(60));
        Self(budget)
    }

    /// Takes one failure out of the source's budget; false when none is left.
    #[must_use]
    pub fn charge(&mut self, client: ClientAddr, now: Moment) -> bool {
        self.0.spend(Source::of(client.socket().ip()), now)
    }

    /// It did not fail.
    pub fn give_back(&mut self, client: ClientAddr) {
        self.0.give_back(Source::of(client.socket().ip()));
    }
}

macro_rules! silent {
    ($($name:ident),*) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}
silent!(ChallengeBudget, RequestBudget, AttemptBudget);

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const KEY: [u8; 32] = *b"a key that nobody outside knows.";

    fn client(text: &str) -> ClientAddr {
        ClientAddr::new(text.parse().unwrap())
    }

    /// How many of `asked` answers are allowed.
    fn allowed(budget: &mut ChallengeBudget, who: ClientAddr, now: Moment, asked: u32) -> u32 {
        (0..asked).map(|_| u32::from(budget.allow(who, now))).sum()
    }

    #[test]
    fn a_source_gets_its_rate_at_once_and_no_more() {
        for rate in [0, 1, 3, 7, 100, 1000] {
            let mut budget = ChallengeBudget::new(rate, KEY);
            assert_eq!(allowed(&mut budget, client("192.0.2.1:5000"), Moment::from_secs(5), 2000), rate);
        }
    }

    #[test]
    fn a_source_gets_its_rate_every_second_from_any_port() {
        let mut budget = ChallengeBudget::new(20, KEY);
        let mut sum = 0;
        for step in 0..10_000_u64 {
            let port = 1000 + u16::try_from(step).unwrap();
            let who = ClientAddr::new(core::net::SocketAddr::new("192.0.2.1".parse().unwrap(), port));
            sum += u32::from(budget.allow(who, Moment::ZERO + Duration::from_millis(step)));
        }
        // Ten seconds, and the burst at the start.
        assert!((200..=220).contains(&sum), "{sum}");
    }

    #[test]
    fn a_spent_source_recovers_bit_by_bit() {
        let mut budget = ChallengeBudget::new(10, KEY);
        let who = client("192.0.2.1:5000");
        assert_eq!(allowed(&mut budget, who, Moment::ZERO, 100), 10);
        assert_eq!(allowed(&mut budget, who, Moment::ZERO + Duration::from_millis(99), 100), 0);
        assert_eq!(allowed(&mut budget, who, Moment::ZERO + Duration::from_millis(100), 100), 1);
        assert_eq!(allowed(&mut budget, who, Moment::ZERO + Duration::from_secs(60), 100), 10);
    }

    #[test]
    fn a_64_of_ipv6_is_one_source_and_the_next_is_another() {
        let mut budget = ChallengeBudget::new(10, KEY);
        assert_eq!(allowed(&mut budget, client("[2001:db8:0:1::1]:5000"), Moment::ZERO, 100), 10);
        assert!(!budget.allow(client("[2001:db8:0:1:ffff:ffff:ffff:ffff]:6000"), Moment::ZERO));
        assert!(budget.allow(client("[2001:db8:0:2::1]:5000"), Moment::ZERO));
    }

    #[test]
    fn a_dual_stack_socket_shows_the_same_source() {
        let mut budget = ChallengeBudget::new(1, KEY);
        assert!(budget.allow(client("192.0.2.1:5000"), Moment::ZERO));
        assert!(!budget.allow(client("[::ffff:192.0.2.1]:5000"), Moment::ZERO));
    }

    #[test]
    fn a_flooder_does_not_hurt_other_sources() {
        let mut budget = ChallengeBudget::new(100, KEY);
        let mut served = 0;
        for number in 0..1000_u32 {
            allowed(&mut budget, client("192.0.2.1:5000"), Moment::ZERO, 1000);
            let other = core::net::Ipv4Addr::from(0x0a00_0000 + number);
            served += u32::from(budget.allow(ClientAddr::new((other, 5000).into()), Moment::ZERO));
        }
        assert_eq!(served, 1000);
    }

    #[test]
    fn a_hundred_thousand_forged_sources_a_second_leave_a_real_one_served() {
        let mut budget = ChallengeBudget::new(100, KEY);
        let who = client("192.0.2.1:5000");
        let mut served = 0;
        for number in 0..200_000_u32 {
            let now = Moment::ZERO + Duration::from_micros(u64::from(number) * 10);
            let forged = core::net::Ipv4Addr::from(number.wrapping_mul(2_654_435_761));
            budget.allow(ClientAddr::new((forged, 5000).into()), now);
            if number % 20_000 == 0 {
                served += u32::from(budget.allow(who, now));
            }
        }
        assert_eq!(served, 10);
    }

    #[test]
    fn inventing_sources_wins_no_more_than_the_table_holds() {
        let mut budget = ChallengeBudget::new(2, KEY);
        let all: u32 = (0..100_000_u32)
            .map(|number| {
                u32::from(budget.allow(ClientAddr::new((core::net::Ipv4Addr::from(number), 1).into()), Moment::ZERO))
            })
            .sum();
        assert!(all <= 2 * 4096, "{all}");
    }

    #[test]
    fn the_table_has_one_size() {
        let mut budget = ChallengeBudget::new(2, KEY);
        let before = size_of_val(&*budget.0.sets);
        assert_eq!(before, 64 * 1024);
        for number in 0..10_000_u32 {
            budget.allow(ClientAddr::new((core::net::Ipv4Addr::from(number), 1).into()), Moment::ZERO);
        }
        assert_eq!(size_of_val(&*budget.0.sets), before);
    }

    #[test]
    fn a_new_rate_counts_at_once() {
        let mut budget = ChallengeBudget::new(10, KEY);
        let who = client("192.0.2.1:5000");
        assert_eq!(allowed(&mut budget, who, Moment::ZERO, 5), 5);
        budget.set_rate(100);
        assert_eq!(allowed(&mut budget, who, Moment::ZERO, 1000), 50);
        budget.set_rate(0);
        assert!(!budget.allow(client("192.0.2.2:5000"), Moment::from_secs(9)));
    }

    #[test]
    fn a_credential_gets_four_seconds_of_requests_at_once_and_then_its_rate() {
        let (alice, bob) = (Subject::of(b"alice"), Subject::of(b"bob"));
        let mut budget = RequestBudget::new(50, KEY);
        let asked = |budget: &mut RequestBudget, who, now| (0..1000).filter(|_| budget.allow(who, now)).count();
        assert_eq!(asked(&mut budget, alice, Moment::from_secs(9)), 200);
        assert_eq!(asked(&mut budget, bob, Moment::from_secs(9)), 200);
        assert_eq!(asked(&mut budget, alice, Moment::from_secs(10)), 50);
        budget.set_rate(0);
        assert_eq!(asked(&mut budget, alice, Moment::from_secs(10)), 1000);
    }

    #[test]
    fn a_source_may_fail_so_often_in_a_minute_and_then_wait() {
        let (mut budget, who) = (AttemptBudget::new(10, KEY), client("192.0.2.1:5000"));
        for _ in 0..10 {
            assert!(budget.charge(who, Moment::ZERO));
        }
        assert!(!budget.charge(who, Moment::ZERO + Duration::from_millis(5_999)));
        assert!(budget.charge(client("198.51.100.1:5000"), Moment::ZERO));
        assert!(budget.charge(who, Moment::ZERO + Duration::from_secs(6)));
        assert!(!budget.charge(client("192.0.2.1:6000"), Moment::ZERO + Duration::from_secs(6)));
    }

    #[test]
    fn what_did_not_fail_is_given_back_and_no_more_than_that() {
        let (mut budget, who) = (AttemptBudget::new(10, KEY), client("192.0.2.1:5000"));
        for _ in 0..1000 {
            assert!(budget.charge(who, Moment::ZERO));
            budget.give_back(who);
        }
        budget.give_back(who);
        budget.give_back(client("198.51.100.1:5000"));
        let left = (0..100).filter(|_| budget.charge(who, Moment::from_secs(60))).count();
        assert_eq!(left, 10);
    }
}
