//! DTLS records and handshake fragments as RFC 6347 §4.1 and §4.2.2, RFC 9146 §4 and RFC 9147 §4 draw them. The hellos
//! are in `dtls_hello.rs`.

use hilum::wire::dtls::{
    DTLS_1_0, DTLS_1_2, Fragment, Fragments, InvalidHandshake, InvalidRecord, Record, Records, content, handshake,
};
use proptest::prelude::*;

use super::bytes::hex;
use super::hellos::{self, fragment, record, record_with_id, unified};

type Read<'a> = Vec<Result<Record<'a>, InvalidRecord>>;

fn records(datagram: &[u8], connection_id_length: usize) -> Read<'_> {
    let mut records = Records::new(datagram, connection_id_length);
    let read: Read<'_> = records.by_ref().collect();
    assert!(records.next().is_none(), "it has ended");
    read
}

fn fault(datagram: &[u8], connection_id_length: usize) -> Option<InvalidRecord> {
    records(datagram, connection_id_length).last().and_then(|last| last.err())
}

fn fragments(body: &[u8]) -> Vec<Result<Fragment<'_>, InvalidHandshake>> {
    let mut fragments = Fragments::new(body);
    let read = fragments.by_ref().collect();
    assert!(fragments.next().is_none(), "it has ended");
    read
}

