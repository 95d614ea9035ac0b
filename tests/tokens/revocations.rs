//! The list of revocations says what a slow one says, whatever is put in and however the clocks go.

use std::time::Duration;

use hilum::auth::token::{Claims, Token};
use hilum::auth::{InvalidRevocation, LONGEST_REVOCATION, Revocation, Revocations, Revoked, USUAL_REVOCATION};
use hilum::time::{Moment, Now, UnixTime};
use proptest::prelude::*;

use crate::world::{CLAIMS, START, at, token};

/// The claims of the documents' token with other words in them.
fn claims(issuer: &str, id: &str, call: &str, party: &str) -> Claims {
    let username = token(CLAIMS);
    let claims = Token::parse(username.as_bytes()).unwrap().claims().unwrap();
    let word = |text: &str| text.parse().unwrap();
    Claims { issuer: issuer.parse().unwrap(), id: word(id), call: word(call), party: party.parse().unwrap(), ..claims }
}

fn now(moment: u64, unix: u64) -> Now {
    Now { moment: Moment::from_secs(moment), unix: at(unix) }
}

fn of_call(call: &str) -> Revoked {
    Revoked::Call { issuer: "clinic".parse().unwrap(), call: call.parse().unwrap() }
}

#[test]
fn a_revocation_lasts_for_a_second_at_least_and_a_year_at_most() {
    let revocations = Revocations::new();
    let lasting = |seconds| Revocation { what: of_call("a"), since: at(START), until: at(START + seconds) };
    let now = now(0, START);
    assert_eq!(revocations.add(&lasting(0), now), Err(InvalidRevocation::Over));
    assert_eq!(revocations.add(&lasting(LONGEST_REVOCATION + 1), now), Err(InvalidRevocation::TooLong));
    assert!(revocations.is_empty());
    assert_eq!(revocations.add(&lasting(1), now), Ok(()));
    assert_eq!(revocations.add(&lasting(LONGEST_REVOCATION), now), Ok(()));
    let end = START + LONGEST_REVOCATION;
    assert_eq!(revocations.all(now), [Revocation { what: of_call("a"), since: at(START), until: at(end) }]);
}

// A token may have been minted for an appointment next month.
#[test]
fn a_revocation_lasts_until_the_end_of_the_token_if_that_is_known() {
    let until = |end: Option<u64>| Revocation::new(of_call("a"), at(START), end.map(at)).until.as_secs() - START;
    assert_eq!(until(None), USUAL_REVOCATION);
    assert_eq!(until(Some(START + 60)), USUAL_REVOCATION);
    assert_eq!(until(Some(START + 30 * 86_400)), 30 * 86_400 + 600);
}

#[test]
fn a_full_list_says_so_and_keeps_what_it_has() {
    let revocations = Revocations::with_room(2);
    let [one, two, three] = ["a", "b", "c"].map(|call| Revocation::new(of_call(call), at(START), None));
    let early = now(0, START);
    for revocation in [&one, &two] {
        revocations.add(revocation, early).unwrap();
    }
    assert_eq!(revocations.check(&three, early), Err(InvalidRevocation::Full));
    assert_eq!(revocations.add(&three, early), Err(InvalidRevocation::Full));
    assert!(InvalidRevocation::Full.to_string().contains("revoke a call or a key"));
    // What is in it can be renewed.
    assert_eq!((revocations.check(&one, early), revocations.add(&one, early)), (Ok(()), Ok(())));
    assert_eq!(revocations.len(), 2);
    // What is over makes room.
    let late = now(USUAL_REVOCATION, START + USUAL_REVOCATION);
    let three = Revocation::new(of_call("c"), late.unix, None);
    assert_eq!((revocations.check(&three, late), revocations.add(&three, late)), (Ok(()), Ok(())));
    assert_eq!(revocations.len(), 1);
}

#[test]
fn what_was_renewed_for_longer_than_a_year_is_restored() {
    let revocations = Revocations::new();
    let renewed = Revocation { what: of_call("a"), since: at(START), until: at(START + 2 * LONGEST_REVOCATION) };
    let now = now(0, START + LONGEST_REVOCATION);
    assert_eq!(revocations.add(&renewed, now), Err(InvalidRevocation::TooLong));
    assert_eq!((revocations.restore(&renewed, now), revocations.all(now)), (Ok(()), vec![renewed]));
}

#[test]
fn debug_forms_show_no_word() {
    let revocations = Revocations::new();
    let revocation = Revocation::new(of_call("visit"), at(START), None);
    revocations.add(&revocation, now(0, START)).unwrap();
    let shown = format!("{revocations:?} {revocation:?}");
    assert!(!shown.contains("visit") && !shown.contains("clinic"), "{shown}");
}

/// What may happen: few words, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Revoke { kind: u8, words: [u8; 4], lasts: u64 },
    Pass(u64),
    SetWall(i64),
    Forget,
    Ask { words: [u8; 4] },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let words = || prop::array::uniform4(0..3_u8);
    let step = prop_oneof![
        (0..4_u8, words(), 0..2_000_u64).prop_map(|(kind, words, lasts)| Step::Revoke { kind, words, lasts }),
        (0..1_000_u64).prop_map(Step::Pass),
        (-3_000..3_000_i64).prop_map(Step::SetWall),
        Just(Step::Forget),
        words().prop_map(|words| Step::Ask { words }),
    ];
    prop::collection::vec(step, 1..80)
}

fn named(word: u8) -> String {
    format!("w{word}")
}

/// The slow one: every revocation that was ever made, with the end of each by either clock.
#[derive(Default)]
struct Slow(Vec<(u8, [u8; 4], u64, u64)>);

