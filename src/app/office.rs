//! Where operators are received: the API over this relay, its doors, and what a reload changes of them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::TcpListener;

use super::control::{Control, RevokeError, Revoking};
use super::enrol;
use super::sockets;
use super::view::View;
use crate::admin::Health;
use crate::api::review::Review;
use crate::api::{
    self, Api, Caller, Deed, Doors, Enrolment, NotEnrolled, NotRevoked, OperatorSocket, Status, Unavailable,
};
use crate::auth::token::{Call, Region};
use crate::auth::{Revocation, Revoked};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::listen::Tls;
use crate::manager::Sockets;
use crate::plane::ShardHandle;
use crate::time::UnixTime;
use crate::turn::AllocationView;

/// Doors that are bound; operators wait before them until [`Bound::open`].
#[derive(Debug)]
pub(super) struct Bound {
    socket: Option<OperatorSocket>,
    network: Vec<TcpListener>,
}

impl Bound {
    /// Binds what the configuration names.
    pub(super) async fn new(config: &Config, manager: &mut Sockets) -> anyhow::Result<Self> {
        let mut network = Vec::new();
        for address in &config.api.listen {
            let bound = sockets::listener(*address, manager).await;
            network.push(bound.with_context(|| format!("cannot listen on {address} for operators (api.listen)"))?);
        }
        Ok(Self { socket: sockets::operator(config, manager)?, network })
    }

    /// Where the network is listened to.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.network.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Receives operators.
    pub(super) fn open(self, desk: Desk, config: &Config, tls: Option<&Tls>) -> anyhow::Result<Office> {
        let tls =
            tls.map(|tls| secured(config, tls)).transpose()?.map(|config| Arc::new(ArcSwap::from_pointee(config)));
        let desk = Arc::new(desk);
        let api = Api::new(Arc::clone(&desk) as Arc<dyn api::Relay>, Arc::clone(&config.api.access));
        let doors = api::open(&api, self.socket, self.network, tls.as_ref())?;
        Ok(Office { api, desk, tls, _doors: doors })
    }
}

/// The API at work. Dropping it closes its doors.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) api: Arc<Api>,
    desk: Arc<Desk>,
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    _doors: Doors,
}

impl Office {
    /// Takes over who may what.
    ///
    /// # Errors
    /// The authorities for clients are bad: nothing has changed.
    pub(super) fn reload(&self, config: &Config, tls: Option<&Tls>) -> anyhow::Result<()> {
        if let (Some(running), Some(tls)) = (&self.tls, tls) {
            running.store(Arc::new(secured(config, tls)?));
        }
        self.api.replace(Arc::clone(&config.api.access));
        self.desk.place.store(Arc::new(Place::of(config)));
        Ok(())
    }
}

fn secured(config: &Config, tls: &Tls) -> anyhow::Result<ServerConfig> {
    api::server_config(tls.certificate(), &config.api.authorities).context("api.client_ca")
}

/// What the configuration says of this relay.
#[derive(Clone, Copy, Debug)]
struct Place {
    region: Option<Region>,
    call_tokens: bool,
}

impl Place {
    fn of(config: &Config) -> Self {
        Self { region: config.tokens.region, call_tokens: config.tokens.rules.is_some() }
    }
}

/// Who answers operators.
#[derive(Debug)]
pub(super) struct Desk {
    control: Arc<Control>,
    view: Arc<View>,
    health: Arc<Health>,
    clock: SystemClock,
    started: UnixTime,
    place: ArcSwap<Place>,
}

impl Desk {
    pub(super) fn new(
        control: &Arc<Control>,
        view: &Arc<View>,
        health: &Arc<Health>,
        clock: SystemClock,
        config: &Config,
    ) -> Self {
        view.uses.write_through(control);
        Self {
            control: Arc::clone(control),
            view: Arc::clone(view),
            health: Arc::clone(health),
            clock,
            started: clock.now().unix,
            place: ArcSwap::from_pointee(Place::of(config)),
        }
    }
}

impl api::Relay for Desk {
    fn now(&self) -> UnixTime {
        self.clock.now().unix
    }

