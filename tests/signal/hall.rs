//! Waiting, admitting, talking, coming back, ending: the hall in simulated time.

use core::time::Duration;

use hilum::signal::message::Ended;
use hilum::signal::{Action, MOST_IN_CALL, Role};
use hilum::time::UnixTime;
use serde_json::{Value, json};

use crate::hall_world::{ENDS, START, World, guest, staff};
use crate::sdp::offers;

fn ready() -> Value {
    json!({"camera": "ok", "microphone": "ok", "network": "failed"})
}

#[test]
fn a_patient_waits_is_admitted_and_hears_of_the_clinician() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let welcome = world.one(patient, "welcome");
    assert_eq!(
        (&welcome["self"], &welcome["role"], &welcome["room"]["state"], &welcome["room"]["ends"]),
        (&json!("p1"), &json!("patient"), &json!("waiting"), &json!(ENDS))
    );
    assert_eq!(
        (&welcome["resumed"], &welcome["peers"], &welcome["clinic"]["name"]),
        (&json!(false), &json!([]), &json!("physio"))
    );
    assert!(welcome.get("turn").is_none() && welcome.get("s").is_none());

    let clinician = world.enter(staff("dr-one", "physio"));
    world.say(patient, json!({"t": "wait", "ready": ready()}));
    world.pass(Duration::from_secs(1));
    let heard = world.heard(clinician);
    let list = &heard.last().unwrap()["rooms"];
    assert_eq!(list[0]["label"], "label-room-1");
    let person = json!({"id": "p1", "role": "patient", "since": START, "ready": ready(), "here": true, "inside": false, "second": false});
    assert_eq!(list[0]["people"], json!([person]));

    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    let admitted = world.one(patient, "admitted");
    assert_eq!(admitted["turn"]["username"].as_str().unwrap().split('/').next(), Some("room-1"));
    assert_eq!((&admitted["room"]["state"], &admitted["s"]), (&json!("call"), &json!(1)));
    world.say(clinician, json!({"t": "join", "room": "room-1"}));
    let peer = world.one(patient, "peer");
    let joined = world.one(clinician, "joined");
    assert_eq!((&peer["id"], &peer["role"]), (&joined["self"], &json!("clinician")));
    assert_eq!((&joined["peers"][0]["id"], &joined["peers"][0]["role"]), (&json!("p1"), &json!("patient")));
    assert_ne!(peer["polite"], joined["peers"][0]["polite"], "one of two is polite");
    assert!(joined["turn"]["username"].as_str().unwrap().starts_with("room-1/s"));
    assert!(world.deeds.iter().any(|deed| deed.action == "visit.admit" && deed.actor == "dr-one"));
}

#[test]
fn nothing_of_another_room_reaches_a_patient() {
    let mut world = World::new();
    let one = world.enter(guest("canary-room-one", "p1", Role::Patient));
    let other = world.enter(guest("canary-room-two", "p1", Role::Patient));
    let clinician = world.enter(staff("canary-staff", "physio"));
    world.say(one, json!({"t": "wait", "ready": ready()}));
    world.say(clinician, json!({"t": "note", "room": "canary-room-two", "code": "running_late"}));
    world.say(clinician, json!({"t": "admit", "room": "canary-room-two"}));
    world.say(clinician, json!({"t": "join", "room": "canary-room-two"}));
    world.pass_alive(60, &[one, other, clinician]);
    world.say(one, json!({"t": "sdp", "to": "p1", "desc": {"type": "offer", "sdp": offers()[0]}}));
    world.say(clinician, json!({"t": "end"}));
    let texts = world.seen[&one].join("\n");
    for never in ["canary-room-two", "canary-staff", "label-", "noted", "\"t\":\"peer\"", "ended"] {
        assert!(!texts.contains(never), "{never}: {texts}");
    }
    assert!(world.seen[&other].join("\n").contains("noted"));
    assert_eq!((world.code(one), world.code(other)), (None, Some(4410)));
}

