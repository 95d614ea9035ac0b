//! Records back into a relay.

use crate::addr::{Family, FiveTuple, Link, RelayedAddr};
use crate::auth::{CallGrant, Subject};
use crate::policy::seal::NotRecalled;
use crate::policy::{Rate, Reservation, Source};
use crate::time::{Moment, Now};
use crate::wire::keep::Keep;

use super::super::allocation::{Allocation, Relayed};
use super::super::own::{Holder, Located};
use super::super::peer::hold_to;
use super::super::reserved::Reserved;
use super::super::{EndCause, Event, Port, Relay};
use super::allocation::{Credential, Kept, KeptRelayed};
use super::held::HeldAs;
use super::{NotRestored, RECORD_VERSION, RecordKey, Restored};

/// A relayed address that has been taken again, and which use of it this is.
type Taken = (Relayed, u32);
/// Why an allocation does not go on, and what has ended it.
type Over = (NotRestored, EndCause);

impl Relay {
    /// Takes in a record of another process, by the rules of this one: what they do not allow any more is left out, as
    /// [`Relay::reload`] does it. To be called before the first datagram is judged, with records in the order of their
    /// keys, and those of shard 0 before those of the others; an allocation goes to the shard that had it.
    ///
    /// `port` opens the relayed port of an allocation that had a socket, or hands over the one that stayed open. It is
    /// the allocation's from then on ([`Relay::take_owned`]), or comes back through [`Relay::take_closed`].
    ///
    /// What is restored has changed: it may have another key here, and `changed` hands it out.
    ///
    /// # Errors
    /// Why there is nothing of it here. An allocation that cannot go on ends with a fact, so that its books are closed; but
    /// not after [`NotRestored::Taken`]: what has its client or its address is most often the same one, restored before,
    /// whose books stay open.
    pub fn restore(
        &mut self,
        record: &[u8],
        now: Now,
        mut port: impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<Restored, NotRestored> {
        let Some(([version, kind], mut body)) = record.split_first_chunk::<2>() else {
            return Err(NotRestored::Malformed);
        };
        if *version != RECORD_VERSION {
            return Err(NotRestored::Version);
        }
        let kind = RecordKey::decode([*kind, 0, 0, 0, 0]).ok_or(NotRestored::Malformed)?;
        let body = &mut body;
        let conversations = self.common.conversations().ok_or(NotRestored::Malformed)?;
        match kind {
            RecordKey::Seal => {
                conversations.recall_numbers(body)?;
                all_read(body)?;
                Ok(Restored::Seal)
            }
            RecordKey::Conversation(_) => {
                conversations.recall(body, now.moment)?;
                Ok(Restored::Conversation)
            }
            RecordKey::Reservation(_) => self.restore_reserved(body, now.moment, &mut port),
            RecordKey::Allocation(_) => {
                let kept = self.recall_allocation(body).ok_or(NotRestored::Malformed)?;
                self.restore_allocation(kept, now, &mut port)
            }
        }
    }

    fn restore_reserved(
        &mut self,
        body: &mut &[u8],
        now: Moment,
        port: &mut impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<Restored, NotRestored> {
        type Fields = (([u8; 8], Subject), (Moment, HeldAs));
        let ((token, subject), (until, held)) = Fields::recall(body).ok_or(NotRestored::Malformed)?;
        all_read(body)?;
        if until <= now {
            return Err(NotRestored::Expired);
        }
        let port = held.take(self.common.own(), port, &mut self.closed)?;
        match self.common.resume_reserved(Reserved { token, subject, until, port }) {
            Ok(()) => Ok(Restored::Reservation),
            Err(reserved) => {
                self.give_back(reserved.port);
                Err(NotRestored::Full)
            }
        }
    }

    fn restore_allocation(
        &mut self,
        kept: Kept,
        now: Now,
        port: &mut impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<Restored, NotRestored> {
        let client = kept.client;
        let ends =
            Ends { client, subject: kept.credential.subject, begun: kept.begun, call: kept.credential.call.clone() };
        let carried = kept.carried;
        let restored = self.go_on(kept, now, port);
        let cause = match restored {
            Ok(()) => return Ok(Restored::Allocation { client }),
            Err((NotRestored::Taken, _)) => None,
            Err((_, cause)) => Some(cause),
        };
        if let Some(cause) = cause {
            let Ends { client, subject, begun, call } = ends;
            self.events.push_back(Event::Ended { client, subject, cause, age: now.moment - begun, carried, call });
        }
        restored.map(|()| Restored::Allocation { client }).map_err(|(why, _)| why)
    }

    /// Lets an allocation go on here, or says why not and what has ended it.
    fn go_on(&mut self, kept: Kept, now: Now, port: &mut impl FnMut(RelayedAddr) -> Option<Port>) -> Result<(), Over> {
        if kept.client.link.transport().is_stream() {
            return Err((NotRestored::Stream, EndCause::Disconnected));
        }
        if let Link::Proxied(_) = kept.client.link
            && !kept.via.is_some_and(|via| self.is_proxy(via.socket().ip()))
        {
            return Err((NotRestored::Proxy, EndCause::Stopped));
        }
        if self.live(&kept.client, now).is_some() {
            return Err((NotRestored::Taken, EndCause::Stopped));
        }
        if kept.credential.call.as_ref().is_some_and(|call| !self.authenticator.stands_still(call, now)) {
            return Err((NotRestored::Revoked, EndCause::Revoked));
        }
        let source = Source::of(kept.client.client.socket().ip());
        let reservation = self.common.ledger().resume(kept.credential.subject, source);
        let reservation = reservation.map_err(|_| (NotRestored::Full, EndCause::Stopped))?;
        let relayed = self.take_relayed([kept.v4, kept.v6], now.moment, port)?;
        self.settle(kept, relayed, reservation, now)
    }

    /// Takes the ports that have not run out and are to be had. One of two families is enough.
    fn take_relayed(
        &mut self,
        kept: [Option<KeptRelayed>; 2],
        now: Moment,
        port: &mut impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<[Option<Taken>; 2], Over> {
        let mut why = (NotRestored::Malformed, EndCause::Stopped);
        let taken = kept.map(|kept| {
            let KeptRelayed { held, expires, cause, serial } = kept?;
            if expires <= now {
                why = (NotRestored::Expired, cause);
                return None;
            }
            match held.take(self.common.own(), port, &mut self.closed) {
                Ok(held) => Some((Relayed { held, expires, cause }, serial)),
                Err(reason) => {
                    why = (reason, EndCause::Stopped);
                    None
                }
            }
        });
        if taken.iter().any(Option::is_some) { Ok(taken) } else { Err(why) }
    }

    fn settle(
        &mut self,
        kept: Kept,
        [v4, v6]: [Option<Taken>; 2],
        reservation: Reservation,
        now: Now,
    ) -> Result<(), Over> {
        let Kept { client, credential, transaction, mut answer, begun, permissions, channels, .. } = kept;
        let Credential { subject, party, until, destinations, call } = credential;
        let rate = Rate::new(self.settings.rate_limit(call.as_ref()), reservation.account());
        if let (Some(rate), Some(full_at)) = (&rate, kept.rate) {
            rate.resume(full_at, now.moment);
        }
        let serials = [&v4, &v6].map(|relayed| relayed.as_ref().map_or(0, |(_, serial)| *serial));
        let (v4, v6) = (v4.map(|(relayed, _)| relayed), v6.map(|(relayed, _)| relayed));
        // What is not relayed any more a retransmitted Allocate must not be told of.
        answer.v4 = answer.v4.filter(|_| v4.is_some());
        answer.v6 = answer.v6.filter(|_| v6.is_some());
        let mut allocation = Allocation {
            subject,
            party,
            call,
            destinations,
            transaction,
            answer,
            begun,
            until,
            v4,
            v6,
            permissions,
            channels,
            scheduled: 0,
            reservation,
            rate,
        };
        let has = |allocation: &Allocation, family| allocation.relayed(family).is_some();
        let [with_v4, with_v6] = [Family::V4, Family::V6].map(|family| has(&allocation, family));
        let relays = |family| if family == Family::V4 { with_v4 } else { with_v6 };
        allocation.permissions.retain(|permission| relays(Family::of(permission.ip)));
        allocation.channels.retain(|channel| relays(channel.peer.family()));
        hold_to(&self.policy.peers, &self.common, &mut allocation);
        let families = allocation.families();
        let call = allocation.call.clone();
        let holder = Holder { party, call: call.as_ref().map(CallGrant::id) };
        let held = [&allocation.v4, &allocation.v6]
            .map(|relayed| relayed.as_ref().map(|relayed| (relayed.held.relayed(), relayed.held.key())));
        let index = match self.table.insert(&client, allocation) {
            Ok(index) => index,
            Err(allocation) => {
                for relayed in [allocation.v4, allocation.v6].into_iter().flatten() {
                    self.give_back(relayed.held);
                }
                return Err((NotRestored::Port, EndCause::Stopped));
            }
        };
        let own = self.common.own();
        own.count_from(serials.into_iter().fold(kept.paths.last_serial(), u32::max));
        for ((relayed, key), serial) in
            held.into_iter().zip(serials).filter_map(|(held, serial)| held.zip(Some(serial)))
        {
            let is_virtual = key.is_none();
            match serial {
                // It was not among our addresses, and may be now.
                0 => own.begun(relayed, holder, self.shard, index, is_virtual),
                _ => own.resumed(relayed, holder, Located { serial, shard: self.shard, index, is_virtual }),
            }
            self.owned.extend(key);
        }
        let handshakes = kept.paths.agreed().collect();
        self.table.resume(index, kept.paths, kept.carried);
        if let Some(via) = kept.via {
            self.table.set_via(&client, via);
        }
        self.ending.begun(until);
        self.schedule(index);
        self.tally.resumed(client.link.transport());
        let age = now.moment - begun;
        self.events.push_back(Event::Restored { client, subject, families, age, handshakes, call });
        Ok(())
    }
}

/// What the fact of an end says of whoever it is about.
struct Ends {
    client: FiveTuple,
    subject: Subject,
    begun: Moment,
    call: Option<CallGrant>,
}

/// Nothing stands behind what has been read.
const fn all_read(body: &[u8]) -> Result<(), NotRestored> {
    if body.is_empty() { Ok(()) } else { Err(NotRestored::Malformed) }
}

impl From<NotRecalled> for NotRestored {
    fn from(why: NotRecalled) -> Self {
        match why {
            NotRecalled::Malformed => Self::Malformed,
            NotRecalled::Taken => Self::Taken,
            NotRecalled::Full => Self::Full,
        }
    }
}
