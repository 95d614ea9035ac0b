//! Each fault: where it is, which key, what is said.

use hilum::config::{self, Faults, Host};

use crate::world::{AUTH, SECRET_WORDS, check, world};

/// A text, and of each fault the line, the key and words of the message.
pub type Case<'c> = (&'c str, &'c [(usize, &'c str, &'c str)]);

pub fn holds(cases: &[Case<'_>]) {
    for (text, expected) in cases {
        // Credentials come last, so that line numbers are those of the case.
        let text = if text.contains("[auth") { (*text).to_owned() } else { format!("{text}\n{AUTH}") };
        compare(&text, &check(&text).map(|_| ()), expected);
    }
}

fn compare(text: &str, outcome: &Result<(), Faults>, expected: &[(usize, &str, &str)]) {
    let faults = match outcome {
        Err(faults) => faults,
        Ok(()) => panic!("no fault in:\n{text}"),
    };
    assert_eq!(faults.len(), expected.len(), "{text}\n{faults}");
    for (fault, (line, key, words)) in faults.iter().zip(expected) {
        let shown = fault.to_string();
        assert_eq!((fault.line.unwrap_or(0), fault.key.as_str()), (*line, *key), "{text}\n{faults}");
        assert!(fault.message.contains(words), "{words:?} is not in {shown:?}");
        let start = if *line == 0 { format!("hilum.toml: {key}") } else { format!("hilum.toml:{line}: {key}") };
        assert!(shown.starts_with(&start), "{shown}");
        for secret in SECRET_WORDS {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

const PAIR: &str = "[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"\n";

#[test]
fn a_number_out_of_bounds_names_the_bounds() {
    let keys: [(&str, &str, u32, u32); 20] = [
        ("server", "shards", 0, 256),
        ("server", "busy_poll", 0, 1000),
        ("server", "drain", 0, 3600),
        ("listen", "stranger_deadline", 1, 60),
        ("listen", "connections_per_source", 1, 100_000),
        ("listen", "connections", 1, 1_000_000),
        ("listen", "send_queue", 16_384, 16_777_216),
        ("listen", "send_age", 20, 10_000),
        ("peers", "lowest_port", 1, 65_535),
        ("limits", "allocations", 1, 1_000_000),
        ("limits", "allocations_per_user", 1, 1_000_000),
        ("limits", "permissions", 1, 1024),
        ("limits", "channels", 1, 1024),
        ("limits", "challenges_per_second", 1, 1_000_000),
        ("lifetimes", "allocation", 60, 3600),
        ("lifetimes", "allocation_max", 600, 86_400),
        ("lifetimes", "permission", 30, 600),
        ("lifetimes", "channel", 300, 7200),
        ("lifetimes", "nonce", 30, 600),
        ("lifetimes", "grace", 0, 30),
    ];
    for (table, key, lowest, highest) in keys {
        for fits in [lowest, highest] {
            let text = format!("[{table}]\n{key} = {fits}\n{AUTH}");
            assert!(check(&text).is_ok(), "{text}");
        }
        for wrong in [i64::from(lowest) - 1, i64::from(highest) + 1, i64::MAX, i64::MIN] {
            let text = format!("[{table}]\n{key} = {wrong}\n{AUTH}");
            let name = format!("{table}.{key}");
            compare(&text, &check(&text).map(|_| ()), &[(2, &name, &wrong.to_string())]);
        }
    }
    holds(&[
        (
            "[limits]\nchannels = 0",
            &[(2, "limits.channels", "0 is out of bounds; write a whole number from 1 to 1024")],
        ),
        ("[limits]\nchannels = 0xffff", &[(2, "limits.channels", "0xffff is out of bounds")]),
        ("[lifetimes]\npermission = 3601\nchannel = 7200", &[(2, "lifetimes.permission", "from 30 to 3600")]),
        ("[lifetimes]\nchannel = 59\npermission = 30", &[(2, "lifetimes.channel", "from 60 to 7200")]),
    ]);
}

#[test]
fn a_value_of_the_wrong_type_is_told_the_right_one() {
    holds(&[
        (
            "[limits]\nchannels = \"64\"",
            &[(2, "limits.channels", "is a string; write a whole number from 1 to 1024, without quotes")],
        ),
        ("[limits]\nchannels = 6.4", &[(2, "limits.channels", "is a number with a fraction")]),
        ("[server]\nrealm = 7", &[(2, "server.realm", "is a whole number; write a string")]),
        ("[listen]\nudp = \"127.0.0.1:3478\"", &[(2, "listen.udp", "is a string; write a list")]),
        ("[listen]\nudp = [\"127.0.0.1:3478\",\n 3478]", &[(3, "listen.udp[1]", "is a whole number; write a string")]),
        ("server = true", &[(1, "server", "is true or false; it must be a table, started with [server]")]),
        ("[relay]\nexternal = []", &[(2, "relay.external", "is a list; write a table")]),
        ("[auth]\nuser = 1979-05-27", &[(2, "auth.user", "is a date or time; start each user with [[auth.user]]")]),
        ("[auth]\nuser = [1]", &[(2, "auth.user", "holds a whole number; start each user with [[auth.user]]")]),
    ]);
}

#[test]
fn an_unknown_key_is_refused_and_the_nearest_named() {
    holds(&[
        ("[limits]\nchanels = 3", &[(2, "limits.chanels", "is unknown; did you mean channels?")]),
        ("[limts]\nchannels = 3", &[(1, "limts", "is unknown; did you mean limits?")]),
        ("[limits]\nnonce = 3", &[(2, "limits.nonce", "is unknown here; it belongs under [lifetimes]")]),
        ("realm = \"x\"", &[(1, "realm", "is unknown here; it belongs under [server]")]),
        ("[log]\ncolour = true", &[(2, "log.colour", "is unknown; known are format, level")]),
        (
            "[kubernetes]\na = 1",
            &[(1, "kubernetes", "is unknown; known are server, listen, tls, relay, auth, tokens, peers")],
        ),
        (
            "[auth]\nshared_secret_files = [\"/s/secret\"]\nshared_secret = \"open sesame, said Ali Baba\"",
            &[(3, "auth.shared_secret", "secrets stay outside this file")],
        ),
        (
            "[[auth.user]]\nname = \"clinic\"\npassword = \"sesame\"\npassword_file = \"/s/password\"",
            &[(3, "auth.user.password", "one of password_file, password_env")],
        ),
    ]);
}

#[test]
fn a_syntax_error_has_its_line() {
    holds(&[
        ("[server]\nrealm = hilum\n", &[(2, "", "quoted")]),
        ("[server]\nrealm = \"a\"\nrealm = \"b\"", &[(3, "", "duplicate key")]),
        ("[server\nrealm = \"a\"", &[(1, "", "table")]),
    ]);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_refused() {
    holds(&[
        ("[listen]\nudp = [\"localhost:3478\"]", &[(2, "listen.udp[0]", "is not an address with a port")]),
        ("[listen]\nudp = [\"127.0.0.1\"]", &[(2, "listen.udp[0]", "write it as \"192.0.2.1:3478\"")]),
        ("[listen]\ntcp = [\"10.0.0.6:3478\"]", &[(2, "listen.tcp[0]", "is not an address of this host")]),
        ("[listen]\nudp = [\"224.0.0.1:3478\"]", &[(2, "listen.udp[0]", "is a multicast address")]),
        ("[listen]\nudp = [\"255.255.255.255:3478\"]", &[(2, "listen.udp[0]", "is the broadcast address")]),
        ("[listen]\nudp = [\"[::ffff:10.0.0.5]:3478\"]", &[(2, "listen.udp[0]", "is IPv4 written as IPv6")]),
        ("[listen]\nudp = []\ntcp = []", &[(1, "listen", "there is no listener")]),
        (
            "[listen]\nudp = [\"10.0.0.5:1\", \"127.0.0.1:1\", \"10.0.0.5:1\"]",
            &[(2, "listen.udp[2]", "is listened on already")],
        ),
        (
            "[listen]\nudp = [\"10.0.0.5:1\",\n\"0.0.0.0:1\"]",
            &[(2, "listen.udp[0]", "is covered by the wildcard with the same port")],
        ),
        (
            "[listen]\ntcp = [\"10.0.0.5:443\"]\ntls = [\"10.0.0.5:443\"]\n[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"",
            &[(3, "listen.tls[0]", "is listened on already")],
        ),
        (
            "[listen]\ntcp = [\"127.0.0.1:9478\"]\n[admin]\nlisten = \"127.0.0.1:9478\"",
            &[(4, "admin.listen", "is taken by a TCP or TLS listener")],
        ),
        ("[admin]\nlisten = \"127.0.0.1:3478\"", &[(2, "admin.listen", "is taken by a TCP or TLS listener")]),
        (
            &format!("[listen]\ntcp = []\nudp = []\ndoor = [\"10.0.0.5:443\", \"0.0.0.0:443\"]\n{PAIR}"),
            &[(4, "listen.door[0]", "is covered by the wildcard with the same port")],
        ),
        (
            &format!("[listen]\ntls = [\"10.0.0.5:443\"]\ndoor = [\"10.0.0.5:443\"]\n{PAIR}"),
            &[(3, "listen.door[0]", "is listened on already")],
        ),
        // Datagrams come through the door, too.
        (
            &format!("[listen]\nudp = [\"10.0.0.5:443\"]\ndoor = [\"10.0.0.5:443\"]\n{PAIR}"),
            &[(3, "listen.door[0]", "is listened on already")],
        ),
        (
            &format!("[listen]\ndoor = [\"127.0.0.1:9478\"]\n[admin]\nlisten = \"127.0.0.1:9478\"\n{PAIR}"),
            &[(4, "admin.listen", "is taken by a TCP or TLS listener or the door")],
        ),
        ("[admin]\nlisten = \"metrics\"", &[(2, "admin.listen", "is not an address with a port")]),
        ("[admin]\nlisten = \"10.9.9.9:1\"", &[(2, "admin.listen", "is not an address of this host")]),
    ]);
}

#[test]
fn tls_needs_a_matching_pair_that_only_the_service_can_read() {
    let tls = |certificate: &str, key: &str| format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"");
    holds(&[
        ("[listen]\ntls = [\"10.0.0.5:5349\"]", &[(2, "listen.tls", "name their files under [tls]")]),
        ("[listen]\ndoor = [\"10.0.0.5:443\"]", &[(2, "listen.door", "name their files under [tls]")]),
        ("[tls]", &[(1, "tls.certificate", "is missing"), (1, "tls.key", "is missing")]),
        ("[tls]\nkey = \"/s/key.pem\"", &[(1, "tls.certificate", "is missing")]),
        (&tls("/s/no", "/s/key.pem"), &[(2, "tls.certificate", "/s/no cannot be read: there is no such file")]),
        (&tls("/s/secret", "/s/key.pem"), &[(2, "tls.certificate", "has no certificate; it must hold PEM")]),
        (&tls("/s/certificate.pem", "/s/secret"), &[(3, "tls.key", "has no private key; it must hold PEM")]),
        (&tls("/s/certificate.pem", "/s/other.pem"), &[(3, "tls.key", "does not belong to the first certificate")]),
        (&tls("/s/certificate.pem", "/s/open.pem"), &[(3, "tls.key", "(mode 644); chmod 640 it")]),
        (
            "[tls]\nname = 3",
            &[(1, "tls.certificate", "is missing"), (1, "tls.key", "is missing"), (2, "tls.name", "[[tls.name]]")],
        ),
    ]);
}

#[test]
fn a_load_balancer_is_named_by_its_network() {
    holds(&[
        ("[listen]\nproxies = [\"balancer\"]", &[(2, "listen.proxies[0]", "is no IP address")]),
        ("[listen]\nproxies = [\"10.0.0.7\", \"0.0.0.0/0\"]", &[(2, "listen.proxies[1]", "lets everybody choose")]),
        ("[listen]\nproxies = [\"::/0\"]", &[(2, "listen.proxies[0]", "")]),
        (
            &format!("[listen]\nproxies = [{}]", "\"10.0.0.7\", ".repeat(65)),
            &[(2, "listen.proxies", "has more than 64 entries")],
        ),
    ]);
}

#[test]
fn each_further_certificate_needs_a_pair_of_its_own() {
    let tls = |more: &str| format!("[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"\n{more}");
    let further =
        |certificate: &str, key: &str| tls(&format!("[[tls.name]]\ncertificate = \"{certificate}\"\nkey = \"{key}\""));
    let many = "[[tls.name]]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"\n".repeat(32);
    // 31 of them will do.
    crate::world::config(&tls(&many.lines().take(31 * 3).collect::<Vec<_>>().join("\n")));
    holds(&[
        (
            &tls("name = [1]"),
            &[(4, "tls.name", "holds a whole number; start each further certificate with [[tls.name]]")],
        ),
        (&tls("[[tls.name]]"), &[(4, "tls.name.certificate", "is missing"), (4, "tls.name.key", "is missing")]),
        (
            &further("/s/other-certificate.pem", "/s/key.pem"),
            &[(6, "tls.name.key", "does not belong to the first certificate")],
        ),
        (&further("/s/no", "/s/other.pem"), &[(5, "tls.name.certificate", "there is no such file")]),
        (&tls(&many), &[(4, "tls.name", "has 32 entries; at most 31")]),
    ]);
}

#[test]
fn a_relay_address_must_be_one_that_peers_can_answer_to() {
    holds(&[
        ("[relay]\naddresses = [\"10.0.0.5:1\"]", &[(2, "relay.addresses[0]", "is not an IP address")]),
        ("[relay]\naddresses = [\"0.0.0.0\"]", &[(2, "relay.addresses[0]", "is a wildcard")]),
        ("[relay]\naddresses = [\"ff02::1\"]", &[(2, "relay.addresses[0]", "is a multicast address")]),
        ("[relay]\naddresses = [\"fe80::1\"]", &[(2, "relay.addresses[0]", "is link-local")]),
        ("[relay]\naddresses = [\"::ffff:10.0.0.5\"]", &[(2, "relay.addresses[0]", "is IPv4 written as IPv6")]),
        ("[relay]\naddresses = [\"10.0.0.6\"]", &[(2, "relay.addresses[0]", "is not an address of this host")]),
        (
            "[relay]\naddresses = [\"10.0.0.5\", \"127.0.0.1\"]",
            &[(2, "relay.addresses[1]", "is the second address of its family")],
        ),
        ("[relay]\nexternal = { \"10.0.0.6\" = \"203.0.113.5\" }", &[(2, "relay.external", "is not a relay address")]),
        ("[relay]\nexternal = { \"10.0.0.5\" = \"2001:db8::9\" }", &[(2, "relay.external", "of the other family")]),
        (
            "[relay]\nexternal = { \"10.0.0.5\" = \"relay.example\" }",
            &[(2, "relay.external", "not a pair of IP addresses")],
        ),
        ("[relay]\nexternal = { \"10.0.0.5\" = \"0.0.0.0\" }", &[(2, "relay.external", "is a wildcard")]),
    ]);
    let bare = world_without_routes();
    let faults = config::check(AUTH, "hilum.toml", &bare).map(|_| ());
    compare(AUTH, &faults, &[(0, "relay.addresses", "this host has no default route")]);
}

fn world_without_routes() -> crate::world::World {
    let mut world = world();
    world.host = Host { default_sources: Vec::new(), ..world.host };
    world
}

#[test]
fn a_range_of_ports_is_checked_at_both_ends() {
    holds(&[
        ("[relay]\nports = \"49152\"", &[(2, "relay.ports", "write it as \"49152-65535\"")]),
        ("[relay]\nports = \"1-65536\"", &[(2, "relay.ports", "is not a range of ports")]),
        ("[relay]\nports = \"1023-65535\"", &[(2, "relay.ports", "starts at 1023; start at 1024 or above")]),
        ("[relay]\nports = \"50000-40000\"", &[(2, "relay.ports", "ends at 40000 before it starts at 50000")]),
        ("[relay]\nports = \"50000-50062\"", &[(2, "relay.ports", "has 63 ports; give it at least 64")]),
    ]);
    for fits in ["1024-65535", "50000-50063"] {
        assert!(check(&format!("[relay]\nports = \"{fits}\"\n{AUTH}")).is_ok(), "{fits}");
    }
}

#[test]
fn a_relay_without_credentials_is_refused() {
    let words = "nobody may ask: a relay needs credentials";
    compare("", &check("").map(|_| ()), &[(0, "auth", words)]);
    holds(&[
        ("\n[auth]", &[(2, "auth", words)]),
        ("[auth]\nshared_secret_files = []\nuser = []", &[(1, "auth", words)]),
    ]);
}

#[test]
fn a_secret_must_be_there_and_long_and_kept() {
    let files = |name: &str| format!("[auth]\nshared_secret_files = [\"{name}\"]");
    let variables = |name: &str| format!("[auth]\nshared_secret_env = [\"{name}\"]");
    holds(&[
        (&files("/s/no"), &[(2, "auth.shared_secret_files[0]", "/s/no cannot be read: there is no such file")]),
        (&files("/s/empty"), &[(2, "auth.shared_secret_files[0]", "is empty; write a secret into it")]),
        (
            &files("/s/open"),
            &[(
                2,
                "auth.shared_secret_files[0]",
                "/s/open may be used by everyone on this host (mode 644); chmod 640 it",
            )],
        ),
        (
            &files("/s/short"),
            &[(2, "auth.shared_secret_files[0]", "line 1: "), (2, "auth.shared_secret_files[0]", "line 3: ")],
        ),
        (&variables("HILUM_NO"), &[(2, "auth.shared_secret_env[0]", "the environment variable HILUM_NO is not set")]),
        (&variables("HILUM_EMPTY"), &[(2, "auth.shared_secret_env[0]", "is empty")]),
        // A secret in place of the name of a variable is not repeated.
        (
            &variables("open sesame"),
            &[(2, "auth.shared_secret_env[0]", "the environment variable of that name is not set")],
        ),
    ]);
}

#[test]
fn a_user_has_a_name_and_one_password() {
    let user = |rest: &str| format!("[[auth.user]]\n{rest}");
    holds(&[
        (&user("password_file = \"/s/password\""), &[(1, "auth.user.name", "is missing")]),
        (&user("name = \"a\""), &[(1, "auth.user.password_file", "is missing, and so is password_env")]),
        (
            &user("name = \"a\"\npassword_file = \"/s/password\"\npassword_env = \"HILUM_PASSWORD\""),
            &[(4, "auth.user.password_env", "stands beside password_file")],
        ),
        (&user("name = \"a\"\npassword_file = \"/s/empty\""), &[(3, "auth.user.password_file", "is empty")]),
        (&user("name = \"a\"\npassword_file = \"/s/open\""), &[(3, "auth.user.password_file", "chmod 640")]),
        (
            &user("name = \"a\"\npassword_file = \"/s/passwords\""),
            &[(3, "auth.user.password_file", "more than one line")],
        ),
        (&user("name = \"a\"\npassword_env = \"HILUM_NO\""), &[(3, "auth.user.password_env", "is not set")]),
        (
            &user("name = \"\"\npassword_env = \"HILUM_PASSWORD\""),
            &[(2, "auth.user.name", "user 1: the name is empty")],
        ),
    ]);
    let twice = "name = \"ward\"\npassword_env = \"HILUM_PASSWORD\"\n";
    holds(&[(
        &format!(
            "[[auth.user]]\n{twice}[[auth.user]]\nname = \"\"\npassword_env = \"HILUM_PASSWORD\"\n[[auth.user]]\n{twice}"
        ),
        &[
            (5, "auth.user.name", "user 2: the name is empty"),
            (8, "auth.user.name", "user 3: an earlier user has the same name"),
        ],
    )]);
}

#[test]
fn a_network_that_opens_everything_is_refused_with_the_reason() {
    holds(&[
        ("[peers]\nallow = [\"0.0.0.0/0\"]", &[(2, "peers.allow[0]", "allows every address, and with it loopback")]),
        ("[peers]\nallow = [\"10.0.0.0/8\",\n\"::/00\"]", &[(3, "peers.allow[1]", "allows every address")]),
        ("[peers]\nallow = [\"::/0\"]", &[(2, "peers.allow[0]", "allows every address, and with it loopback")]),
        ("[peers]\nallow = [\"intranet\"]", &[(2, "peers.allow[0]", "2001:db8::/32")]),
        ("[peers]\ndeny = [\"10.0.0.1/8\"]", &[(2, "peers.deny[0]", "10.0.0.0/8")]),
    ]);
    assert!(check(&format!("[peers]\ndeny = [\"0.0.0.0/0\", \"::/0\"]\n{AUTH}")).is_ok());
}

#[test]
fn call_tokens_need_keys_that_can_be_read_and_a_cluster() {
    let key = |file: &str| format!("[tokens]\ncluster = \"clinic\"\nkeyring = \"{file}\"\n");
    for (text, place, words) in [
        ("[tokens]\nkeyring = \"/s/keyring.toml\"\n".to_owned(), (2, "tokens.keyring"), "without a cluster"),
        (key("/s/nowhere.toml"), (3, "tokens.keyring"), "cannot be read"),
        (key("/s/open-keyring.toml"), (3, "tokens.keyring"), "may be used by everyone on this host (mode 644)"),
        (key("/s/secret"), (3, "tokens.keyring"), "/s/secret"),
        ("[tokens]\ncluster = \"a b\"\n".to_owned(), (2, "tokens.cluster"), "is out of form"),
        ("[tokens]\nregion = \"a b\"\n".to_owned(), (2, "tokens.region"), "is out of form"),
        ("[tokens]\nskew = 601\n".to_owned(), (2, "tokens.skew"), "600"),
        ("[tokens]\nelsewhere = [\"south\"]\n".to_owned(), (2, "tokens.elsewhere[0]"), "is no region and address"),
    ] {
        holds(&[(&format!("{text}{AUTH}"), &[(place.0, place.1, words)])]);
    }
    // Tokens alone are enough to ask with.
    assert!(check(&key("/s/keyring.toml")).is_ok());
}

#[test]
fn the_seal_is_turned_off_only_by_who_says_so_twice() {
    let words = "write accept_unsealed = true beside it";
    holds(&[
        ("[seal]\nmode = \"off\"", &[(2, "seal.mode", words)]),
        ("[seal]\naccept_unsealed = false\nmode = \"off\"", &[(3, "seal.mode", words)]),
        (
            "[seal]\nmode = \"off\"\naccept_unsealed = \"yes\"",
            &[(2, "seal.mode", words), (3, "seal.accept_unsealed", "is a string; write true or false, without quotes")],
        ),
    ]);
    assert!(check(&format!("[seal]\nmode = \"off\"\naccept_unsealed = true\n{AUTH}")).is_ok());
    for mode in ["enforce", "report"] {
        assert!(check(&format!("[seal]\nmode = \"{mode}\"\n{AUTH}")).is_ok(), "{mode}");
    }
}

#[test]
fn only_profiles_that_encrypt_can_be_named() {
    let known = "\"AES128-CM-SHA1-80\", \"AES128-CM-SHA1-32\", \"AEAD-AES-128-GCM\", \"AEAD-AES-256-GCM\"";
    let never = "does not encrypt, and can never be allowed";
    holds(&[
        ("[seal]\nprofiles = []", &[(2, "seal.profiles", known)]),
        ("[seal]\nprofiles = []", &[(2, "seal.profiles", "is empty, so that no call could pass")]),
        ("[seal]\nprofiles = \"AEAD-AES-128-GCM\"", &[(2, "seal.profiles", "write a list of strings")]),
        ("[seal]\nprofiles = [\"AES-256\"]", &[(2, "seal.profiles[0]", known)]),
        (
            "[seal]\nprofiles = [\"AEAD-AES-128-GCM\",\n\"NULL-HMAC-SHA1-80\",\n\"SRTP_NULL_HMAC_SHA1_32\"]",
            &[(3, "seal.profiles[1]", never), (4, "seal.profiles[2]", never)],
        ),
        ("[seal]\nmode = \"on\"", &[(2, "seal.mode", "write one of \"enforce\", \"report\", \"off\"")]),
        ("[seal]\nmin_dtls = \"1.0\"", &[(2, "seal.min_dtls", "write one of \"1.2\", \"1.3\"")]),
        ("[seal]\nstatistics = 1", &[(2, "seal.statistics", "is a whole number; write true or false")]),
    ]);
}

#[test]
fn rules_between_keys_are_checked() {
    holds(&[
        (
            "[lifetimes]\nallocation = 3601",
            &[(2, "lifetimes.allocation", "3601 is longer than allocation_max, which is 3600")],
        ),
        ("[lifetimes]\npermission = 300\nchannel = 299", &[(3, "lifetimes.channel", "a channel of 299 s is shorter")]),
        ("[lifetimes]\npermission = 601", &[(2, "lifetimes.permission", "lengthen channel or shorten permission")]),
    ]);
}

#[test]
fn words_and_realms_are_checked() {
    let long = format!("[server]\nrealm = \"{}\"", "a".repeat(33));
    holds(&[
        ("[log]\nformat = \"xml\"", &[(2, "log.format", "write one of \"text\", \"json\"")]),
        ("[log]\nlevel = \"INFO\"", &[(2, "log.level", "\"error\", \"warn\", \"info\", \"debug\", \"trace\"")]),
        ("[server]\nrealm = \"\"", &[(2, "server.realm", "has 0 bytes; write 1 to 32")]),
        (&long, &[(2, "server.realm", "has 33 bytes")]),
        ("[server]\nrealm = 'a\"b'", &[(2, "server.realm", "a quote")]),
        ("[server]\nrealm = \"Zürich\"", &[(2, "server.realm", "not printable ASCII")]),
    ]);
    assert!(check(&format!("[server]\nrealm = \"{}\"\n{AUTH}", "a".repeat(32))).is_ok());
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    holds(&[(
        "[log]\nlevel = \"loud\"\n[limits]\nchannels = 0\nchanels = 1\npermissions = 2000\n[server]\nrealm = \"\"\n[nonsense]\n\
         [auth]\nshared_secret_files = [\"/s/no\", \"/s/short\"]\n[[auth.user]]\n",
        &[
            (2, "log.level", "none of the choices"),
            (4, "limits.channels", "0 is out of bounds"),
            (5, "limits.chanels", "did you mean channels?"),
            (6, "limits.permissions", "2000 is out of bounds"),
            (8, "server.realm", "has 0 bytes"),
            (9, "nonsense", "is unknown"),
            (11, "auth.shared_secret_files[0]", "no such file"),
            (11, "auth.shared_secret_files[1]", "line 1"),
            (11, "auth.shared_secret_files[1]", "line 3"),
            (12, "auth.user.name", "is missing"),
            (12, "auth.user.password_file", "is missing"),
        ],
    )]);
}

#[test]
fn the_operators_way_in_is_closed_or_somebody_may_use_it() {
    let long = format!("[operator]\nsocket = \"/run/{}\"", "x".repeat(120));
    holds(&[
        ("[operator]\noperators = [\"ward\"]", &[(2, "operator.operators[0]", "write \"user:NAME\"")]),
        ("[operator]\nviewers = [\"user:ward\", \"group:ward\"]", &[(2, "operator.viewers[1]", "is not known")]),
        (&long, &[(2, "operator.socket", "107 bytes")]),
        (
            "[api]\nlisten = [\"10.0.0.5:8443\"]",
            &[(2, "api.listen", "nobody could ask there"), (2, "api.listen", "under [tls]")],
        ),
        ("[api]\nlisten = [\"10.0.0.9:8443\"]", &[(2, "api.listen[0]", "not an address of this host")]),
        (
            "[api]\nlisten = [\"10.0.0.5:3478\"]\nkeys = \"/s/api-keys.toml\"\n[tls]\n\
             certificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\"",
            &[(2, "api.listen[0]", "is taken by another listener")],
        ),
        // A wildcard over what is taken, and what is taken under a wildcard, here and elsewhere.
        (
            &format!("[api]\nlisten = [\"0.0.0.0:3478\"]\nkeys = \"/s/api-keys.toml\"\n{PAIR}"),
            &[(2, "api.listen[0]", "is taken by another listener")],
        ),
        (
            &format!("[api]\nlisten = [\"0.0.0.0:9478\"]\nkeys = \"/s/api-keys.toml\"\n{PAIR}"),
            &[(2, "api.listen[0]", "is taken by another listener")],
        ),
        (
            &format!(
                "[admin]\nlisten = \"0.0.0.0:8443\"\n[api]\nlisten = [\"10.0.0.5:8443\"]\nkeys = \"/s/api-keys.toml\"\n{PAIR}"
            ),
            &[(4, "api.listen[0]", "is taken by another listener")],
        ),
        (
            &format!(
                "[api]\nlisten = [\"10.0.0.5:8443\", \"0.0.0.0:8443\", \"[::1]:8443\"]\nkeys = \"/s/api-keys.toml\"\n{PAIR}"
            ),
            &[(2, "api.listen[1]", "is taken by another listener")],
        ),
        ("[admin]\nlisten = \"0.0.0.0:3478\"", &[(2, "admin.listen", "is taken by a TCP or TLS listener")]),
        ("[api]\ndoor = true\nkeys = \"/s/api-keys.toml\"", &[(2, "api.door", "name its address under [listen] door")]),
        (
            &format!(
                "[listen]\ndoor = [\"10.0.0.5:443\"]\n[api]\ndoor = true\nclient_ca = \"/s/certificate.pem\"\n{PAIR}"
            ),
            &[(4, "api.door", "name a file under keys")],
        ),
        ("[api]\nkeys = \"/s/missing\"", &[(2, "api.keys", "there is no such file")]),
        ("[api]\nkeys = \"/s/secret\"", &[(2, "api.keys", "/s/secret:1:")]),
        ("[api]\nclient_ca = \"/s/secret\"", &[(2, "api.client_ca", "certificates of authorities")]),
        ("[api]\ncertificates = { \"a.example\" = \"viewer\" }", &[(2, "api.certificates", "needs a client_ca")]),
        (
            "[api]\nclient_ca = \"/s/certificate.pem\"\ncertificates = { \"a.example\" = \"admin\" }",
            &[(3, "api.certificates", "write viewer, operator or issuer")],
        ),
    ]);
}

#[test]
fn what_is_minted_here_would_be_accepted_here() {
    let minting = |rest: &str| {
        let tokens = "[tokens]\ncluster = \"clinic\"\nkeyring = \"/s/keyring.toml\"\n[mint]\n";
        format!("{tokens}issuer = \"clinic\"\nurls = [\"turn:turn.clinic.example\"]\n{rest}\n{AUTH}")
    };
    let right = check(&minting("key = \"/s/signing.pem\"\nkid = \"one\"")).unwrap();
    assert!(right.api.access.minter.is_some());
    let cases: [(&str, &str, &str); 5] = [
        ("key = \"/s/signing.pem\"", "mint.key", "is not the key signing of the keyring"),
        ("key = \"/s/other-signing.pem\"\nkid = \"one\"", "mint.key", "is not the key one of the keyring"),
        ("key = \"/s/open-signing.pem\"\nkid = \"one\"", "mint.key", "(mode 644); chmod 640 it"),
        ("key = \"/s/secret\"\nkid = \"one\"", "mint.key", "is not in PEM"),
        ("kid = \"not one\"", "mint.kid", "is out of form"),
    ];
    for (rest, key, words) in cases {
        compare(&minting(rest), &check(&minting(rest)).map(|_| ()), &[(7, key, words)]);
    }
    let alone = format!("[mint]\nkey = \"/s/signing.pem\"\nkid = \"one\"\nurls = [\"http://x\"]\n{AUTH}");
    let faults = check(&alone).unwrap_err().to_string();
    assert!(faults.contains("hilum.toml:4: mint.urls[0]: ") && faults.contains("is not a TURN URI"), "{faults}");
    let alone = alone.replace("http://x", "turn:x.example");
    compare(&alone, &check(&alone).map(|_| ()), &[(2, "mint.key", "name the keyring under [tokens]")]);
}
