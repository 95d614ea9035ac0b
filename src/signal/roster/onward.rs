//! Sessions that go on in the next process.

use serde::{Deserialize, Serialize};

use super::{Account, Roster, Session, alive};
use crate::signal::secret::SecretHash;
use crate::time::UnixTime;

/// A session, as the next process needs it: as good as it was, and no longer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::signal) struct KeptSession {
    v: u8,
    name: String,
    began: u64,
    seen: u64,
}

impl KeptSession {
    /// Reads what [`Roster::changed_sessions`] gave to the process before; `None`: another version did.
    pub(in crate::signal) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|kept: &Self| kept.v == 1)
    }
}

impl Roster {
    /// Goes on with a session of the process before; false if its time is over, or its account is no more.
    pub(in crate::signal) fn go_on(&mut self, hash: SecretHash, kept: KeptSession, now: UnixTime) -> bool {
        let (began, seen) = (UnixTime::from_secs(kept.began), UnixTime::from_secs(kept.seen));
        let session = Session { name: kept.name, granted: None, began, seen };
        let good = alive(&session, now) && self.accounts.contains_key(&session.name);
        if good {
            self.told.insert(hash, session.seen);
            self.sessions.insert(hash, session);
        }
        good
    }

    /// Whoever is signed in in this session. It is no sign that they do something.
    pub(in crate::signal) fn signed_in(&self, hash: &SecretHash, now: UnixTime) -> Option<&Account> {
        let session = self.sessions.get(hash).filter(|session| alive(session, now))?;
        self.accounts.get(&session.name)
    }

    /// What has changed in the sessions since the last time; `None` for those that are no more.
    pub(in crate::signal) fn changed_sessions(&mut self) -> Vec<(SecretHash, Option<Vec<u8>>)> {
        let over: Vec<SecretHash> =
            self.told.keys().filter(|hash| !self.sessions.contains_key(*hash)).copied().collect();
        let mut changed = Vec::new();
        for hash in over {
            self.told.remove(&hash);
            changed.push((hash, None));
        }
        // Whoever has no account is let in by the rules of the next process, if by any.
        for (hash, session) in self.sessions.iter().filter(|(_, session)| session.granted.is_none()) {
            if self.told.insert(*hash, session.seen) != Some(session.seen) {
                let (began, seen) = (session.began.as_secs(), session.seen.as_secs());
                let kept = KeptSession { v: 1, name: session.name.clone(), began, seen };
                // Nothing here has a form that JSON lacks.
                changed.push((*hash, Some(serde_json::to_vec(&kept).unwrap_or_default())));
            }
        }
        changed
    }
}
