//! Two questions for every relayed datagram: are this client and this peer of one call, where there is one, and does the
//! seal let this pass between them? The first is answered once for each peer, the second each time.

use core::net::SocketAddr;

use crate::addr::{Family, PeerAddr};
use crate::auth::Party;
use crate::policy::PeerRules;
use crate::policy::seal::{self, Conversations, Flow, Judgement, Local, Mode, Other, Profile, Version, Way};
use crate::time::{Moment, Now};
use crate::wire::keep::Keep;

use super::allocation::Allocation;
use super::peer::Reach;
use super::{Common, Discard, Event, Relay};

/// Peers of one allocation that are remembered one by one. A call has a few dozen candidate pairs at most; beyond that the
/// one that was quiet the longest makes room, and loses nothing but its statistics.
const MOST_PATHS: u16 = 64;

/// The paths of one allocation.
#[derive(Debug, Default)]
pub(super) struct Paths(Vec<Path>);

/// One peer of one allocation. What media needs stands first, here and in the flow, so that it is two cache lines.
#[derive(Debug)]
#[repr(C)]
struct Path {
    used: Moment,
    peer: PeerAddr,
    /// Which use of a relayed address of ours this is; 0 for a peer outside.
    serial: u32,
    flow: Flow,
}

/// Where a datagram crosses the relay.
#[derive(Clone, Copy)]
pub(super) struct Crossing {
    /// The place of the allocation in the table.
    pub(super) index: u32,
    pub(super) way: Way,
    pub(super) peer: PeerAddr,
    /// Which use of a relayed address of ours the peer's address is; 0 when it is nobody's.
    pub(super) serial: u32,
    /// Whether it is an address of ours, where whoever has no relayed address is nobody to talk to.
    pub(super) own: bool,
}

impl Relay {
    /// Asks both questions about a datagram.
    #[inline]
    pub(super) fn pass(&mut self, crossing: Crossing, datagram: &[u8], now: Now) -> Result<(), Discard> {
        let Crossing { index, way, peer, serial, own } = crossing;
        let settings = &self.policy.seal;
        if settings.mode == Mode::Off {
            // It is still asked which call the two ends are of, where there may be one.
            let bound = self.table.get(index).is_some_and(Allocation::is_bound);
            return if bound || serial != 0 { self.pass_other(crossing, datagram, now) } else { Ok(()) };
        }
        // Nearly all there is: media, on a path that is known. What it does not need is kept out of its way.
        let flow = if own && serial == 0 { None } else { self.table.flow(index, peer, serial, now.moment) };
        match flow.and_then(|flow| flow.media_passes(way, datagram, now.moment, settings)) {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => self.refuse(crossing, reason, now),
            None => self.pass_other(crossing, datagram, now),
        }
    }

    #[inline(never)]
    fn pass_other(&mut self, crossing: Crossing, datagram: &[u8], now: Now) -> Result<(), Discard> {
        let Crossing { index, way, .. } = crossing;
        let settings = &self.policy.seal;
        let Some(conversations) = self.common.conversations() else { return Err(Discard::Unjudged) };
        let Some((allocation, paths)) = self.table.with_paths(index) else { return Err(Discard::NoAllocation) };
        let (judgement, news) =
            match flow(allocation, paths, &self.policy.peers, &self.common, conversations, crossing, now.moment)? {
                Ok(flow) => (conversations.judge(flow, way, datagram, now.moment, settings), flow.take_news()),
                Err(reason) => (Judgement { refused: Some(reason), fact: None }, false),
            };
        if news {
            self.table.list(index);
        }
        self.act(index, &judgement)
    }

    /// Media on a path that is known, which must not pass.
    #[cold]
    fn refuse(&mut self, crossing: Crossing, reason: seal::Reason, now: Now) -> Result<(), Discard> {
        let Crossing { index, peer, serial, .. } = crossing;
        let flow = self.table.flow(index, peer, serial, now.moment);
        let judgement = flow.map(|flow| flow.refuse(reason));
        if judgement.is_some_and(|judgement| judgement.fact.is_some()) {
            self.table.list(index);
        }
        self.act(index, &judgement.unwrap_or(Judgement { refused: Some(reason), fact: None }))
    }

    /// Does what follows from a judgement that says anything.
    fn act(&mut self, index: u32, judgement: &Judgement) -> Result<(), Discard> {
        if let Some(fact) = judgement.fact {
            let client = self.table.client(index);
            self.tally.count_seal_fact(&fact);
            self.events.push_back(Event::Seal { client, fact });
        }
        match judgement.refused {
            None => Ok(()),
            Some(reason) if self.policy.seal.mode == Mode::Report => {
                self.tally.count_seal_reported(reason);
                Ok(())
            }
            Some(reason) => {
                self.tally.count_seal_discard(reason);
                Err(Discard::Seal)
            }
        }
    }

    /// Forgets conversations that are over.
    pub(super) fn sweep_conversations(&mut self, now: Moment) {
        let Some(conversations) = self.common.conversations() else { return };
        for fact in conversations.sweep(now, self.policy.seal.grace) {
            self.tally.count_seal_fact(&fact);
            self.events.push_back(Event::Seal { client: None, fact });
        }
    }
}

