//! Stream clients without a network, in simulated time.

use core::time::Duration;
use std::iter;

use tokio::sync::watch;

use super::*;
use crate::addr::{ClientAddr, FiveTuple, Transport};
use crate::plane::Patience;
use crate::plane::sim::SimStream;
use crate::wire::{Class, Method};

const AGE: Duration = Duration::from_millis(250);
const PATIENCE: Patience = Patience { bytes: 20_000, age: AGE };

/// A shard's end with one client.
struct World {
    gate: StreamGate,
    streams: Streams,
    slots: Vec<Slot>,
    tally: Tally,
    now: Moment,
}

fn client(connection: u64) -> FiveTuple {
    FiveTuple {
        client: ClientAddr::new(([192, 0, 2, 1], 4000).into()),
        link: Link::Stream(ConnectionId(connection), Transport::Tcp),
    }
}

fn world() -> World {
    let (gate, streams) = Streams::new(Waker::silent(), None);
    let slots = (0..FRAMES_PER_TURN + 8).map(|_| Slot::new()).collect();
    World { gate, streams, slots, tally: Tally::default(), now: Moment::ZERO }
}

impl World {
    fn tell(&self, inbound: Inbound) {
        self.gate.sender.try_send(inbound).unwrap();
    }

    /// A client that has an allocation.
    fn proven(&mut self, connection: u64) -> SimStream {
        let (stream, keeper) = self.stranger(connection);
        self.turn();
        self.streams.connections[&ConnectionId(connection)].set_proven(true);
        // Nobody waits to hear of the end.
        drop(keeper);
        stream
    }

    fn stranger(&self, connection: u64) -> (SimStream, watch::Receiver<bool>) {
        let (stream, carrier) = SimStream::new();
        let (proven, keeper) = watch::channel(false);
        let carrier = Box::new(carrier);
        self.tell(Inbound::Opened(Opening { client: client(connection), carrier, patience: PATIENCE, proven }));
        (stream, keeper)
    }

    /// One turn of a shard that answers nothing; what was said.
    fn turn(&mut self) -> Vec<Vec<u8>> {
        let filled = self.streams.receive(&mut self.slots, self.now);
        self.streams.flush(&mut self.tally);
        self.slots.iter().take(filled).map(|slot| slot.message().to_vec()).collect()
    }

    /// Everything that is said until nothing more is.
    fn turns(&mut self) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        while self.streams.waiting() {
            said.extend(self.turn());
        }
        said
    }

    fn send(&mut self, connection: u64, message: &[u8]) {
        self.streams.now = self.now;
        self.streams.send(ConnectionId(connection), message, &mut self.tally);
    }
}

