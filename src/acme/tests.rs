//! A client whose authority is not there, in simulated time.

use std::sync::Mutex;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use tokio::time::Instant;

use super::files::tests::issued;
use super::*;

fn client(state: &std::path::Path) -> Client {
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let settings = Settings {
        // Nobody listens on the port of TCP's multiplexer.
        directory: "https://127.0.0.1:1/directory".to_owned(),
        authorities: None,
        names: vec!["turn.clinic.example".parse().unwrap()],
        contacts: Vec::new(),
        proof: Proof::TlsAlpn01,
        profile: None,
        binding: None,
        state: state.to_owned(),
    };
    let clock = SystemClock::start();
    settings.prepare(clock.now().unix).unwrap();
    Client { settings, tls: Arc::new(tls), challenges: Arc::default(), status: Arc::default(), clock }
}

#[tokio::test(start_paused = true)]
async fn the_third_failure_in_a_row_is_an_alarm_and_attempts_become_rare() {
    let state = tempfile::tempdir().unwrap();
    let client = client(state.path());
    let (status, settings) = (Arc::clone(&client.status), client.settings.clone());
    let begin = Instant::now();
    let told: Arc<Mutex<Vec<(u64, Outcome)>>> = Arc::default();
    let (notes, alarms) = (Arc::clone(&told), Arc::clone(&status));
    let running = tokio::spawn(client.run(move |outcome| {
        let Outcome::Failed { failures, .. } = &outcome else { panic!("there is nobody to issue: {outcome:?}") };
        assert_eq!(alarms.alarm(), *failures >= 3);
        notes.lock().unwrap().push((begin.elapsed().as_secs(), outcome));
    }));
    sleep(Duration::from_secs(3 * 3600)).await;
    running.abort();
    let told = told.lock().unwrap();
    assert_eq!((status.issued(), status.failed()), (0, told.len() as u64));
    // The first hour and two more, with up to half a minute for each attempt.
    assert!((8..=9).contains(&told.len()), "{told:?}");
    let [(first, _), (second, _), ..] = told[..] else { panic!("{told:?}") };
    assert!(first <= 30 && (60..=120).contains(&second), "{told:?}");
    assert!(settings.failure().exists() && !settings.is_issued());
    status.rest();
    assert!(!status.alarm());
}

/// Long after the tests.
const LATE: i32 = 4000;

#[tokio::test(start_paused = true)]
async fn a_reload_that_mends_the_cause_ends_the_alarm_and_what_was_said() {
    let state = tempfile::tempdir().unwrap();
    let first = client(state.path());
    let (status, settings) = (Arc::clone(&first.status), first.settings.clone());
    let running = tokio::spawn(first.run(|_| {}));
    sleep(Duration::from_secs(3600)).await;
    running.abort();
    assert!(status.alarm() && settings.failure().exists());
    // It asks for what was issued before.
    issued(&settings.files(), &["turn.clinic.example"], LATE);
    let second = Client { status: Arc::clone(&status), ..client(state.path()) };
    let failed = status.failed();
    let running = tokio::spawn(second.run(|outcome| panic!("nothing is due: {outcome:?}")));
    sleep(Duration::from_secs(1)).await;
    assert!(!status.alarm() && !settings.failure().exists());
    assert_eq!((status.issued(), status.failed(), running.is_finished()), (0, failed, false));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_keeps_what_was_said_is_no_failure() {
    let state = tempfile::tempdir().unwrap();
    let client = client(state.path());
    let (status, settings) = (Arc::clone(&client.status), client.settings.clone());
    issued(&settings.files(), &["turn.clinic.example"], LATE);
    // A directory is not removed as a file is.
    std::fs::create_dir(settings.failure()).unwrap();
    status.alarm.store(true, Ordering::Relaxed);
    let running = tokio::spawn(client.run(|outcome| panic!("nothing is due: {outcome:?}")));
    sleep(Duration::from_secs(1)).await;
    assert_eq!((status.alarm(), status.failed(), running.is_finished()), (false, 0, false));
    // It is tried again at every look.
    std::fs::remove_dir(settings.failure()).unwrap();
    std::fs::write(settings.failure(), "").unwrap();
    sleep(LOOK_EVERY).await;
    assert!(!settings.failure().exists());
}

#[tokio::test]
async fn what_is_issued_and_will_not_do_is_a_failure_and_stays() {
    let state = tempfile::tempdir().unwrap();
    let client = client(state.path());
    let files = client.settings.files();
    let names = ["turn.clinic.example", "sip.clinic.example"];
    for (about, until) in [(&names[1..], LATE), (&names[..], LATE), (&names[..1], 2000)] {
        issued(&files, about, until);
        let kept = std::fs::read(files.pair()).unwrap();
        let why = client.judge(&files).await.unwrap_err().to_string();
        assert!(why.ends_with("see tls.acme.names and this host's clock"), "{why}");
        assert_eq!(std::fs::read(files.pair()).unwrap(), kept);
    }
    issued(&files, &names[..1], LATE);
    client.judge(&files).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_damaged_is_told_without_a_word_of_its_file() {
    let state = tempfile::tempdir().unwrap();
    let client = client(state.path());
    let files = client.settings.files();
    for damaged in [
        "{\"id\": \"sesame\"",
        "{\"id\": \"sesame\", \"sesame\": 1}",
        "{\"id\": \"sesame\", \"key_pkcs8\": \"sesame\", \"directory\": \"https://127.0.0.1:1/directory\"}",
        "",
    ] {
        files.keep_account(damaged).unwrap();
        let why = client.attempt(&files).await.unwrap_err();
        let told = why.details();
        assert!(told.starts_with("account.json ") && told.contains("remove it"), "{told}");
        assert!(!told.contains("sesame"), "{told}");
    }
}