#[test]
fn a_clinician_sees_and_touches_the_rooms_of_the_own_clinic_only() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let elsewhere = world.enter(staff("dr-two", "cardio"));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.one(elsewhere, "list")["rooms"], json!([]));
    for message in [
        json!({"t": "admit", "room": "room-1"}),
        json!({"t": "join", "room": "room-1"}),
        json!({"t": "decline", "room": "room-1", "person": "p1"}),
        json!({"t": "note", "room": "room-1", "code": "soon"}),
        json!({"t": "admit", "room": "no/room"}),
    ] {
        world.say(elsewhere, message);
        assert_eq!(world.one(elsewhere, "refused")["code"], "no_room");
    }
    assert_eq!(world.types(patient), ["welcome"]);
}

/// A message of every type, and what it takes.
fn messages() -> Vec<(Value, Action)> {
    let (h, n) = ("A".repeat(43), "A".repeat(22));
    vec![
        (json!({"t": "wait", "ready": ready()}), Action::Wait),
        (json!({"t": "admit", "room": "room-1"}), Action::Admit),
        (json!({"t": "decline", "room": "room-1", "person": "p1"}), Action::Decline),
        (json!({"t": "note", "room": "room-1", "code": "soon"}), Action::Note),
        (json!({"t": "join", "room": "room-1"}), Action::Join),
        (json!({"t": "sdp", "to": "p9", "desc": {"type": "offer", "sdp": ""}}), Action::Talk),
        (
            json!({"t": "ice", "to": "p9", "candidate": {"candidate": "", "sdpMid": "0", "usernameFragment": null}}),
            Action::Talk,
        ),
        (json!({"t": "commit", "to": "p9", "h": h}), Action::Talk),
        (json!({"t": "reveal", "to": "p9", "n": n}), Action::Talk),
        (json!({"t": "renew"}), Action::Renew),
        (json!({"t": "end"}), Action::End),
        (json!({"t": "security", "to": "p9", "what": "ghost"}), Action::Be),
        (json!({"t": "ping"}), Action::Be),
        (json!({"t": "bye"}), Action::Be),
    ]
}

#[test]
fn every_message_is_allowed_to_the_roles_that_the_table_says() {
    for role in [Role::Admin, Role::Clinician, Role::Patient, Role::Guest, Role::Captioner] {
        for (message, action) in messages() {
            let mut world = World::new();
            let pass = match role {
                Role::Admin | Role::Clinician => {
                    let session = hilum::signal::SecretHash::of("x");
                    hilum::signal::Pass::Staff { name: "x".into(), role, clinic: "physio".parse().unwrap(), session }
                }
                _ => guest("room-1", "p2", role),
            };
            let socket = world.enter(pass);
            world.say(socket, message.clone());
            let allowed = world.code(socket) != Some(4403);
            assert_eq!(allowed, role.may(action), "{} {message}", role.label());
        }
    }
    // Nobody with a link can do what staff do, and operators have no part in visits.
    let of_staff = [Action::Admit, Action::Decline, Action::Note, Action::Join, Action::End, Action::Receive];
    for role in [Role::Patient, Role::Guest, Role::Captioner, Role::Operator] {
        assert!(of_staff.iter().all(|action| !role.may(*action)), "{}", role.label());
    }
    assert!(Action::ALL.iter().filter(|action| Role::Operator.may(**action)).eq([&Action::Operate]));
}

#[test]
fn what_is_none_of_the_protocol_closes_the_connection() {
    for text in [
        "",
        "[]",
        "null",
        r#"{"t":"hello","v":2,"ticket":"x"}"#,
        r#"{"t":"hello","v":1,"ticket":"x","more":1}"#,
        r#"{"t":"hello","v":1,"v":1,"ticket":"x"}"#,
        r#"{"t":"unknown"}"#,
        r#"{"v":1,"ticket":"x"}"#,
        r#"{"t":"ping"}"#,
        r#"{"t":["hello"]}"#,
        r#"{"t":"hello","v":1,"ticket":{"a":{"b":{"c":{}}}}}"#,
    ] {
        let mut world = World::new();
        let socket = world.open();
        world.raw(socket, text);
        assert_eq!(world.code(socket), Some(4400), "{text}");
    }
    for message in [
        json!({"t": "ping", "more": 1}),
        json!({"t": "hello", "v": 1, "ticket": "x"}),
        json!({"t": "wait", "ready": {"camera": "ok", "microphone": "ok"}}),
        json!({"t": "wait", "ready": {"camera": "maybe", "microphone": "ok", "network": "ok"}}),
        json!({"t": "commit", "to": "p2", "h": "short"}),
        json!({"t": "reveal", "to": "p2", "n": "A".repeat(23)}),
        json!({"t": "sdp", "to": "p2", "desc": {"type": "rollback", "sdp": ""}}),
        json!({"t": "ice", "to": "p2", "candidate": {"candidate": "", "sdpMid": "0", "usernameFragment": "x", "sdpMLineIndex": 0}}),
    ] {
        let mut world = World::new();
        let socket = world.enter(guest("room-1", "p1", Role::Patient));
        world.say(socket, message.clone());
        assert_eq!(world.code(socket), Some(4400), "{message}");
    }
}

