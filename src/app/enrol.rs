//! Accounts of staff, as operators change them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Enrolment, NotEnrolled};
use crate::audit::Label;
use crate::signal::{self, Account, ClinicId, Role, Signal};
use crate::time::UnixTime;
use crate::time::date::to_rfc3339;

/// Does what an operator asks: the answer, and what the audit log says of it.
///
/// # Errors
/// [`NotEnrolled`]: nothing has changed, or it has and is not sure to be on the disk.
pub(super) fn enrol(
    signal: &Arc<Signal>,
    asked: &Enrolment,
    by: &str,
    now: UnixTime,
) -> Result<(Value, Option<String>), NotEnrolled> {
    match asked {
        Enrolment::List => {
            let accounts = signal.enrol(|roster| Ok(roster.accounts().map(shown).collect::<Vec<_>>())).map_err(why)?;
            Ok((json!({"total": accounts.len(), "accounts": accounts}), None))
        }
        Enrolment::Add { name, role, clinics, openid: Some(subject) } => {
            let place = place(signal, role, clinics)?;
            let off = "openid: this relay has no [signal.openid], where such an account signs in";
            let foreign = signal.foreign(subject).ok_or(NotEnrolled::Invalid(off))?;
            let bound = signal.enrol(|roster| roster.bind(name, place, foreign, (by, now)));
            if matches!(bound, Err(None)) {
                signal.enrol(|roster| roster.remove(name)).ok();
            }
            bound.map_err(why)?;
            let answer = json!({"name": name, "role": role, "openid": subject});
            Ok((answer, Some(word("add", name, role))))
        }
        Enrolment::Add { name, role, clinics, openid: None } => {
            let place = place(signal, role, clinics)?;
            let mut failed = false;
            let mut random = || {
                let mut bytes = [0; 16];
                failed |= signal::random(&mut bytes).is_err();
                bytes
            };
            let issued = signal.enrol(|roster| roster.add(name, place, (by, now), &mut random));
            if matches!(issued, Err(None)) {
                // Nobody has seen its password.
                signal.enrol(|roster| roster.remove(name)).ok();
            }
            let issued = issued.map_err(why)?;
            if failed {
                signal.enrol(|roster| roster.remove(name)).map_err(why)?;
                return Err(NotEnrolled::Unavailable);
            }
            let (password, factor) = (issued.password.as_str(), issued.factor.as_str());
            let authenticator = format!("otpauth://totp/Hilum:{name}?secret={factor}&issuer=Hilum");
            let answer = json!({"name": name, "role": role, "password": password, "authenticator": authenticator});
            Ok((answer, Some(word("add", name, role))))
        }
        Enrolment::Role { name, role, clinics } => {
            let (place, clinics) = place(signal, role, clinics)?;
            dismissed(signal, name, signal.enrol(|roster| roster.role(name, place, clinics, by)))?;
            Ok((json!({"name": name, "role": role}), Some(word("role", name, role))))
        }
        Enrolment::Remove { name } => {
            dismissed(signal, name, signal.enrol(|roster| roster.remove(name)))?;
            Ok((json!({"name": name}), Some(format!("staff.remove:{name}"))))
        }
    }
}

/// What the log says of it: with the role, if that fits beside a long name.
fn word(what: &str, name: &str, role: &str) -> String {
    let word = format!("staff.{what}:{name}:{role}");
    if word.len() > Label::LONGEST { format!("staff.{what}:{name}") } else { word }
}

/// Whoever is connected under a name goes when its account has changed, also if the disk does not take it yet.
fn dismissed(
    signal: &Arc<Signal>,
    name: &str,
    done: Result<(), Option<signal::NotEnrolled>>,
) -> Result<(), NotEnrolled> {
    if matches!(done, Ok(()) | Err(None)) {
        signal.dismiss(name);
    }
    done.map_err(why)
}

fn place(signal: &Signal, role: &str, clinics: &[String]) -> Result<(Role, Vec<ClinicId>), NotEnrolled> {
    let role: Role = role.parse().map_err(|_| NotEnrolled::Invalid("role: write operator, admin or clinician"))?;
    let known = |clinic: &String| clinic.parse().ok().filter(|clinic| signal.has_clinic(clinic));
    let clinics: Option<Vec<ClinicId>> = clinics.iter().map(known).collect();
    Ok((role, clinics.ok_or(NotEnrolled::Invalid("clinics: holds one that [[signal.clinic]] does not"))?))
}

fn shown(account: &Account) -> Value {
    json!({
        "name": account.name,
        "role": account.role,
        "clinics": account.clinics.iter().map(ClinicId::as_str).collect::<Vec<_>>(),
        "created": to_rfc3339(account.created),
        "granted_by": account.granted_by,
        "last_used": account.used.map(to_rfc3339),
        "openid": account.foreign.as_ref().map(|foreign| &foreign.subject),
    })
}

fn why(why: Option<signal::NotEnrolled>) -> NotEnrolled {
    match why {
        None => NotEnrolled::Unavailable,
        Some(signal::NotEnrolled::Full) => NotEnrolled::Full,
        Some(signal::NotEnrolled::Name) => {
            NotEnrolled::Invalid("name: write 1 to 48 letters, digits, dots, hyphens and underscores")
        }
        Some(signal::NotEnrolled::Taken) => {
            NotEnrolled::Invalid("name: is the name of an account already, or openid is another one's")
        }
        Some(signal::NotEnrolled::Subject) => {
            NotEnrolled::Invalid("openid: write 1 to 255 letters of ASCII without spaces")
        }
        Some(signal::NotEnrolled::Unknown) => NotEnrolled::Invalid("name: is the name of no account"),
        Some(signal::NotEnrolled::Role) => {
            NotEnrolled::Invalid("role: admins and clinicians have clinics, 64 at most; operators have none")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::LONGEST_NAME;

    #[test]
    fn the_longest_name_is_a_word_of_the_log() {
        for what in ["add", "role"] {
            for role in ["operator", "admin", "clinician"] {
                for length in 1..=LONGEST_NAME {
                    let word = word(what, &"n".repeat(length), role);
                    assert!(word.parse::<Label>().is_ok(), "{word}");
                }
            }
        }
        assert_eq!(word("add", "ann", "clinician"), "staff.add:ann:clinician");
    }
}
