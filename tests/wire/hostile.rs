//! Bad input: cut, stretched, lied about, repeated, nested, random.

use hilum::wire::{
    Attribute, AttributeType, ChannelData, Class, ErrorCode, HEADER, IntegrityKey, IntegrityKind, LARGEST_MESSAGE,
    Malformed, Message, Method, PasswordAlgorithm, attribute, decode_address, frame_length, padded,
};
use proptest::prelude::*;

use super::bytes::{TRANSACTION, message, raw_message};

/// An Allocate request with everything that a client may put in one.
fn full_allocate() -> Vec<u8> {
    let key = IntegrityKey::long_term(PasswordAlgorithm::Sha256, b"anna", b"example.org", b"secret");
    message(Class::Request, Method::Allocate, |writer| {
        writer
            .attribute(AttributeType::SOFTWARE, b"a client")
            .attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
            .number(AttributeType::LIFETIME, 600)
            .attribute(AttributeType::EVEN_PORT, &[0x80])
            .attribute(AttributeType::DONT_FRAGMENT, &[])
            .attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
            .attribute(AttributeType::USERNAME, b"anna")
            .attribute(AttributeType::REALM, b"example.org")
            .attribute(AttributeType::NONCE, b"obMatJos2AAACf//499k9")
            .attribute(AttributeType::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER)
            .attribute(AttributeType::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
            .integrity(IntegrityKind::Sha1, &key)
            .integrity(IntegrityKind::Sha256, &key)
            .fingerprint();
    })
}

/// Holds every attribute that `message` shows against the bytes it was read from.
fn assert_inside(message: &Message<'_>) {
    let bytes = message.as_bytes();
    let mut free = HEADER;
    for Attribute { kind, value, offset } in message.attributes() {
        assert!(offset >= free, "attributes overlap");
        assert!(offset.is_multiple_of(4), "an attribute starts off a multiple of four");
        assert_eq!(bytes[offset..offset + 2], kind.0.to_be_bytes());
        let length = usize::from(u16::from_be_bytes([bytes[offset + 2], bytes[offset + 3]]));
        assert_eq!(value, &bytes[offset + 4..offset + 4 + length]);
        free = offset + 4 + padded(length);
    }
    assert!(free <= bytes.len(), "an attribute reaches past the end");
}

/// Runs every reader there is over the bytes of an attribute.
fn read_every_way(message: &Message<'_>) {
    for Attribute { kind, value, .. } in message.attributes() {
        let _ = decode_address(value);
        let _ = message.xor_address(kind);
        let _ = ErrorCode::decode(value);
        let _ = PasswordAlgorithm::decode(value);
        let _ = hilum::wire::ChannelNumber::decode(value);
        let _ = attribute::decode_lifetime(value);
        let _ = attribute::decode_requested_transport(value);
        let _ = attribute::decode_family(value);
        let _ = attribute::decode_even_port(value);
        let _ = attribute::decode_dont_fragment(value);
        let _ = attribute::decode_reservation_token(value);
        let _ = attribute::Icmp::decode(value);
    }
    let _ = message.unknown_required().count();
    let _ = message.fingerprint();
    let key = IntegrityKey::from_bytes(b"key").unwrap();
    let _ = key.verify(IntegrityKind::Sha1, message);
    let _ = key.verify(IntegrityKind::Sha256, message);
}

#[test]
fn a_message_cut_at_any_byte_is_refused() {
    let whole = full_allocate();
    assert!(Message::parse(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(Message::parse(&whole[..length]).err(), Some(Malformed::Truncated), "{length} bytes");
    }
}

#[test]
fn a_message_cut_at_any_byte_with_its_length_field_repaired_shows_nothing_that_is_not_there() {
    let whole = full_allocate();
    for length in HEADER..whole.len() {
        let mut cut = whole[..length].to_vec();
        let body = u16::try_from(length - HEADER).unwrap();
        cut[2..4].copy_from_slice(&body.to_be_bytes());
        match Message::parse(&cut) {
            Ok(message) => assert_inside(&message),
            Err(error) => assert!(
                matches!(error, Malformed::UnalignedLength | Malformed::AttributeOverrun),
                "{length} bytes: {error}"
            ),
        }
    }
}

#[test]
fn bytes_behind_the_message_are_refused() {
    let mut bytes = full_allocate();
    for _ in 0..8 {
        bytes.push(0);
        assert_eq!(Message::parse(&bytes).err(), Some(Malformed::Trailing));
    }
}

#[test]
fn a_header_that_lies_is_refused() {
    let good = raw_message(0x0001, &[(AttributeType::SOFTWARE, b"abcd", 0)]);
    assert!(Message::parse(&good).is_ok());
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Message::parse(&bytes).err()
    };
    assert_eq!(with(0, 0x40), Some(Malformed::NotStun));
    assert_eq!(with(0, 0x80), Some(Malformed::NotStun));
    assert_eq!(with(0, 0xC0), Some(Malformed::NotStun));
    assert_eq!(with(0, 0x3E), Some(Malformed::UnknownMethod));
    assert_eq!(with(1, 0x02), Some(Malformed::UnknownMethod));
    assert_eq!(with(1, 0x05), Some(Malformed::UnknownMethod));
    assert_eq!(with(3, 0x09), Some(Malformed::UnalignedLength));
    assert_eq!(with(3, 0x04), Some(Malformed::Trailing));
    assert_eq!(with(3, 0x0C), Some(Malformed::Truncated));
    assert_eq!(with(2, 0xFF), Some(Malformed::Truncated));
    for at in 4..8 {
        assert_eq!(with(at, 0x00), Some(Malformed::NoCookie));
    }
}

#[test]
fn every_one_of_the_65536_message_types_is_read_as_figure_3_says_or_refused() {
    let mut accepted = 0;
    for kind in 0..=u16::MAX {
        let bytes = raw_message(kind, &[]);
        match Message::parse(&bytes) {
            Ok(message) => {
                assert_eq!(message.class().message_type(message.method()), kind);
                accepted += 1;
            }
            Err(Malformed::NotStun) => assert!(kind & 0xc000 != 0),
            Err(error) => assert_eq!(error, Malformed::UnknownMethod),
        }
    }
    assert_eq!(accepted, 4 * Method::ALL.len());
}

#[test]
fn an_attribute_that_claims_more_than_there_is_is_refused() {
    let good = raw_message(0x0001, &[(AttributeType::SOFTWARE, b"abcd", 0)]);
    for claimed in 5..=u16::MAX {
        let mut bytes = good.clone();
        bytes[HEADER + 2..HEADER + 4].copy_from_slice(&claimed.to_be_bytes());
        assert_eq!(Message::parse(&bytes).err(), Some(Malformed::AttributeOverrun), "{claimed}");
    }
    // A value that fits but whose padding does not.
    let mut bytes = good[..HEADER + 4].to_vec();
    bytes[3] = 4;
    bytes[HEADER + 3] = 1;
    assert_eq!(Message::parse(&bytes).err(), Some(Malformed::AttributeOverrun));
}

#[test]
fn a_message_of_64_kib_is_read_whole() {
    let data = vec![0xAB; 65_528];
    let bytes = raw_message(0x0016, &[(AttributeType::DATA, &data, 0)]);
    assert_eq!(bytes.len(), LARGEST_MESSAGE);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.value(AttributeType::DATA), Some(data.as_slice()));
    read_every_way(&message);
}

