//! Everything that has been tried on signed tokens elsewhere, and what is answered here.

use hilum::auth::token::{Algorithm, ClaimFault, InvalidJson, LONGEST_TOKEN, TokenRefusal};
use hilum::auth::{Key, Validity};

use crate::world::{
    CLAIMS, ED, ES, START, at, decode, encode, judge, key, rules, rules_with, signed, signed_es256, token,
};

/// A header with other members.
fn with_header(header: &str) -> TokenRefusal {
    judge(&signed(header, CLAIMS)).unwrap_err()
}

/// Claims with one text exchanged; signed by the right key all the same.
fn with_claims(from: &str, to: &str) -> TokenRefusal {
    assert!(CLAIMS.contains(from), "{from}");
    judge(&token(&CLAIMS.replacen(from, to, 1))).expect_err(to)
}

fn claim(name: &'static str, fault: ClaimFault) -> TokenRefusal {
    TokenRefusal::Claim { name, fault }
}

#[test]
fn a_right_token_is_believed() {
    for username in [token(CLAIMS), signed_es256(r#"{"kid":"hsm","alg":"ES256"}"#, CLAIMS)] {
        let claims = judge(&username).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.party.as_str()), ("clinic", "a"));
        assert_eq!(claims.regions.iter().map(|region| region.as_str()).collect::<Vec<_>>(), ["eu-north"]);
        assert_eq!((claims.limits.kbps, claims.limits.allocations), (Some(4000), Some(12)));
        assert_eq!(claims.end, at(START + 14_400));
        assert!(claims.peers.is_empty());
    }
}

