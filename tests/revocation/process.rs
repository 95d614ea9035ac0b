//! `hilum serve`, killed and on a disk that takes nothing.

use std::net::SocketAddr;
use std::process::Child;

use hilum::addr::Transport;
use hilum::wire::ErrorCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::configure;
use crate::world::{Place, allocate, free, limit_disk, serve, until};

/// A relay as a process of its own.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    async fn start(place: &Place) -> Self {
        let address = free();
        let server = "[server]\nshards = 2\nstate = \"state\"\n";
        let file = configure(place, &address.to_string(), "", server);
        let process = serve(&file, "");
        let server = Self { process, address };
        until("the relay is ready", async || ask(place, "GET", "/v1/revocations", "").await.is_some()).await;
        server
    }

    async fn allocate(&self, place: &Place, call: &str) -> Result<(), ErrorCode> {
        allocate(self.address, Transport::Udp, &place.token(call, "a")).await.map(drop)
    }

    /// Kill -9.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Asks through the operator's socket: the status line and all that follows.
async fn ask(place: &Place, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = UnixStream::connect(place.path("operator.sock")).await.ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    String::from_utf8(answer).ok().filter(|answer| answer.starts_with("HTTP/1.1 "))
}

async fn revoke(place: &Place, call: &str) -> String {
    ask(place, "POST", "/v1/revocations", &format!("{{\"call\":\"clinic/{call}\"}}")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let place = Place::new();
    for round in 0..4 {
        let server = Server::start(&place).await;
        let calls: Vec<String> = (0..=round).map(|number| format!("visit-{number}")).collect();
        let (new, old) = calls.split_last().unwrap();
        for call in old {
            assert_eq!(server.allocate(&place, call).await, Err(ErrorCode::FORBIDDEN), "{call} in round {round}");
        }
        assert_eq!(server.allocate(&place, new).await, Ok(()));
        let answer = revoke(&place, new).await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("warning"), "{answer}");
        server.kill();
    }
}

// A disk that takes nothing is no reason to let a call go on; the operator is told, and can do it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_revocation_holds_until_the_restart() {
    let place = Place::new();
    let server = Server::start(&place).await;
    limit_disk(&server.process, "100");
    let answer = revoke(&place, "visit").await;
    assert!(!answer.starts_with("HTTP/1.1 200") && answer.contains("good again after a restart"), "{answer}");
    assert_eq!(server.allocate(&place, "visit").await, Err(ErrorCode::FORBIDDEN));
    limit_disk(&server.process, "unlimited");
    let answer = revoke(&place, "visit").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the store is opened again: {answer}");
    server.kill();
    let server = Server::start(&place).await;
    assert_eq!(server.allocate(&place, "visit").await, Err(ErrorCode::FORBIDDEN));
    server.kill();
}
