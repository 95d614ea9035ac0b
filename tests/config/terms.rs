//! Which kinds of credential are accepted, and the terms of those that say nothing themselves.

use hilum::auth::{Destinations, Terms};
use hilum::config::{Change, Effect, changes};

use crate::faults::holds;
use crate::world::{AUTH, check};

const USER: &str = "[[auth.user]]\nname = \"ward\"\npassword_file = \"/s/password\"\n";
const SECRET: &str = "shared_secret_files = [\"/s/secret\"]\n";
const KEYRING: &str = "[tokens]\ncluster = \"turn-eu\"\nkeyring = \"/s/keyring.toml\"\n";

#[test]
fn every_kind_is_accepted_unless_told_otherwise() {
    assert!(check(&format!("[auth]\n{SECRET}{USER}{KEYRING}")).is_ok());
    for (accept, rest) in [
        ("\"static\"", USER.to_owned()),
        ("\"secret\"", SECRET.to_owned()),
        ("\"token\"", KEYRING.to_owned()),
        ("\"token\", \"static\"", format!("{USER}{KEYRING}")),
        ("\"token\", \"secret\", \"static\"", format!("{SECRET}{USER}{KEYRING}")),
    ] {
        check(&format!("[auth]\naccept = [{accept}]\n{rest}")).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn what_nobody_could_use_is_refused() {
    let without = |accept: &str, rest: &str| format!("[auth]\naccept = [{accept}]\n{rest}");
    let user = without("\"token\"", &format!("{USER}{KEYRING}"));
    let secret = without("\"static\"", &format!("{SECRET}{USER}"));
    let variable = without("\"static\"", &format!("shared_secret_env = [\"HILUM_SECRET\"]\n{USER}"));
    let keyring = without("\"secret\"", &format!("{SECRET}{KEYRING}"));
    let nobody = without("\"token\"", SECRET);
    holds(&[
        (&user, &[(3, "auth.user", "the users could never log in; name \"static\" under accept or remove them")]),
        (&secret, &[(3, "auth.shared_secret_files", "name \"secret\" under accept or remove it")]),
        (&variable, &[(3, "auth.shared_secret_env", "name \"secret\" under accept or remove it")]),
        (&keyring, &[(6, "tokens.keyring", "name \"token\" under [auth] accept or leave it empty")]),
        (&nobody, &[(3, "auth.shared_secret_files", "name \"secret\" under accept")]),
    ]);
}

#[test]
fn words_that_are_none_are_named() {
    let with = |line: &str| format!("[auth]\n{SECRET}{line}");
    holds(&[
        (
            &with("accept = [\"passwords\"]"),
            &[(3, "auth.accept[0]", "is no kind of credential; name some of \"static\", \"secret\", \"token\"")],
        ),
        (&with("accept = []"), &[(3, "auth.accept", "is empty, so that nobody may ask")]),
        (&with("accept = \"secret\""), &[(3, "auth.accept", "is a string; write a list")]),
        (&with("reach = \"everyone\""), &[(3, "auth.reach", "write one of \"anywhere\", \"clients\"")]),
        (&with("regions = [\"eu north\"]"), &[(3, "auth.regions[0]", "is out of form")]),
    ]);
}

/// A static user of such a name could never log in: the relay would look for the token's key.
#[test]
fn no_user_is_named_like_a_token() {
    let text = USER.replace("ward", "eyJhbGciOiJFZERTQSJ9.e30.AA");
    holds(&[(&text, &[(2, "auth.user.name", "user 1: the name reads as a call token")])]);
}

#[test]
fn regions_are_those_of_this_relay_or_of_one_that_it_knows() {
    let text = |regions: &str, tokens: &str| format!("[auth]\nregions = [{regions}]\n{SECRET}{tokens}");
    let here = "[tokens]\nregion = \"north\"\nelsewhere = [\"south=192.0.2.9:3478\"]\n";
    let nine = (0..9).map(|number| format!("\"r{number}\"")).collect::<Vec<_>>().join(", ");
    for good in ["\"north\"", "\"south\"", "\"east\", \"north\"", ""] {
        check(&text(good, here)).unwrap_or_else(|faults| panic!("{faults}"));
    }
    holds(&[
        (
            &text("\"north\"", ""),
            &[(2, "auth.regions", "this relay has no region; write region = \"...\" under [tokens]")],
        ),
        (&text("\"nroth\"", here), &[(2, "auth.regions", "could ever be used here; compare the names")]),
        (&text(&nine, here), &[(2, "auth.regions", "has 9 regions; 8 are the most")]),
    ]);
}

/// Whoever reaches clients alone needs numbers that no port has, so the table is asked for more than once.
#[test]
fn a_fault_of_the_relay_is_named_once_whoever_asks_for_its_numbers() {
    let text = format!("[relay]\nprots = \"50000-60000\"\n{AUTH}reach = \"clients\"\n");
    holds(&[(&text, &[(2, "relay.prots", "is unknown; did you mean ports?")])]);
}

#[test]
fn terms_apply_at_once() {
    let region = "[tokens]\nregion = \"north\"\n";
    let old = check(&format!("{AUTH}{region}")).unwrap();
    assert_eq!(old.terms, Terms::default());
    let closed = check(&format!("{AUTH}reach = \"clients\"\n{region}")).unwrap();
    assert_eq!(closed.terms, Terms { reach: Destinations::Clients, ..Terms::default() });
    let applied = |key| vec![Change { key, effect: Effect::Applied }];
    assert_eq!(changes(&old, &closed), applied("auth.reach"));
    let bound = check(&format!("{AUTH}regions = [\"north\"]\n{region}")).unwrap();
    assert_eq!(bound.terms.regions.to_vec(), ["north".parse().unwrap()]);
    assert_eq!(changes(&old, &bound), applied("auth.regions"));
    // It decides what the file may hold; a relay that runs does nothing else for it.
    let fewer = check(&format!("{AUTH}accept = [\"secret\"]\n{region}")).unwrap();
    assert_eq!(changes(&old, &fewer), []);
}
