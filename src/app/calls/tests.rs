//! Calls put together from facts that are made up: times pass without waiting, and facts get lost.

use core::sync::atomic::AtomicBool;
use std::sync::OnceLock;

use arc_swap::{ArcSwap, ArcSwapOption};
use tempfile::TempDir;

use super::super::succession::Legacy;
use super::*;
use crate::addr::{ClientAddr, Family, Link};
use crate::audit;
use crate::audit::fact::{Gap, GapCause};
use crate::audit::verify::{Evidence, verify};
use crate::auth::Subject;
use crate::auth::token::{Claims, Limits};
use crate::clock::SystemClock;
use crate::config;
use crate::plane::Resumed;
use crate::policy::Quota;
use crate::policy::seal::{SuiteClass, Version};
use crate::turn::{Common, Families, Volume};

struct World {
    folder: TempDir,
    recorder: Recorder,
    record: Arc<Record>,
    now: Now,
}

const SECRET: &str = "open sesame, said Ali Baba";

fn world(quota: usize) -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("secret"), mode).unwrap();
    let text = format!(
        "[relay]\naddresses = [\"127.0.0.1\"]\n[limits]\nallocations = {quota}\n[auth]\n\
         shared_secret_files = [\"secret\"]\n[audit]\ndirectory = \"log\"\n"
    );
    let config = config::check(&text, folder.path().join("hilum.toml"), &config::System).unwrap();
    let clock = SystemClock::start();
    let record = Record::open(&config, clock).unwrap().unwrap();
    let view = Arc::new(View {
        shards: Vec::new(),
        common: Common::new(Quota::default(), &[]),
        seal_mode: ArcSwap::from_pointee(Mode::Enforce),
        connections: OnceLock::new(),
        api: OnceLock::new(),
        signal: OnceLock::new(),
        webhooks: OnceLock::new(),
        certificates: None,
        acme: Arc::default(),
        keyring: ArcSwapOption::empty(),
        clock,
        record: Some(Arc::clone(&record)),
        resumed: Resumed::default(),
        uses: Arc::default(),
        legacy: Legacy::default(),
        leaving: AtomicBool::new(false),
    });
    let recorder = Recorder::new(Arc::clone(&record), &view, &config, None);
    World { folder, recorder, record, now: clock.now() }
}

fn client(number: u16) -> FiveTuple {
    let client = ClientAddr::new(([192, 0, 2, 1], 4000 + number).into());
    FiveTuple { client, link: Link::Udp(0) }
}

impl World {
    /// The grant of a token that ends in an hour.
    fn grant(&self, call: &str) -> CallGrant {
        let now = self.now.unix;
        let claims = Claims {
            issuer: "clinic".parse().unwrap(),
            audience: "cluster".parse().unwrap(),
            id: "token".parse().unwrap(),
            not_before: now,
            expires: now.plus_secs(600),
            end: now.plus_secs(3600),
            call: call.parse().unwrap(),
            party: "a".parse().unwrap(),
            regions: vec!["north".parse().unwrap()],
            limits: Limits::default(),
            peers: Vec::new(),
        };
        CallGrant::of(claims, "key".parse().unwrap())
    }

    fn hear(&mut self, event: Event) {
        self.recorder.note(&Fact { shard: 0, event, now: self.now });
    }

    fn begin(&mut self, number: u16, call: &str) {
        let (families, subject) = (Families::One(Family::V4), Subject::of(b"token"));
        self.hear(Event::Allocated { client: client(number), subject, families, call: Some(self.grant(call)) });
    }

    fn end(&mut self, number: u16, call: &str, bytes: u64) {
        let carried = Carried { up: Volume { packets: 1, bytes }, down: Volume::default() };
        let (subject, age, cause) = (Subject::of(b"token"), Duration::from_secs(5), EndCause::Deleted);
        self.hear(Event::Ended { client: client(number), subject, cause, age, carried, call: Some(self.grant(call)) });
    }

    fn pass(&mut self, seconds: u64) {
        self.now.moment = self.now.moment + Duration::from_secs(seconds);
        self.now.unix = self.now.unix.plus_secs(seconds);
        self.recorder.look(self.now);
    }

