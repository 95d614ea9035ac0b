//! Webhooks: what becomes of appointments is told to the hospital's own systems, in messages that are signed as Standard
//! Webhooks 1.0 has it and tried again until they are taken.
//!
//! Each receiver has a queue and a task of its own, so that none waits for another. What waits for more than a moment is
//! on disk as well, and comes through a restart. `docs/webhooks.md` is for those who receive.

mod message;
mod post;
mod queue;
mod secret;

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Uri;
use rustls::ClientConfig;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};

use crate::auth::token::Call;
use crate::clock::SystemClock;
use crate::https::Https;
use message::Message;
use post::{Outcome, post, way};
use queue::Queue;

pub use message::Event;
pub use queue::Pace;
pub use secret::Secrets;

/// Receivers of one relay: records, billing, a room display. Each has a task and a queue.
pub const MOST_RECEIVERS: usize = 8;
/// How long changes gather before they are written, and how long a disk that refuses them is left alone. Most messages
/// are taken before, and never written.
const GATHER: Duration = Duration::from_secs(1);

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Where: an `https` URL, or an `http` one of this host.
    pub url: Uri,
    /// What messages to it are signed with.
    pub secrets: Secrets,
    /// The certificates of authorities by which its server is believed; `None` for the system's.
    pub authorities: Option<PathBuf>,
    /// Of what, one at least.
    pub events: Vec<Event>,
}

impl fmt::Debug for Receiver {
    /// Shows neither the secret nor where it is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("events", &self.events).finish_non_exhaustive()
    }
}

/// What has been counted, in the order of [`Counts::LABELS`].
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; 5]);

/// Places in the counts.
#[derive(Clone, Copy)]
enum Counted {
    Delivered,
    Failed,
    Refused,
    Expired,
    Dropped,
}

