//! The shard: one thread, one [`Relay`], one world of datagrams, and the loop between them.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::keeping::Keeping;
use super::net::Net;
use super::telling::{MOST_UNTOLD, Telling};
use super::wake::Waker;
use crate::addr::RelayedAddr;
use crate::auth::{Authenticator, Revocation, Revoked};
use crate::journal::Pen;
use crate::policy::Policy;
use crate::time::{Moment, Now};
use crate::turn::{EndCause, Event, NotRestored, Pool, Port, Relay, Restored, Settings, Survey, Tally};

/// Letters that may wait for a shard: they are rare, and a shard reads them every turn.
const MAILBOX: usize = 16;
/// Ports opened per turn at most, or as many as the turn has taken: an opening costs some five system calls, and media
/// waits meanwhile. So a storm of allocations, which a batch bounds, finds the stock as full as the batch before.
const OPENINGS_PER_TURN: usize = 8;
/// Ports closed per turn at most: closing one takes the system up to 10 µs, and many thousands may end at once.
const CLOSINGS_PER_TURN: usize = 64;
/// Places that one letter looks at: about a millisecond, for which media waits.
const SURVEYED_PER_LETTER: u32 = 4096;
/// How long a pool rests when nothing could be opened.
const DRY_FOR: Duration = Duration::from_secs(1);
/// How soon facts that found no room are told again.
const TOLD_EVERY: Duration = Duration::from_millis(1);
/// How often the tally is published.
const PUBLISHED_EVERY: Duration = Duration::from_secs(1);

/// What a shard can be told.
#[derive(Debug)]
pub enum Mail {
    /// New rules from now on.
    Reload {
        /// Lifetimes and bounds.
        settings: Settings,
        /// Who may ask.
        authenticator: Arc<Authenticator>,
        /// What may be done.
        policy: Arc<Policy>,
    },
    /// No new allocations, or new ones again; running ones go on.
    Drain {
        /// Whether the relay drains from now on.
        draining: bool,
        /// How many allocations run, which [`ShardHandle::allocations`] says as well from then on. A channel with room for
        /// one answer: the shard does not wait.
        reply: SyncSender<usize>,
    },
    /// All allocations end now; new ones may follow.
    EndAll,
    /// The tally is published now.
    Report,
    /// What this covers ends now. The list of revocations holds it already.
    Revoke {
        /// What is revoked.
        revocation: Revocation,
        /// How many allocations ended. A channel with room for one answer: the shard does not wait.
        reply: SyncSender<usize>,
    },
    /// Part of the live allocations is looked at.
    Survey {
        /// Those that this would revoke; `None` for all.
        of: Option<Revoked>,
        /// The place to begin at.
        from: u32,
        /// The answer. A channel with room for one: the shard does not wait.
        reply: SyncSender<Survey>,
    },
}

/// A fact, where and when it happened.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The number of the shard.
    pub shard: usize,
    /// What happened.
    pub event: Event,
    /// When.
    pub now: Now,
}

/// Why a letter could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// 16 letters wait unread: the shard hangs, or is flooded with letters. Try again, or see its heartbeat.
    MailboxFull,
    /// The shard has stopped.
    Stopped,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MailboxFull => "the shard does not read its mail (16 letters wait); see its heartbeat",
            Self::Stopped => "the shard has stopped",
        })
    }
}

impl core::error::Error for Undelivered {}

/// What a shard shows to other threads.
#[derive(Debug, Default)]
struct Published {
    tally: Mutex<Tally>,
    heartbeat: AtomicU64,
    allocations: AtomicU64,
    facts_lost: AtomicU64,
    /// One of the next three.
    stop: AtomicU8,
}

/// The shard turns on.
const RUN: u8 = 0;
/// It ends its allocations and itself.
const END: u8 = 1;
/// It leaves its allocations to the next process, and ends itself.
const LEAVE: u8 = 2;

/// The other threads' hold on a shard.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    mailbox: SyncSender<Mail>,
    waker: Waker,
    published: Arc<Published>,
}

impl ShardHandle {
    /// Puts a letter into the mailbox and wakes the shard. Never waits.
    ///
    /// # Errors
    /// [`Undelivered`], see there.
    pub fn send(&self, mail: Mail) -> Result<(), Undelivered> {
        self.mailbox.try_send(mail).map_err(|error| match error {
            TrySendError::Full(_) => Undelivered::MailboxFull,
            TrySendError::Disconnected(_) => Undelivered::Stopped,
        })?;
        self.waker.wake();
        Ok(())
    }

    /// Ends every allocation and the shard, unless it has been told to leave. Works even if the mailbox is full.
    pub fn stop(&self) {
        self.tell(END);
    }

