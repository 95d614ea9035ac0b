//! The shard loop over the simulated network.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use hilum::addr::{ClientAddr, ConnectionId, FiveTuple, Link, Transport};
use hilum::plane::sim::{Faults, Sent, Sim, SimNet, SimStream};
use hilum::plane::{
    Fact, Inbound, Mail, Opening, Patience, RelayAddress, Settings, Shard, ShardHandle, StreamGate, Tuning,
};
use hilum::policy::Quota;
use hilum::time::UnixTime;
use hilum::turn::{Common, EndCause, Event};
use hilum::wire::attribute::Icmp;
use hilum::wire::{AttributeType, Class, ErrorCode, Message, Method};
use tokio::sync::watch;

use crate::client::{TurnClient, channel_data};
use crate::relay;

const SPARE: usize = 24;

struct World {
    sim: Sim,
    shards: Vec<Shard<SimNet>>,
    handles: Vec<ShardHandle>,
    gates: Vec<StreamGate>,
    facts: Receiver<Fact>,
}

fn host(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn world(seed: u64, shards: usize) -> World {
    with_facts(seed, shards, 1000)
}

/// A world whose facts find so much room.
fn with_facts(seed: u64, shards: usize, room: usize) -> World {
    let address = RelayAddress { local: [10, 0, 0, 5].into(), external: [203, 0, 113, 5].into() };
    let settings =
        Settings { udp: Vec::new(), relay: vec![address], ports: 50_000..=50_999, shards, tuning: Tuning::default() };
    let sim = Sim::new(seed, &settings, UnixTime::from_secs(1_700_000_000));
    let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[address.external]);
    let (sender, facts) = sync_channel(room);
    let mut world = World { sim, shards: Vec::new(), handles: Vec::new(), gates: Vec::new(), facts };
    for index in 0..shards {
        let (net, gate) = world.sim.net(index);
        let relay = relay(&common, index, SPARE);
        let (shard, handle) = Shard::new(index, net, relay, world.sim.waker(), sender.clone());
        world.shards.push(shard);
        world.handles.push(handle);
        world.gates.push(gate);
    }
    world
}

impl World {
    fn turn(&mut self) {
        self.shards.iter_mut().for_each(|shard| assert!(shard.turn()));
    }

    /// Turns until nothing is on its way any more.
    fn settle(&mut self) {
        self.turn();
        while self.shards.iter_mut().any(|shard| shard.net_mut().is_busy()) {
            self.turn();
        }
    }

    fn exchange(&mut self, client: SocketAddr) -> impl FnMut(&[u8]) -> Vec<u8> {
        move |bytes| {
            self.sim.client_sends(client, 0, bytes);
            self.settle();
            match self.sim.take_sent() {
                Some(Sent::ToClient { client: to, bytes }) if to.client.socket() == client => bytes,
                other => panic!("not an answer: {other:?}"),
            }
        }
    }
}

#[test]
fn facts_that_find_no_room_are_told_when_there_is_some() {
    let mut world = with_facts(9, 1, 2);
    world.settle();
    let clients: Vec<SocketAddr> = (1..=9).map(|number| host(&format!("198.51.100.{number}:5000"))).collect();
    let mut begun = 0;
    for client in &clients {
        TurnClient::default().allocate(&mut world.exchange(*client)).unwrap();
        begun += world.facts.try_iter().count();
    }
    world.handles[0].send(Mail::EndAll).unwrap();
    let mut ended = 0;
    // Two at a time, with nothing else to wake the shard.
    for _ in 0..5 {
        world.turn();
        let facts: Vec<Fact> = world.facts.try_iter().collect();
        assert!(facts.len() <= 2);
        ended += facts.iter().filter(|fact| matches!(fact.event, Event::Ended { .. })).count();
        begun += facts.iter().filter(|fact| matches!(fact.event, Event::Allocated { .. })).count();
    }
    assert_eq!((begun, ended, world.handles[0].facts_lost()), (9, 9, 0));
}

#[test]
fn ports_of_many_allocations_that_end_at_once_are_closed_a_few_per_turn() {
    let mut world = world(10, 1);
    (0..5).for_each(|_| world.settle());
    let spare = world.sim.open_ports();
    for number in 0..200 {
        TurnClient::default().allocate(&mut world.exchange(host(&format!("198.51.100.1:{}", 5000 + number)))).unwrap();
    }
    (0..5).for_each(|_| world.settle());
    assert_eq!(world.sim.open_ports(), 200 + spare);
    world.handles[0].send(Mail::EndAll).unwrap();
    let late = host("198.51.100.2:5000");
    world.sim.client_sends(late, 0, &TurnClient::default().request(Method::Binding, &[]));
    // The letter is read in the turn that hears the client as well, and all of them have ended then.
    world.turn();
    assert_eq!(world.shards[0].relay().allocations(), 0);
    assert!(matches!(world.sim.take_sent(), Some(Sent::ToClient { client, .. }) if client.client.socket() == late));
    let mut open = vec![world.sim.open_ports()];
    for _ in 0..3 {
        world.turn();
        open.push(world.sim.open_ports());
    }
    assert_eq!(open, [136, 72, 8, 0].map(|ports| ports + spare));
}

