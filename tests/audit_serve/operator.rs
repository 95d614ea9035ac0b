//! What a relay writes of what is done to it.

use hilum::audit::Fact;
use hilum::audit::fact::{ConfigurationChanged, KeyChange, KeyChanged, OperatorAction, Revealed, Revocable, Revoked};
use hilum::config;
use sha2::{Digest as _, Sha256};

use crate::world::*;

fn hash(path: &std::path::Path) -> String {
    Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_on_record_with_the_keys_that_changed_and_not_to_what() {
    let place = Place::new();
    let mut app = place.start("").await;
    let file = place.path("hilum.toml");
    let first = hash(&file);
    let reload = |app: &mut hilum::app::App| app.reload(config::read(&file).unwrap()).unwrap();
    reload(&mut app);
    place.configure("127.0.0.1:0".parse().unwrap(), "", "[limits]\npermissions = 17");
    reload(&mut app);
    place.keyring(&["2027-01"]);
    reload(&mut app);
    app.stop().await;

    let facts = good(&place.log());
    let changed = facts.iter().filter_map(|fact| match fact {
        Fact::ConfigurationChanged(ConfigurationChanged { configuration, keys, actor }) => {
            let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
            Some((configuration.to_string(), keys.join(" "), actor.as_str()))
        }
        _ => None,
    });
    let second = hash(&file);
    assert_ne!(first, second);
    let expected =
        [(second.clone(), "limits.permissions".to_owned(), "signal"), (second, "tokens.keyring".to_owned(), "signal")];
    assert_eq!(changed.collect::<Vec<_>>(), expected, "a reload without a change is none");
    let started = facts.iter().find_map(|fact| match fact {
        Fact::NodeStarted(body) => Some((body.configuration.to_string(), body.node.as_str(), body.version.as_str())),
        _ => None,
    });
    assert_eq!(started, Some((first, "relay-1", env!("CARGO_PKG_VERSION"))));
    let keys = facts.iter().filter_map(|fact| match fact {
        Fact::KeyChanged(KeyChanged { purpose, key, change }) if purpose.as_str() == "token" => {
            Some((key.as_str(), *change))
        }
        _ => None,
    });
    let expected = [(KID, KeyChange::Added), ("2027-01", KeyChange::Added), (KID, KeyChange::Removed)];
    assert_eq!(keys.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_and_who_looks_for_a_call_is_on_record_while_the_node_writes() {
    let place = Place::new();
    let app = place.start("").await;
    let callers = meet(&place, &app, CALL).await;
    let record = app.record().unwrap();
    let label = |text: &str| text.parse().unwrap();
    let (subject, role, actor) = (Some(record.pseudonym(CALL)), label("viewer"), label("uid:1000"));
    record.record(OperatorAction { action: label("calls.list"), subject, role, actor });
    let log = place.log();
    let reveal = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.args(["audit", "reveal", "--call", CALL, "--reason", "TICKET-17", "--key-file"]);
        command.args([&place.path("audit-pseudonym.key"), &log]);
        tokio::task::block_in_place(|| command.output()).unwrap()
    };
    // The records of the call are there in a moment.
    until("the call is found", async || String::from_utf8_lossy(&reveal().stdout).contains("call-begun")).await;
    hang_up(callers).await;
    app.stop().await;
    let facts = good(&log);
    let revealed = facts.iter().any(|fact| match fact {
        Fact::Revealed(Revealed { pseudonyms, reason, .. }) => reason.as_str() == "TICKET-17" && pseudonyms.len() == 1,
        _ => false,
    });
    assert!(revealed);
    assert!(kinds(&facts).contains(&"operator-action"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_on_record_and_so_is_one_that_was_refused() {
    let place = Place::new();
    let app = place.start("[operator]\nsocket = \"operator.sock\"").await;
    let _callers = meet(&place, &app, CALL).await;
    let revoke = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.arg("revoke").args(arguments).arg("--socket").arg(place.path("operator.sock"));
        tokio::task::block_in_place(|| command.status()).unwrap().success()
    };
    assert!(!revoke(&["--call", "no-issuer"]));
    assert!(revoke(&["--call", &format!("clinic/{CALL}")]));
    assert!(revoke(&["--kid", KID]));
    app.stop().await;

    let facts = good(&place.log());
    let call = ended(&facts)[0];
    assert_eq!((call.cause.as_str(), call.transports.udp + call.transports.tcp), ("revoked", 2));
    let revoked: Vec<&Revoked> =
        facts.iter().filter_map(|fact| if let Fact::Revoked(body) = fact { Some(body) } else { None }).collect();
    let [first, second] = revoked[..] else { panic!("{revoked:?}") };
    assert_eq!(
        (first.what, first.subject, first.key.as_ref(), first.ended),
        (Revocable::Call, Some(call.call), None, 2)
    );
    let kid = KID.parse().unwrap();
    assert_eq!((second.what, second.subject, second.key.as_ref(), second.ended), (Revocable::Key, None, Some(&kid), 0));
    assert!(first.actor.as_str().starts_with("uid:"), "{}", first.actor);
    let refused = facts.iter().find_map(|fact| match fact {
        Fact::OperatorAction(OperatorAction { action, role, actor, .. }) => {
            Some((action.as_str(), role.as_str(), actor))
        }
        _ => None,
    });
    assert_eq!(refused, Some(("revoke.refused:invalid", "operator", &first.actor)));
    assert!(!text(&place.log()).contains("clinic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_goes_on_with_its_log_and_its_keys_after_a_restart() {
    let place = Place::new();
    place.start("").await.stop().await;
    place.start("").await.stop().await;
    let facts = good(&place.log());
    let count = |kind| kinds(&facts).iter().filter(|one| **one == kind).count();
    assert_eq!((count("node-started"), count("node-stopped")), (2, 2));
    let signing =
        |fact: &&Fact| matches!(fact, Fact::KeyChanged(KeyChanged { purpose, .. }) if purpose.as_str() == "audit");
    assert_eq!(facts.iter().filter(signing).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_does_not_write_the_same_log() {
    let place = Place::new();
    let app = place.start("").await;
    let second =
        hilum::app::start(config::read(&place.path("hilum.toml")).unwrap(), hilum::clock::SystemClock::start());
    let words = format!("{:#}", second.await.unwrap_err());
    assert!(words.contains("audit.directory") && words.contains("another process writes this audit log"), "{words}");
    app.stop().await;
}
