//! What the time does: tickets and places run out, visits end, credentials are renewed.

use core::time::Duration;

use super::super::message::{CloseCode, Ended, Gone};
use super::{Hall, Key, Minting, RoomId, Socket, SocketId};
use crate::time::Now;

/// How long a connection may say nothing at all before it has said who it is.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// How long a member may say nothing; `ping` comes every 20 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// How long the place of one whose connection is lost is kept: a minute without the service, and the eight seconds that a
/// client then waits at most until it tries again, leave the call as it is.
pub(super) const PLACE: Duration = Duration::from_secs(90);

impl Hall {
    /// To be called a few times a second. Everybody is looked at once a second.
    pub fn tick(&mut self, now: Now, minting: &mut dyn Minting) {
        self.end_visits(now);
        if now.moment.since(self.looked) >= Duration::from_secs(1) {
            self.looked = now.moment;
            self.tickets.forget(now.moment);
            self.look_at_members(now, minting);
            self.forget_seconds(now);
            let late = |(socket, known): (&SocketId, &Socket)| match known {
                Socket::New(at) if now.moment.since(*at) >= INTRODUCTION => Some(*socket),
                Socket::New(_) | Socket::Of(_) => None,
            };
            let late: Vec<SocketId> = self.sockets.iter().filter_map(late).collect();
            for socket in late {
                self.close(socket, CloseCode::Ticket);
            }
        }
        self.send_lists(now);
    }

    fn end_visits(&mut self, now: Now) {
        let over: Vec<RoomId> =
            self.rooms.iter().filter(|(_, room)| room.ends <= now.unix).map(|(id, _)| *id).collect();
        for room in over {
            self.end(&room, Ended::Over, now);
        }
    }

    fn look_at_members(&mut self, now: Now, minting: &mut dyn Minting) {
        let (mut silent, mut gone, mut due): (Vec<(Key, SocketId)>, Vec<Key>, Vec<Key>) = Default::default();
        for (key, member) in &mut self.members {
            member.forget(now.moment);
            match (member.socket, member.lost) {
                (Some(socket), _) if now.moment.since(member.heard) >= SILENCE => silent.push((*key, socket)),
                (None, Some(lost)) if now.moment.since(lost) >= PLACE => gone.push(*key),
                _ => {}
            }
            if member.renew.is_some_and(|at| at <= now.unix) {
                due.push(*key);
            }
        }
        for (key, socket) in silent {
            self.lose(key, socket, CloseCode::Idle, now);
        }
        for key in gone {
            self.leave(key, Gone::Lost, CloseCode::Idle, now);
        }
        for key in due {
            self.send_fresh(key, now, minting);
        }
    }
}
