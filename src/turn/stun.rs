//! A STUN message from a client: read, proven if it must be, given to its method, answered.

use crate::addr::FiveTuple;
use crate::auth::{Claim, Request, Signer, Unproven};
use crate::time::Now;
use crate::wire::{Class, ErrorCode, Malformed, Message, Method};

use super::refusal::{Refusal, UnknownAttributes};
use super::reply::Body;
use super::{Answer, Discard, Event, Relay, Slot, Verdict};

/// Facts of refused requests that may wait for someone to take them; more are dropped. The facts of allocations need no
/// such bound: there are two to an allocation, and allocations are bounded.
const MOST_WAITING: usize = 1024;

impl Relay {
    pub(super) fn stun(&mut self, slot: &mut Slot, client: FiveTuple, now: Now) -> Verdict {
        let message = match Message::parse(slot.message()) {
            Ok(message) => message,
            Err(Malformed::NotStun | Malformed::NoCookie) => return Verdict::Discard(Discard::NotStun),
            Err(_) => return Verdict::Discard(Discard::Malformed),
        };
        if message.fingerprint() == Some(false) {
            return Verdict::Discard(Discard::Fingerprint);
        }
        match (message.class(), message.method()) {
            (Class::Request, Method::Binding) => {
                let (claim, unknown) = (Claim::of(&message, client.client), UnknownAttributes::of(&message));
                self.binding(slot, client, &claim, unknown, now)
            }
            (Class::Request, Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind) => {
                self.request(slot, client, now)
            }
            (Class::Indication, Method::Send) => self.send(slot, client, now),
            (Class::Indication, Method::Binding) => Verdict::Discard(Discard::BindingIndication),
            _ => Verdict::Discard(Discard::NotForServers),
        }
    }

    /// A request of TURN: nothing happens before its sender has proven a credential (RFC 8656 §5).
    fn request(&mut self, slot: &mut Slot, client: FiveTuple, now: Now) -> Verdict {
        let Ok(message) = Message::parse(slot.message()) else { return Verdict::Discard(Discard::Malformed) };
        let claim = Claim::of(&message, client.client);
        let (body, signer) = match self.authenticator.prove(message, client.client, now) {
            Err(why) => {
                if !self.common.may_answer(client.client, now.moment) {
                    return self.over_budget();
                }
                let code = why.code();
                if let Unproven::Token(refusal) = why {
                    self.tally.token_refused(refusal);
                }
                self.tally.request(claim.method, Answer::Error(code));
                self.tally.challenges += u64::from(code != ErrorCode::BAD_REQUEST);
                let written = slot.rewrite(|buffer| self.authenticator.refuse(buffer, claim, why, now));
                return match written {
                    Ok(()) => Verdict::ToClient(client),
                    Err(_) => Verdict::Discard(Discard::ReplyTooLarge),
                };
            }
            Ok(request) if !self.common.may_ask(request.grant().subject(), now.moment) => {
                // No answer: it would cost as much as obeying, and a client that hears none asks more and more slowly
                // (RFC 8489 §6.2.1).
                return Verdict::Discard(Discard::RequestRate);
            }
            Ok(request) => {
                let body = self.obey(&request, client, now).unwrap_or_else(Body::Refused);
                (body, request.into_signer())
            }
        };
        if let Some(refusal) = body.refusal() {
            self.refused(client, claim.method, refusal.code());
        }
        self.answer(slot, client, &claim, &body, Some(&signer))
    }

    /// Gives a proven request to its method, if what proves it has not been revoked.
    fn obey(&mut self, request: &Request<'_>, client: FiveTuple, now: Now) -> Result<Body, Refusal> {
        if let Err(refusal) = self.authenticator.stands(request.grant(), now) {
            self.tally.token_refused(refusal);
            return Err(Refusal::Forbidden);
        }
        if let Some(unknown) = UnknownAttributes::of(request.message()) {
            return Err(Refusal::UnknownAttributes(unknown));
        }
        match request.message().method() {
            Method::Allocate => self.allocate(request, client, now),
            Method::Refresh => self.refresh(request, client, now),
            Method::CreatePermission => self.create_permission(request, client, now),
            Method::ChannelBind => self.channel_bind(request, client, now),
            Method::Binding | Method::Send | Method::Data => Err(Refusal::BadRequest),
        }
    }

    /// The allocation that a request other than Allocate is about, if it is this user's (RFC 8656 §5: 437, 441).
    pub(super) fn own_allocation(
        &mut self,
        request: &Request<'_>,
        client: &FiveTuple,
        now: Now,
    ) -> Result<u32, Refusal> {
        let index = self.live(client, now).ok_or(Refusal::AllocationMismatch)?;
        match self.table.get(index) {
            Some(allocation) if allocation.subject == request.grant().subject() => Ok(index),
            Some(_) => Err(Refusal::WrongCredentials),
            None => Err(Refusal::AllocationMismatch),
        }
    }

    /// Writes an answer over the request.
    pub(super) fn answer(
        &mut self,
        slot: &mut Slot,
        client: FiveTuple,
        claim: &Claim,
        body: &Body,
        signer: Option<&Signer>,
    ) -> Verdict {
        let answer = body.refusal().map_or(Answer::Success, |refusal| Answer::Error(refusal.code()));
        self.tally.request(claim.method, answer);
        match slot.rewrite(|buffer| body.write(buffer, claim, signer)) {
            Ok(()) => Verdict::ToClient(client),
            Err(_) => Verdict::Discard(Discard::TooLarge),
        }
    }

    pub(super) fn over_budget(&mut self) -> Verdict {
        self.tally.rate_limited += 1;
        Verdict::Discard(Discard::ChallengeBudget)
    }

    fn refused(&mut self, client: FiveTuple, method: Method, code: ErrorCode) {
        if self.events.len() < MOST_WAITING {
            self.events.push_back(Event::Refused { client, method, code });
        }
    }

    /// Twelve bytes of chance, for an indication of ours.
    pub(super) fn transaction_id(&mut self) -> crate::wire::TransactionId {
        let mut bytes = [0; 12];
        rand_core::RngCore::fill_bytes(&mut self.random, &mut bytes);
        crate::wire::TransactionId(bytes)
    }
}
