//! How shards end: in which order, and beside one that hangs.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::net::Net;
use super::*;
use crate::addr::ConnectionId;
use crate::auth::{Authenticator, Credentials, NonceKey};
use crate::policy::{PeerRules, Policy, Quota, seal};
use crate::time::{Lifetime, Moment, Now};
use crate::turn::{self, Common, Event, Opened, Pool, Port, PortKey, Slot, Tally};

/// Longer than anything takes here, but for what hangs.
const LONG: Duration = Duration::from_secs(60);
/// Turns that show that a shard goes on.
const MANY: u32 = 1000;

/// A world without datagrams.
struct Quiet {
    /// Before each turn.
    waits: Box<dyn FnMut() + Send>,
}

impl Net for Quiet {
    fn wait(&mut self, _: Option<Moment>) -> Now {
        (self.waits)();
        Now::default()
    }

    fn recv(&mut self) -> &mut [Slot] {
        &mut []
    }

    fn flush(&mut self, _: &mut Tally) {}

    fn open(&mut self, _: Pool) -> Option<Opened> {
        None
    }

    fn own(&mut self, _: PortKey) {}

    fn close(&mut self, _: Port) {}

    fn take_disconnected(&mut self) -> Option<ConnectionId> {
        None
    }

    fn hand_over(&mut self) -> Vec<OwnedFd> {
        vec![std::io::pipe().unwrap().0.into()]
    }

    fn observe(&mut self, _: &Event) {}
}

fn relay() -> Relay {
    let credentials = Credentials::new(Vec::new(), Vec::new()).unwrap();
    let authenticator = Authenticator::new("r", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600));
    let peers = PeerRules::new(Vec::new(), Vec::new(), 1024, Vec::new());
    let policy = Policy { peers, quota: Quota::default(), challenges_per_second: 1, seal: seal::Settings::default() };
    let common = Common::new(Quota::default(), &[]);
    Relay::new(turn::Settings::default(), Arc::new(authenticator), Arc::new(policy), common, [1; 32])
}

/// Shards, each with what it does before each turn. Says which one has left something, in their order.
fn plane(shards: Vec<Box<dyn FnMut() + Send>>) -> (Plane, Receiver<usize>) {
    let (facts, receiver) = sync_channel(1);
    let (sender, done) = sync_channel(shards.len());
    let (left, order) = sync_channel(shards.len());
    let (mut handles, mut threads) = (Vec::new(), Vec::new());
    for (index, waits) in shards.into_iter().enumerate() {
        let (shard, handle) = Shard::new(index, Quiet { waits }, relay(), Waker::silent(), facts.clone());
        let (sender, left) = (sender.clone(), left.clone());
        handles.push(handle);
        threads.push(Some(std::thread::spawn(move || {
            let sockets = shard.run();
            if !sockets.is_empty() {
                left.send(index).unwrap();
            }
            sender.try_send((index, sockets)).ok();
        })));
    }
    let (udp, gates, resumed) = (Vec::new(), Vec::new(), Resumed::default());
    let clock = SystemClock::start();
    (Plane { udp, handles, gates, facts: Some(receiver), resumed, threads, done, clock }, order)
}

// A handshake that another one judges in its last turn belongs to what all share, which shard 0 hands in.
#[test]
fn the_shard_that_hands_in_what_all_share_goes_on_until_the_others_have_left() {
    let turns = Arc::new(AtomicU32::new(0));
    let seen = Arc::downgrade(&turns);
    let first = move || {
        turns.fetch_add(1, Ordering::AcqRel);
    };
    // Each of its turns, the last one as well, lasts as long as many of the first one's, if there are so many.
    let second = move || {
        let so_far = || seen.upgrade().map(|turns| turns.load(Ordering::Acquire));
        let begun = so_far();
        while so_far().is_some_and(|now| begun.is_some_and(|begun| now < begun + MANY)) {
            std::thread::yield_now();
        }
    };
    let (mut plane, order) = plane(vec![Box::new(first), Box::new(second)]);
    let left = plane.leave(LONG);
    assert_eq!((left.sockets.len(), left.hanging), (2, None));
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_shard_that_hangs_costs_the_others_nothing_and_leaves_what_it_has_later() {
    let (release, hangs) = sync_channel::<()>(0);
    let second = move || {
        hangs.recv().ok();
    };
    let (mut plane, order) = plane(vec![Box::new(|| ()), Box::new(second), Box::new(|| ())]);
    let left = plane.leave(Duration::from_millis(400));
    assert_eq!((left.sockets.len(), left.hanging), (2, Some(NotStopped(vec![1]))));
    assert_eq!(order.recv(), Ok(2));
    assert_eq!(order.recv(), Ok(0));
    // What it has is for the next process, also when this one has stopped waiting.
    drop(plane);
    drop(release);
    assert_eq!(order.recv_timeout(LONG), Ok(1));
}

#[test]
fn a_stop_says_which_shards_hang() {
    let (release, hangs) = sync_channel::<()>(0);
    let second = move || {
        hangs.recv().ok();
    };
    let (mut plane, order) = plane(vec![Box::new(|| ()), Box::new(second)]);
    assert_eq!(plane.stop(Duration::from_millis(200)), Err(NotStopped(vec![1])));
    drop(release);
    assert_eq!(plane.stop(LONG), Ok(()));
    assert_eq!(order.try_recv().ok(), None, "nothing is left");
}
