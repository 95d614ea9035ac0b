//! Whole shards over real sockets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hilum::addr::{Family, Transport};
use hilum::clock::SystemClock;
use hilum::plane::{self, Mail, Plane, RelayAddress, Settings, Tuning};
use hilum::policy::Quota;
use hilum::turn::{Common, Direction, EndCause, Event, Families};

use crate::client::{TurnClient, channel_data};
use crate::{relay, relay_with};

const LOCALHOST: [u8; 4] = [127, 0, 0, 1];

/// A plane on a port that the system chooses: tests may run side by side.
fn plane(shards: usize) -> (Plane, SocketAddr) {
    let address = RelayAddress { local: LOCALHOST.into(), external: LOCALHOST.into() };
    let settings = Settings {
        udp: vec![(LOCALHOST, 0).into()],
        relay: vec![address],
        ports: 30_000..=39_999,
        shards,
        tuning: Tuning::default(),
    };
    let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[LOCALHOST.into()]);
    let plane = plane::start(settings, SystemClock::start(), |shard| relay(&common, shard, 8)).unwrap();
    let listener = plane.udp[0];
    (plane, listener)
}

struct Host(UdpSocket);

impl Host {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn send(&self, to: SocketAddr, bytes: &[u8]) {
        self.0.send_to(bytes, to).unwrap();
    }

    fn heard(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 65_536];
        let (length, from) = self.0.recv_from(&mut buffer).unwrap();
        (buffer[..length].to_vec(), from)
    }

    fn exchange(&self, relay: SocketAddr) -> impl FnMut(&[u8]) -> Vec<u8> {
        move |bytes| {
            self.send(relay, bytes);
            self.heard().0
        }
    }
}

#[test]
fn data_passes_both_ways_through_many_allocations_on_two_shards() {
    let (mut plane, relay) = plane(2);
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let (host, peer, mut client) = (Host::new(), Host::new(), TurnClient::default());
            let relayed = client.allocate(&mut host.exchange(relay)).unwrap();
            client.bind(&mut host.exchange(relay), peer.address()).unwrap();
            (host, peer, client, relayed)
        })
        .collect();
    for (number, (host, peer, _, relayed)) in clients.iter().enumerate() {
        let data = vec![u8::try_from(number).unwrap(); 1000];
        host.send(relay, &channel_data(&data));
        assert_eq!(peer.heard(), (data.clone(), *relayed));
        peer.send(*relayed, &data);
        assert_eq!(host.heard(), (channel_data(&data), relay));
    }
    for (host, _, mut client, _) in clients {
        client.delete(&mut host.exchange(relay)).unwrap();
    }
    plane.stop(Duration::from_secs(10)).unwrap();
    let carried =
        |direction| plane.handles.iter().map(|each| each.tally().traffic(Transport::Udp, direction).packets).sum();
    let carried: [u64; 2] = [Direction::ToPeer, Direction::FromPeer].map(carried);
    assert_eq!(carried, [20, 20]);
    // The system spreads clients; that all twenty meet the same shard happens once in half a million runs.
    assert!(plane.handles.iter().all(|each| each.tally().allocated > 0));
}

