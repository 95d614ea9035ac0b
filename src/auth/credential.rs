//! stub
use crate::time::UnixTime;
/// stub
pub struct StaticUser {
    /// name
    pub name: String,
    /// password
    pub password: Vec<u8>,
}
/// stub
pub struct SharedSecret(Vec<u8>);
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidCredential {
    ShortSecret,
}
impl core::fmt::Display for InvalidCredential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("")
    }
}
impl SharedSecret {
    /// stub
    pub fn new(bytes: Vec<u8>) -> Result<Self, InvalidCredential> {
        Ok(Self(bytes))
    }
}
/// stub
pub struct Credentials;
impl Credentials {
    /// stub
    pub fn new(_users: Vec<StaticUser>, _secrets: Vec<SharedSecret>) -> Result<Self, InvalidCredential> {
        todo!()
    }
}
/// stub
pub fn ephemeral_username(expires: UnixTime, label: &str) -> String {
    format!("{}:{label}", expires.as_secs())
}
/// stub
pub fn ephemeral_password(_secret: &SharedSecret, _username: &[u8]) -> String {
    todo!()
}
