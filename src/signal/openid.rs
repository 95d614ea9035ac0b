//! Staff who sign in at the hospital's provider: whom it knows has what the own account says, or what a rule grants.

use std::sync::{Arc, PoisonError};

use zeroize::Zeroizing;

use super::hall::ClinicId;
use super::role::Role;
use super::roster::{Foreign, Granted};
use super::secret::random;
use super::service::Signal;
use crate::openid::{Back, Failed, Identity, Provider};

/// Who is in a group has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The group, as the provider writes it.
    pub group: String,
    /// Operator, admin or clinician.
    pub role: Role,
    /// Whose patients they receive; an operator has none.
    pub clinics: Vec<ClinicId>,
}

/// Where staff can sign in, and what they are here.
#[derive(Debug)]
pub struct OpenId {
    /// The provider.
    pub provider: Arc<Provider>,
    /// What groups are here; the first rule that fits holds.
    pub rules: Vec<Rule>,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotEntered {
    /// The provider has not proven anybody.
    Failed(Failed),
    /// The provider knows them, and nobody here does.
    Unknown,
    /// There is no randomness, or there are too many sessions.
    Unavailable,
}

impl NotEntered {
    /// Tells the operator what can be mended.
    pub(super) fn tell(self) {
        let Self::Failed(why) = self else { return };
        if let Some(advice) = why.advice() {
            tracing::warn!(outcome = why.label(), "signing in at the provider of signal.openid: {advice}");
        }
    }

    /// A word for metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Failed(why) => why.label(),
            Self::Unknown => "unknown",
            Self::Unavailable => "full",
        }
    }
}

impl OpenId {
    /// What somebody is by the rules.
    fn granted(&self, identity: &Identity) -> Option<Granted> {
        let rule = self.rules.iter().find(|rule| identity.groups.contains(&rule.group))?;
        Some(Granted { role: rule.role, clinics: rule.clinics.clone(), shown: identity.shown.clone() })
    }
}

impl Signal {
    /// Where staff can sign in, from now on. Who is in by the rules of another one has to sign in again.
    pub fn set_openid(&self, openid: Option<OpenId>) {
        let before =
            core::mem::replace(&mut *self.openid.write().unwrap_or_else(PoisonError::into_inner), openid.map(Arc::new));
        if before.is_some() {
            self.roster().dismiss_granted();
        }
    }

    /// Where staff can sign in.
    pub(super) fn openid(&self) -> Option<Arc<OpenId>> {
        self.openid.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whom the provider knows by this subject; `None` if there is no provider.
    #[must_use]
    pub fn foreign(&self, subject: &str) -> Option<Foreign> {
        let issuer = self.openid()?.provider.issuer().to_owned();
        Some(Foreign { issuer, subject: subject.to_owned() })
    }

    /// Lets in whom a browser brings back from the provider; the secret of the session.
    pub(super) async fn enter(
        self: &Arc<Self>,
        openid: &OpenId,
        redirect: &str,
        back: Back,
    ) -> Result<Zeroizing<String>, NotEntered> {
        let finished = openid.provider.finish(redirect, back, self.now()).await;
        let identity = finished.map_err(NotEntered::Failed)?;
        let foreign = Foreign { issuer: openid.provider.issuer().to_owned(), subject: identity.subject.clone() };
        let mut bytes = [0; 16];
        random(&mut bytes).map_err(|_| NotEntered::Unavailable)?;
        let granted = openid.granted(&identity);
        let entered = self.roster().enter(&foreign, granted, self.now().unix, bytes);
        let Some((name, secret)) = entered else {
            self.staff_deed("staff.openid.refused", &foreign.name());
            return Err(NotEntered::Unknown);
        };
        self.staff_deed("staff.openid.signin", &name);
        self.write_soon();
        Ok(secret)
    }
}
