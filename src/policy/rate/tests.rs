//! The rate against an exact reference, and what it promises.

use super::*;
use core::time::Duration;
use proptest::prelude::*;

fn limit(kbps: u32, packets: u32) -> RateLimit {
    RateLimit { kbps: NonZeroU32::new(kbps), packets: NonZeroU32::new(packets) }
}

fn rate(limit: RateLimit) -> Rate {
    Rate::new(limit, &Arc::new(Account::default())).unwrap()
}

fn media(bytes: usize) -> Vec<u8> {
    let mut packet = vec![0; bytes.max(2)];
    packet[0] = 0x80;
    packet[1] = 96;
    packet
}

/// The slow reference: a bucket that leaks in exact fractions, by the bytes or by the packets. Its unit is such a part of
/// a nanosecond that every price is whole.
struct Reference {
    limit: RateLimit,
    unit: i128,
    level: i128,
    at: u64,
}

impl Reference {
    fn new(limit: RateLimit) -> Self {
        let [kbps, packets] = [limit.kbps, limit.packets].map(|rate| rate.map_or(1, |rate| i128::from(rate.get())));
        Self { limit, unit: kbps * packets, level: 0, at: 0 }
    }

    fn cost(&self, bytes: usize) -> i128 {
        let bytes = i128::try_from(bytes).unwrap();
        let by_bytes = self.limit.kbps.map_or(0, |kbps| bytes * 8_000_000 * self.unit / i128::from(kbps.get()));
        let by_packets = self.limit.packets.map_or(0, |packets| 1_000_000_000 * self.unit / i128::from(packets.get()));
        by_bytes.max(by_packets)
    }

    /// By how many nanoseconds a packet would be too much; below zero it fits.
    fn excess(&mut self, bytes: usize, at: u64) -> i128 {
        self.level = (self.level - i128::from(at - self.at) * self.unit).max(0);
        self.at = at;
        let all = (750_000_000 * self.unit).max(self.cost(16 * 1500)).max(16 * self.cost(0));
        let depth = if bytes <= SMALL { all } else { all - all / 3 };
        (self.level + self.cost(bytes) - depth).div_euclid(self.unit)
    }
}

fn limits() -> impl Strategy<Value = RateLimit> {
    let kbps = prop_oneof![Just(0), 1..100_u32, 64..50_000_u32, Just(10_000_000)];
    let packets = prop_oneof![Just(0), 1..100_u32, 50..10_000_u32];
    (kbps, packets)
        .prop_map(|(kbps, packets)| limit(kbps, packets))
        .prop_filter("a limit", |limit| *limit != RateLimit::NONE)
}

/// Packets as (nanoseconds since the one before, bytes).
fn packets() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let pause = prop_oneof![Just(0), 0..2_000_000_u64, 0..1_000_000_000_u64];
    let bytes = prop_oneof![0..300_usize, 301..1500_usize, Just(65_000_usize)];
    prop::collection::vec((pause, bytes), 1..400)
}

proptest! {
    // Prices are rounded up to a nanosecond, and so are the depths: that much the two may be apart.
    #[test]
    fn it_agrees_with_an_exact_reference_to_a_nanosecond_a_packet(limit in limits(), packets in packets()) {
        let rate = rate(limit);
        let mut exact = Reference::new(limit);
        let (mut at, mut sent) = (0, 0);
        for (pause, bytes) in packets {
            at += pause;
            let packet = media(bytes);
            let excess = exact.excess(packet.len(), at);
            if rate.send(Way::Up, &packet, Moment::from_nanos(at)).is_ok() {
                prop_assert!(excess <= 2, "passes, and is {excess} ns too much");
                exact.level += exact.cost(packet.len());
                sent += 1;
            } else {
                prop_assert!(excess >= -(sent + 2), "is refused, and {} ns were left", -excess);
            }
        }
    }

    #[test]
    fn never_more_than_the_rate_and_a_burst_passes(limit in limits(), packets in packets()) {
        let rate = rate(limit);
        let (mut at, mut bytes_passed, mut packets_passed) = (0_u64, 0_u128, 0_u128);
        let tariff = rate.tariff;
        for (pause, bytes) in packets {
            at += pause;
            let packet = media(bytes);
            if rate.send(Way::Down, &packet, Moment::from_nanos(at)).is_ok() {
                bytes_passed += packet.len() as u128;
                packets_passed += 1;
            }
            let time = u128::from(at) + u128::from(tariff.small);
            if let Some(kbps) = limit.kbps {
                prop_assert!(bytes_passed * 8_000_000 <= time * u128::from(kbps.get()));
            }
            if let Some(packets) = limit.packets {
                prop_assert!(packets_passed * 1_000_000_000 <= time * u128::from(packets.get()));
            }
        }
    }

    // Voice: small packets that keep to the rate, and to the reserve when they come in a bunch.
    #[test]
    fn voice_is_never_dropped_whatever_the_video_does(
        limit in limits(),
        packets in prop::collection::vec((prop_oneof![Just(0), 0..5_000_000_u64], 2..=SMALL, 0..20_usize, 301..1500_usize), 1..300),
    ) {
        let rate = rate(limit);
        let tariff = rate.tariff;
        let reserve = tariff.small - tariff.large;
        let (mut at, mut spoken) = (0_u64, 0_u64);
        for (pause, bytes, frames, of) in packets {
            at += pause;
            for _ in 0..frames {
                rate.send(Way::Up, &media(of), Moment::from_nanos(at)).ok();
            }
            // Whether the voice by itself keeps to the rate and the reserve.
            let next = spoken.max(at) + tariff.cost(bytes);
            if next - at <= reserve {
                spoken = next;
                prop_assert!(rate.send(Way::Up, &media(bytes), Moment::from_nanos(at)).is_ok());
            }
        }
    }
}

