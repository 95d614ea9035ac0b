//! What one allocation knows of one peer, and the judgement of a datagram between them.

use core::net::IpAddr;

use crate::auth::Party;
use crate::time::Moment;
use crate::wire::dtls::Record;
use crate::wire::keep::Keep;

use super::association::{Association, End};
use super::conversation::{Member, State};
use super::disguise::Senders;
use super::ice::Checks;
use super::pace::Pace;
use super::reassembly::Reassembly;
use super::{Conversations, Fact, Mode, Other, Profile, Profiles, Reason, Settings, Version};

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From the client to the peer.
    Up,
    /// From the peer to the client.
    Down,
}

/// Whether a datagram is media by its first byte: RTP or RTCP, encrypted or not (RFC 7983 §7).
#[must_use]
pub const fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, ..])
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it must not pass; `None` when it may.
    pub refused: Option<Reason>,
    /// What happened to a seal.
    pub fact: Option<Fact>,
}

/// One allocation and one peer: a candidate pair, in the terms of ICE.
///
/// It is small, and made again without loss: what was agreed on is in the conversation. What media needs stands first.
#[derive(Debug)]
#[repr(C)]
pub struct Flow {
    pub(super) member: Member,
    pub(super) senders: Senders,
    /// The association that records on this path are of.
    pub(super) attached: Option<Attached>,
    pub(super) party: Party,
    pub(super) foreign: Option<IpAddr>,
    /// Both ends have the same credential, so that only a hello tells which end is which.
    pub(super) alike: bool,
    /// Which end of the conversation the client is.
    pub(super) client: End,
    /// It is not what its last record says, whatever has passed that leaves no trace but in its counts.
    pub(super) news: bool,
    /// The association of the last ClientHello on this path.
    pub(super) offered: Option<u32>,
    /// A hello that has come in part, one way and the other.
    pub(super) up: Option<Box<Reassembly>>,
    pub(super) down: Option<Box<Reassembly>>,
    /// Bytes of unfinished handshakes, one way and the other.
    pub(super) handshakes: [Pace; 2],
    pub(super) checks: Checks,
    /// One bit for each reason that has been a fact already.
    refused: u64,
}

/// What a path knows of its association, so that encrypted records need no lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached {
    pub(super) id: u32,
    pub(super) sealed: bool,
    pub(super) version: Version,
    /// Bytes of connection id in records of the client's end, and of the peer's.
    pub(super) connection_ids: [u8; 2],
}

impl Flow {
    pub(super) fn new(member: Member, party: Party, other: Other, client: End) -> Self {
        let (foreign, alike) = match other {
            Other::Party(other) => (None, other == party),
            Other::Address(ip) => (Some(ip), false),
        };
        Self {
            member,
            party,
            foreign,
            alike,
            client,
            news: true,
            attached: None,
            offered: None,
            up: None,
            down: None,
            handshakes: [Pace::default(); 2],
            checks: Checks::default(),
            senders: Senders::default(),
            refused: 0,
        }
    }

    /// Which end of the conversation sent a datagram.
    pub(super) const fn sender(&self, way: Way) -> End {
        match way {
            Way::Up => self.client,
            Way::Down => self.client.other(),
        }
    }

    /// Says what this path knows of an association, from now on.
    pub(super) fn attach(&mut self, association: &Association) {
        let Some(choice) = association.choice else { return };
        let length = |end| u8::try_from(association.connection_id(end)).unwrap_or(u8::MAX);
        self.attached = Some(Attached {
            id: association.id,
            sealed: association.is_sealed(),
            version: choice.version,
            connection_ids: [length(self.client), length(self.client.other())],
        });
    }

    /// The allowed SRTP profiles that were offered in the handshake which this path's records are of.
    #[must_use]
    pub fn offered_profiles(&self) -> Profiles {
        let mut state = self.member.conversation().state();
        let association = self.attached.and_then(|attached| state.get(attached.id));
        association.map_or(Profiles::NONE, |association| association.offer.profiles)
    }

    /// Looks again at the association of this path: it may have been sealed on another one, or have come to nothing.
    pub(super) fn look_again(&mut self, state: &mut State, now: Moment) {
        let Some(attached) = self.attached else { return };
        match state.get(attached.id) {
            Some(association) if association.is_sealed() || association.is_pending(now) => {
                let association = association.clone();
                self.attach(&association);
            }
            Some(_) | None => self.attached = None,
        }
    }

    /// The half of [`Conversations::judge`] that is asked most often: whether a datagram that is media by its first byte
    /// may pass; `None` when it is something else.
    #[inline]
    pub fn media_passes(
        &mut self,
        way: Way,
        datagram: &[u8],
        now: Moment,
        settings: &Settings,
    ) -> Option<Result<(), Reason>> {
        if is_media(datagram) { Some(self.media(way, datagram, now, settings)) } else { None }
    }

    /// Whether it is not what its last record says: from now on it is.
    pub const fn take_news(&mut self) -> bool {
        core::mem::replace(&mut self.news, false)
    }

