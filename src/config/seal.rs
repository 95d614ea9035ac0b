//! `[seal]`: what of the relayed traffic is let through.

use super::section::Section;
use super::server::choice;
use crate::policy::seal::{Mode, Profile, Profiles, Settings, Version};

pub(super) const KEYS: [&str; 5] = ["mode", "accept_unsealed", "min_dtls", "profiles", "statistics"];

/// What `[seal]` says.
pub(super) struct Seal {
    pub(super) settings: Settings,
    /// The operator has put it into writing that a relay may carry what nobody has sealed.
    pub(super) accept_unsealed: bool,
}

pub(super) fn read(section: &Section<'_>) -> Seal {
    let default = Settings::default();
    let accept_unsealed = section.flag("accept_unsealed", false);
    let mode = choice(section, "mode", default.mode, &Mode::ALL.map(|mode| (mode.label(), mode)));
    if mode == Mode::Off && !accept_unsealed {
        let message = "is off, and with it clients may relay whatever they like, unencrypted media included; if you accept \
                       that, write accept_unsealed = true beside it, and to find out what enforce would stop, \"report\"";
        section.fault(section.text("mode").and_then(|text| text.place), "mode", message);
    }
    let versions = Version::ALL.map(|version| (version.label(), version));
    let settings = Settings {
        mode,
        min_version: choice(section, "min_dtls", default.min_version, &versions),
        profiles: profiles(section).unwrap_or(default.profiles),
        statistics: section.flag("statistics", default.statistics),
        ..default
    };
    Seal { settings, accept_unsealed }
}

/// `None` if the key is absent or wrong.
fn profiles(section: &Section<'_>) -> Option<Profiles> {
    let texts = section.texts("profiles")?;
    if texts.is_empty() {
        let place = section.value("profiles").and_then(|item| item.place);
        section.fault(place, "profiles", format!("is empty, so that no call could pass; name some of {}", known()));
        return None;
    }
    let mut profiles = Profiles::NONE;
    for (index, text) in texts.into_iter().enumerate() {
        match Profile::ALL.into_iter().find(|profile| profile.label() == text.value) {
            Some(profile) => profiles = profiles.with(profile),
            None => section.fault(text.place, &format!("profiles[{index}]"), refusal(text.value)),
        }
    }
    Some(profiles)
}

fn refusal(name: &str) -> String {
    if name.to_ascii_uppercase().contains("NULL") {
        return "does not encrypt, and can never be allowed; to relay unencrypted media, turn the seal off".to_owned();
    }
    format!("is none of the SRTP profiles that encrypt; name some of {}", known())
}

fn known() -> String {
    Profile::ALL.map(|profile| format!("\"{}\"", profile.label())).join(", ")
}