/// RFC 6347 §4.1: type, version, epoch, 48 bits of sequence number, length.
#[test]
fn a_record_is_read_as_it_is_drawn() {
    let bytes = hex("16 fefd  ; handshake, DTLS 1.2
         0102     ; epoch
         0a0b0c0d0e0f ; sequence number
         0003 aabbcc");
    assert_eq!(
        records(&bytes, 0),
        [Ok(Record::Legacy {
            kind: content::HANDSHAKE,
            version: DTLS_1_2,
            epoch: 0x0102,
            sequence: 0x0A0B_0C0D_0E0F,
            body: &[0xAA, 0xBB, 0xCC],
        })]
    );
}

/// The second flight of a server, OpenSSL 3.0 in DTLS 1.2, without what its certificate and signature say.
#[test]
fn several_records_share_a_datagram() {
    let datagram = hex("16 fefd 0000 000000000001 0052
           02 000046 0001 000000 000046
             fefd 2664c37f ec05dd3e 9683443f 5c2bead1 985b68cf ca283263 bd87082a 50e93cc7 00 c02c 00
             001e ff01 0001 00  000b 0004 03000102  0023 0000  000e 0005 0002 0008 00  0017 0000
         16 fefd 0000 000000000004 000c
           0e 000000 0004 000000 000000
         14 fefd 0000 000000000006 0001 01");
    let read: Vec<_> = records(&datagram, 0).into_iter().map(Result::unwrap).collect();
    let [Record::Legacy { body: hello, .. }, Record::Legacy { body: done, .. }, last] = read[..] else {
        panic!("{read:?}")
    };
    assert_eq!(
        last,
        Record::Legacy { kind: content::CHANGE_CIPHER_SPEC, version: DTLS_1_2, epoch: 0, sequence: 6, body: &[1] }
    );
    let [Ok(hello)] = fragments(hello)[..] else { panic!("one message") };
    assert_eq!((hello.kind, hello.length, hello.sequence, hello.offset), (handshake::SERVER_HELLO, 70, 1, 0));
    let done_is = Fragment { kind: handshake::SERVER_HELLO_DONE, length: 0, sequence: 4, offset: 0, body: &[] };
    assert_eq!(fragments(done), [Ok(done_is)]);
}

#[test]
fn an_empty_datagram_has_no_records_and_an_empty_body_no_fragments() {
    assert_eq!(records(&[], 0), []);
    assert_eq!(fragments(&[]), []);
    let empty = record(content::APPLICATION_DATA, DTLS_1_2, 1, 1, &[]);
    assert!(matches!(records(&empty, 0)[..], [Ok(Record::Legacy { body: [], .. })]));
}

/// RFC 9147 §4, figure 4: what the first byte of a record may be. RFC 9146 §4: 25 has a header of its own.
#[test]
fn the_first_byte_says_what_kind_of_header_follows() {
    for first in 0..=u8::MAX {
        let mut bytes = record(first, DTLS_1_2, 0, 1, &[0x5A; 40]);
        // The same bytes with room for whatever a unified header makes of them.
        if first & 0b1110_0100 == 0b0010_0100 {
            let at = 1 + usize::from(first >> 4 & 1) + 1 + usize::from(first >> 3 & 1);
            let body = u16::try_from(bytes.len() - at - 2).unwrap();
            bytes[at..at + 2].copy_from_slice(&body.to_be_bytes());
        }
        let read = records(&bytes, 1);
        match first {
            20..=24 | 26 => assert!(matches!(read[..], [Ok(Record::Legacy { kind, .. })] if kind == first), "{first}"),
            25 => assert_eq!(read.len(), 1, "its length stands one byte later"),
            32..=63 => {
                let [Ok(Record::Unified { epoch, connection_id, .. })] = read[..] else { panic!("{first}: {read:?}") };
                assert_eq!((epoch, connection_id), (first & 3, first & 16 != 0));
            }
            _ => assert_eq!(read, [Err(InvalidRecord::Kind)], "{first}"),
        }
    }
}

#[test]
fn every_version_of_dtls_and_no_other_is_a_version() {
    for version in 0..=u16::MAX {
        let read = fault(&record(content::ALERT, version, 0, 0, &[2, 40]), 0);
        let is_dtls = (0xFE00..=0xFEFF).contains(&version);
        assert_eq!(read, (!is_dtls).then_some(InvalidRecord::Version), "{version:#06x}");
    }
    let mut with_id = record_with_id(1, 1, &[7], &[0; 30]);
    with_id[1] = 0x03;
    assert_eq!(fault(&with_id, 1), Some(InvalidRecord::Version), "TLS has no connection ids");
}

/// RFC 6347 §4.1: the length must not exceed 2^14, and 2^11 more once encrypted.
#[test]
fn a_record_has_a_largest_length() {
    let largest = vec![0x5A; 16_384 + 2048];
    assert_eq!(fault(&record(content::APPLICATION_DATA, DTLS_1_2, 1, 1, &largest), 0), None);
    assert_eq!(fault(&record_with_id(1, 1, &[7, 8], &largest), 2), None);
    let larger = [&largest[..], &[0]].concat();
    assert_eq!(fault(&record(content::APPLICATION_DATA, DTLS_1_2, 1, 1, &larger), 0), Some(InvalidRecord::TooLong));
    assert_eq!(fault(&record_with_id(1, 1, &[7, 8], &larger), 2), Some(InvalidRecord::TooLong));
}

/// RFC 9146 §4: the connection id stands between sequence number and length, and its length is nowhere.
#[test]
fn a_record_with_a_connection_id_is_read_by_who_knows_its_length() {
    let bytes = hex("19 fefd 0001 000000000005
         c1c2c3 ; connection id
         0004 deadbeef");
    let body = &[0xDE, 0xAD, 0xBE, 0xEF];
    assert_eq!(records(&bytes, 3), [Ok(Record::ConnectionId { version: DTLS_1_2, epoch: 1, sequence: 5, body })]);
    assert_eq!(records(&bytes, 0), [Err(InvalidRecord::ConnectionId)], "none was negotiated");
    assert_eq!(fault(&bytes, 2), Some(InvalidRecord::TooLong), "another length reads other fields");
    assert_eq!(fault(&bytes, 8), Some(InvalidRecord::Truncated));
    assert_eq!(fault(&bytes, usize::MAX), Some(InvalidRecord::Truncated), "no length is too long to be refused");
}

/// RFC 9147 §4, figure 3: 0 0 1 C S L E E.
#[test]
fn a_unified_header_has_the_fields_that_its_first_byte_announces() {
    let body = [0x5A; 20];
    for epoch in 0..4 {
        for id in [&[][..], &[1], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            for (long_sequence, with_length) in [(false, false), (false, true), (true, false), (true, true)] {
                let bytes = unified(epoch, id, long_sequence, with_length, &body);
                let read = Record::Unified { epoch, connection_id: !id.is_empty(), body: &body };
                assert_eq!(records(&bytes, id.len()), [Ok(read)]);
            }
        }
    }
}

#[test]
fn a_unified_header_without_a_connection_id_is_read_where_one_was_negotiated() {
    // RFC 9147 §4: not the first record of a datagram, but the later ones may leave it out.
    let datagram = [unified(2, &[9, 9], true, true, &[1; 16]), unified(2, &[], true, true, &[2; 16])].concat();
    assert_eq!(
        records(&datagram, 2),
        [
            Ok(Record::Unified { epoch: 2, connection_id: true, body: &[1; 16] }),
            Ok(Record::Unified { epoch: 2, connection_id: false, body: &[2; 16] }),
        ]
    );
    assert_eq!(records(&datagram, 0), [Err(InvalidRecord::ConnectionId)]);
}

#[test]
fn a_unified_record_without_a_length_reaches_to_the_end_of_the_datagram() {
    let last = record(content::ALERT, DTLS_1_2, 0, 0, &[1, 0]);
    let datagram = [unified(3, &[], false, false, &[5; 30]), last.clone()].concat();
    let body = [&[5; 30][..], &last].concat();
    assert_eq!(records(&datagram, 0), [Ok(Record::Unified { epoch: 3, connection_id: false, body: &body })]);
}

/// RFC 9147 §4.2.3: the sequence number's encryption needs 16 bytes of ciphertext.
#[test]
fn a_unified_record_has_at_least_16_and_at_most_16640_bytes() {
    for with_length in [true, false] {
        for length in 0..16 {
            let bytes = unified(2, &[], true, with_length, &vec![1; length]);
            assert_eq!(records(&bytes, 0), [Err(InvalidRecord::TooShort)], "{length}");
        }
        assert_eq!(fault(&unified(2, &[], true, with_length, &[1; 16]), 0), None);
        assert_eq!(fault(&unified(2, &[], true, with_length, &vec![1; 16_640]), 0), None);
        let larger = unified(2, &[], true, with_length, &vec![1; 16_641]);
        assert_eq!(records(&larger, 0), [Err(InvalidRecord::TooLong)]);
    }
}

#[test]
fn what_is_left_behind_a_record_must_be_a_record() {
    let good = record(content::HANDSHAKE, DTLS_1_0, 0, 0, &[1; 5]);
    for (rest, why) in [
        (hex("00"), InvalidRecord::Kind),
        (hex("80 6f 0001"), InvalidRecord::Kind),
        (hex("17 0303 0001 000000000001 0000"), InvalidRecord::Version),
        (hex("16"), InvalidRecord::Truncated),
        (hex("16 fefd 0000 000000000001 0001"), InvalidRecord::Truncated),
        (hex("2e 1234"), InvalidRecord::Truncated),
    ] {
        let datagram = [&good[..], &rest, &good].concat();
        let read = records(&datagram[..good.len() + rest.len()], 0);
        assert_eq!((read.len(), read[1]), (2, Err(why)), "{rest:02x?}");
        assert!(fault(&datagram, 0).is_some() || why == InvalidRecord::Truncated);
    }
}

#[test]
fn a_record_cut_at_any_byte_is_refused() {
    for (whole, id) in [
        (record(content::HANDSHAKE, DTLS_1_2, 0, 7, &[1; 9]), 0),
        (record_with_id(1, 7, &[1, 2, 3], &[1; 9]), 3),
        (unified(1, &[], false, true, &[1; 16]), 0),
        (unified(1, &[1, 2, 3], true, true, &[1; 16]), 3),
    ] {
        assert_eq!(fault(&whole, id), None);
        for cut in 1..whole.len() {
            assert_eq!(records(&whole[..cut], id), [Err(InvalidRecord::Truncated)], "{cut} bytes of {whole:02x?}");
        }
    }
}

/// RFC 6347 §4.2.2: type, length, message_seq, fragment_offset, fragment_length.
#[test]
fn a_fragment_is_read_as_it_is_drawn() {
    let body = hex("01 010203 ; ClientHello of 66051 bytes
         0405       ; message_seq
         000100     ; fragment_offset
         000002 aabb");
    let read = Fragment { kind: 1, length: 0x01_02_03, sequence: 0x0405, offset: 0x100, body: &[0xAA, 0xBB] };
    assert_eq!(fragments(&body), [Ok(read)]);
}

#[test]
fn several_messages_share_a_record() {
    let body = [hellos::handshake(handshake::CERTIFICATE, 2, &[1; 10]), hellos::handshake(14, 3, &[])].concat();
    let read: Vec<_> = fragments(&body).into_iter().map(Result::unwrap).collect();
    assert_eq!(read.iter().map(|each| (each.kind, each.sequence)).collect::<Vec<_>>(), [(11, 2), (14, 3)]);
}

#[test]
fn a_fragment_lies_inside_its_message() {
    const MOST: usize = 0xFF_FFFF;
    for (bytes, read) in [
        (fragment(1, 10, 0, 0, &[1; 10]), Ok(())),
        (fragment(1, 10, 0, 9, &[1]), Ok(())),
        (fragment(1, MOST, 0, MOST - 1, &[1]), Ok(())),
        (fragment(1, 10, 0, 0, &[1; 11]), Err(InvalidHandshake::Overrun)),
        (fragment(1, 10, 0, 9, &[1; 2]), Err(InvalidHandshake::Overrun)),
        (fragment(1, 10, 0, MOST, &[1; 2]), Err(InvalidHandshake::Overrun)),
        (fragment(1, 0, 0, 0, &[1]), Err(InvalidHandshake::Overrun)),
        (fragment(14, 0, 0, 1, &[]), Err(InvalidHandshake::Overrun)),
        (fragment(1, 10, 0, 11, &[]), Err(InvalidHandshake::Overrun)),
        (fragment(14, 0, 0, 0, &[]), Ok(())),
        (fragment(1, 10, 0, 0, &[]), Err(InvalidHandshake::Empty)),
        (fragment(1, 10, 0, 10, &[]), Err(InvalidHandshake::Empty)),
    ] {
        assert_eq!(fragments(&bytes).into_iter().map(|each| each.map(|_| ())).collect::<Vec<_>>(), [read]);
    }
}

#[test]
fn a_fragment_cut_at_any_byte_is_refused_and_ends_the_record() {
    let whole = fragment(1, 40, 0, 8, &[1; 9]);
    for cut in 1..whole.len() {
        assert_eq!(fragments(&whole[..cut]), [Err(InvalidHandshake::Truncated)], "{cut} bytes");
        let read = fragments(&[&whole[..], &whole[..cut]].concat()).len();
        assert_eq!(read, 2);
    }
}

/// Where a slice of `bytes` starts.
fn place(bytes: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - bytes.as_ptr().addr()
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn records_are_read_back(
        written in proptest::collection::vec(
            (0_u8..3, 20_u8..25, any::<u16>(), 0_u64..1 << 48, proptest::collection::vec(any::<u8>(), 16..90)), 1..6),
        id in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut datagram = Vec::new();
        for (form, kind, epoch, sequence, body) in &written {
            datagram.extend(match form {
                0 => record(*kind, DTLS_1_0, *epoch, *sequence, body),
                1 => record_with_id(*epoch, *sequence, &id, body),
                _ => unified(epoch.to_be_bytes()[1] & 3, &id, sequence % 2 == 0, true, body),
            });
        }
        let expected: Read<'_> = written
            .iter()
            .map(|(form, kind, epoch, sequence, body)| {
                let (epoch, sequence) = (*epoch, *sequence);
                Ok(match form {
                    0 => Record::Legacy { kind: *kind, version: DTLS_1_0, epoch, sequence, body },
                    1 => Record::ConnectionId { version: DTLS_1_2, epoch, sequence, body },
                    _ => Record::Unified { epoch: epoch.to_be_bytes()[1] & 3, connection_id: true, body },
                })
            })
            .collect();
        prop_assert_eq!(records(&datagram, id.len()), expected);
    }

    #[test]
    fn of_any_bytes_the_records_lie_inside_in_order_and_an_error_is_the_last(
        first in prop_oneof![20_u8..27, 32_u8..64, any::<u8>()],
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xFE), 0_u8..40, any::<u8>()], 0..200),
        connection_id_length in 0_usize..12,
    ) {
        let datagram = [&[first][..], &rest].concat();
        let mut free = 0;
        let read = records(&datagram, connection_id_length);
        prop_assert!(!read.is_empty());
        for (at, each) in read.iter().enumerate() {
            match each {
                Ok(Record::Legacy { body, .. } | Record::ConnectionId { body, .. } | Record::Unified { body, .. }) => {
                    let start = place(&datagram, body);
                    prop_assert!(start > free && start + body.len() <= datagram.len());
                    free = start + body.len();
                }
                Err(_) => prop_assert_eq!(at + 1, read.len()),
            }
        }
        if read.iter().all(Result::is_ok) {
            prop_assert_eq!(free, datagram.len(), "bytes that no record accounts for");
        }
    }

    #[test]
    fn of_any_bytes_the_fragments_lie_inside_in_order_and_inside_their_message(
        body in proptest::collection::vec(prop_oneof![4 => Just(0_u8), 2 => 0_u8..20, 1 => any::<u8>()], 0..200),
    ) {
        let mut free = 0;
        let read = fragments(&body);
        for (at, each) in read.iter().enumerate() {
            match each {
                Ok(fragment) => {
                    prop_assert_eq!(place(&body, fragment.body), free + 12);
                    free += 12 + fragment.body.len();
                    prop_assert!(u64::from(fragment.offset) + fragment.body.len() as u64 <= u64::from(fragment.length));
                }
                Err(_) => prop_assert_eq!(at + 1, read.len()),
            }
        }
        prop_assert!(free == body.len() || read.last().is_some_and(Result::is_err));
    }
}
