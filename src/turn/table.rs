//! Where the allocations of a shard are, by five-tuple, by connection and by relayed port.

use core::hash::{BuildHasher, Hasher};

use ahash::RandomState;
use hashbrown::HashMap;

use crate::addr::{ClientAddr, ConnectionId, FiveTuple, Link, PackedIp, PeerAddr};
use crate::auth::{CallGrant, Revoked};
use crate::policy::Rate;
use crate::policy::seal::Flow;
use crate::time::Moment;
use crate::wire::ChannelNumber;

use super::allocation::{Allocation, Relayed};
use super::flat::{Flat, NOBODY};
use super::hot::{Hot, Route};
use super::paths::Paths;
use super::{Carried, PortKey};

/// Port keys are flat indices: this many cover what a process may have open (file descriptors), and bound the table
/// that they index to 4 MiB.
const MOST_PORT_KEYS: usize = 1 << 20;

/// The allocations of a shard. What packets need stands apart from what only requests need, and is packed closely.
#[derive(Debug)]
pub(super) struct Table {
    slab: Vec<Option<Allocation>>,
    /// As long as `slab`, and so is the next.
    hot: Vec<Hot>,
    paths: Vec<Paths>,
    kept: Vec<Kept>,
    /// Places whose record is not what it was, each once.
    changed: Vec<u32>,
    free: Vec<u32>,
    by_five_tuple: Flat,
    by_connection: HashMap<ConnectionId, u32, RandomState>,
    by_port: Vec<u32>,
    /// Where the clients behind a load balancer are reached: its address and port for each of them.
    vias: HashMap<u32, ClientAddr, RandomState>,
    hash: RandomState,
}

/// What the last record of a place says.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    /// Packets carried, both ways together, in its lower bits: enough to see that there have been more.
    packets: u32,
    /// It stands in `changed`.
    listed: bool,
}

impl Table {
    /// An empty table whose hashes nobody outside can predict.
    pub(super) fn new(seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let hash = RandomState::with_seeds(a, b, c, d);
        Self {
            slab: Vec::new(),
            hot: Vec::new(),
            paths: Vec::new(),
            kept: Vec::new(),
            changed: Vec::new(),
            free: Vec::new(),
            by_five_tuple: Flat::new(),
            by_connection: HashMap::with_hasher(hash.clone()),
            by_port: Vec::new(),
            vias: HashMap::with_hasher(hash.clone()),
            hash,
        }
    }

