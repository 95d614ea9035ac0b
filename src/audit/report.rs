//! The log for people: what happened in each region, and what somebody should know about.

use std::collections::BTreeMap;

use super::fact::{CallEnded, Fact, Recovered, Removed, SealResult, Transports, Unbound};
use super::values::{Label, Stamp};
use super::verify::Record;

/// Remarkable facts that are kept as lines; the rest is only counted.
const MOST_LINES: usize = 10_000;

/// What happened in a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Calls that began.
    pub begun: u64,
    /// Calls that ended.
    pub ended: u64,
    /// How long those that ended took together, in seconds.
    pub seconds: u64,
    /// What they carried, in bytes, both ways.
    pub bytes: u64,
    /// Those that ended, by what the seal saw.
    pub seals: BTreeMap<SealResult, u64>,
    /// Their allocations over UDP, TCP and TLS.
    pub transports: [u64; 3],
    /// Allocations of credentials that are bound to no call, which ended.
    pub unbound: u64,
    /// What those carried, in bytes, both ways.
    pub unbound_bytes: u64,
    /// What was refused, by reason.
    pub refusals: BTreeMap<String, u64>,
}

impl Region {
    /// All that was refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }
}

/// What a log says about a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By region.
    pub regions: BTreeMap<Label, Region>,
    /// What is neither a call nor a refusal, as (time, sequence, words).
    pub remarkable: Vec<(Stamp, u64, String)>,
    /// Remarkable facts beyond the most that are kept.
    pub more: u64,
}

impl Report {
    /// Counts one record.
    pub fn add(&mut self, record: &Record) {
        if let Some(words) = words(&record.fact) {
            if self.remarkable.len() < MOST_LINES {
                self.remarkable.push((record.at, record.sequence, words));
            } else {
                self.more += 1;
            }
        }
        let Some(region) = record.fact.region() else { return };
        let region = self.regions.entry(region.clone()).or_default();
        if let Fact::CallBegun(_) = &record.fact {
            region.begun += 1;
        }
        if let Fact::CallEnded(ended) = &record.fact {
            end(region, ended);
        }
        if let Fact::Unbound(Unbound { transports, bytes_up, bytes_down, .. }) = &record.fact {
            let Transports { udp, tcp, tls } = *transports;
            region.unbound += u64::from(udp) + u64::from(tcp) + u64::from(tls);
            region.unbound_bytes = region.unbound_bytes.saturating_add(*bytes_up).saturating_add(*bytes_down);
        }
        if let Fact::Refusals(refusals) = &record.fact {
            for (reason, count) in &refusals.reasons {
                *region.refusals.entry(reason.clone()).or_default() += count;
            }
        }
    }
}

fn end(region: &mut Region, ended: &CallEnded) {
    region.ended += 1;
    region.seconds = region.seconds.saturating_add(ended.seconds);
    region.bytes = region.bytes.saturating_add(ended.bytes_up).saturating_add(ended.bytes_down);
    *region.seals.entry(ended.seal).or_default() += 1;
    let ways = [ended.transports.udp, ended.transports.tcp, ended.transports.tls];
    for (sum, way) in region.transports.iter_mut().zip(ways) {
        *sum += u64::from(way);
    }
}

/// A remarkable fact in words.
fn words(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::NodeStarted(body) => format!("node {} started in {}, version {}", body.node, body.region, body.version),
        Fact::NodeStopped(body) => format!("node stopped after {} s: {}", body.seconds, body.reason),
        Fact::Resumed(body) => {
            format!(
                "{} allocations of the process before go on ({}), {} records do not",
                body.allocations, body.how, body.lost
            )
        }
        Fact::ConfigurationChanged(body) => {
            let keys: Vec<&str> = body.keys.iter().map(Label::as_str).collect();
            format!("configuration changed by {}: {}", body.actor, keys.join(", "))
        }
        Fact::KeyChanged(body) => {
            format!("{} key {} {}", body.purpose, body.key, format!("{:?}", body.change).to_lowercase())
        }
        Fact::Revoked(body) => {
            let key = body.key.as_ref().map(ToString::to_string);
            let subject = body.subject.map(|subject| subject.to_string()).or(key).unwrap_or_default();
            let what = format!("{:?}", body.what).to_lowercase();
            format!("{what} {subject} revoked by {}, {} allocations ended", body.actor, body.ended)
        }
        Fact::OperatorAction(body) => format!("{} by {} as {}", body.action, body.actor, body.role),
        Fact::Revealed(body) => {
            format!("{} pseudonyms revealed to {} for {}", body.pseudonyms.len(), body.actor, body.reason)
        }
        Fact::Recovered(Recovered { bytes, kept: None, .. }) => format!("{bytes} bytes of a torn line cut off"),
        Fact::Recovered(Recovered { bytes, kept: Some(file), .. }) => format!("{bytes} damaged bytes kept in {file}"),
        Fact::Gap(body) => format!("{} facts lost: {}", body.lost, format!("{:?}", body.cause).to_lowercase()),
        Fact::ClockStepped(body) => format!("the clock was set by {:+} s", body.seconds),
        Fact::Removed(Removed { through, .. }) => format!("records up to {through} removed, their time was over"),
        Fact::CallBegun(_) | Fact::CallEnded(_) | Fact::Unbound(_) | Fact::Refusals(_) | Fact::Checkpoint(_) => {
            return None;
        }
    })
}
