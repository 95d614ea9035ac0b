//! STUN as an ICE agent writes it, and as others do (RFC 8445 §7.1).

use hilum::wire::{AttributeType, Class, IntegrityKey, IntegrityKind, MessageWriter, Method, TransactionId};

use crate::language::Words;

/// What goes into a message beside its class and transaction.
pub struct Stun {
    pub class: Class,
    pub method: Method,
    pub transaction: TransactionId,
    pub username: Option<Vec<u8>>,
    pub integrity: bool,
    pub fingerprint: bool,
    pub dtls: Option<Vec<u8>>,
    pub acknowledged: Option<Vec<u8>>,
}

impl Stun {
    /// `stun request user=ufrag:frag no-fingerprint ...`
    pub fn read(words: &mut Words, transaction: TransactionId, users: &str) -> Result<Self, String> {
        let (method, class) = match words.next()?.as_str() {
            "request" => (Method::Binding, Class::Request),
            "success" => (Method::Binding, Class::Success),
            "error" => (Method::Binding, Class::Error),
            "indication" => (Method::Binding, Class::Indication),
            "allocate" => (Method::Allocate, Class::Request),
            "refresh" => (Method::Refresh, Class::Request),
            "send" => (Method::Send, Class::Indication),
            "data" => (Method::Data, Class::Indication),
            "create-permission" => (Method::CreatePermission, Class::Request),
            "channel-bind" => (Method::ChannelBind, Class::Request),
            other => return Err(format!("no STUN message {other}")),
        };
        let no_user = words.flag("no-username");
        let user = words.text("user").unwrap_or_else(|| users.to_owned());
        let asks = class == Class::Request;
        Ok(Self {
            class,
            method,
            transaction,
            username: (asks && !no_user).then(|| user.replace('_', " ").into_bytes()),
            integrity: !words.flag("no-integrity") && class != Class::Indication,
            fingerprint: !words.flag("no-fingerprint"),
            dtls: words.hex("dtls")?,
            acknowledged: words.hex("dtls-ack")?,
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; 20_000];
        let mut writer = MessageWriter::new(&mut buffer, self.class, self.method, self.transaction);
        if let Some(username) = &self.username {
            writer.attribute(AttributeType::USERNAME, username);
            writer.attribute(AttributeType(0x0024), &[0x6E, 0, 0x1E, 0xFF]);
            writer.attribute(AttributeType(0x802A), &[1, 2, 3, 4, 5, 6, 7, 8]);
        }
        if self.class == Class::Success {
            let address = "198.51.100.1:50000".parse().unwrap();
            writer.xor_address(AttributeType::XOR_MAPPED_ADDRESS, address, self.transaction);
        }
        if self.class == Class::Error {
            writer.attribute(AttributeType::ERROR_CODE, b"\x00\x00\x04\x57Role Conflict");
        }
        if let Some(dtls) = &self.dtls {
            writer.attribute(AttributeType(0xC070), dtls);
        }
        if let Some(acknowledged) = &self.acknowledged {
            writer.attribute(AttributeType(0xC071), acknowledged);
        }
        if self.integrity {
            let key = IntegrityKey::from_bytes(b"the password of an ICE agent").unwrap();
            writer.integrity(IntegrityKind::Sha1, &key);
        }
        if self.fingerprint {
            writer.fingerprint();
        }
        let length = writer.finish().unwrap();
        buffer.truncate(length);
        buffer
    }
}
