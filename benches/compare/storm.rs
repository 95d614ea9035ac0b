//! A storm of allocations: many new clients at once, each of which asks, is challenged, and asks again with its proof.
//!
//! One set-up is an Allocate without credentials that is answered 401, and one with them that succeeds: two datagrams
//! each way, and all that the server does for them, writing its audit log included. Deleting (Refresh with a lifetime of 0)
//! comes afterwards and is counted apart. The clients ask as browsers do, with MESSAGE-INTEGRITY and without a choice of
//! password algorithms.

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use hilum::wire::attribute::TRANSPORT_UDP;
use hilum::wire::{
    AttributeType, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm, TransactionId,
};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

use super::Plan;
use super::contest::{Contestant, Load, Spread, find, take_turns};
use super::issuer;
use super::load::Rate;
use super::report::{Gate, Part, Row, figure};
use super::servers::{Kind, Server};

/// Clients that ask at the same time: as many as a shard hears in one turn.
const AT_ONCE: usize = 64;
/// Allocations of one turn: ports rest for a minute after each, and all turns together must not use them up.
const MOST: usize = 4000;
/// An unanswered request is sent again after this time.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often before the server counts as dead, and how often one client is refused before that.
const TRIES: u64 = 20;
/// The seconds that an allocation asks for: longer than a turn.
const LIFETIME: u32 = 600;
/// Allocations that are set up in a second of CPU, by either kind of client.
const SET_UP: f64 = 20_000.0;

pub fn run(plan: &Plan) -> Part {
    let users = plan.kinds().filter(|&kind| kind != Kind::Bare).map(|kind| (kind, Whose::Users));
    let contestant = |(kind, whose): (Kind, Whose)| {
        let server = Server::start(kind);
        let storm = Storm::new(&server, whose);
        Contestant::new(kind.name(), kind, server, storm)
    };
    let mut users: Vec<Contestant<Storm>> = users.map(contestant).collect();
    let mut parties = [contestant((Kind::Hilum, Whose::Parties))];
    take_turns(&mut users, plan.rounds(), plan.turn());
    take_turns(&mut parties, plan.rounds(), plan.turn());
    let hilum = find(&users, Kind::Hilum).unwrap();
    let [parties] = &parties;
    let microseconds = |rate: Rate| format!("{:.1} µs", 1e6 / rate.per_second());
    for each in users.iter().chain([parties]) {
        eprintln!("{}: {}, {:?}", each.name, microseconds(each.total()), each.load.refused);
    }
    let facts = [(hilum, "by users, with a socket each"), (parties, "with call tokens and virtual ports")];
    let facts = facts.into_iter().flat_map(|(each, which)| {
        [
            (format!("allocations set up {which}, per CPU-second"), figure(each.figure())),
            (format!("CPU for the set-up of one {which}"), microseconds(each.total())),
            (format!("CPU to delete one {which}"), microseconds(each.load.deleted)),
            (format!("requests of theirs that were refused {which}"), each.load.refusals().to_string()),
        ]
    });
    let gate = |what: &str, spread: Spread| {
        Gate::at_least(format!("allocations set up {what}, per CPU-second"), spread.median, SET_UP).only_if(!plan.quick)
    };
    Part {
        rows: vec![Row::of("allocations set up in a storm, per CPU-second", hilum, &users)],
        gates: vec![gate("by users", hilum.figure()), gate("with call tokens", parties.figure())],
        facts: facts.collect(),
        ..Part::default()
    }
}

/// Whose allocations they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Users with a password, who get a socket each.
    Users,
    /// Parties of calls, two to a call, each with a token that has never been seen before, and a virtual port.
    Parties,
}

/// A client of the storm: an address of its own, a user name and its password, and what the server said.
struct Newcomer {
    address: Ipv4Addr,
    name: String,
    password: Vec<u8>,
    realm: Vec<u8>,
    nonce: Vec<u8>,
}

impl Newcomer {
    fn new(number: u32, whose: Whose) -> Self {
        // From 127.16.0.0 on: the first addresses are those of relays and peers.
        let [_, high, middle, low] = (number + (16 << 16)).to_be_bytes();
        let (name, password) = match whose {
            Whose::Users => (issuer::name(number as usize), issuer::PASSWORD.as_bytes().to_vec()),
            Whose::Parties => issuer::minted(&format!("storm-{}", number / 2), ["a", "b"][number as usize % 2]),
        };
        let address = Ipv4Addr::new(127, high, middle, low);
        Self { address, name, password, realm: Vec::new(), nonce: Vec::new() }
    }
}

/// Many clients on one socket. Each has its own source address, 127 and three bytes of its number, so that the load
/// costs one socket and the server sees strangers.
struct Storm {
    socket: UdpSocket,
    server: SocketAddrV4,
    whose: Whose,
    clients: Vec<Newcomer>,
    /// Clients so far.
    number: u32,
    transactions: u64,
    deleted: Rate,
    /// Answers other than the expected ones, by code.
    refused: HashMap<u16, u64>,
}

