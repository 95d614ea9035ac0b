//! One UDP port for all: what a relay makes of whatever comes there, from a client, from somebody without an allocation and
//! from a load balancer, against the table of RFC 9443.

use hilum::turn::{Discard, Origin, Verdict};
use hilum::wire::{DatagramKind, datagram_kind};

use super::relay::allocate;
use super::relay::world::{World, balancer, header_of};

/// A datagram, as whoever sends it.
pub fn wire_datagram(bytes: &[u8]) {
    let mut world = World::new();
    let (client, stranger) = (World::client(0), World::client(1));
    allocate(&mut world, client);
    for (sender, has_channels) in [(client, true), (stranger, false)] {
        let (verdict, _) = world.judge(bytes, Origin::Client(sender));
        check(bytes, has_channels, verdict);
    }
    // The same from behind a balancer; nobody there has an allocation.
    let (verdict, _) = world.judge(&[&header_of(stranger.client.socket()), bytes].concat(), Origin::Client(balancer()));
    check(bytes, false, verdict);
    // Who is a balancer and sends no header is not heard, whatever it is.
    let (verdict, _) = world.judge(bytes, Origin::Client(balancer()));
    let is_header = bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n");
    assert!(is_header || verdict == Verdict::Discard(Discard::ProxyHeader), "{verdict:?} without a header");
    assert_eq!(world.relay.allocations(), 1);
}

/// What is of another protocol is dropped as what it is; of its own, as what is wrong with it.
fn check(bytes: &[u8], has_channels: bool, verdict: Verdict) {
    let first = bytes.first().copied();
    let named = match first {
        Some(20..=63) => Some((DatagramKind::Dtls, Discard::Dtls)),
        Some(80..=127 | 192..=255) => Some((DatagramKind::Quic, Discard::Quic)),
        Some(128..=191) => Some((DatagramKind::Media, Discard::Media)),
        Some(16..=19) => Some((DatagramKind::Zrtp, Discard::NotStun)),
        _ => None,
    };
    if let Some((kind, discard)) = named {
        assert_eq!(first.map(|first| datagram_kind(first, has_channels)), Some(kind));
        assert_eq!(verdict, Verdict::Discard(discard));
    }
    let Verdict::Discard(discard) = verdict else { return };
    let possible = match first {
        Some(64..=79) if has_channels => matches!(discard, Discard::Malformed | Discard::NoChannel),
        // Bytes whose length is right by chance look like data on a channel that nobody has.
        Some(64..=79) => matches!(discard, Discard::Quic | Discard::NoAllocation),
        Some(0..=3) => !matches!(discard, Discard::Dtls | Discard::Quic | Discard::Media | Discard::ProxyUnknown),
        Some(b'\r') => matches!(discard, Discard::NotStun | Discard::ProxyUnknown),
        _ => true,
    };
    assert!(possible, "{first:?} is dropped as {discard:?}");
}
