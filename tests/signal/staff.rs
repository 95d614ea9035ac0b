//! Staff: passwords, codes that are good once, locks, sessions, and what each may do.

use hilum::signal::{
    ClinicId, FAILURES, IDLE, LOCKED, LONGEST_NAME, NotEnrolled, NotSignedIn, Role, Roster, SESSION, SecretHash,
};
use hilum::store::{Shelf, Store};
use hilum::time::UnixTime;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};

use crate::served::{Answer, ORIGIN, Served, serve_with};

const NOW: u64 = 1_795_800_000;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn random() -> impl FnMut() -> [u8; 16] {
    move || {
        let mut bytes = [0; 16];
        hilum::signal::random(&mut bytes).unwrap();
        bytes
    }
}

fn physio() -> Vec<ClinicId> {
    vec!["physio".parse().unwrap()]
}

/// What somebody needs to sign in.
pub struct Login {
    name: String,
    pub password: String,
    factor: TOTP,
}

pub fn enrol(roster: &mut Roster, name: &str, role: Role) -> Login {
    let clinics = if role == Role::Operator { Vec::new() } else { physio() };
    let issued = roster.add(name, (role, clinics), ("uid:0", at(NOW)), &mut random()).unwrap();
    // A stranger's reading of what authenticators are given.
    let bytes = Secret::Encoded(issued.factor.to_string()).to_bytes().unwrap();
    assert_eq!(bytes.len(), 20);
    let factor = TOTP::new(Algorithm::SHA1, 6, 1, 30, bytes).unwrap();
    Login { name: name.to_owned(), password: issued.password.to_string(), factor }
}

impl Login {
    pub fn code(&self, at: u64) -> String {
        self.factor.generate(at)
    }

    fn sign_in(
        &self,
        roster: &mut Roster,
        password: &str,
        code: Option<&str>,
        now: u64,
    ) -> Result<String, NotSignedIn> {
        let kept = roster.begin(&self.name, at(now))?;
        let finished = roster.finish(&self.name, (kept.fits(password), code), at(now), random()());
        finished.map(|secret| secret.to_string())
    }

    /// With everything right.
    pub fn right(&self, roster: &mut Roster, now: u64) -> Result<String, NotSignedIn> {
        self.sign_in(roster, &self.password, Some(&self.code(now)), now)
    }
}

#[test]
fn it_takes_the_password_and_a_code_that_was_not_used() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let (password, code) = (login.password.clone(), login.code(NOW));
    assert_eq!(login.sign_in(&mut roster, &password, None, NOW), Err(NotSignedIn::CodeNeeded));
    for (password, code) in
        [("", Some(&*code)), ("wrong", Some(&*code)), ("wrong", None), (&*password, Some("000000x"))]
    {
        assert_eq!(login.sign_in(&mut roster, password, code, NOW), Err(NotSignedIn::Wrong));
    }
    let session = login.right(&mut roster, NOW).unwrap();
    assert_eq!(roster.session(&session, at(NOW)).unwrap().name, "dr.one");
    assert_eq!(login.right(&mut roster, NOW), Err(NotSignedIn::Wrong), "the code was used");
    assert!(login.right(&mut roster, NOW + 30).is_ok());
    // Clocks may be a step apart, and no more.
    assert_eq!(login.sign_in(&mut roster, &password, Some(&login.code(NOW + 150)), NOW + 90), Err(NotSignedIn::Wrong));
    assert!(login.sign_in(&mut roster, &password, Some(&login.code(NOW + 120)), NOW + 90).is_ok());
    assert!(roster.session("", at(NOW)).is_none() && roster.session("x", at(NOW)).is_none());
}

#[test]
fn a_name_is_locked_after_failures_whether_there_is_an_account_or_not() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let nobody = Login { name: "nobody".into(), password: "x".into(), factor: login.factor.clone() };
    for who in [&login, &nobody] {
        for _ in 0..FAILURES {
            assert_eq!(who.sign_in(&mut roster, "wrong", Some("123456"), NOW), Err(NotSignedIn::Wrong));
        }
        let until = NotSignedIn::Locked(at(NOW + LOCKED));
        assert_eq!(who.sign_in(&mut roster, "wrong", None, NOW), Err(until));
        assert_eq!(who.right(&mut roster, NOW + LOCKED - 1), Err(until), "even with everything right");
    }
    assert!(login.right(&mut roster, NOW + LOCKED).is_ok());
}

