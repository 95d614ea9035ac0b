//! What signaling needs of the relay around it.

use zeroize::Zeroizing;

use super::condition::Condition;
use super::hall::{Deed, PersonId, RoomId};
use super::message::Turn;
use crate::api::review::Review;
use crate::auth::token::Limits;
use crate::store::Shelf;
use crate::time::{Now, UnixTime};
use crate::webhook::Event;

/// The relay around it. [`Outside::end_call`] and [`Outside::keep`] may block.
pub trait Outside: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> Now;

    /// Credentials of a party of a call, for so much: nothing begins with them at `expires` or later, nothing goes on after
    /// `end`.
    fn turn(&self, of: (&RoomId, &PersonId), limits: Limits, expires: UnixTime, end: UnixTime) -> Option<Turn>;

    /// Revokes all credentials of a call until a time, and ends its allocations.
    fn end_call(&self, call: &RoomId, until: UnixTime);

    /// Keeps what must survive a restart.
    ///
    /// # Errors
    /// What the disk says; nothing is kept.
    fn keep(&self, shelf: Shelf, things: &[(String, Option<Vec<u8>>)]) -> Result<(), String>;

    /// Tells what the next process is to know if this one ends: each thing has a name, and `None` is no more. It never waits,
    /// and what cannot be told now is told later.
    fn remember(&self, things: &[(String, Option<Vec<u8>>)]);

    /// Whose API key this is, if it may make appointments.
    fn key(&self, shown: &Zeroizing<String>) -> Option<String>;

    /// How the relay does.
    fn condition(&self) -> Condition;

    /// Who has access, and that one of the staff has asked for it.
    fn review(&self, by: &str) -> Review;

    /// Puts something on record.
    fn record(&self, deed: &Deed);

    /// Tells the hospital's own systems what has become of an appointment.
    fn tell(&self, event: Event, appointment: &RoomId);
}
