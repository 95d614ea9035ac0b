//! What leaves is put together by socket and destination, in its order.

use proptest::prelude::*;

use super::*;

fn address(number: u16) -> SocketAddr {
    match number % 2 {
        0 => ([192, 0, 2, 1], number).into(),
        _ => (core::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number), 5000).into(),
    }
}

fn all(departures: &mut Departures) -> Vec<(u64, Vec<u8>)> {
    (0..departures.sockets())
        .map(|at| {
            let (socket, order, _) = departures.from(at).unwrap();
            (socket, order.to_vec())
        })
        .collect()
}

#[test]
fn interleaved_flows_of_one_socket_leave_one_after_the_other() {
    let mut departures = Departures::new();
    for (datagram, (socket, to)) in (0..).zip([(1, 0), (1, 1), (2, 0), (1, 0), (1, 1), (2, 0), (1, 2)]) {
        departures.add(datagram, socket, address(to));
    }
    assert_eq!(all(&mut departures), [(1, vec![0, 3, 1, 4, 6]), (2, vec![2, 5])]);
    departures.clear();
    assert_eq!(departures.sockets(), 0);
    departures.add(5, 1, address(1));
    assert_eq!(all(&mut departures), [(1, vec![5])]);
}

proptest! {
    #[test]
    fn each_leaves_once_from_its_socket_and_no_flow_changes_its_order(
        turns in prop::collection::vec(prop::collection::vec(prop::option::of((0..9_u64, 0..9_u16)), 0..BATCH), 1..4),
        spread in prop_oneof![Just(1_u64), Just(1 << 32), Just(u64::MAX / 9)],
    ) {
        let mut departures = Departures::new();
        for turn in turns {
            for (datagram, leaves) in (0..).zip(&turn) {
                if let Some((socket, to)) = leaves {
                    departures.add(datagram, socket * spread, address(*to));
                }
            }
            let mut left = Vec::new();
            for at in 0..departures.sockets() {
                let (socket, order, to) = departures.from(at).unwrap();
                let flows: Vec<_> = order.iter().map(|&each| turn[usize::from(each)].unwrap()).collect();
                prop_assert!(flows.iter().all(|flow| flow.0 * spread == socket));
                prop_assert!(order.iter().zip(&flows).all(|(&each, flow)| to[usize::from(each)] == address(flow.1)));
                for (pair, flow) in order.windows(2).zip(flows.windows(2)) {
                    prop_assert!(flow[0] != flow[1] || pair[0] < pair[1]);
                }
                let mut parts = flows;
                parts.dedup();
                let count = parts.len();
                parts.sort_unstable();
                parts.dedup();
                prop_assert_eq!(parts.len(), count, "a flow is in several parts");
                left.extend_from_slice(order);
            }
            left.sort_unstable();
            let expected: Vec<u8> = (0..).zip(&turn).filter_map(|(each, leaves)| leaves.map(|_| each)).collect();
            prop_assert_eq!(left, expected);
            departures.clear();
        }
    }
}