    /// Live allocations.
    pub(super) const fn len(&self) -> usize {
        self.by_five_tuple.len()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Allocation> {
        self.slab.get(at(index))?.as_ref()
    }

    /// An allocation, to be changed. What was noted of it no longer holds: there is no other way to change one.
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Allocation> {
        self.hot.get_mut(at(index))?.forget();
        self.list(index);
        self.slab.get_mut(at(index))?.as_mut()
    }

    /// The record of a place is not what it was.
    pub(super) fn list(&mut self, index: u32) {
        if let Some(kept) = self.kept.get_mut(at(index))
            && !kept.listed
        {
            kept.listed = true;
            self.changed.push(index);
        }
    }

    /// A place whose record is not what it was; `None` when there is no other one.
    pub(super) fn take_changed(&mut self) -> Option<u32> {
        let index = self.changed.pop()?;
        let packets = self.packets(index);
        if let Some(kept) = self.kept.get_mut(at(index)) {
            *kept = Kept { packets, listed: false };
        }
        Some(index)
    }

    /// Lists a place if more has been carried than its last record says.
    pub(super) fn list_if_more_is_carried(&mut self, index: u32) {
        if self.kept.get(at(index)).is_some_and(|kept| kept.packets != self.packets(index)) {
            self.list(index);
        }
    }

    fn packets(&self, index: u32) -> u32 {
        let carried = self.hot.get(at(index)).map_or(Carried::NONE, |hot| hot.carried);
        let packets = carried.up.packets.wrapping_add(carried.down.packets);
        u32::try_from(packets & u64::from(u32::MAX)).unwrap_or(0)
    }

    /// An allocation and its paths, which alone may be changed.
    pub(super) fn with_paths(&mut self, index: u32) -> Option<(&Allocation, &mut Paths)> {
        Some((self.slab.get(at(index))?.as_ref()?, self.paths.get_mut(at(index))?))
    }

    /// The paths of an allocation.
    pub(super) fn paths(&self, index: u32) -> Option<&Paths> {
        self.paths.get(at(index))
    }

    /// Sets what another process knew of an allocation: its paths, and what it had carried.
    pub(super) fn resume(&mut self, index: u32, paths: Paths, carried: Carried) {
        if let (Some(place), Some(hot)) = (self.paths.get_mut(at(index)), self.hot.get_mut(at(index))) {
            *place = paths;
            hot.carried = carried;
        }
    }

    /// The flow of an allocation to a peer, if there is one: what most media takes.
    // A call, and what it saves and restores, would cost as much as what it does.
    #[inline(always)]
    pub(super) fn flow(&mut self, index: u32, peer: PeerAddr, serial: u32, now: Moment) -> Option<&mut Flow> {
        let (hot, paths) = (self.hot.get_mut(at(index))?, self.paths.get_mut(at(index))?);
        let mut path = hot.path();
        if !paths.is_at(path, peer, serial) {
            path = paths.find(peer, serial)?;
            hot.set_path(path);
        }
        paths.flow(path, now)
    }

    /// What an allocation has carried.
    #[inline]
    pub(super) fn carried_mut(&mut self, index: u32) -> Option<&mut Carried> {
        Some(&mut self.hot.get_mut(at(index))?.carried)
    }

    /// The same, to look at.
    pub(super) fn carried(&self, index: u32) -> Option<Carried> {
        Some(self.hot.get(at(index))?.carried)
    }

    /// Whose allocation it is.
    #[inline]
    pub(super) fn client(&self, index: u32) -> Option<FiveTuple> {
        self.hot.get(at(index))?.client()
    }

    /// What was noted for a channel of an allocation, if it still holds: then the allocation, the channel and the
    /// permission for its peer live.
    #[inline]
    pub(super) fn noted_on(&self, index: u32, channel: ChannelNumber, now: Moment) -> Option<&Hot> {
        self.hot.get(at(index)).filter(|hot| hot.is_on(channel, now))
    }

    /// The same for a peer.
    #[inline]
    pub(super) fn noted_with(&self, index: u32, peer: PeerAddr, now: Moment) -> Option<&Hot> {
        self.hot.get(at(index)).filter(|hot| hot.is_with(peer, now))
    }

    /// Notes the route of a channel, which holds until the allocation is changed or something of it ends.
    pub(super) fn note(&mut self, index: u32, route: &Route) {
        if let Some(hot) = self.hot.get_mut(at(index)) {
            hot.note(route);
        }
    }

    /// The place of a five-tuple. `likely`: where it was guessed to be.
    // For media alone, and in one place: in two the compiler would call it, at a tenth of what a packet costs. Everybody
    // else asks `place_of`.
    #[inline]
    pub(super) fn by_five_tuple(&self, client: &FiveTuple, likely: u32) -> Option<u32> {
        let is_there = |index: u32| self.hot.get(at(index)).is_some_and(|hot| hot.is_of(client));
        if is_there(likely) {
            return Some(likely);
        }
        self.by_five_tuple.places(self.tag(client)).find(|&index| is_there(index))
    }

    /// The place of a five-tuple, for whoever is not in a hurry.
    #[inline(never)]
    pub(super) fn place_of(&self, client: &FiveTuple) -> Option<u32> {
        let is_there = |index: &u32| self.client(*index).as_ref() == Some(client);
        self.by_five_tuple.places(self.tag(client)).find(is_there)
    }

    /// Where a five-tuple probably is, if it is anywhere: without a look at the place itself.
    #[inline]
    pub(super) fn guess(&self, client: &FiveTuple) -> u32 {
        self.by_five_tuple.places(self.tag(client)).next().unwrap_or(NOBODY)
    }

    /// Brings into the cache what [`Hot`] holds of an allocation, and where its paths are. The number has no meaning.
    #[inline]
    pub(super) fn touch(&self, index: u32) -> u64 {
        let hot = self.hot.get(at(index)).map_or(0, Hot::touch);
        hot ^ self.paths.get(at(index)).map_or(0, Paths::touch)
    }

    /// The same for the path that its next packet probably takes, and for its rate.
    #[inline]
    pub(super) fn touch_path(&self, index: u32) -> u64 {
        let Some((hot, paths)) = self.likely(index) else { return 0 };
        let rate = if hot.is_limited() { self.rate(index).map_or(0, Rate::touch) } else { 0 };
        rate ^ paths.touch_path(hot.path())
    }

    /// The same for what those lead to.
    #[inline]
    pub(super) fn touch_flow(&self, index: u32) -> u64 {
        let Some((hot, paths)) = self.likely(index) else { return 0 };
        let rate = if hot.is_limited() { self.rate(index).map_or(0, Rate::touch_account) } else { 0 };
        rate ^ paths.touch_flow(hot.path())
    }

    #[inline]
    fn likely(&self, index: u32) -> Option<(&Hot, &Paths)> {
        Some((self.hot.get(at(index))?, self.paths.get(at(index))?))
    }

    fn rate(&self, index: u32) -> Option<&Rate> {
        self.get(index)?.rate.as_ref()
    }

    /// The peer that the next packet of an allocation probably goes to, if others of this relay may be there.
    #[inline]
    pub(super) fn peer_of_ours(&self, index: u32) -> Option<PeerAddr> {
        self.hot.get(at(index))?.peer_of_ours()
    }

    /// The load balancer's address that a client with an allocation was heard from last.
    pub(super) fn via(&self, client: &FiveTuple) -> Option<ClientAddr> {
        self.vias.get(&self.place_of(client)?).copied()
    }

    /// A client is heard from there now. Without an allocation nothing is remembered.
    pub(super) fn set_via(&mut self, client: &FiveTuple, via: ClientAddr) {
        if let Some(index) = self.place_of(client)
            && self.vias.insert(index, via) != Some(via)
        {
            self.list(index);
        }
    }

    #[inline]
    fn tag(&self, client: &FiveTuple) -> u32 {
        let address = client.client.socket();
        let link = match client.link {
            Link::Udp(socket) => u64::from(socket) << 16 | u64::from(address.port()),
            Link::Proxied(socket) => 1 << 32 | u64::from(socket) << 16 | u64::from(address.port()),
            // No two connections have one number, nor one address and port.
            Link::Stream(ConnectionId(number), _) => !number,
        };
        let [high, low] = PackedIp::of(address.ip()).words();
        let mut hasher = self.hash.build_hasher();
        hasher.write_u64(high ^ link.rotate_left(32));
        hasher.write_u64(low);
        let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    pub(super) fn by_connection(&self, connection: ConnectionId) -> Option<u32> {
        self.by_connection.get(&connection).copied()
    }

    #[inline]
    pub(super) fn by_port(&self, key: PortKey) -> Option<u32> {
        self.by_port.get(at(key.0)).copied().filter(|&index| index != NOBODY)
    }

    /// The places in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + use<'_> {
        (0..).zip(&self.slab).filter_map(|(index, place)| place.is_some().then_some(index))
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

    /// Every allocation, to be changed. Nothing that was noted holds any more.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Allocation> {
        self.hot.iter_mut().for_each(Hot::forget);
        (0..self.places()).for_each(|index| self.list(index));
        self.slab.iter_mut().flatten()
    }

    /// Puts a client's allocation in. It comes back when a port key is out of range or no index is left.
    pub(super) fn insert(&mut self, client: &FiveTuple, allocation: Allocation) -> Result<u32, Box<Allocation>> {
        let keys =
            [&allocation.v4, &allocation.v6].map(|relayed| relayed.as_ref().and_then(|relayed| relayed.held.key()));
        if !keys.iter().flatten().all(|key| at(key.0) < MOST_PORT_KEYS) {
            return Err(Box::new(allocation));
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => match u32::try_from(self.slab.len()) {
                Ok(index) if index != NOBODY => {
                    self.slab.push(None);
                    self.hot.push(Hot::FREE);
                    self.paths.push(Paths::default());
                    self.kept.push(Kept::default());
                    index
                }
                _ => return Err(Box::new(allocation)),
            },
        };
        for key in keys.into_iter().flatten() {
            self.set_port(key, index);
        }
        self.by_five_tuple.insert(self.tag(client), index);
        if let Link::Stream(connection, _) = client.link {
            self.by_connection.insert(connection, index);
        }
        if let Some(hot) = self.hot.get_mut(at(index)) {
            *hot = Hot::new(client);
        }
        if let Some(place) = self.slab.get_mut(at(index)) {
            *place = Some(allocation);
        }
        self.list(index);
        Ok(index)
    }

    /// Takes an allocation out: whose it was, and what it has carried.
    pub(super) fn remove(&mut self, index: u32) -> Option<(FiveTuple, Allocation, Carried)> {
        let allocation = self.slab.get_mut(at(index))?.take()?;
        let hot = core::mem::replace(self.hot.get_mut(at(index))?, Hot::FREE);
        let client = hot.client()?;
        *self.paths.get_mut(at(index))? = Paths::default();
        self.free.push(index);
        self.list(index);
        self.by_five_tuple.remove(self.tag(&client), index);
        if let Link::Stream(connection, _) = client.link {
            self.by_connection.remove(&connection);
        }
        self.vias.remove(&index);
        for relayed in [&allocation.v4, &allocation.v6].into_iter().flatten() {
            self.forget_port(relayed);
        }
        Some((client, allocation, hot.carried))
    }

    /// Data that arrives at this relayed address belongs to nobody from now on.
    pub(super) fn forget_port(&mut self, relayed: &Relayed) {
        if let Some(key) = relayed.held.key() {
            self.set_port(key, NOBODY);
        }
    }

    fn set_port(&mut self, key: PortKey, index: u32) {
        let at = at(key.0);
        if at >= self.by_port.len() && at < MOST_PORT_KEYS {
            self.by_port.resize(at + 1, NOBODY);
        }
        if let Some(place) = self.by_port.get_mut(at) {
            *place = index;
        }
    }
}

/// A place as an index; wherever the code runs, 32 bits fit one.
#[inline]
fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
