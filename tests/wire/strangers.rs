//! Two independent codecs as judges: `stun-types` with `turn-types`, and `stun` with the protocol part of `turn`. What
//! we write is what they write, byte for byte; what either writes, the others read; and each verifies the integrity
//! and the fingerprint of the others.

use core::net::SocketAddr;

use hilum::addr::Family;
use hilum::wire::attribute::{self, Icmp};
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter,
    Method, PasswordAlgorithm, TransactionId, write_channel_header,
};
use proptest::prelude::*;
use stun_types::attribute::Attribute as _;

/// One attribute with its meaning, so that each codec builds it by its own means.
#[derive(Clone, Debug)]
enum Item {
    Username(String),
    Realm(String),
    Nonce(String),
    Software(String),
    Userhash([u8; 32]),
    PasswordAlgorithms,
    PasswordAlgorithm(PasswordAlgorithm),
    ErrorCode(u16, String),
    XorMapped(SocketAddr),
    XorPeer(SocketAddr),
    XorRelayed(SocketAddr),
    AlternateServer(SocketAddr),
    Channel(u16),
    Lifetime(u32),
    Data(Vec<u8>),
    RequestedFamily(Family),
    AdditionalFamily(Family),
    EvenPort(bool),
    Transport(u8),
    DontFragment,
    Token([u8; 8]),
    AddressError(Family, ErrorCode),
}

impl Item {
    const fn kind(&self) -> AttributeType {
        match self {
            Self::Username(_) => AttributeType::USERNAME,
            Self::Realm(_) => AttributeType::REALM,
            Self::Nonce(_) => AttributeType::NONCE,
            Self::Software(_) => AttributeType::SOFTWARE,
            Self::Userhash(_) => AttributeType::USERHASH,
            Self::PasswordAlgorithms => AttributeType::PASSWORD_ALGORITHMS,
            Self::PasswordAlgorithm(_) => AttributeType::PASSWORD_ALGORITHM,
            Self::ErrorCode(..) => AttributeType::ERROR_CODE,
            Self::XorMapped(_) => AttributeType::XOR_MAPPED_ADDRESS,
            Self::XorPeer(_) => AttributeType::XOR_PEER_ADDRESS,
            Self::XorRelayed(_) => AttributeType::XOR_RELAYED_ADDRESS,
            Self::AlternateServer(_) => AttributeType::ALTERNATE_SERVER,
            Self::Channel(_) => AttributeType::CHANNEL_NUMBER,
            Self::Lifetime(_) => AttributeType::LIFETIME,
            Self::Data(_) => AttributeType::DATA,
            Self::RequestedFamily(_) => AttributeType::REQUESTED_ADDRESS_FAMILY,
            Self::AdditionalFamily(_) => AttributeType::ADDITIONAL_ADDRESS_FAMILY,
            Self::EvenPort(_) => AttributeType::EVEN_PORT,
            Self::Transport(_) => AttributeType::REQUESTED_TRANSPORT,
            Self::DontFragment => AttributeType::DONT_FRAGMENT,
            Self::Token(_) => AttributeType::RESERVATION_TOKEN,
            Self::AddressError(..) => AttributeType::ADDRESS_ERROR_CODE,
        }
    }
}

/// A message with its meaning.
#[derive(Clone, Debug)]
struct Spec {
    class: Class,
    method: Method,
    transaction: TransactionId,
    items: Vec<Item>,
    credentials: (String, String, String),
    integrity: Vec<IntegrityKind>,
    fingerprint: bool,
}

impl Spec {
    fn key(&self, kind: IntegrityKind) -> IntegrityKey {
        let (username, realm, password) = &self.credentials;
        let algorithm = match kind {
            IntegrityKind::Sha1 => PasswordAlgorithm::Md5,
            IntegrityKind::Sha256 => PasswordAlgorithm::Sha256,
        };
        IntegrityKey::long_term(algorithm, username.as_bytes(), realm.as_bytes(), password.as_bytes())
    }
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select([Family::V4, Family::V6].as_slice())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,40}", "\\PC{1,20}"]
}