#[test]
fn a_limit_is_what_it_says_over_a_minute() {
    let rate = rate(limit(1000, 0));
    let mut passed = 0;
    for packet in 0..30_000_u64 {
        // 4800 kbit/s.
        let now = Moment::ZERO + Duration::from_millis(2 * packet);
        passed += if rate.send(Way::Up, &media(1200), now).is_ok() { 1200 * 8 } else { 0 };
    }
    assert!((60_000_000..60_600_000).contains(&passed), "{passed}");
}

#[test]
fn each_way_has_its_own_bucket() {
    let rate = rate(limit(100, 0));
    let sent = |way| (0..1000).filter(|_| rate.send(way, &media(1000), Moment::ZERO).is_ok()).count();
    assert_eq!((sent(Way::Up), sent(Way::Down), sent(Way::Up)), (16, 16, 0));
}

#[test]
fn the_narrower_of_two_limits_counts() {
    let wide = limit(20_000, 5000);
    assert_eq!(wide.narrowed(NonZeroU32::new(1000)), limit(1000, 5000));
    assert_eq!(wide.narrowed(NonZeroU32::new(30_000)), wide);
    assert_eq!(RateLimit::NONE.narrowed(NonZeroU32::new(7)), limit(7, 0));
    assert_eq!(wide.narrowed(None), wide);
    assert!(Rate::new(RateLimit::NONE, &Arc::default()).is_none());
}

#[test]
fn what_keeps_a_call_alive_is_small_at_any_size() {
    let with_start = |start: &[u8]| [start, &[0; 1200]].concat();
    for start in [&[0, 1][..], &[22, 254, 253], &[20, 254, 253], &[0x81, 205], &[0x80, 200]] {
        assert!(is_small(&with_start(start)), "{start:?}");
    }
    for start in [&[0x80, 96][..], &[23, 254, 253], &[0x2e, 1], &[0x80, 0xe0]] {
        assert!(!is_small(&with_start(start)), "{start:?}");
    }
    assert!(is_small(&[]) && is_small(&media(SMALL)) && !is_small(&media(SMALL + 1)));
}

#[test]
fn shards_that_send_at_once_get_the_rate_together() {
    let account = Arc::new(Account::default());
    let passed: usize = std::thread::scope(|scope| {
        let shards: Vec<_> = (0..8)
            .map(|_| {
                let rate = Rate::new(limit(100_000, 0), &account).unwrap();
                scope.spawn(move || {
                    let sent = (0..20_000).filter(|_| rate.send(Way::Up, &media(1250), Moment::from_secs(1)).is_ok());
                    sent.count()
                })
            })
            .collect();
        shards.into_iter().map(|shard| shard.join().unwrap()).sum()
    });
    // Half a second of 10,000 packets a second.
    assert_eq!(passed, 5000);
}

#[test]
fn an_account_is_settled_when_its_buckets_are_full_again() {
    let account = Arc::new(Account::default());
    assert!(account.is_unused());
    let rate = Rate::new(limit(8, 0), &account).unwrap();
    rate.send(Way::Down, &media(1000), Moment::from_secs(5)).unwrap();
    assert!(!account.is_unused());
    assert!(!account.is_settled(Moment::from_nanos(5_999_999_999)));
    assert!(account.is_settled(Moment::from_secs(6)));
}
