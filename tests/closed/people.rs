//! Who is there: three calls that last, one that ends soon, users without a call, and what marks the words of each.

use std::sync::LazyLock;

use hilum::auth::Subject;
use hilum::auth::token::Claims;

use crate::scenario::{self, ALICE, BOB, Client, START, Token};

/// A peer outside that one token names, and another one; both are allowed by the operator.
pub const NAMED: &str = "203.0.113.5:7000";
pub const UNNAMED: &str = "203.0.113.6:7000";

/// Whose words they are: a call's, those of users without a call, or of somebody outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Open,
    Red,
    Green,
    Blue,
    /// A call that is over in half an hour.
    Brief,
    /// The peer that a token of the green call names.
    Named,
    /// Anybody else outside.
    Unnamed,
    /// Somebody outside who sends from a relayed address of ours.
    Spoofed,
}

impl Group {
    pub const ALL: [Self; 8] =
        [Self::Open, Self::Red, Self::Green, Self::Blue, Self::Brief, Self::Named, Self::Unnamed, Self::Spoofed];

    /// Eight bytes that stand in every datagram of this group, and in no other.
    pub fn mark(self) -> [u8; 8] {
        let number = Self::ALL.iter().position(|each| *each == self).unwrap() as u64;
        ((number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D).to_be_bytes()
    }
}

/// Somebody with a credential.
pub struct Person {
    pub group: Group,
    pub username: String,
    pub password: String,
    pub subject: Subject,
    /// Which token it is.
    pub id: String,
    /// Its token names [`NAMED`].
    pub names: bool,
}

impl Person {
    /// The person's words, spoken at a place.
    pub fn at(&self, mut place: Client) -> Client {
        place.username.clone_from(&self.username);
        place.password.clone_from(&self.password);
        place
    }
}

fn user(name: &str) -> Person {
    let subject = Subject::of(name.as_bytes());
    Person {
        group: Group::Open,
        username: name.into(),
        password: scenario::PASSWORD.into(),
        subject,
        id: String::new(),
        names: false,
    }
}

fn holder(group: Group, token: &Token) -> Person {
    let client = Client::number(1).holding(token);
    let claims = claims(&client.username);
    let (username, password) = (client.username, client.password);
    let names = !claims.peers.is_empty();
    let id = token.id.to_owned();
    Person { group, username, password, subject: claims.subject(), id, names }
}

fn claims(username: &str) -> Claims {
    hilum::auth::token::verify(username.as_bytes(), &scenario::rules(), START).expect("a good token")
}

pub static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| {
    let day = 86_400;
    let lasting = |call, party| Token {
        expires: START.as_secs() + 5 * day,
        end: START.as_secs() + 6 * day,
        ..Token::new(call, party)
    };
    let brief = |party| Token { end: START.as_secs() + 3600, ..Token::new("brief", party) };
    let mut people = vec![user(ALICE), user(BOB)];
    for (group, call) in [(Group::Red, "red"), (Group::Green, "green"), (Group::Blue, "blue")] {
        // The same labels in every call: a party is one of its call.
        people.extend(
            ["a", "b", "c"].map(|party| holder(group, &Token { id: leak(call, party), ..lasting(call, party) })),
        );
    }
    people.push(holder(Group::Red, &Token { id: "red-a-again", ..lasting("red", "a") }));
    let outside = Token { id: "green-d", more: r#","peers":["203.0.113.5:7000"]"#, ..lasting("green", "d") };
    people.push(holder(Group::Green, &outside));
    let few = Token { id: "blue-d", more: r#","lim":{"alloc":1}"#, ..lasting("blue", "d") };
    people.push(holder(Group::Blue, &few));
    people.extend(
        ["a", "b", "c", "d"].map(|party| holder(Group::Brief, &Token { id: leak("brief", party), ..brief(party) })),
    );
    people
});

fn leak(call: &str, party: &str) -> &'static str {
    Box::leak(format!("{call}-{party}").into_boxed_str())
}

/// What is long enough to be nobody's chance: six of the eight bytes of a mark, from any of them on.
const WINDOW: usize = 6;

/// Where a mark may begin, by the byte that it begins with there: its group, and the bytes that follow.
type Beginnings = Vec<Vec<([u8; WINDOW], Group)>>;

static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let mut beginnings = vec![Vec::new(); 256];
    for group in Group::ALL {
        let mark = group.mark();
        for from in 0..mark.len() {
            let window: [u8; WINDOW] = std::array::from_fn(|at| mark[(from + at) % mark.len()]);
            beginnings[usize::from(window[0])].push((window, group));
        }
    }
    beginnings
});

/// Words of a group: its mark again and again, cut anywhere.
pub fn words(group: Group, length: usize) -> Vec<u8> {
    group.mark().into_iter().cycle().take(length.max(group.mark().len())).collect()
}

/// Whose words are somewhere in these bytes.
pub fn groups_in(bytes: &[u8]) -> Vec<Group> {
    let mut found: Vec<Group> = Vec::new();
    for at in 0..(bytes.len() + 1).saturating_sub(WINDOW) {
        for (window, group) in &BEGINNINGS[usize::from(bytes[at])] {
            if bytes[at..at + WINDOW] == *window && !found.contains(group) {
                found.push(*group);
            }
        }
    }
    found
}

#[test]
fn words_are_found_wherever_they_stand() {
    for group in Group::ALL {
        for cut in 0..8 {
            let bytes = [&[1, 2, 3][..], &words(group, 20)[cut..cut + WINDOW], &[4, 5]].concat();
            assert_eq!(groups_in(&bytes), [group]);
        }
    }
    assert_eq!(groups_in(&[0; 100]), []);
    assert_eq!(groups_in(&[words(Group::Red, 9), words(Group::Blue, 9)].concat()), [Group::Red, Group::Blue]);
}
