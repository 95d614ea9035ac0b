//! Two keys that the RFCs print, a keyring of both, and tokens signed with them, by other code than the relay's parser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use hilum::auth::token::{Algorithm, Claims, PasswordKey, TokenRefusal, TokenRules, verify};
use hilum::auth::{Key, Keyring, PublicKey, Validity};
use hilum::time::UnixTime;

/// 2026-11-27T16:00:00Z: `nbf` of the token in the documents.
pub const START: u64 = 1_795_795_200;
/// The password key of both keys.
pub const PASSWORD_KEY: &[u8; 32] = b"thirty-two-bytes-of-password-key";
/// The ids of the keys.
pub const ED: &str = "2026-11-27";
pub const ES: &str = "hsm";

/// The claims that the documents show.
pub const CLAIMS: &str = r#"{"iss":"clinic","aud":"turn-eu","jti":"1n9Zk2Qw8rTb4Xc6Vm0PsA","nbf":1795795200,"exp":1795798800,"end":1795809600,"call":"q7Hf2LxT9sKd0WvYbR3mZg","party":"a","reg":["eu-north"],"lim":{"kbps":4000,"alloc":12}}"#;

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

// RFC 8037 A.1
pub fn ed25519() -> ed25519_dalek::SigningKey {
    let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    ed25519_dalek::SigningKey::from_bytes(seed.as_slice().try_into().unwrap())
}

// RFC 7515 A.3.1
pub fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")).unwrap()
}

/// The public halves, as the RFCs print them.
pub fn public(algorithm: Algorithm) -> PublicKey {
    let bytes = match algorithm {
        Algorithm::EdDsa => decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        Algorithm::Es256 => {
            let [x, y] = ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];
            [vec![4], decode(x), decode(y)].concat()
        }
    };
    PublicKey::new(algorithm, &bytes).unwrap()
}

pub fn key(kid: &str, algorithm: Algorithm) -> Key {
    let validity = Validity { created: at(START - 86_400), not_before: at(START - 86_400), not_after: None };
    Key::new(kid.parse().unwrap(), public(algorithm), PasswordKey::new(*PASSWORD_KEY), validity, None).unwrap()
}

pub fn rules_with(keys: Vec<Key>) -> TokenRules {
    TokenRules { keyring: Keyring::new(keys).unwrap(), audience: "turn-eu".parse().unwrap(), skew: 60 }
}

/// What a relay of the cluster `turn-eu` demands that knows both keys.
pub fn rules() -> TokenRules {
    rules_with(vec![key(ED, Algorithm::EdDsa), key(ES, Algorithm::Es256)])
}

/// A token of any two texts, signed with Ed25519 over whatever they are.
pub fn signed(header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(claims));
    format!("{input}.{}", encode(ed25519().sign(input.as_bytes()).to_bytes()))
}

/// The same, signed with ECDSA.
pub fn signed_es256(header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature: p256::ecdsa::Signature = p256().sign(input.as_bytes());
    format!("{input}.{}", encode(signature.to_bytes()))
}

/// A right header around any claims.
pub fn token(claims: &str) -> String {
    signed(&format!(r#"{{"alg":"EdDSA","kid":"{ED}"}}"#), claims)
}

/// What a relay says of it a minute after its start.
pub fn judge(username: &str) -> Result<Claims, TokenRefusal> {
    verify(username.as_bytes(), &rules(), at(START + 60))
}
