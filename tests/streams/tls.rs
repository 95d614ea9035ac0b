//! What TLS clients get: versions, application protocols, and the certificate of the moment.

use std::sync::Arc;

use hilum::addr::Transport;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{PATIENCE, Pair, World, binding, eventually, expect_answer, generous};

/// Whether aws-lc-rs is built with the validated module.
const FIPS: bool = cfg!(feature = "fips");

/// A client that believes this certificate alone and speaks these versions.
pub(crate) fn client(
    pair: &Pair,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    client_of(aws_lc_rs::default_provider(), pair, protocols, versions)
}

/// As [`client`], with these suites and groups.
fn client_of(
    provider: CryptoProvider,
    pair: &Pair,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&pair.certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A client that believes this certificate alone and offers these application protocols.
pub(crate) fn trusting(pair: &Pair, protocols: &[&str]) -> Arc<ClientConfig> {
    client(pair, protocols, &[&version::TLS13, &version::TLS12])
}

async fn shake(world: &World, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    shake_as(world, config, "localhost").await
}

/// A handshake with whom the client takes for `name`.
pub(crate) async fn shake_as(
    world: &World,
    config: Arc<ClientConfig>,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = world.connect(Transport::Tls).await;
    let name = ServerName::try_from(name).unwrap();
    timeout(PATIENCE, TlsConnector::from(config).connect(name, socket)).await.expect("an end of the handshake")
}

pub(crate) async fn works(stream: &mut TlsStream<TcpStream>, mark: u8) {
    stream.write_all(&binding(mark)).await.unwrap();
    expect_answer(stream, mark).await;
}

#[tokio::test]
async fn a_client_that_offers_stun_turn_or_nothing_is_served() {
    let world = World::start(&generous());
    for (offered, chosen) in
        [(&["stun.turn"][..], Some(&b"stun.turn"[..])), (&["h2", "stun.turn"], Some(b"stun.turn")), (&[], None)]
    {
        let mut stream = shake(&world, trusting(&world.pair, offered)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
        works(&mut stream, 1).await;
    }
    assert_eq!(world.connections.failed_handshakes(), 0);
}

#[tokio::test]
async fn a_client_that_offers_only_other_protocols_is_refused() {
    let world = World::start(&generous());
    for offered in [&["h2"][..], &["h2", "http/1.1"], &["stun.nat-discovery"]] {
        let error = shake(&world, trusting(&world.pair, offered)).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("NoApplicationProtocol"), "{offered:?}: {error}");
    }
    eventually("each is counted", || world.connections.failed_handshakes() == 3).await;
}

#[tokio::test]
async fn both_versions_are_spoken_and_1_2_only_with_ephemeral_keys() {
    let world = World::start(&generous());
    for (version, expected) in
        [(&version::TLS13, ProtocolVersion::TLSv1_3), (&version::TLS12, ProtocolVersion::TLSv1_2)]
    {
        let mut stream = shake(&world, client(&world.pair, &["stun.turn"], &[version])).await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(expected));
        let suite = format!("{:?}", connection.negotiated_cipher_suite().unwrap().suite());
        assert!(suite.starts_with("TLS13_") || suite.starts_with("TLS_ECDHE_"), "{suite}");
        assert!(suite.contains("_GCM_") || suite.contains("_POLY1305_"), "{suite}");
        works(&mut stream, 1).await;
    }
}

#[tokio::test]
async fn a_client_with_a_hybrid_key_exchange_gets_it_and_others_get_theirs() {
    let world = World::start(&generous());
    let hybrid = NamedGroup::X25519MLKEM768;
    let usual = aws_lc_rs::default_provider();
    for (offered, expected) in [
        (usual.kx_groups.clone(), hybrid),
        // Its first message has a share of X25519 alone; no round trip is spent on asking for another.
        (vec![kx_group::X25519, kx_group::X25519MLKEM768], if FIPS { hybrid } else { NamedGroup::X25519 }),
        (vec![kx_group::SECP256R1], NamedGroup::secp256r1),
        (vec![kx_group::SECP384R1], NamedGroup::secp384r1),
    ] {
        let provider = CryptoProvider { kx_groups: offered, ..usual.clone() };
        let stream = shake(&world, client_of(provider, &world.pair, &[], &[&version::TLS13])).await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name()), Some(expected));
    }
    let provider = CryptoProvider { kx_groups: vec![kx_group::X25519], ..usual };
    let alone = shake(&world, client_of(provider, &world.pair, &[], &[&version::TLS13])).await;
    assert_eq!(alone.is_err(), FIPS, "the validated module takes X25519 beside ML-KEM only");
}

// A build that says so shows what it can: the server's side of every connection is within the module's bounds.
#[tokio::test]
async fn a_build_with_the_validated_module_says_what_it_is() {
    let provider = aws_lc_rs::default_provider();
    assert_eq!(provider.fips(), FIPS);
    let hilum = std::process::Command::new(env!("CARGO_BIN_EXE_hilum")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(hilum.stdout).unwrap().trim_end().ends_with("+fips"), FIPS);
    let world = World::start(&generous());
    let mut stream = shake(&world, trusting(&world.pair, &["stun.turn"])).await.unwrap();
    assert_eq!(
        stream.get_ref().1.fips(),
        FIPS,
        "as the client counts it, from its suite to the extended master secret"
    );
    works(&mut stream, 1).await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_old_ones_go_on() {
    let world = World::start(&generous());
    let renewed = Pair::new();
    let mut old = shake(&world, trusting(&world.pair, &["stun.turn"])).await.unwrap();
    assert!(shake(&world, trusting(&renewed, &["stun.turn"])).await.is_err(), "it is not shown yet");
    world.tls.replace(renewed.load());
    works(&mut old, 1).await;
    let mut new = shake(&world, trusting(&renewed, &["stun.turn"])).await.unwrap();
    works(&mut new, 2).await;
    assert!(shake(&world, trusting(&world.pair, &["stun.turn"])).await.is_err(), "it is shown no more");
}

#[tokio::test]
async fn plain_turn_on_the_tls_port_is_refused() {
    let world = World::start(&generous());
    let mut stream = world.connect(Transport::Tls).await;
    stream.write_all(&binding(1)).await.unwrap();
    // At most an alert comes back, and then the end.
    assert!(crate::world::until_closed(&mut stream).await.len() < 20);
    eventually("it is counted", || world.connections.failed_handshakes() == 1).await;
}
