//! A TURN client over TCP or TLS, and the peer that it talks with over UDP.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hilum::client::{Answer, Credential, Incoming, Operation, Rehearsal, Schedule, Session, Side, Step};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{CHANNEL_HEADER, frame_length, write_channel_header};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::client::CHANNEL;

/// A request is given up after this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that whole messages go over; nonblocking.
pub struct Stream {
    socket: TcpStream,
    tls: Option<ClientConnection>,
    received: Vec<u8>,
    /// Bytes at the front that have been handed out.
    taken: usize,
}

impl Stream {
    /// Over TLS if there is a configuration for it.
    fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let tls = tls.map(|config| {
            let name = ServerName::try_from("localhost").unwrap();
            let mut tls = ClientConnection::new(config.clone(), name).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut socket).unwrap();
            }
            tls
        });
        socket.set_nonblocking(true).unwrap();
        Self { socket, tls, received: Vec::new(), taken: 0 }
    }

    /// Each message is a write and, over TLS, a record of its own, as browsers do it.
    pub fn send(&mut self, message: &[u8]) {
        let Some(tls) = &mut self.tls else {
            let mut rest = message;
            while !rest.is_empty() {
                let written = again(|| self.socket.write(rest));
                rest = &rest[written..];
            }
            return;
        };
        tls.writer().write_all(message).unwrap();
        while tls.wants_write() {
            again(|| tls.write_tls(&mut self.socket));
        }
    }

    /// Takes in what has come.
    pub fn receive(&mut self) {
        self.received.drain(..self.taken);
        self.taken = 0;
        let mut buffer = [0; 16_384];
        let Some(tls) = &mut self.tls else {
            while let Ok(length) = self.socket.read(&mut buffer) {
                assert!(length > 0, "the relay has closed the connection");
                self.received.extend_from_slice(&buffer[..length]);
            }
            return;
        };
        while let Ok(length) = tls.read_tls(&mut self.socket) {
            assert!(length > 0, "the relay has closed the connection");
            tls.process_new_packets().unwrap();
            while let Ok(length) = tls.reader().read(&mut buffer) {
                self.received.extend_from_slice(&buffer[..length]);
            }
        }
    }

    /// The next whole message of what has come.
    pub fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.received[self.taken..];
        let length = frame_length(rest).expect("a stream of messages")?.length;
        let message = rest.get(..length)?;
        self.taken += length;
        Some(message)
    }
}

/// Until the socket has room.
fn again(mut attempt: impl FnMut() -> io::Result<usize>) -> usize {
    loop {
        match attempt() {
            Ok(length) => return length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("the connection is broken: {error}"),
        }
    }
}

/// A stream client with a channel to a peer outside.
pub struct StreamCall {
    pub stream: Stream,
    pub peer: UdpSocket,
}

impl StreamCall {
    /// With the DTLS handshake between them, as every call begins.
    pub fn new(address: SocketAddr, tls: Option<&Arc<ClientConfig>>, who: &Credential, rehearsal: &Rehearsal) -> Self {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&peer).set_recv_buffer_size(1 << 20).unwrap();
        let mut stream = Stream::connect(address, tls);
        let seed = hilum::client::random::<32>().unwrap();
        let mut session = Session::new(who.clone(), true, Schedule::STANDARD, seed);
        let operation = Operation::Allocate { family: None, lifetime: Some(Lifetime::from_secs(600)) };
        let Some(Answer::Allocated(allocation)) = ask(&mut session, &mut stream, operation) else {
            panic!("no allocation")
        };
        let bind = Operation::ChannelBind(CHANNEL, peer.local_addr().unwrap());
        ask(&mut session, &mut stream, bind).expect("a channel");
        peer.connect(allocation.relayed).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut call = Self { stream, peer };
        for (side, datagram) in rehearsal.handshake() {
            assert!(call.delivers(side, &datagram), "a datagram of the handshake does not come through");
        }
        call
    }

    fn delivers(&mut self, side: Side, datagram: &[u8]) -> bool {
        let mut buffer = [0; 2048];
        match side {
            Side::Client => self.stream.send(&framed(datagram)),
            Side::Server => {
                self.peer.send(datagram).unwrap();
            }
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let arrived = match side {
                Side::Client => self.peer.recv(&mut buffer).is_ok_and(|length| buffer[..length] == *datagram),
                Side::Server => {
                    self.stream.receive();
                    self.stream.next().is_some_and(|message| message == framed(datagram))
                }
            };
            if arrived {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

/// A message on the channel, padded as streams want it.
pub fn framed(data: &[u8]) -> Vec<u8> {
    let mut message = write_channel_header(CHANNEL, u16::try_from(data.len()).unwrap()).to_vec();
    message.extend_from_slice(data);
    message.resize(CHANNEL_HEADER + data.len().next_multiple_of(4), 0);
    message
}

/// One request and its answer; `None` when it is refused.
fn ask(session: &mut Session, stream: &mut Stream, operation: Operation) -> Option<Answer> {
    let began = Instant::now();
    let now = || Moment::from_nanos(u64::try_from(began.elapsed().as_nanos()).unwrap());
    session.begin(operation, now()).unwrap();
    while began.elapsed() < PATIENCE {
        match session.poll(now()) {
            Step::Send(bytes) => stream.send(bytes),
            Step::Wait(_) => {}
            Step::Failed(_) => return None,
        }
        stream.receive();
        while let Some(message) = stream.next() {
            if let Incoming::Done(result) = session.handle(message, now()) {
                return result.ok();
            }
        }
        std::thread::yield_now();
    }
    None
}
