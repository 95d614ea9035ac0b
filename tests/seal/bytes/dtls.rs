//! DTLS as a sender writes it (RFC 6347, RFC 9147).

use super::{Chance, codes, u24, vector_u8, vector_u16};

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
pub const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What a hello says; of a server the first of each list.
#[derive(Clone, Debug)]
pub struct Hello {
    pub random: [u8; 32],
    pub legacy: u16,
    /// supported_versions, if it is sent.
    pub versions: Option<Vec<u16>>,
    pub suites: Vec<u16>,
    pub srtp: Option<Vec<u16>>,
    pub mki: Vec<u8>,
    pub cookie: Vec<u8>,
    pub connection_id: Option<Vec<u8>>,
    pub compression: Vec<u8>,
    /// Bytes of key share: more than a thousand with a post-quantum one.
    pub key_share: usize,
}

pub fn random(seed: u64) -> [u8; 32] {
    Chance::new(seed).bytes(32).try_into().unwrap()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), vector_u16(body)].concat()
}

impl Hello {
    fn extensions(&self, versions: Vec<u8>) -> Vec<u8> {
        let mut extensions = Vec::new();
        if self.versions.is_some() {
            extensions.extend(extension(43, &versions));
        }
        if let Some(profiles) = &self.srtp {
            extensions.extend(extension(14, &[vector_u16(&codes(profiles)), vector_u8(&self.mki)].concat()));
        }
        if let Some(id) = &self.connection_id {
            extensions.extend(extension(54, &vector_u8(id)));
        }
        if self.key_share > 0 {
            let share = [vec![0x11, 0xEC], vector_u16(&Chance::new(5).bytes(self.key_share))].concat();
            extensions.extend(extension(51, &share));
        }
        extensions
    }

    /// The body of a ClientHello.
    pub fn client(&self) -> Vec<u8> {
        let versions = vector_u8(&codes(self.versions.as_deref().unwrap_or_default()));
        [
            self.legacy.to_be_bytes().to_vec(),
            self.random.to_vec(),
            vector_u8(&[]),
            vector_u8(&self.cookie),
            vector_u16(&codes(&self.suites)),
            vector_u8(&self.compression),
            vector_u16(&self.extensions(versions)),
        ]
        .concat()
    }

    /// The body of a ServerHello.
    pub fn server(&self) -> Vec<u8> {
        let version = codes(&self.versions.iter().flatten().copied().take(1).collect::<Vec<_>>());
        [
            self.legacy.to_be_bytes().to_vec(),
            self.random.to_vec(),
            vector_u8(&[7; 32]),
            codes(&self.suites[..1]),
            self.compression[..1].to_vec(),
            vector_u16(&self.extensions(version)),
        ]
        .concat()
    }
}

/// Part of a handshake message, with its header.
pub fn fragment(kind: u8, sequence: u16, length: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    [[kind].as_slice(), &u24(length), &sequence.to_be_bytes(), &u24(offset), &u24(body.len()), body].concat()
}

/// A record with the 13-byte header.
pub fn record(kind: u8, version: u16, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let numbers = (u64::from(epoch) << 48) | sequence;
    [[kind].as_slice(), &version.to_be_bytes(), &numbers.to_be_bytes(), &vector_u16(body)].concat()
}

/// An encrypted record of DTLS 1.2 with a connection id (RFC 9146 §4).
pub fn connection_id_record(sequence: u64, id: &[u8], body: &[u8]) -> Vec<u8> {
    let numbers = (1 << 48) | sequence;
    [[25, 0xFE, 0xFD].as_slice(), &numbers.to_be_bytes(), id, &vector_u16(body)].concat()
}

/// An encrypted record of DTLS 1.3 (RFC 9147 §4), with a length.
pub fn unified(epoch: u8, sequence: u64, id: &[u8], body: &[u8]) -> Vec<u8> {
    let connection_id = if id.is_empty() { 0 } else { 0x10 };
    let first = 0x20 | connection_id | 0x08 | 0x04 | (epoch & 3);
    [[&[first], id, &sequence.to_be_bytes()[6..]].concat(), vector_u16(body)].concat()
}
