//! The keyring: ids, windows, ages, and its file.

use hilum::auth::token::Algorithm;
use hilum::auth::{InvalidKey, Key, KeyState, Keyring, Validity};
use hilum::config::{parse_keyring, write_keyring};

use crate::world::{ED, ES, START, at, key};

const DAY: u64 = 86_400;

fn with(kid: &str, validity: Validity) -> Result<Key, InvalidKey> {
    let key = key(ED, Algorithm::EdDsa);
    Key::new(kid.parse().unwrap(), key.public().clone(), key.password_key().clone(), validity, None)
}

fn window(created: u64, not_before: u64, not_after: Option<u64>) -> Validity {
    Validity { created: at(created), not_before: at(not_before), not_after: not_after.map(at) }
}

#[test]
fn a_key_is_found_by_its_id() {
    let keyring = Keyring::new(vec![key(ED, Algorithm::EdDsa), key(ES, Algorithm::Es256)]).unwrap();
    assert_eq!(keyring.get(&ES.parse().unwrap()).unwrap().public().algorithm(), Algorithm::Es256);
    assert!(keyring.get(&"other".parse().unwrap()).is_none());
    assert!(Keyring::default().get(&ES.parse().unwrap()).is_none());
    let twice = Keyring::new(vec![key(ES, Algorithm::Es256), key(ED, Algorithm::EdDsa), key(ES, Algorithm::EdDsa)]);
    assert_eq!(twice.unwrap_err(), InvalidKey::Twice { kid: ES.parse().unwrap() });
    let many = |count| (0..count).map(|n| key(&format!("k{n}"), Algorithm::EdDsa)).collect();
    assert!(Keyring::new(many(256)).is_ok());
    assert_eq!(Keyring::new(many(257)).unwrap_err(), InvalidKey::TooMany);
}

#[test]
fn a_key_goes_from_next_to_ended() {
    let key = with("k", window(START, START + 10, Some(START + 20))).unwrap();
    for (now, state) in [
        (START, KeyState::Next),
        (START + 9, KeyState::Next),
        (START + 10, KeyState::Retiring),
        (START + 19, KeyState::Retiring),
        (START + 20, KeyState::Ended),
    ] {
        assert_eq!(key.state(at(now)), state, "{now}");
    }
    assert_eq!(with("k", window(START, START, None)).unwrap().state(at(START)), KeyState::Current);
    assert_eq!(with("k", window(START, START, Some(START - 1))).unwrap_err(), InvalidKey::Window);
}

/// Only a key that nobody has decided to end grows old: the others will go by themselves.
#[test]
fn the_oldest_key_is_known() {
    let now = at(START);
    let keyring = Keyring::new(vec![
        with("old", window(START - 91 * DAY, START - 91 * DAY, None)).unwrap(),
        with("new", window(START - DAY, START - DAY, None)).unwrap(),
        with("retiring", window(START - 200 * DAY, START - 200 * DAY, Some(START + DAY))).unwrap(),
        with("next", window(START - 300 * DAY, START + DAY, None)).unwrap(),
    ]);
    assert_eq!(keyring.unwrap().oldest(now), Some(91 * DAY));
    assert_eq!(Keyring::default().oldest(now), None);
    assert_eq!(with("k", window(START + 5, START, None)).unwrap().age(now), 0);
}

#[test]
fn a_keyring_is_written_as_it_is_read() {
    let issuer = Some("clinic".parse().unwrap());
    let bound = key("bound", Algorithm::EdDsa);
    let (public, password) = (bound.public().clone(), bound.password_key().clone());
    let bound = Key::new(bound.kid(), public, password, window(START, START + 1, Some(START + 2)), issuer).unwrap();
    let keyring = Keyring::new(vec![bound, key(ED, Algorithm::EdDsa), key(ES, Algorithm::Es256)]).unwrap();
    let text = write_keyring(&keyring);
    let read = parse_keyring(&text, "keyring.toml").unwrap();
    assert_eq!(*write_keyring(&read), *text);
    for (one, other) in keyring.keys().zip(read.keys()) {
        assert_eq!((one.kid(), one.validity(), one.issuer()), (other.kid(), other.validity(), other.issuer()));
        assert_eq!(one.public().to_bytes(), other.public().to_bytes());
        assert_eq!(one.password_key().as_bytes(), other.password_key().as_bytes());
    }
    assert!(parse_keyring("", "keyring.toml").unwrap().is_empty(), "no key, no token");
    assert!(!format!("{read:?}").contains("dGhpcnR5"), "keys are not printed");
}

#[test]
fn every_fault_of_a_keyring_is_named_with_its_line() {
    let text = r#"[[key]]
kid = "a b"
alg = "HS256"
public = "+"
password = "c2VjcmV0"
created = "yesterday"
not_before = 2026-11-27
colour = "red"
[[key]]
kid = "k"
alg = "ES256"
public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
password = "dGhpcnR5LXR3by1ieXRlcy1vZi1wYXNzd29yZC1rZXk"
created = "2026-11-27T16:00:00Z"
[other]
"#;
    let faults = parse_keyring(text, "keyring.toml").unwrap_err().to_string();
    let expected = [
        "keyring.toml:2: key.kid: is not understood; write 1 to 16 ASCII letters",
        "keyring.toml:3: key.alg: is not understood; write \"EdDSA\" or \"ES256\"",
        "keyring.toml:4: key.public: is not understood",
        "keyring.toml:5: key.password: is not understood; write 32 random bytes in base64url",
        "keyring.toml:6: key.created: is not understood; write a time in UTC",
        "keyring.toml:7: key.not_before: is a date or time; write a string in quotes",
        "keyring.toml:8: key.colour: is unknown",
        "keyring.toml:9: key.not_before: is missing; write a time in UTC",
        "keyring.toml:12: key.public: is no public key of its algorithm",
        "keyring.toml:15: other: is unknown; a keyring holds [[key]] and nothing else",
    ];
    let lines: Vec<&str> = faults.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{faults}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{expected}");
    }
    assert!(!faults.contains("c2VjcmV0"), "no secret is shown");
    let twice = format!("{0}{0}", &*write_keyring(&Keyring::new(vec![key(ED, Algorithm::EdDsa)]).unwrap()));
    let faults = parse_keyring(&twice, "keyring.toml").unwrap_err().to_string();
    assert_eq!(faults, format!("keyring.toml: key: has the kid {ED} of an earlier key; give each its own"));
    assert!(parse_keyring("[[key", "keyring.toml").is_err());
    assert!(parse_keyring("key = 1", "keyring.toml").unwrap_err().to_string().contains("start each key with [[key]]"));
}
