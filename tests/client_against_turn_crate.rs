//! The client against a server that is not ours: the `turn` crate on loopback. What works here does not work only
//! because client and server share an error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

mod stranger;

use std::net::SocketAddr;
use std::time::Duration;

use hilum::client::{
    ClientError, Credential, EchoPath, Options, Plan, ProbeReport, RequestFailure, Schedule, Source, Stage, Trust,
    TurnClient, TurnUri, probe,
};
use hilum::time::Lifetime;
use hilum::wire::{ChannelNumber, ErrorCode};
use stranger::{Mischief, PASSWORD, REALM, USER};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn::server::Server;

/// The stranger and the way to it over UDP.
async fn stranger() -> (Server, TurnUri) {
    let (server, address) = stranger::start().await;
    (server, format!("turn:{address}").parse().unwrap())
}

fn credential() -> Credential {
    Credential::new(USER, PASSWORD).unwrap()
}

fn impatient() -> Options {
    let schedule = Schedule { initial: Duration::from_millis(100), sends: 3, last_wait: 3 };
    Options { schedule, connect_patience: Duration::from_secs(5), ..Options::plain() }
}

async fn receive_at(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = timeout(Duration::from_secs(10), peer.recv_from(&mut buffer)).await.unwrap().unwrap();
    (buffer[..length].to_vec(), from)
}

