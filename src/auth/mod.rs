//! Who may ask: nonces, credentials, and the proof that a request carries (RFC 8489 §9.2).
//!
//! [`Authenticator::prove`] turns a message into a [`Request`], which is the only thing that a method handler takes; or
//! it says why not, and [`Authenticator::refuse`] writes the answer. Neither remembers anything about a sender.

mod authenticator;
mod call;
mod challenge;
mod credential;
mod grant;
mod keyring;
mod nonce;
mod request;
mod revocation;
mod terms;
#[cfg(test)]
mod tests;
pub mod token;
mod users;
pub mod written;

pub use authenticator::Authenticator;
pub use call::{CallGrant, CallId, CallTokens};
pub use challenge::{Claim, ReplyTooLarge, Unproven};
pub use credential::{
    Credentials, InvalidCredential, SharedSecret, StaticUser, ephemeral_password, ephemeral_username,
};
pub use grant::{Grant, Party, Subject};
pub use keyring::{InvalidKey, KEY_IS_OLD, Key, KeyState, Keyring, PublicKey, Validity};
pub use nonce::NonceKey;
pub use request::{Request, Signer};
pub use revocation::{
    InvalidRevocation, LONGEST_REVOCATION, MOST_REVOCATIONS, Revocation, Revocations, Revoked, USUAL_REVOCATION,
};
pub use terms::{Destinations, Terms};
