//! The test vectors of RFC 5769 and of RFC 8489 appendix B.1: read, verified, and written again byte by byte.

use core::net::SocketAddr;

use hilum::wire::{
    AttributeType, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm, TransactionId,
};

use super::bytes::hex;

/// RFC 5769: the password of the short-term vectors.
const SHORT_TERM_PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
/// RFC 5769 §2.4: "マトリックス", which SASLprep leaves as it is.
const LONG_TERM_USERNAME: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";
/// RFC 5769 §2.4: "The<U+00AD>M<U+00AA>tr<U+2168>" after SASLprep.
const LONG_TERM_PASSWORD: &[u8] = b"TheMatrIX";
const LONG_TERM_REALM: &[u8] = b"example.org";

/// RFC 5769 §2.1. The USERNAME is padded with spaces.
const SAMPLE_REQUEST: &str = "
    0001 0058                               ; request type and message length
    2112a442                                ; magic cookie
    b7e7a701 bc34d686 fa87dfae              ; transaction id
    8022 0010                               ; SOFTWARE
    5354554e 20746573 7420636c 69656e74     ; 'STUN test client'
    0024 0004 6e0001ff                      ; PRIORITY
    8029 0008 932ff9b1 51263b36             ; ICE-CONTROLLED
    0006 0009 6576746a 3a683676 59 202020   ; USERNAME 'evtj:h6vY', three bytes of padding
    0008 0014                               ; MESSAGE-INTEGRITY
    9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
    8028 0004 e57a3bcf                      ; FINGERPRINT";

/// RFC 5769 §2.2. The SOFTWARE is padded with a space.
const SAMPLE_IPV4_RESPONSE: &str = "
    0101 003c                               ; response type and message length
    2112a442                                ; magic cookie
    b7e7a701 bc34d686 fa87dfae              ; transaction id
    8022 000b 74657374 20766563 746f72 20   ; SOFTWARE 'test vector', one byte of padding
    0020 0008 0001 a147 e112a643            ; XOR-MAPPED-ADDRESS
    0008 0014                               ; MESSAGE-INTEGRITY
    2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
    8028 0004 c07d4c96                      ; FINGERPRINT";

/// RFC 5769 §2.3. The SOFTWARE is padded with a space.
const SAMPLE_IPV6_RESPONSE: &str = "
    0101 0048                               ; response type and message length
    2112a442                                ; magic cookie
    b7e7a701 bc34d686 fa87dfae              ; transaction id
    8022 000b 74657374 20766563 746f72 20   ; SOFTWARE 'test vector', one byte of padding
    0020 0014 0002 a147                     ; XOR-MAPPED-ADDRESS
    0113a9fa a5d3f179 bc25f4b5 bed2b9d9
    0008 0014                               ; MESSAGE-INTEGRITY
    a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
    8028 0004 c8fb0b4c                      ; FINGERPRINT";

/// RFC 5769 §2.4. Padded with zeros.
const SAMPLE_LONG_TERM_REQUEST: &str = "
    0001 0060                               ; request type and message length
    2112a442                                ; magic cookie
    78ad3433 c6ad72c0 29da412e              ; transaction id
    0006 0012                               ; USERNAME, two bytes of padding
    e3839ee3 8388e383 aae38383 e382afe3 82b9 0000
    0015 001c                               ; NONCE 'f//499k954d6OL34oL9FSTvy64sA'
    662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
    0014 000b 6578616d 706c652e 6f7267 00   ; REALM 'example.org', one byte of padding
    0008 0014                               ; MESSAGE-INTEGRITY
    f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666";

/// RFC 8489 appendix B.1. Its MESSAGE-INTEGRITY-SHA256 (and its message length, 0x9c) is printed wrong, see errata 6268.
/// The value here was computed from the appendix's own attributes and credentials by two implementations that share no
/// code with this crate, Python's `hmac` and `hashlib` and the `stun-types` crate; both say the same, and so do we.
const SAMPLE_SHA256_REQUEST: &str = "
    0001 0090                               ; request type and message length
    2112a442                                ; magic cookie
    78ad3433 c6ad72c0 29da412e              ; transaction id
    001e 0020                               ; USERHASH
    4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704
    0015 0029                               ; NONCE 'obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA'
    6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476 79363473 41 000000
    0014 000b 6578616d 706c652e 6f7267 00   ; REALM 'example.org', one byte of padding
    001d 0004 0002 0000                     ; PASSWORD-ALGORITHM SHA-256
    001c 0020                               ; MESSAGE-INTEGRITY-SHA256
    b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c c6518e65";

fn short_term_key() -> IntegrityKey {
    IntegrityKey::from_bytes(SHORT_TERM_PASSWORD).unwrap()
}

fn long_term_key(algorithm: PasswordAlgorithm) -> IntegrityKey {
    IntegrityKey::long_term(algorithm, LONG_TERM_USERNAME.as_bytes(), LONG_TERM_REALM, LONG_TERM_PASSWORD)
}

