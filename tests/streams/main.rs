//! TURN over TCP and TLS from outside: real connections on loopback, a real shard behind them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod certificate;
mod lifetime;
mod one_shard;
mod plain;
mod policy;
mod proxy;
mod renewal;
mod slow;
mod tls;
mod world;
