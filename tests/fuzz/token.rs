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

/// The first byte says what the rest is, by its remainder of three: a username, the JSON of claims, or changes to good
/// claims.
pub fn auth_token(bytes: &[u8]) {
    read_token(bytes);
}

/// The same, and whether there was something to believe or to read.
pub fn read_token(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    match kind % 3 {
        0 => username(rest),
        1 => claims(rest),
        _ => changed(rest),
    }
}

/// A member of claims, its values, and how many of them, from the first, are good.
type Member = (&'static str, &'static [&'static str], usize);

/// The good values fit each other, whichever are taken.
const MEMBERS: [Member; 11] = [
    ("iss", &[r#""clinic""#, r#""A.b-c_9""#, r#""""#, r#""a b""#, "7", "null"], 2),
    ("aud", &[r#""turn-eu""#, r#""x""#, r#""thirty-three-characters-are-1-more""#, "[]"], 2),
    ("jti", &[r#""1""#, r#""123e4567-e89b-12d3-a456-426614174000""#, r#""\u0031""#, "1"], 2),
    ("nbf", &["1795795200", " 1795795201 ", "1795795200.0", "-1", "01795795200", "1e9", r#""1795795200""#, "0"], 2),
    ("exp", &["1795798800", "1795795202", "1795795200", "9007199254740992", "1795798800,", "true"], 2),
    ("end", &["1795809600", "1796400000", "1795795201", "1796400002", "99999999999999999999", "{}"], 2),
    ("call", &[r#""7""#, r#""q7Hf2LxT9sKd0WvYbR3mZg""#, r#""7/8""#, "7"], 2),
    ("party", &[r#""a""#, r#""sixteen-letters-""#, r#""seventeen-letters""#, r#"'a'"#], 2),
    ("reg", &[r#"["eu"]"#, "[ \"eu\" ,\n\"us\" ]", "[]", r#"["eu",]"#, r#""eu""#, r#"[["eu"]]"#, r#"["eu" "us"]"#], 2),
    ("lim", &["{}", r#"{"kbps":1,"alloc":1024}"#, r#"{"kbps":0}"#, r#"{"kbps":1,"kbps":1}"#, r#"{"x":1}"#, "[]"], 2),
    ("peers", &[r#"["10.0.0.0/8","[::1]:1-2"]"#, r#"["::/0:1"]"#, r#"["10.0.0.1/8"]"#, "[]"], 1),
];

/// Good claims with changes: each is two bytes, which member and how. Whether the result is good is known by counting.
fn changed(changes: &[u8]) -> bool {
    let mut members: Vec<(usize, usize)> = (0..MEMBERS.len()).map(|member| (member, 0)).collect();
    for change in changes.chunks_exact(2).take(8) {
        let member = usize::from(change[0]) % MEMBERS.len();
        match change[1] {
            0xff => members.retain(|(other, _)| *other != member),
            0xfe => members.push((member, 0)),
            value => {
                let value = usize::from(value) % MEMBERS[member].1.len();
                members.iter_mut().filter(|(other, _)| *other == member).for_each(|place| place.1 = value);
            }
        }
    }
    let written =
        members.iter().map(|(member, value)| format!("\"{}\":{}", MEMBERS[*member].0, MEMBERS[*member].1[*value]));
    let json = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
    let once = |member| members.iter().filter(|(other, _)| *other == member).count();
    // The last two may be left out.
    let counted = (0..MEMBERS.len()).all(|member| once(member) == 1 || member >= 9 && once(member) == 0);
    let good = counted && members.iter().all(|(member, value)| *value < MEMBERS[*member].2);
    assert_eq!(claims(json.as_bytes()), good, "{json}");
    true
}

/// Whether it is a token of a key that the keyring holds.
fn username(username: &[u8]) -> bool {
    let token = Token::parse(username);
    assert_eq!(Token::peek_kid(username).ok(), token.ok().map(|token| token.kid()));
    let rules = rules();
    let candidate = match rules.candidate(username, NOW) {
        Ok(candidate) => candidate,
        Err(why) => {
            assert!(token.is_err() || matches!(why, TokenRefusal::UnknownKey | TokenRefusal::Algorithm));
            return false;
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
    true
}

/// What can be read can be written, and is then read as the same.
fn claims(json: &[u8]) -> bool {
    let read = |claims: &[u8]| -> Result<Claims, TokenRefusal> {
        let header = encode(br#"{"alg":"EdDSA","kid":"k"}"#);
        let username = format!("{header}.{}.AA", encode(claims));
        Token::parse(username.as_bytes())?.claims()
    };
    let Ok(claims) = read(json) else { return false };
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
    true
}
