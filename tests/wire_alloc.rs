//! The codec allocates nothing: not to read, not to write, not to verify. A counting allocator is the witness, and it
//! is why this test has a binary of its own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    reason = "a test that panics has failed, and some only ask that a reader returns"
)]

mod counting;
#[path = "wire/hellos.rs"]
mod hellos;

use std::hint::black_box;

use hilum::addr::{Family, PeerAddr};
use hilum::wire::attribute::{self, Icmp};
use hilum::wire::dtls::{ClientHello, Fragments, HelloVerifyRequest, Record, Records, ServerHello};
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, ErrorCode, HEADER, IntegrityKey, IntegrityKind, Malformed,
    Message, MessageWriter, Method, PasswordAlgorithm, RtcpHeader, RtpHeader, TransactionId, decode_address,
    frame_length, is_clear_compound, is_rtcp, write_channel_header,
};

/// How many allocations this thread makes in `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    counting::count(work).0
}

const TRANSACTION: TransactionId = TransactionId([7; 12]);

fn key(algorithm: PasswordAlgorithm) -> IntegrityKey {
    IntegrityKey::long_term(algorithm, b"anna", b"example.org", b"secret")
}

fn write(buffer: &mut [u8], class: Class, kind: IntegrityKind, key: &IntegrityKey) -> usize {
    MessageWriter::new(buffer, class, Method::Allocate, TRANSACTION)
        .attribute(AttributeType::USERNAME, b"anna")
        .attribute(AttributeType::NONCE, b"obMatJos2AAACf//499k9")
        .attribute(AttributeType::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
        .attribute(AttributeType(0x7777), b"unknown")
        .number(AttributeType::LIFETIME, 600)
        .xor_address(AttributeType::XOR_PEER_ADDRESS, "[2001:db8::1]:9".parse().unwrap(), TRANSACTION)
        .plain_address(AttributeType::ALTERNATE_SERVER, "192.0.2.1:3478".parse().unwrap())
        .error_code(ErrorCode::INSUFFICIENT_CAPACITY, true)
        .address_error_code(Family::V6, ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
        .attribute(AttributeType::ICMP, &Icmp { kind: 3, code: 4, data: 1280 }.encode())
        .integrity(kind, key)
        .fingerprint()
        .finish()
        .unwrap()
}

fn read(bytes: &[u8], kind: IntegrityKind, key: &IntegrityKey) {
    let message = Message::parse(bytes).unwrap();
    for attribute in message.attributes() {
        black_box(attribute);
    }
    assert_eq!(message.unknown_required().count(), 1);
    assert_eq!(message.fingerprint(), Some(true));
    assert_eq!(IntegrityKind::of(&message), Some(kind));
    assert!(key.verify(kind, &message));
    let peer = message.xor_address(AttributeType::XOR_PEER_ADDRESS).unwrap().unwrap();
    black_box(PeerAddr::canonical(peer));
    black_box(attribute::decode_lifetime(message.value(AttributeType::LIFETIME).unwrap()).unwrap());
    black_box(decode_address(message.value(AttributeType::ALTERNATE_SERVER).unwrap()).unwrap());
    black_box(ErrorCode::decode(message.value(AttributeType::ERROR_CODE).unwrap()).unwrap());
    black_box(Icmp::decode(message.value(AttributeType::ICMP).unwrap()).unwrap());
}

#[test]
fn the_witness_sees_an_allocation() {
    assert!(allocations(|| drop(black_box(vec![0_u8; 100]))) > 0);
    assert_eq!(
        allocations(|| {
            black_box([0_u8; 100]);
        }),
        0
    );
}

#[test]
fn building_a_message_allocates_nothing() {
    let mut buffer = [0; 512];
    for (kind, algorithm) in
        [(IntegrityKind::Sha1, PasswordAlgorithm::Md5), (IntegrityKind::Sha256, PasswordAlgorithm::Sha256)]
    {
        let made = allocations(|| {
            let key = key(algorithm);
            black_box(write(&mut buffer, Class::Success, kind, &key));
        });
        assert_eq!(made, 0, "{kind:?}");
    }
}

#[test]
fn a_message_that_does_not_fit_allocates_nothing() {
    let key = key(PasswordAlgorithm::Sha256);
    let mut buffer = [0; 60];
    let made = allocations(|| {
        let result = MessageWriter::new(&mut buffer, Class::Success, Method::Allocate, TRANSACTION)
            .attribute(AttributeType::USERNAME, b"a long user name that leaves no room for what follows")
            .integrity(IntegrityKind::Sha256, &key)
            .fingerprint()
            .finish();
        assert!(result.is_err());
    });
    assert_eq!(made, 0);
}

#[test]
fn reading_and_verifying_a_message_allocates_nothing() {
    let mut buffer = [0; 512];
    for (kind, algorithm) in
        [(IntegrityKind::Sha1, PasswordAlgorithm::Md5), (IntegrityKind::Sha256, PasswordAlgorithm::Sha256)]
    {
        let key = key(algorithm);
        let length = write(&mut buffer, Class::Request, kind, &key);
        assert_eq!(allocations(|| read(&buffer[..length], kind, &key)), 0, "{kind:?}");
    }
}

#[test]
fn refusing_bad_bytes_allocates_nothing() {
    let mut buffer = [0; 512];
    let length = write(&mut buffer, Class::Request, IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5));
    let made = allocations(|| {
        for cut in 0..length {
            assert_eq!(Message::parse(&buffer[..cut]).err(), Some(Malformed::Truncated));
        }
        for at in 0..length {
            buffer[at] ^= 0xFF;
            let _ = black_box(Message::parse(&buffer[..length]));
            let _ = black_box(frame_length(&buffer[..length]));
            buffer[at] ^= 0xFF;
        }
    });
    assert_eq!(made, 0);
}

#[test]
fn channel_data_and_frames_allocate_nothing() {
    let channel = ChannelNumber::new(0x4001).unwrap();
    let mut bytes = [0xAB; 1204];
    let made = allocations(|| {
        bytes[..4].copy_from_slice(&write_channel_header(channel, 1200));
        let frame = frame_length(&bytes).unwrap().unwrap();
        assert_eq!(frame.length, bytes.len());
        assert_eq!(ChannelData::parse(&bytes).unwrap().data.len(), 1200);
        assert!(ChannelData::parse(&bytes[..HEADER]).is_err());
    });
    assert_eq!(made, 0);
}

/// Reads a datagram down to its hellos, and says how many of those there are.
fn read_dtls(datagram: &[u8], connection_id_length: usize) -> usize {
    let mut hellos = 0;
    for record in Records::new(datagram, connection_id_length) {
        let Ok(Record::Legacy { body, .. }) = black_box(record) else { continue };
        for fragment in Fragments::new(body) {
            let Ok(fragment) = black_box(fragment) else { continue };
            if let Ok(hello) = ClientHello::parse(fragment.body) {
                black_box((hello.suites().count(), hello.offers(0xFEFC), hello.null_compression()));
                black_box(hello.srtp.map(|srtp| (srtp.profiles().count(), srtp.mki())));
                hellos += 1;
            }
            hellos += usize::from(ServerHello::parse(fragment.body).is_ok());
            hellos += usize::from(HelloVerifyRequest::parse(fragment.body).is_ok());
        }
    }
    hellos
}

#[test]
fn dtls_is_read_and_refused_without_an_allocation() {
    let messages = [
        hellos::handshake(1, 0, &hellos::Client::modern().encode()),
        hellos::handshake(2, 0, &hellos::Server::of_1_2().encode()),
        hellos::handshake(3, 0, &[0xFE, 0xFF, 1, 7]),
    ];
    let mut datagram = [
        messages.map(|message| hellos::record(22, 0xFEFD, 0, 0, &message)).concat(),
        hellos::record_with_id(1, 0, &[1, 2], &[5; 20]),
        hellos::unified(2, &[1, 2], true, false, &[6; 20]),
    ]
    .concat();
    let made = allocations(|| {
        assert_eq!(read_dtls(&datagram, 2), 3);
        for cut in 0..datagram.len() {
            black_box(read_dtls(&datagram[..cut], 2));
        }
        for at in 0..datagram.len() {
            datagram[at] ^= 0xFF;
            black_box(read_dtls(&datagram, 2));
            datagram[at] ^= 0xFF;
        }
    });
    assert_eq!(made, 0);
}

#[test]
fn rtp_and_rtcp_are_read_and_refused_without_an_allocation() {
    let mut media = [0x5A; 60];
    media[..16].copy_from_slice(&[0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xBE, 0xDE, 0, 1]);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 203, 0, 1, 0, 0, 0, 1];
    let made = allocations(|| {
        assert_eq!(RtpHeader::parse(&media).unwrap().payload, 20);
        assert_eq!(RtcpHeader::parse(&report).unwrap().length, 8);
        assert!(is_rtcp(&report) && is_clear_compound(&report) && !is_clear_compound(&media));
        for cut in 0..16 {
            black_box((RtpHeader::parse(&media[..cut]).is_err(), RtcpHeader::parse(&report[..cut]).is_err()));
            black_box(is_clear_compound(&report[..cut]));
        }
    });
    assert_eq!(made, 0);
}
