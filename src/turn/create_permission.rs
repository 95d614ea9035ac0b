//! CreatePermission: leave to exchange data with peers, all of those asked for or none (RFC 8656 §10.2).

use core::net::IpAddr;

use crate::addr::{FiveTuple, PeerAddr};
use crate::auth::Request;
use crate::time::Now;
use crate::wire::{AttributeType, decode_xor_address};

use super::allocation::{Permission, Whose};
use super::peer::Reach;
use super::refusal::Refusal;
use super::reply::Body;
use super::{Relay, Settings};

impl Relay {
    pub(super) fn create_permission(
        &mut self,
        request: &Request<'_>,
        client: FiveTuple,
        now: Now,
    ) -> Result<Body, Refusal> {
        let message = request.message();
        let index = self.own_allocation(request, &client, now)?;
        let allocation = self.table.get_mut(index).ok_or(Refusal::AllocationMismatch)?;
        // What is invalid is answered before what is forbidden (RFC 8656 §10.2), whichever stands first.
        let peers = || {
            let addresses = message.attributes().filter(|attribute| attribute.kind == AttributeType::XOR_PEER_ADDRESS);
            addresses.map(|each| decode_xor_address(each.value, message.transaction()).map(PeerAddr::canonical))
        };
        let mut count = 0;
        for peer in peers() {
            peer?;
            count += 1;
        }
        if count == 0 {
            return Err(Refusal::BadRequest);
        }
        if peers().flatten().any(|peer| allocation.relayed(peer.family()).is_none()) {
            return Err(Refusal::PeerAddressFamilyMismatch);
        }
        // Worked out beside the allocation, so that a refusal on the way leaves everything as it was.
        let mut permissions = allocation.permissions.clone();
        let (rules, common) = (&self.policy.peers, &*self.common);
        let reach = Reach::new(rules, common, allocation.party, allocation.call.as_ref(), allocation.destinations);
        for peer in peers().flatten() {
            let whose = reach.ip(peer.ip()).inspect_err(|&refusal| self.tally.peer_refused(refusal))?;
            permit(&mut permissions, peer.ip(), whose, &self.settings, now)?;
        }
        allocation.permissions = permissions;
        self.tally.permissions += count;
        Ok(Body::Done)
    }
}

/// Installs or refreshes one permission.
///
/// # Errors
/// [`Refusal::InsufficientCapacity`] when the allocation has as many as it may have.
pub(super) fn permit(
    permissions: &mut Vec<Permission>,
    ip: IpAddr,
    whose: Whose,
    settings: &Settings,
    now: Now,
) -> Result<(), Refusal> {
    let expires = now.moment + settings.permission_lifetime;
    if let Some(permission) = permissions.iter_mut().find(|permission| permission.ip == ip) {
        permission.expires = expires;
        permission.whose = whose;
        return Ok(());
    }
    if permissions.len() >= settings.max_permissions {
        permissions.retain(|permission| now.moment < permission.expires);
    }
    if permissions.len() >= settings.max_permissions {
        return Err(Refusal::InsufficientCapacity);
    }
    // Most have one or two.
    permissions.reserve_exact(1);
    permissions.push(Permission { ip, expires, whose });
    Ok(())
}
