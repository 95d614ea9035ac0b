//! What clients of the scenarios send, and what they read of the answers.

use std::net::SocketAddr;

use hilum::wire::{AttributeType, Class, ErrorCode, IntegrityKind, Message, MessageWriter, Method, TransactionId};

use super::{Client, Outcome, REALM, World};

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub attributes: Vec<(AttributeType, Vec<u8>)>,
    peers: Vec<SocketAddr>,
    pub transaction: Option<TransactionId>,
    pub fingerprint: bool,
}

impl Request {
    pub fn new(method: Method) -> Self {
        Self { method, attributes: Vec::new(), peers: Vec::new(), transaction: None, fingerprint: false }
    }

    /// Allocate for UDP.
    pub fn allocate() -> Self {
        Self::new(Method::Allocate).with(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
    }

    pub fn refresh(lifetime: u32) -> Self {
        Self::new(Method::Refresh).lifetime(lifetime)
    }

    pub fn bind(number: u16, peer: &str) -> Self {
        let [high, low] = number.to_be_bytes();
        Self::new(Method::ChannelBind).with(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0]).peer(peer)
    }

    pub fn with(mut self, kind: AttributeType, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub fn lifetime(self, seconds: u32) -> Self {
        self.with(AttributeType::LIFETIME, &seconds.to_be_bytes())
    }

    pub fn peer(mut self, peer: &str) -> Self {
        self.peers.push(peer.parse().unwrap());
        self
    }

    pub fn transaction(mut self, transaction: TransactionId) -> Self {
        self.transaction = Some(transaction);
        self
    }

    pub fn fingerprint(mut self) -> Self {
        self.fingerprint = true;
        self
    }

    /// Makes the request longer by an attribute that nobody needs to know.
    pub fn padding(self, length: usize) -> Self {
        self.with(AttributeType(0xC0DE), &vec![0; length])
    }

    fn write(&self, buffer: &mut [u8], transaction: TransactionId, sign: impl FnOnce(&mut MessageWriter<'_>)) -> usize {
        let mut writer = MessageWriter::new(buffer, Class::Request, self.method, transaction);
        for (kind, value) in &self.attributes {
            writer.attribute(*kind, value);
        }
        for peer in &self.peers {
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, *peer, transaction);
        }
        sign(&mut writer);
        if self.fingerprint {
            writer.fingerprint();
        }
        writer.finish().unwrap()
    }

    /// The request without credentials.
    pub fn unauthenticated(&self, transaction: TransactionId) -> Vec<u8> {
        let mut buffer = vec![0; 70_000];
        let length = self.write(&mut buffer, transaction, |_| ());
        buffer.truncate(length);
        buffer
    }

    /// The request with a client's credentials.
    pub fn bytes(&self, client: &Client, transaction: TransactionId, nonce: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; 70_000];
        let length = self.write(&mut buffer, transaction, |writer| {
            writer
                .attribute(AttributeType::USERNAME, client.username.as_bytes())
                .attribute(AttributeType::REALM, REALM.as_bytes())
                .attribute(AttributeType::NONCE, nonce)
                .integrity(IntegrityKind::Sha1, &client.key());
        });
        buffer.truncate(length);
        buffer
    }
}

/// A Send indication.
pub fn send_indication(world: &mut World, peer: &str, data: &[u8]) -> Vec<u8> {
    indication(world, Some(peer), Some(data), &[])
}

/// A Send indication that may lack something or have more.
pub fn indication(
    world: &mut World,
    peer: Option<&str>,
    data: Option<&[u8]>,
    more: &[(AttributeType, &[u8])],
) -> Vec<u8> {
    let transaction = world.transaction();
    let mut buffer = vec![0; 70_000];
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, transaction);
    if let Some(peer) = peer {
        writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer.parse().unwrap(), transaction);
    }
    for (kind, value) in more {
        writer.attribute(*kind, value);
    }
    if let Some(data) = data {
        writer.attribute(AttributeType::DATA, data);
    }
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    buffer
}

/// A ChannelData message.
pub fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A response, or an indication from the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(pub Vec<u8>);

impl Answer {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("what the relay sends is well-formed")
    }

    pub fn value(&self, kind: AttributeType) -> Option<Vec<u8>> {
        self.message().value(kind).map(<[u8]>::to_vec)
    }

    /// The error code; `None` in a success response.
    pub fn code(&self) -> Option<ErrorCode> {
        self.value(AttributeType::ERROR_CODE).map(|value| ErrorCode::decode(&value).unwrap().0)
    }

    pub fn expect_success(&self) {
        assert_eq!((self.message().class(), self.code()), (Class::Success, None));
    }

    pub fn expect_error(&self, code: ErrorCode) {
        assert_eq!((self.message().class(), self.code()), (Class::Error, Some(code)));
    }

    /// The relayed addresses, in order.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        let message = self.message();
        let relayed = message.attributes().filter(|each| each.kind == AttributeType::XOR_RELAYED_ADDRESS);
        relayed.map(|each| hilum::wire::decode_xor_address(each.value, message.transaction()).unwrap()).collect()
    }

    pub fn address(&self, kind: AttributeType) -> Option<SocketAddr> {
        self.message().xor_address(kind).map(Result::unwrap)
    }

    pub fn lifetime(&self) -> Option<u32> {
        self.value(AttributeType::LIFETIME).map(|value| u32::from_be_bytes(value.try_into().unwrap()))
    }

    /// Whether it is signed with this client's key.
    pub fn is_signed_for(&self, client: &Client) -> bool {
        client.key().verify(IntegrityKind::Sha1, &self.message())
    }
}

impl Outcome {
    /// What a client received.
    pub fn for_client(self, client: &Client) -> Answer {
        match self {
            Self::ToClient(to, bytes) if to == client.five_tuple => Answer(bytes),
            other => panic!("something for the client, and not {other:?}"),
        }
    }

    /// The same, as it is: ChannelData is no STUN message.
    pub fn for_client_bytes(self, client: &Client) -> Vec<u8> {
        self.for_client(client).0
    }

    /// What a peer received: from where, at which address, and the bytes.
    pub fn for_peer(self) -> (SocketAddr, SocketAddr, Vec<u8>) {
        match self {
            Self::ToPeer { from, to, bytes, .. } => (from, to, bytes),
            other => panic!("something for a peer, and not {other:?}"),
        }
    }
}
