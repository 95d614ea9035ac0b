//! Placeholder signatures; the real file replaces this one.

use std::sync::Arc;

use super::{Event, Opened, Pool, Port, Settings, Slot, Tally};
use crate::addr::ConnectionId;
use crate::auth::Authenticator;
use crate::policy::{Ledger, Policy};
use crate::time::{Moment, Now};

/// The TURN state machine of one shard.
pub struct Relay {}

impl Relay {
    /// `seed`: 32 bytes of the system's randomness, different for each shard.
    pub fn new(
        _settings: Settings,
        _authenticator: Arc<Authenticator>,
        _policy: Arc<Policy>,
        _ledger: Arc<Ledger>,
        _seed: [u8; 32],
    ) -> Self {
        todo!()
    }
    /// Judges one datagram: on return `slot.verdict()` says where `slot.message()` goes.
    pub fn handle(&mut self, _slot: &mut Slot, _now: Now) {
        todo!()
    }
    /// Ends what has run out. To be called when `deadline` has passed, and harmless at any time.
    pub fn tick(&mut self, _now: Now) {
        todo!()
    }
    /// When `tick` has something to do next.
    pub fn deadline(&self) -> Option<Moment> {
        todo!()
    }
    /// A stream client's connection has closed: its allocation ends.
    pub fn connection_closed(&mut self, _connection: ConnectionId, _now: Now) {
        todo!()
    }
    /// How many openings of a pool the supply lacks right now. The driver opens them and hands them over with `supply`.
    pub fn wanted(&self, _pool: Pool) -> usize {
        todo!()
    }
    /// Takes an opened port (or pair) into the supply.
    pub fn supply(&mut self, _opened: Opened) {
        todo!()
    }
    /// Ports whose allocation has ended; the driver closes each.
    pub fn take_closed(&mut self) -> Option<Port> {
        todo!()
    }
    /// The oldest fact not yet taken.
    pub fn take_event(&mut self) -> Option<Event> {
        todo!()
    }
    /// The counters.
    pub fn tally(&self) -> &Tally {
        todo!()
    }
    /// The counters, for the shard loop's and driver's own entries (queue depth, send failures).
    pub fn tally_mut(&mut self) -> &mut Tally {
        todo!()
    }
    /// New rules, from now on. Running allocations are measured by them at their next request or packet.
    pub fn reload(&mut self, _settings: Settings, _authenticator: Arc<Authenticator>, _policy: Arc<Policy>) {
        todo!()
    }
    /// From now on new allocations are refused with 486; running ones go on.
    pub fn drain(&mut self) {
        todo!()
    }
    /// Ends every allocation (the relay stops).
    pub fn end_all(&mut self, _now: Now) {
        todo!()
    }
    /// Live allocations.
    pub fn allocations(&self) -> usize {
        todo!()
    }
}
