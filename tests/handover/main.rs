//! Calls that outlive the process that relays them: killed, restarted, started by another's sockets, and with a journal of
//! any bytes. Real processes on loopback; the service manager is played by the test.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod activation;
mod calls;
mod crash;
mod damage;
mod manager;
mod relay;
mod restart;
#[allow(dead_code, reason = "the audit log needs more of it")]
#[path = "../audit_serve/world.rs"]
mod world;
