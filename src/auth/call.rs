//! Call tokens at the door: which ones are accepted, and what a proven one grants.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::token::{
    Call, Candidate, Claims, Issuer, Kid, Password, PeerRange, TokenRefusal, TokenRules, Use, VerifiedTokens,
};
use super::{Destinations, Grant, Revocations, Revoked};
use crate::time::{Now, UnixTime};
use crate::wire::keep::{Keep, keep_list, recall_list};

/// Verified tokens that are remembered: those of a few thousand calls at once, 12 MiB at most.
const REMEMBERED: usize = 16_384;
/// Bytes of the claims of a token; they fit a username in base64url.
const MOST_KEPT: u16 = 1024;

/// A call, as a hash of its issuer and name: enough to compare, too little to print.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId([u8; 16]);

impl CallId {
    fn of(claims: &Claims) -> Self {
        Self::named(&claims.issuer, &claims.call)
    }

    pub(super) fn named(issuer: &Issuer, call: &Call) -> Self {
        let mut hash = Sha256::new();
        // Neither part can hold a line break, so no two pairs read alike.
        for part in ["call", issuer.as_str(), call.as_str()] {
            hash.update(part);
            hash.update(b"\n");
        }
        let hash: [u8; 32] = hash.finalize().into();
        Self(hash.first_chunk::<16>().copied().unwrap_or_default())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CallId(redacted)")
    }
}

/// What a call token grants beside what every credential does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallGrant {
    id: CallId,
    claims: Arc<Claims>,
    kid: Kid,
    skew: u64,
    outside: bool,
}

impl CallGrant {
    /// The grant of a token, as if it had been proven.
    #[cfg(test)]
    pub(crate) fn of(claims: Claims, kid: Kid) -> Self {
        Self { id: CallId::of(&claims), claims: Arc::new(claims), kid, skew: 0, outside: false }
    }

    /// Whether it is revoked by `what`, whose [`Revoked::call`] is `of`: most allocations are of another call, and their
    /// claims need not be fetched to see that.
    #[must_use]
    pub fn is_covered(&self, what: &Revoked, of: Option<CallId>) -> bool {
        of.is_none_or(|of| of == self.id) && what.covers(&self.claims, self.kid)
    }

    /// The one call that may be reached.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// What the token says.
    #[must_use]
    pub fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    /// The key that signed it.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The peers outside of the call that may be reached where the peer rules allow them as well: those that the token
    /// names, where this relay heeds them.
    #[must_use]
    pub fn peers(&self) -> &[PeerRange] {
        if self.outside { &self.claims.peers } else { &[] }
    }

    /// Appends what the token says and who signed it. What follows from that, and from the configuration, is left out.
    pub(crate) fn keep(&self, to: &mut Vec<u8>) {
        self.outside.keep(to);
        keep_list(self.kid.as_str().as_bytes(), MOST_KEPT, to);
        // Claims that have been read are in bounds. If any were not, what is kept of them could not be recalled.
        keep_list(self.claims.to_json().unwrap_or_default().as_bytes(), MOST_KEPT, to);
    }

    /// Takes the grant of a token off that another process had proven. `tokens`: which tokens are accepted now, if any.
    /// They say how far clocks may be apart, and may take peers outside away, but do not give any.
    pub(super) fn recall(from: &mut &[u8], tokens: Option<&CallTokens>) -> Option<Self> {
        let outside = bool::recall(from)? && tokens.is_some_and(|tokens| tokens.outside);
        let kid = recall_list::<u8>(from, MOST_KEPT)?;
        let kid = core::str::from_utf8(&kid).ok()?.parse().ok()?;
        let claims = Claims::parse(&recall_list::<u8>(from, MOST_KEPT)?).ok()?;
        let skew = tokens.map_or(0, |tokens| tokens.rules.skew);
        Some(Self { id: CallId::of(&claims), claims: Arc::new(claims), kid, skew, outside })
    }

    /// Which peers it reaches.
    #[must_use]
    pub fn reach(&self) -> Destinations {
        if self.peers().is_empty() { Destinations::Clients } else { Destinations::Anywhere }
    }

    /// Whether a new allocation may begin now.
    ///
    /// # Errors
    /// [`TokenRefusal::Expired`] and the like.
    pub fn may_begin(&self, now: UnixTime) -> Result<(), TokenRefusal> {
        self.claims.check(Use::Begin, now, self.skew)
    }
}

/// Which call tokens are accepted. One for all shards: what one has verified, all have.
pub struct CallTokens {
    rules: TokenRules,
    outside: bool,
    verified: Mutex<VerifiedTokens>,
    revocations: Arc<Revocations>,
}

impl CallTokens {
    /// Tokens by these rules; none has been seen yet, and none is revoked. What they say about peers outside of the call is
    /// not heeded.
    #[must_use]
    pub fn new(rules: TokenRules) -> Self {
        Self::with_revocations(rules, Arc::default())
    }

    /// Tokens by these rules but for those that are revoked. A reload takes the same revocations over.
    #[must_use]
    pub const fn with_revocations(rules: TokenRules, revocations: Arc<Revocations>) -> Self {
        Self { rules, outside: false, verified: Mutex::new(VerifiedTokens::new(REMEMBERED)), revocations }
    }

    /// Whether the peers outside that a token names may be reached.
    #[must_use]
    pub const fn reaching_outside(mut self, outside: bool) -> Self {
        self.outside = outside;
        self
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &TokenRules {
        &self.rules
    }

    /// What is revoked.
    #[must_use]
    pub const fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// Whether what a token grants still holds, now that somebody may have revoked it.
    ///
    /// # Errors
    /// [`TokenRefusal::Revoked`].
    pub fn stands(&self, grant: &CallGrant, now: Now) -> Result<(), TokenRefusal> {
        if self.revocations.covers(&grant.claims, grant.kid, now) { Err(TokenRefusal::Revoked) } else { Ok(()) }
    }

    /// The claims of a candidate whose sender knows the password. The other shards are not kept waiting for a signature.
    fn verified(&self, candidate: &Candidate<'_>, now: UnixTime) -> Result<Arc<Claims>, TokenRefusal> {
        let memory = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = candidate.remembered(&mut memory(), now)?;
        if let Some(claims) = remembered {
            return Ok(claims);
        }
        let claims = Arc::new(candidate.verify(now)?);
        candidate.remember(&mut memory(), &claims, now);
        Ok(claims)
    }

    /// Reads a username as a token. `proves` is asked whether the sender knows the password, which costs a hash; only
    /// then is the signature worth its 50 µs.
    ///
    /// # Errors
    /// Why the token is not to be believed. `None` inside: the password was wrong.
    pub(super) fn grant(
        &self,
        username: &[u8],
        now: UnixTime,
        proves: impl FnOnce(&Password) -> bool,
    ) -> Result<Option<Grant>, TokenRefusal> {
        let candidate = self.rules.candidate(username, now)?;
        if !proves(&candidate.password()) {
            return Ok(None);
        }
        let claims = self.verified(&candidate, now)?;
        let id = CallId::of(&claims);
        let kid = candidate.kid();
        let call = CallGrant { id, kid, skew: self.rules.skew, outside: self.outside, claims: Arc::clone(&claims) };
        Ok(Some(Grant {
            subject: claims.subject(),
            party: claims.party(),
            until: Some(claims.end),
            reach: call.reach(),
            regions: Arc::default(),
            call: Some(call),
        }))
    }
}

impl fmt::Debug for CallTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CallTokens(redacted)")
    }
}
