//! The other half of the demo: what nobody has encrypted does not pass, and the relay says why.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::app::App;
use crate::client::{Credential, Options, Plan, Traffic, TurnUri, probe};
use crate::policy::seal::Reason;

/// Two seconds of a voice call. All of it fits every socket buffer, so that what is refused is refused by the relay.
const PACKETS: u32 = 100;
const PACKET_BYTES: usize = 172;
/// How long the relay may take to publish its counters, and how often they are looked at.
const COUNTED_WITHIN: u32 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What became of packets that nobody had encrypted.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    /// How many were sent.
    sent: u32,
    /// How many reached the other end.
    reached: u32,
    /// How many the relay refused, by reason.
    reasons: Vec<Counted>,
}

#[derive(Debug, Serialize)]
struct Counted {
    reason: &'static str,
    packets: u64,
    explanation: &'static str,
}

/// Two clients who have never shaken hands try to send each other clear RTP. Their credential is another one than that
/// of the calls before, whose conversation is open.
pub(super) async fn refuse(relay: &App, uri: &TurnUri, credential: &Credential, options: &Options) -> Refused {
    let before = relay.seal_discards();
    let plan = Plan {
        traffic: Traffic::Unsealed,
        packets: PACKETS,
        size: PACKET_BYTES,
        interval: Duration::from_millis(1),
        window: PACKETS,
        grace: Duration::from_millis(300),
        deadline: Duration::from_secs(30),
    };
    let report = probe(uri, credential, options, &plan).await;
    let (sent, reached) = report.echo.map_or((0, 0), |echo| (echo.sent, echo.reached));
    let mut refused = Refused { sent, reached, reasons: Vec::new() };
    for _ in 0..COUNTED_WITHIN {
        refused.reasons = Reason::ALL
            .iter()
            .zip(relay.seal_discards().into_iter().zip(&before))
            .map(|(reason, (after, before))| Counted {
                reason: reason.label(),
                packets: after.saturating_sub(*before),
                explanation: reason.explanation(),
            })
            .filter(|counted| counted.packets > 0)
            .collect();
        if refused.counted() >= u64::from(sent) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    refused
}

impl Refused {
    /// Whether none got through, and each of them was counted.
    pub(super) fn is_complete(&self) -> bool {
        self.sent == PACKETS && self.reached == 0 && self.counted() == u64::from(self.sent)
    }

    fn counted(&self) -> u64 {
        self.reasons.iter().map(|counted| counted.packets).sum()
    }

    pub(super) fn text(&self) -> String {
        let Self { sent, reached, .. } = self;
        let mut text = format!(
            "Then {sent} packets of unencrypted RTP over UDP, without a handshake: {} refused, {reached} arrived.",
            self.counted()
        );
        for Counted { reason, packets, explanation } in &self.reasons {
            // Writing to a String does not fail.
            write!(text, "\n  {packets} {reason}: {explanation}").unwrap_or_default();
        }
        text
    }
}
