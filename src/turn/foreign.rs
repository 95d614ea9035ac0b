//! Datagrams that are not for TURN, although they came to its port: what another transport would take there.

use crate::addr::FiveTuple;
use crate::wire::{DatagramKind, datagram_kind, has_proxy_signature};

use super::{Discard, Relay};

impl Relay {
    /// What a client's message is that is no message of STUN or TURN, by its first byte and by the table.
    #[cold]
    pub(super) fn foreign(&self, client: &FiveTuple, bytes: &[u8]) -> Discard {
        let Some(&first) = bytes.first() else { return Discard::NotStun };
        // A stream is cut into messages of TURN, and carries nothing else.
        let has_channels = client.link.transport().is_stream() || self.table.place_of(client).is_some();
        match datagram_kind(first, has_channels) {
            DatagramKind::Dtls => Discard::Dtls,
            DatagramKind::Quic => Discard::Quic,
            DatagramKind::Media => Discard::Media,
            DatagramKind::ChannelData => Discard::Malformed,
            DatagramKind::Unknown if has_proxy_signature(bytes) => Discard::ProxyUnknown,
            DatagramKind::Stun | DatagramKind::Zrtp | DatagramKind::Unknown => Discard::NotStun,
        }
    }
}
