//! Who may use the relays: a user name with a password, the same on each, and call tokens, which Hilum alone takes.

use std::net::IpAddr;
use std::sync::LazyLock;

use hilum::auth::token::{Algorithm, Claims, Limits, PasswordKey, PeerRange};
use hilum::auth::{Key, Keyring, Validity};
use hilum::client::Credential;
use hilum::clock::SystemClock;
use hilum::config::write_keyring;
use hilum::mint::SigningKey;
use hilum::time::UnixTime;

pub const PASSWORD: &str = "a password of the bench";
/// User names: each client of a call between clients has its own, as people have.
pub const USERS: usize = 64;
pub const CLUSTER: &str = "bench";
pub const ISSUER: &str = "clinic";
const KID: &str = "bench";
const PASSWORD_KEY: [u8; 32] = [7; 32];

/// The name of a user.
pub fn name(number: usize) -> String {
    format!("bench-{}", number % USERS)
}

/// A user name and its password.
pub fn user(number: usize) -> Credential {
    Credential::new(name(number), PASSWORD).unwrap()
}

static SIGNING: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa).unwrap().0);
static BEGUN: LazyLock<UnixTime> = LazyLock::new(|| SystemClock::start().now().unix);

/// The keyring that relays check tokens with.
pub fn keyring() -> String {
    let long_ago = UnixTime::from_secs(1_600_000_000);
    let validity = Validity { created: long_ago, not_before: long_ago, not_after: None };
    let public = SIGNING.public().unwrap();
    let key = Key::new(KID.parse().unwrap(), public, PasswordKey::new(PASSWORD_KEY), validity, None).unwrap();
    write_keyring(&Keyring::new(vec![key]).unwrap()).to_string()
}

/// A token of one party of a call, good for an hour.
pub fn token(call: &str, party: &str) -> Credential {
    let (username, password) = minted(call, party);
    Credential::new(username, password).unwrap()
}

/// The same, as the two strings that a browser has.
pub fn minted(call: &str, party: &str) -> (String, Vec<u8>) {
    signed(call, party, Vec::new())
}

/// A token that reaches a peer outside, and so has opened ports.
pub fn outward(call: &str, peer: IpAddr) -> Credential {
    let (username, password) = signed(call, "a", vec![peer.to_string().parse().unwrap()]);
    Credential::new(username, password).unwrap()
}

fn signed(call: &str, party: &str, peers: Vec<PeerRange>) -> (String, Vec<u8>) {
    let claims = Claims {
        issuer: ISSUER.parse().unwrap(),
        audience: CLUSTER.parse().unwrap(),
        id: format!("{call}.{party}").parse().unwrap(),
        not_before: *BEGUN,
        expires: BEGUN.plus_secs(3600),
        end: BEGUN.plus_secs(3600),
        call: call.parse().unwrap(),
        party: party.parse().unwrap(),
        regions: vec!["north".parse().unwrap()],
        limits: Limits::default(),
        peers,
    };
    let minted = SIGNING.mint(KID.parse().unwrap(), &PasswordKey::new(PASSWORD_KEY), &claims).unwrap();
    (minted.username, minted.password.as_bytes().to_vec())
}

/// The tokens of both parties of a call.
pub fn tokens(call: &str) -> [Credential; 2] {
    ["a", "b"].map(|party| token(call, party))
}
