//! Seeds of what is relayed: DTLS behind a byte with the length of a connection id, RTP, RTCP.

use crate::targets::seal::hellos::{
    Client, Server, connection_id, fragment, handshake, record, record_with_id, selected_version, supported_versions,
    unified, use_srtp,
};

const DTLS_1_0: u16 = 0xFEFF;
const DTLS_1_2: u16 = 0xFEFD;

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// A datagram of these records for a receiver with connection ids of so many bytes.
fn datagram(connection_id_length: u8, records: &[Vec<u8>]) -> Vec<u8> {
    [vec![connection_id_length], records.concat()].concat()
}

/// A hello in one record.
fn hello(version: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    datagram(0, &[record(22, version, 0, 0, &handshake(kind, 0, body))])
}

pub fn datagrams() -> Vec<(&'static str, Vec<u8>)> {
    let client = Client::modern();
    let with_cookie = Client { session_id: vec![1; 32], cookie: vec![2; 20], ..client.clone() };
    let with_id = client.with(vec![connection_id(&[1, 2, 3]), use_srtp(&[7], &[9]), supported_versions(&[0xFEFC])]);
    let server = Server::of_1_2();
    let retry = Server { random: RETRY, ..Server::of_1_3() };
    let selects = server.with(vec![use_srtp(&[8], &[]), connection_id(&[]), selected_version(0xFEFC)]);
    let whole = client.encode();
    let (first, second) = whole.split_at(60);
    let in_two = |offset, body| record(22, DTLS_1_0, 0, 0, &fragment(1, whole.len(), 0, offset, body));
    let finished = record(22, DTLS_1_2, 1, 0, &[0x5A; 40]);
    vec![
        ("empty", Vec::new()),
        ("no_records", datagram(0, &[])),
        ("client_hello", hello(DTLS_1_0, 1, &whole)),
        ("client_hello_with_cookie", hello(DTLS_1_2, 1, &with_cookie.encode())),
        ("client_hello_with_connection_id", hello(DTLS_1_2, 1, &with_id.encode())),
        (
            "client_hello_without_extensions",
            hello(DTLS_1_0, 1, &Client { extensions: None, ..client.clone() }.encode()),
        ),
        ("client_hello_first_fragment", datagram(0, &[in_two(0, first)])),
        ("client_hello_second_fragment", datagram(0, &[in_two(60, second)])),
        (
            "client_hello_twice_the_same_extension",
            hello(DTLS_1_2, 1, &{ client.with(vec![use_srtp(&[7], &[]), use_srtp(&[1], &[])]).encode() }),
        ),
        ("hello_verify_request", hello(DTLS_1_0, 3, &[0xFE, 0xFF, 4, 1, 2, 3, 4])),
        ("server_hello_1_2", hello(DTLS_1_2, 2, &server.encode())),
        ("server_hello_1_3", hello(DTLS_1_2, 2, &Server::of_1_3().encode())),
        ("server_hello_everything", hello(DTLS_1_2, 2, &selects.encode())),
        ("hello_retry_request", hello(DTLS_1_2, 2, &retry.encode())),
        (
            "server_flight",
            datagram(
                0,
                &[
                    record(22, DTLS_1_2, 0, 1, &handshake(2, 1, &server.encode())),
                    record(22, DTLS_1_2, 0, 2, &[handshake(11, 2, &[5; 50]), handshake(14, 3, &[])].concat()),
                ],
            ),
        ),
        (
            "client_flight",
            datagram(
                0,
                &[record(22, DTLS_1_2, 0, 2, &handshake(16, 2, &[4; 33])), record(20, DTLS_1_2, 0, 3, &[1]), finished],
            ),
        ),
        ("application_data", datagram(0, &[record(23, DTLS_1_2, 1, 5, &[0xA5; 60])])),
        ("alert", datagram(0, &[record(21, DTLS_1_2, 0, 5, &[2, 40])])),
        ("connection_id", datagram(3, &[record_with_id(1, 6, &[1, 2, 3], &[0xA5; 30])])),
        ("unified", datagram(0, &[unified(2, &[], true, true, &[7; 20]), unified(3, &[], false, false, &[8; 16])])),
        (
            "unified_with_connection_id",
            datagram(
                2,
                &[
                    unified(2, &[1, 2], true, true, &[7; 20]),
                    unified(2, &[], false, true, &[7; 17]),
                    record(26, DTLS_1_2, 0, 9, &[0, 0]),
                ],
            ),
        ),
        ("overlong_fragment", datagram(0, &[record(22, DTLS_1_2, 0, 0, &fragment(1, 10, 0, 8, &[1; 3]))])),
    ]
}

/// An RTP header of 12 bytes whose first is `first`.
fn rtp(first: u8, second: u8) -> Vec<u8> {
    vec![first, second, 0x12, 0x34, 0, 0, 0, 1, 0xA1, 0xA2, 0xA3, 0xA4]
}

pub fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let report = vec![0x80, 201, 0, 1, 0, 0, 0, 10];
    let sender_report = [&[0x80, 200, 0, 6][..], &[7; 24]].concat();
    let description = vec![0x81, 202, 0, 3, 0, 0, 0, 10, 1, 5, b'a', b'b', b'c', b'd', b'e', 0];
    let bye = vec![0x81, 203, 0, 1, 0, 0, 0, 10];
    let padded = vec![0xA0, 203, 0, 1, 0, 0, 0, 4];
    vec![
        ("empty", Vec::new()),
        ("rtp", [rtp(0x80, 96), vec![0x5A; 40]].concat()),
        ("rtp_marker", [rtp(0x80, 0xE0), vec![0x5A; 40]].concat()),
        ("rtp_sources", [rtp(0x83, 96), vec![3; 12], vec![0x5A; 40]].concat()),
        ("rtp_extension", [rtp(0x90, 111), vec![0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0], vec![0x5A; 40]].concat()),
        ("rtp_extension_of_no_words", [rtp(0xB1, 111), vec![3; 4], vec![0x10, 0, 0, 0]].concat()),
        ("rtp_without_payload", rtp(0x80, 0)),
        ("rtcp_report", report.clone()),
        ("rtcp_compound", [&sender_report[..], &description, &bye].concat()),
        ("rtcp_padded_at_the_end", [&report[..], &padded].concat()),
        ("rtcp_padded_at_the_start", [&padded[..], &report].concat()),
        ("rtcp_bye_of_nobody", [&report[..], &[0x80, 203, 0, 0]].concat()),
        ("rtcp_feedback", vec![0x81, 206, 0, 2, 0, 0, 0, 10, 0, 0, 0, 11]),
        ("srtcp_cm", [&report[..], &[0x80, 0, 0, 1], &[0x5A; 10]].concat()),
        ("srtcp_gcm", [&report[..], &[0x5A; 16], &[0x80, 0, 0, 1]].concat()),
    ]
}
