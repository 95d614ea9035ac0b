//! Signaling: how the people of a visit find each other, wait, and set up a call that Hilum cannot hear.
//!
//! [`Hall`] is a state machine of rooms and of those in them. What goes through it is set-up alone, and all of it is held
//! against [`crate::sdp`]. `docs/signaling-protocol.md` has the messages.

mod book;
mod condition;
mod hall;
mod http;
mod keep;
pub mod message;
mod onward;
mod openid;
mod outside;
mod own;
mod pages;
mod review;
mod role;
mod roster;
mod secret;
mod service;
mod trial;

pub use book::{
    Appointment, Book, FARTHEST, LONGEST_LABEL, Link, MOST_APPOINTMENTS, MOST_LISTED, MOST_OF_CLINIC, MOST_PEOPLE,
    NotJoined, NotMade, Person, Window,
};
pub use condition::{Alarm, AuditLog, CertificateState, Condition, KeyState, Level};
pub use hall::{
    ClinicId, Counts, Deed, Hall, MOST_IN_CALL, MOST_MEMBERS, MOST_TICKETS, Minting, Out, Pass, PersonId, RoomId,
    Settings, SocketId, TICKET,
};
pub use http::{Problem, SIGN_IN_OUTCOMES, paths, router};
pub use openid::{OpenId, Rule};
pub use outside::Outside;
pub use pages::PAGES;
pub use role::{Action, NoRole, Role};
pub use roster::{
    Account, FAILURES, Foreign, Granted, IDLE, Issued, LOCKED, LONGEST_NAME, LONGEST_PASSWORD, LONGEST_SUBJECT,
    NotEnrolled, NotSignedIn, PasswordHash, Roster, SESSION, SHORTEST_PASSWORD, can_be_chosen,
};
pub use secret::{NoRandomness, SECRET_LENGTH, SecretHash, is_encoded, random, secret};
pub use service::{MOST_SOCKETS, Signal};
