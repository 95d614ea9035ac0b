//! One user at full speed does not cost others a packet.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hilum::plane::sim::{Sent, Sim, SimNet};
use hilum::plane::{RelayAddress, Settings, Shard, Tuning};
use hilum::policy::{Quota, RateLimit};
use hilum::time::UnixTime;
use hilum::turn::Common;

use crate::client::{OTHER_USER, TurnClient, USER, channel_data};
use crate::relay_with;

/// What each user may send: 20 Mbit/s.
const RATE: RateLimit = RateLimit { kbps: NonZeroU32::new(20_000), packets: NonZeroU32::new(5000) };
const FLOODER: ([u8; 4], u16) = ([198, 51, 100, 1], 5000);
const TALKER: ([u8; 4], u16) = ([198, 51, 100, 2], 5000);
/// Milliseconds of every story.
const LONG: u64 = 1000;

struct World {
    sim: Sim,
    shard: Shard<SimNet>,
    arrived: HashMap<(SocketAddr, usize), u64>,
}

impl World {
    fn new() -> Self {
        let address = RelayAddress { local: [10, 0, 0, 5].into(), external: [203, 0, 113, 5].into() };
        let settings = Settings {
            udp: Vec::new(),
            relay: vec![address],
            ports: 50_000..=50_999,
            shards: 1,
            tuning: Tuning::default(),
        };
        let sim = Sim::new(1, &settings, UnixTime::from_secs(1_700_000_000));
        let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[address.external]);
        let turn = hilum::turn::Settings { spare_ports: 8, user_rate: RATE, ..hilum::turn::Settings::default() };
        let (net, _gate) = sim.net(0);
        let (sender, _facts) = sync_channel(1000);
        let (shard, _handle) = Shard::new(0, net, relay_with(&common, 0, turn), sim.waker(), sender);
        let mut world = Self { sim, shard, arrived: HashMap::new() };
        world.settle();
        world
    }

    fn settle(&mut self) {
        assert!(self.shard.turn());
        while self.shard.net_mut().is_busy() {
            assert!(self.shard.turn());
        }
    }

    /// A client of this user with a channel to a peer of its own, the next port of its host.
    fn join(&mut self, client: SocketAddr, user: &'static str) {
        let mut turn = TurnClient::of(user);
        let mut exchange = |bytes: &[u8]| {
            self.sim.client_sends(client, 0, bytes);
            self.settle();
            match self.sim.take_sent() {
                Some(Sent::ToClient { bytes, .. }) => bytes,
                other => panic!("not an answer: {other:?}"),
            }
        };
        turn.allocate(&mut exchange).unwrap();
        turn.bind(&mut exchange, SocketAddr::new(client.ip(), client.port() + 1)).unwrap();
    }

    fn send(&mut self, client: SocketAddr, bytes: usize, count: usize) {
        for _ in 0..count {
            self.sim.client_sends(client, 0, &channel_data(&vec![0x80; bytes]));
        }
    }

    /// What is on its way is relayed within this millisecond; what arrives is counted by who sent it and by size.
    fn a_millisecond(&mut self) {
        self.settle();
        while let Some(sent) = self.sim.take_sent() {
            let Sent::ToPeer { to, bytes, .. } = sent else { panic!("{sent:?}") };
            let from = SocketAddr::new(to.ip(), to.port() - 1);
            *self.arrived.entry((from, bytes.len())).or_default() += 1;
        }
        self.sim.advance(Duration::from_millis(1));
    }
}

/// The flooder sends 400 Mbit/s, and the talker voice and 4 Mbit/s of video. How many packets of the flooder, of voice and
/// of video arrive.
fn story(talker: &'static str) -> [u64; 3] {
    let (one, two) = (SocketAddr::from(FLOODER), SocketAddr::from(TALKER));
    let mut world = World::new();
    world.join(one, USER);
    world.join(two, talker);
    for millisecond in 0..LONG {
        world.send(one, 1250, 40);
        if millisecond % 5 == 0 {
            world.send(two, 200, 1);
            world.send(two, 1251, 2);
        }
        world.a_millisecond();
    }
    [(one, 1250), (two, 200), (two, 1251)].map(|key| world.arrived.get(&key).copied().unwrap_or(0))
}

#[test]
fn one_user_at_full_speed_does_not_cost_others_a_packet() {
    let [flood, voice, video] = story(OTHER_USER);
    assert_eq!((voice, video), (LONG / 5, 2 * LONG / 5));
    // Half a second's worth at once, and two packets in each millisecond after the first.
    assert_eq!(flood, 1000 + 2 * (LONG - 1));
}

// The same, where both share a rate: the flood takes it, and leaves the voice.
#[test]
fn who_shares_a_rate_with_a_flood_keeps_the_voice() {
    let [flood, voice, video] = story(USER);
    assert_eq!(voice, LONG / 5);
    assert!(video < LONG / 5, "{video}");
    assert!(flood < 1000 + 2 * (LONG - 1), "{flood}");
}
