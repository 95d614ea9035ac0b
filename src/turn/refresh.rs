//! Refresh: a longer life, or the end (RFC 8656 §8.2).

use crate::addr::{Family, FiveTuple};
use crate::auth::token::TokenRefusal;
use crate::auth::{Grant, Request};
use crate::time::{Lifetime, Now};
use crate::wire::AttributeType;
use crate::wire::attribute::{decode_family, decode_lifetime};

use super::farewell::Farewell;
use super::refusal::Refusal;
use super::reply::Body;
use super::{EndCause, Relay};

impl Relay {
    pub(super) fn refresh(&mut self, request: &Request<'_>, client: FiveTuple, now: Now) -> Result<Body, Refusal> {
        let message = request.message();
        let farewell = Farewell { client, subject: request.grant().subject(), transaction: message.transaction() };
        // The same deletion again: it is not about what the client may have allocated since.
        if self.farewells.heard(&farewell, now.moment) {
            return Ok(Body::Refreshed(Lifetime::ZERO));
        }
        // Whose allocation it is comes before what is asked (RFC 8656 §5).
        let index = self.own_allocation(request, &client, now)?;
        let asked = message.value(AttributeType::LIFETIME).map(decode_lifetime).transpose()?;
        let family = match message.value(AttributeType::REQUESTED_ADDRESS_FAMILY).map(decode_family).transpose()? {
            Some(None) => return Err(Refusal::PeerAddressFamilyMismatch),
            Some(family) => family,
            None => None,
        };
        let allocation = self.table.get(index).ok_or(Refusal::AllocationMismatch)?;
        let has = |family| allocation.relayed(family).is_some();
        if family.is_some_and(|family| !has(family)) {
            return Err(Refusal::PeerAddressFamilyMismatch);
        }
        if asked == Some(Lifetime::ZERO) {
            let one_of_two = family.filter(|&family| has(other(family)));
            self.farewells.push(farewell, now.moment);
            match one_of_two {
                Some(family) => self.drop_family(index, family),
                None => self.end(index, EndCause::Deleted, now),
            }
            return Ok(Body::Refreshed(Lifetime::ZERO));
        }
        let (lifetime, cause) = self.granted(asked, request.grant(), now)?;
        if let Some(allocation) = self.table.get_mut(index) {
            for each in [Family::V4, Family::V6].into_iter().filter(|each| family.is_none_or(|one| one == *each)) {
                if let Some(relayed) = allocation.relayed_mut(each) {
                    relayed.expires = now.moment + lifetime;
                    relayed.cause = cause;
                }
            }
        }
        self.schedule(index);
        Ok(Body::Refreshed(lifetime))
    }

    /// The lifetime to grant, and why it will end if nobody refreshes it: what was asked for, within the operator's
    /// bounds (RFC 8656 §7.2), and not past the end of the credential by more than the grace.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a token that the skew of clocks still lets in, when nothing is left to grant.
    pub(super) fn granted(
        &mut self,
        asked: Option<Lifetime>,
        grant: &Grant,
        now: Now,
    ) -> Result<(Lifetime, EndCause), Refusal> {
        let wish = asked.map_or(self.settings.default_lifetime, |asked| {
            asked.max(self.settings.default_lifetime).min(self.settings.max_lifetime)
        });
        let Some(until) = grant.until() else { return Ok((wish, EndCause::Expired)) };
        let left = now.unix.seconds_until(until.plus_secs(self.settings.grace.as_secs().into()));
        match u32::try_from(left) {
            Ok(0) => {
                self.tally.token_refused(TokenRefusal::Ended);
                Err(Refusal::Forbidden)
            }
            Ok(left) if left < wish.as_secs() => Ok((Lifetime::from_secs(left), EndCause::CredentialEnded)),
            _ => Ok((wish, EndCause::Expired)),
        }
    }
}

const fn other(family: Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}
