//! Signing in at a provider, in simulated time: whom it proves, what is refused, and how often it is asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hilum::openid::{BEGUN, Failed, Fault, Identity, Provider, Returned};
use hilum::time::{Moment, Now, UnixTime};
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::provider::{CLIENT, GROUP, Mock, SECRET, Signer};

const NOW: u64 = 1_795_800_000;
const REDIRECT: &str = "https://visit.clinic.example/v1/staff/openid/return";

fn at(seconds: u64) -> Now {
    Now { moment: Moment::from_secs(seconds), unix: UnixTime::from_secs(NOW + seconds) }
}

/// A provider and how Hilum sees it.
struct World {
    mock: Arc<Mock>,
    provider: Arc<Provider>,
    /// Ways that were begun.
    begun: u8,
}

impl World {
    async fn new() -> Self {
        let mock = Mock::start(NOW).await;
        Self { provider: mock.provider(), mock, begun: 0 }
    }

    /// Goes to the provider, signs in there and comes back.
    async fn signs_in(&mut self, seconds: u64) -> Result<Identity, Failed> {
        *self.mock.now.lock().unwrap() = NOW + seconds;
        self.begun += 1;
        let begun = self.provider.begin(REDIRECT, [self.begun; 16], at(seconds)).await?;
        let back = self.mock.signs_in(&begun.location);
        self.comes_back(&begun.cookie, &back, seconds).await
    }

    async fn comes_back(&self, cookie: &str, query: &str, seconds: u64) -> Result<Identity, Failed> {
        let returned = Returned::read(query).ok_or(Failed::State)?;
        let back = self.provider.back(cookie, returned, at(seconds))?;
        self.provider.finish(REDIRECT, back, at(seconds)).await
    }

    fn sign_with(&self, signer: Signer, kid: &str) {
        *self.mock.signer.lock().unwrap() = (signer, kid.to_owned());
    }

    fn publish(&self, keys: &[Value]) {
        *self.mock.published.lock().unwrap() = json!({"keys": keys});
    }

