//! The proof that a request carries, checked in the order of RFC 8489 §9.2.4.

use std::sync::Arc;

use subtle::{Choice, ConstantTimeEq};

use super::credential::{ephemeral_password_bytes, expiry_of, is_clean};
use super::nonce::{Features, Form, Nonces};
use super::token::{Token, TokenRefusal};
use super::users::{UserHash, Users};
use super::{
    CallGrant, CallTokens, Credentials, Grant, NonceKey, Party, Request, SharedSecret, Signer, Subject, Terms, Unproven,
};
use crate::addr::ClientAddr;
use crate::time::{Lifetime, Now, UnixTime};
use crate::wire::{AttributeType, IntegrityKey, IntegrityKind, Message, PasswordAlgorithm};

/// Tells who may ask. Immutable; a reload makes another one with the same [`NonceKey`].
pub struct Authenticator {
    pub(super) realm: String,
    pub(super) nonces: Nonces,
    users: Users,
    secrets: Vec<SharedSecret>,
    tokens: Option<Arc<CallTokens>>,
    terms: Terms,
}

impl core::fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Authenticator(redacted)")
    }
}

impl Authenticator {
    /// An authenticator for one realm. `nonce_lifetime` counts up to 600 s. A realm longer than 32 bytes works, but
    /// then the smallest requests get no answer, which would be too large.
    #[must_use]
    pub fn new(realm: &str, credentials: Credentials, nonce_key: NonceKey, nonce_lifetime: Lifetime) -> Self {
        // Only static users can be found by USERHASH: it would hide the expiry of a time-limited name as well.
        let features = Features::new(credentials.secrets.is_empty());
        Self {
            realm: realm.into(),
            nonces: Nonces::new(nonce_key, nonce_lifetime, features),
            users: Users::new(&credentials.users, realm.as_bytes()),
            secrets: credentials.secrets,
            tokens: None,
            terms: Terms::default(),
        }
    }

    /// The same, which takes call tokens as well. All shards get the same `tokens`.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Option<Arc<CallTokens>>) -> Self {
        // A token is no static user's name, so it cannot be found by USERHASH.
        if tokens.is_some() {
            self.nonces.set_features(Features::new(false));
        }
        self.tokens = tokens;
        self
    }

    /// The same, with these terms for static users and time-limited credentials. Without it they reach any peer that the
    /// rules allow, in every region.
    #[must_use]
    pub fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// The terms of static users and time-limited credentials.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Checks the proof of a request, in this order: integrity attribute (401), the attributes it needs (400), nonce
    /// (438), password algorithm (400), user, realm, integrity and expiry (401). The nonce comes before the user, so
    /// that a sender who does not receive what we send costs one short hash.
    ///
    /// # Errors
    /// Why the request proves nothing; [`Authenticator::refuse`] writes the answer.
    pub fn prove<'m>(&self, message: Message<'m>, client: ClientAddr, now: Now) -> Result<Request<'m>, Unproven> {
        let proof = Proof::of(&message)?;
        let form = self.nonces.check(proof.nonce, client, now.moment).ok_or(Unproven::StaleNonce)?;
        let choice = chosen_algorithm(&message, form)?;
        let algorithm = choice.unwrap_or(PasswordAlgorithm::Md5);
        let same_realm = self.realm.as_bytes().ct_eq(proof.realm);
        let known = match proof.identity {
            Identity::Hash(hash) => self.prove_static(&message, &proof, &hash, algorithm),
            Identity::Name(name) if self.tokens.is_some() && Token::resembles(name) => {
                self.prove_token(&message, &proof, name, now.unix, algorithm)?
            }
            Identity::Name(name) => match expiry_of(name) {
                Some(until) if !self.secrets.is_empty() => self
                    .prove_ephemeral(&message, &proof, name, until, algorithm)
                    .filter(|_| now.unix < until && is_clean(name)),
                _ => self.prove_static(&message, &proof, &UserHash::of(name, self.realm.as_bytes()), algorithm),
            },
        };
        let (grant, key) = known.filter(|_| bool::from(same_realm)).ok_or(Unproven::Unauthenticated)?;
        // RFC 8489 §9.2.4: the answer to a client that chose an algorithm carries the SHA-256 attribute, any other one
        // the older one, whichever of them the request carried.
        let kind = if choice.is_some() { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 };
        Ok(Request { message, grant, signer: Signer { kind, key } })
    }

    /// Whether a proven credential may still be used: nobody has revoked it. To be asked of every request.
    ///
    /// # Errors
    /// [`TokenRefusal::Revoked`]. It is answered with 403 and signed: the sender has proven the credential.
    pub fn stands(&self, grant: &Grant, now: Now) -> Result<(), TokenRefusal> {
        match (&self.tokens, grant.call()) {
            (Some(tokens), Some(call)) => tokens.stands(call, now),
            _ => Ok(()),
        }
    }

    /// Takes the grant of a call token off that another process had proven, by the rules of this one. Its key need not be
    /// in the keyring any more: what runs goes on.
    pub(crate) fn recall_call(&self, from: &mut &[u8]) -> Option<CallGrant> {
        CallGrant::recall(from, self.tokens.as_deref())
    }

    /// Whether nobody has revoked the token of a grant that was recalled.
    pub(crate) fn stands_still(&self, call: &CallGrant, now: Now) -> bool {
        self.tokens.as_ref().is_none_or(|tokens| tokens.stands(call, now).is_ok())
    }

    /// One search, one HMAC over the message and no branch between them, whether the user exists or not.
    fn prove_static(
        &self,
        message: &Message<'_>,
        proof: &Proof<'_>,
        hash: &UserHash,
        algorithm: PasswordAlgorithm,
    ) -> Option<(Grant, IntegrityKey)> {
        let (entry, known) = self.users.find(hash);
        let key = entry.key(algorithm);
        let verified = Choice::from(u8::from(key.verify(proof.kind, message)));
        bool::from(known & verified).then(|| (self.grant(entry.subject, entry.party, None), key.clone()))
    }

    /// Every secret is tried, whichever fits: the time tells nothing about which one, or whether any did.
    fn prove_ephemeral(
        &self,
        message: &Message<'_>,
        proof: &Proof<'_>,
        username: &[u8],
        until: UnixTime,
        algorithm: PasswordAlgorithm,
    ) -> Option<(Grant, IntegrityKey)> {
        let mut proven = None;
        for secret in &self.secrets {
            let password = ephemeral_password_bytes(secret, username);
            let key = IntegrityKey::long_term(algorithm, username, self.realm.as_bytes(), password.as_slice());
            if key.verify(proof.kind, message) {
                proven = Some(key);
            }
        }
        let (subject, party) = (Subject::of(username), Party::of(username));
        proven.map(|key| (self.grant(subject, party, Some(until)), key))
    }

    /// What a credential grants that says nothing of itself.
    fn grant(&self, subject: Subject, party: Party, until: Option<UnixTime>) -> Grant {
        let Terms { reach, regions } = &self.terms;
        Grant { subject, party, until, call: None, reach: *reach, regions: Arc::clone(regions) }
    }

    /// A call token: the password first, which costs two hashes, and the signature for whoever knows it.
    fn prove_token(
        &self,
        message: &Message<'_>,
        proof: &Proof<'_>,
        username: &[u8],
        now: UnixTime,
        algorithm: PasswordAlgorithm,
    ) -> Result<Option<(Grant, IntegrityKey)>, Unproven> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let mut proven = None;
        let grant = tokens.grant(username, now, |password| {
            let key = IntegrityKey::long_term(algorithm, username, self.realm.as_bytes(), password.as_bytes());
            let knows = key.verify(proof.kind, message);
            proven = knows.then_some(key);
            knows
        });
        Ok(grant.map_err(Unproven::Token)?.zip(proven))
    }
}

