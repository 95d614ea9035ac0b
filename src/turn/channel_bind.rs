//! ChannelBind: a number that stands for a peer, and leave to reach it (RFC 8656 §12.2).

use crate::addr::{FiveTuple, PeerAddr};
use crate::auth::Request;
use crate::time::Now;
use crate::wire::{AttributeType, ChannelNumber};

use super::Relay;
use super::allocation::Channel;
use super::create_permission::permit;
use super::peer::Reach;
use super::refusal::Refusal;
use super::reply::Body;

impl Relay {
    pub(super) fn channel_bind(&mut self, request: &Request<'_>, client: FiveTuple, now: Now) -> Result<Body, Refusal> {
        let message = request.message();
        let index = self.own_allocation(request, &client, now)?;
        let number = message.value(AttributeType::CHANNEL_NUMBER).ok_or(Refusal::BadRequest)?;
        let number = ChannelNumber::decode(number)?;
        let peer = message.xor_address(AttributeType::XOR_PEER_ADDRESS).ok_or(Refusal::BadRequest)??;
        let peer = PeerAddr::canonical(peer);
        let allocation = self.table.get_mut(index).ok_or(Refusal::AllocationMismatch)?;
        // A channel stands for one peer and a peer has one channel, as long as the binding lives.
        let bound_to = allocation.channel(number, now.moment).map(|channel| channel.peer);
        let bound_by = allocation.channel_of(peer, now.moment).map(|channel| channel.number);
        if bound_to.is_some_and(|other| other != peer) || bound_by.is_some_and(|other| other != number) {
            return Err(Refusal::BadRequest);
        }
        if allocation.relayed(peer.family()).is_none() {
            return Err(Refusal::PeerAddressFamilyMismatch);
        }
        let (rules, common) = (&self.policy.peers, &*self.common);
        let reach = Reach::new(rules, common, allocation.party, allocation.call.as_ref(), allocation.destinations);
        let whose = reach.peer(peer).inspect_err(|&refusal| self.tally.peer_refused(refusal))?;
        // What has run out makes room, and must not answer for its number or peer.
        allocation.channels.retain(|channel| now.moment < channel.expires);
        if bound_to.is_none() && allocation.channels.len() >= self.settings.max_channels {
            return Err(Refusal::InsufficientCapacity);
        }
        permit(&mut allocation.permissions, peer.ip(), whose, &self.settings, now)?;
        let expires = now.moment + self.settings.channel_lifetime;
        match allocation.channels.iter_mut().find(|channel| channel.number == number) {
            Some(channel) => channel.expires = expires,
            None => {
                // Most have one or two.
                allocation.channels.reserve_exact(1);
                allocation.channels.push(Channel { number, peer, expires });
            }
        }
        self.tally.channels += 1;
        Ok(Body::Done)
    }
}
