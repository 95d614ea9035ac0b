//! `stun-types` and `turn-types`.

use stun_types::attribute::{self as stun, AttributeFromRaw, AttributeStaticType, AttributeWrite};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message as Theirs, MessageClass, MessageIntegrityCredentials,
    MessageType, MessageWriteVec, Method as TheirMethod,
};
use stun_types::prelude::{MessageWrite, MessageWriteExt};
use turn_types::AddressFamily;
use turn_types::attribute as turn;

use super::*;

fn transaction(spec: &Spec) -> stun_types::message::TransactionId {
    let mut bytes = [0; 16];
    bytes[4..].copy_from_slice(&spec.transaction.0);
    u128::from_be_bytes(bytes).into()
}

fn kind(spec: &Spec) -> MessageType {
    let class = match spec.class {
        Class::Request => MessageClass::Request,
        Class::Indication => MessageClass::Indication,
        Class::Success => MessageClass::Success,
        Class::Error => MessageClass::Error,
    };
    MessageType::from_class_method(class, TheirMethod::new(spec.method.code()))
}

fn credentials(spec: &Spec) -> MessageIntegrityCredentials {
    let (username, realm, password) = spec.credentials.clone();
    LongTermKeyCredentials::new(username, password, realm).into()
}

const fn family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::IPV4,
        Family::V6 => AddressFamily::IPV6,
    }
}

const fn algorithm(algorithm: PasswordAlgorithm) -> stun::PasswordAlgorithmValue {
    match algorithm {
        PasswordAlgorithm::Md5 => stun::PasswordAlgorithmValue::MD5,
        PasswordAlgorithm::Sha256 => stun::PasswordAlgorithmValue::SHA256,
    }
}

pub fn write(spec: &Spec) -> Vec<u8> {
    let mut builder = Theirs::builder(kind(spec), transaction(spec), MessageWriteVec::new());
    for item in &spec.items {
        builder.add_attribute(attribute(item, spec).as_ref()).unwrap();
    }
    for kind in &spec.integrity {
        let algorithm = match kind {
            IntegrityKind::Sha1 => IntegrityAlgorithm::Sha1,
            IntegrityKind::Sha256 => IntegrityAlgorithm::Sha256,
        };
        builder.add_message_integrity(&credentials(spec), algorithm).unwrap();
    }
    if spec.fingerprint {
        builder.add_fingerprint().unwrap();
    }
    builder.finish()
}

fn attribute<'i>(item: &'i Item, spec: &Spec) -> Box<dyn AttributeWrite + 'i> {
    let id = transaction(spec);
    match item {
        Item::Username(text) => Box::new(stun::Username::new(text).unwrap()),
        Item::Realm(text) => Box::new(stun::Realm::new(text).unwrap()),
        Item::Nonce(text) => Box::new(stun::Nonce::new(text).unwrap()),
        Item::Software(text) => Box::new(stun::Software::new(text).unwrap()),
        Item::Userhash(hash) => Box::new(stun::Userhash::new(*hash)),
        Item::PasswordAlgorithms => Box::new(stun::PasswordAlgorithms::new(&[
            stun::PasswordAlgorithmValue::SHA256,
            stun::PasswordAlgorithmValue::MD5,
        ])),
        Item::PasswordAlgorithm(value) => Box::new(stun::PasswordAlgorithm::new(algorithm(*value))),
        Item::ErrorCode(code, reason) => Box::new(stun::ErrorCode::new(*code, reason).unwrap()),
        Item::XorMapped(address) => Box::new(stun::XorMappedAddress::new(*address, id)),
        Item::XorPeer(address) => Box::new(turn::XorPeerAddress::new(*address, id)),
        Item::XorRelayed(address) => Box::new(turn::XorRelayedAddress::new(*address, id)),
        Item::AlternateServer(address) => Box::new(stun::AlternateServer::new(*address)),
        Item::Channel(number) => Box::new(turn::ChannelNumber::new(*number)),
        Item::Lifetime(seconds) => Box::new(turn::Lifetime::new(*seconds)),
        Item::Data(data) => Box::new(turn::Data::new(data)),
        Item::RequestedFamily(value) => Box::new(turn::RequestedAddressFamily::new(family(*value))),
        Item::AdditionalFamily(value) => Box::new(turn::AdditionalAddressFamily::new(family(*value))),
        Item::EvenPort(next) => Box::new(turn::EvenPort::new(*next)),
        Item::Transport(protocol) => Box::new(turn::RequestedTransport::new(*protocol)),
        Item::DontFragment => Box::new(turn::DontFragment::new()),
        Item::Token(token) => Box::new(turn::ReservationToken::new(u64::from_be_bytes(*token))),
        Item::AddressError(value, code) => {
            let error = stun::ErrorCode::builder(code.number()).reason("").build().unwrap();
            Box::new(turn::AddressErrorCode::new(family(*value), error))
        }
    }
}

