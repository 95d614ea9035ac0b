//! A whole handshake as one line: its flights, what the network does to them, and which paths they take.

use crate::bytes::{Chance, ciphertext};
use crate::language::{Place, Words};
use crate::parts::{Part, Side, client_hello, hello_retry_request, server_hello};

/// Connection ids that the ends ask for.
const OF_CLIENT: &[u8] = b"\xC1\xC2\xC3";
const OF_SERVER: &[u8] = b"\x51\x52\x53\x54\x55";

/// What one side sends before it waits for the other.
struct Flight {
    by_client: bool,
    parts: Vec<(&'static str, Part)>,
}

/// One datagram of the handshake.
pub struct Datagram {
    pub by_client: bool,
    /// The path, as an index into `paths`.
    pub path: usize,
    pub bytes: Vec<u8>,
}

/// The script of a handshake.
pub struct Script {
    pub datagrams: Vec<Datagram>,
    pub paths: Vec<(Place, Place)>,
    pub version: String,
    pub in_stun: bool,
}

/// Reads the options of a `handshake` line.
pub fn script(mut words: Words, ends: (Place, Place), seed: u64, sides: &mut [Side; 2]) -> Result<Script, String> {
    let version = words.next()?;
    sides.iter_mut().for_each(|side| *side = Side { record: side.record, ..Side::default() });
    let flights = match version.as_str() {
        "1.2" => flights_12(&mut words, seed, sides)?,
        "1.3" => flights_13(&mut words, seed, sides)?,
        _ => return Err(format!("no handshake of DTLS {version}")),
    };
    let without = words.text("without").unwrap_or_default();
    let without: Vec<&str> = without.split(',').filter(|label| !label.is_empty()).collect();
    for label in &without {
        let known = flights.iter().flat_map(|flight| &flight.parts).any(|(name, _)| name == label);
        known.then_some(()).ok_or_else(|| format!("this handshake has no {label}"))?;
    }
    let mut paths = vec![ends];
    if let Some(text) = words.text("paths") {
        let place = |text: &str| -> Option<Place> {
            let (name, allocation) = text.split_once('/').unwrap_or((text, "1"));
            Some(Place { name: name.to_owned(), allocation: allocation.parse().ok()? })
        };
        let path = |text: &str| text.split_once(':').and_then(|(one, other)| Some((place(one)?, place(other)?)));
        paths = text.split(',').map(path).collect::<Option<_>>().ok_or("paths=alice/1:bob/1,alice/2:bob/2")?;
    }
    let network = Network {
        lossy: words.number("lossy")?,
        twice: words.flag("twice"),
        reversed: words.flag("reversed"),
        mtu: words.number("mtu")?.unwrap_or(1200),
        one_each: words.flag("one-record-each"),
    };
    let in_stun = words.flag("in-stun");
    words.end()?;
    let mut datagrams = Vec::new();
    for flight in flights {
        let side = &mut sides[usize::from(!flight.by_client)];
        let parts: Vec<Part> =
            flight.parts.into_iter().filter(|(label, _)| !without.contains(label)).map(|(_, part)| part).collect();
        for bytes in network.carry(&parts, side) {
            datagrams.push(Datagram { by_client: flight.by_client, path: datagrams.len() % paths.len(), bytes });
        }
    }
    Ok(Script { datagrams, paths, version, in_stun })
}

/// What happens to a flight on its way.
struct Network {
    /// Half of the datagrams are lost at first, by this seed; those that come, come in any order.
    lossy: Option<u64>,
    twice: bool,
    reversed: bool,
    mtu: usize,
    one_each: bool,
}

impl Network {
    fn carry(&self, parts: &[Part], side: &mut Side) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        if let Some(seed) = self.lossy {
            let mut chance = Chance::new(seed ^ side.record);
            let mut first = self.pack(parts, side);
            first.retain(|_| chance.below(2) == 0);
            shuffle(&mut first, &mut chance);
            arrived.extend(first);
            // The timer runs out, and the flight comes again with new record numbers.
            let mut second = self.pack(parts, side);
            shuffle(&mut second, &mut chance);
            arrived.extend(second);
        } else {
            arrived = self.pack(parts, side);
        }
        if self.reversed {
            arrived.reverse();
        }
        if self.twice {
            arrived = arrived.into_iter().flat_map(|datagram| [datagram.clone(), datagram]).collect();
        }
        arrived
    }

    /// Records side by side in a datagram as long as they fit.
    fn pack(&self, parts: &[Part], side: &mut Side) -> Vec<Vec<u8>> {
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for record in parts.iter().flat_map(|part| side.records(part)).collect::<Vec<_>>() {
            match datagrams.last_mut() {
                Some(last) if !self.one_each && last.len() + record.len() <= self.mtu => last.extend(record),
                _ => datagrams.push(record),
            }
        }
        datagrams
    }
}

fn shuffle(datagrams: &mut [Vec<u8>], chance: &mut Chance) {
    for end in (1..datagrams.len()).rev() {
        datagrams.swap(end, chance.below(end + 1));
    }
}

/// What the options of a line say about both hellos.
struct Hellos {
    first: Vec<u8>,
    second: Vec<u8>,
    answer: Vec<u8>,
    retry: Vec<u8>,
    with_cookie: bool,
    piece: usize,
}

