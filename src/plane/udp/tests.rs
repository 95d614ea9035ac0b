//! The driver over real sockets on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use tokio::sync::watch;

use super::*;
use crate::addr::{ClientAddr, FiveTuple, RelayedAddr, Transport};
use crate::plane::RelayAddress;
use crate::plane::exchange::nobody;
use crate::plane::ports::{Chance, SystemRandom};
use crate::plane::sockets::{bind_listener, check_free};
use crate::plane::sys::{self, Batch};
use crate::plane::{Carrier, Inbound, Opening, Patience};

mod trains;

/// Turns in which something that was sent on loopback must have arrived; each sleeps for a second at most.
const TURNS: usize = 10;
const V4: Family = Family::V4;

struct World {
    net: UdpNet,
    gate: StreamGate,
    listener: SocketAddr,
    tally: Tally,
}

/// A driver with one listener and relayed ports on `local`, which the world sees as `external`.
fn world(local: &str, external: &str) -> World {
    let (world, _) = crowded_world(local, external, 1);
    world
}

/// The same with so many listeners, and where they are.
fn crowded_world(local: &str, external: &str, count: usize) -> (World, Vec<SocketAddr>) {
    let address = RelayAddress { local: local.parse().unwrap(), external: external.parse().unwrap() };
    let chance = Chance::System(Box::new(SystemRandom::new().unwrap()));
    let ports = Arc::new(Ports::new(vec![address], &(20_000..=29_999), chance));
    // A socket that shares its port may be given one that another such socket has, of another test even; one that does not
    // share never is.
    let free = || UdpSocket::bind((address.local, 0)).unwrap().local_addr().unwrap();
    let bound = (0..count).map(|_| bind_listener(free()).unwrap());
    let (sockets, listeners): (Vec<_>, Vec<_>) = bound.unzip();
    let mut ways = ways(1);
    let (waker, rings) = ways.pop().unwrap();
    let (net, gate) = UdpNet::new(SystemClock::start(), sockets, ports, waker, rings).unwrap();
    (World { net, gate, listener: listeners[0], tally: Tally::default() }, listeners)
}

/// What wakes each of some shards, and its rings to the others.
fn ways(shards: usize) -> Vec<(Waker, Rings)> {
    let wakers: Vec<_> = (0..shards).map(|_| Waker::new().unwrap()).collect();
    wakers.iter().cloned().zip(Rings::connect(&wakers)).collect()
}

fn host() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

impl World {
    fn port(&mut self) -> (PortKey, SocketAddr) {
        let Some(Opened::Single(port)) = self.net.open(Pool::Single(V4)) else { panic!("no port") };
        self.net.own(port.key());
        (port.key(), port.relayed().socket())
    }

    /// Judges what comes with `judge` until `count` slots have come; says where they came from.
    fn relay(&mut self, count: usize, judge: impl Fn(&mut Slot)) -> Vec<(Origin, Vec<u8>)> {
        let mut seen = Vec::new();
        for _ in 0..TURNS * count {
            let now = self.net.wait(None);
            assert!(now.moment > Moment::ZERO);
            for slot in self.net.recv() {
                seen.push((slot.origin().unwrap(), slot.message().to_vec()));
                judge(slot);
            }
            self.net.flush(&mut self.tally);
            if seen.len() >= count {
                return seen;
            }
        }
        panic!("{} of {count} datagrams came", seen.len());
    }

    /// Sends `bytes` to `peer` from a port, by way of a datagram that a client sends.
    fn send(&mut self, port: PortKey, peer: SocketAddr, bytes: &[u8], dont_fragment: bool) {
        host().send_to(bytes, self.listener).unwrap();
        let verdict = Verdict::ToPeer { port, peer: PeerAddr::canonical(peer), dont_fragment };
        self.relay(1, |slot| slot.judge(verdict));
    }
}

#[test]
fn a_clients_datagram_is_answered_from_the_address_that_was_asked() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let client = host();
    client.send_to(b"hello", world.listener).unwrap();
    let seen = world.relay(1, |slot| {
        let Some(Origin::Client(client)) = slot.origin() else { panic!("not a client") };
        slot.judge(Verdict::ToClient(client));
    });
    let five_tuple = FiveTuple { client: ClientAddr::new(client.local_addr().unwrap()), link: Link::Udp(0) };
    assert_eq!(seen, [(Origin::Client(five_tuple), b"hello".to_vec())]);
    assert_eq!(heard(&client), (b"hello".to_vec(), world.listener));
}

