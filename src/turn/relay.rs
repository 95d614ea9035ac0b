//! The TURN server of one shard: its state, and the doors through which datagrams, time and ports come in.

use core::mem;
use std::collections::VecDeque;
use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::addr::{ConnectionId, Family, FiveTuple, Link, Transport};
use crate::auth::Authenticator;
use crate::policy::Policy;
use crate::policy::seal::Conversations;
use crate::time::{Moment, Now, UnixTime};
use crate::wire::{FrameKind, kind_of};

use super::ending::Ending;
use super::farewell::Farewells;
use super::flat::NOBODY;
use super::peer::hold_to;
use super::port::Held;
use super::snapshot::Keeping;
use super::supply::Supply;
use super::table::Table;
use super::wheel::Wheel;
use super::{
    Common, Direction, Discard, EndCause, Event, Opened, Origin, Pool, Port, PortKey, Settings, Slot, Tally, Verdict,
};

/// The TURN state machine of one shard.
#[derive(Debug)]
pub struct Relay {
    /// Its number among the shards.
    pub(super) shard: u8,
    pub(super) settings: Settings,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) policy: Arc<Policy>,
    pub(super) common: Arc<Common>,
    pub(super) random: ChaCha12Rng,
    pub(super) table: Table,
    pub(super) wheel: Wheel,
    pub(super) ending: Ending,
    pub(super) supply: Supply,
    pub(super) farewells: Farewells,
    pub(super) tally: Tally,
    pub(super) keeping: Keeping,
    pub(super) draining: bool,
    pub(super) owned: Vec<PortKey>,
    pub(super) closed: Vec<Port>,
    pub(super) events: VecDeque<Event>,
}

impl Relay {
    /// A relay without allocations and without ports. `seed`: 32 bytes of the system's randomness, different for each
    /// shard; from it come transaction ids, reservation tokens and the keys of the hash tables.
    #[must_use]
    pub fn new(
        settings: Settings,
        authenticator: Arc<Authenticator>,
        policy: Arc<Policy>,
        common: Arc<Common>,
        seed: [u8; 32],
    ) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut budget_key = [0; 32];
        random.fill_bytes(&mut budget_key);
        common.set_challenges(policy.challenges_per_second, budget_key);
        common.set_requests(settings.requests_per_second, budget_key);
        let table = Table::new([(); 4].map(|()| random.next_u64()));
        // Beside the conversation itself, an address and some username fragments lead to it.
        common.set_conversations([(); 4].map(|()| random.next_u64()), policy.quota.total.saturating_mul(4));
        Self {
            shard: 0,
            settings,
            authenticator,
            policy,
            common,
            random,
            table,
            wheel: Wheel::new(),
            ending: Ending::default(),
            supply: Supply::default(),
            farewells: Farewells::default(),
            tally: Tally::default(),
            keeping: Keeping::default(),
            draining: false,
            owned: Vec::new(),
            closed: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// The same, as the shard with this number: what another shard has for one of its allocations is sent there. Shards
    /// with one [`Common`] have different numbers, from 0 on.
    #[must_use]
    pub const fn in_shard(mut self, shard: u8) -> Self {
        self.shard = shard;
        self
    }

    /// Judges one datagram: on return `slot.verdict()` says where `slot.message()` goes.
    pub fn handle(&mut self, slot: &mut Slot, now: Now) {
        self.judge(slot, NOBODY, now);
    }

    /// The same. `likely`: where the allocation was guessed to be.
    pub(super) fn judge(&mut self, slot: &mut Slot, likely: u32, now: Now) {
        let mut verdict = match slot.origin() {
            None => Verdict::Discard(Discard::Unjudged),
            Some(Origin::Client(client)) => self.hear_client(slot, client, likely, now),
            Some(Origin::Peer { port, peer }) => self.hear_peer(slot, port, peer, now),
            Some(Origin::Shard { from, to, serial }) => self.hear_shard(slot, (to, serial), from, now),
            Some(Origin::PeerError { port, peer, icmp }) => self.hear_network(slot, port, peer, icmp, now),
        };
        if let Verdict::ToClient(client) = &verdict
            && let Link::Proxied(listener) = client.link
        {
            verdict = self.by_proxy(client, listener);
        }
        match verdict {
            Verdict::ToClient(client) => {
                self.tally.packet(client.link.transport(), Direction::ToClient, slot.message().len());
            }
            Verdict::ToPeer { .. } => {
                let transport = match slot.origin() {
                    Some(Origin::Client(client)) => client.link.transport(),
                    Some(Origin::Peer { .. } | Origin::Shard { .. } | Origin::PeerError { .. }) | None => {
                        Transport::Udp
                    }
                };
                self.tally.packet(transport, Direction::ToPeer, slot.message().len());
            }
            Verdict::ToShard { .. } => {}
            Verdict::Discard(reason) => self.tally.discard(reason),
        }
        slot.judge(verdict);
    }

    fn hear_client(&mut self, slot: &mut Slot, client: FiveTuple, likely: u32, now: Now) -> Verdict {
        if !self.settings.proxies.is_empty()
            && let Some(listener) = self.proxy(&client)
        {
            return self.hear_proxy(slot, client, listener, now);
        }
        self.hear_message(slot, client, likely, now)
    }

    // As it stands in two places, the compiler would call it, and what each packet needs would be copied once more.
    #[inline(always)]
    pub(super) fn hear_message(&mut self, slot: &mut Slot, client: FiveTuple, likely: u32, now: Now) -> Verdict {
        self.tally.packet(client.link.transport(), Direction::FromClient, slot.message().len());
        match slot.message().first().copied().and_then(kind_of) {
            Some(FrameKind::ChannelData) => self.channel_data(slot, client, likely, now),
            Some(FrameKind::Stun) => self.stun(slot, client, now),
            None => Verdict::Discard(self.foreign(&client, slot.message())),
        }
    }

    /// Ends what has run out. To be called when `deadline` has passed, and harmless at any time.
    pub fn tick(&mut self, now: Now) {
        for (index, second) in self.wheel.turn(now.moment) {
            if self.table.get(index).is_some_and(|allocation| allocation.scheduled == second) {
                self.expire(index, now);
            }
        }
        self.sweep_conversations(now.moment);
        while let Some(held) = self.common.unclaimed(now.moment) {
            self.give_back(held);
        }
    }

    /// When `tick` has something to do next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let sweep = self.common.conversations().and_then(Conversations::next_sweep);
        [self.wheel.next(), self.common.next_unclaimed(), sweep].into_iter().flatten().min()
    }