fn item() -> impl Strategy<Value = Item> {
    let algorithm = prop::sample::select([PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256].as_slice());
    let address_error =
        prop::sample::select([ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED, ErrorCode::INSUFFICIENT_CAPACITY].as_slice());
    prop_oneof![
        text().prop_map(Item::Username),
        text().prop_map(Item::Realm),
        text().prop_map(Item::Nonce),
        text().prop_map(Item::Software),
        any::<[u8; 32]>().prop_map(Item::Userhash),
        Just(Item::PasswordAlgorithms),
        algorithm.prop_map(Item::PasswordAlgorithm),
        (300_u16..700, text()).prop_map(|(code, reason)| Item::ErrorCode(code, reason)),
        any::<SocketAddr>().prop_map(|address| Item::XorMapped(plain(address))),
        any::<SocketAddr>().prop_map(|address| Item::XorPeer(plain(address))),
        any::<SocketAddr>().prop_map(|address| Item::XorRelayed(plain(address))),
        any::<SocketAddr>().prop_map(|address| Item::AlternateServer(plain(address))),
        (0x4000_u16..=0x4FFF).prop_map(Item::Channel),
        any::<u32>().prop_map(Item::Lifetime),
        proptest::collection::vec(any::<u8>(), 0..1300).prop_map(Item::Data),
        family().prop_map(Item::RequestedFamily),
        // IPv4 has no meaning there (RFC 8656 §18.11), and `turn-types` does not read it.
        Just(Item::AdditionalFamily(Family::V6)),
        any::<bool>().prop_map(Item::EvenPort),
        any::<u8>().prop_map(Item::Transport),
        Just(Item::DontFragment),
        any::<[u8; 8]>().prop_map(Item::Token),
        (family(), address_error).prop_map(|(family, code)| Item::AddressError(family, code)),
    ]
}

/// Without the scope and flow of an IPv6 socket address: they do not travel.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

fn spec() -> impl Strategy<Value = Spec> {
    let kinds = [vec![], vec![IntegrityKind::Sha1], vec![IntegrityKind::Sha256]];
    (
        prop::sample::select([Class::Request, Class::Indication, Class::Success, Class::Error].as_slice()),
        prop::sample::select(Method::ALL.as_slice()),
        any::<[u8; 12]>().prop_map(TransactionId),
        // Each attribute once: the strangers' typed readers return the first.
        proptest::collection::vec(item(), 0..10).prop_map(|mut items| {
            let mut kinds = Vec::new();
            items.retain(|item| {
                !kinds.contains(&item.kind()) && {
                    kinds.push(item.kind());
                    true
                }
            });
            items
        }),
        (text(), text(), text()),
        prop_oneof![prop::sample::select(kinds.to_vec()), Just(vec![IntegrityKind::Sha1, IntegrityKind::Sha256])],
        any::<bool>(),
    )
        .prop_map(|(class, method, transaction, items, credentials, integrity, fingerprint)| Spec {
            class,
            method,
            transaction,
            items,
            credentials,
            integrity,
            fingerprint,
        })
}

/// Our own codec.
mod ours {
    use super::*;

    pub fn write(spec: &Spec) -> Vec<u8> {
        let mut buffer = vec![0xEE; 8192];
        let mut writer = MessageWriter::new(&mut buffer, spec.class, spec.method, spec.transaction);
        for item in &spec.items {
            add(&mut writer, item, spec.transaction);
        }
        for kind in &spec.integrity {
            writer.integrity(*kind, &spec.key(*kind));
        }
        if spec.fingerprint {
            writer.fingerprint();
        }
        let length = writer.finish().unwrap();
        buffer.truncate(length);
        buffer
    }

