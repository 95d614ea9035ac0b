//! A TURN client that waits for each answer, and calls: between a client and a peer outside, or between two clients.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hilum::client::{Answer, Credential, Incoming, Operation, Rehearsal, Schedule, Session, Side, Step};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{CHANNEL_HEADER, ChannelNumber, write_channel_header};

use super::bare;
use super::servers::{Kind, Server};

/// Requests are sent again after this time; loopback loses only what overflows.
const PATIENCE: Duration = Duration::from_millis(200);
/// The channel of every client: numbers are its own.
pub const CHANNEL: ChannelNumber = ChannelNumber::FIRST;

/// A client of the relay, or a peer outside, that talks to one other.
pub struct End {
    pub socket: UdpSocket,
    /// Whether it is a client, whose packets have the header of a channel.
    pub framed: bool,
}

/// Two ends that talk through the relay; the first one is a client.
pub struct Call {
    pub ends: [End; 2],
    pub rehearsal: Rehearsal,
}

impl Call {
    /// A client with a channel to a peer of its own, and a DTLS handshake between them, as every call begins.
    pub fn to_outside(server: &Server, who: &Credential) -> Self {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (socket, relayed) = outward(server, who, peer.local_addr().unwrap());
        peer.connect(relayed).unwrap();
        Self::begin([End { socket, framed: true }, End { socket: peer, framed: false }])
    }

    /// Two clients at this address, with a channel to the other's relayed address each, and a handshake between them.
    pub fn of_two_clients(server: &Server, who: [&Credential; 2], address: IpAddr) -> Self {
        let sockets = if server.kind == Kind::Bare {
            let sockets = [(); 2].map(|()| socket(server, address));
            let others = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
            for (socket, other) in sockets.iter().zip(others.into_iter().rev()) {
                bare::pair(socket, bare::Place::Inside, other);
            }
            sockets
        } else {
            let mut clients = who.map(|who| Client::new(server, who, address));
            let relayed = clients.each_mut().map(|client| client.allocate().expect("an allocation"));
            for (client, peer) in clients.iter_mut().zip(relayed.into_iter().rev()) {
                client.channel(peer).expect("a channel");
            }
            clients.map(|client| client.socket)
        };
        Self::begin(sockets.map(|socket| End { socket, framed: true }))
    }

    pub fn begin(ends: [End; 2]) -> Self {
        let call = Self { ends, rehearsal: Rehearsal::new(hilum::client::random().unwrap()) };
        for end in &call.ends {
            end.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        for (side, datagram) in call.rehearsal.handshake() {
            assert!(
                call.delivers(side, &datagram),
                "a datagram of the handshake, of the {side:?}, does not come through"
            );
        }
        for end in &call.ends {
            end.socket.set_nonblocking(true).unwrap();
            socket2::SockRef::from(&end.socket).set_recv_buffer_size(1 << 20).unwrap();
        }
        call
    }

    /// Sends a datagram of the handshake until it has come through.
    fn delivers(&self, side: Side, datagram: &[u8]) -> bool {
        let [first, second] = &self.ends;
        let (from, to) = match side {
            Side::Client => (first, second),
            Side::Server => (second, first),
        };
        let length = u16::try_from(datagram.len()).unwrap();
        let message = [&write_channel_header(CHANNEL, length)[..], datagram].concat();
        let mut buffer = [0; 2048];
        (0..10).any(|_| {
            from.send(&message).unwrap();
            // Some relays pad the messages of a channel, as on a stream.
            to.socket.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(to.part_of(&message)))
        })
    }
}

impl End {
    /// What this end sends and receives of a message on a channel.
    pub fn part_of<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        if self.framed { message } else { &message[CHANNEL_HEADER..] }
    }

    pub fn send(&self, message: &[u8]) -> std::io::Result<usize> {
        self.socket.send(self.part_of(message))
    }
}

/// A client's socket with a channel to somebody outside, and where that one sends to.
pub fn outward(server: &Server, who: &Credential, outside: SocketAddr) -> (UdpSocket, SocketAddr) {
    if server.kind == Kind::Bare {
        let socket = socket(server, Ipv4Addr::LOCALHOST.into());
        let relayed = bare::pair(&socket, bare::Place::Outside, outside);
        return (socket, relayed);
    }
    let mut client = Client::new(server, who, Ipv4Addr::LOCALHOST.into());
    let relayed = client.allocate().expect("an allocation");
    client.channel(outside).expect("a channel");
    (client.socket, relayed)
}

/// One socket that speaks with the relay.
pub struct Client {
    pub socket: UdpSocket,
    session: Session,
}

impl Client {
    pub fn new(server: &Server, who: &Credential, address: IpAddr) -> Self {
        let mut seed = [0; 32];
        seed.copy_from_slice(&hilum::client::random::<32>().unwrap());
        Self { socket: socket(server, address), session: Session::new(who.clone(), false, Schedule::STANDARD, seed) }
    }

    pub fn allocate(&mut self) -> Option<SocketAddr> {
        match self.ask(Operation::Allocate { family: None, lifetime: Some(Lifetime::from_secs(600)) })? {
            Answer::Allocated(allocation) => Some(allocation.relayed),
            _ => None,
        }
    }

    pub fn channel(&mut self, peer: SocketAddr) -> Option<()> {
        self.ask(Operation::ChannelBind(CHANNEL, peer)).map(|_| ())
    }

    /// One request and its answer; `None` when it is refused or lost for good.
    fn ask(&mut self, operation: Operation) -> Option<Answer> {
        let began = Instant::now();
        let now = || Moment::from_nanos(u64::try_from(began.elapsed().as_nanos()).unwrap());
        self.session.begin(operation, now()).unwrap();
        let mut buffer = [0; 2048];
        loop {
            match self.session.poll(now()) {
                Step::Send(bytes) => {
                    self.socket.send(bytes).unwrap();
                    continue;
                }
                Step::Wait(_) => {}
                Step::Failed(_) => return None,
            }
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            if let Incoming::Done(result) = self.session.handle(&buffer[..length], now()) {
                return result.ok();
            }
        }
    }
}

pub fn socket(server: &Server, address: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}
