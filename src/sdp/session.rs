//! What is remembered of one side of a connection between two people: the rules that need memory.

use super::description::{Description, Section};
use super::refusal::Refusal;
use super::transport::{Fingerprint, Ice, Setup};

/// Candidates between two ICE restarts, those within descriptions counted as well. A browser with two interfaces and three
/// URLs makes a dozen.
pub const MOST_CANDIDATES: usize = 64;

/// One side of one connection, from its first description on. A new connection is a new session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    known: Option<Known>,
    candidates: usize,
}

#[derive(Clone, Debug)]
struct Known {
    fingerprint: Fingerprint,
    ice: Ice,
    /// The role, once one was taken.
    role: Option<Setup>,
    sections: Vec<Section>,
}

impl Session {
    /// The certificate of this side, once it has said.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        self.known.as_ref().map(|known| &known.fingerprint)
    }

    /// Takes the next description of this side.
    ///
    /// # Errors
    /// It does not go with what was said before: nothing has changed.
    pub fn description(&mut self, next: &Description) -> Result<(), Refusal> {
        let role = (next.setup != Setup::Actpass).then_some(next.setup);
        let mut kept = role;
        let mut restarted = true;
        if let Some(known) = &self.known {
            if known.fingerprint != next.fingerprint {
                return Err(Refusal::FingerprintChanged);
            }
            let same = [known.ice.ufrag == next.ice.ufrag, known.ice.password == next.ice.password];
            restarted = same == [false, false];
            if !restarted && same != [true, true] {
                return Err(Refusal::TransportChanged);
            }
            if !restarted && known.role.is_some_and(|known| role.is_some_and(|role| role != known)) {
                return Err(Refusal::TransportChanged);
            }
            let alike = |(before, after): (&Section, &Section)| {
                !(before.live && after.live) || (before.media == after.media && before.mid == after.mid)
            };
            if next.sections.len() < known.sections.len() || !known.sections.iter().zip(&next.sections).all(alike) {
                return Err(Refusal::SectionChanged);
            }
            kept = role.or(known.role);
        }
        let before = if restarted { 0 } else { self.candidates };
        // Those within a description were told before, one by one, or will not be told again.
        let candidates = before.max(next.candidates);
        self.known = Some(Known {
            fingerprint: next.fingerprint.clone(),
            ice: next.ice.clone(),
            role: kept,
            sections: next.sections.clone(),
        });
        self.candidates = candidates;
        Ok(())
    }

    /// Counts a candidate of this side that passed.
    ///
    /// # Errors
    /// [`Refusal::Candidates`]: there were too many.
    pub const fn candidate(&mut self) -> Result<(), Refusal> {
        if self.candidates >= MOST_CANDIDATES {
            return Err(Refusal::Candidates);
        }
        self.candidates = self.candidates.saturating_add(1);
        Ok(())
    }
}
