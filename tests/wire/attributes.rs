//! Every attribute of RFC 8656, and those of RFC 8489 that a relay speaks: bytes written out, read and written.

use core::net::SocketAddr;

use hilum::addr::Family;
use hilum::time::Lifetime;
use hilum::wire::attribute::{self, Icmp, TRANSPORT_UDP};
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, ErrorCode, Malformed, Message, Method, PasswordAlgorithm,
    decode_address, decode_xor_address, encode_address, encode_xor_address, write_channel_header,
};

use super::bytes::{TRANSACTION, hex, message};

/// The attributes' bytes of a message with only what `write` adds.
fn body(write: impl FnOnce(&mut hilum::wire::MessageWriter<'_>)) -> Vec<u8> {
    message(Class::Success, Method::Allocate, write)[20..].to_vec()
}

#[test]
fn every_attribute_type_has_the_number_that_iana_lists() {
    let table: [(AttributeType, u16); 33] = [
        (AttributeType::MAPPED_ADDRESS, 0x0001),
        (AttributeType::USERNAME, 0x0006),
        (AttributeType::MESSAGE_INTEGRITY, 0x0008),
        (AttributeType::ERROR_CODE, 0x0009),
        (AttributeType::UNKNOWN_ATTRIBUTES, 0x000A),
        (AttributeType::CHANNEL_NUMBER, 0x000C),
        (AttributeType::LIFETIME, 0x000D),
        (AttributeType::XOR_PEER_ADDRESS, 0x0012),
        (AttributeType::DATA, 0x0013),
        (AttributeType::REALM, 0x0014),
        (AttributeType::NONCE, 0x0015),
        (AttributeType::XOR_RELAYED_ADDRESS, 0x0016),
        (AttributeType::REQUESTED_ADDRESS_FAMILY, 0x0017),
        (AttributeType::EVEN_PORT, 0x0018),
        (AttributeType::REQUESTED_TRANSPORT, 0x0019),
        (AttributeType::DONT_FRAGMENT, 0x001A),
        (AttributeType::MESSAGE_INTEGRITY_SHA256, 0x001C),
        (AttributeType::PASSWORD_ALGORITHM, 0x001D),
        (AttributeType::USERHASH, 0x001E),
        (AttributeType::XOR_MAPPED_ADDRESS, 0x0020),
        (AttributeType::RESERVATION_TOKEN, 0x0022),
        (AttributeType::PRIORITY, 0x0024),
        (AttributeType::USE_CANDIDATE, 0x0025),
        (AttributeType::ADDITIONAL_ADDRESS_FAMILY, 0x8000),
        (AttributeType::ADDRESS_ERROR_CODE, 0x8001),
        (AttributeType::PASSWORD_ALGORITHMS, 0x8002),
        (AttributeType::ALTERNATE_DOMAIN, 0x8003),
        (AttributeType::ICMP, 0x8004),
        (AttributeType::SOFTWARE, 0x8022),
        (AttributeType::ALTERNATE_SERVER, 0x8023),
        (AttributeType::FINGERPRINT, 0x8028),
        (AttributeType::ICE_CONTROLLED, 0x8029),
        (AttributeType::ICE_CONTROLLING, 0x802A),
    ];
    for (kind, number) in table {
        assert_eq!(kind.0, number);
        assert!(kind.is_known());
        assert_eq!(kind.is_comprehension_required(), number < 0x8000);
    }
    assert_eq!(AttributeType::KNOWN.len(), table.len(), "a known attribute is missing from this table");
}

#[test]
fn every_message_type_has_the_bits_of_rfc_8489_figure_3() {
    use Class::{Error, Indication, Request, Success};
    let table = [
        (Method::Binding, [(Request, 0x0001), (Indication, 0x0011), (Success, 0x0101), (Error, 0x0111)]),
        (Method::Allocate, [(Request, 0x0003), (Indication, 0x0013), (Success, 0x0103), (Error, 0x0113)]),
        (Method::Refresh, [(Request, 0x0004), (Indication, 0x0014), (Success, 0x0104), (Error, 0x0114)]),
        (Method::Send, [(Request, 0x0006), (Indication, 0x0016), (Success, 0x0106), (Error, 0x0116)]),
        (Method::Data, [(Request, 0x0007), (Indication, 0x0017), (Success, 0x0107), (Error, 0x0117)]),
        (Method::CreatePermission, [(Request, 0x0008), (Indication, 0x0018), (Success, 0x0108), (Error, 0x0118)]),
        (Method::ChannelBind, [(Request, 0x0009), (Indication, 0x0019), (Success, 0x0109), (Error, 0x0119)]),
    ];
    assert_eq!(table.len(), Method::ALL.len());
    for (method, row) in table {
        for (class, number) in row {
            assert_eq!(class.message_type(method), number);
            let bytes = message(class, method, |_| {});
            let read = Message::parse(&bytes).unwrap();
            assert_eq!((read.class(), read.method()), (class, method));
        }
    }
}

#[test]
fn channel_number_has_16_bits_of_number_and_16_reserved() {
    assert_eq!(ChannelNumber::decode(&hex("4001 0000")).map(ChannelNumber::number), Ok(0x4001));
    assert_eq!(ChannelNumber::decode(&hex("4fff ffff")).map(ChannelNumber::number), Ok(0x4fff));
    for outside in ["3fff 0000", "5000 0000", "7fff 0000", "0000 0000", "ffff 0000"] {
        assert_eq!(ChannelNumber::decode(&hex(outside)), Err(Malformed::ChannelNumber), "{outside}");
    }
    for length in ["", "4001", "4001 00", "4001 0000 00"] {
        assert_eq!(ChannelNumber::decode(&hex(length)), Err(Malformed::AttributeLength), "{length:?}");
    }
}

#[test]
fn lifetime_is_seconds_in_32_bits() {
    assert_eq!(
        body(|writer| {
            writer.number(AttributeType::LIFETIME, 600);
        }),
        hex("000d 0004 00000258")
    );
    assert_eq!(attribute::decode_lifetime(&hex("00000258")), Ok(Lifetime::from_secs(600)));
    assert_eq!(attribute::decode_lifetime(&hex("ffffffff")), Ok(Lifetime::from_secs(u32::MAX)));
    assert_eq!(attribute::decode_lifetime(&hex("000258")), Err(Malformed::AttributeLength));
    assert_eq!(attribute::decode_lifetime(&hex("0000025800")), Err(Malformed::AttributeLength));
}

#[test]
fn the_xored_addresses_mix_in_the_cookie_and_for_ipv6_the_transaction_id() {
    let table = [
        ("192.0.2.1:32853", "0001 a147 e112a643"),
        ("0.0.0.0:0", "0001 2112 2112a442"),
        ("255.255.255.255:65535", "0001 deed deed5bbd"),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", "0002 a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"),
        ("[::]:0", "0002 2112 2112a442 b7e7a701 bc34d686 fa87dfae"),
    ];
    let kinds = [
        (AttributeType::XOR_MAPPED_ADDRESS, "0020"),
        (AttributeType::XOR_RELAYED_ADDRESS, "0016"),
        (AttributeType::XOR_PEER_ADDRESS, "0012"),
    ];
    for (text, value) in table {
        let address: SocketAddr = text.parse().unwrap();
        let value = hex(value);
        let (encoded, length) = encode_xor_address(address, TRANSACTION);
        assert_eq!(encoded[..length], value, "{text}");
        assert_eq!(decode_xor_address(&value, TRANSACTION), Ok(address));
        for (kind, number) in kinds {
            let mut expected = hex(number);
            expected.extend([0, u8::try_from(value.len()).unwrap()]);
            expected.extend(&value);
            assert_eq!(
                body(|writer| {
                    writer.xor_address(kind, address, TRANSACTION);
                }),
                expected
            );
        }
    }
}

#[test]
fn the_plain_addresses_are_as_they_are() {
    for (text, value) in [
        ("192.0.2.1:3478", "0001 0d96 c0000201"),
        ("[2001:db8::1]:3478", "0002 0d96 20010db8 00000000 00000000 00000001"),
    ] {
        let address: SocketAddr = text.parse().unwrap();
        let (encoded, length) = encode_address(address);
        assert_eq!(encoded[..length], hex(value));
        assert_eq!(decode_address(&hex(value)), Ok(address));
    }
    let alternate = body(|writer| {
        writer.plain_address(AttributeType::ALTERNATE_SERVER, "192.0.2.1:3478".parse().unwrap());
    });
    assert_eq!(alternate, hex("8023 0008 0001 0d96 c0000201"));
}

#[test]
fn an_address_of_another_family_or_length_is_refused() {
    let table = [
        ("", Malformed::AttributeLength),
        ("0001", Malformed::AttributeLength),
        ("0001 0d96", Malformed::AttributeLength),
        ("0001 0d96 c00002", Malformed::AttributeLength),
        ("0001 0d96 c0000201 00", Malformed::AttributeLength),
        ("0001 0d96 20010db8 00000000 00000000 00000001", Malformed::AttributeLength),
        ("0002 0d96 c0000201", Malformed::AttributeLength),
        ("0002 0d96 20010db8 00000000 00000000 0000000101", Malformed::AttributeLength),
        ("0000 0d96 c0000201", Malformed::AttributeValue),
        ("0003 0d96 c0000201", Malformed::AttributeValue),
        ("00ff 0d96 c0000201", Malformed::AttributeValue),
    ];
    for (value, error) in table {
        assert_eq!(decode_address(&hex(value)), Err(error), "{value}");
        assert_eq!(decode_xor_address(&hex(value), TRANSACTION), Err(error), "{value}");
    }
    // The first byte is reserved and ignored (RFC 8489 §14.1).
    assert_eq!(decode_address(&hex("ff01 0d96 c0000201")), Ok("192.0.2.1:3478".parse().unwrap()));
}

#[test]
fn data_is_bytes_and_its_padding_is_not_part_of_them() {
    let written = body(|writer| {
        writer.attribute(AttributeType::DATA, b"hello");
    });
    assert_eq!(written, hex("0013 0005 68656c6c 6f 000000"));
    let bytes = message(Class::Indication, Method::Data, |writer| {
        writer.attribute(AttributeType::DATA, b"hello");
    });
    assert_eq!(Message::parse(&bytes).unwrap().value(AttributeType::DATA), Some(b"hello".as_slice()));
    let empty = message(Class::Indication, Method::Data, |writer| {
        writer.attribute(AttributeType::DATA, b"");
    });
    assert_eq!(Message::parse(&empty).unwrap().value(AttributeType::DATA), Some(b"".as_slice()));
}

#[test]
fn the_address_families_are_one_byte_and_three_reserved() {
    for (value, family) in [
        ("01000000", Some(Family::V4)),
        ("02000000", Some(Family::V6)),
        ("01ffffff", Some(Family::V4)),
        ("00000000", None),
        ("03000000", None),
        ("ff000000", None),
    ] {
        assert_eq!(attribute::decode_family(&hex(value)), Ok(family), "{value}");
    }
    assert_eq!(attribute::decode_family(&[1]), Err(Malformed::AttributeLength));
    assert_eq!(attribute::decode_family(&[1, 0, 0, 0, 0]), Err(Malformed::AttributeLength));
    assert_eq!((attribute::family_code(Family::V4), attribute::family_code(Family::V6)), (1, 2));
}

#[test]
fn even_port_is_one_byte_whose_first_bit_asks_for_the_next_port() {
    assert_eq!(
        body(|writer| {
            writer.attribute(AttributeType::EVEN_PORT, &[0x80]);
        }),
        hex("0018 0001 80 000000")
    );
    assert_eq!(attribute::decode_even_port(&[0x80]), Ok(true));
    assert_eq!(attribute::decode_even_port(&[0xff]), Ok(true));
    assert_eq!(attribute::decode_even_port(&[0x00]), Ok(false));
    assert_eq!(attribute::decode_even_port(&[0x7f]), Ok(false));
    assert_eq!(attribute::decode_even_port(&[]), Err(Malformed::AttributeLength));
    assert_eq!(attribute::decode_even_port(&[0x80, 0, 0, 0]), Err(Malformed::AttributeLength));
}

#[test]
fn requested_transport_is_a_protocol_number_and_three_reserved_bytes() {
    let written = body(|writer| {
        writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[TRANSPORT_UDP, 0, 0, 0]);
    });
    assert_eq!(written, hex("0019 0004 11000000"));
    assert_eq!(attribute::decode_requested_transport(&hex("11000000")), Ok(17));
    assert_eq!(attribute::decode_requested_transport(&hex("06ffffff")), Ok(6));
    assert_eq!(attribute::decode_requested_transport(&[17]), Err(Malformed::AttributeLength));
}

