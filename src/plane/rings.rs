//! From shard to shard: one ring for each pair and direction. A datagram is copied once, nobody waits, and a shard is
//! woken once for all that a batch had for it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtrb::{Consumer, Producer, RingBuffer};

use super::wake::Waker;
use crate::addr::RelayedAddr;
use crate::turn::{Origin, Slot};

/// Bytes that may wait in one ring: 1,200 voice packets, or a tenth of a second of video at 20 Mbit/s. A shard that does
/// not come round in that time is overloaded; what it misses then is dropped and counted.
const CAPACITY: usize = 256 * 1024;
/// Datagrams out of all rings per turn: a quarter of what a turn has slots for.
const PER_TURN: usize = 32;
/// Bytes of an address: family, IP, port.
const ADDRESS: usize = 19;
/// Bytes of an address's serial number.
const SERIAL: usize = 4;
/// Bytes before each datagram: its length, which use of the receiver's address is meant, from and to where.
const HEADER: usize = 2 + SERIAL + 2 * ADDRESS;

/// The rings of one shard.
#[derive(Debug)]
pub(super) struct Rings {
    /// By shard; `None` for itself.
    outgoing: Vec<Option<Outgoing>>,
    incoming: Vec<Consumer<u8>>,
    /// Which one is asked first in the next turn.
    next: usize,
}

#[derive(Debug)]
struct Outgoing {
    ring: Producer<u8>,
    waker: Waker,
    /// It has been given something since it was woken last.
    given: bool,
}

impl Rings {
    /// The rings of all shards that these wake, in their order.
    pub(super) fn connect(wakers: &[Waker]) -> Vec<Self> {
        let new = || Self { outgoing: Vec::new(), incoming: Vec::new(), next: 0 };
        let mut all: Vec<Self> = wakers.iter().map(|_| new()).collect();
        for from in 0..wakers.len() {
            let outgoing = wakers.iter().zip(&mut all).enumerate().map(|(to, (waker, rings))| {
                (from != to).then(|| {
                    let (ring, incoming) = RingBuffer::new(CAPACITY);
                    rings.incoming.push(incoming);
                    Outgoing { ring, waker: waker.clone(), given: false }
                })
            });
            let outgoing = outgoing.collect();
            if let Some(rings) = all.get_mut(from) {
                rings.outgoing = outgoing;
            }
        }
        all
    }

    /// Puts the slot's message into a shard's ring. `false`: the ring is full, or there is no such shard.
    pub(super) fn push(
        &mut self,
        shard: u8,
        from: RelayedAddr,
        (to, serial): (RelayedAddr, u32),
        slot: &mut Slot,
    ) -> bool {
        let Some(Some(outgoing)) = self.outgoing.get_mut(usize::from(shard)) else { return false };
        let Ok(length) = u16::try_from(slot.message().len()) else { return false };
        let mut header = [0; HEADER];
        let (head, rest) = header.split_at_mut(2);
        let (number, addresses) = rest.split_at_mut(SERIAL);
        let (first, second) = addresses.split_at_mut(ADDRESS);
        head.copy_from_slice(&length.to_be_bytes());
        number.copy_from_slice(&serial.to_be_bytes());
        encode(from, first);
        encode(to, second);
        // All at once, so that the other side never sees a part.
        let pushed = slot.prepend(&header) && outgoing.ring.push_entire_slice(slot.message()).is_ok();
        outgoing.given |= pushed;
        pushed
    }

    /// Wakes every shard that has been given something.
    pub(super) fn wake(&mut self) {
        for outgoing in self.outgoing.iter_mut().flatten() {
            if core::mem::take(&mut outgoing.given) {
                outgoing.waker.wake();
            }
        }
    }

    /// Whether something waits for this shard.
    pub(super) fn waiting(&self) -> bool {
        self.incoming.iter().any(|ring| !ring.is_empty())
    }

    /// Fills slots from the rings, each in its turn; says how many.
    pub(super) fn receive(&mut self, slots: &mut [Slot]) -> usize {
        let rings = self.incoming.len();
        let mut free = slots.iter_mut().take(PER_TURN);
        let mut filled = 0;
        let mut quiet = 0;
        while quiet < rings {
            let at = self.next;
            self.next = if at + 1 < rings { at + 1 } else { 0 };
            let Some(ring) = self.incoming.get_mut(at).filter(|ring| !ring.is_empty()) else {
                quiet += 1;
                continue;
            };
            let Some(slot) = free.next() else { break };
            quiet = 0;
            if pop(ring, slot).is_some() {
                filled += 1;
            }
        }
        filled
    }
}

/// What is in a ring was put there by [`Rings::push`], whole.
fn pop(ring: &mut Consumer<u8>, slot: &mut Slot) -> Option<()> {
    let mut header = [0; HEADER];
    ring.pop_entire_slice(&mut header).ok()?;
    let (length, rest) = header.split_first_chunk::<2>()?;
    let (serial, addresses) = rest.split_first_chunk::<SERIAL>()?;
    let serial = u32::from_be_bytes(*serial);
    let (from, to) = addresses.split_at_checked(ADDRESS)?;
    let length = usize::from(u16::from_be_bytes(*length));
    ring.pop_entire_slice(slot.receive_area().get_mut(..length)?).ok()?;
    slot.fill(length, Origin::Shard { from: decode(from)?, to: decode(to)?, serial });
    Some(())
}

