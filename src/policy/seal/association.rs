//! One DTLS handshake as it is seen from the middle: who offered, what was chosen, and who has finished.

use crate::time::{Lifetime, Moment};
use crate::wire::keep::Keep;

use super::{Profile, Profiles, SuiteClass, Version};

/// How long a handshake may take from its first ClientHello: RFC 6347 §4.2.4.1 doubles its timer up to 60 s, and nobody
/// waits longer for a call.
const LONGEST: Lifetime = Lifetime::from_secs(120);
/// A Finished in DTLS 1.2 is 24 bytes of plaintext, and 16 more under the leanest cipher.
const SMALLEST_FINISHED_12: usize = 40;
/// A Finished in DTLS 1.3: 12 bytes of header, 32 of hash, 1 of content type, 16 of tag. An encrypted acknowledgement
/// of one or two records is smaller (RFC 9147 §7).
const SMALLEST_FINISHED_13: usize = 61;

/// One of the two ends of a conversation. Which of them is which does not matter, as long as it stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

impl End {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl Keep for End {
    fn keep(&self, to: &mut Vec<u8>) {
        (*self == Self::High).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        bool::recall(from).map(|high| if high { Self::High } else { Self::Low })
    }
}

/// What a ClientHello offered, as far as it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) profiles: Profiles,
    /// Bytes of the connection id that records to the client will carry, if it wants one.
    pub(super) connection_id: Option<u8>,
}

/// What a ServerHello chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) version: Version,
    pub(super) suite: SuiteClass,
    /// `None` in DTLS 1.3, where EncryptedExtensions carries it.
    pub(super) profile: Option<Profile>,
    /// Bytes of the connection id that records to the server will carry.
    pub(super) connection_id: Option<u8>,
}

/// What one side has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    changed_cipher: bool,
    finished: bool,
}

/// A handshake, and after it the association that it made.
#[derive(Clone, Debug)]
pub(super) struct Association {
    pub(super) id: u32,
    /// The ClientHello's random: it tells handshakes apart, and a second ClientHello after a cookie repeats it.
    pub(super) random: [u8; 32],
    pub(super) client: End,
    pub(super) offer: Offer,
    pub(super) choice: Option<Choice>,
    /// The ServerHello's random, so that another answer starts the count of who has finished anew.
    answer: [u8; 32],
    begun: Moment,
    of_client: Progress,
    of_server: Progress,
    sealed: bool,
    /// The association that was in force on the path when this one was answered. It stands until this one is sealed
    /// (RFC 6347 §4.2.8).
    pub(super) supersedes: Option<u32>,
}

impl Association {
    pub(super) fn new(id: u32, random: [u8; 32], client: End, offer: Offer, now: Moment) -> Self {
        Self {
            id,
            random,
            client,
            offer,
            choice: None,
            answer: [0; 32],
            begun: now,
            of_client: Progress::default(),
            of_server: Progress::default(),
            sealed: false,
            supersedes: None,
        }
    }

    /// Whether both sides have finished.
    pub(super) const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Whether the handshake is under way and a real one could still be.
    pub(super) fn is_pending(&self, now: Moment) -> bool {
        !self.sealed && now < self.begun + LONGEST
    }

    /// Takes note of an acceptable ServerHello. A different one than before makes the handshake incomplete again.
    pub(super) fn answered(&mut self, random: [u8; 32], choice: Choice) {
        if self.choice.is_some() {
            if self.answer == random {
                return;
            }
            self.sealed = false;
            self.of_client = Progress::default();
            self.of_server = Progress::default();
        }
        self.answer = random;
        self.choice = Some(choice);
    }

    /// Whether this ServerHello is the answer that has come before.
    pub(super) fn is_answer(&self, random: &[u8; 32]) -> bool {
        self.choice.is_some() && self.answer == *random
    }

