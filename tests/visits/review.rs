//! Who has access: the same for operators at the socket and on the page, and on record.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::place::{self, Place, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_review_lists_accounts_and_keys_with_the_day_of_their_last_use_and_goes_on_record() {
    let mut place = Place::start().await;
    let add = async |asked: Value| place.operator("POST", "/v1/accounts", &asked).await;
    add(json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]})).await;
    let ops = add(json!({"name": "ops", "role": "operator"})).await;
    let entry = |review: &Value, kind: &str, name: &str| -> Value {
        let entries = review["entries"].as_array().unwrap();
        let mut found =
            entries.iter().filter(|entry| entry["kind"] == kind && (name.is_empty() || entry["name"] == name));
        found.next().cloned().unwrap_or_else(|| panic!("{kind} {name}: {review}"))
    };

    // Nothing was used yet. The key was made in 2023.
    let review = place.operator("GET", "/v1/review", &Value::Null).await;
    assert_eq!(review["total"], 3, "{review}");
    let today = review["at"].as_str().unwrap().split('T').next().unwrap().to_owned();
    let by = format!("uid:{}", place::uid());
    assert_eq!(
        entry(&review, "account", "dr.one"),
        json!({
            "kind": "account", "name": "dr.one", "system": "", "role": "clinician", "clinics": ["physio"],
            "factor": "totp", "created": today, "granted_by": by, "last_used": "",
            "locked": false, "disabled": false, "unused": false,
        })
    );
    let key = entry(&review, "api-key", "");
    assert_eq!(
        (&key["system"], &key["role"], &key["created"], &key["last_used"], &key["unused"]),
        (&json!("records"), &json!("issuer"), &json!("2023-11-14"), &json!(""), &json!(true))
    );

    // The system makes an appointment, and an operator signs in. Both days are there after a restart.
    assert_eq!(place.key("GET", "/v1/appointments?clinic=physio", &Value::Null).await.0, 200);
    let code = place::code(ops["authenticator"].as_str().unwrap(), place.now());
    place.sign_in(&json!({"name": "ops", "password": ops["password"], "code": code})).await;
    place.restart().await;
    let code = place::code(ops["authenticator"].as_str().unwrap(), place.now() + 30);
    let cookie = place.sign_in(&json!({"name": "ops", "password": ops["password"], "code": code})).await;
    let (status, head, review) = place.get("/v1/staff/review", &cookie).await;
    assert_eq!(status, 200, "{review}");
    assert!(head.to_ascii_lowercase().contains("cache-control: no-store"), "{head}");
    let review: Value = serde_json::from_str(&review).unwrap();
    let key = entry(&review, "api-key", "");
    assert_eq!((key["last_used"].as_str(), &key["unused"]), (Some(&*today), &json!(false)), "{review}");
    assert_eq!(entry(&review, "account", "ops")["last_used"].as_str(), Some(&*today));
    let (status, head, csv) = place.get("/v1/staff/review?format=csv", &cookie).await;
    assert!(status == 200 && head.to_ascii_lowercase().contains("content-disposition: attachment"), "{head}");
    assert!(csv.contains(&format!("account,ops,,operator,,totp,{today},{by},{today},no,no,no\r\n")), "{csv}");
    assert_eq!(place.get("/v1/staff/review?format=xml", &cookie).await.0, 400);

    // What stands on record is the hash of what was handed out, and who asked.
    let hash = Sha256::digest(&csv).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let wanted = format!("access.review:{}", &hash[..48]);
    soon("the review is on record", async || place.log().contains(&wanted)).await;
    let log = place.log();
    let line = log.lines().find(|line| line.contains(&wanted)).unwrap();
    assert!(line.contains("staff:ops"), "{line}");
    assert!(log.lines().any(|line| line.contains("access.review:") && line.contains(&by)), "{log}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_is_shown_nobody_elses_access() {
    let place = Place::start().await;
    let asked = json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]});
    let added = place.operator("POST", "/v1/accounts", &asked).await;
    let code = place::code(added["authenticator"].as_str().unwrap(), place.now());
    let cookie = place.sign_in(&json!({"name": "dr.one", "password": added["password"], "code": code})).await;
    for path in ["/v1/staff/review", "/v1/staff/review?format=csv", "/v1/staff/status"] {
        assert_eq!(place.get(path, &cookie).await.0, 403, "{path}");
        assert_eq!(place.get(path, "").await.0, 401, "{path}");
    }
    assert!(!place.log().contains("access.review"));
    place.stop().await;
}
