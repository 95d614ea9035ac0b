//! The keys of a provider (RFC 7517): those that ID tokens are verified with here, and no others.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one provider that are looked at: large ones have some ten.
const MOST: usize = 64;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

struct One {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// See the module.
pub(super) struct Keys(Vec<One>);

impl Keys {
    /// Reads a set. Keys for something else are left out.
    pub(super) fn read(set: &[u8]) -> Result<Self, &'static str> {
        let set: Set = serde_json::from_slice(set).map_err(|_| "its keys cannot be read")?;
        let keys: Vec<One> = set.keys.into_iter().take(MOST).filter_map(one).collect();
        if keys.is_empty() { Err("it has no key for RS256, PS256, ES256 or EdDSA") } else { Ok(Self(keys)) }
    }

    /// Whether there is one of this name; without a name, whether there is but one.
    pub(super) fn has(&self, kid: Option<&str>) -> bool {
        match kid {
            Some(kid) => self.0.iter().any(|one| one.kid.as_deref() == Some(kid)),
            None => self.0.len() == 1,
        }
    }

    /// The key of this name for this algorithm; without a name, the only one. `Err` says whether the name at least is known.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&DecodingKey, bool> {
        let named = |one: &&One| kid.is_none() || one.kid.as_deref() == kid;
        let mut fitting = self.0.iter().filter(named).filter(|one| one.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(&one.key),
            // Names are to be different; without one nobody tries them all.
            (Some(_), Some(_)) => Err(false),
            (None, _) => Err(self.has(kid)),
        }
    }
}

/// A key that signs in a way that is taken here. What is symmetric never does.
fn one(key: Value) -> Option<One> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let kind = &jwk.algorithm;
    let possible: &[Algorithm] = if let AlgorithmParameters::RSA(_) = kind {
        &[Algorithm::RS256, Algorithm::PS256]
    } else if matches!(kind, AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256) {
        &[Algorithm::ES256]
    } else if matches!(kind, AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519) {
        &[Algorithm::EdDSA]
    } else {
        return None;
    };
    let says = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string().parse::<Algorithm>().ok());
    let algorithms: Vec<Algorithm> = match says {
        Some(only) => possible.iter().copied().filter(|one| Some(*one) == only).collect(),
        None => possible.to_vec(),
    };
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(One { kid: jwk.common.key_id, algorithms, key })
}
