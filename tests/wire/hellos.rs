//! DTLS written by hand, field by field as the RFCs print them, without any code of the house.

#![allow(dead_code, reason = "each test binary that includes this file uses a part of it")]

/// A big-endian number of 16 bits as a length.
fn length_u16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

/// A big-endian number of 24 bits.
fn u24(number: usize) -> [u8; 3] {
    let [0, high, middle, low] = u32::try_from(number).unwrap().to_be_bytes() else { panic!("{number} has 24 bits") };
    [high, middle, low]
}

/// `opaque bytes<0..2^8-1>`.
pub fn vector_u8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// `opaque bytes<0..2^16-1>`.
pub fn vector_u16(bytes: &[u8]) -> Vec<u8> {
    [length_u16(bytes.len()).as_slice(), bytes].concat()
}

/// Numbers of 16 bits, one behind the other.
pub fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An extension: its type and its body.
pub type Extension = (u16, Vec<u8>);

/// use_srtp (RFC 5764 §4.1.1).
pub fn use_srtp(profiles: &[u16], mki: &[u8]) -> Extension {
    (14, [vector_u16(&numbers(profiles)), vector_u8(mki)].concat())
}

/// supported_versions as a client sends it (RFC 8446 §4.2.1).
pub fn supported_versions(versions: &[u16]) -> Extension {
    (43, vector_u8(&numbers(versions)))
}

/// supported_versions as a server sends it.
pub fn selected_version(version: u16) -> Extension {
    (43, version.to_be_bytes().to_vec())
}

/// connection_id (RFC 9146 §3).
pub fn connection_id(id: &[u8]) -> Extension {
    (54, vector_u8(id))
}

/// `Extension extensions<0..2^16-1>`.
pub fn extension_block(extensions: &[Extension]) -> Vec<u8> {
    let each = extensions.iter().map(|(kind, body)| [kind.to_be_bytes().as_slice(), &vector_u16(body)].concat());
    vector_u16(&each.collect::<Vec<_>>().concat())
}

/// The fields of a ClientHello (RFC 6347 §4.2.1).
#[derive(Clone, Debug)]
pub struct Client {
    pub version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub cookie: Vec<u8>,
    pub suites: Vec<u16>,
    pub compression: Vec<u8>,
    /// `None`: not even an empty block.
    pub extensions: Option<Vec<Extension>>,
}

impl Client {
    /// What a browser of today says first: DTLS 1.3 with 1.2 to fall back on, and three profiles.
    pub fn modern() -> Self {
        Self {
            version: 0xFEFD,
            random: [7; 32],
            session_id: Vec::new(),
            cookie: Vec::new(),
            suites: vec![0x1301, 0x1302, 0xC02B],
            compression: vec![0],
            extensions: Some(vec![
                (10, vector_u16(&numbers(&[0x11EC, 0x001D]))),
                supported_versions(&[0xFEFC, 0xFEFD]),
                use_srtp(&[8, 7, 1], &[]),
                (51, vector_u16(&[0x5A; 60])),
            ]),
        }
    }

    /// The body up to the extensions.
    pub fn head(&self) -> Vec<u8> {
        [
            self.version.to_be_bytes().to_vec(),
            self.random.to_vec(),
            vector_u8(&self.session_id),
            vector_u8(&self.cookie),
            vector_u16(&numbers(&self.suites)),
            vector_u8(&self.compression),
        ]
        .concat()
    }

    pub fn encode(&self) -> Vec<u8> {
        [self.head(), self.extensions.as_deref().map(extension_block).unwrap_or_default()].concat()
    }

    /// The same with these extensions.
    pub fn with(&self, extensions: Vec<Extension>) -> Self {
        Self { extensions: Some(extensions), ..self.clone() }
    }
}

/// The fields of a ServerHello (RFC 5246 §7.4.1.3).
#[derive(Clone, Debug)]
pub struct Server {
    pub version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub suite: u16,
    pub compression: u8,
    /// `None`: not even an empty block.
    pub extensions: Option<Vec<Extension>>,
}

impl Server {
    /// An answer in DTLS 1.2 that chooses a profile.
    pub fn of_1_2() -> Self {
        Self {
            version: 0xFEFD,
            random: [9; 32],
            session_id: vec![3; 32],
            suite: 0xC02B,
            compression: 0,
            extensions: Some(vec![(0xFF01, vec![0]), use_srtp(&[7], &[])]),
        }
    }

    /// An answer in DTLS 1.3, whose profile nobody sees.
    pub fn of_1_3() -> Self {
        let share = [&numbers(&[0x001D]), &vector_u16(&[0xA5; 32])[..]].concat();
        Self {
            session_id: Vec::new(),
            suite: 0x1301,
            extensions: Some(vec![(51, share), selected_version(0xFEFC)]),
            ..Self::of_1_2()
        }
    }

    /// The body up to the extensions.
    pub fn head(&self) -> Vec<u8> {
        [
            self.version.to_be_bytes().to_vec(),
            self.random.to_vec(),
            vector_u8(&self.session_id),
            self.suite.to_be_bytes().to_vec(),
            vec![self.compression],
        ]
        .concat()
    }

    pub fn encode(&self) -> Vec<u8> {
        [self.head(), self.extensions.as_deref().map(extension_block).unwrap_or_default()].concat()
    }

    /// The same with these extensions.
    pub fn with(&self, extensions: Vec<Extension>) -> Self {
        Self { extensions: Some(extensions), ..self.clone() }
    }
}

/// A fragment of a handshake message (RFC 6347 §4.2.2).
pub fn fragment(kind: u8, length: usize, sequence: u16, offset: usize, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u24(length), &sequence.to_be_bytes(), &u24(offset), &u24(body.len()), body].concat()
}

/// A handshake message in one fragment.
pub fn handshake(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, body.len(), sequence, 0, body)
}

/// A record with the 13-byte header (RFC 6347 §4.1).
pub fn record(kind: u8, version: u16, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let [_, _, sequence @ ..] = sequence.to_be_bytes();
    [&[kind][..], &version.to_be_bytes(), &epoch.to_be_bytes(), &sequence, &length_u16(body.len()), body].concat()
}

/// A tls12_cid record (RFC 9146 §4).
pub fn record_with_id(epoch: u16, sequence: u64, id: &[u8], body: &[u8]) -> Vec<u8> {
    let [_, _, sequence @ ..] = sequence.to_be_bytes();
    [&[25, 0xFE, 0xFD], &epoch.to_be_bytes()[..], &sequence, id, &length_u16(body.len()), body].concat()
}

/// A record with the unified header (RFC 9147 §4): C if there is an id, S and L as told.
pub fn unified(epoch: u8, id: &[u8], long_sequence: bool, with_length: bool, body: &[u8]) -> Vec<u8> {
    let first = 0x20
        | (u8::from(!id.is_empty()) << 4)
        | (u8::from(long_sequence) << 3)
        | (u8::from(with_length) << 2)
        | (epoch & 3);
    let sequence: &[u8] = if long_sequence { &[0x12, 0x34] } else { &[0x34] };
    let length = length_u16(body.len());
    [&[first][..], id, sequence, if with_length { &length[..] } else { &[] }, body].concat()
}
