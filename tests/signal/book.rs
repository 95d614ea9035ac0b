//! Links: one each, in their window, for one browser, and nothing left of them but hashes.

use std::collections::BTreeSet;

use hilum::signal::{
    Book, ClinicId, FARTHEST, LONGEST_LABEL, Link, MOST_LISTED, MOST_OF_CLINIC, MOST_PEOPLE, NotJoined, NotMade, Role,
    RoomId, Window,
};
use hilum::store::{Shelf, Store};
use hilum::time::UnixTime;

const OPENS: u64 = 1_795_800_000;
const ENDS: u64 = OPENS + 3600;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn clinic() -> ClinicId {
    "physio".parse().unwrap()
}

/// Random enough, and each once.
fn random() -> impl FnMut() -> [u8; 16] {
    let mut bytes = [0; 16];
    move || {
        hilum::signal::random(&mut bytes).unwrap();
        bytes
    }
}

fn make(book: &mut Book, roles: &[Role]) -> (RoomId, Vec<Link>) {
    book.make((clinic(), "room 7"), (at(OPENS), at(ENDS)), roles, at(OPENS - 100), &mut random()).unwrap()
}

#[test]
fn a_link_is_good_in_its_window_to_the_second() {
    let mut book = Book::default();
    let (id, links) = make(&mut book, &[Role::Patient]);
    let secret = &links[0].secret;
    for (now, wanted) in [
        (OPENS - 1, Err(NotJoined::Early)),
        (OPENS, Ok(())),
        (ENDS - 1, Ok(())),
        (ENDS, Err(NotJoined::Over)),
        (ENDS + 1, Err(NotJoined::Over)),
    ] {
        book.release(&id, &links[0].person).unwrap();
        assert_eq!(book.join(secret, None, at(now), &mut random()).map(|_| ()), wanted, "{now}");
    }
    assert_eq!(book.join("A-secret-of-22-letters", None, at(OPENS), &mut random()).unwrap_err(), NotJoined::Unknown);
    assert_eq!(book.join("", None, at(OPENS), &mut random()).unwrap_err(), NotJoined::Unknown);
}

#[test]
fn looking_uses_nothing_up_and_the_first_browser_keeps_the_link() {
    let mut book = Book::default();
    let (id, links) = make(&mut book, &[Role::Patient, Role::Guest]);
    let secret = &links[0].secret;
    for _ in 0..20 {
        let (appointment, person) = book.look(secret).unwrap();
        assert_eq!((appointment.window(at(OPENS)), person.browser), (Window::Open, None));
    }
    let (_, browser) = book.join(secret, None, at(OPENS), &mut random()).unwrap();
    for other in [None, Some("another-browser-secret")] {
        assert_eq!(book.join(secret, other, at(OPENS), &mut random()).unwrap_err(), NotJoined::InUse);
    }
    let (_, again) = book.join(secret, Some(&browser), at(OPENS + 5), &mut random()).unwrap();
    assert_eq!(*again, *browser, "the same browser comes back");
    book.join(&links[1].secret, Some(&browser), at(OPENS), &mut random()).unwrap();
    book.release(&id, &links[0].person).unwrap();
    let (_, next) = book.join(secret, None, at(OPENS), &mut random()).unwrap();
    assert_eq!(book.join(secret, Some(&browser), at(OPENS), &mut random()).unwrap_err(), NotJoined::InUse);
    assert!(
        !book.rate(secret, &browser) && book.rate(secret, &next) && !book.rate(secret, &next),
        "once, by whoever has it"
    );
}

