//! What credentials that say nothing themselves allow: those of static users and time-limited ones.

use std::sync::Arc;

use super::token::Region;
use crate::wire::keep::Keep;

/// Which peers a credential may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destinations {
    /// Other clients of this relay at their live relayed addresses, and nothing else: those of the same call, or without
    /// a call those that have none either.
    Clients,
    /// Those, and outside what the rules about peers and the token, if it is one, allow.
    #[default]
    Anywhere,
}

impl Keep for Destinations {
    fn keep(&self, to: &mut Vec<u8>) {
        (*self == Self::Anywhere).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        bool::recall(from).map(|anywhere| if anywhere { Self::Anywhere } else { Self::Clients })
    }
}

/// The terms of static users and time-limited credentials. A call token says for itself what it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which peers may be reached.
    pub reach: Destinations,
    /// The regions whose relays may be used; empty: all.
    pub regions: Arc<[Region]>,
}
