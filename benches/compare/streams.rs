//! Clients over TLS and TCP that talk with peers outside over UDP: what a packet costs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hilum::addr::Transport;
use hilum::client::Rehearsal;
use hilum::wire::CHANNEL_HEADER;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, version};

use super::Plan;
use super::contest::{Contestant, Load, find, take_turns};
use super::issuer;
use super::load::{AUDIO, Rate, Shape, VIDEO};
use super::outside::described;
use super::peers::{self, Doors};
use super::report::{Gate, Part, Row};
use super::servers::{Kind, Server};
use super::stream_client::{StreamCall, framed};

/// How many clients there are.
const CLIENTS: [usize; 2] = [1, 64];
/// Those that listen to streams and relay to anybody. What is made with the `turn` crate takes datagrams only.
const KINDS: [Kind; 2] = [Kind::Hilum, Kind::Coturn];
/// What clients over TLS must show beside coturn.
const DEMANDED: f64 = 1.3;
/// Different payloads of the media; more than any look at it takes together.
const PAYLOADS: u16 = 1024;
/// How long a packet is waited for.
const PATIENCE: Duration = Duration::from_millis(20);

pub fn run(plan: &Plan) -> Part {
    let mut part = Part::default();
    for transport in [Transport::Tls, Transport::Tcp] {
        for clients in CLIENTS {
            for shape in [AUDIO, VIDEO] {
                compare(plan, transport, clients, shape, &mut part);
            }
        }
    }
    part
}

fn compare(plan: &Plan, transport: Transport, clients: usize, shape: Shape, part: &mut Part) {
    let mut contestants = KINDS.map(|kind| contestant(kind, transport, clients, shape));
    take_turns(&mut contestants, plan.rounds(), plan.turn());
    let name = if transport == Transport::Tls { "TLS" } else { "TCP" };
    let many = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
    let what = format!("{name}, {many}, {}", described(shape));
    for contestant in &contestants {
        eprintln!("{}: {what}: {}", contestant.name, contestant.total());
    }
    let [hilum, coturn] = KINDS.map(|kind| find(&contestants, kind).unwrap());
    if transport == Transport::Tls {
        let gate = Gate::at_least(format!("{what}: times coturn"), hilum.times(coturn).median, DEMANDED);
        part.gates.push(gate.only_if(!plan.quick));
    }
    part.rows.push(Row::of(what, hilum, &contestants));
}

fn contestant(kind: Kind, transport: Transport, clients: usize, shape: Shape) -> Contestant<Streams> {
    let mut doors = None;
    let server = Server::start_with(kind, |address, directory| {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).unwrap();
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        peers::secret(&certificate, &made.cert.pem());
        peers::secret(&key, &made.signing_key.serialize_pem());
        let doors = &*doors.insert(Doors { tcp: address, tls: free, certificate, key });
        let command: fn(SocketAddr, Option<&Doors>, &Path) -> Command =
            if kind == Kind::Hilum { peers::hilum } else { peers::coturn };
        command(address, Some(doors), directory)
    });
    let load = Streams::new(&doors.unwrap(), transport, clients, shape);
    Contestant::new(kind.name(), kind, server, load)
}

/// Media of clients and of their peers, which goes on from one turn to the next.
struct Streams {
    calls: Vec<StreamCall>,
    burst: usize,
    messages: Vec<Vec<u8>>,
    number: u16,
}

impl Streams {
    fn new(doors: &Doors, transport: Transport, clients: usize, shape: Shape) -> Self {
        let config = trusting(&doors.certificate);
        let rehearsal = Rehearsal::new(hilum::client::random().unwrap());
        let (address, tls) = if transport == Transport::Tls { (doors.tls, Some(&config)) } else { (doors.tcp, None) };
        let call = |number| StreamCall::new(address, tls, &issuer::user(number), &rehearsal);
        let messages = (0..PAYLOADS).map(|number| framed(&rehearsal.sealed(number.into(), shape.size))).collect();
        Self { calls: (0..clients).map(call).collect(), burst: shape.burst, messages, number: 0 }
    }

    /// Receives until everything is there, or nothing has come for long enough.
    fn collect(&mut self, expected: usize, rate: &mut Rate) {
        let mut buffer = [0; 2048];
        let mut received = 0;
        let mut last = Instant::now();
        while received < expected && last.elapsed() < PATIENCE {
            let before = received;
            let mut seen = |data: &[u8]| {
                received += 1;
                if is_right(&self.messages, data) { rate.done += 1 } else { rate.wrong += 1 }
            };
            for call in &mut self.calls {
                while let Ok(length) = call.peer.recv(&mut buffer) {
                    seen(&buffer[..length]);
                }
                call.stream.receive();
                while let Some(message) = call.stream.next() {
                    seen(&message[CHANNEL_HEADER..]);
                }
            }
            if received > before {
                last = Instant::now();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

impl Load for Streams {
    /// Both ways as fast as it arrives: the next packets go out when those before have come through.
    fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let (began, cpu) = (Instant::now(), server.cpu());
        let mut rate = Rate::default();
        while began.elapsed() < time {
            let first = self.number;
            for call in &mut self.calls {
                self.number = first;
                for _ in 0..self.burst {
                    self.number = self.number.wrapping_add(1);
                    let message = &mut self.messages[usize::from(self.number % PAYLOADS)];
                    message[CHANNEL_HEADER + 2..CHANNEL_HEADER + 4].copy_from_slice(&self.number.to_be_bytes());
                    call.stream.send(message);
                    call.peer.send(&message[CHANNEL_HEADER..]).unwrap();
                }
            }
            let sent = 2 * self.calls.len() * self.burst;
            rate.sent += sent as u64;
            self.collect(sent, &mut rate);
        }
        rate.cpu = server.cpu() - cpu;
        assert!(rate.wrong == 0, "a packet is not as it was sent: {rate}");
        rate
    }
}

/// Whether every byte is as it was sent.
fn is_right(messages: &[Vec<u8>], data: &[u8]) -> bool {
    let number = u16::from_be_bytes([data[2], data[3]]);
    messages[usize::from(number % PAYLOADS)][CHANNEL_HEADER + 4..] == data[4..]
}

/// A client's side of TLS, with the same suite for every relay. Debian's coturn does not speak TLS 1.3.
fn trusting(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let cipher_suites = vec![TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let provider = CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider));
    let config = config.with_protocol_versions(&[&version::TLS12]).unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}
