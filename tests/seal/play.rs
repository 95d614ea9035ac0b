//! Playing a case on a stage.

use std::collections::BTreeMap;

use hilum::policy::seal::Reason;
use hilum::wire::TransactionId;

use crate::bytes::media::{self, Rtp};
use crate::bytes::stun::Stun;
use crate::bytes::{Chance, foreign};
use crate::handshake::{self, Script};
use crate::language::{Action, Case, Expected, Place, Words, hex};
use crate::parts::{Side, part};
use crate::stage::{Seen, Stage, Who};

/// Datagrams of a step, and what was seen of each.
type Outcome = Result<(), String>;

pub struct Play<'s> {
    stage: &'s mut dyn Stage,
    people: BTreeMap<String, Who>,
    /// Senders of DTLS by who sends to whom.
    sides: BTreeMap<(String, String), Side>,
    handshakes: u64,
    /// Sequence numbers by source.
    sequences: BTreeMap<u32, u16>,
    /// The last transaction of who asked whom.
    transactions: BTreeMap<(String, String), u64>,
    asked: u64,
    /// Everything that was sent.
    pub sent: usize,
}

impl<'s> Play<'s> {
    pub fn new(stage: &'s mut dyn Stage) -> Self {
        let people = ["alice", "bob", "carol"].map(|name| (name.to_owned(), Who::Client(name.to_owned())));
        Self {
            stage,
            people: people.into(),
            sides: BTreeMap::new(),
            handshakes: 0,
            sequences: BTreeMap::new(),
            transactions: BTreeMap::new(),
            asked: 0,
            sent: 0,
        }
    }

    /// Plays every step.
    pub fn case(&mut self, case: &Case) -> Outcome {
        for step in &case.steps {
            self.step(&step.action).map_err(|fault| format!("{}, line {}: {fault}", case.name, step.line))?;
        }
        Ok(())
    }

