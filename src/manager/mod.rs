//! The service manager (systemd): the sockets that it hands to a process at the start, and those that it keeps open for
//! the next one.
//!
//! Sockets come for two reasons. A socket unit has opened them (socket activation), or a process before this one has put
//! them into the manager's store, from where they come back after a restart, a crash or an upgrade with all that has
//! arrived meanwhile. [`Sockets`] holds both kinds until whoever listens on an address asks for it. The manager knows
//! what is stored by names: those of ours begin with `hilum-kept`.
//!
//! Without a manager there are no sockets, and what is to be kept is kept by nobody.

mod given;
mod names;
mod store;

use core::net::SocketAddr;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

pub use given::MisfitGroup;
pub use store::Store;

use given::{Given, Kind};
use names::Names;

/// Relayed ports that are handed to the next process at most; the others are opened anew by their numbers. Each is a
/// descriptor of the manager and a word in the environment of the next process, which may have 128 KiB of them.
pub const MOST_RELAYED: usize = 4096;
/// Listening sockets that the manager is asked to keep at most, for the same reason.
pub const MOST_LISTENING: usize = 1024;

/// The sockets that came from the service manager, and its store.
#[derive(Debug, Default)]
pub struct Sockets {
    given: Vec<Given>,
    /// Of relayed ports, by their addresses on this host.
    relayed: HashMap<SocketAddr, OwnedFd>,
    names: Names,
    store: Store,
    /// Listening sockets that were given to the store by this process.
    kept: usize,
    /// What a socket unit has opened, and was asked for and given.
    covering: Vec<Kind>,
}

/// Where connections to an address are accepted.
#[derive(Debug)]
pub enum Listening {
    /// At this socket.
    At(OwnedFd),
    /// At a wildcard's, which somebody has asked for already.
    Covered,
    /// Nowhere yet.
    Nowhere,
}

impl Sockets {
    /// Sorts what the manager handed over: each with its name.
    #[must_use]
    pub fn new(inherited: Vec<(OwnedFd, String)>, store: Store) -> Self {
        let mut sockets = Self { store, ..Self::default() };
        for (socket, name) in inherited {
            sockets.names.note(&name);
            match given::look(socket, name) {
                Some(Given { socket, name, kind: Kind::Datagram(address), .. }) if name == names::RELAYED => {
                    sockets.relayed.insert(address, socket);
                }
                Some(given) => sockets.given.push(given),
                None => tracing::warn!("the service manager handed over something that is no socket to listen on"),
            }
        }
        sockets
    }

    /// The UDP sockets of an address, one for each of `shards`, in their order; `None`: the manager has none, or had as
    /// many as another number of shards needed, which are closed.
    ///
    /// # Errors
    /// A socket unit opens another number of them.
    pub fn datagrams(&mut self, address: SocketAddr, shards: usize) -> Result<Option<Vec<OwnedFd>>, MisfitGroup> {
        let (ours, others) = self.given.drain(..).partition(|given| given.kind == Kind::Datagram(address));
        self.given = others;
        let (mut kept, opened): (Vec<Given>, Vec<Given>) = ours.into_iter().partition(Given::is_kept);
        if !opened.is_empty() {
            if opened.len() != shards {
                return Err(MisfitGroup { address, sockets: opened.len(), shards });
            }
            self.forget(kept);
            return Ok(Some(opened.into_iter().map(|given| given.socket).collect()));
        }
        kept.sort_by_key(|given| names::place(&given.name));
        let complete = kept.iter().enumerate().all(|(place, given)| names::place(&given.name) == Some(place));
        if kept.len() != shards || !complete {
            self.forget(kept);
            self.make_way(&Kind::Datagram(address));
            return Ok(None);
        }
        Ok(Some(kept.into_iter().map(|given| given.socket).collect()))
    }

    /// Asks the manager to keep the UDP sockets of an address, in the order of their shards.
    pub fn keep_datagrams(&mut self, sockets: &[OwnedFd]) {
        if self.kept + sockets.len() > MOST_LISTENING || !self.store.is_there() {
            return;
        }
        self.kept += sockets.len();
        let group = self.names.group();
        for (place, socket) in sockets.iter().enumerate() {
            self.store.keep(&names::datagram(group, place), &[socket]);
        }
    }

