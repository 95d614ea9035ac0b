//! The relayed transport addresses on our own IP addresses: which are in use, by whom and where, and which numbers are
//! free for those that are virtual.

use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use rand_core::RngCore;

use crate::addr::{Family, PeerAddr, RelayedAddr};
use crate::auth::{CallId, Party};

use super::allocation::Whose;
use super::port::VirtualPort;

/// The first number of a virtual port. Lower ones mean a service to whoever reads a firewall's log.
const FIRST: u16 = 1024;
/// Random draws before the numbers are walked through: with half of them taken, one call in 65,536 has to walk.
const DRAWS: usize = 16;
/// What stands at a number that is taken and not yet in use.
const TAKEN: u64 = u32::MAX as u64;
/// Bits of a place in the table of a shard: eight million, and the configuration allows one million allocations.
const INDEX_BITS: u32 = 23;

/// Our own addresses, common to all shards.
#[derive(Debug)]
pub(super) struct OwnAddresses {
    addresses: Vec<OwnAddress>,
    /// Numbers the times that relayed addresses have been taken into use.
    serials: AtomicU32,
}

/// One address, and for each port number who has it now, 0 for nobody: 512 KiB.
#[derive(Debug)]
struct OwnAddress {
    ip: IpAddr,
    /// Whether ports are opened on it, and with which numbers; virtual ones have the others.
    opened: Option<RangeInclusive<u16>>,
    places: Box<[AtomicU64]>,
    /// Whose allocations have ports; asked when a flow to one begins.
    holders: Mutex<Holders>,
}

type Holders = HashMap<u16, Holder, ahash::RandomState>;

/// Whose allocation has a relayed transport address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) party: Party,
    /// The call that the allocation is bound to.
    pub(super) call: Option<CallId>,
}

/// Where the allocation is that has a relayed transport address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// Which use of the address this is, from 1 on: the same address in other hands has another one.
    pub(super) serial: u32,
    pub(super) shard: u8,
    /// The place in that shard's table.
    pub(super) index: u32,
    /// Whether there is no socket.
    pub(super) is_virtual: bool,
}

impl OwnAddresses {
    /// `relayed`: addresses that ports with numbers of `opened` are opened on. `closed`: more addresses for virtual ports.
    pub(super) fn new(relayed: &[IpAddr], opened: &RangeInclusive<u16>, closed: &[IpAddr]) -> Self {
        let more = closed.iter().filter(|ip| !relayed.contains(ip));
        let addresses = relayed.iter().map(|&ip| OwnAddress::new(ip, Some(opened.clone())));
        let addresses = addresses.chain(more.map(|&ip| OwnAddress::new(ip, None))).collect();
        Self { addresses, serials: AtomicU32::new(0) }
    }

    fn find(&self, ip: IpAddr) -> Option<&OwnAddress> {
        self.addresses.iter().find(|own| own.ip == ip)
    }

