//! A relay that is killed, and one that ends as it should.
use hilum::addr::Transport;
use hilum::audit::Fact;
use hilum::client::{ClientError, RequestFailure};
use hilum::time::Lifetime;
use hilum::wire::ErrorCode;

use crate::calls::{Call, Outside};
use crate::relay::{Server, Site};
use crate::world::{allocate, good, kinds, shared, soon};

const NAMES: [&str; 4] = ["visit-1", "visit-2", "visit-3", "visit-4"];

async fn calls(site: &Site) -> Vec<Call> {
    let mut calls = Vec::new();
    for name in NAMES {
        calls.push(Call::begin(site, name).await);
    }
    calls
}

/// What a start says of what it has found.
async fn found(server: &Server) -> (Option<u64>, Option<u64>, u64) {
    let how = server.metric("hilum_start{how=\"resumed\"}").await;
    let begun = server.metric("hilum_allocations_begun_total").await.unwrap();
    (how, server.metric("hilum_restored_allocations").await, begun)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_sealed_and_with_what_they_had_after_a_kill() {
    let site = Site::new();
    let mut server = site.start().await;
    let mut calls = calls(&site).await;
    let mut outside = Outside::begin(&site).await;
    // A client over TCP comes back by itself; what it had is over.
    let stream = allocate(site.address, Transport::Tcp, &shared("stream")).await.unwrap();
    // What went on once goes on again.
    for round in 0..3 {
        site.rests().await;
        server.kill();
        server = site.start().await;
        assert_eq!(found(&server).await, (Some(1), Some(9), 0), "round {round}");
        let stream = server.metric("hilum_not_restored{reason=\"stream\"}").await;
        assert_eq!(stream, Some(u64::from(round == 0)), "round {round}");
        for call in &mut calls {
            call.goes_on().await;
            call.is_prolonged().await;
        }
        outside.goes_on().await;
    }
    drop(stream);
    // It says everything before it ends.
    server.signal("-USR2");
    server.ended().await;
    let facts = good(&site.place.log());
    let resumed: Vec<u64> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Resumed(resumed) => Some(resumed.allocations),
            _ => None,
        })
        .collect();
    assert_eq!(resumed, [9, 9, 9]);
    let begun = kinds(&facts).into_iter().filter(|kind| *kind == "call-begun").count();
    assert_eq!(begun, NAMES.len(), "a call that goes on does not begin again");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_after_a_stop() {
    let site = Site::with("[server]\nshards = 2\nruntime = \"run\"\ndrain = 0\n");
    let mut server = site.start().await;
    let mut call = Call::begin(&site, "visit").await;
    site.rests().await;
    assert!(site.journal().exists());
    server.signal("-TERM");
    server.ended().await;
    assert!(!site.journal().exists(), "the journal is removed");
    let server = site.start().await;
    assert_eq!(server.metric("hilum_start{how=\"absent\"}").await, Some(1));
    assert_eq!(server.metric("hilum_restored_allocations").await, Some(0));
    let refused = soon(call.ada.client.refresh(Lifetime::from_secs(600))).await;
    let Err(ClientError::Request(RequestFailure::Refused(refusal))) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code, ErrorCode::ALLOCATION_MISMATCH);
    let strangers = async || server.metric("hilum_discards_total{reason=\"no_allocation\"}").await.unwrap();
    call.is_refused(strangers).await;
}

// What was revoked stays so, even where no store keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_is_not_accepted_after_a_kill() {
    let site = Site::new();
    let server = site.start().await;
    let call = Call::begin(&site, "visit").await;
    let mut other = Call::begin(&site, "other").await;
    let socket = site.place.path("operator.sock");
    let revoke = move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.args(["revoke", "--call", "clinic/visit", "--socket"]).arg(&socket).output().unwrap()
    };
    let revoked = tokio::task::spawn_blocking(revoke).await.unwrap();
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    drop(call);
    site.rests().await;
    server.kill();
    let server = site.start().await;
    assert_eq!(found(&server).await, (Some(1), Some(2), 0));
    other.goes_on().await;
    let again = allocate(site.address, Transport::Udp, &site.place.token("visit", "c")).await;
    assert_eq!(again.err(), Some(ErrorCode::FORBIDDEN));
}