fn media(mark: u8, length: usize) -> Vec<u8> {
    let mut message = vec![mark; 4 + length];
    message[..2].copy_from_slice(&[0x40, 0]);
    message[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    message
}

/// A STUN message without attributes.
fn stun(class: Class, method: Method, mark: u8) -> Vec<u8> {
    let mut message = class.message_type(method).to_be_bytes().to_vec();
    message.extend([0, 0, 0x21, 0x12, 0xa4, 0x42]);
    message.extend([mark; 12]);
    message
}

fn answer(mark: u8) -> Vec<u8> {
    stun(Class::Success, Method::Refresh, mark)
}

/// A Binding request, ChannelData with padding, an empty ChannelData.
fn messages() -> Vec<Vec<u8>> {
    let channel = vec![0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
    vec![stun(Class::Request, Method::Binding, 7), channel, vec![0x40, 1, 0, 0]]
}

fn heard(stream: &SimStream) -> Vec<Vec<u8>> {
    iter::from_fn(|| stream.hear()).collect()
}

#[test]
fn messages_split_at_any_byte_come_out_whole() {
    let all = messages().concat();
    for at in 0..=all.len() {
        let mut world = world();
        let (stream, _keeper) = world.stranger(1);
        let (first, second) = all.split_at(at);
        stream.say(first);
        let mut said = world.turns();
        stream.say(second);
        said.extend(world.turns());
        assert_eq!(said, messages(), "split at {at}");
    }
}

#[test]
fn messages_that_come_byte_by_byte_come_out_whole_and_leave_no_room_behind() {
    let mut world = world();
    let (stream, _keeper) = world.stranger(1);
    let mut said = Vec::new();
    for byte in messages().concat() {
        stream.say(&[byte]);
        said.extend(world.turns());
    }
    assert_eq!(said, messages());
    assert!(format!("{:?}", world.streams.connections).contains("0 bytes in part"));
}

#[test]
fn one_turn_takes_a_bounded_number_of_frames_and_clients_take_turns() {
    let mut world = world();
    let streams = [world.proven(1), world.proven(2)];
    for (mark, stream) in (1..).zip(&streams) {
        (0..FRAMES_PER_TURN + 1).for_each(|_| stream.say(&media(mark, 4)));
    }
    assert_eq!(world.turn(), vec![media(1, 4); FRAMES_PER_TURN]);
    assert_eq!(world.turn(), vec![media(2, 4); FRAMES_PER_TURN]);
    assert_eq!(world.turns(), [media(1, 4), media(2, 4)]);
}

#[test]
fn another_protocol_ends_the_connection_when_what_came_before_it_is_answered() {
    let mut world = world();
    for (connection, garbage) in (1..).zip([&b"SSH-2.0-OpenSSH"[..], &[0x16, 3, 1], &[0, 1, 0, 0, 1, 2, 3, 4]]) {
        let (stream, keeper) = world.stranger(connection);
        stream.say(&[&messages().concat(), garbage].concat());
        assert_eq!(world.turn(), messages());
        world.send(connection, &answer(1));
        world.streams.flush(&mut world.tally);
        assert_eq!(world.turn(), Vec::<Vec<u8>>::new());
        assert_eq!(heard(&stream), [answer(1)]);
        assert!(stream.is_closed() && keeper.has_changed().is_err());
        assert_eq!(world.streams.take_disconnected(), Some(ConnectionId(connection)));
    }
}

#[test]
fn a_large_message_is_for_clients_with_an_allocation() {
    let large = media(1, 60_000);
    let mut world = world();
    let (stranger, _keeper) = world.stranger(1);
    stranger.say(&large[..100]);
    assert_eq!(world.turns(), Vec::<Vec<u8>>::new());
    assert!(stranger.is_closed());
    let client = world.proven(2);
    for part in large.chunks(10_000) {
        client.say(part);
        assert!(!client.is_closed());
        if world.turns().concat() == large {
            return;
        }
    }
    panic!("it did not come");
}

#[test]
fn a_large_message_behind_the_request_that_proves_its_client_is_taken() {
    let mut world = world();
    let (stream, _keeper) = world.stranger(1);
    stream.say(&[messages()[0].clone(), media(1, 10_000)].concat());
    assert_eq!(world.turn(), [messages()[0].clone()]);
    world.streams.connections[&ConnectionId(1)].set_proven(true);
    assert_eq!(world.turn(), [media(1, 10_000)]);
}

#[test]
fn media_that_a_client_does_not_take_grows_old_and_answers_wait() {
    let mut world = world();
    let stream = world.proven(1);
    // The first one is cut, and so has to come to its end whatever its age.
    stream.take_at_most(100);
    for mark in 1..=4 {
        world.send(1, &media(mark, 120));
        world.send(1, &answer(mark));
        world.streams.flush(&mut world.tally);
        world.now = world.now + Duration::from_millis(100);
    }
    assert!(!world.streams.waiting(), "nobody looks at it while it takes nothing");
    stream.take_at_most(usize::MAX);
    world.turns();
    let came = [media(1, 120), answer(1), answer(2), media(3, 120), answer(3), media(4, 120), answer(4)];
    assert_eq!(heard(&stream), came);
    assert_eq!(world.tally.discards(Discard::QueueOld), 1);
    assert_eq!(world.tally.discards(Discard::QueueFull), 0);
}

#[test]
fn after_a_pause_a_client_hears_fresh_media_behind_what_was_on_its_way() {
    let mut world = world();
    let stream = world.proven(1);
    stream.take_at_most(2500);
    // Ten packets a second for twenty seconds, of which the client takes what its window holds.
    for mark in 0..200 {
        world.send(1, &media(mark, 1000));
        world.streams.flush(&mut world.tally);
        world.now = world.now + Duration::from_millis(100);
    }
    stream.take_at_most(usize::MAX);
    world.turns();
    let came: Vec<u8> = heard(&stream).iter().map(|message| message[4]).collect();
    assert_eq!(came, [0, 1, 2, 198, 199]);
    assert_eq!(world.tally.discards(Discard::QueueOld), 195);
}

#[test]
fn a_client_that_takes_nothing_for_half_a_minute_has_gone() {
    let mut world = world();
    let stream = world.proven(1);
    stream.take_at_most(10);
    world.send(1, &media(1, 100));
    world.streams.flush(&mut world.tally);
    world.now = world.now + Duration::from_secs(30);
    world.send(1, &media(2, 100));
    assert!(!stream.is_closed());
    world.now = world.now + Duration::from_millis(1);
    world.send(1, &media(3, 100));
    assert!(stream.is_closed());
}

#[test]
fn a_client_that_does_not_take_its_answers_is_closed() {
    let mut world = world();
    let stream = world.proven(1);
    stream.take_at_most(10);
    for mark in 0..=u8::MAX {
        world.send(1, &answer(mark));
        world.streams.flush(&mut world.tally);
    }
    assert!(stream.is_closed());
    assert_eq!(world.streams.take_disconnected(), Some(ConnectionId(1)));
    assert!(world.tally.discards(Discard::ConnectionGone) > 0);
}

#[test]
fn what_waits_is_written_before_a_connection_finishes() {
    let mut world = world();
    let stream = world.proven(1);
    stream.take_at_most(10);
    world.send(1, &answer(1));
    world.streams.flush(&mut world.tally);
    world.send(1, &answer(2));
    world.tell(Inbound::Finish { connection: ConnectionId(1) });
    world.turns();
    assert!(!stream.is_closed());
    stream.say(&messages()[0]);
    stream.take_at_most(usize::MAX);
    assert_eq!(world.turn(), Vec::<Vec<u8>>::new(), "nothing more is taken in");
    assert_eq!(heard(&stream), [answer(1), answer(2)]);
    assert!(stream.is_closed());
}

#[test]
fn a_shard_that_stops_writes_what_waits_and_says_so() {
    let mut world = world();
    let (stream, keeper) = world.stranger(1);
    world.turn();
    let (_late, late_keeper) = world.stranger(2);
    world.send(1, &answer(1));
    let World { gate, streams, .. } = world;
    drop(streams);
    assert_eq!(heard(&stream), [answer(1)]);
    assert!(keeper.has_changed().is_err() && late_keeper.has_changed().is_err());
    let closed = gate.sender.try_send(Inbound::Closed { connection: ConnectionId(1) });
    assert!(matches!(closed, Err(mpsc::error::TrySendError::Closed(_))));
}

#[test]
fn a_message_for_a_closed_connection_is_counted() {
    let mut world = world();
    let stream = world.proven(1);
    world.tell(Inbound::Closed { connection: ConnectionId(1) });
    world.turn();
    assert_eq!(world.streams.take_disconnected(), Some(ConnectionId(1)));
    world.send(1, &media(1, 4));
    assert_eq!(world.tally.discards(Discard::ConnectionGone), 1);
    assert!(stream.is_closed());
    world.tell(Inbound::Closed { connection: ConnectionId(1) });
    world.turn();
    assert_eq!(world.streams.take_disconnected(), None, "it ends once");
}
