//! `docs/openapi.json` against the routers: every path and method is in it and no other, every status that occurs, and every
//! body is as it says.

use std::collections::BTreeSet;
use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::headers::{Seen, asked, filled};
use crate::place::{self, ORIGIN, Place};

const NAME: &str = "file:///openapi.json";

/// The description, and what has been held against it.
struct Described {
    document: Value,
    /// `get /v1/status 200`.
    seen: BTreeSet<String>,
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

impl Described {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let document = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self { document, seen: BTreeSet::new() }
    }

    fn paths(&self) -> BTreeSet<&str> {
        self.document["paths"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    fn methods(&self, path: &str) -> BTreeSet<String> {
        self.document["paths"][path].as_object().unwrap().keys().cloned().collect()
    }

    /// Whether a value is as the schema at a place of the document says.
    fn validate(&self, pointer: &str, value: &Value, what: &str) {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(NAME, self.document.clone()).unwrap();
        let index =
            compiler.compile(&format!("{NAME}#{pointer}"), &mut schemas).unwrap_or_else(|why| panic!("{why:#}"));
        schemas.validate(value, index).map_err(|why| panic!("{what}: {why:#} in {value}")).ok();
    }

    /// Holds an answer against the description.
    fn check(&mut self, method: &str, path: &str, status: u16, kind: &str, body: &[u8]) {
        let what = format!("{} {path} {status}", method.to_ascii_lowercase());
        let operation = format!("/paths/{}/{}", escaped(path), method.to_ascii_lowercase());
        let mut pointer = format!("{operation}/responses/{status}");
        let mut response = self.document.pointer(&pointer).unwrap_or_else(|| panic!("{what} is not described"));
        if let Some(shared) = response["$ref"].as_str() {
            pointer = shared.strip_prefix('#').unwrap().to_owned();
            response = self.document.pointer(&pointer).unwrap();
        }
        let kind = kind.split(';').next().unwrap_or_default();
        match &response["content"] {
            Value::Null => assert!(body.is_empty(), "{what} has a body that is not described"),
            content => {
                assert!(content[kind].is_object(), "{what} is {kind}, which is not described");
                let value = match kind {
                    "application/json" => serde_json::from_slice(body).unwrap_or_else(|why| panic!("{what}: {why}")),
                    _ => Value::from(String::from_utf8(body.to_vec()).unwrap()),
                };
                self.validate(&format!("{pointer}/content/{}/schema", escaped(kind)), &value, &what);
            }
        }
        self.seen.insert(what);
    }

    fn check_seen(&mut self, method: &str, path: &str, seen: &Seen) {
        let kind = seen.one("content-type").to_owned();
        self.check(method, path, seen.status, &kind, &seen.body);
    }
}

/// Everybody who asks.
struct Asking<'p> {
    place: &'p Place,
    described: Described,
}

impl Asking<'_> {
    /// Asks for a path of the document, filled in, with these headers; the answer.
    async fn ask(&mut self, (method, path, target): (&str, &str, &str), headers: &str, body: &Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        // What is asked is as described as well.
        if !body.is_null() {
            let content = format!("/paths/{}/{}/requestBody/content/application~1json/schema", escaped(path), method);
            self.described.validate(&content, body, &format!("what is asked at {path}"));
        }
        let headers = format!("{headers}content-type: application/json\r\n");
        let seen = asked(self.place, &method.to_ascii_uppercase(), target, &headers, &text).await;
        self.described.check_seen(method, path, &seen);
        serde_json::from_slice(&seen.body).unwrap_or(Value::Null)
    }

