//! The wire codec against the RFCs' own vectors, against two independent codecs, and against bad input.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::let_underscore_must_use,
    reason = "a test that panics has failed, and some only ask that a reader returns"
)]

#[path = "wire/attributes.rs"]
mod attributes;
#[path = "wire/bytes.rs"]
mod bytes;
#[path = "wire/dtls.rs"]
mod dtls;
#[path = "wire/dtls_hello.rs"]
mod dtls_hello;
#[path = "wire/hellos.rs"]
mod hellos;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/integrity.rs"]
mod integrity;
#[path = "wire/proxy.rs"]
mod proxy;
#[path = "wire/rtcp.rs"]
mod rtcp;
#[path = "wire/rtp.rs"]
mod rtp;
#[path = "wire/sealed.rs"]
mod sealed;
#[path = "wire/strangers.rs"]
mod strangers;
#[path = "wire/stream.rs"]
mod stream;
#[path = "wire/vectors.rs"]
mod vectors;
#[path = "wire/writer.rs"]
mod writer;
