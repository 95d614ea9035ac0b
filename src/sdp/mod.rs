//! What browsers say of a connection before it is one (SDP, RFC 8866, as JSEP writes it, RFC 9429), held against the rules
//! of a relayed and sealed call: DTLS-SRTP and data channels only, one certificate, one transport, relayed candidates
//! only.
//!
//! Nothing is rewritten. A description passes as it is or is refused, and each rule has a name of its own: [`Refusal`].
//! The relay stops what these rules forbid anyway; here it is stopped earlier, and whoever wrote it is told why.

mod candidate;
mod description;
mod level;
mod refusal;
mod session;
mod transport;

pub use candidate::{Candidate, LONGEST_CANDIDATE, candidate};
pub use description::{
    Description, Kind, LARGEST_DESCRIPTION, LONGEST_LINE, MOST_SECTIONS, Media, Section, description,
};
pub use refusal::Refusal;
pub use session::{MOST_CANDIDATES, Session};
pub use transport::{Fingerprint, HashFunction, Ice, Setup};
