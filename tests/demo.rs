//! `hilum demo` beside strangers: curl, which trusts its authority, and Chromium, in which it holds a visit.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize as _;
use serde_json::Value;

/// Ends with the test.
struct Demo {
    child: Child,
    told: Value,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Demo {
    /// One that serves until it is told to stop.
    fn start() -> Self {
        let mut hilum = Command::new(env!("CARGO_BIN_EXE_hilum"));
        let mut child = hilum.args(["demo", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = serde_json::Deserializer::from_reader(child.stdout.take().unwrap());
        let told = Value::deserialize(&mut told).unwrap();
        Self { child, told }
    }

    fn text(&self, pointer: &str) -> &str {
        self.told.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {}", self.told))
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

fn curl(options: &[&str], page: &str) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--max-time", "20", "--noproxy", "*"]);
    curl.args(options).arg(page).output().expect("Debian's package curl")
}

fn code(options: &[&str], page: &str) -> Option<i32> {
    curl(options, page).status.code()
}

/// `hilum demo --once --json` where nothing of the person's own may be touched: the outcome, and what it said.
fn once(more: &[&str], path: Option<&str>) -> (Output, Value) {
    let place = tempfile::tempdir().unwrap();
    let [home, temporary] = ["home", "t"].map(|name| place.path().join(name));
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&temporary).unwrap();
    let mut hilum = Command::new(env!("CARGO_BIN_EXE_hilum"));
    hilum.args(["demo", "--once", "--json"]).args(more).env("HOME", &home).env("TMPDIR", &temporary);
    hilum.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME");
    if let Some(path) = path {
        hilum.env("PATH", path);
    }
    let output = hilum.output().unwrap();
    for left in [home, temporary] {
        let left: Vec<_> = std::fs::read_dir(left).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?} stays behind");
    }
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, told)
}

#[test]
fn who_trusts_the_authority_of_a_demo_sees_its_page_and_nothing_stays_behind() {
    let demo = Demo::start();
    let (authority, page) = (demo.text("/authority").to_owned(), demo.text("/page"));
    assert!(page.starts_with("https://localhost:"), "{page}");
    // 60 is curl's code for a certificate that nobody vouches for.
    assert_eq!(code(&[], page), Some(60));
    assert_eq!(code(&["--cacert", &authority], page), Some(0));
    assert_eq!(code(&["--cacert", &authority], &page.replace("localhost", "127.0.0.1")), Some(0));

    let directory = Path::new(&authority).parent().unwrap();
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let text = String::from_utf8_lossy(&std::fs::read(entry).unwrap()).into_owned();
        assert!(text.matches("PRIVATE KEY-----").count() <= 2, "the relay's keys and no other");
    }
    demo.stop();
    assert!(!directory.exists());
}

#[test]
fn the_clinicians_link_signs_in_whoever_has_it_and_the_patients_is_a_link_like_all() {
    let demo = Demo::start();
    let (authority, page) = (demo.text("/authority").to_owned(), demo.text("/page"));
    let (clinician, patient) = (demo.text("/links/clinician"), demo.text("/links/patient"));
    let jar = tempfile::NamedTempFile::new().unwrap();
    let jar = jar.path().to_str().unwrap();
    let trusting = ["--cacert", &authority];
    let me = || {
        let output = curl(&[&trusting[..], &["--cookie", jar]].concat(), &format!("{page}v1/staff/me"));
        serde_json::from_slice::<Value>(&output.stdout).ok()
    };
    assert_eq!(me(), None, "nobody is signed in");
    // Again and again: in another browser, or after a reload.
    for _ in 0..2 {
        let opened = curl(&[&trusting[..], &["--location", "--cookie-jar", jar]].concat(), clinician);
        assert!(opened.status.success() && opened.stdout.starts_with(b"<!doctype html>"), "the page of the staff");
        assert_eq!(me().unwrap()["staff"]["clinics"][0]["id"], "demo");
    }
    // Signed out is signed out, and the link signs in anew.
    let origin = format!("origin: {}", page.trim_end_matches('/'));
    let out = ["--cookie", jar, "--header", &origin, "--request", "POST"];
    assert_eq!(code(&[&trusting[..], &out].concat(), &format!("{page}v1/staff/signout")), Some(0));
    assert_eq!(me(), None);
    assert_eq!(code(&[&trusting[..], &["--cookie-jar", jar]].concat(), clinician), Some(0));
    assert!(me().is_some());
    // 22 is curl's code for a refusal.
    let (other, _) = clinician.split_once('?').unwrap();
    for wrong in
        [other.to_owned(), format!("{other}?"), format!("{other}?AAAAAAAAAAAAAAAAAAAAAA"), clinician.to_lowercase()]
    {
        assert_eq!(code(&trusting, &wrong), Some(22), "{wrong}");
    }

    let (place, secret) = patient.split_once('#').unwrap();
    assert_eq!(place, format!("{page}j"));
    assert_eq!(code(&trusting, place), Some(0));
    let asked = format!(r#"{{"secret":"{secret}"}}"#);
    let options = ["--header", &origin, "--json", &asked];
    let looked = curl(&[&trusting[..], &options].concat(), &format!("{page}v1/visit/look"));
    let looked: Value = serde_json::from_slice(&looked.stdout).unwrap();
    assert_eq!(
        (&looked["state"], &looked["role"], &looked["claimed"]),
        (&"open".into(), &"patient".into(), &false.into())
    );
    demo.stop();
}

#[test]
fn a_demo_holds_a_visit_by_itself_in_chromium() {
    let (output, told) = once(&[], None);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{told}");
    let visit = told["visit"].as_object().unwrap_or_else(|| panic!("Debian's package chromium is missing? {said}"));
    for who in ["clinician", "patient"] {
        let received = &visit[who];
        assert_eq!(received["relayed"], true, "{received}");
        for kind in ["audio", "video", "pictures"] {
            assert!(received[kind].as_u64().unwrap() >= 10, "{kind} of the other: {received}");
        }
    }
    assert_eq!(visit["words"][0].as_array().unwrap().len(), 4);
    assert_eq!(visit["words"][0], visit["words"][1]);
    assert!(visit["seals"].as_u64().unwrap() >= 1);
}

#[test]
fn without_a_browser_a_demo_says_so_and_does_the_rest() {
    let (output, told) = once(&[], Some("/nowhere"));
    assert!(output.status.success(), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("this computer has no Chromium"));
    assert_eq!((&told["arrived"], &told["visit"]), (&true.into(), &Value::Null));

    let (output, told) = once(&["--without-browser"], None);
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!((&told["arrived"], &told["visit"]), (&true.into(), &Value::Null));
}

/// A program that ends at once is no browser: the demo says what broke off, and fails.
#[test]
fn a_browser_that_does_not_start_is_a_failure() {
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/false", place.path().join("chromium")).unwrap();
    let (output, told) = once(&[], Some(place.path().to_str().unwrap()));
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("it does not start: the browser has ended"));
}
