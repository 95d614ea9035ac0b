//! Who has access: what an auditor is handed every quarter. Days, never the time of day: it is nobody's timesheet.

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::keys::KeyId;
use super::people::Person;
use crate::time::UnixTime;
use crate::time::date::to_rfc3339;

/// Days without use after which access is marked.
pub const UNUSED_DAYS: u64 = 90;
const DAY: u64 = 86_400;

/// One who has access, whoever or whatever it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `account` of staff, `provider-group` of staff without one, `api-key`, `certificate`, or `user` or `group` of the
    /// relay's host.
    pub kind: String,
    /// What it is called: a name, the id of a key, a number of the host.
    pub name: String,
    /// The system that an API key is for, in the operator's words.
    pub system: String,
    /// What it may.
    pub role: String,
    /// For which clinics; empty for all or none.
    pub clinics: Vec<String>,
    /// What is asked for beside a password.
    pub factor: String,
    /// The day on which it was made; empty if nobody has written it down.
    pub created: String,
    /// Who gave it this role; `configuration` for what stands there.
    pub granted_by: String,
    /// The day of the last use; empty if there was none, or none is written down.
    pub last_used: String,
    /// Too many failed to sign in with it, a moment ago.
    pub locked: bool,
    /// It opens nothing: the configuration has none of its clinics any more.
    pub disabled: bool,
    /// It has not been used for [`UNUSED_DAYS`], nor was it made in that time.
    pub unused: bool,
}

/// Everybody, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// When it was made.
    pub at: String,
    /// How many have access.
    pub total: usize,
    /// Each of them.
    pub entries: Vec<Entry>,
}

/// The day of a time in UTC, as `2026-11-27`.
#[must_use]
pub fn day(time: UnixTime) -> String {
    to_rfc3339(time).split('T').next().unwrap_or_default().to_owned()
}

/// Whether something was not used for so long that somebody should ask for it.
#[must_use]
pub fn is_unused(created: UnixTime, used: Option<UnixTime>, now: UnixTime) -> bool {
    used.unwrap_or(created).plus_secs(UNUSED_DAYS * DAY) <= now
}

/// What the configuration gives access to: `last` is the day of a key's last use.
#[must_use]
pub fn configured(access: &Access, now: UnixTime, last: impl Fn(&KeyId) -> Option<UnixTime>) -> Vec<Entry> {
    let key = |key: &super::ApiKey| {
        let used = last(&key.id);
        Entry {
            kind: "api-key".to_owned(),
            name: key.id.as_str().to_owned(),
            system: key.name.clone(),
            role: key.role.label().to_owned(),
            created: day(key.created),
            granted_by: "configuration".to_owned(),
            last_used: used.map(day).unwrap_or_default(),
            unused: is_unused(key.created, used, now),
            ..Entry::default()
        }
    };
    let named = |kind: &str, name: String, role: super::Role| Entry {
        kind: kind.to_owned(),
        name,
        role: role.label().to_owned(),
        granted_by: "configuration".to_owned(),
        ..Entry::default()
    };
    let person = |one: &Person, role| match one {
        Person::User(number) => named("user", number.to_string(), role),
        Person::Group(number) => named("group", number.to_string(), role),
    };
    let certificates = access.certificates.iter().map(|(name, role)| named("certificate", name.clone(), *role));
    let operators = access.people.operators.iter().map(|one| person(one, super::Role::Operator));
    let viewers = access.people.viewers.iter().map(|one| person(one, super::Role::Viewer));
    access.keys.iter().map(key).chain(certificates).chain(operators).chain(viewers).collect()
}

impl Review {
    /// A review of these.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>, now: UnixTime) -> Self {
        entries.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
        Self { at: to_rfc3339(now), total: entries.len(), entries }
    }

    /// For a spreadsheet (RFC 4180), one line each.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text =
            "kind,name,system,role,clinics,factor,created,granted_by,last_used,locked,disabled,unused_90_days\r\n"
                .to_owned();
        for entry in &self.entries {
            let clinics = entry.clinics.join(" ");
            let words = [
                &entry.kind,
                &entry.name,
                &entry.system,
                &entry.role,
                &clinics,
                &entry.factor,
                &entry.created,
                &entry.granted_by,
                &entry.last_used,
            ];
            let words = words.map(|word| cell(word));
            let marks = [entry.locked, entry.disabled, entry.unused].map(|is| if is { "yes" } else { "no" });
            text.push_str(&words.join(","));
            text.push(',');
            text.push_str(&marks.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// A text as it stands in a cell: what a spreadsheet would take for a formula is no more than text.
fn cell(text: &str) -> String {
    let shown = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if shown.contains([',', '"', '\r', '\n']) { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::super::{ApiKey, ApiKeys, People, Role};
    use super::*;

    #[test]
    fn what_is_configured_is_listed_and_what_nobody_uses_is_marked() {
        let now = UnixTime::from_secs(1_795_798_151);
        let ago = |days: u64| UnixTime::from_secs(now.as_secs() - days * DAY);
        let key = |id: &str, name: &str, created| ApiKey {
            id: id.parse().unwrap(),
            role: Role::Issuer,
            name: name.to_owned(),
            created,
            hash: [0; 32],
        };
        let keys = vec![
            key("0a", "=records, new", ago(400)),
            key("0b", "old", ago(400)),
            key("0c", "never, new", ago(89)),
            key("0d", "never", ago(90)),
        ];
        let access = Access {
            keys: ApiKeys::new(keys).unwrap(),
            certificates: [("monitor.clinic.example".to_owned(), Role::Viewer)].into(),
            people: People { operators: vec![Person::User(1001)], viewers: vec![Person::Group(60)] },
            ..Access::default()
        };
        let last = |id: &KeyId| match id.as_str() {
            "0a" => Some(ago(2)),
            "0b" => Some(ago(90)),
            _ => None,
        };
        let csv = Review::new(configured(&access, now, last), now).csv();
        let wanted = "kind,name,system,role,clinics,factor,created,granted_by,last_used,locked,disabled,unused_90_days\r\n\
            api-key,0a,\"'=records, new\",issuer,,,2025-10-23,configuration,2026-11-25,no,no,no\r\n\
            api-key,0b,old,issuer,,,2025-10-23,configuration,2026-08-29,no,no,yes\r\n\
            api-key,0c,\"never, new\",issuer,,,2026-08-30,configuration,,no,no,no\r\n\
            api-key,0d,never,issuer,,,2026-08-29,configuration,,no,no,yes\r\n\
            certificate,monitor.clinic.example,,viewer,,,,configuration,,no,no,no\r\n\
            group,60,,viewer,,,,configuration,,no,no,no\r\n\
            user,1001,,operator,,,,configuration,,no,no,no\r\n";
        assert_eq!(csv, wanted);
    }

    #[test]
    fn quotes_are_doubled_and_nothing_begins_a_formula() {
        for (text, shown) in
            [("a \"b\"", "\"a \"\"b\"\"\""), ("@x", "'@x"), ("-1", "'-1"), ("dr.one", "dr.one"), ("+a,b", "\"'+a,b\"")]
        {
            assert_eq!(cell(text), shown);
        }
    }
}
