//! From a username to proven claims, in two steps.

use std::sync::Arc;

use super::{Audience, Claims, Kid, Password, Token, TokenRefusal, Use, VerifiedTokens};
use crate::auth::keyring::{Key, Keyring};
use crate::time::UnixTime;

/// What a relay demands of tokens. Immutable; a reload makes another one.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The keys.
    pub keyring: Keyring,
    /// The cluster of this relay: what `aud` must say.
    pub audience: Audience,
    /// Seconds that the clocks of issuer and relay may be apart, either way; usually 60.
    pub skew: u64,
}

impl TokenRules {
    /// The first, cheap step: form, header, and a key that is in its window. [`Candidate::password`] then tells what
    /// the sender must know.
    ///
    /// # Errors
    /// Why the username can be no token; the sender or the issuer is at fault.
    pub fn candidate<'r>(&'r self, username: &'r [u8], now: UnixTime) -> Result<Candidate<'r>, TokenRefusal> {
        let token = Token::parse(username)?;
        let key = self.keyring.get(&token.kid()).ok_or(TokenRefusal::UnknownKey)?;
        if key.public().algorithm() != token.algorithm() {
            return Err(TokenRefusal::Algorithm);
        }
        key.check(now, self.skew)?;
        Ok(Candidate { token, key, rules: self })
    }
}

/// A username with the form of a token and a key that we hold. Nothing of it is proven.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'r> {
    token: Token<'r>,
    key: &'r Key,
    rules: &'r TokenRules,
}

impl Candidate<'_> {
    /// The key that it claims to be signed with, which the keyring holds.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.key.kid()
    }

    /// The password that belongs to this username. It is right for a token that was altered, too, and known to nobody
    /// then but to whoever holds the password key.
    #[must_use]
    pub fn password(&self) -> Password {
        self.key.password(self.token.username().as_bytes())
    }

    /// The second step, for a sender who has proven the password: signature, claims, issuer, audience, and the window
    /// for a running allocation. For a new one, ask [`Claims::check`] with [`Use::Begin`] as well.
    ///
    /// # Errors
    /// Why the token is not to be believed, or not now; the issuer is at fault, or the time has passed.
    pub fn verify(&self, now: UnixTime) -> Result<Claims, TokenRefusal> {
        if !self.key.public().verify(self.token.signed(), &self.token.signature()?) {
            return Err(TokenRefusal::Signature);
        }
        let claims = self.token.claims()?;
        if self.key.issuer().is_some_and(|issuer| issuer != claims.issuer) {
            return Err(TokenRefusal::Issuer);
        }
        if claims.audience != self.rules.audience {
            return Err(TokenRefusal::Audience);
        }
        claims.check(Use::Continue, now, self.rules.skew)?;
        Ok(claims)
    }

    /// As [`Candidate::verify`], for the price of a hash if the same token was verified before with the same key.
    ///
    /// # Errors
    /// As [`Candidate::verify`]; refusals are not remembered.
    pub fn verify_cached(&self, cache: &mut VerifiedTokens, now: UnixTime) -> Result<Arc<Claims>, TokenRefusal> {
        if let Some(claims) = self.remembered(cache, now)? {
            return Ok(claims);
        }
        let claims = Arc::new(self.verify(now)?);
        self.remember(cache, &claims, now);
        Ok(claims)
    }

    /// What was verified before, and still holds. With [`Candidate::remember`], for those who share the memory and must
    /// not hold it while they verify.
    ///
    /// # Errors
    /// As [`Candidate::verify`], but for the signature.
    pub fn remembered(&self, cache: &mut VerifiedTokens, now: UnixTime) -> Result<Option<Arc<Claims>>, TokenRefusal> {
        let Some(claims) = cache.get(self.token.username().as_bytes(), self.key) else { return Ok(None) };
        if claims.audience != self.rules.audience {
            return Err(TokenRefusal::Audience);
        }
        claims.check(Use::Continue, now, self.rules.skew)?;
        Ok(Some(claims))
    }

    /// Remembers what [`Candidate::verify`] found.
    pub fn remember(&self, cache: &mut VerifiedTokens, claims: &Arc<Claims>, now: UnixTime) {
        cache.insert(self.token.username().as_bytes(), self.key, Arc::clone(claims), now);
    }
}

/// Both steps at once, for those who do not check a password.
///
/// # Errors
/// As [`TokenRules::candidate`] and [`Candidate::verify`].
pub fn verify(username: &[u8], rules: &TokenRules, now: UnixTime) -> Result<Claims, TokenRefusal> {
    rules.candidate(username, now)?.verify(now)
}