    fn step(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Settings(_) => Ok(()),
            Action::Foreign(name, address) => {
                self.people.insert(name.clone(), Who::Foreign(*address));
                Ok(())
            }
            Action::Twin(name, other) => {
                self.people.insert(name.clone(), Who::Client(other.clone()));
                Ok(())
            }
            Action::Wait(seconds) => {
                self.stage.wait(*seconds);
                Ok(())
            }
            Action::Closed(count) => {
                let closed = self.stage.closed();
                if closed == *count { Ok(()) } else { Err(format!("{closed} conversations were closed, not {count}")) }
            }
            Action::End(place) => {
                self.stage.end(place);
                Ok(())
            }
            Action::Handshake { client, server, words, sealed } => self.handshake(client, server, words, *sealed),
            Action::Send { from, to, items, expected } => {
                let datagrams = self.datagrams(from, to, items)?;
                let seen =
                    datagrams.iter().map(|datagram| self.send(from, to, datagram)).collect::<Result<Vec<_>, _>>()?;
                judge(expected, &seen)
            }
        }
    }

    fn send(&mut self, from: &Place, to: &Place, datagram: &[u8]) -> Result<Seen, String> {
        let who = |place: &Place| self.people.get(&place.name).cloned().ok_or(format!("nobody is {}", place.name));
        let ends = (who(from)?, who(to)?);
        self.sent += 1;
        Ok(self.stage.send((from, &ends.0), (to, &ends.1), datagram))
    }

    fn handshake(&mut self, client: &Place, server: &Place, words: &Words, sealed: bool) -> Outcome {
        self.handshakes += 1;
        let keys = [(client, server), (server, client)].map(|(one, other)| (one.name.clone(), other.name.clone()));
        let mut sides = keys.clone().map(|key| self.sides.remove(&key).unwrap_or_default());
        let ends = (client.clone(), server.clone());
        let script = handshake::script(words.clone(), ends, self.handshakes, &mut sides)?;
        self.sides.extend(keys.into_iter().zip(sides));
        let Script { datagrams, paths, version, in_stun } = script;
        let mut opened = Vec::new();
        for (index, datagram) in datagrams.into_iter().enumerate() {
            let (client, server) = &paths[datagram.path];
            let (from, to) = if datagram.by_client { (client, server) } else { (server, client) };
            let bytes = if in_stun { self.in_stun(from, to, datagram.bytes)? } else { datagram.bytes };
            let seen = self.send(from, to, &bytes)?;
            if sealed && let Some(reason) = seen.refused {
                return Err(format!("datagram {index} of the handshake was refused: {}", reason.label()));
            }
            opened.extend(seen.opened.map(|version| version.label()));
        }
        let expected: &[&str] = if sealed { &[&version] } else { &[] };
        if opened == expected { Ok(()) } else { Err(format!("opened as {opened:?}, not {expected:?}")) }
    }

    fn in_stun(&mut self, from: &Place, to: &Place, dtls: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut stun = self.stun(from, to, &mut request())?;
        stun.dtls = Some(dtls);
        Ok(stun.bytes())
    }

    fn stun(&mut self, from: &Place, to: &Place, words: &mut Words) -> Result<Stun, String> {
        let users = format!("{}Frag:{}Frag", to.name, from.name);
        let mut stun = Stun::read(words, TransactionId([0; 12]), &users)?;
        let key = |one: &Place, other: &Place| (one.name.clone(), other.name.clone());
        use hilum::wire::Class::{Error, Indication, Request, Success};
        let number = match stun.class {
            Request | Indication => {
                self.asked += 1;
                self.transactions.insert(key(from, to), self.asked);
                self.asked
            }
            Success | Error => self.transactions.get(&key(to, from)).copied().unwrap_or(0),
        };
        stun.transaction.0[4..].copy_from_slice(&number.to_be_bytes());
        Ok(stun)
    }

    /// What a step sends.
    fn datagrams(&mut self, from: &Place, to: &Place, items: &[Words]) -> Result<Vec<Vec<u8>>, String> {
        let mut datagrams: Vec<Vec<u8>> = vec![Vec::new()];
        let mut last = Words::default();
        for (index, item) in items.iter().enumerate() {
            last = item.clone();
            let made = self.item(from, to, &mut last)?;
            if made.len() != 1 && items.len() != 1 {
                return Err(format!("{} comes in several datagrams and stands alone", item.name));
            }
            if index + 1 < items.len() {
                datagrams[0].extend(made.concat());
                last.clone().end()?;
            } else if items.len() == 1 {
                datagrams = made;
            } else {
                datagrams[0].extend(made.concat());
            }
        }
        let datagrams = self.on_the_way(from, to, datagrams, &mut last)?;
        last.end()?;
        Ok(datagrams)
    }

    /// What the network, or somebody in it, does to the datagrams of a step.
    fn on_the_way(
        &mut self,
        from: &Place,
        to: &Place,
        mut datagrams: Vec<Vec<u8>>,
        words: &mut Words,
    ) -> Result<Vec<Vec<u8>>, String> {
        if let Some(order) = words.text("order") {
            let pick = |index: &str| datagrams.get(index.parse::<usize>().ok()?).cloned();
            datagrams = order.split(',').map(pick).collect::<Option<_>>().ok_or("order=2,0,1")?;
        }
        if words.flag("twice") {
            datagrams = datagrams.into_iter().flat_map(|datagram| [datagram.clone(), datagram]).collect();
        }
        let cut: usize = words.number("cut")?.unwrap_or(0);
        let flip: Option<usize> = words.number("flip-byte")?;
        let tail = words.hex("tail")?.unwrap_or_default();
        for datagram in &mut datagrams {
            datagram.truncate(datagram.len().saturating_sub(cut));
            datagram.extend_from_slice(&tail);
            if let Some(byte) = flip.and_then(|at| datagram.get_mut(at)) {
                *byte ^= 0xFF;
            }
        }
        if words.flag("in-stun") {
            datagrams = datagrams.into_iter().map(|dtls| self.in_stun(from, to, dtls)).collect::<Result<_, _>>()?;
        }
        Ok(datagrams)
    }

    fn item(&mut self, from: &Place, to: &Place, words: &mut Words) -> Result<Vec<Vec<u8>>, String> {
        match words.name.as_str() {
            "hex" => return Ok(vec![hex(&words.next()?)?]),
            "foreign" => {
                let (seed, length) = (words.number("seed")?.unwrap_or(1), words.number("length")?.unwrap_or(100));
                let name = words.next()?;
                return Ok(vec![foreign::datagram(&name, seed, length).ok_or(format!("no protocol {name}"))?]);
            }
            "stun" => {
                let count = words.number("count")?.unwrap_or(1);
                let first = words.clone();
                let mut made = Vec::new();
                for _ in 0..count {
                    *words = first.clone();
                    made.push(self.stun(from, to, words)?.bytes());
                }
                return Ok(made);
            }
            "rtp" | "srtp" => return self.rtp(words),
            "rtcp" | "srtcp" => return self.rtcp(words).map(|packet| vec![packet]),
            _ => {}
        }
        let key = |one: &Place, other: &Place| (one.name.clone(), other.name.clone());
        if words.name == "client-hello" {
            let mut repeats = words.clone();
            if !(repeats.flag("again") || repeats.flag("cookie")) {
                self.handshakes += 1;
                self.sides.insert(key(to, from), Side::default());
                self.sides.insert(key(from, to), Side::default());
            }
        }
        let side = self.sides.entry(key(from, to)).or_default();
        let made = part(words, side, self.handshakes)?.ok_or_else(|| format!("nothing is called {}", words.name))?;
        Ok(side.records(&made))
    }

    fn rtp(&mut self, words: &mut Words) -> Result<Vec<Vec<u8>>, String> {
        let mut codec = words.next()?;
        if words.name == "srtp" {
            codec = match codec.as_str() {
                "audio" => "ciphertext".to_owned(),
                "video" => "ciphertext-video".to_owned(),
                "short" => "ciphertext-short".to_owned(),
                _ => return Err("srtp is audio, video or short".to_owned()),
            };
        }
        let ssrc = words.text("ssrc").map_or(Ok(0x1234_5678), |text| u32::from_str_radix(&text, 16));
        let ssrc = ssrc.map_err(|_| "ssrc has up to eight hexadecimal digits".to_owned())?;
        let (extension, sources) = (words.number("extension")?, words.number("sources")?.unwrap_or(0));
        let version = words.number("version")?.unwrap_or(2);
        let kind: Option<u8> = words.number("type")?;
        let length: Option<usize> = words.number("payload")?;
        let (count, jump) = (words.number("count")?.unwrap_or(1), words.number("jump")?.unwrap_or(1));
        let recorded = if codec == "recorded" {
            let name = words.text("file").ok_or("recorded needs file=")?;
            media::recorded(&name).ok_or_else(|| format!("no recording {name}"))?
        } else {
            Vec::new()
        };
        let mut recorded = recorded.iter().cycle();
        let mut packets = Vec::new();
        for _ in 0..count {
            let sequence =
                self.sequences.entry(ssrc).or_insert_with(|| Chance::new(u64::from(ssrc)).bytes(1)[0].into());
            *sequence = sequence.wrapping_add(jump);
            let (usual, mut payload) = match recorded.next() {
                Some(payload) => (100, payload.clone()),
                None => media::payload(&codec, u64::from(*sequence)).ok_or_else(|| format!("no codec {codec}"))?,
            };
            payload.truncate(length.unwrap_or(usize::MAX));
            let header = Rtp { kind: kind.unwrap_or(usual), sequence: *sequence, ssrc, extension, sources, version };
            packets.push(media::rtp(header, &payload));
        }
        Ok(packets)
    }

    fn rtcp(&mut self, words: &mut Words) -> Result<Vec<u8>, String> {
        let what = words.next()?;
        let mut clear = media::rtcp(&what, 0x1234_5678).ok_or_else(|| format!("no RTCP packet {what}"))?;
        if words.flag("padded") {
            clear = media::padded(clear);
        }
        if words.name == "rtcp" {
            return Ok(clear);
        }
        let profile = words.codes("profile")?.ok_or("srtcp needs profile=")?;
        let e = !words.flag("without-e");
        self.asked += 1;
        Ok(media::srtcp(&clear, profile[0], e, self.asked))
    }
}

