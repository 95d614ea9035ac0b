//! Who may use the Unix socket: users and groups of this host. The kernel says who connects; nothing is asked for.

use super::role::Role;

/// A user or a group of this host, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// One user.
    User(u32),
    /// Every member of a group.
    Group(u32),
}

impl Person {
    fn is(self, user: u32, groups: &[u32]) -> bool {
        match self {
            Self::User(number) => number == user,
            Self::Group(number) => groups.contains(&number),
        }
    }
}

/// The people of this host and their roles. Root and the relay's own user are operators without being named: they could
/// end the process as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Who may look and revoke.
    pub operators: Vec<Person>,
    /// Who may look.
    pub viewers: Vec<Person>,
}

impl People {
    /// The role of a user who is in these groups, `own` being the relay's own user; `None` for a stranger.
    #[must_use]
    pub fn role(&self, user: u32, groups: &[u32], own: u32) -> Option<Role> {
        let named = |people: &[Person]| people.iter().any(|person| person.is(user, groups));
        if user == 0 || user == own || named(&self.operators) {
            Some(Role::Operator)
        } else {
            named(&self.viewers).then_some(Role::Viewer)
        }
    }

    /// Whether groups count: looking up who is in which costs reading files.
    fn has_groups(&self) -> bool {
        self.operators.iter().chain(&self.viewers).any(|person| matches!(person, Person::Group(_)))
    }
}

/// The role of a user as the system knows its groups now. Blocks on the system's lists of users and groups.
pub(super) fn role(people: &People, user: u32, group: u32) -> Option<Role> {
    let own = nix::unistd::geteuid().as_raw();
    let groups = if people.has_groups() { groups(user, group) } else { Vec::new() };
    people.role(user, &groups, own)
}

/// The groups of a user, the one that its process has at least.
fn groups(user: u32, group: u32) -> Vec<u32> {
    use nix::unistd::{Uid, User, getgrouplist};
    let mut found = vec![group];
    if let Ok(Some(user)) = User::from_uid(Uid::from_raw(user))
        && let Ok(name) = std::ffi::CString::new(user.name)
        && let Ok(groups) = getgrouplist(&name, user.gid)
    {
        found.extend(groups.into_iter().map(nix::unistd::Gid::as_raw));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_word_decides_and_the_higher_role_wins() {
        let people = People {
            operators: vec![Person::User(1001), Person::Group(50)],
            viewers: vec![Person::User(1001), Person::User(1002), Person::Group(60)],
        };
        let role = |user, groups: &[u32]| people.role(user, groups, 990);
        assert_eq!(role(0, &[]), Some(Role::Operator), "root");
        assert_eq!(role(990, &[]), Some(Role::Operator), "the relay's own user");
        assert_eq!(role(1001, &[]), Some(Role::Operator), "named twice");
        assert_eq!(role(1002, &[]), Some(Role::Viewer));
        assert_eq!(role(1003, &[60]), Some(Role::Viewer));
        assert_eq!(role(1003, &[60, 50]), Some(Role::Operator));
        assert_eq!(role(1003, &[1001, 0]), None, "the number of a user is none of a group");
        assert_eq!(role(50, &[]), None, "and the other way round");
        assert_eq!(People::default().role(1001, &[1001], 990), None);
    }

    #[test]
    fn the_system_knows_the_groups_of_root() {
        assert!(groups(0, 7).contains(&0) && groups(0, 7).contains(&7));
    }
}