    fn add(writer: &mut MessageWriter<'_>, item: &Item, transaction: TransactionId) {
        let kind = item.kind();
        match item {
            Item::Username(text) | Item::Realm(text) | Item::Nonce(text) | Item::Software(text) => {
                writer.attribute(kind, text.as_bytes())
            }
            Item::Userhash(hash) => writer.attribute(kind, hash),
            Item::PasswordAlgorithms => writer.attribute(kind, &PasswordAlgorithm::OFFER),
            Item::PasswordAlgorithm(algorithm) => {
                let [high, low] = algorithm.code().to_be_bytes();
                writer.attribute(kind, &[high, low, 0, 0])
            }
            Item::ErrorCode(code, reason) => {
                let mut value = vec![0, 0, u8::try_from(code / 100).unwrap(), u8::try_from(code % 100).unwrap()];
                value.extend_from_slice(reason.as_bytes());
                writer.attribute(kind, &value)
            }
            Item::XorMapped(address) | Item::XorPeer(address) | Item::XorRelayed(address) => {
                writer.xor_address(kind, *address, transaction)
            }
            Item::AlternateServer(address) => writer.plain_address(kind, *address),
            Item::Channel(number) => writer.number(kind, u32::from(*number) << 16),
            Item::Lifetime(seconds) => writer.number(kind, *seconds),
            Item::Data(data) => writer.attribute(kind, data),
            Item::RequestedFamily(family) | Item::AdditionalFamily(family) => {
                writer.attribute(kind, &[attribute::family_code(*family), 0, 0, 0])
            }
            Item::EvenPort(next) => writer.attribute(kind, &[if *next { 0x80 } else { 0 }]),
            Item::Transport(protocol) => writer.attribute(kind, &[*protocol, 0, 0, 0]),
            Item::DontFragment => writer.attribute(kind, &[]),
            Item::Token(token) => writer.attribute(kind, token),
            Item::AddressError(family, code) => writer.address_error_code(*family, *code),
        };
    }

    /// Holds what our reader makes of `bytes` against what was meant.
    pub fn assert_reads(bytes: &[u8], spec: &Spec) {
        let message = Message::parse(bytes).unwrap();
        assert_eq!(
            (message.class(), message.method(), message.transaction()),
            (spec.class, spec.method, spec.transaction)
        );
        assert_eq!(message.unknown_required().count(), 0);
        for item in &spec.items {
            assert_item(&message, item);
        }
        let attributes = spec.items.len() + spec.integrity.len() + usize::from(spec.fingerprint);
        assert_eq!(message.attributes().count(), attributes);
        assert_eq!(message.fingerprint(), spec.fingerprint.then_some(true));
        assert_eq!(IntegrityKind::of(&message), spec.integrity.last().copied());
        for kind in &spec.integrity {
            assert!(spec.key(*kind).verify(*kind, &message), "{kind:?}");
            let other = IntegrityKey::from_bytes(b"another key").unwrap();
            assert!(!other.verify(*kind, &message));
        }
    }

    fn assert_item(message: &Message<'_>, item: &Item) {
        let value = message.value(item.kind()).unwrap();
        match item {
            Item::Username(text) | Item::Realm(text) | Item::Nonce(text) | Item::Software(text) => {
                assert_eq!(value, text.as_bytes());
            }
            Item::Userhash(hash) => assert_eq!(value, hash),
            Item::PasswordAlgorithms => assert_eq!(value, PasswordAlgorithm::OFFER),
            Item::PasswordAlgorithm(algorithm) => assert_eq!(PasswordAlgorithm::decode(value), Ok(*algorithm)),
            Item::ErrorCode(code, reason) => {
                let (read, said) = ErrorCode::decode(value).unwrap();
                assert_eq!((read.number(), said), (*code, reason.as_bytes()));
            }
            Item::XorMapped(address) | Item::XorPeer(address) | Item::XorRelayed(address) => {
                assert_eq!(message.xor_address(item.kind()), Some(Ok(*address)));
            }
            Item::AlternateServer(address) => assert_eq!(hilum::wire::decode_address(value), Ok(*address)),
            Item::Channel(number) => assert_eq!(ChannelNumber::decode(value).unwrap().number(), *number),
            Item::Lifetime(seconds) => {
                assert_eq!(attribute::decode_lifetime(value), Ok(hilum::time::Lifetime::from_secs(*seconds)));
            }
            Item::Data(data) => assert_eq!(value, data),
            Item::RequestedFamily(family) | Item::AdditionalFamily(family) => {
                assert_eq!(attribute::decode_family(value), Ok(Some(*family)));
            }
            Item::EvenPort(next) => assert_eq!(attribute::decode_even_port(value), Ok(*next)),
            Item::Transport(protocol) => assert_eq!(attribute::decode_requested_transport(value), Ok(*protocol)),
            Item::DontFragment => assert_eq!(attribute::decode_dont_fragment(value), Ok(())),
            Item::Token(token) => assert_eq!(attribute::decode_reservation_token(value), Ok(*token)),
            Item::AddressError(family, code) => {
                let [hundreds, rest] =
                    [code.number() / 100, code.number() % 100].map(|part| u8::try_from(part).unwrap());
                assert_eq!(value, [attribute::family_code(*family), 0, hundreds, rest]);
            }
        }
    }
}

