//! A disk that takes nothing for a while: nothing is forgotten, and nobody is told what may not last.

use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use hilum::signal::{Role, Roster};
use serde_json::json;
use tokio::time::{Duration, timeout};

use crate::served::{Served, serve, serve_with};
use crate::staff::{enrol, signed_in};
use crate::trials::request;

impl Served {
    fn disk_is_full(&self, full: bool) {
        self.puppet.full.store(full, Ordering::SeqCst);
    }

    /// What the disk holds of an appointment last, as text.
    pub async fn kept(&self, id: &str, what: &str) {
        let waiting = async {
            loop {
                let kept = self.puppet.kept.lock().unwrap().clone();
                let last = kept.iter().rfind(|(name, _)| name == id).and_then(|(_, bytes)| bytes.clone());
                if String::from_utf8_lossy(&last.unwrap_or_default()).contains(what) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), waiting).await.unwrap();
    }
}

#[tokio::test]
async fn a_link_is_not_used_up_by_a_press_that_the_disk_did_not_take() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient", "guest"]).await;
    let known = served.page("/v1/visit/join", json!({"secret": links[1]})).await.body;
    served.disk_is_full(true);
    let joined = served.page("/v1/visit/join", json!({"secret": links[0]})).await;
    assert_eq!((joined.status, &joined.body["error"]), (503, &json!("unavailable")));
    // Whoever has come in before needs nothing of the disk.
    let back = json!({"secret": links[1], "browser": known["browser"]});
    assert_eq!(served.page("/v1/visit/join", back).await.status, 200);
    served.disk_is_full(false);
    assert_eq!(served.page("/v1/visit/join", json!({"secret": links[0]})).await.status, 200);
}

#[tokio::test]
async fn whoever_hangs_up_before_the_disk_refuses_has_not_used_the_link_up() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient"]).await;
    let claimed = async || {
        let looked = served.page("/v1/visit/look", json!({"secret": links[0]})).await;
        looked.body["claimed"] == true
    };
    served.disk_is_full(true);
    let shut = served.puppet.disk.shut();
    assert!(request(&served, 1, "/v1/visit/join", &json!({"secret": links[0]})).now_or_never().is_none());
    drop(shut);
    let waiting = async { while claimed().await {} };
    timeout(Duration::from_secs(30), waiting).await.unwrap();
    served.disk_is_full(false);
    assert_eq!(served.page("/v1/visit/join", json!({"secret": links[0]})).await.status, 200);
}

#[tokio::test]
async fn a_release_that_the_disk_did_not_take_says_so_and_is_written_when_it_does() {
    let served = serve().await;
    let (id, links) = served.appointment(&["patient"]).await;
    let mut patient = served.enter(&links[0]).await;
    served.disk_is_full(true);
    let path = format!("/v1/appointments/{id}/people/p1/release");
    let released = served.system("POST", &path, json!(null)).await;
    assert_eq!((released.status, &released.body["error"]), (503, &json!("unavailable")));
    assert_eq!(patient.closed().await, 4409, "who came in by it goes at once");
    served.disk_is_full(false);
    served.kept(&id, r#""browser":null"#).await;
    assert_eq!(served.system("POST", &path, json!(null)).await.status, 204);
}

#[tokio::test]
async fn a_link_that_the_disk_did_not_take_is_nobodys() {
    let served = serve().await;
    let (id, _) = served.appointment(&["patient"]).await;
    let path = format!("/v1/appointments/{id}/people");
    served.disk_is_full(true);
    assert_eq!(served.system("POST", &path, json!({"role": "guest"})).await.status, 503);
    let listed = served.system("GET", "/v1/appointments?clinic=physio", json!(null)).await.body;
    assert_eq!(listed["appointments"][0]["people"].as_array().unwrap().len(), 1);
    served.disk_is_full(false);
    assert_eq!(served.system("POST", &path, json!({"role": "guest"})).await.body["id"], "p2");
}

#[tokio::test]
async fn an_end_that_the_disk_did_not_take_is_written_when_it_does() {
    let served = serve().await;
    let (id, _) = served.appointment(&["patient"]).await;
    served.disk_is_full(true);
    assert_eq!(served.system("DELETE", &format!("/v1/appointments/{id}"), json!(null)).await.status, 204);
    let starts = served.now();
    let asked = json!({"clinic": "physio", "starts": starts, "minutes": 30, "people": [{"role": "patient"}]});
    assert_eq!(served.system("POST", "/v1/appointments", asked).await.status, 503);
    assert_eq!(served.signal.appointments(), 1, "what nobody has been shown is not there");
    served.disk_is_full(false);
    served.kept(&id, r#""over":true"#).await;
}

#[tokio::test]
async fn an_account_whose_end_the_disk_did_not_take_is_gone_and_is_written_later() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let served = serve_with(roster).await;
    let cookie = signed_in(&served, &login).await;
    served.disk_is_full(true);
    assert_eq!(served.signal.enrol(|roster| roster.remove("dr.one")), Err(None));
    assert_eq!(served.staff(&cookie, "GET", "/v1/staff/me", json!(null)).await.status, 401);
    served.disk_is_full(false);
    let waiting = async {
        while served.puppet.staff.lock().unwrap().last().is_none_or(|(_, bytes)| bytes.is_some()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap();
}
