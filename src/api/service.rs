//! One request: who asks, may they, what is it, and the answer.

use core::time::Duration;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use tokio::time::timeout;

use super::access::Access;
use super::answer::{self, Allocations, Calls, Done, Drained, Revocations, StatusAnswer};
use super::counts::Counts;
use super::door::Visitor;
use super::endpoint::Endpoint;
use super::problem::Problem;
use super::question::{self, Add, Drain, Enrol, List, Mint, Remove, Revoke};
use super::relay::{Deed, Enrolment, NotEnrolled, NotRevoked, Relay, Unavailable};
use super::role::{Caller, Who};
use crate::auth::{InvalidRevocation, Revocation, Revoked};
use crate::turn::AllocationView;

/// The largest body. A token has 480 bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
/// How long a relay may take to answer. Shards read their mail every turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The API of a running relay, for however many doors.
pub struct Api {
    relay: Arc<dyn Relay>,
    access: ArcSwap<Access>,
    counts: Counts,
}

impl core::fmt::Debug for Api {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Api {{ {:?} }}", self.access.load())
    }
}

impl Api {
    /// The API of `relay` for those who have access.
    #[must_use]
    pub fn new(relay: Arc<dyn Relay>, access: Arc<Access>) -> Arc<Self> {
        Arc::new(Self { relay, access: ArcSwap::from(access), counts: Counts::default() })
    }

    /// Others have access from now on.
    pub fn replace(&self, access: Arc<Access>) {
        self.access.store(access);
    }

    /// How many requests there were.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The router for a door that is also others': the paths of the API and no more. Who comes that way is known by an API
    /// key only.
    pub fn beside_others(self: &Arc<Self>) -> Router {
        let routes = Endpoint::paths().into_iter().fold(Router::new(), |routes, path| routes.route(path, any(respond)));
        routes.layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(Arc::clone(self))
    }

