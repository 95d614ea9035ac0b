//! The book of appointments: who may come when, by which link. A state without clock, chance or disk of its own.
//!
//! A link is good for one person, within the window of its appointment, and for the one browser that used it first. Its
//! secret is nowhere: only a hash is kept. When a visit is over nothing is left of it but the hashes of its links, and
//! they only for a day, so that whoever opens one reads that it is over.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::hall::{ClinicId, Pass, PersonId, RoomId};
use super::role::Role;
use super::secret::{SecretHash, secret};
use crate::time::UnixTime;

/// Appointments at once: some months of a large clinic.
pub const MOST_APPOINTMENTS: usize = 50_000;
/// Of those, the ones of a clinic: 200 a day for four working months. Two clinics that ask for all they can get leave room
/// for the others.
pub const MOST_OF_CLINIC: usize = 20_000;
/// Appointments in one list, the first ones: a week of a large clinic, and 1 MB at the most.
pub const MOST_LISTED: usize = 1000;
/// Seconds from now until an appointment opens: whoever plans for later than a year has mistaken the unit.
pub const FARTHEST: u64 = 366 * 86_400;
/// People with a link to one appointment: four in the call, and some who took another device.
pub const MOST_PEOPLE: usize = 16;
/// Characters of a label.
pub const LONGEST_LABEL: usize = 24;
/// Seconds after its end for which a link reads that it is over.
const AFTERWARDS: u64 = 86_400;

/// One appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// Its name, that of its room and of the call in tokens.
    pub id: RoomId,
    /// Whose.
    pub clinic: ClinicId,
    /// The clinic's own word for it.
    pub label: String,
    /// From when on links are good.
    pub opens: UnixTime,
    /// Until when.
    pub ends: UnixTime,
    /// It was ended.
    pub over: bool,
    /// Those with a link.
    pub people: Vec<Person>,
}

/// Somebody with a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their number in the room.
    pub id: PersonId,
    /// Patient, guest or captioner.
    pub role: Role,
    /// The hash of the link's secret.
    pub link: SecretHash,
    /// The hash of what the browser comes back by that has used it.
    pub browser: Option<SecretHash>,
    /// It has said how the visit was.
    pub rated: bool,
}

/// Where a time is in the window of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// Before it.
    Early,
    /// In it.
    Open,
    /// After it.
    Over,
}

impl Appointment {
    /// Where a time is in its window: the first second counts, the last one does not.
    #[must_use]
    pub fn window(&self, now: UnixTime) -> Window {
        if self.over || now >= self.ends {
            Window::Over
        } else if now < self.opens {
            Window::Early
        } else {
            Window::Open
        }
    }
}

/// A link that was just made; nobody can show it again.
#[derive(Debug)]
pub struct Link {
    /// Whose.
    pub person: PersonId,
    /// In which role.
    pub role: Role,
    /// Its secret.
    pub secret: Zeroizing<String>,
}

/// Why somebody cannot come in by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJoined {
    /// There is no such link, or there was one.
    Unknown,
    /// Before the window.
    Early,
    /// After it.
    Over,
    /// Another browser has it.
    InUse,
}

/// Why an appointment is not made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// The label has other characters than letters, digits, space, `.`, `_` and `-`, or too many.
    Label,
    /// It ends before it opens, has ended, or opens in more than [`FARTHEST`] seconds.
    Window,
    /// Nobody is to come, or too many, or one of the staff.
    People,
    /// There are too many, in all or of this clinic.
    Full,
    /// There is no such appointment, or nobody of this number in it.
    Unknown,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    appointments: HashMap<RoomId, Appointment>,
    links: HashMap<SecretHash, (RoomId, PersonId)>,
    /// How many there are of each clinic.
    counts: HashMap<ClinicId, usize>,
    /// What has to be written, by name; each once, however long the disk takes nothing.
    changed: BTreeSet<RoomId>,
}

impl Book {
    /// A book of what was kept.
    ///
    /// # Errors
    /// The name of the first that cannot be read.
    pub fn read(kept: &[(String, Vec<u8>)]) -> Result<Self, String> {
        let mut book = Self::default();
        for (name, bytes) in kept {
            let appointment = decode(name, bytes).ok_or_else(|| name.clone())?;
            book.index(appointment);
        }
        Ok(book)
    }

