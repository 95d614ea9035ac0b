//! Signing in: a password is tried a few at a time, and whoever asks cannot take back having asked.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::roster::{NotSignedIn, PasswordHash};
use super::secret::random;
use super::service::Signal;
use crate::addr::ClientAddr;

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTried {
    /// The source has failed too often.
    TooMany,
    /// Too many wait.
    TooBusy,
    /// There is no randomness, or the server stops.
    Unavailable,
    /// What the roster says.
    Refused(NotSignedIn),
}

/// What somebody shows.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) password: Zeroizing<String>,
    pub(super) code: Option<String>,
}

impl Signal {
    /// Tries what somebody shows; the secret of the session. The source pays before the trial and gets it back if the
    /// password was right, and the trial goes on to its end with its place: hanging up wins nothing.
    pub(super) async fn sign_in(
        self: &Arc<Self>,
        client: ClientAddr,
        shown: Shown,
    ) -> Result<Zeroizing<String>, NotTried> {
        let queued = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| NotTried::TooBusy)?;
        if !self.may_sign_in(client) {
            return Err(NotTried::TooMany);
        }
        let kept = self.roster().begin(&shown.name, self.now().unix).map_err(NotTried::Refused)?;
        let place = Arc::clone(&self.trials).acquire_owned().await.map_err(|_| NotTried::Unavailable)?;
        let signal = Arc::clone(self);
        let trial = tokio::task::spawn_blocking(move || {
            let tried = signal.tried(client, &shown, &kept);
            drop((place, queued));
            tried
        });
        trial.await.map_err(|_| NotTried::Unavailable)?
    }

    /// The trial itself. Blocks.
    fn tried(&self, client: ClientAddr, shown: &Shown, kept: &PasswordHash) -> Result<Zeroizing<String>, NotTried> {
        let right = kept.fits(&shown.password);
        let mut bytes = [0; 16];
        random(&mut bytes).map_err(|_| NotTried::Unavailable)?;
        let finished = self.roster().finish(&shown.name, (right, shown.code.as_deref()), self.now().unix, bytes);
        match finished {
            Ok(secret) => {
                self.signed_in(client);
                self.staff_deed("staff.signin", &shown.name);
                // A code that was used is not good after a restart either, if the disk takes it.
                self.write_roster();
                Ok(secret)
            }
            Err(why) => {
                match why {
                    // The page asks for the code next: half of a right answer is no guess.
                    NotSignedIn::CodeNeeded => self.signed_in(client),
                    NotSignedIn::Wrong => self.staff_deed("staff.signin.failed", "none"),
                    NotSignedIn::Locked(_) => {}
                }
                Err(NotTried::Refused(why))
            }
        }
    }
}
