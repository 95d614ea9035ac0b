//! Signaling at work: the hall, the book and the accounts behind their locks, and the connections that lead there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::book::Book;
use super::hall::{ClinicId, Counts, Deed, Hall, Minting, Out, Pass, PersonId, RoomId, Settings, SocketId};
use super::message::{CloseCode, Ended, Turn};
use super::outside::Outside;
use super::role::Role;
use super::roster::{NotEnrolled, Roster};
use super::secret::{NoRandomness, random};
use crate::addr::ClientAddr;
use crate::policy::AttemptBudget;
use crate::store::Shelf;
use crate::time::{Now, UnixTime};

/// Connections at once: two for every member, while they come back.
pub const MOST_SOCKETS: usize = 40_000;
/// How often the hall looks at the time.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two looks for appointments that are over.
const FORGET: u64 = 300;
/// Seconds for which credentials begin something. They are renewed at four fifths.
const CREDENTIALS: u64 = 3600;
/// Seconds that allocations may go on after a visit's end: who is told of it stops at once.
const GRACE: u64 = 30;
/// Seconds for which throw-away credentials of a device check are good.
const CHECK: u64 = 60;
/// Passwords that are tried at once: each takes 19 MiB and a processor for some tens of milliseconds.
const TRIALS: usize = 2;
/// Links that a source may guess wrongly in a minute.
const GUESSES: u32 = 10;
/// Device checks that a source may make in a minute: a waiting room of phones behind one address.
const CHECKS: u32 = 30;

/// What is to be written to a connection.
#[derive(Debug)]
pub(super) enum Frame {
    /// A message.
    Text(String),
    /// The end.
    Close(CloseCode),
}

/// The hall, and the ways to those in it.
struct Hub {
    hall: Hall,
    sockets: HashMap<SocketId, Sender<Frame>>,
    next: SocketId,
}

/// Budgets of those who have proven nothing.
struct Budgets {
    guesses: AttemptBudget,
    checks: AttemptBudget,
}

/// See the module.
pub struct Signal {
    pub(super) outside: Arc<dyn Outside>,
    settings: RwLock<Arc<Settings>>,
    hub: Mutex<Hub>,
    book: Mutex<Book>,
    roster: Mutex<Roster>,
    /// Passwords that are tried at once.
    pub(super) trials: Semaphore,
    /// Held while changes are written, so that the last state is the one that stays.
    writing: Mutex<()>,
    budgets: Mutex<Budgets>,
    counted: Mutex<BTreeMap<[&'static str; 2], u64>>,
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.hub().hall.fmt(formatter)
    }
}

struct Mint<'o>(&'o dyn Outside);

impl Minting for Mint<'_> {
    fn turn(&mut self, call: &RoomId, party: &PersonId, ends: UnixTime, now: UnixTime) -> Option<Turn> {
        self.0.turn(call, party, now.plus_secs(CREDENTIALS).min(ends), ends.plus_secs(GRACE))
    }
}

