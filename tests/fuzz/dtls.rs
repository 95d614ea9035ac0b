//! DTLS against a second reading: records by arithmetic on offsets, hellos by a list of their fields.

use hilum::wire::dtls::{
    ClientHello, DTLS_1_0, DTLS_1_2, DTLS_1_3, Fragment, Fragments, HelloVerifyRequest, Record, Records, ServerHello,
    UseSrtp, content, handshake,
};

/// A datagram of DTLS behind one byte that says how long a connection id is.
pub fn wire_dtls(bytes: &[u8]) {
    hellos_in(bytes);
    // The bytes as a message, too, however wrong the headers around it would be.
    client_hello(bytes);
    server_hello(bytes);
    hello_verify_request(bytes);
    fragments(bytes);
}

/// The same, and how many hellos were read and how many refused.
pub fn hellos_in(bytes: &[u8]) -> [u32; 2] {
    let mut hellos = [0; 2];
    let Some((&connection_id_length, datagram)) = bytes.split_first() else { return hellos };
    for record in records(datagram, usize::from(connection_id_length)) {
        let Record::Legacy { kind: content::HANDSHAKE, epoch: 0, body, .. } = record else { continue };
        for fragment in fragments(body) {
            if u32::try_from(fragment.body.len()) != Ok(fragment.length) {
                continue;
            }
            let read = match fragment.kind {
                handshake::CLIENT_HELLO => client_hello(fragment.body),
                handshake::SERVER_HELLO => server_hello(fragment.body),
                handshake::HELLO_VERIFY_REQUEST => hello_verify_request(fragment.body),
                _ => continue,
            };
            hellos[usize::from(!read)] += 1;
        }
    }
    hellos
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Reads a datagram twice, and gives the records before the first fault.
fn records(datagram: &[u8], connection_id_length: usize) -> Vec<Record<'_>> {
    let mut read = Records::new(datagram, connection_id_length);
    let mut records = Vec::new();
    let mut at = 0;
    while at < datagram.len() {
        let expected = record_at(datagram, at, connection_id_length);
        let record = read.next().expect("bytes are left, so is a record or a fault").ok();
        assert_eq!(record, expected.map(|(record, _)| record), "the reference reads the record at {at} otherwise");
        let Some((record, end)) = expected else { break };
        records.push(record);
        at = end;
    }
    assert_eq!(read.next(), None, "something behind the last record or the first fault");
    records
}

/// The record at `at` and where it ends.
fn record_at(datagram: &[u8], at: usize, connection_id_length: usize) -> Option<(Record<'_>, usize)> {
    let bytes = &datagram[at..];
    let first = bytes[0];
    let is_unified = first / 32 == 1;
    let has_id = if is_unified { first / 16 % 2 == 1 } else { first == 25 };
    let id = if has_id { connection_id_length } else { 0 };
    if has_id && id == 0 || !is_unified && !(20..27).contains(&first) {
        return None;
    }
    let before_length = if is_unified { 2 + usize::from(first / 8 % 2) } else { 11 } + id;
    let (start, length) = if is_unified && first & 4 == 0 {
        (before_length, bytes.len().checked_sub(before_length)?)
    } else {
        (before_length + 2, number(bytes.get(before_length..before_length + 2)?))
    };
    let body = bytes.get(start..start + length)?;
    let allowed = if is_unified { 16..=16_640 } else { 0..=18_432 };
    if !allowed.contains(&length) || !is_unified && bytes[1] != 254 {
        return None;
    }
    let record = if is_unified {
        Record::Unified { epoch: first % 4, connection_id: has_id, body }
    } else {
        let version = u16::from_be_bytes([bytes[1], bytes[2]]);
        let epoch = u16::from_be_bytes([bytes[3], bytes[4]]);
        let sequence = u64::try_from(number(&bytes[5..11])).expect("48 bits");
        if has_id {
            Record::ConnectionId { version, epoch, sequence, body }
        } else {
            Record::Legacy { kind: first, version, epoch, sequence, body }
        }
    };
    Some((record, at + start + length))
}

