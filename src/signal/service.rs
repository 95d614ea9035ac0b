//! Signaling at work: the hall, the book and the accounts behind their locks, and the connections that lead there.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::book::{Book, NotJoined};
use super::hall::{ClinicId, Counts, Deed, Hall, Minting, Out, Pass, PersonId, RoomId, Settings, SocketId};
use super::message::{CloseCode, Ended, FromClient, Turn};
use super::openid::OpenId;
use super::outside::Outside;
use super::role::{Action, Role};
use super::roster::{NotEnrolled, Roster};
use super::secret::{NoRandomness, SecretHash, random};
use crate::addr::ClientAddr;
use crate::auth::token::Limits;
use crate::policy::AttemptBudget;
use crate::time::{Now, UnixTime};
use crate::webhook::Event;

/// Connections at once: two for every member, while they come back.
pub const MOST_SOCKETS: usize = 40_000;
/// How often the hall looks at the time.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two looks for appointments and sessions that are over.
const FORGET: u64 = 300;
/// Ticks until the disk is asked again to take what it has refused: a full one is asked once a second. As often the next
/// process is told of sessions.
const RETRY: u64 = 5;
/// Seconds for which credentials begin something at most. They are renewed at four fifths.
pub const LONGEST_CREDENTIALS: u64 = 3600;
/// Seconds that allocations may go on after a visit's end: who is told of it stops at once.
const GRACE: u64 = 30;
/// Seconds for which throw-away credentials of a device check are good.
const CHECK: u64 = 60;
/// What they are good for, since whoever opens the page gets them: no call. A browser tries three ways at once over each of
/// its networks, two with IPv4 and IPv6, and the page for technicians sends 64 kB to itself within six seconds.
const CHECK_LIMITS: Limits = Limits { kbps: Some(128), allocations: Some(12) };
/// Passwords that are tried at once: each takes 19 MiB and a processor for some tens of milliseconds.
const TRIALS: usize = 2;
/// Those who wait for that: two seconds of trials, and no more than a shift that begins.
const WAITING: usize = 32;
/// Links that a source may guess wrongly in a minute.
const GUESSES: u32 = 10;
/// Times that a source may fail to sign in in a minute: those whose trial runs count as well, and a hospital behind one
/// address has shifts.
const SIGN_INS: u32 = 20;
/// Device checks that a source may make in a minute: a waiting room of phones behind one address.
const CHECKS: u32 = 30;

/// Why there is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTicket {
    /// The visit is over, or another browser has the link.
    NotJoined(NotJoined),
    /// Nobody is signed in.
    SignIn,
    /// Not in this role, or not at this clinic.
    NotAllowed,
    /// There are too many, or the clinic is no more.
    Full,
}

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
    sign_ins: AttemptBudget,
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
    pub(super) trials: Arc<Semaphore>,
    /// Those, and whoever waits for them.
    pub(super) queue: Arc<Semaphore>,
    /// Held while changes are written, so that the last state is the one that stays: whether the disk refused the last ones.
    pub(super) writing: Mutex<bool>,
    /// There is something that the disk has refused and has to be asked again for.
    pub(super) refused: AtomicBool,
    /// The disk has refused the last change.
    pub(super) failing: AtomicBool,
    /// Where staff can sign in as well.
    pub(super) openid: RwLock<Option<Arc<OpenId>>>,
    budgets: Mutex<Budgets>,
    counted: Mutex<BTreeMap<[&'static str; 2], u64>>,
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.hub().hall.fmt(formatter)
    }
}

/// Who mints, and for how long.
struct Mint<'o>(&'o dyn Outside, u64);

