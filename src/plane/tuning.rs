//! What an operator may trade for latency: a CPU for each shard, and sockets that look for packets themselves.

use std::io;
use std::os::fd::AsFd;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::sys;

/// How shards run. By default as the system likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// The CPU of each shard, by its number; empty: any.
    pub cores: Vec<usize>,
    /// How long a shard looks for packets in the network interfaces itself before it sleeps, in microseconds, 1000 at
    /// most; 0: not at all.
    pub busy_poll: u16,
}

impl Tuning {
    /// Puts this thread, which is a shard's, on its CPU.
    pub(super) fn pin(&self, shard: usize) {
        let Some(&core) = self.cores.get(shard) else { return };
        let mut cores = CpuSet::new();
        let pinned = cores.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
        if let Err(error) = pinned {
            // It was allowed when the configuration was read. A shard that the system moves about serves as well.
            tracing::warn!(shard, core, %error, "a shard is not held on its CPU (server.pin)");
        }
    }

    /// Has reads of a socket look into the network interface.
    ///
    /// # Errors
    /// `PermissionDenied`: on this system more than `net.core.busy_read` needs CAP_NET_ADMIN.
    pub(super) fn poll_busily(&self, socket: impl AsFd) -> io::Result<()> {
        if self.busy_poll == 0 { Ok(()) } else { sys::set_busy_poll(socket.as_fd(), self.busy_poll) }
    }

    /// Has waiting in an epoll set look there as well. Before Linux 6.9 only `net.core.busy_poll` does that.
    pub(super) fn wait_busily(&self, epoll: impl AsFd) {
        if self.busy_poll > 0
            && let Err(error) = sys::set_busy_wait(epoll.as_fd(), self.busy_poll)
        {
            tracing::warn!(%error, "this system waits busily only where net.core.busy_poll says so (server.busy_poll)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_on_its_core_and_one_without_a_core_stays_free() -> nix::Result<()> {
        let allowed = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
        let last = (0..CpuSet::count()).rfind(|&core| allowed.is_set(core) == Ok(true));
        let tuning = Tuning { cores: last.into_iter().collect(), ..Tuning::default() };
        let of = |shard: usize| {
            let tuning = tuning.clone();
            std::thread::spawn(move || {
                tuning.pin(shard);
                nix::sched::sched_getaffinity(Pid::from_raw(0))
            })
            .join()
        };
        let (pinned, free) = (of(0).unwrap()?, of(1).unwrap()?);
        let only: Vec<usize> = (0..CpuSet::count()).filter(|&core| pinned.is_set(core) == Ok(true)).collect();
        assert_eq!((only.first().copied(), only.len()), (last, 1));
        assert_eq!(free, allowed);
        Ok(())
    }

    // Some systems let nobody but root; whoever may not is told.
    #[test]
    fn a_socket_polls_as_long_as_it_is_told_or_the_system_says_why_not() -> io::Result<()> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let usual = sys::option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL);
        Tuning::default().poll_busily(&socket)?;
        assert_eq!(sys::option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL), usual);
        match (Tuning { busy_poll: 70, ..Tuning::default() }).poll_busily(&socket) {
            Ok(()) => assert_eq!(sys::option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL), 70),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
        Ok(())
    }
}
