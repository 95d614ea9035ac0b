//! Parts of a DTLS flight: as a case file names them, and as a sender puts them into records.

use crate::bytes::ciphertext;
use crate::bytes::dtls::{self, Hello, RETRY};
use crate::language::{Words, version};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;
const ACK: u8 = 26;

/// What becomes one record, or several when it is a message in pieces.
#[derive(Clone, Debug)]
pub enum Part {
    /// A handshake message that anybody can read; `slice` is what of it is sent.
    Message { kind: u8, number: u16, claim: usize, body: Vec<u8>, slice: (usize, usize), flip: bool, piece: usize },
    /// A record with a 13-byte header, encrypted unless the epoch is 0.
    Record { kind: u8, epoch: u16, body: Vec<u8> },
    /// An encrypted record of DTLS 1.3.
    Unified { epoch: u8, body: Vec<u8> },
}

/// One sender of DTLS: its counters, and what it puts into its headers.
#[derive(Clone, Debug)]
pub struct Side {
    pub record: u64,
    pub message: u16,
    /// The connection id that its receiver has asked for.
    pub connection_id: Vec<u8>,
    pub label: u16,
}

impl Default for Side {
    fn default() -> Self {
        Self { record: 0, message: 0, connection_id: Vec::new(), label: 0xFEFD }
    }
}

impl Side {
    /// A whole message with the next number.
    pub fn message(&mut self, kind: u8, body: Vec<u8>, piece: usize) -> Part {
        let number = self.message;
        self.message += 1;
        let length = body.len();
        Part::Message { kind, number, claim: length, slice: (0, length), body, flip: false, piece }
    }

    /// The records of a part, with fresh numbers.
    pub fn records(&mut self, part: &Part) -> Vec<Vec<u8>> {
        let mut next = || {
            self.record += 1;
            self.record - 1
        };
        match part {
            Part::Message { kind, number, claim, body, slice: (from, to), flip, piece } => {
                let mut records = Vec::new();
                let mut at = *from;
                loop {
                    let end = (at + (*piece).max(1)).min(*to);
                    let mut bytes = body[at..end].to_vec();
                    if *flip && let Some(last) = bytes.last_mut() {
                        *last ^= 0xFF;
                    }
                    let fragment = dtls::fragment(*kind, *number, *claim, at, &bytes);
                    records.push(dtls::record(HANDSHAKE, self.label, 0, next(), &fragment));
                    at = end;
                    if at >= *to {
                        return records;
                    }
                }
            }
            Part::Record { epoch: 1.., body, .. } if !self.connection_id.is_empty() => {
                vec![dtls::connection_id_record(next(), &self.connection_id, body)]
            }
            Part::Record { kind, epoch, body } => vec![dtls::record(*kind, 0xFEFD, *epoch, next(), body)],
            Part::Unified { epoch, body } => vec![dtls::unified(*epoch, next(), &self.connection_id, body)],
        }
    }
}

/// A ClientHello as the options say. `seed` makes its random.
pub fn client_hello(words: &mut Words, seed: u64) -> Result<Hello, String> {
    let versions = words.versions("versions")?.unwrap_or_else(|| vec![0xFEFD]);
    let named = versions.contains(&0xFEFC) || words.flag("named");
    let usual: &[u16] = if named { &[0x1301, 0x1303, 0xC02B, 0xC02F] } else { &[0xC02B, 0xC02F, 0x00FF] };
    let legacy = if named { 0xFEFD } else { versions[0] };
    let srtp = words.codes("srtp")?.unwrap_or_else(|| vec![0x0008, 0x0007, 0x0001]);
    Ok(Hello {
        random: dtls::random(seed),
        legacy: words.text("legacy").map_or(Ok(legacy), |text| version(&text))?,
        versions: named.then_some(versions),
        suites: words.codes("suites")?.unwrap_or_else(|| usual.to_vec()),
        srtp: (!words.flag("no-srtp")).then_some(srtp),
        mki: words.hex("mki")?.unwrap_or_default(),
        cookie: if words.flag("cookie") { vec![9; 20] } else { Vec::new() },
        connection_id: words.hex("connection-id")?,
        compression: words.hex("compression")?.unwrap_or_else(|| vec![0]),
        key_share: words.number("key-share")?.unwrap_or(0),
    })
}

/// A ServerHello as the options say.
pub fn server_hello(words: &mut Words, seed: u64) -> Result<Hello, String> {
    let version = words.versions("version")?.map_or(0xFEFD, |versions| versions[0]);
    let new = version == 0xFEFC;
    let suite = words.codes("suite")?.unwrap_or_else(|| vec![if new { 0x1301 } else { 0xC02B }]);
    let srtp = words.codes("srtp")?.or((!new).then(|| vec![0x0007]));
    Ok(Hello {
        random: dtls::random(seed ^ 0x5E17),
        legacy: if new { 0xFEFD } else { version },
        versions: new.then(|| vec![version]),
        suites: suite,
        srtp: srtp.filter(|_| !words.flag("no-srtp")),
        mki: words.hex("mki")?.unwrap_or_default(),
        cookie: Vec::new(),
        connection_id: words.hex("connection-id")?,
        compression: words.hex("compression")?.unwrap_or_else(|| vec![0]),
        key_share: if new { 32 } else { 0 },
    })
}

