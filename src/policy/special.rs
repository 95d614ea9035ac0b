//! The special-purpose address ranges, which no peer may be in unless an operator names it.

use core::net::IpAddr;

/// A range that is not public unicast: name, network and prefix length. From the IANA special-purpose address
/// registries (RFC 6890, RFC 8190 and the documents they name) and the multicast registries.
pub(super) const SPECIAL: &[(&str, IpAddr, u8)] = &[];