    /// Whether this is one of our relayed IP addresses.
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        self.find(ip).is_some()
    }

    /// Whether ports of this family are opened.
    pub(super) fn opens(&self, family: Family) -> bool {
        self.addresses.iter().any(|own| own.opened.is_some() && Family::of(own.ip) == family)
    }

    /// Whether there are virtual ports of this family.
    pub(super) fn has_virtual(&self, family: Family) -> bool {
        self.of(family).any(|own| own.numbers() > 0)
    }

    /// The allocation that has this relayed transport address now, on any shard.
    #[inline]
    pub(super) fn locate(&self, peer: PeerAddr) -> Option<Located> {
        let place = self.find(peer.ip())?.places.get(usize::from(peer.port()))?;
        Located::decode(place.load(Ordering::Acquire))
    }

    /// The same for a peer with a permission: nobody outside can be one of us. Where the operator has allowed our own
    /// address by name, whoever has a relayed address there is a party all the same.
    #[inline]
    pub(super) fn locate_there(&self, whose: Whose, peer: PeerAddr) -> Option<Located> {
        if whose == Whose::Others { None } else { self.locate(peer) }
    }

    /// Whose allocation has this relayed transport address.
    pub(super) fn holder(&self, peer: PeerAddr) -> Option<Holder> {
        self.find(peer.ip())?.holders().get(&peer.port()).copied()
    }

    /// From now on the allocation at `index` of `shard` has this address.
    pub(super) fn begun(&self, relayed: RelayedAddr, holder: Holder, shard: u8, index: u32, is_virtual: bool) {
        // 0 means that nobody has the port. Four thousand million uses later a number comes again.
        let serial = self.serials.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        self.resumed(relayed, holder, Located { serial, shard, index, is_virtual });
    }

    /// The same for a use that has begun in another process, and has a number.
    pub(super) fn resumed(&self, relayed: RelayedAddr, holder: Holder, located: Located) {
        let Some(own) = self.find(relayed.socket().ip()) else { return };
        own.holders().insert(relayed.port(), holder);
        own.set(relayed.port(), located.encode());
    }

    /// Uses that begin have greater numbers than this one from now on.
    pub(super) fn count_from(&self, serial: u32) {
        self.serials.fetch_max(serial, Ordering::Relaxed);
    }

    /// Whether somebody has this address, or it is about to be somebody's.
    pub(super) fn is_taken(&self, relayed: RelayedAddr) -> bool {
        let place = self.find(relayed.socket().ip()).and_then(|own| own.places.get(usize::from(relayed.port())));
        place.is_some_and(|place| place.load(Ordering::Acquire) != 0)
    }

    /// A virtual port with a number that another process has drawn, if it is free and one that they may have.
    pub(super) fn retake(&self, relayed: RelayedAddr) -> Option<VirtualPort> {
        let own = self.find(relayed.socket().ip()).filter(|own| own.is_virtual(relayed.port()))?;
        own.take(relayed.port()).then(|| VirtualPort::new((own.ip, relayed.port()).into()))
    }

    /// From now on nobody has it; a virtual one may be drawn again. Whoever still sends to it sends to another use of it.
    pub(super) fn ended(&self, relayed: RelayedAddr) {
        let Some(own) = self.find(relayed.socket().ip()) else { return };
        // The holder goes first: the number may be drawn again as soon as the place is free.
        own.holders().remove(&relayed.port());
        own.set(relayed.port(), 0);
    }

    /// A virtual port of this family with a random free number, an even one if it must be. `None`: all are taken.
    pub(super) fn draw(&self, family: Family, even: bool, chance: &mut impl RngCore) -> Option<VirtualPort> {
        self.search(family, chance, |own, number| {
            let fits = !even || number % 2 == 0;
            (fits && own.take(number)).then(|| VirtualPort::new((own.ip, number).into()))
        })
    }

    /// Two virtual ports, an even number and the next higher one.
    pub(super) fn draw_pair(&self, family: Family, chance: &mut impl RngCore) -> Option<(VirtualPort, VirtualPort)> {
        self.search(family, chance, |own, number| {
            let next = number.checked_add(1).filter(|next| number % 2 == 0 && own.is_virtual(*next))?;
            if !own.take(number) {
                return None;
            }
            if !own.take(next) {
                own.set(number, 0);
                return None;
            }
            Some((VirtualPort::new((own.ip, number).into()), VirtualPort::new((own.ip, next).into())))
        })
    }

    /// Offers numbers at random until one is taken, and then each of them once.
    fn search<T>(
        &self,
        family: Family,
        chance: &mut impl RngCore,
        mut take: impl FnMut(&OwnAddress, u16) -> Option<T>,
    ) -> Option<T> {
        let total: u32 = self.of(family).map(OwnAddress::numbers).sum();
        let mut at = 0;
        for _ in 0..DRAWS {
            at = chance.next_u32().checked_rem(total)?;
            let (own, number) = self.number(family, at)?;
            if let Some(taken) = take(own, number) {
                return Some(taken);
            }
        }
        (at..total).chain(0..at).find_map(|at| self.number(family, at).and_then(|(own, number)| take(own, number)))
    }

    /// The number with this place among all that virtual ports of a family may have.
    fn number(&self, family: Family, mut at: u32) -> Option<(&OwnAddress, u16)> {
        for own in self.of(family) {
            match at.checked_sub(own.numbers()) {
                None => return Some((own, own.number(at)?)),
                Some(rest) => at = rest,
            }
        }
        None
    }

    fn of(&self, family: Family) -> impl Iterator<Item = &OwnAddress> {
        self.addresses.iter().filter(move |own| Family::of(own.ip) == family)
    }
}

impl OwnAddress {
    fn new(ip: IpAddr, opened: Option<RangeInclusive<u16>>) -> Self {
        let places = (0..=u16::MAX).map(|_| AtomicU64::new(0)).collect();
        // Port numbers are ours, so nobody can choose ones that collide.
        let holders = HashMap::with_hasher(ahash::RandomState::with_seeds(0, 0, 0, 0));
        Self { ip, opened, places, holders: Mutex::new(holders) }
    }

    /// Whether virtual ports may have this number.
    fn is_virtual(&self, number: u16) -> bool {
        number >= FIRST && !self.opened.as_ref().is_some_and(|opened| opened.contains(&number))
    }

    /// The opened numbers from the first virtual one on: where they begin, and how many they are.
    fn gap(&self) -> (u32, u32) {
        let Some(opened) = &self.opened else { return (u32::from(FIRST), 0) };
        let begin = u32::from((*opened.start()).max(FIRST));
        (begin, (u32::from(*opened.end()) + 1).saturating_sub(begin))
    }