/// A HelloRetryRequest.
pub fn hello_retry_request(words: &mut Words) -> Result<Hello, String> {
    let mut hello = server_hello(words, 0)?;
    hello.random = RETRY;
    Ok(hello)
}

/// The part with this name, or `None` if it has none of DTLS. `seed` makes the randoms of this handshake.
pub fn part(words: &mut Words, side: &mut Side, seed: u64) -> Result<Option<Part>, String> {
    let seed = words.number("random")?.unwrap_or(seed);
    let length = |words: &mut Words, usual| words.number("length").map(|given| given.unwrap_or(usual));
    let opaque = |length| ciphertext(u64::try_from(length).unwrap(), length);
    let (kind, body) = match words.name.as_str() {
        "client-hello" => (1, client_hello(words, seed)?.client()),
        "server-hello" => (2, server_hello(words, seed)?.server()),
        "hello-retry-request" => (2, hello_retry_request(words)?.server()),
        "hello-verify-request" => (3, [vec![0xFE, 0xFF, 20], vec![9; 20]].concat()),
        "hello-request" => (0, Vec::new()),
        "new-session-ticket" => (4, opaque(length(words, 180)?)),
        "certificate" => (11, opaque(length(words, 700)?)),
        "server-key-exchange" => (12, opaque(length(words, 110)?)),
        "certificate-request" => (13, opaque(length(words, 30)?)),
        "server-hello-done" => (14, Vec::new()),
        "certificate-verify" => (15, opaque(length(words, 75)?)),
        "client-key-exchange" => (16, opaque(length(words, 66)?)),
        "clear-finished" => (20, opaque(12)),
        "message" => (words.number("kind")?.ok_or("message needs kind=")?, opaque(length(words, 20)?)),
        _ => return other(words),
    };
    if let Some(text) = words.text("label") {
        side.label = version(&text)?;
    }
    if words.flag("again") {
        side.message = side.message.saturating_sub(1);
    }
    if let Some(number) = words.number("number")? {
        side.message = number;
    }
    let piece = words.number("pieces")?.unwrap_or(16_000);
    let mut part = side.message(kind, body, piece);
    if let Part::Message { claim, body, slice, flip, .. } = &mut part {
        if let Some(given) = words.number("claim")? {
            *claim = given;
        }
        if let Some(text) = words.text("part") {
            let range = text.split_once('-').and_then(|(from, to)| {
                let to = if to.is_empty() { body.len() } else { to.parse().ok()? };
                Some((from.parse().ok()?, to))
            });
            *slice = range.filter(|(from, to)| from <= to && *to <= body.len()).ok_or("part=FROM-TO in the message")?;
        }
        *flip = words.flag("flip");
    }
    Ok(Some(part))
}

/// The parts that are no handshake messages in the clear.
fn other(words: &mut Words) -> Result<Option<Part>, String> {
    let length = |words: &mut Words, usual| words.number("length").map(|given| given.unwrap_or(usual));
    let opaque = |length| ciphertext(u64::try_from(length).unwrap(), length);
    let (kind, epoch, body) = match words.name.as_str() {
        "change-cipher-spec" => (CHANGE_CIPHER_SPEC, 0, vec![1]),
        "finished" => (HANDSHAKE, 1, opaque(length(words, 40)?)),
        "alert" => (ALERT, 0, vec![2, 40]),
        "encrypted-alert" => (ALERT, 1, opaque(26)),
        "clear-data" => (APPLICATION_DATA, 0, b"a file that nobody may read".to_vec()),
        "data" => (APPLICATION_DATA, 1, opaque(length(words, 200)?)),
        "heartbeat" => (HEARTBEAT, 0, [vec![1, 0, 16], opaque(32)].concat()),
        "ack" => (ACK, 0, [vec![0, 16], vec![0; 16]].concat()),
        "record" => {
            let kind = words.number("kind")?.ok_or("record needs kind=")?;
            (kind, words.number("epoch")?.unwrap_or(0), opaque(length(words, 40)?))
        }
        "encrypted" => {
            let epoch = words.number("epoch")?.unwrap_or(2);
            return Ok(Some(Part::Unified { epoch, body: opaque(length(words, 61)?) }));
        }
        _ => return Ok(None),
    };
    Ok(Some(Part::Record { kind, epoch, body }))
}
