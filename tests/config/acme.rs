//! `[tls.acme]`: what is right, and what is said of the rest.

use std::path::PathBuf;

use hilum::acme::{Name, Proof};

use crate::faults::holds;
use crate::world::config;

#[test]
fn the_certificate_of_an_authority_is_the_first() {
    let text = "[server]\nstate = \"/var/lib/hilum\"\n[listen]\ndoor = [\"10.0.0.5:443\"]\n\
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
    let place = "[server]\nstate = \"/var/lib/hilum\"";
    let acme = |more: &str| format!("{place}\n[listen]\ndoor = [\"10.0.0.5:443\"]\n[tls.acme]\n{more}");
    let good = "directory = \"https://ca.example/directory\"\nnames = [\"turn.example\"]\nterms_agreed = true\n";
    let with = |more: &str| acme(&format!("{good}{more}"));
    assert!(config(&with("")).acme.is_some());
    let named = |names: &str| acme(&good.replace("[\"turn.example\"]", names));
    let hundred =
        format!("[{}]", (0..=100).map(|number| format!("\"a{number}.example\"")).collect::<Vec<_>>().join(","));
    holds(&[
        (&format!("[listen]\ndoor = [\"10.0.0.5:443\"]\n[tls.acme]\n{good}"), &[(3, "tls.acme", "set server.state")]),
        ("[tls]\nacme = true", &[(2, "tls.acme", "started with [tls.acme]")]),
        (
            &acme(""),
            &[
                (5, "tls.acme.directory", "is missing"),
                (5, "tls.acme.names", "has 0 entries; write 1 to 100"),
                (5, "tls.acme.terms_agreed", "read the authority's terms of service"),
            ],
        ),
        (&acme(&good.replace("https", "http")), &[(6, "tls.acme.directory", "begins with \"https://\"")]),
        (&acme(&good.replace("https://ca", "https:// ca")), &[(6, "tls.acme.directory", "is no URL")]),
        (&named("[\"*.example\"]"), &[(7, "tls.acme.names[0]", "is a wildcard, which a server cannot prove")]),
        (&named("[\"a b\"]"), &[(7, "tls.acme.names[0]", "is no DNS name and no address")]),
        (&named("[\"a.example\", \"A.example\"]"), &[(7, "tls.acme.names[1]", "is there already")]),
        (&named(&hundred), &[(7, "tls.acme.names", "has 101 entries")]),
        (&acme(&good.replace("true", "false")), &[(8, "tls.acme.terms_agreed", "must be true")]),
        (&with("contacts = [\"operator@clinic.example\"]"), &[(9, "tls.acme.contacts[0]", "write \"mailto:")]),
        (&with("proof = \"dns-01\""), &[(9, "tls.acme.proof", "write one of \"tls-alpn-01\", \"http-01\"")]),
        (&with("profile = \"short lived\""), &[(9, "tls.acme.profile", "without spaces")]),
        (&with("ca = \"/s/no\""), &[(9, "tls.acme.ca", "there is no such file")]),
        (&with("ca = \"/s/secret\""), &[(9, "tls.acme.ca", "has no certificate")]),
        (&with("binding_id = \"clinic\""), &[(9, "tls.acme.binding_key", "is missing")]),
        (&with("binding_key = \"/s/binding\""), &[(9, "tls.acme.binding_id", "is missing")]),
        (
            &with("binding_id = \"clinic\"\nbinding_key = \"/s/open-binding\""),
            &[(10, "tls.acme.binding_key", "(mode 644); chmod 640 it")],
        ),
        (
            &with("binding_id = \"clinic\"\nbinding_key = \"/s/secret\""),
            &[(10, "tls.acme.binding_key", "holds no key; it must hold what the authority gave out")],
        ),
        (
            &with("[tls]\ncertificate = \"/s/certificate.pem\"\nkey = \"/s/key.pem\""),
            &[(10, "tls.certificate", "has no place beside [tls.acme]"), (11, "tls.key", "put it under [[tls.name]]")],
        ),
    ]);
}

#[test]
fn a_name_is_proven_where_somebody_listens() {
    let listening = |listen: &str, more: &str| {
        let acme = "directory = \"https://ca.example/directory\"\nnames = [\"turn.example\"]\nterms_agreed = true\n";
        format!("[server]\nstate = \"/var/lib/hilum\"\n[listen]\n{listen}\n[tls.acme]\n{acme}{more}")
    };
    let (door, tls) = ("door = [\"10.0.0.5:443\"]", "tls = [\"10.0.0.5:443\"]");
    let (page, handshake) = ("proof = \"http-01\"", "proof = \"tls-alpn-01\"");
    for (listen, more) in [(door, ""), (door, page), (door, handshake), (tls, ""), (tls, handshake)] {
        assert!(config(&listening(listen, more)).acme.is_some(), "{listen} {more}");
    }
    holds(&[
        (&listening(tls, page), &[(9, "tls.acme.proof", "needs a door; ")]),
        (&listening("", page), &[(9, "tls.acme.proof", "needs a door; ")]),
        (&listening("", handshake), &[(9, "tls.acme.proof", "needs TLS, in which names are proven; ")]),
        // Where the key is left out, the table is at fault.
        (&listening("", ""), &[(5, "tls.acme.proof", "needs TLS, in which names are proven; ")]),
    ]);
}