// RFC 8725 §3.1: the algorithm comes from the key, not from the token
#[test]
fn the_algorithm_is_that_of_the_key() {
    for alg in ["none", "None", "NONE", "HS256", "RS256", "ES384", "Ed448", "eddsa"] {
        assert_eq!(with_header(&format!(r#"{{"alg":"{alg}","kid":"{ED}"}}"#)), TokenRefusal::Algorithm, "{alg}");
    }
    // Both are known, but each key has one.
    assert_eq!(with_header(&format!(r#"{{"alg":"ES256","kid":"{ED}"}}"#)), TokenRefusal::Algorithm);
    assert_eq!(with_header(&format!(r#"{{"alg":"EdDSA","kid":"{ES}"}}"#)), TokenRefusal::Algorithm);
    let swapped = signed_es256(&format!(r#"{{"alg":"EdDSA","kid":"{ED}"}}"#), CLAIMS);
    assert_eq!(judge(&swapped), Err(TokenRefusal::Signature));
    // An unsigned token, with and without the dot behind it.
    let unsigned = format!("{}.{}", encode(r#"{"alg":"none"}"#), encode(CLAIMS));
    for username in [unsigned.clone(), format!("{unsigned}.")] {
        assert_eq!(judge(&username), Err(TokenRefusal::Form));
    }
}

// RFC 8725 §2.10, §3.10: whatever a header says about keys is not followed
#[test]
fn a_header_names_no_keys_and_no_rules() {
    let members = [
        r#""jku":"https://evil.example/keys""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""x5c":["MIIB"]"#,
        r#""jwk":{"kty":"OKP"}"#,
        r#""crit":["exp"]"#,
        r#""typ":"JWT""#,
        r#""cty":"JWT""#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
    ];
    for member in members {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{ED}",{member}}}"#);
        assert_eq!(with_header(&header), TokenRefusal::Header, "{member}");
    }
    assert_eq!(with_header(r#"{"alg":"EdDSA"}"#), TokenRefusal::Header, "no kid");
    for kid in ["other", "2026-11-28", "2026-11-2"] {
        assert_eq!(with_header(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)), TokenRefusal::UnknownKey, "{kid}");
    }
    for kid in ["../2026-11-27", "' or 1=1", "2026-11-27\\u0000", ""] {
        let refused = with_header(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#));
        assert!(matches!(refused, TokenRefusal::Header | TokenRefusal::HeaderJson(InvalidJson::Text)), "{kid}");
    }
}

// RFC 7515 §4, RFC 8725 §2.6: two readers must not read two things
#[test]
fn a_member_stands_once() {
    assert_eq!(with_header(&format!(r#"{{"alg":"EdDSA","kid":"{ED}","kid":"{ES}"}}"#)), TokenRefusal::Header);
    assert_eq!(with_header(&format!(r#"{{"alg":"none","alg":"EdDSA","kid":"{ED}"}}"#)), TokenRefusal::Header);
    for name in ["iss", "aud", "jti", "call", "party"] {
        let again = format!(r#"{{"{name}":"x","#);
        assert_eq!(with_claims("{", &again), claim(name, ClaimFault::Twice));
    }
    for name in ["nbf", "exp", "end"] {
        assert_eq!(with_claims("{", &format!(r#"{{"{name}":1,"#)), claim(name, ClaimFault::Twice));
    }
    assert_eq!(with_claims("{", r#"{"reg":["x"],"#), claim("reg", ClaimFault::Twice));
    assert_eq!(with_claims("{", r#"{"lim":{},"#), claim("lim", ClaimFault::Twice));
    assert_eq!(with_claims(r#""alloc":12"#, r#""kbps":4001"#), claim("lim.kbps", ClaimFault::Twice));
}

#[test]
fn a_claim_is_known_and_none_is_missing() {
    for unknown in [r#""sub":"alice","#, r#""iat":1,"#, r#""Exp":9,"#, r#""":0,"#] {
        assert_eq!(with_claims("{", &format!("{{{unknown}")), TokenRefusal::UnknownClaim, "{unknown}");
    }
    assert_eq!(with_claims(r#""alloc""#, r#""burst""#), TokenRefusal::UnknownClaim);
    let missing = |name| claim(name, ClaimFault::Missing);
    assert_eq!(with_claims(r#""iss":"clinic","#, ""), missing("iss"));
    assert_eq!(with_claims(r#""aud":"turn-eu","#, ""), missing("aud"));
    assert_eq!(with_claims(r#""nbf":1795795200,"#, ""), missing("nbf"));
    assert_eq!(with_claims(r#""exp":1795798800,"#, ""), missing("exp"));
    assert_eq!(with_claims(r#""end":1795809600,"#, ""), missing("end"));
    assert_eq!(with_claims(r#""party":"a","#, ""), missing("party"));
    assert_eq!(with_claims(r#""reg":["eu-north"],"#, ""), missing("reg"));
    assert!(judge(&token(&CLAIMS.replace(r#","lim":{"kbps":4000,"alloc":12}"#, ""))).is_ok(), "limits may be left out");
}

#[test]
fn numbers_and_texts_are_in_bounds() {
    for number in
        ["1795795200.0", "1.7957952e9", "-1795795200", "01795795200", "99999999999999999999", "9007199254740992"]
    {
        let refused = with_claims("1795795200", number);
        assert_eq!(refused, TokenRefusal::ClaimsJson(InvalidJson::Number), "{number}");
    }
    for other in ["\"1795795200\"", "null", "true", "[1795795200]", "{}"] {
        assert_eq!(with_claims("1795795200", other), TokenRefusal::ClaimsJson(InvalidJson::Syntax), "{other}");
    }
    let kbps = claim("lim.kbps", ClaimFault::Bounds { least: 1, most: 10_000_000 });
    assert_eq!(with_claims("4000", "0"), kbps);
    assert_eq!(with_claims("4000", "10000001"), kbps);
    assert_eq!(with_claims("12}", "1025}"), claim("lim.alloc", ClaimFault::Bounds { least: 1, most: 1024 }));
    let regions = claim("reg", ClaimFault::Bounds { least: 1, most: 8 });
    assert_eq!(with_claims(r#"["eu-north"]"#, "[]"), regions);
    assert_eq!(with_claims(r#"["eu-north"]"#, &format!("[{}]", ["\"e\""; 9].join(","))), regions);
    assert_eq!(with_claims(r#"["eu-north"]"#, r#""eu-north""#), TokenRefusal::ClaimsJson(InvalidJson::Syntax));
    assert_eq!(with_claims("\"a\"", "\"a b\""), claim("party", ClaimFault::Word { most: 16 }));
    assert_eq!(with_claims("\"a\"", "\"seventeen-letters\""), claim("party", ClaimFault::Word { most: 16 }));
    assert_eq!(with_claims("clinic", "cl\\u0069nic"), TokenRefusal::ClaimsJson(InvalidJson::Text));
    assert_eq!(with_claims("clinic", "cl\u{131}nic"), TokenRefusal::ClaimsJson(InvalidJson::Text));
    assert!(judge(&token(&format!("{CLAIMS} "))).is_ok(), "white space is no difference");
    assert_eq!(judge(&token(&format!("{CLAIMS}{CLAIMS}"))), Err(TokenRefusal::Form), "too long");
    assert_eq!(judge(&token(&format!("{CLAIMS}x"))), Err(TokenRefusal::ClaimsJson(InvalidJson::Trailing)));
    assert_eq!(judge(&token("")), Err(TokenRefusal::Form), "no claims");
    assert_eq!(judge(&token("\u{feff}{}")), Err(TokenRefusal::ClaimsJson(InvalidJson::Syntax)), "a byte order mark");
    assert!(matches!(
        with_claims(r#""lim""#, r#""peers":["10.0.0.1/8"],"lim""#),
        TokenRefusal::Claim { name: "peers", .. }
    ));
    let nested = "[".repeat(150);
    assert_eq!(judge(&token(&format!("{{\"reg\":{nested}"))), Err(TokenRefusal::ClaimsJson(InvalidJson::Syntax)));
}

#[test]
fn a_token_is_for_one_cluster_and_a_key_may_be_for_one_issuer() {
    assert_eq!(with_claims("turn-eu", "turn-us"), TokenRefusal::Audience);
    let bound = |issuer: &str| {
        let key = key(ED, Algorithm::EdDsa);
        let (public, password) = (key.public().clone(), key.password_key().clone());
        let key = Key::new(key.kid(), public, password, key.validity(), Some(issuer.parse().unwrap())).unwrap();
        rules_with(vec![key])
    };
    let username = token(CLAIMS);
    let asked = |issuer| hilum::auth::token::verify(username.as_bytes(), &bound(issuer), at(START)).err();
    assert_eq!(asked("clinic"), None);
    assert_eq!(asked("other"), Some(TokenRefusal::Issuer));
}

// RFC 7515 §2: no padding; RFC 4648 §3.5: no bits left over
#[test]
fn base64url_has_one_spelling() {
    let username = token(CLAIMS);
    let parts: Vec<&str> = username.split('.').collect();
    let with = |at: usize, part: &str| {
        let mut parts = parts.clone();
        parts[at] = part;
        judge(&parts.join(".")).unwrap_err()
    };
    for (at, part) in parts.iter().enumerate() {
        for wrong in ["=", "==", " ", "\n", "%3D", "+", "/", "A"] {
            let refused = with(at, &format!("{part}{wrong}"));
            let ways = [TokenRefusal::Encoding, TokenRefusal::Signature];
            assert!(ways.contains(&refused) || at == 0, "{at} {wrong:?}: {refused:?}");
        }
    }
    assert_eq!(with(2, &format!("{}==", parts[2])), TokenRefusal::Encoding);
    // 64 bytes end in a character of which two bits count; the other four are zero in the one spelling.
    let (body, last) = parts[2].split_at(85);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    assert_eq!(place % 16, 0);
    for more in 1..16 {
        assert_eq!(with(2, &format!("{body}{}", &alphabet[place + more..=place + more])), TokenRefusal::Encoding);
    }
    assert_eq!(with(2, &encode([7; 63])), TokenRefusal::Encoding);
    assert_eq!(with(2, &encode([7; 65])), TokenRefusal::Encoding);
    for form in ["", ".", "..", "...", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b."] {
        assert_eq!(judge(form), Err(TokenRefusal::Form), "{form}");
    }
    // A general form of JWS, and a byte that is no text.
    assert_eq!(judge(r#"{"payload":"","signatures":[]}"#), Err(TokenRefusal::Form));
    assert_eq!(judge(&format!("{}.{}.\u{425}", parts[0], parts[1])), Err(TokenRefusal::Form));
    assert_eq!(rules().candidate(b"\xff.a.b", at(START)).unwrap_err(), TokenRefusal::Form);
    assert_eq!(rules().candidate(&[b'.'; LONGEST_TOKEN + 1], at(START)).unwrap_err(), TokenRefusal::Form);
}

#[test]
fn a_byte_that_is_altered_anywhere_is_seen() {
    for username in [token(CLAIMS), signed_es256(r#"{"alg":"ES256","kid":"hsm"}"#, CLAIMS)] {
        let rules = rules();
        assert!(hilum::auth::token::verify(username.as_bytes(), &rules, at(START)).is_ok());
        for place in 0..username.len() {
            for other in [b'A', b'w', b'.', 0] {
                let mut bytes = username.clone().into_bytes();
                if bytes[place] == other {
                    continue;
                }
                bytes[place] = other;
                let refused = hilum::auth::token::verify(&bytes, &rules, at(START));
                assert!(refused.is_err(), "byte {place} as {other}");
            }
        }
    }
}

/// Parts of two right tokens make no third one.
#[test]
fn parts_of_tokens_do_not_mix() {
    let [one, other] = [token(CLAIMS), token(&CLAIMS.replace("\"a\"", "\"b\""))];
    let parts = |username: &str| username.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (parts(&one), parts(&other));
    assert_eq!(judge(&[&*one[0], &*other[1], &*one[2]].join(".")), Err(TokenRefusal::Signature));
    assert_eq!(judge(&[&*one[0], &*one[1], &*other[2]].join(".")), Err(TokenRefusal::Signature));
}

// RFC 8032 §5.1.7: S below the group order; RFC 7518 §3.4 asks nothing of the kind for ECDSA
#[test]
fn a_signature_that_is_turned_into_another_gains_nothing() {
    let order = "7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA";
    let username = token(CLAIMS);
    let (input, signature) = username.rsplit_once('.').unwrap();
    let mut signature = decode(signature);
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(decode(order)) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let turned = format!("{input}.{}", encode(&signature));
    assert_eq!(judge(&turned), Err(TokenRefusal::Signature), "S + L");

    let username = signed_es256(r#"{"alg":"ES256","kid":"hsm"}"#, CLAIMS);
    let (input, signature) = username.rsplit_once('.').unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&decode(signature)).unwrap();
    let (r, s) = signature.split_scalars();
    let turned = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let turned = format!("{input}.{}", encode(turned.to_bytes()));
    assert_ne!(turned, username);
    // Good, as hardware makes either, and the same token to everybody who counts or revokes ...
    let [claims, same] = [judge(&username).unwrap(), judge(&turned).unwrap()];
    assert_eq!((claims.subject(), claims.party()), (same.subject(), same.party()));
    // ... but another username, whose password only the issuer and the relays can compute.
    let rules = rules();
    let password =
        |username: &str| rules.candidate(username.as_bytes(), at(START)).unwrap().password().as_str().to_owned();
    assert_ne!(password(&turned), password(&username));
    for zero in [[0; 64], [0xff; 64]] {
        assert_eq!(judge(&format!("{input}.{}", encode(zero))), Err(TokenRefusal::Signature));
    }
}

#[test]
fn a_key_has_its_own_window() {
    let username = token(CLAIMS);
    let ask = |not_before: u64, not_after: Option<u64>, now: u64| {
        let old = key(ED, Algorithm::EdDsa);
        let validity = Validity { created: at(0), not_before: at(not_before), not_after: not_after.map(at) };
        let (public, password) = (old.public().clone(), old.password_key().clone());
        let rules = rules_with(vec![Key::new(old.kid(), public, password, validity, None).unwrap()]);
        hilum::auth::token::verify(username.as_bytes(), &rules, at(now)).err()
    };
    let now = START + 600;
    assert_eq!(ask(now + 60, None, now), None);
    assert_eq!(ask(now + 61, None, now), Some(TokenRefusal::KeyNotYetValid));
    assert_eq!(ask(0, Some(now - 59), now), None);
    assert_eq!(ask(0, Some(now - 60), now), Some(TokenRefusal::KeyEnded));
}
