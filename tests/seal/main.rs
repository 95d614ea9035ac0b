//! The seal's cases, as files that a security officer can read: `cases/block` must be stopped, `cases/pass` must not.
//! `cases/README.md` explains their language. Each file is played twice: against the seal alone, and through a whole
//! relay by channels, indications and stream clients.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]
#![allow(clippy::wrong_self_convention, reason = "`from_client` says where a datagram comes from")]

mod alone;
mod bytes;
mod cases;
#[path = "../counting/mod.rs"]
mod counting;
mod dimpl;
mod handshake;
mod language;
mod memory;
mod openssl;
mod parts;
mod play;
mod properties;
mod recordings;
mod relayed;
mod restarted;
mod seeds;
mod stage;
#[path = "../scenarios/world.rs"]
#[allow(dead_code, reason = "the scenarios need more of it")]
mod world;
