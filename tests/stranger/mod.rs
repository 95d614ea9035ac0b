//! A TURN server that is not ours: the `turn` crate on loopback. It speaks UDP only, so TCP and TLS come through a door
//! written here, which cuts and pads frames by the letter of RFC 8656 §12.5 and not with our wire code.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use turn::auth::{AuthHandler, generate_auth_key};
use turn::relay::relay_static::RelayAddressGeneratorStatic;
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};
use webrtc_util::vnet::net::Net;

pub const REALM: &str = "stranger";
pub const USER: &str = "clinic";
pub const PASSWORD: &str = "a long password";

struct OneUser;

impl AuthHandler for OneUser {
    fn auth_handle(&self, username: &str, realm: &str, _source: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        if username == USER {
            Ok(generate_auth_key(username, realm, PASSWORD))
        } else {
            Err(turn::Error::ErrNoSuchUser)
        }
    }
}

/// Starts the server on a free UDP port of loopback.
pub async fn start() -> (Server, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let server = Server::new(ServerConfig {
        conn_configs: vec![ConnConfig {
            conn: Arc::new(socket),
            relay_addr_generator: Box::new(RelayAddressGeneratorStatic {
                relay_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                address: "127.0.0.1".to_owned(),
                net: Arc::new(Net::new(None)),
            }),
        }],
        realm: REALM.to_owned(),
        auth_handler: Arc::new(OneUser),
        channel_bind_timeout: Duration::ZERO,
        alloc_close_notify: None,
    })
    .await
    .unwrap();
    (server, address)
}

/// A self-signed certificate for `name` and its key, both PEM.
pub fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Opens a TCP door to the server; with a certificate and key, both PEM, a TLS one.
pub async fn door(server: SocketAddr, tls: Option<(&str, &str)>) -> SocketAddr {
    let acceptor = tls.map(|(certificate, key)| {
        use rustls::pki_types::pem::PemObject;
        let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        // Refuses a client that offers ALPN without this name (RFC 7443).
        config.alpn_protocols = vec![b"stun.turn".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => carry(stream, server).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            carry(stream, server).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Carries frames between one stream and a UDP port of its own until either fails.
async fn carry(stream: impl AsyncRead + AsyncWrite, server: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let inward = async {
        loop {
            let mut head = [0; 4];
            if reader.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (body, padding) = match head[0] {
                0x00..=0x3f => (16 + length, 0),
                _ => (length, (4 - length % 4) % 4),
            };
            let mut datagram = vec![0; 4 + body + padding];
            datagram[..4].copy_from_slice(&head);
            if reader.read_exact(&mut datagram[4..]).await.is_err() {
                return;
            }
            assert!(datagram[4 + body..].iter().all(|&byte| byte == 0), "padding is zero");
            if socket.send(&datagram[..4 + body]).await.is_err() {
                return;
            }
        }
    };
    let outward = async {
        let mut buffer = vec![0; 65536];
        while let Ok(length) = socket.recv(&mut buffer).await {
            let mut frame = buffer[..length].to_vec();
            frame.resize(length.next_multiple_of(4), 0);
            if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}

/// What a bad network does to the channel data that clients send.
#[derive(Clone, Copy)]
pub enum Mischief {
    /// Every tenth packet is lost.
    Lose,
    /// Every tenth packet comes twice.
    Repeat,
    /// Every tenth packet's last byte is changed.
    Change,
    /// Nothing happens to packets, but every client after the first is refused an allocation with 486.
    Quota,
}

/// Opens a UDP door to the server that does mischief to what comes in.
pub async fn bad_door(server: SocketAddr, mischief: Mischief) -> SocketAddr {
    let inside = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = inside.local_addr().unwrap();
    tokio::spawn(async move {
        let mut clients = HashMap::new();
        let mut buffer = vec![0; 65536];
        let mut channel_data = 0;
        while let Ok((length, client)) = inside.recv_from(&mut buffer).await {
            if let Entry::Vacant(place) = clients.entry(client) {
                let outside = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                outside.connect(server).await.unwrap();
                place.insert(Arc::clone(&outside));
                let inside = Arc::clone(&inside);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65536];
                    while let Ok(length) = outside.recv(&mut buffer).await {
                        inside.send_to(&buffer[..length], client).await.unwrap();
                    }
                });
            }
            if matches!(mischief, Mischief::Quota)
                && clients.len() > 1
                && let Some(refusal) = quota_reached(&buffer[..length])
            {
                inside.send_to(&refusal, client).await.unwrap();
                continue;
            }
            let mut copies = 1;
            if buffer[0] == 0x40 {
                channel_data += 1;
                match mischief {
                    _ if channel_data % 10 != 0 => {}
                    Mischief::Lose => copies = 0,
                    Mischief::Repeat => copies = 2,
                    Mischief::Change => buffer[length - 1] ^= 1,
                    Mischief::Quota => {}
                }
            }
            for _ in 0..copies {
                clients[&client].send(&buffer[..length]).await.unwrap();
            }
        }
    });
    address
}

/// A signed 486 to an Allocate request with credentials.
fn quota_reached(request: &[u8]) -> Option<Vec<u8>> {
    use hilum::wire::{
        Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm,
    };
    let request = Message::parse(request).ok().filter(|request| request.method() == Method::Allocate)?;
    IntegrityKind::of(&request)?;
    let md5 = PasswordAlgorithm::Md5;
    let key = IntegrityKey::long_term(md5, USER.as_bytes(), REALM.as_bytes(), PASSWORD.as_bytes());
    let mut buffer = vec![0; 256];
    let mut writer = MessageWriter::new(&mut buffer, Class::Error, Method::Allocate, request.transaction());
    writer.error_code(ErrorCode::ALLOCATION_QUOTA_REACHED, true).integrity(IntegrityKind::Sha1, &key);
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    Some(buffer)
}
