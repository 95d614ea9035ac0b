//! What a stream begins with where several protocols share one port: STUN framing (RFC 8489 §6.2.2), TLS (RFC 8446 §5.1)
//! or HTTP/1 (RFC 9112 §3). Only read, and nothing is taken away: the protocol's own parser judges everything again.

use super::{FrameKind, frame_length, read_u16};

/// A protocol that a stream may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// STUN messages in their own framing. ChannelData is none: it means nothing before a request.
    Turn,
    /// A record of TLS with a ClientHello in it.
    Tls,
    /// A request line of HTTP/1.
    Http,
}

/// Methods of RFC 9110 §9 and RFC 5789, each with the space behind it. HTTP/2 is not recognized by its preface: over TLS
/// it has a name of its own in ALPN (RFC 9113 §3.2), and without TLS nobody speaks it.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];
/// The type of a record with handshake messages, and of the ClientHello in it.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Bytes of a record at most, without its header (RFC 8446 §5.1), and the header of the handshake message at least.
const RECORD: core::ops::RangeInclusive<u16> = 4..=16_384;

/// What a stream speaks that begins with `bytes`. One byte is enough to tell, since no two of them begin alike; what is
/// there beyond it must fit as well. `None`: it speaks none of them, or there is no byte.
#[must_use]
pub fn spoken(bytes: &[u8]) -> Option<Spoken> {
    match bytes.first()? {
        0..=3 => begins_stun(bytes).then_some(Spoken::Turn),
        &HANDSHAKE => begins_tls(bytes).then_some(Spoken::Tls),
        _ => METHODS.iter().any(|method| begin_alike(bytes, method)).then_some(Spoken::Http),
    }
}

fn begins_stun(bytes: &[u8]) -> bool {
    frame_length(bytes).is_ok_and(|frame| frame.is_none_or(|frame| frame.kind == FrameKind::Stun))
}

fn begins_tls(bytes: &[u8]) -> bool {
    // Any version is written 3.x; which one it is stands inside the hello.
    bytes.get(1).is_none_or(|major| *major == 3)
        && bytes.get(2).is_none_or(|minor| *minor <= 4)
        && read_u16(bytes, 3).is_none_or(|length| RECORD.contains(&length))
        && bytes.get(5).is_none_or(|kind| *kind == CLIENT_HELLO)
}

/// Whether one of them begins with the other.
fn begin_alike(bytes: &[u8], other: &[u8]) -> bool {
    bytes.iter().zip(other).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

    #[test]
    fn each_is_told_by_one_byte_and_by_more() {
        let requests = METHODS.iter().map(|method| ([method, &b"/ HTTP/1.1\r\n"[..]].concat(), Spoken::Http));
        let others = [(BINDING.to_vec(), Spoken::Turn), (HELLO.to_vec(), Spoken::Tls)];
        for (bytes, expected) in requests.chain(others) {
            for length in 1..=bytes.len() {
                assert_eq!(spoken(&bytes[..length]), Some(expected), "{:?}", &bytes[..length]);
            }
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused_as_soon_as_it_shows() {
        let refused: [&[u8]; 20] = [
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO mail.example\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
            b"\r\n\r\n\0\r\nQUIT\n",
            b"get / HTTP/1.1\r\n",
            b"GETX",
            b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
            b"\x05\x01\0",
            &[0, 1, 0, 0, 1, 2, 3, 4],
            &[0, 1, 0, 3],
            // ChannelData, DTLS, QUIC, RTP.
            &[0x40, 0, 0, 4, 1, 2, 3, 4],
            &[22, 254, 253, 0, 0],
            &[0xc3, 0, 0, 0, 1],
            &[0x80, 0x60],
            // An alert, a record without room for a hello, one that is too long, another message than a hello.
            &[21, 3, 3, 0, 2],
            &[22, 3, 1, 0, 3],
            &[22, 3, 1, 0x40, 1],
            &[22, 3, 1, 2, 0, 2],
        ];
        for bytes in refused {
            assert_eq!(spoken(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn no_first_byte_is_two_of_them() {
        let told = |byte: u8| spoken(&[byte]);
        assert_eq!((0..=255).filter(|byte| told(*byte) == Some(Spoken::Turn)).count(), 4);
        assert_eq!((0..=255).filter(|byte| told(*byte) == Some(Spoken::Tls)).count(), 1);
        assert_eq!((0..=255).filter(|byte| told(*byte) == Some(Spoken::Http)).count(), 7);
    }
}
