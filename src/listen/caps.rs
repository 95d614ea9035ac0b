//! How many connections there may be, and how many there are.

use core::net::IpAddr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::door::DoorCounts;
use crate::addr::Transport;
use crate::policy::Source;

/// The caps on connections and the counts for metrics.
#[derive(Debug)]
pub struct Connections {
    total: usize,
    per_source: usize,
    held: Mutex<Held>,
    tcp: AtomicUsize,
    tls: AtomicUsize,
    https: AtomicUsize,
    refused: AtomicU64,
    failed_handshakes: AtomicU64,
    failed_proxies: AtomicU64,
    door: DoorCounts,
}

/// What a connection is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rides {
    /// A TURN client, or one that the door has not told yet.
    On(Transport),
    /// A visitor of the door that speaks HTTP.
    Https,
}

#[derive(Default)]
struct Held {
    total: usize,
    /// Never more entries than connections; an entry leaves with its last connection.
    sources: HashMap<Source, usize>,
}

impl core::fmt::Debug for Held {
    /// Law 5: sources are addresses, so only their number is shown.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Held {{ total: {}, sources: {} }}", self.total, self.sources.len())
    }
}

impl Connections {
    /// At most `total` connections, and at most `per_source` of one source.
    pub(super) fn new(total: usize, per_source: usize) -> Self {
        Self {
            total,
            per_source,
            held: Mutex::default(),
            tcp: AtomicUsize::new(0),
            tls: AtomicUsize::new(0),
            https: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            failed_handshakes: AtomicU64::new(0),
            failed_proxies: AtomicU64::new(0),
            door: DoorCounts::default(),
        }
    }

    /// TURN connections of a transport that are open now; UDP has none.
    #[must_use]
    pub fn live(&self, transport: Transport) -> usize {
        self.counter(Rides::On(transport)).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Connections of the door that speak HTTP and are open now, WebSockets among them.
    #[must_use]
    pub fn visitors(&self) -> usize {
        self.https.load(Ordering::Relaxed)
    }

    /// What has come through the door.
    #[must_use]
    pub const fn door(&self) -> &DoorCounts {
        &self.door
    }

    /// Connections that were closed at once because there were too many, in all or of their source.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// TLS handshakes that failed or took too long.
    #[must_use]
    pub fn failed_handshakes(&self) -> u64 {
        self.failed_handshakes.load(Ordering::Relaxed)
    }

    /// Connections of load balancers that did not begin with a PROXY header that can be believed.
    #[must_use]
    pub fn failed_proxies(&self) -> u64 {
        self.failed_proxies.load(Ordering::Relaxed)
    }

    /// Makes room for one connection; `None` when there is none. The room is held until the result is dropped.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, transport: Transport) -> Option<Admitted> {
        let source = Source::of(address);
        if !self.lock().take(source, self.total, self.per_source) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let rides = Rides::On(transport);
        if let Some(counter) = self.counter(rides) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Some(Admitted { connections: self.clone(), source, rides })
    }

