//! Seeds of call tokens: behind one byte a username, the JSON of claims, or changes to good claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};

const HEADER: &str = r#"{"alg":"EdDSA","kid":"2026-11-27"}"#;
const CLAIMS: &str = r#"{"iss":"clinic","aud":"turn-eu","jti":"1","nbf":1795795200,"exp":1795798800,"end":1795809600,"call":"7","party":"a","reg":["eu-north"],"lim":{"kbps":4000,"alloc":12}}"#;

/// A token signed with the key of RFC 8037 A.1.
fn signed(header: &str, claims: &str) -> Vec<u8> {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64url");
    let key = SigningKey::from_bytes(seed.first_chunk().expect("32 bytes"));
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()).to_bytes());
    format!("\0{input}.{signature}").into_bytes()
}

fn json(claims: &str) -> Vec<u8> {
    format!("\u{1}{claims}").into_bytes()
}

pub fn tokens() -> Vec<(&'static str, Vec<u8>)> {
    let peers = r#""peers":["10.20.0.0/16:5000-6000","192.0.2.7","[2001:db8::/32]:443"],"lim""#;
    vec![
        ("signed", signed(HEADER, CLAIMS)),
        ("other_cluster", signed(HEADER, &CLAIMS.replace("turn-eu", "turn-us"))),
        ("ended", signed(HEADER, &CLAIMS.replace("17957", "17956").replace("17958", "17957"))),
        ("alg_none", signed(r#"{"alg":"none","kid":"2026-11-27"}"#, CLAIMS)),
        ("alg_of_no_key", signed(r#"{"alg":"ES256","kid":"2026-11-27"}"#, CLAIMS)),
        ("kid_of_no_key", signed(r#"{"alg":"EdDSA","kid":"other"}"#, CLAIMS)),
        ("header_with_jku", signed(r#"{"alg":"EdDSA","kid":"2026-11-27","jku":"https://x"}"#, CLAIMS)),
        ("header_in_another_order", signed(r#"{ "kid" : "2026-11-27", "alg" : "EdDSA" }"#, "{}")),
        ("two_dots", b"\0..".to_vec()),
        ("claims", json(CLAIMS)),
        ("claims_with_peers", json(&CLAIMS.replace("\"lim\"", peers))),
        ("claims_without_limits", json(&CLAIMS.replace(r#","lim":{"kbps":4000,"alloc":12}"#, ""))),
        ("claims_with_space", json(&CLAIMS.replace(',', " ,\n\t").replace(':', " :\r "))),
        ("claims_twice", json(&CLAIMS.replacen('{', r#"{"nbf":1,"#, 1))),
        ("claims_with_a_fraction", json(&CLAIMS.replace("4000", "4000.5"))),
        ("claims_with_a_huge_number", json(&CLAIMS.replace("1795809600", "18446744073709551617"))),
        ("claims_with_an_escape", json(&CLAIMS.replace("clinic", "cl\\u0069nic"))),
        ("claims_nested", json(&format!("{}{}", r#"{"lim":{"#, r#""lim":{"#.repeat(20)))),
        ("claims_empty", json("{}")),
        ("changes_all_good", vec![2, 0, 1, 1, 1, 2, 1, 3, 1, 4, 1, 8, 1, 9, 1]),
        ("changes_bad_times", vec![2, 3, 0, 4, 2, 5, 3]),
        ("changes_twice_and_missing", vec![2, 0, 0xfe, 1, 0xff, 10, 0xff]),
        ("changes_of_lists", vec![2, 8, 3, 9, 2, 10, 2]),
    ]
}
