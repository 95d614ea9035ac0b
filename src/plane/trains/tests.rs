//! Messages of several datagrams become slots of one each, and none is lost, however few slots there are.

use proptest::prelude::*;

use super::*;
use crate::addr::{FiveTuple, Link};
use crate::turn::Origin;

fn origin(source: u64) -> Origin {
    let client = crate::addr::ClientAddr::new(([192, 0, 2, 1], u16::try_from(source).unwrap()).into());
    Origin::Client(FiveTuple { client, link: Link::Udp(0) })
}

fn source_of(slot: &Slot) -> u64 {
    let Some(Origin::Client(client)) = slot.origin() else { panic!("not a client's") };
    u64::from(client.client.socket().port())
}

/// The datagrams of a message: `count` of `segment` bytes, the last of `last` bytes, numbered from `first`.
#[derive(Clone, Debug)]
struct Message {
    count: usize,
    segment: usize,
    last: usize,
}

impl Message {
    fn datagrams(&self, first: &mut usize) -> Vec<Vec<u8>> {
        let lengths = (1..=self.count).map(|at| if at == self.count { self.last } else { self.segment });
        lengths
            .map(|length| {
                *first += 1;
                let number = first.to_be_bytes();
                number.iter().copied().cycle().skip(6).take(length).collect()
            })
            .collect()
    }
}

fn message() -> impl Strategy<Value = Message> {
    let train = (2..130_usize, 1..300_usize)
        .prop_flat_map(|(count, segment)| (1..=segment).prop_map(move |last| Message { count, segment, last }));
    let single = (0..300_usize).prop_map(|last| Message { count: 1, segment: 0, last });
    prop_oneof![train, single]
}

/// Puts messages into slots as a system call does.
fn receive(trains: &mut Trains, slots: &mut [Slot], source: u64, messages: &[Vec<Vec<u8>>]) -> (usize, usize) {
    for (at, datagrams) in messages.iter().enumerate() {
        slots[at].fill_from(&datagrams.concat(), origin(source));
        trains.note(at, if datagrams.len() == 1 { 0 } else { datagrams[0].len() });
    }
    trains.unfold(slots, messages.len(), source)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // Three sockets receive at different times; each one's datagrams come in their order, a bounded number in each turn.
    #[test]
    fn every_datagram_has_its_turn_in_its_order(
        received in prop::collection::vec((1..4_u64, prop::collection::vec(message(), 1..8), 8..=BATCH), 1..8),
        share in 1..40_usize,
    ) {
        let mut trains = Trains::new();
        let mut slots: Vec<_> = (0..BATCH).map(|_| Slot::new()).collect();
        let (mut sent, mut seen) = ([const { Vec::new() }; 4], [const { Vec::new() }; 4]);
        let mut number = 0;
        let mut look = |slots: &[Slot]| {
            for slot in slots {
                seen[usize::try_from(source_of(slot)).unwrap()].push(slot.message().to_vec());
            }
        };
        for (source, messages, free) in &received {
            if trains.room(*source) >= messages.len() {
                let messages: Vec<_> = messages.iter().map(|message| message.datagrams(&mut number)).collect();
                sent[usize::try_from(*source).unwrap()].extend(messages.iter().flatten().cloned());
                let (filled, all) = receive(&mut trains, &mut slots[..*free], *source, &messages);
                prop_assert_eq!(all, messages.iter().map(Vec::len).sum::<usize>());
                prop_assert_eq!(filled, all.min(*free), "slots stay free while something waits");
                look(&slots[..filled]);
            }
            let filled = trains.resume(&mut slots, |_| share);
            for source in 1..4 {
                prop_assert!(slots[..filled].iter().filter(|slot| source_of(slot) == source).count() <= share);
            }
            look(&slots[..filled]);
        }
        while trains.waiting() {
            let filled = trains.resume(&mut slots, |_| share);
            prop_assert!(filled > 0);
            look(&slots[..filled]);
        }
        prop_assert_eq!(seen, sent);
    }
}

#[test]
fn every_socket_whose_messages_wait_has_its_share_of_a_turn() {
    let mut trains = Trains::new();
    let mut slots: Vec<_> = (0..4).map(|_| Slot::new()).collect();
    let mut number = 0;
    for source in [1, 2] {
        let train = Message { count: 8, segment: 10, last: 10 }.datagrams(&mut number);
        receive(&mut trains, &mut slots, source, &[train]);
    }
    assert_eq!(trains.resume(&mut slots, |_| 2), 4);
    assert_eq!(slots.iter().map(source_of).collect::<Vec<_>>(), [1, 1, 2, 2]);
    assert!(trains.served(1) && trains.served(2) && !trains.served(3));
}

#[test]
fn what_waits_for_a_closed_socket_is_forgotten() {
    let mut trains = Trains::new();
    let mut slots: Vec<_> = (0..4).map(|_| Slot::new()).collect();
    let mut number = 0;
    let mut train = || Message { count: 8, segment: 10, last: 10 }.datagrams(&mut number);
    assert_eq!(receive(&mut trains, &mut slots, 1, &[train()]), (4, 8));
    assert_eq!(receive(&mut trains, &mut slots, 2, &[train()]), (4, 8));
    assert_eq!((trains.room(1), trains.room(2), trains.room(3)), (0, 0, WAITING - 2));
    trains.forget(1);
    assert_eq!((trains.room(1), trains.room(2)), (WAITING - 1, 0));
    assert_eq!(trains.resume(&mut slots, |_| BATCH), 4);
    assert!(slots.iter().all(|slot| source_of(slot) == 2));
    assert!(!trains.waiting());
}

#[test]
fn a_socket_with_one_message_is_asked_for_one() {
    let mut habit = Habit::default();
    assert_eq!(habit.messages(10, 64), 1);
    habit.learn(10, 1, 1, 1);
    assert_eq!(habit.messages(12, 64), 1, "it had its turn long ago");
    assert_eq!(habit.messages(11, 64), AT_ONCE, "it had its turn just now, and is ready again");
    habit.learn(11, AT_ONCE, 1, 1);
    assert_eq!(habit.messages(12, 64), 1);
    habit.learn(12, AT_ONCE, AT_ONCE, AT_ONCE);
    assert_eq!(habit.messages(90, 64), 2 * AT_ONCE);
    assert_eq!(habit.messages(90, 3), 3, "no more than there are slots for");
}

#[test]
fn a_socket_with_trains_is_asked_for_as_many_as_find_slots() {
    let mut habit = Habit::default();
    for turn in 0..20 {
        habit.learn(turn, 64, 40, 320);
    }
    assert_eq!(habit.messages(20, 64), 8);
    assert_eq!(habit.messages(20, 4), 1, "one at least");
}
