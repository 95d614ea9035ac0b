//! What may share a UDP port with STUN and TURN, told apart by the first byte (RFC 7983 §7, RFC 9443 §3).

/// What the first byte of a datagram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatagramKind {
    /// 0 to 3.
    Stun,
    /// 16 to 19.
    Zrtp,
    /// 20 to 63.
    Dtls,
    /// 64 to 79, where the sender may use channels: the same bytes begin QUIC packets with a short header, and only who
    /// has an allocation has a channel.
    ChannelData,
    /// 192 to 255, and 80 to 127; 64 to 79 of a sender without an allocation.
    Quic,
    /// 128 to 191: RTP or RTCP, encrypted or not.
    Media,
    /// 4 to 15, which nobody has.
    Unknown,
}

/// What the first byte of a datagram says. `has_channels`: whether its five-tuple is known to use TURN.
#[must_use]
pub const fn datagram_kind(first: u8, has_channels: bool) -> DatagramKind {
    match first {
        0..=3 => DatagramKind::Stun,
        4..=15 => DatagramKind::Unknown,
        16..=19 => DatagramKind::Zrtp,
        20..=63 => DatagramKind::Dtls,
        64..=79 if has_channels => DatagramKind::ChannelData,
        64..=127 | 192..=255 => DatagramKind::Quic,
        128..=191 => DatagramKind::Media,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9443 §3, figure 3.
    #[test]
    fn the_first_byte_tells_what_it_is() {
        for (range, kind) in [
            (0..=3, DatagramKind::Stun),
            (4..=15, DatagramKind::Unknown),
            (16..=19, DatagramKind::Zrtp),
            (20..=63, DatagramKind::Dtls),
            (80..=127, DatagramKind::Quic),
            (128..=191, DatagramKind::Media),
            (192..=255, DatagramKind::Quic),
        ] {
            for first in range {
                assert_eq!(datagram_kind(first, true), kind, "first byte {first}");
                assert_eq!(datagram_kind(first, false), kind, "first byte {first}");
            }
        }
        for first in 64..=79 {
            assert_eq!(datagram_kind(first, true), DatagramKind::ChannelData, "first byte {first}");
            assert_eq!(datagram_kind(first, false), DatagramKind::Quic, "first byte {first}");
        }
    }
}
