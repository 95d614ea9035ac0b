//! Ports that wait for whoever holds their token (RFC 8656 §14.9: RESERVATION-TOKEN).

use crate::auth::Subject;
use crate::time::{Lifetime, Moment};

use super::port::Held;

/// How long a port stays reserved for the holder of a RESERVATION-TOKEN (RFC 8656 §7.2: 30 s at least).
const RESERVED_FOR: Lifetime = Lifetime::from_secs(30);
/// Ports that may wait for their token's holder at once. EVEN-PORT with R = 1 is rare (RTP without multiplexing); beyond
/// this the request is refused with 508.
const MOST_RESERVED: usize = 1024;

/// A port that waits.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) token: [u8; 8],
    pub(super) subject: Subject,
    pub(super) until: Moment,
    pub(super) port: Held,
}

/// All of them, each in its place.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    places: Vec<Place>,
    /// Places whose record is not what it was, each once.
    changed: Vec<u32>,
}

#[derive(Debug, Default)]
struct Place {
    reserved: Option<Reserved>,
    /// It stands in `changed`.
    listed: bool,
}

impl Reservations {
    /// Reserves a port from now on. It comes back when too many are reserved.
    pub(super) fn reserve(&mut self, token: [u8; 8], subject: Subject, port: Held, now: Moment) -> Result<(), Held> {
        let reserved = Reserved { token, subject, until: now + RESERVED_FOR, port };
        self.put(reserved).map_err(|reserved| reserved.port)
    }

    /// Puts one that is reserved already into a free place. It comes back when there is none.
    pub(super) fn put(&mut self, reserved: Reserved) -> Result<(), Reserved> {
        let free = self.places.iter().position(|place| place.reserved.is_none());
        let at = free.unwrap_or(self.places.len());
        if at >= MOST_RESERVED {
            return Err(reserved);
        }
        if free.is_none() {
            self.places.push(Place::default());
        }
        if let Some(place) = self.places.get_mut(at) {
            place.reserved = Some(reserved);
        }
        self.list(at);
        Ok(())
    }

    /// Hands out the port that the token stands for, to the user who reserved it and within its time.
    pub(super) fn claim(&mut self, token: [u8; 8], subject: Subject, now: Moment) -> Option<Held> {
        self.take(|each| each.token == token && each.subject == subject && now < each.until)
    }

    /// A port that nobody came for.
    pub(super) fn unclaimed(&mut self, now: Moment) -> Option<Held> {
        self.take(|each| each.until <= now)
    }

    fn take(&mut self, is_it: impl Fn(&Reserved) -> bool) -> Option<Held> {
        let at = self.places.iter().position(|place| place.reserved.as_ref().is_some_and(&is_it))?;
        let port = self.places.get_mut(at)?.reserved.take()?.port;
        self.list(at);
        Some(port)
    }

    /// When the next one runs out.
    pub(super) fn next(&self) -> Option<Moment> {
        self.places.iter().filter_map(|place| Some(place.reserved.as_ref()?.until)).min()
    }

    /// What is at a place.
    pub(super) fn at(&self, place: u32) -> Option<&Reserved> {
        self.places.get(usize::try_from(place).ok()?)?.reserved.as_ref()
    }

    /// How many places there are, used or free.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// A place whose record is not what it was; `None` when there is no other one.
    pub(super) fn take_changed(&mut self) -> Option<u32> {
        let place = self.changed.pop()?;
        if let Some(there) = usize::try_from(place).ok().and_then(|at| self.places.get_mut(at)) {
            there.listed = false;
        }
        Some(place)
    }

    fn list(&mut self, at: usize) {
        if let (Some(place), Ok(number)) = (self.places.get_mut(at), u32::try_from(at))
            && !place.listed
        {
            place.listed = true;
            self.changed.push(number);
        }
    }
}
