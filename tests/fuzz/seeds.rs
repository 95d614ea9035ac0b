//! The seeds of the corpus: small inputs with a meaning, each the start of many.

use hilum::addr::Family;
use hilum::wire::attribute::Icmp;
use hilum::wire::{
    AttributeType, ChannelNumber, Class, ErrorCode, IntegrityKey, IntegrityKind, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, write_channel_header,
};

#[cfg(feature = "server")]
#[path = "seeds_journal.rs"]
mod journal;
#[path = "seeds_media.rs"]
mod media;
#[path = "seeds_token.rs"]
mod token;

/// Headers of a load balancer, whole and with something behind them.
fn proxy_headers() -> Vec<(&'static str, Vec<u8>)> {
    let binary = |command: u8, family: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
    };
    let v4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 187];
    let mut v6 = [0x20; 36];
    v6[1] = 1;
    let tlvs = [&v4[..], &[1, 0, 9], b"stun.turn", &[3, 0, 4, 1, 2, 3, 4, 0x20, 0, 5, 0, 0, 0, 0, 0]].concat();
    let behind = |header: Vec<u8>| [&header, &b"\x16\x03\x01\x00\xc8"[..]].concat();
    vec![
        ("tcp4", behind(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".to_vec())),
        ("tcp6", b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.7 1 65535\r\n".to_vec()),
        ("unknown", b"PROXY UNKNOWN a b c 1\r\n".to_vec()),
        ("unfinished", b"PROXY TCP4 192.0.2.1 198.51.".to_vec()),
        ("v4", behind(binary(0x21, 0x11, &v4))),
        ("v4_tlvs", binary(0x21, 0x11, &tlvs)),
        ("v4_datagram", binary(0x21, 0x12, &v4)),
        ("v6_datagram", behind(binary(0x21, 0x22, &v6))),
        ("local_datagram", behind(binary(0x20, 0x12, &v4))),
        ("v6", binary(0x21, 0x21, &v6)),
        ("local", binary(0x20, 0x00, &[])),
        ("unspecified", behind(binary(0x21, 0x00, &[4, 0, 1, 0]))),
        ("unix", binary(0x21, 0x31, &[b'/'; 216])),
    ]
}

/// One of each protocol that may come to one UDP port, and some that nearly are.
fn at_one_port() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("stun_binding", message(Class::Request, Method::Binding, |_| {})),
        ("stun_without_a_cookie", [&[0, 1, 0, 0][..], &[9; 16]].concat()),
        ("channel_data", vec![0x40, 0, 0, 2, b'h', b'i']),
        ("channel_data_cut", vec![0x40, 0, 0, 9, b'h', b'i']),
        ("quic_initial", [&[0xc3, 0, 0, 0, 1, 8][..], &[7; 30]].concat()),
        ("quic_short_header", [&[0x5a][..], &[7; 30]].concat()),
        ("quic_like_a_channel", [&[0x4f][..], &[7; 30]].concat()),
        ("dtls_hello", vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("dtls_1_3_record", vec![0x2e, 1, 2, 0, 4, 1, 2, 3, 4]),
        ("rtp", vec![0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3]),
        ("zrtp", vec![0x10, 0, 0, 1, b'Z', b'R', b'T', b'P']),
        ("proxy_header", b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb".to_vec()),
        ("proxy_header_alone", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec()),
    ]
}

/// What clients of a port that speaks everything begin with, and what scanners do.
fn openings() -> Vec<(&'static str, Vec<u8>)> {
    let binding = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl".to_vec();
    let padded = |head: &[u8]| [head, &[0x5a; 64]].concat();
    vec![
        ("binding", binding.clone()),
        ("binding_in_part", binding[..6].to_vec()),
        ("allocate", padded(b"\0\x03\0\x08\x21\x12\xa4\x42")),
        ("no_cookie", padded(b"\0\x01\0\0\x01\x02\x03\x04")),
        ("channel_data", padded(b"\x40\0\0\x04")),
        ("hello", padded(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")),
        ("hello_of_1_3", padded(b"\x16\x03\x03\x06\xfa\x01\0\x06\xf6\x03\x03")),
        ("alert", b"\x15\x03\x03\0\x02\x02\x28".to_vec()),
        ("dtls", padded(b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x80\x01")),
        ("get", b"GET / HTTP/1.1\r\nHost: relay.clinic.example\r\n\r\n".to_vec()),
        ("options", b"OPTIONS * HTTP/1.1\r\n\r\n".to_vec()),
        ("connect", b"CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n".to_vec()),
        ("method_in_part", b"DELE".to_vec()),
        ("http_2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("proxy", b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".to_vec()),
        ("proxy_2", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0".to_vec()),
        ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("rdp", b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0".to_vec()),
        ("socks", b"\x05\x01\0".to_vec()),
    ]
}

/// One input: the target it is for, its file's name, its bytes.
pub struct Seed {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// All seeds of all targets.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target: &'static str, name: &str, bytes: Vec<u8>| {
        seeds.push(Seed { target, name: name.to_owned(), bytes });
    };
    for (name, bytes) in messages() {
        add("wire_message", name, bytes);
    }
    for (name, bytes) in channel_data() {
        add("wire_channel_data", name, bytes);
    }
    for (name, bytes) in streams() {
        add("wire_frames", name, bytes);
    }
    for (name, bytes) in proxy_headers() {
        add("wire_proxy", name, bytes);
    }
    for (name, bytes) in at_one_port() {
        add("wire_datagram", name, bytes);
    }
    for (name, bytes) in openings() {
        add("wire_spoken", name, bytes);
    }
    for (name, bytes) in media::datagrams() {
        add("wire_dtls", name, bytes);
    }
    for (name, bytes) in media::packets() {
        add("wire_rtp", name, bytes);
    }
    for (name, bytes) in crate::targets::seal::programs() {
        add("seal", name, bytes);
    }
    #[cfg(feature = "server")]
    for (name, bytes) in journal::journals() {
        add("journal", name, bytes);
    }
    for (name, bytes) in token::tokens() {
        add("auth_token", name, bytes);
    }
    for (name, bytes) in addresses() {
        add("peer_address", name, bytes);
    }
    for (name, bytes) in strangers() {
        add("relay_unauthenticated", name, bytes);
    }
    for (name, bytes) in programs() {
        add("relay_authenticated", name, bytes);
    }
    for (name, bytes) in calls() {
        add("relay_calls", name, bytes);
    }
    seeds
}

const TRANSACTION: TransactionId = TransactionId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

fn message(class: Class, method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, class, method, TRANSACTION);
    write(&mut writer);
    let length = writer.finish().expect("a seed is small");
    buffer.truncate(length);
    buffer
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    use AttributeType as T;
    use Class::{Error, Indication, Request, Success};
    let key = IntegrityKey::long_term(PasswordAlgorithm::Sha256, b"anna", b"example.org", b"secret");
    let peer = "192.0.2.7:9".parse().expect("an address");
    let peer6 = "[2001:db8::7]:9".parse().expect("an address");
    let login = |writer: &mut MessageWriter<'_>| {
        writer
            .attribute(T::USERNAME, b"anna")
            .attribute(T::REALM, b"example.org")
            .attribute(T::NONCE, b"obMatJos2AAACf//499k9");
    };
    vec![
        ("binding", message(Request, Method::Binding, |_| {})),
        ("binding_fingerprint", message(Request, Method::Binding, |w| drop_it(w.fingerprint()))),
        (
            "allocate_stranger",
            message(Request, Method::Allocate, |w| drop_it(w.attribute(T::REQUESTED_TRANSPORT, &[17, 0, 0, 0]))),
        ),
        (
            "allocate_everything",
            message(Request, Method::Allocate, |w| {
                w.attribute(T::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                    .number(T::LIFETIME, 600)
                    .attribute(T::EVEN_PORT, &[0x80])
                    .attribute(T::DONT_FRAGMENT, &[])
                    .attribute(T::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
                    .attribute(T::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER)
                    .attribute(T::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
                login(w);
                w.integrity(IntegrityKind::Sha1, &key).integrity(IntegrityKind::Sha256, &key).fingerprint();
            }),
        ),
        (
            "allocate_reserved",
            message(Request, Method::Allocate, |w| {
                w.attribute(T::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(T::RESERVATION_TOKEN, &[7; 8]);
                login(w);
                w.integrity(IntegrityKind::Sha1, &key);
            }),
        ),
        (
            "allocate_userhash",
            message(Request, Method::Allocate, |w| {
                w.attribute(T::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                    .attribute(T::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])
                    .attribute(T::USERHASH, &[5; 32])
                    .integrity(IntegrityKind::Sha256, &key);
            }),
        ),
        (
            "allocate_success",
            message(Success, Method::Allocate, |w| {
                w.xor_address(T::XOR_RELAYED_ADDRESS, peer, TRANSACTION)
                    .xor_address(T::XOR_RELAYED_ADDRESS, peer6, TRANSACTION)
                    .xor_address(T::XOR_MAPPED_ADDRESS, peer, TRANSACTION)
                    .address_error_code(Family::V6, ErrorCode::INSUFFICIENT_CAPACITY)
                    .number(T::LIFETIME, 600);
            }),
        ),
        (
            "allocate_challenge",
            message(Error, Method::Allocate, |w| {
                w.error_code(ErrorCode::UNAUTHENTICATED, true)
                    .attribute(T::REALM, b"example.org")
                    .attribute(T::NONCE, b"obMatJos2AAACf//499k9")
                    .attribute(T::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER);
            }),
        ),
        (
            "try_alternate",
            message(Error, Method::Allocate, |w| {
                w.error_code(ErrorCode::TRY_ALTERNATE, false)
                    .plain_address(T::ALTERNATE_SERVER, peer)
                    .attribute(T::ALTERNATE_DOMAIN, b"example.org");
            }),
        ),
        (
            "unknown_attributes",
            message(Error, Method::Refresh, |w| {
                w.error_code(ErrorCode::UNKNOWN_ATTRIBUTE, true)
                    .attribute(T::UNKNOWN_ATTRIBUTES, &[0x00, 0x03, 0x77, 0x77]);
            }),
        ),
        (
            "refresh_delete",
            message(Request, Method::Refresh, |w| {
                w.number(T::LIFETIME, 0);
                login(w);
                w.integrity(IntegrityKind::Sha1, &key);
            }),
        ),
        (
            "create_permission_two",
            message(Request, Method::CreatePermission, |w| {
                w.xor_address(T::XOR_PEER_ADDRESS, peer, TRANSACTION).xor_address(
                    T::XOR_PEER_ADDRESS,
                    peer6,
                    TRANSACTION,
                );
            }),
        ),
        (
            "channel_bind",
            message(Request, Method::ChannelBind, |w| {
                w.number(T::CHANNEL_NUMBER, 0x4001_0000).xor_address(T::XOR_PEER_ADDRESS, peer, TRANSACTION);
            }),
        ),
        (
            "send",
            message(Indication, Method::Send, |w| {
                w.xor_address(T::XOR_PEER_ADDRESS, peer, TRANSACTION).attribute(T::DATA, b"hello");
            }),
        ),
        (
            "data_icmp",
            message(Indication, Method::Data, |w| {
                w.xor_address(T::XOR_PEER_ADDRESS, peer, TRANSACTION)
                    .attribute(T::ICMP, &Icmp { kind: 3, code: 4, data: 1280 }.encode());
            }),
        ),
        (
            "after_the_integrity",
            message(Request, Method::Refresh, |w| {
                w.integrity(IntegrityKind::Sha1, &key)
                    .number(T::LIFETIME, 0)
                    .integrity(IntegrityKind::Sha256, &key)
                    .fingerprint();
            }),
        ),
        (
            "ice_check",
            message(Request, Method::Binding, |w| {
                w.number(T::PRIORITY, 0x6e00_01ff)
                    .attribute(T::ICE_CONTROLLING, &[1; 8])
                    .attribute(T::USE_CANDIDATE, &[])
                    .attribute(T::SOFTWARE, b"a browser")
                    .fingerprint();
            }),
        ),
        ("unknown_method", {
            let mut bytes = message(Request, Method::Binding, |_| {});
            bytes[1] = 0x0A;
            bytes
        }),
        ("cut", message(Request, Method::Binding, |w| drop_it(w.attribute(T::SOFTWARE, b"cut")))[..26].to_vec()),
    ]
}

/// The writer's methods return it for the next; a seed's last one needs no next.
const fn drop_it(_: &mut MessageWriter<'_>) {}

fn frame(number: u16, data: &[u8], padding: usize) -> Vec<u8> {
    let channel = ChannelNumber::new(number).expect("in range");
    let mut bytes = write_channel_header(channel, u16::try_from(data.len()).expect("small")).to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

fn channel_data() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", frame(0x4000, b"", 0)),
        ("hello", frame(0x4001, b"hello", 0)),
        ("hello_padded", frame(0x4FFF, b"hello", 3)),
        ("too_much_padding", frame(0x4001, b"hello!!!", 4)),
        ("rtp", frame(0x4002, &[0x80, 111, 0, 1, 0, 0, 0, 0, 0xDE, 0xAD, 0xBE, 0xEF, 1, 2, 3], 1)),
        ("too_short", frame(0x4001, b"hello", 0)[..7].to_vec()),
        ("out_of_range", vec![0x50, 0, 0, 0]),
    ]
}

fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let stun = message(Class::Request, Method::Binding, |w| drop_it(w.attribute(AttributeType::SOFTWARE, b"a client")));
    let mixed =
        [stun.clone(), frame(0x4000, b"a", 3), frame(0x4001, b"", 0), stun.clone(), frame(0x4002, b"abcd", 0)].concat();
    let stream = |lengths: &[u8], stream: &[u8]| {
        let mut bytes = vec![u8::try_from(lengths.len()).expect("few")];
        bytes.extend_from_slice(lengths);
        bytes.extend_from_slice(stream);
        bytes
    };
    vec![
        ("single_bytes", stream(&[1], &mixed)),
        ("primes", stream(&[2, 3, 5, 7, 11, 13], &mixed)),
        ("coalesced", stream(&[255], &mixed)),
        ("one_cut", stream(&[5], &stun)),
        ("unfinished", stream(&[4], &mixed[..mixed.len() - 5])),
        ("tls", stream(&[3], &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01])),
        ("http", stream(&[3], b"GET / HTTP/1.1\r\n\r\n")),
        ("no_cookie", stream(&[9], &[0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])),
    ]
}

fn addresses() -> Vec<(&'static str, Vec<u8>)> {
    let spelled = [
        ("v4", "192.0.2.1"),
        ("v4_loopback", "127.0.0.1"),
        ("v4_unspecified", "0.0.0.0"),
        ("v4_one", "0.0.0.1"),
        ("v6", "2001:db8::1"),
        ("v6_loopback", "::1"),
        ("v6_unspecified", "::"),
        ("mapped", "::ffff:127.0.0.1"),
        ("translated", "::ffff:0:127.0.0.1"),
        ("compatible", "::127.0.0.1"),
        ("nat64", "64:ff9b::127.0.0.1"),
        ("nat64_local", "64:ff9b:1:2:3:4:127.0.0.1"),
        ("6to4", "2002:7f00:1::"),
        ("teredo", "2001:0:102:304::80ff:fffe"),
        ("link_local", "fe80::1"),
        ("unique_local", "fd00::1"),
        ("multicast", "ff02::1"),
    ];
    spelled
        .into_iter()
        .map(|(name, text)| {
            let mut bytes = match text.parse().expect("an address") {
                core::net::IpAddr::V4(v4) => v4.octets().to_vec(),
                core::net::IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            bytes.extend([0x0D, 0x96]);
            (name, bytes)
        })
        .collect()
}

/// Programs of strangers: which client and what he does in one byte, then what that needs.
fn strangers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("binding", vec![0x40, 0, 0, 0, 0, 0]),
        ("binding_fingerprint", vec![0x41, 0, 0, 0, 8, 0]),
        ("allocate", vec![0x40, 0, 1, 1, 0, 17, 0, 0]),
        ("allocate_ipv6", vec![0x41, 0, 1, 2, 0, 17, 4, 1, 0, 0]),
        ("allocate_forged", vec![0x40, 0, 1, 1, 0, 17, 3, 0, 0x42, 0, 1, 1, 0, 17, 1, 0]),
        ("allocate_good_nonce", vec![0x30, 0, 1, 1, 0, 17, 3, 0, 0x32, 0, 1, 1, 0, 17, 15, 0]),
        ("refresh_delete", vec![0x30, 0, 2, 1, 1, 0, 7, 0]),
        ("send", vec![0x40, 2, 3, 2, 7, 0, 10, 3, 1, 2, 3, 0, 0]),
        ("channel_data", vec![0x20, 0, 4, 1, 2, 3, 4, 0]),
        ("noise", vec![0x10, 5, 22, 3, 1, 0, 9]),
        ("unknown_attributes", vec![0x40, 0, 0, 3, 11, 1, 0, 11, 2, 0, 11, 3, 0, 0, 0]),
        ("indications_and_answers", vec![0x40, 2, 0, 0, 0, 0, 0x40, 3, 0, 0, 0, 0, 0x40, 4, 1, 0, 0, 0]),
        ("cut", vec![0x40, 0, 0, 0, 0, 201, 0, 10, 255]),
        ("through_a_balancer", vec![0x70, 1, 0, 0, 0, 0, 0, 0, 0, 0x70, 2, 0, 0, 1, 1, 0, 17, 0, 0, 0]),
        ("through_a_balancer_as_the_victim", vec![0x70, 0, 0, 0, 2, 1, 1, 0, 7, 0, 0, 0]),
        ("later", vec![0x00, 29, 0x40, 0, 1, 0, 0, 0, 0x00, 29, 0x40, 0, 1, 0, 0, 0]),
    ]
}

// Steps of a client with a credential. `client` is 0 to 4, see the world of the relay targets.
const fn allocate(client: u8) -> [u8; 3] {
    [client, 0, 0]
}

const fn permit(client: u8, peer: u8) -> [u8; 4] {
    [client, 1, 0, peer]
}

const fn bind(client: u8, number: u8, peer: u8) -> [u8; 5] {
    [client, 2, 0, number, peer]
}

const fn refresh(client: u8, lifetime: u8) -> [u8; 5] {
    [client, 3, 1, 1, lifetime]
}

const fn send(client: u8, peer: u8) -> [u8; 7] {
    [12 << 3 | client, peer, 2, b'h', b'i', 0, 0]
}

const fn channel(client: u8, number: u8) -> [u8; 6] {
    [16 << 3 | client, number, 2, b'h', b'i', 0]
}

const fn hear(client: u8, peer: u8) -> [u8; 7] {
    [19 << 3 | client, peer, 0, 0, 2, b'h', b'i']
}

const fn icmp(client: u8, peer: u8) -> [u8; 4] {
    [19 << 3 | client, peer, 0, 227]
}

const fn wait(choice: u8) -> [u8; 2] {
    [26 << 3, choice]
}

/// Time passes, and the driver is late to say so.
const fn late(choice: u8) -> [u8; 2] {
    [28 << 3, choice]
}

// The bytes that stand for the relayed address of a client.
const RELAYED_OF_0: u8 = 12;
const RELAYED_OF_1: u8 = 26;

/// Programs of clients with credentials.
fn programs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("allocate", allocate(0).to_vec()),
        ("allocate_sha256_fingerprint", vec![0, 0, 0x44]),
        ("allocate_all", (0..5).flat_map(allocate).collect()),
        ("permission_both_ways", [&allocate(0)[..], &permit(0, 0), &send(0, 0), &hear(0, 0), &hear(0, 2)].concat()),
        ("channel_both_ways", [&allocate(0)[..], &bind(0, 0, 0), &channel(0, 0), &hear(0, 0), &hear(0, 1)].concat()),
        ("channel_over_tcp", [&allocate(3)[..], &bind(3, 1, 0), &channel(3, 1), &hear(3, 0), &[29 << 3 | 3]].concat()),
        (
            "channel_conflicts",
            [&allocate(0)[..], &bind(0, 0, 0), &bind(0, 0, 2), &bind(0, 1, 0), &bind(0, 1, 2), &channel(0, 1)].concat(),
        ),
        ("forbidden_peers", [&allocate(0)[..], &permit(0, 8), &permit(0, 7), &permit(0, 9), &bind(0, 0, 4)].concat()),
        ("low_port", [&allocate(0)[..], &permit(0, 4), &send(0, 4), &send(0, 0)].concat()),
        ("two_clients_meet", {
            let allocated =
                [&allocate(0)[..], &allocate(1), &permit(0, RELAYED_OF_1), &permit(1, RELAYED_OF_0)].concat();
            let meet = [&send(0, RELAYED_OF_1)[..], &bind(0, 0, RELAYED_OF_1), &channel(0, 0), &hear(1, RELAYED_OF_0)];
            [&allocated[..], &meet.concat(), &refresh(1, 0), &channel(0, 0), &send(0, RELAYED_OF_1)].concat()
        }),
        ("channel_expires", {
            let long = [&[0, 0, 1, 1, 6][..], &bind(0, 0, 0), &wait(9), &permit(0, 0), &channel(0, 0)].concat();
            [&long[..], &hear(0, 0), &bind(0, 1, 0), &hear(0, 0), &channel(0, 1)].concat()
        }),
        (
            "late_tick",
            [
                &allocate(0)[..],
                &late(9),
                &refresh(0, 6),
                &allocate(0),
                &permit(0, 0),
                &late(9),
                &send(0, 0),
                &late(0),
                &allocate(0),
                &late(9),
                &hear(0, 0),
            ]
            .concat(),
        ),
        (
            "permission_expires",
            [&allocate(0)[..], &permit(0, 0), &wait(5), &send(0, 0), &wait(0), &send(0, 0)].concat(),
        ),
        ("allocation_expires", [&allocate(0)[..], &wait(8), &refresh(0, 6), &wait(9), &wait(10), &wait(12)].concat()),
        ("refresh_delete", [&allocate(0)[..], &bind(0, 0, 0), &refresh(0, 0), &channel(0, 0), &[25 << 3]].concat()),
        ("dual", [&[0, 0, 1, 5, 0][..], &permit(0, 3), &send(0, 3), &permit(0, 0), &send(0, 0)].concat()),
        ("dual_half_deleted", [&[0, 0, 1, 5, 0][..], &permit(0, 3), &[0, 3, 2, 1, 0, 4, 1], &send(0, 3)].concat()),
        ("even_port_and_reservation", vec![0, 0, 1, 2, 0x80, 1, 0, 1, 6]),
        ("reservation_unclaimed", [&[0, 0, 1, 2, 0x80][..], &wait(2), &[1, 0, 1, 6]].concat()),
        ("other_user", [&allocate(0)[..], &[0, 1, 8, 0], &[0, 3, 9, 1, 0]].concat()),
        ("credential_ends", [&[0, 0, 16][..], &wait(5), &[0, 3, 16], &wait(4), &wait(3), &[0, 3, 16]].concat()),
        ("icmp", [&allocate(0)[..], &permit(0, 0), &icmp(0, 0), &icmp(0, 2)].concat()),
        ("retransmission", [&allocate(0)[..], &[25 << 3], &permit(0, 0), &[25 << 3]].concat()),
        (
            "reload",
            [&allocate(0)[..], &bind(0, 0, 0), &[30 << 3], &channel(0, 0), &hear(0, 0), &[30 << 3], &send(0, 0)]
                .concat(),
        ),
        ("drain", [&allocate(0)[..], &[31 << 3, 255], &allocate(1), &send(0, 0)].concat()),
        ("end_all", [&allocate(0)[..], &allocate(1), &[31 << 3, 254], &allocate(0)].concat()),
        ("quota", [&[0, 0, 0][..], &[1, 0, 0], &[2, 0, 0], &[3, 0, 0], &[4, 0, 0], &[4, 0, 8]].concat()),
        (
            "many_permissions",
            [&allocate(0)[..], &permit(0, 0), &permit(0, 2), &[0, 1, 3, 0, 7, 2, 7, 12, 7, 5], &permit(0, 12)].concat(),
        ),
        (
            "too_many_channels",
            (0..4).fold(allocate(0).to_vec(), |all, n| [&all[..], &bind(0, n, [0, 1, 2, 5][usize::from(n)])].concat()),
        ),
        ("too_much_for_one_allocation", {
            let dual = [&[0, 0, 1, 5, 0][..], &permit(0, 0), &permit(0, 2), &permit(0, 3), &permit(0, 13)].concat();
            let channels = [bind(0, 0, 0), bind(0, 1, 1), bind(0, 2, 2), bind(0, 3, 3)].concat();
            [&dual[..], &permit(0, 12), &channels].concat()
        }),
        ("attributes_that_exclude_each_other", vec![0, 0, 2, 2, 0x80, 6, 1, 0, 2, 4, 1, 5, 0, 2, 0, 1, 5, 1]),
        ("mismatches", [&refresh(0, 6)[..], &permit(0, 0), &allocate(0), &allocate(0), &permit(0, 3)].concat()),
        ("credential_ended_before", [&wait(8)[..], &[0, 0, 16]].concat()),
        ("spoiled", vec![0, 0, 0x20, 203, 0, 40, 1, 255, 0, 60, 1, 3, 0, 2, 9, 7]),
    ]
}

/// Steps of the parties of calls: 0, 1 and 2 are of one call, 3 and 4 of another, and 2 reaches a peer outside, which 5
/// stands for.
fn calls() -> Vec<(&'static str, Vec<u8>)> {
    let allocate = |party: u8| vec![party];
    let bind = |party: u8, peer: u8| vec![5 << 3 | party, 0, peer];
    let permit = |party: u8, peer: u8| vec![10 << 3 | party, peer];
    let says = |party: u8| vec![14 << 3 | party, 0, 2, b'h', b'i'];
    let sends = |party: u8, peer: u8| vec![21 << 3 | party, peer, 3, b'y', b'o', b'u'];
    let hears = |peer: u8| vec![25 << 3, peer, 2, b'h', b'o'];
    let waits = |pause: u8| vec![27 << 3, pause];
    let revokes = |call: u8| vec![29 << 3, call];
    let deletes = |party: u8| vec![13 << 3 | party, 0];
    let call = |one: u8, other: u8| {
        [allocate(one), allocate(other), bind(one, other), bind(other, one), says(one), says(other)].concat()
    };
    vec![
        ("call", call(0, 1)),
        ("call_of_the_other", call(3, 4)),
        ("two_calls", [call(0, 1), call(3, 4), bind(0, 3), says(0), bind(3, 0), says(3)].concat()),
        ("strangers_to_each_other", call(0, 3)),
        ("indications", [allocate(0), allocate(1), permit(0, 1), permit(1, 0), sends(0, 1), sends(1, 0)].concat()),
        ("one_sided", [allocate(0), allocate(1), bind(0, 1), says(0), permit(1, 0), says(0)].concat()),
        ("outward", [allocate(2), bind(2, 5), says(2), hears(5), hears(0)].concat()),
        ("outward_in_a_call", [call(0, 2), bind(2, 5), says(2), sends(2, 0), hears(0), hears(2)].concat()),
        ("outward_for_nobody", [call(0, 1), bind(0, 5), permit(1, 5), sends(0, 5), hears(5)].concat()),
        ("revoked", [call(0, 1), call(3, 4), revokes(0), says(0), says(3), allocate(0), says(1)].concat()),
        ("both_revoked", [call(0, 1), call(3, 4), revokes(255), revokes(0), says(3), allocate(4)].concat()),
        ("deleted", [call(0, 1), deletes(1), says(0), allocate(1), says(0), permit(1, 0), says(0)].concat()),
        ("a_permission_ends", [call(0, 1), waits(3), says(0), bind(0, 1), says(0), permit(1, 0), says(0)].concat()),
        ("an_allocation_ends", [call(0, 1), waits(6), says(0), says(1), allocate(0), says(0)].concat()),
        ("a_credential_ends", [call(0, 1), waits(7), says(0), allocate(1)].concat()),
        ("with_itself", [allocate(0), bind(0, 0), says(0), sends(0, 0)].concat()),
    ]
}
