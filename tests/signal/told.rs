//! What the hospital's own systems are told: when a call starts and ends, and that an appointment is over.

use hilum::signal::message::Ended;
use hilum::signal::{Book, Role};
use hilum::time::UnixTime;
use hilum::webhook::Event::{self, AppointmentOver, CallEnded, CallStarted};
use serde_json::{Value, json};

use crate::hall_world::{World, guest, staff};
use crate::served::serve;

fn told(world: &World) -> Vec<(Event, &str)> {
    world.told.iter().map(|(event, room)| (*event, room.as_str())).collect()
}

#[test]
fn a_call_starts_with_the_second_and_ends_with_the_last() {
    let mut world = World::new();
    let patient = world.enter(guest("room-1", "p1", Role::Patient));
    let clinician = world.enter(staff("dr-one", "physio"));
    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    assert_eq!(told(&world), [], "one alone talks to nobody");
    world.say(clinician, json!({"t": "join", "room": "room-1"}));
    assert_eq!(told(&world), [(CallStarted, "room-1")]);
    // A third one, and one who goes: it is the same call.
    let other = world.enter(guest("room-1", "p2", Role::Guest));
    world.say(clinician, json!({"t": "admit", "room": "room-1"}));
    world.say(patient, json!({"t": "bye"}));
    world.say(clinician, json!({"t": "bye"}));
    assert_eq!(told(&world).len(), 1);
    world.say(other, json!({"t": "bye"}));
    assert_eq!(told(&world), [(CallStarted, "room-1"), (CallEnded, "room-1")]);
}

#[test]
fn whoever_comes_back_to_a_call_starts_no_other() {
    let mut world = World::new();
    let (patient, clinician, _) = world.call();
    assert_eq!(told(&world), [(CallStarted, "room-1")]);
    // The patient's page is loaded again, and the connection of the clinician is lost for a while.
    let again = world.enter(guest("room-1", "p1", Role::Patient));
    world.drop(clinician);
    world.pass_alive(80, &[again]);
    assert_eq!((world.code(patient), told(&world).len()), (Some(4409), 1));
    world.pass_alive(20, &[again]);
    assert!(world.types(again).contains(&"gone".to_owned()), "the clinician's place is kept no more");
    assert_eq!(told(&world).len(), 1, "the patient is still there");
    world.say(again, json!({"t": "bye"}));
    assert_eq!(told(&world)[1..], [(CallEnded, "room-1")]);
}

#[test]
fn an_end_ends_a_call_that_is_one() {
    let mut world = World::new();
    world.call();
    world.enter(guest("room-2", "p1", Role::Patient));
    for room in ["room-1", "room-2", "room-3"] {
        world.hall.end(&room.parse().unwrap(), Ended::Operator, world.now);
    }
    world.carry();
    assert_eq!(told(&world), [(CallStarted, "room-1"), (CallEnded, "room-1")]);
    assert_eq!(world.over.len(), 3);
}

#[test]
fn the_book_says_once_what_has_become_over_by_its_time() {
    let mut book = Book::default();
    let at = UnixTime::from_secs;
    let mut number = 0_u8;
    let mut random = || {
        number += 1;
        [number; 16]
    };
    let made = book.make(("physio".parse().unwrap(), ""), (at(1000), at(2000)), &[Role::Patient], at(900), &mut random);
    let (id, _) = made.unwrap();
    assert_eq!(book.forget(at(1999)), []);
    assert_eq!(book.forget(at(2000)), [id]);
    assert_eq!(book.forget(at(2001)), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_over_once() {
    let served = serve().await;
    let (id, _) = served.appointment(&["patient"]).await;
    for _ in 0..2 {
        assert_eq!(served.system("DELETE", &format!("/v1/appointments/{id}"), Value::Null).await.status, 204);
    }
    assert_eq!(*served.puppet.told.lock().unwrap(), [(AppointmentOver, id.parse().unwrap())]);
}
