//! `hilum demo` beside a stranger: who trusts its authority sees its page.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize as _;
use serde_json::Value;

/// Ends with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn curl(options: &[&str], page: &str) -> Option<i32> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--max-time", "20", "--output", "/dev/null", "--noproxy", "*"]);
    curl.args(options).arg(page).status().expect("Debian's package curl").code()
}

#[test]
fn who_trusts_the_authority_of_a_demo_sees_its_page_and_nothing_stays_behind() {
    let mut hilum = Command::new(env!("CARGO_BIN_EXE_hilum"));
    let mut demo = Demo(hilum.args(["demo", "--json"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut told = serde_json::Deserializer::from_reader(demo.0.stdout.take().unwrap());
    let told = Value::deserialize(&mut told).unwrap();
    let (authority, page) = (told["authority"].as_str().unwrap(), told["page"].as_str().unwrap());
    assert!(page.starts_with("https://127.0.0.1:"), "{page}");
    // 60 is curl's code for a certificate that nobody vouches for.
    assert_eq!(curl(&[], page), Some(60));
    assert_eq!(curl(&["--cacert", authority], page), Some(0));
    assert_eq!(curl(&["--cacert", authority], &page.replace("127.0.0.1", "localhost")), Some(0));

    let directory = Path::new(authority).parent().unwrap();
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.matches("PRIVATE KEY-----").count() <= 2, "the relay's key and no other");
    }
    kill(Pid::from_raw(demo.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(demo.0.wait().unwrap().success());
    assert!(!directory.exists());
}