#[test]
fn sixteen_thousand_empty_attributes_are_read_to_the_last() {
    let mut attributes = vec![(AttributeType(0xC001), [].as_slice(), 0); 16_381];
    attributes.push((AttributeType::LIFETIME, &[0, 0, 2, 88], 0));
    let bytes = raw_message(0x0004, &attributes);
    assert_eq!(bytes.len(), LARGEST_MESSAGE);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.attributes().count(), 16_382);
    assert!(message.has(AttributeType::LIFETIME));
    read_every_way(&message);
}

#[test]
fn a_message_inside_an_attribute_is_only_bytes() {
    let mut nested = full_allocate();
    for _ in 0..8 {
        nested = raw_message(0x0016, &[(AttributeType::DATA, &nested, 0)]);
    }
    let message = Message::parse(&nested).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Indication, Method::Send));
    assert_eq!(message.attributes().count(), 1);
    assert!(!message.has(AttributeType::USERNAME));
}

#[test]
fn of_a_repeated_attribute_the_first_counts() {
    let bytes = raw_message(
        0x0004,
        &[
            (AttributeType::LIFETIME, &[0, 0, 0, 1], 0),
            (AttributeType::LIFETIME, &[0, 0, 0, 2], 0),
            (AttributeType::LIFETIME, &[], 0),
        ],
    );
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.value(AttributeType::LIFETIME), Some([0, 0, 0, 1].as_slice()));
    assert_eq!(message.attributes().count(), 3, "all of them are shown: CreatePermission has several peers");
}

