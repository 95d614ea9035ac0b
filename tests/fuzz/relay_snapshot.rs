//! A relay that begins with the records of another one, whatever stands in them: an input is a list of records, a length
//! of two bytes before each. Whatever it takes in, it goes on with: its books are right, it writes what it has read, and
//! another relay takes all of that in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use hilum::addr::{FiveTuple, PeerAddr, RelayedAddr};
use hilum::auth::{Authenticator, CallTokens, Credentials, NonceKey};
use hilum::policy::{PeerRules, Policy, Quota, RateLimit, seal};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{
    Common, EndCause, Event, NotRestored, Origin, Port, PortKey, RecordKey, Relay, Restored, Settings, Slot,
};
use hilum::wire::{ChannelNumber, write_channel_header};

use super::relay::world::{RELAY_V4, RELAY_V6};
use super::relay_calls::issuer::rules;

const QUOTA: Quota = Quota { total: 8, per_subject: 8 };
/// Records of one input that are read.
const MOST: usize = 24;

const START: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Made once: it costs more than most inputs.
static AUTHENTICATOR: LazyLock<Arc<Authenticator>> = LazyLock::new(|| {
    let nobody = Credentials::new(Vec::new(), Vec::new()).expect("nobody has to be sound");
    let authenticator = Authenticator::new("hilum", nobody, NonceKey::new([7; 32]), Lifetime::from_secs(600));
    Arc::new(authenticator.with_tokens(Some(Arc::new(CallTokens::new(rules()).reaching_outside(true)))))
});

/// A relay, and the sockets that it was given.
struct Restarted {
    relay: Relay,
    common: Arc<Common>,
    now: Now,
    given: BTreeMap<PortKey, RelayedAddr>,
    clients: Vec<FiveTuple>,
}

impl Restarted {
    fn new() -> Self {
        let own = [RELAY_V4, RELAY_V6];
        let allow = ["203.0.113.0/24", "2001:db8::/32"].map(|text| text.parse().expect("a network"));
        let policy = Policy {
            peers: PeerRules::new(allow.to_vec(), Vec::new(), 1024, own.to_vec()),
            quota: QUOTA,
            challenges_per_second: 1_000_000,
            seal: seal::Settings::default(),
        };
        let limit = RateLimit { kbps: core::num::NonZeroU32::new(1000), packets: None };
        let settings = Settings { user_rate: limit, spare_ports: 1, spare_pairs: 0, ..Settings::default() };
        let common = Common::new(QUOTA, &own);
        let relay = Relay::new(settings, Arc::clone(&AUTHENTICATOR), Arc::new(policy), Arc::clone(&common), [9; 32]);
        let now = Now { moment: Moment::from_secs(1020), unix: START.plus_secs(20) };
        Self { relay, common, now, given: BTreeMap::new(), clients: Vec::new() }
    }

    fn restore(&mut self, record: &[u8]) -> Result<Restored, NotRestored> {
        let given = &mut self.given;
        let restored = self.relay.restore(record, self.now, |relayed| {
            // The system opens no address twice.
            if given.values().any(|each| *each == relayed) {
                return None;
            }
            let key = PortKey(u32::try_from(given.len()).expect("few"));
            given.insert(key, relayed);
            Some(Port::new(key, relayed))
        });
        if let Ok(Restored::Allocation { client }) = restored {
            self.clients.push(client);
        }
        restored
    }

    fn records(&mut self) -> BTreeMap<RecordKey, Vec<u8>> {
        let mut records = BTreeMap::new();
        let mut next = Some(RecordKey::FIRST);
        while let Some(from) = next {
            next = self.relay.walk(from, 100, |key, record| {
                assert!(record.len() <= hilum::turn::LONGEST_RECORD);
                records.insert(key, record.to_vec());
            });
        }
        records
    }

    /// What lives is counted, what has ended is told, and what `changed` hands out is what there is.
    fn check(&mut self) {
        let live = self.relay.allocations();
        assert_eq!((live, self.common.ledger().live()), (self.clients.len(), live));
        let events: Vec<Event> = core::iter::from_fn(|| self.relay.take_event()).collect();
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Restored { .. })).count(), live);
        let mut changed = BTreeMap::new();
        while self.relay.changed(self.now, 7, |key, record| {
            changed.insert(key, record.expect("nothing is gone yet").to_vec());
        }) {}
        assert_eq!(changed, self.records());
    }

    /// Everybody says something, time passes, and then all ends.
    fn live_and_end(mut self) {
        let mut slot = Slot::new();
        let data: [&[u8]; 4] =
            [&[0x80, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4], &[22, 254, 253], &[0, 1, 0, 0], b"words"];
        let peers = ["203.0.113.5:7000", "[2001:db8:2::5]:7000", "198.51.100.1:1024"];
        for seconds in [0, 1, 250, 4000] {
            self.now.moment = self.now.moment + core::time::Duration::from_secs(seconds);
            for datagram in data {
                for client in self.clients.clone() {
                    for number in [0x4000, 0x4001] {
                        let channel = ChannelNumber::new(number).expect("a channel");
                        let length = u16::try_from(datagram.len()).expect("short");
                        let message = [&write_channel_header(channel, length)[..], datagram].concat();
                        slot.fill_from(&message, Origin::Client(client));
                        self.relay.handle(&mut slot, self.now);
                    }
                }
                for (port, peer) in self.given.keys().flat_map(|port| peers.map(|peer| (*port, peer))) {
                    let peer = PeerAddr::canonical(peer.parse::<SocketAddr>().expect("an address"));
                    slot.fill_from(datagram, Origin::Peer { port, peer });
                    self.relay.handle(&mut slot, self.now);
                }
            }
            self.relay.tick(self.now);
            self.relay.changed(self.now, 5, |_, _| ());
        }
        self.relay.end_all(EndCause::Stopped, self.now);
        self.relay.tick(self.now);
        assert_eq!((self.relay.allocations(), self.common.ledger().live()), (0, 0));
        while let Some(port) = self.relay.take_closed() {
            assert_eq!(self.given.remove(&port.key()), Some(port.relayed()), "a port comes back once");
        }
        // What was reserved for longer than this world lives is still there.
        let reserved = self.records().keys().filter(|key| matches!(key, RecordKey::Reservation(_))).count();
        assert!(self.given.len() <= reserved, "{} ports have not come back", self.given.len());
    }
}

/// The records of an input.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (record, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        records.push(record);
        bytes = rest;
    }
    records.truncate(MOST);
    records
}

/// Restores what stands in an input; how many records were taken in, and how many were not.
pub fn run_snapshot(bytes: &[u8]) -> [usize; 2] {
    let mut relay = Restarted::new();
    let restored: Vec<_> = records(bytes).into_iter().map(|record| relay.restore(record)).collect();
    relay.check();
    let written = relay.records();
    let mut other = Restarted::new();
    for (key, record) in &written {
        let restored = other.restore(record);
        assert!(restored.is_ok(), "{key:?} was written and is not read: {restored:?}");
    }
    other.check();
    let again = other.records();
    let values = |records: &BTreeMap<_, Vec<u8>>| {
        let mut values: Vec<_> = records.values().cloned().collect();
        values.sort();
        values
    };
    assert_eq!(values(&written), values(&again), "what was written, read and written again");
    relay.live_and_end();
    other.live_and_end();
    let taken = restored.iter().filter(|restored| restored.is_ok()).count();
    [taken, restored.len() - taken]
}

/// Records of another process.
pub fn relay_snapshot(bytes: &[u8]) {
    run_snapshot(bytes);
}
