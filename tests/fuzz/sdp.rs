//! Descriptions and candidates: what passes is looked through once more, line by line, for all that must not be there.

use core::net::IpAddr;

use hilum::sdp::{Description, Kind, MOST_CANDIDATES, MOST_SECTIONS, Session, candidate, description};

fn ours(address: IpAddr) -> bool {
    address.is_loopback()
}

/// The first byte says what the rest is: `o` an offer, `a` an answer, anything else a candidate.
pub fn sdp(bytes: &[u8]) {
    read_sdp(bytes);
}

/// The same, and whether it passed.
pub fn read_sdp(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    let Ok(text) = core::str::from_utf8(rest) else { return false };
    let kind = match kind {
        b'o' => Kind::Offer,
        b'a' => Kind::Answer,
        _ => {
            let read = candidate(text, &ours);
            if let Ok(read) = &read {
                assert!(ours(read.address) && read.port > 0);
                harmless(text.strip_prefix("candidate:").expect("it says what it is"));
            }
            return read.is_ok();
        }
    };
    let Ok(read) = description(kind, text, &ours) else { return false };
    look_through(text, &read);
    let mut session = Session::default();
    session.description(&read).expect("the first of a session");
    session.description(&read).expect("the same again");
    assert_eq!(session.fingerprint(), Some(&read.fingerprint));
    true
}

/// A candidate that passed: relayed, and its only addresses are ours or none.
fn harmless(candidate: &str) {
    let words: Vec<&str> = candidate.split(' ').collect();
    assert_eq!(words[6..8], ["typ", "relay"]);
    for pair in words[8..].chunks(2).filter(|pair| pair[0] == "raddr") {
        let related: IpAddr = pair[1].parse().expect("an address");
        assert!(related.is_unspecified() || ours(related));
    }
}

fn look_through(text: &str, read: &Description) {
    let lines: Vec<&str> = text.lines().collect();
    assert!(text.is_ascii() && lines.iter().all(|line| line.len() <= 4_000));
    let sections: Vec<&&str> = lines.iter().filter(|line| line.starts_with("m=")).collect();
    assert!(sections.len() == read.sections.len() && (1..=MOST_SECTIONS).contains(&sections.len()));
    for section in sections {
        let sealed = section.contains(" UDP/TLS/RTP/SAVPF ") || section.contains(" UDP/DTLS/SCTP webrtc-datachannel");
        assert!(sealed, "{section}");
    }
    let lower: Vec<String> = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
    let starts = |start: &str| lower.iter().filter(|line| line.starts_with(start)).count();
    for never in ["k=", "i=", "e=", "p=", "u=", "a=setup:holdconn"] {
        assert_eq!(starts(never), 0, "{never}");
    }
    // A name ends at its colon: `a=cryptography` asks for nothing.
    for attribute in lower.iter().filter_map(|line| line.strip_prefix("a=")) {
        let name = attribute.split(':').next().expect("a first part");
        let never = ["crypto", "key-mgmt", "zrtp-hash", "ice-lite", "remote-candidates"];
        assert!(!never.contains(&name), "{name}");
    }
    for fingerprint in lower.iter().filter_map(|line| line.strip_prefix("a=fingerprint:")) {
        let (name, digits) = fingerprint.split_once(' ').expect("two words");
        let bytes: Vec<u8> = digits.split(':').map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect();
        assert_eq!((name, bytes.as_slice()), (read.fingerprint.function().name(), read.fingerprint.bytes()));
    }
    assert!(starts("a=fingerprint:") > 0 && starts("a=ice-ufrag:") > 0 && starts("a=setup:") > 0);
    let candidates: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("a=candidate:")).collect();
    assert!(candidates.len() == read.candidates && candidates.len() <= MOST_CANDIDATES);
    candidates.into_iter().for_each(harmless);
    for connection in lines.iter().filter_map(|line| line.strip_prefix("c=")) {
        let address: IpAddr = connection.rsplit(' ').next().expect("a word").parse().expect("an address");
        assert!(address.is_unspecified() || ours(address));
    }
}
