//! Tickets and sessions: nothing that leads in outlives the right to come in.

use core::time::Duration;

use hilum::signal::message::Ended;
use hilum::signal::{MOST_TICKETS, Pass, Role, SecretHash};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hall_world::{World, guest, staff, staff_in};
use crate::served::{ORIGIN, serve, serve_with};
use crate::staff::{enrol, signed_in};

impl World {
    fn ticket(&mut self, pass: Pass) -> String {
        self.hall.ticket(pass, self.now).unwrap()
    }

    /// What somebody who shows this ticket is closed with; `None` for whoever comes in.
    fn shows(&mut self, ticket: &str) -> Option<u16> {
        let socket = self.open();
        self.say(socket, json!({"t": "hello", "v": 1, "ticket": ticket}));
        self.code(socket)
    }
}

#[test]
fn a_ticket_to_a_visit_that_has_ended_is_good_no_more_whether_somebody_was_there_or_not() {
    let mut world = World::new();
    let room = "room-1".parse().unwrap();
    let [first, other] = [guest("room-1", "p1", Role::Patient), guest("room-2", "p1", Role::Patient)];
    let (first, other) = (world.ticket(first), world.ticket(other));
    world.hall.end(&room, Ended::Operator, world.now);
    world.carry();
    assert_eq!(world.over, [room], "the appointment ends as well");
    assert_eq!((world.shows(&first), world.shows(&other)), (Some(4401), None));
    world.enter(guest("room-1", "p1", Role::Patient));
    let second = world.ticket(guest("room-1", "p2", Role::Guest));
    world.hall.end(&room, Ended::Operator, world.now);
    world.carry();
    assert_eq!(world.shows(&second), Some(4401));
}

#[test]
fn a_ticket_by_a_link_that_was_released_is_good_no_more() {
    let mut world = World::new();
    let tickets = ["p1", "p2"].map(|person| world.ticket(guest("room-1", person, Role::Guest)));
    world.hall.release(&"room-1".parse().unwrap(), &"p1".parse().unwrap(), world.now);
    assert_eq!(tickets.map(|ticket| world.shows(&ticket)), [Some(4401), None]);
}

#[test]
fn a_ticket_of_one_of_the_staff_who_has_another_role_now_is_good_no_more() {
    let mut world = World::new();
    let tickets = ["dr-one", "dr-two"].map(|name| world.ticket(staff(name, "physio")));
    world.hall.dismiss("dr-one", world.now);
    assert_eq!(tickets.map(|ticket| world.shows(&ticket)), [Some(4401), None]);
}

#[test]
fn the_end_of_a_session_ends_its_sockets_and_its_tickets_and_no_others() {
    let mut world = World::new();
    let [one, other] = ["laptop", "phone"].map(|session| world.enter(staff_in("dr-one", "physio", session)));
    let tickets = ["laptop", "phone"].map(|session| {
        let clinic = if session == "laptop" { "physio" } else { "cardio" };
        world.ticket(staff_in("dr-one", clinic, session))
    });
    world.hall.signed_out(&SecretHash::of("laptop"), world.now);
    world.carry();
    assert_eq!((world.code(one), world.code(other)), (Some(4403), None));
    assert_eq!(tickets.map(|ticket| world.shows(&ticket)), [Some(4401), None]);
}

#[test]
fn a_new_ticket_replaces_the_one_for_the_same_place_so_that_nobody_fills_the_table() {
    let mut world = World::new();
    for number in 0..MOST_TICKETS + 10 {
        let pass = if number % 2 == 0 { guest("room-1", "p1", Role::Patient) } else { staff("dr-one", "physio") };
        assert!(world.hall.ticket(pass, world.now).is_some(), "{number}");
    }
    for place in [guest("room-1", "p1", Role::Patient), staff("dr-one", "physio")] {
        let [old, new] = [world.ticket(place.clone()), world.ticket(place)];
        assert_eq!((world.shows(&old), world.shows(&new)), (Some(4401), None));
    }
    // Places of others are not touched.
    let others = [
        guest("room-1", "p1", Role::Patient),
        guest("room-1", "p2", Role::Guest),
        guest("room-2", "p1", Role::Patient),
        staff("dr-one", "physio"),
        staff("dr-one", "cardio"),
        staff("dr-two", "physio"),
    ];
    let tickets = others.map(|pass| world.ticket(pass));
    assert_eq!(tickets.map(|ticket| world.shows(&ticket)), [None; 6]);
}

