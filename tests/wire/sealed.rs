//! What stands behind an integrity attribute is not covered by it, so nobody may see it (RFC 8489 §14.5, §14.6).

use hilum::wire::{AttributeType, IntegrityKind, Malformed, Message};

use super::bytes::raw_message;

const MI: (AttributeType, &[u8], u8) = (AttributeType::MESSAGE_INTEGRITY, &[1; 20], 0);
const MI256: (AttributeType, &[u8], u8) = (AttributeType::MESSAGE_INTEGRITY_SHA256, &[2; 32], 0);
const FINGERPRINT: (AttributeType, &[u8], u8) = (AttributeType::FINGERPRINT, &[3; 4], 0);
const LIFETIME: (AttributeType, &[u8], u8) = (AttributeType::LIFETIME, &[0; 4], 0);
const USERNAME: (AttributeType, &[u8], u8) = (AttributeType::USERNAME, b"anna", 0);
const UNKNOWN: (AttributeType, &[u8], u8) = (AttributeType(0x7777), b"", 0);

fn seen(attributes: &[(AttributeType, &[u8], u8)]) -> Vec<AttributeType> {
    let bytes = raw_message(0x0004, attributes);
    Message::parse(&bytes).unwrap().attributes().map(|attribute| attribute.kind).collect()
}

#[test]
fn behind_message_integrity_only_its_successor_and_fingerprint_are_seen() {
    assert_eq!(
        seen(&[USERNAME, MI, LIFETIME, UNKNOWN, MI256, USERNAME, FINGERPRINT]),
        [USERNAME.0, MI.0, MI256.0, FINGERPRINT.0]
    );
}

#[test]
fn behind_the_sha256_integrity_only_fingerprint_is_seen() {
    assert_eq!(seen(&[USERNAME, MI256, MI, LIFETIME, MI256, FINGERPRINT]), [USERNAME.0, MI256.0, FINGERPRINT.0]);
}

#[test]
fn a_second_message_integrity_is_not_seen() {
    assert_eq!(seen(&[MI, MI, LIFETIME]), [MI.0]);
    let other: (AttributeType, &[u8], u8) = (AttributeType::MESSAGE_INTEGRITY, &[9; 20], 0);
    let bytes = raw_message(0x0004, &[MI, other]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.value(AttributeType::MESSAGE_INTEGRITY), Some([1; 20].as_slice()));
}

#[test]
fn an_unknown_attribute_behind_the_integrity_is_not_answered_with_420() {
    let bytes = raw_message(0x0004, &[UNKNOWN, MI, (AttributeType(0x7778), b"", 0)]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.unknown_required().map(|kind| kind.0).collect::<Vec<_>>(), [0x7777]);
}

#[test]
fn an_attribute_behind_the_integrity_must_still_lie_inside() {
    let mut bytes = raw_message(0x0004, &[MI, LIFETIME]);
    let at = bytes.len() - 5;
    bytes[at] = 200;
    assert_eq!(Message::parse(&bytes).err(), Some(Malformed::AttributeOverrun));
}

#[test]
fn nothing_may_follow_fingerprint() {
    for last in [LIFETIME, MI, MI256, FINGERPRINT, UNKNOWN] {
        let bytes = raw_message(0x0004, &[USERNAME, FINGERPRINT, last]);
        assert_eq!(Message::parse(&bytes).err(), Some(Malformed::AfterFingerprint), "{:?}", last.0);
    }
}

#[test]
fn fingerprint_has_four_bytes() {
    for length in [0, 1, 3, 5, 8] {
        let value = vec![0; length];
        let bytes = raw_message(0x0004, &[(AttributeType::FINGERPRINT, &value, 0)]);
        assert_eq!(Message::parse(&bytes).err(), Some(Malformed::AttributeLength), "{length} bytes");
    }
}

#[test]
fn the_stronger_integrity_is_the_one_to_check() {
    let kind = |attributes: &[(AttributeType, &[u8], u8)]| {
        let bytes = raw_message(0x0004, attributes);
        IntegrityKind::of(&Message::parse(&bytes).unwrap())
    };
    assert_eq!(kind(&[USERNAME]), None);
    assert_eq!(kind(&[MI]), Some(IntegrityKind::Sha1));
    assert_eq!(kind(&[MI256]), Some(IntegrityKind::Sha256));
    assert_eq!(kind(&[MI, MI256]), Some(IntegrityKind::Sha256));
    assert_eq!(kind(&[MI256, MI]), Some(IntegrityKind::Sha256));
}
