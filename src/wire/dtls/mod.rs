//! DTLS as one who has no keys sees it: records, the fragments of handshake messages, and the hellos, which alone are
//! always in the clear (RFC 6347, RFC 9146, RFC 9147).

pub mod handshake;
mod hello;
mod record;

pub use handshake::{Fragment, Fragments, InvalidHandshake};
pub use hello::{ClientHello, HelloVerifyRequest, InvalidHello, ServerHello, UseSrtp};
pub use record::{InvalidRecord, Record, Records};

/// The version number of DTLS 1.0 (RFC 4347 §4.1). The first ClientHello of a later version is often labelled with it.
pub const DTLS_1_0: u16 = 0xFEFF;
/// The version number of DTLS 1.2 (RFC 6347 §4.1).
pub const DTLS_1_2: u16 = 0xFEFD;
/// The version number of DTLS 1.3 (RFC 9147 §5.3). It stands in supported_versions only.
pub const DTLS_1_3: u16 = 0xFEFC;

/// The content types of records (RFC 5246 §6.2.1, RFC 6520 §3, RFC 9146 §3, RFC 9147 §4).
pub mod content {
    /// change_cipher_spec.
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// alert.
    pub const ALERT: u8 = 21;
    /// handshake.
    pub const HANDSHAKE: u8 = 22;
    /// application_data.
    pub const APPLICATION_DATA: u8 = 23;
    /// heartbeat.
    pub const HEARTBEAT: u8 = 24;
    /// tls12_cid.
    pub const CONNECTION_ID: u8 = 25;
    /// ACK, which DTLS 1.3 alone knows.
    pub const ACK: u8 = 26;
}

/// The first three bytes as a big-endian number, and the rest.
const fn split_u24(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let Some((&[high, middle, low], rest)) = bytes.split_first_chunk::<3>() else { return None };
    Some((u32::from_be_bytes([0, high, middle, low]), rest))
}

/// The first two bytes as a big-endian number, and the rest.
const fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let Some((&two, rest)) = bytes.split_first_chunk::<2>() else { return None };
    Some((u16::from_be_bytes(two), rest))
}
