//! The world around a configuration: files it names, environment variables, and the host it is for.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::host::Host;
use crate::listen::OpenToAll;

/// The largest file that is read: a chain of certificates has some 10 KB, a list of secrets less.
pub const LARGEST_FILE: u64 = 1 << 20;

/// What a file holds, and who may read it.
pub struct Material {
    /// The content; wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The permission bits, as `chmod` counts them.
    pub mode: u32,
}

impl Material {
    /// What is wrong with the file if it holds a secret: that everybody may use it.
    #[must_use]
    pub const fn open_to_all(&self) -> Option<OpenToAll> {
        OpenToAll::of(self.mode)
    }
}

/// Where `check` looks up what a configuration names.
pub trait Environment {
    /// The value of an environment variable, if it is set.
    fn variable(&self, name: &str) -> Option<Zeroizing<Vec<u8>>>;

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is larger than [`LARGEST_FILE`].
    fn file(&self, path: &Path) -> io::Result<Material>;

    /// The addresses of this host.
    ///
    /// # Errors
    /// The system does not tell.
    fn host(&self) -> io::Result<Host>;

    /// The number of a user of this host, if there is one of that name.
    fn user(&self, name: &str) -> Option<u32>;

    /// The number of a group of this host, if there is one of that name.
    fn group(&self, name: &str) -> Option<u32>;
}

/// The system this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn variable(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        std::env::var_os(name).map(|value| Zeroizing::new(value.into_vec()))
    }

    fn file(&self, path: &Path) -> io::Result<Material> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut bytes = Zeroizing::new(Vec::new());
        // One byte more than allowed tells a file that is too large from one that just fits.
        file.take(LARGEST_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > LARGEST_FILE) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Material { bytes, mode: about.mode() & 0o7777 })
    }

    fn host(&self) -> io::Result<Host> {
        Host::survey()
    }

    fn user(&self, name: &str) -> Option<u32> {
        nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
    }

    fn group(&self, name: &str) -> Option<u32> {
        nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
    }
}
