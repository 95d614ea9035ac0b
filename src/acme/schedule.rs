//! When a certificate is due to be renewed, and how long to wait after a failure.

use core::time::Duration;

use crate::time::UnixTime;

const DAY: u64 = 86_400;
/// Certificates that live shorter are renewed at half of their life, others when a third of it is left: what authorities
/// ask for, and time to mend what fails.
const SHORT: u64 = 10 * DAY;
/// The renewals of many relays are spread over the thirtieth part of a life, for the authority's sake.
const SPREAD: u64 = 30;
/// Waits after a failure. Public authorities bear with five failures of a name an hour (Let's Encrypt, "Authorization
/// Failures per Identifier per Account"): these are five attempts in the first, and two in each later one.
const PAUSES: [u64; 4] = [60, 300, 900, 1800];

/// When to renew. `spread` is any number that stays the same as long as the certificate does.
pub(super) fn due(begins: UnixTime, expires: UnixTime, spread: u64) -> UnixTime {
    let life = expires.as_secs().saturating_sub(begins.as_secs());
    let part = if life < SHORT { life / 2 } else { life - life / 3 };
    let later = spread.checked_rem(life / SPREAD).unwrap_or(0);
    begins.plus_secs(part.saturating_add(later))
}

/// How long to wait after so many failures in a row.
pub(super) fn pause(failures: u32) -> Duration {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., longest] = PAUSES;
    Duration::from_secs(PAUSES.get(index).copied().unwrap_or(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINS: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn days_to(due: UnixTime) -> f64 {
        (due.as_secs() - BEGINS.as_secs()) as f64 / DAY as f64
    }

    #[test]
    fn three_months_are_renewed_a_month_before_their_end_and_six_days_after_three() {
        for (life, first, last) in [(90, 60.0, 63.0), (47, 31.3, 33.0), (6, 3.0, 3.2)] {
            for spread in [0, 1, 77_777, u64::MAX] {
                let due = days_to(due(BEGINS, BEGINS.plus_secs(life * DAY), spread));
                assert!((first..=last).contains(&due), "{life} days, {spread}: {due}");
            }
        }
    }

    #[test]
    fn renewals_of_several_relays_are_spread() {
        let expires = BEGINS.plus_secs(90 * DAY);
        assert_ne!(due(BEGINS, expires, 1000), due(BEGINS, expires, 2000));
        assert_eq!(due(BEGINS, BEGINS, 5), BEGINS, "a certificate without a life is due at once");
    }

    #[test]
    fn failures_are_few_enough_for_public_authorities() {
        let mut at = Duration::ZERO;
        let mut attempts = vec![at];
        for failures in 1..12 {
            at += pause(failures);
            attempts.push(at);
        }
        let hour = Duration::from_secs(3600);
        for begin in &attempts {
            let within = attempts.iter().filter(|at| (*begin..*begin + hour).contains(*at)).count();
            assert!(within <= 5, "{within} in an hour from {begin:?}");
        }
        assert_eq!(pause(0), pause(1));
    }
}
