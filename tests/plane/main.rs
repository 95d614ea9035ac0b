//! The data plane from outside: shards over a simulated network, and over real sockets on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod client;
mod fairness;
mod loopback;
mod simulated;

use std::sync::Arc;

use hilum::auth::{Authenticator, Credentials, NonceKey, StaticUser};
use hilum::policy::{PeerRules, Policy, Quota};
use hilum::time::Lifetime;
use hilum::turn::{Common, Relay, Settings};

/// Who may ask, in every world of these tests.
pub(crate) fn authenticator() -> Arc<Authenticator> {
    let user = |name: &str| StaticUser { name: name.into(), password: client::PASSWORD.into() };
    let credentials =
        Credentials::new(vec![user(client::USER), user(client::OTHER_USER)], Vec::new()).expect("credentials");
    Arc::new(Authenticator::new("hilum", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600)))
}

/// Any peer on loopback and in the documentation networks.
pub(crate) fn policy() -> Arc<Policy> {
    let allow = ["127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
    let allow = allow.map(|network| network.parse().expect("a network")).into();
    Arc::new(Policy {
        peers: PeerRules::new(allow, Vec::new(), 1024, Vec::new()),
        quota: Quota { total: 1000, per_subject: 1000 },
        challenges_per_second: 1000,
        seal: hilum::policy::seal::Settings { mode: hilum::policy::seal::Mode::Off, ..Default::default() },
    })
}

pub(crate) fn relay(common: &Arc<Common>, shard: usize, spare_ports: usize) -> Relay {
    relay_with(common, shard, Settings { spare_ports, ..Settings::default() })
}

pub(crate) fn relay_with(common: &Arc<Common>, shard: usize, settings: Settings) -> Relay {
    let seed = [u8::try_from(shard).unwrap() + 1; 32];
    Relay::new(settings, authenticator(), policy(), common.clone(), seed)
}
