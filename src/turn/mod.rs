//! The TURN server as a state machine: a datagram and the time go in, a verdict comes out (RFC 8656).
//!
//! [`Relay`] is the state of one shard. It never waits, never asks what time it is and never opens anything: ports come
//! in already open through [`Relay::supply`] and leave through [`Relay::take_closed`].

mod allocate;
mod allocation;
mod batch;
mod binding;
mod channel_bind;
mod channel_data;
mod common;
mod create_permission;
mod data;
mod ending;
mod event;
mod farewell;
mod flat;
mod foreign;
mod hot;
mod inside;
mod own;
mod paths;
mod peer;
mod port;
mod proxied;
mod rate;
mod refresh;
mod refusal;
mod relay;
mod reply;
mod reserved;
mod revoke;
mod send;
mod settings;
mod slot;
mod snapshot;
mod stun;
mod supply;
mod survey;
mod table;
mod tally;
mod verdict;
mod wheel;

pub use common::Common;
pub use event::{Carried, EndCause, Event, Families, Volume};
pub use port::{Opened, Pool, Port, PortKey};
pub use relay::Relay;
pub use settings::{Settings, StrictPort};
pub use slot::{CAPACITY, HEADROOM, LARGEST, Origin, Slot, TAILROOM};
pub use snapshot::{LONGEST_RECORD, NotRestored, RECORD_VERSION, RecordKey, Restored};
pub use survey::{AllocationView, Survey, TokenView};
pub use tally::{Answer, Direction, Tally};
pub use verdict::{Discard, Verdict};