    /// Ends the shard, and leaves its allocations to the next process: nothing is received from here on, and all that the
    /// next one needs is in the journal when the shard has ended.
    pub fn leave(&self) {
        self.tell(LEAVE);
    }

    /// The first word holds: what a shard is to leave must not be ended by whoever cleans up after it.
    fn tell(&self, what: u8) {
        self.published.stop.compare_exchange(RUN, what, Ordering::AcqRel, Ordering::Acquire).ok();
        self.waker.wake();
    }

    /// The counters as last published, a second old at most.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.published.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts up at least once a second while the shard is alive.
    #[must_use]
    pub fn heartbeat(&self) -> u64 {
        self.published.heartbeat.load(Ordering::Relaxed)
    }

    /// Live allocations as last published.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.published.allocations.load(Ordering::Relaxed)
    }

    /// Facts that found the channel to `app` full and were lost.
    #[must_use]
    pub fn facts_lost(&self) -> u64 {
        self.published.facts_lost.load(Ordering::Relaxed)
    }
}

/// One shard, to be moved to its thread and [`run`](Shard::run) there.
#[derive(Debug)]
pub struct Shard<N> {
    index: usize,
    net: N,
    relay: Relay,
    mailbox: Receiver<Mail>,
    facts: Telling,
    published: Arc<Published>,
    /// Until when nothing more is opened, by pool.
    dry_until: [Moment; Pool::ALL.len()],
    /// More ports are wanted than the last turn could open.
    hungry: bool,
    /// Ports that allocations have taken in this turn.
    taken: usize,
    /// More ports may have to be closed than the last turn could.
    closing: bool,
    publish_at: Moment,
    /// `None`: nothing is kept for the next process.
    keeping: Option<Keeping>,
    now: Now,
}

impl<N: Net> Shard<N> {
    /// A shard and the hold on it. `facts`: where facts go; what finds that channel full waits in the shard, and is lost
    /// and counted when 131,072 wait already.
    pub fn new(index: usize, net: N, relay: Relay, waker: Waker, facts: SyncSender<Fact>) -> (Self, ShardHandle) {
        let (sender, mailbox) = sync_channel(MAILBOX);
        let published = Arc::new(Published::default());
        let handle = ShardHandle { mailbox: sender, waker, published: published.clone() };
        let shard = Self {
            index,
            net,
            relay,
            mailbox,
            facts: Telling::new(facts, MOST_UNTOLD),
            published,
            dry_until: [Moment::ZERO; Pool::ALL.len()],
            hungry: true,
            taken: 0,
            closing: false,
            publish_at: Moment::ZERO,
            keeping: None,
            now: Now::default(),
        };
        (shard, handle)
    }

    /// From now on what the next process needs goes into the journal.
    pub fn keep(&mut self, pen: Pen) {
        self.keeping = Some(Keeping::new(pen));
    }

    /// Takes in a record of the process before this one, see [`Relay::restore`].
    ///
    /// # Errors
    /// Why there is nothing of it here.
    pub fn restore(
        &mut self,
        record: &[u8],
        now: Now,
        port: impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<Restored, NotRestored> {
        let restored = self.relay.restore(record, now, port);
        while let Some(port) = self.relay.take_owned() {
            self.net.own(port);
        }
        restored
    }

    /// Opens ports until the supply is full, before the first client can ask for one.
    pub fn fill(&mut self) {
        self.hungry = true;
        while self.hungry {
            self.refill();
        }
    }

    /// Turns until told to stop. The facts of the end are told when this returns, if whoever notes them does so within
    /// a second. Returns what is left to the next process: sockets of relayed ports.
    pub fn run(mut self) -> Vec<OwnedFd> {
        while self.turn() {}
        count(&self.published.facts_lost, self.facts.finish());
        let leaves = self.published.stop.load(Ordering::Acquire) == LEAVE;
        if leaves { self.net.hand_over() } else { Vec::new() }
    }

    /// One turn of the loop. `false`: the shard has stopped, all its allocations have ended.
    pub fn turn(&mut self) -> bool {
        let later = (!self.facts.is_done()).then(|| self.now.moment + TOLD_EVERY);
        // Who is idle publishes in time as well: the last second's numbers do not wait for another packet.
        let kept = self.keeping.as_ref().and_then(Keeping::due);
        let next = self.relay.deadline().into_iter().chain(later).chain(kept).fold(self.publish_at, Moment::min);
        self.now = self.net.wait(Some(if self.hungry || self.closing { Moment::ZERO } else { next }));
        let told = self.published.stop.load(Ordering::Acquire);
        let goes_on = told == RUN;
        if goes_on {
            self.read_mail();
            self.relay_batch();
        } else if told == END {
            self.relay.end_all(EndCause::Stopped, self.now);
        }
        self.tidy(if goes_on { CLOSINGS_PER_TURN } else { usize::MAX });
        if goes_on {
            self.refill();
        }
        if self.now.moment >= self.publish_at || !goes_on {
            self.publish();
        }
        self.hand_in(told);
        goes_on
    }

    /// What has changed goes into the journal.
    fn hand_in(&mut self, told: u8) {
        let Some(keeping) = &mut self.keeping else { return };
        match told {
            RUN => keeping.turn(&mut self.relay, self.now),
            LEAVE => keeping.finish(&mut self.relay, self.now),
            // The journal is removed.
            _ => {}
        }
    }

    fn stir(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.stir(self.now.moment);
        }
    }