#[test]
fn dont_fragment_has_no_value() {
    assert_eq!(
        body(|writer| {
            writer.attribute(AttributeType::DONT_FRAGMENT, &[]);
        }),
        hex("001a 0000")
    );
    assert_eq!(attribute::decode_dont_fragment(&[]), Ok(()));
    assert_eq!(attribute::decode_dont_fragment(&[0]), Err(Malformed::AttributeLength));
}

#[test]
fn reservation_token_is_eight_bytes() {
    let token = [1, 2, 3, 4, 5, 6, 7, 8];
    let written = body(|writer| {
        writer.attribute(AttributeType::RESERVATION_TOKEN, &token);
    });
    assert_eq!(written, hex("0022 0008 01020304 05060708"));
    assert_eq!(attribute::decode_reservation_token(&token), Ok(token));
    assert_eq!(attribute::decode_reservation_token(&token[..7]), Err(Malformed::AttributeLength));
    assert_eq!(attribute::decode_reservation_token(&[0; 9]), Err(Malformed::AttributeLength));
}

#[test]
fn address_error_code_is_family_then_class_and_number() {
    let written = body(|writer| {
        writer
            .address_error_code(Family::V6, ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
            .address_error_code(Family::V4, ErrorCode::INSUFFICIENT_CAPACITY);
    });
    assert_eq!(written, hex("8001 0004 02 00 04 28   8001 0004 01 00 05 08"));
}

#[test]
fn icmp_is_7_bits_of_type_9_bits_of_code_and_32_bits_of_data() {
    // RFC 8656 §18.13 draws the boundary at bit 23, not at a byte.
    for (icmp, value) in [
        (Icmp { kind: 3, code: 4, data: 1280 }, "0000 0604 00000500"),
        (Icmp { kind: 3, code: 1, data: 0 }, "0000 0601 00000000"),
        (Icmp { kind: 2, code: 0, data: 1500 }, "0000 0400 000005dc"),
        (Icmp { kind: 127, code: 511, data: u32::MAX }, "0000 ffff ffffffff"),
    ] {
        assert_eq!(icmp.encode().as_slice(), hex(value));
        assert_eq!(Icmp::decode(&hex(value)), Ok(icmp));
    }
    // The first 16 bits are reserved and ignored.
    assert_eq!(Icmp::decode(&hex("ffff 0601 00000000")), Ok(Icmp { kind: 3, code: 1, data: 0 }));
    assert_eq!(Icmp::decode(&[0; 7]), Err(Malformed::AttributeLength));
    assert_eq!(Icmp::decode(&[0; 9]), Err(Malformed::AttributeLength));
}

#[test]
fn error_code_is_hundreds_and_rest_then_the_reason() {
    let reasonless = body(|writer| {
        writer.error_code(ErrorCode::STALE_NONCE, false);
    });
    assert_eq!(reasonless, hex("0009 0004 0000 04 26"));
    let forbidden = body(|writer| {
        writer.error_code(ErrorCode::FORBIDDEN, true);
    });
    assert_eq!(forbidden, hex("0009 000d 0000 04 03 466f7262 69646465 6e 000000"));
    for (code, number) in [
        (ErrorCode::TRY_ALTERNATE, 300),
        (ErrorCode::BAD_REQUEST, 400),
        (ErrorCode::UNAUTHENTICATED, 401),
        (ErrorCode::FORBIDDEN, 403),
        (ErrorCode::UNKNOWN_ATTRIBUTE, 420),
        (ErrorCode::ALLOCATION_MISMATCH, 437),
        (ErrorCode::STALE_NONCE, 438),
        (ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED, 440),
        (ErrorCode::WRONG_CREDENTIALS, 441),
        (ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL, 442),
        (ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH, 443),
        (ErrorCode::ALLOCATION_QUOTA_REACHED, 486),
        (ErrorCode::SERVER_ERROR, 500),
        (ErrorCode::INSUFFICIENT_CAPACITY, 508),
    ] {
        let hundreds = u8::try_from(number / 100).unwrap();
        let rest = u8::try_from(number % 100).unwrap();
        assert_eq!(code.number(), number);
        assert_eq!(code.encode(), [0, 0, hundreds, rest]);
        let bytes = message(Class::Error, Method::Allocate, |writer| {
            writer.error_code(code, true);
        });
        let message = Message::parse(&bytes).unwrap();
        let (read, reason) = ErrorCode::decode(message.value(AttributeType::ERROR_CODE).unwrap()).unwrap();
        assert_eq!((read, reason), (code, code.reason().as_bytes()));
        assert!(!reason.is_empty());
    }
}

#[test]
fn an_error_code_outside_300_to_699_is_refused() {
    for value in ["0000 02 63", "0000 07 00", "0000 00 00", "0000 04 64", "0000 04 ff"] {
        assert_eq!(ErrorCode::decode(&hex(value)), Err(Malformed::AttributeValue), "{value}");
    }
    assert_eq!(ErrorCode::decode(&[0, 0, 4]), Err(Malformed::AttributeLength));
    // 21 reserved bits are ignored.
    assert_eq!(ErrorCode::decode(&hex("ffff fc 01")), Ok((ErrorCode::UNAUTHENTICATED, [].as_slice())));
}

#[test]
fn password_algorithms_offers_sha256_then_md5() {
    assert_eq!(PasswordAlgorithm::OFFER.as_slice(), hex("0002 0000 0001 0000"));
    assert_eq!(PasswordAlgorithm::decode(&hex("0001 0000")), Ok(PasswordAlgorithm::Md5));
    assert_eq!(PasswordAlgorithm::decode(&hex("0002 0000")), Ok(PasswordAlgorithm::Sha256));
    for refused in ["0000 0000", "0003 0000", "0002 0001", "0002 0004 00000000", "0002 0000 00"] {
        assert_eq!(PasswordAlgorithm::decode(&hex(refused)), Err(Malformed::AttributeValue), "{refused}");
    }
    assert_eq!(PasswordAlgorithm::decode(&hex("0002 00")), Err(Malformed::AttributeLength));
}

#[test]
fn channel_data_is_number_length_and_data() {
    let channel = ChannelNumber::new(0x4001).unwrap();
    assert_eq!(write_channel_header(channel, 5).as_slice(), hex("4001 0005"));
    assert_eq!(write_channel_header(ChannelNumber::LAST, 65_535).as_slice(), hex("4fff ffff"));
    for (text, data) in [
        ("4001 0005 68656c6c6f", b"hello".as_slice()),
        ("4001 0005 68656c6c6f 000000", b"hello".as_slice()),
        ("4001 0005 68656c6c6f ffffff", b"hello".as_slice()),
        ("4001 0000", b"".as_slice()),
    ] {
        let bytes = hex(text);
        assert_eq!(ChannelData::parse(&bytes), Ok(ChannelData { channel, data }), "{text}");
    }
    for (text, error) in [
        ("", Malformed::Truncated),
        ("40", Malformed::Truncated),
        ("4001", Malformed::Truncated),
        ("4001 00", Malformed::Truncated),
        ("4001 0005 68656c6c", Malformed::Truncated),
        ("4001 ffff 68656c6c", Malformed::Truncated),
        ("4001 0001 68 00000000", Malformed::Trailing),
        ("3fff 0000", Malformed::ChannelNumber),
        ("5000 0000", Malformed::ChannelNumber),
        ("7fff 0000", Malformed::ChannelNumber),
        ("ffff 0000", Malformed::ChannelNumber),
    ] {
        assert_eq!(ChannelData::parse(&hex(text)), Err(error), "{text}");
    }
}
