//! `stun` and the protocol part of `turn`. They know MESSAGE-INTEGRITY, not its SHA-256 successor.

use stun::attributes::AttrType;
use stun::error_code::{ErrorCode as TheirErrorCode, ErrorCodeAttribute};
use stun::fingerprint::FINGERPRINT;
use stun::integrity::MessageIntegrity;
use stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter, METHOD_ALLOCATE,
    METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND,
    Message as Theirs, MessageType, Setter,
};
use stun::textattrs::TextAttribute;
use stun::xoraddr::XorMappedAddress;
use turn::proto::channum::ChannelNumber as TheirChannelNumber;
use turn::proto::data::Data;
use turn::proto::dontfrag::DontFragmentAttr;
use turn::proto::evenport::EvenPort;
use turn::proto::lifetime::Lifetime;
use turn::proto::peeraddr::PeerAddress;
use turn::proto::relayaddr::RelayedAddress;
use turn::proto::reqtrans::RequestedTransport;
use turn::proto::rsrvtoken::ReservationToken;

use super::*;

fn kind(spec: &Spec) -> MessageType {
    let class = match spec.class {
        Class::Request => CLASS_REQUEST,
        Class::Indication => CLASS_INDICATION,
        Class::Success => CLASS_SUCCESS_RESPONSE,
        Class::Error => CLASS_ERROR_RESPONSE,
    };
    let method = match spec.method {
        Method::Binding => METHOD_BINDING,
        Method::Allocate => METHOD_ALLOCATE,
        Method::Refresh => METHOD_REFRESH,
        Method::Send => METHOD_SEND,
        Method::Data => METHOD_DATA,
        Method::CreatePermission => METHOD_CREATE_PERMISSION,
        Method::ChannelBind => METHOD_CHANNEL_BIND,
    };
    MessageType::new(method, class)
}

fn integrity(spec: &Spec) -> MessageIntegrity {
    let (username, realm, password) = spec.credentials.clone();
    MessageIntegrity::new_long_term_integrity(username, realm, password)
}

/// `None` for a message these crates cannot write.
pub fn write(spec: &Spec) -> Option<Vec<u8>> {
    if spec.integrity.contains(&IntegrityKind::Sha256) {
        return None;
    }
    let mut message = Theirs::new();
    message.transaction_id = stun::agent::TransactionId(spec.transaction.0);
    message.set_type(kind(spec));
    message.write_header();
    for item in &spec.items {
        add(&mut message, item)?;
    }
    if !spec.integrity.is_empty() {
        integrity(spec).add_to(&mut message).unwrap();
    }
    if spec.fingerprint {
        FINGERPRINT.add_to(&mut message).unwrap();
    }
    message.write_header();
    Some(message.raw)
}

fn add(message: &mut Theirs, item: &Item) -> Option<()> {
    let attribute = AttrType(item.kind().0);
    match item {
        Item::Username(text) | Item::Realm(text) | Item::Nonce(text) | Item::Software(text) => {
            TextAttribute::new(attribute, text.clone()).add_to(message)
        }
        Item::ErrorCode(code, reason) => {
            let reason = reason.clone().into_bytes();
            ErrorCodeAttribute { code: TheirErrorCode(*code), reason }.add_to(message)
        }
        Item::XorMapped(address) => XorMappedAddress { ip: address.ip(), port: address.port() }.add_to(message),
        Item::XorPeer(address) => PeerAddress { ip: address.ip(), port: address.port() }.add_to(message),
        Item::XorRelayed(address) => RelayedAddress { ip: address.ip(), port: address.port() }.add_to(message),
        Item::Channel(number) => TheirChannelNumber(*number).add_to(message),
        Item::Lifetime(seconds) => Lifetime(core::time::Duration::from_secs(u64::from(*seconds))).add_to(message),
        Item::Data(data) => Data(data.clone()).add_to(message),
        Item::EvenPort(false) => EvenPort::default().add_to(message),
        Item::Transport(protocol) => RequestedTransport { protocol: turn::proto::Protocol(*protocol) }.add_to(message),
        Item::DontFragment => DontFragmentAttr.add_to(message),
        Item::Token(token) => ReservationToken(token.to_vec()).add_to(message),
        Item::AlternateServer(address) => {
            stun::addr::MappedAddress { ip: address.ip(), port: address.port() }.add_to_as(message, attribute)
        }
        // No typed writer there.
        Item::Userhash(_)
        | Item::PasswordAlgorithms
        | Item::PasswordAlgorithm(_)
        | Item::RequestedFamily(_)
        | Item::AdditionalFamily(_)
        | Item::EvenPort(true)
        | Item::AddressError(..) => return None,
    }
    .unwrap();
    Some(())
}

