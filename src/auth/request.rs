//! What a proof yields: the request, what it may do, and the means to sign its answer.

use super::Grant;
use crate::wire::{IntegrityKey, IntegrityKind, Message, MessageWriter};

/// A request whose sender has proven a credential. Only `auth` makes one; method handlers take nothing else.
#[derive(Clone, Debug)]
pub struct Request<'m> {
    pub(super) message: Message<'m>,
    pub(super) grant: Grant,
    pub(super) signer: Signer,
}

impl<'m> Request<'m> {
    /// The request itself.
    #[must_use]
    pub const fn message(&self) -> &Message<'m> {
        &self.message
    }

    /// What its sender may do.
    #[must_use]
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Signs its answer.
    #[must_use]
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Signs its answer, when the request itself is about to be overwritten by it.
    #[must_use]
    pub fn into_signer(self) -> Signer {
        self.signer
    }
}

/// Signs the answers to one request with the key that proved it. The key is wiped when the signer is dropped.
#[derive(Clone, Debug)]
pub struct Signer {
    pub(super) kind: IntegrityKind,
    pub(super) key: IntegrityKey,
}

impl Signer {
    /// Appends the integrity attribute over everything written so far; only FINGERPRINT may follow.
    pub fn sign(&self, writer: &mut MessageWriter<'_>) {
        writer.integrity(self.kind, &self.key);
    }

    /// Which integrity attribute the answer carries. The SHA-256 one, unless the request was processed as though its
    /// password algorithm were MD5 for want of a choice (RFC 8489 §9.2.4).
    #[must_use]
    pub const fn kind(&self) -> IntegrityKind {
        self.kind
    }
}
