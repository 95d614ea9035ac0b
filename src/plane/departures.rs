//! What leaves in a turn, put together by socket, and within a socket by destination: so that the datagrams of one flow are
//! neighbours, in their order, and leave in one message. The cost grows with the number of datagrams, not with its square.

use core::array;
use core::net::{IpAddr, SocketAddr};

use super::sys::BATCH;

/// Places of a table of flows or sockets: twice as many as there can be.
const PLACES: usize = 2 * BATCH;
/// In a list of numbers: no other follows.
const NONE: u8 = u8::MAX;

/// A list of numbers below [`BATCH`].
#[derive(Clone, Copy, Debug)]
struct Chain {
    first: u8,
    last: u8,
}

impl Chain {
    const fn of(one: u8) -> Self {
        Self { first: one, last: one }
    }

    /// Appends a number; `next` says of each which follows it.
    fn append(&mut self, one: u8, next: &mut [u8; BATCH]) {
        if let Some(place) = next.get_mut(usize::from(self.last)) {
            *place = one;
        }
        self.last = one;
    }
}

/// Datagrams from one socket to one address.
#[derive(Clone, Copy, Debug)]
struct Flow {
    socket: u64,
    to: SocketAddr,
    datagrams: Chain,
}

/// The datagrams of one turn that leave.
pub(super) struct Departures {
    /// Each socket's key, and its flows.
    sockets: Vec<(u64, Chain)>,
    flows: Vec<Flow>,
    /// For each flow and each datagram, which one follows.
    next_flow: [u8; BATCH],
    next_datagram: [u8; BATCH],
    /// Where sockets and flows are, by hash.
    socket_places: [u8; PLACES],
    flow_places: [u8; PLACES],
    /// The destination of each datagram.
    to: [SocketAddr; BATCH],
    /// One socket's datagrams.
    order: Vec<u8>,
}

impl Departures {
    pub(super) fn new() -> Box<Self> {
        const { assert!(BATCH <= NONE as usize, "every datagram has a number, and NONE is not one") };
        Box::new(Self {
            sockets: Vec::with_capacity(BATCH),
            flows: Vec::with_capacity(BATCH),
            next_flow: [NONE; BATCH],
            next_datagram: [NONE; BATCH],
            socket_places: [NONE; PLACES],
            flow_places: [NONE; PLACES],
            to: array::from_fn(|_| SocketAddr::from(([0, 0, 0, 0], 0))),
            order: Vec::with_capacity(BATCH),
        })
    }

    /// The datagram with this number, higher than those before, leaves from `socket` to `to`.
    pub(super) fn add(&mut self, datagram: u8, socket: u64, to: SocketAddr) {
        let at = usize::from(datagram);
        let (Some(place), Some(next)) = (self.to.get_mut(at), self.next_datagram.get_mut(at)) else { return };
        *place = to;
        *next = NONE;
        // A burst comes in one piece.
        let same = |flow: &Flow| flow.socket == socket && flow.to == to;
        if let Some(flow) = self.flows.last_mut().filter(|flow| same(flow)) {
            return flow.datagrams.append(datagram, &mut self.next_datagram);
        }
        let place = find(&mut self.flow_places, hash(socket, to), |flow| self.flows.get(flow).is_some_and(same));
        if let Some(flow) = self.flows.get_mut(usize::from(*place)) {
            return flow.datagrams.append(datagram, &mut self.next_datagram);
        }
        let Some(number) = number(self.flows.len()) else { return };
        *place = number;
        self.flows.push(Flow { socket, to, datagrams: Chain::of(datagram) });
        self.join(socket, number);
    }

    /// A new flow joins those of its socket.
    fn join(&mut self, socket: u64, flow: u8) {
        if let Some(next) = self.next_flow.get_mut(usize::from(flow)) {
            *next = NONE;
        }
        let same = |at: usize| self.sockets.get(at).is_some_and(|(key, _)| *key == socket);
        let place = find(&mut self.socket_places, spread(socket), same);
        if let Some((_, flows)) = self.sockets.get_mut(usize::from(*place)) {
            return flows.append(flow, &mut self.next_flow);
        }
        if let Some(number) = number(self.sockets.len()) {
            *place = number;
            self.sockets.push((socket, Chain::of(flow)));
        }
    }

    /// How many sockets have something to send.
    pub(super) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// What leaves from the socket at `at`, flow by flow, and where each datagram goes, by its number.
    pub(super) fn from(&mut self, at: usize) -> Option<(u64, &[u8], &[SocketAddr])> {
        let &(socket, flows) = self.sockets.get(at)?;
        self.order.clear();
        let mut flow = flows.first;
        while let Some(each) = self.flows.get(usize::from(flow)) {
            let mut datagram = each.datagrams.first;
            while let Some(&next) = self.next_datagram.get(usize::from(datagram)) {
                self.order.push(datagram);
                datagram = next;
            }
            flow = self.next_flow.get(usize::from(flow)).copied().unwrap_or(NONE);
        }
        Some((socket, &self.order, &self.to))
    }

    /// Everything has left.
    pub(super) fn clear(&mut self) {
        if !self.flows.is_empty() {
            self.sockets.clear();
            self.flows.clear();
            self.socket_places.fill(NONE);
            self.flow_places.fill(NONE);
        }
    }
}

fn number(count: usize) -> Option<u8> {
    u8::try_from(count).ok().filter(|&number| usize::from(number) < BATCH)
}

/// The place of the entry that `is` it, or the free place where it belongs.
fn find(places: &mut [u8; PLACES], hash: u64, is: impl Fn(usize) -> bool) -> &mut u8 {
    let mut at = usize::try_from(hash >> 32).unwrap_or(0) % PLACES;
    // Half of the places are free.
    while let Some(&number) = places.get(at)
        && number != NONE
        && !is(usize::from(number))
    {
        at = (at + 1) % PLACES;
    }
    &mut places[at]
}

/// Spreads keys, whatever they are, over 32 upper bits. Who could choose them so that all meet at one place would make us
/// look at as many as a turn has.
const fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn hash(socket: u64, to: SocketAddr) -> u64 {
    let ip = match to.ip() {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            spread((bits >> 64) as u64) ^ bits as u64
        }
    };
    spread(spread(socket) ^ (ip << 16) ^ ip.rotate_right(32) ^ u64::from(to.port()))
}

#[cfg(test)]
mod tests;
