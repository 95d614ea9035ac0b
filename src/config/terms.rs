//! Of `[auth]`: which kinds of credential are accepted at all, and what those of them grant that say nothing themselves.

use super::fault::Place;
use super::section::{Item, Section};
use super::server::choice;
use super::tokens::Tokens;
use crate::auth::token::{MOST_REGIONS, Region};
use crate::auth::{Destinations, Terms};

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Static,
    Secret,
    Token,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Static, Self::Secret, Self::Token];

    /// The word for it in the file.
    const fn word(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Secret => "secret",
            Self::Token => "token",
        }
    }

    /// What is configured for nothing when it is not accepted, and what to do about it.
    const fn useless(self) -> &'static str {
        match self {
            Self::Static => "the users could never log in; name \"static\" under accept or remove them",
            Self::Secret => "no credential of it would be accepted; name \"secret\" under accept or remove it",
            Self::Token => "no token would be accepted; name \"token\" under [auth] accept or leave it empty",
        }
    }
}

/// The kinds that `accept` names; all of them when it is absent or wrong.
pub(super) fn accepted(section: &Section<'_>) -> Vec<Kind> {
    let Some(texts) = section.texts("accept") else { return Kind::ALL.to_vec() };
    let known = Kind::ALL.map(|kind| format!("\"{}\"", kind.word())).join(", ");
    if texts.is_empty() {
        let place = section.value("accept").and_then(|item| item.place);
        section.fault(place, "accept", format!("is empty, so that nobody may ask; name some of {known}"));
        return Kind::ALL.to_vec();
    }
    let mut accepted = Vec::new();
    for (index, Item { value, place }) in texts.into_iter().enumerate() {
        match Kind::ALL.into_iter().find(|kind| kind.word() == value) {
            Some(kind) => accepted.push(kind),
            None => {
                let message = format!("is no kind of credential; name some of {known}");
                section.fault(place, &format!("accept[{index}]"), message);
                // What it was meant to be is not known, so nothing follows from it.
                accepted = Kind::ALL.to_vec();
            }
        }
    }
    accepted
}

/// Notes a fault of whatever is configured and could never be used. `there`: each kind, where it is configured, and by
/// which key, with its table.
pub(super) fn refuse_useless(section: &Section<'_>, there: &[(Kind, &str, Place)]) {
    let accepted = accepted(section);
    for (kind, key, place) in there {
        if !accepted.contains(kind) {
            section.faults.add(*place, *key, format!("is of a kind that accept does not name: {}", kind.useless()));
        }
    }
}

/// What static users and time-limited credentials may do.
pub(super) fn terms(section: &Section<'_>, tokens: &Tokens) -> Terms {
    let destinations = [("anywhere", Destinations::Anywhere), ("clients", Destinations::Clients)];
    let reach = choice(section, "reach", Destinations::Anywhere, &destinations);
    let mut regions: Vec<Region> = Vec::new();
    for (index, Item { value, place }) in section.texts("regions").unwrap_or_default().into_iter().enumerate() {
        match value.parse() {
            Ok(region) => regions.push(region),
            Err(why) => section.fault(place, &format!("regions[{index}]"), format!("is out of form; {why}")),
        }
    }
    if !regions.is_empty() {
        let fault = |message: String| {
            section.fault(section.value("regions").and_then(|item| item.place), "regions", message);
        };
        let known =
            |region: &Region| Some(*region) == tokens.region || tokens.elsewhere.iter().any(|(one, _)| one == region);
        if regions.len() > MOST_REGIONS {
            fault(format!("has {} regions; {MOST_REGIONS} are the most", regions.len()));
        } else if tokens.region.is_none() {
            fault("is given, and this relay has no region; write region = \"...\" under [tokens]".to_owned());
        } else if !regions.iter().any(known) {
            let message = "names neither the region of this relay nor one of [tokens] elsewhere, so that no user and no \
                           shared secret could ever be used here; compare the names";
            fault(message.to_owned());
        }
    }
    Terms { reach, regions: regions.into() }
}