    fn index(&mut self, appointment: Appointment) {
        for person in &appointment.people {
            self.links.insert(person.link, (appointment.id, person.id));
        }
        let count = self.counts.entry(appointment.clinic).or_default();
        *count = count.saturating_add(1);
        self.appointments.insert(appointment.id, appointment);
    }

    fn remove(&mut self, id: &RoomId) {
        let Some(gone) = self.appointments.remove(id) else { return };
        for one in gone.people {
            self.links.remove(&one.link);
        }
        if let Some(count) = self.counts.get_mut(&gone.clinic) {
            *count = count.saturating_sub(1);
        }
        self.changed.insert(*id);
    }

    /// What has changed since the last time, as it is to be kept; `None` for what is no more.
    pub fn changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let changed = core::mem::take(&mut self.changed);
        let entry = |id: RoomId| (id.as_str().to_owned(), self.appointments.get(&id).map(encode));
        changed.into_iter().map(entry).collect()
    }

    /// These changes could not be kept: they are among the next ones, as they are by then.
    pub fn not_kept(&mut self, changes: &[(String, Option<Vec<u8>>)]) {
        self.changed.extend(changes.iter().filter_map(|(name, _)| name.parse::<RoomId>().ok()));
    }

    /// Makes an appointment, with a link for each role. `random` gives 16 random bytes at a time.
    ///
    /// # Errors
    /// [`NotMade`]: nothing has changed.
    pub fn make(
        &mut self,
        (clinic, label): (ClinicId, &str),
        (opens, ends): (UnixTime, UnixTime),
        roles: &[Role],
        now: UnixTime,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<(RoomId, Vec<Link>), NotMade> {
        let in_label = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
        if label.len() > LONGEST_LABEL || !label.bytes().all(in_label) {
            return Err(NotMade::Label);
        }
        if ends <= opens || ends <= now || opens > now.plus_secs(FARTHEST) {
            return Err(NotMade::Window);
        }
        if roles.is_empty() || roles.len() > MOST_PEOPLE || roles.iter().any(|role| role.is_staff()) {
            return Err(NotMade::People);
        }
        let of_clinic = self.counts.get(&clinic).copied().unwrap_or_default();
        if self.appointments.len() >= MOST_APPOINTMENTS || of_clinic >= MOST_OF_CLINIC {
            return Err(NotMade::Full);
        }
        let (id, _) = secret(random());
        let id: RoomId = id.parse().map_err(|_| NotMade::Full)?;
        let people = Vec::new();
        self.index(Appointment { id, clinic, label: label.to_owned(), opens, ends, over: false, people });
        let links = roles.iter().map(|role| self.add(&id, *role, now, random)).collect::<Result<_, _>>()?;
        Ok((id, links))
    }

    /// One that was just made is not, after all: nobody has been shown its links.
    pub fn take_back(&mut self, id: &RoomId) {
        self.remove(id);
    }

    /// One more link.
    ///
    /// # Errors
    /// [`NotMade`]: nothing has changed.
    pub fn add(
        &mut self,
        id: &RoomId,
        role: Role,
        now: UnixTime,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Link, NotMade> {
        let found = self.appointments.get_mut(id).filter(|found| found.window(now) != Window::Over);
        let found = found.ok_or(NotMade::Unknown)?;
        if role.is_staff() || found.people.len() >= MOST_PEOPLE {
            return Err(NotMade::People);
        }
        let number = found.people.len().saturating_add(1);
        let person: PersonId = format!("p{number}").parse().map_err(|_| NotMade::People)?;
        let (secret, link) = secret(random());
        found.people.push(Person { id: person, role, link, browser: None, rated: false });
        self.links.insert(link, (*id, person));
        self.changed.insert(*id);
        Ok(Link { person, role, secret })
    }

    /// A link that was just made is not, after all: nobody has been shown it. The number of its person is given again, if
    /// no later one was.
    pub fn take_back_link(&mut self, id: &RoomId, person: &PersonId) {
        let Some(found) = self.appointments.get_mut(id) else { return };
        if let Some(last) = found.people.pop_if(|last| last.id == *person) {
            self.links.remove(&last.link);
            self.changed.insert(*id);
        }
    }

    /// What a link leads to; uses nothing up.
    #[must_use]
    pub fn look(&self, shown: &str) -> Option<(&Appointment, &Person)> {
        let (id, person) = self.links.get(&SecretHash::of(shown))?;
        let appointment = self.appointments.get(id)?;
        Some((appointment, appointment.people.iter().find(|one| one.id == *person)?))
    }

    /// Comes in by a link: the press. The first browser gets a secret to come back by; another one is refused until the
    /// link is released.
    ///
    /// # Errors
    /// [`NotJoined`]: nothing has changed.
    pub fn join(
        &mut self,
        shown: &str,
        browser: Option<&str>,
        now: UnixTime,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<(Pass, Zeroizing<String>), NotJoined> {
        let (id, person) = self.links.get(&SecretHash::of(shown)).ok_or(NotJoined::Unknown)?;
        let found = self.appointments.get_mut(id).ok_or(NotJoined::Unknown)?;
        match found.window(now) {
            Window::Early => return Err(NotJoined::Early),
            Window::Over => return Err(NotJoined::Over),
            Window::Open => {}
        }
        let (clinic, label, ends) = (found.clinic, found.label.clone(), found.ends);
        let one = found.people.iter_mut().find(|one| one.id == *person).ok_or(NotJoined::Unknown)?;
        let pass = Pass::Guest { room: *id, person: *person, role: one.role, clinic, label, ends };
        match (one.browser, browser) {
            (Some(known), Some(shown)) if known == SecretHash::of(shown) => {
                Ok((pass, Zeroizing::new(shown.to_owned())))
            }
            (Some(_), _) => Err(NotJoined::InUse),
            (None, _) => {
                let (text, hash) = secret(random());
                one.browser = Some(hash);
                self.changed.insert(*id);
                Ok((pass, text))
            }
        }
    }

    /// Who a link is for, whichever browser has it, if they may come in now.
    #[must_use]
    pub fn pass(&self, shown: &str, now: UnixTime) -> Option<Pass> {
        let (found, one) = self.look(shown)?;
        let (role, label) = (one.role, found.label.clone());
        let pass = Pass::Guest { room: found.id, person: one.id, role, clinic: found.clinic, label, ends: found.ends };
        (found.window(now) == Window::Open).then_some(pass)
    }

    /// Whether this browser has the link of somebody who may come in now.
    ///
    /// # Errors
    /// [`NotJoined::Over`] or [`NotJoined::InUse`].
    pub fn holds(&self, id: &RoomId, person: &PersonId, browser: &str, now: UnixTime) -> Result<(), NotJoined> {
        let found = self.appointments.get(id).filter(|found| found.window(now) == Window::Open);
        let browser = Some(SecretHash::of(browser));
        let found = found.ok_or(NotJoined::Over)?;
        let holds = found.people.iter().any(|one| one.id == *person && one.browser == browser);
        if holds { Ok(()) } else { Err(NotJoined::InUse) }
    }

    /// A browser does not get the link after all, if it is still the one that has it.
    pub fn let_go(&mut self, id: &RoomId, person: &PersonId, browser: &str) {
        let browser = Some(SecretHash::of(browser));
        let people = self.appointments.get_mut(id).map_or(&mut [][..], |found| found.people.as_mut_slice());
        if let Some(one) = people.iter_mut().find(|one| one.id == *person && one.browser == browser) {
            one.browser = None;
            self.changed.insert(*id);
        }
    }

    /// Takes note that the browser that has a link says how the visit was; false if it is not that browser, or has said.
    pub fn rate(&mut self, shown: &str, browser: &str) -> bool {
        let Some((id, person)) = self.links.get(&SecretHash::of(shown)) else { return false };
        let people = self.appointments.get_mut(id).map_or(&mut [][..], |found| found.people.as_mut_slice());
        let browser = Some(SecretHash::of(browser));
        let one = people.iter_mut().find(|one| one.id == *person && one.browser == browser && !one.rated);
        if let Some(one) = one {
            one.rated = true;
            self.changed.insert(*id);
            return true;
        }
        false
    }

    /// A link may be used by another browser.
    ///
    /// # Errors
    /// [`NotMade::Unknown`].
    pub fn release(&mut self, id: &RoomId, person: &PersonId) -> Result<(), NotMade> {
        let found = self.appointments.get_mut(id).ok_or(NotMade::Unknown)?;
        let one = found.people.iter_mut().find(|one| one.id == *person).ok_or(NotMade::Unknown)?;
        if one.browser.take().is_some() {
            self.changed.insert(*id);
        }
        Ok(())
    }

    /// A visit is over, whenever it was to be: what is left is that its links were good once. Whether there was one to end.
    pub fn end(&mut self, id: &RoomId, now: UnixTime) -> bool {
        let Some(found) = self.appointments.get_mut(id).filter(|found| !found.over) else { return false };
        found.over = true;
        found.label.clear();
        found.ends = found.ends.min(now);
        self.changed.insert(*id);
        true
    }

    /// What is over by its time becomes so in the book as well, and is forgotten a day later. To be called now and then;
    /// says what has become over.
    pub fn forget(&mut self, now: UnixTime) -> Vec<RoomId> {
        let ended: Vec<RoomId> =
            self.appointments.values().filter(|one| !one.over && one.ends <= now).map(|one| one.id).collect();
        for id in &ended {
            self.end(id, now);
        }
        let old = |one: &&Appointment| one.over && one.ends.plus_secs(AFTERWARDS) <= now;
        let old: Vec<RoomId> = self.appointments.values().filter(old).map(|one| one.id).collect();
        for id in old {
            self.remove(&id);
        }
        ended
    }

    /// One appointment.
    #[must_use]
    pub fn get(&self, id: &RoomId) -> Option<&Appointment> {
        self.appointments.get(id)
    }

    /// The appointments of a clinic that are not over, in the order in which they open: the first [`MOST_LISTED`].
    #[must_use]
    pub fn of(&self, clinic: &ClinicId, now: UnixTime) -> Vec<&Appointment> {
        let wanted = |one: &&Appointment| one.clinic == *clinic && one.window(now) != Window::Over;
        let mut found: Vec<&Appointment> = self.appointments.values().filter(wanted).collect();
        found.sort_by_key(|one| (one.opens, one.id));
        found.truncate(MOST_LISTED);
        found
    }

    /// How many there are, those that are over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.appointments.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appointments.is_empty()
    }
}

/// How an appointment is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u8,
    clinic: String,
    label: String,
    opens: u64,
    ends: u64,
    over: bool,
    people: Vec<KeptPerson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPerson {
    id: String,
    role: Role,
    link: SecretHash,
    browser: Option<SecretHash>,
    rated: bool,
}

fn encode(one: &Appointment) -> Vec<u8> {
    let person = |one: &Person| KeptPerson {
        id: one.id.as_str().to_owned(),
        role: one.role,
        link: one.link,
        browser: one.browser,
        rated: one.rated,
    };
    let kept = Kept {
        v: 1,
        clinic: one.clinic.as_str().to_owned(),
        label: one.label.clone(),
        opens: one.opens.as_secs(),
        ends: one.ends.as_secs(),
        over: one.over,
        people: one.people.iter().map(person).collect(),
    };
    // Nothing here has a form that JSON lacks.
    serde_json::to_vec(&kept).unwrap_or_default()
}

fn decode(name: &str, bytes: &[u8]) -> Option<Appointment> {
    let kept: Kept = serde_json::from_slice(bytes).ok().filter(|kept: &Kept| kept.v == 1)?;
    let person = |one: KeptPerson| {
        Some(Person {
            id: one.id.parse().ok()?,
            role: one.role,
            link: one.link,
            browser: one.browser,
            rated: one.rated,
        })
    };
    Some(Appointment {
        id: name.parse().ok()?,
        clinic: kept.clinic.parse().ok()?,
        label: kept.label,
        opens: UnixTime::from_secs(kept.opens),
        ends: UnixTime::from_secs(kept.ends),
        over: kept.over,
        people: kept.people.into_iter().map(person).collect::<Option<_>>()?,
    })
}