impl Load for Storm {
    fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let (began, cpu) = (Instant::now(), server.cpu());
        while began.elapsed() < time && self.clients.len() < MOST {
            let from = self.clients.len();
            self.clients.extend((self.number..).take(AT_ONCE).map(|number| Newcomer::new(number, self.whose)));
            self.number += AT_ONCE as u32;
            let group: Vec<usize> = (from..self.clients.len()).collect();
            self.ask(&group, Method::Allocate, false);
            self.ask(&group, Method::Allocate, true);
        }
        let done = self.clients.len() as u64;
        let made = Rate { done, cpu: server.cpu() - cpu, ..Rate::default() };
        let cpu = server.cpu();
        let all: Vec<usize> = (0..self.clients.len()).collect();
        all.chunks(AT_ONCE).for_each(|group| self.ask(group, Method::Refresh, true));
        self.clients.clear();
        self.deleted += Rate { done, cpu: server.cpu() - cpu, ..Rate::default() };
        made
    }
}

impl Storm {
    fn new(server: &Server, whose: Whose) -> Self {
        let SocketAddr::V4(address) = server.address else { panic!("the relays listen on IPv4 here") };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20).unwrap();
        Self {
            socket,
            server: address,
            whose,
            clients: Vec::new(),
            number: 0,
            transactions: 0,
            deleted: Rate::default(),
            refused: HashMap::new(),
        }
    }

    fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// One request of each client of a group, until all are answered as they should be.
    fn ask(&mut self, group: &[usize], method: Method, proven: bool) {
        let mut waiting: HashMap<u64, usize> = HashMap::new();
        for &index in group {
            waiting.insert(self.begin(index, method, proven), index);
        }
        let mut buffer = [0; 2048];
        let (mut tries, most) = (0, group.len() as u64 * TRIES);
        while !waiting.is_empty() {
            let Ok(length) = self.socket.recv(&mut buffer) else {
                tries += group.len() as u64;
                assert!(tries < most, "{} of {} are not answered: {:?}", waiting.len(), group.len(), self.refused);
                // The same transactions: an answer may have been lost.
                let lost: Vec<(u64, usize)> = waiting.iter().map(|(&number, &index)| (number, index)).collect();
                lost.into_iter().for_each(|(number, index)| self.send(index, number, method, proven));
                continue;
            };
            let Ok(message) = Message::parse(&buffer[..length]) else { continue };
            let number = u64::from_be_bytes(message.transaction().0[4..].try_into().unwrap());
            let Some(index) = waiting.remove(&number) else { continue };
            let code =
                message.value(AttributeType::ERROR_CODE).map(|value| u16::from(value[2]) * 100 + u16::from(value[3]));
            match (code, proven) {
                (Some(401), false) => {
                    let client = &mut self.clients[index];
                    client.realm = message.value(AttributeType::REALM).unwrap().to_vec();
                    client.nonce = message.value(AttributeType::NONCE).unwrap().to_vec();
                }
                (None, true) => assert_eq!(message.class(), Class::Success),
                (code, _) => {
                    tries += 1;
                    *self.refused.entry(code.unwrap_or(0)).or_default() += 1;
                    assert!(tries < most, "requests are refused: {:?}", self.refused);
                    waiting.insert(self.begin(index, method, proven), index);
                }
            }
        }
    }

    /// Begins a transaction; its number.
    fn begin(&mut self, index: usize, method: Method, proven: bool) -> u64 {
        self.transactions += 1;
        self.send(index, self.transactions, method, proven);
        self.transactions
    }

    fn send(&self, index: usize, number: u64, method: Method, proven: bool) {
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&number.to_be_bytes());
        let client = &self.clients[index];
        let mut buffer = [0; 1024];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, TransactionId(transaction));
        if method == Method::Allocate {
            writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[TRANSPORT_UDP, 0, 0, 0]);
            writer.number(AttributeType::LIFETIME, LIFETIME);
        } else {
            writer.number(AttributeType::LIFETIME, 0);
        }
        if proven {
            let name = client.name.as_bytes();
            writer.attribute(AttributeType::USERNAME, name);
            writer.attribute(AttributeType::REALM, &client.realm);
            writer.attribute(AttributeType::NONCE, &client.nonce);
            let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, name, &client.realm, &client.password);
            writer.integrity(IntegrityKind::Sha1, &key);
        } else {
            // So large that the answer, which may be three times as large, has room for all that it offers.
            writer.attribute(AttributeType::SOFTWARE, b"a browser's name");
        }
        let length = writer.finish().unwrap();
        let source = nix::libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from_ne_bytes(client.address.octets()) },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        let parts = [IoSlice::new(&buffer[..length])];
        let to = SockaddrIn::from(self.server);
        let from = [ControlMessage::Ipv4PacketInfo(&source)];
        sendmsg(self.socket.as_raw_fd(), &parts, &from, MsgFlags::empty(), Some(&to)).unwrap();
    }
}
