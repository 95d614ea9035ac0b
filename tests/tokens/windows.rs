//! When a token holds: `nbf`, `exp`, `end`, and clocks that are a minute apart.

use hilum::auth::token::{ClaimFault, TokenRefusal, Use, verify};

use crate::world::{CLAIMS, START, at, judge, rules, token};

const HOUR: u64 = 3600;

// RFC 7519 §4.1.4, §4.1.5: "some small leeway, usually no more than a few minutes"
#[test]
fn the_edges_of_the_windows_are_exact() {
    let username = token(CLAIMS);
    let rules = rules();
    let ask = |purpose, now: u64| {
        let claims = verify(username.as_bytes(), &rules, at(now))?;
        claims.check(purpose, at(now), rules.skew)
    };
    // 60 s before `nbf` our clock may be late.
    assert_eq!(ask(Use::Begin, START - 61), Err(TokenRefusal::NotYetValid));
    assert_eq!(ask(Use::Begin, START - 60), Ok(()));
    // `exp` is the first second that is too late.
    let expires = START + HOUR;
    assert_eq!(ask(Use::Begin, expires + 59), Ok(()));
    assert_eq!(ask(Use::Begin, expires + 60), Err(TokenRefusal::Expired));
    assert_eq!(ask(Use::Continue, expires + 60), Ok(()));
    let end = START + 4 * HOUR;
    assert_eq!(ask(Use::Continue, end + 59), Ok(()));
    assert_eq!(ask(Use::Continue, end + 60), Err(TokenRefusal::Ended));
    assert_eq!(ask(Use::Begin, end + 60), Err(TokenRefusal::Ended));
    assert_eq!(ask(Use::Begin, 0), Err(TokenRefusal::KeyNotYetValid), "the key's window comes first");
    assert_eq!(ask(Use::Continue, u64::MAX), Err(TokenRefusal::Ended));
}

#[test]
fn without_skew_the_edges_are_the_claims() {
    let claims = judge(&token(CLAIMS)).unwrap();
    for (now, begin) in [
        (START - 1, Err(TokenRefusal::NotYetValid)),
        (START, Ok(())),
        (START + HOUR - 1, Ok(())),
        (START + HOUR, Err(TokenRefusal::Expired)),
    ] {
        assert_eq!(claims.check(Use::Begin, at(now), 0), begin, "{now}");
    }
    assert_eq!(claims.check(Use::Continue, at(START + 4 * HOUR), 0), Err(TokenRefusal::Ended));
    assert_eq!(claims.check(Use::Continue, at(0), u64::MAX), Ok(()), "a clock that knows nothing");
}

#[test]
fn windows_have_an_order_and_a_longest_call() {
    let with = |from: &str, to: u64| judge(&token(&CLAIMS.replace(from, &to.to_string()))).err();
    let fault = |name, fault| Some(TokenRefusal::Claim { name, fault });
    assert_eq!(with("1795798800", START), fault("exp", ClaimFault::Before { other: "nbf" }));
    assert_eq!(with("1795798800", START + 1), None);
    assert_eq!(with("1795809600", START + HOUR - 1), fault("end", ClaimFault::Before { other: "exp" }));
    assert_eq!(with("1795809600", START + HOUR), None);
    let week = START + 7 * 24 * HOUR;
    assert_eq!(with("1795809600", week), None);
    let bounds = ClaimFault::Bounds { least: START + HOUR, most: week };
    assert_eq!(with("1795809600", week + 1), fault("end", bounds));
    assert_eq!(with("1795809600", (1 << 53) - 1), fault("end", bounds), "no end at all");
}

/// Who is who, for those who count: two tokens of one party, two parties of one call, two issuers with one name for it.
#[test]
fn tokens_parties_and_calls_are_told_apart() {
    let with = |from: &str, to: &str| judge(&token(&CLAIMS.replace(from, to))).unwrap();
    let [one, renewed, other, elsewhere] =
        [with("", ""), with("1n9Zk2Qw8rTb4Xc6Vm0PsA", "another"), with("\"a\"", "\"b\""), with("clinic", "ward")];
    assert_ne!(one.subject(), renewed.subject());
    assert_eq!((one.party(), one.call_hash()), (renewed.party(), renewed.call_hash()));
    assert_ne!(one.party(), other.party());
    assert_eq!(one.call_hash(), other.call_hash());
    assert_ne!(one.call_hash(), elsewhere.call_hash());
    assert_ne!(one.party(), elsewhere.party());
    assert_ne!(one.subject(), elsewhere.subject());
    assert_eq!(format!("{:?}", one.call_hash()), "CallHash(redacted)");
    let printed = format!("{one:?}");
    assert!(!printed.contains("clinic") && !printed.contains("q7Hf2"), "{printed}");
}
