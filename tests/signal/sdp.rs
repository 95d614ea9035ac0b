//! The filter of descriptions: what Chromium and Firefox say passes, and every rule refuses by its own name.
//!
//! The recordings in `offers/` were made by `record_offers.mjs` with Chromium 156 and Firefox ESR 153 in calls through a
//! relay on loopback.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;
use std::path::Path;

use hilum::sdp::{Description, Kind, MOST_CANDIDATES, Refusal, Session, Setup, candidate, description};
use serde_json::Value;

fn ours(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::LOCALHOST)
}

struct Recorded {
    file: String,
    /// Name, kind and text, in their order.
    descriptions: Vec<(String, Kind, String)>,
    /// Who says it, and what.
    candidates: Vec<(String, String)>,
}

fn recordings() -> Vec<Recorded> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signal/offers");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let said: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let descriptions = said["descriptions"].as_array().unwrap().iter().map(|one| {
            let kind = if one["type"] == "offer" { Kind::Offer } else { Kind::Answer };
            (text(one, "name"), kind, text(one, "sdp"))
        });
        let candidates = said["candidates"].as_array().unwrap().iter();
        Recorded {
            file: path.file_name().unwrap().to_string_lossy().into_owned(),
            descriptions: descriptions.collect(),
            candidates: candidates.map(|one| (text(one, "from"), text(one, "candidate"))).collect(),
        }
    };
    let all: Vec<Recorded> = files.iter().map(read).collect();
    assert_eq!(all.len(), 6, "two browsers, three kinds of call");
    all
}

/// The first offer of Chromium with sound, pictures and data, and the last one, which holds candidates.
pub fn offers() -> [String; 2] {
    let all = recordings();
    let call = all.iter().find(|call| call.file == "chromium-all.json").unwrap();
    let of = |name: &str| call.descriptions.iter().find(|one| one.0 == name).unwrap().2.clone();
    [of("first-offer"), of("gathered")]
}

fn offer(text: &str) -> Result<Description, Refusal> {
    description(Kind::Offer, text, &ours)
}

#[test]
fn everything_that_browsers_say_in_a_call_passes() {
    let mut passed = [0, 0];
    for call in recordings() {
        let mut sides = [Session::default(), Session::default()];
        for (name, kind, text) in &call.descriptions {
            let read = description(*kind, text, &ours).unwrap_or_else(|why| panic!("{} {name}: {why:?}", call.file));
            // The other side asks in the exchange that is named so.
            let side = usize::from((*kind == Kind::Answer) != name.starts_with("turned"));
            sides[side].description(&read).unwrap_or_else(|why| panic!("{} {name}: {why:?}", call.file));
            assert_eq!(sides[side].fingerprint(), Some(&read.fingerprint));
            passed[0] += 1;
        }
        for (from, text) in call.candidates.iter().filter(|(_, text)| !text.is_empty()) {
            let read = candidate(text, &ours).unwrap_or_else(|why| panic!("{} {text}: {why:?}", call.file));
            assert!(read.port > 0 && ours(read.address));
            sides[usize::from(from == "two")].candidate().unwrap();
            passed[1] += 1;
        }
    }
    assert!(passed[0] >= 40 && passed[1] >= 30, "{passed:?} descriptions and candidates");
}

/// Lines that are put into the first section.
fn with(text: &str, line: &str) -> String {
    text.replacen("a=rtcp-mux\r\n", &format!("a=rtcp-mux\r\n{line}\r\n"), 1)
}

fn without(text: &str, start: &str) -> String {
    text.split_inclusive("\r\n").filter(|line| !line.starts_with(start)).collect()
}

fn fingerprint_of(text: &str) -> &str {
    text.split("\r\n").find(|line| line.starts_with("a=fingerprint:")).unwrap()
}

/// Every rule with texts that break it alone.
fn broken() -> Vec<(Refusal, String)> {
    let mut all = broken_lines();
    all.extend(broken_transports());
    all.extend(broken_candidates());
    all
}