#[test]
fn a_ticket_is_good_once_and_for_half_a_minute() {
    let mut world = World::new();
    let ticket = world.hall.ticket(guest("room-1", "p1", Role::Patient), world.now).unwrap();
    let hello = json!({"t": "hello", "v": 1, "ticket": ticket});
    let [first, again] = [world.open(), world.open()];
    world.say(first, hello.clone());
    world.say(again, hello);
    assert_eq!((world.code(first), world.code(again)), (None, Some(4401)));
    let late = world.hall.ticket(guest("room-1", "p2", Role::Guest), world.now).unwrap();
    world.pass(Duration::from_secs(30));
    let socket = world.open();
    world.say(socket, json!({"t": "hello", "v": 1, "ticket": late}));
    assert_eq!(world.code(socket), Some(4401));
    assert!(world.hall.ticket(staff("x", "no-clinic"), world.now).is_none());
    // Who never says who it is goes.
    let silent = world.open();
    world.pass(Duration::from_secs(11));
    assert_eq!(world.code(silent), Some(4401));
}

#[test]
fn descriptions_pass_unchanged_or_are_refused_by_the_name_of_the_rule() {
    let mut world = World::new();
    let (patient, clinician, id) = world.call();
    let [offer, _] = offers();
    world.say(patient, json!({"t": "sdp", "to": id, "desc": {"type": "offer", "sdp": offer}}));
    let passed = world.one(clinician, "sdp");
    assert_eq!((&passed["from"], &passed["desc"]), (&json!("p1"), &json!({"type": "offer", "sdp": offer})));
    let crypto = offer.replacen("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", 1);
    world.say(patient, json!({"t": "sdp", "to": id, "desc": {"type": "offer", "sdp": crypto}}));
    let refused = world.one(patient, "refused");
    assert_eq!((&refused["code"], &refused["of"]), (&json!("sdp_crypto"), &json!("sdp")));
    let swapped = offer.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:").replace(":E5\r\n", "\r\n");
    world.say(patient, json!({"t": "sdp", "to": id, "desc": {"type": "offer", "sdp": swapped}}));
    assert_eq!(world.one(patient, "refused")["code"], "sdp_fingerprint_changed");
    assert!(
        world.deeds.iter().any(|deed| deed.action == "visit.refused:sdp_fingerprint_changed" && deed.actor == "p1")
    );

    let relayed = "candidate:1 1 udp 7 127.0.0.1 50000 typ relay raddr 0.0.0.0 rport 0";
    let ice = |candidate: &str| json!({"t": "ice", "to": id, "candidate": {"candidate": candidate, "sdpMid": "0", "usernameFragment": "abcd"}});
    world.say(patient, ice(relayed));
    assert_eq!(world.one(clinician, "ice")["candidate"]["candidate"], relayed);
    world.say(patient, ice(&relayed.replace("127.0.0.1", "192.168.0.7")));
    assert_eq!(world.one(patient, "refused")["code"], "ice_foreign");
    world.say(patient, ice(""));
    assert_eq!(world.one(clinician, "ice")["candidate"]["candidate"], "");
    world.say(patient, json!({"t": "commit", "to": id, "h": "A".repeat(43)}));
    assert_eq!(world.types(clinician), ["commit"]);
    world.say(patient, json!({"t": "security", "to": id, "what": "words_differ"}));
    assert!(world.deeds.iter().any(|deed| deed.action == "visit.security:words-differ"));
    world.say(patient, json!({"t": "commit", "to": "p1", "h": "A".repeat(43)}));
    assert_eq!(world.one(patient, "refused")["code"], "no_peer", "nobody talks to oneself");
}

