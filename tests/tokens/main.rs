//! Call tokens from outside: the vectors of the RFCs, attacks, windows of time, the keyring, and minting elsewhere.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

mod attacks;
mod command_line;
mod concurrent;
mod keyring;
#[path = "mint.rs"]
mod minting;
mod other_languages;
mod properties;
mod remembered;
mod revocations;
mod vectors;
mod windows;
mod world;
