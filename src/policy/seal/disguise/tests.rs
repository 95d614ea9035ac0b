//! The limits are proven, honest senders are never refused, and who tries to slip through is caught.

mod clear;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::*;

/// G.711 silence, in µ-law.
const SILENCE: [u8; 170] = [0xFF; 170];

fn noise(random: &mut ChaCha8Rng) -> [u8; 64] {
    let mut payload = [0; 64];
    random.fill_bytes(&mut payload);
    payload
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The number of the first packet, from 1, that is refused.
fn refused<P: AsRef<[u8]>>(packets: impl IntoIterator<Item = (u32, u16, P)>) -> Option<usize> {
    let mut senders = Senders::default();
    let mut observe =
        |(ssrc, sequence, payload): (u32, u16, P)| !senders.observe(Way::Up, ssrc, sequence, payload.as_ref());
    packets.into_iter().position(&mut observe).map(|index| index + 1)
}

/// `P(Binomial(n, p) >= k)`.
fn tail(n: u32, p: f64, k: u32) -> f64 {
    let mut term = (1.0 - p).powi(i32::try_from(n).unwrap());
    let mut sum = 0.0;
    for successes in 0..=n {
        sum += if successes >= k { term } else { 0.0 };
        term *= f64::from(n - successes) / f64::from(successes + 1) * p / (1.0 - p);
    }
    sum
}

fn choose(n: usize, k: usize) -> f64 {
    (0..k).map(|each| (n - each) as f64 / (each + 1) as f64).product()
}

/// That any `m` of `b` equally probable bins together hold `k` of `n`, by the union bound.
fn false_positive(n: u32, b: usize, m: usize, k: u32) -> f64 {
    choose(b, m) * tail(n, m as f64 / b as f64, k)
}

#[test]
fn the_bound_itself_is_computed_rightly() {
    assert!((tail(8, 0.5, 0) - 1.0).abs() < 1e-12 && (tail(2, 0.25, 1) - 0.4375).abs() < 1e-12);
    assert!((tail(16, 1.0 / 16.0, 16) / 16f64.powi(-16) - 1.0).abs() < 1e-9 && tail(8, 0.5, 9) == 0.0);
    assert!((choose(16, 4) - 1820.0).abs() < 1e-6 && (choose(256, 2) - 32640.0).abs() < 1e-6);
    // All eight equal: 256 * 256^-8.
    assert!((false_positive(8, 256, 1, 8) / 256f64.powi(-7) - 1.0).abs() < 1e-9);
}

#[test]
fn every_limit_keeps_the_false_positives_below_1e_15_and_a_window_below_6e_15() {
    let mut window = 0.0;
    for decision in &DECISIONS {
        let n = u32::from(decision.packets);
        for (m, k) in FULLEST_VALUES.into_iter().zip(decision.clear) {
            let each = false_positive(n, 256, m, u32::from(k));
            assert!(each < 1e-15, "{m} values of {n}: {each:e}");
            // One less would be too many, where the limit can be reached at all; that this is tight is seen here.
            assert!(k == NEVER || false_positive(n, 256, m, u32::from(k) - 1) >= 1e-15, "{m} values of {n}");
            window += 2.0 * each;
        }
        // As many bytes as there may be: what is short makes the total any number.
        let totals = 1..=n * u32::try_from(HEAD).unwrap();
        for limit in &HALVES {
            let each = |total| false_positive(total, 16, limit.bins, limit.clear(total));
            let worst = totals.clone().map(each).fold(0.0, f64::max);
            assert!(worst < 1e-16, "{} halves after {n}: {worst:e}", limit.bins);
            window += 2.0 * worst;
        }
    }
    assert!(window < 6e-15, "{window:e}");
    // What the documents promise for a call-hour of one SSRC.
    let hour = |per_second: f64| (per_second * 3600.0 / 1024.0).ceil() * window;
    assert!(hour(50.0) < 1.1e-12 && hour(1000.0) < 2.2e-11, "{:e} {:e}", hour(50.0), hour(1000.0));
}

#[test]
fn a_count_that_stops_has_reached_its_limit_before() {
    let most = DECISIONS.iter().map(|decision| u32::from(decision.packets)).max().unwrap();
    assert!(HALVES[0].clear(most * u32::try_from(HEAD).unwrap()) <= u32::from(u8::MAX));
    let single = DECISIONS.iter().map(|decision| decision.clear[0]).max();
    assert!(single <= Some(15));
}

#[test]
fn the_state_is_small_and_grows_only_with_the_ssrcs() {
    assert_eq!(size_of::<Sender>(), 64);
    let mut senders = Senders::default();
    let size = |senders: &Senders| size_of::<Senders>() + senders.0.capacity() * size_of::<Sender>();
    assert_eq!(size(&senders), 24);
    let mut random = random(1);
    for ssrc in 0..1000 {
        assert!(senders.observe(Way::Up, ssrc, 7, &noise(&mut random)));
        assert!(size(&senders) <= 24 + 64 * (usize::try_from(ssrc).unwrap() + 1).min(9));
    }
    assert_eq!(size(&senders), 600);
}

/// SplitMix64, because ChaCha takes 11 µs for 64 bytes in a build for tests: it draws the key of each packet only.
fn stretch<const WORDS: usize>(mut key: u64) -> [[u8; 8]; WORDS] {
    [(); WORDS].map(|()| {
        key = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (key ^ key >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31).to_le_bytes()
    })
}

/// Nearly every packet is inside a window: after 16 packets the SSRC changes.
#[test]
fn two_million_encrypted_packets_of_every_codec_are_never_refused() {
    let codecs: Vec<_> = clear::recorded().into_iter().chain(clear::sampled()).collect();
    let (mut measured, mut seed) = (0, 0);
    while measured < 2_000_000 {
        let mut random = random(seed.try_into().unwrap());
        let mut senders = Senders::default();
        for (ssrc, (name, payloads)) in (0..10).zip(codecs.iter().cycle().skip(seed % codecs.len())) {
            let from = seed % (payloads.len() - 15);
            for (sequence, payload) in (65530..=u16::MAX).chain(0..10).zip(payloads.iter().skip(from)) {
                // 42 bytes at most are looked at, and a tag is as good as a keystream.
                let mut sealed = stretch::<6>(random.next_u64()).as_flattened().to_vec();
                for (byte, clear) in sealed.iter_mut().zip(payload) {
                    *byte ^= clear;
                }
                sealed.truncate(payload.len() + TAG);
                assert!(senders.observe(Way::Down, ssrc, sequence, &sealed), "{name}, seed {seed}");
            }
        }
        measured += senders.0.len() * 16;
        seed += 1;
    }
    assert!(seed > 10_000);
}

#[test]
fn a_long_honest_call_is_never_refused_and_mostly_let_by() {
    let mut random = random(3);
    let mut senders = Senders::default();
    let mut measured = 0;
    for number in 0..100_000u32 {
        let sequence = u16::try_from(number % 0x1_0000).unwrap();
        assert!(senders.observe(Way::Up, 5, sequence, &noise(&mut random)));
        measured += u32::from(senders.0[0].counted > 0);
    }
    assert!((98 * 15..98 * 17).contains(&measured), "{measured}");
}

#[test]
fn clear_media_after_an_honest_start_is_refused_within_one_period() {
    for honest in [1, 8, 15, 16, 17, 500, 1023, 1024, 1030, 5000u16] {
        let mut random = random(u64::from(honest));
        let start = (0..honest).map(|sequence| (1, sequence, noise(&mut random).to_vec()));
        let rest = (honest..u16::MAX).map(|sequence| (1, sequence, SILENCE.to_vec()));
        let found = refused(start.chain(rest)).unwrap() - usize::from(honest);
        assert!(found <= 1024 + 16, "after {honest}: {found}");
    }
}

#[test]
fn one_clear_packet_in_two_is_enough_for_any_codec_and_one_in_four_for_one_with_a_constant_header() {
    let codecs: Vec<_> = clear::recorded().into_iter().chain(clear::sampled()).collect();
    let mut soon = 0;
    for (name, payloads) in &codecs {
        let mut random = random(11);
        // Without the start of the stream, which a call has once and a recording that is played again has too often.
        let mixed = (0..1000u16).zip(payloads[9..].iter().cycle()).flat_map(|(index, payload)| {
            [(1, 2 * index, payload.clone()), (1, 2 * index + 1, noise(&mut random).to_vec())]
        });
        let found = refused(mixed);
        assert!(found.is_some_and(|found| found <= 64 + 1008 + 64), "{name}: {found:?}");
        soon += usize::from(found <= Some(64));
    }
    assert!(soon + 3 >= codecs.len(), "{soon} of {} in the first window", codecs.len());
    let mut random = random(12);
    let header = (0..64).map(|sequence| {
        let mut payload = noise(&mut random);
        payload[0] = if sequence % 4 == 0 { 0x78 } else { payload[0] };
        (1, sequence, payload)
    });
    assert_eq!(refused(header), Some(64));
}

#[test]
fn a_new_ssrc_for_each_packet_is_no_escape() {
    let changing = |ssrc: fn(u16) -> u32| refused((0..200).map(|number| (ssrc(number), number, SILENCE)));
    assert!(changing(u32::from).unwrap() <= TRACKED + 16);
    assert!(changing(|number| u32::from(number).wrapping_mul(0x9E37_79B1)).unwrap() <= TRACKED + 16);
    assert!(changing(|number| u32::from(number % 9)).unwrap() <= 9 * 8, "nine in turn");
    let constant = (0..2000u32).map(|number| (number << 8, 7, SILENCE));
    assert!(refused(constant).unwrap() <= TRACKED + 1040, "and one number");
}

#[test]
fn sequence_numbers_that_stand_still_or_fall_are_no_escape() {
    assert!(refused((0..2000).map(|_| (1, 7, SILENCE))).unwrap() <= 1 + 7 * usize::from(STALE));
    assert!(refused((0..2000).map(|number| (1, 40_000 - number, SILENCE))).unwrap() <= 1 + 7 * usize::from(STALE));
    let one_by_one = (0..2000).map(|_| (1, 7, noise(&mut random(9)).map(|byte| byte & 0x0F)));
    assert!(refused(one_by_one).is_some_and(|found| found <= 1024));
}

// RFC 1982 §3.2: 0 is newer than 65535.
#[test]
fn a_wrap_of_the_sequence_number_stops_no_window() {
    let wrapping = (0..8u16).map(|number| (1, number.wrapping_sub(4), SILENCE));
    assert_eq!(refused(wrapping), Some(8));
}

#[test]
fn duplicates_do_not_add_up() {
    let mut random = random(21);
    let one = noise(&mut random);
    assert_eq!(refused((0..60).map(|_| (1, 1, one))), None, "one packet");
    for copies in 1..=4 {
        let packets: Vec<_> = (0..2000u16).map(|sequence| (1, sequence, noise(&mut random))).collect();
        assert_eq!(refused(packets.iter().flat_map(|packet| vec![*packet; copies])), None, "each at once");
        let bursts = packets.chunks(20).flat_map(|burst| burst.repeat(copies));
        assert_eq!(refused(bursts), None, "twenty in a row, then again");
        let shared = packets.chunks(12).flat_map(|burst| burst.repeat(copies));
        let shared = shared.map(|(_, sequence, payload)| (u32::from(sequence % 12), sequence, payload));
        assert_eq!(refused(shared), None, "of twelve SSRCs");
    }
}

#[test]
fn a_clear_ssrc_stays_clear_and_others_are_not_blamed() {
    let mut random = random(31);
    let mut senders = Senders::default();
    for sequence in 0..8 {
        assert_eq!(senders.observe(Way::Up, 1, sequence, &SILENCE), sequence < 7);
    }
    for number in 0..3000u16 {
        assert!(!senders.observe(Way::Up, 1, 8 + number, &noise(&mut random)));
        assert!(senders.observe(Way::Down, 1, 8 + number, &noise(&mut random)), "the other direction");
        assert!(senders.observe(Way::Up, 2 + u32::from(number), number, &noise(&mut random)), "other SSRCs");
    }
}

#[test]
fn payloads_below_two_bytes_are_not_counted() {
    let mut senders = Senders::default();
    assert!((0..100).all(|sequence| senders.observe(Way::Up, 1, sequence, &[0xF8])));
    assert!((0..100).all(|sequence| senders.observe(Way::Up, 1, sequence, &[])));
    assert!(senders.0.is_empty());
}
