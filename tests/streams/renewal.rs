//! Certificates that are renewed under a relay at work: what a hundred renewals, half-written files and broken ones do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hilum::addr::Transport;
use hilum::app;
use hilum::client::{Options, Received, Source, TurnClient};
use hilum::clock::SystemClock;
use hilum::config;
use hilum::listen::{Identity, IdentityError, PairFiles, Reloads, Renewal, Renewed};
use hilum::time::{Moment, Now, UnixTime};
use hilum::wire::ChannelNumber;
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::tls::{shake_as, trusting, works};
use crate::world::{PATIENCE, Pair, World, generous};

/// Within the time of the certificates of the tests.
const TODAY: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A renewal whose looks are a second apart by the clock of the test.
struct Looking {
    renewal: Arc<Renewal>,
    seconds: u64,
}

impl Looking {
    fn at(files: &[PairFiles]) -> Self {
        let renewal = Renewal::open(files, now(0)).unwrap().expect("there are files");
        let mut looking = Self { renewal: Arc::new(renewal), seconds: 0 };
        // What was there at the start is read once more.
        assert!(looking.look().is_empty() && looking.look().is_empty());
        looking
    }

    fn look(&mut self) -> Vec<Renewed> {
        self.seconds += 1;
        self.renewal.look(now(self.seconds))
    }

    /// Two looks: what has changed is seen, and read when it rests.
    fn look_twice(&mut self) -> Vec<Renewed> {
        let first = self.look();
        assert!(first.is_empty(), "not before it rests: {first:?}");
        self.look()
    }

    fn shown(&self) -> [u8; 32] {
        self.renewal.tls().identities().all().next().unwrap().fingerprint()
    }

    fn alarm(&self) -> bool {
        self.renewal.readings()[0].alarm
    }
}

fn now(seconds: u64) -> Now {
    Now { moment: Moment::from_secs(seconds), unix: UnixTime::from_secs(TODAY.as_secs() + seconds) }
}

/// Puts the files of one pair in the place of another's, as renewal tools do: a new file takes the name over.
fn put(new: &Pair, old: &PairFiles) {
    for (from, to) in [(&new.key, &old.key), (&new.certificate, &old.certificate)] {
        replace(to, &fs::read(from).unwrap());
    }
}

fn replace(file: &Path, content: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, file).unwrap();
}

fn fingerprint(pair: &Pair) -> [u8; 32] {
    pair.load().fingerprint()
}

/// A client over TLS with a peer that it talks to on a channel.
struct Call {
    client: TurnClient,
    peer: UdpSocket,
}

impl Call {
    const CHANNEL: u16 = 0x4001;

    async fn start(world: &World, trust: &Pair) -> Self {
        let options = Options { tls: Some(trusting(trust, &["stun.turn"])), ..Options::plain() };
        let mut client = world.client(Transport::Tls, &options).await;
        client.allocate(None, None).await.unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let channel = ChannelNumber::new(Self::CHANNEL).unwrap();
        client.channel_bind(channel, peer.local_addr().unwrap()).await.unwrap();
        Self { client, peer }
    }

    /// Something goes to the peer and comes back.
    async fn goes_on(&mut self, words: &[u8]) {
        let channel = ChannelNumber::new(Self::CHANNEL).unwrap();
        let round = async {
            self.client.send_channel(channel, words).await.unwrap();
            let mut arrived = [0; 100];
            let (length, relayed) = self.peer.recv_from(&mut arrived).await.unwrap();
            self.peer.send_to(&arrived[..length], relayed).await.unwrap();
            self.client.receive().await.unwrap()
        };
        let back = timeout(PATIENCE, round).await.expect("the call goes on");
        assert_eq!(back, Received { from: Source::Channel(channel), data: words.to_vec() });
    }
}

#[tokio::test]
async fn a_hundred_renewals_drop_no_call_and_the_next_handshake_shows_the_new_one() {
    let first = Pair::new();
    let files = first.files();
    let mut looking = Looking::at(core::slice::from_ref(&files));
    let world = World::with(&generous(), first, Arc::clone(looking.renewal.tls()));
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(Call::start(&world, &world.pair).await);
    }
    for round in 0..100_u8 {
        let renewed = Pair::new();
        put(&renewed, &files);
        // The next handshake is the next line; what is trusted is the new certificate alone.
        assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _)]), "round {round}");
        if round % 10 == 0 {
            // One more call stands on each tenth certificate.
            calls.push(Call::start(&world, &renewed).await);
        } else {
            let mut stream = shake_as(&world, trusting(&renewed, &["stun.turn"]), "localhost").await.unwrap();
            works(&mut stream, round).await;
        }
        for call in &mut calls {
            call.goes_on(&[round; 50]).await;
        }
    }
    assert_eq!(looking.renewal.reloads(), Reloads { applied: 100, refused: 0 });
    assert_eq!(world.connections.failed_handshakes(), 0);
}

