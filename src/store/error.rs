//! Why the store cannot be used.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// Why the store cannot be opened, read or changed.
#[derive(Debug)]
pub enum StoreError {
    /// The state directory cannot be made or opened. The configuration or the host is at fault.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Another process has it.
    InUse {
        /// The directory or the file.
        path: PathBuf,
    },
    /// The file does not hold together: a disk, or somebody who wrote into it.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A later version of Hilum wrote it.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file's contents.
        version: u64,
    },
    /// The disk does not do what it is asked.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, cause } => write!(
                formatter,
                "the state directory {} cannot be used: {cause}; make it, with the relay's user as its owner and \
                 chmod 700, or name another in server.state",
                path.display()
            ),
            Self::InUse { path } => write!(
                formatter,
                "{} is in use by another hilum; stop that one, or give each its own server.state",
                path.display()
            ),
            Self::Damaged { path, what } => write!(
                formatter,
                "{} is damaged: {what}; put it back from a backup, or move it away and revoke again what it held",
                path.display()
            ),
            Self::Newer { path, version } => write!(
                formatter,
                "{} was written by a later hilum (version {version} of its contents); run that one, or move the file \
                 away and revoke again what it held",
                path.display()
            ),
            Self::Io { path, cause } => {
                write!(formatter, "{} cannot be read or written: {cause}; look at the disk", path.display())
            }
        }
    }
}

impl core::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Directory { cause, .. } => Some(cause),
            Self::InUse { .. } | Self::Damaged { .. } | Self::Newer { .. } | Self::Io { .. } => None,
        }
    }
}
