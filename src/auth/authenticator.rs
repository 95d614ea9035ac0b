//! stub
use super::{Credentials, NonceKey};
use crate::time::Lifetime;
/// stub
pub struct Authenticator;
impl Authenticator {
    /// stub
    pub fn new(_realm: &str, _credentials: Credentials, _nonce_key: NonceKey, _nonce_lifetime: Lifetime) -> Self {
        todo!()
    }
}
