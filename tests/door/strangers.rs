//! What is neither TURN nor HTTP, and what is not what it said it was.

use hilum::listen::Arrival;
use tokio::io::AsyncWriteExt;

use crate::world::{NAME, World, binding, generous, until_closed};

#[tokio::test]
async fn garbage_is_hung_up_on_without_a_word_and_counted() {
    let world = World::start(&generous());
    let openings: [&[u8]; 10] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO mail.example\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 56324 443\r\nGET / HTTP/1.1\r\n\r\n",
        b"\x05\x01\x00",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
        b"\r\n\r\n",
        &[22, 254, 253, 0, 0, 0, 0, 0],
        &[0, 1, 0, 0, 1, 2, 3, 4],
        // ChannelData before any request.
        &[0x40, 0, 0, 4, 1, 2, 3, 4],
    ];
    for (before, opening) in openings.into_iter().enumerate() {
        let mut stream = world.connect().await;
        stream.write_all(opening).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"", "{opening:?}");
        world.arrived(Arrival::Unknown, u64::try_from(before).unwrap() + 1).await;
    }
    world.empties().await;
}

#[tokio::test]
async fn every_first_byte_with_random_bytes_behind_it_ends_and_nothing_else_suffers() {
    let world = World::start(&generous());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_be_bytes()[0]
    };
    for first in 0..=255 {
        let mut stream = world.connect().await;
        let opening: Vec<u8> = core::iter::once(first).chain((0..300).map(|_| next())).collect();
        // It may be closed before all of it is written.
        stream.write_all(&opening).await.ok();
        stream.shutdown().await.ok();
        let said = until_closed(&mut stream).await;
        // An alert of TLS at most: what begins as HTTP does has a whole method.
        assert!(said.len() <= 7, "{first}: {said:?}");
    }
    world.empties().await;
    assert_eq!(world.asks(NAME, "GET / HTTP/1.1\r\nHost: relay.clinic.example\r\n").await.body, "the page");
}

#[tokio::test]
async fn what_is_inside_tls_is_held_to_what_was_agreed() {
    let world = World::start(&generous());
    // No protocol was named, and it is none of ours.
    let mut stream = world.shake(&[], NAME).await.unwrap();
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
    world.arrived(Arrival::Unknown, 1).await;
    // TLS within TLS is not unwrapped twice.
    let mut stream = world.shake(&[], NAME).await.unwrap();
    stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
    world.arrived(Arrival::Unknown, 2).await;
    // TURN was agreed on, and HTTP is spoken: the shard ends it.
    let mut stream = world.shake(&["stun.turn"], NAME).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
    // HTTP was agreed on, and TURN is spoken.
    let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
    stream.write_all(&binding(1)).await.unwrap();
    assert!(until_closed(&mut stream).await.starts_with(b"HTTP/1.1 400"));
    let mut stream = world.shake(&["h2"], NAME).await.unwrap();
    stream.write_all(&[binding(1), binding(2)].concat()).await.unwrap();
    // HTTP/2 begins with its settings; there is no answer of STUN behind them.
    assert!(!until_closed(&mut stream).await.windows(4).any(|four| four == [0x21, 0x12, 0xa4, 0x42]));
    world.empties().await;
}

#[tokio::test]
async fn a_client_that_offers_only_what_is_not_spoken_is_refused_in_the_handshake() {
    let world = World::start(&generous());
    for (offered, alert) in [
        (&["h3"][..], "NoApplicationProtocol"),
        (&["ftp", "imap"], "NoApplicationProtocol"),
        (&["stun.nat-discovery"], "NoApplicationProtocol"),
        // Nobody has asked an authority to look.
        (&["acme-tls/1"], "AccessDenied"),
    ] {
        let error = world.shake(offered, NAME).await.unwrap_err();
        assert!(error.to_string().contains(alert), "{offered:?}: {error}");
    }
    assert_eq!(world.connections.failed_handshakes(), 4);
}