fn encode(address: RelayedAddr, place: &mut [u8]) {
    let mut bytes = [0; ADDRESS];
    let (kind, rest) = bytes.split_at_mut(1);
    let (ip, port) = rest.split_at_mut(16);
    let (four, octets) = match address.socket().ip() {
        IpAddr::V4(v4) => (1, v4.to_ipv6_mapped().octets()),
        IpAddr::V6(v6) => (0, v6.octets()),
    };
    kind.fill(four);
    ip.copy_from_slice(&octets);
    port.copy_from_slice(&address.port().to_be_bytes());
    place.copy_from_slice(&bytes);
}

fn decode(bytes: &[u8]) -> Option<RelayedAddr> {
    let (kind, rest) = bytes.split_first()?;
    let (ip, port) = rest.split_first_chunk::<16>()?;
    let ip = match kind {
        1 => IpAddr::V4(Ipv4Addr::from(*ip.last_chunk::<4>()?)),
        _ => IpAddr::V6(Ipv6Addr::from(*ip)),
    };
    Some(RelayedAddr::new(SocketAddr::new(ip, u16::from_be_bytes(*port.first_chunk::<2>()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::LARGEST;

    fn address(text: &str) -> RelayedAddr {
        RelayedAddr::new(text.parse().unwrap())
    }

    fn shards(count: usize) -> Vec<Rings> {
        Rings::connect(&(0..count).map(|_| Waker::silent()).collect::<Vec<_>>())
    }

    fn slot(bytes: &[u8]) -> Slot {
        let mut slot = Slot::new();
        slot.fill_from(bytes, Origin::Shard { from: address("0.0.0.0:0"), to: address("0.0.0.0:0"), serial: 0 });
        slot
    }

    #[test]
    fn a_datagram_arrives_as_it_was_with_its_two_addresses() {
        let mut all = shards(3);
        let (from, to) = (address("192.0.2.1:2000"), address("192.0.2.1:3000"));
        let (from_v6, to_v6) = (address("[2001:db8::1]:2000"), address("[2001:db8::2]:65535"));
        assert!(all[0].push(2, from, (to, 7), &mut slot(&[7; 172])));
        assert!(all[1].push(2, from_v6, (to_v6, 7), &mut slot(&[])));
        let mut slots = [Slot::new(), Slot::new(), Slot::new()];
        assert!(all[2].waiting() && !all[1].waiting());
        assert_eq!(all[2].receive(&mut slots), 2);
        assert_eq!(slots[0].message(), &[7; 172]);
        assert_eq!(slots[0].origin(), Some(Origin::Shard { from, to, serial: 7 }));
        assert!(slots[1].message().is_empty());
        assert_eq!(slots[1].origin(), Some(Origin::Shard { from: from_v6, to: to_v6, serial: 7 }));
        assert!(!all[2].waiting());
    }

    #[test]
    fn the_largest_datagram_fits_and_a_full_ring_takes_none() {
        let mut all = shards(2);
        let (from, to) = (address("192.0.2.1:2000"), address("192.0.2.1:3000"));
        let bytes: Vec<u8> = (0..LARGEST).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut pushed = 0;
        while all[0].push(1, from, (to, 7), &mut slot(&bytes)) {
            pushed += 1;
        }
        assert_eq!(pushed, CAPACITY / (LARGEST + HEADER));
        let mut slots: Vec<_> = (0..8).map(|_| Slot::new()).collect();
        assert_eq!(all[1].receive(&mut slots), pushed);
        assert!(slots.iter().take(pushed).all(|slot| slot.message() == bytes));
        assert!(all[0].push(1, from, (to, 7), &mut slot(&bytes)));
    }

    #[test]
    fn no_ring_leads_to_oneself_or_to_nobody() {
        let mut all = shards(2);
        let (from, to) = (address("192.0.2.1:2000"), address("192.0.2.1:3000"));
        assert!(!all[0].push(0, from, (to, 7), &mut slot(&[1])));
        assert!(!all[0].push(2, from, (to, 7), &mut slot(&[1])));
    }

    // One shard that sends without end must not keep the others from being heard.
    #[test]
    fn every_ring_has_its_turn() {
        let mut all = shards(3);
        let (from, to) = (address("192.0.2.1:2000"), address("192.0.2.1:3000"));
        for _ in 0..100 {
            assert!(all[0].push(2, from, (to, 7), &mut slot(&[0])));
        }
        assert!(all[1].push(2, from, (to, 7), &mut slot(&[1])));
        let mut slots: Vec<_> = (0..64).map(|_| Slot::new()).collect();
        assert_eq!(all[2].receive(&mut slots), PER_TURN);
        assert!(slots.iter().take(PER_TURN).any(|slot| slot.message() == [1]));
    }
}
