//! The whole proof, request in and answer out.

mod answers;
mod proofs;

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
    authenticator.prove(Message::parse(bytes).unwrap(), from, now).map(|request| request.grant().clone())
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
