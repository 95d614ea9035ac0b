//! Who mints the call tokens of the scenarios.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hilum::auth::token::{Algorithm, PasswordKey, TokenRules};
use hilum::auth::{Key, Keyring, PublicKey, Validity};
use hilum::time::UnixTime;

use super::START;

/// What passwords are made with.
pub const PASSWORD_KEY: [u8; 32] = [5; 32];

fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// What the relay of the scenarios demands of tokens.
pub fn rules() -> TokenRules {
    let public = PublicKey::new(Algorithm::EdDsa, issuer().verifying_key().as_bytes()).unwrap();
    let long_ago = UnixTime::from_secs(1_600_000_000);
    let validity = Validity { created: long_ago, not_before: long_ago, not_after: None };
    let key = |kid: &str| {
        Key::new(kid.parse().unwrap(), public.clone(), PasswordKey::new(PASSWORD_KEY), validity, None).unwrap()
    };
    let keyring = Keyring::new(vec![key(Token::KID), key(Token::OTHER_KID)]).unwrap();
    TokenRules { keyring, audience: "cluster".parse().unwrap(), skew: 60 }
}

/// A call token as its issuer means it: good from a minute ago, for new allocations for ten minutes, for an hour in all.
#[derive(Clone, Debug)]
pub struct Token {
    pub call: &'static str,
    pub party: &'static str,
    pub id: &'static str,
    pub region: &'static str,
    pub kid: &'static str,
    pub not_before: u64,
    pub expires: u64,
    pub end: u64,
    /// More claims, as JSON members behind the others.
    pub more: &'static str,
}

impl Token {
    /// The key that tokens are signed with, and a second one.
    pub const KID: &'static str = "2023-11";
    pub const OTHER_KID: &'static str = "2023-12";

    pub fn new(call: &'static str, party: &'static str) -> Self {
        let start = START.as_secs();
        let (not_before, expires, end) = (start - 60, start + 600, start + 3600);
        Self { call, party, id: party, region: "north", kid: Self::KID, not_before, expires, end, more: "" }
    }

    /// The username that carries it.
    pub fn username(&self) -> String {
        let Self { call, party, id, region, kid, not_before, expires, end, more } = self;
        let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\"}}");
        let claims = format!(
            "{{\"iss\":\"clinic\",\"aud\":\"cluster\",\"jti\":\"{id}\",\"nbf\":{not_before},\"exp\":{expires},\"end\":{end},\
             \"call\":\"{call}\",\"party\":\"{party}\",\"reg\":[\"{region}\"]{more}}}"
        );
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = issuer().sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