#[test]
fn the_supply_is_filled_a_few_ports_per_turn() {
    let mut world = world(1, 1);
    let mut open = Vec::new();
    for _ in 0..5 {
        world.turn();
        open.push(world.sim.open_ports());
    }
    // 24 single ports, and two pairs.
    assert_eq!(open, [8, 16, 24, 28, 28]);
}

#[test]
fn a_turn_that_takes_many_ports_opens_as_many() {
    let mut world = world(10, 1);
    (0..4).for_each(|_| world.turn());
    let full = world.sim.open_ports();
    assert_eq!(full, SPARE + 4);
    for wave in 1..=3 {
        let address = |number| host(&format!("198.51.{wave}.{number}:5000"));
        let mut clients: Vec<_> = (1..=SPARE).map(|number| (address(number), TurnClient::default())).collect();
        for (address, client) in &mut clients {
            // There is nothing to delete, but it has been challenged, and can sign.
            let answer = client.delete(&mut world.exchange(*address));
            assert_eq!(answer, Err(ErrorCode::ALLOCATION_MISMATCH.number()));
        }
        for (address, client) in &mut clients {
            let request = client.request(Method::Allocate, &[(AttributeType::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])]);
            world.sim.client_sends(*address, 0, &request);
        }
        world.turn();
        let answers: Vec<Sent> = std::iter::from_fn(|| world.sim.take_sent()).collect();
        let succeeded = |sent: &&Sent| match sent {
            Sent::ToClient { bytes, .. } => Message::parse(bytes).unwrap().class() == Class::Success,
            Sent::ToPeer { .. } => false,
        };
        assert_eq!(answers.iter().filter(succeeded).count(), SPARE);
        assert_eq!(world.sim.open_ports(), full + wave * SPARE, "the next wave finds the supply full");
    }
}

#[test]
fn without_an_open_port_there_is_no_allocation() {
    let mut world = world(2, 1);
    world.sim.refuse_opens(true);
    let client = host("198.51.100.1:5000");
    let insufficient = Err(ErrorCode::INSUFFICIENT_CAPACITY.number());
    assert_eq!(TurnClient::default().allocate(&mut world.exchange(client)), insufficient);
    world.sim.refuse_opens(false);
    world.turn();
    assert_eq!(world.sim.open_ports(), 0, "a dry pool is tried again after a second");
    world.sim.advance(Duration::from_secs(1));
    world.turn();
    let relayed = TurnClient::default().allocate(&mut world.exchange(client)).unwrap();
    assert_eq!(relayed.ip(), SocketAddr::from(([203, 0, 113, 5], 0)).ip());
}

#[test]
fn data_passes_both_ways_and_errors_come_back() {
    let mut world = world(3, 1);
    world.settle();
    let (client, peer) = (host("198.51.100.1:5000"), host("192.0.2.9:6000"));
    let mut turn = TurnClient::default();
    let relayed = turn.allocate(&mut world.exchange(client)).unwrap();
    turn.bind(&mut world.exchange(client), peer).unwrap();
    world.sim.client_sends(client, 0, &channel_data(b"up"));
    world.settle();
    let Some(Sent::ToPeer { from, to, bytes, dont_fragment: false }) = world.sim.take_sent() else { panic!() };
    assert_eq!((from.socket(), to.socket(), bytes), (relayed, peer, b"up".to_vec()));
    world.sim.peer_sends(peer, relayed, b"down");
    world.settle();
    let Some(Sent::ToClient { bytes, .. }) = world.sim.take_sent() else { panic!() };
    assert_eq!(bytes, channel_data(b"down"));
    world.sim.network_reports(relayed, peer, Icmp { kind: 3, code: 3, data: 0 });
    world.settle();
    assert!(matches!(world.sim.take_sent(), Some(Sent::ToClient { bytes, .. }) if bytes.len() > 20));
}