    const fn counter(&self, rides: Rides) -> Option<&AtomicUsize> {
        match rides {
            Rides::On(Transport::Udp) => None,
            Rides::On(Transport::Tcp) => Some(&self.tcp),
            Rides::On(Transport::Tls) => Some(&self.tls),
            Rides::Https => Some(&self.https),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take(&mut self, source: Source, total: usize, per_source: usize) -> bool {
        if self.total >= total {
            return false;
        }
        match self.sources.entry(source) {
            Entry::Occupied(entry) if *entry.get() >= per_source => return false,
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            Entry::Vacant(_) if per_source == 0 => return false,
            Entry::Vacant(entry) => {
                entry.insert(1);
            }
        }
        self.total += 1;
        true
    }

    fn give_back(&mut self, source: Source) {
        self.total = self.total.saturating_sub(1);
        if let Entry::Occupied(mut entry) = self.sources.entry(source) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// The room that one connection takes up.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    source: Source,
    rides: Rides,
}

impl core::fmt::Debug for Admitted {
    /// Law 5: the source is an address.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Admitted {{ {:?} }}", self.rides)
    }
}

impl Admitted {
    /// The door has found out what it is. False if there is no room for one more of these: half of all connections is
    /// kept for calls.
    pub(super) fn becomes(&mut self, rides: Rides) -> bool {
        if let Some(counter) = self.connections.counter(rides) {
            let before = counter.fetch_add(1, Ordering::Relaxed);
            if rides == Rides::Https && before >= self.connections.total.div_ceil(2) {
                counter.fetch_sub(1, Ordering::Relaxed);
                self.connections.refused.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        }
        self.leave();
        self.rides = rides;
        true
    }

    fn leave(&self) {
        if let Some(counter) = self.connections.counter(self.rides) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// It is the connection of another source: takes that one's room and gives its own back. False if there is none.
    pub(super) fn moves_to(&mut self, address: IpAddr) -> bool {
        let source = Source::of(address);
        let mut held = self.connections.lock();
        held.give_back(self.source);
        // Its place under the total is free again, so only the source's cap can refuse.
        let taken = held.take(source, self.connections.total, self.connections.per_source);
        if taken {
            self.source = source;
        } else {
            // Until it is dropped, as before: it had this room a moment ago.
            held.take(self.source, usize::MAX, usize::MAX);
            self.connections.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// The load balancer said nothing that can be believed.
    pub(super) fn proxy_failed(&self) {
        self.connections.failed_proxies.fetch_add(1, Ordering::Relaxed);
    }

    /// The TLS handshake did not succeed.
    pub(super) fn handshake_failed(&self) {
        self.connections.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.lock().give_back(self.source);
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<Admitted> {
        connections.admit(address.parse().unwrap(), Transport::Tcp)
    }

    #[test]
    fn one_source_has_its_cap_and_others_have_theirs() {
        let connections = Arc::new(Connections::new(100, 2));
        let first = admit(&connections, "192.0.2.1");
        let second = admit(&connections, "192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(admit(&connections, "192.0.2.1").is_none());
        assert!(admit(&connections, "::ffff:192.0.2.1").is_none(), "a second spelling is the same source");
        assert!(admit(&connections, "192.0.2.2").is_some());
        drop(first);
        assert!(admit(&connections, "192.0.2.1").is_some());
        assert_eq!(connections.refused(), 2);
    }

    #[test]
    fn an_ipv6_source_is_its_64() {
        let connections = Arc::new(Connections::new(100, 1));
        let held = admit(&connections, "2001:db8:0:1::1");
        assert!(held.is_some());
        assert!(admit(&connections, "2001:db8:0:1:ffff::2").is_none());
        assert!(admit(&connections, "2001:db8:0:2::1").is_some());
    }

    #[test]
    fn the_total_holds_over_all_sources() {
        let connections = Arc::new(Connections::new(2, 2));
        let held = [admit(&connections, "192.0.2.1"), admit(&connections, "192.0.2.2")];
        assert!(held.iter().all(Option::is_some));
        assert_eq!(connections.live(Transport::Tcp), 2);
        assert!(admit(&connections, "192.0.2.3").is_none());
    }

    #[test]
    fn the_last_connection_of_a_source_leaves_no_entry() {
        let connections = Arc::new(Connections::new(100, 10));
        let held: Vec<_> = (0..5).map(|_| admit(&connections, "192.0.2.1")).collect();
        assert_eq!(connections.lock().sources.len(), 1);
        drop(held);
        assert_eq!(format!("{:?}", *connections.lock()), "Held { total: 0, sources: 0 }");
        assert_eq!(connections.live(Transport::Tcp), 0);
    }

    #[test]
    fn a_connection_of_a_proxy_comes_under_the_caps_of_its_client() {
        let connections = Arc::new(Connections::new(4, 2));
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let mut first = admit(&connections, "10.0.0.7").unwrap();
        let mut second = admit(&connections, "10.0.0.7").unwrap();
        assert!(admit(&connections, "10.0.0.7").is_none());
        assert!(first.moves_to(client) && second.moves_to(client));
        let mut third = admit(&connections, "10.0.0.7").unwrap();
        assert!(!third.moves_to(client));
        assert_eq!((connections.refused(), connections.live(Transport::Tcp)), (2, 3));
        drop(second);
        assert!(third.moves_to(client));
        drop((first, third));
        assert_eq!(format!("{:?}", *connections.lock()), "Held { total: 0, sources: 0 }");
    }

    #[test]
    fn a_refused_connection_leaves_no_entry() {
        let connections = Arc::new(Connections::new(100, 0));
        assert!(admit(&connections, "192.0.2.1").is_none());
        assert_eq!(connections.lock().sources.len(), 0);
    }
}