impl Signal {
    /// Signaling with a book and a roster of what was kept.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(
        outside: Arc<dyn Outside>,
        settings: Settings,
        book: Book,
        roster: Roster,
    ) -> Result<Arc<Self>, NoRandomness> {
        let (mut seed, mut guesses, mut checks) = ([0; 32], [0; 32], [0; 32]);
        random(&mut seed)?;
        random(&mut guesses)?;
        random(&mut checks)?;
        let budgets =
            Budgets { guesses: AttemptBudget::new(GUESSES, guesses), checks: AttemptBudget::new(CHECKS, checks) };
        let hall = Hall::new(settings.clone(), seed);
        Ok(Arc::new(Self {
            outside,
            settings: RwLock::new(Arc::new(settings)),
            hub: Mutex::new(Hub { hall, sockets: HashMap::new(), next: 0 }),
            book: Mutex::new(book),
            roster: Mutex::new(roster),
            trials: Semaphore::new(TRIALS),
            writing: Mutex::default(),
            budgets: Mutex::new(budgets),
            counted: Mutex::default(),
        }))
    }

    /// Others hold from now on.
    pub fn set(&self, settings: Settings) {
        self.hub().hall.set(settings.clone());
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// What holds.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has been counted of rooms, members and messages.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.hub().hall.counts()
    }

    /// Requests by endpoint and outcome.
    #[must_use]
    pub fn requests(&self) -> Vec<([&'static str; 2], u64)> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.iter().map(|(labels, count)| (*labels, *count)).collect()
    }

    /// Appointments in the book, those that are over included.
    #[must_use]
    pub fn appointments(&self) -> usize {
        self.book().len()
    }

    pub(super) fn count(&self, endpoint: &'static str, outcome: &'static str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counted.entry([endpoint, outcome]).or_default();
        *count = count.saturating_add(1);
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Now {
        self.outside.now()
    }

    /// Looks at the time until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number: u64 = 0;
        loop {
            ticks.tick().await;
            let now = self.now();
            self.with_hall(|hall, mint| hall.tick(now, mint));
            number = number.wrapping_add(1);
            if number.is_multiple_of(FORGET) {
                self.book().forget(now.unix);
                self.roster().forget(now.unix);
                self.write_soon();
            }
        }
    }

    /// Tells everybody to come back to another server.
    pub fn stop(self: &Arc<Self>) {
        self.with_hall(|hall, _| hall.stop());
    }

    /// Works with the hall, and carries out what it says before anybody else may.
    fn with_hall<T>(self: &Arc<Self>, work: impl FnOnce(&mut Hall, &mut dyn Minting) -> T) -> T {
        let mut hub = self.hub();
        let done = work(&mut hub.hall, &mut Mint(&*self.outside));
        let mut slow = Vec::new();
        for out in hub.hall.take() {
            match out {
                Out::Send(socket, text) => {
                    let sent = hub.sockets.get(&socket).map(|sender| sender.try_send(Frame::Text(text)));
                    // Full: it takes nothing. The task sees its end of the channel closed.
                    if sent.is_some_and(|sent| sent.is_err()) {
                        hub.sockets.remove(&socket);
                        slow.push(socket);
                    }
                }
                Out::Close(socket, code) => {
                    if let Some(sender) = hub.sockets.remove(&socket) {
                        sender.try_send(Frame::Close(code)).ok();
                    }
                }
                Out::Over(room, why) => self.is_over(room, why),
                Out::Deed(deed) => self.outside.record(&deed),
            }
        }
        let now = self.now();
        for socket in slow {
            hub.hall.closed(socket, now);
        }
        done
    }

    /// A visit is over: its links, its tokens and its allocations.
    fn is_over(self: &Arc<Self>, room: RoomId, why: Ended) {
        let signal = Arc::clone(self);
        let now = self.now().unix;
        tracing::debug!(why = why.label(), "a visit is over");
        // Its links are good no more before anybody hears that it is over.
        let ends = {
            let mut book = self.book();
            let ends = book.get(&room).map_or(now, |one| one.ends);
            book.end(&room, now);
            ends
        };
        blocking(move || {
            signal.outside.end_call(&room, ends.max(now).plus_secs(CREDENTIALS));
            signal.write();
        });
    }

    /// Writes what has changed in the book, now.
    pub(super) fn write(&self) -> bool {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.book().changes();
        let kept = self.outside.keep(Shelf::Appointments, &changes);
        if let Err(why) = &kept {
            tracing::error!("appointments could not be written and are forgotten with the next restart: {why}");
        }
        kept.is_ok()
    }

    /// Writes what has changed in the roster, now.
    pub(super) fn write_roster(&self) -> bool {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.roster().changes();
        let kept = self.outside.keep(Shelf::Staff, &changes);
        if let Err(why) = &kept {
            tracing::error!("accounts of staff could not be written and are forgotten with the next restart: {why}");
        }
        kept.is_ok()
    }

    fn write_soon(self: &Arc<Self>) {
        let signal = Arc::clone(self);
        blocking(move || {
            signal.write();
        });
    }

    /// A new connection, unless there are too many.
    pub(super) fn connected(self: &Arc<Self>, sender: Sender<Frame>) -> Option<SocketId> {
        let now = self.now();
        let mut hub = self.hub();
        if hub.sockets.len() >= MOST_SOCKETS {
            return None;
        }
        hub.next = hub.next.saturating_add(1);
        let socket = hub.next;
        hub.sockets.insert(socket, sender);
        hub.hall.opened(socket, now);
        Some(socket)
    }

    pub(super) fn said(self: &Arc<Self>, socket: SocketId, text: &str) {
        let now = self.now();
        self.with_hall(|hall, mint| hall.said(socket, text, now, mint));
    }

    pub(super) fn disconnected(self: &Arc<Self>, socket: SocketId) {
        let now = self.now();
        self.hub().sockets.remove(&socket);
        self.with_hall(|hall, _| hall.closed(socket, now));
    }

    pub(super) fn ticket(&self, pass: Pass) -> Option<String> {
        let now = self.now();
        self.hub().hall.ticket(pass, now)
    }

    pub(super) fn release(self: &Arc<Self>, room: &RoomId, person: &PersonId) {
        let now = self.now();
        self.with_hall(|hall, _| hall.release(room, person, now));
    }

    /// Ends a visit from outside its room: whoever is there, and the appointment when nobody is.
    pub(super) fn end(self: &Arc<Self>, room: &RoomId) {
        let now = self.now();
        if !self.with_hall(|hall, _| hall.end(room, Ended::Operator, now)) {
            self.is_over(*room, Ended::Operator);
        }
    }

    /// Whether a source may try a link.
    pub(super) fn may_guess(&self, client: ClientAddr) -> bool {
        let now = self.now().moment;
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).guesses.may_try(client, now)
    }

    /// It was none.
    pub(super) fn guessed(&self, client: ClientAddr) {
        let now = self.now().moment;
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).guesses.failed(client, now);
    }

    /// Throw-away credentials for a device check; `None` if there were too many, or none can be made.
    pub(super) fn check(&self, client: ClientAddr) -> Option<Turn> {
        let now = self.now();
        {
            let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
            if !budgets.checks.may_try(client, now.moment) {
                return None;
            }
            budgets.checks.failed(client, now.moment);
        }
        let mut bytes = [0; 16];
        random(&mut bytes).ok()?;
        let (call, _) = super::secret::secret(bytes);
        let until = now.unix.plus_secs(CHECK);
        self.outside.turn(&call.parse().ok()?, &"check".parse().ok()?, until, until)
    }

    /// Counts how a visit was, if a browser asks that has the link; each link counts once.
    pub(super) fn rate(&self, shown: &str, browser: &str, stars: &'static str) -> bool {
        let rated = self.book().rate(shown, browser);
        if rated {
            self.count("stars", stars);
        }
        rated
    }

    /// Changes the accounts of staff, and writes them. Blocks.
    ///
    /// # Errors
    /// What `work` says, or that the disk takes nothing.
    pub fn enrol<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Roster) -> Result<T, NotEnrolled>,
    ) -> Result<T, Option<NotEnrolled>> {
        let done = work(&mut self.roster()).map_err(Some)?;
        if self.write_roster() { Ok(done) } else { Err(None) }
    }

    /// One of the staff has another role, or none: whoever is connected under that name goes.
    pub fn dismiss(self: &Arc<Self>, name: &str) {
        let now = self.now();
        self.with_hall(|hall, _| hall.dismiss(name, now));
    }

    /// Whether the configuration has a clinic.
    #[must_use]
    pub fn has_clinic(&self, clinic: &ClinicId) -> bool {
        self.settings().clinics.contains_key(clinic)
    }

    /// Puts on record what one of the staff did that is about no visit.
    pub(super) fn staff_deed(&self, action: &str, actor: &str) {
        self.outside.record(&Deed {
            action: action.to_owned(),
            room: None,
            role: Role::Clinician,
            actor: actor.to_owned(),
        });
    }

    /// Puts on record what somebody did outside a room.
    pub(super) fn record(&self, action: &str, room: RoomId, (role, actor): (Role, &str)) {
        self.outside.record(&Deed { action: action.to_owned(), room: Some(room), role, actor: actor.to_owned() });
    }
}

/// Runs what waits for the disk or for shards away from the threads that serve connections.
fn blocking(work: impl FnOnce() + Send + 'static) {
    drop(tokio::task::spawn_blocking(work));
}
