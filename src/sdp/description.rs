//! A whole description, read and held against the rules that need no memory.

use core::net::{IpAddr, Ipv4Addr};

use super::level::{Level, address};
use super::refusal::Refusal;
use super::session::MOST_CANDIDATES;
use super::transport::{Fingerprint, Ice, Setup};

/// Bytes of a description. Chromium's with every codec has 10 kB.
pub const LARGEST_DESCRIPTION: usize = 64_000;
/// Bytes of a line.
pub const LONGEST_LINE: usize = 4_000;
/// Sections: sound, pictures, data, a screen, and what stopped ones leave behind.
pub const MOST_SECTIONS: usize = 8;

/// Which half of an exchange (RFC 9429 §3.2). Nobody needs provisional answers, and a rollback is told to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks.
    Offer,
    /// It ends what an offer began.
    Answer,
}

/// What a section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data channels.
    Data,
}

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it carries.
    pub media: Media,
    /// Its name within the description.
    pub mid: Option<String>,
    /// Whether it is in use; a stopped one stays as a gap.
    pub live: bool,
}

/// A description that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: Kind,
    /// The certificate of whoever wrote it.
    pub fingerprint: Fingerprint,
    /// Who begins the handshake.
    pub setup: Setup,
    /// The ICE credentials of its one transport.
    pub ice: Ice,
    /// Its sections in their order.
    pub sections: Vec<Section>,
    /// How many candidates it holds.
    pub candidates: usize,
}

/// Reads a description and holds it against the rules; `ours` says whether an address is one of the region's relays.
///
/// # Errors
/// The first rule that it breaks.
pub fn description(kind: Kind, text: &str, ours: &dyn Fn(IpAddr) -> bool) -> Result<Description, Refusal> {
    if text.len() > LARGEST_DESCRIPTION {
        return Err(Refusal::TooLong);
    }
    let mut reading = Reading { session: Level::default(), parts: Vec::new(), last: 0, ours };
    let mut lines = text.strip_suffix("\r\n").ok_or(Refusal::Syntax)?.split("\r\n");
    if lines.next() != Some("v=0") {
        return Err(if text.starts_with("v=") { Refusal::Version } else { Refusal::Syntax });
    }
    for line in lines {
        reading.line(line)?;
    }
    reading.description(kind)
}

/// A section as it is being read.
struct Part {
    media: Media,
    port: u16,
    level: Level,
}

impl Part {
    /// Port 0 stops a section, unless it is only to be had in the bundle (RFC 9143 §7).
    const fn live(&self) -> bool {
        self.port != 0 || self.level.bundle_only
    }
}

struct Reading<'r> {
    session: Level,
    parts: Vec<Part>,
    /// The place of the line before in the order of RFC 8866 §5.
    last: usize,
    ours: &'r dyn Fn(IpAddr) -> bool,
}

