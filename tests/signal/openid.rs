//! Staff who sign in at a provider, as a browser sees it, and staff who change their password.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hilum::clock::SystemClock;
use hilum::signal::{ClinicId, Foreign, NotEnrolled, OpenId, Role, Roster, Rule};
use hilum::time::UnixTime;
use serde_json::{Value, json};

use crate::provider::{GROUP, Mock, Signer};
use crate::served::{Answer, ORIGIN, Served, serve_with};
use crate::staff::{enrol, signed_in};

const SUBJECT: &str = "248289761001";
const CLEARED: &str = "__Host-hilum-openid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

fn physio() -> Vec<ClinicId> {
    vec!["physio".parse().unwrap()]
}

fn rule(group: &str, role: Role) -> Rule {
    let clinics = if role == Role::Operator { Vec::new() } else { physio() };
    Rule { group: group.to_owned(), role, clinics }
}

/// A server whose staff can sign in at a provider by these rules, and the provider.
async fn serve(rules: Vec<Rule>, roster: Roster) -> (Served, Arc<Mock>) {
    let served = serve_with(roster).await;
    let mock = Mock::start(served.now()).await;
    served.signal.set_openid(Some(OpenId { provider: mock.provider(), rules }));
    (served, mock)
}

impl Answer {
    fn location(&self) -> &str {
        self.raw.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default()
    }

    fn cookies(&self) -> Vec<&str> {
        self.raw.lines().filter_map(|line| line.strip_prefix("set-cookie: ")).collect()
    }

    /// The cookie of a session, as it is sent back.
    fn session(&self) -> Option<String> {
        let pair = self.cookies().into_iter().find_map(|cookie| cookie.split_once(';')).map(|(pair, _)| pair)?;
        pair.starts_with("__Host-hilum=").then(|| pair.to_owned())
    }
}

