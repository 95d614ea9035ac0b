//! A client whose authority is not there, in simulated time.

use std::sync::Mutex;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use tokio::time::Instant;

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
