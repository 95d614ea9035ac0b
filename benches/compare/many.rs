//! Very many clients on two sockets: each has an address of its own in 127.0.0.0/8, which is the source of what it sends.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use hilum::client::{Answer, Credential, Incoming, Operation, Rehearsal, Schedule, Session, Side, Step};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{CHANNEL_HEADER, write_channel_header};
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::sockopt::Ipv4PacketInfo;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt};

use super::bare::{self, Place};
use super::client::CHANNEL;
use super::servers::{Kind, Server};

/// Clients that ask at once. What they are answered fits the buffer of a socket.
const TOGETHER: usize = 64;
/// A datagram of a handshake is sent again after this time.
const PATIENCE: Duration = Duration::from_millis(200);

/// A port of many addresses.
pub struct Station {
    socket: UdpSocket,
    relay: SockaddrIn,
    buffer: Vec<u8>,
    control: Vec<u8>,
}

impl Station {
    fn new(server: &Server) -> Self {
        let SocketAddr::V4(relay) = server.address else { panic!("relays of this bench have IPv4 addresses") };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).unwrap();
        setsockopt(&socket, Ipv4PacketInfo, &true).unwrap();
        let control = nix::cmsg_space!(in_pktinfo);
        Self { socket, relay: SockaddrIn::from(relay), buffer: vec![0; 2048], control }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Sends to the relay from one of the addresses; false when the system has no room.
    pub fn send(&self, from: Ipv4Addr, message: &[u8]) -> bool {
        let (from, none) = (u32::from_ne_bytes(from.octets()), in_addr { s_addr: 0 });
        let source = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: in_addr { s_addr: from }, ipi_addr: none };
        let control = [ControlMessage::Ipv4PacketInfo(&source)];
        let parts = [IoSlice::new(message)];
        sendmsg(self.socket.as_raw_fd(), &parts, &control, MsgFlags::MSG_DONTWAIT, Some(&self.relay)).is_ok()
    }

    /// The length of a datagram of the relay, to whichever address.
    pub fn take(&self, buffer: &mut [u8]) -> Option<usize> {
        self.socket.recv(buffer).ok()
    }

    /// A datagram of the relay and the address it came to.
    pub fn receive(&mut self) -> Option<(Ipv4Addr, &[u8])> {
        self.control.resize(self.control.capacity(), 0);
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let received = recvmsg::<()>(socket, &mut parts, Some(&mut self.control), flags).ok()?;
        let length = received.bytes;
        let to = received.cmsgs().ok()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(target) => Some(target.ipi_addr.s_addr.to_ne_bytes().into()),
            _ => None,
        })?;
        Some((to, &self.buffer[..length]))
    }
}

/// With whom the clients talk.
pub enum Others {
    /// Each two of them with each other, as parties of one call.
    Themselves,
    /// All of them with one socket outside. Where the relay sends from, by client.
    Outside(UdpSocket, Vec<SocketAddr>),
}

/// Clients of one relay, with a channel each, and their handshakes done.
pub struct Many {
    pub stations: [Station; 2],
    pub others: Others,
    pub clients: usize,
}

/// The address of a client; its neighbour has the same, on the other station.
pub fn address(client: usize) -> Ipv4Addr {
    let [_, high, middle, low] = (client as u32 / 2).to_be_bytes();
    Ipv4Addr::new(127, 8 + high, middle, low)
}

fn client_at(station: usize, address: Ipv4Addr) -> usize {
    let [_, high, middle, low] = address.octets();
    2 * u32::from_be_bytes([0, high.wrapping_sub(8), middle, low]) as usize + station
}

impl Many {
    /// As many calls of two clients as that makes.
    pub fn in_calls(server: &Server, clients: usize, who: impl Fn(usize) -> [Credential; 2]) -> Self {
        let mut many = Self::new(server, clients, Others::Themselves);
        many.begin_all(server.kind, |range| range.step_by(2).flat_map(|client| who(client / 2)).collect());
        many
    }

