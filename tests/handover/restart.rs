//! A relay that is told that the next one is about to start, under a service manager that keeps its sockets.

use hilum::addr::Transport;
use hilum::audit::Fact;
use hilum::wire::ChannelNumber;

use crate::calls::{Call, Outside};
use crate::manager::Manager;
use crate::relay::Site;
use crate::world::{allocate, ended, good, kinds, shared, soon};

/// Packets of each flow while no relay runs.
const MEANWHILE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_between_two_processes_waits_for_the_second() {
    let site = Site::new();
    let manager = Manager::new(&site);
    let mut server = manager.start(&site).await;
    let listening = manager.names();
    assert_eq!(listening.len(), 4, "one UDP address on two shards, TCP and metrics: {listening:?}");
    let mut calls = [Call::begin(&site, "visit-1").await, Call::begin(&site, "visit-2").await];
    let mut outside = Outside::begin(&site).await;
    for round in 0..3 {
        server.signal("-USR2");
        server.ended().await;
        assert_eq!(manager.names().len(), listening.len() + 1, "and the relayed port: {:?}", manager.names());
        assert!(site.journal().exists());

        let mut sent = Vec::new();
        for call in &mut calls {
            let packets: Vec<Vec<u8>> = (0..MEANWHILE).map(|_| call.next()).collect();
            for packet in &packets {
                call.ada.client.send_channel(ChannelNumber::FIRST, packet).await.unwrap();
                call.ben.client.send_channel(ChannelNumber::FIRST, packet).await.unwrap();
            }
            sent.push(packets);
        }
        let from_outside: Vec<Vec<u8>> = (0..MEANWHILE).map(|_| outside.next()).collect();
        for packet in &from_outside {
            outside.peer.send_to(packet, outside.relayed()).await.unwrap();
        }
        let stream = {
            let address = site.address;
            tokio::spawn(async move { allocate(address, Transport::Tcp, &shared("stream")).await.is_ok() })
        };

        server = manager.start(&site).await;
        for (call, packets) in calls.iter_mut().zip(sent) {
            for packet in packets {
                assert_eq!(soon(call.ben.client.receive()).await.unwrap().data, packet, "round {round}");
                assert_eq!(soon(call.ada.client.receive()).await.unwrap().data, packet, "round {round}");
            }
            call.goes_on().await;
            call.is_prolonged().await;
        }
        for packet in from_outside {
            assert_eq!(soon(outside.client.client.receive()).await.unwrap().data, packet, "round {round}");
        }
        outside.goes_on().await;
        assert!(soon(stream).await.unwrap(), "a connection that came meanwhile is accepted");
        assert_eq!(server.metric("hilum_restored_allocations").await, Some(5));
        assert_eq!(manager.names(), listening, "the same sockets, and no relayed port any more");
    }
    drop(server);
    let facts = good(&site.place.log());
    let of = |kind: &str| kinds(&facts).into_iter().filter(|each| *each == kind).count();
    assert_eq!((of("node-started"), of("node-stopped"), of("resumed")), (4, 3, 3));
    assert_eq!((of("call-begun"), ended(&facts).len()), (2, 0), "no call has ended, and none begun again");
    let reasons = facts.iter().filter_map(|fact| match fact {
        Fact::NodeStopped(stopped) => Some(stopped.reason.as_str()),
        _ => None,
    });
    assert!(reasons.eq(["handed-over"; 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_outlive_a_kill_as_well() {
    let site = Site::new();
    let manager = Manager::new(&site);
    let server = manager.start(&site).await;
    let mut call = Call::begin(&site, "visit").await;
    let mut outside = Outside::begin(&site).await;
    site.rests().await;
    server.kill();
    let packets: Vec<Vec<u8>> = (0..MEANWHILE).map(|_| call.next()).collect();
    for packet in &packets {
        call.ada.client.send_channel(ChannelNumber::FIRST, packet).await.unwrap();
    }
    let server = manager.start(&site).await;
    for packet in packets {
        assert_eq!(soon(call.ben.client.receive()).await.unwrap().data, packet);
    }
    call.goes_on().await;
    outside.goes_on().await;
    assert_eq!(server.metric("hilum_restored_allocations").await, Some(3));
}

/// Metrics are at this address of the host from the next start on.
fn listens_at(site: &Site, ip: &str) {
    let text = std::fs::read_to_string(&site.file).unwrap();
    let (before, after) = text.split_once("[admin]\n").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    let port = site.admin.port();
    site.place.write("hilum.toml", &format!("{before}[admin]\nlisten = \"{ip}:{port}\"\n{after}"));
}

/// Whether somebody at another address of this host reaches the metrics.
async fn is_open(site: &Site) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.2", site.admin.port())).await.is_ok()
}

// The wildcard's socket lies in the manager's store, and would come back with every start.
#[tokio::test(flavor = "multi_thread")]
async fn who_listens_on_less_after_a_restart_is_not_reached_at_the_rest() {
    let site = Site::new();
    let manager = Manager::new(&site);
    listens_at(&site, "0.0.0.0");
    let mut server = manager.start(&site).await;
    assert!(is_open(&site).await);
    let listening = manager.names().len();
    listens_at(&site, "127.0.0.1");
    for _ in 0..2 {
        server.signal("-USR2");
        server.ended().await;
        server = manager.start(&site).await;
        assert!(!is_open(&site).await);
        assert_eq!(manager.names().len(), listening, "{:?}", manager.names());
    }
}

// The address of before is a part of the new one, so both cannot be listened on.
#[tokio::test(flavor = "multi_thread")]
async fn who_listens_on_more_after_a_restart_is_reached_there() {
    let site = Site::new();
    let manager = Manager::new(&site);
    let mut server = manager.start(&site).await;
    assert!(!is_open(&site).await);
    let listening = manager.names().len();
    listens_at(&site, "0.0.0.0");
    for _ in 0..2 {
        server.signal("-USR2");
        server.ended().await;
        server = manager.start(&site).await;
        assert!(is_open(&site).await);
        assert_eq!(manager.names().len(), listening, "{:?}", manager.names());
    }
}

// Clients are spread over as many sockets as there are shards: with another number nobody is where he was.
#[tokio::test(flavor = "multi_thread")]
async fn with_another_number_of_shards_the_start_is_a_clean_one() {
    let site = Site::new();
    let manager = Manager::new(&site);
    let mut server = manager.start(&site).await;
    let call = Call::begin(&site, "visit").await;
    server.signal("-USR2");
    server.ended().await;
    let text = std::fs::read_to_string(&site.file).unwrap();
    site.place.write("hilum.toml", &text.replace("shards = 2", "shards = 3"));
    drop(call);
    let server = manager.start(&site).await;
    assert_eq!(server.metric("hilum_start{how=\"other-configuration\"}").await, Some(1));
    assert_eq!(server.metric("hilum_restored_allocations").await, Some(0));
    assert_eq!(manager.names().len(), 5, "{:?}", manager.names());
    let mut call = Call::begin(&site, "visit").await;
    call.goes_on().await;
}
