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