    /// The router that doors lead to.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        let limit = DefaultBodyLimit::max(LARGEST_BODY);
        Router::new().fallback(respond).layer(limit).with_state(Arc::clone(self))
    }

    /// Who asks. A key that is shown has to be right, whatever else is known of the caller.
    async fn identify(&self, visitor: Visitor, headers: &HeaderMap) -> Result<Caller, Problem> {
        let access = self.access.load_full();
        match visitor {
            Visitor::User { user, group } => {
                let role = blocking(move || super::people::role(&access.people, user, group)).await?;
                let caller = role.map(|role| Caller { who: Who::User(user), role });
                caller.ok_or_else(|| {
                    Problem::forbidden(
                        "your user has no role here; root, the relay's own user and those that [operator] names have",
                    )
                })
            }
            Visitor::Network { names } => {
                if let Some(shown) = headers.get(AUTHORIZATION) {
                    let shown = shown.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
                    let key = shown.and_then(|key| access.keys.find(key));
                    if let Some(key) = key {
                        self.relay.used(key.id);
                    }
                    return key.map(|key| Caller { who: Who::Key(key.id), role: key.role }).ok_or_else(|| {
                        Problem::unauthenticated("this API key is not known; `hilum api-key list` shows those that are")
                    });
                }
                let role = |name: &String| access.certificates.get(name).copied();
                let known = names.iter().find_map(|name| Some((name, role(name)?)));
                match known {
                    Some((name, role)) => Ok(Caller { who: Who::Certificate(name.clone()), role }),
                    None if names.is_empty() => Err(Problem::unauthenticated(
                        "show an API key, as Authorization: Bearer hk_..., or a client certificate",
                    )),
                    None => Err(Problem::forbidden(
                        "no name of your certificate has a role; [api] certificates gives roles to DNS names",
                    )),
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, asked: Option<Endpoint>, request: Request, by: &mut Option<Caller>) -> Answer {
        let visitor = request.extensions().get::<ConnectInfo<Visitor>>().map(|info| info.0.clone());
        let visitor = visitor.unwrap_or(Visitor::Network { names: Vec::new() });
        let caller = by.insert(self.identify(visitor, request.headers()).await?);
        let endpoint = match asked {
            Some(endpoint) => endpoint,
            None => Endpoint::find(request.method(), request.uri().path())?,
        };
        if !caller.role.may(endpoint.right()) {
            let role = caller.role.label();
            return Err(Problem::forbidden(format!(
                "the role {role} may not; docs/operator.md says which role may what"
            )));
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        match endpoint {
            Endpoint::Status => {
                plain(&query)?;
                let relay = Arc::clone(&self.relay);
                let (status, revocations) = blocking(move || (relay.status(), relay.revocations().len())).await?;
                Ok(answer::json(&StatusAnswer::new(status, revocations)))
            }
            Endpoint::Calls => {
                let list = List::read(&query, false)?;
                self.survey(None, move |views| answer::json(&Calls::new(views, list.page))).await
            }
            Endpoint::Allocations => {
                let list = List::read(&query, true)?;
                self.survey(list.call, move |views| answer::json(&Allocations::new(views, list.page))).await
            }
            Endpoint::Revocations => {
                let list = List::read(&query, false)?;
                let relay = Arc::clone(&self.relay);
                blocking(move || answer::json(&Revocations::new(relay.revocations(), list.page))).await
            }
            Endpoint::Revoke => {
                plain(&query)?;
                let body = body(request).await?;
                self.revoke(&body, caller.clone()).await
            }
            Endpoint::Credentials => {
                plain(&query)?;
                let body = body(request).await?;
                self.mint(&body, caller)
            }
            Endpoint::Drain => {
                plain(&query)?;
                let body = body(request).await?;
                self.drain(&body, caller.clone()).await
            }
            Endpoint::Review => {
                plain(&query)?;
                let (relay, access, caller) = (Arc::clone(&self.relay), self.access.load_full(), caller.clone());
                blocking(move || answer::json(&relay.review(&access, &caller))).await
            }
            Endpoint::Accounts | Endpoint::AccountAdd | Endpoint::AccountRole | Endpoint::AccountRemove => {
                plain(&query)?;
                let body = if endpoint == Endpoint::Accounts { Bytes::new() } else { body(request).await? };
                self.enrol(endpoint, &body, caller.clone()).await
            }
        }
    }

    /// Looks at what runs, and makes an answer of it away from the threads that serve connections: there may be a hundred
    /// thousand allocations to sort.
    async fn survey(
        &self,
        of: Option<Revoked>,
        shown: impl FnOnce(&[AllocationView]) -> Response + Send + 'static,
    ) -> Answer {
        let relay = Arc::clone(&self.relay);
        blocking(move || relay.survey(of.as_ref()).map(|views| shown(&views))).await?.map_err(unavailable)
    }

    async fn revoke(&self, body: &[u8], caller: Caller) -> Answer {
        let (what, end, until) = question::body::<Revoke>(body)?.read()?;
        let mut revocation = Revocation::new(what, self.relay.now(), end);
        if let Some(until) = until {
            revocation.until = until;
        }
        let relay = Arc::clone(&self.relay);
        let revoked = blocking(move || relay.revoke(&revocation, &caller)).await?;
        let revoked = revoked.map_err(|why| match why {
            NotRevoked::Invalid(full @ InvalidRevocation::Full) => Problem::full(full.to_string()),
            NotRevoked::Invalid(why @ (InvalidRevocation::Over | InvalidRevocation::TooLong)) => {
                Problem::invalid(format!("until: {why}"))
            }
            NotRevoked::Partly(why) => Problem::incomplete(why),
        })?;
        Ok(answer::json(&Done::new(&revocation, revoked)))
    }

    async fn drain(&self, body: &[u8], caller: Caller) -> Answer {
        let Drain { draining } = question::body(body)?;
        let relay = Arc::clone(&self.relay);
        let allocations = blocking(move || relay.drain(draining, &caller)).await?.map_err(unavailable)?;
        Ok(answer::json(&Drained { draining, allocations }))
    }

    async fn enrol(&self, endpoint: Endpoint, body: &[u8], caller: Caller) -> Answer {
        let asked = match endpoint {
            Endpoint::AccountAdd => {
                let Add { name, role, clinics, openid } = question::body(body)?;
                Enrolment::Add { name, role, clinics, openid }
            }
            Endpoint::AccountRole => {
                let Enrol { name, role, clinics } = question::body(body)?;
                Enrolment::Role { name, role, clinics }
            }
            Endpoint::AccountRemove => Enrolment::Remove { name: question::body::<Remove>(body)?.name },
            Endpoint::Accounts
            | Endpoint::Status
            | Endpoint::Calls
            | Endpoint::Allocations
            | Endpoint::Revocations
            | Endpoint::Revoke
            | Endpoint::Credentials
            | Endpoint::Drain
            | Endpoint::Review => Enrolment::List,
        };
        let relay = Arc::clone(&self.relay);
        let enrolled = blocking(move || relay.enrol(&asked, &caller)).await?;
        let answer = enrolled.map_err(|why| match why {
            NotEnrolled::Off => Problem::not_configured(
                "this relay has no visits, and so no staff; write where their pages are under [signal] origins",
            ),
            NotEnrolled::Invalid(why) => Problem::invalid(why),
            NotEnrolled::Full => Problem::full("there are too many accounts; remove some"),
            NotEnrolled::Unavailable => Problem::unavailable("the disk takes nothing; look at it, and try again"),
        })?;
        Ok(answer::json(&answer))
    }

    fn mint(&self, body: &[u8], caller: &Caller) -> Answer {
        let access = self.access.load();
        let Some(minter) = &access.minter else {
            let message =
                "this relay mints nothing: it has no signing key; name one under [mint], or ask another relay";
            return Err(Problem::not_configured(message));
        };
        let now = self.relay.now();
        let claims = question::body::<Mint>(body)?.claims(minter.base()?, now)?;
        let credentials = minter.mint(&claims, now)?;
        let what = Revoked::Party { issuer: claims.issuer, call: claims.call, party: claims.party };
        self.relay.record(&Deed::Minted { caller, what });
        Ok(answer::json(&credentials))
    }
}

type Answer = Result<Response, Problem>;

async fn respond(State(api): State<Arc<Api>>, request: Request) -> Response {
    let asked = Endpoint::find(request.method(), request.uri().path()).ok();
    let mut caller = None;
    let answer = Arc::clone(&api).serve(asked, request, &mut caller).await;
    let response = match answer {
        Ok(response) => response,
        Err(problem) => {
            if let Some(endpoint) = asked.filter(|endpoint| endpoint.changes()) {
                let (action, why) = (endpoint.label(), problem.error);
                api.relay.record(&Deed::Refused { action, caller: caller.as_ref(), why });
            }
            problem.into_response()
        }
    };
    api.counts.count(asked, response.status());
    response
}

/// The body, if it is said to be JSON: a web page elsewhere can make a browser send other types unasked.
async fn body(request: Request) -> Result<Bytes, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::unsupported_type("say Content-Type: application/json, and send JSON"));
    }
    Bytes::from_request(request, &()).await.map_err(|why| {
        if why.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::too_large(format!("the body has more than {LARGEST_BODY} bytes; nothing here needs as many"))
        } else {
            Problem::invalid("the body did not arrive whole; send it again")
        }
    })
}

/// Nothing is asked for beside the path.
fn plain(query: &str) -> Result<(), Problem> {
    if query.is_empty() { Ok(()) } else { Err(Problem::invalid("this path takes no parameters")) }
}

/// Runs what waits for shards or the system's files away from the threads that serve connections.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = timeout(PATIENCE, tokio::task::spawn_blocking(work)).await;
    done.ok().and_then(Result::ok).ok_or_else(|| unavailable(Unavailable))
}

fn unavailable(why: Unavailable) -> Problem {
    Problem::unavailable(why.to_string())
}
