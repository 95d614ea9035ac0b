//! The tests of the whole proof, request in and answer out.

use super::*;
use crate::addr::ClientAddr;
use crate::time::{Lifetime, Moment, Now, UnixTime};
use crate::wire::{
    AttributeType, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm,
    TransactionId,
};

const NOW: Now = Now { moment: Moment::from_secs(5000), unix: UnixTime::from_secs(1_700_000_000) };
const SECRET: &[u8] = b"north is the first secret";

fn authenticator(secrets: &[&[u8]]) -> Authenticator {
    let users = vec![StaticUser { name: "alice".into(), password: b"correct horse".to_vec() }];
    let secrets = secrets.iter().map(|secret| SharedSecret::new(secret.to_vec()).unwrap()).collect();
    let credentials = Credentials::new(users, secrets).unwrap();
    Authenticator::new("hilum", credentials, NonceKey::new([9; 32]), Lifetime::from_secs(600))
}

fn client(port: u16) -> ClientAddr {
    ClientAddr::new(([192, 0, 2, 1], port).into())
}

fn message(fill: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::Allocate, TransactionId([5; 12]));
    fill(&mut writer);
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    buffer
}

fn challenge(authenticator: &Authenticator, request: &[u8], why: Unproven) -> Result<Vec<u8>, ReplyTooLarge> {
    let request = Message::parse(request).unwrap();
    let mut buffer = vec![0; 2048];
    let length = authenticator.refuse(&mut buffer, Claim::of(&request, client(1)), why, NOW)?;
    buffer.truncate(length);
    Ok(buffer)
}

fn nonce(authenticator: &Authenticator) -> Vec<u8> {
    let request = message(|writer| {
        writer.attribute(AttributeType(0xC000), &[0; 60]);
    });
    let answer = challenge(authenticator, &request, Unproven::Unauthenticated).unwrap();
    Message::parse(&answer).unwrap().value(AttributeType::NONCE).unwrap().to_vec()
}

fn login(username: &[u8], password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, username, b"hilum", password);
    message(|writer| {
        writer
            .attribute(AttributeType::USERNAME, username)
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, nonce)
            .integrity(IntegrityKind::Sha1, &key);
    })
}

fn prove(authenticator: &Authenticator, bytes: &[u8], from: ClientAddr, now: Now) -> Result<Grant, Unproven> {
    authenticator.prove(Message::parse(bytes).unwrap(), from, now).map(|request| request.grant())
}

// RFC 8489 §9.2.4
#[test]
fn the_checks_come_in_the_order_of_the_rfc() {
    let authenticator = authenticator(&[SECRET]);
    let bare = message(|_| ());
    assert_eq!(prove(&authenticator, &bare, client(1), NOW).unwrap_err(), Unproven::Unauthenticated);
    let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, b"alice", b"hilum", b"correct horse");
    let incomplete = message(|writer| {
        writer.attribute(AttributeType::USERNAME, b"alice").integrity(IntegrityKind::Sha1, &key);
    });
    assert_eq!(prove(&authenticator, &incomplete, client(1), NOW).unwrap_err(), Unproven::BadRequest);
    let stale = login(b"nobody", b"wrong", b"a nonce of somebody else");
    assert_eq!(prove(&authenticator, &stale, client(1), NOW).unwrap_err(), Unproven::StaleNonce);
    let good = login(b"alice", b"correct horse", &nonce(&authenticator));
    let grant = prove(&authenticator, &good, client(1), NOW).unwrap();
    assert_eq!((grant.subject(), grant.until()), (Subject::of(b"alice"), None));
}

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
fn a_nonce_serves_its_own_address_for_its_own_time() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let request = login(b"alice", b"correct horse", &nonce);
    let at = |seconds| Now { moment: Moment::from_secs(seconds), ..NOW };
    assert!(prove(&authenticator, &request, client(1), at(5600)).is_ok());
    assert_eq!(prove(&authenticator, &request, client(1), at(5601)).unwrap_err(), Unproven::StaleNonce);
    assert_eq!(prove(&authenticator, &request, client(1), at(4990)).unwrap_err(), Unproven::StaleNonce);
    assert_eq!(prove(&authenticator, &request, client(2), NOW).unwrap_err(), Unproven::StaleNonce);
    for at in 0..nonce.len() {
        let mut forged = nonce.clone();
        forged[at] ^= 1;
        let request = login(b"alice", b"correct horse", &forged);
        assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap_err(), Unproven::StaleNonce, "byte {at}");
    }
}

#[test]
fn a_time_limited_credential_works_until_it_ends_and_under_every_secret() {
    let authenticator = authenticator(&[b"a newer secret than the other", SECRET]);
    let nonce = nonce(&authenticator);
    let expires = NOW.unix.plus_secs(60);
    let username = ephemeral_username(expires, "room");
    let password = ephemeral_password(&SharedSecret::new(SECRET.to_vec()).unwrap(), username.as_bytes());
    let request = login(username.as_bytes(), password.as_bytes(), &nonce);
    assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap().until(), Some(expires));
    let later = Now { unix: expires.plus_secs(1), ..NOW };
    assert_eq!(prove(&authenticator, &request, client(1), later).unwrap_err(), Unproven::Unauthenticated);
    let other = ephemeral_password(&SharedSecret::new(b"a secret nobody configured".to_vec()).unwrap(), b"x");
    let request = login(username.as_bytes(), other.as_bytes(), &nonce);
    assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap_err(), Unproven::Unauthenticated);
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

