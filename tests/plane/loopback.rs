//! Whole shards over real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hilum::addr::{Family, Transport};
use hilum::clock::SystemClock;
use hilum::plane::{self, Mail, Plane, RelayAddress, Settings, Tuning};
use hilum::policy::Quota;
use hilum::turn::{Common, Direction, EndCause, Event, Families};

use crate::client::{TurnClient, channel_data};
use crate::relay;

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
