//! The demo's clinic: one clinician, one appointment, and a link for each of the two.
//!
//! Nothing in the product lets anybody in by a link of staff. The demo signs in as the clinician does, with a password and
//! a code of the second factor, both of which it has just been given; who opens the link gets that session's cookie.

use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow, bail, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use totp_rs::{Algorithm, Secret, TOTP};
use zeroize::Zeroizing;

use crate::app::App;
use crate::client::random;
use crate::clock::SystemClock;
use crate::signal::{self, Role, SecretHash};

/// The clinic in the configuration.
pub(super) const ID: &str = "demo";
/// The clinician's name.
const NAME: &str = "clinician";
/// Where the clinician's link leads.
const PATH: &str = "/demo/clinician";
/// How long the appointment is: a day of trying things out, less the first minutes.
const MINUTES: u64 = 1380;
/// Seconds of one code.
const STEP: u64 = 30;
/// Bytes of an answer: a link has some hundred.
const LARGEST_ANSWER: usize = 65_536;

/// Two links for two windows of a browser.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Links {
    /// The clinician's: the waiting list, signed in.
    pub(super) clinician: String,
    /// The patient's.
    pub(super) patient: String,
}

/// Receives the clinician at the door.
pub(super) struct Reception {
    origin: String,
    clock: SystemClock,
    /// Of what stands in the link.
    secret: SecretHash,
    link: Zeroizing<String>,
    /// The pages and requests of visits, once the relay runs.
    visits: OnceLock<TowerToHyperService<Router>>,
    clinician: Mutex<Option<Clinician>>,
}

/// Whoever can sign in, and the session of the last time.
struct Clinician {
    password: Zeroizing<String>,
    factor: TOTP,
    /// The step of the last code: each is good once.
    step: u64,
    cookie: Option<HeaderValue>,
}

impl Reception {
    /// Nobody can sign in yet.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn new(origin: String, clock: SystemClock) -> anyhow::Result<Arc<Self>> {
        let (link, secret) = signal::secret(random()?);
        let (visits, clinician) = (OnceLock::new(), Mutex::new(None));
        Ok(Arc::new(Self { origin, clock, secret, link, visits, clinician }))
    }

    /// The page behind the clinician's link.
    pub(super) fn routes(self: &Arc<Self>) -> Router {
        Router::new().route(PATH, get(enter)).with_state(Arc::clone(self))
    }

    /// Makes the clinician's account, signs in, and makes an appointment as the clinician would.
    ///
    /// # Errors
    /// Something is refused.
    pub(super) async fn open(&self, relay: &App) -> anyhow::Result<Links> {
        let signal = relay.visits().context("the demo's relay has no visits")?;
        self.visits.set(TowerToHyperService::new(signal::router(Arc::clone(signal)))).ok();
        let mut chance = Vec::new();
        for _ in 0..8 {
            chance.push(random::<16>()?);
        }
        let mut draw = || chance.pop().unwrap_or_default();
        let (role, now) = ((Role::Clinician, vec![ID.parse()?]), self.clock.now().unix);
        let issued =
            tokio::task::block_in_place(|| signal.enrol(|roster| roster.add(NAME, role, ("demo", now), &mut draw)));
        let issued = issued.map_err(|why| anyhow!("no account for the clinician: {why:?}"))?;
        let factor = Secret::Encoded(issued.factor.to_string()).to_bytes().map_err(|_| anyhow!("no second factor"))?;
        let factor = TOTP::new(Algorithm::SHA1, 6, 1, STEP, factor).map_err(|_| anyhow!("no second factor"))?;
        let clinician = Clinician { password: issued.password, factor, step: 0, cookie: None };
        *self.clinician.lock().await = Some(clinician);
        let cookie = self.cookie().await?;
        let appointment = json!({
            "clinic": ID, "label": "Demo", "starts": now.as_secs(), "minutes": MINUTES, "people": [{ "role": "patient" }],
        });
        let (status, _, made) = self.ask("POST", "/v1/appointments", Some(&cookie), Some(&appointment)).await?;
        ensure!(status == StatusCode::CREATED, "no appointment is made: {status}");
        let patient = made.pointer("/links/0/url").and_then(Value::as_str).context("the appointment has no link")?;
        let clinician = format!("{}{PATH}?{}", self.origin, self.link.as_str());
        Ok(Links { clinician, patient: patient.to_owned() })
    }

    /// The cookie of a session that is good now: of the last one, or of a new one.
    async fn cookie(&self) -> anyhow::Result<HeaderValue> {
        let mut clinician = self.clinician.lock().await;
        let clinician = clinician.as_mut().context("the demo begins only now")?;
        if let Some(cookie) = &clinician.cookie {
            let (status, ..) = self.ask("GET", "/v1/staff/me", Some(cookie), None).await?;
            if status == StatusCode::OK {
                return Ok(cookie.clone());
            }
        }
        // The code before this one and the one after it are taken as well, so three sign-ins fit into half a minute.
        let now = self.clock.now().unix.as_secs() / STEP;
        let step = clinician.step.saturating_add(1).max(now.saturating_sub(1));
        ensure!(step <= now.saturating_add(1), "a code is good once; try again in half a minute");
        let code = clinician.factor.generate(step.saturating_mul(STEP));
        let asked = json!({ "name": NAME, "password": clinician.password.as_str(), "code": code });
        let (status, cookie, _) = self.ask("POST", "/v1/staff/signin", None, Some(&asked)).await?;
        let Some(cookie) = cookie.filter(|_| status == StatusCode::OK) else { bail!("not signed in: {status}") };
        (clinician.step, clinician.cookie) = (step, Some(cookie.clone()));
        Ok(cookie)
    }

    /// Asks what a page of ours would ask: the status, the cookie that is set, and the answer.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        cookie: Option<&HeaderValue>,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Option<HeaderValue>, Value)> {
        let mut request = Request::builder().method(method).uri(path).header(ORIGIN, &self.origin);
        // What is set has attributes behind the pair that is shown.
        let pair = cookie.and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        if let Some(pair) = pair {
            request = request.header(COOKIE, pair);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body))?;
        let visits = self.visits.get().context("the demo begins only now")?;
        let Ok(response) = visits.call(request).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER).await?;
        let set = head.headers.get(SET_COOKIE).cloned();
        Ok((head.status, set, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// The clinician's link: whoever has it is the clinician of this demo, as long as it runs.
async fn enter(State(reception): State<Arc<Reception>>, RawQuery(shown): RawQuery) -> Response {
    if shown.is_none_or(|shown| SecretHash::of(&shown) != reception.secret) {
        let said = "This is no link of the demo that runs here; it prints its own.\n";
        return (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], said).into_response();
    }
    match reception.cookie().await {
        Ok(cookie) => {
            let headers = [
                (LOCATION, HeaderValue::from_static("/staff")),
                (SET_COOKIE, cookie),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(CACHE_CONTROL, "no-store")], format!("{why}\n")).into_response()
        }
    }
}
