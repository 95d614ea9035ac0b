//! The hellos of DTLS: RFC 5246 §7.4.1, RFC 6347 §4.2.1, RFC 8446 §4.1 and §4.2, RFC 5764 §4.1.1, RFC 9146 §3.

use hilum::wire::dtls::{
    ClientHello, DTLS_1_0, DTLS_1_2, DTLS_1_3, HelloVerifyRequest, InvalidHello, ServerHello, UseSrtp,
};
use proptest::prelude::*;

use super::bytes::hex;
use super::hellos::{
    Client, Extension, Server, connection_id, numbers, selected_version, supported_versions, use_srtp, vector_u8,
    vector_u16,
};

fn refusal(client: &Client) -> Option<InvalidHello> {
    ClientHello::parse(&client.encode()).err()
}

fn server_refusal(server: &Server) -> Option<InvalidHello> {
    ServerHello::parse(&server.encode()).err()
}

fn profiles(srtp: Option<UseSrtp<'_>>) -> Vec<u16> {
    srtp.expect("use_srtp is there").profiles().collect()
}

/// The second ClientHello of OpenSSL 3.0, with the cookie it was asked for.
#[test]
fn a_client_hello_of_openssl_is_read() {
    let body = hex("fefd c3887951 bd06880b b18b613f 7cee55de 35ea1979 a6271dcd 38b0f922 f53b709d
         00                                                 ; session id
         14 e131db30 1286e99b f487e247 6740866c 0f8717e9    ; cookie
         0038 c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c027
              0067c00ac0140039c009c0130033009d009c003d003c0035002f00ff
         01 00                                              ; compression
         005d 000b 0004 03000102
              000a 000c 000a 001d 0017 001e 0019 0018
              0023 0000
              000e 0007 0004 0008 0001 00                   ; use_srtp
              0016 0000  0017 0000
              000d 002a 0028 0403050306030807080808090
              80a080b080408050806040105010601030303010302040205020602");
    let hello = ClientHello::parse(&body).unwrap();
    assert_eq!(hello.version, DTLS_1_2);
    assert_eq!(hello.random[..4], [0xC3, 0x88, 0x79, 0x51]);
    assert_eq!(hello.cookie, hex("e131db30 1286e99b f487e247 6740866c 0f8717e9"));
    assert_eq!(hello.suites().count(), 28);
    assert_eq!(hello.suites().take(2).collect::<Vec<_>>(), [0xC02C, 0xC030]);
    assert_eq!(hello.suites().last(), Some(0x00FF), "the signal for secure renegotiation");
    assert!(hello.null_compression());
    assert_eq!(profiles(hello.srtp), [8, 1]);
    assert!(hello.offers(DTLS_1_2) && !hello.offers(DTLS_1_3) && !hello.offers(DTLS_1_0));
    assert_eq!(hello.connection_id, None);
}

/// The HelloVerifyRequest before it.
#[test]
fn a_hello_verify_request_is_a_version_and_a_cookie_and_no_more() {
    let body = hex("feff 14 e131db30 1286e99b f487e247 6740866c 0f8717e9");
    assert_eq!(HelloVerifyRequest::parse(&body).unwrap().version, DTLS_1_0);
    for cut in 0..body.len() {
        assert_eq!(HelloVerifyRequest::parse(&body[..cut]), Err(InvalidHello::Truncated), "{cut}");
    }
    let trailing = [&body[..], &[0]].concat();
    assert_eq!(HelloVerifyRequest::parse(&trailing), Err(InvalidHello::Trailing));
    assert!(HelloVerifyRequest::parse(&hex("fefd 00")).is_ok(), "an empty cookie");
    let longest = [&[0xFE, 0xFD][..], &vector_u8(&[7; 255])].concat();
    assert!(HelloVerifyRequest::parse(&longest).is_ok());
}

/// And the ServerHello after it.
#[test]
fn a_server_hello_of_openssl_is_read() {
    let body = hex("fefd 2664c37f ec05dd3e 9683443f 5c2bead1 985b68cf ca283263 bd87082a 50e93cc7
         00 c02c 00 001e ff01 0001 00  000b 0004 03000102  0023 0000  000e 0005 0002 0008 00  0017 0000");
    let hello = ServerHello::parse(&body).unwrap();
    assert_eq!((hello.version, hello.suite, hello.compression, hello.retry), (DTLS_1_2, 0xC02C, 0, false));
    assert_eq!(profiles(hello.srtp), [8]);
    assert!(hello.srtp.unwrap().mki().is_empty());
}

#[test]
fn supported_versions_counts_more_than_the_legacy_version() {
    let offers = |client: &Client| {
        let body = client.encode();
        let hello = ClientHello::parse(&body).unwrap();
        [DTLS_1_0, DTLS_1_2, DTLS_1_3].map(|version| hello.offers(version))
    };
    let client = Client::modern();
    assert_eq!(offers(&client), [false, true, true]);
    assert_eq!(offers(&client.with(vec![supported_versions(&[0xFEFC])])), [false, false, true]);
    assert_eq!(offers(&client.with(vec![supported_versions(&[0x7A7A])])), [false, false, false]);
    assert_eq!(offers(&client.with(vec![])), [false, true, false]);
    assert_eq!(offers(&Client { version: DTLS_1_0, extensions: None, ..client }), [true, false, false]);

    let version = |server: &Server| ServerHello::parse(&server.encode()).unwrap().version;
    assert_eq!(version(&Server::of_1_2()), DTLS_1_2);
    assert_eq!(version(&Server::of_1_3()), DTLS_1_3);
    assert_eq!(version(&Server::of_1_2().with(vec![selected_version(DTLS_1_0)])), DTLS_1_0);
}

/// RFC 8446 §4.1.3: SHA-256 of "HelloRetryRequest".
#[test]
fn a_hello_retry_request_is_known_by_its_random() {
    use sha2::Digest;
    let random: [u8; 32] = sha2::Sha256::digest(b"HelloRetryRequest").into();
    let retry = Server { random, ..Server::of_1_3() };
    assert!(ServerHello::parse(&retry.encode()).unwrap().retry);
    let mut other = random;
    other[31] ^= 1;
    assert!(!ServerHello::parse(&Server { random: other, ..Server::of_1_3() }.encode()).unwrap().retry);
}

/// RFC 5246 §7.4.1.2: whether there are extensions is known from the bytes that are left.
#[test]
fn a_hello_may_have_no_extensions() {
    for extensions in [None, Some(vec![])] {
        let client = Client { extensions: extensions.clone(), ..Client::modern() }.encode();
        let hello = ClientHello::parse(&client).unwrap();
        assert_eq!((hello.srtp, hello.connection_id), (None, None));
        let server = Server { extensions, ..Server::of_1_2() }.encode();
        let hello = ServerHello::parse(&server).unwrap();
        assert_eq!((hello.srtp, hello.connection_id), (None, None));
    }
}

#[test]
fn a_client_hello_keeps_the_bounds_of_its_fields() {
    let good = Client::modern();
    for (name, client, why) in [
        ("longest session id", Client { session_id: vec![1; 32], ..good.clone() }, None),
        ("session id", Client { session_id: vec![1; 33], ..good.clone() }, Some(InvalidHello::SessionId)),
        ("session id", Client { session_id: vec![1; 255], ..good.clone() }, Some(InvalidHello::SessionId)),
        ("longest cookie", Client { cookie: vec![1; 255], ..good.clone() }, None),
        ("most suites", Client { suites: vec![1; 32_767], ..good.clone() }, None),
        ("no suites", Client { suites: vec![], ..good.clone() }, Some(InvalidHello::Suites)),
        ("no compression", Client { compression: vec![], ..good.clone() }, Some(InvalidHello::Compression)),
        ("most methods", Client { compression: vec![0; 255], ..good.clone() }, None),
    ] {
        assert_eq!(refusal(&client), why, "{name}");
    }
    assert!(!ClientHello::parse(&Client { compression: vec![1, 64], ..good }.encode()).unwrap().null_compression());
}

#[test]
fn half_a_suite_is_no_suite() {
    let head = [&[0xFE, 0xFD][..], &[7; 32], &[0], &[0]].concat();
    let hello = |suites: &[u8]| [&head[..], &vector_u16(suites), &[1, 0]].concat();
    assert!(ClientHello::parse(&hello(&[0x13, 0x01])).is_ok());
    for suites in [&[0x13][..], &[0x13, 0x01, 0xC0]] {
        assert_eq!(ClientHello::parse(&hello(suites)).err(), Some(InvalidHello::Suites));
    }
}

#[test]
fn a_server_hello_keeps_the_bounds_of_its_fields() {
    let good = Server::of_1_2();
    assert_eq!(server_refusal(&good), None, "a session id of 32 bytes");
    assert_eq!(server_refusal(&Server { session_id: vec![], ..good.clone() }), None);
    assert_eq!(server_refusal(&Server { session_id: vec![1; 33], ..good }), Some(InvalidHello::SessionId));
}

/// Each of these extensions, its body, and why a client may not send it, if it may not.
fn extension_table() -> Vec<(&'static str, Extension, Option<InvalidHello>)> {
    use InvalidHello::{Profiles, Trailing, Truncated, Versions};
    let table: [(&'static str, u16, &str, Option<InvalidHello>); 26] = [
        ("one profile", 14, "0002 0001 00", None),
        ("three profiles and an identifier", 14, "0006 000800070001 02 abcd", None),
        ("no profile", 14, "0000 00", Some(Profiles)),
        ("half a profile", 14, "0001 00 00", Some(Profiles)),
        ("a profile and a half", 14, "0003 000100 00", Some(Profiles)),
        ("no identifier's length", 14, "0002 0001", Some(Truncated)),
        ("profiles past the end", 14, "0004 0001 00", Some(Truncated)),
        ("an identifier past the end", 14, "0002 0001 02 ab", Some(Truncated)),
        ("bytes behind the identifier", 14, "0002 0001 00 00", Some(Trailing)),
        ("an empty use_srtp", 14, "", Some(Truncated)),
        ("one version", 43, "02 fefc", None),
        ("two versions", 43, "04 fefcfefd", None),
        ("no version", 43, "00", Some(Versions)),
        ("half a version", 43, "01 fe", Some(Versions)),
        ("a version and a half", 43, "03 fefcfe", Some(Versions)),
        ("versions past the end", 43, "04 fefc", Some(Truncated)),
        ("bytes behind the versions", 43, "02 fefc fefd", Some(Trailing)),
        ("a server's supported_versions", 43, "fefc", Some(Truncated)),
        ("an empty supported_versions", 43, "", Some(Truncated)),
        ("an empty connection id", 54, "00", None),
        ("a connection id", 54, "03 010203", None),
        ("a connection id past the end", 54, "03 0102", Some(Truncated)),
        ("bytes behind the connection id", 54, "01 0102", Some(Trailing)),
        ("an empty connection_id", 54, "", Some(Truncated)),
        ("an extension nobody reads", 0x2A2A, "ff", None),
        ("the withdrawn connection_id", 53, "ffff", None),
    ];
    table.map(|(name, kind, body, why)| (name, (kind, hex(body)), why)).to_vec()
}

#[test]
fn the_extensions_of_a_client_are_read_to_their_last_byte() {
    for (name, extension, why) in extension_table() {
        assert_eq!(refusal(&Client::modern().with(vec![(10, vec![]), extension])), why, "{name}");
    }
}

#[test]
fn the_extensions_of_a_server_are_read_to_their_last_byte() {
    let with = |extension: Extension| server_refusal(&Server::of_1_2().with(vec![(0xFF01, vec![0]), extension]));
    for (name, extension, why) in extension_table() {
        // What a server chooses is one; a list of versions in a server's hello is a fault of its own.
        if extension.0 != 43 && !name.starts_with("three") {
            assert_eq!(with(extension), why, "{name}");
        }
    }
    assert_eq!(with(use_srtp(&[8, 7], &[])), Some(InvalidHello::Profiles), "two are no choice");
    assert_eq!(with(selected_version(DTLS_1_3)), None);
    assert_eq!(with((43, vec![])), Some(InvalidHello::Truncated));
    assert_eq!(with((43, vec![0xFE])), Some(InvalidHello::Truncated));
    assert_eq!(with(supported_versions(&[DTLS_1_3])), Some(InvalidHello::Trailing), "a client's list");
}

/// RFC 8446 §4.2: no extension twice. Both are read, but which of them would count?
#[test]
fn an_extension_given_twice_is_refused() {
    for twice in [use_srtp(&[7], &[]), supported_versions(&[0xFEFD]), connection_id(&[1]), (0, vec![]), (63, vec![])] {
        let between = (64, vec![]);
        let extensions = vec![twice.clone(), between.clone(), twice.clone()];
        assert_eq!(refusal(&Client::modern().with(extensions.clone())), Some(InvalidHello::Duplicate), "{twice:?}");
        assert_eq!(server_refusal(&Server::of_1_2().with(extensions)), Some(InvalidHello::Duplicate));
        assert_eq!(refusal(&Client::modern().with(vec![twice, between])), None);
    }
    let contradiction = vec![use_srtp(&[7], &[]), use_srtp(&[1], &[])];
    assert_eq!(refusal(&Client::modern().with(contradiction)), Some(InvalidHello::Duplicate));
    // Types that share their low bits are not the same type.
    let apart = (0..8).map(|multiple| (14 + 64 * multiple, hex("0002 0001 00"))).collect();
    assert_eq!(refusal(&Client::modern().with(apart)), None);
}

#[test]
fn bytes_behind_the_extensions_are_refused() {
    let client = [Client::modern().encode(), vec![0]].concat();
    assert_eq!(ClientHello::parse(&client).err(), Some(InvalidHello::Trailing));
    let server = [Server::of_1_2().encode(), vec![0]].concat();
    assert_eq!(ServerHello::parse(&server).err(), Some(InvalidHello::Trailing));
}

#[test]
fn an_extension_reaching_past_its_block_is_refused() {
    for block in ["0001 00", "0003 000e00", "0004 000e 0001", "0009 000e 0006 0002 0001 00"] {
        let bytes = [Client::modern().head(), hex(block)].concat();
        assert_eq!(ClientHello::parse(&bytes).err(), Some(InvalidHello::Truncated), "{block}");
    }
}

/// A hello that ends before its extensions is whole, so the cut there reads as a hello without any; the length of the
/// handshake message is what tells the two apart.
#[test]
fn a_hello_cut_anywhere_else_is_refused() {
    let client = Client { session_id: vec![1; 5], cookie: vec![2; 7], ..Client::modern() };
    let (whole, head) = (client.encode(), client.head().len());
    for cut in (0..whole.len()).filter(|cut| *cut != head) {
        assert_eq!(ClientHello::parse(&whole[..cut]).err(), Some(InvalidHello::Truncated), "{cut} bytes");
    }
    assert_eq!(ClientHello::parse(&whole[..head]).unwrap().srtp, None);
    let server = Server::of_1_2();
    let (whole, head) = (server.encode(), server.head().len());
    for cut in (0..whole.len()).filter(|cut| *cut != head) {
        assert_eq!(ServerHello::parse(&whole[..cut]).err(), Some(InvalidHello::Truncated), "{cut} bytes");
    }
    assert_eq!(ServerHello::parse(&whole[..head]).unwrap().srtp, None);
}

fn bytes(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), length)
}

/// Extensions that nobody reads, each of another type.
fn unread() -> impl Strategy<Value = Vec<Extension>> {
    proptest::collection::btree_map(64_u16.., bytes(0..40), 0..6).prop_map(|map| map.into_iter().collect())
}

/// A read extension's value, perhaps, and where in the order of extensions it stands.
fn maybe<T: Strategy>(value: T) -> impl Strategy<Value = Option<(T::Value, prop::sample::Index)>> {
    proptest::option::of((value, any::<prop::sample::Index>()))
}

fn insert(extensions: &mut Vec<Extension>, extension: Extension, at: prop::sample::Index) {
    extensions.insert(at.index(extensions.len() + 1), extension);
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn a_client_hello_is_read_back(
        (version, random) in (any::<u16>(), any::<[u8; 32]>()),
        (session_id, cookie) in (bytes(0..=32), bytes(0..=255)),
        suites in proptest::collection::vec(any::<u16>(), 1..40),
        compression in bytes(1..4),
        mut extensions in unread(),
        srtp in maybe((proptest::collection::vec(any::<u16>(), 1..6), bytes(0..=255))),
        versions in maybe(proptest::collection::vec(any::<u16>(), 1..=127)),
        id in maybe(bytes(0..=255)),
    ) {
        if let Some(((profiles, mki), at)) = &srtp {
            insert(&mut extensions, use_srtp(profiles, mki), *at);
        }
        if let Some((versions, at)) = &versions {
            insert(&mut extensions, supported_versions(versions), *at);
        }
        if let Some((id, at)) = &id {
            insert(&mut extensions, connection_id(id), *at);
        }
        let client = Client { version, random, session_id, cookie, suites, compression, extensions: Some(extensions) };
        let encoded = client.encode();
        let hello = ClientHello::parse(&encoded).unwrap();
        prop_assert_eq!((hello.version, hello.random, hello.cookie), (version, &random, client.cookie.as_slice()));
        prop_assert_eq!(hello.suites().collect::<Vec<_>>(), client.suites.clone());
        prop_assert_eq!(hello.null_compression(), client.compression.contains(&0));
        let read = hello.srtp.map(|srtp| (srtp.profiles().collect::<Vec<_>>(), srtp.mki().to_vec()));
        prop_assert_eq!(read, srtp.map(|(srtp, _)| srtp));
        prop_assert_eq!(hello.connection_id.map(<[u8]>::to_vec), id.map(|(id, _)| id));
        let offered = versions.map_or(vec![version], |(versions, _)| versions);
        prop_assert!(offered.iter().all(|version| hello.offers(*version)));
        let other = (0..=u16::MAX).find(|version| !offered.contains(version)).unwrap();
        prop_assert!(!hello.offers(other));

        let head = client.head().len();
        for cut in (0..encoded.len()).filter(|cut| *cut != head) {
            prop_assert_eq!(ClientHello::parse(&encoded[..cut]).err(), Some(InvalidHello::Truncated));
        }
    }

    #[test]
    fn a_server_hello_is_read_back(
        (version, random) in (any::<u16>(), any::<[u8; 32]>()),
        session_id in bytes(0..=32),
        (suite, compression) in (any::<u16>(), any::<u8>()),
        mut extensions in unread(),
        srtp in maybe((any::<u16>(), bytes(0..=255))),
        selected in maybe(any::<u16>()),
        id in maybe(bytes(0..=255)),
    ) {
        if let Some(((profile, mki), at)) = &srtp {
            insert(&mut extensions, use_srtp(&[*profile], mki), *at);
        }
        if let Some((version, at)) = &selected {
            insert(&mut extensions, selected_version(*version), *at);
        }
        if let Some((id, at)) = &id {
            insert(&mut extensions, connection_id(id), *at);
        }
        let server = Server { version, random, session_id, suite, compression, extensions: Some(extensions) };
        let encoded = server.encode();
        let hello = ServerHello::parse(&encoded).unwrap();
        prop_assert_eq!((hello.random, hello.suite, hello.compression), (&random, suite, compression));
        prop_assert_eq!(hello.version, selected.map_or(version, |(version, _)| version));
        let read = hello.srtp.map(|srtp| (srtp.profiles().collect::<Vec<_>>(), srtp.mki().to_vec()));
        prop_assert_eq!(read, srtp.map(|((profile, mki), _)| (vec![profile], mki)));
        prop_assert_eq!(hello.connection_id.map(<[u8]>::to_vec), id.map(|(id, _)| id));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in bytes(0..200), head in 0_usize..120) {
        // Bytes of chance alone hardly get behind the session id.
        let client = Client::modern().encode();
        let server = Server::of_1_2().encode();
        for start in [&[][..], &client[..head.min(client.len())], &server[..head.min(server.len())]] {
            let message = [start, &bytes].concat();
            if let Ok(hello) = ClientHello::parse(&message) {
                prop_assert!(hello.suites().count() > 0);
                prop_assert!(hello.srtp.is_none_or(|srtp| srtp.profiles().count() > 0));
            }
            if let Ok(hello) = ServerHello::parse(&message) {
                prop_assert!(hello.srtp.is_none_or(|srtp| srtp.profiles().count() == 1));
            }
            if HelloVerifyRequest::parse(&message).is_ok() {
                prop_assert_eq!(message.len(), 3 + usize::from(message[2]));
            }
        }
    }

    #[test]
    fn one_wrong_byte_is_read_or_refused(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let client = Client::modern().with(vec![
            supported_versions(&[0xFEFC]), use_srtp(&[7, 8], &[1]), connection_id(&[1, 2]),
            (10, numbers(&[2, 29])),
        ]);
        let mut bytes = client.encode();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(hello) = ClientHello::parse(&bytes) {
            prop_assert!(hello.suites().count() > 0);
        }
    }
}
