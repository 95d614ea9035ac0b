//! Hilum: a TURN/STUN relay that a hospital runs itself.
//!
//! Five laws hold everywhere in this crate:
//!
//! 1. The core knows no clock, no socket, no source of chance.
//! 2. Arrows only point down.
//! 3. Everything has a bound, and the bound has a reason.
//! 4. No success before the fact: an allocation owns a port that is already open; a failure is an input.
//! 5. No address and no name in a log.
//!
//! The modules are floors; each may use the ones below it and none above. `ARCHITECTURE.md` draws the house.

// ---- below the wall: no clock, no socket, no runtime, no chance ------------------------------------------------
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod addr;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod auth;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod policy;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod redact;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod sdp;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod time;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod turn;
#[deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod wire;

// ---- above the wall ----------------------------------------------------------------------------------------
#[cfg(feature = "server")]
pub mod acme;
#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod explain;
#[cfg(feature = "server")]
pub mod https;
#[cfg(feature = "server")]
pub mod journal;
#[cfg(feature = "server")]
pub mod listen;
#[cfg(feature = "server")]
pub mod log;
#[cfg(feature = "server")]
pub mod manager;
#[cfg(feature = "server")]
pub mod mint;
#[cfg(feature = "server")]
pub mod openid;
#[cfg(feature = "server")]
pub mod plane;
#[cfg(feature = "server")]
pub mod signal;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod visit;
#[cfg(feature = "server")]
pub mod webhook;
