//! What a new configuration changes.

use hilum::config::{Change, Effect, TABLES, changes};

use crate::format::restarts;
use crate::world::{check, config};

/// For every key a line that differs from the default, and the key that is reported.
const EDITS: &[(&str, &str, &str)] = &[
    ("server", "realm", "\"clinic\""),
    ("server", "shards", "7"),
    ("server", "pin", "true"),
    ("server", "busy_poll", "50"),
    ("server", "drain", "11"),
    ("server", "alternate", "[\"203.0.113.7:3478\"]"),
    ("server", "state", "\"/var/lib/hilum\""),
    ("server", "runtime", "\"/run/hilum\""),
    ("listen", "udp", "[\"10.0.0.5:3478\"]"),
    ("listen", "tcp", "[]"),
    ("listen", "proxies", "[\"10.0.0.7\"]"),
    ("listen", "stranger_deadline", "11"),
    ("listen", "connections_per_source", "11"),
    ("listen", "connections", "11"),
    ("listen", "send_queue", "20000"),
    ("listen", "send_age", "300"),
    ("relay", "addresses", "[\"10.0.0.5\"]"),
    ("relay", "external", "{ \"10.0.0.5\" = \"203.0.113.5\" }"),
    ("relay", "ports", "\"50000-60000\""),
    ("relay", "closed_addresses", "[\"192.0.2.77\"]"),
    ("tokens", "cluster", "\"clinic\""),
    ("tokens", "skew", "11"),
    ("tokens", "region", "\"north\""),
    ("tokens", "elsewhere", "[\"south=203.0.113.7:3478\"]"),
    ("tokens", "outside", "true"),
    ("peers", "allow", "[\"10.0.0.0/8\"]"),
    ("peers", "deny", "[\"10.0.0.0/8\"]"),
    ("peers", "lowest_port", "1"),
    ("peers", "strict_port", "\"always\""),
    ("seal", "mode", "\"report\""),
    ("seal", "accept_unsealed", "true"),
    ("seal", "min_dtls", "\"1.3\""),
    ("seal", "profiles", "[\"AEAD-AES-256-GCM\"]"),
    ("seal", "statistics", "false"),
    ("limits", "allocations", "11"),
    ("limits", "allocations_per_user", "11"),
    ("limits", "allocations_per_source", "11"),
    ("limits", "permissions", "11"),
    ("limits", "channels", "11"),
    ("limits", "challenges_per_second", "11"),
    ("limits", "requests_per_second", "11"),
    ("limits", "kbps_per_token", "11"),
    ("limits", "packets_per_second_per_token", "11"),
    ("limits", "kbps_per_user", "11"),
    ("limits", "packets_per_second_per_user", "11"),
    ("lifetimes", "allocation", "601"),
    ("lifetimes", "allocation_max", "3601"),
    ("lifetimes", "permission", "301"),
    ("lifetimes", "channel", "601"),
    ("lifetimes", "nonce", "599"),
    ("lifetimes", "grace", "29"),
    ("admin", "listen", "\"127.0.0.1:9479\""),
    ("operator", "socket", "\"/run/hilum/operator.sock\""),
    ("operator", "operators", "[\"user:ward\"]"),
    ("operator", "viewers", "[\"group:50\"]"),
    ("api", "keys", "\"/s/api-keys.toml\""),
    ("api", "client_ca", "\"/s/certificate.pem\""),
    ("mint", "kid", "\"2026-11-27\""),
    ("mint", "issuer", "\"clinic\""),
    ("mint", "urls", "[\"turn:turn.clinic.example\"]"),
    ("signal", "opens_before", "11"),
    ("signal", "closes_after", "11"),
    ("signal", "credentials", "60"),
    ("signal", "screen", "false"),
    ("signal", "files", "false"),
    ("audit", "directory", "\"/var/lib/hilum/audit\""),
    ("audit", "node", "\"relay-1\""),
    ("audit", "signing_key", "\"/s/audit.pem\""),
    ("audit", "pseudonym_key", "\"/s/pseudonym.key\""),
    ("audit", "when_failing", "\"refuse\""),
    ("audit", "segment_bytes", "1048576"),
    ("audit", "segment_hours", "1"),
    ("audit", "keep_days", "1"),
    ("audit", "syslog", "\"logs.example.org\""),
    ("audit", "syslog_ca", "\"/s/certificate.pem\""),
    ("log", "format", "\"json\""),
    ("log", "level", "\"debug\""),
];

const TLS: &str = "[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"\n";