impl Slow {
    const MOST: usize = 6;

    /// The parts of a token that a kind of revocation looks at: issuer, id or call or party, or the key alone.
    fn parts(kind: u8, [issuer, id, call, party]: [u8; 4]) -> Vec<u8> {
        match kind {
            0 => vec![issuer, id],
            1 => vec![issuer, call],
            2 => vec![issuer, call, party],
            _ => vec![id],
        }
    }

    /// Each thing that was revoked, with the latest of its ends by each clock.
    fn held(&self, kind: u8, words: [u8; 4]) -> Option<(u64, u64)> {
        let same =
            |each: &&(u8, [u8; 4], u64, u64)| each.0 == kind && Self::parts(kind, each.1) == Self::parts(kind, words);
        let found: Vec<_> = self.0.iter().filter(same).collect();
        Some((found.iter().map(|each| each.2).max()?, found.iter().map(|each| each.3).max()?))
    }

    fn clear_over(&mut self, moment: u64, unix: u64) {
        let over: Vec<_> = self.0.iter().filter(|each| !self.is_held(each.0, each.1, moment, unix)).copied().collect();
        self.0.retain(|each| !over.contains(each));
    }

    fn is_held(&self, kind: u8, words: [u8; 4], moment: u64, unix: u64) -> bool {
        self.held(kind, words).is_some_and(|(by_moment, by_unix)| moment < by_moment || unix < by_unix)
    }

    fn things(&self) -> usize {
        let mut things: Vec<_> = self.0.iter().map(|each| (each.0, Self::parts(each.0, each.1))).collect();
        things.sort();
        things.dedup();
        things.len()
    }
}

proptest! {
    #[test]
    fn it_says_what_a_slow_list_says(steps in steps()) {
        let revocations = Revocations::with_room(Slow::MOST);
        let mut slow = Slow::default();
        let (mut moment, mut unix) = (10_000_u64, START);
        for step in steps {
            let now = now(moment, unix);
            match step {
                Step::Pass(seconds) => (moment, unix) = (moment + seconds, unix + seconds),
                Step::SetWall(seconds) => unix = unix.checked_add_signed(seconds).unwrap(),
                Step::Forget => {
                    revocations.forget(now);
                    slow.clear_over(moment, unix);
                    prop_assert_eq!(revocations.len(), slow.things());
                }
                Step::Revoke { kind, words, lasts } => {
                    let [issuer, id, call, party] = words.map(named);
                    let (issuer, call) = (issuer.parse().unwrap(), call.parse().unwrap());
                    let what = match kind {
                        0 => Revoked::Token { issuer, id: id.parse().unwrap() },
                        1 => Revoked::Call { issuer, call },
                        2 => Revoked::Party { issuer, call, party: party.parse().unwrap() },
                        _ => Revoked::Key { kid: id.parse().unwrap() },
                    };
                    // As whoever revokes does: what is over makes room.
                    revocations.forget(now);
                    slow.clear_over(moment, unix);
                    let known = slow.held(kind, words).is_some();
                    let expected = if lasts == 0 {
                        Err(InvalidRevocation::Over)
                    } else if !known && slow.things() >= Slow::MOST {
                        Err(InvalidRevocation::Full)
                    } else {
                        slow.0.push((kind, words, moment + lasts, unix + lasts));
                        Ok(())
                    };
                    let until = UnixTime::from_secs(unix + lasts);
                    let revocation = Revocation { what, since: now.unix, until };
                    prop_assert_eq!(revocations.check(&revocation, now), expected);
                    prop_assert_eq!(revocations.add(&revocation, now), expected);
                }
                Step::Ask { words } => {
                    let [issuer, id, call, party] = words.map(named);
                    let claims = claims(&issuer, &id, &call, &party);
                    let kid = id.parse().unwrap();
                    let expected = (0..4).any(|kind| slow.is_held(kind, words, moment, unix));
                    prop_assert_eq!(revocations.covers(&claims, kid, now), expected);
                    let one_by_one = revocations.all(now).iter().any(|each| each.what.covers(&claims, kid));
                    prop_assert_eq!(one_by_one, expected);
                }
            }
        }
    }

    #[test]
    fn all_that_could_revoke_a_token_covers_it_and_nothing_else_does(
        words in prop::array::uniform4(0..3_u8), others in prop::array::uniform4(0..3_u8),
    ) {
        let [issuer, id, call, party] = words.map(named);
        let (token, kid) = (claims(&issuer, &id, &call, &party), id.parse().unwrap());
        let [issuer, id, call, party] = others.map(named);
        let (other, other_kid) = (claims(&issuer, &id, &call, &party), id.parse().unwrap());
        for (own, its) in Revoked::of(&token, kid).iter().zip(Revoked::of(&other, other_kid)) {
            prop_assert!(own.covers(&token, kid));
            prop_assert_eq!(own.covers(&other, other_kid), *own == its);
        }
    }
}

#[test]
fn a_moment_later_is_late_enough() {
    let revocations = Revocations::new();
    let revocation = Revocation { what: of_call("visit"), since: at(START), until: at(START + 10) };
    revocations.add(&revocation, now(0, START)).unwrap();
    let claims = claims("clinic", "id", "visit", "a");
    let kid = "k".parse().unwrap();
    let just_before = Now { moment: Moment::ZERO + Duration::from_millis(9_999), unix: at(START + 10) };
    assert!(revocations.covers(&claims, kid, just_before));
    assert!(!revocations.covers(&claims, kid, now(10, START + 10)));
}
