//! Signing call tokens: what an issuer does, and a relay never. Keys are made and used by aws-lc, as TLS's are.

use core::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ED25519};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use crate::auth::PublicKey;
use crate::auth::token::{Algorithm, Claims, Kid, PasswordKey, SIGNATURE, TokenRefusal, assemble, signing_input};

/// The private half of a key, held by an issuer.
pub struct SigningKey(Pair);

enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// Makes a key, and gives it as PKCS#8 in PEM too, as `openssl pkey` reads it.
    ///
    /// # Errors
    /// [`InvalidSigningKey::System`].
    pub fn generate(algorithm: Algorithm) -> Result<(Self, Zeroizing<String>), InvalidSigningKey> {
        let random = SystemRandom::new();
        let document = match algorithm {
            // Version 1 holds the private key alone; OpenSSL, Java and Node read no other.
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random),
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        };
        let document = document.map_err(|_| InvalidSigningKey::System)?;
        Ok((Self::from_der(document.as_ref())?, pem("PRIVATE KEY", document.as_ref())))
    }

    /// Reads PKCS#8 in PEM: Ed25519, or ECDSA on P-256.
    ///
    /// # Errors
    /// [`InvalidSigningKey`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidSigningKey> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| InvalidSigningKey::Pem)?;
        Self::from_der(key.secret_pkcs8_der())
    }

    fn from_der(der: &[u8]) -> Result<Self, InvalidSigningKey> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self(Pair::EdDsa(pair)));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        pair.map(|pair| Self(Pair::Es256(Box::new(pair)))).map_err(|_| InvalidSigningKey::Kind)
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Pair::EdDsa(_) => Algorithm::EdDsa,
            Pair::Es256(_) => Algorithm::Es256,
        }
    }

    /// The public half.
    ///
    /// # Errors
    /// [`InvalidSigningKey::Kind`] if no relay would take it.
    pub fn public(&self) -> Result<PublicKey, InvalidSigningKey> {
        let bytes = match &self.0 {
            Pair::EdDsa(pair) => pair.public_key().as_ref(),
            Pair::Es256(pair) => pair.public_key().as_ref(),
        };
        PublicKey::new(self.algorithm(), bytes).map_err(|_| InvalidSigningKey::Kind)
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`InvalidSigningKey::System`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE], InvalidSigningKey> {
        let signature = match &self.0 {
            Pair::EdDsa(pair) => pair.sign(message),
            Pair::Es256(pair) => pair.sign(&SystemRandom::new(), message).map_err(|_| InvalidSigningKey::System)?,
        };
        signature.as_ref().try_into().map_err(|_| InvalidSigningKey::System)
    }

    /// Mints a token: its username and its password.
    ///
    /// # Errors
    /// [`NotMinted`]: claims out of bounds, or no signature.
    pub fn mint(&self, kid: Kid, password: &PasswordKey, claims: &Claims) -> Result<Minted, NotMinted> {
        let input = signing_input(self.algorithm(), kid, claims).map_err(NotMinted::Claims)?;
        let username = assemble(&input, &self.sign(input.as_bytes()).map_err(NotMinted::Key)?);
        let password = Zeroizing::new(password.password(username.as_bytes()).as_str().to_owned());
        Ok(Minted { username, password })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.algorithm().label())
    }
}

/// What a client gets.
pub struct Minted {
    /// The username: the token.
    pub username: String,
    /// The password that belongs to it.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Minted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Minted(redacted)")
    }
}

/// Why no token was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMinted {
    /// The claims are out of bounds, or too long together.
    Claims(TokenRefusal),
    /// The key does not sign.
    Key(InvalidSigningKey),
}

impl fmt::Display for NotMinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claims(TokenRefusal::Form) => formatter
                .write_str("the token would have more than 480 bytes; give shorter ids, fewer regions or fewer peers"),
            Self::Claims(why) => write!(formatter, "the token {why}"),
            Self::Key(why) => write!(formatter, "the signing key {why}"),
        }
    }
}

impl core::error::Error for NotMinted {}

/// Why there is no signing key, or no public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSigningKey {
    /// No PEM of the right kind.
    Pem,
    /// Not a key of Ed25519 or of P-256.
    Kind,
    /// The system has no randomness, or its cryptography failed.
    System,
}

impl fmt::Display for InvalidSigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pem => {
                "is not in PEM; a private key starts with BEGIN PRIVATE KEY, a public one with BEGIN PUBLIC KEY"
            }
            Self::Kind => "is neither of Ed25519 nor of P-256",
            Self::System => "cannot be used: the system's cryptography failed",
        })
    }
}

impl core::error::Error for InvalidSigningKey {}

/// Reads a public key as `openssl pkey -pubout` and key services give it: SubjectPublicKeyInfo in PEM.
///
/// # Errors
/// [`InvalidSigningKey::Pem`] or [`InvalidSigningKey::Kind`].
pub fn public_from_pem(pem: &[u8]) -> Result<PublicKey, InvalidSigningKey> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| InvalidSigningKey::Pem)?;
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| InvalidSigningKey::Kind)?;
    let algorithm = if info.algorithm.algorithm == OID_SIG_ED25519 {
        Algorithm::EdDsa
    } else if info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        // Another curve's point is none of P-256.
        Algorithm::Es256
    } else {
        return Err(InvalidSigningKey::Kind);
    };
    PublicKey::new(algorithm, &info.subject_public_key.data).map_err(|_| InvalidSigningKey::Kind)
}

/// 32 random bytes for passwords.
///
/// # Errors
/// [`InvalidSigningKey::System`].
pub fn password_key() -> Result<PasswordKey, InvalidSigningKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| InvalidSigningKey::System)?;
    Ok(PasswordKey::new(*bytes))
}

/// 128 random bits as 22 characters of base64url: a token id or a call.
///
/// # Errors
/// [`InvalidSigningKey::System`].
pub fn random_id() -> Result<String, InvalidSigningKey> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| InvalidSigningKey::System)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// PEM (RFC 7468 §2): base64 in lines of 64.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for (index, character) in body.chars().enumerate() {
        if index > 0 && index.is_multiple_of(64) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    pem
}