    /// What the log says of calls, and how many facts it lacks.
    fn log(self) -> (usize, Vec<CallEnded>, u64) {
        let Self { folder, recorder, record, now } = self;
        recorder.finish(now);
        record.stopped("stopped");
        let mut facts = Vec::new();
        verify(&folder.path().join("log"), &Evidence::default(), |record, _| facts.push(record.fact)).unwrap();
        let begun = facts.iter().filter(|fact| fact.kind() == "call-begun").count();
        let lost = facts.iter().filter_map(|fact| {
            if let audit::Fact::Gap(Gap { lost, cause: GapCause::Overrun }) = fact { Some(*lost) } else { None }
        });
        (begun, facts.iter().filter_map(|fact| fact.call_ended().cloned()).collect(), lost.sum())
    }
}

fn udp(count: u32) -> Transports {
    Transports { udp: count, ..Transports::default() }
}

#[test]
fn a_call_is_over_when_it_had_no_allocation_for_two_minutes() {
    let mut world = world(100);
    world.begin(1, "visit");
    world.pass(10);
    world.end(1, "visit", 100);
    world.pass(119);
    world.begin(2, "visit");
    world.end(2, "visit", 20);
    world.pass(121);
    world.begin(3, "visit");
    let (begun, ended, lost) = world.log();
    assert_eq!((begun, lost), (2, 0));
    let [first, second] = ended.as_slice() else { panic!("two: {ended:?}") };
    assert_eq!((first.transports, first.bytes_up, first.seconds), (udp(2), 120, 129));
    assert_eq!((second.transports, second.cause.as_str()), (udp(1), "stopped"));
    assert_eq!(first.call, second.call, "the same call of the same day");
}

#[test]
fn a_call_whose_facts_were_lost_is_on_record_as_far_as_they_are_known() {
    let mut world = world(100);
    world.pass(10);
    // The beginning of one, the ends of two others.
    world.end(1, "visit", 100);
    world.begin(2, "other");
    world.begin(2, "other");
    world.begin(3, "third");
    world.pass(3600);
    world.pass(901);
    world.pass(121);
    let (begun, ended, _) = world.log();
    assert_eq!(begun, 3);
    let of = |transports, cause: &str| {
        ended.iter().filter(|call| call.transports == transports && call.cause.as_str() == cause).count()
    };
    assert_eq!((of(udp(1), "deleted"), of(udp(2), "credential_ended"), of(udp(1), "credential_ended")), (1, 1, 1));
    assert_eq!(ended.iter().map(|call| call.bytes_up).sum::<u64>(), 100);
}

// A call that goes on after a restart began once, and that is on record already; so did one that the restart has cut.
#[test]
fn the_calls_of_the_process_before_are_not_begun_again() {
    let mut world = world(100);
    let (families, subject, age) = (Families::One(Family::V4), Subject::of(b"token"), Duration::from_secs(900));
    let handshakes = vec![(Version::Dtls13, None)];
    let call = Some(world.grant("goes-on"));
    world.hear(Event::Restored { client: client(1), subject, families, age, handshakes, call });
    let (cause, carried) = (EndCause::Disconnected, Carried::default());
    let call = Some(world.grant("cut"));
    world.hear(Event::Ended { client: client(2), subject, cause, age, carried, call });
    world.end(1, "goes-on", 1000);
    let (begun, ended, _) = world.log();
    assert_eq!(begun, 0);
    let sealed: Vec<_> = ended.iter().map(|each| each.handshakes.len()).collect();
    assert_eq!((ended.len(), sealed.iter().sum::<usize>()), (2, 1));
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut world = world(2);
    for number in 0..5 {
        world.begin(number, "visit");
    }
    let (_, ended, lost) = world.log();
    assert_eq!((ended[0].transports, lost), (udp(2), 3));
}

#[test]
fn the_handshakes_of_a_call_are_told_once_each() {
    let mut world = world(100);
    world.begin(1, "visit");
    for _ in 0..3 {
        for (version, profile) in [(Version::Dtls13, None), (Version::Dtls12, Some(Profile::AeadAes128Gcm))] {
            let (suite, after) = (SuiteClass::Aead, Duration::ZERO);
            let fact = seal::Fact::Opened { version, profile, suite, after };
            world.hear(Event::Seal { client: Some(client(1)), fact });
            // Nobody's, and somebody's who is of no call.
            world.hear(Event::Seal { client: None, fact });
            world.hear(Event::Seal { client: Some(client(2)), fact });
        }
    }
    let (_, ended, _) = world.log();
    let handshakes: Vec<&str> = ended[0].handshakes.iter().map(Label::as_str).collect();
    assert_eq!((handshakes, ended[0].seal), (vec!["1.3/encrypted", "1.2/AEAD-AES-128-GCM"], SealResult::Sealed));
}
