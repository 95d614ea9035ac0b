//! A service manager, as far as sockets go (`sd_notify(3)`, systemd 252): it keeps what it is told to keep, and starts a
//! process with it.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::fstat;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::relay::{Server, Site};

/// Held while descriptors are open for the next child: no other child may have them.
static SPAWNING: Mutex<()> = Mutex::new(());
/// Where descriptors stand for the shell that puts them where a process looks for them.
const ABOVE: i32 = 500;

type Stored = Arc<Mutex<Vec<(String, OwnedFd)>>>;

pub struct Manager {
    path: PathBuf,
    stored: Stored,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Manager {
    pub fn new(site: &Site) -> Self {
        let path = site.place.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (stored, over) = (Stored::default(), Arc::new(AtomicBool::new(false)));
        let (kept, ends) = (Arc::clone(&stored), Arc::clone(&over));
        let listen = move || {
            while !ends.load(Ordering::Relaxed) {
                hear(&socket, &kept);
            }
        };
        let listening = Some(std::thread::spawn(listen));
        Self { path, stored, over, listening }
    }

    /// The names of what is stored, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.stored().iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    fn stored(&self) -> std::sync::MutexGuard<'_, Vec<(String, OwnedFd)>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process with everything that is stored.
    pub async fn start(&self, site: &Site) -> Server {
        let handed: Vec<(String, OwnedFd)> =
            self.stored().iter().map(|(name, socket)| (name.clone(), socket.try_clone().unwrap())).collect();
        let (command, open) = command(site, &handed);
        // What is closed by name is to be closed here, too.
        drop(handed);
        site.started_with(command, open, Some(&self.path)).await
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
    }
}

/// `hilum serve` with sockets, as systemd starts it: they stand from descriptor 3 on.
pub fn command(site: &Site, handed: &[(String, OwnedFd)]) -> (Command, Vec<OwnedFd>) {
    let open: Vec<OwnedFd> = handed.iter().map(|(_, socket)| fcntl_dupfd_cloexec(socket, ABOVE).unwrap()).collect();
    let moves: Vec<String> = (3..).zip(&open).map(|(to, from)| format!("{to}<&{0} {0}<&-", from.as_raw_fd())).collect();
    let exec = if moves.is_empty() { String::new() } else { format!("exec {};", moves.join(" ")) };
    let names: Vec<&str> = handed.iter().map(|(name, _)| name.as_str()).collect();
    let script = format!("{exec} export LISTEN_PID=$$; exec \"$0\" serve --config \"$1\"");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_hilum")]).arg(&site.file);
    if !handed.is_empty() {
        shell.env("LISTEN_FDS", handed.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    }
    (shell, open)
}

/// Starts a child that has these descriptors, and no other child has them.
pub fn spawn(command: &mut Command, open: Vec<OwnedFd>) -> std::process::Child {
    let _one = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    for socket in &open {
        fcntl_setfd(socket, FdFlags::empty()).unwrap();
    }
    command.spawn().unwrap()
}

/// One message of the process, if there is one.
fn hear(socket: &UnixDatagram, stored: &Stored) {
    let mut text = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let Ok(message) = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC) else {
        return;
    };
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = ancillary {
            sockets.extend(received);
        }
    }
    let text = str::from_utf8(&text[..message.bytes]).unwrap();
    let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or_default();
    assert!(name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'), "{name}");
    let mut stored = stored.lock().unwrap_or_else(PoisonError::into_inner);
    if text.lines().any(|line| line == "FDSTORE=1") {
        assert!(text.lines().any(|line| line == "FDPOLL=0"), "a socket that tells of a fault would be closed: {text}");
        for socket in sockets {
            // What is stored already is stored once, under its old name.
            let inode = fstat(&socket).unwrap().st_ino;
            if stored.iter().all(|(_, other)| fstat(other).unwrap().st_ino != inode) {
                stored.push((name.to_owned(), socket));
            }
        }
    } else if text.lines().any(|line| line == "FDSTOREREMOVE=1") {
        stored.retain(|(other, _)| other != name);
    }
    // BARRIER: its descriptor is closed here.
}
