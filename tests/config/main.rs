//! The configuration: what is right, what is wrong and how it is said, and what a change does.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod acme;
mod audit;
mod changes;
mod faults;
mod format;
mod openid;
mod terms;
mod values;
mod webhook;
mod world;
