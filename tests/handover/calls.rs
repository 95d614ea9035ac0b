//! Calls over UDP: parties who reach each other through the relay, and one with a peer outside.

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::client::{Rehearsal, Side};
use hilum::time::Lifetime;
use hilum::wire::ChannelNumber;
use tokio::net::UdpSocket;

use crate::relay::Site;
use crate::world::{Caller, allocate, pass, shared, soon, until};

/// Two parties of a call, who have shaken hands.
pub struct Call {
    pub ada: Caller,
    pub ben: Caller,
    rehearsal: Rehearsal,
    sent: u32,
}

impl Call {
    pub async fn begin(site: &Site, name: &str) -> Self {
        let mut parties = Vec::new();
        for party in ["a", "b"] {
            parties.push(allocate(site.address, Transport::Udp, &site.place.token(name, party)).await.unwrap());
        }
        let (mut ben, mut ada) = (parties.pop().unwrap(), parties.pop().unwrap());
        let (of_ada, of_ben) = (ada.allocation.relayed, ben.allocation.relayed);
        soon(ada.client.channel_bind(ChannelNumber::FIRST, of_ben)).await.unwrap();
        soon(ben.client.channel_bind(ChannelNumber::FIRST, of_ada)).await.unwrap();
        let mut seed = [7; 24];
        seed.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        let rehearsal = Rehearsal::new(seed);
        for (side, datagram) in rehearsal.handshake() {
            match side {
                Side::Client => pass(&mut ada, &mut ben, &datagram).await,
                Side::Server => pass(&mut ben, &mut ada, &datagram).await,
            }
        }
        Self { ada, ben, rehearsal, sent: 0 }
    }

    /// Some packets each way arrive, without another handshake.
    pub async fn goes_on(&mut self) {
        for _ in 0..5 {
            let packet = self.next();
            pass(&mut self.ada, &mut self.ben, &packet).await;
            pass(&mut self.ben, &mut self.ada, &packet).await;
        }
    }

    /// The next packet of this call.
    pub fn next(&mut self) -> Vec<u8> {
        self.sent += 1;
        self.rehearsal.sealed(self.sent, 172)
    }

    /// Nothing arrives of what was good before: there is no seal.
    pub async fn is_refused(&mut self, discards: impl AsyncFn() -> u64) {
        let before = discards().await;
        let packet = self.next();
        soon(self.ada.client.send_channel(ChannelNumber::FIRST, &packet)).await.unwrap();
        until("the packet is refused", async || discards().await == before + 1).await;
    }

    /// Both can prolong what they have, which nobody can who has nothing.
    pub async fn is_prolonged(&mut self) {
        for caller in [&mut self.ada, &mut self.ben] {
            assert!(soon(caller.client.refresh(Lifetime::from_secs(600))).await.unwrap() >= Lifetime::from_secs(1));
        }
    }
}

/// A client, and a peer that is no client.
pub struct Outside {
    pub client: Caller,
    pub peer: UdpSocket,
    rehearsal: Rehearsal,
    sent: u32,
}

impl Outside {
    pub async fn begin(site: &Site) -> Self {
        let peer = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let mut client = allocate(site.address, Transport::Udp, &shared("outside")).await.unwrap();
        soon(client.client.channel_bind(ChannelNumber::FIRST, peer.local_addr().unwrap())).await.unwrap();
        let mut outside = Self { client, peer, rehearsal: Rehearsal::new([99; 24]), sent: 0 };
        for (side, datagram) in outside.rehearsal.handshake() {
            match side {
                Side::Client => outside.out(&datagram).await,
                Side::Server => outside.back(&datagram).await,
            }
        }
        outside
    }

    pub fn relayed(&self) -> SocketAddr {
        self.client.allocation.relayed
    }

    async fn out(&mut self, datagram: &[u8]) {
        soon(self.client.client.send_channel(ChannelNumber::FIRST, datagram)).await.unwrap();
        let mut buffer = [0; 2000];
        let (length, from) = soon(self.peer.recv_from(&mut buffer)).await.unwrap();
        assert_eq!((&buffer[..length], from), (datagram, self.relayed()), "from the same port as ever");
    }

    async fn back(&mut self, datagram: &[u8]) {
        self.peer.send_to(datagram, self.relayed()).await.unwrap();
        assert_eq!(soon(self.client.client.receive()).await.unwrap().data, datagram);
    }

    /// The next packet of this call.
    pub fn next(&mut self) -> Vec<u8> {
        self.sent += 1;
        self.rehearsal.sealed(self.sent, 172)
    }

    pub async fn goes_on(&mut self) {
        for _ in 0..5 {
            let packet = self.next();
            self.out(&packet).await;
            self.back(&packet).await;
        }
    }
}
