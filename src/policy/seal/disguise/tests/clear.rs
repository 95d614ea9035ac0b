//! Clear media: what real encoders gave (`tests/seal/make_clear_media.py`), and G.711 that is made here.

use std::path::Path;

use rand_core::RngCore;

use super::super::*;
use super::{noise, random};

/// A codec and its payloads in order.
pub(super) type Recording = (String, Vec<Vec<u8>>);

/// Opus (RFC 7587), G.722 (RFC 3551), VP8 (RFC 7741), VP9 (RFC 9628), H.264 (RFC 6184), AV1.
pub(super) fn recorded() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seal/clear_media");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut payloads = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (payload, after) = after.split_at(u16::from_be_bytes(*length).into());
            payloads.push(payload.to_vec());
            rest = after;
        }
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), payloads)
    };
    files.iter().map(read).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "a fraction is meant to be cut off")]
fn magnitude(sample: f64, full: u32) -> u32 {
    ((sample.abs() * f64::from(full)) as u32).min(full - 1)
}

/// ITU-T G.711: sign, exponent and fraction of a sample with a bias of 33, all bits inverted.
fn mu_law(sample: f64) -> u8 {
    let magnitude = magnitude(sample, 8159) + 33;
    let exponent = magnitude.ilog2() - 5;
    let sign = if sample < 0.0 { 0x80 } else { 0 };
    !u8::try_from(sign | exponent << 4 | (magnitude >> (exponent + 1) & 15)).unwrap()
}

/// ITU-T G.711: sign, exponent and fraction of a sample, every second bit inverted.
fn a_law(sample: f64) -> u8 {
    let magnitude = magnitude(sample, 4096);
    let (exponent, fraction) = match magnitude {
        0..64 => (magnitude >> 5, magnitude >> 1 & 15),
        _ => (magnitude.ilog2() - 4, magnitude >> (magnitude.ilog2() - 4) & 15),
    };
    let sign = if sample < 0.0 { 0 } else { 0x80 };
    u8::try_from(sign | exponent << 4 | fraction).unwrap() ^ 0x55
}

/// Between -1 and 1, like a Gaussian.
fn breath(random: &mut impl RngCore) -> f64 {
    (0..6).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5).sum::<f64>() / 3.0
}

/// Seconds of 8 kHz: what of speech matters here is how its samples spread, and its pauses.
fn signal(kind: &str, level: f64) -> Vec<f64> {
    let mut random = random(kind.len() as u64);
    let gain = 10f64.powf(level / 20.0);
    let mut low = 0.0;
    let sample = |number: u32| {
        let time = f64::from(number) / 8000.0;
        let tone = |frequency: f64| (time * frequency * std::f64::consts::TAU).sin();
        let syllable = (time * 3.1 * std::f64::consts::PI).sin().max(0.0).sqrt();
        low = 0.8 * low + 0.2 * breath(&mut random);
        gain * match kind {
            "tone" => tone(440.0),
            "dual tone" => (tone(770.0) + tone(1336.0)) / 2.0,
            "noise" => breath(&mut random),
            "syllables of noise" => syllable * low * 2.0,
            "syllables of tones" => {
                syllable * (1..20).map(|each| tone(130.0 * f64::from(each)) / f64::from(each)).sum::<f64>() / 3.0
            }
            _ => 0.0,
        }
    };
    (0..64 * 160).map(sample).collect()
}

type Law = fn(f64) -> u8;

/// PCMU and PCMA (RFC 3551 §4.5.14), 20 ms in a packet.
pub(super) fn sampled() -> Vec<Recording> {
    let kinds = ["tone", "dual tone", "noise", "syllables of noise", "syllables of tones"];
    let loud = kinds.iter().flat_map(|kind| [-3.0, -12.0, -21.0, -30.0, -42.0, -54.0].map(|level| (*kind, level)));
    let all = loud.chain([("silence", 0.0)]);
    let laws: [(&str, Law); 2] = [("PCMU", mu_law), ("PCMA", a_law)];
    let encode = |(kind, level): (&str, f64)| {
        let samples = signal(kind, level);
        laws.map(|(name, law)| {
            let bytes: Vec<u8> = samples.iter().map(|sample| law(*sample)).collect();
            (format!("{name} {kind} {level}"), bytes.chunks(160).map(<[u8]>::to_vec).collect())
        })
    };
    all.flat_map(encode).collect()
}

