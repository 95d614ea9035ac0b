//! SRTP and SRTCP: only after the handshake, and only what can be either (RFC 3711, RFC 7714).

use crate::time::Moment;
use crate::wire::{RtcpHeader, RtpHeader, is_clear_compound, is_rtcp};

use super::flow::{Flow, Way};
use super::{Profile, Profiles, Reason, Settings};

/// The bytes of an SRTCP packet that are never encrypted (RFC 3711 §3.4).
const RTCP_CLEAR: usize = 8;

impl Flow {
    // A call, and what it saves and restores, would cost a fifth of what it does.
    #[inline(always)]
    pub(super) fn media(&mut self, way: Way, packet: &[u8], now: Moment, settings: &Settings) -> Result<(), Reason> {
        let profiles = self.carries_media(now)?.and(settings.profiles);
        if is_rtcp(packet) {
            return srtcp(packet, profiles);
        }
        let header = RtpHeader::parse(packet).map_err(|_| Reason::MediaMalformed)?;
        let payload = packet.get(header.payload..).unwrap_or_default();
        let tag = profiles.shortest_tag().ok_or(Reason::MediaUnsealed)?;
        if payload.len() < tag {
            return Err(Reason::MediaMalformed);
        }
        if settings.statistics && !self.senders.observe(way, header.ssrc, header.sequence, payload) {
            return Err(Reason::RtpClear);
        }
        Ok(())
    }

    /// The profiles that media on this path may have. On a path where a handshake is under way there is none before its
    /// end, whatever another one has opened.
    fn carries_media(&mut self, now: Moment) -> Result<Profiles, Reason> {
        if self.attached.is_some_and(|attached| !attached.sealed) && self.is_under_way(now) {
            return Err(Reason::MediaEarly);
        }
        self.member.conversation().open()
    }

    #[cold]
    fn is_under_way(&mut self, now: Moment) -> bool {
        let conversation = self.member.conversation().clone();
        let mut state = conversation.state();
        self.look_again(&mut state, now);
        self.attached.is_some_and(|attached| !attached.sealed)
    }
}

/// SRTCP is encrypted when its E bit says so, and where that bit is depends on the profile. It is rare beside media,
/// whose way is shorter without it.
#[inline(never)]
fn srtcp(packet: &[u8], profiles: Profiles) -> Result<(), Reason> {
    RtcpHeader::parse(packet).map_err(|_| Reason::MediaMalformed)?;
    let encrypted = |profile: Profile| {
        // With GCM the tag stands before the word with the E bit, otherwise behind it.
        let trailer = profile.e_bit().max(4 + profile.tag());
        let word = packet.len().checked_sub(profile.e_bit());
        packet.len() >= RTCP_CLEAR + trailer && word.and_then(|at| packet.get(at)).is_some_and(|byte| byte & 0x80 != 0)
    };
    if !profiles.iter().any(encrypted) || is_clear_compound(packet) {
        return Err(Reason::RtcpClear);
    }
    Ok(())
}
