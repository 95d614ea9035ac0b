//! MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 beyond the vectors: lengths, order, keys.

use hilum::wire::{AttributeType, Class, IntegrityKey, IntegrityKind, Message, Method, PasswordAlgorithm};

use super::bytes::{hex, message, raw_message};

fn key() -> IntegrityKey {
    IntegrityKey::long_term(PasswordAlgorithm::Sha256, b"anna", b"example.org", b"secret")
}

#[test]
fn the_long_term_keys_are_those_that_openssl_computes() {
    // printf 'anna:example.org:secret' | openssl dgst -md5 (and -sha256)
    let md5 = IntegrityKey::long_term(PasswordAlgorithm::Md5, b"anna", b"example.org", b"secret");
    assert_eq!(md5.as_slice(), hex("f5ebadda695a1caf0345e58b999aa203"));
    assert_eq!(key().as_slice(), hex("f79c9fc13659775825ce913b07827f7ded12d5526b22d07c2e3c9b04090af56a"));
}

#[test]
fn a_sha256_tag_may_be_cut_to_a_multiple_of_four_but_not_below_16() {
    let unsigned = message(Class::Request, Method::Refresh, |writer| {
        writer.attribute(AttributeType::USERNAME, b"anna");
    });
    for length in 0..=40 {
        // The tag covers a header whose length counts the attribute as it is sent.
        let mut covered = unsigned.clone();
        let total = u16::try_from(unsigned.len() - 20 + 4 + length).unwrap();
        covered[2..4].copy_from_slice(&total.to_be_bytes());
        let mut tag = hmac_sha256(key().as_slice(), &covered).to_vec();
        tag.resize(length, 0);
        let bytes = raw_message(
            0x0004,
            &[(AttributeType::USERNAME, b"anna", 0), (AttributeType::MESSAGE_INTEGRITY_SHA256, &tag, 0)],
        );
        let message = Message::parse(&bytes).unwrap();
        let allowed = (16..=32).contains(&length) && length % 4 == 0;
        assert_eq!(key().verify(IntegrityKind::Sha256, &message), allowed, "{length} bytes");
    }
}

#[test]
fn a_sha1_tag_has_20_bytes() {
    for length in [0, 4, 16, 19, 21, 32] {
        let tag = vec![0; length];
        let bytes = raw_message(0x0004, &[(AttributeType::MESSAGE_INTEGRITY, &tag, 0)]);
        assert!(!key().verify(IntegrityKind::Sha1, &Message::parse(&bytes).unwrap()), "{length} bytes");
    }
}

#[test]
fn a_message_without_the_attribute_does_not_verify() {
    let bytes = message(Class::Request, Method::Refresh, |writer| {
        writer.attribute(AttributeType::USERNAME, b"anna");
    });
    let message = Message::parse(&bytes).unwrap();
    assert!(!key().verify(IntegrityKind::Sha1, &message));
    assert!(!key().verify(IntegrityKind::Sha256, &message));
}

#[test]
fn both_integrities_and_the_fingerprint_hold_at_once() {
    let bytes = message(Class::Request, Method::Refresh, |writer| {
        writer
            .attribute(AttributeType::USERNAME, b"anna")
            .integrity(IntegrityKind::Sha1, &key())
            .integrity(IntegrityKind::Sha256, &key())
            .fingerprint();
    });
    let message = Message::parse(&bytes).unwrap();
    assert!(key().verify(IntegrityKind::Sha1, &message));
    assert!(key().verify(IntegrityKind::Sha256, &message));
    assert_eq!(message.fingerprint(), Some(true));
}

#[test]
fn what_is_appended_behind_the_integrity_changes_neither_the_tag_nor_what_is_seen() {
    let mut bytes = message(Class::Request, Method::Refresh, |writer| {
        writer.attribute(AttributeType::USERNAME, b"anna").integrity(IntegrityKind::Sha256, &key());
    });
    bytes.extend_from_slice(&hex("000d 0004 00000000"));
    let body = u16::try_from(bytes.len() - 20).unwrap();
    bytes[2..4].copy_from_slice(&body.to_be_bytes());
    let message = Message::parse(&bytes).unwrap();
    assert!(key().verify(IntegrityKind::Sha256, &message));
    assert!(!message.has(AttributeType::LIFETIME), "LIFETIME 0 would have deleted the allocation");
}

#[test]
fn keys_of_up_to_64_bytes_are_taken_and_longer_ones_refused() {
    for length in [0, 1, 63, 64] {
        assert_eq!(IntegrityKey::from_bytes(&vec![7; length]).unwrap().as_slice(), vec![7; length]);
    }
    assert!(IntegrityKey::from_bytes(&[7; 65]).is_none());
}

#[test]
fn a_key_does_not_print_itself() {
    assert_eq!(format!("{:?}", key()), "IntegrityKey(redacted)");
}

/// HMAC-SHA-256 written out (RFC 2104), from the hash alone: a key of 64 bytes at most.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}
