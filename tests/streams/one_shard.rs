//! A relay of one shard for one user, whose peers are on loopback.

use std::sync::Arc;

use hilum::auth::{Authenticator, Credentials, NonceKey, StaticUser};
use hilum::policy::{PeerRules, Policy, Quota, seal};
use hilum::time::Lifetime;
use hilum::turn::{Common, Relay};

pub(crate) const USER: &str = "clinic";
pub(crate) const PASSWORD: &str = "a password of the tests";

pub(crate) fn relay(common: &Arc<Common>) -> Relay {
    let user = StaticUser { name: USER.into(), password: PASSWORD.into() };
    let credentials = Credentials::new(vec![user], Vec::new()).unwrap();
    let authenticator = Authenticator::new("hilum", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600));
    let policy = Policy {
        peers: PeerRules::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new(), 1024, Vec::new()),
        quota: Quota { total: 1000, per_subject: 1000 },
        // Nothing here is about the budget of strangers.
        challenges_per_second: 10_000_000,
        seal: seal::Settings { mode: seal::Mode::Off, ..Default::default() },
    };
    let settings = hilum::turn::Settings { spare_ports: 8, ..hilum::turn::Settings::default() };
    Relay::new(settings, Arc::new(authenticator), Arc::new(policy), common.clone(), [1; 32])
}
