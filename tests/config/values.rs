//! What a configuration means.

use std::net::SocketAddr;

use hilum::auth::{SharedSecret, ephemeral_password};
use hilum::config;
use hilum::plane::RelayAddress;
use hilum::policy::PeerRefusal;
use hilum::policy::seal::{Mode, Profile, Version};

use crate::world::{AUTH, check, config, world};

fn addresses(listeners: &[SocketAddr]) -> Vec<String> {
    listeners.iter().map(ToString::to_string).collect()
}

#[test]
fn wildcards_become_the_addresses_of_the_interfaces() {
    let everywhere = ["127.0.0.1:3478", "10.0.0.5:3478", "[::1]:3478", "[2001:db8::5]:3478"];
    let config = config("");
    assert_eq!(addresses(&config.udp), everywhere);
    assert_eq!(addresses(&config.listen.tcp), everywhere);
    assert!(config.listen.tls.is_empty() && config.tls.is_empty());
}

#[test]
fn a_host_without_ipv6_listens_on_ipv4() {
    let mut world = world();
    world.host.addresses.retain(|address| address.is_ipv4());
    world.host.default_sources.retain(|address| address.is_ipv4());
    let config = config::check(AUTH, "hilum.toml", &world).unwrap();
    assert_eq!(addresses(&config.udp), ["127.0.0.1:3478", "10.0.0.5:3478"]);
    let text = format!("[listen]\nudp = [\"[::]:3478\"]\ntcp = []\n{AUTH}");
    let faults = config::check(&text, "hilum.toml", &world).unwrap_err().to_string();
    assert!(
        faults.starts_with("hilum.toml:1: listen: there is no listener, since this host has no address"),
        "{faults}"
    );
}

#[test]
fn any_free_port_may_be_asked_for_more_than_once() {
    let config = config(
        "[listen]\nudp = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n[admin]\nlisten = \"127.0.0.1:0\"",
    );
    assert_eq!(addresses(&config.udp), ["127.0.0.1:0", "127.0.0.1:0"]);
}

#[test]
fn relayed_ports_are_opened_on_the_default_routes_unless_told_otherwise() {
    let relay = |local: &str, external: &str| RelayAddress {
        local: local.parse().unwrap(),
        external: external.parse().unwrap(),
    };
    let default = config("").relay;
    assert_eq!(default.addresses, [relay("10.0.0.5", "10.0.0.5"), relay("2001:db8::5", "2001:db8::5")]);
    assert_eq!(default.ports, 49_152..=65_535);
    let mapped = config("[relay]\nexternal = { \"10.0.0.5\" = \"203.0.113.5\" }").relay;
    assert_eq!(mapped.addresses, [relay("10.0.0.5", "203.0.113.5"), relay("2001:db8::5", "2001:db8::5")]);
    let named = config("[relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000 - 20063\"").relay;
    assert_eq!((named.addresses, named.ports), (vec![relay("127.0.0.1", "127.0.0.1")], 20_000..=20_063));
}

#[test]
fn peers_cannot_be_this_host_by_any_of_its_addresses() {
    let config = config("[relay]\nexternal = { \"10.0.0.5\" = \"203.0.113.5\" }\n[peers]\nallow = [\"10.1.0.0/16\"]");
    let rules = config.policy.peers;
    for own in ["10.0.0.5", "127.0.0.1", "2001:db8::5", "203.0.113.5"] {
        assert_eq!(rules.permits_ip(own.parse().unwrap()), Err(PeerRefusal::OwnAddress), "{own}");
    }
    assert_eq!(rules.permits_ip("10.1.2.3".parse().unwrap()), Ok(()));
    assert_eq!(rules.permits_ip("10.2.2.3".parse().unwrap()), Err(PeerRefusal::Special));
    assert_eq!(rules.permits_ip("198.41.0.4".parse().unwrap()), Ok(()));
}

#[test]
fn the_seal_is_enforced_unless_told_otherwise() {
    use Profile::{AeadAes128Gcm, AeadAes256Gcm, Aes128CmSha1_32, Aes128CmSha1_80};
    let default = config("").policy.seal;
    assert_eq!((default.mode, default.min_version, default.statistics), (Mode::Enforce, Version::Dtls12, true));
    assert_eq!(default.profiles, [AeadAes256Gcm, AeadAes128Gcm, Aes128CmSha1_80].into_iter().collect());
    let told = config(
        "[seal]\nmode = \"off\"\naccept_unsealed = true\nmin_dtls = \"1.3\"\nstatistics = false\n\
         profiles = [\"AES128-CM-SHA1-32\", \"AEAD-AES-256-GCM\"]",
    )
    .policy
    .seal;
    assert_eq!((told.mode, told.min_version, told.statistics), (Mode::Off, Version::Dtls13, false));
    assert_eq!(told.profiles, [Aes128CmSha1_32, AeadAes256Gcm].into_iter().collect());
}

