//! Files with keys: a list of them, which one process at a time may change, and new ones that are written once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A list of keys that no other `hilum` changes as long as this lives: what it reads is what it replaces.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    /// Its directory, locked: the list itself is another file after each change, and a file for the lock alone would
    /// stay behind. The system lets go when the process ends, however it does.
    directory: File,
}

impl Held {
    /// Waits, as long as it takes, until nobody else holds a list of the same directory; says so if it has to.
    pub(super) fn take(path: &Path) -> anyhow::Result<Self> {
        let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot = || format!("cannot lock {}", beside.display());
        let directory = File::open(beside).with_context(cannot)?;
        match directory.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                writeln!(io::stderr(), "another process changes keys in {}; waiting for it", beside.display())?;
                directory.lock().with_context(cannot)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        Ok(Self { path: path.to_owned(), directory })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces it in one step: whoever reads it meanwhile sees the old one or the new one. Owner and mode stay.
    pub(super) fn replace(&self, text: &str) -> anyhow::Result<()> {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = self.path.with_file_name(format!(".{name}.{}", std::process::id()));
        let written = write_beside(&beside, &self.path, text.as_bytes())
            .and_then(|()| fs::rename(&beside, &self.path))
            .and_then(|()| self.directory.sync_all());
        if written.is_err() {
            // It may not be there; that the write failed is what counts.
            fs::remove_file(&beside).unwrap_or_default();
        }
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Writes a file that must not be there yet, for its owner alone.
pub(super) fn create(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))
}

fn write_beside(beside: &Path, old: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let mode = match fs::metadata(old) {
        Ok(about) => {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (about.uid(), about.gid()) {
                chown(beside, Some(about.uid()), Some(about.gid()))?;
            }
            about.mode() & 0o777
        }
        Err(_) => 0o640,
    };
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}