    fn status(&self) -> Status {
        let place = self.place.load();
        Status {
            region: place.region,
            seal: self.view.seal_mode.load().label(),
            call_tokens: place.call_tokens,
            ready: self.health.is_ready(),
            allocations: self.view.shards.iter().map(ShardHandle::allocations).sum(),
            started: self.started,
        }
    }

    fn survey(&self, of: Option<&Revoked>) -> Result<Vec<AllocationView>, Unavailable> {
        let found = self.control.survey(of).map_err(|_| Unavailable)?;
        Ok(found.into_iter().map(|(_, view)| view).collect())
    }

    fn revocations(&self) -> Vec<Revocation> {
        self.control.revocations()
    }

    fn revoke(&self, revocation: &Revocation, caller: &Caller) -> Result<api::Revoking, NotRevoked> {
        let revoked = self.control.revoke(revocation);
        let (what, role) = (revocation.what.label(), caller.role.label());
        let in_force = match &revoked {
            Ok(Revoking { ended, .. }) => Some(*ended),
            Err(RevokeError::NotKept { ended, .. } | RevokeError::Hanging { ended, .. }) => Some(*ended),
            Err(RevokeError::Invalid(_)) => None,
        };
        if let (Some(record), Some(ended)) = (&self.view.record, in_force) {
            record.revoked(&revocation.what, ended, &caller.who);
        }
        match revoked {
            Ok(Revoking { ended, warning }) => {
                tracing::info!(what, role, ended, "revoked");
                Ok(api::Revoking { ended, warning })
            }
            Err(RevokeError::Invalid(why)) => Err(NotRevoked::Invalid(why)),
            Err(why @ (RevokeError::NotKept { .. } | RevokeError::Hanging { .. })) => {
                tracing::error!(what, role, "{why}");
                Err(NotRevoked::Partly(why.to_string()))
            }
        }
    }

    fn drain(&self, draining: bool, caller: &Caller) -> Result<usize, Unavailable> {
        let running = self.control.drain(draining).map_err(|_| Unavailable)?;
        self.health.set_ready(!draining);
        let (action, role) = (if draining { "drain" } else { "drain.cancel" }, caller.role.label());
        tracing::info!(action, role, allocations = running, "whether new allocations are taken has changed");
        if let Some(record) = &self.view.record {
            record.acted(action, None, (&caller.who, role));
        }
        Ok(running)
    }

    fn enrol(&self, asked: &Enrolment, caller: &Caller) -> Result<Value, NotEnrolled> {
        let signal = self.view.signal.get().ok_or(NotEnrolled::Off)?;
        let (answer, action) = enrol::enrol(signal, asked, &caller.who.to_string(), self.clock.now().unix)?;
        if let (Some(record), Some(action)) = (&self.view.record, action) {
            record.acted(&action, None, (&caller.who, caller.role.label()));
        }
        Ok(answer)
    }

    fn review(&self, access: &api::Access, caller: &Caller) -> Review {
        self.view.review(access, (&caller.who, caller.role.label()))
    }

    fn used(&self, key: api::KeyId) {
        self.view.uses.note(key, self.clock.now().unix);
    }

    fn record(&self, deed: &Deed<'_>) {
        let record = self.view.record.as_ref();
        match deed {
            Deed::Minted { caller, what } => {
                tracing::debug!("credentials minted");
                let call = call_of(what);
                if let Some(record) = record {
                    record.acted(
                        "credentials.mint",
                        call.as_ref().map(Call::as_str),
                        (&caller.who, caller.role.label()),
                    );
                }
            }
            Deed::Refused { action, caller, why } => {
                let role = caller.map_or("none", |caller| caller.role.label());
                tracing::warn!(action, role, why, "an operator's request was refused");
                match (record, caller) {
                    (Some(record), Some(caller)) => {
                        record.acted(&format!("{action}.refused:{why}"), None, (&caller.who, role));
                    }
                    // Whoever has proven nothing gets no record of its own: there may be any number of them.
                    (Some(record), None) => record.audit().refused(format!("operator/{why}"), 1),
                    (None, _) => {}
                }
            }
        }
    }
}

/// The call that something is of.
const fn call_of(what: &Revoked) -> Option<Call> {
    match what {
        Revoked::Call { call, .. } | Revoked::Party { call, .. } => Some(*call),
        Revoked::Token { .. } | Revoked::Key { .. } => None,
    }
}
