//! What the operator may set about the TURN server itself.

use core::net::SocketAddr;
use core::num::NonZeroU32;

use crate::auth::CallGrant;
use crate::auth::token::Region;
use crate::policy::{Network, RateLimit};
use crate::time::Lifetime;

/// Lifetimes and bounds; by default no limits on rates and sources, which `config` has defaults for. Built by `config` from `hilum.toml`, or by tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The lifetime of an allocation whose client asks for none (RFC 8656 §7.2: 600 s).
    pub default_lifetime: Lifetime,
    /// The longest lifetime granted (RFC 8656 §7.2 recommends 3600 s).
    pub max_lifetime: Lifetime,
    /// How long a permission lives (RFC 8656 §9: 300 s).
    pub permission_lifetime: Lifetime,
    /// How long a channel binding lives (RFC 8656 §12: 600 s).
    pub channel_lifetime: Lifetime,
    /// Permissions one allocation may hold: a call has a few peers, each with a few addresses.
    pub max_permissions: usize,
    /// Channels one allocation may hold.
    pub max_channels: usize,
    /// How far a lifetime may reach past the end of the credential, 30 s at most.
    pub grace: Lifetime,
    /// Whether there are credentials with which peers outside may be reached. Without them no port is opened.
    pub opens_ports: bool,
    /// Single ports to keep open in advance, per family.
    pub spare_ports: usize,
    /// Pairs of ports to keep open in advance, per family.
    pub spare_pairs: usize,
    /// Where clients are sent while this relay drains (RFC 8489 §10: 300 with ALTERNATE-SERVER), one of each family at
    /// most; without one of the client's family they get 508.
    pub alternate: Vec<SocketAddr>,
    /// The region of this relay; credentials for other regions begin nothing here. `None` takes all of them.
    pub region: Option<Region>,
    /// How much each call token may send, as far as it does not say less itself.
    pub token_rate: RateLimit,
    /// How much each user name without a token may send.
    pub user_rate: RateLimit,
    /// Proven requests a second of each credential, four seconds' worth at once; 0 for any number.
    pub requests_per_second: u32,
    /// Allocations at once of each source, a /32 of IPv4 or a /64 of IPv6.
    pub allocations_per_source: usize,
    /// Whose peers are held to the ports that channels are bound to.
    pub strict_port: StrictPort,
    /// Load balancers: each datagram from one of them begins with a PROXY header, and none from elsewhere does.
    pub proxies: Vec<Network>,
    /// Relays of other regions, where a client whose credential is for one of them is sent (300).
    pub other_regions: Vec<(Region, SocketAddr)>,
}

/// Once an allocation has a channel to an IP address, whether only the ports of that address that channels are bound to may
/// send to it. RFC 8656 §9 has permissions by IP address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StrictPort {
    /// Those of call tokens.
    Tokens,
    /// Everybody's.
    Always,
    /// Nobody's.
    Never,
}

impl StrictPort {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::Always, Self::Never];

    /// How the configuration spells it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// Whether it is for an allocation, which is bound to a call or not.
    #[must_use]
    pub const fn is_for(self, bound: bool) -> bool {
        match self {
            Self::Tokens => bound,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Settings {
    /// How much a credential may send: a call token's limits can only narrow the operator's.
    #[must_use]
    pub fn rate_limit(&self, call: Option<&CallGrant>) -> RateLimit {
        call.map_or(self.user_rate, |call| {
            self.token_rate.narrowed(call.claims().limits.kbps.and_then(NonZeroU32::new))
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_lifetime: Lifetime::from_secs(600),
            max_lifetime: Lifetime::from_secs(3600),
            permission_lifetime: Lifetime::from_secs(300),
            channel_lifetime: Lifetime::from_secs(600),
            max_permissions: 64,
            max_channels: 64,
            grace: Lifetime::from_secs(30),
            opens_ports: true,
            spare_ports: 64,
            spare_pairs: 2,
            alternate: Vec::new(),
            token_rate: RateLimit::NONE,
            user_rate: RateLimit::NONE,
            requests_per_second: 0,
            allocations_per_source: usize::MAX,
            strict_port: StrictPort::Tokens,
            region: None,
            proxies: Vec::new(),
            other_regions: Vec::new(),
        }
    }
}