/// Who a request says it comes from.
#[derive(Clone, Copy)]
enum Identity<'m> {
    /// USERNAME.
    Name(&'m [u8]),
    /// USERHASH.
    Hash(UserHash),
}

/// The attributes of a proof.
#[derive(Clone, Copy)]
struct Proof<'m> {
    kind: IntegrityKind,
    identity: Identity<'m>,
    realm: &'m [u8],
    nonce: &'m [u8],
}

impl<'m> Proof<'m> {
    /// Without an integrity attribute the request is a first one (401). With it, everything else must be there, and one
    /// identity, not two that could differ (400). If both integrity attributes are there, the stronger one counts.
    fn of(message: &Message<'m>) -> Result<Self, Unproven> {
        let kind = IntegrityKind::of(message).ok_or(Unproven::Unauthenticated)?;
        let identity = match (message.value(AttributeType::USERNAME), message.value(AttributeType::USERHASH)) {
            (Some(name), None) => Identity::Name(name),
            (None, Some(hash)) => Identity::Hash(UserHash(hash.try_into().map_err(|_| Unproven::BadRequest)?)),
            (None, None) | (Some(_), Some(_)) => return Err(Unproven::BadRequest),
        };
        let realm = message.value(AttributeType::REALM).ok_or(Unproven::BadRequest)?;
        let nonce = message.value(AttributeType::NONCE).ok_or(Unproven::BadRequest)?;
        Ok(Self { kind, identity, realm, nonce })
    }
}

/// The password algorithm that a client chose; `None` when it was offered no choice or made none, which means MD5.
///
/// Behind a full nonce, whose cookie says that algorithms were offered, the offer must come back unchanged together with
/// a choice from it, or both be absent: half of it means that somebody on the way has touched it (RFC 8489 §9.2.1).
fn chosen_algorithm(message: &Message<'_>, form: Form) -> Result<Option<PasswordAlgorithm>, Unproven> {
    if form == Form::Short {
        return Ok(None);
    }
    let offer = message.value(AttributeType::PASSWORD_ALGORITHMS);
    let choice = message.value(AttributeType::PASSWORD_ALGORITHM);
    match (offer, choice) {
        (None, None) => Ok(None),
        (Some(offer), Some(choice)) if offer == PasswordAlgorithm::OFFER => {
            PasswordAlgorithm::decode(choice).map(Some).map_err(|_| Unproven::BadRequest)
        }
        _ => Err(Unproven::BadRequest),
    }
}
