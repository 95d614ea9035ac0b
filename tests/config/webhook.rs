//! `[[signal.webhook]]`: who is told what becomes of visits.

use std::path::Path;

use hilum::config::{Change, Effect, changes};
use hilum::webhook::Event;

use crate::faults::holds;
use crate::world::config;

fn webhook(lines: &str) -> String {
    format!("[[signal.webhook]]\n{lines}\n")
}

fn to(url: &str, more: &str) -> String {
    webhook(&format!("url = \"{url}\"\nsecret_file = \"/s/webhook\"\n{more}"))
}

const URL: &str = "https://records.clinic.example/hilum";

#[test]
fn a_receiver_is_told_everything_or_what_it_wants_to_know() {
    let text = to(URL, "") + &to("http://127.0.0.1:8080/", "events = [\"call.ended\"]\nca = \"/s/certificate.pem\"");
    let read = config(&text).webhooks;
    assert_eq!(read[0].url, URL);
    assert_eq!((read[0].events.as_slice(), read[0].authorities.as_deref()), (&Event::ALL[..], None));
    assert_eq!(read[1].events, [Event::CallEnded]);
    assert_eq!(read[1].authorities.as_deref(), Some(Path::new("/s/certificate.pem")));
    let shown = format!("{read:?}");
    assert!(!shown.contains("sesame") && !shown.contains("clinic") && !shown.contains("127"), "{shown}");
    for local in ["http://localhost/x?y=1", "http://[::1]:81/", "http://127.1.2.3"] {
        assert_eq!(config(&to(local, "")).webhooks.len(), 1, "{local}");
    }
}

#[test]
fn a_receiver_is_somebody_who_can_be_told_in_private() {
    let is = |url: &str| to(url, "");
    let long = is(&format!("https://clinic.example/{}", "x".repeat(233)));
    let nine: String = (0..9).map(|number| is(&format!("https://clinic.example/{number}"))).collect();
    let secret = |file: &str| webhook(&format!("url = \"{URL}\"\nsecret_file = \"{file}\""));
    let plain = "has to begin with \"https://\"; \"http://\" is for this host alone";
    holds(&[
        ("[signal]\nwebhook = true", &[(2, "signal.webhook", "start each receiver with [[signal.webhook]]")]),
        ("[signal]\nwebhook = [1]", &[(2, "signal.webhook", "holds a whole number")]),
        (
            &webhook(""),
            &[(1, "signal.webhook.url", "is missing"), (1, "signal.webhook.secret_file", "openssl rand -base64 32")],
        ),
        (&nine, &[(1, "signal.webhook", "has 9 entries; at most 8")]),
        (&is("http://records.clinic.example/"), &[(2, "signal.webhook.url", plain)]),
        (&is("http://128.0.0.1/"), &[(2, "signal.webhook.url", plain)]),
        (&is("ftp://127.0.0.1/"), &[(2, "signal.webhook.url", plain)]),
        (&is("/hilum"), &[(2, "signal.webhook.url", "names no host")]),
        (&is("https://a b/"), &[(2, "signal.webhook.url", "is no URL")]),
        (&is("https://a/#part"), &[(2, "signal.webhook.url", "is no URL")]),
        (&long, &[(2, "signal.webhook.url", "is no URL of 255 bytes at most")]),
        (&is("https://me:sesame@a/"), &[(2, "signal.webhook.url", "holds a password")]),
        (&(is(URL) + &is(URL)), &[(6, "signal.webhook.url", "is there already")]),
        (&secret("/s/no"), &[(3, "signal.webhook.secret_file", "there is no such file")]),
        (&secret("/s/open-webhook"), &[(3, "signal.webhook.secret_file", "(mode 644); chmod 640 it")]),
        (&secret("/s/secret"), &[(3, "signal.webhook.secret_file", "one or two lines, each whsec_")]),
        (&to(URL, "ca = \"/s/secret\""), &[(4, "signal.webhook.ca", "has no certificate")]),
        (&to(URL, "events = []"), &[(4, "signal.webhook.events", "is empty")]),
        (
            &to(URL, "events = [\"call.ended\", \"call.lost\", \"call.ended\"]"),
            &[(4, "signal.webhook.events[1]", "is unknown"), (4, "signal.webhook.events[2]", "is there already")],
        ),
    ]);
}

#[test]
fn another_receiver_or_another_secret_applies_at_once() {
    let old = config(&to(URL, ""));
    assert_eq!(changes(&old, &config(&to(URL, ""))), []);
    let rotated = webhook(&format!("url = \"{URL}\"\nsecret_file = \"/s/webhooks\""));
    for new in [String::new(), to("https://other.example/", ""), to(URL, "events = [\"call.ended\"]"), rotated] {
        let expected = [Change { key: "signal.webhook", effect: Effect::Applied }];
        assert_eq!(changes(&old, &config(&new)), expected, "{new}");
    }
}