impl Minting for Mint<'_> {
    fn turn(&mut self, call: &RoomId, party: &PersonId, ends: UnixTime, now: UnixTime) -> Option<Turn> {
        self.0.turn((call, party), Limits::default(), now.plus_secs(self.1).min(ends), ends.plus_secs(GRACE))
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
        let [mut seed, mut guesses, mut sign_ins, mut checks] = [[0; 32]; 4];
        for key in [&mut seed, &mut guesses, &mut sign_ins, &mut checks] {
            random(key)?;
        }
        let budgets = Budgets {
            guesses: AttemptBudget::new(GUESSES, guesses),
            sign_ins: AttemptBudget::new(SIGN_INS, sign_ins),
            checks: AttemptBudget::new(CHECKS, checks),
        };
        let hall = Hall::new(settings.clone(), seed);
        Ok(Arc::new(Self {
            outside,
            settings: RwLock::new(Arc::new(settings)),
            hub: Mutex::new(Hub { hall, sockets: HashMap::new(), next: 0 }),
            book: Mutex::new(book),
            roster: Mutex::new(roster),
            trials: Arc::new(Semaphore::new(TRIALS)),
            queue: Arc::new(Semaphore::new(TRIALS.saturating_add(WAITING))),
            writing: Mutex::default(),
            refused: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            openid: RwLock::default(),
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
                let over = self.book().forget(now.unix);
                over.iter().for_each(|room| self.outside.tell(Event::AppointmentOver, room));
                self.end_sessions(now);
                self.write_soon();
            }
            if number.is_multiple_of(RETRY) {
                self.write_refused();
                self.remember_sessions();
            }
        }
    }

    /// Whoever came in by a session that is over goes.
    fn end_sessions(self: &Arc<Self>, now: Now) {
        let active = self.with_hall(|hall, _| hall.active());
        let over = {
            let mut roster = self.roster();
            for session in active {
                roster.active(&session, now.unix);
            }
            roster.forget(now.unix)
        };
        if !over.is_empty() {
            self.with_hall(|hall, _| over.iter().for_each(|session| hall.signed_out(session, now)));
        }
    }

    /// Whoever came in by a session that is over goes, now.
    pub(super) fn end_sessions_now(self: &Arc<Self>) {
        self.end_sessions(self.now());
    }

    /// Signs out, here and on every socket that came in by this session.
    pub(super) fn sign_out(self: &Arc<Self>, shown: &str) {
        let now = self.now();
        self.roster().sign_out(shown);
        self.remember_sessions();
        self.with_hall(|hall, _| hall.signed_out(&SecretHash::of(shown), now));
    }

    /// Tells everybody to come back to another server.
    pub fn stop(self: &Arc<Self>) {
        self.remember_sessions();
        self.with_hall(|hall, _| hall.stop());
    }

    /// Works with the hall, and carries out what it says before anybody else may.
    pub(super) fn with_hall<T>(self: &Arc<Self>, work: impl FnOnce(&mut Hall, &mut dyn Minting) -> T) -> T {
        let credentials = self.settings().credentials;
        let mut hub = self.hub();
        let done = work(&mut hub.hall, &mut Mint(&*self.outside, credentials));
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
                Out::Told(event, room) => self.outside.tell(event, &room),
                Out::Onward(room, kept) => self.outside.remember(&[(super::onward::of_call(&room), kept)]),
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
            if book.end(&room, now) {
                self.outside.tell(Event::AppointmentOver, &room);
            }
            ends
        };
        blocking(move || {
            signal.outside.end_call(&room, ends.max(now).plus_secs(LONGEST_CREDENTIALS));
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
        // Read before anybody has to wait for it.
        let message = FromClient::read(text);
        self.with_hall(|hall, mint| hall.said(socket, message, now, mint));
    }

    pub(super) fn disconnected(self: &Arc<Self>, socket: SocketId) {
        let now = self.now();
        self.hub().sockets.remove(&socket);
        self.with_hall(|hall, _| hall.closed(socket, now));
    }

    /// A ticket for somebody with a link. While the hall is held nothing ends a visit and nothing releases a link, so what
    /// the book says now is so when the ticket is there to be taken away.
    pub(super) fn guest_ticket(&self, pass: Pass, browser: &str) -> Result<String, NoTicket> {
        let now = self.now();
        let mut hub = self.hub();
        if let Pass::Guest { room, person, .. } = &pass {
            self.book().holds(room, person, browser, now.unix).map_err(NoTicket::NotJoined)?;
        }
        hub.hall.ticket(pass, now).ok_or(NoTicket::Full)
    }

    /// A ticket for whoever is signed in with this secret, to the list of a clinic. The account is looked at while the hall
    /// is held, as above: whoever dismisses or signs out comes before or after, and finds the ticket.
    pub(super) fn staff_ticket(&self, shown: &str, clinic: ClinicId) -> Result<String, NoTicket> {
        let now = self.now();
        let mut hub = self.hub();
        let (name, role) = {
            let mut roster = self.roster();
            let account = roster.session(shown, now.unix).ok_or(NoTicket::SignIn)?;
            if !account.role.may(Action::Receive) || !account.clinics.contains(&clinic) {
                return Err(NoTicket::NotAllowed);
            }
            (account.name.clone(), account.role)
        };
        let pass = Pass::Staff { name, role, clinic, session: SecretHash::of(shown) };
        hub.hall.ticket(pass, now).ok_or(NoTicket::Full)
    }

    /// A second browser has shown a link and was refused.
    pub(super) fn second(self: &Arc<Self>, shown: &str) {
        let now = self.now();
        let pass = self.book().pass(shown, now.unix);
        if let Some(pass) = pass {
            self.with_hall(|hall, _| hall.second(pass, now));
        }
    }

    pub(super) fn release(self: &Arc<Self>, room: &RoomId, person: &PersonId) {
        let now = self.now();
        self.with_hall(|hall, _| hall.release(room, person, now));
    }

    /// Ends a visit from outside its room: whoever is there or on the way, and the appointment.
    pub(super) fn end(self: &Arc<Self>, room: &RoomId) {
        let now = self.now();
        self.with_hall(|hall, _| hall.end(room, Ended::Operator, now));
    }

    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A source has shown a link that is none. False if it has done so too often.
    pub(super) fn guessed(&self, client: ClientAddr) -> bool {
        let now = self.now().moment;
        self.budgets().guesses.charge(client, now)
    }

    /// Charges a source for a try to sign in. False if it has failed too often.
    pub(super) fn may_sign_in(&self, client: ClientAddr) -> bool {
        let now = self.now().moment;
        self.budgets().sign_ins.charge(client, now)
    }

    /// The try was none to be charged for.
    pub(super) fn signed_in(&self, client: ClientAddr) {
        self.budgets().sign_ins.give_back(client);
    }

    /// Throw-away credentials for a device check; `None` if there were too many, or none can be made.
    pub(super) fn check(&self, client: ClientAddr) -> Option<Turn> {
        let now = self.now();
        if !self.budgets().checks.charge(client, now.moment) {
            return None;
        }
        let mut bytes = [0; 16];
        random(&mut bytes).ok()?;
        let (call, _) = super::secret::secret(bytes);
        let until = now.unix.plus_secs(CHECK);
        self.outside.turn((&call.parse().ok()?, &"check".parse().ok()?), CHECK_LIMITS, until, until)
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
pub(super) fn blocking(work: impl FnOnce() + Send + 'static) {
    drop(tokio::task::spawn_blocking(work));
}