fn written(class: Class, transaction: TransactionId, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buffer = [0xEE; 256];
    let mut writer = MessageWriter::new(&mut buffer, class, Method::Binding, transaction);
    write(&mut writer);
    let length = writer.finish().unwrap();
    buffer[..length].to_vec()
}

#[test]
fn rfc_5769_2_1_the_sample_request_reads_as_printed() {
    let bytes = hex(SAMPLE_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::Binding));
    assert_eq!(message.transaction().0.as_slice(), hex("b7e7a701 bc34d686 fa87dfae"));
    assert_eq!(message.value(AttributeType::SOFTWARE), Some(b"STUN test client".as_slice()));
    assert_eq!(message.value(AttributeType::PRIORITY), Some(hex("6e0001ff").as_slice()));
    assert_eq!(message.value(AttributeType::ICE_CONTROLLED), Some(hex("932ff9b1 51263b36").as_slice()));
    assert_eq!(message.value(AttributeType::USERNAME), Some(b"evtj:h6vY".as_slice()));
    assert_eq!(message.attributes().count(), 6);
    assert_eq!(message.unknown_required().count(), 0);
    assert_eq!(message.fingerprint(), Some(true));
    assert!(short_term_key().verify(IntegrityKind::Sha1, &message));
}

#[test]
fn rfc_5769_2_2_the_ipv4_response_reads_as_printed() {
    let bytes = hex(SAMPLE_IPV4_RESPONSE);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Success, Method::Binding));
    assert_eq!(message.value(AttributeType::SOFTWARE), Some(b"test vector".as_slice()));
    let mapped: SocketAddr = "192.0.2.1:32853".parse().unwrap();
    assert_eq!(message.xor_address(AttributeType::XOR_MAPPED_ADDRESS), Some(Ok(mapped)));
    assert_eq!(message.fingerprint(), Some(true));
    assert!(short_term_key().verify(IntegrityKind::Sha1, &message));
}

#[test]
fn rfc_5769_2_3_the_ipv6_response_reads_as_printed() {
    let bytes = hex(SAMPLE_IPV6_RESPONSE);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Success, Method::Binding));
    assert_eq!(message.value(AttributeType::SOFTWARE), Some(b"test vector".as_slice()));
    let mapped: SocketAddr = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
    assert_eq!(message.xor_address(AttributeType::XOR_MAPPED_ADDRESS), Some(Ok(mapped)));
    assert_eq!(message.fingerprint(), Some(true));
    assert!(short_term_key().verify(IntegrityKind::Sha1, &message));
}

#[test]
fn rfc_5769_2_4_the_long_term_request_reads_as_printed() {
    let bytes = hex(SAMPLE_LONG_TERM_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::Binding));
    assert_eq!(message.value(AttributeType::USERNAME), Some(LONG_TERM_USERNAME.as_bytes()));
    assert_eq!(message.value(AttributeType::NONCE), Some(b"f//499k954d6OL34oL9FSTvy64sA".as_slice()));
    assert_eq!(message.value(AttributeType::REALM), Some(LONG_TERM_REALM));
    assert_eq!(message.fingerprint(), None);
    assert!(long_term_key(PasswordAlgorithm::Md5).verify(IntegrityKind::Sha1, &message));
    assert!(!long_term_key(PasswordAlgorithm::Sha256).verify(IntegrityKind::Sha1, &message));
}

#[test]
fn rfc_8489_b_1_the_sha256_request_reads_as_printed_and_verifies_with_the_corrected_value() {
    let bytes = hex(SAMPLE_SHA256_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::Binding));
    let nonce = b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA".as_slice();
    assert_eq!(message.value(AttributeType::NONCE), Some(nonce));
    assert_eq!(message.value(AttributeType::REALM), Some(LONG_TERM_REALM));
    let algorithm = message.value(AttributeType::PASSWORD_ALGORITHM).map(PasswordAlgorithm::decode);
    assert_eq!(algorithm, Some(Ok(PasswordAlgorithm::Sha256)));
    assert!(long_term_key(PasswordAlgorithm::Sha256).verify(IntegrityKind::Sha256, &message));
    assert!(!long_term_key(PasswordAlgorithm::Md5).verify(IntegrityKind::Sha256, &message));
}

#[test]
fn rfc_8489_b_1_the_corrected_value_is_what_an_independent_implementation_verifies() {
    use stun_types::message::{IntegrityAlgorithm, LongTermKeyCredentials, Message as Theirs};
    let bytes = hex(SAMPLE_SHA256_REQUEST);
    let message = Theirs::from_bytes(&bytes).unwrap();
    let credentials = LongTermKeyCredentials::new(
        LONG_TERM_USERNAME.to_owned(),
        String::from_utf8(LONG_TERM_PASSWORD.to_vec()).unwrap(),
        String::from_utf8(LONG_TERM_REALM.to_vec()).unwrap(),
    );
    assert_eq!(message.validate_integrity(&credentials.into()).unwrap(), IntegrityAlgorithm::Sha256);
}