#[tokio::test]
async fn allocation_permission_indications_channel_refresh_and_deletion_work_against_a_stranger() {
    let (server, uri) = stranger().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer_address = peer.local_addr().unwrap();

    let mut client = TurnClient::connect(&uri, &credential(), &Options::plain()).await.unwrap();
    assert_eq!(client.binding().await.unwrap(), client.local());
    let allocation = client.allocate(None, None).await.unwrap();
    assert_eq!(allocation.mapped, client.local());
    assert!(allocation.lifetime >= Lifetime::from_secs(600));
    assert_eq!(client.session().challenge().unwrap().realm(), REALM.as_bytes());

    client.create_permission(&[peer_address]).await.unwrap();
    client.send_to(peer_address, b"by indication").await.unwrap();
    assert_eq!(receive_at(&peer).await, (b"by indication".to_vec(), allocation.relayed));
    peer.send_to(b"back", allocation.relayed).await.unwrap();
    let received = timeout(Duration::from_secs(10), client.receive()).await.unwrap().unwrap();
    assert_eq!((received.from, received.data), (Source::Peer(peer_address), b"back".to_vec()));

    let channel = ChannelNumber::FIRST;
    client.channel_bind(channel, peer_address).await.unwrap();
    client.send_channel(channel, b"by channel").await.unwrap();
    assert_eq!(receive_at(&peer).await, (b"by channel".to_vec(), allocation.relayed));
    // Data that comes while an answer is awaited is not lost.
    peer.send_to(b"in between", allocation.relayed).await.unwrap();
    assert!(client.refresh(Lifetime::from_secs(600)).await.unwrap() > Lifetime::ZERO);
    let received = timeout(Duration::from_secs(10), client.receive()).await.unwrap().unwrap();
    assert_eq!((received.from, received.data), (Source::Channel(channel), b"in between".to_vec()));

    client.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn two_allocations_of_a_stranger_reach_each_other() {
    let (server, uri) = stranger().await;
    let mut near = TurnClient::connect(&uri, &credential(), &Options::plain()).await.unwrap();
    let mut far = TurnClient::connect(&uri, &credential(), &Options::plain()).await.unwrap();
    let near_relayed = near.allocate(None, None).await.unwrap().relayed;
    let far_relayed = far.allocate(None, None).await.unwrap().relayed;
    near.channel_bind(ChannelNumber::LAST, far_relayed).await.unwrap();
    far.create_permission(&[near_relayed]).await.unwrap();
    near.send_channel(ChannelNumber::LAST, b"there").await.unwrap();
    let there = timeout(Duration::from_secs(10), far.receive()).await.unwrap().unwrap();
    assert_eq!((there.from, there.data), (Source::Peer(near_relayed), b"there".to_vec()));
    far.send_to(near_relayed, b"and back").await.unwrap();
    let back = timeout(Duration::from_secs(10), near.receive()).await.unwrap().unwrap();
    assert_eq!((back.from, back.data), (Source::Channel(ChannelNumber::LAST), b"and back".to_vec()));
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_explained_although_the_stranger_does_not_sign_its_refusal() {
    let (server, uri) = stranger().await;
    let wrong = Credential::new(USER, "a wrong password").unwrap();
    let mut client = TurnClient::connect(&uri, &wrong, &impatient()).await.unwrap();
    match client.allocate(None, None).await.unwrap_err() {
        ClientError::Request(RequestFailure::Silent { unproven, .. }) => {
            assert_eq!(unproven, Some(ErrorCode::BAD_REQUEST));
        }
        other => panic!("{other}"),
    }
    assert!(client.first_answer().is_some());
    server.close().await.unwrap();
}

// ---- the probe ---------------------------------------------------------------------------------------------------

fn quick() -> Plan {
    Plan { interval: Duration::from_millis(1), ..Plan::voice(50) }
}

fn assert_lossless(report: &ProbeReport, packets: u32) {
    assert!(report.works() && report.is_lossless(), "{report:?}");
    let echo = report.echo.as_ref().unwrap();
    assert_eq!(echo.path, EchoPath::SecondAllocation);
    assert_eq!((echo.sent, echo.reached, echo.returned, echo.lost), (packets, packets, packets, 0));
    assert_eq!((echo.corrupted, echo.duplicated), (0, 0));
    let times = echo.round_trip.unwrap();
    assert!(0.0 < times.min_ms && times.min_ms <= times.median_ms);
    assert!(times.median_ms <= times.p95_ms && times.p95_ms <= times.max_ms);
    assert!(report.answer_ms.unwrap() <= report.allocate_ms.unwrap());
}

#[tokio::test]
async fn a_probe_over_udp_relays_every_packet_there_and_back() {
    let (server, uri) = stranger().await;
    assert_lossless(&probe(&uri, &credential(), &impatient(), &quick()).await, 50);
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_probe_over_tcp_relays_packets_whose_length_needs_padding() {
    let (server, address) = stranger::start().await;
    let door = stranger::door(address, None).await;
    let uri = format!("turn:{door}?transport=tcp").parse().unwrap();
    assert_lossless(&probe(&uri, &credential(), &impatient(), &Plan { size: 173, ..quick() }).await, 50);
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_probe_over_tls_trusts_the_self_signed_certificate_it_was_given_and_no_other() {
    let (server, address) = stranger::start().await;
    let (certificate, key) = stranger::certificate("127.0.0.1");
    let (other, _) = stranger::certificate("127.0.0.1");
    let door = stranger::door(address, Some((&certificate, &key))).await;
    let uri: TurnUri = format!("turns:{door}").parse().unwrap();
    let file = |pem: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        file
    };
    let (right, wrong) = (file(&certificate), file(&other));

    let trusting = |trust: Trust| Options { tls: Options::with_trust(&trust).unwrap().tls, ..impatient() };
    let options = trusting(Trust::File(right.path().to_path_buf()));
    assert_lossless(&probe(&uri, &credential(), &options, &quick()).await, 50);
    assert_lossless(&probe(&uri, &credential(), &trusting(Trust::Anyone), &quick()).await, 50);

    let options = trusting(Trust::File(wrong.path().to_path_buf()));
    let failure = probe(&uri, &credential(), &options, &quick()).await.failure.unwrap();
    assert_eq!((failure.stage, failure.verdict), (Stage::Connect, "certificate"));
    assert!(failure.advice.contains("--ca FILE"), "{failure:?}");

    let (elsewhere, key) = stranger::certificate("turn.example.org");
    let door = stranger::door(address, Some((&elsewhere, &key))).await;
    let named = file(&elsewhere);
    let uri = format!("turns:{door}").parse().unwrap();
    let options = trusting(Trust::File(named.path().to_path_buf()));
    let failure = probe(&uri, &credential(), &options, &quick()).await.failure.unwrap();
    assert_eq!((failure.stage, failure.verdict), (Stage::Connect, "wrong name"));
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_probe_says_what_is_wrong() {
    let (server, address) = stranger::start().await;
    let wrong = Credential::new(USER, "a wrong password").unwrap();
    let uri = format!("turn:{address}").parse().unwrap();
    let report = probe(&uri, &wrong, &impatient(), &quick()).await;
    let failure = report.failure.unwrap();
    assert_eq!((failure.stage, failure.verdict), (Stage::Allocate, "credentials"));
    assert!(report.answer_ms.is_some() && report.allocate_ms.is_none() && report.echo.is_none());

    // A UDP socket that never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("turn:{}", silent.local_addr().unwrap()).parse().unwrap();
    let failure = probe(&uri, &credential(), &impatient(), &quick()).await.failure.unwrap();
    assert_eq!((failure.stage, failure.verdict), (Stage::Allocate, "blocked"));
    assert!(failure.advice.contains("firewall"), "{failure:?}");

    // A port that was just closed.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for uri in [format!("turn:{closed}?transport=tcp"), format!("turn:{closed}?transport=udp")] {
        let failure = probe(&uri.parse().unwrap(), &credential(), &impatient(), &quick()).await.failure.unwrap();
        assert_eq!(failure.verdict, "port closed", "{uri}");
    }

    // TLS towards something that speaks first, and not TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: TurnUri = format!("turns:{}", listener.local_addr().unwrap()).parse().unwrap();
    let options = Options { tls: Options::with_trust(&Trust::Anyone).unwrap().tls, ..impatient() };
    let speak = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example.org ESMTP\r\n").await.unwrap();
        stream
    };
    let (credential, plan) = (credential(), quick());
    let (_stream, report) = tokio::join!(speak, probe(&uri, &credential, &options, &plan));
    let failure = report.failure.unwrap();
    assert_eq!((failure.stage, failure.verdict), (Stage::Connect, "not TLS"));
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_probe_counts_what_is_lost_repeated_and_changed_on_the_way() {
    let (server, address) = stranger::start().await;
    // lost, repeated, changed, and the verdict, for 55 packets of which every tenth suffers.
    for (mischief, lost, duplicated, corrupted, verdict) in [
        (Mischief::Lose, 5, 0, 0, Some("lossy")),
        (Mischief::Repeat, 0, 5, 0, None),
        (Mischief::Change, 5, 0, 5, Some("packets changed")),
    ] {
        let door = stranger::bad_door(address, mischief).await;
        let uri = format!("turn:{door}").parse().unwrap();
        let plan = Plan { packets: 55, grace: Duration::from_millis(500), ..quick() };
        let report = probe(&uri, &credential(), &impatient(), &plan).await;
        let echo = report.echo.as_ref().unwrap();
        assert_eq!((echo.sent, echo.returned, echo.lost), (55, 55 - lost, lost), "{verdict:?}");
        assert_eq!((echo.duplicated, echo.corrupted), (duplicated, corrupted), "{verdict:?}");
        assert_eq!(report.failure.as_ref().map(|failure| failure.verdict), verdict);
        assert_eq!(report.works(), verdict.is_none());
    }
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_probe_that_may_have_one_allocation_only_takes_a_port_of_this_machine_and_says_so() {
    let (server, address) = stranger::start().await;
    let door = stranger::bad_door(address, Mischief::Quota).await;
    let report = probe(&format!("turn:{door}").parse().unwrap(), &credential(), &impatient(), &quick()).await;
    let echo = report.echo.as_ref().unwrap();
    assert!(report.works(), "{report:?}");
    assert_eq!((echo.path, echo.returned), (EchoPath::LocalPort, 50));
    assert!(echo.path_reason.as_ref().unwrap().contains("486"), "{report:?}");
    server.close().await.unwrap();
}