fn request() -> Words {
    let case = Case::read("request", "# a check\na -> b stun request => pass").expect("it is one");
    match &case.steps[0].action {
        Action::Send { items, .. } => items[0].clone(),
        other => panic!("{other:?}"),
    }
}

/// The verdict of a step is that of its last datagram. Those before passed, or were refused for the same reason.
fn judge(expected: &Expected, seen: &[Seen]) -> Outcome {
    let label = |seen: &Seen| seen.refused.map(Reason::label);
    let (reason, forwarded) = match expected {
        Expected::Pass | Expected::Opens => (None, true),
        Expected::Refused(reason) => (Some(reason.as_str()), false),
        Expected::Reported(reason) => (Some(reason.as_str()), true),
    };
    if let Some(reason) = reason
        && !Reason::ALL.iter().any(|each| each.label() == reason)
    {
        return Err(format!("there is no reason {reason}"));
    }
    let count = seen.len();
    for (index, each) in seen.iter().enumerate() {
        let as_the_last = label(each) == reason && each.forwarded == forwarded;
        let passed = each.refused.is_none() && each.forwarded;
        if !as_the_last && (index + 1 == count || !passed) {
            return Err(format!("datagram {index} of {count}: {each:?} where {expected:?} is right"));
        }
    }
    let opened = seen.iter().filter(|each| each.opened.is_some()).count();
    let wanted = usize::from(*expected == Expected::Opens);
    if opened == wanted { Ok(()) } else { Err(format!("{opened} seals opened, not {wanted}")) }
}
