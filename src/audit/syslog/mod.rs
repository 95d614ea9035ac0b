//! The second place for records: a syslog receiver over TLS (RFC 5424, RFC 5425), such as a write-once store that this
//! node cannot reach back into.
//!
//! Records wait in a bounded queue while the receiver is away; what does not fit is counted, and the log records how
//! many. Syslog has no acknowledgement, so after a broken connection the last records are sent again: the receiver
//! tells doubles by their sequence.

mod message;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::state::Shared;
use super::values::Label;
use message::frame;

/// Records that wait for the receiver, about 4 MB: some minutes of a busy node.
const QUEUE: usize = 8192;
/// Records that are sent again after a broken connection: what the system may have taken without delivering it.
const AGAIN: usize = 128;
/// How long the receiver may take for a connection or a write.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first wait before another attempt, and the longest; it doubles in between.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The port of syslog over TLS (RFC 5425 §4.1).
pub const PORT: u16 = 6514;

/// Where records are sent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The receiver's name; its certificate has to be for it.
    pub host: String,
    /// Its port, usually [`PORT`].
    pub port: u16,
    /// Whom to believe, and who we are. Syslog has no ALPN name, so it should ask for none.
    pub tls: Arc<ClientConfig>,
    /// Stands as HOSTNAME in each message (RFC 5424 §6.2.4).
    pub node: Label,
}

/// The way to the receiver. When it is dropped, what waits is sent first, if the receiver takes it.
pub(super) struct Outlet {
    lines: Option<SyncSender<Vec<u8>>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Outlet {
    pub fn open(settings: Settings, shared: &Arc<Shared>) -> io::Result<Self> {
        let (lines, receiver) = sync_channel(QUEUE);
        let sender = Sender { settings, lines: receiver, shared: Arc::clone(shared), sent: VecDeque::new() };
        let thread = std::thread::Builder::new().name("audit-syslog".to_owned()).spawn(move || sender.run())?;
        Ok(Self { lines: Some(lines), shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Hands over lines that the disk has taken; never waits.
    pub fn pass(&self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let taken = self.lines.as_ref().is_some_and(|lines| lines.try_send(line.to_vec()).is_ok());
            if !taken {
                self.shared.syslog_lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that has died sends nothing more either way.
            drop(thread.join());
        }
    }
}

struct Sender {
    settings: Settings,
    lines: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    /// The last records that were sent, oldest first.
    sent: VecDeque<Vec<u8>>,
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

impl Sender {
    fn run(mut self) {
        let (mut connection, mut wait) = (None, SHORTEST_WAIT);
        while let Ok(line) = self.lines.recv() {
            loop {
                match self.deliver(&mut connection, &line) {
                    Ok(()) => {
                        wait = SHORTEST_WAIT;
                        break;
                    }
                    Err(_) => {
                        connection = None;
                        self.shared.syslog_connected.store(false, Ordering::Relaxed);
                        if self.shared.stop.load(Ordering::Acquire) {
                            let left = 1 + self.lines.try_iter().count() as u64;
                            self.shared.syslog_lost.fetch_add(left, Ordering::Relaxed);
                            return;
                        }
                        std::thread::park_timeout(wait);
                        wait = LONGEST_WAIT.min(wait.saturating_mul(2));
                    }
                }
            }
            if self.sent.len() >= AGAIN {
                self.sent.pop_front();
            }
            self.sent.push_back(line);
        }
        if let Some(mut connection) = connection {
            connection.conn.send_close_notify();
            // The receiver may be gone, which is what this says to it.
            drop(connection.flush());
        }
    }

    fn deliver(&mut self, connection: &mut Option<Connection>, line: &[u8]) -> io::Result<()> {
        if let Some(open) = connection.as_mut() {
            still_there(open)?;
            open.write_all(&frame(&self.settings.node, line))?;
            return open.flush();
        }
        let mut new = self.connect()?;
        for line in self.sent.iter().map(Vec::as_slice).chain([line]) {
            new.write_all(&frame(&self.settings.node, line))?;
        }
        new.flush()?;
        *connection = Some(new);
        self.shared.syslog_connected.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn connect(&self) -> io::Result<Connection> {
        let Settings { host, port, tls, .. } = &self.settings;
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the receiver's name has no address");
        for address in (host.as_str(), *port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    let client = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
                    return Ok(StreamOwned::new(client, stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Reads what the receiver has sent, session tickets or its goodbye, without waiting for more.
fn still_there(connection: &mut Connection) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
    connection.sock.set_nonblocking(true)?;
    loop {
        match connection.conn.read_tls(&mut connection.sock) {
            Ok(0) => return Err(gone()),
            Ok(_) => {
                let state = connection.conn.process_new_packets().map_err(io::Error::other)?;
                if state.peer_has_closed() {
                    return Err(gone());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    connection.sock.set_nonblocking(false)
}