#[test]
fn two_clients_of_the_relay_reach_each_other() {
    let (mut plane, relay) = plane(2);
    let mut ends = [(); 2].map(|()| (Host::new(), TurnClient::default()));
    let relayed = ends.each_mut().map(|(host, client)| client.allocate(&mut host.exchange(relay)).unwrap());
    let [one, two] = &mut ends;
    one.1.bind(&mut one.0.exchange(relay), relayed[1]).unwrap();
    two.1.bind(&mut two.0.exchange(relay), relayed[0]).unwrap();
    one.0.send(relay, &channel_data(b"from one to two"));
    assert_eq!(two.0.heard().0, channel_data(b"from one to two"));
    two.0.send(relay, &channel_data(b"and back"));
    assert_eq!(one.0.heard().0, channel_data(b"and back"));
    plane.stop(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_stop_ends_every_allocation_and_says_so() {
    let (mut plane, relay) = plane(1);
    let (host, mut client) = (Host::new(), TurnClient::default());
    let relayed = client.allocate(&mut host.exchange(relay)).unwrap();
    assert!(UdpSocket::bind(relayed).is_err());
    plane.stop(Duration::from_secs(10)).unwrap();
    let facts: Vec<_> = plane.facts.take().unwrap().try_iter().map(|fact| fact.event).collect();
    assert!(facts.iter().any(|fact| matches!(fact, Event::Allocated { families: Families::One(Family::V4), .. })));
    assert!(matches!(facts.last(), Some(Event::Ended { cause: EndCause::Stopped, .. })));
    assert_eq!(plane.handles[0].allocations(), 0);
    assert!(UdpSocket::bind(relayed).is_ok());
    assert!(plane.handles[0].send(Mail::Report).is_err());
}

#[test]
fn a_drained_shard_keeps_its_allocations_and_takes_no_new_ones() {
    let (mut plane, relay) = plane(1);
    let (host, peer, mut client) = (Host::new(), Host::new(), TurnClient::default());
    client.allocate(&mut host.exchange(relay)).unwrap();
    let (reply, answer) = sync_channel(1);
    plane.handles[0].send(Mail::Drain { draining: true, reply }).unwrap();
    assert_eq!(answer.recv_timeout(Duration::from_secs(10)), Ok(1));
    assert_eq!(plane.handles[0].allocations(), 1, "what is published is no older than the answer");
    client.bind(&mut host.exchange(relay), peer.address()).unwrap();
    host.send(relay, &channel_data(b"still here"));
    assert_eq!(peer.heard().0, b"still here");
    let newcomer = Host::new();
    assert!(TurnClient::default().allocate(&mut newcomer.exchange(relay)).is_err());
    plane.stop(Duration::from_secs(10)).unwrap();
}

#[test]
fn eight_addresses_of_both_families_serve_alike_and_each_answers_for_itself() {
    let four = (1..=4).map(|last| SocketAddr::from(([127, 0, 0, last], 0)));
    // One address of IPv6 is all that loopback has; four of its ports are four addresses to listen on.
    let six = (0..4).map(|_| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)));
    let relay_address = |local: IpAddr| RelayAddress { local, external: local };
    let locals: [IpAddr; 2] = [LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let settings = Settings {
        udp: four.chain(six).collect(),
        relay: locals.map(relay_address).to_vec(),
        ports: 30_000..=39_999,
        shards: 2,
        tuning: Tuning::default(),
    };
    let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &locals);
    let mut plane = plane::start(settings, SystemClock::start(), |shard| relay(&common, shard, 8)).unwrap();
    let listeners = plane.udp.clone();
    assert_eq!(listeners.len(), 8);
    let clients: Vec<_> = listeners
        .iter()
        .map(|&listener| {
            let host = Host(UdpSocket::bind((listener.ip(), 0)).unwrap());
            host.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let (peer, mut client) = (Host::new(), TurnClient::default());
            let mut exchange = |bytes: &[u8]| {
                host.send(listener, bytes);
                let (answer, from) = host.heard();
                assert_eq!(from, listener, "the answer is from the address that was asked");
                answer
            };
            let relayed = client.allocate(&mut exchange).unwrap();
            client.bind(&mut exchange, peer.address()).unwrap();
            (host, peer, relayed)
        })
        .collect();
    for (listener, (host, peer, relayed)) in listeners.iter().zip(&clients) {
        host.send(*listener, &channel_data(b"up"));
        assert_eq!(peer.heard(), (b"up".to_vec(), *relayed));
        peer.send(*relayed, b"down");
        assert_eq!(host.heard(), (channel_data(b"down"), *listener));
    }
    plane.stop(Duration::from_secs(10)).unwrap();
}

/// What a load balancer says of a datagram of this client.
fn header(client: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(client) = client else { panic!("IPv4") };
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c".to_vec();
    header.extend(client.ip().octets());
    header.extend([192, 0, 2, 1]);
    header.extend(client.port().to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header
}

#[test]
fn two_clients_of_a_load_balancer_are_served_through_it_each_at_its_own_port() {
    let address = RelayAddress { local: LOCALHOST.into(), external: LOCALHOST.into() };
    let settings = Settings {
        udp: vec![(LOCALHOST, 0).into()],
        relay: vec![address],
        ports: 30_000..=39_999,
        shards: 2,
        tuning: Tuning::default(),
    };
    let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[LOCALHOST.into()]);
    let turn =
        hilum::turn::Settings { spare_ports: 8, proxies: vec!["127.0.0.77/32".parse().unwrap()], ..Default::default() };
    let mut plane =
        plane::start(settings, SystemClock::start(), |shard| relay_with(&common, shard, turn.clone())).unwrap();
    let relay = plane.udp[0];
    let ends: Vec<_> = ["192.0.2.1:4000", "192.0.2.2:4000"]
        .iter()
        .map(|address| {
            let balancer = Host(UdpSocket::bind("127.0.0.77:0").unwrap());
            balancer.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let (peer, mut client, header) = (Host::new(), TurnClient::default(), header(address.parse().unwrap()));
            let mut exchange = |bytes: &[u8]| {
                balancer.send(relay, &[&header, bytes].concat());
                balancer.heard().0
            };
            let relayed = client.allocate(&mut exchange).unwrap();
            client.bind(&mut exchange, peer.address()).unwrap();
            (balancer, header, peer, relayed)
        })
        .collect();
    for (number, (balancer, header, peer, relayed)) in (1_u8..).zip(&ends) {
        for _ in 0..5 {
            balancer.send(relay, &[header, &channel_data(&[number; 100])[..]].concat());
            assert_eq!(peer.heard(), (vec![number; 100], *relayed));
            peer.send(*relayed, &[number; 50]);
            assert_eq!(balancer.heard(), (channel_data(&[number; 50]), relay));
        }
    }
    plane.stop(Duration::from_secs(10)).unwrap();
}
