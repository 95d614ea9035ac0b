//! Values that outlive the process as bytes of our own making: big-endian, without names, padding or alignment. Whoever
//! writes the bytes says which version they are; nothing here does.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::addr::{Family, PeerAddr, RelayedAddr};
use crate::time::{Lifetime, Moment, UnixTime};

use super::{ChannelNumber, ErrorCode, TransactionId};

/// A value that can be written behind other bytes, and taken off the front of them again.
pub(crate) trait Keep: Sized {
    /// Appends it.
    fn keep(&self, to: &mut Vec<u8>);

    /// Takes it off; `None` when something else stands there.
    fn recall(from: &mut &[u8]) -> Option<Self>;
}

/// Appends up to `most` values and how many they are; what is beyond is left out.
pub(crate) fn keep_list<'a, T: Keep + 'a>(items: impl IntoIterator<Item = &'a T>, most: u16, to: &mut Vec<u8>) {
    let at = to.len();
    to.extend_from_slice(&[0; 2]);
    let mut count = 0_u16;
    for item in items.into_iter().take(most.into()) {
        item.keep(to);
        count = count.saturating_add(1);
    }
    if let Some(place) = to.get_mut(at..at.saturating_add(2)) {
        place.copy_from_slice(&count.to_be_bytes());
    }
}

/// Takes up to `most` values off; `None` when more are announced than that or than there are. They take no more room
/// than they need.
pub(crate) fn recall_list<T: Keep>(from: &mut &[u8], most: u16) -> Option<Vec<T>> {
    let count = u16::recall(from).filter(|count| *count <= most)?;
    let mut items = Vec::new();
    // Each has a byte at least, so a count that is too large asks for no memory.
    items.reserve_exact(usize::from(count).min(from.len()));
    for _ in 0..count {
        items.push(T::recall(from)?);
    }
    Some(items)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Keep for $number {
            fn keep(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_be_bytes());
            }

            fn recall(from: &mut &[u8]) -> Option<Self> {
                Keep::recall(from).map(Self::from_be_bytes)
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64);

impl<const LENGTH: usize> Keep for [u8; LENGTH] {
    fn keep(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk::<LENGTH>()?;
        *from = rest;
        Some(*bytes)
    }
}

impl Keep for bool {
    fn keep(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        match u8::recall(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Keep> Keep for Option<T> {
    fn keep(&self, to: &mut Vec<u8>) {
        self.is_some().keep(to);
        if let Some(value) = self {
            value.keep(to);
        }
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        if bool::recall(from)? { T::recall(from).map(Some) } else { Some(None) }
    }
}

impl<T: Keep, U: Keep> Keep for (T, U) {
    fn keep(&self, to: &mut Vec<u8>) {
        self.0.keep(to);
        self.1.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Some((T::recall(from)?, U::recall(from)?))
    }
}

impl Keep for IpAddr {
    fn keep(&self, to: &mut Vec<u8>) {
        Family::of(*self).keep(to);
        match self {
            Self::V4(ip) => ip.octets().keep(to),
            Self::V6(ip) => ip.octets().keep(to),
        }
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Some(match Family::recall(from)? {
            Family::V4 => Self::V4(Ipv4Addr::from(<[u8; 4]>::recall(from)?)),
            Family::V6 => Self::V6(Ipv6Addr::from(<[u8; 16]>::recall(from)?)),
        })
    }
}

impl Keep for SocketAddr {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.ip(), self.port()).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        <(IpAddr, u16)>::recall(from).map(Self::from)
    }
}

/// A type that is another one inside.
macro_rules! wraps {
    ($($outer:ty, $inner:ty, $get:expr, $make:expr;)*) => {$(
        impl Keep for $outer {
            fn keep(&self, to: &mut Vec<u8>) {
                ($get)(self).keep(to);
            }

            fn recall(from: &mut &[u8]) -> Option<Self> {
                <$inner>::recall(from).and_then($make)
            }
        }
    )*};
}
wraps! {
    PeerAddr, SocketAddr, |peer: &PeerAddr| peer.socket(), |address| Some(PeerAddr::canonical(address));
    RelayedAddr, SocketAddr, |relayed: &RelayedAddr| relayed.socket(), |address| Some(RelayedAddr::new(address));
    Moment, u64, |moment: &Moment| moment.as_nanos(), |nanoseconds| Some(Moment::from_nanos(nanoseconds));
    UnixTime, u64, |time: &UnixTime| time.as_secs(), |seconds| Some(UnixTime::from_secs(seconds));
    Lifetime, u32, |lifetime: &Lifetime| lifetime.as_secs(), |seconds| Some(Lifetime::from_secs(seconds));
    TransactionId, [u8; 12], |id: &TransactionId| id.0, |bytes| Some(TransactionId(bytes));
    ChannelNumber, u16, |channel: &ChannelNumber| channel.number(), ChannelNumber::new;
    ErrorCode, [u8; 4], |code: &ErrorCode| code.encode(), |bytes: [u8; 4]| Some(ErrorCode::decode(&bytes).ok()?.0);
    Family, bool, |family: &Family| *family == Family::V6, |v6| Some(if v6 { Family::V6 } else { Family::V4 });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: Keep + PartialEq + core::fmt::Debug>(value: &T) {
        let mut bytes = vec![7];
        value.keep(&mut bytes);
        bytes.push(9);
        let mut rest = bytes.get(1..).unwrap();
        assert_eq!(T::recall(&mut rest).as_ref(), Some(value));
        assert_eq!(rest, [9], "nothing else is taken");
        for length in 1..bytes.len() - 1 {
            assert_eq!(T::recall(&mut bytes.get(1..length).unwrap()), None, "the first {length} bytes are too few");
        }
    }

    #[test]
    fn what_is_kept_is_recalled_and_no_part_of_it_is_anything() {
        same(&0xfe_u8);
        same(&0xfedc_u16);
        same(&u64::MAX);
        same(&[1_u8, 2, 3]);
        same(&(true, Some(5_u32)));
        same(&None::<u64>);
        for text in ["192.0.2.1:7", "[2001:db8::1]:65535", "[::ffff:1.2.3.4]:1"] {
            same(&text.parse::<SocketAddr>().unwrap());
            same(&PeerAddr::canonical(text.parse().unwrap()));
        }
        same(&Moment::from_nanos(u64::MAX));
        same(&UnixTime::from_secs(1_767_225_600));
        same(&ChannelNumber::LAST);
        same(&ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        same(&Family::V6);
    }

    #[test]
    fn what_cannot_be_is_not_recalled() {
        assert_eq!(bool::recall(&mut [2].as_slice()), None);
        assert_eq!(ChannelNumber::recall(&mut [0x50, 0].as_slice()), None);
        assert_eq!(ErrorCode::recall(&mut [0, 0, 7, 0].as_slice()), None);
    }

    #[test]
    fn a_list_has_a_bound_on_both_ways() {
        let mut bytes = Vec::new();
        keep_list(&[1_u8, 2, 3], 2, &mut bytes);
        assert_eq!(bytes, [0, 2, 1, 2]);
        assert_eq!(recall_list::<u8>(&mut bytes.as_slice(), 2), Some(vec![1, 2]));
        assert_eq!(recall_list::<u8>(&mut bytes.as_slice(), 1), None);
        assert_eq!(recall_list::<u64>(&mut [0xff, 0xff].as_slice(), u16::MAX), None);
    }
}