/// Reads the body of a handshake record twice, and gives the fragments before the first fault.
fn fragments(body: &[u8]) -> Vec<Fragment<'_>> {
    let mut expected = Vec::new();
    let mut rest = body;
    while let Some(header) = rest.get(..12) {
        let [length, offset, here] = [number(&header[1..4]), number(&header[6..9]), number(&header[9..12])];
        let Some(part) = rest.get(12..12 + here) else { break };
        if offset + here > length || here == 0 && length > 0 {
            break;
        }
        let [length, offset] = [length, offset].map(|number| u32::try_from(number).expect("24 bits"));
        let sequence = u16::from_be_bytes([header[4], header[5]]);
        expected.push(Fragment { kind: header[0], length, sequence, offset, body: part });
        rest = &rest[12 + here..];
    }
    let read: Vec<_> = Fragments::new(body).collect();
    let good: Vec<_> = read.iter().map_while(|each| each.ok()).collect();
    assert_eq!(good, expected, "the reference reads other fragments");
    assert_eq!(read.len(), good.len() + usize::from(!rest.is_empty()), "one fault for what is left, and no more");
    good
}

/// A field of a message.
enum Field {
    /// So many bytes.
    Fixed(usize),
    /// A length in so many bytes, and as many bytes as it says.
    Vector(usize),
    /// All that is left.
    Rest,
}
use Field::{Fixed, Rest, Vector};

/// The fields of a message that consists of these and nothing else.
fn fields<const COUNT: usize>(message: &[u8], layout: [Field; COUNT]) -> Option<[&[u8]; COUNT]> {
    let mut at = 0;
    let mut found = [&[][..]; COUNT];
    for (place, field) in found.iter_mut().zip(layout) {
        let length = match field {
            Fixed(length) => length,
            Rest => message.len() - at,
            Vector(width) => {
                at += width;
                number(message.get(at - width..at)?)
            }
        };
        *place = message.get(at..at + length)?;
        at += length;
    }
    (at == message.len()).then_some(found)
}

/// Words of 16 bits, at least one.
fn words(bytes: &[u8]) -> Option<Vec<u16>> {
    let words: Vec<u16> = bytes.chunks(2).filter_map(|two| Some(u16::from_be_bytes(two.try_into().ok()?))).collect();
    (bytes.len() == 2 * words.len() && !words.is_empty()).then_some(words)
}

/// The extensions at the end of a hello.
fn extensions(rest: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let [mut block] = fields(rest, [Vector(2)])?;
    let mut found: Vec<(u16, &[u8])> = Vec::new();
    while !block.is_empty() {
        let length = number(block.get(2..4)?);
        let kind = u16::from_be_bytes([block[0], block[1]]);
        if kind < 64 && found.iter().any(|(other, _)| *other == kind) {
            return None;
        }
        found.push((kind, block.get(4..4 + length)?));
        block = &block[4 + length..];
    }
    Some(found)
}

fn body<'a>(extensions: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    extensions.iter().find(|(other, _)| *other == kind).map(|(_, body)| *body)
}

/// What the extensions that both hellos have say: SRTP profiles, MKI, connection id.
type Said<'a> = (Option<(Vec<u16>, &'a [u8])>, Option<&'a [u8]>);

fn said<'a>(extensions: &[(u16, &'a [u8])]) -> Option<Said<'a>> {
    let srtp = match body(extensions, 14) {
        Some(body) => {
            let [profiles, mki] = fields(body, [Vector(2), Vector(1)])?;
            Some((words(profiles)?, mki))
        }
        None => None,
    };
    let id = match body(extensions, 54) {
        Some(body) => Some(fields(body, [Vector(1)])?[0]),
        None => None,
    };
    Some((srtp, id))
}