// RFC 8489 §9.2: SHA-256 is offered first; a client that was made to forget it is found out.
#[test]
fn sha_256_works_and_a_bid_down_is_refused() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let sha256 = IntegrityKey::long_term(PasswordAlgorithm::Sha256, b"alice", b"hilum", b"correct horse");
    let request = |algorithms: Option<&[u8]>, algorithm: Option<&[u8]>, key: &IntegrityKey| {
        message(|writer| {
            writer
                .attribute(AttributeType::USERNAME, b"alice")
                .attribute(AttributeType::REALM, b"hilum")
                .attribute(AttributeType::NONCE, &nonce);
            if let Some(value) = algorithms {
                writer.attribute(AttributeType::PASSWORD_ALGORITHMS, value);
            }
            if let Some(value) = algorithm {
                writer.attribute(AttributeType::PASSWORD_ALGORITHM, value);
            }
            writer.integrity(IntegrityKind::Sha256, key);
        })
    };
    let offer = PasswordAlgorithm::OFFER;
    let good = request(Some(&offer), Some(&[0, 2, 0, 0]), &sha256);
    assert!(prove(&authenticator, &good, client(1), NOW).is_ok());
    for (algorithms, algorithm) in [
        (Some(&offer[4..]), Some(&[0, 1, 0, 0][..])),
        (Some(&offer[..]), None),
        (None, Some(&[0, 2, 0, 0][..])),
        (Some(&offer[..]), Some(&[0, 3, 0, 0][..])),
    ] {
        let refused = request(algorithms, algorithm, &sha256);
        assert_eq!(prove(&authenticator, &refused, client(1), NOW).unwrap_err(), Unproven::BadRequest);
    }
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

/// A request with every attribute chosen by the test.
struct Login<'a> {
    identity: (AttributeType, &'a [u8]),
    realm: &'a [u8],
    nonce: &'a [u8],
    offer: Option<&'a [u8]>,
    choice: Option<PasswordAlgorithm>,
    integrity: &'a [IntegrityKind],
}

impl Login<'_> {
    fn sign(&self, key: &IntegrityKey) -> Vec<u8> {
        message(|writer| {
            writer
                .attribute(self.identity.0, self.identity.1)
                .attribute(AttributeType::REALM, self.realm)
                .attribute(AttributeType::NONCE, self.nonce);
            if let Some(offer) = self.offer {
                writer.attribute(AttributeType::PASSWORD_ALGORITHMS, offer);
            }
            if let Some(choice) = self.choice {
                let [high, low] = choice.code().to_be_bytes();
                writer.attribute(AttributeType::PASSWORD_ALGORITHM, &[high, low, 0, 0]);
            }
            for &kind in self.integrity {
                writer.integrity(kind, key);
            }
            writer.fingerprint();
        })
    }
}

fn alice(nonce: &[u8]) -> Login<'_> {
    Login {
        identity: (AttributeType::USERNAME, b"alice"),
        realm: b"hilum",
        nonce,
        offer: None,
        choice: None,
        integrity: &[IntegrityKind::Sha1],
    }
}

fn key(algorithm: PasswordAlgorithm) -> IntegrityKey {
    IntegrityKey::long_term(algorithm, b"alice", b"hilum", b"correct horse")
}

fn short_nonce(authenticator: &Authenticator) -> Vec<u8> {
    let answer = challenge(authenticator, &message(|_| ()), Unproven::Unauthenticated).unwrap();
    Message::parse(&answer).unwrap().value(AttributeType::NONCE).unwrap().to_vec()
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

// RFC 8489 §9.2.4: "If the MESSAGE-INTEGRITY-SHA256 attribute is present, compute the value ... Otherwise ..."
#[test]
fn of_two_integrity_attributes_the_stronger_one_counts() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let mut bytes = message(|writer| {
        writer
            .attribute(AttributeType::USERNAME, b"alice")
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, &nonce)
            .integrity(IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5))
            .integrity(IntegrityKind::Sha256, &key(PasswordAlgorithm::Md5));
    });
    assert!(prove(&authenticator, &bytes, client(1), NOW).is_ok());
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated));
}

// RFC 8489 §14.4
#[test]
fn a_user_hash_speaks_for_the_user_whose_name_it_hashes() {
    use sha2::{Digest, Sha256};
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    assert!(nonce.starts_with(b"obMatJos2wAAA"), "username anonymity is on offer");
    for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
        let by_hash = |hash: &[u8]| {
            let login = Login {
                identity: (AttributeType::USERHASH, hash),
                offer: Some(&PasswordAlgorithm::OFFER),
                choice: Some(algorithm),
                integrity: &[IntegrityKind::Sha256],
                ..alice(&nonce)
            };
            prove(&authenticator, &login.sign(&key(algorithm)), client(1), NOW)
        };
        assert_eq!(by_hash(&Sha256::digest(b"alice:hilum")).unwrap().subject(), Subject::of(b"alice"));
        assert_eq!(by_hash(&Sha256::digest(b"alice:other")), Err(Unproven::Unauthenticated));
        assert_eq!(by_hash(&[0; 31]), Err(Unproven::BadRequest));
    }
}

