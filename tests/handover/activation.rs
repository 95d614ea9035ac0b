//! Sockets that a socket unit has opened, and a second relay at addresses that are taken.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Output};

use hilum::addr::Transport;

use crate::calls::Call;
use crate::manager::{command, spawn};
use crate::relay::{Site, configure, lasting};
use crate::world::{allocate, shared};

const UNIT: &str = "hilum.socket";

/// What systemd opens for `ListenDatagram=` that is written so often.
fn datagrams(address: SocketAddr, count: usize) -> impl Iterator<Item = (String, OwnedFd)> {
    (0..count).map(move |_| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        (UNIT.to_owned(), socket.into())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_serves_on_sockets_that_were_opened_for_it() {
    let site = Site::new();
    // A port alone: every address of both families.
    let stream = TcpListener::bind(("::", site.address.port())).unwrap();
    let mut handed = vec![(UNIT.to_owned(), stream.into())];
    handed.extend(datagrams(site.address, 2));
    // Who comes before the relay waits.
    let address = site.address;
    let early = tokio::spawn(async move { allocate(address, Transport::Tcp, &shared("early")).await.is_ok() });
    let (command, open) = command(&site, &handed);
    let server = site.started_with(command, open, None).await;
    assert!(early.await.unwrap());
    let mut call = Call::begin(&site, "visit").await;
    call.goes_on().await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_unit_that_does_not_fit_is_told() {
    let site = Site::with("[server]\nshards = 3\nruntime = \"run\"\n");
    let handed: Vec<_> = datagrams(site.address, 2).collect();
    let (mut command, open) = command(&site, &handed);
    let child = spawn(command.stderr(std::process::Stdio::piped()), open);
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("opens udp") && said.contains("2 times, and server.shards is 3"), "{said}");
}

async fn serve(file: std::path::PathBuf) -> Output {
    let run = move || {
        let mut hilum = Command::new(env!("CARGO_BIN_EXE_hilum"));
        hilum.arg("serve").arg("--config").arg(file).env_remove("NOTIFY_SOCKET").output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_does_not_start_and_says_why() {
    let site = Site::new();
    let server = site.start().await;
    let mut call = Call::begin(&site, "visit").await;
    // With another runtime directory it gets as far as the addresses.
    let elsewhere = |address, name: &str| {
        let server = format!("[server]\nshards = 2\nruntime = \"{name}\"\n");
        configure(&site.place, &format!("{name}.toml"), address, lasting(), &server)
    };
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    for (file, words) in [
        (site.file.clone(), "another relay runs already"),
        (elsewhere(site.address, "other"), "another process listens there"),
        (elsewhere(tcp.local_addr().unwrap(), "third"), "another process listens there"),
    ] {
        let output = serve(file).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
    }
    call.goes_on().await;
    drop(server);
}
