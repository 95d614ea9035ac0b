//! `[signal.openid]`: the hospital's provider, at which staff sign in.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::section::{Item, Section, kind};
use super::{Reader, reason};
use crate::openid::{LONGEST, Settings, is_issuer};
use crate::signal::{ClinicId, Role, Rule};

pub(super) const KEYS: [&str; 8] =
    ["issuer", "ca", "client_id", "client_secret_file", "scopes", "account", "groups", "role"];
pub(super) const ROLE: [&str; 3] = ["group", "role", "clinics"];

/// Rules: one for each clinic and role, and some.
const MOST_RULES: usize = 256;
/// Clinics of one rule, as of an account.
const MOST_CLINICS: usize = 64;
/// What is asked for beside `openid`.
const MOST_SCOPES: usize = 16;

/// Where staff can sign in, and what groups are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenId {
    /// The provider.
    pub provider: Settings,
    /// What groups are here, in the order in which they hold.
    pub rules: Vec<Rule>,
}

/// Reads the table; `None` if there is none, or with a fault noted. `known` says which clinics there are.
pub(super) fn read(reader: &Reader<'_>, signal: &Section<'_>, known: &dyn Fn(&ClinicId) -> bool) -> Option<OpenId> {
    let Item { value, place } = signal.value("openid")?;
    let Some(table) = value.as_table() else {
        signal.fault(place, "openid", format!("is {}; it must be a table, started with [signal.openid]", kind(value)));
        return None;
    };
    let section = Section::of(Some(table), place, "signal.openid", &KEYS, reader.faults);
    let issuer = issuer(&section);
    let client_id = needed(&section, "client_id", "write what the provider calls this client");
    let client_secret = secret(reader, &section);
    let rules = rules(reader, &section, known);
    let claim = |key: &str, default: &str| words(&section, key).unwrap_or_else(|| default.to_owned());
    let provider = Settings {
        authorities: authorities(reader, &section),
        scopes: scopes(&section),
        account: claim("account", "sub"),
        groups: claim("groups", "groups"),
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
    };
    Some(OpenId { provider, rules })
}

fn issuer(section: &Section<'_>) -> Option<String> {
    let issuer = needed(section, "issuer", "write what the provider calls itself in its OpenID configuration")?;
    if !is_issuer(&issuer) {
        let place = section.value("issuer").and_then(|item| item.place);
        let message = "is no issuer; write its https address, as \"https://login.clinic.example/realms/staff\", without \
                       query; http is for a provider on this host alone";
        section.fault(place, "issuer", message);
        return None;
    }
    Some(issuer)
}

/// Letters of ASCII without spaces, if the key is there.
fn words(section: &Section<'_>, key: &str) -> Option<String> {
    let Item { value, place } = section.text(key)?;
    if value.is_empty() || value.len() > LONGEST || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        section.fault(place, key, format!("must be 1 to {LONGEST} letters of ASCII without spaces"));
    }
    Some(value.to_owned())
}

fn needed(section: &Section<'_>, key: &str, advice: &str) -> Option<String> {
    if section.value(key).is_none() {
        section.fault(section.place(), key, format!("is missing; {advice}"));
    }
    words(section, key)
}

fn secret(reader: &Reader<'_>, section: &Section<'_>) -> Option<Zeroizing<String>> {
    let key = "client_secret_file";
    let Some(Item { value, place }) = section.text(key) else {
        if section.value(key).is_none() {
            let message = "is missing; name the file that holds what the provider gave out for this client";
            section.fault(section.place(), key, message);
        }
        return None;
    };
    let path = reader.path(value);
    let fault = |message: String| section.fault(place, key, message);
    let material = match reader.environment.file(&path) {
        Err(error) => {
            fault(format!("{} cannot be read: {}", path.display(), reason(&error)));
            return None;
        }
        Ok(material) => material,
    };
    if material.mode & 0o007 != 0 {
        let mode = material.mode & 0o777;
        fault(format!("{} may be used by everyone on this host (mode {mode:03o}); chmod 640 it", path.display()));
    }
    let text = core::str::from_utf8(&material.bytes).unwrap_or_default().trim_ascii_end();
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        fault(format!("holds no secret; it must hold one line of 1 to {LONGEST} letters of ASCII"));
        return None;
    }
    Some(Zeroizing::new(text.to_owned()))
}

