//! What the seal would say about a capture of the client leg: packets from a file in, judgements out, by the same code
//! that the relay runs ([`crate::policy::seal`]).
//!
//! The file is streamed, and everything that is remembered has a bound, so a capture may be of any size.

mod capture;
mod clients;
mod explainer;
mod frame;
mod json;
mod line;
mod paths;
mod roles;
mod stream;
mod streams;
mod summary;
mod text;

pub use capture::{Capture, Packet, Unreadable};
pub use explainer::{Explainer, Options};
pub use line::{Kind, Line, Name, Opened, Unjudged, Verdict};
pub use roles::{InvalidServer, Server};
pub use summary::{Aside, Outcome, PathSummary, Summary};
pub use text::Names;
