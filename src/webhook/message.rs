//! What is told: that something has become of an appointment, by the id that the API has for it, and of nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::auth::token::Call;
use crate::time::{UnixTime, date};

/// What has become of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A second person is in its call: people talk.
    CallStarted,
    /// The last one has left its call. It may start again.
    CallEnded,
    /// Its links are good no more: it was ended, or its time is over.
    AppointmentOver,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CallStarted, Self::CallEnded, Self::AppointmentOver];

    /// Its name, in the configuration and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallStarted => "call.started",
            Self::CallEnded => "call.ended",
            Self::AppointmentOver => "appointment.over",
        }
    }

    /// The event of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// One message, the same for every receiver and at every try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) event: Event,
    pub(super) appointment: Call,
    pub(super) at: UnixTime,
}

/// The body, in the form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Body<'m> {
    #[serde(rename = "type")]
    event: &'static str,
    timestamp: String,
    data: Data<'m>,
}

#[derive(Serialize)]
struct Data<'m> {
    appointment: &'m str,
}

/// How a message that waits is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u8,
    event: String,
    appointment: String,
    at: u64,
}

impl Message {
    /// With an id of its own; `None` if the system has no randomness.
    pub(super) fn new(event: Event, appointment: Call, at: UnixTime) -> Option<Self> {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        Some(Self { id: format!("msg_{}", URL_SAFE_NO_PAD.encode(random)), event, appointment, at })
    }

    pub(super) fn body(&self) -> String {
        let (event, timestamp) = (self.event.name(), date::to_rfc3339(self.at));
        let body = Body { event, timestamp, data: Data { appointment: self.appointment.as_str() } };
        // Nothing here has a form that JSON lacks.
        serde_json::to_string(&body).unwrap_or_default()
    }

    pub(super) fn kept(&self) -> Vec<u8> {
        let (event, appointment) = (self.event.name().to_owned(), self.appointment.as_str().to_owned());
        serde_json::to_vec(&Kept { v: 1, event, appointment, at: self.at.as_secs() }).unwrap_or_default()
    }

    /// A message that was kept; `None` if it is none of ours.
    pub(super) fn read(id: &str, bytes: &[u8]) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(bytes).ok().filter(|kept: &Kept| kept.v == 1)?;
        let (event, appointment) = (Event::named(&kept.event)?, kept.appointment.parse().ok()?);
        Some(Self { id: id.to_owned(), event, appointment, at: UnixTime::from_secs(kept.at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_of_which_appointment_when_and_nothing_else() {
        let message = Message::new(Event::CallStarted, "room-1".parse().unwrap(), UnixTime::from_secs(1_700_000_000));
        let message = message.unwrap();
        assert_eq!(
            message.body(),
            r#"{"type":"call.started","timestamp":"2023-11-14T22:13:20Z","data":{"appointment":"room-1"}}"#
        );
        assert_eq!(Message::read(&message.id, &message.kept()).unwrap(), message);
        assert_eq!(message.id.len(), 26);
        for bad in [
            "",
            "{}",
            r#"{"v":2,"event":"call.ended","appointment":"room-1","at":1}"#,
            r#"{"v":1,"event":"call.lost","appointment":"room-1","at":1}"#,
            r#"{"v":1,"event":"call.ended","appointment":"a room","at":1}"#,
            r#"{"v":1,"event":"call.ended","appointment":"room-1","at":1,"name":"somebody"}"#,
        ] {
            assert!(Message::read("msg_1", bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
