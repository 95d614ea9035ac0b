//! A relayed port as it is written: its address, and whether there is a socket.

use crate::addr::RelayedAddr;
use crate::wire::keep::Keep;

use super::super::own::OwnAddresses;
use super::super::port::Held;
use super::super::{NotRestored, Port};

/// A relayed port as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldAs {
    pub(super) relayed: RelayedAddr,
    is_virtual: bool,
}

impl HeldAs {
    pub(super) const fn of(held: &Held) -> Self {
        Self { relayed: held.relayed(), is_virtual: held.key().is_none() }
    }

    /// Takes the port again: from among the numbers of virtual ones, or from `port`, which has or opens a socket. What
    /// `port` gives and is of no use goes to `closed`.
    pub(super) fn take(
        self,
        own: &OwnAddresses,
        port: &mut impl FnMut(RelayedAddr) -> Option<Port>,
        closed: &mut Vec<Port>,
    ) -> Result<Held, NotRestored> {
        if own.is_taken(self.relayed) {
            return Err(NotRestored::Taken);
        }
        if self.is_virtual {
            return own.retake(self.relayed).map(Held::Virtual).ok_or(NotRestored::Port);
        }
        let port = port(self.relayed).ok_or(NotRestored::Port)?;
        if port.relayed() != self.relayed {
            closed.push(port);
            return Err(NotRestored::Port);
        }
        Ok(Held::Open(port))
    }
}

impl Keep for HeldAs {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.relayed, self.is_virtual).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (relayed, is_virtual) = Keep::recall(from)?;
        Some(Self { relayed, is_virtual })
    }
}
