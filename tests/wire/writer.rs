//! The writer in buffers that are too small, and with values that are too large.

use hilum::addr::Family;
use hilum::wire::{
    AttributeType, Class, ErrorCode, IntegrityKey, IntegrityKind, LARGEST_MESSAGE, Message, MessageWriter, Method,
    NoRoom,
};
use proptest::prelude::*;

use super::bytes::TRANSACTION;

/// Writes one of everything.
fn write_all(buffer: &mut [u8]) -> Result<usize, NoRoom> {
    let key = IntegrityKey::from_bytes(b"key").unwrap();
    MessageWriter::new(buffer, Class::Error, Method::Allocate, TRANSACTION)
        .attribute(AttributeType::SOFTWARE, b"hilum")
        .number(AttributeType::LIFETIME, 600)
        .error_code(ErrorCode::INSUFFICIENT_CAPACITY, true)
        .address_error_code(Family::V6, ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
        .xor_address(AttributeType::XOR_MAPPED_ADDRESS, "[2001:db8::1]:1".parse().unwrap(), TRANSACTION)
        .plain_address(AttributeType::ALTERNATE_SERVER, "192.0.2.1:1".parse().unwrap())
        .integrity(IntegrityKind::Sha1, &key)
        .integrity(IntegrityKind::Sha256, &key)
        .fingerprint()
        .finish()
}

#[test]
fn a_buffer_of_any_size_below_the_message_is_no_room_and_one_of_its_size_is_enough() {
    let mut buffer = [0; 512];
    let length = write_all(&mut buffer).unwrap();
    let whole = buffer[..length].to_vec();
    Message::parse(&whole).unwrap();
    for size in 0..length {
        assert_eq!(write_all(&mut vec![0; size]), Err(NoRoom), "{size} bytes");
    }
    for size in length..=length + 8 {
        let mut buffer = vec![0xEE; size];
        assert_eq!(write_all(&mut buffer), Ok(length));
        assert_eq!(buffer[..length], whole);
        assert!(buffer[length..].iter().all(|byte| *byte == 0xEE), "wrote past the message");
    }
}

#[test]
fn once_an_attribute_did_not_fit_a_smaller_one_does_not_hide_it() {
    let mut buffer = [0; 32];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::Binding, TRANSACTION);
    writer.attribute(AttributeType::NONCE, &[0; 100]).attribute(AttributeType::DONT_FRAGMENT, &[]);
    assert_eq!(writer.finish(), Err(NoRoom));
}

#[test]
fn the_largest_message_is_written_and_one_word_more_is_no_room() {
    let mut buffer = vec![0; 80_000];
    let write = |buffer: &mut [u8], data: usize| {
        MessageWriter::new(buffer, Class::Indication, Method::Data, TRANSACTION)
            .attribute(AttributeType::DATA, &vec![1; data])
            .finish()
    };
    assert_eq!(write(&mut buffer, 65_528), Ok(LARGEST_MESSAGE));
    Message::parse(&buffer[..LARGEST_MESSAGE]).unwrap();
    for data in [65_529, 65_532, 65_535, 65_536, 70_000] {
        assert_eq!(write(&mut buffer, data), Err(NoRoom), "{data} bytes of data");
    }
}

#[test]
fn integrity_and_fingerprint_over_more_than_a_length_field_can_say_are_no_room() {
    let key = IntegrityKey::from_bytes(b"key").unwrap();
    let mut buffer = vec![0; 140_000];
    let result = MessageWriter::new(&mut buffer, Class::Indication, Method::Data, TRANSACTION)
        .attribute(AttributeType::DATA, &[1; 65_528])
        .attribute(AttributeType::DATA, &[1; 65_528])
        .integrity(IntegrityKind::Sha256, &key)
        .fingerprint()
        .finish();
    assert_eq!(result, Err(NoRoom));
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn whatever_is_written_is_read_back(
        class in prop::sample::select([Class::Request, Class::Indication, Class::Success, Class::Error].as_slice()),
        method in prop::sample::select(Method::ALL.as_slice()),
        attributes in proptest::collection::vec(
            (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
        room in 0_usize..600,
    ) {
        // Attributes that end the message have tests of their own.
        let attributes: Vec<_> =
            attributes.into_iter().filter(|(kind, _)| ![0x0008, 0x001C, 0x8028].contains(kind)).collect();
        let mut buffer = vec![0xEE; room];
        let mut writer = MessageWriter::new(&mut buffer, class, method, TRANSACTION);
        for (kind, value) in &attributes {
            writer.attribute(AttributeType(*kind), value);
        }
        let needed = 20 + attributes.iter().map(|(_, value)| 4 + value.len().next_multiple_of(4)).sum::<usize>();
        match writer.finish() {
            Err(NoRoom) => prop_assert!(needed > room),
            Ok(length) => {
                prop_assert_eq!(length, needed);
                let message = Message::parse(&buffer[..length]).unwrap();
                prop_assert_eq!((message.class(), message.method(), message.transaction()), (class, method, TRANSACTION));
                let read: Vec<_> =
                    message.attributes().map(|attribute| (attribute.kind.0, attribute.value.to_vec())).collect();
                prop_assert_eq!(read, attributes);
            }
        }
    }
}
