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
        let signal = Arc::clone(self);
        let name = shown.name.clone();
        self.try_password(client, &name, move |kept| signal.tried(client, &shown, kept.fits(&shown.password))).await?
    }

    /// Runs a trial of a password of this name, in its turn. Whoever hangs up wins nothing.
    pub(super) async fn try_password<T: Send + 'static>(
        self: &Arc<Self>,
        client: ClientAddr,
        name: &str,
        trial: impl FnOnce(&PasswordHash) -> T + Send + 'static,
    ) -> Result<T, NotTried> {
        let queued = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| NotTried::TooBusy)?;
        if !self.may_sign_in(client) {
            return Err(NotTried::TooMany);
        }
        let kept = self.roster().begin(name, self.now().unix).map_err(NotTried::Refused)?;
        let place = Arc::clone(&self.trials).acquire_owned().await.map_err(|_| NotTried::Unavailable)?;
        let trial = tokio::task::spawn_blocking(move || {
            let tried = trial(&kept);
            drop((place, queued));
            tried
        });
        trial.await.map_err(|_| NotTried::Unavailable)
    }

    /// The trial itself. Blocks.
    fn tried(&self, client: ClientAddr, shown: &Shown, right: bool) -> Result<Zeroizing<String>, NotTried> {
        let mut bytes = [0; 16];
        random(&mut bytes).map_err(|_| NotTried::Unavailable)?;
        let finished = self.roster().finish(&shown.name, (right, shown.code.as_deref()), self.now().unix, bytes);
        let secret = finished.map_err(|why| self.refused_trial(client, why))?;
        self.signed_in(client);
        self.staff_deed("staff.signin", &shown.name);
        // A code that was used is not good after a restart either, if the disk takes it.
        self.write_roster();
        Ok(secret)
    }

    /// What a trial that failed comes to.
    pub(super) fn refused_trial(&self, client: ClientAddr, why: NotSignedIn) -> NotTried {
        match why {
            // The page asks for the code next: half of a right answer is no guess.
            NotSignedIn::CodeNeeded => self.signed_in(client),
            NotSignedIn::Wrong => self.staff_deed("staff.signin.failed", "none"),
            NotSignedIn::Locked(_) => {}
        }
        NotTried::Refused(why)
    }
}
