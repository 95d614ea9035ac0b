//! The service manager's store of descriptors (`sd_notify(3)`: FDSTORE, FDSTOREREMOVE, BARRIER).

use std::io::{self, pipe};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sd_notify::NotifyState;

/// Descriptors in one message at most: what the kernel takes (`SCM_MAX_FD`).
const MOST_AT_ONCE: usize = 253;
/// Milliseconds that the manager may take to answer: it is the system's first process, and may have a bad day.
const ANSWER_WITHIN: u16 = 5000;

/// The store, if a manager is listening.
#[derive(Clone, Copy, Debug, Default)]
pub struct Store {
    there: bool,
}

impl Store {
    /// The store of the manager that started this process; without one, nothing is kept.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { there: std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    pub(super) const fn is_there(self) -> bool {
        self.there
    }

    /// Has the manager keep sockets under a name. What it has already, it has once. It does not look at their events: a
    /// datagram socket that tells of an unreachable peer has not failed.
    pub(super) fn keep<S: AsFd>(self, name: &str, sockets: &[&S]) {
        if !self.there {
            return;
        }
        for some in sockets.chunks(MOST_AT_ONCE) {
            let sockets: Vec<BorrowedFd<'_>> = some.iter().map(|socket| socket.as_fd()).collect();
            let state = [NotifyState::FdStore, NotifyState::FdName(name), NotifyState::Custom("FDPOLL=0")];
            if let Err(error) = sd_notify::notify_with_fds(&state, &sockets) {
                tracing::warn!(%error, "the service manager does not keep sockets for the next start");
            }
        }
    }

    /// Has the manager close all that has this name.
    pub(super) fn forget(self, name: &str) {
        if self.there
            && let Err(error) = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)])
        {
            tracing::warn!(%error, "the service manager does not close what it has kept");
        }
    }

    /// Waits until the manager has done all that it was told before.
    ///
    /// # Errors
    /// It does not answer within five seconds.
    pub fn settle(self) -> io::Result<()> {
        if !self.there {
            return Ok(());
        }
        let (reader, writer) = pipe()?;
        sd_notify::notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[writer.as_fd()])?;
        drop(writer);
        // The manager closes its end when it comes to this message.
        let mut watched = [PollFd::new(reader.as_fd(), PollFlags::empty())];
        if poll(&mut watched, PollTimeout::from(ANSWER_WITHIN))? == 0 {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(())
        }
    }
}