fn hellos(words: &mut Words, seed: u64, sides: &mut [Side; 2], version: u16) -> Result<Hellos, String> {
    let with_cookie = words.flag("cookie") || words.flag("retry");
    let connection_ids = words.flag("connection-ids");
    if words.flag("labelled-1.0") {
        sides[0].label = 0xFEFF;
    }
    let (suite, profile) = (words.codes("suite")?, words.codes("profile")?);
    let mut offer = client_hello(words, seed)?;
    if version == 0xFEFC && offer.versions.is_none() {
        offer.versions = Some(vec![0xFEFC, 0xFEFD]);
        offer.suites = vec![0x1301, 0x1303, 0xC02B, 0xC02F];
    }
    offer.connection_id = connection_ids.then(|| OF_CLIENT.to_vec());
    let first = offer.client();
    offer.cookie = if version == 0xFEFC { Vec::new() } else { vec![9; 20] };
    let second = offer.client();

    let mut bare = Words::default();
    let mut answer = server_hello(&mut bare, seed)?;
    if version == 0xFEFC {
        answer.versions = Some(vec![version]);
        answer.suites = vec![0x1301];
        answer.srtp = None;
    }
    answer.suites = suite.unwrap_or(answer.suites);
    answer.srtp = profile.or(answer.srtp);
    answer.connection_id = connection_ids.then(|| OF_SERVER.to_vec());
    let mut retry = hello_retry_request(&mut bare)?;
    retry.versions = Some(vec![version]);
    retry.suites = answer.suites.clone();
    retry.srtp = None;
    if connection_ids {
        sides[0].connection_id = OF_SERVER.to_vec();
        sides[1].connection_id = OF_CLIENT.to_vec();
    }
    let piece = words.number("pieces")?.unwrap_or(1100);
    Ok(Hellos { first, second, answer: answer.server(), retry: retry.server(), with_cookie, piece })
}

fn change_cipher_spec() -> Part {
    Part::Record { kind: 20, epoch: 0, body: vec![1] }
}

fn finished() -> Part {
    Part::Record { kind: 22, epoch: 1, body: ciphertext(12, 40) }
}

fn flights_12(words: &mut Words, seed: u64, sides: &mut [Side; 2]) -> Result<Vec<Flight>, String> {
    let hellos = hellos(words, seed, sides, 0xFEFD)?;
    let resumed = words.flag("resumed");
    let chain = words.number("certificate")?.unwrap_or(600);
    let [client, server] = sides;
    let piece = hellos.piece;
    let opaque = |length: usize| ciphertext(u64::try_from(length).unwrap(), length);
    let mut flights =
        vec![Flight { by_client: true, parts: vec![("client-hello", client.message(1, hellos.first, piece))] }];
    if hellos.with_cookie {
        let cookie = [vec![0xFE, 0xFF, 20], vec![9; 20]].concat();
        let question = ("hello-verify-request", server.message(3, cookie, piece));
        flights.push(Flight { by_client: false, parts: vec![question] });
        let again = ("second-client-hello", client.message(1, hellos.second, piece));
        flights.push(Flight { by_client: true, parts: vec![again] });
    }
    let of_server = [("server-change-cipher-spec", change_cipher_spec()), ("server-finished", finished())];
    let of_client = [("client-change-cipher-spec", change_cipher_spec()), ("client-finished", finished())];
    let hello = ("server-hello", server.message(2, hellos.answer, piece));
    if resumed {
        flights.push(Flight { by_client: false, parts: [vec![hello], of_server.to_vec()].concat() });
        flights.push(Flight { by_client: true, parts: of_client.to_vec() });
        return Ok(flights);
    }
    let answer = vec![
        hello,
        ("server-certificate", server.message(11, opaque(chain), piece)),
        ("server-key-exchange", server.message(12, opaque(115), piece)),
        ("certificate-request", server.message(13, opaque(34), piece)),
        ("server-hello-done", server.message(14, Vec::new(), piece)),
    ];
    flights.push(Flight { by_client: false, parts: answer });
    let mut keys = vec![
        ("client-certificate", client.message(11, opaque(chain), piece)),
        ("client-key-exchange", client.message(16, opaque(66), piece)),
        ("certificate-verify", client.message(15, opaque(78), piece)),
    ];
    keys.extend(of_client);
    flights.push(Flight { by_client: true, parts: keys });
    let ticket = ("new-session-ticket", server.message(4, opaque(190), piece));
    flights.push(Flight { by_client: false, parts: [vec![ticket], of_server.to_vec()].concat() });
    Ok(flights)
}

fn flights_13(words: &mut Words, seed: u64, sides: &mut [Side; 2]) -> Result<Vec<Flight>, String> {
    let hellos = hellos(words, seed, sides, 0xFEFC)?;
    let chain = words.number("certificate")?.unwrap_or(400);
    let [client, server] = sides;
    let piece = hellos.piece;
    let secret = |length: usize| Part::Unified { epoch: 2, body: ciphertext(u64::try_from(length).unwrap(), length) };
    let acknowledgement = || Part::Unified { epoch: 3, body: ciphertext(7, 36) };
    let mut flights =
        vec![Flight { by_client: true, parts: vec![("client-hello", client.message(1, hellos.first, piece))] }];
    if hellos.with_cookie {
        let question = ("hello-retry-request", server.message(2, hellos.retry, piece));
        flights.push(Flight { by_client: false, parts: vec![question] });
        let again = ("second-client-hello", client.message(1, hellos.second, piece));
        flights.push(Flight { by_client: true, parts: vec![again] });
    }
    let answer = vec![
        ("server-hello", server.message(2, hellos.answer, piece)),
        ("server-flight", secret(62)),
        ("server-flight", secret(70)),
        ("server-flight", secret(chain)),
        ("server-flight", secret(118)),
        ("server-flight", secret(61)),
    ];
    flights.push(Flight { by_client: false, parts: answer });
    let proof = vec![("client-flight", secret(chain)), ("client-flight", secret(118)), ("client-flight", secret(61))];
    flights.push(Flight { by_client: true, parts: proof });
    flights.push(Flight { by_client: false, parts: vec![("acknowledgement", acknowledgement())] });
    Ok(flights)
}