#[test]
fn two_clients_on_two_shards_reach_each_other() {
    let mut world = world(4, 2);
    world.settle();
    let one = host("198.51.100.1:5000");
    let other = (5001..).map(|port| SocketAddr::new(one.ip(), port));
    let two = other.into_iter().find(|two| world.sim.shard_of(*two, 0) != world.sim.shard_of(one, 0)).unwrap();
    let mut ends = [(one, TurnClient::default()), (two, TurnClient::default())];
    let relayed = ends.each_mut().map(|(client, turn)| turn.allocate(&mut world.exchange(*client)).unwrap());
    ends[0].1.bind(&mut world.exchange(one), relayed[1]).unwrap();
    ends[1].1.bind(&mut world.exchange(two), relayed[0]).unwrap();
    world.sim.client_sends(one, 0, &channel_data(b"hello"));
    world.settle();
    let Some(Sent::ToClient { client, bytes }) = world.sim.take_sent() else { panic!() };
    assert_eq!((client.client.socket(), bytes), (two, channel_data(b"hello")));
}

#[test]
fn what_has_run_out_ends_and_its_port_is_closed() {
    let mut world = world(5, 1);
    world.settle();
    let client = host("198.51.100.1:5000");
    TurnClient::default().allocate(&mut world.exchange(client)).unwrap();
    for _ in 0..5 {
        world.turn();
    }
    assert_eq!(world.sim.open_ports(), SPARE + 4 + 1);
    world.sim.advance(Duration::from_secs(602));
    world.turn();
    assert_eq!(world.sim.open_ports(), SPARE + 4);
    assert!(world.facts.try_iter().any(|fact| matches!(fact.event, Event::Ended { cause: EndCause::Expired, .. })));
}

#[test]
fn letters_are_obeyed_in_the_next_turn() {
    let mut world = world(6, 1);
    world.settle();
    let client = host("198.51.100.1:5000");
    TurnClient::default().allocate(&mut world.exchange(client)).unwrap();
    world.handles[0].send(Mail::Report).unwrap();
    world.turn();
    assert_eq!((world.handles[0].allocations(), world.handles[0].tally().allocated), (1, 1));
    world.handles[0].send(Mail::EndAll).unwrap();
    world.turn();
    assert!(world.facts.try_iter().any(|fact| matches!(fact.event, Event::Ended { cause: EndCause::Ended, .. })));
    let before = world.handles[0].heartbeat();
    world.sim.advance(Duration::from_secs(1));
    world.turn();
    assert_eq!(world.handles[0].heartbeat(), before + 1);
    world.handles[0].stop();
    assert!(!world.shards[0].turn());
}

#[tokio::test]
async fn a_stream_client_is_proven_while_it_holds_an_allocation() {
    let mut world = world(7, 1);
    world.settle();
    let gate = world.gates[0].clone();
    let connection = ConnectionId(9);
    let link = Link::Stream(connection, Transport::Tcp);
    let client = FiveTuple { client: ClientAddr::new(host("198.51.100.1:5000")), link };
    let (stream, carrier) = SimStream::new();
    let (told, proven) = watch::channel(false);
    let patience = Patience { bytes: 10_000, age: Duration::from_millis(250) };
    let opening = Opening { client, carrier: Box::new(carrier), patience, proven: told };
    gate.send(Inbound::Opened(opening)).await.unwrap();
    let mut turn = TurnClient::default();
    let mut exchange = |bytes: &[u8]| {
        stream.say(bytes);
        world.settle();
        stream.hear().unwrap()
    };
    turn.allocate(&mut exchange).unwrap();
    assert!(*proven.borrow());
    turn.delete(&mut exchange).unwrap();
    assert!(!*proven.borrow());
    turn = TurnClient::default();
    turn.allocate(&mut exchange).unwrap();
    gate.send(Inbound::Closed { connection }).await.unwrap();
    world.settle();
    assert!(stream.is_closed() && proven.has_changed().is_err(), "whoever keeps it hears of the end");
    assert_eq!(world.shards[0].relay().allocations(), 0);
    let ends = world.facts.try_iter().filter(|fact| matches!(fact.event, Event::Ended { .. })).last().unwrap();
    assert!(matches!(ends.event, Event::Ended { cause: EndCause::Disconnected, .. }));
}

#[test]
fn the_same_seed_is_the_same_world() {
    let story = |seed| {
        let mut world = world(seed, 2);
        world.settle();
        world.sim.set_faults(Faults { lost: 300, doubled: 200, delay: Duration::from_millis(50) });
        let mut sent = Vec::new();
        for number in 0..100_u8 {
            let request = TurnClient::default().request(hilum::wire::Method::Binding, &[]);
            world.sim.client_sends(SocketAddr::from(([198, 51, 100, number], 5000)), 0, &request);
            world.sim.advance(Duration::from_millis(5));
            world.settle();
            sent.extend(std::iter::from_fn(|| world.sim.take_sent()));
        }
        sent
    };
    assert!(!story(8).is_empty());
    assert_eq!(story(8), story(8));
    assert_ne!(story(8), story(9));
}
