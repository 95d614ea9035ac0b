//! A relay on loopback: what an operator revokes ends under the hands of those who talk.

use hilum::addr::Transport;
use hilum::auth::Revoked;
use hilum::client::{ClientError, RequestFailure};
use hilum::time::Lifetime;
use hilum::wire::ErrorCode;

use crate::world::{Caller, KID, Place, allocate, meet, pass, soon};
use crate::{call, revoke, start};

async fn refresh(caller: &mut Caller) -> Result<(), ErrorCode> {
    match soon(caller.client.refresh(Lifetime::from_secs(600))).await {
        Ok(_) => Ok(()),
        Err(ClientError::Request(RequestFailure::Refused(refusal))) => Err(refusal.code),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_ends_and_the_other_goes_on() {
    let place = Place::new();
    let app = start(&place, "state").await.unwrap();
    let [mut ada, mut ben] = meet(&place, &app, "visit").await;
    let [mut eve, mut dan] = meet(&place, &app, "other").await;
    pass(&mut ada, &mut ben, b"hello").await;
    pass(&mut eve, &mut dan, b"hello").await;

    let done = revoke(&app, call("visit")).unwrap();
    assert_eq!((done.ended, done.warning), (2, None), "on both shards, over UDP and TCP");
    for caller in [&mut ada, &mut ben] {
        assert_eq!(refresh(caller).await, Err(ErrorCode::FORBIDDEN));
    }
    let udp = app.addresses().udp[0];
    let again = allocate(udp, Transport::Udp, &place.token("visit", "a")).await;
    assert_eq!(again.err(), Some(ErrorCode::FORBIDDEN), "minted later");
    pass(&mut eve, &mut dan, b"still here").await;
    pass(&mut dan, &mut eve, b"so am I").await;
    assert_eq!(refresh(&mut eve).await, Ok(()));

    let seen = tokio::task::block_in_place(|| app.control().survey(None)).unwrap();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter().all(|(_, view)| view.token.as_ref().is_some_and(|token| token.claims.call.as_str() == "other"))
    );
    let of_visit = tokio::task::block_in_place(|| app.control().survey(Some(&call("visit")))).unwrap();
    assert_eq!(of_visit, []);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_everything_that_it_has_signed_and_a_reload_changes_nothing_about_it() {
    let place = Place::new();
    let mut app = start(&place, "state").await.unwrap();
    let callers = meet(&place, &app, "visit").await;
    let done = revoke(&app, Revoked::Key { kid: KID.parse().unwrap() }).unwrap();
    assert_eq!(done.ended, callers.len());
    app.reload(hilum::config::read(&place.path("hilum.toml")).unwrap()).unwrap();
    let refused = allocate(app.addresses().udp[0], Transport::Udp, &place.token("other", "a")).await;
    assert_eq!(refused.err(), Some(ErrorCode::FORBIDDEN));
    app.stop().await;
}
