//! The first datagram of protocols that have no business here.

use super::{Chance, ciphertext};

/// By name.
pub fn datagram(name: &str, seed: u64, length: usize) -> Option<Vec<u8>> {
    let noise = |length| ciphertext(seed, length);
    Some(match name {
        "empty" => Vec::new(),
        // A query for example.org, transaction 0x1234 and one in the range of STUN.
        "dns" => b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01".to_vec(),
        "dns-low" => b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01".to_vec(),
        "mdns" => b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05hilum\x05local\x00\x00\x01\x00\x01".to_vec(),
        "http" => b"GET /patients HTTP/1.1\r\nHost: records.example.org\r\n\r\n".to_vec(),
        "ssdp" => b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n".to_vec(),
        "sip" => b"INVITE sip:anna@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n".to_vec(),
        // RFC 9000 §17.2: version 1, an eight-byte connection id; padded as an Initial is.
        "quic-long" => [b"\xC3\x00\x00\x00\x01\x08abcdefgh\x00\x00\x44\x9E".to_vec(), noise(1180)].concat(),
        // §17.3: 0x40 and an encrypted byte; and the same with the fixed bit greased away (RFC 9287).
        "quic-short" => [b"\x53abcdefgh".to_vec(), noise(60)].concat(),
        "quic-short-greased" => [b"\x13abcdefgh".to_vec(), noise(60)].concat(),
        // Handshake initiation: 148 bytes; transport data: type 4.
        "wireguard" => [b"\x01\x00\x00\x00".to_vec(), noise(144)].concat(),
        "wireguard-data" => [b"\x04\x00\x00\x00".to_vec(), noise(92)].concat(),
        // RFC 6189 §5: 0x10, a sequence number, the cookie "ZRTP".
        "zrtp" => [b"\x10\x00\x00\x01ZRTP\x00\x00\x00\x01PZ\x00\x1DHello   1.10".to_vec(), noise(100)].concat(),
        "channel-data" => b"\x40\x01\x00\x08inside it".to_vec(),
        "tls" => [b"\x16\x03\x01\x01\x00\x01\x00\x00\xFC\x03\x03".to_vec(), noise(250)].concat(),
        "ssh" => b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        // uTP: type SYN and version 1 (BEP 29).
        "bittorrent" => b"\x41\x00\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00".to_vec(),
        "bittorrent-dht" => b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".to_vec(),
        "openvpn" => [b"\x38abcdefgh\x00\x00\x00\x00\x00".to_vec()].concat(),
        "ipsec" => [vec![0; 4], noise(8), vec![0; 8], b"\x21\x20\x22\x08".to_vec(), noise(100)].concat(),
        "ntp" => [b"\x23\x02\x06\xEC".to_vec(), noise(44)].concat(),
        "snmp" => b"\x30\x26\x02\x01\x01\x04\x06public\xA0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00".to_vec(),
        // A WebSocket's text frame, and plain words.
        "text" => b"Patient 4711, temperature 39.2".to_vec(),
        "random" => Chance::new(seed).bytes(length),
        // The first byte of DTLS and nothing behind it that is.
        "dtls-garbage" => [b"\x16\xFE\xFD".to_vec(), Chance::new(seed).bytes(length)].concat(),
        "rtp-garbage" => [b"\x80".to_vec(), Chance::new(seed).bytes(length)].concat(),
        _ => return None,
    })
}