#[test]
fn a_third_and_a_fourth_join_and_a_fifth_finds_it_full() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    let interpreter = world.enter(guest("room-1", "p2", Role::Guest));
    assert_eq!(world.one(interpreter, "welcome")["room"]["state"], "waiting", "a call does not open by itself");
    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    let heard = world.heard(interpreter);
    assert_eq!(heard.iter().filter(|one| one["t"] == "peer" && one["polite"] == true).count(), 2);
    assert_eq!(heard[0]["t"], "admitted");
    assert_eq!(world.one(patient, "peer")["polite"], false);
    let second = world.enter(staff("dr-two", "physio"));
    world.say(second, json!({"t": "join", "room": "room-1"}));
    assert_eq!(world.one(second, "joined")["peers"].as_array().unwrap().len(), MOST_IN_CALL - 1);
    let fifth = world.enter(guest("room-1", "p3", Role::Captioner));
    world.heard(clinician);
    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    assert_eq!(world.one(clinician, "refused")["code"], "full");
    assert!(!world.types(fifth).contains(&"admitted".to_owned()));
}

#[test]
fn a_clinician_in_a_call_admits_nobody_of_another_room() {
    let mut world = World::new();
    let (_, clinician, _) = world.call();
    let other = world.enter(guest("room-2", "p1", Role::Patient));
    world.say(clinician, json!({"t": "admit", "room": "room-2"}));
    assert_eq!(world.one(clinician, "refused")["code"], "busy");
    assert_eq!(world.types(other), ["welcome"]);
    world.say(clinician, json!({"t": "bye"}));
    assert_eq!(world.code(clinician), None, "the list stays");
    world.say(clinician, json!({"t": "admit", "room": "room-2"}));
    world.say(clinician, json!({"t": "join", "room": "room-2"}));
    assert_eq!(world.types(other), ["admitted", "peer"]);
}

#[test]
fn who_is_away_for_a_moment_hears_what_was_missed_once() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let clinician = world.enter(staff("dr-one", "physio"));
    let welcome = world.one(patient, "welcome");
    let id = world.one(clinician, "welcome")["self"].as_str().unwrap().to_owned();
    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    world.say(clinician, json!({"t": "join", "room": "room-1"}));
    let last = world.heard(patient).last().unwrap()["s"].as_u64().unwrap();
    world.drop(patient);
    world.say(clinician, json!({"t": "commit", "to": "p1", "h": "A".repeat(43)}));
    world.pass_alive(40, &[clinician]);
    assert!(!world.types(clinician).contains(&"gone".to_owned()), "the call goes on");
    let back = world.open();
    world.say(back, json!({"t": "resume", "v": 1, "resume": welcome["resume"], "last": last}));
    let heard = world.heard(back);
    assert_eq!(heard.iter().map(|one| &one["t"]).collect::<Vec<_>>(), ["welcome", "commit"]);
    assert_eq!((&heard[0]["resumed"], &heard[0]["peers"][0]["id"]), (&json!(true), &json!(id)));
    assert_eq!(heard[1]["s"], last + 1);
    // The word to come back by is good once.
    let again = world.open();
    world.say(again, json!({"t": "resume", "v": 1, "resume": welcome["resume"], "last": last}));
    assert_eq!(world.code(again), Some(4401));
    // What is already there is not sent again, and nobody knows numbers of the future.
    let resume = heard[0]["resume"].clone();
    let third = world.open();
    world.say(third, json!({"t": "resume", "v": 1, "resume": resume, "last": last + 1}));
    assert_eq!(world.code(back), Some(4409), "the old connection has been replaced");
    let heard = world.heard(third);
    assert_eq!(heard.len(), 1);
    let fourth = world.open();
    world.say(fourth, json!({"t": "resume", "v": 1, "resume": heard[0]["resume"], "last": 1000}));
    assert_eq!(world.code(fourth), Some(4401));
}

