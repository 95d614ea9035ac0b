//! The operator's socket: a file that users of this host connect to.

use core::fmt;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// Owner and group; everybody else is kept out by the file system already.
const MODE: u32 = 0o660;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;

/// A socket that is bound; the file goes when this is dropped.
#[derive(Debug)]
pub struct OperatorSocket {
    listener: std::os::unix::net::UnixListener,
    /// `None`: it is somebody else's, who removes it.
    file: Option<File>,
}

/// The file of a socket, which is removed when it is dropped, if it is still the same.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for File {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|about| (about.dev(), about.ino()) == self.identity) {
            // If it stays, the next start finds nobody behind it and replaces it.
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

/// Why there is no socket.
#[derive(Debug)]
pub enum SocketFault {
    /// Another process answers there.
    InUse(PathBuf),
    /// Something else has the name.
    Occupied(PathBuf),
    /// The system refuses.
    System {
        /// Where.
        path: PathBuf,
        /// What it says.
        cause: io::Error,
    },
}

impl fmt::Display for SocketFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(
                formatter,
                "another process answers on {}: end it, or name another socket (operator.socket)",
                path.display()
            ),
            Self::Occupied(path) => write!(
                formatter,
                "{} is there and no socket: remove it, or name another one (operator.socket)",
                path.display()
            ),
            Self::System { path, cause } => write!(
                formatter,
                "cannot listen on {} (operator.socket): {cause}; its directory must exist and be writable for the user \
                 that hilum runs as",
                path.display()
            ),
        }
    }
}

impl core::error::Error for SocketFault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::System { cause, .. } => Some(cause),
            Self::InUse(_) | Self::Occupied(_) => None,
        }
    }
}

impl OperatorSocket {
    /// One that somebody else has bound: a socket unit, which says who may use it (`SocketMode=`) and removes the file.
    #[must_use]
    pub fn given(listener: std::os::unix::net::UnixListener) -> Self {
        Self { listener, file: None }
    }

    /// Binds. The file that a dead process left behind is replaced.
    ///
    /// # Errors
    /// [`SocketFault`].
    pub fn bind(path: &Path) -> Result<Self, SocketFault> {
        let fault = |cause| SocketFault::System { path: path.to_owned(), cause };
        clear(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(fault)?;
        // The file gets the socket's own mode, so that it is open to everybody at no moment.
        fchmod(socket.as_fd(), Mode::from_bits_truncate(MODE)).map_err(|error| fault(error.into()))?;
        socket.bind(&SockAddr::unix(path).map_err(fault)?).map_err(fault)?;
        // The umask may have taken from it.
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(fault)?;
        let about = fs::symlink_metadata(path).map_err(fault)?;
        let file = File { path: path.to_owned(), identity: (about.dev(), about.ino()) };
        socket.listen(BACKLOG).map_err(fault)?;
        socket.set_nonblocking(true).map_err(fault)?;
        Ok(Self { listener: std::os::fd::OwnedFd::from(socket).into(), file: Some(file) })
    }

    pub(super) fn listener(self) -> io::Result<(UnixListener, Option<File>)> {
        Ok((UnixListener::from_std(self.listener)?, self.file))
    }
}

/// Makes room for a socket: removes one that nobody answers on.
fn clear(path: &Path) -> Result<(), SocketFault> {
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(()) };
    if !about.file_type().is_socket() {
        return Err(SocketFault::Occupied(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|cause| SocketFault::System { path: path.to_owned(), cause })
        }
        Err(cause) => Err(SocketFault::System { path: path.to_owned(), cause }),
        Ok(_) => Err(SocketFault::InUse(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_a_live_one_and_anything_else_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("operator.sock");
        let first = OperatorSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert!(matches!(OperatorSocket::bind(&path), Err(SocketFault::InUse(_))));
        drop(first);
        assert!(!path.exists(), "it is gone with its process");

        // A process that was killed leaves the file.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = OperatorSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "not ours").unwrap();
        drop(second);
        assert_eq!(fs::read_to_string(&path).unwrap(), "not ours", "what is not ours stays");
        assert!(matches!(OperatorSocket::bind(&path), Err(SocketFault::Occupied(_))));
        let nowhere = directory.path().join("missing/operator.sock");
        let fault = OperatorSocket::bind(&nowhere).unwrap_err().to_string();
        assert!(fault.contains("its directory must exist"), "{fault}");
    }
}