#[test]
fn a_full_table_has_room_again_when_its_tickets_are_late() {
    let mut world = World::new();
    for number in 0..MOST_TICKETS {
        world.ticket(guest(&format!("room-{number}"), "p1", Role::Patient));
    }
    assert!(world.hall.ticket(guest("more", "p1", Role::Patient), world.now).is_none());
    assert!(
        world.hall.ticket(guest("room-0", "p1", Role::Patient), world.now).is_some(),
        "in the place of the old one"
    );
    world.now.moment = world.now.moment + Duration::from_secs(30);
    assert!(world.hall.ticket(guest("more", "p1", Role::Patient), world.now).is_some());
}

#[test]
fn what_is_done_over_a_socket_keeps_a_session_and_what_browsers_say_by_themselves_does_not() {
    let mut world = World::new();
    world.enter(guest("room-1", "p1", Role::Patient));
    let clinician = world.enter(staff_in("dr-one", "physio", "laptop"));
    world.say(clinician, json!({"t": "ping"}));
    assert!(world.hall.active().is_empty());
    world.say(clinician, json!({"t": "note", "room": "room-1", "code": "soon"}));
    assert_eq!(world.hall.active(), [SecretHash::of("laptop")]);
    assert!(world.hall.active().is_empty());
    world.say(clinician, json!({"t": "join", "room": "room-1"}));
    for _ in 0..2 {
        assert_eq!(world.hall.active(), [SecretHash::of("laptop")], "whoever is in a call is there");
    }
}

#[test]
fn a_member_who_says_what_is_none_of_the_protocol_loses_the_connection_and_then_the_place() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    world.raw(patient, "{");
    assert_eq!(world.code(patient), Some(4400));
    world.pass(Duration::from_secs(1));
    let lists = world.heard(clinician);
    assert_eq!(lists.last().unwrap()["rooms"][0]["people"][0]["here"], false);
    world.pass_alive(100, &[clinician]);
    assert_eq!(world.one(clinician, "gone")["why"], "lost");
}

#[tokio::test]
async fn a_visit_that_ends_while_somebody_comes_in_gives_no_ticket() {
    let served = serve().await;
    let (id, links) = served.appointment(&["patient", "guest"]).await;
    for (link, (method, path), wanted) in
        [(&links[0], ("POST", "/people/p1/release"), (409, "in_use")), (&links[1], ("DELETE", ""), (403, "over"))]
    {
        let before = served.puppet.disk.came();
        let _shut = served.puppet.disk.shut();
        let joining = served.page("/v1/visit/join", json!({"secret": link}));
        let ending = async {
            // The press is on its way to the disk, and the end overtakes it.
            while served.puppet.disk.came() == before {
                tokio::task::yield_now().await;
            }
            let path = format!("/v1/appointments/{id}{path}");
            let ended = served.system(method, &path, json!(null));
            let opening = async {
                while served.page("/v1/visit/look", json!({"secret": link})).await.body["claimed"] == true
                    && served.page("/v1/visit/look", json!({"secret": link})).await.body["state"] == "open"
                {
                }
                served.puppet.disk.open();
            };
            tokio::join!(ended, opening).0
        };
        let (joined, ended) = tokio::join!(joining, ending);
        assert_eq!(ended.status, 204);
        assert_eq!((joined.status, joined.body["error"].as_str().unwrap()), wanted);
    }
}

#[tokio::test]
async fn whoever_signs_out_while_asking_for_a_ticket_gets_none_and_sockets_of_the_session_close() {
    let mut roster = hilum::signal::Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let served = serve_with(roster).await;
    let cookie = signed_in(&served, &login).await;
    let ticket = served.staff(&cookie, "POST", "/v1/staff/ticket", json!({"clinic": "physio"})).await.body;
    let mut clinician = served.socket(ORIGIN, "hilum.v1").await.unwrap();
    clinician.say(json!({"t": "hello", "v": 1, "ticket": ticket["ticket"]})).await;
    assert_eq!(clinician.next().await.unwrap()["t"], "welcome");

    let body = r#"{"clinic":"physio"}"#;
    let head = format!(
        "POST /v1/staff/ticket HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {ORIGIN}\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // The server waits for the body.
    let mut go_on = [0; 25];
    slow.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    assert_eq!(served.staff(&cookie, "POST", "/v1/staff/signout", json!(null)).await.status, 204);
    assert_eq!(clinician.closed().await, 4403);
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}
