//! Scenarios: one claim each, in simulated time, against the state machine that serves one shard. The sentence of the
//! RFC that a test proves stands above it; `docs/rfc-coverage.md` lists them all.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]
#![allow(clippy::wrong_self_convention, reason = "`from_client` says where a datagram comes from")]

mod allocate;
mod authentication;
mod bad_input;
mod binding;
mod call_tokens;
mod channel_bind;
mod channel_data;
mod coverage;
mod create_permission;
mod credential_end;
mod dual_allocation;
mod icmp;
mod proxied;
mod quota_and_capacity;
mod rates;
mod refresh;
mod reload_and_drain;
mod reservation;
mod restored;
mod retransmission;
mod revocation;
mod send_and_data;
mod streams;
mod strict_port;
mod terms;
mod token_window;
mod virtual_ports;
mod world;
