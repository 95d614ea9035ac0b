//! Appointments: for the hospital's own systems with an API key, and for staff who are signed in.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::{self, Problem};
use super::guard::{self, Chance};
use super::staff;
use super::visit::finish;
use crate::signal::book::{Appointment, Link, NotMade, Window};
use crate::signal::hall::{ClinicId, PersonId, RoomId};
use crate::signal::role::{Action, Role};
use crate::signal::service::Signal;
use crate::time::UnixTime;

/// Minutes of an appointment.
const MINUTES: core::ops::RangeInclusive<u64> = 1..=1440;

/// Who makes or changes appointments.
pub(super) struct Maker {
    pub(super) name: String,
    pub(super) role: Role,
    /// `None` for all.
    pub(super) clinics: Option<Vec<ClinicId>>,
}

impl Maker {
    fn may(&self, clinic: &ClinicId) -> Result<(), Problem> {
        let own = self.clinics.as_ref().is_none_or(|clinics| clinics.contains(clinic));
        if own && self.role.may(Action::Appoint) { Ok(()) } else { Err(Problem::NOT_ALLOWED) }
    }
}

/// Whoever has an API key, or is signed in on a page of ours. What changes something has to come from such a page.
fn maker(signal: &Signal, headers: &HeaderMap, changes: bool) -> Result<Maker, Problem> {
    let Some(shown) = headers.get(AUTHORIZATION) else {
        let account = staff::account(signal, headers)?;
        if changes {
            guard::same_origin(signal, headers)?;
        }
        return Ok(Maker { name: account.name, role: account.role, clinics: Some(account.clinics) });
    };
    let key = shown.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let name = key.and_then(|key| signal.outside.key(&Zeroizing::new(key.to_owned())));
    let name = name.ok_or(Problem::SIGN_IN)?;
    Ok(Maker { name: format!("api-key:{name}"), role: Role::Admin, clinics: None })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Make {
    clinic: String,
    #[serde(default)]
    label: String,
    starts: u64,
    minutes: u64,
    people: Vec<One>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    role: Role,
}

#[derive(Serialize)]
struct Made {
    id: String,
    opens: u64,
    ends: u64,
    links: Vec<Shown>,
}

/// A link, shown once.
#[derive(Serialize)]
struct Shown {
    id: String,
    role: Role,
    url: String,
    /// What can be sent with it.
    text: String,
}

fn shown(signal: &Signal, clinic: &ClinicId, link: &Link) -> Shown {
    let settings = signal.settings();
    let origin = settings.origins.first().map(String::as_str).unwrap_or_default();
    let name = settings.clinics.get(clinic).map(|clinic| clinic.name.as_str()).unwrap_or_default();
    let url = format!("{origin}/j#{}", link.secret.as_str());
    let text = format!("{name}: your video appointment. Open this link in a browser and press Join: {url}");
    Shown { id: link.person.as_str().to_owned(), role: link.role, url, text }
}

fn not_made(why: NotMade) -> Problem {
    match why {
        NotMade::Label => Problem::LABEL,
        NotMade::Window => Problem::WINDOW,
        NotMade::People => Problem::PEOPLE,
        NotMade::Full => Problem::FULL,
        NotMade::Unknown => Problem::NOT_FOUND,
    }
}

/// `POST /v1/appointments`.
pub(super) async fn make(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    let made = made(&signal, request).await;
    finish(&signal, "appointment_make", made)
}

async fn made(signal: &Arc<Signal>, request: Request) -> Result<Response, Problem> {
    let maker = maker(signal, request.headers(), true)?;
    let Make { clinic, label, starts, minutes, people } = guard::body(request).await?;
    let clinic: ClinicId = clinic.parse().map_err(|_| Problem::CLINIC)?;
    let settings = signal.settings();
    if !settings.clinics.contains_key(&clinic) {
        return Err(Problem::CLINIC);
    }
    maker.may(&clinic)?;
    if !MINUTES.contains(&minutes) {
        return Err(Problem::WINDOW);
    }
    let ends = starts.saturating_add(minutes.saturating_mul(60)).saturating_add(settings.closes_after);
    let (opens, ends) = (UnixTime::from_secs(starts.saturating_sub(settings.opens_before)), UnixTime::from_secs(ends));
    let roles: Vec<Role> = people.iter().map(|one| one.role).collect();
    let mut chance = Chance { failed: false };
    let now = signal.now().unix;
    let made = signal.book().make((clinic, &label), (opens, ends), &roles, now, &mut || chance.draw());
    let (id, links) = made.map_err(not_made)?;
    guard::kept(signal, !chance.failed, move |book| book.take_back(&id)).await?;
    signal.record("appointment.make", id, (maker.role, &maker.name));
    let links = links.iter().map(|link| shown(signal, &clinic, link)).collect();
    let made = Made { id: id.as_str().to_owned(), opens: opens.as_secs(), ends: ends.as_secs(), links };
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// The appointment of a path, if this maker may touch it.
fn mine(signal: &Signal, maker: &Maker, id: &str) -> Result<(RoomId, ClinicId), Problem> {
    let id: RoomId = id.parse().map_err(|_| Problem::NOT_FOUND)?;
    let clinic = signal.book().get(&id).map(|one| one.clinic).ok_or(Problem::NOT_FOUND)?;
    // Of other clinics nobody learns what there is.
    maker.may(&clinic).map_err(|_| Problem::NOT_FOUND)?;
    Ok((id, clinic))
}

/// `POST /v1/appointments/ID/people`.
pub(super) async fn add(State(signal): State<Arc<Signal>>, Path(id): Path<String>, request: Request) -> Response {
    let added = added(&signal, &id, request).await;
    finish(&signal, "appointment_add", added)
}

async fn added(signal: &Arc<Signal>, id: &str, request: Request) -> Result<Response, Problem> {
    let maker = maker(signal, request.headers(), true)?;
    let One { role } = guard::body(request).await?;
    let (id, clinic) = mine(signal, &maker, id)?;
    let mut chance = Chance { failed: false };
    let now = signal.now().unix;
    let link = signal.book().add(&id, role, now, &mut || chance.draw()).map_err(not_made)?;
    let person = link.person;
    guard::kept(signal, !chance.failed, move |book| book.take_back_link(&id, &person)).await?;
    signal.record("appointment.add", id, (maker.role, &maker.name));
    Ok(answer::json(StatusCode::CREATED, &shown(signal, &clinic, &link)))
}

/// `POST /v1/appointments/ID/people/PID/release`.
pub(super) async fn release(
    State(signal): State<Arc<Signal>>,
    Path((id, person)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let released = released(&signal, &id, &person, &headers).await;
    finish(&signal, "appointment_release", released)
}

async fn released(signal: &Arc<Signal>, id: &str, person: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let maker = maker(signal, headers, true)?;
    let (id, _) = mine(signal, &maker, id)?;
    let person: PersonId = person.parse().map_err(|_| Problem::NOT_FOUND)?;
    signal.book().release(&id, &person).map_err(not_made)?;
    signal.release(&id, &person);
    // Until the disk has it a restart would give the link back to the browser that it was taken from. It is released all
    // the same.
    guard::kept(signal, true, |_| {}).await?;
    signal.record("appointment.release", id, (maker.role, &maker.name));
    Ok(answer::done())
}

/// `DELETE /v1/appointments/ID`.
pub(super) async fn end(State(signal): State<Arc<Signal>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let ended = ended(&signal, &id, &headers);
    finish(&signal, "appointment_end", ended)
}

fn ended(signal: &Arc<Signal>, id: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let maker = maker(signal, headers, true)?;
    let (id, _) = mine(signal, &maker, id)?;
    signal.end(&id);
    signal.record("appointment.end", id, (maker.role, &maker.name));
    Ok(answer::done())
}

#[derive(Serialize)]
struct Listed {
    appointments: Vec<ListedOne>,
}

#[derive(Serialize)]
struct ListedOne {
    id: String,
    label: String,
    clinic: String,
    opens: u64,
    ends: u64,
    state: Window,
    people: Vec<ListedPerson>,
}

#[derive(Serialize)]
struct ListedPerson {
    id: String,
    role: Role,
    claimed: bool,
}

/// `GET /v1/appointments?clinic=ID`.
pub(super) async fn list(State(signal): State<Arc<Signal>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let clinic = query.as_deref().and_then(|query| query.strip_prefix("clinic=")).ok_or(Problem::CLINIC);
    let listed = clinic.and_then(|clinic| listed(&signal, clinic, &headers));
    finish(&signal, "appointments", listed)
}

fn listed(signal: &Signal, clinic: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let maker = maker(signal, headers, false)?;
    let clinic: ClinicId = clinic.parse().map_err(|_| Problem::CLINIC)?;
    maker.may(&clinic)?;
    let now = signal.now().unix;
    let person = |one: &crate::signal::book::Person| ListedPerson {
        id: one.id.as_str().to_owned(),
        role: one.role,
        claimed: one.browser.is_some(),
    };
    let one = |one: &Appointment| ListedOne {
        id: one.id.as_str().to_owned(),
        label: one.label.clone(),
        clinic: one.clinic.as_str().to_owned(),
        opens: one.opens.as_secs(),
        ends: one.ends.as_secs(),
        state: one.window(now),
        people: one.people.iter().map(person).collect(),
    };
    let appointments = signal.book().of(&clinic, now).into_iter().map(one).collect();
    Ok(answer::json(StatusCode::OK, &Listed { appointments }))
}