// More than there are slots in a turn, and more than the system is asked about.
#[test]
fn each_of_two_hundred_listeners_has_its_turn_however_busy_the_others_are() {
    const LISTENERS: usize = 200;
    let (mut world, listeners) = crowded_world("127.0.0.1", "127.0.0.1", LISTENERS);
    let client = host();
    let mut heard = vec![0; LISTENERS];
    for _ in 0..4 {
        for (index, listener) in (0_u8..).zip(&listeners) {
            client.send_to(&[index], listener).unwrap();
        }
        // Each turn the busy ones have something new.
        for (origin, bytes) in world.relay(BATCH, |_| ()) {
            let Origin::Client(FiveTuple { link: Link::Udp(link), .. }) = origin else { panic!("not a client") };
            assert_eq!(bytes, [u8::try_from(link).unwrap()]);
            heard[usize::from(link)] += 1;
        }
    }
    let silent: Vec<_> = (0..LISTENERS).filter(|&index| heard[index] == 0).collect();
    assert_eq!(silent, [0; 0]);
}

#[test]
fn a_batch_leaves_in_the_order_it_came() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, relayed) = world.port();
    let (client, peer) = (host(), host());
    let to = PeerAddr::canonical(peer.local_addr().unwrap());
    for number in 0..100_u8 {
        client.send_to(&[number], world.listener).unwrap();
    }
    world.relay(100, |slot| match (slot.message(), slot.origin()) {
        (&[number], Some(Origin::Client(client))) if number % 2 == 0 => slot.judge(Verdict::ToClient(client)),
        _ => slot.judge(Verdict::ToPeer { port, peer: to, dont_fragment: false }),
    });
    for number in (0..100).step_by(2) {
        assert_eq!(heard(&client), (vec![number], world.listener));
        assert_eq!(heard(&peer), (vec![number + 1], relayed));
    }
    assert_eq!(world.tally, Tally::default());
}

#[test]
fn a_peer_is_heard_on_an_owned_port_and_not_on_a_spare_one() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let Some(Opened::Single(spare)) = world.net.open(Pool::Single(V4)) else { panic!("no port") };
    let (port, relayed) = world.port();
    let peer = host();
    peer.send_to(b"early", spare.relayed().socket()).unwrap();
    peer.send_to(b"data", relayed).unwrap();
    let from = PeerAddr::canonical(peer.local_addr().unwrap());
    assert_eq!(world.relay(1, |_| ()), [(Origin::Peer { port, peer: from }, b"data".to_vec())]);
    world.net.own(spare.key());
    let origin = Origin::Peer { port: spare.key(), peer: from };
    assert_eq!(world.relay(1, |_| ()), [(origin, b"early".to_vec())]);
}

#[test]
fn a_port_opened_by_one_shard_can_be_owned_by_another() {
    let mut one = world("127.0.0.1", "127.0.0.1");
    let (waker, rings) = ways(1).pop().unwrap();
    let (two, _gate) = UdpNet::new(one.net.clock, Vec::new(), one.net.ports.clone(), waker, rings).unwrap();
    let Some(Opened::Pair(even, odd)) = one.net.open(Pool::Pair(V4)) else { panic!("no pair") };
    assert_eq!(even.relayed().port() % 2, 0);
    assert_eq!(odd.relayed().port(), even.relayed().port() + 1);
    one.net = two;
    one.net.own(odd.key());
    host().send_to(b"data", odd.relayed().socket()).unwrap();
    assert!(matches!(one.relay(1, |_| ())[..], [(Origin::Peer { port, .. }, _)] if port == odd.key()));
}

// A datagram for an allocation on another shard crosses without a socket, and its shard is woken for it.
#[test]
fn a_datagram_for_another_shard_wakes_it_and_arrives_there() {
    let mut one = world("127.0.0.1", "127.0.0.1");
    let mut ways = ways(2);
    let (waker, rings) = ways.pop().unwrap();
    let (mut two, _gate) = UdpNet::new(one.net.clock, Vec::new(), one.net.ports.clone(), waker, rings).unwrap();
    one.net.rings = ways.pop().unwrap().1;
    let relayed = |port| RelayedAddr::new(([127, 0, 0, 1], port).into());
    let (from, to) = (relayed(2000), relayed(3000));
    host().send_to(b"data", one.listener).unwrap();
    one.relay(1, |slot| slot.judge(Verdict::ToShard { shard: 1, from, to, serial: 9 }));
    let woken = two.wait(Some(two.now.moment + Duration::from_secs(3600)));
    let slots = two.recv();
    assert_eq!(slots.len(), 1);
    assert_eq!((slots[0].origin(), slots[0].message()), (Some(Origin::Shard { from, to, serial: 9 }), &b"data"[..]));
    assert!(woken.moment.since(one.net.now.moment) < Duration::from_secs(1), "nobody woke it");
    assert_eq!(one.tally.discards(Discard::ShardFull), 0);
    host().send_to(b"data", one.listener).unwrap();
    one.relay(1, |slot| slot.judge(Verdict::ToShard { shard: 7, from, to, serial: 9 }));
    assert_eq!(one.tally.discards(Discard::ShardFull), 1);
}