#[tokio::test]
async fn a_session_is_resumed_across_a_renewal() {
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let world = World::start(&generous());
        let trust = crate::tls::client(&world.pair, &["stun.turn"], versions);
        let mut before = shake_as(&world, Arc::clone(&trust), "localhost").await.unwrap();
        // Tickets of TLS 1.3 come after the handshake.
        works(&mut before, 1).await;
        world.tls.replace(Pair::new().load());
        let mut after = shake_as(&world, trust, "localhost").await.unwrap();
        assert_eq!(after.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "{versions:?}");
        works(&mut after, 2).await;
    }
}

#[tokio::test]
async fn each_name_has_its_certificate_and_renews_alone() {
    let pairs = [Pair::named(&["turn.clinic.example"]), Pair::named(&["*.ward.example"])];
    let files = [pairs[0].files(), pairs[1].files()];
    let mut looking = Looking::at(&files);
    let world = World::with(&generous(), Pair::new(), Arc::clone(looking.renewal.tls()));
    let shake = |pair: &Pair, name| shake_as(&world, trusting(pair, &[]), name);
    works(&mut shake(&pairs[0], "turn.clinic.example").await.unwrap(), 1).await;
    works(&mut shake(&pairs[1], "one.ward.example").await.unwrap(), 2).await;
    assert!(shake(&pairs[1], "turn.clinic.example").await.is_err());

    let renewed = Pair::named(&["*.ward.example", "ward.example"]);
    put(&renewed, &files[1]);
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(1, _)]));
    works(&mut shake(&renewed, "one.ward.example").await.unwrap(), 3).await;
    works(&mut shake(&renewed, "ward.example").await.unwrap(), 4).await;
    works(&mut shake(&pairs[0], "turn.clinic.example").await.unwrap(), 5).await;
    // A client that asks for nobody we know, or for an address, is shown the first; here it does not like it.
    assert!(shake(&renewed, "elsewhere.example").await.is_err());
}

#[test]
fn broken_files_keep_the_old_one_and_ring_after_a_minute() {
    let (old, other) = (Pair::new(), Pair::new());
    let (files, shown) = (old.files(), fingerprint(&old));
    let sound = [&old.certificate, &old.key].map(|file| fs::read(file).unwrap());
    let mut looking = Looking::at(core::slice::from_ref(&files));
    for (round, (certificate, key)) in [
        (fs::read(&other.certificate).unwrap(), sound[1].clone()),
        (sound[0].clone(), fs::read(&other.key).unwrap()),
        (Vec::new(), sound[1].clone()),
        (sound[0][..100].to_vec(), sound[1].clone()),
        (sound[0].clone(), b"-----BEGIN PRIVATE KEY-----\nAAECAwQ=\n-----END PRIVATE KEY-----\n".to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        replace(&files.certificate, &certificate);
        replace(&files.key, &key);
        assert!(matches!(looking.look_twice()[..], [Renewed::Refused(0, _)]), "{round}");
        // It was seen at the first look and has been wrong for a second.
        for _ in 1..59 {
            assert!(looking.look().is_empty() && !looking.alarm(), "what stays wrong is told once");
        }
        assert!(matches!(looking.look()[..], [Renewed::Alarm(0)]) && looking.alarm());
        assert!(looking.look().is_empty() && looking.alarm(), "it rings once");
        assert_eq!(looking.shown(), shown);
        replace(&files.certificate, &sound[0]);
        replace(&files.key, &sound[1]);
        assert!(matches!(looking.look_twice()[..], [Renewed::Mended(0)]) && !looking.alarm(), "{round}");
    }
    assert_eq!(looking.renewal.reloads(), Reloads { applied: 0, refused: 5 });
}

#[test]
fn a_renewed_key_that_everybody_may_read_is_not_shown_until_it_is_closed() {
    let (old, renewed) = (Pair::new(), Pair::new());
    let (files, shown) = (old.files(), fingerprint(&old));
    let mut looking = Looking::at(core::slice::from_ref(&files));
    put(&renewed, &files);
    fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    let found = looking.look_twice();
    let [Renewed::Refused(0, IdentityError::Open(file, why))] = &found[..] else { panic!("{found:?}") };
    assert_eq!((file, why.to_string().contains("(mode 644); chmod 640 it")), (&files.key, true));
    for _ in 1..59 {
        assert!(looking.look().is_empty());
    }
    assert!(matches!(looking.look()[..], [Renewed::Alarm(0)]) && looking.alarm());
    assert_eq!(looking.shown(), shown);
    fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _), Renewed::Mended(0)]) && !looking.alarm());
    assert_eq!(looking.shown(), fingerprint(&renewed));
    // One that is in use and is opened to everybody is told as well.
    fs::set_permissions(&files.key, Permissions::from_mode(0o604)).unwrap();
    assert!(matches!(looking.look_twice()[..], [Renewed::Refused(0, IdentityError::Open(..))]));
}