    /// A stream client's connection has closed: its allocation ends.
    pub fn connection_closed(&mut self, connection: ConnectionId, now: Now) {
        if let Some(index) = self.table.by_connection(connection) {
            self.end(index, EndCause::Disconnected, now);
        }
    }

    /// How many openings of a pool the supply lacks right now. The driver opens them and hands them over with `supply`.
    #[must_use]
    pub fn wanted(&self, pool: Pool) -> usize {
        let (family, target) = match pool {
            Pool::Single(family) => (family, self.settings.spare_ports),
            Pool::Pair(family) => (family, self.settings.spare_pairs),
        };
        if self.settings.opens_ports && self.common.relays(family) {
            target.saturating_sub(self.supply.stock(pool))
        } else {
            0
        }
    }

    /// Takes an opened port (or pair) into the supply.
    pub fn supply(&mut self, opened: Opened) {
        self.supply.put(opened);
        self.count_spare_ports();
    }

    pub(super) fn count_spare_ports(&mut self) {
        self.tally.spare_ports = u64::try_from(self.supply.ports()).unwrap_or(u64::MAX);
    }

    /// A port that an allocation has taken out of the supply or claimed by token: from now on the driver receives on it.
    pub fn take_owned(&mut self) -> Option<PortKey> {
        self.owned.pop()
    }

    /// Ports whose allocation has ended; the driver closes each.
    pub fn take_closed(&mut self) -> Option<Port> {
        self.closed.pop()
    }

    /// The oldest fact not yet taken.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The counters.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts the allocations whose credential is about to end. To be called before the counters are published.
    pub fn count_ending(&mut self, now: UnixTime) {
        self.tally.ending = self.ending.soon(now);
    }

    /// The counters, for the shard loop's and driver's own entries (queue depth, send failures).
    pub const fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// New rules, from now on: permissions and channels that they no longer allow are gone at once; lifetimes already
    /// granted stay.
    pub fn reload(&mut self, settings: Settings, authenticator: Arc<Authenticator>, policy: Arc<Policy>) {
        self.settings = settings;
        self.authenticator = authenticator;
        self.policy = policy;
        let mut budget_key = [0; 32];
        self.random.fill_bytes(&mut budget_key);
        self.common.set_challenges(self.policy.challenges_per_second, budget_key);
        self.common.set_requests(self.settings.requests_per_second, budget_key);
        self.set_rates();
        let (rules, common) = (&self.policy.peers, &self.common);
        for allocation in self.table.iter_mut() {
            if allocation.call.is_none() {
                allocation.destinations = allocation.destinations.min(self.authenticator.terms().reach);
            }
            hold_to(rules, common, allocation);
        }
    }

