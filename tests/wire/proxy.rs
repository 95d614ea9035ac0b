//! PROXY headers as a stranger writes and reads them (the crate `ppp`).

use std::net::SocketAddr;

use hilum::wire::{LARGEST_PROXY, Proxied, ProxyHeader, proxy_header};
use ppp::{HeaderResult, PartialResult, v1, v2};
use proptest::prelude::*;

/// Two addresses of one family, such as a client has.
fn pair() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let ports = (1..=u16::MAX, any::<u16>());
    let v4 = (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_filter("a client's", |(ip, _)| (1..224).contains(&ip[0]));
    let v6 = (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_filter("a client's", |(ip, _)| ip[0] != 0xff && ip[0] != 0);
    prop_oneof![
        (v4, ports.clone()).prop_map(|((one, other), ports)| ((one, ports.0).into(), (other, ports.1).into())),
        (v6, ports).prop_map(|((one, other), ports)| ((one, ports.0).into(), (other, ports.1).into())),
    ]
}

fn binary(addresses: (SocketAddr, SocketAddr), protocol: v2::Protocol, tlvs: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut builder = v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, protocol, addresses);
    for (kind, value) in tlvs {
        builder = builder.write_tlv(*kind, value).unwrap();
    }
    builder.build().unwrap()
}

/// What the stranger reads: the client and the length of the header; nothing if it refuses it.
fn strangers(bytes: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    match HeaderResult::parse(bytes) {
        result if result.is_incomplete() => None,
        HeaderResult::V1(header) => {
            let header = header.ok()?;
            let client = match header.addresses {
                v1::Addresses::Unknown => None,
                v1::Addresses::Tcp4(both) => Some((both.source_address, both.source_port).into()),
                v1::Addresses::Tcp6(both) => Some((both.source_address, both.source_port).into()),
            };
            Some((client, header.header.len()))
        }
        HeaderResult::V2(header) => {
            let header = header.ok()?;
            let client = match header.addresses {
                _ if header.command == v2::Command::Local => None,
                v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
                v2::Addresses::IPv4(both) => Some((both.source_address, both.source_port).into()),
                v2::Addresses::IPv6(both) => Some((both.source_address, both.source_port).into()),
            };
            Some((client, header.header.len()))
        }
    }
}

proptest! {
    #[test]
    fn what_a_stranger_writes_is_read(
        addresses in pair(),
        tlvs in prop::collection::vec((0xe0_u8..=0xef, prop::collection::vec(any::<u8>(), 0..300)), 0..4),
        behind in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        for (header, over) in [
            (v1::Addresses::from(addresses).to_string().into_bytes(), Proxied::Stream),
            (binary(addresses, v2::Protocol::Stream, &tlvs), Proxied::Stream),
            (binary(addresses, v2::Protocol::Datagram, &tlvs), Proxied::Datagram),
        ] {
            let length = header.len();
            let read = proxy_header(&[header, behind.clone()].concat(), over);
            prop_assert!(read == Ok(Some(ProxyHeader { client: Some(addresses.0), length })), "{read:?}");
        }
    }

    #[test]
    fn what_is_read_of_a_spoilt_header_a_stranger_reads_too(
        addresses in pair(),
        lines in any::<bool>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in 0_usize..5,
    ) {
        let mut header = if lines {
            v1::Addresses::from(addresses).to_string().into_bytes()
        } else {
            binary(addresses, v2::Protocol::Stream, &[(4, vec![0; 9])])
        };
        *at.get_mut(&mut header) = byte;
        header.truncate(header.len() - cut);
        if let Ok(Some(read)) = proxy_header(&header, Proxied::Stream) {
            prop_assert_eq!(strangers(&header), Some((read.client, read.length)));
        }
    }
}

#[test]
fn the_bound_is_far_from_what_a_load_balancer_sends() {
    let addresses = ("[2001:db8::1]:56324".parse().unwrap(), "[2001:db8::7]:443".parse().unwrap());
    // ALPN, a host name of 255 bytes, a unique id of 128, a checksum, TLS with a name, suite and algorithms.
    let tlvs = [(1, 9), (2, 255), (5, 128), (3, 4), (0x20, 5 + 200), (0xea, 128)]
        .map(|(kind, length)| (kind, vec![0; length]));
    let header = binary(addresses, v2::Protocol::Stream, &tlvs);
    assert!(proxy_header(&header, Proxied::Stream).unwrap().is_some() && header.len() * 4 < LARGEST_PROXY);
}
