//! Who may ask: nonces, credentials, and the proof that a request carries (RFC 8489 §9.2).

mod authenticator;
mod credential;
mod grant;
mod nonce;

pub use authenticator::Authenticator;
pub use credential::{
    Credentials, InvalidCredential, SharedSecret, StaticUser, ephemeral_password, ephemeral_username,
};
pub use grant::{Grant, Subject};
pub use nonce::NonceKey;