impl Reading<'_> {
    fn line(&mut self, line: &str) -> Result<(), Refusal> {
        if line.len() > LONGEST_LINE {
            return Err(Refusal::LineTooLong);
        }
        if !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Refusal::Bytes);
        }
        let (letter, value) = line.split_once('=').ok_or(Refusal::Syntax)?;
        self.in_order(letter)?;
        match letter {
            "m" => self.section(value),
            "a" => {
                let level = self.parts.last_mut().map_or(&mut self.session, |part| &mut part.level);
                level.attribute(value, self.ours)
            }
            "c" => address(value, self.ours),
            "o" => origin(value),
            "s" if value == "-" => Ok(()),
            "s" | "i" | "u" | "e" | "p" => Err(Refusal::Words),
            "k" => Err(Refusal::Key),
            // Bandwidth and times.
            _ => Ok(()),
        }
    }

    /// Lines have an order, of the session and of each section: `m` begins again.
    fn in_order(&mut self, letter: &str) -> Result<(), Refusal> {
        const ORDER: [&str; 13] = ["o", "s", "i", "u", "e", "p", "c", "b", "t", "r", "z", "k", "a"];
        if letter == "m" {
            // A session has an origin, a name and a time before its first section.
            let begun = !self.parts.is_empty() || self.last >= 8;
            self.last = 0;
            return if begun { Ok(()) } else { Err(Refusal::Syntax) };
        }
        let place = ORDER.iter().position(|known| *known == letter).ok_or(Refusal::Syntax)?;
        let repeats = ["e", "p", "c", "b", "t", "r", "a"].contains(&letter);
        let only_of_sessions = ["o", "s", "u", "e", "p", "t", "r", "z"].contains(&letter);
        // Of a section, `c`, `b` and `a` are left, and `i` and `k`, which are refused in their own words.
        if place < self.last
            || (place == self.last && !repeats && place > 0)
            || (only_of_sessions && !self.parts.is_empty())
        {
            return Err(Refusal::Syntax);
        }
        self.last = place;
        Ok(())
    }

    /// `audio 9 UDP/TLS/RTP/SAVPF 111 63`.
    fn section(&mut self, value: &str) -> Result<(), Refusal> {
        if self.parts.len() == MOST_SECTIONS {
            return Err(Refusal::Sections);
        }
        let mut words = value.split(' ');
        let (media, port, profile) = (words.next(), words.next(), words.next());
        let formats: Vec<&str> = words.collect();
        let port: u16 = port.and_then(|port| port.parse().ok()).ok_or(Refusal::Syntax)?;
        let profile = profile.ok_or(Refusal::Syntax)?;
        if formats.is_empty() || formats.iter().any(|format| format.is_empty()) {
            return Err(Refusal::Syntax);
        }
        let media = match media {
            Some("audio") => Media::Audio,
            Some("video") => Media::Video,
            Some("application") => Media::Data,
            _ => return Err(Refusal::Media),
        };
        match (profile, media) {
            ("UDP/TLS/RTP/SAVPF", Media::Audio | Media::Video) => {}
            ("UDP/DTLS/SCTP", Media::Data) if formats == ["webrtc-datachannel"] => {}
            ("UDP/DTLS/SCTP", Media::Data) => return Err(Refusal::Media),
            ("RTP/AVP", _) => return Err(Refusal::ProfileAvp),
            ("RTP/AVPF", _) => return Err(Refusal::ProfileAvpf),
            ("RTP/SAVP" | "RTP/SAVPF", _) => return Err(Refusal::ProfileSavp),
            _ => return Err(Refusal::Profile),
        }
        self.parts.push(Part { media, port, level: Level::default() });
        Ok(())
    }

    /// What holds for the description as a whole.
    fn description(self, kind: Kind) -> Result<Description, Refusal> {
        let Self { session, parts, .. } = self;
        let live: Vec<&Part> = parts.iter().filter(|part| part.live()).collect();
        let bundle = session.bundle.as_deref().unwrap_or_default();
        let tagged = bundle.first().and_then(|mid| live.iter().find(|part| part.level.mid.as_ref() == Some(mid)));
        if live.is_empty() {
            return Err(Refusal::Sections);
        }
        let tagged = tagged.ok_or(Refusal::Bundle)?;
        let bundled = |part: &&Part| part.level.mid.as_ref().is_some_and(|mid| bundle.contains(mid));
        if live.len() != bundle.len() || !live.iter().all(bundled) {
            return Err(Refusal::Bundle);
        }
        let fingerprint = one_fingerprint(&session, &parts)?;
        let (setup, ice) = one_transport(&session, tagged, &live)?;
        if kind == Kind::Answer && setup == Setup::Actpass {
            return Err(Refusal::Setup);
        }
        if live.iter().any(|part| part.media != Media::Data && !part.level.rtcp_mux) {
            return Err(Refusal::RtcpMux);
        }
        let candidates = parts.iter().map(|part| part.level.candidates).sum();
        if candidates > MOST_CANDIDATES || session.candidates > 0 {
            return Err(if session.candidates > 0 { Refusal::Syntax } else { Refusal::Candidates });
        }
        let section = |part: Part| Section { media: part.media, live: part.live(), mid: part.level.mid };
        let sections: Vec<Section> = parts.into_iter().map(section).collect();
        let mut mids: Vec<&String> = sections.iter().filter_map(|section| section.mid.as_ref()).collect();
        mids.sort_unstable();
        if mids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Refusal::Syntax);
        }
        Ok(Description { kind, fingerprint, setup, ice, sections, candidates })
    }
}

/// Whoever writes a description has one certificate, and says so for the transport.
fn one_fingerprint(session: &Level, parts: &[Part]) -> Result<Fingerprint, Refusal> {
    let mut said = core::iter::once(session)
        .chain(parts.iter().map(|part| &part.level))
        .filter_map(|level| level.fingerprint.as_ref());
    let first = said.next().ok_or(Refusal::FingerprintMissing)?;
    if said.any(|other| other != first) { Err(Refusal::FingerprintDiffers) } else { Ok(first.clone()) }
}

/// The transport of the bundle is that of its first section (RFC 9143 §7.1.3); others say the same, or nothing.
fn one_transport(session: &Level, tagged: &Part, live: &[&Part]) -> Result<(Setup, Ice), Refusal> {
    let ufrag = tagged.level.ufrag.as_ref().or(session.ufrag.as_ref()).ok_or(Refusal::Ufrag)?;
    let password = tagged.level.password.as_ref().or(session.password.as_ref()).ok_or(Refusal::Password)?;
    let setup = tagged.level.setup.or(session.setup).ok_or(Refusal::Setup)?;
    let same = |part: &&Part| {
        let level = &part.level;
        level.ufrag.as_ref().is_none_or(|other| other == ufrag)
            && level.password.as_ref().is_none_or(|other| other == password)
            && level.setup.is_none_or(|other| other == setup)
    };
    if !live.iter().all(same) {
        return Err(Refusal::TransportDiffers);
    }
    if tagged.level.fingerprint.is_none() && session.fingerprint.is_none() {
        return Err(Refusal::FingerprintMissing);
    }
    Ok((setup, Ice { ufrag: ufrag.clone(), password: password.clone() }))
}

/// `- 7647704358815400155 2 IN IP4 127.0.0.1`: a name that says nothing, two numbers, and no address of the client.
fn origin(value: &str) -> Result<(), Refusal> {
    let words: Vec<&str> = value.split(' ').collect();
    let [name, session, version, "IN", family, address] = words.as_slice() else { return Err(Refusal::Syntax) };
    if *name != "-" && !name.starts_with("mozilla...THIS_IS_SDPARTA-") {
        return Err(Refusal::Words);
    }
    let number = |word: &str| (1..=20).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() > 64 || !number(session) || !number(version) || !["IP4", "IP6"].contains(family) {
        return Err(Refusal::Syntax);
    }
    match address.parse::<IpAddr>() {
        // Not an address of anybody, and what browsers write (RFC 9429 §5.2.1).
        Ok(address) if address.is_unspecified() || address == IpAddr::V4(Ipv4Addr::LOCALHOST) => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::Address),
    }
}
