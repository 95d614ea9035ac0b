//! The TURN server as a state machine: a datagram and the time go in, a verdict comes out (RFC 8656).
//!
//! [`Relay`] is the state of one shard. It never waits, never asks what time it is and never opens anything: ports come
//! in already open through [`Relay::supply`] and leave through [`Relay::take_closed`].

mod event;
mod port;
mod relay;
mod settings;
mod slot;
mod tally;
mod verdict;

pub use event::{Carried, EndCause, Event, Families, Volume};
pub use port::{Opened, Pool, Port, PortKey};
pub use relay::Relay;
pub use settings::Settings;
pub use slot::{CAPACITY, HEADROOM, LARGEST, Origin, Slot, TAILROOM};
pub use tally::{Answer, Direction, Tally};
pub use verdict::{Discard, Verdict};
