//! A syslog receiver on loopback, that wants to see who sends, gets what a relay records.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hilum::audit::line::Line;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::world::*;

/// Takes one sender that shows this certificate, and tells the lines that it sends.
fn receive(shown: &CertifiedKey<KeyPair>, own: &CertifiedKey<KeyPair>) -> (u16, std::sync::mpsc::Receiver<Vec<u8>>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(shown.cert.der().clone()).unwrap();
    let senders = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(senders)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, lines) = sync_channel(100);
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut session = BufReader::new(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream));
        // RFC 5425 §4.3: MSG-LEN SP SYSLOG-MSG, until the sender has no more.
        loop {
            let mut length = Vec::new();
            if session.read_until(b' ', &mut length).unwrap() == 0 {
                return;
            }
            let length: usize = std::str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
            let mut message = vec![0; length];
            session.read_exact(&mut message).unwrap();
            let text = message.splitn(8, |byte| *byte == b' ').nth(7).unwrap();
            sender.send(text.to_vec()).unwrap();
        }
    });
    (port, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_that_the_configuration_names_gets_every_record() {
    let pair = |name: &str| generate_simple_self_signed([name.to_owned()]).unwrap();
    let (relay, logs) = (pair("relay-1"), pair("localhost"));
    let (port, lines) = receive(&relay, &logs);
    let place = Place::new();
    place.write("logs.pem", &logs.cert.pem());
    place.write("relay.pem", &relay.cert.pem());
    place.write("relay.key", &relay.signing_key.serialize_pem());
    let syslog = format!(
        "syslog = \"localhost:{port}\"\nsyslog_ca = \"logs.pem\"\nsyslog_certificate = \"relay.pem\"\n\
         syslog_key = \"relay.key\""
    );
    let app = place.start(&syslog).await;
    hang_up(meet(&place, &app, CALL).await).await;
    let record = Arc::clone(app.record().unwrap());
    until("the receiver is there", async || record.state().syslog_connected == Some(true)).await;
    app.stop().await;

    let patience = Duration::from_secs(20);
    let got: Vec<Vec<u8>> = std::iter::from_fn(|| lines.recv_timeout(patience).ok()).collect();
    assert_eq!(record.state().syslog_lost, 0);
    let copy: String = got.iter().map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect();
    assert_eq!(copy, text(&place.log()), "the copy is the log");
    assert!(got.iter().all(|line| Line::read(line).unwrap().intact()));
}
