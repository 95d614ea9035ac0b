//! A client that pauses: what was on its way comes whole, then comes what is fresh, and nothing in between.

use std::time::Duration;

use hilum::addr::Transport;
use hilum::client::Options;
use hilum::turn::Discard;
use hilum::wire::ChannelNumber;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{PATIENCE, World, generous};

/// How old media may be when it leaves the relay's queue.
const AGE: Duration = Duration::from_millis(200);
/// How late a busy machine may be.
const LATE: Duration = Duration::from_millis(300);
/// How long the client pauses, and what comes meanwhile: 6 MB, more than the system's buffers on the way hold.
const PAUSE: Duration = Duration::from_millis(1500);
const PACKETS: u32 = 6000;
const SIZE: usize = 1000;

fn packet(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(SIZE / 4)
}

#[tokio::test]
async fn a_client_that_pauses_gets_fresh_media_and_whole_messages() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let world = World::start(&hilum::listen::Settings { send_age: AGE, send_queue: 16_777_216, ..generous() });
        let tls = (transport == Transport::Tls).then(|| crate::tls::trusting(&world.pair, &["stun.turn"]));
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut client = world.client(transport, &Options { tls, ..Options::plain() }).await;
        let relayed = client.allocate(None, None).await.unwrap().relayed;
        client.channel_bind(ChannelNumber::FIRST, peer.local_addr().unwrap()).await.unwrap();
        let mut sent = Vec::new();
        for number in 0..PACKETS {
            peer.send_to(&packet(number), relayed).await.unwrap();
            sent.push(Instant::now());
            if number % 20 == 19 {
                sleep(PAUSE / (PACKETS / 20)).await;
            }
        }
        let resumed = Instant::now();
        let (mut last, mut old, mut fresh) = (None, 0, 0);
        // What is on its way was sent before the pause had gone on for long; between it and what is fresh is nothing.
        while last < Some(PACKETS - 1) {
            let data = timeout(PATIENCE, client.receive()).await.expect("the last packet comes").unwrap().data;
            let number = u32::from_be_bytes(*data.first_chunk().unwrap());
            assert_eq!(data, packet(number), "a packet is whole");
            assert!(last < Some(number), "packets come in their order");
            last = Some(number);
            let age = resumed.duration_since(sent[usize::try_from(number).unwrap()]);
            if age > AGE + LATE { old += 1 } else { fresh += 1 }
        }
        assert!(fresh > 0 && old < PACKETS / 2, "{old} packets were on their way, {fresh} are fresh");
        world.discarded(Discard::QueueOld).await;
    }
}