    /// What the handshake agreed on which this path's records are of, once it is complete: the version, and in DTLS 1.2
    /// the profile.
    #[must_use]
    pub fn agreed(&self) -> Option<(Version, Option<Profile>)> {
        let attached = self.attached.filter(|attached| attached.sealed)?;
        let mut state = self.member.conversation().state();
        let choice = state.get(attached.id)?.choice?;
        Some((choice.version, choice.profile))
    }

    /// Appends it, without the hellos of which the rest has not come: they come again.
    pub(crate) fn keep(&self, to: &mut Vec<u8>) {
        let Self { member, senders, attached, party: _, foreign, alike, client, offered, .. } = self;
        let Self { handshakes: [up, down], checks, refused, .. } = self;
        member.conversation().number().keep(to);
        senders.keep(to);
        attached.keep(to);
        foreign.keep(to);
        (*alike, *client).keep(to);
        offered.keep(to);
        (*up, *down).keep(to);
        checks.keep(to);
        refused.keep(to);
    }

    /// Brings what media needs of the flow itself into the cache; the number has no meaning.
    #[inline]
    #[must_use]
    pub fn touch(&self) -> u64 {
        u64::from(self.attached.is_some()) ^ self.senders.touch()
    }

    /// The same for what it leads to.
    #[inline]
    #[must_use]
    pub fn touch_further(&self) -> u64 {
        self.member.conversation().touch() ^ self.senders.touch_first()
    }

    /// The judgement of a datagram that must not pass for this reason.
    #[cold]
    pub fn refuse(&mut self, reason: Reason) -> Judgement {
        let bit = 1 << (reason as u32 % u64::BITS);
        let first = self.refused & bit == 0;
        self.refused |= bit;
        self.news |= first;
        Judgement { refused: Some(reason), fact: first.then_some(Fact::Refused { reason }) }
    }
}

impl Keep for Attached {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { id, sealed, version, connection_ids } = *self;
        ((id, sealed), (version, connection_ids)).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let ((id, sealed), (version, connection_ids)) = Keep::recall(from)?;
        Some(Self { id, sealed, version, connection_ids })
    }
}

impl Attached {
    /// Bytes of connection id in records that go this way.
    pub(super) fn connection_id(&self, way: Way) -> usize {
        let [up, down] = self.connection_ids;
        usize::from(match way {
            Way::Up => up,
            Way::Down => down,
        })
    }

    /// Whether a record is encrypted as this association encrypts, so that only its ends can tell more.
    pub(super) fn encrypts(&self, record: &Record<'_>) -> bool {
        use crate::wire::dtls::content;
        match (self.version, record) {
            (Version::Dtls12, Record::Legacy { kind, epoch, .. }) => {
                *epoch > 0 && matches!(*kind, content::ALERT | content::HANDSHAKE | content::APPLICATION_DATA)
            }
            (Version::Dtls12, Record::ConnectionId { epoch, .. }) => *epoch > 0,
            (Version::Dtls13, Record::Unified { .. }) => true,
            _ => false,
        }
    }
}

impl Conversations {
    /// Takes a flow of this party's allocation off that another process has kept. `None` inside: its conversation is not
    /// remembered, and the flow is made anew when it is needed.
    pub(crate) fn recall_flow(&self, from: &mut &[u8], party: Party) -> Option<Option<Flow>> {
        let number = u64::recall(from)?;
        let senders = Keep::recall(from)?;
        let attached = Keep::recall(from)?;
        let foreign = Keep::recall(from)?;
        let (alike, client) = Keep::recall(from)?;
        let offered = Keep::recall(from)?;
        let handshakes = [Keep::recall(from)?, Keep::recall(from)?];
        let checks = Keep::recall(from)?;
        let refused = Keep::recall(from)?;
        let (up, down, news) = (None, None, false);
        Some(self.member(number).map(|member| Flow {
            member,
            senders,
            attached,
            party,
            foreign,
            alike,
            client,
            news,
            offered,
            up,
            down,
            handshakes,
            checks,
            refused,
        }))
    }

    /// Whether a datagram may pass, by what kind it is (RFC 7983, RFC 9443) and what went before. With [`Mode::Report`]
    /// the answer is the same: what is done about it is the caller's.
    pub fn judge(&self, flow: &mut Flow, way: Way, datagram: &[u8], now: Moment, settings: &Settings) -> Judgement {
        if settings.mode == Mode::Off {
            return Judgement::default();
        }
        let judged = match datagram.first() {
            Some(128..=191) => flow.media(way, datagram, now, settings).map(|()| None),
            Some(20..=63) => flow.dtls(way, datagram, now, settings),
            Some(0..=3) => self.ice(flow, way, datagram, now, settings),
            Some(16..=19) => Err(Reason::Zrtp),
            Some(64..=79) => Err(Reason::Channel),
            Some(_) => Err(Reason::Foreign),
            None => Err(Reason::Empty),
        };
        let conversation = flow.member.conversation();
        if conversation.has_news() {
            self.note(conversation);
        }
        match judged {
            Ok(fact) => Judgement { refused: None, fact },
            Err(reason) => flow.refuse(reason),
        }
    }
}
