//! Addresses to try: the ends of networks and their neighbours, in every spelling, and any others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use crate::reference::{SPECIAL_V4, SPECIAL_V6};

/// How many spellings [`spelling`] knows.
pub const SPELLINGS: u8 = 12;

/// One of the spellings of an IPv4 address, and of some things that look like one: `fill` is what stands around it.
pub fn spelling(v4: Ipv4Addr, kind: u8, fill: u128) -> IpAddr {
    let bits = u128::from(u32::from(v4));
    let v6 = match kind % SPELLINGS {
        0 => return v4.into(),
        1 => 0xffff << 32 | bits,
        2 => 0xffff << 48 | bits,
        3 => bits,
        4 => 0x64_ff9b << 96 | bits,
        5 => 0x64_ff9b_0001 << 80 | fill >> 48 << 32 & ((1 << 80) - 1) | bits,
        6 => 0x2002 << 112 | bits << 80 | fill >> 48,
        7 => 0x2001 << 112 | fill >> 32 << 32 & ((1 << 96) - 1) | (bits ^ 0xffff_ffff),
        // RFC 6052 §2.2: what a /48 would make of it, with a zero octet in the middle. It is read as a /96 all the same.
        8 => 0x64_ff9b_0001 << 80 | bits >> 16 << 64 | (bits & 0xffff) << 40 | fill & 0xff_ffff,
        // ISATAP (RFC 5214 §6.1) in some network: an address of that network.
        9 => 0x2a00 << 112 | fill >> 64 << 64 & ((1 << 112) - 1) | 0x0200_5efe << 32 | bits,
        10 => 0xfe80 << 112 | 0x5efe << 32 | bits,
        // The neighbours of what is a spelling.
        _ => (fill % 3 + 0xfffe) << 32 | bits,
    };
    Ipv6Addr::from(v6).into()
}

/// The first and last address of a network and their neighbours outside.
pub fn edges(network: &str) -> Vec<IpAddr> {
    let (first, prefix) = network.split_once('/').unwrap();
    let prefix: u32 = prefix.parse().unwrap();
    match first.parse().unwrap() {
        IpAddr::V4(v4) => {
            let first = u32::from(v4);
            let last = first | u32::MAX.checked_shr(prefix).unwrap_or(0);
            let ends = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            ends.map(|bits| Ipv4Addr::from(bits).into()).to_vec()
        }
        IpAddr::V6(v6) => {
            let first = u128::from(v6);
            let last = first | u128::MAX.checked_shr(prefix).unwrap_or(0);
            let ends = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            ends.map(|bits| Ipv6Addr::from(bits).into()).to_vec()
        }
    }
}

/// An address of the registries' edges, or any.
pub fn some_address() -> impl Strategy<Value = IpAddr> {
    let edge = |networks: &'static [&'static str]| {
        let one = (prop::sample::select(networks), 0_usize..4);
        one.prop_map(|(network, at)| edges(network)[at])
    };
    prop_oneof![
        4 => edge(&SPECIAL_V4),
        2 => edge(&SPECIAL_V6),
        2 => any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).into()),
        1 => any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()),
        // Global unicast, which most random addresses are not.
        1 => any::<u128>().prop_map(|bits| Ipv6Addr::from(bits >> 3 | 1 << 125).into()),
    ]
}

/// The network with this prefix around an address, as text. Lengths beyond the longest one are the longest one.
pub fn network_around(address: IpAddr, prefix: u8) -> String {
    match address {
        IpAddr::V4(v4) => {
            let prefix = u32::from(prefix.min(32));
            let bits = u32::from(v4) & !u32::MAX.checked_shr(prefix).unwrap_or(0);
            format!("{}/{prefix}", Ipv4Addr::from(bits))
        }
        IpAddr::V6(v6) => {
            let prefix = u32::from(prefix.min(128));
            let bits = u128::from(v6) & !u128::MAX.checked_shr(prefix).unwrap_or(0);
            format!("{}/{prefix}", Ipv6Addr::from(bits))
        }
    }
}

/// Networks of all sizes.
pub fn networks(most: usize) -> impl Strategy<Value = Vec<String>> {
    let prefix = prop_oneof![3 => 8_u8..=32, 2 => 0_u8..=128, 1 => Just(128_u8)];
    prop::collection::vec(
        (some_address(), prefix).prop_map(|(address, prefix)| network_around(address, prefix)),
        0..=most,
    )
}
