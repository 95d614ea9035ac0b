//! What is said in a life, and what must become of it.

use std::net::SocketAddr;

use hilum::addr::{Family, FiveTuple};
use hilum::time::UnixTime;
use hilum::wire::TransactionId;

/// What a client says.
#[derive(Clone, Debug)]
pub enum Word {
    /// An Allocate without credentials.
    Ask,
    Allocate {
        wish: Wish,
        lifetime: Option<u32>,
    },
    Refresh {
        lifetime: Option<u32>,
        family: Option<Family>,
    },
    Permit(Vec<SocketAddr>),
    Bind(u16, SocketAddr),
    Channel(u16, Vec<u8>),
    Send(SocketAddr, Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    One(Family),
    Both,
    /// An even port, and the next one reserved.
    EvenAndNext,
    Reserved([u8; 8]),
}

/// A nonce: whom it was given to, and in which second.
#[derive(Clone, Debug)]
pub struct Nonce {
    pub bytes: Vec<u8>,
    pub client: SocketAddr,
    pub second: u64,
}

/// What a call token says: which call, who of it, and until when an allocation may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge {
    pub call: &'static str,
    pub party: &'static str,
    pub begins_until: UnixTime,
}

/// What goes with a request.
#[derive(Clone, Debug)]
pub struct Proof {
    pub user: String,
    pub badge: Option<Badge>,
    pub until: Option<UnixTime>,
    pub genuine: bool,
    pub nonce: Nonce,
}

/// A word as it travels.
#[derive(Clone, Debug)]
pub struct Said {
    pub client: FiveTuple,
    pub word: Word,
    pub proof: Option<Proof>,
    pub transaction: TransactionId,
}

/// What must become of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Nothing,
    /// One of these answers; 0 is success.
    Answer(Vec<u16>),
    ToPeer {
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
        /// Whether it may also be dropped: a peer behind this relay that ran out within this second.
        perhaps: bool,
    },
    ToClient {
        client: FiveTuple,
        channel: Option<u16>,
        data: Vec<u8>,
        /// Whether it may also be dropped: the sender behind this relay ran out within this second.
        perhaps: bool,
    },
    /// From one closed call's client to another, without leaving the relay.
    Inside {
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
        way: Inside,
    },
}

/// Where a datagram goes that does not leave the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// To this client, with this channel.
    Here(FiveTuple, Option<u16>),
    /// To the other shard; perhaps not, if the receiver ran out within this second.
    OtherShard { perhaps: bool },
    /// Nowhere: the receiver has given no permission, or ran out within this second.
    Lost,
}

/// What the success response to an Allocate said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub relayed: Vec<SocketAddr>,
    pub lifetime: u64,
    pub token: Option<[u8; 8]>,
}
