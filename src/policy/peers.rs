//! Which peers may be reached.
use crate::addr::PeerAddr;
use core::net::IpAddr;
use core::str::FromStr;
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network;
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidNetwork;
impl core::fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("")
    }
}
impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(_: &str) -> Result<Self, InvalidNetwork> {
        todo!()
    }
}
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRefusal {
    Special,
    Denied,
    OwnAddress,
    LowPort,
}
/// stub
#[derive(Clone, Debug, Default)]
pub struct PeerRules;
impl PeerRules {
    /// stub
    pub fn new(_allow: Vec<Network>, _deny: Vec<Network>, _lowest_port: u16, _own: Vec<IpAddr>) -> Self {
        todo!()
    }
    /// stub
    pub fn permits_ip(&self, _peer: IpAddr) -> Result<(), PeerRefusal> {
        todo!()
    }
    /// stub
    pub fn permits(&self, _peer: PeerAddr) -> Result<(), PeerRefusal> {
        todo!()
    }
}