#[test]
fn each_key_reports_itself_and_whether_it_waits_for_a_restart() {
    let old = config("");
    assert_eq!(changes(&old, &config("")), []);
    let waits = restarts();
    for &(table, key, value) in EDITS {
        let name = format!("{table}.{key}");
        let effect = if waits.contains(&name) { Effect::NeedsRestart } else { Effect::Applied };
        let new = config(&format!("[{table}]\n{key} = {value}"));
        let found = changes(&old, &new);
        assert!(matches!(found[..], [Change { key, effect: is }] if key == name && is == effect), "{name}: {found:?}");
    }
    // Those that need more than one line have tests of their own.
    let elsewhere = [
        "listen.tls",
        "listen.door",
        "tls.certificate",
        "tls.key",
        "tls.acme",
        "tls.acme.directory",
        "tls.acme.ca",
        "tls.acme.names",
        "tls.acme.contacts",
        "tls.acme.terms_agreed",
        "tls.acme.proof",
        "tls.acme.profile",
        "tls.acme.binding_id",
        "tls.acme.binding_key",
        "tls.name",
        "tls.name.certificate",
        "tls.name.key",
        "tokens.keyring",
        "audit.syslog_certificate",
        "audit.syslog_key",
        "api.listen",
        "api.door",
        "api.certificates",
        "mint.key",
        "signal.origins",
        "signal.clinic",
        "signal.clinic.id",
        "signal.clinic.name",
        "signal.clinic.phone",
        "signal.clinic.help",
        "signal.clinic.language",
        "signal.clinic.wait",
        "signal.openid",
        "signal.openid.issuer",
        "signal.openid.ca",
        "signal.openid.client_id",
        "signal.openid.client_secret_file",
        "signal.openid.scopes",
        "signal.openid.account",
        "signal.openid.groups",
        "signal.openid.role",
        "signal.openid.role.group",
        "signal.openid.role.role",
        "signal.openid.role.clinics",
        "signal.webhook",
        "signal.webhook.url",
        "signal.webhook.secret_file",
        "signal.webhook.ca",
        "signal.webhook.events",
    ];
    for (table, keys) in TABLES.iter().filter(|(table, _)| !table.starts_with("auth")) {
        for key in *keys {
            let name = format!("{table}.{key}");
            let edited = EDITS.iter().any(|(table, key, _)| format!("{table}.{key}") == name);
            assert!(edited || elsewhere.contains(&name.as_str()), "{name} has no test");
        }
    }
}

#[test]
fn a_tls_listener_waits_and_its_certificate_does_not() {
    let old = config(TLS);
    let new = config(&format!("[listen]\ntls = [\"10.0.0.5:5349\"]\n{TLS}"));
    assert_eq!(changes(&old, &new), [Change { key: "listen.tls", effect: Effect::NeedsRestart }]);
    let new = config(&format!("[listen]\ndoor = [\"10.0.0.5:443\"]\n{TLS}"));
    assert_eq!(changes(&old, &new), [Change { key: "listen.door", effect: Effect::NeedsRestart }]);
    let door = "[listen]\ndoor = [\"10.0.0.5:443\"]\n[api]\nkeys = \"/s/api-keys.toml\"\n";
    let (without, with) = (config(&format!("{door}{TLS}")), config(&format!("{door}door = true\n{TLS}")));
    let waits = Change { key: "api.door", effect: Effect::NeedsRestart };
    // The keys are made anew for each text.
    assert!(changes(&without, &with).contains(&waits) && !changes(&with, &with).contains(&waits));
    let applied = |key| Change { key, effect: Effect::Applied };
    assert_eq!(changes(&config(""), &old), [applied("tls.certificate"), applied("tls.key")]);
    let further = "[[tls.name]]\ncertificate = \"/s/other-certificate.pem\"\nkey = \"/s/other.pem\"\n";
    assert_eq!(changes(&old, &config(&format!("{TLS}{further}"))), [applied("tls.name")]);
}

