//! STUN between peers: ICE connectivity checks and nothing else (RFC 8445 §7, RFC 8489).

use crate::time::Moment;
use crate::wire::keep::Keep;
use crate::wire::{AttributeType, Class, Malformed, Message, Method};

use super::flow::{Flow, Way};
use super::pace::{Pace, Rate};
use super::{Conversations, Fact, Reason, Settings};

/// A path carries a check and its answer every 50 ms at most (RFC 8445 §14.2), and triggered checks as well; a DTLS
/// handshake in their attributes adds some.
const CHECKS: Rate = Rate { per_second: 100, burst: 200 };
/// A check is a few hundred bytes; with a datagram of DTLS inside it still fits what every network carries.
const LARGEST: usize = 1500;
/// Username fragments have 4 to 256 characters each, and a colon in between (RFC 8445 §5.3, RFC 8839 §5.4).
const FRAGMENT: core::ops::RangeInclusive<usize> = 4..=256;
/// Attributes in which browsers may carry their DTLS handshake, and acknowledge it.
const DTLS_IN_STUN: AttributeType = AttributeType(0xc070);
const DTLS_IN_STUN_ACK: AttributeType = AttributeType(0xc071);
/// Checks that wait for their answer, each way together.
const WAITING: usize = 4;

/// The checks on a path.
#[derive(Debug, Default)]
pub(super) struct Checks {
    paces: [Pace; 2],
    /// Transactions and the username fragments that they were about, the latest first; none when the peer is a party.
    waiting: [(u64, u64); WAITING],
    linked: u64,
}

impl Keep for Checks {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { paces: [up, down], waiting, linked } = self;
        (*up, *down).keep(to);
        waiting.iter().for_each(|check| check.keep(to));
        linked.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let mut checks = Self { paces: [Keep::recall(from)?, Keep::recall(from)?], ..Self::default() };
        for check in &mut checks.waiting {
            *check = Keep::recall(from)?;
        }
        checks.linked = Keep::recall(from)?;
        Some(checks)
    }
}

impl Conversations {
    pub(super) fn ice(
        &self,
        flow: &mut Flow,
        way: Way,
        datagram: &[u8],
        now: Moment,
        settings: &Settings,
    ) -> Result<Option<Fact>, Reason> {
        let message = Message::parse(datagram).map_err(|malformed| {
            if malformed == Malformed::UnknownMethod { Reason::StunMethod } else { Reason::StunMalformed }
        })?;
        if message.method() != Method::Binding {
            return Err(Reason::StunMethod);
        }
        if datagram.len() > LARGEST {
            return Err(Reason::StunMalformed);
        }
        if message.fingerprint() != Some(true) {
            return Err(Reason::StunFingerprint);
        }
        let fragments = match message.class() {
            Class::Request => Some(fragments(&message).ok_or(Reason::StunUsername)?),
            Class::Success if !message.has(AttributeType::MESSAGE_INTEGRITY) => return Err(Reason::StunUsername),
            Class::Success | Class::Error | Class::Indication => None,
        };
        let [up, down] = &mut flow.checks.paces;
        let pace = if way == Way::Up { up } else { down };
        if !pace.spend(1, CHECKS, now) {
            return Err(Reason::StunRate);
        }
        let mut fact = None;
        for attribute in message.attributes() {
            match attribute.kind {
                DTLS_IN_STUN if !attribute.value.is_empty() => {
                    fact = fact.or(flow.dtls(way, attribute.value, now, settings)?);
                }
                // Four bytes for each datagram that has arrived.
                DTLS_IN_STUN_ACK if attribute.value.len() % 4 != 0 => return Err(Reason::StunMalformed),
                _ => {}
            }
        }
        self.follow(flow, &message, fragments);
        Ok(fact)
    }

    /// Remembers a check to or from somebody outside, and when it is answered links the path to others of that agent.
    fn follow(&self, flow: &mut Flow, message: &Message<'_>, fragments: Option<(&[u8], &[u8])>) {
        let Some(ip) = flow.foreign else { return };
        let transaction = self.transaction(&message.transaction().0);
        if let Some((one, other)) = fragments {
            flow.checks.waiting.rotate_right(1);
            if let Some(place) = flow.checks.waiting.first_mut() {
                *place = (transaction, self.fragments(one, other));
            }
        } else if message.class() == Class::Success {
            let waiting = flow.checks.waiting.iter().find(|(id, _)| *id == transaction);
            let Some(&(_, fragments)) = waiting else { return };
            if flow.checks.linked != fragments {
                flow.checks.linked = fragments;
                flow.news = true;
                self.link(flow.party, ip, fragments, &mut flow.member);
            }
        }
    }
}

/// The two username fragments of a check: the receiver's and the sender's.
fn fragments<'a>(message: &Message<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let username = message.value(AttributeType::USERNAME)?;
    let colon = username.iter().position(|&byte| byte == b':')?;
    let (receiver, rest) = username.split_at_checked(colon)?;
    let sender = rest.get(1..)?;
    let is_ice = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let sound = |fragment: &[u8]| FRAGMENT.contains(&fragment.len()) && fragment.iter().all(is_ice);
    (sound(receiver) && sound(sender) && message.has(AttributeType::MESSAGE_INTEGRITY)).then_some((receiver, sender))
}