#[test]
fn a_trial_that_ends_after_others_have_locked_the_name_hears_of_the_lock_whether_there_is_an_account_or_not() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let code = login.code(NOW);
    for name in ["dr.one", "nobody"] {
        // All of them have begun before the first one ends.
        for _ in 0..FAILURES + 3 {
            assert!(roster.begin(name, at(NOW)).is_ok());
        }
        for _ in 0..FAILURES {
            let finished = roster.finish(name, (false, None), at(NOW), random()());
            assert_eq!(finished.map(|_| ()), Err(NotSignedIn::Wrong), "{name}");
        }
        for right in [false, true, false] {
            let finished = roster.finish(name, (right, Some(&code)), at(NOW + 1), random()());
            assert_eq!(finished.map(|_| ()), Err(NotSignedIn::Locked(at(NOW + LOCKED))), "{name}");
        }
        // What was asked under lock makes it no longer.
        assert!(roster.begin(name, at(NOW + LOCKED)).is_ok());
    }
}

#[test]
fn what_no_account_can_be_called_is_not_remembered() {
    let mut roster = Roster::default();
    for name in [&*"x".repeat(LONGEST_NAME + 1), &"x".repeat(4000), "a b", ""] {
        for _ in 0..FAILURES * 3 {
            assert!(roster.begin(name, at(NOW)).is_ok());
            let finished = roster.finish(name, (false, None), at(NOW), random()());
            assert_eq!(finished.map(|_| ()), Err(NotSignedIn::Wrong), "{}", name.len());
        }
    }
}

#[test]
fn a_session_ends_by_idling_by_the_day_and_with_its_account() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let session = login.right(&mut roster, NOW).unwrap();
    assert!(roster.session(&session, at(NOW + IDLE - 1)).is_some());
    assert!(roster.session(&session, at(NOW + 2 * IDLE - 1)).is_none());
    let session = login.right(&mut roster, NOW + 60).unwrap();
    let mut now = NOW + 60;
    while now + IDLE / 2 < NOW + 60 + SESSION {
        now += IDLE / 2;
        assert!(roster.session(&session, at(now)).is_some());
    }
    assert!(roster.session(&session, at(NOW + 60 + SESSION)).is_none());
    let session = login.right(&mut roster, NOW + 90).unwrap();
    roster.sign_out(&session);
    assert!(roster.session(&session, at(NOW + 90)).is_none());
    let session = login.right(&mut roster, NOW + 120).unwrap();
    roster.role("dr.one", Role::Admin, physio(), "uid:7").unwrap();
    let account = roster.session(&session, at(NOW + 120)).unwrap();
    assert_eq!((account.role, account.granted_by.as_str()), (Role::Admin, "uid:7"), "at once");
    roster.remove("dr.one").unwrap();
    assert!(roster.session(&session, at(NOW + 120)).is_none());
    assert_eq!(roster.remove("dr.one"), Err(NotEnrolled::Unknown));
}

#[test]
fn sessions_that_are_over_are_told_once_so_that_their_sockets_close() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let idle = login.right(&mut roster, NOW).unwrap();
    let busy = login.right(&mut roster, NOW + 30).unwrap();
    assert!(roster.forget(at(NOW + IDLE - 1)).is_empty());
    // Something was done over a socket of this one.
    roster.active(&SecretHash::of(&busy), at(NOW + IDLE - 1));
    assert!(roster.session(&idle, at(NOW + IDLE)).is_none());
    assert_eq!(roster.forget(at(NOW + IDLE + 60)), [SecretHash::of(&idle)]);
    assert!(roster.forget(at(NOW + IDLE + 60)).is_empty());
    let mut now = NOW + IDLE;
    while now < NOW + 30 + SESSION {
        roster.active(&SecretHash::of(&busy), at(now));
        assert!(roster.session(&busy, at(now)).is_some());
        now += IDLE / 2;
    }
    assert_eq!(roster.forget(at(NOW + 30 + SESSION)), [SecretHash::of(&busy)], "whatever is done in it");
    let last = login.right(&mut roster, NOW + 60).unwrap();
    roster.remove("dr.one").unwrap();
    assert_eq!(roster.forget(at(NOW + 60)), [SecretHash::of(&last)]);
}