#[test]
fn another_authority_is_asked_without_a_restart() {
    let state = "[server]\nstate = \"/var/lib/hilum\"\n[listen]\ndoor = [\"10.0.0.5:443\"]\n";
    let acme =
        "[tls.acme]\ndirectory = \"https://ca.example/directory\"\nnames = [\"turn.example\"]\nterms_agreed = true\n";
    let old = config(&format!("{state}{acme}"));
    let applied = |key| Change { key, effect: Effect::Applied };
    let without = config(&format!("{state}{TLS}"));
    let other_files = [applied("tls.certificate"), applied("tls.key"), applied("tls.acme")];
    assert_eq!(changes(&without, &old), other_files);
    assert_eq!(changes(&old, &config(&format!("{state}{acme}"))), []);
    for line in [
        "ca = \"/s/certificate.pem\"",
        "contacts = [\"mailto:operator@clinic.example\"]",
        "proof = \"http-01\"",
        "profile = \"shortlived\"",
        "binding_id = \"clinic\"\nbinding_key = \"/s/binding\"",
    ] {
        assert_eq!(changes(&old, &config(&format!("{state}{acme}{line}"))), [applied("tls.acme")], "{line}");
    }
    let more = acme.replace("[\"turn.example\"]", "[\"turn.example\", \"192.0.2.1\"]");
    assert_eq!(changes(&old, &config(&format!("{state}{more}"))), [applied("tls.acme")]);
    let other = acme.replace("ca.example", "other.example");
    assert_eq!(changes(&old, &config(&format!("{state}{other}"))), [applied("tls.acme")]);
    // The certificate that was issued stays where no name decides; one from files is another one.
    assert_eq!(changes(&old, &without), other_files);
}

#[test]
fn where_the_pages_are_waits_and_clinics_apply_at_once() {
    let around = "[listen]\ndoor = [\"10.0.0.5:443\"]\n[server]\nstate = \"/s/state\"\n[tokens]\ncluster = \"c\"\nregion = \
                  \"north\"\nkeyring = \"/s/keyring.toml\"\n[mint]\nkey = \"/s/signing.pem\"\nkid = \"one\"\nissuer = \"c\"\nurls = \
                  [\"turn:t.example\"]\n";
    let with = |clinic: &str, origin: &str| {
        let signal = format!("[signal]\norigins = [\"{origin}\"]\n[[signal.clinic]]\n{clinic}\n");
        config(&format!("{around}{TLS}{signal}"))
    };
    let (one, two) = ("id = \"a\"\nname = \"A\"", "id = \"a\"\nname = \"B\"\nwait = 3");
    let old = with(one, "https://a.example");
    let keys = |new| changes(&old, &new).iter().map(|change| (change.key, change.effect)).collect::<Vec<_>>();
    assert!(keys(with(two, "https://a.example")).contains(&("signal.clinic", Effect::Applied)));
    assert!(keys(with(one, "https://b.example")).contains(&("signal.origins", Effect::NeedsRestart)));
    let faults = |text: &str| check(text).unwrap_err().to_string();
    let alone = faults("[signal]\norigins = [\"https://a.example\"]\n[auth]\nshared_secret_files = [\"/s/secret\"]\n");
    for lacking in ["needs a door", "needs a directory", "needs a signing key", "needs a clinic"] {
        assert!(alone.contains(lacking), "{lacking}: {alone}");
    }
    assert!(faults("[signal]\norigins = [\"http://a\"]").contains("origins[0]: is no origin"));
}

#[test]
fn what_the_relay_shows_to_a_syslog_receiver_waits() {
    let shown = "[audit]\nsyslog_certificate = \"/s/certificate.pem\"\nsyslog_key = \"/s/key.pem\"\n";
    let waits = |key| Change { key, effect: Effect::NeedsRestart };
    let found = changes(&config(""), &config(shown));
    assert_eq!(found, [waits("audit.syslog_certificate"), waits("audit.syslog_key")]);
    assert!(["audit.syslog_certificate", "audit.syslog_key"].iter().all(|key| restarts().contains(*key)));
}

#[test]
fn a_keyring_applies_at_once_and_again_when_its_keys_change() {
    let tokens = "[tokens]\ncluster = \"clinic\"\n";
    let (old, new) = (config(tokens), config(&format!("{tokens}keyring = \"/s/keyring.toml\"\n")));
    let applied = [Change { key: "tokens.keyring", effect: Effect::Applied }];
    assert_eq!(changes(&old, &new), applied);
    let other = config(&format!("{tokens}keyring = \"/s/other-keyring.toml\"\n"));
    assert_eq!(changes(&new, &other), applied);
}

#[test]
fn new_secrets_and_users_apply_at_once() {
    let old = config("");
    for auth in [
        "[auth]\nshared_secret_files = [\"/s/rotation\"]",
        "[auth]\nshared_secret_files = [\"/s/secret\"]\nshared_secret_env = [\"HILUM_SECRET\"]",
        "[auth]\nshared_secret_files = [\"/s/secret\"]\n[[auth.user]]\nname = \"ward\"\npassword_file = \"/s/password\"",
    ] {
        let new = check(auth).unwrap();
        assert_eq!(changes(&old, &new), [Change { key: "auth", effect: Effect::Applied }], "{auth}");
    }
}
