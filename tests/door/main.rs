//! The door from outside: one port on loopback that is TURN over TCP, TURN over TLS and HTTP, whatever comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

mod balancer;
mod curl;
#[path = "../streams/one_shard.rs"]
mod one_shard;
mod relay;
mod strangers;
mod turn;
mod web;
mod world;
