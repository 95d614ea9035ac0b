//! The seal without a relay: flows and conversations, and a clock that is set by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Local, Mode, Other, Settings, Way};
use hilum::time::Moment;

use crate::language::Place;
use crate::stage::{Seen, Stage, Who};

pub struct Alone {
    conversations: Conversations,
    settings: Settings,
    now: Moment,
    /// By the allocation and the peer's address.
    flows: BTreeMap<(Place, SocketAddr), Flow>,
    ports: BTreeMap<Place, u16>,
    next_port: u16,
    closed: usize,
}

impl Alone {
    pub fn new(settings: Settings) -> Self {
        Self {
            conversations: Conversations::new([1, 2, 3, 4], 1000),
            settings,
            now: Moment::from_secs(1000),
            flows: BTreeMap::new(),
            ports: BTreeMap::new(),
            next_port: 50_000,
            closed: 0,
        }
    }

    /// The relayed address of an allocation, of the family that its peer has.
    fn relayed(&mut self, place: &Place, v6: bool) -> SocketAddr {
        let port = *self.ports.entry(place.clone()).or_insert_with(|| {
            self.next_port += 1;
            self.next_port
        });
        let ip = if v6 { crate::world::RELAY_V6 } else { crate::world::RELAY_V4 };
        SocketAddr::new(ip.parse().unwrap(), port)
    }

    fn judge(&mut self, place: &Place, person: &str, peer: (&Place, &Who), way: Way, datagram: &[u8]) -> Seen {
        let party = Party::of(person.as_bytes());
        let (address, other) = match peer.1 {
            Who::Client(other) => (self.relayed(peer.0, false), Other::Party(Party::of(other.as_bytes()))),
            Who::Foreign(address) => (*address, Other::Address(address.ip())),
        };
        let local = Local { party, relayed: self.relayed(place, address.is_ipv6()) };
        let flow = match self.flows.entry((place.clone(), address)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(self.conversations.flow(local, address, other, self.now).expect("a small table"))
            }
        };
        let judgement = self.conversations.judge(flow, way, datagram, self.now, &self.settings);
        let opened = match judgement.fact {
            Some(Fact::Opened { version, .. }) => Some(version),
            _ => None,
        };
        let forwarded = judgement.refused.is_none() || self.settings.mode == Mode::Report;
        Seen { refused: judgement.refused, forwarded, opened }
    }
}

impl Stage for Alone {
    fn send(&mut self, from: (&Place, &Who), to: (&Place, &Who), datagram: &[u8]) -> Seen {
        let mut seen = Seen { forwarded: true, ..Seen::default() };
        if let Who::Client(person) = from.1 {
            seen = self.judge(from.0, person, to, Way::Up, datagram);
        }
        if let Who::Client(person) = to.1
            && seen.forwarded
        {
            let second = self.judge(to.0, person, from, Way::Down, datagram);
            seen = Seen {
                refused: seen.refused.or(second.refused),
                forwarded: second.forwarded,
                opened: seen.opened.or(second.opened),
            };
        }
        seen
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.closed += self.conversations.sweep(self.now, self.settings.grace).len();
        }
    }

    fn end(&mut self, place: &Place) {
        self.flows.retain(|(allocation, _), _| allocation != place);
        self.ports.remove(place);
    }

    fn closed(&self) -> usize {
        self.closed
    }
}
