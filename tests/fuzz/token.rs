//! Call tokens: a username against a relay's keyring, and claims against a second reading that builds them anew.

use hilum::auth::token::{
    Algorithm, Claims, LONGEST_TOKEN, PasswordKey, Token, TokenRefusal, TokenRules, VerifiedTokens, signing_input,
};
use hilum::auth::{Key, Keyring, PublicKey, Validity};
use hilum::time::UnixTime;

/// A time in the window of the seed, whose token is signed with the key of RFC 8037 A.1.
const NOW: UnixTime = UnixTime::from_secs(1_795_795_200);
/// The one token that this keyring believes.
const BELIEVED: &[u8] = include_bytes!("corpus/auth_token/signed");

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// base64url, read from RFC 4648 §5 bit by bit.
fn encode(bytes: &[u8]) -> String {
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let number = |bits: &[bool]| (0..6).fold(0, |number, at| number * 2 + usize::from(bits.get(at) == Some(&true)));
    bits.chunks(6).map(|six| char::from(ALPHABET[number(six)])).collect()
}

fn decode(text: &str) -> Vec<u8> {
    let number = |byte| ALPHABET.iter().position(|each| *each == byte).expect("a character of base64url");
    let bits: Vec<bool> =
        text.bytes().flat_map(|byte| (0..6).rev().map(move |bit| number(byte) >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

/// The public key of RFC 8037 A.2.
fn rules() -> TokenRules {
    let public = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let public = PublicKey::new(Algorithm::EdDsa, &public).expect("a key");
    let password = PasswordKey::new(*b"thirty-two-bytes-of-password-key");
    let validity = Validity { created: NOW, not_before: NOW, not_after: None };
    let key = Key::new("2026-11-27".parse().expect("a kid"), public, password, validity, None).expect("a window");
    TokenRules {
        keyring: Keyring::new(vec![key]).expect("one key"),
        audience: "turn-eu".parse().expect("a word"),
        skew: 60,
    }
}

/// The first byte says what the rest is: an even one for a username, an odd one for the JSON of claims.
pub fn auth_token(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    if kind % 2 == 0 { username(rest) } else { claims(rest) }
}

fn username(username: &[u8]) {
    let token = Token::parse(username);
    assert_eq!(Token::peek_kid(username).ok(), token.ok().map(|token| token.kid()));
    let rules = rules();
    let candidate = match rules.candidate(username, NOW) {
        Ok(candidate) => candidate,
        Err(why) => {
            assert!(token.is_err() || matches!(why, TokenRefusal::UnknownKey | TokenRefusal::Algorithm));
            return;
        }
    };
    let token = token.expect("a candidate is a token");
    // The second reading: three parts, the first of them a header that says the same.
    let text = core::str::from_utf8(username).expect("a token is ASCII");
    let parts: Vec<&str> = text.split('.').collect();
    assert!(text.is_ascii() && parts.len() == 3 && text.len() <= LONGEST_TOKEN);
    assert_eq!(token.signed(), [parts[0], parts[1]].join(".").as_bytes());
    let header = decode(parts[0]);
    assert_eq!(encode(&header), parts[0], "the one spelling");
    assert!(header.windows(12).any(|part| part == b"\"2026-11-27\""));

    let verified = candidate.verify(NOW);
    let believed = BELIEVED.get(1..) == Some(username);
    assert_eq!(verified.is_ok(), believed, "{verified:?}");
    let mut cache = VerifiedTokens::new(2);
    for _ in 0..2 {
        let cached = candidate.verify_cached(&mut cache, NOW);
        assert_eq!(cached.map(|claims| (*claims).clone()), verified);
    }
    assert_eq!(cache.len(), usize::from(believed));
}

/// What can be read can be written, and is then read as the same.
fn claims(json: &[u8]) {
    let read = |claims: &[u8]| -> Result<Claims, TokenRefusal> {
        let header = encode(br#"{"alg":"EdDSA","kid":"k"}"#);
        let username = format!("{header}.{}.AA", encode(claims));
        Token::parse(username.as_bytes())?.claims()
    };
    let Ok(claims) = read(json) else { return };
    let kid = "k".parse().expect("a kid");
    assert!(json.is_ascii() && !json.contains(&b'\\'));
    assert!(claims.not_before < claims.expires && claims.expires <= claims.end);
    match signing_input(Algorithm::EdDsa, kid, &claims) {
        Ok(input) => {
            let again = format!("{input}.AA");
            assert_eq!(Token::parse(again.as_bytes()).and_then(|token| token.claims()), Ok(claims));
        }
        Err(why) => assert_eq!(why, TokenRefusal::Form, "too long is the only reason"),
    }
}