#[test]
fn files_that_are_gone_keep_the_old_one_and_come_back() {
    let old = Pair::new();
    let (files, shown) = (old.files(), fingerprint(&old));
    let mut looking = Looking::at(core::slice::from_ref(&files));
    fs::remove_file(&files.key).unwrap();
    assert!(matches!(&looking.look_twice()[..], [Renewed::Refused(0, error)] if error.to_string().contains("key.pem")));
    assert_eq!(looking.shown(), shown);
    let renewed = Pair::new();
    put(&renewed, &files);
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _), Renewed::Mended(0)]));
    assert_eq!(looking.shown(), fingerprint(&renewed));
}

#[test]
fn a_key_and_a_certificate_that_come_one_after_the_other_ring_no_bell() {
    let old = Pair::new();
    let files = old.files();
    let mut looking = Looking::at(core::slice::from_ref(&files));
    let renewed = Pair::new();
    replace(&files.key, &fs::read(&renewed.key).unwrap());
    assert!(looking.look().is_empty());
    // Before the next look: it does not rest yet, and is not read.
    replace(&files.certificate, &fs::read(&renewed.certificate).unwrap());
    assert!(looking.look().is_empty());
    assert!(matches!(looking.look()[..], [Renewed::Replaced(0, _)]));
    assert_eq!(looking.renewal.reloads(), Reloads { applied: 1, refused: 0 });
    // Later: it is read in between, and told, but rings no bell.
    let renewed = Pair::new();
    replace(&files.key, &fs::read(&renewed.key).unwrap());
    assert!(matches!(looking.look_twice()[..], [Renewed::Refused(0, _)]));
    replace(&files.certificate, &fs::read(&renewed.certificate).unwrap());
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _), Renewed::Mended(0)]));
    assert!(!looking.alarm());
}

#[test]
fn a_chain_that_is_being_written_is_not_taken_for_a_whole_one() {
    let (old, renewed) = (Pair::new(), Pair::new());
    let files = old.files();
    let mut looking = Looking::at(core::slice::from_ref(&files));
    let own = fs::read(&renewed.certificate).unwrap();
    let whole = [own.clone(), fs::read(&old.certificate).unwrap()].concat();
    replace(&files.key, &fs::read(&renewed.key).unwrap());
    fs::write(&files.certificate, &own).unwrap();
    assert!(looking.look().is_empty(), "a pair, but not at rest");
    fs::write(&files.certificate, &whole).unwrap();
    let found = looking.look_twice();
    let [Renewed::Replaced(0, identity)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(identity.pair().cert.len(), 2);
}

#[test]
fn links_that_are_moved_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    // As certbot does it: live/NAME.pem leads to archive/NAME1.pem, and then to archive/NAME2.pem.
    // As Kubernetes does it: NAME.pem leads to ..data/NAME.pem, and ..data to a directory with a time in its name.
    let store = |version: &str, pair: &Pair| {
        fs::create_dir(root.join(version)).unwrap();
        fs::copy(&pair.certificate, root.join(version).join("certificate.pem")).unwrap();
        fs::copy(&pair.key, root.join(version).join("key.pem")).unwrap();
    };
    let point = |link: &str, to: &str| {
        symlink(to, root.join("link.new")).unwrap();
        fs::rename(root.join("link.new"), root.join(link)).unwrap();
    };
    let pairs = [Pair::new(), Pair::new(), Pair::new()];
    store("..one", &pairs[0]);
    store("..two", &pairs[1]);
    store("..three", &pairs[2]);
    point("..data", "..one");
    point("certificate.pem", "..data/certificate.pem");
    point("key.pem", "..data/key.pem");
    let mut looking =
        Looking::at(&[PairFiles { certificate: root.join("certificate.pem"), key: root.join("key.pem") }]);
    assert_eq!(looking.shown(), fingerprint(&pairs[0]));
    point("..data", "..two");
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _)]));
    assert_eq!(looking.shown(), fingerprint(&pairs[1]));
    point("certificate.pem", "..three/certificate.pem");
    point("key.pem", "..three/key.pem");
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _)]));
    assert_eq!(looking.shown(), fingerprint(&pairs[2]));
}

