//! Signaling: what people in a visit tell each other through Hilum, and what Hilum lets pass.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "book.rs"]
mod book;
#[path = "disk.rs"]
mod disk;
#[path = "document.rs"]
mod document;
#[path = "hall.rs"]
mod hall;
#[path = "hall_world.rs"]
mod hall_world;
#[path = "office.rs"]
mod office;
#[path = "onward.rs"]
mod onward;
#[path = "openid.rs"]
mod openid;
#[path = "pages.rs"]
mod pages;
#[path = "provider.rs"]
mod provider;
#[path = "provider_flow.rs"]
mod provider_flow;
#[path = "sdp.rs"]
mod sdp;
#[path = "served.rs"]
mod served;
#[path = "staff.rs"]
mod staff;
#[path = "tickets.rs"]
mod tickets;
#[path = "told.rs"]
mod told;
#[path = "trials.rs"]
mod trials;