#[test]
fn what_is_older_than_a_minute_and_a_half_is_not_resumed() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let clinician = world.enter(staff("dr-one", "physio"));
    let resume = world.one(patient, "welcome")["resume"].clone();
    world.say(clinician, json!({"t": "note", "room": "room-1", "code": "soon"}));
    world.pass_alive(100, &[patient, clinician]);
    world.drop(patient);
    let back = world.open();
    world.say(back, json!({"t": "resume", "v": 1, "resume": resume, "last": 0}));
    assert_eq!(world.code(back), Some(4401));
}

#[test]
fn silence_ends_the_connection_and_a_minute_and_a_half_later_the_place() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    world.pass_alive(40, &[clinician]);
    assert_eq!(world.code(patient), None);
    world.pass_alive(40, &[clinician]);
    assert_eq!(world.code(patient), Some(4408));
    assert!(!world.types(clinician).contains(&"gone".to_owned()));
    world.pass_alive(40, &[clinician]);
    assert!(!world.types(clinician).contains(&"gone".to_owned()));
    world.pass_alive(20, &[clinician]);
    let gone = world.one(clinician, "gone");
    assert_eq!((&gone["id"], &gone["why"]), (&json!("p1"), &json!("lost")));
}

#[test]
fn the_same_person_comes_in_again_to_the_same_place() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    let reloaded = world.enter(guest("room-1", "p1", Role::Patient));
    assert_eq!(world.code(patient), Some(4409));
    let welcome = world.one(reloaded, "welcome");
    assert_eq!((&welcome["room"]["state"], welcome["peers"].as_array().unwrap().len()), (&json!("call"), 1));
    assert!(welcome["turn"]["username"].as_str().unwrap().starts_with("room-1/p1/"), "without being admitted again");
    let heard = world.heard(clinician);
    let told: Vec<&str> = heard.iter().map(|one| one["t"].as_str().unwrap()).filter(|kind| *kind != "list").collect();
    assert_eq!(told, ["gone", "peer"]);
    world.pass(Duration::from_secs(1));
    let lists = world.heard(clinician);
    let rooms = &lists.last().unwrap_or_else(|| heard.iter().rfind(|one| one["t"] == "list").unwrap())["rooms"];
    assert_eq!(rooms[0]["people"].as_array().unwrap().iter().filter(|one| one["id"] == "p1").count(), 1);
    assert_eq!(rooms[0]["people"][0]["since"], START);
}

#[test]
fn a_released_link_sends_its_browser_away() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    world.hall.release(&"room-1".parse().unwrap(), &"p1".parse().unwrap(), world.now);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.code(patient), Some(4409));
    assert_eq!(world.one(clinician, "gone")["why"], "left");
}

#[test]
fn the_clinic_sees_that_a_second_browser_was_refused_until_the_link_is_released() {
    let mut world = World::new();
    let clinician = world.enter(staff("dr-one", "physio"));
    let other = world.enter(staff("dr-two", "cardio"));
    let second = |world: &mut World| {
        world.pass(Duration::from_secs(1));
        let heard = world.heard(clinician);
        let list = heard.iter().rfind(|one| one["t"] == "list").expect("a list").clone();
        list["rooms"][0]["people"].as_array().cloned().unwrap_or_default()
    };
    // Nobody is here by that link: the clinic still sees who stands in front of the door.
    world.hall.second(guest("room-1", "p1", Role::Patient), world.now);
    let shown = second(&mut world);
    let person = json!({"id": "p1", "role": "patient", "since": START, "ready": null, "here": false, "inside": false,
        "second": true});
    assert_eq!(shown, [person]);
    assert_eq!(world.hall.counts().rooms, 0);
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let shown = second(&mut world);
    assert_eq!((shown.len(), &shown[0]["here"], &shown[0]["second"]), (1, &json!(true), &json!(true)));
    // However often it tries, it is on record once.
    world.hall.second(guest("room-1", "p1", Role::Patient), world.now);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.deeds.iter().filter(|deed| deed.action == "visit.second").count(), 1);
    assert!(!world.seen[&patient].join("").contains("second") && !world.seen[&other].join("").contains("room-1"));

    world.hall.release(&"room-1".parse().unwrap(), &"p1".parse().unwrap(), world.now);
    assert!(second(&mut world).is_empty());
    assert_eq!(world.code(patient), Some(4409));
}

