//! Where a case is played: the seal alone, or a whole relay around it.

use std::net::SocketAddr;

use hilum::policy::seal::{Mode, Profile, Reason, Settings, Version};

use crate::language::{Place, Words};

/// What became of one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub refused: Option<Reason>,
    /// It went on although it was refused.
    pub forwarded: bool,
    /// Handshakes that were complete with it.
    pub opened: Option<Version>,
}

/// Who a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A client with an allocation, by the person that its credential names.
    Client(String),
    /// Somebody outside.
    Foreign(SocketAddr),
}

/// What a case needs of its surroundings.
pub trait Stage {
    /// Sends one datagram.
    fn send(&mut self, from: (&Place, &Who), to: (&Place, &Who), datagram: &[u8]) -> Seen;
    /// Lets time pass.
    fn wait(&mut self, seconds: u64);
    /// Ends an allocation.
    fn end(&mut self, place: &Place);
    /// Conversations that were open and have been forgotten so far.
    fn closed(&self) -> usize;
}

/// `settings mode=report min-dtls=1.3 profiles=0001,0002 statistics=off grace=30`.
pub fn settings(words: &Words) -> Result<Settings, String> {
    let mut words = words.clone();
    let mut settings = Settings::default();
    if let Some(mode) = words.text("mode") {
        let known = Mode::ALL.into_iter().find(|each| each.label() == mode);
        settings.mode = known.ok_or_else(|| format!("no mode {mode}"))?;
    }
    if let Some(version) = words.text("min-dtls") {
        let known = Version::ALL.into_iter().find(|each| each.label() == version);
        settings.min_version = known.ok_or_else(|| format!("no version {version}"))?;
    }
    if let Some(codes) = words.codes("profiles")? {
        let profile = |code| Profile::from_code(code).ok_or_else(|| format!("no profile {code:04x}"));
        settings.profiles = codes.into_iter().map(profile).collect::<Result<_, _>>()?;
    }
    if let Some(statistics) = words.text("statistics") {
        settings.statistics = statistics == "on";
    }
    if let Some(seconds) = words.number("grace")? {
        settings.grace = hilum::time::Lifetime::from_secs(seconds);
    }
    words.end()?;
    Ok(settings)
}
