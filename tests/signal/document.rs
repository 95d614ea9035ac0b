//! `docs/signaling-protocol.md` against the code: every message, every code, every number.

use std::path::Path;

use hilum::sdp::Refusal;
use hilum::signal::Alarm;
use hilum::signal::message::{CloseCode, FromClient};

use crate::hall_world::World;

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signaling-protocol.md")).unwrap()
}

#[test]
fn every_rule_and_every_number_of_a_close_is_explained() {
    let document = document();
    for refusal in Refusal::ALL {
        let row = format!("| `{}` | {} |", refusal.code(), refusal.explanation());
        assert!(document.contains(&row), "{row}");
    }
    let counts = World::new().hall.counts();
    for code in counts.refused.keys() {
        assert!(document.contains(&format!("| `{code}` | ")), "{code} is counted and not explained");
    }
    let table = document.split("## What is refused").nth(1).unwrap();
    for code in table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        assert_eq!(counts.refused.get(code), Some(&0), "{code} is explained and not counted");
    }
    for code in CloseCode::ALL {
        assert!(document.contains(&format!("| {} | ", code.number())), "{code:?}");
    }
}

#[test]
fn every_alarm_of_the_operators_page_is_explained() {
    let document = document();
    for alarm in Alarm::ALL {
        assert!(document.contains(&format!("| `{}` | ", alarm.label())), "{alarm:?}");
        assert_eq!(serde_json::to_value(alarm).unwrap(), alarm.label());
    }
}

#[test]
fn every_message_of_a_client_that_the_document_has_is_one_and_no_other() {
    let document = document();
    let table = document.split("| from the client |").nth(1).unwrap().split("| from the server |").next().unwrap();
    let documented: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split([' ', '`']).next().unwrap())
        .collect();
    // A type that the code does not know is told from one that it does by the fault of an empty message.
    for kind in &documented {
        let fault = serde_json::from_str::<FromClient>(&format!(r#"{{"t":"{kind}","no_such_field":1}}"#)).unwrap_err();
        assert!(!fault.to_string().contains("unknown variant"), "{kind}: {fault}");
    }
    let unknown = serde_json::from_str::<FromClient>(r#"{"t":"none"}"#).unwrap_err().to_string();
    let known = unknown.split("expected one of").nth(1).unwrap();
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(known.len(), documented.len());
    assert!(FromClient::LABELS.iter().all(|label| known.contains(label)) && FromClient::LABELS.len() == known.len());
    assert!(known.iter().all(|kind| documented.contains(kind)), "{known:?} {documented:?}");
}
