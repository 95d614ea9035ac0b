//! Revocation of what runs: in one turn of a shard, in a relay on loopback, and across restarts.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod live;
mod process;
mod restart;
#[allow(dead_code, clippy::wrong_self_convention, reason = "the scenarios use all of it, and it reads well there")]
#[path = "../scenarios/world.rs"]
mod scenario;
mod turn;
#[allow(dead_code, reason = "the audit log needs more of it")]
#[path = "../audit_serve/world.rs"]
mod world;

use std::path::Path;

use hilum::app::{self, App};
use hilum::auth::{Revocation, Revoked};
use hilum::clock::SystemClock;
use hilum::config;

use world::Place;

/// Starts a relay that keeps its state in a directory of this name; empty: nowhere.
async fn start(place: &Place, state: &str) -> anyhow::Result<App> {
    let file = configure(place, "127.0.0.1:0", "", &format!("[server]\nshards = 2\nstate = \"{state}\"\n"));
    app::start(config::read(&file).unwrap(), SystemClock::start()).await
}

fn configure(place: &Place, address: &str, admin: &str, server: &str) -> std::path::PathBuf {
    let text = format!(
        "{server}[listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n[relay]\naddresses = [\"127.0.0.1\"]\n\
         [auth]\nshared_secret_files = [\"secret\"]\n[operator]\nsocket = \"operator.sock\"\n\
         [seal]\nmode = \"off\"\naccept_unsealed = true\n[tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n[admin]\nlisten = \"{admin}\"\n"
    );
    place.write("hilum.toml", &text)
}

fn call(call: &str) -> Revoked {
    Revoked::Call { issuer: "clinic".parse().unwrap(), call: call.parse().unwrap() }
}

/// Revokes from now on; what the relay says.
fn revoke(app: &App, what: Revoked) -> Result<app::Revoking, app::RevokeError> {
    let revocation = Revocation::new(what, SystemClock::start().now().unix, None);
    tokio::task::block_in_place(|| app.control().revoke(&revocation))
}

fn file(place: &Place) -> std::path::PathBuf {
    place.path("state").join(Path::new(hilum::store::FILE))
}