    /// How often it was asked for its description and for its keys.
    fn asked(&self) -> (usize, usize) {
        (self.mock.described_times.load(Ordering::SeqCst), self.mock.keys_times.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn each_way_to_sign_that_is_taken_proves_somebody() {
    for signer in [Signer::rsa(), Signer::pss(), Signer::ecdsa(), Signer::ed25519()] {
        let mut world = World::new().await;
        // Keys for something else stand beside it.
        let encryption = json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"});
        let unknown = json!({"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"});
        world.publish(&[encryption, unknown, signer.jwk("two"), json!(7)]);
        world.sign_with(signer, "two");
        let expected = Identity {
            subject: "248289761001".to_owned(),
            shown: Some("Dr. Rivers".to_owned()),
            groups: vec!["everybody".to_owned(), GROUP.to_owned()],
        };
        assert_eq!(world.signs_in(0).await, Ok(expected));
    }
}

#[tokio::test]
async fn a_token_that_says_something_else_proves_nobody() {
    let mut world = World::new().await;
    for (otherwise, fault) in [
        (json!({"iss": "https://login.other.example"}), Fault::Issuer),
        (json!({"iss": null}), Fault::Issuer),
        (json!({"aud": "other"}), Fault::Audience),
        (json!({"aud": null}), Fault::Audience),
        (json!({"aud": [CLIENT, "other"]}), Fault::Audience),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), Fault::Audience),
        (json!({"azp": "other"}), Fault::Audience),
        (json!({"exp": NOW - 60}), Fault::Time),
        (json!({"exp": null}), Fault::Form),
        (json!({"iat": null}), Fault::Form),
        (json!({"iat": NOW - 661, "exp": NOW + 300}), Fault::Time),
        (json!({"iat": NOW + 61}), Fault::Time),
        (json!({"nbf": NOW + 61}), Fault::Time),
        (json!({"nonce": "x"}), Fault::Nonce),
        (json!({"nonce": null}), Fault::Nonce),
        (json!({"sub": null}), Fault::Form),
        (json!({"sub": ""}), Fault::Account),
        (json!({"sub": "a b"}), Fault::Account),
        (json!({"sub": "x".repeat(256)}), Fault::Account),
    ] {
        *world.mock.otherwise.lock().unwrap() = otherwise.clone();
        assert_eq!(world.signs_in(0).await, Err(Failed::Token(fault)), "{otherwise}");
    }
    for otherwise in [
        json!({"aud": [CLIENT, "other"], "azp": CLIENT}),
        json!({"aud": [CLIENT]}),
        json!({"exp": NOW - 59, "iat": NOW - 300}),
        json!({"exp": NOW as f64 + 0.5, "iat": NOW as f64 - 0.5, "nbf": NOW + 60}),
    ] {
        *world.mock.otherwise.lock().unwrap() = otherwise.clone();
        assert!(world.signs_in(0).await.is_ok(), "{otherwise}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_or_the_wrong_key_has_signed_proves_nobody() {
    let mut world = World::new().await;
    let signer = Signer::rsa();
    let jwk = signer.jwk("one");
    let public = signer.public();
    world.publish(std::slice::from_ref(&jwk));
    for (signer, kid, fault) in [
        (Signer::Nobody, "one", Fault::Algorithm),
        (Signer::Hmac(SECRET.as_bytes().to_vec()), "one", Fault::Algorithm),
        (Signer::Hmac(public), "one", Fault::Algorithm),
        (Signer::Hmac(jwk["n"].as_str().unwrap().as_bytes().to_vec()), "one", Fault::Algorithm),
        (Signer::pss(), "one", Fault::Algorithm),
        (Signer::ecdsa(), "one", Fault::Algorithm),
        (Signer::rsa(), "one", Fault::Signature),
        (Signer::rsa(), "two", Fault::Key),
    ] {
        world.sign_with(signer, kid);
        assert_eq!(world.signs_in(0).await, Err(Failed::Token(fault)), "{kid}");
    }
    world.sign_with(signer, "one");
    assert!(world.signs_in(0).await.is_ok());
    // A secret that is published is none, and signs nothing.
    world.publish(&[json!({"kty": "oct", "kid": "one", "k": "c2VjcmV0"})]);
    world.sign_with(Signer::Hmac(b"secret".to_vec()), "one");
    assert!(matches!(world.signs_in(3601).await, Err(Failed::Unavailable(_))));
}

#[tokio::test]
async fn only_the_browser_that_has_begun_comes_back_and_only_once_and_in_time() {
    let world = World::new().await;
    let one = world.provider.begin(REDIRECT, [1; 16], at(0)).await.unwrap();
    let other = world.provider.begin(REDIRECT, [2; 16], at(0)).await.unwrap();
    let back = world.mock.signs_in(&one.location);
    assert_eq!(world.comes_back(&other.cookie, &back, 0).await, Err(Failed::State), "another browser's");
    assert_eq!(world.comes_back("", &back, 0).await, Err(Failed::State));
    assert_eq!(world.comes_back(&one.cookie, "code=x", 0).await, Err(Failed::State));
    assert_eq!(world.comes_back(&one.cookie, &format!("{back}&state=x"), 0).await, Err(Failed::State));
    assert_eq!(world.comes_back(&one.cookie, &format!("{back}&x={}", "x".repeat(9000)), 0).await, Err(Failed::State));
    assert_eq!(world.comes_back(&one.cookie, &back, BEGUN).await, Err(Failed::State), "too late");
    assert!(world.comes_back(&one.cookie, &back, 0).await.is_ok());
    assert_eq!(world.comes_back(&one.cookie, &back, 0).await, Err(Failed::State), "a second time");
    // A code of another way does not go with the verifier of this one, whatever state it comes with.
    let [third, fourth] = [[3; 16], [4; 16]].map(|random| world.provider.begin(REDIRECT, random, at(0)));
    let (third, fourth) = (third.await.unwrap(), fourth.await.unwrap());
    let [stolen, own] = [&third, &fourth].map(|begun| world.mock.signs_in(&begun.location));
    let code = stolen.split_once("code=").unwrap().1;
    let mixed = format!("{}&code={code}", own.split_once('&').unwrap().0);
    assert!(matches!(world.comes_back(&fourth.cookie, &mixed, 0).await, Err(Failed::Refused(_))));
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_apart_and_costs_it_no_request() {
    let mut world = World::new().await;
    for (error, outcome) in [
        ("access_denied", "cancelled"),
        ("temporarily_unavailable", "unavailable"),
        ("invalid_scope", "refused"),
        ("<script>", "refused"),
    ] {
        world.begun += 1;
        let begun = world.provider.begin(REDIRECT, [world.begun; 16], at(0)).await.unwrap();
        let back = world.mock.signs_in(&begun.location);
        let state = back.split_once('&').unwrap().0;
        let failed = world.comes_back(&begun.cookie, &format!("{state}&error={error}"), 0).await.unwrap_err();
        assert_eq!(failed.label(), outcome, "{error}");
    }
    assert_eq!(world.asked(), (1, 0));
    for (status, said, outcome) in [
        (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"}), "refused"),
        (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"}), "refused"),
        (StatusCode::INTERNAL_SERVER_ERROR, json!("?"), "unavailable"),
        (StatusCode::FOUND, json!({"access_token": "a", "token_type": "Bearer", "id_token": "x"}), "unavailable"),
        (StatusCode::OK, json!({"access_token": "a", "token_type": "Bearer"}), "token"),
        (StatusCode::OK, json!({"access_token": "a", "token_type": "Bearer", "id_token": "x.y.z"}), "token"),
        (StatusCode::OK, json!("x".repeat(300_000)), "unavailable"),
    ] {
        *world.mock.says.lock().unwrap() = Some((status, said));
        let failed = world.signs_in(0).await.unwrap_err();
        assert_eq!(failed.label(), outcome, "{failed:?}");
    }
}

#[tokio::test]
async fn a_provider_that_says_who_it_is_when_it_sends_somebody_back_has_to_be_the_one() {
    let world = World::new().await;
    *world.mock.described.lock().unwrap() = json!({"authorization_response_iss_parameter_supported": true});
    for (number, (added, good)) in [
        (String::new(), false),
        ("&iss=https://evil.example".to_owned(), false),
        (format!("&iss={}", world.mock.issuer), true),
    ]
    .into_iter()
    .enumerate()
    {
        let begun = world.provider.begin(REDIRECT, [number as u8; 16], at(0)).await.unwrap();
        let back = world.mock.signs_in(&begun.location) + &added;
        let came = world.comes_back(&begun.cookie, &back, 0).await;
        assert_eq!(came.is_ok(), good, "{added}: {came:?}");
    }
}

#[tokio::test]
async fn new_keys_are_found_and_for_unknown_ones_it_is_asked_once_a_minute() {
    let mut world = World::new().await;
    assert!(world.signs_in(0).await.is_ok());
    assert!(world.signs_in(1).await.is_ok());
    assert_eq!(world.asked(), (1, 1), "what was heard is kept");
    let next = Signer::ed25519();
    world.publish(&[next.jwk("two")]);
    world.sign_with(next, "two");
    assert!(world.signs_in(61).await.is_ok());
    assert_eq!(world.asked(), (1, 2));
    world.sign_with(Signer::ed25519(), "three");
    for seconds in [62, 63, 120] {
        assert_eq!(world.signs_in(seconds).await, Err(Failed::Token(Fault::Key)));
    }
    assert_eq!(world.asked(), (1, 2), "not again within a minute");
    assert_eq!(world.signs_in(122).await, Err(Failed::Token(Fault::Key)));
    assert_eq!(world.asked(), (1, 3));
    // After an hour everything is heard anew, so that a key that was taken back is gone.
    let last = Signer::ecdsa();
    world.publish(&[last.jwk("four")]);
    world.sign_with(last, "four");
    assert!(world.signs_in(122 + 3600).await.is_ok());
    assert_eq!(world.asked(), (2, 4));
}

#[tokio::test]
async fn a_provider_that_is_gone_is_asked_again_after_ten_seconds_and_many_wait_for_one_question() {
    let mut world = World::new().await;
    world.mock.stop().await;
    assert!(matches!(world.signs_in(0).await, Err(Failed::Unavailable(_))));
    world.mock.start_again().await;
    assert!(matches!(world.signs_in(9).await, Err(Failed::Unavailable(_))));
    assert_eq!(world.asked(), (0, 0));
    let provider = &world.provider;
    let many = (0..32).map(|number| provider.begin(REDIRECT, [number; 16], at(10)));
    assert!(join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(world.asked(), (1, 0));
    for (description, why) in [
        (json!({"issuer": format!("{}/", world.mock.issuer)}), "calls itself otherwise"),
        (json!({"token_endpoint": "http://192.0.2.1/token"}), "without https"),
        (json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}), "no client secret"),
    ] {
        *world.mock.described.lock().unwrap() = description;
        let failed = world.mock.provider().begin(REDIRECT, [0; 16], at(0)).await.unwrap_err();
        assert!(failed.advice().unwrap().contains(why), "{failed:?}");
    }
}

#[tokio::test]
async fn whoever_begins_and_hangs_up_keeps_a_place_until_the_provider_has_answered() {
    let world = World::new().await;
    let begin = |number| world.provider.begin(REDIRECT, [number; 16], at(0));
    for number in 0..32 {
        assert!(begin(number).now_or_never().is_none());
    }
    assert!(matches!(begin(32).now_or_never(), Some(Err(Failed::Busy))), "no more of them than may wait");
    let waiting = async {
        while let Err(why) = begin(33).await {
            assert!(matches!(why, Failed::Busy), "{why:?}");
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap();
    assert_eq!(world.asked(), (1, 0), "one asks for all");
}