impl Served {
    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let headers = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        self.raw("GET", path, &headers, "").await
    }

    /// Begins: the provider's page, and the cookie as it is sent back.
    async fn begin(&self) -> (String, String) {
        let answer = self.get("/v1/staff/openid/begin", "").await;
        assert_eq!(answer.status, 303);
        let cookie = answer.cookies()[0].split_once(';').unwrap().0.to_owned();
        (answer.location().to_owned(), cookie)
    }

    /// Begins, signs in there, comes back.
    async fn signs_in(&self, mock: &Mock) -> Answer {
        let (location, cookie) = self.begin().await;
        self.get(&format!("/v1/staff/openid/return?{}", mock.signs_in(&location)), &cookie).await
    }

    async fn me(&self, session: &str) -> Value {
        self.get("/v1/staff/me", session).await.body["staff"].clone()
    }

    fn outcomes(&self, endpoint: &str) -> Vec<(&'static str, u64)> {
        let all = self.signal.requests();
        all.into_iter().filter(|([of, _], _)| *of == endpoint).map(|([_, outcome], count)| (outcome, count)).collect()
    }

    fn recorded(&self) -> Vec<(String, String)> {
        let deeds = self.puppet.deeds.lock().unwrap();
        deeds.iter().map(|deed| (deed.action.clone(), deed.actor.clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_a_group_is_signed_in_with_what_the_first_rule_grants_and_with_nothing_else() {
    let rules = vec![rule("others", Role::Operator), rule(GROUP, Role::Clinician), rule("everybody", Role::Operator)];
    let (served, mock) = serve(rules, Roster::default()).await;
    assert_eq!(served.get("/v1/staff/openid", "").await.body, json!({"offered": true}));

    let begun = served.get("/v1/staff/openid/begin", "").await;
    assert_eq!(begun.status, 303);
    let [cookie] = begun.cookies()[..] else { panic!("{}", begun.raw) };
    assert!(cookie.starts_with("__Host-hilum-openid="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"), "{cookie}");
    let page = oauth2::url::Url::parse(begun.location()).unwrap();
    let back = page.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    assert_eq!(back, format!("{ORIGIN}/v1/staff/openid/return"));
    for header in
        ["cache-control: no-store", "referrer-policy: no-referrer", "content-security-policy: default-src 'none'"]
    {
        assert!(begun.head.contains(header), "{header}: {}", begun.head);
    }

    let answer = served.signs_in(&mock).await;
    assert_eq!((answer.status, answer.location()), (303, "/staff"));
    let cookies = answer.cookies();
    assert!(cookies[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookies:?}");
    assert_eq!(cookies[1..], [CLEARED]);
    let session = answer.session().unwrap();
    let me = served.me(&session).await;
    let clinics = json!([{"id": "physio", "name": "Physiotherapy"}]);
    assert_eq!(me, json!({"name": "Dr. Rivers", "role": "clinician", "clinics": clinics, "password": false}));
    let headers = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\ncookie: {session}\r\n");
    let ticket = served.raw("POST", "/v1/staff/ticket", &headers, &json!({"clinic": "physio"}).to_string()).await;
    assert_eq!(ticket.status, 200);
    assert_eq!(served.recorded(), [("staff.openid.signin".to_owned(), format!("openid:{SUBJECT}"))]);
    assert_eq!(served.outcomes("openid_return"), [("success", 1)]);
    assert!(served.puppet.staff.lock().unwrap().is_empty(), "nothing is kept of who has no account");

    // Whoever runs the relay can sign them out, and other rules do.
    assert_eq!(served.signal.enrol(|roster| roster.remove(&format!("openid:{SUBJECT}"))), Ok(()));
    assert_eq!(served.me(&session).await, Value::Null);
    let session = served.signs_in(&mock).await.session().unwrap();
    served.signal.set_openid(Some(OpenId { provider: mock.provider(), rules: Vec::new() }));
    assert_eq!(served.me(&session).await, Value::Null);
    assert_eq!(served.signs_in(&mock).await.location(), "/staff#openid=unknown");
    served.signal.set_openid(None);
    assert_eq!(served.get("/v1/staff/openid", "").await.body, json!({"offered": false}));
    assert_eq!(served.get("/v1/staff/openid/begin", "").await.location(), "/staff#openid=unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_bound_to_a_subject_comes_before_the_rules_and_has_no_password() {
    let mut roster = Roster::default();
    let (served, mock) = serve(vec![rule(GROUP, Role::Operator)], {
        enrol(&mut roster, "dr.one", Role::Clinician);
        roster
    })
    .await;
    let now = UnixTime::from_secs(served.now());
    let foreign = served.signal.foreign(SUBJECT).unwrap();
    let bind = |name: &str, foreign: Foreign| {
        served.signal.enrol(|roster| roster.bind(name, (Role::Admin, physio()), foreign, ("uid:0", now)))
    };
    let elsewhere = Foreign { issuer: "https://login.other.example".to_owned(), subject: SUBJECT.to_owned() };
    assert_eq!(bind("dr.other", elsewhere), Ok(()), "another provider's subject is somebody else");
    assert_eq!(bind("dr.rivers", foreign.clone()), Ok(()));
    assert_eq!(bind("dr.again", foreign), Err(Some(NotEnrolled::Taken)));
    for bad in ["", "a b", &"x".repeat(256)] {
        assert_eq!(bind("dr.bad", served.signal.foreign(bad).unwrap()), Err(Some(NotEnrolled::Subject)), "{bad}");
    }
    let answer = served.signs_in(&mock).await;
    let session = answer.session().unwrap();
    let me = served.me(&session).await;
    assert_eq!((&me["name"], &me["role"], &me["password"]), (&json!("dr.rivers"), &json!("admin"), &json!(false)));
    assert_eq!(served.recorded(), [("staff.openid.signin".to_owned(), "dr.rivers".to_owned())]);

    // No password leads there, and none can be set.
    for password in ["", "x"] {
        let tried =
            served.page("/v1/staff/signin", json!({"name": "dr.rivers", "password": password, "code": "000000"}));
        assert_eq!(tried.await.body["error"], "wrong");
    }
    let headers = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\ncookie: {session}\r\n");
    let asked = json!({"password": "", "code": "000000", "new": "a new password"}).to_string();
    let changed = served.raw("POST", "/v1/staff/password", &headers, &asked).await;
    assert_eq!((changed.status, &changed.body["error"]), (409, &json!("elsewhere")));

    // It is kept as what it is.
    let kept = served.puppet.staff.lock().unwrap().clone();
    let last = kept.iter().rev().find(|(name, _)| name == "dr.rivers").unwrap();
    let read = Roster::read(&[(last.0.clone(), last.1.clone().unwrap())]).unwrap();
    let account = read.accounts().next().unwrap();
    assert_eq!(account.foreign, served.signal.foreign(SUBJECT));
    assert!(!account.has_password());
    assert_eq!(served.signal.enrol(|roster| roster.remove("dr.rivers")), Ok(()));
    assert_eq!(served.me(&session).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_known_or_not_proven_is_told_so_in_one_word() {
    let (served, mock) = serve(vec![rule("others", Role::Clinician)], Roster::default()).await;
    let answer = served.signs_in(&mock).await;
    assert_eq!((answer.status, answer.location()), (303, "/staff#openid=unknown"));
    assert_eq!(answer.cookies(), [CLEARED]);
    assert_eq!(served.recorded(), [("staff.openid.refused".to_owned(), format!("openid:{SUBJECT}"))]);

    let (location, cookie) = served.begin().await;
    let back = format!("/v1/staff/openid/return?{}", mock.signs_in(&location));
    for (path, cookie, word) in [
        (&*back, "", "again"),
        (&back, "__Host-hilum-openid=x", "again"),
        ("/v1/staff/openid/return", &cookie, "again"),
        (&back, &cookie, "unknown"),
        (&back, &cookie, "again"),
    ] {
        let answer = served.get(path, cookie).await;
        assert_eq!((answer.status, answer.location()), (303, &*format!("/staff#openid={word}")), "{path}");
        assert_eq!(answer.session(), None);
    }
    *mock.signer.lock().unwrap() = (Signer::Nobody, "one".to_owned());
    assert_eq!(served.signs_in(&mock).await.location(), "/staff#openid=failed");
    let (location, cookie) = served.begin().await;
    let state = mock.signs_in(&location);
    let cancelled = format!("/v1/staff/openid/return?error=access_denied&{}", state.split_once('&').unwrap().0);
    assert_eq!(served.get(&cancelled, &cookie).await.location(), "/staff#openid=again");
    let outcomes = [("cancelled", 1), ("state", 4), ("token", 1), ("unknown", 2)];
    assert_eq!(served.outcomes("openid_return"), outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_is_gone_passwords_are_good_and_who_fails_is_slowed() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let (served, mock) = serve(vec![rule("others", Role::Clinician)], Roster::default()).await;
    // What nobody has begun costs nobody anything: another site makes browsers ask for it.
    for _ in 0..30 {
        assert_eq!(served.get("/v1/staff/openid/return?state=x&code=y", "").await.location(), "/staff#openid=again");
    }
    // Twenty in a minute, and one more every three seconds that the test takes.
    let mut words = Vec::new();
    while words.len() < 100 && words.last().is_none_or(|word| word != "/staff#openid=unavailable") {
        words.push(served.signs_in(&mock).await.location().to_owned());
    }
    assert!((21..100).contains(&words.len()), "{}", words.len());
    let outcomes = served.outcomes("openid_return");
    assert_eq!(outcomes, [("busy", 1), ("state", 30), ("unknown", words.len() as u64 - 1)]);

    let (served, mock) = serve(Vec::new(), roster).await;
    mock.stop().await;
    for _ in 0..3 {
        let answer = served.get("/v1/staff/openid/begin", "").await;
        assert_eq!((answer.status, answer.location()), (303, "/staff#openid=unavailable"));
    }
    let session = signed_in(&served, &login).await;
    assert_eq!(served.me(&session).await["name"], "dr.one");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_change_their_password_with_the_old_one_and_a_code_and_are_signed_out_elsewhere() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    // Each code is good once: two sessions began in the last minute.
    let now = SystemClock::start().now().unix.as_secs();
    let [other, own] = [60, 30].map(|ago| format!("__Host-hilum={}", login.right(&mut roster, now - ago).unwrap()));
    let served = serve_with(roster).await;
    let headers = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\ncookie: {own}\r\n");
    let change = async |headers: &str, password: &str, code: Option<&str>, new: &str| {
        let asked = json!({"password": password, "code": code, "new": new}).to_string();
        let answer = served.raw("POST", "/v1/staff/password", headers, &asked).await;
        (answer.status, answer.body["error"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |status, error: &str| (status, error.to_owned());
    let good = "correct horse battery";
    let nobody = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\n");
    assert_eq!(change(&nobody, &login.password, None, good).await, refused(401, "sign_in"));
    let foreign = headers.replace(ORIGIN, "https://evil.example");
    assert_eq!(change(&foreign, &login.password, None, good).await, refused(403, "origin"));
    assert_eq!(change(&headers, "wrong", Some("000000"), good).await, refused(401, "wrong"));
    assert_eq!(change(&headers, "wrong", Some("000000"), "short").await, refused(401, "wrong"));
    assert_eq!(change(&headers, &login.password, None, good).await, refused(401, "code_needed"));
    for bad in ["", "elevenchars", "aaaaaaaaaaaaaaaa", "dr.onedr.one!!!", &login.password, &"long ".repeat(60)] {
        assert_eq!(change(&headers, &login.password, Some("000000"), bad).await, refused(400, "password"), "{bad}");
    }
    let used = login.code(now - 30);
    assert_eq!(
        change(&headers, &login.password, Some(&used), good).await,
        refused(401, "wrong"),
        "a code that was used"
    );
    assert!(served.me(&other).await.is_object(), "nothing has changed");

    served.puppet.full.store(true, Ordering::SeqCst);
    let fresh = login.code(served.now());
    assert_eq!(change(&headers, &login.password, Some(&fresh), good).await, refused(503, "unavailable"));
    assert!(served.me(&other).await.is_object(), "what the disk does not take has not changed");
    served.puppet.full.store(false, Ordering::SeqCst);
    let next = login.code(served.now() + 30);
    assert_eq!(change(&headers, &login.password, Some(&next), good).await.0, 204);
    assert!(served.me(&own).await.is_object(), "the own session stays");
    assert_eq!(served.me(&other).await, Value::Null);
    assert!(served.recorded().contains(&("staff.password".to_owned(), "dr.one".to_owned())));
    // The old one is good no more; the new one is asked for a code.
    for (password, error) in [(&*login.password, "wrong"), (good, "code_needed")] {
        let tried = served.page("/v1/staff/signin", json!({"name": "dr.one", "password": password})).await;
        assert_eq!(tried.body["error"], error);
    }
}
