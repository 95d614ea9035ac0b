//! Call tokens: a signed statement of one call, one party, some regions and one window of time, small enough to be a
//! TURN username. The password is a hash of it, so that nobody who merely sees a username can use it.
//!
//! A browser carries two strings, a username and a password. The username is a compact JWS (RFC 7515 §7.1) of at most
//! [`LONGEST_TOKEN`] bytes; the password is [`PasswordKey::password`] of it. A relay holds public keys and password
//! keys, so whoever steals its keys can sign no token. `docs/tokens.md` has the table of claims.
//!
//! A relay checks what is cheap first: [`TokenRules::candidate`] reads the header and finds the key,
//! [`Candidate::password`] gives what MESSAGE-INTEGRITY must have been made with, and only whoever has proven that is
//! worth the signature, [`Candidate::verify`]. [`VerifiedTokens`] remembers what has been verified.

mod claims;
mod json;
mod jws;
mod password;
mod peers;
mod refusal;
mod rules;
mod verified;
mod word;

pub use claims::{CallHash, Claims, LONGEST_CALL, Limits, MOST_ALLOCATIONS, MOST_KBPS, MOST_PEERS, MOST_REGIONS, Use};
pub use json::InvalidJson;
pub use jws::{Algorithm, LONGEST_TOKEN, SIGNATURE, Token, assemble, signing_input};
pub use password::{Password, PasswordKey};
pub use peers::{InvalidPeerRange, LOWEST_UNNAMED_PORT, PeerRange};
pub use refusal::{ClaimFault, TokenRefusal};
pub use rules::{Candidate, TokenRules, verify};
pub use verified::VerifiedTokens;
pub use word::{Audience, Call, InvalidWord, Issuer, Kid, PartyLabel, Region, TokenId, Word};
