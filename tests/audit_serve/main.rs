//! The audit log of a running relay: calls over loopback, and what stands in the log afterwards.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod calls;
mod operator;
mod process;
mod receiver;
mod world;