    /// The listening TCP socket of an address, if the manager has it. A socket unit may open a wildcard for several. What
    /// was kept is for its own address alone: else who is told to listen on less would listen on as much as before, after
    /// every restart. When this says [`Listening::Nowhere`], nothing that was kept is in the way of binding the address.
    pub fn stream(&mut self, address: SocketAddr) -> Listening {
        if self.covering.iter().any(|kind| kind.accepts(address)) {
            return Listening::Covered;
        }
        let is_at = |given: &Given| matches!(given.kind, Kind::Stream { address: at, .. } if at == address);
        let accepts = |given: &Given| !given.is_kept() && given.kind.accepts(address);
        let place = self.given.iter().position(is_at).or_else(|| self.given.iter().position(accepts));
        let Some(place) = place else {
            // Whoever binds a wildcard of IPv6 may bind it for both families.
            let both = address.is_ipv6() && address.ip().is_unspecified();
            self.make_way(&Kind::Stream { address, both });
            return Listening::Nowhere;
        };
        let given = self.given.swap_remove(place);
        if !given.is_kept() {
            self.covering.push(given.kind);
        }
        Listening::At(given.socket)
    }

    /// Closes what was kept and is in the way of binding an address: an older configuration said more, or less.
    fn make_way(&mut self, wanted: &Kind) {
        let in_the_way = |given: &Given| given.is_kept() && given.kind.overlaps(wanted);
        let (closed, others) = self.given.drain(..).partition(in_the_way);
        self.given = others;
        self.forget(closed);
    }

    /// The listening Unix socket of a path, if the manager has it.
    pub fn file(&mut self, path: &Path) -> Option<OwnedFd> {
        let place = self.given.iter().position(|given| matches!(&given.kind, Kind::File(at) if at == path))?;
        Some(self.given.swap_remove(place).socket)
    }

    /// Asks the manager to keep a listening TCP socket.
    pub fn keep_stream(&mut self, socket: &impl AsFd) {
        if self.kept < MOST_LISTENING && self.store.is_there() {
            self.kept += 1;
            let group = self.names.group();
            self.store.keep(&names::stream(group), &[socket]);
        }
    }

    /// The socket of a relayed port, by its address on this host, if the process before this one has left it.
    pub fn relayed(&mut self, address: SocketAddr) -> Option<OwnedFd> {
        self.relayed.remove(&address)
    }

    /// Everybody has asked: what is left is closed, and the manager keeps it no longer. Says how many sockets those were
    /// that a socket unit opens, and nothing in the configuration listens on.
    pub fn settle(&mut self) -> usize {
        let (kept, opened): (Vec<Given>, Vec<Given>) = self.given.drain(..).partition(Given::is_kept);
        self.forget(kept);
        self.relayed.clear();
        // Also those that have found their owner: they are handed over anew when this process ends.
        if self.names.relayed() {
            self.store.forget(names::RELAYED);
        }
        opened.len()
    }

    fn forget(&self, given: Vec<Given>) {
        if given.is_empty() {
            return;
        }
        for name in given.iter().map(|given| &given.name) {
            self.store.forget(name);
        }
        drop(given);
        // The addresses are free once the manager has closed its end as well.
        if let Err(error) = self.store.settle() {
            tracing::warn!(%error, "the service manager does not say that it has closed sockets");
        }
    }

    /// The manager's store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }
}

impl Store {
    /// Hands the sockets of relayed ports to the next process, [`MOST_RELAYED`] at most; returns when the manager has
    /// them.
    ///
    /// # Errors
    /// The manager does not answer.
    pub fn hand_over(&self, sockets: &[OwnedFd]) -> io::Result<()> {
        let most = sockets.len().min(MOST_RELAYED);
        self.keep(names::RELAYED, &sockets.iter().take(most).collect::<Vec<_>>());
        self.settle()
    }
}

#[cfg(test)]
mod tests;