impl Paths {
    /// Appends them.
    pub(super) fn keep(&self, to: &mut Vec<u8>) {
        u16::try_from(self.0.len()).unwrap_or(0).keep(to);
        for Path { used, peer, serial, flow } in &self.0 {
            ((*used, *peer), *serial).keep(to);
            flow.keep(to);
        }
    }

    /// Takes those of a party's allocation off that another process has kept, without those whose conversation is not
    /// remembered.
    pub(super) fn recall(from: &mut &[u8], party: Party, conversations: &Conversations) -> Option<Self> {
        let count = u16::recall(from).filter(|count| *count <= MOST_PATHS)?;
        let mut paths = Vec::new();
        for _ in 0..count {
            let ((used, peer), serial) = Keep::recall(from)?;
            if let Some(flow) = conversations.recall_flow(from, party)? {
                paths.reserve_exact(1);
                paths.push(Path { used, peer, serial, flow });
            }
        }
        Some(Self(paths))
    }

    /// The greatest number of a use of an address of ours.
    pub(super) fn last_serial(&self) -> u32 {
        self.0.iter().map(|path| path.serial).max().unwrap_or(0)
    }

    /// What the handshakes agreed on that are complete on these paths.
    pub(super) fn agreed(&self) -> impl Iterator<Item = (Version, Option<Profile>)> {
        self.0.iter().filter_map(|path| path.flow.agreed())
    }

    /// Whether the path to a peer is here.
    #[inline]
    pub(super) fn is_at(&self, at: usize, peer: PeerAddr, serial: u32) -> bool {
        self.0.get(at).is_some_and(|path| path.serial == serial && path.peer == peer)
    }

    /// Where the path to a peer is, if there is one.
    #[cold]
    pub(super) fn find(&self, peer: PeerAddr, serial: u32) -> Option<usize> {
        self.0.iter().position(|path| path.serial == serial && path.peer == peer)
    }

    /// Brings into the cache where the paths are. The number has no meaning, nor have the others.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.0.is_empty())
    }

    /// The same for a path.
    #[inline]
    pub(super) fn touch_path(&self, at: usize) -> u64 {
        self.0.get(at).map_or(0, |path| path.used.as_nanos() ^ path.flow.touch())
    }

    /// The same for what its flow leads to.
    #[inline]
    pub(super) fn touch_flow(&self, at: usize) -> u64 {
        self.0.get(at).map_or(0, |path| path.flow.touch_further())
    }

    /// The flow of a path.
    #[inline]
    pub(super) fn flow(&mut self, at: usize, now: Moment) -> Option<&mut Flow> {
        let path = self.0.get_mut(at)?;
        path.used = now;
        Some(&mut path.flow)
    }
}

/// The flow to a peer, made if there is none yet.
fn flow<'a>(
    allocation: &Allocation,
    paths: &'a mut Paths,
    rules: &PeerRules,
    common: &Common,
    conversations: &Conversations,
    crossing: Crossing,
    now: Moment,
) -> Result<Result<&'a mut Flow, seal::Reason>, Discard> {
    let Crossing { peer, serial, own, .. } = crossing;
    if own && serial == 0 {
        return Err(Discard::PeerForbidden);
    }
    let paths = &mut paths.0;
    let index = match paths.iter().position(|path| path.peer == peer && path.serial == serial) {
        Some(index) => index,
        None => {
            let relayed = match peer.family() {
                Family::V4 => allocation.v4.as_ref(),
                Family::V6 => allocation.v6.as_ref(),
            };
            let relayed: SocketAddr = relayed.ok_or(Discard::PeerFamily)?.held.relayed().socket();
            let reach = Reach::new(rules, common, allocation.party, allocation.call.as_ref(), allocation.destinations);
            let (other, reached) = match serial {
                0 => (Other::Address(peer.ip()), reach.is_named(peer)),
                _ => {
                    let holder = common.own().holder(peer).ok_or(Discard::PeerForbidden)?;
                    (Other::Party(holder.party), reach.meets(&holder))
                }
            };
            if !reached {
                return Err(Discard::OtherCall);
            }
            let flow = conversations.flow(Local { party: allocation.party, relayed }, peer.socket(), other, now);
            let flow = match flow {
                Ok(flow) => flow,
                Err(reason) => return Ok(Err(reason)),
            };
            // The same address in other hands is another peer.
            paths.retain(|path| path.peer != peer);
            if paths.len() >= usize::from(MOST_PATHS)
                && let Some(quiet) = paths.iter().enumerate().min_by_key(|(_, path)| path.used).map(|(at, _)| at)
            {
                paths.swap_remove(quiet);
            }
            // Most have one or two, and the room for four that a vector begins with would be a kilobyte.
            paths.reserve_exact(1);
            paths.push(Path { peer, serial, used: now, flow });
            paths.len() - 1
        }
    };
    let path = paths.get_mut(index).ok_or(Discard::Unjudged)?;
    path.used = now;
    Ok(Ok(&mut path.flow))
}
