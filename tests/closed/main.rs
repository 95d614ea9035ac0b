//! What "closed" claims, held against random lives: the peer decision against a slow reference, calls that never mix,
//! allocations that end in time whatever the wall clock does, and a ledger that counts what lives.
//!
//! A failure prints its seed. `HILUM_CALLS_SEED` replays one life of the calls, `HILUM_CALLS_STEPS` says how many steps
//! all lives take together.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod addresses;
mod calls;
mod clocks;
mod life;
mod peers;
mod people;
mod reach;
mod reference;
#[allow(dead_code, clippy::wrong_self_convention, reason = "the scenarios use all of it, and it reads well there")]
#[path = "../scenarios/world.rs"]
mod scenario;
