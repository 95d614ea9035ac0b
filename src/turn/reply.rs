//! Answers, described first and then written over the request.

use crate::addr::{ClientAddr, Family, RelayedAddr};
use crate::auth::{Claim, Signer};
use crate::time::Lifetime;
use crate::wire::{AttributeType, Class, ErrorCode, MessageWriter, Method, NoRoom};

use super::refusal::Refusal;

/// What RFC 8656 §5 wants in answers to Allocate and Refresh: the name, without a version that would tell an attacker
/// which fault to try, and only to those who have proven a credential.
const SOFTWARE: &[u8] = b"hilum";

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Binding: where the request came from.
    Mapped,
    /// Allocate.
    Allocated(Allocated),
    /// Refresh: what was granted.
    Refreshed(Lifetime),
    /// CreatePermission and ChannelBind: done.
    Done,
    /// No.
    Refused(Refusal),
}

/// What the success response to an Allocate says; kept, so that a retransmission gets the same one (RFC 8656 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allocated {
    pub(super) v4: Option<RelayedAddr>,
    pub(super) v6: Option<RelayedAddr>,
    pub(super) lifetime: Lifetime,
    pub(super) token: Option<[u8; 8]>,
    /// Of a dual allocation, the family that was not to be had, and why.
    pub(super) missing: Option<(Family, ErrorCode)>,
}

impl Body {
    /// The error it carries.
    pub(super) const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Mapped | Self::Allocated(_) | Self::Refreshed(_) | Self::Done => None,
        }
    }

    /// Writes the answer to the request that `claim` speaks of. Without a signer it goes to a sender who has proven
    /// nothing, and is kept short: no reason phrase.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too small; 200 bytes always suffice.
    pub(super) fn write(&self, buffer: &mut [u8], claim: &Claim, signer: Option<&Signer>) -> Result<usize, NoRoom> {
        let class = if self.refusal().is_some() { Class::Error } else { Class::Success };
        let mut writer = MessageWriter::new(buffer, class, claim.method, claim.transaction);
        self.write_attributes(&mut writer, claim, signer.is_some());
        if let Some(signer) = signer {
            if matches!(claim.method, Method::Allocate | Method::Refresh) {
                writer.attribute(AttributeType::SOFTWARE, SOFTWARE);
            }
            signer.sign(&mut writer);
        }
        if claim.fingerprint {
            writer.fingerprint();
        }
        writer.finish()
    }

    fn write_attributes(&self, writer: &mut MessageWriter<'_>, claim: &Claim, with_reason: bool) {
        let Claim { client, transaction, .. } = *claim;
        match self {
            Self::Mapped => {
                writer.xor_address(AttributeType::XOR_MAPPED_ADDRESS, ClientAddr::socket(client), transaction);
            }
            Self::Allocated(allocated) => {
                for relayed in [allocated.v4, allocated.v6].into_iter().flatten() {
                    writer.xor_address(AttributeType::XOR_RELAYED_ADDRESS, relayed.socket(), transaction);
                }
                writer.number(AttributeType::LIFETIME, allocated.lifetime.as_secs());
                writer.xor_address(AttributeType::XOR_MAPPED_ADDRESS, client.socket(), transaction);
                if let Some(token) = allocated.token {
                    writer.attribute(AttributeType::RESERVATION_TOKEN, &token);
                }
                if let Some((family, code)) = allocated.missing {
                    writer.address_error_code(family, code);
                }
            }
            Self::Refreshed(lifetime) => {
                writer.number(AttributeType::LIFETIME, lifetime.as_secs());
            }
            Self::Done => {}
            Self::Refused(refusal) => {
                writer.error_code(refusal.code(), with_reason);
                if let Refusal::UnknownAttributes(unknown) = refusal {
                    writer.attribute(AttributeType::UNKNOWN_ATTRIBUTES, unknown.as_slice());
                }
                if let Refusal::TryAlternate(server) = refusal {
                    writer.plain_address(AttributeType::ALTERNATE_SERVER, *server);
                }
            }
        }
    }
}
