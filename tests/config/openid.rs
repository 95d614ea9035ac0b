//! `[signal.openid]`: what is right, and what is said of the rest.

use hilum::config::{Change, Effect, changes};
use hilum::signal::Role;

use crate::faults::holds;
use crate::world::config;

const CLINIC: &str = "[[signal.clinic]]\nid = \"physio\"\nname = \"Physiotherapy\"\n";
const GOOD: &str =
    "issuer = \"https://login.example/realms/staff\"\nclient_id = \"hilum\"\nclient_secret_file = \"/s/secret\"\n";

fn with(openid: &str) -> String {
    format!("{CLINIC}[signal.openid]\n{openid}\n")
}

fn rule(rule: &str) -> String {
    with(&format!("{GOOD}[[signal.openid.role]]\n{rule}"))
}

#[test]
fn a_provider_and_what_its_groups_are_here() {
    let new = config(&with(GOOD));
    let openid = new.openid.as_ref().unwrap();
    assert_eq!((&*openid.provider.account, &*openid.provider.groups), ("sub", "groups"));
    assert_eq!((&openid.provider.scopes[..], &openid.rules[..]), (&["profile".to_owned()][..], &[][..]));
    assert_eq!(openid.provider.client_secret.as_str(), "open sesame, said Ali Baba");
    assert!(!format!("{new:?}").contains("sesame"), "the secret is shown to nobody");
    let without = config(CLINIC);
    assert_eq!(changes(&without, &new), [Change { key: "signal.openid", effect: Effect::Applied }]);

    let more = "scopes = [\"openid\", \"groups\"]\naccount = \"oid\"\ngroups = \"roles\"\nca = \"/s/certificate.pem\"\n\
                [[signal.openid.role]]\ngroup = \"Hilum Ärzte\"\nrole = \"clinician\"\nclinics = [\"physio\"]\n\
                [[signal.openid.role]]\ngroup = \"hilum-operators\"\nrole = \"operator\"\n";
    let full = config(&with(&format!("{GOOD}{more}")));
    let openid = full.openid.as_ref().unwrap();
    assert_eq!(openid.provider.scopes, ["groups"]);
    let rules: Vec<_> = openid.rules.iter().map(|rule| (&*rule.group, rule.role, rule.clinics.len())).collect();
    assert_eq!(rules, [("Hilum Ärzte", Role::Clinician, 1), ("hilum-operators", Role::Operator, 0)]);
    assert_eq!(changes(&new, &full), [Change { key: "signal.openid", effect: Effect::Applied }]);
}

#[test]
fn what_would_let_in_nobody_or_anybody_is_refused() {
    let issuer = |issuer: &str| with(&GOOD.replace("https://login.example/realms/staff", issuer));
    assert!(config(&issuer("http://localhost:8080/realms/staff")).openid.is_some());
    let secret = |file: &str| with(&GOOD.replace("/s/secret", file));
    let many = (0..17).map(|number| format!("\"s{number}\"")).collect::<Vec<_>>().join(",");
    holds(&[
        ("[signal]\nopenid = true", &[(2, "signal.openid", "started with [signal.openid]")]),
        (
            &with(""),
            &[
                (4, "signal.openid.issuer", "is missing"),
                (4, "signal.openid.client_id", "is missing"),
                (4, "signal.openid.client_secret_file", "is missing"),
            ],
        ),
        (&issuer("http://login.example"), &[(5, "signal.openid.issuer", "http is for a provider on this host")]),
        (&issuer("https://login.example/?a"), &[(5, "signal.openid.issuer", "is no issuer")]),
        (&issuer("login.example"), &[(5, "signal.openid.issuer", "is no issuer")]),
        (&secret("/s/no"), &[(7, "signal.openid.client_secret_file", "there is no such file")]),
        (&secret("/s/open"), &[(7, "signal.openid.client_secret_file", "(mode 644); chmod 640 it")]),
        (&secret("/s/empty"), &[(7, "signal.openid.client_secret_file", "holds no secret")]),
        (&secret("/s/rotation"), &[(7, "signal.openid.client_secret_file", "one line")]),
        (&with(&format!("{GOOD}ca = \"/s/secret\"")), &[(8, "signal.openid.ca", "has no certificate")]),
        (&with(&format!("{GOOD}account = \"\"")), &[(8, "signal.openid.account", "without spaces")]),
        (&with(&format!("{GOOD}scopes = [\"a b\"]")), &[(8, "signal.openid.scopes[0]", "is no scope")]),
        (&with(&format!("{GOOD}scopes = [{many}]")), &[(8, "signal.openid.scopes", "has 17 entries; at most 16")]),
        (&with(&format!("{GOOD}role = \"admin\"")), &[(8, "signal.openid.role", "start each rule")]),
        (&rule(""), &[(8, "signal.openid.role.group", "is missing"), (8, "signal.openid.role.role", "write operator")]),
        (
            &rule("group = \"g\"\nrole = \"patient\"\nclinics = [\"physio\"]"),
            &[(8, "signal.openid.role.role", "none of staff")],
        ),
        (&rule("group = \"g\"\nrole = \"clinician\""), &[(8, "signal.openid.role.clinics", "an operator has none")]),
        (
            &rule("group = \"g\"\nrole = \"operator\"\nclinics = [\"physio\"]"),
            &[(8, "signal.openid.role.clinics", "an operator has none")],
        ),
        (
            &rule("group = \"g\"\nrole = \"admin\"\nclinics = [\"physio\", \"cardio\"]"),
            &[(11, "signal.openid.role.clinics[1]", "is no clinic")],
        ),
    ]);
}
