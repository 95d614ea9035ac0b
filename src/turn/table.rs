//! Where the allocations of a shard are, by five-tuple, by connection and by relayed port.

use ahash::RandomState;
use hashbrown::HashMap;

use crate::addr::{ConnectionId, FiveTuple, Link};
use crate::auth::{CallGrant, Revoked};

use super::PortKey;
use super::allocation::{Allocation, Relayed};

/// Port keys are flat indices: this many cover what a process may have open (file descriptors), and bound the table
/// that they index to 4 MiB.
const MOST_PORT_KEYS: usize = 1 << 20;
/// An empty place in the table of ports.
const NOBODY: u32 = u32::MAX;

/// The allocations of a shard.
#[derive(Debug)]
pub(super) struct Table {
    slab: Vec<Option<Allocation>>,
    free: Vec<u32>,
    by_five_tuple: HashMap<FiveTuple, u32, RandomState>,
    by_connection: HashMap<ConnectionId, u32, RandomState>,
    by_port: Vec<u32>,
}

impl Table {
    /// An empty table whose hashes nobody outside can predict.
    pub(super) fn new(seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let state = RandomState::with_seeds(a, b, c, d);
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            by_five_tuple: HashMap::with_hasher(state.clone()),
            by_connection: HashMap::with_hasher(state),
            by_port: Vec::new(),
        }
    }

    /// Live allocations.
    pub(super) fn len(&self) -> usize {
        self.by_five_tuple.len()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Allocation> {
        self.slab.get(usize::try_from(index).ok()?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Allocation> {
        self.slab.get_mut(usize::try_from(index).ok()?)?.as_mut()
    }

    pub(super) fn by_five_tuple(&self, client: &FiveTuple) -> Option<u32> {
        self.by_five_tuple.get(client).copied()
    }

    pub(super) fn by_connection(&self, connection: ConnectionId) -> Option<u32> {
        self.by_connection.get(&connection).copied()
    }

    pub(super) fn by_port(&self, key: PortKey) -> Option<u32> {
        self.by_port.get(usize::try_from(key.0).ok()?).copied().filter(|&index| index != NOBODY)
    }

    /// The places in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.by_five_tuple.values().copied()
    }

    /// The places of the allocations that a revocation is about.
    pub(super) fn covered(&self, by: &Revoked) -> impl Iterator<Item = u32> {
        let of = by.call();
        let covered = move |call: &CallGrant| call.is_covered(by, of);
        let places = (0..).zip(&self.slab);
        places.filter_map(move |(index, place)| place.as_ref()?.call.as_ref().is_some_and(covered).then_some(index))
    }

    /// How many places there are, used or free: all indices are below.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.slab.len()).unwrap_or(u32::MAX)
    }

    /// Every allocation, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Allocation> {
        self.slab.iter_mut().flatten()
    }

    /// Puts an allocation in. It comes back when a port key is out of range or no index is left.
    pub(super) fn insert(&mut self, allocation: Allocation) -> Result<u32, Box<Allocation>> {
        let keys =
            [&allocation.v4, &allocation.v6].map(|relayed| relayed.as_ref().and_then(|relayed| relayed.held.key()));
        let in_range = |key: &PortKey| usize::try_from(key.0).is_ok_and(|key| key < MOST_PORT_KEYS);
        if !keys.iter().flatten().all(in_range) {
            return Err(Box::new(allocation));
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => match u32::try_from(self.slab.len()) {
                Ok(index) if index != NOBODY => {
                    self.slab.push(None);
                    index
                }
                _ => return Err(Box::new(allocation)),
            },
        };
        for key in keys.into_iter().flatten() {
            self.set_port(key, index);
        }
        self.by_five_tuple.insert(allocation.five_tuple, index);
        if let Link::Stream(connection, _) = allocation.five_tuple.link {
            self.by_connection.insert(connection, index);
        }
        if let Some(place) = usize::try_from(index).ok().and_then(|at| self.slab.get_mut(at)) {
            *place = Some(allocation);
        }
        Ok(index)
    }

    /// Takes an allocation out.
    pub(super) fn remove(&mut self, index: u32) -> Option<Allocation> {
        let allocation = self.slab.get_mut(usize::try_from(index).ok()?)?.take()?;
        self.free.push(index);
        self.by_five_tuple.remove(&allocation.five_tuple);
        if let Link::Stream(connection, _) = allocation.five_tuple.link {
            self.by_connection.remove(&connection);
        }
        for relayed in [&allocation.v4, &allocation.v6].into_iter().flatten() {
            self.forget_port(relayed);
        }
        Some(allocation)
    }

    /// Data that arrives at this relayed address belongs to nobody from now on.
    pub(super) fn forget_port(&mut self, relayed: &Relayed) {
        if let Some(key) = relayed.held.key() {
            self.set_port(key, NOBODY);
        }
    }

    fn set_port(&mut self, key: PortKey, index: u32) {
        let Ok(at) = usize::try_from(key.0) else { return };
        if at >= self.by_port.len() && at < MOST_PORT_KEYS {
            self.by_port.resize(at + 1, NOBODY);
        }
        if let Some(place) = self.by_port.get_mut(at) {
            *place = index;
        }
    }
}