    /// A ChangeCipherSpec (RFC 5246 §7.1).
    pub(super) fn changed_cipher(&mut self, sender: End) {
        self.of(sender).changed_cipher = true;
    }

    /// An encrypted handshake record of `length` bytes, which may hold the Finished.
    pub(super) fn encrypted(&mut self, sender: End, version: Version, length: usize) {
        let smallest = match version {
            Version::Dtls12 => SMALLEST_FINISHED_12,
            Version::Dtls13 => SMALLEST_FINISHED_13,
        };
        if length >= smallest {
            self.of(sender).finished = true;
        }
    }

    /// Whether a side has sent what may be its Finished.
    pub(super) const fn has_finished(&self, sender: End) -> bool {
        if sender as u8 == self.client as u8 { self.of_client.finished } else { self.of_server.finished }
    }

    /// Becomes sealed if both sides have finished; true when that has just happened. The order of ChangeCipherSpec and
    /// Finished does not matter, since datagrams overtake each other.
    pub(super) fn seal(&mut self) -> bool {
        let Some(choice) = self.choice else { return false };
        let both = [self.of_client, self.of_server];
        let complete = match choice.version {
            Version::Dtls12 => both.iter().all(|side| side.changed_cipher && side.finished),
            Version::Dtls13 => both.iter().all(|side| side.finished),
        };
        let news = complete && !self.sealed;
        self.sealed = complete;
        news
    }

    /// The profiles that media of this association may have.
    pub(super) fn profiles(&self) -> Profiles {
        match self.choice {
            Some(Choice { profile: Some(profile), .. }) => Profiles::NONE.with(profile),
            Some(Choice { profile: None, .. }) | None => self.offer.profiles,
        }
    }

    /// Bytes of connection id in records from `sender`: the receiver's own choice, once both sides have agreed to have
    /// any (RFC 9146 §3).
    pub(super) fn connection_id(&self, sender: End) -> usize {
        let Some(of_server) = self.choice.and_then(|choice| choice.connection_id) else { return 0 };
        let Some(of_client) = self.offer.connection_id else { return 0 };
        usize::from(if sender == self.client { of_server } else { of_client })
    }

    const fn of(&mut self, sender: End) -> &mut Progress {
        if sender as u8 == self.client as u8 { &mut self.of_client } else { &mut self.of_server }
    }
}

impl Keep for Offer {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { profiles, connection_id } = *self;
        (profiles, connection_id).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Some(Self { profiles: Keep::recall(from)?, connection_id: Keep::recall(from)? })
    }
}

impl Keep for Choice {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { version, suite, profile, connection_id } = *self;
        ((version, suite), (profile, connection_id)).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let ((version, suite), (profile, connection_id)) = Keep::recall(from)?;
        Some(Self { version, suite, profile, connection_id })
    }
}

impl Keep for Progress {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.changed_cipher, self.finished).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (changed_cipher, finished) = Keep::recall(from)?;
        Some(Self { changed_cipher, finished })
    }
}

impl Keep for Association {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { id, random, client, offer, choice, answer, begun, of_client, of_server, sealed, supersedes } = self;
        id.keep(to);
        random.keep(to);
        client.keep(to);
        offer.keep(to);
        choice.keep(to);
        answer.keep(to);
        begun.keep(to);
        of_client.keep(to);
        of_server.keep(to);
        sealed.keep(to);
        supersedes.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let association = Self {
            id: Keep::recall(from)?,
            random: Keep::recall(from)?,
            client: Keep::recall(from)?,
            offer: Keep::recall(from)?,
            choice: Keep::recall(from)?,
            answer: Keep::recall(from)?,
            begun: Keep::recall(from)?,
            of_client: Keep::recall(from)?,
            of_server: Keep::recall(from)?,
            sealed: Keep::recall(from)?,
            supersedes: Keep::recall(from)?,
        };
        // Nothing is sealed that nobody has answered.
        (association.choice.is_some() || !association.sealed).then_some(association)
    }
}