#[test]
fn what_has_expired_takes_the_place_of_nothing_that_is_valid() {
    let old = Pair::new();
    let files = old.files();
    let mut looking = Looking::at(core::slice::from_ref(&files));
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    (parameters.not_before, parameters.not_after) =
        (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2026, 1, 1));
    replace(&files.key, key.serialize_pem().as_bytes());
    replace(&files.certificate, parameters.clone().self_signed(&key).unwrap().pem().as_bytes());
    let found = looking.look_twice();
    let [Renewed::Refused(0, error)] = &found[..] else { panic!("{found:?}") };
    assert!(error.to_string().contains("not valid now, and the one in use is"), "{error}");
    // One whose time is now takes it: TODAY is 2027-01-15.
    parameters.not_before = rcgen::date_time_ymd(2027, 1, 15);
    parameters.not_after = rcgen::date_time_ymd(2028, 1, 1);
    replace(&files.certificate, parameters.self_signed(&key).unwrap().pem().as_bytes());
    assert!(matches!(looking.look_twice()[..], [Renewed::Replaced(0, _), Renewed::Mended(0)]));
}

#[test]
fn a_reload_reads_all_pairs_or_changes_nothing() {
    let pairs = [Pair::new(), Pair::new(), Pair::new()];
    let files = [pairs[0].files(), pairs[1].files(), pairs[2].files()];
    let looking = Looking::at(&files[..1]);
    let renewal = &looking.renewal;
    let broken = PairFiles { certificate: files[0].certificate.clone(), key: files[1].key.clone() };
    assert!(Renewal::read(&[files[1].clone(), broken], now(9)).is_err());
    let fresh = |files: &[PairFiles]| Renewal::read(files, now(9)).unwrap();
    assert!(renewal.take(fresh(&files[..1])).is_empty(), "nothing has changed");
    assert!(matches!(renewal.take(fresh(&files[1..]))[..], [Renewed::Replaced(0, _), Renewed::Added(_)]));
    assert_eq!(renewal.readings().len(), 2);
    assert!(matches!(renewal.take(fresh(&files[1..2]))[..], [Renewed::Removed(_)]));
    assert!(renewal.take(fresh(&[])).is_empty(), "listeners cannot do without");
    assert_eq!(looking.shown(), fingerprint(&pairs[1]));
    let shown: Vec<Arc<Identity>> = renewal.tls().identities().all().cloned().collect();
    assert_eq!(shown.len(), 1);
}

/// A configuration of a relay on loopback with these files.
fn configuration(folder: &Path) -> hilum::config::Config {
    fs::write(folder.join("secret"), "open sesame, said Ali Baba\n").unwrap();
    for file in ["secret", "key.pem"] {
        fs::set_permissions(folder.join(file), Permissions::from_mode(0o600)).unwrap();
    }
    let text = "[listen]\nudp = []\ntcp = []\ntls = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"certificate.pem\"\n\
                key = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n\
                [auth]\nshared_secret_files = [\"secret\"]\n";
    config::check(text, folder.join("hilum.toml"), &config::System).unwrap_or_else(|faults| panic!("{faults}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_at_work_finds_renewed_files_by_itself() {
    let old = Pair::new();
    let folder = old.directory.path();
    let app = app::start(configuration(folder), SystemClock::start()).await.unwrap();
    let (address, admin) = (app.addresses().tls[0], app.addresses().admin.unwrap());
    let shows = |pair: &Pair| {
        let connector = TlsConnector::from(trusting(pair, &["stun.turn"]));
        async move {
            let socket = TcpStream::connect(address).await.unwrap();
            connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.ok()
        }
    };
    let metric = |line: &'static str| async move {
        let mut stream = TcpStream::connect(admin).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page.lines().any(|one| one == line)
    };
    let mut call = shows(&old).await.expect("the old one is shown");
    let renewed = Pair::new();
    put(&renewed, &old.files());
    until("the renewed one is shown", || async { shows(&renewed).await.is_some() }).await;
    assert!(metric(r#"hilum_certificate_reloads_total{result="applied"} 1"#).await);
    replace(&old.key, b"no key");
    let refused = r#"hilum_certificate_reloads_total{result="refused"} 1"#;
    until("the broken one is refused", || metric(refused)).await;
    assert!(metric(r#"hilum_certificate_alarm{certificate="1"} 0"#).await, "not within the first minute");
    assert!(shows(&renewed).await.is_some());
    works(&mut call, 1).await;
    app.stop().await;
}

/// Asks again and again for what another thread does.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let looking = async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("in {PATIENCE:?} never: {what}"));
}