#[test]
fn what_the_disk_refused_is_among_the_next_changes_as_it_is_by_then() {
    let mut roster = Roster::default();
    enrol(&mut roster, "dr.one", Role::Clinician);
    let refused = roster.changes();
    assert!(roster.changes().is_empty());
    for _ in 0..3 {
        roster.not_kept(&refused);
    }
    roster.remove("dr.one").unwrap();
    assert_eq!(roster.changes(), [("dr.one".to_owned(), None)]);
}

#[test]
fn accounts_survive_a_restart_and_the_disk_holds_no_password() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let second = enrol(&mut roster, "gone", Role::Operator);
    login.right(&mut roster, NOW).unwrap();
    store.put(Shelf::Staff, &roster.changes()).unwrap();
    roster.remove("gone").unwrap();
    store.put(Shelf::Staff, &roster.changes()).unwrap();
    let mut roster = Roster::read(&store.shelf(Shelf::Staff).unwrap()).unwrap();
    assert_eq!(roster.accounts().count(), 1);
    assert_eq!(login.right(&mut roster, NOW), Err(NotSignedIn::Wrong), "the code was used before the restart");
    assert!(login.right(&mut roster, NOW + 30).is_ok());
    let bytes = std::fs::read(directory.path().join("hilum.redb")).unwrap();
    for password in [&login.password, &second.password] {
        assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()));
    }
    assert_eq!(Roster::read(&[("x".into(), b"{}".to_vec())]).unwrap_err(), 0);
}

#[test]
fn roles_of_staff_go_with_clinics_and_names_are_plain() {
    let mut roster = Roster::default();
    let mut add =
        |name: &str, role, clinics| roster.add(name, (role, clinics), ("uid:0", at(NOW)), &mut random()).map(|_| ());
    assert_eq!(add("a", Role::Clinician, Vec::new()), Err(NotEnrolled::Role));
    assert_eq!(add("a", Role::Operator, physio()), Err(NotEnrolled::Role));
    assert_eq!(add("a", Role::Patient, physio()), Err(NotEnrolled::Role));
    for name in ["", "a b", "a@b", "Zoë", &"x".repeat(49)] {
        assert_eq!(add(name, Role::Clinician, physio()), Err(NotEnrolled::Name), "{name}");
    }
    assert_eq!(add("a.of-the_clinic", Role::Clinician, physio()), Ok(()));
    assert_eq!(add("a.of-the_clinic", Role::Clinician, physio()), Err(NotEnrolled::Taken));
}

