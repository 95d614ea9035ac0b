//! Calls, put together from the facts of their allocations, and what was refused, counted once a minute.
//!
//! A call begins with its first allocation here and is over when none has been live for [`HOLD`]: a browser that makes
//! new ones before that, after an ICE restart, goes on with the same call, as it does under the same seal.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use super::record::{Record, label};
use super::refusals::Refusals;
use super::view::View;
use crate::addr::{FiveTuple, Transport};
use crate::audit::fact::{CallBegun, CallEnded, SealResult, Transports, Unbound};
use crate::audit::{Label, Pseudonym, Stamp};
use crate::auth::{CallGrant, CallId};
use crate::config::Config;
use crate::listen::Tls;
use crate::plane::{Fact, ShardHandle};
use crate::policy::seal::{self, Mode, Profile};
use crate::time::{Moment, Now, UnixTime};
use crate::turn::{Carried, EndCause, Event};

/// How long a call without allocations is waited for: twice as long as the seal remembers a conversation, so that no
/// call is taken for a new one whose handshake nobody has seen.
const HOLD: Duration = Duration::from_secs(120);
/// How often calls that are over are looked for.
const SECOND: Duration = Duration::from_secs(1);
/// How often sums are recorded.
const MINUTE: Duration = Duration::from_secs(60);
/// How long after the end of its token an allocation whose end was never heard of is taken for ended: the relay's grace,
/// the clocks' difference, and room.
const LATE: Duration = Duration::from_secs(900);
/// Kinds of handshakes told of one call: those that there are, once each.
const MOST_HANDSHAKES: usize = 8;

/// Puts calls together and records them. Owned by the thread that hears the facts.
pub(super) struct Recorder {
    record: Arc<Record>,
    view: Arc<View>,
    /// Allocations, and calls without one, that are remembered at most: as many as there may be allocations.
    most: usize,
    calls: HashMap<CallId, Call>,
    allocations: HashMap<FiveTuple, Allocation>,
    unbound: Carrying,
    unbound_since: UnixTime,
    refusals: Refusals,
    /// Facts that the shards could not hand on, up to now.
    lost: u64,
    alarmed: bool,
    /// What began before this is on record by another process.
    started: Moment,
    second: Moment,
    minute: Moment,
}

/// An allocation of a call.
struct Allocation {
    call: CallId,
    /// When its token has surely ended it.
    until: Moment,
}

/// What allocations carried.
#[derive(Default)]
struct Carrying {
    transports: Transports,
    bytes_up: u64,
    bytes_down: u64,
}

impl Carrying {
    const fn begun(&mut self, transport: Transport) {
        let count = match transport {
            Transport::Udp => &mut self.transports.udp,
            Transport::Tcp => &mut self.transports.tcp,
            Transport::Tls => &mut self.transports.tls,
        };
        *count = count.saturating_add(1);
    }

    const fn add(&mut self, carried: &Carried) {
        self.bytes_up = self.bytes_up.saturating_add(carried.up.bytes);
        self.bytes_down = self.bytes_down.saturating_add(carried.down.bytes);
    }
}

/// A call that is not over.
struct Call {
    name: Pseudonym,
    region: Label,
    begun: Moment,
    live: u32,
    /// When its last allocation ended.
    ended: Moment,
    cause: EndCause,
    carrying: Carrying,
    handshakes: Vec<Label>,
    refused: u64,
    /// The seal did not stop what it would not have passed.
    unsealed: bool,
}

impl Call {
    fn lose(&mut self, cause: EndCause, now: Now) {
        self.live = self.live.saturating_sub(1);
        (self.ended, self.cause) = (now.moment, cause);
    }

    fn shook_hands(&mut self, version: seal::Version, profile: Option<Profile>) {
        let handshake = label(&format!("{}/{}", version.label(), profile.map_or("encrypted", Profile::label)));
        if self.handshakes.len() < MOST_HANDSHAKES && !self.handshakes.contains(&handshake) {
            // Nearly all calls have one.
            self.handshakes.reserve_exact(1);
            self.handshakes.push(handshake);
        }
    }