fn scopes(section: &Section<'_>) -> Vec<String> {
    let Some(texts) = section.texts("scopes") else { return vec!["profile".to_owned()] };
    if texts.len() > MOST_SCOPES {
        let place = section.value("scopes").and_then(|item| item.place);
        section.fault(place, "scopes", format!("has {} entries; at most {MOST_SCOPES}", texts.len()));
    }
    for (index, Item { value, place }) in texts.iter().enumerate() {
        // RFC 6749 §3.3.
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        if value.is_empty() || value.len() > LONGEST || !value.bytes().all(fits) {
            section.fault(*place, &format!("scopes[{index}]"), "is no scope; write letters of ASCII without spaces");
        }
    }
    texts.into_iter().map(|text| text.value).filter(|scope| *scope != "openid").map(str::to_owned).collect()
}

/// The file that the key names, for [`Settings::authorities`].
fn authorities(reader: &Reader<'_>, section: &Section<'_>) -> Option<PathBuf> {
    let Item { value, place } = section.text("ca").filter(|text| !text.value.is_empty())?;
    let path = reader.path(value);
    match reader.environment.file(&path) {
        Err(error) => section.fault(place, "ca", format!("{} cannot be read: {}", path.display(), reason(&error))),
        Ok(material) => {
            let mut certificates = CertificateDer::pem_slice_iter(&material.bytes);
            if !matches!(certificates.next(), Some(Ok(_))) {
                section.fault(place, "ca", "has no certificate; it must hold PEM: BEGIN CERTIFICATE");
            }
        }
    }
    Some(path)
}

fn rules(reader: &Reader<'_>, section: &Section<'_>, known: &dyn Fn(&ClinicId) -> bool) -> Vec<Rule> {
    let Some(Item { value, place }) = section.value("role") else { return Vec::new() };
    let Some(list) = value.as_array() else {
        section.fault(place, "role", format!("is {}; start each rule with [[signal.openid.role]]", kind(value)));
        return Vec::new();
    };
    if list.len() > MOST_RULES {
        section.fault(place, "role", format!("has {} entries; at most {MOST_RULES}", list.len()));
    }
    let mut rules = Vec::new();
    for entry in list.iter().take(MOST_RULES) {
        let place = Some(entry.span().start);
        let Some(table) = entry.get_ref().as_table() else {
            let message = format!("holds {}; start each rule with [[signal.openid.role]]", kind(entry.get_ref()));
            section.fault(place, "role", message);
            continue;
        };
        let section = Section::of(Some(table), place, "signal.openid.role", &ROLE, reader.faults);
        rules.extend(rule(&section, known));
    }
    rules
}

fn rule(section: &Section<'_>, known: &dyn Fn(&ClinicId) -> bool) -> Option<Rule> {
    let group = section.text("group").map(|text| text.value).unwrap_or_default();
    if group.is_empty() || group.len() > LONGEST {
        let message = format!("is missing or out of form; write the group as the provider does, 1 to {LONGEST} bytes");
        section.fault(section.place(), "group", message);
    }
    let role = section.text("role").and_then(|text| text.value.parse::<Role>().ok()).filter(|role| role.is_staff());
    if role.is_none() {
        section.fault(section.place(), "role", "is missing or none of staff; write operator, admin or clinician");
    }
    let mut clinics = Vec::new();
    for (index, Item { value, place }) in section.texts("clinics").unwrap_or_default().into_iter().enumerate() {
        match value.parse::<ClinicId>() {
            Ok(clinic) if known(&clinic) => clinics.push(clinic),
            _ => {
                section.fault(place, &format!("clinics[{index}]"), "is no clinic; name the id of a [[signal.clinic]]");
            }
        }
    }
    let suits = (role == Some(Role::Operator)) == clinics.is_empty() && clinics.len() <= MOST_CLINICS;
    if role.is_some() && !suits {
        let message = format!("does not go with the role; an operator has none, others 1 to {MOST_CLINICS}");
        section.fault(section.place(), "clinics", message);
    }
    Some(Rule { group: group.to_owned(), role: role?, clinics })
}
