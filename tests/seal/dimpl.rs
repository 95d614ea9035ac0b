//! Real handshakes by a foreign DTLS stack, in simulated time, through a network that loses, repeats and reorders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, Output, certificate};
use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Local, Other, Reason, Settings, Version, Way};
use hilum::time::Moment;

use crate::bytes::{Chance, ciphertext, media};

/// One end and its timer.
struct End {
    dtls: Dtls,
    wake: Option<Instant>,
    connected: bool,
    keyed: bool,
    heard: Vec<u8>,
}

impl End {
    /// Takes out everything that the stack has to say.
    fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 4096];
        let mut sent = Vec::new();
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => sent.push(packet.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    // The stack may name a moment that is over, again and again.
                    self.wake = Some(at.max(now + Duration::from_millis(1)));
                    return sent;
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(..) => self.keyed = true,
                Output::ApplicationData(data) => self.heard.extend(data),
                _ => {}
            }
        }
    }
}

/// What the network does, in per cent.
#[derive(Clone, Copy)]
struct Weather {
    lost: usize,
    twice: usize,
    /// The longest delay, in milliseconds; the shortest is 5.
    delay: usize,
}

struct Call {
    ends: [End; 2],
    /// Datagrams on their way: when they arrive, to whom.
    sky: Vec<(Instant, usize, Vec<u8>)>,
    chance: Chance,
    weather: Weather,
    begun: Instant,
    now: Instant,
    conversations: Conversations,
    flows: [Flow; 2],
    settings: Settings,
    refused: Vec<Reason>,
    opened: Vec<Version>,
}

impl Call {
    fn new(version: Version, seed: u64, mtu: usize, weather: Weather) -> Self {
        #[allow(clippy::disallowed_methods, reason = "the stack counts from some moment; none passes here")]
        let begun = Instant::now();
        let config = Config::builder().mtu(mtu).require_client_certificate(true).dangerously_set_rng_seed(seed);
        let config = Arc::new(config.build().unwrap());
        let end = |active| {
            let certificate = certificate::generate_self_signed_certificate().unwrap();
            let mut dtls = match version {
                Version::Dtls12 => Dtls::new_12(Arc::clone(&config), certificate, begun),
                Version::Dtls13 => Dtls::new_13(Arc::clone(&config), certificate, begun),
            };
            dtls.set_active(active);
            End { dtls, wake: Some(begun), connected: false, keyed: false, heard: Vec::new() }
        };
        let conversations = Conversations::new([1, 2, 3, 4], 10);
        let (alice, bob) = (Party::of(b"alice"), Party::of(b"bob"));
        let relayed = ["198.51.100.1:50001", "198.51.100.1:50002"].map(|text| text.parse().unwrap());
        let start = Moment::from_secs(1000);
        let flow = |party, at: usize, other| {
            let local = Local { party, relayed: relayed[at] };
            conversations.flow(local, relayed[1 - at], Other::Party(other), start).unwrap()
        };
        let flows = [flow(alice, 0, bob), flow(bob, 1, alice)];
        Self {
            ends: [end(true), end(false)],
            sky: Vec::new(),
            chance: Chance::new(seed),
            weather,
            begun,
            now: begun,
            conversations,
            flows,
            settings: Settings::default(),
            refused: Vec::new(),
            opened: Vec::new(),
        }
    }

    /// The relay judges on both of its legs.
    fn relay(&mut self, from: usize, datagram: &[u8]) -> bool {
        let moment = Moment::from_secs(1000) + (self.now - self.begun);
        for (flow, way) in [(from, Way::Up), (1 - from, Way::Down)] {
            let judgement = self.conversations.judge(&mut self.flows[flow], way, datagram, moment, &self.settings);
            if let Some(Fact::Opened { version, .. }) = judgement.fact {
                self.opened.push(version);
            }
            if let Some(reason) = judgement.refused {
                self.refused.push(reason);
                return false;
            }
        }
        true
    }

    fn send(&mut self, from: usize) {
        for datagram in self.ends[from].poll(self.now) {
            let copies = if self.chance.below(100) < self.weather.twice { 2 } else { 1 };
            for _ in 0..copies {
                // What is lost behind the relay was judged all the same.
                let (before, behind) = (self.chance.below(200), self.chance.below(200));
                if before < self.weather.lost || !self.relay(from, &datagram) || behind < self.weather.lost {
                    continue;
                }
                let delay = u64::try_from(5 + self.chance.below(self.weather.delay)).unwrap();
                self.sky.push((self.now + Duration::from_millis(delay), 1 - from, datagram.clone()));
            }
        }
    }