#[test]
fn anonymity_is_not_offered_where_a_hash_could_hide_a_time_limited_name() {
    assert!(nonce(&authenticator(&[SECRET])).starts_with(b"obMatJos2gAAA"));
}

#[test]
fn two_identities_in_one_request_are_a_bad_request() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let bytes = message(|writer| {
        writer
            .attribute(AttributeType::USERNAME, b"alice")
            .attribute(AttributeType::USERHASH, &[7; 32])
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, &nonce)
            .integrity(IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5));
    });
    assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::BadRequest));
}

#[test]
fn each_attribute_that_a_proof_needs_is_missed() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let parts: [(AttributeType, &[u8]); 3] =
        [(AttributeType::USERNAME, b"alice"), (AttributeType::REALM, b"hilum"), (AttributeType::NONCE, &nonce)];
    for missing in 0..parts.len() {
        for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
            let bytes = message(|writer| {
                for (at, (attribute, value)) in parts.iter().enumerate() {
                    if at != missing {
                        writer.attribute(*attribute, value);
                    }
                }
                writer.integrity(kind, &key(PasswordAlgorithm::Md5));
            });
            assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::BadRequest), "{missing} {kind:?}");
        }
    }
}

#[test]
fn another_realm_is_refused_like_a_wrong_password() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    for realm in [&b"other"[..], b"hilun", b"hilum ", b""] {
        let bytes = Login { realm, ..alice(&nonce) }.sign(&key(PasswordAlgorithm::Md5));
        assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated), "{realm:?}");
    }
}

// Whoever strips the cookie and the offer on the way gets a nonce that is none; whoever strips only the offer leaves a
// cookie that tells a client to give up (RFC 8489 §9.2.5).
#[test]
fn a_short_nonce_promises_no_choice_and_takes_none() {
    let authenticator = authenticator(&[]);
    let nonce = short_nonce(&authenticator);
    assert_eq!(nonce.len(), 15);
    let plain = alice(&nonce).sign(&key(PasswordAlgorithm::Md5));
    assert!(prove(&authenticator, &plain, client(1), NOW).is_ok());
    let choice = Some(PasswordAlgorithm::Sha256);
    let chosen = Login { offer: Some(&PasswordAlgorithm::OFFER), choice, ..alice(&nonce) };
    let chosen = chosen.sign(&key(PasswordAlgorithm::Sha256));
    assert_eq!(prove(&authenticator, &chosen, client(1), NOW), Err(Unproven::Unauthenticated));
}

#[test]
fn a_credential_ends_at_its_second() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let ending = |seconds: u64| {
        let username = ephemeral_username(UnixTime::from_secs(seconds), "");
        let password = ephemeral_password(&SharedSecret::new(SECRET.to_vec()).unwrap(), username.as_bytes());
        prove(&authenticator, &login(username.as_bytes(), password.as_bytes(), &nonce), client(1), NOW)
    };
    assert!(ending(NOW.unix.as_secs() + 1).is_ok());
    for ended in [NOW.unix.as_secs(), NOW.unix.as_secs() - 1, 0] {
        assert_eq!(ending(ended), Err(Unproven::Unauthenticated), "{ended}");
    }
}

#[test]
fn a_time_limited_name_with_a_control_character_is_nobodys() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let secret = SharedSecret::new(SECRET.to_vec()).unwrap();
    for (label, works) in [(&b":Zo\xc3\xab"[..], true), (b":a\0b", false), (b":a\nb", false), (b":\xff", false)] {
        let username = [b"1800000000", label].concat();
        let password = ephemeral_password(&secret, &username);
        let proof = prove(&authenticator, &login(&username, password.as_bytes(), &nonce), client(1), NOW);
        assert_eq!(proof.is_ok(), works, "{label:?}");
    }
}

#[test]
fn a_relay_without_credentials_lets_nobody_in() {
    let nobody = Credentials::new(Vec::new(), Vec::new()).unwrap();
    let authenticator = Authenticator::new("hilum", nobody, NonceKey::new([9; 32]), Lifetime::from_secs(600));
    let nonce = nonce(&authenticator);
    for (name, password) in [(&b""[..], &b""[..]), (b"alice", b""), (b"1800000000:x", b"")] {
        let bytes = login(name, password, &nonce);
        assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated), "{name:?}");
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
            let why = authenticator.prove(parsed, client(1), NOW).map(|request| request.grant());
            let why = why.expect_err("nobody knows a password");
            let answer = challenge(&authenticator, &bytes, why).expect("there is a short answer for every request");
            proptest::prop_assert!(answer.len() <= 3 * bytes.len());
            proptest::prop_assert!(Message::parse(&answer).is_ok());
        }
    }
}
