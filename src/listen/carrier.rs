//! TCP and TLS as a shard works them.

use core::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use rustls::ServerConnection;

use crate::plane::Carrier;

/// Bytes of the network that one read takes at most.
const READ: usize = 16_384;
/// Room that is kept while nothing is unsent.
const KEPT: usize = 4096;

/// Plain TCP.
pub(super) struct Plain {
    socket: TcpStream,
    /// What was put; messages that leave together are one write.
    unsent: Vec<u8>,
    /// Bytes at its front that have left.
    sent: usize,
}

impl Plain {
    /// Over a socket that does not block.
    pub(super) const fn new(socket: TcpStream) -> Self {
        Self { socket, unsent: Vec::new(), sent: 0 }
    }
}

impl fmt::Debug for Plain {
    /// Law 5: a socket prints its addresses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plain {{ {} bytes unsent }}", self.unsent.len().saturating_sub(self.sent))
    }
}

impl Carrier for Plain {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = room.len().min(READ);
        self.socket.read(room.get_mut(..length).unwrap_or_default())
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        self.unsent.extend_from_slice(message);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<bool> {
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.unsent.clear();
        if self.unsent.capacity() > KEPT {
            self.unsent = Vec::new();
        }
        Ok(true)
    }

    fn unsent(&self) -> bool {
        self.sent < self.unsent.len()
    }

    fn farewell(&mut self) {
        // A client that has gone hears nothing.
        self.socket.shutdown(Shutdown::Write).ok();
    }
}

/// TLS, after its handshake.
pub(super) struct Secure {
    socket: TcpStream,
    session: ServerConnection,
}

impl Secure {
    /// Over a socket that does not block.
    pub(super) fn new(socket: TcpStream, mut session: ServerConnection) -> Self {
        // The shard bounds what it puts; a message that finds no room in here would be half a record.
        session.set_buffer_limit(None);
        Self { socket, session }
    }

    /// Decrypts what has come from the network into `room`; returns how many bytes that is.
    fn decrypt(&mut self, mut come: &[u8], room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while !come.is_empty() {
            self.session.read_tls(&mut come)?;
            self.session.process_new_packets().map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
            while let Some(free) = room.get_mut(filled..).filter(|free| !free.is_empty()) {
                match self.session.reader().read(free) {
                    // The client has said goodbye; what comes behind that is nothing.
                    Ok(0) => return Ok(filled),
                    Ok(length) => filled += length,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        // A part of a record, or a message of TLS's own.
        if filled == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(filled) }
    }
}

impl fmt::Debug for Secure {
    /// Law 5: a socket prints its addresses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secure {{ unsent: {} }}", self.session.wants_write())
    }
}

impl Carrier for Secure {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // What came with the end of the handshake, or found no room.
        match self.session.reader().read(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        let Some((room, network)) = room.len().checked_sub(READ).and_then(|at| room.split_at_mut_checked(at)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match self.socket.read(network)? {
            0 => Ok(0),
            length => self.decrypt(network.get(..length).unwrap_or_default(), room),
        }
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        self.session.writer().write_all(message)
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            // Many records in one vectored write.
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn unsent(&self) -> bool {
        self.session.wants_write()
    }

    fn farewell(&mut self) {
        self.session.send_close_notify();
        // A client that has gone, or takes nothing, hears nothing.
        self.flush().ok();
        self.socket.shutdown(Shutdown::Write).ok();
    }
}