#[test]
fn a_closed_port_is_free_for_others_at_once_and_for_us_after_a_minute() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let Some(Opened::Single(port)) = world.net.open(Pool::Single(V4)) else { panic!("no port") };
    let relayed = port.relayed().socket();
    assert!(UdpSocket::bind(relayed).is_err());
    world.net.own(port.key());
    world.net.close(port);
    assert!(UdpSocket::bind(relayed).is_ok());
}

#[test]
fn the_network_says_when_a_peer_is_not_there() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let gone = host().local_addr().unwrap();
    world.send(port, gone, b"data", false);
    let peer = PeerAddr::canonical(gone);
    let icmp = Icmp { kind: 3, code: 3, data: 0 };
    assert_eq!(world.relay(1, |_| ()), [(Origin::PeerError { port, peer, icmp }, Vec::new())]);
}

#[test]
fn a_complaint_about_one_peer_costs_another_peer_nothing() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let (gone, peer) = (host().local_addr().unwrap(), host());
    for _ in 0..3 {
        let client = host();
        client.send_to(b"gone", world.listener).unwrap();
        client.send_to(b"there", world.listener).unwrap();
        // Both leave from the same port in one batch, or one after the other while the complaint waits.
        let there = peer.local_addr().unwrap();
        let mut seen = 0;
        while seen < 2 {
            let judge = |slot: &mut Slot| {
                let to = if slot.message() == b"gone" { gone } else { there };
                if matches!(slot.origin(), Some(Origin::Client(_))) {
                    slot.judge(Verdict::ToPeer { port, peer: PeerAddr::canonical(to), dont_fragment: false });
                }
            };
            let came = world.relay(1, judge);
            seen += came.iter().filter(|(origin, _)| matches!(origin, Origin::Client(_))).count();
        }
        assert_eq!(heard(&peer).0, b"there");
    }
    assert_eq!(world.tally.discards(Discard::SendFailed), 0);
}

#[test]
fn dont_fragment_is_set_and_cleared_per_datagram() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let peer = host();
    let to = peer.local_addr().unwrap();
    let option = |world: &World| {
        let relay = world.net.exchange.relay(port).unwrap();
        sys::option(relay.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)
    };
    for wanted in [true, true, false, true, false] {
        world.send(port, to, b"data", wanted);
        assert_eq!(heard(&peer).0, b"data");
        let expected = if wanted { libc::IP_PMTUDISC_DO } else { libc::IP_PMTUDISC_DONT };
        assert_eq!(option(&world), expected);
    }
}

#[test]
fn too_large_a_datagram_with_df_is_reported_with_the_mtu() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let peer = host();
    // The loopback's MTU is 65,536: the largest datagram passes with DF, and fits into one slot.
    let largest = vec![7; 65_507];
    world.send(port, peer.local_addr().unwrap(), &largest, true);
    assert_eq!(heard(&peer).0, largest);
    let too_big = QueuedError {
        to: nobody(),
        origin: libc::SO_EE_ORIGIN_LOCAL,
        kind: 0,
        code: 0,
        info: 1280,
        errno: u32::try_from(libc::EMSGSIZE).unwrap(),
    };
    assert_eq!(icmp_of(V4, &too_big), Some(Icmp { kind: 3, code: 4, data: 1280 }));
    assert_eq!(icmp_of(Family::V6, &too_big), Some(Icmp { kind: 2, code: 0, data: 1280 }));
    let redirect = QueuedError { origin: libc::SO_EE_ORIGIN_ICMP, kind: 5, ..too_big };
    assert_eq!(icmp_of(V4, &redirect), None);
}

#[test]
fn behind_a_nat_our_own_ports_reach_each_other_by_their_external_addresses() {
    let mut world = world("127.0.0.1", "203.0.113.5");
    let ((one, from), (two, to)) = (world.port(), world.port());
    assert_eq!(from.ip(), to.ip());
    assert_eq!(to.ip(), core::net::IpAddr::from([203, 0, 113, 5]));
    world.send(one, to, b"data", false);
    let origin = Origin::Peer { port: two, peer: PeerAddr::canonical(from) };
    assert_eq!(world.relay(1, |_| ()), [(origin, b"data".to_vec())]);
}

#[test]
fn what_cannot_be_sent_is_counted() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (port, _) = world.port();
    let peer = host().local_addr().unwrap();
    world.send(PortKey(9999), peer, b"nobody owns that port", false);
    assert_eq!(world.tally.discards(Discard::SendFailed), 1);
    world.send(port, "[::1]:9".parse().unwrap(), b"IPv6 over IPv4", false);
    assert_eq!(world.tally.discards(Discard::SendFailed), 2);
    world.send(port, "255.255.255.255:9".parse().unwrap(), b"broadcast", false);
    assert_eq!(world.tally.discards(Discard::SendFailed), 3);
}