    fn read_mail(&mut self) {
        for _ in 0..MAILBOX {
            let Ok(mail) = self.mailbox.try_recv() else { return };
            self.stir();
            match mail {
                Mail::Reload { settings, authenticator, policy } => {
                    self.relay.reload(settings, authenticator, policy);
                    self.hungry = true;
                }
                Mail::Drain { draining, reply } => {
                    self.relay.drain(draining);
                    self.publish();
                    reply.try_send(self.relay.allocations()).ok();
                }
                Mail::EndAll => self.relay.end_all(EndCause::Ended, self.now),
                Mail::Report => self.publish(),
                // Whoever asked may have stopped waiting.
                Mail::Revoke { revocation, reply } => {
                    reply.try_send(self.relay.revoke(&revocation, self.now)).ok();
                }
                Mail::Survey { of, from, reply } => {
                    reply.try_send(self.relay.survey(of.as_ref(), from, SURVEYED_PER_LETTER, self.now)).ok();
                }
            }
        }
    }

    /// The way of a packet: in, judged, out.
    fn relay_batch(&mut self) {
        let slots = self.net.recv();
        let depth = slots.len();
        self.relay.handle_batch(slots, self.now);
        while let Some(port) = self.relay.take_owned() {
            self.net.own(port);
            self.taken += 1;
        }
        self.net.flush(self.relay.tally_mut());
        if depth > 0 {
            self.stir();
            let tally = self.relay.tally_mut();
            tally.queue_depth = u64::try_from(depth).unwrap_or(u64::MAX);
            tally.batches += 1;
        }
    }

    /// What has run out ends; ports without an owner are closed, so many at most; facts go to whoever wants to know.
    fn tidy(&mut self, closings: usize) {
        while let Some(connection) = self.net.take_disconnected() {
            self.relay.connection_closed(connection, self.now);
            self.stir();
        }
        if self.relay.deadline().is_some_and(|deadline| deadline <= self.now.moment) {
            self.relay.tick(self.now);
            self.stir();
        }
        self.close(closings);
        while let Some(event) = self.relay.take_event() {
            self.net.observe(&event);
            let taken = self.facts.take(Fact { shard: self.index, event, now: self.now });
            count(&self.published.facts_lost, usize::from(!taken));
        }
        count(&self.published.facts_lost, self.facts.tell());
    }

    fn close(&mut self, most: usize) {
        self.closing = true;
        for _ in 0..most {
            let Some(port) = self.relay.take_closed() else {
                self.closing = false;
                return;
            };
            self.net.close(port);
        }
    }

    fn refill(&mut self) {
        let mut left = OPENINGS_PER_TURN.max(core::mem::take(&mut self.taken));
        self.hungry = false;
        for (pool, dry_until) in Pool::ALL.into_iter().zip(&mut self.dry_until) {
            let wanted = self.relay.wanted(pool);
            if wanted == 0 || *dry_until > self.now.moment {
                continue;
            }
            for _ in 0..wanted.min(left) {
                let Some(opened) = self.net.open(pool) else {
                    *dry_until = self.now.moment + DRY_FOR;
                    break;
                };
                self.relay.supply(opened);
                left -= 1;
            }
            self.hungry |= self.relay.wanted(pool) > 0 && *dry_until <= self.now.moment;
        }
    }

    fn publish(&mut self) {
        self.publish_at = self.now.moment + PUBLISHED_EVERY;
        self.relay.count_ending(self.now.unix);
        self.published.tally.lock().unwrap_or_else(PoisonError::into_inner).clone_from(self.relay.tally());
        let allocations = u64::try_from(self.relay.allocations()).unwrap_or(u64::MAX);
        self.published.allocations.store(allocations, Ordering::Relaxed);
        self.published.heartbeat.fetch_add(1, Ordering::Relaxed);
    }

    /// The world of this shard, for the simulator.
    pub const fn net_mut(&mut self) -> &mut N {
        &mut self.net
    }

    /// The state machine, to look at.
    pub const fn relay(&self) -> &Relay {
        &self.relay
    }
}

fn count(counter: &AtomicU64, more: usize) {
    if more > 0 {
        counter.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