#[test]
fn shards_are_the_cpus_unless_counted() {
    assert_eq!(config("").shards, 4);
    assert_eq!(config("[server]\nshards = 256").shards, 256);
}

#[test]
fn each_shard_has_a_cpu_of_its_own_if_the_process_may_use_so_many() {
    let tuning = config("").tuning;
    assert_eq!((tuning.cores, tuning.busy_poll), (vec![], 0));
    let cores = |text: &str| config(text).tuning.cores;
    assert_eq!(cores("[server]\npin = true"), [1, 2, 3, 5]);
    assert_eq!(cores("[server]\npin = true\nshards = 5"), [1, 2, 3, 5, 8]);
    let faults = check(&format!("[server]\npin = true\nshards = 6\n{AUTH}")).unwrap_err().to_string();
    assert!(faults.starts_with("hilum.toml:2: server.pin: would put 6 shards on 5 CPUs, which are all"), "{faults}");
    assert_eq!(config("[server]\nbusy_poll = 50").tuning.busy_poll, 50);
}

#[test]
fn an_empty_address_turns_metrics_off() {
    assert_eq!(config("").admin, Some("127.0.0.1:9478".parse().unwrap()));
    assert_eq!(config("[admin]\nlisten = \"\"").admin, None);
}

#[test]
fn the_first_secret_makes_new_credentials() {
    let made = |config: &hilum::config::Config| ephemeral_password(config.issuing_secret.as_ref().unwrap(), b"1:a");
    let with = |secret: &str| ephemeral_password(&SharedSecret::new(secret.as_bytes().to_vec()).unwrap(), b"1:a");
    let rotation =
        check("[auth]\nshared_secret_env = [\"HILUM_SECRET\"]\nshared_secret_files = [\"/s/rotation\"]").unwrap();
    assert_eq!(made(&rotation), with("the new sesame of this year"));
    let variable = check("[auth]\nshared_secret_env = [\"HILUM_SECRET\"]").unwrap();
    assert_eq!(made(&variable), with("sesame of the environment"));
    let users = check("[[auth.user]]\nname = \"ward\"\npassword_env = \"HILUM_PASSWORD\"").unwrap();
    assert!(users.issuing_secret.is_none() && !users.credentials.is_empty());
}

#[test]
fn what_must_survive_is_kept_where_told_or_where_systemd_says() {
    let path = |path: &str| Some(std::path::PathBuf::from(path));
    let mut world = world();
    let mut state = |text: &str, given: &str| {
        world.variables.insert("STATE_DIRECTORY".to_owned(), given.as_bytes().to_vec());
        config::check(&format!("{text}\n{AUTH}"), "/s/hilum.toml", &world).unwrap().state
    };
    assert_eq!(state("", ""), None);
    assert_eq!(state("", "/var/lib/hilum"), path("/var/lib/hilum"));
    assert_eq!(state("", "/var/lib/hilum:/var/lib/other"), path("/var/lib/hilum"));
    assert_eq!(state("[server]\nstate = \"kept\"", "/var/lib/hilum"), path("/s/kept"));
    let mut runtime = |text: &str, given: &str| {
        world.variables.insert("RUNTIME_DIRECTORY".to_owned(), given.as_bytes().to_vec());
        config::check(&format!("{text}\n{AUTH}"), "/s/hilum.toml", &world).unwrap().runtime
    };
    assert_eq!(runtime("", ""), None);
    assert_eq!(runtime("", "/run/hilum"), path("/run/hilum"));
    assert_eq!(runtime("[server]\nruntime = \"run\"", "/run/hilum"), path("/s/run"));
}

#[test]
fn files_are_looked_up_beside_the_configuration() {
    let text = "[auth]\nshared_secret_files = [\"secret\"]";
    assert!(config::check(text, "/s/hilum.toml", &world()).is_ok());
    let faults = config::check(text, "/etc/hilum.toml", &world()).unwrap_err().to_string();
    assert!(faults.contains("/etc/secret cannot be read"), "{faults}");
}

#[test]
fn debug_forms_show_no_secret() {
    let config = config("[[auth.user]]\nname = \"ward-seven\"\npassword_file = \"/s/password\"");
    let shown = format!("{config:?}");
    assert!(!shown.contains("sesame") && !shown.contains("ward-seven"), "{shown}");
}
