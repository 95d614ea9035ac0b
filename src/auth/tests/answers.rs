//! What strangers and users are answered.

use super::*;

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let answers =
        [(&b"alice"[..], &b"wrong"[..]), (b"nobody", b"wrong"), (b"1800000000:x", b"wrong")].map(|(name, password)| {
            let request = login(name, password, &nonce);
            let why = prove(&authenticator, &request, client(1), NOW).unwrap_err();
            (why, challenge(&authenticator, &request, why).unwrap())
        });
    assert_eq!(answers[0].0, Unproven::Unauthenticated);
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}

#[test]
fn no_answer_to_a_stranger_is_larger_than_three_times_the_request() {
    let authenticator = authenticator(&[SECRET]);
    for padding in (0..400).step_by(4) {
        for why in [Unproven::Unauthenticated, Unproven::StaleNonce, Unproven::BadRequest] {
            let request = message(|writer| {
                if padding > 0 {
                    writer.attribute(AttributeType(0xC000), &vec![0; padding - 4]);
                }
                writer.fingerprint();
            });
            let answer = challenge(&authenticator, &request, why).expect("there is a short answer for every request");
            assert!(answer.len() <= 3 * request.len(), "{why:?}: {} for {}", answer.len(), request.len());
        }
    }
    let bare = message(|_| ());
    assert!(challenge(&authenticator, &bare, Unproven::Unauthenticated).unwrap().len() <= 60);
}

#[test]
fn a_challenge_offers_sha_256_first_and_no_reason_text() {
    let authenticator = authenticator(&[SECRET]);
    let request = login(b"alice", b"wrong", &nonce(&authenticator));
    let answer = challenge(&authenticator, &request, Unproven::Unauthenticated).unwrap();
    let answer = Message::parse(&answer).unwrap();
    assert_eq!(answer.value(AttributeType::PASSWORD_ALGORITHMS), Some(&PasswordAlgorithm::OFFER[..]));
    assert_eq!(answer.value(AttributeType::ERROR_CODE), Some(&ErrorCode::UNAUTHENTICATED.encode()[..]));
    assert!(answer.value(AttributeType::NONCE).unwrap().starts_with(b"obMatJos2"));
    assert!(!answer.has(AttributeType::SOFTWARE));
}

// RFC 8489 §9.2.4: MESSAGE-INTEGRITY-SHA256 in the answer, unless nobody chose an algorithm.
#[test]
fn the_answer_is_signed_as_the_algorithm_was_chosen() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let both = [IntegrityKind::Sha1, IntegrityKind::Sha256];
    for (choice, integrity, expected) in [
        (None, &both[..1], IntegrityKind::Sha1),
        (None, &both[1..], IntegrityKind::Sha1),
        (Some(PasswordAlgorithm::Md5), &both[1..], IntegrityKind::Sha256),
        (Some(PasswordAlgorithm::Sha256), &both[1..], IntegrityKind::Sha256),
        (Some(PasswordAlgorithm::Sha256), &both[..], IntegrityKind::Sha256),
        (Some(PasswordAlgorithm::Sha256), &both[..1], IntegrityKind::Sha256),
    ] {
        let key = key(choice.unwrap_or(PasswordAlgorithm::Md5));
        let offer = choice.map(|_| &PasswordAlgorithm::OFFER[..]);
        let bytes = Login { offer, choice, integrity, ..alice(&nonce) }.sign(&key);
        let request = authenticator.prove(Message::parse(&bytes).unwrap(), client(1), NOW).unwrap();
        assert_eq!(request.signer().kind(), expected, "{choice:?} {integrity:?}");
        let mut buffer = [0; 256];
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Success, Method::Allocate, request.message().transaction());
        request.into_signer().sign(&mut writer);
        let length = writer.finish().unwrap();
        assert!(key.verify(expected, &Message::parse(&buffer[..length]).unwrap()));
    }
}

// What a browser sends first: 28 bytes. The whole challenge fits three times that, so browsers see the cookie.
#[test]
fn a_browsers_first_request_gets_the_whole_challenge() {
    let authenticator = authenticator(&[SECRET]);
    let first = message(|writer| {
        writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    let answer = challenge(&authenticator, &first, Unproven::Unauthenticated).unwrap();
    assert_eq!((first.len(), answer.len()), (28, 84));
    assert!(Message::parse(&answer).unwrap().has(AttributeType::PASSWORD_ALGORITHMS));
}

#[test]
fn the_answer_carries_fingerprint_when_the_request_did_and_there_is_room() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let with = alice(&nonce).sign(&key(PasswordAlgorithm::Md5));
    let without = login(b"alice", b"wrong", &nonce);
    for why in [Unproven::Unauthenticated, Unproven::StaleNonce, Unproven::BadRequest] {
        let answer = challenge(&authenticator, &with, why).unwrap();
        assert_eq!(Message::parse(&answer).unwrap().fingerprint(), Some(true));
        let answer = challenge(&authenticator, &without, why).unwrap();
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.fingerprint(), None);
        // RFC 8489 §9.2.4: a 400 tells neither realm nor nonce.
        let told = why != Unproven::BadRequest;
        assert_eq!((answer.has(AttributeType::REALM), answer.has(AttributeType::NONCE)), (told, told));
        assert_eq!((answer.class(), answer.transaction()), (Class::Error, TransactionId([5; 12])));
    }
}

#[test]
fn a_realm_so_long_that_no_answer_is_small_enough_means_silence() {
    let users = Credentials::new(Vec::new(), Vec::new()).unwrap();
    let long = "r".repeat(100);
    let authenticator = Authenticator::new(&long, users, NonceKey::new([9; 32]), Lifetime::from_secs(600));
    assert_eq!(challenge(&authenticator, &message(|_| ()), Unproven::Unauthenticated), Err(ReplyTooLarge));
    let request = Claim { length: 500, ..Claim::of(&Message::parse(&message(|_| ())).unwrap(), client(1)) };
    assert_eq!(authenticator.refuse(&mut [0; 100], request, Unproven::StaleNonce, NOW), Err(ReplyTooLarge));
}

proptest::proptest! {
    #[test]
    fn any_attributes_are_judged_without_a_panic_and_nobody_gets_in(
        attributes in proptest::collection::vec(
            (
                proptest::sample::select(vec![0x06_u16, 0x08, 0x14, 0x15, 0x1c, 0x1d, 0x1e, 0x8002, 0x8028, 0x0d]),
                proptest::collection::vec(0u8.., 0..80),
            ),
            0..10,
        ),
    ) {
        let authenticator = authenticator(&[SECRET]);
        let nonce = nonce(&authenticator);
        let bytes = message(|writer| {
            for (kind, value) in &attributes {
                // A good nonce, so that what comes behind it is reached.
                let value = if *kind == 0x15 && value.len() % 2 == 0 { &nonce } else { value };
                writer.attribute(AttributeType(*kind), value);
            }
        });
        if let Ok(parsed) = Message::parse(&bytes) {
            let why = authenticator.prove(parsed, client(1), NOW).map(|request| request.grant().clone());
            let why = why.expect_err("nobody knows a password");
            let answer = challenge(&authenticator, &bytes, why).expect("there is a short answer for every request");
            proptest::prop_assert!(answer.len() <= 3 * bytes.len());
            proptest::prop_assert!(Message::parse(&answer).is_ok());
        }
    }
}
