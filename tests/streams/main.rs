//! TURN over TCP and TLS from outside: real connections on loopback, a real shard behind them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod certificate;
mod lifetime;
mod plain;
mod tls;
mod world;