#[test]
fn a_second_browser_that_does_not_try_again_is_forgotten() {
    let mut world = World::new();
    let clinician = world.enter(staff("dr-one", "physio"));
    world.hall.second(guest("room-1", "p1", Role::Patient), world.now);
    world.pass_alive(580, &[clinician]);
    assert_eq!(world.heard(clinician).iter().rfind(|one| one["t"] == "list").unwrap()["rooms"][0]["room"], "room-1");
    world.pass_alive(40, &[clinician]);
    assert_eq!(world.heard(clinician).iter().rfind(|one| one["t"] == "list").unwrap()["rooms"], json!([]));
}

#[test]
fn an_end_is_for_all_and_is_told_to_the_world_outside() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    let waiting = world.enter(guest("room-1", "p2", Role::Guest));
    world.say(clinician, json!({"t": "end"}));
    for socket in [patient, waiting] {
        let heard = world.heard(socket);
        assert_eq!(heard.last().unwrap()["why"], "clinician");
        assert_eq!(world.code(socket), Some(4410));
    }
    assert_eq!((world.one(clinician, "ended")["why"].as_str(), world.code(clinician)), (Some("clinician"), None));
    assert_eq!(world.over, ["room-1".parse().unwrap()]);
    assert_eq!((world.hall.counts().rooms, world.hall.counts().members["patient"]), (0, 0));
    world.say(clinician, json!({"t": "end"}));
    assert_eq!(world.one(clinician, "refused")["code"], "no_call");
}

#[test]
fn a_visit_ends_by_itself_to_the_second_and_credentials_never_outlive_it() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    let mut expires = Vec::new();
    while world.now.unix.as_secs() < ENDS - 20 {
        world.pass_alive(20, &[patient, clinician]);
        expires.extend(world.heard(patient).iter().filter_map(|one| one["turn"]["expires"].as_u64()));
    }
    assert!(expires.len() >= 6 && expires.is_sorted(), "renewed at four fifths of ten minutes: {expires:?}");
    assert_eq!(expires.last(), Some(&ENDS));
    let left = ENDS - 1 - world.now.unix.as_secs();
    world.pass(Duration::from_secs(left));
    assert_eq!(world.code(patient), None);
    world.pass(Duration::from_secs(1));
    assert_eq!((world.one(patient, "ended")["why"].as_str(), world.code(patient)), (Some("over"), Some(4410)));
    let ticket = world.hall.ticket(guest("room-1", "p1", Role::Patient), world.now).unwrap();
    let socket = world.open();
    world.say(socket, json!({"t": "hello", "v": 1, "ticket": ticket}));
    assert_eq!(world.code(socket), Some(4410));
}

#[test]
fn an_appointment_that_is_taken_back_ends_the_visit() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    world.hall.end(&"room-1".parse().unwrap(), Ended::Operator, world.now);
    world.pass(Duration::from_secs(1));
    assert_eq!((world.code(patient), world.one(clinician, "ended")["why"].as_str()), (Some(4410), Some("operator")));
}

#[test]
fn who_is_declined_may_come_again_and_notes_reach_those_who_come_later() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let clinician = world.enter(staff("dr-one", "physio"));
    world.say(clinician, json!({"t": "decline", "room": "room-1", "person": "p1"}));
    assert_eq!(
        (world.types(patient), world.code(patient)),
        (vec!["welcome".to_owned(), "declined".to_owned()], Some(4403))
    );
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    world.say(clinician, json!({"t": "note", "room": "room-1", "code": "ten_minutes"}));
    assert_eq!(world.types(patient), ["welcome", "noted"]);
    let guest = world.enter(guest("room-1", "p2", Role::Guest));
    assert_eq!(world.one(guest, "noted")["code"], "ten_minutes");
}