    /// Whether new allocations are refused from now on, with 300 if another relay is named and with 508 otherwise; running
    /// ones go on.
    pub fn drain(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Ends every allocation: the relay stops (`EndCause::Stopped`) or the operator says so (`EndCause::Ended`).
    pub fn end_all(&mut self, cause: EndCause, now: Now) {
        let indices: Vec<u32> = self.table.indices().collect();
        for index in indices {
            self.end(index, cause, now);
        }
    }

    /// Live allocations.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.table.len()
    }

    /// The allocation of a five-tuple, if it has one that has not run out.
    pub(super) fn live(&mut self, client: &FiveTuple, now: Now) -> Option<u32> {
        let index = self.table.place_of(client)?;
        self.unexpired(index, now)
    }

    /// The same place, if what is there has not run out. The wheel turns in whole seconds; this looks at the moment.
    pub(super) fn unexpired(&mut self, index: u32, now: Now) -> Option<u32> {
        if self.table.get(index)?.expires().is_some_and(|expires| expires <= now.moment) {
            self.expire(index, now);
            self.table.get(index)?;
        }
        Some(index)
    }

    /// Takes away the relayed addresses that have run out, ends the allocation if none is left, and otherwise enters
    /// the next expiry into the wheel.
    fn expire(&mut self, index: u32, now: Now) {
        let Some(allocation) = self.table.get(index) else { return };
        let run_out = |family| allocation.relayed(family).filter(|relayed| relayed.expires <= now.moment);
        let cause = [Family::V4, Family::V6].into_iter().filter_map(run_out).map(|relayed| relayed.cause).next();
        let Some(cause) = cause else { return self.schedule(index) };
        let stays = |family| allocation.relayed(family).is_some_and(|relayed| relayed.expires > now.moment);
        match (stays(Family::V4), stays(Family::V6)) {
            (false, false) => self.end(index, cause, now),
            (true, _) => self.drop_family(index, Family::V6),
            (_, true) => self.drop_family(index, Family::V4),
        }
    }

    /// Takes one family's relayed address away from a dual allocation, with the permissions and channels that need it.
    pub(super) fn drop_family(&mut self, index: u32, family: Family) {
        let Some(allocation) = self.table.get_mut(index) else { return };
        let Some(relayed) = mem::take(allocation.relayed_mut(family)) else { return };
        // A retransmitted Allocate must not be told of it any more.
        match family {
            Family::V4 => allocation.answer.v4 = None,
            Family::V6 => allocation.answer.v6 = None,
        }
        allocation.permissions.retain(|permission| Family::of(permission.ip) != family);
        allocation.channels.retain(|channel| channel.peer.family() != family);
        self.table.forget_port(&relayed);
        self.give_back(relayed.held);
        self.schedule(index);
    }

    /// Enters an allocation's next expiry into the wheel, unless it comes up before that anyway.
    pub(super) fn schedule(&mut self, index: u32) {
        let Some(allocation) = self.table.get_mut(index) else { return };
        let Some(expires) = allocation.expires() else { return };
        let second = Wheel::second_of(expires);
        if !self.wheel.is_ahead(allocation.scheduled) || second < allocation.scheduled {
            allocation.scheduled = self.wheel.insert(index, second);
        }
    }

    /// A relayed address is nobody's any more: the driver closes the socket, if there is one.
    pub(super) fn give_back(&mut self, held: Held) {
        self.common.own().ended(held.relayed());
        if let Held::Open(port) = held {
            self.closed.push(port);
        }
    }

    /// Ends an allocation: it, its permissions and its channels are gone when this returns.
    pub(super) fn end(&mut self, index: u32, cause: EndCause, now: Now) {
        let Some((client, allocation, carried)) = self.table.remove(index) else { return };
        for relayed in [allocation.v4, allocation.v6].into_iter().flatten() {
            self.give_back(relayed.held);
        }
        self.ending.over(allocation.until);
        self.tally.over(client.link.transport(), cause);
        self.events.push_back(Event::Ended {
            client,
            subject: allocation.subject,
            cause,
            age: now.moment - allocation.begun,
            carried,
            call: allocation.call,
        });
    }
}
