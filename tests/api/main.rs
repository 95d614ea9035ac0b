//! The operator's way in: who is let in, what is answered, and what it does to a running relay.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod commands;
mod document;
mod network;
mod people;
mod world;