#[test]
fn ten_thousand_links_are_all_different_and_even() {
    let mut book = Book::default();
    let mut seen = BTreeSet::new();
    let mut letters = [0_u32; 256];
    for _ in 0..625 {
        for link in make(&mut book, &[Role::Guest; MOST_PEOPLE]).1 {
            assert!(hilum::signal::is_encoded(&link.secret, 16), "{}", *link.secret);
            // The last of 22 characters bears two bits only.
            link.secret.bytes().take(21).for_each(|byte| letters[usize::from(byte)] += 1);
            assert!(seen.insert(link.secret.to_string()));
        }
    }
    assert_eq!(seen.len(), 10_000);
    let used: Vec<u32> = letters.into_iter().filter(|count| *count > 0).collect();
    assert_eq!(used.len(), 64);
    let expected = 210_000.0 / 64.0;
    let chi: f64 = used.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    // 63 degrees of freedom: beyond 130 once in a million.
    assert!(chi < 130.0, "{chi}");
}

#[test]
fn what_is_out_of_bounds_is_not_made() {
    let mut book = Book::default();
    let mut make = |label: &str, opens, ends, roles: &[Role]| {
        book.make((clinic(), label), (at(opens), at(ends)), roles, at(OPENS), &mut random()).map(|_| ())
    };
    let patient = [Role::Patient];
    assert_eq!(make("", OPENS, ENDS, &patient), Ok(()));
    assert_eq!(make(&"x".repeat(LONGEST_LABEL), OPENS, ENDS, &patient), Ok(()));
    for label in ["<b>", "Zoë", "a\nb", &"x".repeat(LONGEST_LABEL + 1)] {
        assert_eq!(make(label, OPENS, ENDS, &patient), Err(NotMade::Label), "{label}");
    }
    assert_eq!(make("x", ENDS, ENDS, &patient), Err(NotMade::Window));
    assert_eq!(make("x", OPENS - 100, OPENS, &patient), Err(NotMade::Window), "it has ended");
    assert_eq!(make("x", OPENS + FARTHEST, OPENS + FARTHEST + 60, &patient), Ok(()));
    assert_eq!(make("x", OPENS + FARTHEST + 1, OPENS + FARTHEST + 60, &patient), Err(NotMade::Window), "in a year");
    for roles in [&[][..], &[Role::Guest; MOST_PEOPLE + 1], &[Role::Clinician]] {
        assert_eq!(make("x", OPENS, ENDS, roles), Err(NotMade::People));
    }
}

#[test]
fn after_the_end_nothing_is_left_but_that_there_was_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut book = Book::default();
    let (id, links) = make(&mut book, &[Role::Patient]);
    book.join(&links[0].secret, None, at(OPENS), &mut random()).unwrap();
    store.put(Shelf::Appointments, &book.changes()).unwrap();
    // A restart forgets nothing, and the disk never had the secret.
    let mut book = Book::read(&store.shelf(Shelf::Appointments).unwrap()).unwrap();
    assert_eq!(book.join(&links[0].secret, None, at(OPENS), &mut random()).unwrap_err(), NotJoined::InUse);
    let bytes = std::fs::read(directory.path().join("hilum.redb")).unwrap();
    let holds = |what: &str| bytes.windows(what.len()).any(|window| window == what.as_bytes());
    assert!(!holds(&links[0].secret) && holds("room 7"));

    assert!(book.end(&id, at(OPENS + 60)) && !book.end(&id, at(OPENS + 61)));
    assert_eq!(book.join(&links[0].secret, None, at(OPENS + 62), &mut random()).unwrap_err(), NotJoined::Over);
    let (appointment, person) = book.look(&links[0].secret).unwrap();
    assert_eq!((appointment.label.as_str(), person.rated, appointment.ends), ("", false, at(OPENS + 60)));
    let kept = book.changes();
    assert!(!String::from_utf8_lossy(kept[0].1.as_ref().unwrap()).contains("room 7"));
    book.forget(at(OPENS + 60 + 86_399));
    assert!(book.look(&links[0].secret).is_some());
    book.forget(at(OPENS + 60 + 86_400));
    assert!(book.look(&links[0].secret).is_none() && book.is_empty());
    assert_eq!(book.changes(), [(id.as_str().to_owned(), None)]);
}

