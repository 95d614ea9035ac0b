//! A sealed call between two shards, and processes that take over while it runs: wherever the handshake has come to, it
//! goes on, and what was open stays open to its two parties and to nobody else.

use std::sync::Arc;

use hilum::policy::seal::{Reason, Settings};
use hilum::turn::{Common, Discard, Event};

use crate::bytes::{ciphertext, media};
use crate::memory::handshake_of;
use crate::world::{Client, Outcome, RELAY_V4, Setup, Token, World, channel_data};

/// Two shards of one relay, a party of a call on each, and a channel from each to the other.
struct Call {
    shards: [World; 2],
    parties: [Client; 2],
}

impl Call {
    fn begin() -> Self {
        let setup = || Setup { seal: Settings::default(), ..Setup::default() };
        let common = Common::new(setup().quota, &[RELAY_V4.parse().unwrap(), "2001:db8:1::1".parse().unwrap()]);
        let mut shards = [0, 1].map(|number| World::shard(setup(), Arc::clone(&common), number));
        let parties = [(1, "a"), (2, "b")].map(|(number, id)| Client::number(number).holding(&Token::new("visit", id)));
        let [one, other] = &mut shards;
        let relayed = [one.allocate(&parties[0]), other.allocate(&parties[1])];
        one.bind(&parties[0], 0x4000, &relayed[1].to_string());
        other.bind(&parties[1], 0x4000, &relayed[0].to_string());
        Self { shards, parties }
    }

    /// One party says something to the other; what became of it.
    fn say(&mut self, from: usize, datagram: &[u8]) -> Outcome {
        match self.shards[from].from_client(&self.parties[from], &channel_data(0x4000, datagram)) {
            Outcome::ToShard { shard, from, to, serial, bytes } => {
                self.shards[usize::from(shard)].from_shard(from, to, serial, &bytes)
            }
            outcome => outcome,
        }
    }

    fn arrives(&mut self, from: usize, datagram: &[u8]) {
        let expected = Outcome::ToClient(self.parties[1 - from].five_tuple, channel_data(0x4000, datagram));
        assert_eq!(self.say(from, datagram), expected, "byte for byte");
    }

    fn restart(&mut self) {
        let restorations = World::restart_all(&mut self.shards);
        assert!(restorations.iter().all(Result::is_ok), "{restorations:?}");
        for shard in &mut self.shards {
            let events = shard.events();
            assert!(matches!(events.as_slice(), [Event::Restored { .. }]), "{events:?}");
        }
    }
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let header = media::Rtp { kind: 96, sequence, ssrc, extension: None, sources: 0, version: 2 };
    media::rtp(header, &ciphertext(u64::from(sequence) * 7 + u64::from(ssrc), 100))
}

#[test]
fn a_sealed_call_goes_on_byte_for_byte_wherever_its_process_ends() {
    for version in ["1.2", "1.3"] {
        let handshake = handshake_of(version, 3);
        for restart_at in 0..=handshake.len() + 1 {
            let mut call = Call::begin();
            for (number, (by_client, datagram)) in handshake.iter().enumerate() {
                if number == restart_at {
                    call.restart();
                }
                call.arrives(usize::from(!by_client), datagram);
            }
            call.arrives(0, &packet(1, 7));
            if restart_at > handshake.len() {
                call.restart();
            }
            for sequence in 2..40 {
                call.arrives(0, &packet(sequence, 7));
                call.arrives(1, &packet(sequence, 8));
            }
            call.restart();
            call.arrives(1, &packet(40, 8));
        }
    }
}

#[test]
fn what_was_not_open_is_not_opened_by_a_restart() {
    let handshake = handshake_of("1.2", 3);
    let mut call = Call::begin();
    for (by_client, datagram) in &handshake[..handshake.len() - 1] {
        call.arrives(usize::from(!by_client), datagram);
    }
    let early = |call: &mut Call| {
        assert_eq!(call.say(0, &packet(1, 7)), Outcome::Discarded(Discard::Seal));
        let of = |world: &World| world.tally().seal_discards(Reason::MediaEarly);
        call.shards.iter().map(of).sum::<u64>()
    };
    assert_eq!(early(&mut call), 1);
    call.restart();
    assert_eq!(early(&mut call), 1, "of a new count");
}

// The version and the profile of a handshake are on record once, by the process that saw it; the next one knows them.
#[test]
fn the_fact_of_going_on_says_what_the_handshake_agreed_on() {
    let mut call = Call::begin();
    for (by_client, datagram) in handshake_of("1.2", 3) {
        call.arrives(usize::from(!by_client), &datagram);
    }
    World::restart_all(&mut call.shards);
    for shard in &mut call.shards {
        let events = shard.events();
        let [Event::Restored { handshakes, .. }] = events.as_slice() else { panic!("{events:?}") };
        assert!(matches!(handshakes.as_slice(), [(hilum::policy::seal::Version::Dtls12, Some(_))]), "{handshakes:?}");
    }
}
