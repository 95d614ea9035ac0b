//! The client's logic in simulated time: when it asks again, how it proves its credential, whom it believes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

use std::net::SocketAddr;
use std::time::Duration;

use hilum::client::{
    Allocation, Answer, BadChallenge, ClientError, Connection, Credential, Due, Incoming, Operation, RequestFailure,
    Schedule, Session, Step, Transaction, TurnUri,
};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{
    AttributeType, ChannelNumber, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId,
};

const REALM: &[u8] = b"realm";
const USER: &str = "clinic";
const PASSWORD: &[u8] = b"a long password";
/// Says "password algorithms" (RFC 8489 §9.2).
const COOKIE_NONCE: &[u8] = b"obMatJos2gAAAnonce";
const OLD_NONCE: &[u8] = b"an older server's nonce";

fn session(over_stream: bool) -> Session {
    Session::new(Credential::new(USER, PASSWORD).unwrap(), over_stream, Schedule::STANDARD, [7; 32])
}

const ALLOCATE: Operation = Operation::Allocate { family: None, lifetime: None };

/// The request that the session sends now.
fn sent(session: &mut Session, now: Moment) -> Vec<u8> {
    match session.poll(now) {
        Step::Send(bytes) => bytes.to_vec(),
        other => panic!("nothing to send: {other:?}"),
    }
}

fn answer(
    class: Class,
    method: Method,
    transaction: TransactionId,
    fill: impl FnOnce(&mut MessageWriter<'_>),
) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buffer, class, method, transaction);
    fill(&mut writer);
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    buffer
}

fn challenge(request: &[u8], code: ErrorCode, nonce: &[u8], algorithms: Option<&[u8]>) -> Vec<u8> {
    let request = Message::parse(request).unwrap();
    answer(Class::Error, request.method(), request.transaction(), |writer| {
        writer.error_code(code, false).attribute(AttributeType::REALM, REALM).attribute(AttributeType::NONCE, nonce);
        if let Some(algorithms) = algorithms {
            writer.attribute(AttributeType::PASSWORD_ALGORITHMS, algorithms);
        }
    })
}