    /// Over the operator's socket.
    async fn operate(&mut self, method: &str, path: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.place.local(&method.to_ascii_uppercase(), target, body).await;
        self.described.check(method, path, status, "application/json", answer.to_string().as_bytes());
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_has_every_path_and_method_of_the_door_and_no_other() {
    let place = Place::start_open().await;
    let described = Described::read();
    let there: BTreeSet<&str> = place.door_paths().into_iter().filter(|path| path.starts_with("/v1/")).collect();
    assert_eq!(described.paths(), there);
    // A method that no path takes is answered by those that this one does.
    let bearer = format!("authorization: Bearer {}\r\n", place.bearer());
    for path in there {
        let seen = asked(&place, "PATCH", &filled(path), &bearer, "").await;
        assert_eq!(seen.status, 405, "{path}");
        let allowed = seen.one("allow").split(',').map(|method| method.trim().to_ascii_lowercase());
        let allowed: BTreeSet<String> = allowed.filter(|method| method != "head").collect();
        assert_eq!(described.methods(path), allowed, "{path}");
    }
    // What is served is what is in the repository.
    let served = asked(&place, "GET", "/v1/openapi.json", "", "").await;
    assert_eq!(serde_json::from_slice::<Value>(&served.body).unwrap(), described.document);
    place.stop().await;
}

/// Whoever is nobody, comes from elsewhere, sends too much, or something else.
async fn strangers(asking: &mut Asking<'_>) {
    let place = asking.place;
    let origin = format!("origin: {ORIGIN}\r\n");
    let bearer = format!("authorization: Bearer {}\r\n", place.bearer());
    let mut operations = Vec::new();
    for path in asking.described.paths() {
        operations.extend(asking.described.methods(path).into_iter().map(|method| (path.to_owned(), method)));
    }
    for (path, method) in operations {
        let (upper, target) = (method.to_ascii_uppercase(), filled(&path));
        let json = "content-type: application/json\r\n";
        for (headers, body) in [
            (String::new(), String::new()),
            (format!("{origin}{json}"), "{}".to_owned()),
            (format!("{origin}{json}"), "[".to_owned()),
            (format!("{bearer}{json}"), "{\"x\":1}".to_owned()),
            (format!("{bearer}{origin}"), "{}".to_owned()),
            // Nothing is read of a body where none is described, but for its length.
            (format!("{bearer}{origin}{json}"), "x".repeat(if method == "post" { 17_000 } else { 0 })),
        ] {
            let seen = asked(place, &upper, &target, &headers, &body).await;
            asking.described.check_seen(&method, &path, &seen);
        }
    }
}

/// A visit, by the hospital's system and by a page.
async fn visit(asking: &mut Asking<'_>) {
    let place = asking.place;
    let origin = format!("origin: {ORIGIN}\r\n");
    let bearer = format!("authorization: Bearer {}\r\n", place.bearer());
    let starts = place.now();
    let wanted = json!({"clinic": "physio", "label": "room 7", "starts": starts, "minutes": 30, "people": [{"role": "patient"}]});
    let one = "/v1/appointments";
    let made = asking.ask(("post", one, one), &bearer, &wanted).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let secret = made["links"][0]["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    asking.ask(("get", one, "/v1/appointments?clinic=physio"), &bearer, &Value::Null).await;
    let (added, released) = ("/v1/appointments/{id}/people", "/v1/appointments/{id}/people/{person}/release");
    asking.ask(("post", added, &format!("{one}/{id}/people")), &bearer, &json!({"role": "guest"})).await;
    asking.ask(("post", "/v1/visit/look", "/v1/visit/look"), &origin, &json!({"secret": secret})).await;
    let joined = asking.ask(("post", "/v1/visit/join", "/v1/visit/join"), &origin, &json!({"secret": secret})).await;
    asking.ask(("post", "/v1/visit/join", "/v1/visit/join"), &origin, &json!({"secret": secret})).await;
    asking.ask(("post", "/v1/check", "/v1/check"), &origin, &json!({})).await;
    let rating = json!({"secret": secret, "browser": joined["browser"], "stars": 5});
    asking.ask(("post", "/v1/visit/rating", "/v1/visit/rating"), &origin, &rating).await;
    asking.ask(("post", released, &format!("{one}/{id}/people/p1/release")), &bearer, &Value::Null).await;
    asking.ask(("delete", "/v1/appointments/{id}", &format!("{one}/{id}")), &bearer, &Value::Null).await;
}

/// Operators over their socket, and minting; what two new accounts were given.
async fn operators(asking: &mut Asking<'_>) -> [Value; 2] {
    let place = asking.place;
    let bearer = format!("authorization: Bearer {}\r\n", place.bearer());
    let clinician = json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]});
    let added = asking.operate("post", "/v1/accounts", "/v1/accounts", &clinician).await;
    asking.operate("post", "/v1/accounts", "/v1/accounts", &clinician).await;
    let ops = asking.operate("post", "/v1/accounts", "/v1/accounts", &json!({"name": "ops", "role": "operator"})).await;
    asking.operate("post", "/v1/accounts/role", "/v1/accounts/role", &clinician).await;
    for path in ["/v1/accounts", "/v1/status", "/v1/calls", "/v1/allocations", "/v1/revocations", "/v1/review"] {
        asking.operate("get", path, path, &Value::Null).await;
        asking.operate("get", path, &format!("{path}?nothing=1"), &Value::Null).await;
    }
    let call = json!({"call": "clinic/none"});
    asking.operate("post", "/v1/revocations", "/v1/revocations", &call).await;
    asking.operate("get", "/v1/revocations", "/v1/revocations", &Value::Null).await;
    asking.operate("post", "/v1/drain", "/v1/drain", &json!({"draining": false})).await;
    let party = json!({"call": "visit-7", "party": "a", "limits": {"kbps": 2000}});
    asking.ask(("post", "/v1/credentials", "/v1/credentials"), &bearer, &party).await;
    [added, ops]
}

