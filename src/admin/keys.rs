//! What the metrics say of the keys of call tokens.

use crate::auth::token::Algorithm;
use crate::auth::{KeyState, Keyring};
use crate::time::UnixTime;

const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];
const STATES: [KeyState; 4] = [KeyState::Next, KeyState::Current, KeyState::Retiring, KeyState::Ended];

/// The keys of a relay, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyReading {
    counts: [[u64; STATES.len()]; ALGORITHMS.len()],
    oldest: Option<u64>,
}

impl KeyReading {
    /// What there is to say of a keyring now.
    #[must_use]
    pub fn of(keyring: &Keyring, now: UnixTime) -> Self {
        let count = |algorithm, state| {
            let such = keyring.keys().filter(|key| (key.public().algorithm(), key.state(now)) == (algorithm, state));
            u64::try_from(such.count()).unwrap_or(u64::MAX)
        };
        let counts = ALGORITHMS.map(|algorithm| STATES.map(|state| count(algorithm, state)));
        Self { counts, oldest: keyring.oldest(now) }
    }

    /// How many keys there are: labels for algorithm and state, and the number.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Vec<String>, u64)> + use<'_> {
        ALGORITHMS.into_iter().zip(&self.counts).flat_map(|(algorithm, row)| {
            let labels = move |state: KeyState| vec![algorithm.label().to_owned(), state.label().to_owned()];
            STATES.into_iter().zip(row).map(move |(state, &count)| (labels(state), count))
        })
    }

    /// How many are accepted now.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let accepted = |row: &[u64; STATES.len()]| -> u64 {
            let states = STATES.into_iter().zip(row);
            states
                .filter(|(state, _)| matches!(state, KeyState::Current | KeyState::Retiring))
                .map(|(_, count)| count)
                .sum()
        };
        self.counts.iter().map(accepted).sum()
    }

    /// The age in seconds of the oldest key that is accepted and that nobody has decided to end.
    #[must_use]
    pub const fn oldest(&self) -> Option<u64> {
        self.oldest
    }
}
