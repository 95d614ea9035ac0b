//! What comes to a client: from outside, from another client of the relay, and from one on the other shard.

use std::net::SocketAddr;

use hilum::addr::{FiveTuple, PeerAddr, RelayedAddr};
use hilum::turn::{Direction, Discard, Origin, Verdict};

use super::{Packet, Sim};
use crate::model::{Expected, Inside};
use crate::speech::{check_data, name};

impl Sim {
    /// What a closed call's client has sent to another client of this relay.
    pub(super) fn crosses(
        &mut self,
        (shard, sender): (usize, FiveTuple),
        (from, to, data): (SocketAddr, SocketAddr, Vec<u8>),
        way: Inside,
        verdict: Verdict,
        out: &[u8],
    ) {
        // It was let out, unless the relay knew already that nobody is there.
        if !matches!(verdict, Verdict::Discard(Discard::PeerForbidden)) {
            self.carried.get_mut(&sender).expect("an allocation")[0].add(data.len());
        }
        match (way, verdict) {
            (Inside::Here(client, channel), Verdict::ToClient(to)) => {
                assert_eq!(to, client, "data goes to the client whose relayed address it was sent to");
                self.arrives_inside(shard, client, (from, channel), &data, out);
            }
            (Inside::OtherShard { .. }, Verdict::ToShard { shard: other, from: sender, to: receiver, serial }) => {
                assert_eq!((sender.socket(), receiver.socket(), out), (from, to, &data[..]), "what crosses");
                assert_eq!(usize::from(other), 1 - shard);
                self.tell(format!("  {from} to {to}, on the other shard: {} bytes", data.len()));
                self.flying.push(Packet::FromShard { shard: 1 - shard, from: sender, to: receiver, serial, data });
            }
            (Inside::Lost | Inside::OtherShard { perhaps: true }, Verdict::Discard(reason)) => {
                self.tell(format!("  {reason:?}"));
                *self.counted[shard].discards.entry(reason).or_default() += 1;
            }
            (way, verdict) => panic!("{way:?}, and not {verdict:?}"),
        }
    }

    /// Data has come from one client of this relay to another.
    fn arrives_inside(
        &mut self,
        shard: usize,
        client: FiveTuple,
        (from, channel): (SocketAddr, Option<u16>),
        data: &[u8],
        out: &[u8],
    ) {
        check_data(out, &client, from, channel, data);
        let transport = client.link.transport();
        self.count(shard, transport, Direction::Inside, data.len());
        self.count(shard, transport, Direction::ToClient, out.len());
        self.carried.get_mut(&client).expect("an allocation")[1].add(data.len());
        self.inside += 1;
        self.tell(format!("  to {} by {channel:?}, inside", name(&client)));
    }

    pub(super) fn deliver_to_shard(
        &mut self,
        shard: usize,
        (from, to, serial): (RelayedAddr, RelayedAddr, u32),
        data: &[u8],
    ) {
        self.model.catch_up(self.now);
        let expected = self.model.hears_shard(from.socket(), to.socket(), data, self.now);
        self.tell(format!("{} bytes cross to {}", data.len(), to.socket()));
        let receiver = self.model.transport_at(to.socket());
        self.slot.fill_from(data, Origin::Shard { from, to, serial });
        self.relays[shard].handle(&mut self.slot, self.now);
        let out = self.slot.message().to_vec();
        match (expected, self.slot.verdict()) {
            (Expected::ToClient { client, channel, data, .. }, Verdict::ToClient(there)) => {
                assert_eq!(there, client, "data goes to the client whose relayed address it was sent to");
                self.arrives_inside(shard, client, (from.socket(), channel), &data, &out);
            }
            (Expected::Nothing | Expected::ToClient { perhaps: true, .. }, Verdict::Discard(reason)) => {
                self.tell(format!("  {reason:?}"));
                *self.counted[shard].discards.entry(reason).or_default() += 1;
                // It was heard, and its sender turned out to be gone.
                if [Discard::PeerForbidden, Discard::OtherCall].contains(&reason) {
                    let transport = receiver.expect("a receiver");
                    self.count(shard, transport, Direction::Inside, data.len());
                }
            }
            (expected, verdict) => panic!("{expected:?}, and not {verdict:?}"),
        }
        self.turn(shard);
    }

    pub(super) fn deliver_to_relayed(&mut self, peer: SocketAddr, relayed: SocketAddr, data: &[u8]) {
        self.model.catch_up(self.now);
        let expected = self.model.hears_peer(peer, relayed, data, self.now);
        let found = self.ports.iter().find(|(_, port)| port.relayed == relayed).map(|(key, port)| (*key, port.shard));
        let Some((port, shard)) = found else {
            assert_eq!(expected, Expected::Nothing, "a live relayed address is open");
            return;
        };
        self.tell(format!("{peer} sends {} bytes to {relayed}", data.len()));
        let receiver = self.model.transport_at(relayed);
        self.slot.fill_from(data, Origin::Peer { port, peer: PeerAddr::canonical(peer) });
        self.relays[shard].handle(&mut self.slot, self.now);
        match (expected, self.slot.verdict()) {
            (Expected::ToClient { client, channel, data, .. }, Verdict::ToClient(to)) => {
                assert_eq!(to, client, "data goes to the client whose relayed address it came to");
                let out = self.slot.message().to_vec();
                check_data(&out, &client, peer, channel, &data);
                let transport = client.link.transport();
                self.count(shard, transport, Direction::FromPeer, data.len());
                self.count(shard, transport, Direction::ToClient, out.len());
                self.carried.get_mut(&client).expect("an allocation")[1].add(data.len());
                self.forwarded += 1;
                self.tell(format!("  to {} by {channel:?}", name(&client)));
            }
            (Expected::Nothing | Expected::ToClient { perhaps: true, .. }, Verdict::Discard(reason)) => {
                self.tell(format!("  {reason:?}"));
                *self.counted[shard].discards.entry(reason).or_default() += 1;
                // It was heard, and bears the address of somebody who sends nothing through a socket.
                if [Discard::PeerForbidden, Discard::OtherCall].contains(&reason) {
                    let transport = receiver.expect("a receiver");
                    self.count(shard, transport, Direction::FromPeer, data.len());
                }
            }
            (expected, verdict) => panic!("{expected:?}, and not {verdict:?}"),
        }
        self.turn(shard);
    }
}
