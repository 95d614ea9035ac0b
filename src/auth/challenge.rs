//! Answers to senders who have proven nothing: small, and written from the datagram alone.

use super::Authenticator;
use super::nonce::{Form, Nonce};
use super::token::TokenRefusal;
use crate::addr::ClientAddr;
use crate::time::Now;
use crate::wire::{
    AttributeType, Class, ErrorCode, Message, MessageWriter, Method, NoRoom, PasswordAlgorithm, TransactionId,
};

/// An answer is at most this many times as large as its request, so that a forged source address gains little.
const LARGEST_RATIO: usize = 3;

/// What is known of a request before anything is proven. It owns its parts, so that the answer can be written over the
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The request's method.
    pub method: Method,
    /// The request's transaction id.
    pub transaction: TransactionId,
    /// Where it came from.
    pub client: ClientAddr,
    /// Its length in bytes, header included.
    pub length: usize,
    /// Whether it carried FINGERPRINT; the answer then carries it too, if it has room.
    pub fingerprint: bool,
}

impl Claim {
    /// What a message claims.
    #[must_use]
    pub fn of(message: &Message<'_>, client: ClientAddr) -> Self {
        Self {
            method: message.method(),
            transaction: message.transaction(),
            client,
            length: message.as_bytes().len(),
            fingerprint: message.has(AttributeType::FINGERPRINT),
        }
    }
}

/// Why a request proves nothing (RFC 8489 §9.2.4). The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unproven {
    /// No integrity attribute, an unknown user, a wrong password, another realm or a credential that has ended. Which of
    /// them is not told.
    Unauthenticated,
    /// The nonce is not ours, not this client's, or too old.
    StaleNonce,
    /// A call token that is not to be believed, or not now. It is answered like any other wrong credential.
    Token(TokenRefusal),
    /// Attributes that a proof needs are missing or contradict each other.
    BadRequest,
}

impl Unproven {
    /// 401, 438 or 400.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Unauthenticated | Self::Token(_) => ErrorCode::UNAUTHENTICATED,
            Self::StaleNonce => ErrorCode::STALE_NONCE,
            Self::BadRequest => ErrorCode::BAD_REQUEST,
        }
    }
}

/// The smallest answer is larger than three times the request, or than the buffer. Nothing is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTooLarge;

impl core::fmt::Display for ReplyTooLarge {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the answer would be larger than three times the request")
    }
}

impl core::error::Error for ReplyTooLarge {}

impl Authenticator {
    /// Writes the answer to a request that was not proven into `buffer` and returns its length in bytes. It has no
    /// reason phrase and no SOFTWARE. A challenge (401, 438) gives up FINGERPRINT, then the nonce cookie with
    /// PASSWORD-ALGORITHMS, before it grows beyond three times the request.
    ///
    /// # Errors
    /// [`ReplyTooLarge`] when even that is too large; silence is the answer then. `buffer` may have been written to.
    pub fn refuse(&self, buffer: &mut [u8], claim: Claim, why: Unproven, now: Now) -> Result<usize, ReplyTooLarge> {
        let bound = claim.length.saturating_mul(LARGEST_RATIO).min(buffer.len());
        let buffer = buffer.get_mut(..bound).ok_or(ReplyTooLarge)?;
        let forms: &[Option<Form>] = match why {
            Unproven::BadRequest => &[None],
            Unproven::Unauthenticated | Unproven::Token(_) | Unproven::StaleNonce => {
                &[Some(Form::Full), Some(Form::Short)]
            }
        };
        for &form in forms {
            let nonce = form.map(|form| (form, self.nonces.issue(form, claim.client, now.moment)));
            for fingerprint in [true, false] {
                if fingerprint && !claim.fingerprint {
                    continue;
                }
                if let Ok(length) = self.write_refusal(buffer, claim, why, nonce, fingerprint) {
                    return Ok(length);
                }
            }
        }
        Err(ReplyTooLarge)
    }

    fn write_refusal(
        &self,
        buffer: &mut [u8],
        claim: Claim,
        why: Unproven,
        challenge: Option<(Form, Nonce)>,
        fingerprint: bool,
    ) -> Result<usize, NoRoom> {
        let mut writer = MessageWriter::new(buffer, Class::Error, claim.method, claim.transaction);
        writer.error_code(why.code(), false);
        if let Some((form, nonce)) = challenge {
            writer.attribute(AttributeType::REALM, self.realm.as_bytes());
            writer.attribute(AttributeType::NONCE, nonce.as_slice());
            if form == Form::Full {
                writer.attribute(AttributeType::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER);
            }
        }
        if fingerprint {
            writer.fingerprint();
        }
        writer.finish()
    }
}