    fn see(&mut self, fact: &seal::Fact, mode: Mode) {
        match fact {
            seal::Fact::Opened { version, profile, .. } => self.shook_hands(*version, *profile),
            seal::Fact::Refused { .. } => {
                self.refused += 1;
                self.unsealed |= mode == Mode::Report;
            }
            seal::Fact::Closed { .. } => {}
        }
    }

    fn fact(self, mode: Mode) -> CallEnded {
        let Carrying { transports, bytes_up, bytes_down } = self.carrying;
        let carried = bytes_up > 0 || bytes_down > 0;
        let seal = match (carried, self.handshakes.is_empty()) {
            (true, _) if self.unsealed || mode == Mode::Off => SealResult::Unsealed,
            (_, true) => SealResult::NotOpened,
            (_, false) => SealResult::Sealed,
        };
        CallEnded {
            call: self.name,
            region: self.region,
            seconds: self.ended.since(self.begun).as_secs(),
            transports,
            bytes_up,
            bytes_down,
            seal,
            handshakes: self.handshakes,
            refused: self.refused,
            cause: label(self.cause.label()),
        }
    }
}

impl Recorder {
    /// One that has heard nothing yet. The node has started, and that is on record.
    pub(super) fn new(record: Arc<Record>, view: &Arc<View>, config: &Config, tls: Option<&Tls>) -> Self {
        record.started(config, tls);
        if let Some(how) = view.legacy.reading(&view.resumed).filter(|how| how.is_of_note()) {
            record.resumed(&how);
        }
        let now = record.now();
        Self {
            record,
            view: Arc::clone(view),
            most: config.policy.quota.total,
            calls: HashMap::new(),
            allocations: HashMap::new(),
            unbound: Carrying::default(),
            unbound_since: now.unix,
            refusals: Refusals::default(),
            lost: 0,
            alarmed: false,
            started: now.moment,
            second: now.moment,
            minute: now.moment,
        }
    }

    /// Takes note of a fact.
    pub(super) fn note(&mut self, fact: &Fact) {
        let now = fact.now;
        match &fact.event {
            Event::Allocated { client, call: Some(grant), .. } => self.begin(*client, grant, now.moment, true, now),
            Event::Restored { client, call: Some(grant), age, handshakes, .. } => {
                self.begin(*client, grant, Moment::ZERO + now.moment.since(Moment::ZERO + *age), false, now);
                if let Some(call) = self.calls.get_mut(&grant.id()) {
                    handshakes.iter().for_each(|&(version, profile)| call.shook_hands(version, profile));
                }
            }
            Event::Ended { client, cause, age, carried, call: Some(grant), .. } => {
                if !self.allocations.contains_key(client) {
                    // Its beginning was lost, or heard by the process before.
                    let begun = Moment::ZERO + now.moment.since(Moment::ZERO + *age);
                    self.begin(*client, grant, begun, begun >= self.started, now);
                }
                self.end(client, *cause, Some(carried), now);
            }
            Event::Ended { client, carried, call: None, .. } => {
                self.unbound.begun(client.link.transport());
                self.unbound.add(carried);
            }
            Event::Seal { client: Some(client), fact } => {
                let call = self.allocations.get(client).map(|allocation| allocation.call);
                if let Some(call) = call.and_then(|call| self.calls.get_mut(&call)) {
                    call.see(fact, self.view.seal_mode());
                }
            }
            Event::Allocated { call: None, .. }
            | Event::Restored { call: None, .. }
            | Event::Seal { client: None, .. }
            | Event::Refused { .. } => {}
        }
    }

