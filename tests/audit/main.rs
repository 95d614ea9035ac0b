//! The audit log: whatever is changed is found and named, whatever crashes or fills up leaves a log that verifies.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod commands;
mod disk;
mod kill;
mod rotation;
mod syslog;
mod tamper;
mod world;
