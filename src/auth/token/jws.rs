//! The compact form of a JWS (RFC 7515 §7.1), as strict as it can be read.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::Reader;
use super::{Claims, Kid, TokenRefusal};

/// The most bytes of a token. A USERNAME carries 508 (RFC 8489 §14.3); the rest is room for what comes later.
pub const LONGEST_TOKEN: usize = 480;
/// Bytes of a signature, of either algorithm (RFC 8032 §5.1.6, RFC 7518 §3.4).
pub const SIGNATURE: usize = 64;

/// How a token is signed. There is no third way, and the key says which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4), for keys that are held in hardware.
    Es256,
}

impl Algorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// The name in a header.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl FromStr for Algorithm {
    type Err = TokenRefusal;

    /// Reads a name as a header has it, letter for letter.
    fn from_str(text: &str) -> Result<Self, TokenRefusal> {
        Self::ALL.into_iter().find(|each| each.label() == text).ok_or(TokenRefusal::Algorithm)
    }
}

/// A username that has the form of a token. Nothing of it is proven.
#[derive(Clone, Copy)]
pub struct Token<'u> {
    username: &'u str,
    /// Header, dot, claims: what is signed (RFC 7515 §5.2).
    signed: &'u str,
    claims: &'u str,
    signature: &'u str,
    algorithm: Algorithm,
    kid: Kid,
}

impl<'u> Token<'u> {
    /// Whether a username claims to be a token: it begins as base64url of `{"` does, and has two dots. No time-limited
    /// username does; static users should not.
    #[must_use]
    pub fn resembles(username: &[u8]) -> bool {
        username.starts_with(b"eyJ") && username.iter().filter(|&&byte| byte == b'.').count() == 2
    }

    /// Which key a username claims to be signed with.
    ///
    /// # Errors
    /// As [`Token::parse`].
    pub fn peek_kid(username: &[u8]) -> Result<Kid, TokenRefusal> {
        Token::parse(username).map(|token| token.kid)
    }

    /// Reads the form and the header. Neither claims nor signature are looked at.
    ///
    /// # Errors
    /// [`TokenRefusal::Form`], `Encoding`, `Header`, `HeaderJson` or `Algorithm`.
    pub fn parse(username: &'u [u8]) -> Result<Self, TokenRefusal> {
        if username.len() > LONGEST_TOKEN {
            return Err(TokenRefusal::Form);
        }
        let username = core::str::from_utf8(username).ok().filter(|name| name.is_ascii()).ok_or(TokenRefusal::Form)?;
        let (signed, signature) = username.rsplit_once('.').ok_or(TokenRefusal::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenRefusal::Form)?;
        if [header, claims, signature].iter().any(|part| part.is_empty() || part.contains('.')) {
            return Err(TokenRefusal::Form);
        }
        let mut buffer = Decoded::new();
        let (algorithm, kid) = read_header(buffer.decode(header)?)?;
        Ok(Self { username, signed, claims, signature, algorithm, kid })
    }

    /// The username itself.
    #[must_use]
    pub const fn username(&self) -> &'u str {
        self.username
    }

    /// The header's `kid`.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The header's `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What the signature is over.
    #[must_use]
    pub const fn signed(&self) -> &'u [u8] {
        self.signed.as_bytes()
    }

    /// The signature's bytes.
    ///
    /// # Errors
    /// [`TokenRefusal::Encoding`].
    pub fn signature(&self) -> Result<[u8; SIGNATURE], TokenRefusal> {
        let mut buffer = Decoded::new();
        buffer.decode(self.signature)?.try_into().map_err(|_| TokenRefusal::Encoding)
    }

    /// What the token says, whoever wrote it: for those who look at one. [`super::Candidate::verify`] gives claims that
    /// are proven.
    ///
    /// # Errors
    /// [`TokenRefusal::Encoding`], `ClaimsJson`, `UnknownClaim` or `Claim`.
    pub fn claims(&self) -> Result<Claims, TokenRefusal> {
        let mut buffer = Decoded::new();
        Claims::parse(buffer.decode(self.claims)?)
    }
}

// A token is a username: it stays out of logs.
impl fmt::Debug for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(redacted)")
    }
}

/// Room for what a part of a token decodes to.
struct Decoded([u8; LONGEST_TOKEN]);

impl Decoded {
    const fn new() -> Self {
        Self([0; LONGEST_TOKEN])
    }

    /// Decodes base64url without padding; one spelling for each sequence of bytes (RFC 4648 §3.5).
    fn decode(&mut self, part: &str) -> Result<&[u8], TokenRefusal> {
        let length = URL_SAFE_NO_PAD.decode_slice(part, &mut self.0).map_err(|_| TokenRefusal::Encoding)?;
        self.0.get(..length).ok_or(TokenRefusal::Encoding)
    }
}

