//! The smallest TURN client: it writes requests and reads answers, whatever carries them.

use std::net::SocketAddr;

use hilum::turn::CAPACITY;
use hilum::wire::{
    AttributeType, ChannelNumber, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, encode_xor_address, write_channel_header,
};

pub(crate) const USER: &str = "clinic";
/// Another user, with the same password.
pub(crate) const OTHER_USER: &str = "ward";
pub(crate) const PASSWORD: &str = "a password of the tests";

/// What carries a request to the relay and brings the answer.
pub(crate) type Carrier<'c> = &'c mut dyn FnMut(&[u8]) -> Vec<u8>;

pub(crate) struct TurnClient {
    user: &'static str,
    proof: Option<(IntegrityKey, Vec<u8>, Vec<u8>)>,
    requests: u8,
}

pub(crate) const CHANNEL: ChannelNumber = ChannelNumber::FIRST;

impl Default for TurnClient {
    fn default() -> Self {
        Self::of(USER)
    }
}

impl TurnClient {
    pub(crate) fn of(user: &'static str) -> Self {
        Self { user, proof: None, requests: 0 }
    }

    pub(crate) fn request(&mut self, method: Method, attributes: &[(AttributeType, Vec<u8>)]) -> Vec<u8> {
        self.requests += 1;
        let mut buffer = vec![0; CAPACITY];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, self.transaction());
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        if let Some((key, realm, nonce)) = &self.proof {
            writer.attribute(AttributeType::USERNAME, self.user.as_bytes());
            writer.attribute(AttributeType::REALM, realm).attribute(AttributeType::NONCE, nonce);
            writer.integrity(IntegrityKind::Sha1, key);
        }
        let length = writer.finish().unwrap();
        buffer.truncate(length);
        buffer
    }

    fn transaction(&self) -> TransactionId {
        TransactionId([self.requests; 12])
    }

    fn peer(&self, peer: SocketAddr) -> Vec<u8> {
        // The transaction of the request that comes next.
        let (value, length) = encode_xor_address(peer, TransactionId([self.requests + 1; 12]));
        value[..length].to_vec()
    }

    /// Sends a request and expects success; on a challenge it signs and sends again.
    pub(crate) fn ask(
        &mut self,
        carrier: Carrier<'_>,
        method: Method,
        attributes: &[(AttributeType, Vec<u8>)],
    ) -> Result<Vec<u8>, u16> {
        let answer = carrier(&self.request(method, attributes));
        let message = Message::parse(&answer).unwrap();
        assert_eq!(message.transaction(), self.transaction());
        if message.class() == Class::Success {
            return Ok(answer);
        }
        let code =
            message.value(AttributeType::ERROR_CODE).map(|value| u16::from(value[2]) * 100 + u16::from(value[3]));
        let code = code.unwrap();
        if code == ErrorCode::UNAUTHENTICATED.number() && self.proof.is_none() {
            let realm = message.value(AttributeType::REALM).unwrap();
            let nonce = message.value(AttributeType::NONCE).unwrap();
            let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, self.user.as_bytes(), realm, PASSWORD.as_bytes());
            self.proof = Some((key, realm.to_vec(), nonce.to_vec()));
            return self.ask(carrier, method, attributes);
        }
        Err(code)
    }

    /// Allocates; the relayed address, or the error code.
    pub(crate) fn allocate(&mut self, carrier: Carrier<'_>) -> Result<SocketAddr, u16> {
        let attributes = [(AttributeType::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])];
        let answer = self.ask(carrier, Method::Allocate, &attributes)?;
        let message = Message::parse(&answer).unwrap();
        Ok(message.xor_address(AttributeType::XOR_RELAYED_ADDRESS).unwrap().unwrap())
    }

    pub(crate) fn bind(&mut self, carrier: Carrier<'_>, peer: SocketAddr) -> Result<(), u16> {
        let channel = CHANNEL.number().to_be_bytes();
        let attributes = [
            (AttributeType::CHANNEL_NUMBER, vec![channel[0], channel[1], 0, 0]),
            (AttributeType::XOR_PEER_ADDRESS, self.peer(peer)),
        ];
        self.ask(carrier, Method::ChannelBind, &attributes).map(drop)
    }

    pub(crate) fn delete(&mut self, carrier: Carrier<'_>) -> Result<(), u16> {
        self.ask(carrier, Method::Refresh, &[(AttributeType::LIFETIME, vec![0; 4])]).map(drop)
    }
}

/// ChannelData on the one channel of these tests.
pub(crate) fn channel_data(data: &[u8]) -> Vec<u8> {
    let header = write_channel_header(CHANNEL, u16::try_from(data.len()).unwrap());
    [&header[..], data].concat()
}
