//! Real handshakes by OpenSSL's own programs, through a proxy that shows each datagram to the seal, and loses, repeats and
//! reorders some. Real processes have real time, so these tests wait for it: each has a bound.
#![allow(clippy::disallowed_methods, reason = "real processes have real time")]

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Local, Other, Profile, Reason, Settings, Way};
use hilum::time::Moment;

use crate::bytes::{Chance, ciphertext, media};

/// OpenSSL waits one second before it repeats a flight, and twice as long each time.
const PATIENCE: Duration = Duration::from_secs(40);
const PIECE: Duration = Duration::from_millis(5);

/// A process that does not outlive its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap_or(());
        self.0.wait().map(|_| ()).unwrap_or(());
    }
}

fn openssl(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn certificate(directory: &Path, name: &str, rsa: bool) {
    let kind: &[&str] =
        if rsa { &["-newkey", "rsa:2048"] } else { &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] };
    let (key, file, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
    let rest = ["-nodes", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &file];
    let status = openssl(&[&["req", "-x509"], kind, &rest].concat(), directory).status();
    assert!(status.expect("openssl is installed").success(), "openssl req");
}

struct Proxy {
    sockets: [UdpSocket; 2],
    /// Where each side is; the client's address is known from its first datagram.
    addresses: [Option<SocketAddr>; 2],
    held: Vec<(usize, Vec<u8>)>,
    chance: Chance,
    /// In per cent, of the first datagrams: OpenSSL's patience is long, ours is not.
    trouble: usize,
    carried: usize,
    conversations: Conversations,
    flows: [Flow; 2],
    began: Instant,
    refused: Vec<Reason>,
    opened: Option<Option<Profile>>,
}

impl Proxy {
    fn new(server: SocketAddr, seed: u64, trouble: usize) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PIECE)).unwrap();
            socket
        };
        let conversations = Conversations::new([1, 2, 3, 4], 10);
        let (alice, bob) = (Party::of(b"alice"), Party::of(b"bob"));
        let relayed = ["198.51.100.1:50001", "198.51.100.1:50002"].map(|text| text.parse().unwrap());
        let flow = |party, at: usize, other| {
            let local = Local { party, relayed: relayed[at] };
            conversations.flow(local, relayed[1 - at], Other::Party(other), Moment::from_secs(1000)).unwrap()
        };
        let flows = [flow(alice, 0, bob), flow(bob, 1, alice)];
        Self {
            sockets: [socket(), socket()],
            addresses: [None, Some(server)],
            held: Vec::new(),
            chance: Chance::new(seed),
            trouble,
            carried: 0,
            conversations,
            flows,
            began: Instant::now(),
            refused: Vec::new(),
            opened: None,
        }
    }

    fn judge(&mut self, from: usize, datagram: &[u8]) -> bool {
        let now = Moment::from_secs(1000) + self.began.elapsed();
        for (flow, way) in [(from, Way::Up), (1 - from, Way::Down)] {
            let settings = Settings::default();
            let judgement = self.conversations.judge(&mut self.flows[flow], way, datagram, now, &settings);
            if let Some(Fact::Opened { profile, .. }) = judgement.fact {
                assert_eq!(self.opened.replace(profile), None, "a seal opens once");
            }
            if let Some(reason) = judgement.refused {
                self.refused.push(reason);
                return false;
            }
        }
        true
    }

    fn carry(&mut self) {
        let mut buffer = [0; 4096];
        for from in 0..2 {
            let Ok((length, address)) = self.sockets[from].recv_from(&mut buffer) else {
                // Nobody comes, so what was held back overtakes nothing any more.
                for (to, datagram) in std::mem::take(&mut self.held) {
                    self.forward(to, &datagram);
                }
                continue;
            };
            if from == 0 {
                self.addresses[0] = Some(address);
            }
            self.carried += 1;
            let bytes = buffer[..length].to_vec();
            let trouble = self.carried < 12 && self.chance.below(100) < self.trouble;
            match if trouble { self.chance.below(3) } else { 3 } {
                0 => {}
                1 => {
                    if self.judge(from, &bytes) {
                        self.held.push((1 - from, bytes));
                    }
                }
                twice => {
                    for _ in 0..if twice == 2 { 2 } else { 1 } {
                        if self.judge(from, &bytes) {
                            self.forward(1 - from, &bytes);
                        }
                    }
                }
            }
        }
    }

    fn forward(&self, to: usize, datagram: &[u8]) {
        if let Some(address) = self.addresses[to] {
            self.sockets[to].send_to(datagram, address).unwrap();
        }
    }
}

/// A handshake between `openssl s_server` and `openssl s_client`.
fn call(seed: u64, trouble: usize, rsa: bool, more_of_server: &[&str], more_of_both: &[&str], profile: Profile) {
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path(), "server", rsa);
    certificate(directory.path(), "client", rsa);
    let server: SocketAddr = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut proxy = Proxy::new(server, seed, trouble);
    let (accept, connect) = (server.to_string(), proxy.sockets[0].local_addr().unwrap().to_string());
    let offer = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
    let chosen = match profile {
        Profile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
        Profile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        _ => "SRTP_AES128_CM_SHA1_80",
    };
    let of_server = [
        "s_server",
        "-quiet",
        "-dtls1_2",
        "-accept",
        &accept,
        "-cert",
        "server.pem",
        "-key",
        "server.key",
        "-Verify",
        "1",
    ];
    let of_server = [&of_server[..], &["-use_srtp", chosen], more_of_server, more_of_both].concat();
    let of_client =
        ["s_client", "-quiet", "-dtls1_2", "-connect", &connect, "-cert", "client.pem", "-key", "client.key"];
    let of_client = [&of_client[..], &["-use_srtp", offer], more_of_both].concat();
    let _server = Program(openssl(&of_server, directory.path()).spawn().unwrap());
    let mut client = Program(openssl(&of_client, directory.path()).spawn().unwrap());

    let limit = Instant::now() + PATIENCE;
    while proxy.opened.is_none() {
        assert!(Instant::now() < limit, "{} datagrams, refused {:?}", proxy.carried, proxy.refused);
        proxy.carry();
    }
    assert_eq!(proxy.opened, Some(Some(profile)));
    let before = proxy.carried;
    client.0.stdin.as_mut().unwrap().write_all(b"a data channel\n").unwrap();
    while proxy.carried == before {
        assert!(Instant::now() < limit, "no data after the handshake");
        proxy.carry();
    }
    for sequence in 0..20 {
        let header = media::Rtp { kind: 111, sequence, ssrc: 7, extension: None, sources: 0, version: 2 };
        assert!(proxy.judge(usize::from(sequence % 2), &media::rtp(header, &ciphertext(sequence.into(), 90))));
    }
    assert_eq!(proxy.refused, []);
}

#[test]
fn openssl_with_a_cookie_is_sealed() {
    call(1, 0, false, &["-listen"], &[], Profile::AeadAes128Gcm);
}

#[test]
fn openssl_with_rsa_in_small_fragments_is_sealed() {
    call(2, 0, true, &[], &["-mtu", "300"], Profile::Aes128CmSha1_80);
}

#[test]
fn openssl_with_cbc_and_trouble_on_the_way_is_sealed() {
    call(3, 30, false, &[], &["-cipher", "ECDHE-ECDSA-AES128-SHA"], Profile::AeadAes256Gcm);
}

#[test]
fn openssl_in_fragments_with_trouble_on_the_way_is_sealed() {
    call(4, 30, true, &[], &["-mtu", "500"], Profile::AeadAes128Gcm);
}