#[test]
fn ipv6_works_alike() {
    let mut world = world("::1", "::1");
    let Some(Opened::Single(opened)) = world.net.open(Pool::Single(Family::V6)) else { panic!("no port") };
    world.net.own(opened.key());
    let port = opened.key();
    let peer = UdpSocket::bind("[::1]:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let to = PeerAddr::canonical(peer.local_addr().unwrap());
    peer.send_to(b"up", world.listener).unwrap();
    world.relay(1, |slot| slot.judge(Verdict::ToPeer { port, peer: to, dont_fragment: true }));
    assert_eq!(heard(&peer), (b"up".to_vec(), opened.relayed().socket()));
    drop(peer);
    UdpSocket::bind("[::1]:0").unwrap().send_to(b"up", world.listener).unwrap();
    world.relay(1, |slot| slot.judge(Verdict::ToPeer { port, peer: to, dont_fragment: false }));
    let icmp = Icmp { kind: 1, code: 4, data: 0 };
    assert_eq!(world.relay(1, |_| ()), [(Origin::PeerError { port, peer: to, icmp }, Vec::new())]);
}

#[test]
fn a_second_relay_on_the_same_address_is_refused() {
    let world = world("127.0.0.1", "127.0.0.1");
    assert_eq!(check_free(world.listener).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

/// A stream client whose messages are bytes of a Unix socket.
#[derive(Debug)]
struct Wire(UnixStream, Vec<u8>);

impl Carrier for Wire {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        self.1.extend_from_slice(message);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<bool> {
        while !self.1.is_empty() {
            match self.0.write(&self.1) {
                Ok(length) => drop(self.1.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn unsent(&self) -> bool {
        !self.1.is_empty()
    }

    fn farewell(&mut self) {}
}

/// A stream client that the shard has been told of, and what hears of its end.
fn opened(world: &World) -> (FiveTuple, UnixStream, watch::Receiver<bool>) {
    let client = FiveTuple {
        client: ClientAddr::new("192.0.2.1:5000".parse().unwrap()),
        link: Link::Stream(ConnectionId(7), Transport::Tls),
    };
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (told, proven) = watch::channel(false);
    let patience = Patience { bytes: 100_000, age: Duration::from_secs(3600) };
    let opening = Opening { client, carrier: Box::new(Wire(near, Vec::new())), patience, proven: told };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(world.gate.send(Inbound::Opened(opening))).unwrap();
    (client, far, proven)
}

#[test]
fn a_stream_wakes_the_shard_and_its_answer_goes_back_on_it() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (client, mut far, proven) = opened(&world);
    world.net.wait(None);
    assert!(world.net.recv().is_empty());
    let message = [&[0x40, 0, 0, 4][..], b"word"].concat();
    far.write_all(&message).unwrap();
    let seen = world.relay(1, |slot| slot.judge(Verdict::ToClient(client)));
    assert_eq!(seen, [(Origin::Client(client), message.clone())]);
    let mut answer = [0; 8];
    far.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *message);
    drop(far);
    let ended = (0..TURNS).find_map(|_| {
        world.net.wait(None);
        world.net.recv();
        world.net.flush(&mut world.tally);
        world.net.take_disconnected()
    });
    assert_eq!(ended, Some(ConnectionId(7)));
    assert!(proven.has_changed().is_err(), "whoever keeps it hears of the end");
}

#[test]
fn a_stream_without_room_is_written_when_it_has_some() {
    let mut world = world("127.0.0.1", "127.0.0.1");
    let (client, mut far, _proven) = opened(&world);
    let mut sent = 0;
    // Until more waits than a socket takes and the queue holds.
    while world.tally.discards(Discard::QueueFull) == 0 {
        far.write_all(&[&[0x40, 0, 0, 4][..], &u32::to_be_bytes(sent)].concat()).unwrap();
        sent += 1;
        world.relay(1, |slot| {
            let large = [&[0x40, 0, 0x13, 0x88][..], &[slot.message()[7]; 5000]].concat();
            slot.fill_from(&large, Origin::Client(client));
            slot.judge(Verdict::ToClient(client));
        });
    }
    let (kept, mut come) = (u64::from(sent) - world.tally.discards(Discard::QueueFull), 0);
    let reader = std::thread::spawn(move || {
        let mut message = [0; 5004];
        while come < kept {
            far.read_exact(&mut message).unwrap();
            assert_eq!(message[..4], [0x40, 0, 0x13, 0x88]);
            assert!(message[4..].iter().all(|byte| *byte == message[4]), "no message is broken off");
            come += 1;
        }
    });
    while !reader.is_finished() {
        world.net.wait(Some(Moment::ZERO));
        world.net.recv();
        world.net.flush(&mut world.tally);
    }
    reader.join().unwrap();
}