#[test]
fn an_appointment_that_is_ended_before_it_opens_is_over_now_and_forgotten_a_day_later() {
    let mut book = Book::default();
    let far = OPENS + 30 * 86_400;
    let times = (at(far), at(far + 60));
    let (id, links) = book.make((clinic(), "x"), times, &[Role::Patient], at(OPENS), &mut random()).unwrap();
    assert!(book.end(&id, at(OPENS)));
    assert_eq!(book.get(&id).unwrap().ends, at(OPENS));
    assert_eq!(book.join(&links[0].secret, None, at(far), &mut random()).unwrap_err(), NotJoined::Over);
    book.forget(at(OPENS + 86_399));
    assert_eq!(book.len(), 1);
    book.forget(at(OPENS + 86_400));
    assert!(book.is_empty());
}

#[test]
fn a_clinic_fills_its_part_of_the_book_and_not_that_of_others_and_a_list_is_short() {
    let mut book = Book::default();
    let made = |book: &mut Book, name: &str| {
        let clinic: ClinicId = name.parse().unwrap();
        let times = (at(OPENS), at(ENDS));
        book.make((clinic, ""), times, &[Role::Patient], at(OPENS), &mut random()).map(|(id, _)| id)
    };
    let ids: Vec<RoomId> = (0..MOST_OF_CLINIC).map(|_| made(&mut book, "physio").unwrap()).collect();
    assert_eq!(made(&mut book, "physio"), Err(NotMade::Full));
    assert!(made(&mut book, "cardio").is_ok());
    assert_eq!(book.of(&clinic(), at(OPENS)).len(), MOST_LISTED);
    // What is ended has its place for a day, what was not made at all has none.
    book.end(&ids[0], at(OPENS));
    assert_eq!(made(&mut book, "physio"), Err(NotMade::Full));
    book.take_back(&ids[1]);
    assert!(made(&mut book, "physio").is_ok());
    book.forget(at(OPENS + 86_400));
    assert!(made(&mut book, "physio").is_ok());
}

#[test]
fn a_list_begins_with_what_opens_first() {
    let mut book = Book::default();
    for hours in (0..24).rev() {
        let (opens, ends) = (at(OPENS + hours * 3600), at(ENDS + hours * 3600));
        book.make((clinic(), ""), (opens, ends), &[Role::Patient], at(OPENS), &mut random()).unwrap();
    }
    let listed = book.of(&clinic(), at(OPENS));
    assert!(listed.len() == 24 && listed.is_sorted_by_key(|one| one.opens));
}

#[test]
fn what_the_disk_refused_is_among_the_next_changes_and_a_browser_that_got_nothing_holds_nothing() {
    let mut book = Book::default();
    let (id, links) = make(&mut book, &[Role::Patient]);
    let refused = book.changes();
    assert!(book.changes().is_empty());
    for _ in 0..3 {
        book.not_kept(&refused);
    }
    let (_, browser) = book.join(&links[0].secret, None, at(OPENS), &mut random()).unwrap();
    let person = &links[0].person;
    assert_eq!(book.holds(&id, person, &browser, at(OPENS)), Ok(()));
    assert_eq!(book.holds(&id, person, &browser, at(ENDS)), Err(NotJoined::Over));
    assert_eq!(book.holds(&id, person, "another", at(OPENS)), Err(NotJoined::InUse));
    book.let_go(&id, person, "another");
    assert_eq!(book.holds(&id, person, &browser, at(OPENS)), Ok(()));
    book.let_go(&id, person, &browser);
    assert_eq!(book.holds(&id, person, &browser, at(OPENS)), Err(NotJoined::InUse));
    let changes = book.changes();
    assert_eq!(changes.len(), 1, "once, however often it was refused");
    assert!(String::from_utf8_lossy(changes[0].1.as_ref().unwrap()).contains(r#""browser":null"#));
}

#[test]
fn a_book_that_cannot_be_read_is_told() {
    for bytes in ["", "{}", r#"{"v":2,"clinic":"a","label":"","opens":1,"ends":2,"over":false,"people":[]}"#] {
        assert_eq!(Book::read(&[("name".to_owned(), bytes.into())]).unwrap_err(), "name", "{bytes}");
    }
}
