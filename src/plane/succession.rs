//! From process to process: what the one before has left goes on here, and the next one can go on from here.

use super::shard::Shard;
use super::sockets::Ports;
use super::udp::UdpNet;
use crate::journal::{Journal, Picture};
use crate::manager::Sockets;
use crate::time::Now;
use crate::turn::{NotRestored, Restored};

/// What there is of the process before this one, and for the one after it.
#[derive(Debug)]
pub struct Succession<'a> {
    /// Sockets that are open already, and who keeps them open.
    pub manager: &'a mut Sockets,
    /// Records of what ran.
    pub picture: &'a Picture,
    /// Where records of what runs go; `None`: nowhere.
    pub journal: Option<&'a Journal>,
}

/// What has been taken over from the process before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Allocations that go on.
    pub allocations: u64,
    /// Allocations, and what belongs to them, that do not, for each reason, in the order of [`NotRestored::ALL`].
    pub lost: [u64; NotRestored::ALL.len()],
}

impl Succession<'_> {
    /// Everything goes on that can, in the order of the shards.
    pub(super) fn restore(&mut self, shards: &mut [Shard<UdpNet>], ports: &Ports, now: Now) -> Resumed {
        let mut resumed = Resumed::default();
        for (number, shard) in (0_u16..).zip(shards) {
            if let Some(journal) = self.journal {
                shard.keep(journal.pen(number));
            }
            for (_, record) in self.picture.of(number) {
                let restored = shard.restore(record, now, |relayed| ports.reopen(relayed, self.manager, now.moment));
                match restored {
                    Ok(Restored::Allocation { .. }) => resumed.allocations += 1,
                    Ok(Restored::Seal | Restored::Conversation | Restored::Reservation) => {}
                    Err(why) => resumed.lose(why),
                }
            }
        }
        resumed
    }
}

impl Resumed {
    fn lose(&mut self, why: NotRestored) {
        let place = NotRestored::ALL.iter().position(|each| *each == why);
        if let Some(count) = place.and_then(|place| self.lost.get_mut(place)) {
            *count += 1;
        }
    }
}