fn spoken<'a>(srtp: Option<UseSrtp<'a>>, connection_id: Option<&'a [u8]>) -> Said<'a> {
    (srtp.map(|srtp| (srtp.profiles().collect(), srtp.mki())), connection_id)
}

/// Version, random, cookie, suites, compression methods, offered versions, and what the extensions say.
type Client<'a> = (u16, &'a [u8], &'a [u8], Vec<u16>, &'a [u8], Vec<u16>, Said<'a>);

fn reference_client(message: &[u8]) -> Option<Client<'_>> {
    let layout = [Fixed(2), Fixed(32), Vector(1), Vector(1), Vector(2), Vector(1), Rest];
    let [version, random, session_id, cookie, suites, compression, rest] = fields(message, layout)?;
    let extensions = extensions(rest)?;
    let version = words(version)?[0];
    let offered = match body(&extensions, 43) {
        Some(body) => words(fields(body, [Vector(1)])?[0])?,
        None => vec![version],
    };
    let good = session_id.len() <= 32 && !compression.is_empty();
    good.then_some((version, random, cookie, words(suites)?, compression, offered, said(&extensions)?))
}

/// Whether the message is a ClientHello.
fn client_hello(message: &[u8]) -> bool {
    let read = ClientHello::parse(message);
    let expected = reference_client(message);
    assert_eq!(read.is_ok(), expected.is_some(), "the reference reads another ClientHello: {:?}", read.err());
    let (Ok(hello), Some(expected)) = (read, expected) else { return false };
    let (version, random, cookie, suites, compression, offered, said) = expected;
    assert_eq!((hello.version, hello.random.as_slice(), hello.cookie), (version, random, cookie));
    assert_eq!(hello.suites().collect::<Vec<_>>(), suites);
    assert_eq!(hello.null_compression(), compression.contains(&0));
    assert_eq!(spoken(hello.srtp, hello.connection_id), said);
    for version in offered.iter().chain(&[DTLS_1_0, DTLS_1_2, DTLS_1_3]) {
        assert_eq!(hello.offers(*version), offered.contains(version));
    }
    true
}

/// Version, random, suite, compression method, and what the extensions say.
type Server<'a> = (u16, &'a [u8], u16, u8, Said<'a>);

fn reference_server(message: &[u8]) -> Option<Server<'_>> {
    let layout = [Fixed(2), Fixed(32), Vector(1), Fixed(2), Fixed(1), Rest];
    let [version, random, session_id, suite, compression, rest] = fields(message, layout)?;
    let extensions = extensions(rest)?;
    let version = match body(&extensions, 43) {
        Some(body) => fields(body, [Fixed(2)])?[0],
        None => version,
    };
    let said = said(&extensions)?;
    let good = session_id.len() <= 32 && said.0.as_ref().is_none_or(|(profiles, _)| profiles.len() == 1);
    good.then_some((words(version)?[0], random, words(suite)?[0], compression[0], said))
}

/// Whether the message is a ServerHello.
fn server_hello(message: &[u8]) -> bool {
    let read = ServerHello::parse(message);
    let expected = reference_server(message);
    assert_eq!(read.is_ok(), expected.is_some(), "the reference reads another ServerHello: {:?}", read.err());
    let Ok(hello) = read else { return false };
    let said = spoken(hello.srtp, hello.connection_id);
    assert_eq!(Some((hello.version, hello.random.as_slice(), hello.suite, hello.compression, said)), expected);
    assert!(!hello.retry || hello.random.starts_with(&[0xCF, 0x21, 0xAD, 0x74]));
    true
}

/// Whether the message is a HelloVerifyRequest.
fn hello_verify_request(message: &[u8]) -> bool {
    let read = HelloVerifyRequest::parse(message).map(|request| request.version).ok();
    let expected =
        fields(message, [Fixed(2), Vector(1)]).map(|[version, _]| u16::from_be_bytes([version[0], version[1]]));
    assert_eq!(read, expected, "the reference reads another HelloVerifyRequest");
    read.is_some()
}
