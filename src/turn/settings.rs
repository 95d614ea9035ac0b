//! What the operator may set about the TURN server itself.

use core::net::SocketAddr;

use crate::auth::token::Region;
use crate::time::Lifetime;

/// Lifetimes and bounds. Built by `config` from `hilum.toml`, or by tests.
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
    /// Relays of other regions, where a client whose credential is for one of them is sent (300).
    pub other_regions: Vec<(Region, SocketAddr)>,
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
            region: None,
            other_regions: Vec::new(),
        }
    }
}