/// Signs in over HTTP; the cookie.
pub async fn signed_in(served: &Served, login: &Login) -> String {
    let code = login.code(served.now());
    let answer =
        served.page("/v1/staff/signin", json!({"name": login.name, "password": login.password, "code": code})).await;
    assert_eq!((answer.status, &answer.body["staff"]["name"]), (200, &json!(login.name)), "{}", answer.body);
    let line = answer.head.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    for wanted in ["__host-hilum=", "path=/", "secure", "httponly", "samesite=strict"] {
        assert!(line.contains(wanted), "{line}");
    }
    // The head is in lower case; the cookie itself is not.
    let raw = answer.raw.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
    raw["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
}

impl Served {
    pub async fn staff(&self, cookie: &str, method: &str, path: &str, body: Value) -> Answer {
        let headers = format!("origin: {ORIGIN}\r\ncookie: other=1; {cookie}\r\ncontent-type: application/json\r\n");
        self.raw(method, path, &headers, &body.to_string()).await
    }
}

#[tokio::test]
async fn a_clinician_signs_in_makes_an_appointment_admits_and_ends() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let served = serve_with(roster).await;
    let me = served.raw("GET", "/v1/staff/me", "", "").await;
    assert_eq!((me.status, &me.body["error"]), (401, &json!("sign_in")));
    let cookie = signed_in(&served, &login).await;
    let me = served.staff(&cookie, "GET", "/v1/staff/me", json!(null)).await;
    assert_eq!(me.body["staff"]["clinics"], json!([{"id": "physio", "name": "Physiotherapy"}]));

    let asked = json!({"clinic": "physio", "label": "8 am", "starts": served.now(), "minutes": 20, "people": [{"role": "patient"}]});
    let made = served.staff(&cookie, "POST", "/v1/appointments", asked.clone()).await;
    assert_eq!(made.status, 201);
    // A cookie alone, without a page of ours around it, changes nothing.
    let headers = format!("cookie: {cookie}\r\ncontent-type: application/json\r\n");
    assert_eq!(served.raw("POST", "/v1/appointments", &headers, &asked.to_string()).await.status, 403);
    let url = made.body["links"][0]["url"].as_str().unwrap();
    let secret = url.strip_prefix("https://visit.clinic.example/j#").unwrap();
    let mut patient = served.enter(secret).await;
    patient.next().await.unwrap();

    let ticket = served.staff(&cookie, "POST", "/v1/staff/ticket", json!({"clinic": "physio"})).await.body;
    let mut clinician = served.socket(ORIGIN, "hilum.v1").await.unwrap();
    clinician.say(json!({"t": "hello", "v": 1, "ticket": ticket["ticket"]})).await;
    assert_eq!(clinician.next().await.unwrap()["t"], "welcome");
    let list = clinician.next().await.unwrap();
    assert_eq!(list["rooms"][0]["label"], "8 am");
    clinician.say(json!({"t": "admit", "room": list["rooms"][0]["room"]})).await;
    clinician.say(json!({"t": "join", "room": list["rooms"][0]["room"]})).await;
    assert_eq!(patient.next().await.unwrap()["t"], "admitted");
    assert_eq!(patient.next().await.unwrap()["role"], "clinician");
    clinician.say(json!({"t": "end"})).await;
    assert_eq!((patient.next().await.unwrap()["t"].as_str(), patient.closed().await), (Some("ended"), 4410));
    assert_eq!(served.page("/v1/visit/look", json!({"secret": secret})).await.body["state"], "over");

    assert_eq!(served.staff(&cookie, "POST", "/v1/staff/ticket", json!({"clinic": "cardio"})).await.status, 403);
    assert_eq!(served.staff(&cookie, "POST", "/v1/staff/signout", json!(null)).await.status, 204);
    assert_eq!(served.staff(&cookie, "GET", "/v1/staff/me", json!(null)).await.status, 401);
}

#[tokio::test]
async fn signing_in_is_refused_in_the_same_words_for_all_and_slowed() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let served = serve_with(roster).await;
    let ask = async |name: &str, password: &str| {
        let answer = served.page("/v1/staff/signin", json!({"name": name, "password": password})).await;
        (answer.status, answer.body)
    };
    let wrong = ask("dr.one", "wrong").await;
    assert_eq!((wrong.0, &wrong.1["error"]), (401, &json!("wrong")));
    assert_eq!(ask("nobody", "wrong").await, wrong);
    assert_eq!(ask("dr.one", &login.password).await.1["error"], "code_needed");
    for _ in 0..4 {
        ask("dr.one", "wrong").await;
    }
    let (status, body) = ask("dr.one", &login.password).await;
    assert!(status == 429 && body["error"] == "locked" && body["until"].as_u64().unwrap() > served.now());
    // Seven are charged until now: the right half of an answer is not, what is asked under lock is.
    let mut tried = 0;
    while tried < 60 && ask(&format!("other-{tried}"), "x").await.1["error"] != "too_many" {
        tried += 1;
    }
    // A slow machine lets a source have another one every three seconds.
    assert!((13..60).contains(&tried), "twenty failures from one network in a minute, {tried}");
    // Those who come by a link are counted on their own.
    assert_eq!(served.page("/v1/visit/look", json!({"secret": "guess"})).await.status, 200);
}

#[tokio::test]
async fn an_operator_receives_nobody_and_makes_no_appointments() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "ops", Role::Operator);
    let served = serve_with(roster).await;
    let cookie = signed_in(&served, &login).await;
    let asked = json!({"clinic": "physio", "starts": served.now(), "minutes": 20, "people": [{"role": "patient"}]});
    for (path, body) in [("/v1/staff/ticket", json!({"clinic": "physio"})), ("/v1/appointments", asked)] {
        let answer = served.staff(&cookie, "POST", path, body).await;
        assert_eq!((answer.status, &answer.body["error"]), (403, &json!("not_allowed")), "{path}");
    }
}
