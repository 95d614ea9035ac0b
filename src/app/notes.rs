//! Facts, noted as they come: the log's lines and what the metrics count of them.

use std::sync::Arc;

use anyhow::anyhow;

use crate::addr::Transport;
use crate::admin::Metrics;
use crate::plane::{self, Fact};
use crate::policy::seal;
use crate::redact::PseudonymKey;
use crate::turn::Event;

/// Notes facts as they come, until the last shard has stopped. Addresses and users show as pseudonyms only.
pub(super) fn note_facts(facts: std::sync::mpsc::Receiver<Fact>, metrics: Arc<Metrics>) -> anyhow::Result<()> {
    let key = PseudonymKey::new(plane::seed()?);
    let note = move || {
        for Fact { shard, event, .. } in facts {
            metrics.observe(&event);
            let transport = event.transport().map_or("none", Transport::label);
            match event {
                Event::Allocated { client, subject, families, .. } => {
                    let (client, user) = (key.pseudonym(&client), key.pseudonym(&subject));
                    tracing::debug!(shard, %client, %user, transport, ?families, "allocation began");
                }
                Event::Ended { client, subject, cause, age, carried, .. } => {
                    let (client, user, seconds) = (key.pseudonym(&client), key.pseudonym(&subject), age.as_secs());
                    let (up, down) = (carried.up.packets, carried.down.packets);
                    let cause = cause.label();
                    tracing::debug!(shard, %client, %user, transport, cause, seconds, up, down, "allocation ended");
                }
                Event::Seal { client, fact } => {
                    let client = client.map_or_else(String::new, |client| key.pseudonym(&client).to_string());
                    match fact {
                        seal::Fact::Opened { version, profile, suite, after } => {
                            let profile = profile.map_or("encrypted", seal::Profile::label);
                            let (version, suite, seconds) = (version.label(), suite.label(), after.as_secs_f64());
                            tracing::debug!(shard, client, transport, version, profile, suite, seconds, "seal opened");
                        }
                        seal::Fact::Refused { reason } => {
                            let (reason, why) = (reason.label(), reason.explanation());
                            tracing::debug!(shard, client, transport, reason, why, "seal refused");
                        }
                        seal::Fact::Closed { age } => {
                            tracing::debug!(shard, seconds = age.as_secs(), "conversation over");
                        }
                    }
                }
                Event::Refused { client, method, code } => {
                    let (client, method, code) = (key.pseudonym(&client), method.label(), code.number());
                    tracing::debug!(shard, %client, transport, method, code, "request refused");
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("facts".to_owned()).spawn(note);
    thread.map(drop).map_err(|error| anyhow!("the system gives no thread: {error}"))
}
