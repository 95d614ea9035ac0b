//! What has been verified is remembered: never more than a bound, never for another key, never beyond its time.

use std::sync::Arc;

use hilum::auth::token::{Algorithm, Claims, PasswordKey, TokenRefusal, VerifiedTokens};
use hilum::auth::{Key, Validity};

use crate::world::{CLAIMS, ED, START, at, judge, key, public, rules, rules_with, token};

const NOW: u64 = START + 60;

fn claims() -> Arc<Claims> {
    Arc::new(judge(&token(CLAIMS)).unwrap())
}

fn names(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|name| format!("token {name}").into_bytes()).collect()
}

#[test]
fn a_signature_is_checked_once() {
    let (rules, username) = (rules(), token(CLAIMS));
    let candidate = rules.candidate(username.as_bytes(), at(NOW)).unwrap();
    let mut cache = VerifiedTokens::new(8);
    let first = candidate.verify_cached(&mut cache, at(NOW)).unwrap();
    let second = candidate.verify_cached(&mut cache, at(NOW + 1)).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "the very claims of the first time");
    assert_eq!((cache.len(), first.as_ref()), (1, &judge(&username).unwrap()));
    cache.forget(username.as_bytes());
    assert!(cache.is_empty());
}

#[test]
fn what_is_remembered_still_ends() {
    let (rules, username) = (rules(), token(CLAIMS));
    let mut cache = VerifiedTokens::new(8);
    let candidate = rules.candidate(username.as_bytes(), at(NOW)).unwrap();
    assert!(candidate.verify_cached(&mut cache, at(NOW)).is_ok());
    let end = START + 14_400 + 60;
    assert!(candidate.verify_cached(&mut cache, at(end - 1)).is_ok());
    assert_eq!(candidate.verify_cached(&mut cache, at(end)), Err(TokenRefusal::Ended));
}

#[test]
fn a_refusal_is_not_remembered() {
    let rules = rules();
    let forged = token(CLAIMS).replace(".eyJpc3Mi", ".eyJpc3Nj");
    let candidate = rules.candidate(forged.as_bytes(), at(NOW)).unwrap();
    let mut cache = VerifiedTokens::new(8);
    assert_eq!(candidate.verify_cached(&mut cache, at(NOW)), Err(TokenRefusal::Signature));
    assert!(cache.is_empty());
}

#[test]
fn a_key_that_changes_is_asked_again() {
    let username = token(CLAIMS);
    let mut cache = VerifiedTokens::new(8);
    let old = key(ED, Algorithm::EdDsa);
    cache.insert(username.as_bytes(), &old, claims(), at(NOW));
    assert!(cache.get(username.as_bytes(), &old).is_some());
    // The same id, and another password key, public key or issuer.
    let validity = old.validity();
    let password = || PasswordKey::new(*b"another-password-key-of-32-bytes");
    let with =
        |algorithm, password, issuer| Key::new(old.kid(), public(algorithm), password, validity, issuer).unwrap();
    let others = [
        with(Algorithm::EdDsa, password(), None),
        with(Algorithm::Es256, old.password_key().clone(), None),
        with(Algorithm::EdDsa, old.password_key().clone(), Some("other".parse().unwrap())),
    ];
    for other in others {
        cache.insert(username.as_bytes(), &old, claims(), at(NOW));
        assert!(cache.get(username.as_bytes(), &other).is_none());
        assert!(cache.is_empty(), "and the old entry is gone");
    }
    // Another window of the same key is looked at each time, so nothing has to be forgotten for it.
    let ending = old.clone().ending(at(NOW + 1000)).unwrap();
    cache.insert(username.as_bytes(), &old, claims(), at(NOW));
    assert!(cache.get(username.as_bytes(), &ending).is_some());
    let gone = rules_with(vec![
        Key::new(
            old.kid(),
            old.public().clone(),
            old.password_key().clone(),
            Validity { not_after: Some(at(NOW - 60)), ..validity },
            None,
        )
        .unwrap(),
    ]);
    assert_eq!(gone.candidate(username.as_bytes(), at(NOW)).unwrap_err(), TokenRefusal::KeyEnded);
}

#[test]
fn another_cluster_is_refused_from_memory_too() {
    let username = token(CLAIMS);
    let mut cache = VerifiedTokens::new(8);
    let mut rules = rules();
    assert!(rules.candidate(username.as_bytes(), at(NOW)).unwrap().verify_cached(&mut cache, at(NOW)).is_ok());
    rules.audience = "turn-us".parse().unwrap();
    let candidate = rules.candidate(username.as_bytes(), at(NOW)).unwrap();
    assert_eq!(candidate.verify_cached(&mut cache, at(NOW)), Err(TokenRefusal::Audience));
}

#[test]
fn there_are_never_more_than_the_bound_and_the_latest_stay() {
    let (key, claims) = (key(ED, Algorithm::EdDsa), claims());
    let mut cache = VerifiedTokens::new(100);
    let names = names(1000);
    for (count, name) in names.iter().enumerate() {
        cache.insert(name, &key, Arc::clone(&claims), at(NOW));
        assert!(cache.len() <= 100);
        // One that is asked for again and again is never forgotten.
        assert!(cache.get(&names[0], &key).is_some(), "after {count}");
    }
    for name in &names[1000 - 49..] {
        assert!(cache.get(name, &key).is_some(), "the latest are there");
    }
    assert!(cache.get(&names[1], &key).is_none(), "an old one is not");
    let mut none = VerifiedTokens::new(1);
    none.insert(&names[0], &key, claims, at(NOW));
    assert!(none.is_empty());
}

#[test]
fn those_that_have_ended_make_room() {
    let (key, claims) = (key(ED, Algorithm::EdDsa), claims());
    let mut cache = VerifiedTokens::new(10);
    let names = names(6);
    for name in &names[..5] {
        cache.insert(name, &key, Arc::clone(&claims), at(NOW));
    }
    cache.insert(&names[5], &key, Arc::clone(&claims), claims.end);
    assert_eq!(cache.len(), 1);
    cache.forget_ended(claims.end);
    assert!(cache.is_empty());
}
