//! Facts, noted as they come: the log's lines, what the metrics count of them, and what goes on record.

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use anyhow::anyhow;

use super::calls::Recorder;
use crate::addr::Transport;
use crate::admin::Metrics;
use crate::clock::SystemClock;
use crate::plane::{self, Fact};
use crate::policy::seal;
use crate::redact::PseudonymKey;
use crate::turn::Event;

/// How often the recorder looks at the clock when nothing happens.
const LOOK: Duration = Duration::from_millis(250);
/// How long the first fact after a silence waits for others: in a storm of allocations, waking a thread for each would
/// cost more than all that is done with them.
const GATHER: Duration = Duration::from_millis(2);
/// Facts noted before the clock is looked at again.
const AT_ONCE: usize = 4096;

/// Notes facts as they come, until the last shard has stopped; then a word comes out of what this returns.
pub(super) fn note_facts(
    facts: Receiver<Fact>,
    metrics: Arc<Metrics>,
    mut recorder: Option<Recorder>,
    clock: SystemClock,
) -> anyhow::Result<Receiver<()>> {
    let key = PseudonymKey::new(plane::seed()?);
    let (sender, done) = sync_channel(1);
    let note = move || {
        loop {
            match facts.recv_timeout(LOOK) {
                Ok(first) => {
                    std::thread::park_timeout(GATHER);
                    for fact in core::iter::once(first).chain(facts.try_iter()).take(AT_ONCE) {
                        metrics.observe(&fact.event);
                        if let Some(recorder) = &mut recorder {
                            recorder.note(&fact);
                        }
                        log(&key, fact);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(recorder) = &mut recorder {
                recorder.look(clock.now());
            }
        }
        if let Some(recorder) = recorder {
            recorder.finish(clock.now());
        }
        // Nobody may be waiting for it.
        sender.try_send(()).ok();
    };
    let thread = std::thread::Builder::new().name("facts".to_owned()).spawn(note);
    thread.map(|_| done).map_err(|error| anyhow!("the system gives no thread: {error}"))
}

/// A line of the log. Addresses and users show as pseudonyms only.
fn log(key: &PseudonymKey, Fact { shard, event, .. }: Fact) {
    // Pseudonyms cost more than all the rest that is done with a fact.
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let transport = event.transport().map_or("none", Transport::label);
    match event {
        Event::Allocated { client, subject, families, .. } => {
            let (client, user) = (key.pseudonym(&client), key.pseudonym(&subject));
            tracing::debug!(shard, %client, %user, transport, ?families, "allocation began");
        }
        Event::Restored { client, subject, families, age, .. } => {
            let (client, user, seconds) = (key.pseudonym(&client), key.pseudonym(&subject), age.as_secs());
            tracing::debug!(shard, %client, %user, transport, ?families, seconds, "allocation goes on");
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