fn key(algorithm: PasswordAlgorithm, password: &[u8]) -> IntegrityKey {
    IntegrityKey::long_term(algorithm, USER.as_bytes(), REALM, password)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn allocated(request: &[u8], kind: IntegrityKind, key: &IntegrityKey) -> Vec<u8> {
    let transaction = Message::parse(request).unwrap().transaction();
    answer(Class::Success, Method::Allocate, transaction, |writer| {
        writer
            .xor_address(AttributeType::XOR_RELAYED_ADDRESS, address("192.0.2.1:50000"), transaction)
            .xor_address(AttributeType::XOR_MAPPED_ADDRESS, address("203.0.113.9:4000"), transaction)
            .number(AttributeType::LIFETIME, 600)
            .integrity(kind, key);
    })
}

/// A session that has been challenged and whose second request is the one returned.
fn challenged(nonce: &[u8], algorithms: Option<&[u8]>) -> (Session, Vec<u8>) {
    let mut session = session(false);
    session.begin(ALLOCATE, Moment::ZERO).unwrap();
    let first = sent(&mut session, Moment::ZERO);
    let refusal = challenge(&first, ErrorCode::UNAUTHENTICATED, nonce, algorithms);
    assert_eq!(session.handle(&refusal, Moment::ZERO), Incoming::Again);
    let second = sent(&mut session, Moment::ZERO);
    (session, second)
}

fn milliseconds(number: u64) -> Moment {
    Moment::ZERO + Duration::from_millis(number)
}

// ---- when to ask again -------------------------------------------------------------------------------------------

// RFC 8489 §6.2.1
#[test]
fn over_datagrams_a_request_is_sent_at_the_standards_seven_moments_and_given_up_at_39500_ms() {
    let mut transaction = Transaction::new(&Schedule::STANDARD, false, Moment::ZERO);
    let mut sent_at = Vec::new();
    let mut now = Moment::ZERO;
    let given_up = loop {
        match transaction.due(now) {
            Due::Send => sent_at.push(now),
            Due::Wait(until) => {
                assert!(until > now, "a wait moves on");
                now = until;
            }
            Due::Expired => break now,
        }
    };
    assert_eq!(sent_at, [0, 500, 1500, 3500, 7500, 15500, 31500].map(milliseconds));
    assert_eq!(given_up, milliseconds(39500));
    assert_eq!(transaction.sent(), 7);
}

// RFC 8489 §6.2.2
#[test]
fn over_a_stream_a_request_is_sent_once_and_given_up_at_39500_ms() {
    let mut transaction = Transaction::new(&Schedule::STANDARD, true, Moment::ZERO);
    assert_eq!(transaction.due(Moment::ZERO), Due::Send);
    assert_eq!(transaction.due(Moment::ZERO), Due::Wait(milliseconds(39500)));
    assert_eq!(transaction.due(milliseconds(39500)), Due::Expired);
}

#[test]
fn a_caller_that_comes_late_sends_once_and_not_a_burst() {
    let mut transaction = Transaction::new(&Schedule::STANDARD, false, Moment::ZERO);
    assert_eq!(transaction.due(Moment::ZERO), Due::Send);
    assert_eq!(transaction.due(milliseconds(9000)), Due::Send);
    assert_eq!(transaction.due(milliseconds(9000)), Due::Wait(milliseconds(10000)));
}

#[test]
fn a_retransmission_is_the_same_bytes() {
    let mut session = session(false);
    session.begin(ALLOCATE, Moment::ZERO).unwrap();
    let first = sent(&mut session, Moment::ZERO);
    assert_eq!(session.poll(Moment::ZERO), Step::Wait(Some(milliseconds(500))));
    assert_eq!(sent(&mut session, milliseconds(500)), first);
}

#[test]
fn silence_is_a_failure_that_tells_how_often_and_how_long_was_asked() {
    let mut session = session(false);
    session.begin(ALLOCATE, Moment::ZERO).unwrap();
    let mut now = Moment::ZERO;
    let failure = loop {
        match session.poll(now) {
            Step::Send(_) => {}
            Step::Wait(until) => now = until.unwrap(),
            Step::Failed(failure) => break failure,
        }
    };
    let waited = Duration::from_millis(39500);
    assert_eq!(failure, RequestFailure::Silent { sent: 7, waited, unproven: None });
    assert_eq!(session.poll(now), Step::Wait(None));
}

// ---- credentials -------------------------------------------------------------------------------------------------

// RFC 8489 §9.2.3.1, §9.2.5
#[test]
fn the_first_request_has_no_credentials_and_the_one_after_a_401_is_a_new_transaction_with_them() {
    let mut session = session(false);
    session.begin(ALLOCATE, Moment::ZERO).unwrap();
    let first = sent(&mut session, Moment::ZERO);
    let first_message = Message::parse(&first).unwrap();
    assert!(!first_message.has(AttributeType::USERNAME) && IntegrityKind::of(&first_message).is_none());

    let refusal = challenge(&first, ErrorCode::UNAUTHENTICATED, OLD_NONCE, None);
    assert_eq!(session.handle(&refusal, Moment::ZERO), Incoming::Again);
    let second = sent(&mut session, Moment::ZERO);
    let second = Message::parse(&second).unwrap();
    assert_ne!(second.transaction(), first_message.transaction());
    assert_eq!(second.value(AttributeType::USERNAME), Some(USER.as_bytes()));
    assert_eq!(second.value(AttributeType::REALM), Some(REALM));
    assert_eq!(second.value(AttributeType::NONCE), Some(OLD_NONCE));
    assert!(!second.has(AttributeType::PASSWORD_ALGORITHM));
    assert!(key(PasswordAlgorithm::Md5, PASSWORD).verify(IntegrityKind::Sha1, &second));
}

// RFC 8489 §9.2.5: the first algorithm of the list that the client knows, the list sent back as it came.
#[test]
fn of_the_offered_password_algorithms_the_first_known_one_is_used_and_only_the_sha256_integrity() {
    let unknown_first = [0, 9, 0, 3, 1, 2, 3, 0, 0, 2, 0, 0, 0, 1, 0, 0];
    for (list, algorithm) in [
        (PasswordAlgorithm::OFFER.as_slice(), PasswordAlgorithm::Sha256),
        (&unknown_first, PasswordAlgorithm::Sha256),
        (&[0, 1, 0, 0], PasswordAlgorithm::Md5),
    ] {
        let (session, request) = challenged(COOKIE_NONCE, Some(list));
        let request = Message::parse(&request).unwrap();
        assert_eq!(request.value(AttributeType::PASSWORD_ALGORITHMS), Some(list));
        let chosen = PasswordAlgorithm::decode(request.value(AttributeType::PASSWORD_ALGORITHM).unwrap());
        assert_eq!(chosen, Ok(algorithm));
        assert!(!request.has(AttributeType::MESSAGE_INTEGRITY));
        assert!(key(algorithm, PASSWORD).verify(IntegrityKind::Sha256, &request));
        assert_eq!(session.challenge().unwrap().algorithm(), algorithm);
    }
}

#[test]
fn an_independent_codec_accepts_what_we_sign() {
    use stun_types::message::{IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageIntegrityCredentials};
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for (nonce, offer, expected) in [
        (OLD_NONCE, None, IntegrityAlgorithm::Sha1),
        (COOKIE_NONCE, Some(PasswordAlgorithm::OFFER.as_slice()), IntegrityAlgorithm::Sha256),
    ] {
        let (_, request) = challenged(nonce, offer);
        let request = Message::from_bytes(&request).unwrap();
        let credentials = |password: &[u8]| {
            let credentials = LongTermKeyCredentials::new(USER.to_owned(), text(password), text(REALM));
            MessageIntegrityCredentials::from(credentials)
        };
        assert_eq!(request.validate_integrity(&credentials(PASSWORD)).unwrap(), expected);
        assert!(request.validate_integrity(&credentials(b"another password")).is_err());
    }
}

// RFC 8489 §9.2.1: without the cookie's bit the list is no offer of this server.
#[test]
fn without_the_nonce_cookie_md5_is_used() {
    let (_, request) = challenged(OLD_NONCE, Some(&PasswordAlgorithm::OFFER));
    let request = Message::parse(&request).unwrap();
    assert!(!request.has(AttributeType::PASSWORD_ALGORITHM));
    assert!(key(PasswordAlgorithm::Md5, PASSWORD).verify(IntegrityKind::Sha1, &request));
}

// RFC 8489 §9.2.5: the bid-down protection.
#[test]
fn a_challenge_that_cannot_be_answered_ends_the_request() {
    for (nonce, algorithms, bad) in [
        (COOKIE_NONCE, None, BadChallenge::BidDown),
        (COOKIE_NONCE, Some([0, 9, 0, 0].as_slice()), BadChallenge::Algorithms),
        (COOKIE_NONCE, Some(&[0, 2]), BadChallenge::Algorithms),
        (b"".as_slice(), None, BadChallenge::Nonce),
        (&[b'n'; 764], None, BadChallenge::Nonce),
    ] {
        let mut session = session(false);
        session.begin(ALLOCATE, Moment::ZERO).unwrap();
        let request = sent(&mut session, Moment::ZERO);
        let refusal = challenge(&request, ErrorCode::UNAUTHENTICATED, nonce, algorithms);
        let done = session.handle(&refusal, Moment::ZERO);
        assert_eq!(done, Incoming::Done(Err(RequestFailure::Challenge(bad))));
        assert_eq!(session.poll(Moment::ZERO), Step::Wait(None));
    }
}

// RFC 8489 §9.2.5: the same name and password are not tried twice.
#[test]
fn a_401_to_a_request_with_credentials_is_final() {
    let (mut session, request) = challenged(OLD_NONCE, None);
    let refusal = challenge(&request, ErrorCode::UNAUTHENTICATED, b"another nonce", None);
    match session.handle(&refusal, Moment::ZERO) {
        Incoming::Done(Err(RequestFailure::Refused(refusal))) => {
            assert_eq!((refusal.code, refusal.with_credentials), (ErrorCode::UNAUTHENTICATED, true));
        }
        other => panic!("{other:?}"),
    }
}

// RFC 8489 §9.2.5
#[test]
fn a_438_is_answered_with_its_nonce_once_per_request() {
    let (mut session, request) = challenged(OLD_NONCE, None);
    let stale = challenge(&request, ErrorCode::STALE_NONCE, b"newer", None);
    assert_eq!(session.handle(&stale, Moment::ZERO), Incoming::Again);
    let renewed = sent(&mut session, Moment::ZERO);
    assert_eq!(Message::parse(&renewed).unwrap().value(AttributeType::NONCE), Some(b"newer".as_slice()));

    let stale = challenge(&renewed, ErrorCode::STALE_NONCE, b"newest", None);
    match session.handle(&stale, Moment::ZERO) {
        Incoming::Done(Err(RequestFailure::Refused(refusal))) => assert_eq!(refusal.code, ErrorCode::STALE_NONCE),
        other => panic!("{other:?}"),
    }

    session.begin(Operation::Refresh(Lifetime::from_secs(600)), Moment::ZERO).unwrap();
    let next = sent(&mut session, Moment::ZERO);
    let stale = challenge(&next, ErrorCode::STALE_NONCE, b"newest", None);
    assert_eq!(session.handle(&stale, Moment::ZERO), Incoming::Again);
}

// RFC 8489 §9.2.3.2
#[test]
fn the_requests_after_a_challenge_carry_the_credentials_at_once() {
    let (mut session, _) = challenged(COOKIE_NONCE, Some(&PasswordAlgorithm::OFFER));
    let peer = address("[2001:db8::1]:4000");
    session.begin(Operation::ChannelBind(ChannelNumber::FIRST, peer), Moment::ZERO).unwrap();
    let request = sent(&mut session, Moment::ZERO);
    let request = Message::parse(&request).unwrap();
    assert_eq!(request.xor_address(AttributeType::XOR_PEER_ADDRESS), Some(Ok(peer)));
    assert_eq!(request.value(AttributeType::CHANNEL_NUMBER), Some([0x40, 0, 0, 0].as_slice()));
    assert!(key(PasswordAlgorithm::Sha256, PASSWORD).verify(IntegrityKind::Sha256, &request));
}

// ---- whom to believe ---------------------------------------------------------------------------------------------

// RFC 8489 §2: Binding works without credentials, also for those who have some.
#[test]
fn a_binding_after_a_login_is_not_signed_and_its_unsigned_answer_is_believed() {
    let (mut session, _) = challenged(OLD_NONCE, None);
    session.begin(Operation::Binding, Moment::ZERO).unwrap();
    let request = sent(&mut session, Moment::ZERO);
    let request = Message::parse(&request).unwrap();
    assert!(!request.has(AttributeType::MESSAGE_INTEGRITY));
    let mapped = address("203.0.113.9:4000");
    let success = answer(Class::Success, Method::Binding, request.transaction(), |writer| {
        writer.xor_address(AttributeType::XOR_MAPPED_ADDRESS, mapped, request.transaction());
    });
    assert_eq!(session.handle(&success, Moment::ZERO), Incoming::Done(Ok(Answer::Mapped(mapped))));
}

#[test]
fn a_server_that_wants_credentials_for_binding_gets_them_once() {
    let mut session = session(false);
    session.begin(Operation::Binding, Moment::ZERO).unwrap();
    let first = sent(&mut session, Moment::ZERO);
    let refusal = challenge(&first, ErrorCode::UNAUTHENTICATED, OLD_NONCE, None);
    assert_eq!(session.handle(&refusal, Moment::ZERO), Incoming::Again);
    let second = sent(&mut session, Moment::ZERO);
    assert!(Message::parse(&second).unwrap().has(AttributeType::MESSAGE_INTEGRITY));
}

#[test]
fn a_proven_success_response_is_the_answer() {
    for (nonce, offer, kind, algorithm) in [
        (OLD_NONCE, None, IntegrityKind::Sha1, PasswordAlgorithm::Md5),
        (COOKIE_NONCE, Some(PasswordAlgorithm::OFFER.as_slice()), IntegrityKind::Sha256, PasswordAlgorithm::Sha256),
    ] {
        let (mut session, request) = challenged(nonce, offer);
        let success = allocated(&request, kind, &key(algorithm, PASSWORD));
        let allocation = Allocation {
            relayed: address("192.0.2.1:50000"),
            mapped: address("203.0.113.9:4000"),
            lifetime: Lifetime::from_secs(600),
        };
        assert_eq!(session.handle(&success, Moment::ZERO), Incoming::Done(Ok(Answer::Allocated(allocation))));
        // Its duplicate is nobody's answer.
        assert_eq!(session.handle(&success, Moment::ZERO), Incoming::Ignored);
    }
}

// RFC 8489 §9.2.5: such an answer counts as never received.
#[test]
fn an_answer_with_wrong_missing_or_weaker_integrity_is_ignored_and_the_right_one_still_counts() {
    let (mut session, request) = challenged(COOKIE_NONCE, Some(&PasswordAlgorithm::OFFER));
    let right = key(PasswordAlgorithm::Sha256, PASSWORD);
    let wrong = key(PasswordAlgorithm::Sha256, b"another password");
    let transaction = Message::parse(&request).unwrap().transaction();
    let bare = answer(Class::Success, Method::Allocate, transaction, |_| {});
    for forged in
        [allocated(&request, IntegrityKind::Sha256, &wrong), allocated(&request, IntegrityKind::Sha1, &right), bare]
    {
        assert_eq!(session.handle(&forged, Moment::ZERO), Incoming::Ignored);
    }
    let honest = allocated(&request, IntegrityKind::Sha256, &right);
    assert!(matches!(session.handle(&honest, Moment::ZERO), Incoming::Done(Ok(Answer::Allocated(_)))));
}

#[test]
fn an_unproven_error_is_ignored_but_explains_the_silence_that_follows() {
    let (mut session, request) = challenged(OLD_NONCE, None);
    let transaction = Message::parse(&request).unwrap().transaction();
    let unproven = answer(Class::Error, Method::Allocate, transaction, |writer| {
        writer.error_code(ErrorCode::BAD_REQUEST, true);
    });
    assert_eq!(session.handle(&unproven, Moment::ZERO), Incoming::Ignored);
    match session.poll(milliseconds(39500)) {
        Step::Failed(RequestFailure::Silent { unproven, .. }) => assert_eq!(unproven, Some(ErrorCode::BAD_REQUEST)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proven_error_is_a_refusal_with_the_servers_words() {
    let (mut session, request) = challenged(OLD_NONCE, None);
    let transaction = Message::parse(&request).unwrap().transaction();
    let refusal = answer(Class::Error, Method::Allocate, transaction, |writer| {
        writer
            .error_code(ErrorCode::ALLOCATION_QUOTA_REACHED, true)
            .integrity(IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5, PASSWORD));
    });
    match session.handle(&refusal, Moment::ZERO) {
        Incoming::Done(Err(RequestFailure::Refused(refusal))) => {
            assert_eq!(refusal.code, ErrorCode::ALLOCATION_QUOTA_REACHED);
            assert_eq!(refusal.to_string(), "the server refused allocate: 486 Allocation Quota Reached");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_of_another_transaction_or_method_is_ignored() {
    let (mut session, request) = challenged(OLD_NONCE, None);
    let transaction = Message::parse(&request).unwrap().transaction();
    let md5 = key(PasswordAlgorithm::Md5, PASSWORD);
    let sign = |writer: &mut MessageWriter<'_>| {
        writer.integrity(IntegrityKind::Sha1, &md5);
    };
    let other = answer(Class::Success, Method::Allocate, TransactionId([9; 12]), sign);
    assert_eq!(session.handle(&other, Moment::ZERO), Incoming::Ignored);
    let other = answer(Class::Success, Method::Refresh, transaction, sign);
    assert_eq!(session.handle(&other, Moment::ZERO), Incoming::Ignored);
}

// ---- data --------------------------------------------------------------------------------------------------------

#[test]
fn data_is_read_from_indications_and_channels_while_a_request_is_under_way() {
    let (mut session, _) = challenged(OLD_NONCE, None);
    let peer = address("198.51.100.7:9");
    let id = TransactionId([1; 12]);
    let data = answer(Class::Indication, Method::Data, id, |writer| {
        writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id).attribute(AttributeType::DATA, b"abc");
    });
    assert_eq!(session.handle(&data, Moment::ZERO), Incoming::Data(peer, b"abc"));
    let channel = [0x40, 0, 0, 3, b'x', b'y', b'z', 0];
    assert_eq!(session.handle(&channel, Moment::ZERO), Incoming::Channel(ChannelNumber::FIRST, b"xyz"));
    assert!(matches!(session.poll(Moment::ZERO), Step::Wait(Some(_))));
}

// RFC 8656 §12.5
#[test]
fn channel_data_is_padded_over_a_stream_and_not_over_datagrams() {
    for (over_stream, expected) in
        [(true, [0x40, 0, 0, 1, b'x', 0, 0, 0].as_slice()), (false, [0x40, 0, 0, 1, b'x'].as_slice())]
    {
        let mut buffer = Vec::new();
        session(over_stream).channel_data(&mut buffer, ChannelNumber::FIRST, b"x").unwrap();
        assert_eq!(buffer, expected);
    }
}

#[tokio::test]
async fn frames_of_a_stream_are_found_however_it_is_cut() {
    use tokio::io::AsyncWriteExt;
    let id = TransactionId([3; 12]);
    let peer = address("198.51.100.7:9");
    let indication = answer(Class::Indication, Method::Data, id, |writer| {
        writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id).attribute(AttributeType::DATA, b"abc");
    });
    let channel = [0x40, 0, 0, 3, b'x', b'y', b'z', 0];
    let largest = [&[0x4f, 0xff, 0xff, 0xff], vec![7; 65536].as_slice()].concat();
    let stream = [indication.as_slice(), &channel, &largest, &channel].concat();
    for pieces in [1, 7, 4096, stream.len()] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let uri: TurnUri = format!("turn:{server}?transport=tcp").parse().unwrap();
        let write = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            // Every byte alone would take minutes for the largest frame; the two before it show it as well.
            let (cut, rest) =
                stream.split_at(if pieces < 4096 { indication.len() + channel.len() } else { stream.len() });
            for piece in cut.chunks(pieces) {
                socket.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            socket.write_all(rest).await.unwrap();
        };
        let read = async {
            let mut connection = Connection::open(&uri, server, None, Duration::from_secs(10)).await.unwrap();
            for expected in [indication.as_slice(), &channel, &largest, &channel] {
                assert!(connection.receive().await.unwrap() == expected, "pieces of {pieces}");
            }
            assert!(matches!(connection.receive().await, Err(ClientError::Closed)));
        };
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(write, read) }).await.unwrap();
    }
}