#[test]
fn padding_may_be_anything_when_read_and_is_zero_when_written() {
    for length in 0..9 {
        let value = vec![0x55; length];
        let ours = message(Class::Request, Method::Binding, |writer| {
            writer.attribute(AttributeType::SOFTWARE, &value);
        });
        assert_eq!(ours, raw_message(0x0001, &[(AttributeType::SOFTWARE, &value, 0)]), "{length} bytes");
        for padding in [0x00, 0x20, 0xFF] {
            let theirs = raw_message(
                0x0001,
                &[(AttributeType::SOFTWARE, &value, padding), (AttributeType::NONCE, b"after", padding)],
            );
            let message = Message::parse(&theirs).unwrap();
            assert_eq!(message.value(AttributeType::SOFTWARE), Some(value.as_slice()));
            assert_eq!(message.value(AttributeType::NONCE), Some(b"after".as_slice()));
        }
    }
}

#[test]
fn comprehension_required_attributes_that_nobody_knows_are_listed_and_optional_ones_are_not() {
    let bytes = raw_message(
        0x0003,
        &[
            (AttributeType(0x0003), &[0; 4], 0),
            (AttributeType(0x8030), &[0; 4], 0),
            (AttributeType::LIFETIME, &[0; 4], 0),
            (AttributeType(0x7FFF), &[], 0),
            (AttributeType(0xFFFF), &[], 0),
        ],
    );
    let message = Message::parse(&bytes).unwrap();
    let unknown: Vec<u16> = message.unknown_required().map(|kind| kind.0).collect();
    assert_eq!(unknown, [0x0003, 0x7FFF]);
}

proptest! {
    #![proptest_config(super::bytes::cases(4096))]

    #[test]
    fn no_bytes_make_a_reader_panic_or_read_beyond(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = frame_length(&bytes);
        if let Ok(data) = ChannelData::parse(&bytes) {
            prop_assert!(data.data.len() + 4 <= bytes.len());
        }
        if let Ok(message) = Message::parse(&bytes) {
            assert_inside(&message);
            read_every_way(&message);
        }
    }

    #[test]
    fn no_bytes_behind_a_good_header_make_a_reader_panic_or_read_beyond(
        kind in prop::sample::select(Method::ALL.as_slice()),
        class in prop::sample::select([Class::Request, Class::Indication, Class::Success, Class::Error].as_slice()),
        words in proptest::collection::vec(
            prop_oneof![
                any::<u32>(),
                (prop::sample::select(AttributeType::KNOWN), 0_u32..24).prop_map(|(kind, length)| {
                    (u32::from(kind.0) << 16) | length
                }),
            ],
            0..40,
        ),
    ) {
        let mut bytes = raw_message(class.message_type(kind), &[]);
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        let body = u16::try_from(words.len() * 4).unwrap();
        bytes[2..4].copy_from_slice(&body.to_be_bytes());
        match Message::parse(&bytes) {
            Ok(message) => {
                prop_assert_eq!(message.transaction(), TRANSACTION);
                assert_inside(&message);
                read_every_way(&message);
            }
            Err(error) => prop_assert!(matches!(
                error,
                Malformed::AttributeOverrun | Malformed::AttributeLength | Malformed::AfterFingerprint
            )),
        }
    }
}
