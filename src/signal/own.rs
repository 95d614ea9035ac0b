//! A member of staff gives the own account another password: the one that holds is tried as for signing in, with its
//! budgets and locks.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::roster::{PasswordHash, can_be_chosen};
use super::secret::random;
use super::service::Signal;
use super::trial::{NotTried, Shown};
use crate::addr::ClientAddr;

/// Why a password stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotChanged {
    /// Not the password that holds, or not the code, or not now.
    NotTried(NotTried),
    /// The new one is none to be chosen.
    New,
    /// The disk does not take it.
    NotKept,
}

impl Signal {
    /// Changes the password of whoever is signed in with the secret `session`; every other session of theirs ends. It goes on
    /// to its end also when nobody waits for it any more.
    pub(super) async fn change_password(
        self: &Arc<Self>,
        client: ClientAddr,
        session: Zeroizing<String>,
        (shown, new): (Shown, Zeroizing<String>),
    ) -> Result<(), NotChanged> {
        let signal = Arc::clone(self);
        self.try_password(client, &shown.name.clone(), move |kept| {
            signal.changed(client, &session, (&shown, &new), kept.fits(&shown.password))
        })
        .await
        .map_err(NotChanged::NotTried)?
    }

    /// The change itself. Blocks.
    fn changed(
        self: &Arc<Self>,
        client: ClientAddr,
        session: &str,
        (shown, new): (&Shown, &str),
        right: bool,
    ) -> Result<(), NotChanged> {
        let unavailable = NotChanged::NotTried(NotTried::Unavailable);
        // Whoever has the right one hears what is wrong with the new one before the code is used up.
        if right && !can_be_chosen(new, &shown.password, &shown.name) {
            self.signed_in(client);
            return Err(NotChanged::New);
        }
        let mut salt = [0; 16];
        random(&mut salt).map_err(|_| unavailable)?;
        let made = right.then(|| PasswordHash::of(new, salt).ok_or(unavailable)).transpose()?;
        let proven = self.roster().prove(&shown.name, (right, shown.code.as_deref()), self.now().unix);
        proven.map_err(|why| NotChanged::NotTried(self.refused_trial(client, why)))?;
        self.signed_in(client);
        let before = made.and_then(|made| self.roster().set_password(&shown.name, made)).ok_or(unavailable)?;
        if !self.write_roster() {
            self.roster().set_password(&shown.name, before);
            return Err(NotChanged::NotKept);
        }
        self.roster().end_others(&shown.name, session);
        self.staff_deed("staff.password", &shown.name);
        self.end_sessions_now();
        Ok(())
    }
}
