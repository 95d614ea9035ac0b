//! Who has access to the API, and to what. A reload makes another one.

use std::collections::BTreeMap;

use super::keys::ApiKeys;
use super::minter::Minter;
use super::people::People;
use super::role::Role;

/// Certificates at once that have a role.
pub const MOST_CERTIFICATES: usize = 256;

/// Who has access.
#[derive(Debug, Default)]
pub struct Access {
    /// Over the Unix socket.
    pub people: People,
    /// Over the network: the bearers of these keys.
    pub keys: ApiKeys,
    /// Over the network: the bearers of certificates with these DNS names, from an authority that is trusted with them.
    pub certificates: BTreeMap<String, Role>,
    /// Makes credentials; `None` if this relay holds no signing key.
    pub minter: Option<Minter>,
}
