//! The second place: a syslog receiver over TLS gets every record, and again after a broken connection.

use std::io::{BufRead, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use hilum::audit::disk::Directory;
use hilum::audit::fact::{Gap, GapCause};
use hilum::audit::line::Line;
use hilum::audit::{Audit, Fact, Rotation, WhenFailing, syslog};
use hilum::client::{Trust, client_config};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::world::{TestClock, begun, good, label, settings};

/// A receiver on loopback, and its certificate as PEM.
fn receiver() -> (TcpListener, Arc<ServerConfig>, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config), made.cert.pem())
}

type Session = BufReader<StreamOwned<ServerConnection, TcpStream>>;

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> Session {
    let (stream, _) = listener.accept().unwrap();
    BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream))
}

/// One message (RFC 5425 §4.3: MSG-LEN SP SYSLOG-MSG), as the record's line in it.
fn message(session: &mut Session) -> Vec<u8> {
    let mut length = Vec::new();
    session.read_until(b' ', &mut length).unwrap();
    let length: usize = std::str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
    let mut message = vec![0; length];
    session.read_exact(&mut message).unwrap();
    // RFC 5424 §6: seven fields stand before the text.
    let text = message.splitn(8, |byte| *byte == b' ').nth(7).unwrap();
    assert!(message.starts_with(b"<109>1 "), "log audit, notice");
    text.to_vec()
}

#[test]
fn every_record_reaches_the_receiver_and_again_after_a_broken_connection() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("log");
    let (listener, server, certificate) = receiver();
    let trusted = place.path().join("receiver.pem");
    std::fs::write(&trusted, certificate).unwrap();
    let mut tls = (*client_config(&Trust::File(trusted)).unwrap()).clone();
    tls.alpn_protocols.clear();
    let port = listener.local_addr().unwrap().port();
    let mut settings = settings(&directory, Rotation::default(), WhenFailing::Continue);
    settings.syslog =
        Some(syslog::Settings { host: "localhost".to_owned(), port, tls: Arc::new(tls), node: label("relay-1") });
    let audit = Audit::open(settings).unwrap();

    audit.record(begun(1));
    assert!(audit.sync());
    let mut session = accept(&listener, &server);
    let first: Vec<Vec<u8>> = (0..2).map(|_| message(&mut session)).collect();
    drop(session);
    audit.record(begun(2));
    assert!(audit.sync());
    let mut session = accept(&listener, &server);
    let mut again = Vec::new();
    while again.len() < 3 {
        again.push(message(&mut session));
    }
    assert_eq!(again[..2], first[..], "what may have been lost comes again");

    // What is left is sent before the end: here the last signature.
    audit.record(begun(3));
    let closing = std::thread::spawn(move || audit.close());
    while again.len() < 5 {
        again.push(message(&mut session));
    }
    closing.join().unwrap();
    let sequences: Vec<u64> = again.iter().map(|line| Line::read(line).unwrap().sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    assert!(again.iter().all(|line| Line::read(line).unwrap().intact()), "the copy verifies like the log");
    assert_eq!(good(&directory).len(), 5);
}

#[test]
fn what_a_receiver_does_not_get_is_counted_and_no_call_waits_for_it() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    let (listener, _, certificate) = receiver();
    let trusted = place.path().join("receiver.pem");
    std::fs::write(&trusted, certificate).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let tls = client_config(&Trust::File(trusted)).unwrap();
    let mut settings = settings(&directory, Rotation::default(), WhenFailing::Continue);
    settings.syslog = Some(syslog::Settings { host: "localhost".to_owned(), port, tls, node: label("relay-1") });
    let disk = Directory::new(&directory).unwrap();
    let audit = Audit::open_with(settings, Arc::new(clock.clone()), Box::new(disk)).unwrap();
    for number in 0..10_000 {
        audit.record(begun(number));
        if number % 1000 == 0 {
            assert!(audit.sync());
        }
    }
    assert!(audit.sync());
    let state = audit.state();
    assert_eq!((state.lost, state.syslog_connected), (0, Some(false)));
    assert!(state.syslog_lost > 0, "its queue has a bound");
    clock.pass(60);
    assert!(audit.sync());
    audit.close();
    let gaps: Vec<Gap> = good(&directory)
        .into_iter()
        .filter_map(|record| match record.fact {
            Fact::Gap(gap) => Some(gap),
            _ => None,
        })
        .collect();
    assert_eq!(gaps[0].cause, GapCause::Syslog);
    assert!(gaps[0].lost >= state.syslog_lost);
}