    /// How many numbers virtual ports may have.
    fn numbers(&self) -> u32 {
        (u32::from(u16::MAX) + 1 - u32::from(FIRST)).saturating_sub(self.gap().1)
    }

    fn number(&self, at: u32) -> Option<u16> {
        let (begin, length) = self.gap();
        let number = u32::from(FIRST).saturating_add(at);
        u16::try_from(if number < begin { number } else { number.saturating_add(length) }).ok()
    }

    /// Takes a number that is free.
    fn take(&self, number: u16) -> bool {
        let place = self.places.get(usize::from(number));
        place.is_some_and(|place| place.compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok())
    }

    fn set(&self, number: u16, value: u64) {
        if let Some(place) = self.places.get(usize::from(number)) {
            place.store(value, Ordering::Release);
        }
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Located {
    /// Serial number, shard, kind and index, from the highest bit down.
    fn encode(self) -> u64 {
        let index = self.index & ((1 << INDEX_BITS) - 1);
        let low = u32::from(self.shard) << 24 | u32::from(self.is_virtual) << INDEX_BITS | index;
        u64::from(self.serial) << 32 | u64::from(low)
    }

    fn decode(place: u64) -> Option<Self> {
        let [a, b, c, d, shard, e, f, g] = place.to_be_bytes();
        let serial = u32::from_be_bytes([a, b, c, d]);
        let low = u32::from_be_bytes([0, e, f, g]);
        let is_virtual = low >> INDEX_BITS == 1;
        (serial != 0).then_some(Self { serial, shard, index: low & ((1 << INDEX_BITS) - 1), is_virtual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    const ADDRESS: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    fn chance() -> rand_chacha::ChaCha12Rng {
        rand_chacha::ChaCha12Rng::from_seed([7; 32])
    }

    #[test]
    fn a_place_says_what_was_put_into_it() {
        for is_virtual in [false, true] {
            let located = Located { serial: 0xfedc_ba98, shard: 255, index: (1 << INDEX_BITS) - 2, is_virtual };
            assert_eq!(Located::decode(located.encode()), Some(located));
        }
        assert_eq!(Located::decode(0), None);
        assert_eq!(Located::decode(TAKEN), None);
    }

    #[test]
    fn virtual_ports_have_every_number_once_that_no_opened_port_can_have() {
        let own = OwnAddresses::new(&[ADDRESS], &(2000..=65_000), &[]);
        let mut numbers = Vec::new();
        while let Some(port) = own.draw(Family::V4, false, &mut chance()) {
            numbers.push(port.relayed().port());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1024..2000).chain(65_001..=65_535).collect::<Vec<_>>());
    }

    #[test]
    fn a_number_that_was_given_back_is_drawn_again() {
        let own = OwnAddresses::new(&[ADDRESS], &(1026..=65_535), &[]);
        let draw = || own.draw(Family::V4, false, &mut chance());
        let one = draw().map(|port| port.relayed());
        let two = draw().map(|port| port.relayed());
        assert!(one.is_some() && two.is_some() && one != two);
        assert_eq!(draw(), None);
        one.into_iter().for_each(|relayed| own.ended(relayed));
        assert_eq!(draw().map(|port| port.relayed()), one);
    }

    // RFC 8656 §18.7: an even port, and the next higher one.
    #[test]
    fn pairs_are_even_and_next_to_each_other_and_no_opened_port_is_among_them() {
        let own = OwnAddresses::new(&[ADDRESS], &(1028..=65_535), &[]);
        let mut pairs = Vec::new();
        while let Some((even, odd)) = own.draw_pair(Family::V4, &mut chance()) {
            pairs.push((even.relayed().port(), odd.relayed().port()));
        }
        pairs.sort_unstable();
        assert_eq!(pairs, [(1024, 1025), (1026, 1027)]);
        assert_eq!(own.draw(Family::V4, false, &mut chance()), None);
    }

    #[test]
    fn more_addresses_give_more_numbers_of_their_family_only() {
        let more: IpAddr = [192, 0, 2, 2].into();
        let own = OwnAddresses::new(&[ADDRESS], &(1024..=65_535), &[more, ADDRESS]);
        assert!(own.has_virtual(Family::V4) && !own.has_virtual(Family::V6));
        let drawn = own.draw(Family::V4, true, &mut chance()).map(|port| port.relayed().socket());
        assert!(drawn.is_some_and(|drawn| drawn.ip() == more && drawn.port() % 2 == 0));
        assert_eq!(own.draw(Family::V6, false, &mut chance()), None);
    }
}