/// Reads `{"alg":"...","kid":"..."}`, in any order. `typ`, `crit`, `jwk`, `jku`, `x5c` and everything else that RFC
/// 7515 §4.1 knows is refused: a header that names keys or rules is how tokens have been forged elsewhere.
fn read_header(json: &[u8]) -> Result<(Algorithm, Kid), TokenRefusal> {
    let (mut algorithm, mut kid) = (None, None);
    let mut reader = Reader::new(json);
    let members = reader.members(|name, value| {
        let place = match name {
            "alg" => &mut algorithm,
            "kid" => &mut kid,
            _ => return Err(TokenRefusal::Header),
        };
        match place.replace(value.text()?) {
            None => Ok(()),
            Some(_) => Err(TokenRefusal::Header),
        }
    });
    members
        .and_then(|()| Ok(reader.end()?))
        .map_err(|why| if let TokenRefusal::ClaimsJson(why) = why { TokenRefusal::HeaderJson(why) } else { why })?;
    let (Some(algorithm), Some(kid)) = (algorithm, kid) else { return Err(TokenRefusal::Header) };
    Ok((algorithm.parse()?, kid.parse().map_err(|_| TokenRefusal::Header)?))
}

/// What is to be signed for a token of these claims: header, dot, claims, in base64url. Whoever holds the key signs its
/// bytes, with Ed25519 or with ECDSA over their SHA-256, and gives the result to [`assemble`].
///
/// # Errors
/// [`TokenRefusal::Claim`] if a claim is out of bounds, [`TokenRefusal::Form`] if the token would have more than
/// [`LONGEST_TOKEN`] bytes.
pub fn signing_input(algorithm: Algorithm, kid: Kid, claims: &Claims) -> Result<String, TokenRefusal> {
    let mut input = String::with_capacity(LONGEST_TOKEN);
    URL_SAFE_NO_PAD
        .encode_string(format!("{{\"alg\":\"{}\",\"kid\":\"{}\"}}", algorithm.label(), kid.as_str()), &mut input);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_json()?, &mut input);
    // A dot and 86 characters of signature follow.
    if input.len().saturating_add(1 + (SIGNATURE * 4).div_ceil(3)) > LONGEST_TOKEN {
        return Err(TokenRefusal::Form);
    }
    Ok(input)
}

/// The token of a signing input and the signature over it; for ES256 the 32 bytes of R and the 32 bytes of S, not DER
/// (RFC 7518 §3.4).
#[must_use]
pub fn assemble(signing_input: &str, signature: &[u8; SIGNATURE]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::super::InvalidJson;
    use super::*;

    fn header(json: &str) -> Result<(Algorithm, Kid), TokenRefusal> {
        read_header(json.as_bytes())
    }

    // RFC 7515 §4, §4.1
    #[test]
    fn a_header_is_alg_and_kid_and_nothing_else() {
        let kid = "k1".parse().unwrap();
        assert_eq!(header(r#"{"alg":"EdDSA","kid":"k1"}"#), Ok((Algorithm::EdDsa, kid)));
        assert_eq!(header(r#"{ "kid": "k1", "alg": "ES256" }"#), Ok((Algorithm::Es256, kid)));
        for wrong in [
            r#"{}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"kid":"k1"}"#,
            r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","kid":"k1","crit":["x"]}"#,
            r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#,
            r#"{"alg":"EdDSA","kid":"k1","kid":"k1"}"#,
            r#"{"alg":"EdDSA","kid":""}"#,
            r#"{"alg":"EdDSA","kid":"../../keys/other"}"#,
            r#"{"alg":"EdDSA","kid":"seventeen-letters"}"#,
            r#"{"Alg":"EdDSA","kid":"k1"}"#,
        ] {
            assert_eq!(header(wrong), Err(TokenRefusal::Header), "{wrong}");
        }
        for wrong in ["none", "None", "HS256", "RS256", "ES384", "eddsa", "EdDSA ", "Ed25519", ""] {
            let json = format!(r#"{{"alg":"{wrong}","kid":"k1"}}"#);
            assert_eq!(header(&json), Err(TokenRefusal::Algorithm), "{wrong}");
        }
        let wrong = header(r#"{"alg":null,"kid":"k1"}"#);
        assert_eq!(wrong, Err(TokenRefusal::HeaderJson(InvalidJson::Syntax)));
        assert_eq!(header(r#"{"alg":"EdDSA","kid":"k\u0031"}"#), Err(TokenRefusal::HeaderJson(InvalidJson::Text)));
        assert_eq!(header(r#"{"alg":"EdDSA","kid":"k1"}{}"#), Err(TokenRefusal::HeaderJson(InvalidJson::Trailing)));
    }

    #[test]
    fn a_token_is_told_from_other_usernames() {
        assert!(Token::resembles(b"eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.e30.AA"));
        for other in [&b"1767225600:visit"[..], b"alice", b"eyJ", b"eyJ.a", b"a.b.c", b"", b"eyJ.a.b.c"] {
            assert!(!Token::resembles(other));
        }
    }
}
