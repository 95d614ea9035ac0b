//! What Prometheus and supervisors get to see, over HTTP on loopback. `promtool` comes with Debian's package `prometheus`;
//! without it the test of the format fails.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hilum::addr::Transport;
use hilum::admin::{
    self, CertificateReading, DoorReading, Health, KeyReading, Metrics, ShardReading, SignalReading, Source,
    SuccessionReading, WebhookReading,
};
use hilum::audit::{Alarm, AuditState, Digest};
use hilum::auth::token::{Algorithm, PasswordKey};
use hilum::auth::{Key, Keyring, PublicKey, Validity};
use hilum::policy::seal::{Fact, Mode, Profile, Reason, SuiteClass, Version};
use hilum::time::{Moment, UnixTime};
use hilum::turn::{Answer, Direction, Discard, EndCause, Event, Tally};
use hilum::wire::{ErrorCode, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far more than any answer takes on loopback, and less than the deadline of a connection: only a failing test waits for it.
const PROMPTLY: Duration = Duration::from_secs(9);
/// Three times the deadline of a connection.
const AT_LAST: Duration = Duration::from_secs(30);

/// A relay of two shards that the tests hold in their hands.
#[derive(Default)]
struct Relay {
    tallies: Mutex<[Tally; 2]>,
    connections: AtomicU64,
    seal_mode: Mutex<Mode>,
    now: AtomicU64,
    beats: [AtomicU64; 2],
}

impl Relay {
    fn tally(&self, shard: usize, write: impl FnOnce(&mut Tally)) {
        write(&mut self.tallies.lock().unwrap()[shard]);
    }
}

struct View(Arc<Relay>);

impl Source for View {
    fn shards(&self) -> Vec<ShardReading> {
        self.0
            .tallies
            .lock()
            .unwrap()
            .iter()
            .map(|tally| ShardReading { tally: tally.clone(), facts_lost: 0 })
            .collect()
    }

    fn connections(&self, transport: Transport) -> u64 {
        if transport == Transport::Tls { self.0.connections.load(Ordering::Relaxed) } else { 0 }
    }

    fn door(&self) -> DoorReading {
        DoorReading { visitors: 11, arrivals: vec![("turn_tls", 12), ("silent", 0)], answers: vec![("4xx", 13)] }
    }

    fn connections_refused(&self) -> u64 {
        3
    }

    fn succession(&self) -> Option<SuccessionReading> {
        let lost = vec![("stream", 2), ("port", 0)];
        Some(SuccessionReading { start: "resumed", resumed: 5, lost, journal_failing: false, journal_bytes: 700 })
    }

    fn handshakes_failed(&self) -> u64 {
        4
    }

    fn proxies_failed(&self) -> u64 {
        10
    }

    fn signal(&self) -> Option<SignalReading> {
        Some(SignalReading {
            sockets: 21,
            members: vec![("patient", 22), ("clinician", 0)],
            rooms: 23,
            calls: 24,
            waiting: 25,
            appointments: 26,
            messages: vec![("sdp", 27)],
            refused: vec![("sdp_crypto", 28), ("no_peer", 0)],
            closed: vec![("too_fast", 29)],
            requests: vec![(["join", "in_use"], 30)],
            sign_ins: vec![("wrong", 31)],
            ratings: vec![("5", 32)],
        })
    }

    fn seal_mode(&self) -> Mode {
        *self.0.seal_mode.lock().unwrap()
    }

    fn conversations(&self) -> u64 {
        5
    }

    fn keys(&self) -> KeyReading {
        let now = self.0.now.load(Ordering::Relaxed);
        KeyReading::of(&keyring(), UnixTime::from_secs(now))
    }

    fn api_requests(&self) -> Vec<([&'static str; 2], u64)> {
        vec![(["revoke", "ok"], 6)]
    }

    fn audit(&self) -> Option<AuditState> {
        let alarm = Alarm { since: UnixTime::from_secs(1_700_000_000), what: "no storage space".to_owned() };
        let head = (1234, Digest::NONE);
        Some(AuditState { alarm: Some(alarm), head, lost: 6, syslog_lost: 7, syslog_connected: Some(true) })
    }

    fn certificates(&self) -> Vec<CertificateReading> {
        let reading = |expires, alarm| CertificateReading { expires: UnixTime::from_secs(expires), alarm };
        vec![reading(1_900_000_000, false), reading(1_800_000_000, true)]
    }

    fn certificate_reloads(&self) -> Option<[u64; 2]> {
        Some([8, 9])
    }

    fn acme_orders(&self) -> [u64; 2] {
        [10, 11]
    }

    fn webhooks(&self) -> Option<WebhookReading> {
        Some(WebhookReading { counts: [14, 15, 16, 17, 18], waiting: 19 })
    }
}

/// A key made at 0, which ends at 100, and two made at 10, one of which begins at 50.
fn keyring() -> Keyring {
    let public = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
    let key = |kid: &str, created, not_before, not_after: Option<u64>| {
        let public = PublicKey::new(Algorithm::EdDsa, public.as_bytes()).unwrap();
        let [created, not_before] = [created, not_before].map(UnixTime::from_secs);
        let validity = Validity { created, not_before, not_after: not_after.map(UnixTime::from_secs) };
        Key::new(kid.parse().unwrap(), public, PasswordKey::new([5; 32]), validity, None).unwrap()
    };
    Keyring::new(vec![key("a", 0, 0, Some(100)), key("b", 10, 10, None), key("c", 10, 50, None)]).unwrap()
}

struct World {
    relay: Arc<Relay>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    address: SocketAddr,
}

async fn world() -> World {
    let relay = Arc::new(Relay::default());
    let metrics = Arc::new(Metrics::new(Arc::new(View(relay.clone())), UnixTime::from_secs(1_700_000_000)).unwrap());
    let (clock, beating) = (relay.clone(), relay.clone());
    let health = Arc::new(Health::new(
        move || Moment::from_secs(clock.now.load(Ordering::Relaxed)),
        move || beating.beats.iter().map(|beat| beat.load(Ordering::Relaxed)).collect(),
    ));
    let listener = admin::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(admin::serve(listener, metrics.clone(), health.clone()));
    World { relay, metrics, health, address }
}

impl World {
    /// The whole answer, head and body.
    async fn raw(&self, path: &str) -> String {
        self.within(PROMPTLY, path).await
    }

    async fn within(&self, time: Duration, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        // One answer per connection: the end of the stream is the end of the answer.
        timeout(time, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.raw(path).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The value of a series as it is written.
    async fn value(&self, series: &str) -> Option<String> {
        let (_, page) = self.get("/metrics").await;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
    }
}

#[tokio::test]
async fn promtool_finds_no_fault_in_the_text() {
    let world = world().await;
    let answer = world.raw("/metrics").await;
    assert!(answer.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4"), "{answer}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: install Debian's package `prometheus`");
    let (_, page) = answer.split_once("\r\n\r\n").unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn every_label_is_there_from_the_start_with_zero() {
    let world = world().await;
    for series in [
        r#"hilum_allocations{transport="tls"}"#,
        r#"hilum_allocations_ended_total{cause="credential_ended"}"#,
        r#"hilum_requests_total{code="486",method="allocate"}"#,
        r#"hilum_discards_total{reason="no_permission"}"#,
        r#"hilum_packets_total{direction="from_peer",transport="udp"}"#,
        r#"hilum_bytes_total{direction="to_client",transport="tcp"}"#,
        r#"hilum_connections{transport="tcp"}"#,
        r#"hilum_config_reloads_total{result="refused"}"#,
        r#"hilum_spare_ports{shard="1"}"#,
        "hilum_allocation_lifetime_seconds_count",
        r#"hilum_seal_opened_total{profile="AEAD-AES-128-GCM",suite="aead",version="1.2"}"#,
        r#"hilum_seal_opened_total{profile="encrypted",suite="tls13",version="1.3"}"#,
        r#"hilum_seal_discards_total{reason="media_unsealed"}"#,
        r#"hilum_seal_reported_total{reason="rtp_clear"}"#,
        "hilum_seal_closed_total",
        "hilum_seal_seconds_count",
        "hilum_allocations_ending",
        r#"hilum_keys{algorithm="ES256",state="current"}"#,
        "hilum_challenges_total",
        "hilum_rate_limited_total",
    ] {
        assert_eq!(world.value(series).await.as_deref(), Some("0"), "{series}");
    }
}

#[tokio::test]
async fn keys_are_counted_and_the_oldest_that_has_no_end_tells_its_age() {
    let world = world().await;
    for (now, [next, current, retiring, ended], oldest) in [
        (5, [2, 0, 1, 0], None),
        (20, [1, 1, 1, 0], Some("10")),
        (50, [0, 2, 1, 0], Some("40")),
        (100, [0, 2, 0, 1], Some("90")),
    ] {
        world.relay.now.store(now, Ordering::Relaxed);
        for (state, count) in [("next", next), ("current", current), ("retiring", retiring), ("ended", ended)] {
            let series = format!(r#"hilum_keys{{algorithm="EdDSA",state="{state}"}}"#);
            assert_eq!(world.value(&series).await, Some(count.to_string()), "{state} at {now}");
        }
        assert_eq!(world.value("hilum_keys_oldest_seconds").await.as_deref(), oldest, "{now}");
    }
}

#[tokio::test]
async fn a_scrape_shows_the_sum_of_the_shards_as_of_now() {
    let world = world().await;
    for shard in [0, 1] {
        world.relay.tally(shard, |tally| {
            tally.begun(Transport::Udp);
            tally.request(Method::Allocate, Answer::Error(ErrorCode::ALLOCATION_QUOTA_REACHED));
            tally.discard(Discard::NoPermission);
            tally.packet(Transport::Tcp, Direction::ToPeer, 100);
            tally.spare_ports = 7;
            tally.ending = 2;
        });
    }
    world.relay.tally(1, |tally| tally.over(Transport::Udp, EndCause::Expired));
    world.relay.connections.store(3, Ordering::Relaxed);
    for (series, value) in [
        (r#"hilum_allocations{transport="udp"}"#, "1"),
        ("hilum_allocations_begun_total", "2"),
        ("hilum_allocations_ending", "4"),
        (r#"hilum_allocations_ended_total{cause="expired"}"#, "1"),
        (r#"hilum_requests_total{code="486",method="allocate"}"#, "2"),
        (r#"hilum_discards_total{reason="no_permission"}"#, "2"),
        (r#"hilum_packets_total{direction="to_peer",transport="tcp"}"#, "2"),
        (r#"hilum_bytes_total{direction="to_peer",transport="tcp"}"#, "200"),
        (r#"hilum_connections{transport="tls"}"#, "3"),
        (r#"hilum_connections{transport="http"}"#, "11"),
        (r#"hilum_door_arrivals_total{arrival="turn_tls"}"#, "12"),
        (r#"hilum_door_arrivals_total{arrival="silent"}"#, "0"),
        (r#"hilum_door_answers_total{class="4xx"}"#, "13"),
        (r#"hilum_spare_ports{shard="0"}"#, "7"),
        (r#"hilum_certificate_expiry_timestamp_seconds{certificate="1"}"#, "1900000000"),
        (r#"hilum_certificate_expiry_timestamp_seconds{certificate="2"}"#, "1800000000"),
        (r#"hilum_certificate_alarm{certificate="1"}"#, "0"),
        (r#"hilum_certificate_alarm{certificate="2"}"#, "1"),
        (r#"hilum_certificate_reloads_total{result="applied"}"#, "8"),
        (r#"hilum_certificate_reloads_total{result="refused"}"#, "9"),
        (r#"hilum_acme_orders_total{result="issued"}"#, "10"),
        (r#"hilum_acme_orders_total{result="failed"}"#, "11"),
        (r#"hilum_signal_webhooks_total{outcome="delivered"}"#, "14"),
        (r#"hilum_signal_webhooks_total{outcome="failed"}"#, "15"),
        (r#"hilum_signal_webhooks_total{outcome="refused"}"#, "16"),
        (r#"hilum_signal_webhooks_total{outcome="expired"}"#, "17"),
        (r#"hilum_signal_webhooks_total{outcome="dropped"}"#, "18"),
        ("hilum_signal_webhooks_waiting", "19"),
        ("hilum_start_time_seconds", "1700000000"),
    ] {
        assert_eq!(world.value(series).await.as_deref(), Some(value), "{series}");
    }
    world.relay.tally(0, |tally| tally.discard(Discard::NoPermission));
    assert_eq!(world.value(r#"hilum_discards_total{reason="no_permission"}"#).await.as_deref(), Some("3"));
}

#[tokio::test]
async fn the_seal_shows_what_it_opened_and_what_it_stopped() {
    let world = world().await;
    let opened = |version, profile, suite| Fact::Opened { version, profile, suite, after: Duration::from_millis(300) };
    let hidden = opened(Version::Dtls13, None, SuiteClass::Tls13);
    let seen = opened(Version::Dtls12, Some(Profile::AeadAes256Gcm), SuiteClass::Cbc);
    for shard in [0, 1] {
        world.relay.tally(shard, |tally| {
            tally.count_seal_fact(&hidden);
            tally.count_seal_discard(Reason::MediaUnsealed);
            tally.count_seal_reported(Reason::RtpClear);
        });
    }
    world.relay.tally(1, |tally| {
        tally.count_seal_fact(&seen);
        tally.count_seal_fact(&Fact::Closed { age: Duration::from_secs(9) });
        // Counted as datagrams, above.
        tally.count_seal_fact(&Fact::Refused { reason: Reason::MediaUnsealed });
    });
    for fact in [hidden, Fact::Closed { age: Duration::from_secs(9) }] {
        world.metrics.observe(&Event::Seal { client: None, fact });
    }
    for (series, value) in [
        (r#"hilum_seal_opened_total{profile="encrypted",suite="tls13",version="1.3"}"#, "2"),
        (r#"hilum_seal_opened_total{profile="AEAD-AES-256-GCM",suite="cbc",version="1.2"}"#, "1"),
        (r#"hilum_seal_opened_total{profile="AEAD-AES-256-GCM",suite="aead",version="1.2"}"#, "0"),
        ("hilum_seal_closed_total", "1"),
        (r#"hilum_seal_discards_total{reason="media_unsealed"}"#, "2"),
        (r#"hilum_seal_discards_total{reason="rtp_clear"}"#, "0"),
        (r#"hilum_seal_reported_total{reason="rtp_clear"}"#, "2"),
        ("hilum_seal_conversations", "5"),
        (r#"hilum_seal_seconds_bucket{le="0.25"}"#, "0"),
        (r#"hilum_seal_seconds_bucket{le="0.5"}"#, "1"),
    ] {
        assert_eq!(world.value(series).await.as_deref(), Some(value), "{series}");
    }
}

#[tokio::test]
async fn the_mode_of_the_seal_is_the_one_with_a_one() {
    let world = world().await;
    for mode in Mode::ALL {
        *world.relay.seal_mode.lock().unwrap() = mode;
        for one in Mode::ALL {
            let value = world.value(&format!("hilum_seal_mode{{mode=\"{}\"}}", one.label())).await;
            assert_eq!(value.as_deref(), Some(if one == mode { "1" } else { "0" }), "{mode:?} {one:?}");
        }
    }
}

#[tokio::test]
async fn the_audit_log_shows_whether_it_is_written_and_whether_its_copy_is_complete() {
    let world = world().await;
    for (series, value) in [
        ("hilum_audit_alarm", "1"),
        ("hilum_audit_records_total", "1234"),
        ("hilum_audit_lost_total", "6"),
        ("hilum_audit_syslog_connected", "1"),
        ("hilum_audit_syslog_lost_total", "7"),
        ("hilum_api_requests_total{outcome=\"ok\",route=\"revoke\"}", "6"),
    ] {
        assert_eq!(world.value(series).await.as_deref(), Some(value), "{series}");
    }
}

#[tokio::test]
async fn signaling_shows_who_is_there_and_what_was_refused() {
    let world = world().await;
    for (series, value) in [
        ("hilum_signal_sockets", "21"),
        (r#"hilum_signal_members{role="patient"}"#, "22"),
        ("hilum_signal_rooms", "23"),
        ("hilum_signal_calls", "24"),
        ("hilum_signal_waiting", "25"),
        ("hilum_signal_appointments", "26"),
        (r#"hilum_signal_messages_total{type="sdp"}"#, "27"),
        (r#"hilum_signal_refusals_total{rule="sdp_crypto"}"#, "28"),
        (r#"hilum_signal_refusals_total{rule="no_peer"}"#, "0"),
        (r#"hilum_signal_closed_total{reason="too_fast"}"#, "29"),
        (r#"hilum_signal_requests_total{outcome="in_use",route="join"}"#, "30"),
        (r#"hilum_signal_sign_ins_total{outcome="wrong"}"#, "31"),
        (r#"hilum_signal_ratings_total{stars="5"}"#, "32"),
    ] {
        assert_eq!(world.value(series).await.as_deref(), Some(value), "{series}");
    }
}

#[tokio::test]
async fn reloads_are_counted_by_result() {
    let world = world().await;
    world.metrics.reloaded(true);
    world.metrics.reloaded(false);
    world.metrics.reloaded(false);
    assert_eq!(world.value(r#"hilum_config_reloads_total{result="applied"}"#).await.as_deref(), Some("1"));
    assert_eq!(world.value(r#"hilum_config_reloads_total{result="refused"}"#).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn no_label_is_one_that_a_client_could_choose() {
    let world = world().await;
    let (_, page) = world.get("/metrics").await;
    let known = [
        "transport",
        "cause",
        "method",
        "code",
        "direction",
        "reason",
        "shard",
        "result",
        "version",
        "le",
        "mode",
        "profile",
        "suite",
        "algorithm",
        "route",
        "outcome",
        "bound",
        "state",
        "certificate",
        "arrival",
        "class",
        "how",
        "role",
        "type",
        "rule",
        "stars",
    ];
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, labels)) = line.split_once('{') else { continue };
        for label in labels.split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label) {
            assert!(known.contains(&label), "{line}");
        }
    }
}

#[tokio::test]
async fn live_names_the_shard_that_hangs() {
    let world = world().await;
    assert_eq!(world.get("/live").await, (200, "live\n".into()));
    world.relay.beats[1].fetch_add(1, Ordering::Relaxed);
    world.relay.now.store(11, Ordering::Relaxed);
    let (status, text) = world.get("/live").await;
    assert_eq!(status, 503);
    assert!(text.contains("[0]"), "{text}");
    world.relay.beats[0].fetch_add(1, Ordering::Relaxed);
    assert_eq!(world.get("/live").await.0, 200);
}

#[tokio::test]
async fn ready_is_said_only_while_new_calls_are_welcome() {
    let world = world().await;
    assert_eq!(world.get("/ready").await.0, 503);
    world.health.set_ready(true);
    assert_eq!(world.get("/ready").await, (200, "ready\n".into()));
    world.health.set_ready(false);
    assert_eq!(world.get("/ready").await.0, 503);
    assert_eq!(world.get("/live").await.0, 200, "a relay that drains is alive");
}

#[tokio::test]
async fn nothing_else_is_served() {
    let world = world().await;
    for path in ["/", "/metrics/", "/debug", "/live/../metrics"] {
        assert_eq!(world.get(path).await.0, 404, "{path}");
    }
}

/// 32 connections may be open at once, each for ten seconds.
#[tokio::test]
async fn visitors_that_say_nothing_keep_nobody_out_for_long() {
    let world = world().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    assert!(world.within(AT_LAST, "/live").await.starts_with("HTTP/1.1 200"));
    let mut first = silent.swap_remove(0);
    let closed = timeout(PROMPTLY, first.read(&mut [0; 16])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "a silent visitor is sent away");
}
