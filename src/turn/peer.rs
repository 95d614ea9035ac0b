//! Which peers may be reached: policy's rules, and our own address as far as live allocations have it.

use core::net::IpAddr;

use crate::addr::PeerAddr;
use crate::policy::{PeerRefusal, PeerRules};

use super::Common;

/// Whether a permission may be given for an IP address; `Ok(true)` when it is one of our relayed addresses, where only
/// live relayed ports may be reached: two clients of this relay must reach each other, and nobody anything else here.
pub(super) fn reach_ip(rules: &PeerRules, common: &Common, ip: IpAddr) -> Result<bool, PeerRefusal> {
    match rules.permits_ip(ip) {
        Ok(()) => Ok(false),
        Err(PeerRefusal::OwnAddress) if common.is_own(ip) => Ok(true),
        Err(refusal) => Err(refusal),
    }
}

/// The same with the port.
pub(super) fn reach(rules: &PeerRules, common: &Common, peer: PeerAddr) -> Result<bool, PeerRefusal> {
    match rules.permits(peer) {
        Ok(()) => Ok(false),
        Err(PeerRefusal::OwnAddress) if common.is_live(peer) => Ok(true),
        Err(refusal) => Err(refusal),
    }
}
