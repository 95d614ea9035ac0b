//! A TURN client that waits for each answer, and a peer of its own.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hilum::client::{Answer, Credential, Incoming, Operation, Rehearsal, Schedule, Session, Side, Step};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{ChannelNumber, write_channel_header};

use super::servers::{PASSWORD, Server, USER};

/// Requests are sent again after this time; loopback loses only what overflows.
const PATIENCE: Duration = Duration::from_millis(200);

pub struct Client {
    pub socket: UdpSocket,
    pub peer: UdpSocket,
    pub channel: ChannelNumber,
    pub call: Rehearsal,
}

impl Client {
    /// An allocation with a channel to a peer of its own, and a DTLS handshake between them, as every call begins.
    pub fn with_channel(server: &Server) -> Self {
        let socket = socket(server);
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut session = session();
        let relayed = allocate(&mut session, &socket).expect("an allocation");
        let channel = ChannelNumber::FIRST;
        ask(&mut session, &socket, Operation::ChannelBind(channel, peer.local_addr().unwrap())).expect("a channel");
        peer.connect(relayed).unwrap();
        let call = Rehearsal::new(hilum::client::random().unwrap());
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        for (side, datagram) in call.handshake() {
            deliver(side, &datagram, &socket, &peer, channel);
        }
        for each in [&socket, &peer] {
            each.set_nonblocking(true).unwrap();
            socket2::SockRef::from(each).set_recv_buffer_size(1 << 20).unwrap();
        }
        Self { socket, peer, channel, call }
    }
}

/// Sends a datagram of the handshake until it has come through.
fn deliver(side: Side, datagram: &[u8], socket: &UdpSocket, peer: &UdpSocket, channel: ChannelNumber) {
    let length = u16::try_from(datagram.len()).unwrap();
    let message = [&write_channel_header(channel, length)[..], datagram].concat();
    let (from, sent, to, expected) = match side {
        Side::Client => (socket, &message[..], peer, datagram),
        Side::Server => (peer, datagram, socket, &message[..]),
    };
    let mut buffer = [0; 2048];
    for _ in 0..10 {
        from.send(sent).unwrap();
        if to.recv(&mut buffer).is_ok_and(|length| buffer[..length] == *expected) {
            return;
        }
    }
    panic!("a datagram of the handshake does not come through");
}

pub fn socket(server: &Server) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub fn session() -> Session {
    let mut seed = [0; 32];
    seed.copy_from_slice(&hilum::client::random::<32>().unwrap());
    Session::new(Credential::new(USER.to_owned(), PASSWORD.to_owned()).unwrap(), false, Schedule::STANDARD, seed)
}

pub fn allocate(session: &mut Session, socket: &UdpSocket) -> Option<SocketAddr> {
    match ask(session, socket, Operation::Allocate { family: None, lifetime: Some(Lifetime::from_secs(600)) })? {
        Answer::Allocated(allocation) => Some(allocation.relayed),
        _ => None,
    }
}

/// One request and its answer; `None` when it is refused or lost for good.
pub fn ask(session: &mut Session, socket: &UdpSocket, operation: Operation) -> Option<Answer> {
    let began = Instant::now();
    let now = || Moment::from_nanos(u64::try_from(began.elapsed().as_nanos()).unwrap());
    session.begin(operation, now()).unwrap();
    let mut buffer = [0; 2048];
    loop {
        match session.poll(now()) {
            Step::Send(bytes) => {
                socket.send(bytes).unwrap();
                continue;
            }
            Step::Wait(_) => {}
            Step::Failed(_) => return None,
        }
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        if let Incoming::Done(result) = session.handle(&buffer[..length], now()) {
            return result.ok();
        }
    }
}
