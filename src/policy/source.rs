//! Where clients come from, as far as it matters for what they may have.

use core::fmt;
use core::net::IpAddr;

/// A source: a /32 of IPv4 or a /64 of IPv6. A household or a hospital has a /64 to itself and can use all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(bool, u64);

impl Source {
    /// The source that an address belongs to. An IPv4-mapped address is the IPv4 address that it is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(false, u64::from(v4.to_bits())),
            // The upper half.
            IpAddr::V6(v6) => Self(true, u64::try_from(v6.to_bits() >> 64).unwrap_or(0)),
        }
    }
}

/// Law 5.
impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Source(redacted)")
    }
}
