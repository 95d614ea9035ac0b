//! What the seal holds in memory, by the only witness: an allocator that counts.

use std::net::SocketAddr;

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Flow, Local, Other, Settings, Way};
use hilum::time::Moment;

use crate::bytes::{Chance, ciphertext, media};
use crate::counting::count;
use crate::handshake;
use crate::language::{Action, Case, Place};
use crate::parts::Side;

const NOW: Moment = Moment::from_secs(1000);

/// The datagrams of a handshake as a case writes it: who sends, and what.
pub fn handshake_of(options: &str, seed: u64) -> Vec<(bool, Vec<u8>)> {
    let line = format!("# a handshake\nalice <-> bob handshake {options} => sealed");
    let case = Case::read("handshake", &line).unwrap();
    let Action::Handshake { words, .. } = &case.steps[0].action else { panic!("a handshake") };
    let place = |name: &str| Place { name: name.to_owned(), allocation: 1 };
    let mut sides = [Side::default(), Side::default()];
    let script = handshake::script(words.clone(), (place("alice"), place("bob")), seed, &mut sides).unwrap();
    script.datagrams.into_iter().map(|datagram| (datagram.by_client, datagram.bytes)).collect()
}

fn pair(conversations: &Conversations, number: u16) -> [Flow; 2] {
    let party = |name: &str| Party::of(format!("{name}{number}").as_bytes());
    let address = |host: &str| -> SocketAddr { format!("198.51.100.{host}:{}", 1024 + number).parse().unwrap() };
    let flow = |local: &str, host: &str, other: &str, peer: &str| {
        let local = Local { party: party(local), relayed: address(host) };
        conversations.flow(local, address(peer), Other::Party(party(other)), NOW).unwrap()
    };
    [flow("alice", "1", "bob", "2"), flow("bob", "2", "alice", "1")]
}

fn exchange(conversations: &Conversations, flows: &mut [Flow; 2], by_client: bool, datagram: &[u8]) -> bool {
    let [client, server] = flows;
    let (first, second) = if by_client { (client, server) } else { (server, client) };
    let settings = Settings::default();
    let up = conversations.judge(first, Way::Up, datagram, NOW, &settings);
    let down = conversations.judge(second, Way::Down, datagram, NOW, &settings);
    up.refused.is_none() && down.refused.is_none()
}

/// Live bytes for each of a thousand calls: the conversation, both flows, and the share of the table.
fn bytes_of_a_call(options: &str, after: impl Fn(&Conversations, &mut [Flow; 2])) -> i64 {
    const CALLS: u16 = 1000;
    let handshake = handshake_of(options, 1);
    let mut kept = None;
    let (_, grown) = count(|| {
        let conversations = Conversations::new([1, 2, 3, 4], 100_000);
        let mut calls = Vec::with_capacity(CALLS.into());
        for number in 0..CALLS {
            let mut flows = pair(&conversations, number);
            for (by_client, datagram) in &handshake {
                assert!(exchange(&conversations, &mut flows, *by_client, datagram));
            }
            after(&conversations, &mut flows);
            calls.push(flows);
        }
        kept = Some((conversations, calls));
    });
    drop(kept);
    grown / i64::from(CALLS)
}

// Issue 3: "state per conversation at most 1 KiB after the handshake".
#[test]
fn a_conversation_and_both_its_flows_take_at_most_a_kibibyte_after_the_handshake() {
    for options in ["1.2", "1.3", "1.2 cookie lossy=1", "1.3 retry pieces=200 mtu=256 key-share=1184", "1.2 twice"] {
        let bytes = bytes_of_a_call(options, |_, _| ());
        println!("{options}: {bytes} bytes");
        assert!(bytes <= 1024, "{options}: {bytes} bytes");
    }
}

#[test]
fn a_call_with_audio_and_video_takes_little_more() {
    let bytes = bytes_of_a_call("1.3", |conversations, flows| {
        for sequence in 0..40 {
            for (by_client, ssrc) in [(true, 1), (true, 2), (false, 3), (false, 4)] {
                let header = media::Rtp { kind: 96, sequence, ssrc, extension: None, sources: 0, version: 2 };
                let packet = media::rtp(header, &ciphertext(u64::from(sequence) * 7 + u64::from(ssrc), 100));
                assert!(exchange(conversations, flows, by_client, &packet));
            }
        }
    });
    println!("{bytes} bytes with two sources each way");
    assert!(bytes <= 4096, "{bytes} bytes");
}

/// What one pair of flows holds when somebody sends whatever he likes.
fn bytes_under_attack(name: &str, mut datagram: impl FnMut(&mut Chance, u64) -> Vec<u8>) {
    let mut kept = None;
    let (_, grown) = count(|| {
        let conversations = Conversations::new([1, 2, 3, 4], 100);
        let mut flows = pair(&conversations, 1);
        let mut chance = Chance::new(9);
        for number in 0..5000 {
            let bytes = datagram(&mut chance, number);
            exchange(&conversations, &mut flows, number % 2 == 0, &bytes);
        }
        kept = Some((conversations, flows));
    });
    drop(kept);
    println!("{name}: {grown} bytes");
    // Two messages of 8 KiB in the making on each leg, and eight handshakes.
    assert!(grown <= 40 * 1024, "{name}: {grown} bytes");
}

#[test]
fn whoever_attacks_a_flow_finds_its_memory_bounded() {
    let hello = |seed: u64, options: &str| handshake_of(options, seed).swap_remove(0).1;
    bytes_under_attack("random bytes", |chance, _| {
        let length = chance.below(1500);
        chance.bytes(length)
    });
    bytes_under_attack("new ClientHellos", |_, number| hello(number, "1.2"));
    let half = hello(7, "1.3 key-share=7900 pieces=4000 mtu=1");
    bytes_under_attack("first halves of large ClientHellos", |_, _| half.clone());
    bytes_under_attack("sources without end", |chance, number| {
        let ssrc = u32::try_from(chance.next() >> 32).unwrap();
        let header = media::Rtp { kind: 96, sequence: 1, ssrc, extension: None, sources: 0, version: 2 };
        let early = handshake_of("1.2", 1);
        match early.into_iter().nth(usize::try_from(number).unwrap()) {
            Some((_, datagram)) => datagram,
            None => media::rtp(header, &ciphertext(number, 60)),
        }
    });
}

// The open flow of a call allocates nothing for its media.
#[test]
fn media_on_an_open_flow_allocates_nothing() {
    let conversations = Conversations::new([1, 2, 3, 4], 100);
    let mut flows = pair(&conversations, 1);
    for (by_client, datagram) in handshake_of("1.2", 1) {
        assert!(exchange(&conversations, &mut flows, by_client, &datagram));
    }
    let packets: Vec<Vec<u8>> = (0..100)
        .map(|sequence| {
            let header = media::Rtp { kind: 96, sequence, ssrc: 1, extension: None, sources: 0, version: 2 };
            media::rtp(header, &ciphertext(sequence.into(), 200))
        })
        .collect();
    // The first packets may make room for what is known of their sender.
    let mut packets = packets.iter();
    for packet in packets.by_ref().take(50) {
        assert!(exchange(&conversations, &mut flows, true, packet));
    }
    let (allocations, _) = count(|| {
        for packet in packets {
            assert!(exchange(&conversations, &mut flows, true, packet));
        }
    });
    assert_eq!(allocations, 0);
}
