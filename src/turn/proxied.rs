//! Clients behind a load balancer, which says in a PROXY header in front of each datagram whose it is. To everything else
//! the client is where the header says; what is for it leaves for the address of the balancer that its last datagram came
//! from, where the balancer knows it by.
//!
//! Whoever is named as a proxy must send a header, and whoever is not is not listened to: so nobody chooses an address for
//! himself, and a balancer that forgets the header does not make one client of all.

use core::net::IpAddr;

use crate::addr::{ClientAddr, FiveTuple, Link, Transport};
use crate::time::Now;
use crate::wire::{Proxied, proxy_header};

use super::flat::NOBODY;
use super::{Direction, Discard, Relay, Slot, Verdict};

impl Relay {
    /// The listening socket that a proxy's datagram came in on; `None` for everybody else.
    #[cold]
    pub(super) fn proxy(&self, sender: &FiveTuple) -> Option<u16> {
        let Link::Udp(listener) = sender.link else { return None };
        self.is_proxy(sender.client.socket().ip()).then_some(listener)
    }

    /// Whether a load balancer of ours is there.
    pub(super) fn is_proxy(&self, ip: IpAddr) -> bool {
        self.settings.proxies.iter().any(|network| network.contains(ip))
    }

    /// A datagram from a proxy.
    #[cold]
    pub(super) fn hear_proxy(&mut self, slot: &mut Slot, proxy: FiveTuple, listener: u16, now: Now) -> Verdict {
        let length = slot.message().len();
        let Ok(Some(header)) = proxy_header(slot.message(), Proxied::Datagram) else {
            self.tally.packet(Transport::Udp, Direction::FromClient, length);
            return Verdict::Discard(Discard::ProxyHeader);
        };
        slot.narrow(header.length, length.saturating_sub(header.length));
        let Some(client) = header.client else {
            // It speaks for itself, as for a health check.
            return self.hear_behind(slot, proxy, now);
        };
        let client = FiveTuple { client: ClientAddr::new(client), link: Link::Proxied(listener) };
        let verdict = self.hear_behind(slot, client, now);
        // A balancer may take another port for a client that was silent, or hand it to its neighbour. Whoever can send this
        // in its name could say that it is anybody, so nothing is won by asking for proof.
        if !matches!(verdict, Verdict::Discard(_)) {
            self.table.set_via(&client, proxy.client);
        }
        match verdict {
            Verdict::ToClient(to) if to == client => Verdict::ToClient(proxy),
            Verdict::ToClient(_) | Verdict::ToPeer { .. } | Verdict::ToShard { .. } | Verdict::Discard(_) => verdict,
        }
    }

    /// What stands behind a header.
    #[cold]
    #[inline(never)]
    fn hear_behind(&mut self, slot: &mut Slot, client: FiveTuple, now: Now) -> Verdict {
        self.hear_message(slot, client, NOBODY, now)
    }

    /// The way to a client behind a proxy, of something that somebody else has sent.
    #[cold]
    pub(super) fn by_proxy(&self, client: &FiveTuple, listener: u16) -> Verdict {
        match self.table.via(client) {
            Some(via) => Verdict::ToClient(FiveTuple { client: via, link: Link::Udp(listener) }),
            None => Verdict::Discard(Discard::NoAllocation),
        }
    }
}
