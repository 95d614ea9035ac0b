//! docs/webhooks.md: its vector, and its receiver in Python, which takes what is really sent.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use hilum::time::UnixTime;
use hilum::webhook::{Event, Secrets};
use tempfile::TempDir;

use crate::receiver::{QUICK, SECRET, count, until, webhooks};
use crate::{APPOINTMENT, appointment};

const ID: &str = "msg_b25lLW1lc3NhZ2UtbW9yZQ";
const AT: u64 = 1_795_858_201;
const SIGNATURE: &str = "v1,p9Tri3QuPzWYgRzTduizJ9uIjGGpblWD4aOin3DdbUo=";

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks.md")).unwrap()
}

/// The one block of a language.
fn block(language: &str) -> String {
    let document = document();
    let blocks: Vec<&str> = document.split(&format!("\n```{language}\n")).collect();
    assert_eq!(blocks.len(), 2, "one block of {language}");
    blocks[1].split_once("```").unwrap().0.to_owned()
}

/// The document's receiver in a directory, and how it is run.
fn python(folder: &TempDir) -> Command {
    std::fs::write(folder.path().join("receiver.py"), block("python")).unwrap();
    let mut python = Command::new("python3");
    python.current_dir(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

#[test]
fn the_vector_of_the_document_is_what_is_signed() {
    let text = document();
    for part in [ID, &AT.to_string(), SECRET, SIGNATURE] {
        assert!(text.contains(&format!("`{part}`")), "{part}");
    }
    let secrets = Secrets::read(SECRET.as_bytes()).unwrap();
    assert_eq!(secrets.sign(ID, UnixTime::from_secs(AT), block("json").trim_end()), SIGNATURE);
}

#[test]
fn the_receiver_of_the_document_takes_the_vector_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ask = format!(
        "from receiver import verified\nimport sys\nbody = sys.stdin.buffer.read()\n\
         good = {{'webhook-id': '{ID}', 'webhook-timestamp': '{AT}', 'webhook-signature': 'v1,x {SIGNATURE}'}}\n\
         is_taken = lambda headers, body=body, now={AT}, secret='{SECRET}': verified(secret, headers, body, now)\n\
         print(is_taken(good)['data']['appointment'])\n\
         bad = [is_taken(good | {{name: value}}) for name in good for value in ['1', '\\u00e9', '']]\n\
         bad += [is_taken({{}}), is_taken(good, body + b' '), is_taken(good, now={AT} + 301), is_taken(good, now={AT} - 301)]\n\
         bad += [is_taken(good, secret='whsec_AAAA')]\n\
         print(len(bad), all(one is None for one in bad))\n"
    );
    let mut child = python(&folder).args(["-c", &ask]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(block("json").trim_end().as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{APPOINTMENT}\n14 True\n"));
}

/// A receiver that runs, until it is dropped.
struct Running(Child, Lines<BufReader<ChildStdout>>);

impl Running {
    fn start(folder: &TempDir) -> (Self, u16) {
        let mut child = python(folder)
            .args(["receiver.py", "secret", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is missing");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.strip_prefix("listening on ").unwrap().parse().unwrap();
        (Self(child, lines), port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_document_takes_what_is_really_sent() {
    let folder = tempfile::tempdir().unwrap();
    for (secret, is_ours) in [(SECRET, true), ("whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHNhbWUgcmVjZWl2ZXI=", false)] {
        std::fs::write(folder.path().join("secret"), secret).unwrap();
        let (mut running, port) = Running::start(&folder);
        let webhooks = webhooks(QUICK, &[format!("http://127.0.0.1:{port}/")]);
        webhooks.tell(Event::CallStarted, &appointment());
        if is_ours {
            until("it is taken", || count(&webhooks, "delivered") == 1).await;
            let line = running.1.next().unwrap().unwrap();
            assert_eq!(line, format!("call.started {APPOINTMENT}"));
        } else {
            until("it is refused", || count(&webhooks, "failed") >= 2).await;
            assert_eq!(count(&webhooks, "delivered"), 0);
        }
    }
}