#[test]
fn too_many_messages_close_the_connection_and_too_many_renewals_are_refused() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    world.pass(Duration::from_secs(10));
    world.say(patient, json!({"t": "renew"}));
    world.say(patient, json!({"t": "renew"}));
    assert_eq!(world.types(patient), ["turn", "refused"]);
    for _ in 0..200 {
        if world.code(patient).is_none() {
            world.say(patient, json!({"t": "ping"}));
        }
    }
    assert_eq!(world.code(patient), Some(4429));
    assert_eq!(world.code(clinician), None);
    let waiting = world.enter(guest("room-2", "p1", Role::Patient));
    world.say(waiting, json!({"t": "wait", "ready": ready()}));
    world.say(waiting, json!({"t": "wait", "ready": ready()}));
    assert_eq!(world.one(waiting, "refused")["code"], "too_often");
}

#[test]
fn lists_come_five_times_a_second_at_most() {
    let mut world = World::new();
    let clinician = world.enter(staff("dr-one", "physio"));
    world.pass(Duration::from_secs(1));
    world.heard(clinician);
    for number in 0..100 {
        world.enter(guest(&format!("room-{number}"), "p1", Role::Patient));
    }
    world.pass(Duration::from_secs(1));
    let lists = world.heard(clinician);
    assert!((1..=6).contains(&lists.len()), "{} lists", lists.len());
    assert_eq!(lists.last().unwrap()["rooms"].as_array().unwrap().len(), 100);
}

#[test]
fn five_thousand_idle_members_in_half_as_many_rooms_are_cheap() {
    let mut world = World::new();
    let sockets: Vec<_> = (0..5000)
        .map(|number| {
            let (room, person) = (format!("room-{}", number / 2), format!("p{}", number % 2 + 1));
            world.enter(guest(&room, &person, Role::Patient))
        })
        .collect();
    let counts = world.hall.counts();
    assert_eq!((counts.sockets, counts.rooms, counts.members["patient"]), (5000, 2500, 5000));
    // A minute of life: what is kept for those who come back is forgotten.
    world.pass_alive(120, &sockets);
    assert!(world.hall.counts().closed.values().all(|count| *count == 0));
    world.pass(Duration::from_secs(46));
    assert_eq!(world.hall.counts().sockets, 0);
    world.pass(Duration::from_secs(91));
    let counts = world.hall.counts();
    assert_eq!((counts.rooms, counts.members["patient"]), (0, 0), "nothing is left");
    assert!(world.now.unix < UnixTime::from_secs(ENDS));
}

#[test]
fn whatever_patients_say_no_frame_of_theirs_names_another_room() {
    // Random walks of four people in two rooms and a clinician.
    for seed in 0..40_u64 {
        let mut world = World::new();
        let rooms = ["canary-a", "canary-b"];
        let mut people = Vec::new();
        for room in rooms {
            for person in ["p1", "p2"] {
                people.push((room, world.enter(guest(room, person, Role::Patient))));
            }
        }
        let clinician = world.enter(staff("dr-one", "physio"));
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut draw = |most: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(most).unwrap()).unwrap()
        };
        for _ in 0..60 {
            let (_, socket) = people[draw(people.len())];
            let room = rooms[draw(2)];
            let to = ["p1", "p2", "p9", "s00000000"][draw(4)];
            let all = messages();
            let (mut message, _) = all[draw(all.len())].clone();
            if message.get("to").is_some() {
                message["to"] = json!(to);
            }
            match draw(3) {
                0 => world.say(clinician, json!({"t": (["admit", "join"][draw(2)]), "room": room})),
                1 => world.say(clinician, json!({"t": "note", "room": room, "code": "soon"})),
                _ => world.say(socket, message),
            }
            world.pass(Duration::from_millis(400));
        }
        for (room, socket) in people {
            let other = if room == "canary-a" { "canary-b" } else { "canary-a" };
            let texts = world.seen.get(&socket).map_or_else(String::new, |texts| texts.join("\n"));
            assert!(!texts.contains(other) && !texts.contains("label-") && !texts.contains("dr-one"), "seed {seed}");
        }
    }
}