/// Holds what these crates make of `bytes` against what was meant.
pub fn assert_reads(bytes: &[u8], spec: &Spec) {
    let mut message = Theirs::new();
    message.unmarshal_binary(bytes).unwrap();
    assert_eq!(message.typ, kind(spec));
    assert_eq!(message.transaction_id.0, spec.transaction.0);
    let expected = spec.items.len() + spec.integrity.len() + usize::from(spec.fingerprint);
    assert_eq!(message.attributes.0.len(), expected);
    for item in &spec.items {
        assert_item(&message, item);
    }
    if spec.integrity.contains(&IntegrityKind::Sha1) {
        integrity(spec).check(&mut message).unwrap();
    }
    if spec.fingerprint {
        FINGERPRINT.check(&message).unwrap();
    }
}

fn assert_item(message: &Theirs, item: &Item) {
    let attribute = AttrType(item.kind().0);
    match item {
        Item::Username(text) | Item::Realm(text) | Item::Nonce(text) | Item::Software(text) => {
            assert_eq!(&TextAttribute::get_from_as(message, attribute).unwrap().text, text);
        }
        Item::ErrorCode(code, reason) => {
            let mut error = ErrorCodeAttribute::default();
            error.get_from(message).unwrap();
            assert_eq!((error.code.0, error.reason.as_slice()), (*code, reason.as_bytes()));
        }
        Item::XorMapped(address) | Item::XorPeer(address) | Item::XorRelayed(address) => {
            let mut read = XorMappedAddress::default();
            read.get_from_as(message, attribute).unwrap();
            assert_eq!((read.ip, read.port), (address.ip(), address.port()));
        }
        Item::Channel(number) => {
            let mut read = TheirChannelNumber::default();
            read.get_from(message).unwrap();
            assert_eq!(read.0, *number);
        }
        Item::Lifetime(seconds) => {
            let mut read = Lifetime::default();
            read.get_from(message).unwrap();
            assert_eq!(read.0.as_secs(), u64::from(*seconds));
        }
        Item::Data(data) => {
            let mut read = Data::default();
            read.get_from(message).unwrap();
            assert_eq!(&read.0, data);
        }
        Item::EvenPort(next) => {
            let mut read = EvenPort::default();
            read.get_from(message).unwrap();
            assert_eq!(read.to_string(), format!("reserve: {next}"));
        }
        Item::Transport(protocol) => {
            let mut read = RequestedTransport::default();
            read.get_from(message).unwrap();
            assert_eq!(read.protocol.0, *protocol);
        }
        Item::Token(token) => {
            let mut read = ReservationToken::default();
            read.get_from(message).unwrap();
            assert_eq!(read.0, token);
        }
        // No typed reader there: that the attribute is seen is all they can say.
        Item::DontFragment
        | Item::AlternateServer(_)
        | Item::Userhash(_)
        | Item::PasswordAlgorithms
        | Item::PasswordAlgorithm(_)
        | Item::RequestedFamily(_)
        | Item::AdditionalFamily(_)
        | Item::AddressError(..) => assert!(message.contains(attribute)),
    }
}
