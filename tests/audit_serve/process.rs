//! `hilum serve` with an audit log: on a disk that is full, and killed.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use hilum::addr::Transport;
use hilum::time::Lifetime;
use hilum::wire::ErrorCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::*;

/// Calls that fill the little disk for certain: each writes some 300 bytes of its beginning.
const ENOUGH: u32 = 60;
/// What a file may have, in KiB, before the disk is full.
const DISK: u32 = 6;

/// A relay as a process of its own.
struct Server {
    process: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Starts it; `limits` are commands of a shell that come first.
    async fn start(place: &Place, limits: &str, more: &str) -> Self {
        let (address, admin) = (free(), free());
        let file = place.configure(address, &admin.to_string(), more);
        let process = serve(&file, limits);
        let server = Self { process, address, admin };
        until("the relay is ready", async || server.page("/ready").await.starts_with("HTTP/1.1 200")).await;
        server
    }

    async fn page(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(self.admin).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).await.is_ok() {
            // What has come is enough to look at.
            stream.read_to_end(&mut answer).await.ok();
        }
        String::from_utf8(answer).unwrap()
    }

    /// The value of a metric without labels.
    async fn metric(&self, name: &str) -> Option<u64> {
        let page = self.page("/metrics").await;
        page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    async fn allocate(&self, place: &Place, call: &str) -> Result<Caller, ErrorCode> {
        allocate(self.address, Transport::Udp, &place.token(call, "a")).await
    }

    fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Waits until the process has ended.
    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the relay ends", async || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    async fn terminate(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.pid()]).status().unwrap().success());
        assert!(self.ended().await.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A disk with room for a few records: files may not grow beyond that, and the system says so as it does of a full disk.
fn full_soon() -> String {
    format!("ulimit -Sf {DISK};")
}

fn lines(log: &Path) -> usize {
    text(log).lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn refuse_stops_new_calls_while_nothing_can_be_recorded_and_lets_running_ones_go_on() {
    let place = Place::new();
    let server = Server::start(&place, &full_soon(), "when_failing = \"refuse\"").await;
    let mut first = server.allocate(&place, "first").await.unwrap();
    assert_eq!(server.metric("hilum_audit_alarm ").await, Some(0));
    let mut calls = Vec::new();
    let mut refused = None;
    until("new calls are refused", async || {
        match server.allocate(&place, &format!("call-{}", calls.len())).await {
            Ok(caller) => calls.push(caller),
            Err(code) => refused = Some(code),
        }
        refused.is_some()
    })
    .await;
    assert_eq!(refused, Some(ErrorCode::INSUFFICIENT_CAPACITY));
    assert_eq!(server.metric("hilum_audit_alarm ").await, Some(1));
    let granted = soon(first.client.refresh(Lifetime::from_secs(600))).await.unwrap();
    assert_eq!(granted.as_secs(), 600, "calls that run go on");

    limit_disk(&server.process, "unlimited");
    until("calls are admitted again", async || server.allocate(&place, "late").await.is_ok()).await;
    assert_eq!(server.metric("hilum_audit_alarm ").await, Some(0));
    server.terminate().await;
    let facts = good(&place.log());
    let begun = kinds(&facts).iter().filter(|kind| **kind == "call-begun").count();
    assert_eq!(begun, calls.len() + 2, "every call that began is on record");
    assert_eq!(ended(&facts).len(), begun);
}

#[tokio::test(flavor = "multi_thread")]
async fn continue_admits_calls_and_writes_what_waited_when_there_is_room() {
    let place = Place::new();
    let server = Server::start(&place, &full_soon(), "").await;
    let mut calls = Vec::new();
    for number in 0..ENOUGH {
        calls.push(server.allocate(&place, &format!("call-{number}")).await.unwrap());
    }
    until("the alarm is raised", async || server.metric("hilum_audit_alarm ").await == Some(1)).await;
    let written = lines(&place.log());
    calls.push(server.allocate(&place, "last").await.unwrap());
    assert_eq!(lines(&place.log()), written);
    limit_disk(&server.process, "unlimited");
    until("the alarm is over", async || server.metric("hilum_audit_alarm ").await == Some(0)).await;
    assert_eq!(server.metric("hilum_audit_lost_total ").await, Some(0), "all of it had room in the queue");
    server.terminate().await;
    let facts = good(&place.log());
    assert_eq!(kinds(&facts).iter().filter(|kind| **kind == "call-begun").count(), calls.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_leaves_a_log_that_verifies_and_goes_on_with_it() {
    let place = Place::new();
    let mut server = Server::start(&place, "", "").await;
    let _call = server.allocate(&place, CALL).await.unwrap();
    until("the call is on record", async || text(&place.log()).contains("call-begun")).await;
    server.process.kill().unwrap();
    assert_eq!(server.ended().await.signal(), Some(9));
    let (verdict, records) = read(&place.log());
    assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    let last = records.last().unwrap().sequence;

    let server = Server::start(&place, "", "").await;
    assert!(server.metric("hilum_audit_records_total ").await.unwrap() > last);
    server.terminate().await;
    let facts = good(&place.log());
    let count = |kind| kinds(&facts).iter().filter(|one| **one == kind).count();
    // A start without a stop before it: whoever reads the log sees that the calls of then have no end.
    assert_eq!((count("node-started"), count("node-stopped")), (2, 1));
    assert_eq!((count("call-begun"), count("call-ended")), (1, 0));
}