    /// `recorded`: whether the beginning of its call is to be recorded if this is the first that is heard of it. Of what
    /// goes on after a restart the process before has recorded it.
    fn begin(&mut self, client: FiveTuple, grant: &CallGrant, begun: Moment, recorded: bool, now: Now) {
        if self.allocations.contains_key(&client) {
            // Its end was lost, or the client could not have another one.
            self.end(&client, EndCause::Expired, None, now);
        }
        let room = self.allocations.len() < self.most;
        if !room || (self.calls.len() >= 2 * self.most && !self.calls.contains_key(&grant.id())) {
            return self.record.audit().lost(1);
        }
        let call = self.calls.entry(grant.id()).or_insert_with(|| {
            let name = self.record.pseudonym_at(grant.claims().call.as_str(), now);
            let region = self.record.region();
            if recorded {
                self.record.audit().record_at(now, CallBegun { call: name, region: region.clone() });
            }
            let (ended, cause) = (now.moment, EndCause::Expired);
            let (carrying, handshakes) = (Carrying::default(), Vec::new());
            Call { name, region, begun, live: 0, ended, cause, carrying, handshakes, refused: 0, unsealed: false }
        });
        call.live += 1;
        call.unsealed |= self.view.seal_mode() == Mode::Off;
        call.carrying.begun(client.link.transport());
        let left = Duration::from_secs(now.unix.seconds_until(grant.claims().end));
        self.allocations.insert(client, Allocation { call: grant.id(), until: now.moment + left + LATE });
    }

    fn end(&mut self, client: &FiveTuple, cause: EndCause, carried: Option<&Carried>, now: Now) {
        let Some(Allocation { call, .. }) = self.allocations.remove(client) else { return };
        let Some(call) = self.calls.get_mut(&call) else { return };
        call.lose(cause, now);
        if let Some(carried) = carried {
            call.carrying.add(carried);
        }
    }

    /// Does what is due by the clock.
    pub(super) fn look(&mut self, now: Now) {
        if now.moment < self.second {
            return;
        }
        self.second = now.moment + SECOND;
        self.admit();
        self.record_the_ended(now, HOLD);
        if now.moment >= self.minute {
            self.minute = now.moment + MINUTE;
            self.every_minute(now);
        }
    }

    /// Lets the shards know whether new allocations may begin, and the operator whether the log is written.
    fn admit(&mut self) {
        self.view.common.set_admits(self.record.audit().admits_calls());
        match (self.record.state().alarm, self.alarmed) {
            (Some(alarm), false) => {
                let refuses = !self.record.audit().admits_calls();
                tracing::error!(why = alarm.what, refuses, "the audit log cannot be written");
                self.alarmed = true;
            }
            (None, true) => {
                tracing::info!("the audit log is written again");
                self.alarmed = false;
            }
            (Some(_), true) | (None, false) => {}
        }
    }

    /// Records the calls that have had no allocation for so long.
    fn record_the_ended(&mut self, now: Now, hold: Duration) {
        let mode = self.view.seal_mode();
        for (_, call) in self.calls.extract_if(|_, call| call.live == 0 && now.moment.since(call.ended) >= hold) {
            self.record.audit().record_at(now, call.fact(mode));
        }
    }

    fn every_minute(&mut self, now: Now) {
        let view = Arc::clone(&self.view);
        let lost = view.shards.iter().map(ShardHandle::facts_lost).sum();
        let new = u64::saturating_sub(lost, self.lost);
        if new > 0 {
            self.record.audit().lost(new);
            self.lost = lost;
        }
        // Whatever was lost, no allocation outlives its token by much.
        let late = self.allocations.iter().filter(|(_, allocation)| allocation.until <= now.moment);
        let late: Vec<FiveTuple> = late.map(|(client, _)| *client).collect();
        for client in late {
            self.end(&client, EndCause::CredentialEnded, None, now);
        }
        let tallies: Vec<_> = view.shards.iter().map(ShardHandle::tally).collect();
        self.refusals.count(&tallies, |reason, count| self.record.audit().refused(reason, count));
        let since = Stamp(core::mem::replace(&mut self.unbound_since, now.unix));
        let Carrying { transports, bytes_up, bytes_down } = core::mem::take(&mut self.unbound);
        if transports != Transports::default() {
            let region = self.record.region();
            self.record.audit().record_at(now, Unbound { region, since, transports, bytes_up, bytes_down });
        }
    }

    /// The shards have stopped: what is left is recorded.
    pub(super) fn finish(mut self, now: Now) {
        self.every_minute(now);
        if self.view.leaving.load(Ordering::Acquire) {
            // Their end is the next process's to record.
            return;
        }
        let heard: Vec<FiveTuple> = self.allocations.keys().copied().collect();
        for client in heard {
            // The shards end all of theirs; of this one that was lost.
            self.end(&client, EndCause::Stopped, None, now);
        }
        self.record_the_ended(now, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests;
