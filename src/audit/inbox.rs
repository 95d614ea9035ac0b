//! How a command records something while a node holds the log: it lays the fact into `inbox`, and the node takes it out
//! within a second.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Directory;
use super::fact::Fact;
use super::line::LONGEST_LINE;

const INBOX: &str = "inbox";
/// Facts taken in one go; the rest waits a second.
const AT_ONCE: usize = 16;
/// How long a command waits for the node, in looks of [`LOOK`].
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_millis(50);
/// A fact that nobody has taken, one that the node is recording, and one that is none.
const LAID: &str = "fact";
const TAKEN: &str = "taken";
const BAD: &str = "bad";

/// Makes the inbox, so that it belongs to the node and not to the first who uses it.
pub(super) fn prepare(directory: &Path) -> io::Result<()> {
    Directory::new(&directory.join(INBOX)).map(drop)
}

/// A fact that was laid down.
#[derive(Debug)]
pub struct Laid(PathBuf);

impl Laid {
    /// Waits until the node has recorded it, ten seconds at most; false if it has not.
    #[must_use]
    pub fn was_recorded(&self) -> bool {
        let there = |ending| self.0.with_extension(ending).exists();
        for _ in 0..LOOKS {
            if !there(LAID) && !there(TAKEN) {
                return !there(BAD);
            }
            std::thread::park_timeout(LOOK);
        }
        false
    }
}

/// Lays a fact down for the process that writes the log.
///
/// # Errors
/// The directory cannot be written to.
pub fn lay(directory: &Path, fact: &Fact) -> io::Result<Laid> {
    let inbox = directory.join(INBOX);
    let mut text = format!("{} ", fact.kind()).into_bytes();
    fact.write(&mut text)?;
    let process = std::process::id();
    for number in 0..1000 {
        let hidden = inbox.join(format!(".{process}-{number}"));
        let path = inbox.join(format!("{process}-{number}.{LAID}"));
        let used = [LAID, TAKEN, BAD].iter().any(|ending| path.with_extension(ending).exists());
        match OpenOptions::new().write(true).create_new(true).open(&hidden) {
            Ok(_) if used => std::fs::remove_file(hidden)?,
            Ok(mut file) => {
                file.write_all(&text)?;
                // The node runs as another user, and there is nothing in it that will not be in the log.
                file.set_permissions(Permissions::from_mode(0o644))?;
                file.sync_all()?;
                std::fs::rename(hidden, &path)?;
                return Ok(Laid(path));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the inbox is full; does the process that holds the lock still write?"))
}

/// A fact that was taken out and is not yet recorded.
pub(super) struct Taken(PathBuf);

impl Taken {
    /// It is recorded. A file that cannot be removed makes its command wait in vain, and is never recorded twice.
    pub fn done(&self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Takes facts out. What is no fact that a command may record is set aside.
pub(super) fn take(directory: &Path) -> Vec<(Fact, Taken)> {
    let Ok(entries) = std::fs::read_dir(directory.join(INBOX)) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let laid = paths.filter(|path| path.extension().is_some_and(|ending| ending == LAID));
    let mut facts = Vec::new();
    for path in laid.take(AT_ONCE) {
        let fact = read(&path);
        let taken = path.with_extension(if fact.is_some() { TAKEN } else { BAD });
        // One that cannot be moved away would be recorded every second.
        if std::fs::rename(path, &taken).is_ok() {
            facts.extend(fact.map(|fact| (fact, Taken(taken))));
        }
    }
    facts
}

fn read(path: &Path) -> Option<Fact> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_LINE as u64).read_to_string(&mut text).ok()?;
    let (kind, body) = text.split_once(' ')?;
    let fact = Fact::read(kind, body).ok()?;
    // A command must not be able to speak for the node.
    matches!(fact, Fact::Revealed(_) | Fact::OperatorAction(_)).then_some(fact)
}