/// Holds what these crates make of `bytes` against what was meant.
pub fn assert_reads(bytes: &[u8], spec: &Spec) {
    let message = Theirs::from_bytes(bytes).expect("from_bytes checks the fingerprint as well");
    assert_eq!(message.class(), kind(spec).class());
    assert_eq!(message.method(), kind(spec).method());
    assert_eq!(message.transaction_id(), transaction(spec));
    assert_eq!(message.has_attribute(stun::Fingerprint::TYPE), spec.fingerprint);
    for item in &spec.items {
        assert_item(&message, item, spec);
    }
    if !spec.integrity.is_empty() {
        message.validate_integrity(&credentials(spec)).unwrap();
        for kind in &spec.integrity {
            let algorithm = match kind {
                IntegrityKind::Sha1 => IntegrityAlgorithm::Sha1,
                IntegrityKind::Sha256 => IntegrityAlgorithm::Sha256,
            };
            message.validate_integrity_with_key(&credentials(spec).make_key(algorithm)).unwrap();
        }
    }
}

fn assert_item(message: &Theirs<'_>, item: &Item, spec: &Spec) {
    fn get<'m, A: AttributeFromRaw<'m> + AttributeStaticType>(message: &'m Theirs<'m>) -> A {
        message.attribute::<A>().unwrap()
    }
    let id = transaction(spec);
    match item {
        Item::Username(text) => assert_eq!(get::<stun::Username>(message).username(), text),
        Item::Realm(text) => assert_eq!(get::<stun::Realm>(message).realm(), text),
        Item::Nonce(text) => assert_eq!(get::<stun::Nonce>(message).nonce(), text),
        Item::Software(text) => assert_eq!(get::<stun::Software>(message).software(), text),
        Item::Userhash(hash) => assert_eq!(get::<stun::Userhash>(message).hash(), hash),
        Item::PasswordAlgorithms => assert_eq!(
            get::<stun::PasswordAlgorithms>(message).algorithms(),
            [stun::PasswordAlgorithmValue::SHA256, stun::PasswordAlgorithmValue::MD5]
        ),
        Item::PasswordAlgorithm(value) => {
            assert_eq!(get::<stun::PasswordAlgorithm>(message).algorithm(), algorithm(*value));
        }
        Item::ErrorCode(code, reason) => {
            let error = get::<stun::ErrorCode>(message);
            assert_eq!((error.code(), error.reason()), (*code, reason.as_str()));
        }
        Item::XorMapped(address) => assert_eq!(get::<stun::XorMappedAddress>(message).addr(id), *address),
        Item::XorPeer(address) => assert_eq!(get::<turn::XorPeerAddress>(message).addr(id), *address),
        Item::XorRelayed(address) => assert_eq!(get::<turn::XorRelayedAddress>(message).addr(id), *address),
        Item::AlternateServer(address) => assert_eq!(get::<stun::AlternateServer>(message).server(), *address),
        Item::Channel(number) => assert_eq!(get::<turn::ChannelNumber>(message).channel(), *number),
        Item::Lifetime(seconds) => assert_eq!(get::<turn::Lifetime>(message).seconds(), *seconds),
        Item::Data(data) => assert_eq!(get::<turn::Data<'_>>(message).data(), data),
        Item::RequestedFamily(value) => {
            assert_eq!(get::<turn::RequestedAddressFamily>(message).family(), family(*value));
        }
        Item::AdditionalFamily(value) => {
            assert_eq!(get::<turn::AdditionalAddressFamily>(message).family(), family(*value));
        }
        Item::EvenPort(next) => assert_eq!(get::<turn::EvenPort>(message).requested(), *next),
        Item::Transport(protocol) => {
            assert_eq!(get::<turn::RequestedTransport>(message).protocol(), *protocol);
        }
        Item::DontFragment => drop(get::<turn::DontFragment>(message)),
        Item::Token(token) => {
            assert_eq!(get::<turn::ReservationToken>(message).token(), u64::from_be_bytes(*token));
        }
        Item::AddressError(value, code) => {
            let error = get::<turn::AddressErrorCode>(message);
            assert_eq!((error.family(), error.error().code()), (family(*value), code.number()));
        }
    }
}
