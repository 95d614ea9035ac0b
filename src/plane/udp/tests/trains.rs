//! Trains: several datagrams that pass the system as one message, on their way in and on their way out.

use std::io::IoSlice;
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};

use super::*;

/// Sends datagrams in one message: all of one length, but for the last, which may be shorter.
fn send_train(socket: &UdpSocket, datagrams: &[Vec<u8>], to: SocketAddr) {
    let whole = datagrams.concat();
    let segment = u16::try_from(datagrams[0].len()).unwrap();
    let (control, to) = ([ControlMessage::UdpGsoSegments(&segment)], SockaddrStorage::from(to));
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(&whole)], &control, MsgFlags::empty(), Some(&to)).unwrap();
}

/// `count` datagrams of `segment` bytes, the last of `last`, each with its own number in every byte.
fn train(first: u8, count: u8, segment: usize, last: usize) -> Vec<Vec<u8>> {
    (0..count).map(|at| vec![first + at; if at + 1 == count { last } else { segment }]).collect()
}

fn messages(seen: &[(Origin, Vec<u8>)]) -> Vec<Vec<u8>> {
    seen.iter().map(|(_, message)| message.clone()).collect()
}

fn host_on(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

#[test]
fn a_train_is_heard_as_the_datagrams_that_it_was_made_of() {
    for address in ["127.0.0.1", "::1"] {
        let mut world = world(address, address);
        let client = host_on(address);
        let sent = train(1, 10, 1200, 700);
        send_train(&client, &sent, world.listener);
        // The next one is a datagram of its own, though it has the train's length.
        client.send_to(&[99; 1200], world.listener).unwrap();
        client.send_to(&[], world.listener).unwrap();
        let seen = world.relay(12, |_| ());
        assert_eq!(messages(&seen), [sent, vec![vec![99; 1200], vec![]]].concat());
        let client = FiveTuple { client: ClientAddr::new(client.local_addr().unwrap()), link: Link::Udp(0) };
        assert!(seen.iter().all(|(origin, _)| *origin == Origin::Client(client)));
    }
}

// A turn has fewer slots than what has come; the rest has its turn next, and nobody sleeps meanwhile.
#[test]
fn trains_that_a_turn_has_no_slots_for_wait_in_their_order() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let clients = [host(), host()];
    let mut sent = [Vec::new(), Vec::new()];
    for first in [0, 60, 120, 180] {
        for (client, sent) in clients.iter().zip(&mut sent) {
            let train = train(first, 60, 100, 50);
            send_train(client, &train, world.listener);
            client.send_to(&[], world.listener).unwrap();
            sent.extend(train);
            sent.push(Vec::new());
        }
    }
    let began = world.net.clock.now().moment;
    let seen = world.relay(8 * 61, |_| ());
    assert!(world.net.clock.now().moment.since(began) < LONGEST_SLEEP);
    for (client, sent) in clients.iter().zip(sent) {
        let of = |origin| matches!(origin, Origin::Client(from) if from.client == ClientAddr::new(client.local_addr().unwrap()));
        let seen: Vec<_> = seen.iter().filter(|(origin, _)| of(*origin)).cloned().collect();
        assert_eq!(messages(&seen), sent);
    }
}

#[test]
fn a_port_with_long_trains_does_not_fill_the_batch() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let ((one, first), (other, second)) = (world.port(), world.port());
    let (many, few) = (host(), host());
    let sent = train(0, 64, 20, 20);
    (0..4).for_each(|_| send_train(&many, &sent, first));
    let mut seen = Vec::new();
    for mark in 0..9 {
        few.send_to(&[mark], second).unwrap();
        world.net.wait(None);
        let slots = world.net.recv();
        let from = |key| {
            slots.iter().filter(move |slot| matches!(slot.origin(), Some(Origin::Peer { port, .. }) if port == key))
        };
        assert!(from(one).count() <= FROM_ONE_PORT);
        assert_eq!(from(other).map(Slot::message).collect::<Vec<_>>(), [[mark]]);
        seen.extend(from(one).map(|slot| slot.message().to_vec()));
        world.net.flush(&mut world.tally);
    }
    assert_eq!(seen, [&sent[..]; 4].concat());
}

// The system gives the lowest free descriptor to the next port, unless another test of this process was faster: then the
// same begins again.
#[test]
fn what_waits_for_a_closed_port_is_not_heard_by_its_successor() {
    let succeeded = (0..100).any(|_| {
        let mut world = world("127.0.0.1", "127.0.0.1");
        let Some(Opened::Single(port)) = world.net.open(Pool::Single(V4)) else { panic!("no port") };
        world.net.own(port.key());
        let peer = host();
        send_train(&peer, &train(0, 64, 20, 20), port.relayed().socket());
        let key = port.key();
        assert_eq!(world.relay(1, |_| ()).len(), FROM_ONE_PORT);
        world.net.close(port);
        let (next, relayed) = world.port();
        peer.send_to(b"data", relayed).unwrap();
        assert_eq!(messages(&world.relay(1, |_| ())), [b"data"]);
        next == key
    });
    assert!(succeeded, "no port had the descriptor of the one before");
}