/// After how many packets the sender of these is refused, and by what, when that many random bytes end each.
fn caught(payloads: &[Vec<u8>], tag: usize) -> Option<(u16, String)> {
    let mut random = random(5);
    let mut senders = Senders::default();
    for (packets, payload) in (1..).zip(payloads) {
        let disguised = [payload.as_slice(), &noise(&mut random)[..tag]].concat();
        if !senders.observe(Way::Up, 1, packets, &disguised) {
            let decision = DECISIONS.iter().find(|decision| u16::from(decision.packets) == packets).unwrap();
            let looks = senders.0[0].looks(decision).into_iter();
            let names = looks.zip(["first byte", "second byte", "high halves", "low halves"]);
            let by: Vec<_> = names.filter(|(look, _)| *look == Look::Clear).map(|(_, name)| name).collect();
            return Some((packets, by.join(", ")));
        }
    }
    None
}

/// Which statistic finds which codec, from the stream's first packet on, and after how many packets.
const FOUND: &[(&str, u16, &str)] = &[
    ("av1_large", 16, "first byte, low halves"),
    ("av1_small", 8, "high halves, low halves"),
    ("g722_loud", 8, "high halves"),
    ("g722_quiet", 8, "high halves"),
    ("h264_large", 16, "first byte, second byte"),
    ("h264_large_slices", 16, "first byte"),
    ("h264_small", 16, "first byte, second byte"),
    ("h264_small_slices", 16, "first byte, second byte"),
    ("opus_dtx", 8, "first byte"),
    ("opus_hybrid", 8, "first byte"),
    ("opus_narrow", 8, "first byte"),
    ("opus_silence", 8, "first byte, high halves, low halves"),
    ("opus_stereo", 8, "first byte"),
    ("opus_voice", 8, "first byte"),
    ("vp8_large", 8, "second byte"),
    ("vp8_large_bare", 16, "first byte"),
    ("vp8_small", 8, "second byte"),
    ("vp8_small_bare", 16, "first byte, low halves"),
    ("vp9_large", 8, "second byte"),
    ("vp9_large_flexible", 8, "second byte"),
    ("vp9_small", 8, "second byte"),
    ("vp9_small_flexible", 8, "second byte"),
];

// The same values as `audioop` of Python gives.
#[test]
fn g711_is_encoded_as_the_itu_does() {
    let points = [0.0, 1.0, -1.0, 0.5, -0.5, 0.01];
    assert_eq!(points.map(mu_law), [0xFF, 0x80, 0x00, 0x8F, 0x0F, 0xE3]);
    assert_eq!(points.map(a_law), [0xD5, 0xAA, 0x2A, 0xA5, 0x25, 0xC1]);
}

#[test]
fn every_recorded_codec_is_found_within_16_packets_and_it_is_known_by_what() {
    let recorded = recorded();
    let found: Vec<_> = recorded.iter().map(|(name, payloads)| (name, caught(payloads, TAG).unwrap())).collect();
    let found: Vec<_> = found.iter().map(|(name, (packets, by))| (name.as_str(), *packets, by.as_str())).collect();
    assert_eq!(found, FOUND);
}

#[test]
fn g711_at_any_level_is_found_within_16_packets_by_the_high_halves_of_its_samples() {
    let sampled = sampled();
    assert_eq!(sampled.len(), 62);
    for (name, payloads) in &sampled {
        let (packets, by) = caught(payloads, TAG).unwrap();
        assert!(packets <= 16 && by.contains("high halves"), "{name}: {packets}, {by}");
        assert_eq!(name.contains("silence"), by.contains("first byte"), "{name}: {by}");
    }
}

#[test]
fn wherever_in_the_stream_a_window_begins_and_with_any_tag_every_codec_is_found_within_16_packets() {
    for (name, payloads) in recorded().iter().chain(&sampled()) {
        for window in payloads.windows(16) {
            for tag in [0, 10, 16] {
                assert!(caught(window, tag).is_some(), "{name}, tag {tag}");
            }
        }
    }
}
