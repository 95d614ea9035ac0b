//! What was refused since the last time, by reason, out of the shards' tallies.

use std::collections::HashMap;

use crate::auth::token::TokenRefusal;
use crate::policy::PeerRefusal;
use crate::policy::seal::Reason;
use crate::turn::{Answer, Discard, Tally};
use crate::wire::{ErrorCode, Method};

/// The answers that say that somebody who has proven a credential asks for too much. The other codes have a reason of
/// their own here, or are no refusals of ours.
const TOO_MUCH: [ErrorCode; 2] = [ErrorCode::ALLOCATION_QUOTA_REACHED, ErrorCode::INSUFFICIENT_CAPACITY];

/// What was counted up to the last time.
#[derive(Default)]
pub(super) struct Refusals(HashMap<String, u64>);

impl Refusals {
    /// Tells each reason that was counted since the last time, and how often.
    pub(super) fn count(&mut self, tallies: &[Tally], mut tell: impl FnMut(String, u64)) {
        for (reason, count) in reasons(tallies) {
            let before = self.0.insert(reason.clone(), count).unwrap_or(0);
            if count > before {
                tell(reason, count - before);
            }
        }
    }
}

/// All reasons, each with its kind, and how often there was one.
fn reasons(tallies: &[Tally]) -> Vec<(String, u64)> {
    let sum = |count: &dyn Fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
    let mut reasons = vec![
        ("token/elsewhere".to_owned(), sum(&|tally| tally.wrong_region)),
        ("request/rate_limited".to_owned(), sum(&|tally| tally.rate_limited)),
    ];
    let mut add = |kind: &str, label: &str, count: u64| reasons.push((format!("{kind}/{label}"), count));
    for label in TokenRefusal::LABELS {
        add("token", label, sum(&|tally| tally.token_refusals(label)));
    }
    for refusal in PeerRefusal::ALL {
        add("peer", refusal.label(), sum(&|tally| tally.peer_refusals(refusal)));
    }
    for reason in Reason::ALL.iter().copied() {
        add("seal", reason.label(), sum(&|tally| tally.seal_discards(reason)));
    }
    for code in TOO_MUCH {
        let answered = |tally: &Tally| {
            let answers = Method::ALL.into_iter().map(|method| tally.requests(method, Answer::Error(code)));
            answers.sum()
        };
        add("request", &code.number().to_string(), sum(&answered));
    }
    for discard in Discard::ALL.iter().copied().filter(|discard| is_refusal(*discard)) {
        add("datagram", discard.label(), sum(&|tally| tally.discards(discard)));
    }
    reasons
}

/// Whether a datagram was stopped for what it is. Those that the seal stopped are counted by its reasons.
const fn is_refusal(discard: Discard) -> bool {
    !matches!(
        discard,
        Discard::Seal
            | Discard::Unjudged
            | Discard::BindingIndication
            | Discard::ChallengeBudget
            | Discard::IcmpType
            | Discard::SendFailed
            | Discard::QueueFull
            | Discard::QueueOld
            | Discard::ShardFull
            | Discard::ConnectionGone
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Label;

    #[test]
    fn each_refusal_is_told_once_and_under_a_word_that_the_log_takes() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        let mut refusals = Refusals::default();
        let mut told = |tallies: &[Tally]| {
            let mut told = Vec::new();
            refusals.count(tallies, |reason, count| told.push((reason, count)));
            told
        };
        assert_eq!(told(&[one.clone(), other.clone()]), []);
        one.peer_refused(PeerRefusal::OtherCall);
        other.peer_refused(PeerRefusal::OtherCall);
        other.token_refused(TokenRefusal::Expired);
        other.discard(Discard::Seal);
        one.count_seal_discard(Reason::MediaUnsealed);
        let words = |told: Vec<(String, u64)>| told.into_iter().map(|(reason, count)| format!("{reason} {count}"));
        let expected = ["token/expired 1", "peer/other_call 2", "seal/media_unsealed 1"];
        assert_eq!(words(told(&[one.clone(), other.clone()])).collect::<Vec<_>>(), expected);
        one.request(Method::Allocate, Answer::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        assert_eq!(words(told(&[one.clone(), other.clone()])).collect::<Vec<_>>(), ["request/508 1"]);
        assert_eq!(told(&[one, other]), []);
        assert!(reasons(&[]).iter().all(|(reason, _)| reason.parse::<Label>().is_ok()));
    }
}
