//! Two `hilum keys` at once on one keyring: no change is lost.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const HILUM: &str = env!("CARGO_BIN_EXE_hilum");

fn keys(place: &Path, arguments: &str) -> Child {
    let mut command = Command::new(HILUM);
    command.arg("keys").args(arguments.split_whitespace()).current_dir(place);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn kids(place: &Path) -> Vec<String> {
    let output = keys(place, "list --keyring keys.toml --json").wait_with_output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    listed.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_change_waits_for_the_one_before_and_builds_on_it() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = keys(elsewhere.path(), "new --keyring keys.toml --kid first").wait().unwrap();
    assert!(made.success());
    // We are the other process: we hold the lock, it is seen to wait, and only then we put our key in.
    let directory = File::open(place.path()).unwrap();
    directory.lock().unwrap();
    let mut second = keys(place.path(), "new --keyring keys.toml --kid second");
    let mut said = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("waiting for it"), "{said}");
    fs::copy(elsewhere.path().join("keys.toml"), place.path().join("keys.toml")).unwrap();
    directory.unlock().unwrap();
    assert!(second.wait().unwrap().success());
    assert_eq!(kids(place.path()), ["first", "second"]);
}

#[test]
fn of_many_changes_at_once_none_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let new = |number| keys(place.path(), &format!("new --keyring keys.toml --kid k{number}"));
    let running: Vec<Child> = (0..9).map(new).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(kids(place.path()), (0..9).map(|number| format!("k{number}")).collect::<Vec<_>>());
    // Nothing but the keyring and the issuer's files is left.
    let ending = |entry: fs::DirEntry| entry.path().extension().map(|ending| ending.to_string_lossy().into_owned());
    let mut endings: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| ending(entry.unwrap()).unwrap()).collect();
    endings.sort();
    endings.dedup();
    assert_eq!(endings, ["password", "pem", "toml"]);
}
