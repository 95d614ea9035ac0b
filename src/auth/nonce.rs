//! stub
/// stub
pub struct NonceKey([u8; 32]);
impl NonceKey {
    /// stub
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}