#[test]
fn rfc_5769_2_4_and_rfc_8489_b_1_are_written_byte_for_byte() {
    let transaction = TransactionId(*hex("78ad3433 c6ad72c0 29da412e").first_chunk().unwrap());
    let legacy = written(Class::Request, transaction, |writer| {
        writer
            .attribute(AttributeType::USERNAME, LONG_TERM_USERNAME.as_bytes())
            .attribute(AttributeType::NONCE, b"f//499k954d6OL34oL9FSTvy64sA")
            .attribute(AttributeType::REALM, LONG_TERM_REALM)
            .integrity(IntegrityKind::Sha1, &long_term_key(PasswordAlgorithm::Md5));
    });
    assert_eq!(legacy, hex(SAMPLE_LONG_TERM_REQUEST));
    let modern = written(Class::Request, transaction, |writer| {
        writer
            .attribute(
                AttributeType::USERHASH,
                &hex("4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704"),
            )
            .attribute(AttributeType::NONCE, b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")
            .attribute(AttributeType::REALM, LONG_TERM_REALM)
            .attribute(AttributeType::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
            .integrity(IntegrityKind::Sha256, &long_term_key(PasswordAlgorithm::Sha256));
    });
    assert_eq!(modern, hex(SAMPLE_SHA256_REQUEST));
}

#[test]
fn rfc_5769_2_1_to_2_3_are_written_again_but_for_padding_that_we_write_as_zeros() {
    // The vectors pad with spaces, we with zeros (RFC 8489 §14), and what covers the padding differs with it; so the
    // comparison is of the vector with its padding zeroed, up to MESSAGE-INTEGRITY.
    let mut request = hex(SAMPLE_REQUEST);
    request[73..76].fill(0);
    let ours = written(Class::Request, super::bytes::TRANSACTION, |writer| {
        writer
            .attribute(AttributeType::SOFTWARE, b"STUN test client")
            .number(AttributeType::PRIORITY, 0x6e00_01ff)
            .attribute(AttributeType::ICE_CONTROLLED, &hex("932ff9b1 51263b36"))
            .attribute(AttributeType::USERNAME, b"evtj:h6vY")
            .integrity(IntegrityKind::Sha1, &short_term_key())
            .fingerprint();
    });
    assert_eq!(ours.len(), request.len());
    assert_eq!(ours[4..80], request[4..80]);

    for (vector, address, up_to) in [
        (SAMPLE_IPV4_RESPONSE, "192.0.2.1:32853", 52),
        (SAMPLE_IPV6_RESPONSE, "[2001:db8:1234:5678:11:2233:4455:6677]:32853", 64),
    ] {
        let mut response = hex(vector);
        response[35] = 0;
        let ours = written(Class::Success, super::bytes::TRANSACTION, |writer| {
            writer
                .attribute(AttributeType::SOFTWARE, b"test vector")
                .xor_address(AttributeType::XOR_MAPPED_ADDRESS, address.parse().unwrap(), super::bytes::TRANSACTION)
                .integrity(IntegrityKind::Sha1, &short_term_key())
                .fingerprint();
        });
        assert_eq!(ours.len(), response.len());
        assert_eq!(ours[..up_to], response[..up_to], "{address}");
    }
}

#[test]
fn one_flipped_bit_anywhere_in_a_vector_is_noticed() {
    let vectors = [
        (SAMPLE_REQUEST, IntegrityKind::Sha1, short_term_key()),
        (SAMPLE_IPV4_RESPONSE, IntegrityKind::Sha1, short_term_key()),
        (SAMPLE_IPV6_RESPONSE, IntegrityKind::Sha1, short_term_key()),
        (SAMPLE_LONG_TERM_REQUEST, IntegrityKind::Sha1, long_term_key(PasswordAlgorithm::Md5)),
        (SAMPLE_SHA256_REQUEST, IntegrityKind::Sha256, long_term_key(PasswordAlgorithm::Sha256)),
    ];
    for (vector, kind, key) in vectors {
        let good = hex(vector);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let noticed = match Message::parse(&bad) {
                    Err(_) => true,
                    Ok(message) => !key.verify(kind, &message) || message.fingerprint() == Some(false),
                };
                // Behind MESSAGE-INTEGRITY the type of FINGERPRINT is what says that it is one: changed, it is an
                // attribute that nobody reads (RFC 8489 §14.5).
                let hidden = Message::parse(&bad).is_ok_and(|message| {
                    key.verify(kind, &message) && message.fingerprint().is_none() && at + 8 >= good.len()
                });
                assert!(noticed || hidden, "byte {at}, bit {bit}");
            }
        }
    }
}