impl Counts {
    /// What each number counts: messages that were taken; tries that failed; messages that the receiver does not want (410),
    /// that were tried for too long, and that had no room, or no receiver any more.
    pub const LABELS: [&'static str; 5] = ["delivered", "failed", "refused", "expired", "dropped"];

    fn add(&self, what: Counted, number: usize) {
        let place = match what {
            Counted::Delivered => 0,
            Counted::Failed => 1,
            Counted::Refused => 2,
            Counted::Expired => 3,
            Counted::Dropped => 4,
        };
        if let Some(count) = self.0.get(place) {
            count.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// The numbers.
    #[must_use]
    pub fn get(&self) -> [u64; 5] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// What waits for a receiver. It outlives the task that works on it.
#[derive(Default)]
struct Pending {
    queue: Mutex<Queue>,
    more: Notify,
}

impl Pending {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiver at work.
struct Line {
    receiver: Receiver,
    /// What stands for its URL in the names of what is kept.
    key: String,
    pending: Arc<Pending>,
}

#[derive(Default)]
struct Lines {
    all: Vec<Line>,
    /// What was kept for receivers that have not been seen yet, by their keys.
    found: Vec<(String, Message)>,
    running: JoinSet<()>,
}

/// Puts things on a shelf, or takes away those that are `None`. Blocks.
pub type Keep = Box<dyn Fn(&[(String, Option<Vec<u8>>)]) -> Result<(), String> + Send + Sync>;

/// All receivers.
pub struct Webhooks {
    clock: SystemClock,
    pace: Pace,
    counts: Arc<Counts>,
    lines: Mutex<Lines>,
    keep: Keep,
    /// The names of what is on disk, and whether the disk refused the last change. Held while it is written.
    shelf: Mutex<(BTreeSet<String>, bool)>,
    changed: Arc<Notify>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Webhooks({} waiting)", self.waiting())
    }
}

impl Webhooks {
    /// Nobody is told yet: [`Webhooks::set`] says who is. `kept` is what was on the shelf.
    #[must_use]
    pub fn new(clock: SystemClock, pace: Pace, kept: Vec<(String, Vec<u8>)>, keep: Keep) -> Arc<Self> {
        let read = |(name, bytes): &(String, Vec<u8>)| {
            let (key, id) = name.split_once('.')?;
            Some((key.to_owned(), Message::read(id, bytes)?))
        };
        let mut found: Vec<(String, Message)> = kept.iter().filter_map(read).collect();
        found.sort_by_key(|(_, message)| message.at);
        let names = kept.into_iter().map(|(name, _)| name).collect();
        Arc::new(Self {
            clock,
            pace,
            counts: Arc::default(),
            lines: Mutex::new(Lines { found, ..Lines::default() }),
            keep,
            shelf: Mutex::new((names, false)),
            changed: Arc::default(),
        })
    }

    /// Tells these from now on, each with the TLS by which it is believed if its URL is an `https` one; 8 at most. What
    /// waits for one whose URL stays goes on waiting, what waits for another is dropped. To be called inside a tokio
    /// runtime.
    pub fn set(&self, receivers: Vec<(Receiver, Option<Arc<ClientConfig>>)>) {
        let mut lines = self.lines();
        // A try that is cut off here is made again, with the same id.
        lines.running = JoinSet::new();
        let mut old = core::mem::take(&mut lines.all);
        let mut found = core::mem::take(&mut lines.found);
        for (number, (receiver, tls)) in (1_usize..=MOST_RECEIVERS).zip(receivers) {
            let key = key(&receiver.url);
            let pending = match old.iter().position(|line| line.key == key) {
                Some(place) => old.swap_remove(place).pending,
                None => Arc::default(),
            };
            for (_, message) in found.extract_if(.., |(of, _)| *of == key) {
                self.wait(&pending, Arc::new(message));
            }
            let Some(way) = way(&receiver.url, tls, self.pace.patience) else {
                // The library of TLS has no TLS; then nothing runs here.
                continue;
            };
            let worker = Worker {
                number,
                receiver: receiver.clone(),
                way,
                pending: Arc::clone(&pending),
                clock: self.clock,
                pace: self.pace,
                counts: Arc::clone(&self.counts),
                changed: Arc::clone(&self.changed),
            };
            lines.running.spawn(worker.work());
            lines.all.push(Line { receiver, key, pending });
        }
        let lost: usize = old.iter().map(|line| line.pending.queue().len()).sum();
        self.counts.add(Counted::Dropped, lost.saturating_add(found.len()));
        drop(lines);
        self.changed.notify_one();
    }

    /// Tells all receivers that want to know. Never blocks.
    pub fn tell(&self, event: Event, appointment: &Call) {
        let lines = self.lines();
        let wanting: Vec<&Line> = lines.all.iter().filter(|line| line.receiver.events.contains(&event)).collect();
        if wanting.is_empty() {
            return;
        }
        let Some(message) = Message::new(event, *appointment, self.clock.now().unix).map(Arc::new) else {
            return self.counts.add(Counted::Dropped, wanting.len());
        };
        for line in wanting {
            self.wait(&line.pending, Arc::clone(&message));
        }
        self.changed.notify_one();
    }

    fn wait(&self, pending: &Pending, message: Arc<Message>) {
        let age = message.at.seconds_until(self.clock.now().unix);
        let left = self.pace.within.saturating_sub(Duration::from_secs(age));
        if left.is_zero() {
            return self.counts.add(Counted::Expired, 1);
        }
        let now = Instant::now();
        if !pending.queue().push(message, now, now + left) {
            self.counts.add(Counted::Dropped, 1);
        }
        pending.more.notify_one();
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> [u64; 5] {
        self.counts.get()
    }

    /// Messages that wait, for all receivers.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lines().all.iter().map(|line| line.pending.queue().len()).sum()
    }

    /// Writes what changes, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            sleep(GATHER).await;
            let webhooks = Arc::clone(&self);
            if !spawn_blocking(move || webhooks.write()).await.unwrap_or(true) {
                self.changed.notify_one();
            }
        }
    }

    /// Tells nobody any more, and writes what waits. Blocks.
    pub fn stop(&self) {
        self.lines().running = JoinSet::new();
        self.write();
    }

    /// Puts on the shelf what waits and is not there, and takes away what waits no more. False if the disk refused it.
    fn write(&self) -> bool {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let (names, refused) = &mut *shelf;
        let mut waiting = BTreeSet::new();
        let mut changes = Vec::new();
        for line in &self.lines().all {
            for message in line.pending.queue().messages() {
                let name = format!("{}.{}", line.key, message.id);
                if !names.contains(&name) {
                    changes.push((name.clone(), Some(message.kept())));
                }
                waiting.insert(name);
            }
        }
        changes.extend(names.iter().filter(|name| !waiting.contains(*name)).map(|name| (name.clone(), None)));
        if changes.is_empty() {
            return true;
        }
        let kept = (self.keep)(&changes);
        let was_refused = core::mem::replace(refused, kept.is_err());
        match kept {
            Ok(()) => *names = waiting,
            Err(why) if !was_refused => tracing::error!(
                "webhooks that wait could not be written, which is tried again every second; a restart before forgets \
                 them: {why}"
            ),
            Err(_) => {}
        }
        !*refused
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands for a URL: it may hold a word that lets in.
fn key(url: &Uri) -> String {
    Sha256::digest(url.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Who works on what waits for one receiver.
struct Worker {
    /// Its place in the configuration, from 1 on: what logs call it.
    number: usize,
    receiver: Receiver,
    way: Https,
    pending: Arc<Pending>,
    clock: SystemClock,
    pace: Pace,
    counts: Arc<Counts>,
    changed: Arc<Notify>,
}

impl Worker {
    async fn work(self) {
        let mut failing = false;
        loop {
            // Not in the head of the match, where the lock would live as long as its arms.
            let first = self.pending.queue().first();
            match first {
                None => self.pending.more.notified().await,
                Some((_, due, _)) if due > Instant::now() => {
                    timeout_at(due, self.pending.more.notified()).await.ok();
                }
                Some((number, _, message)) => self.try_one(number, &message, &mut failing).await,
            }
        }
    }

    async fn try_one(&self, number: u64, message: &Message, failing: &mut bool) {
        let Self { receiver: Receiver { url, secrets, .. }, way, pace, .. } = self;
        let outcome = post(way, (url, secrets), message, self.clock.now().unix).await;
        let mut queue = self.pending.queue();
        match outcome {
            Outcome::Taken | Outcome::Refused => {
                let taken = matches!(outcome, Outcome::Taken);
                queue.done(number);
                self.counts.add(if taken { Counted::Delivered } else { Counted::Refused }, 1);
                if core::mem::take(failing) {
                    tracing::info!(webhook = self.number, "the receiver takes webhooks again");
                }
            }
            Outcome::Failed(why) => {
                self.counts.add(Counted::Failed, 1);
                if !core::mem::replace(failing, true) {
                    tracing::warn!(webhook = self.number, "a webhook is not taken and is tried again: {why}");
                }
                if !queue.again(number, Instant::now(), pace) {
                    self.counts.add(Counted::Expired, 1);
                }
            }
        }
        drop(queue);
        self.changed.notify_one();
    }
}
