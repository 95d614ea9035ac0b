//! `[tls.acme]`: what is right, and what is said of the rest.

use std::path::PathBuf;

use hilum::acme::{Name, Proof};

use crate::faults::holds;
use crate::world::config;

#[test]
fn the_certificate_of_an_authority_is_the_first() {
    let text = "[server]\nstate = \"/var/lib/hilum\"\n[listen]\ntls = [\"10.0.0.5:443\"]\n\
                [tls.acme]\ndirectory = \"https://ca.example/directory\"\nterms_agreed = true\n\
                names = [\"Turn.example\", \"192.0.2.1\"]\nproof = \"http-01\"\n\
                binding_id = \"clinic\"\nbinding_key = \"/s/binding\"\n\
                [[tls.name]]\ncertificate = \"/s/other-certificate.pem\"\nkey = \"/s/other.pem\"\n";
    let config = config(text);
    let acme = config.acme.as_ref().unwrap();
    assert_eq!(acme.names, [Name::Dns("turn.example".to_owned()), Name::Address("192.0.2.1".parse().unwrap())]);
    assert_eq!((acme.proof, acme.contacts.len(), &acme.profile), (Proof::Http01, 0, &None));
    assert_eq!(acme.binding.as_ref().map(|binding| binding.key.as_slice()), Some(&b"sesame of an authority"[..]));
    assert!(acme.pair().starts_with("/var/lib/hilum/acme"));
    let files: Vec<_> = config.tls.iter().map(|pair| (pair.certificate.clone(), pair.key.clone())).collect();
    let other = (PathBuf::from("/s/other-certificate.pem"), PathBuf::from("/s/other.pem"));
    assert_eq!(files, [(acme.pair(), acme.pair()), other]);
    assert!(!format!("{config:?}").contains("sesame"), "the account's key is shown to nobody");
}

#[test]
fn an_authority_is_asked_for_names_that_a_server_can_prove() {
    let acme = |more: &str| format!("[server]\nstate = \"/var/lib/hilum\"\n[tls.acme]\n{more}");
    let good = "directory = \"https://ca.example/directory\"\nnames = [\"turn.example\"]\nterms_agreed = true\n";
    let with = |more: &str| acme(&format!("{good}{more}"));
    assert!(config(&with("")).acme.is_some());
    let named = |names: &str| acme(&good.replace("[\"turn.example\"]", names));
    let hundred =
        format!("[{}]", (0..=100).map(|number| format!("\"a{number}.example\"")).collect::<Vec<_>>().join(","));
    holds(&[
        (&format!("[tls.acme]\n{good}"), &[(1, "tls.acme", "set server.state")]),
        ("[tls]\nacme = true", &[(2, "tls.acme", "started with [tls.acme]")]),
        (
            &acme(""),
            &[
                (3, "tls.acme.directory", "is missing"),
                (3, "tls.acme.names", "has 0 entries; write 1 to 100"),
                (3, "tls.acme.terms_agreed", "read the authority's terms of service"),
            ],
        ),
        (&acme(&good.replace("https", "http")), &[(4, "tls.acme.directory", "begins with \"https://\"")]),
        (&acme(&good.replace("https://ca", "https:// ca")), &[(4, "tls.acme.directory", "is no URL")]),
        (&named("[\"*.example\"]"), &[(5, "tls.acme.names[0]", "is a wildcard, which a server cannot prove")]),
        (&named("[\"a b\"]"), &[(5, "tls.acme.names[0]", "is no DNS name and no address")]),
        (&named("[\"a.example\", \"A.example\"]"), &[(5, "tls.acme.names[1]", "is there already")]),
        (&named(&hundred), &[(5, "tls.acme.names", "has 101 entries")]),
        (&acme(&good.replace("true", "false")), &[(6, "tls.acme.terms_agreed", "must be true")]),
        (&with("contacts = [\"operator@clinic.example\"]"), &[(7, "tls.acme.contacts[0]", "write \"mailto:")]),
        (&with("proof = \"dns-01\""), &[(7, "tls.acme.proof", "write one of \"tls-alpn-01\", \"http-01\"")]),
        (&with("profile = \"short lived\""), &[(7, "tls.acme.profile", "without spaces")]),
        (&with("ca = \"/s/no\""), &[(7, "tls.acme.ca", "there is no such file")]),
        (&with("ca = \"/s/secret\""), &[(7, "tls.acme.ca", "has no certificate")]),
        (&with("binding_id = \"clinic\""), &[(7, "tls.acme.binding_key", "is missing")]),
        (&with("binding_key = \"/s/binding\""), &[(7, "tls.acme.binding_id", "is missing")]),
        (
            &with("binding_id = \"clinic\"\nbinding_key = \"/s/open-binding\""),
            &[(8, "tls.acme.binding_key", "(mode 644); chmod 640 it")],
        ),
        (
            &with("binding_id = \"clinic\"\nbinding_key = \"/s/secret\""),
            &[(8, "tls.acme.binding_key", "holds no key; it must hold what the authority gave out")],
        ),
        (
            &with("[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\""),
            &[(8, "tls.certificate", "has no place beside [tls.acme]"), (9, "tls.key", "put it under [[tls.name]]")],
        ),
    ]);
}
