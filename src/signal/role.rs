//! Who may do what in a visit: one table.

use serde::{Deserialize, Serialize};

/// What somebody is in a visit, or on the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the relay; has no part in visits.
    Operator,
    /// Runs clinics: makes appointments, and whatever a clinician may.
    Admin,
    /// Receives patients.
    Clinician,
    /// Was given a link.
    Patient,
    /// Was given a link to be with a patient: a carer, an interpreter.
    Guest,
    /// Was given a link to type what is said.
    Captioner,
}

/// What can be done in a visit or about one. The messages of a socket come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `wait`: to say what works.
    Wait,
    /// `admit`: to let those who wait into a call.
    Admit,
    /// `decline`: to turn one of them away.
    Decline,
    /// `note`: to tell them something of a fixed list.
    Note,
    /// `join`: to enter the call of a room.
    Join,
    /// `sdp`, `ice`, `commit`, `reveal`: to talk to others in the same call.
    Talk,
    /// `renew`: to get fresh credentials for a call that one is in.
    Renew,
    /// `end`: to end the visit for all.
    End,
    /// `bye`, `ping`, `security`: what everybody may.
    Be,
    /// To see who waits in a clinic.
    Receive,
    /// To make and change appointments.
    Appoint,
    /// To see the relay's state.
    Operate,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Wait,
        Self::Admit,
        Self::Decline,
        Self::Note,
        Self::Join,
        Self::Talk,
        Self::Renew,
        Self::End,
        Self::Be,
        Self::Receive,
        Self::Appoint,
        Self::Operate,
    ];
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Operator, Self::Admin, Self::Clinician, Self::Patient, Self::Guest, Self::Captioner];

    /// The table.
    #[must_use]
    pub const fn may(self, action: Action) -> bool {
        use Action as A;
        match self {
            Self::Operator => matches!(action, A::Operate),
            Self::Admin | Self::Clinician => matches!(
                action,
                A::Admit
                    | A::Decline
                    | A::Note
                    | A::Join
                    | A::Talk
                    | A::Renew
                    | A::End
                    | A::Be
                    | A::Receive
                    | A::Appoint
            ),
            Self::Patient | Self::Guest | Self::Captioner => {
                matches!(action, A::Wait | A::Talk | A::Renew | A::Be)
            }
        }
    }

    /// Whether it is one of the staff, who sign in; the others come by a link.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Operator | Self::Admin | Self::Clinician)
    }

    /// As it is written everywhere.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Clinician => "clinician",
            Self::Patient => "patient",
            Self::Guest => "guest",
            Self::Captioner => "captioner",
        }
    }
}

impl core::str::FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        Self::ALL.into_iter().find(|role| role.label() == text).ok_or(NoRole)
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRole;

impl core::fmt::Display for NoRole {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("write operator, admin or clinician for staff; patient, guest or captioner for a link")
    }
}

impl core::error::Error for NoRole {}