#[path = "strangers/types.rs"]
mod types;

#[path = "strangers/webrtc.rs"]
mod webrtc;

proptest! {
    #![proptest_config(super::bytes::cases(1024))]

    #[test]
    fn what_we_write_is_read_by_us_and_by_both_strangers(spec in spec()) {
        let bytes = ours::write(&spec);
        ours::assert_reads(&bytes, &spec);
        types::assert_reads(&bytes, &spec);
        webrtc::assert_reads(&bytes, &spec);
    }

    #[test]
    fn what_the_strangers_write_is_read_by_us_and_is_what_we_write(spec in spec()) {
        let mine = ours::write(&spec);
        let theirs = types::write(&spec);
        ours::assert_reads(&theirs, &spec);
        prop_assert_eq!(&theirs, &mine);
        if let Some(theirs) = webrtc::write(&spec) {
            ours::assert_reads(&theirs, &spec);
            prop_assert_eq!(&theirs, &mine);
        }
    }

    #[test]
    fn a_changed_byte_is_read_by_us_as_by_the_stranger_up_to_the_integrity(
        spec in spec(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = ours::write(&spec);
        let at = at.index(bytes.len());
        bytes[at] = value;
        let (Ok(ours), Ok(theirs)) = (Message::parse(&bytes), stun_types::message::Message::from_bytes(&bytes)) else {
            return Ok(());
        };
        prop_assert_eq!(ours.method().code(), theirs.method().value());
        // Behind it `stun-types` stops at the first attribute that does not belong there; RFC 8489 §14.5 ignores that
        // one and goes on to the next.
        let ends = |kind: u16| [0x0008, 0x001C, 0x8028].contains(&kind);
        let mine: Vec<_> = ours
            .attributes()
            .take_while(|attribute| !ends(attribute.kind.0))
            .map(|attribute| (attribute.offset, attribute.kind.0, attribute.value.to_vec()))
            .collect();
        let others: Vec<_> = theirs
            .iter_attributes()
            .take_while(|(_, raw)| !ends(raw.get_type().value()))
            .map(|(offset, raw)| (offset, raw.get_type().value(), raw.value.to_vec()))
            .collect();
        prop_assert_eq!(mine, others);
    }

    #[test]
    fn channel_data_is_the_same_to_all_three(
        number in 0x4000_u16..=0x4FFF,
        data in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut ours = write_channel_header(ChannelNumber::new(number).unwrap(), u16::try_from(data.len()).unwrap()).to_vec();
        ours.extend_from_slice(&data);

        let mut types = vec![0; data.len() + 4];
        turn_types::channel::ChannelData::new(number, &data).write_into_unchecked(&mut types);
        prop_assert_eq!(&types, &ours);
        let read = turn_types::channel::ChannelData::parse(&ours).unwrap();
        prop_assert_eq!((read.id(), read.data()), (number, data.as_slice()));

        let mut webrtc = turn::proto::chandata::ChannelData {
            data: data.clone(),
            number: turn::proto::channum::ChannelNumber(number),
            raw: vec![],
        };
        webrtc.encode();
        // That crate pads on every transport.
        let mut padded = ours.clone();
        padded.resize(ours.len().next_multiple_of(4), 0);
        prop_assert_eq!(&webrtc.raw, &padded);
        let mut read = turn::proto::chandata::ChannelData { raw: ours.clone(), ..Default::default() };
        read.decode().unwrap();
        prop_assert_eq!((read.number.0, &read.data), (number, &data));

        for bytes in [&ours, &padded] {
            let read = ChannelData::parse(bytes).unwrap();
            prop_assert_eq!((read.channel.number(), read.data), (number, data.as_slice()));
        }
    }

    #[test]
    fn icmp_round_trips(kind in 0_u8..128, code in 0_u16..512, data in any::<u32>()) {
        // No stranger to ask: `turn-types` gives type and code eight bits each, where RFC 8656 §18.13 draws seven
        // and nine.
        let icmp = Icmp { kind, code, data };
        prop_assert_eq!(Icmp::decode(&icmp.encode()), Ok(icmp));
    }
}