// ---- URIs --------------------------------------------------------------------------------------------------------

// RFC 7065 §3.1
#[test]
fn every_spelling_of_a_uri_is_one_way_to_a_server() {
    for (text, canonical) in [
        ("turn:turn.example.org", "turn:turn.example.org:3478?transport=udp"),
        ("turn:turn.example.org:80", "turn:turn.example.org:80?transport=udp"),
        ("TURN:192.0.2.1?transport=TCP", "turn:192.0.2.1:3478?transport=tcp"),
        ("turn:[2001:db8::1]?transport=udp", "turn:[2001:db8::1]:3478?transport=udp"),
        ("turns:turn.example.org", "turns:turn.example.org:5349?transport=tcp"),
        ("turns:[::1]:443?transport=tcp", "turns:[::1]:443?transport=tcp"),
    ] {
        let uri: TurnUri = text.parse().unwrap();
        assert_eq!(uri.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse(), Ok(uri), "{canonical}");
    }
    let ways = TurnUri::every_way("turn.example.org").unwrap().map(|uri| uri.to_string());
    assert_eq!(
        ways,
        [
            "turn:turn.example.org:3478?transport=udp",
            "turn:turn.example.org:3478?transport=tcp",
            "turns:turn.example.org:5349?transport=tcp",
        ]
    );
}