#[test]
fn trains_in_are_trains_out_and_every_flow_keeps_its_order() {
    for address in ["127.0.0.1", "::1"] {
        let mut world = world(address, address);
        let family = Family::of(address.parse().unwrap());
        let Some(Opened::Single(opened)) = world.net.open(Pool::Single(family)) else { panic!("no port") };
        world.net.own(opened.key());
        let port = opened.key();
        let (clients, peers) = ([host_on(address), host_on(address)], [host_on(address), host_on(address)]);
        let to = [0, 1].map(|at: usize| PeerAddr::canonical(peers[at].local_addr().unwrap()));
        peers.iter().for_each(|peer| setsockopt(peer, sockopt::UdpGroSegment, &true).unwrap());
        // Both clients speak at once, one datagram each in turn, and then in trains.
        for at in 0..8 {
            clients.iter().for_each(|client| assert_eq!(client.send_to(&[at; 1000], world.listener).unwrap(), 1000));
        }
        clients.iter().for_each(|client| send_train(client, &train(8, 8, 1000, 300), world.listener));
        let first = ClientAddr::new(clients[0].local_addr().unwrap());
        // All of it has arrived before the first turn, and one turn has slots for it.
        let mut seen = 0;
        while seen < 32 {
            seen += world
                .relay(1, |slot| {
                    let Some(Origin::Client(client)) = slot.origin() else { panic!("not a client") };
                    let peer = to[usize::from(client.client != first)];
                    slot.judge(Verdict::ToPeer { port, peer, dont_fragment: false });
                })
                .len();
        }
        for peer in &peers {
            let mut heard_all = Vec::new();
            let mut messages = 0;
            while heard_all.len() < 15_300 {
                heard_all.extend(heard(peer).0);
                messages += 1;
            }
            let sent = [train(0, 8, 1000, 1000), train(8, 8, 1000, 300)].concat();
            assert_eq!(heard_all, sent.concat());
            assert!(messages <= 4, "{messages} messages for 16 datagrams");
        }
    }
}

// One destination of a socket takes nothing: what goes to the others leaves as ever.
#[test]
fn a_train_that_is_refused_costs_the_others_nothing() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let (client, one, other) = (host(), host(), host());
    let to = [one.local_addr().unwrap(), "255.255.255.255:9".parse().unwrap(), other.local_addr().unwrap()];
    send_train(&client, &train(0, 9, 100, 100), world.listener);
    world.relay(9, |slot| {
        let peer = PeerAddr::canonical(to[usize::from(slot.message()[0] / 3)]);
        slot.judge(Verdict::ToPeer { port, peer, dont_fragment: false });
    });
    for (host, first) in [(one, 0), (other, 6)] {
        assert_eq!([(); 3].map(|()| heard(&host).0), [first, first + 1, first + 2].map(|mark| vec![mark; 100]));
    }
    assert_eq!(world.tally.discards(Discard::SendFailed), 3);
}

fn filled(message: &[u8]) -> Slot {
    let mut slot = Slot::new();
    slot.fill_from(message, Origin::Client(FiveTuple { client: ClientAddr::new(nobody()), link: Link::Udp(0) }));
    slot
}

// Packets of video come in bursts; what goes to one address in one turn leaves in one message, and arrives as it was.
#[test]
fn a_train_arrives_as_the_datagrams_that_it_was_made_of() {
    let (sender, receivers) = (host(), [host(), host()]);
    let slots: Vec<Slot> =
        [(1, 1200), (2, 1200), (3, 700), (4, 700), (5, 1200), (6, 1200), (7, 1200), (8, 0), (9, 1400)]
            .map(|(mark, length)| filled(&vec![mark; length]))
            .into();
    // The last of the first train is shorter and ends it; the second address has a train of its own.
    let to = [0, 0, 0, 0, 1, 1, 0, 0, 0].map(|index: usize| receivers[index].local_addr().unwrap());
    let order: Vec<u8> = (0..9).collect();
    let mut batch = Batch::new();
    let sent = batch.send(sender.as_fd(), &slots, &order, &to, true).unwrap();
    assert_eq!(sent, 9);
    assert_eq!(batch.trains(), [3, 1, 2, 1, 1, 1], "what left together");
    let mut arrived = Vec::new();
    for (index, receiver) in [(0, 7), (1, 2)] {
        arrived.extend((0..receiver).map(|_| heard(&receivers[index]).0));
    }
    let expected = [1, 2, 3, 4, 7, 8, 9, 5, 6].map(|mark: u8| slots[usize::from(mark) - 1].message().to_vec());
    assert_eq!(arrived, expected);
}

#[test]
fn without_trains_every_datagram_leaves_alone() {
    let (sender, receiver) = (host(), host());
    let slots = [1, 2, 3].map(|mark| filled(&[mark; 100]));
    let to = [receiver.local_addr().unwrap(); 3];
    let mut batch = Batch::new();
    assert_eq!(batch.send(sender.as_fd(), &slots, &[0, 1, 2], &to, false).unwrap(), 3);
    assert_eq!(batch.trains(), [1, 1, 1]);
    assert_eq!((0..3).map(|_| heard(&receiver).0).collect::<Vec<_>>(), [[1; 100], [2; 100], [3; 100]]);
}