    /// Clients that talk to somebody outside.
    pub fn to_outside(server: &Server, clients: usize, who: impl Fn(usize) -> Credential) -> Self {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&peer).set_recv_buffer_size(4 << 20).unwrap();
        let mut many = Self::new(server, clients, Others::Outside(peer, Vec::with_capacity(clients)));
        many.begin_all(server.kind, |range| range.map(&who).collect());
        many
    }

    fn new(server: &Server, clients: usize, others: Others) -> Self {
        assert!(clients.is_multiple_of(2), "clients are at home in pairs");
        Self { stations: [(); 2].map(|()| Station::new(server)), others, clients }
    }

    fn begin_all(&mut self, kind: Kind, who: impl Fn(Range<usize>) -> Vec<Credential>) {
        for first in (0..self.clients).step_by(TOGETHER) {
            let clients = first..(first + TOGETHER).min(self.clients);
            let relayed = if kind == Kind::Bare {
                self.pair(clients.clone())
            } else {
                self.allocate(first, who(clients.clone()))
            };
            if let Others::Outside(_, known) = &mut self.others {
                known.extend(&relayed);
            }
            self.shake_hands(clients, &relayed);
        }
    }

    /// An allocation of each, and a channel.
    fn allocate(&mut self, first: usize, who: Vec<Credential>) -> Vec<SocketAddr> {
        let session = |who| Session::new(who, false, Schedule::STANDARD, hilum::client::random().unwrap());
        let mut sessions: Vec<Session> = who.into_iter().map(session).collect();
        let lifetime = Some(Lifetime::from_secs(600));
        let answers = self.ask(first, &mut sessions, |_| Operation::Allocate { family: None, lifetime });
        let relayed: Vec<SocketAddr> = answers
            .into_iter()
            .map(|answer| match answer {
                Answer::Allocated(allocation) => allocation.relayed,
                other => panic!("an allocation is answered by {other:?}"),
            })
            .collect();
        let outside = self.outside();
        let peer = |place: usize| outside.unwrap_or_else(|| relayed[place ^ 1]);
        self.ask(first, &mut sessions, |place| Operation::ChannelBind(CHANNEL, peer(place)));
        relayed
    }

    /// What stands for that with the bare forwarder.
    fn pair(&mut self, clients: Range<usize>) -> Vec<SocketAddr> {
        let outside = self.outside();
        for client in clients.clone() {
            let neighbour = (address(client), self.stations[1 - client % 2].port()).into();
            let told = outside.map_or_else(
                || bare::request(Place::Inside, neighbour),
                |outside| bare::request(Place::Outside, outside),
            );
            assert!(self.stations[client % 2].send(address(client), &told), "there is room for a batch");
        }
        let mut relayed = vec![None; clients.len()];
        let began = Instant::now();
        while relayed.iter().any(Option::is_none) {
            assert!(began.elapsed() < 10 * PATIENCE, "the bare forwarder answers");
            for (number, station) in self.stations.iter_mut().enumerate() {
                while let Some((to, bytes)) = station.receive() {
                    relayed[client_at(number, to) - clients.start] = Some(bare::answered(bytes));
                }
            }
        }
        relayed.into_iter().flatten().collect()
    }

    fn outside(&self) -> Option<SocketAddr> {
        match &self.others {
            Others::Themselves => None,
            Others::Outside(peer, _) => peer.local_addr().ok(),
        }
    }

    /// One request of each client, the first of which has this number, and all answers.
    fn ask(&mut self, first: usize, sessions: &mut [Session], what: impl Fn(usize) -> Operation) -> Vec<Answer> {
        let began = Instant::now();
        let now = || Moment::from_nanos(u64::try_from(began.elapsed().as_nanos()).unwrap());
        for (place, session) in sessions.iter_mut().enumerate() {
            session.begin(what(place), now()).unwrap();
        }
        let mut answers: Vec<Option<Answer>> = sessions.iter().map(|_| None).collect();
        while answers.iter().any(Option::is_none) {
            for (place, session) in sessions.iter_mut().enumerate() {
                let client = first + place;
                match session.poll(now()) {
                    Step::Send(bytes) => drop(self.stations[client % 2].send(address(client), bytes)),
                    Step::Wait(_) => {}
                    Step::Failed(failure) => panic!("the request of client {client} fails: {failure:?}"),
                }
            }
            for (number, station) in self.stations.iter_mut().enumerate() {
                while let Some((to, bytes)) = station.receive() {
                    let place = client_at(number, to).wrapping_sub(first);
                    if let Some(session) = sessions.get_mut(place)
                        && let Incoming::Done(result) = session.handle(bytes, now())
                    {
                        answers[place] = Some(result.unwrap_or_else(|failure| panic!("a request fails: {failure:?}")));
                    }
                }
            }
        }
        answers.into_iter().flatten().collect()
    }

    /// A handshake of each call among these clients, all at once, datagram by datagram.
    fn shake_hands(&mut self, clients: Range<usize>, relayed: &[SocketAddr]) {
        let each = if matches!(self.others, Others::Themselves) { 2 } else { 1 };
        let callers: Vec<usize> = clients.clone().step_by(each).collect();
        let calls: Vec<_> =
            callers.iter().map(|_| Rehearsal::new(hilum::client::random().unwrap()).handshake()).collect();
        // Whose a datagram is that comes from there.
        let at: HashMap<SocketAddr, usize> = relayed.iter().copied().zip(clients.clone()).collect();
        for step in 0..4 {
            let mut missing: HashMap<usize, &(Side, Vec<u8>)> =
                callers.iter().zip(&calls).map(|(caller, datagrams)| (*caller, &datagrams[step])).collect();
            let mut tries = 0;
            while !missing.is_empty() {
                assert!(tries < 10, "datagrams of {} handshakes do not come through", missing.len());
                tries += 1;
                for (caller, (side, datagram)) in &missing {
                    self.send_one(*caller, *side, datagram, relayed[caller - clients.start]);
                }
                let began = Instant::now();
                while !missing.is_empty() && began.elapsed() < PATIENCE {
                    self.received(&at, each, |caller| {
                        missing.remove(&caller);
                    });
                }
            }
        }
    }

    /// A datagram of a handshake, from the client that began it or to it.
    fn send_one(&self, caller: usize, side: Side, datagram: &[u8], relayed: SocketAddr) {
        let message = framed(datagram);
        match (&self.others, side) {
            (_, Side::Client) => drop(self.stations[caller % 2].send(address(caller), &message)),
            (Others::Themselves, Side::Server) => drop(self.stations[1].send(address(caller), &message)),
            (Others::Outside(peer, _), Side::Server) => drop(peer.send_to(datagram, relayed)),
        }
    }

    /// Says of which calls, by who began them, something has arrived.
    fn received(&mut self, at: &HashMap<SocketAddr, usize>, each: usize, mut arrived: impl FnMut(usize)) {
        for (number, station) in self.stations.iter_mut().enumerate() {
            while let Some((to, bytes)) = station.receive() {
                if bytes.len() > CHANNEL_HEADER {
                    let client = client_at(number, to);
                    arrived(client - client % each);
                }
            }
        }
        if let Others::Outside(peer, _) = &self.others {
            let mut buffer = [0; 2048];
            while let Ok((_, from)) = peer.recv_from(&mut buffer) {
                at.get(&from).copied().into_iter().for_each(&mut arrived);
            }
        }
    }
}

/// A message on the channel.
pub fn framed(data: &[u8]) -> Vec<u8> {
    [&write_channel_header(CHANNEL, u16::try_from(data.len()).unwrap())[..], data].concat()
}