#[test]
fn a_text_that_is_no_uri_is_refused_with_what_to_write_instead() {
    for (text, advice) in [
        ("turn.example.org", "write turn:turn.example.org or turns:turn.example.org"),
        ("turn://turn.example.org", "write turn:HOST:PORT"),
        ("stun:turn.example.org", "write turn: or turns:"),
        ("https:turn.example.org", "write turn:HOST:PORT?transport=udp"),
        ("turn:me@turn.example.org", "pass them as credentials"),
        ("turn:me:secret@turn.example.org", "pass them as credentials"),
        ("turn:2001:db8::1", "write as in turn:[2001:db8::1]:3478"),
        ("turn:[2001:db8::1", "write [2001:db8::1]"),
        ("turn:[example]:3478", "no IPv6 address"),
        ("turn:[::1]3478", "only :PORT may follow"),
        ("turn:", "the host is missing"),
        ("turn::3478", "the host is missing"),
        ("turn:host:0", "1 to 65535"),
        ("turn:host:65536", "1 to 65535"),
        ("turn:host:", "1 to 65535"),
        ("turn:host:+80", "1 to 65535"),
        ("turn:ho st", "no DNS name"),
        ("turn:host?transport=sctp", "?transport=udp or ?transport=tcp"),
        ("turn:host?transport=tls", "write turns:HOST:PORT?transport=tcp"),
        ("turn:host?foo=bar", "the only parameter is transport"),
        ("turns:host?transport=udp", "write turns:HOST:PORT?transport=tcp"),
    ] {
        let error = text.parse::<TurnUri>().unwrap_err().to_string();
        assert!(error.contains(advice), "{text}: {error}");
    }
    assert!(TurnUri::every_way("turn.example.org:3478").unwrap_err().to_string().contains("write turn:"));
    assert!("turn:".to_owned().parse::<TurnUri>().is_err());
    assert!(format!("turn:{}", "a".repeat(254)).parse::<TurnUri>().is_err());
}