fn broken_transports() -> Vec<(Refusal, String)> {
    let [good, _] = offers();
    let fingerprint = fingerprint_of(&good).to_owned();
    let hello = |name: &str| format!("a=fingerprint:{name} {}", ["AB"; 20].join(":"));
    let other = fingerprint.replace("A=", "a=").chars().rev().collect::<String>();
    let other =
        format!("{}{}", &fingerprint[..fingerprint.len() - 2], if other.starts_with("00") { "01" } else { "00" });
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let first = |from: &str, to: &str| good.replacen(from, to, 1);
    let ufrag = good.split("\r\n").find(|line| line.starts_with("a=ice-ufrag:")).unwrap().to_owned();
    let password = good.split("\r\n").find(|line| line.starts_with("a=ice-pwd:")).unwrap().to_owned();
    vec![
        (Refusal::Crypto, with(&good, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA")),
        (Refusal::Crypto, with(&good, "a=Crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA")),
        (Refusal::KeyManagement, with(&good, "a=key-mgmt:mikey AAAA")),
        (Refusal::Zrtp, with(&good, "a=zrtp-hash:1.10 fe30")),
        (Refusal::FingerprintMissing, without(&good, "a=fingerprint")),
        (Refusal::FingerprintWeak, replaced(&fingerprint, &hello("sha-1"))),
        (Refusal::FingerprintWeak, with(&good, &hello("MD5"))),
        (Refusal::FingerprintMalformed, replaced(&fingerprint, &hello("sha-256"))),
        (Refusal::FingerprintMalformed, replaced(&fingerprint, &hello("sha-3"))),
        (Refusal::FingerprintDiffers, good.replacen(&fingerprint, &other, 1)),
        (Refusal::FingerprintDiffers, replaced("t=0 0", &format!("t=0 0\r\n{other}"))),
        (Refusal::Holdconn, first("a=setup:actpass", "a=setup:holdconn")),
        (Refusal::Setup, replaced("a=setup:actpass", "a=setup:maybe")),
        (Refusal::Setup, without(&good, "a=setup")),
        (Refusal::RtcpMux, first("a=rtcp-mux\r\n", "")),
        (Refusal::Bundle, replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1")),
        (Refusal::Bundle, replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1 2 3")),
        (Refusal::Bundle, replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 0 1")),
        (Refusal::Bundle, without(&good, "a=group")),
        (Refusal::Ufrag, replaced(&ufrag, "a=ice-ufrag:abc")),
        (Refusal::Ufrag, replaced(&ufrag, "a=ice-ufrag:ab:c")),
        (Refusal::Ufrag, without(&good, "a=ice-ufrag")),
        (Refusal::Password, replaced(&password, "a=ice-pwd:only-20-characters-x")),
        (Refusal::Password, replaced(&password, "a=ice-pwd:onlytwentycharacters1")),
        (Refusal::Password, without(&good, "a=ice-pwd")),
        (Refusal::IceLite, replaced("t=0 0", "t=0 0\r\na=ice-lite")),
        (Refusal::TransportDiffers, good.replacen(&ufrag, "a=ice-ufrag:abcd", 1)),
        (Refusal::TransportDiffers, first("a=setup:actpass", "a=setup:active")),
        (Refusal::Address, first("c=IN IP4 0.0.0.0", "c=IN IP4 192.168.0.7")),
        (Refusal::Address, first("a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 10.0.0.7")),
        (Refusal::Address, with(&good, "a=remote-candidates:1 10.0.0.7 9")),
        (Refusal::Address, replaced("IN IP4 127.0.0.1", "IN IP4 10.0.0.7")),
    ]
}

fn broken_lines() -> Vec<(Refusal, String)> {
    let [good, _] = offers();
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let first = |from: &str, to: &str| good.replacen(from, to, 1);
    let ufrag = good.split("\r\n").find(|line| line.starts_with("a=ice-ufrag:")).unwrap().to_owned();
    vec![
        (Refusal::TooLong, with(&good, &vec!["a=x:y"; 12_000].join("\r\n"))),
        (Refusal::LineTooLong, with(&good, &format!("a=x:{}", "y".repeat(4_000)))),
        (Refusal::Bytes, with(&good, "a=x:\u{7}")),
        (Refusal::Bytes, with(&good, "a=x:\u{202e}")),
        (Refusal::Bytes, with(&good, "a=x\na=crypto:1")),
        (Refusal::Bytes, with(&good, "a=x\ra=crypto:1")),
        (Refusal::Syntax, with(&good, "")),
        (Refusal::Syntax, with(&good, "attribute")),
        (Refusal::Syntax, with(&good, "x=y")),
        (Refusal::Syntax, with(&good, "t=0 0")),
        (Refusal::Syntax, good.trim_end().to_owned()),
        (Refusal::Syntax, with(&good, &ufrag)),
        (Refusal::Syntax, String::new()),
        (Refusal::Syntax, replaced("a=mid:1", "a=mid:a b")),
        // A name that is no token (RFC 8866 §9) may be read as another one by somebody who trims it.
        (Refusal::Syntax, with(&good, "a=crypto :1 AES_CM_128_HMAC_SHA1_80 inline:x")),
        (Refusal::Syntax, with(&good, "a= crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x")),
        (Refusal::Syntax, with(&good, "a=:1")),
        (Refusal::Syntax, with(&good, "a=")),
        (Refusal::Syntax, with(&good, "a=ice-lite ")),
        (Refusal::Syntax, with(&good, "a=x(y):1")),
        (Refusal::Version, replaced("v=0", "v=1")),
        (Refusal::Words, replaced("s=-", "s=Anna Example")),
        (Refusal::Words, replaced("s=-", "s=-\r\ni=Anna Example")),
        (Refusal::Words, replaced("o=- ", "o=anna ")),
        (Refusal::Key, replaced("t=0 0", "t=0 0\r\nk=clear:secret")),
        (Refusal::Sections, good.split_once("m=audio").unwrap().0.to_owned()),
        (Refusal::Sections, format!("{good}{}", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n".repeat(6))),
        (Refusal::Media, replaced("m=audio", "m=text")),
        (Refusal::Media, replaced("webrtc-datachannel", "5000")),
        (Refusal::ProfileAvp, first("UDP/TLS/RTP/SAVPF", "RTP/AVP")),
        (Refusal::ProfileAvpf, first("UDP/TLS/RTP/SAVPF", "RTP/AVPF")),
        (Refusal::ProfileSavp, first("UDP/TLS/RTP/SAVPF", "RTP/SAVP")),
        (Refusal::ProfileSavp, first("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")),
        (Refusal::Profile, first("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF")),
        (Refusal::Profile, replaced("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")),
    ]
}

fn broken_candidates() -> Vec<(Refusal, String)> {
    let [_, gathered] = offers();
    let mut candidates = gathered.clone();
    for port in 0..MOST_CANDIDATES {
        candidates = with(&candidates, &format!("a=candidate:1 1 udp 1 127.0.0.1 {} typ relay", 1024 + port));
    }
    let relayed = |from: &str, to: &str| {
        assert!(gathered.contains(from), "{from}");
        gathered.replacen(from, to, 1)
    };
    vec![
        (Refusal::Candidates, candidates),
        (Refusal::CandidateMalformed, relayed(" typ relay", " type relay")),
        (Refusal::CandidateMalformed, relayed(" generation 1", " generation 1 odd")),
        (Refusal::CandidateType, relayed("typ relay", "typ host")),
        (Refusal::CandidateType, relayed("typ relay", "typ srflx")),
        (Refusal::CandidateForeign, relayed(" 58597375 127.0.0.1", " 58597375 198.51.100.7")),
        (Refusal::CandidateForeign, relayed(" 58597375 127.0.0.1", " 58597375 a-name.local")),
        (Refusal::CandidateRelated, relayed("raddr 0.0.0.0", "raddr 192.168.0.7")),
        (Refusal::CandidateRelated, relayed("rport 0", "rport 7")),
        (Refusal::CandidateTransport, relayed(" 1 udp ", " 1 tcp ")),
    ]
}

#[test]
fn every_rule_refuses_by_its_own_name() {
    for text in offers() {
        offer(&text).unwrap();
    }
    let mut seen = BTreeSet::new();
    for (at, (refusal, text)) in broken().iter().enumerate() {
        assert_eq!(offer(text).unwrap_err(), *refusal, "number {at}");
        seen.insert(*refusal);
    }
    // Those that need memory have tests of their own below.
    seen.extend([Refusal::FingerprintChanged, Refusal::TransportChanged, Refusal::SectionChanged]);
    let missing: Vec<_> = Refusal::ALL.iter().filter(|refusal| !seen.contains(refusal)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let codes: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(codes.len(), Refusal::ALL.len());
}

/// What WEBCLIENT asks to be refused, in the words of the protocol: who reads codes does not read our types.
const CODES: [(&str, &str); 15] = [
    ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", "sdp_crypto"),
    ("a=key-mgmt:mikey AAAA", "sdp_key_mgmt"),
    ("a=zrtp-hash:1.10 fe30", "sdp_zrtp"),
    ("a=setup:holdconn", "sdp_setup_holdconn"),
    ("a=fingerprint:sha-1 AB:AB", "sdp_fingerprint_weak"),
    ("a=fingerprint:md5 AB:AB", "sdp_fingerprint_weak"),
    ("a=fingerprint:sha-256 AB:AB", "sdp_fingerprint_malformed"),
    ("a=ice-ufrag:abc", "sdp_ufrag"),
    ("a=ice-pwd:short", "sdp_pwd"),
    ("a=ice-lite", "sdp_ice_lite"),
    ("a=candidate:1 1 udp 1 127.0.0.1 50000 typ host", "ice_type"),
    ("a=candidate:1 1 udp 1 127.0.0.1 50000 typ prflx", "ice_type"),
    ("a=candidate:1 1 udp 1 198.51.100.7 50000 typ relay", "ice_foreign"),
    ("a=candidate:1 1 udp 1 127.0.0.1 50000 typ relay raddr 10.0.0.7 rport 9", "ice_related"),
    ("a=x:\u{0}", "sdp_bytes"),
];

#[test]
fn a_forbidden_line_is_refused_by_its_code_wherever_it_stands_in_offers_and_answers() {
    let [good, gathered] = offers();
    let mut refused = 0;
    for text in [good, gathered] {
        let places = text.split("\r\n").filter(|line| line.starts_with("m=")).count();
        for (kind, text) in [(Kind::Offer, text.clone()), (Kind::Answer, text.replace("actpass", "active"))] {
            description(kind, &text, &ours).unwrap();
            for (line, code) in CODES {
                // At the end of the session's part, and of each section's.
                for place in 0..=places {
                    let mut parts: Vec<String> = text.split("m=").map(str::to_owned).collect();
                    parts[place] += &format!("{line}\r\n");
                    let why = description(kind, &parts.join("m="), &ours).unwrap_err();
                    assert_eq!(why.code(), code, "{kind:?}, place {place}: {line}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 200, "{refused}");
}

#[test]
fn every_bound_is_where_it_is_said_to_be() {
    let [good, gathered] = offers();
    let longest = |bytes: usize| with(&good, &format!("a=x:{}", "y".repeat(bytes - 4)));
    offer(&longest(4_000)).unwrap();
    assert_eq!(offer(&longest(4_001)), Err(Refusal::LineTooLong));

    let line = "a=x:y\r\n";
    let largest = |bytes: usize| {
        let lines = (bytes - good.len()) / line.len() - 1;
        let filled = format!("{good}{}", line.repeat(lines));
        format!("{filled}a=x:{}\r\n", "y".repeat(bytes - filled.len() - 6))
    };
    offer(&largest(64_000)).unwrap();
    assert_eq!(offer(&largest(64_001)), Err(Refusal::TooLong));

    let sections = |count: usize| format!("{good}{}", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n".repeat(count - 3));
    offer(&sections(8)).unwrap();
    assert_eq!(offer(&sections(9)), Err(Refusal::Sections));

    let held = gathered.split("\r\n").filter(|line| line.starts_with("a=candidate:")).count();
    let candidates = |count: usize| {
        let more = "a=candidate:1 1 udp 1 127.0.0.1 50000 typ relay\r\n".repeat(count - held);
        format!("{gathered}{more}")
    };
    offer(&candidates(64)).unwrap();
    assert_eq!(offer(&candidates(65)), Err(Refusal::Candidates));

    let ufrag = good.split("\r\n").find(|line| line.starts_with("a=ice-ufrag:")).unwrap();
    let password = good.split("\r\n").find(|line| line.starts_with("a=ice-pwd:")).unwrap();
    offer(&good.replace(ufrag, "a=ice-ufrag:abcd")).unwrap();
    let of = |length: usize| offer(&good.replace(password, &format!("a=ice-pwd:{}", "p".repeat(length))));
    of(22).unwrap();
    assert_eq!(of(21), Err(Refusal::Password));
}

#[test]
fn the_hashes_that_are_strong_enough_pass_and_one_missing_fingerprint_of_several_does_not_matter() {
    let [good, _] = offers();
    let fingerprint = fingerprint_of(&good);
    for (name, bytes) in [("sha-256", 32), ("sha-384", 48), ("SHA-512", 64)] {
        let other = format!("a=fingerprint:{name} {}", vec!["AB"; bytes].join(":"));
        offer(&good.replace(fingerprint, &other)).unwrap();
        let short = format!("a=fingerprint:{name} {}", vec!["AB"; bytes - 1].join(":"));
        assert_eq!(offer(&good.replace(fingerprint, &short)), Err(Refusal::FingerprintMalformed));
    }
    // A bundle has one transport: its first section says what holds for all (RFC 9143 §7.1.3).
    let last = good.rfind(fingerprint).unwrap();
    let fewer = format!("{}{}", &good[..last], &good[last + fingerprint.len() + 2..]);
    offer(&fewer).unwrap();
    let first = good.replacen(&format!("{fingerprint}\r\n"), "", 1);
    assert_eq!(offer(&first), Err(Refusal::FingerprintMissing));
}

#[test]
fn an_answer_takes_a_role() {
    let [good, _] = offers();
    assert_eq!(description(Kind::Answer, &good, &ours), Err(Refusal::Setup));
    let answer = good.replace("a=setup:actpass", "a=setup:passive");
    assert_eq!(description(Kind::Answer, &answer, &ours).unwrap().setup, Setup::Passive);
}

/// Another user name, another password, or both, in the whole of a description.
fn credentials(text: &str, ufrag: bool, password: bool) -> String {
    let change = |line: &str| match line.split_once(':') {
        Some(("a=ice-ufrag", _)) if ufrag => "a=ice-ufrag:other\r\n".to_owned(),
        Some(("a=ice-pwd", _)) if password => "a=ice-pwd:another/password/of/24++\r\n".to_owned(),
        _ => line.to_owned(),
    };
    text.split_inclusive("\r\n").map(change).collect()
}

#[test]
fn a_certificate_stays_for_the_whole_session_whatever_else_changes() {
    let [good, _] = offers();
    let mut session = Session::default();
    session.description(&offer(&good).unwrap()).unwrap();
    let old = fingerprint_of(&good).to_owned();
    let other = format!("{}{}", &old[..old.len() - 2], if old.ends_with("00") { "01" } else { "00" });
    let swapped = good.replace(&old, &other);
    for text in [swapped.clone(), credentials(&swapped, true, true)] {
        assert_eq!(session.description(&offer(&text).unwrap()), Err(Refusal::FingerprintChanged));
    }
    session.description(&offer(&good).unwrap()).unwrap();
    let lower = good.replace(&old, &old.to_ascii_lowercase());
    session.description(&offer(&lower).unwrap()).unwrap();
}

#[test]
fn a_transport_changes_with_an_ice_restart_only() {
    let [good, _] = offers();
    let mut session = Session::default();
    session.description(&offer(&good).unwrap()).unwrap();
    for [ufrag, password] in [[true, false], [false, true]] {
        let half = offer(&credentials(&good, ufrag, password)).unwrap();
        assert_eq!(session.description(&half), Err(Refusal::TransportChanged));
    }
    let active = good.replace("a=setup:actpass", "a=setup:active");
    session.description(&offer(&active).unwrap()).unwrap();
    session.description(&offer(&good).unwrap()).unwrap();
    let passive = good.replace("a=setup:actpass", "a=setup:passive");
    assert_eq!(session.description(&offer(&passive).unwrap()), Err(Refusal::TransportChanged));
    session.description(&offer(&credentials(&passive, true, true)).unwrap()).unwrap();
}

#[test]
fn a_section_in_use_stays_what_it_is() {
    let [good, _] = offers();
    let mut session = Session::default();
    session.description(&offer(&good).unwrap()).unwrap();
    let renamed = good.replace("a=mid:1\r", "a=mid:7\r").replace("BUNDLE 0 1 2", "BUNDLE 0 7 2");
    assert_eq!(session.description(&offer(&renamed).unwrap()), Err(Refusal::SectionChanged));
    // A stopped one may be used again under another name.
    let stopped = good.replace("m=video 9", "m=video 0").replace("BUNDLE 0 1 2", "BUNDLE 0 2");
    session.description(&offer(&stopped).unwrap()).unwrap();
    session.description(&offer(&renamed).unwrap()).unwrap();
}

#[test]
fn candidates_are_counted_until_ice_restarts() {
    let [good, _] = offers();
    let mut session = Session::default();
    session.description(&offer(&good).unwrap()).unwrap();
    for _ in 0..MOST_CANDIDATES {
        session.candidate().unwrap();
    }
    assert_eq!(session.candidate(), Err(Refusal::Candidates));
    session.description(&offer(&good).unwrap()).unwrap();
    assert_eq!(session.candidate(), Err(Refusal::Candidates));
    session.description(&offer(&credentials(&good, true, true)).unwrap()).unwrap();
    session.candidate().unwrap();
}