    /// Runs until `done`, for three simulated minutes at most.
    fn run(&mut self, done: impl Fn(&[End; 2]) -> bool) {
        let limit = self.begun + Duration::from_secs(180);
        while !done(&self.ends) {
            let arrival = self.sky.iter().map(|(at, ..)| *at).min();
            let timer = self.ends.iter().filter_map(|end| end.wake).min();
            let next = arrival.into_iter().chain(timer).min().expect("somebody waits for something");
            self.now = self.now.max(next);
            assert!(self.now < limit, "no end: refused {:?}, opened {:?}", self.refused, self.opened);
            let index = self.sky.iter().position(|(at, ..)| *at <= self.now);
            if let Some((_, to, datagram)) = index.map(|index| self.sky.swap_remove(index)) {
                self.ends[to].dtls.handle_timeout(self.now).unwrap();
                self.ends[to].dtls.handle_packet(&datagram).unwrap();
                self.send(to);
            }
            for end in 0..2 {
                if self.ends[end].wake.is_some_and(|at| at <= self.now) {
                    self.ends[end].wake = None;
                    let done = self.ends[end].dtls.handle_timeout(self.now);
                    done.unwrap_or_else(|fault| panic!("{fault}: {:?}, opened {:?}", self.refused, self.opened));
                    self.send(end);
                }
            }
        }
    }
}

fn call(version: Version, seed: u64, mtu: usize, weather: Weather) {
    println!("{version:?}, seed {seed}, {mtu} bytes");
    let mut call = Call::new(version, seed, mtu, weather);
    call.run(|ends| ends.iter().all(|end| end.connected && end.keyed));
    assert_eq!((call.refused.as_slice(), call.opened.as_slice()), ([].as_slice(), [version].as_slice()), "seed {seed}");

    // What comes after: data channels, SRTP, SRTCP.
    call.weather = Weather { lost: 0, twice: 0, delay: 1 };
    for end in 0..2 {
        call.ends[end].dtls.send_application_data(b"a data channel").unwrap();
        call.send(end);
    }
    call.run(|ends| ends.iter().all(|end| end.heard == b"a data channel"));
    for sequence in 0..50 {
        let header = media::Rtp { kind: 111, sequence, ssrc: 7, extension: None, sources: 0, version: 2 };
        let packet = media::rtp(header, &ciphertext(sequence.into(), 90));
        assert!(call.relay(0, &packet) && call.relay(1, &packet));
    }
    let report = media::srtcp(&media::rtcp("compound", 7).unwrap(), 0x0007, true, 1);
    assert!(call.relay(0, &report) || version == Version::Dtls12, "{:?}", call.refused);
    let clear = media::rtcp("compound", 7).unwrap();
    assert!(!call.relay(0, &clear), "clear RTCP passes after a real handshake");
}

const CALM: Weather = Weather { lost: 0, twice: 0, delay: 20 };
const BAD: Weather = Weather { lost: 25, twice: 10, delay: 80 };
/// In pieces of 300 bytes a flight of 1.3 has so many that the stack gives up in bad weather.
const FAIR: Weather = Weather { lost: 8, twice: 10, delay: 80 };
/// Longer delays than the stack waits before it repeats a flight.
const SLOW: Weather = Weather { lost: 5, twice: 5, delay: 1500 };

#[test]
fn dtls_1_2_of_a_rust_stack_is_sealed_in_any_weather() {
    for seed in 0..4 {
        call(Version::Dtls12, seed, 1150, CALM);
        call(Version::Dtls12, 100 + seed, 1150, BAD);
        call(Version::Dtls12, 200 + seed, 300, BAD);
        call(Version::Dtls12, 300 + seed, 1150, SLOW);
    }
}

#[test]
fn dtls_1_3_of_a_rust_stack_is_sealed_in_any_weather() {
    for seed in 0..4 {
        call(Version::Dtls13, seed, 1150, CALM);
        call(Version::Dtls13, 100 + seed, 1150, BAD);
        call(Version::Dtls13, 200 + seed, 300, FAIR);
        call(Version::Dtls13, 300 + seed, 1150, SLOW);
    }
}
