//! What stored sockets are called. A name is printable ASCII without a colon and has 255 characters at most
//! (`sd_notify(3)`); all names together travel in one variable, so they are short.

/// What names of ours begin with.
const PREFIX: &str = "hilum-kept-";
/// The sockets of relayed ports, all with one name: the manager forgets them all at once.
pub(super) const RELAYED: &str = "hilum-kept-relayed";

/// The names that are in use, so that a new one is another.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The number of the next group.
    next: u32,
    relayed: bool,
}

impl Names {
    /// A socket came with this name.
    pub(super) fn note(&mut self, name: &str) {
        self.relayed |= name == RELAYED;
        if let Some(group) = group(name) {
            self.next = self.next.max(group.saturating_add(1));
        }
    }

    /// A number that no socket has.
    pub(super) const fn group(&mut self) -> u32 {
        let group = self.next;
        self.next = group.wrapping_add(1);
        group
    }

    /// Whether sockets of relayed ports came.
    pub(super) const fn relayed(&self) -> bool {
        self.relayed
    }
}

/// Whether the store has it because a process of ours has put it there.
pub(super) fn is_kept(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The name of one UDP socket of an address.
pub(super) fn datagram(group: u32, place: usize) -> String {
    format!("{PREFIX}{group}-{place}")
}

/// The name of a listening TCP socket.
pub(super) fn stream(group: u32) -> String {
    format!("{PREFIX}{group}")
}

fn group(name: &str) -> Option<u32> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.split_once('-').map_or(rest, |(group, _)| group).parse().ok()
}

/// Which shard's a UDP socket is.
pub(super) fn place(name: &str) -> Option<usize> {
    name.strip_prefix(PREFIX)?.split_once('-')?.1.parse().ok()
}
