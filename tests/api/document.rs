//! `docs/api.md` against the API itself: every route, every example, every problem.

use std::collections::BTreeSet;
use std::path::Path;

use hilum::api::{Endpoint, Problem, Role};
use serde_json::Value;

use crate::world::world;

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md")).unwrap()
}

/// The section of an endpoint: its prose, and its examples.
fn section(document: &str, endpoint: Endpoint) -> (String, Vec<Value>) {
    let heading = format!("\n## {} {}\n", endpoint.method(), endpoint.path());
    let section = document.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let examples = section.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples = examples.map(|text| serde_json::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}")));
    (section.to_owned(), examples.collect())
}

#[test]
fn every_route_has_its_section_with_the_roles_that_may() {
    let document = document();
    let headings: Vec<_> = document.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let routes: Vec<_> = Endpoint::ALL.map(|endpoint| format!("{} {}", endpoint.method(), endpoint.path())).to_vec();
    assert_eq!(headings[..routes.len()], routes);
    for endpoint in Endpoint::ALL {
        let (text, _) = section(&document, endpoint);
        for role in Role::ALL {
            let named = text.split_once('.').unwrap().0.contains(&format!("`{}`", role.label()));
            assert_eq!(named, role.may(endpoint.right()), "{endpoint:?} and {role:?}");
        }
    }
}

#[tokio::test]
async fn every_example_is_what_the_router_answers() {
    let world = world().await;
    let document = document();
    let plain = |value: &Value| {
        let mut value = value.clone();
        // Signed anew each time.
        for server in value["iceServers"].as_array_mut().into_iter().flatten() {
            server["username"] = Value::Null;
            server["credential"] = Value::Null;
        }
        value
    };
    for endpoint in [Endpoint::Status, Endpoint::Calls, Endpoint::Allocations] {
        let (_, examples) = section(&document, endpoint);
        let [example] = &examples[..] else { panic!("{endpoint:?}") };
        let mut answer = world.local("GET", endpoint.path(), None).await.body;
        // One entry stands for all.
        if let Some(list) = answer.get_mut("allocations").and_then(Value::as_array_mut) {
            list.truncate(1);
        }
        assert_eq!(&answer, example, "{endpoint:?}");
    }
    let (_, examples) = section(&document, Endpoint::Revoke);
    let [asked, answered] = &examples[..] else { panic!() };
    let answer = world.local("POST", "/v1/revocations", Some(&asked.to_string())).await.body;
    assert_eq!(&answer, answered);
    let (_, examples) = section(&document, Endpoint::Revocations);
    assert_eq!(world.local("GET", "/v1/revocations", None).await.body, examples[0]);
    let (_, examples) = section(&document, Endpoint::Credentials);
    let [asked, answered] = &examples[..] else { panic!() };
    let answer = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(&asked.to_string())).await.body;
    assert_eq!(plain(&answer), plain(answered));
    let (_, examples) = section(&document, Endpoint::Review);
    let mut answer = world.local("GET", "/v1/review", None).await.body;
    let certificates = |entry: &Value| entry["kind"] == "certificate";
    assert_eq!(answer["total"], 4, "three keys and a certificate");
    answer["entries"].as_array_mut().unwrap().retain(certificates);
    answer["total"] = Value::from(1);
    assert_eq!(answer, examples[0]);
    let (_, examples) = section(&document, Endpoint::Drain);
    let [asked, answered] = &examples[..] else { panic!() };
    let answer = world.local("POST", "/v1/drain", Some(&asked.to_string())).await.body;
    assert_eq!(&answer, answered);
}

#[tokio::test]
async fn every_problem_is_explained() {
    let document = document();
    let table = document.split("\n## Problems").nth(1).unwrap();
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("| ")).filter(|line| line.starts_with(char::is_numeric));
    let explained: BTreeSet<(u16, String)> = rows
        .map(|line| {
            let mut cells = line.split(" | ");
            let status = cells.next().unwrap().parse().unwrap();
            (status, cells.next().unwrap().trim_matches('`').to_owned())
        })
        .collect();
    let known: BTreeSet<_> = Problem::ALL.iter().map(|(status, error)| (*status, (*error).to_owned())).collect();
    assert_eq!(explained, known);
    let world = world().await;
    let example: Value =
        serde_json::from_str(table.split("```json\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    let answer = world.local("POST", "/v1/revocations", Some(r#"{"call":"visit-7"}"#)).await;
    assert_eq!(answer.body, example);
}