/// Those two sign in, look, change their passwords and go.
async fn staff(asking: &mut Asking<'_>, [added, ops]: [Value; 2]) {
    let place = asking.place;
    let origin = format!("origin: {ORIGIN}\r\n");
    let sign_in = "/v1/staff/signin";
    let wrong = json!({"name": "dr.one", "password": "wrong", "code": "000000"});
    asking.ask(("post", sign_in, sign_in), &origin, &wrong).await;
    for (account, paths) in
        [(&added, vec!["/v1/staff/me", "/v1/staff/status"]), (&ops, vec!["/v1/staff/status", "/v1/staff/review"])]
    {
        let code = place::code(account["authenticator"].as_str().unwrap(), place.now());
        let shown = json!({"name": account["name"], "password": account["password"], "code": code});
        asking.described.validate(
            "/paths/~1v1~1staff~1signin/post/requestBody/content/application~1json/schema",
            &shown,
            "",
        );
        let headers = format!("{origin}content-type: application/json\r\n");
        let seen = asked(place, "POST", sign_in, &headers, &shown.to_string()).await;
        asking.described.check_seen("post", sign_in, &seen);
        let cookie = seen.one("set-cookie").split(';').next().unwrap();
        let headers = format!("{origin}cookie: {cookie}\r\n");
        for path in paths {
            asking.ask(("get", path, path), &headers, &Value::Null).await;
        }
        asking.ask(("get", "/v1/staff/review", "/v1/staff/review?format=csv"), &headers, &Value::Null).await;
        let ticket = "/v1/staff/ticket";
        asking.ask(("post", ticket, ticket), &headers, &json!({"clinic": "physio"})).await;
        let step = place::code(account["authenticator"].as_str().unwrap(), place.now() + 30);
        let change = json!({"password": account["password"], "code": step, "new": "of four quiet words"});
        asking.ask(("post", "/v1/staff/password", "/v1/staff/password"), &headers, &change).await;
        asking.ask(("post", "/v1/staff/signout", "/v1/staff/signout"), &headers, &Value::Null).await;
    }
    asking.operate("post", "/v1/accounts/remove", "/v1/accounts/remove", &json!({"name": "dr.one"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_status_that_occurs_is_described_and_every_body_is_as_described() {
    let place = Place::start_open().await;
    let mut asking = Asking { place: &place, described: Described::read() };
    strangers(&mut asking).await;
    visit(&mut asking).await;
    let accounts = operators(&mut asking).await;
    staff(&mut asking, accounts).await;

    // Each operation was seen to succeed, but for the WebSocket, which other tests open.
    let good = |responses: &Value| -> Vec<String> {
        responses.as_object().unwrap().keys().filter(|status| status.starts_with(['2', '3'])).cloned().collect()
    };
    for (path, item) in asking.described.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for status in good(&operation["responses"]) {
                let what = format!("{method} {path} {status}");
                assert!(asking.described.seen.contains(&what), "{what} was never seen");
            }
        }
    }
    place.stop().await;
}
