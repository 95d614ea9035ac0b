//! Who of the staff has access.

use super::hall::ClinicId;
use super::openid::Rule;
use super::role::Role;
use super::roster::Account;
use super::service::Signal;
use crate::api::review::{Entry, day, is_unused};
use crate::time::UnixTime;

impl Signal {
    /// Each account, for a review of who has access.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let now = self.now().unix;
        let roster = self.roster();
        let known = |clinic: &ClinicId| self.has_clinic(clinic);
        let accounts = roster.accounts().map(|account| entry(account, now, &known));
        let openid = self.openid();
        let rules = openid.iter().flat_map(|openid| &openid.rules).map(|rule| granted(rule, &known));
        accounts.chain(rules).collect()
    }
}

/// Whoever the provider says is in a group.
fn granted(rule: &Rule, known: &dyn Fn(&ClinicId) -> bool) -> Entry {
    Entry {
        kind: "provider-group".to_owned(),
        name: rule.group.clone(),
        role: rule.role.label().to_owned(),
        clinics: rule.clinics.iter().map(|clinic| clinic.as_str().to_owned()).collect(),
        factor: "provider".to_owned(),
        granted_by: "configuration".to_owned(),
        disabled: rule.role != Role::Operator && !rule.clinics.iter().any(known),
        ..Entry::default()
    }
}

fn entry(account: &Account, now: UnixTime, known: &dyn Fn(&ClinicId) -> bool) -> Entry {
    Entry {
        kind: "account".to_owned(),
        name: account.name.clone(),
        role: account.role.label().to_owned(),
        clinics: account.clinics.iter().map(|clinic| clinic.as_str().to_owned()).collect(),
        factor: if account.has_password() { "totp" } else { "provider" }.to_owned(),
        created: day(account.created),
        granted_by: account.granted_by.clone(),
        last_used: account.used.map(day).unwrap_or_default(),
        locked: account.is_locked(now),
        disabled: account.role != Role::Operator && !account.clinics.iter().any(known),
        unused: is_unused(account.created, account.used, now),
        ..Entry::default()
    }
}
