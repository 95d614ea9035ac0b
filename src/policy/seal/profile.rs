//! SRTP protection profiles, as DTLS negotiates them (RFC 5764 §4.1.2, RFC 7714 §14.2).

use crate::wire::keep::Keep;

/// A profile that encrypts and authenticates. The NULL ones are not here: there is no way to allow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// 0x0001.
    Aes128CmSha1_80,
    /// 0x0002: the same with an authentication tag of 32 bits on RTP.
    Aes128CmSha1_32,
    /// 0x0007.
    AeadAes128Gcm,
    /// 0x0008.
    AeadAes256Gcm,
}

impl Keep for Profile {
    fn keep(&self, to: &mut Vec<u8>) {
        to.push(*self as u8);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::from(u8::recall(from)?)).copied()
    }
}

impl Profile {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Aes128CmSha1_80, Self::Aes128CmSha1_32, Self::AeadAes128Gcm, Self::AeadAes256Gcm];

    /// The profile with this code point, if it is one of these.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0x0001 => Self::Aes128CmSha1_80,
            0x0002 => Self::Aes128CmSha1_32,
            0x0007 => Self::AeadAes128Gcm,
            0x0008 => Self::AeadAes256Gcm,
            _ => return None,
        })
    }

    /// As the configuration and the metrics spell it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Aes128CmSha1_80 => "AES128-CM-SHA1-80",
            Self::Aes128CmSha1_32 => "AES128-CM-SHA1-32",
            Self::AeadAes128Gcm => "AEAD-AES-128-GCM",
            Self::AeadAes256Gcm => "AEAD-AES-256-GCM",
        }
    }

    /// Bytes of the authentication tag at the end of an SRTP packet.
    #[must_use]
    pub const fn tag(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 10,
            Self::Aes128CmSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// How many bytes before the end of an SRTCP packet its E bit is: 4 of the word that holds it, and 10 of the tag
    /// where the tag comes last (RFC 3711 §3.4; 80 bits with the 32-bit profile, too: RFC 5764 §4.1.2). With GCM the
    /// word comes last (RFC 7714 §9.2).
    #[must_use]
    pub const fn e_bit(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 4,
        }
    }
}

/// A set of profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profiles(u8);

impl Keep for Profiles {
    fn keep(&self, to: &mut Vec<u8>) {
        self.0.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        u8::recall(from).map(Self).filter(|profiles| *profiles == Self::from_bits(profiles.0))
    }
}

impl Profiles {
    /// No profile.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, profile: Profile) -> Self {
        Self(self.0 | 1 << profile as u8)
    }

    /// Whether a profile is in it.
    #[must_use]
    pub const fn has(self, profile: Profile) -> bool {
        self.0 & 1 << profile as u8 != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number below 16, and back.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x0f)
    }

    /// Bytes of the shortest authentication tag that a packet of any of them ends with; `None` when there are none. Asked
    /// for each packet, and so without a loop.
    pub(super) const fn shortest_tag(self) -> Option<usize> {
        if self.has(Profile::Aes128CmSha1_32) {
            Some(Profile::Aes128CmSha1_32.tag())
        } else if self.has(Profile::Aes128CmSha1_80) {
            Some(Profile::Aes128CmSha1_80.tag())
        } else if self.is_empty() {
            None
        } else {
            Some(Profile::AeadAes128Gcm.tag())
        }
    }

    /// What is in it.
    pub fn iter(self) -> impl Iterator<Item = Profile> {
        Profile::ALL.into_iter().filter(move |&profile| self.has(profile))
    }
}

impl FromIterator<Profile> for Profiles {
    fn from_iter<I: IntoIterator<Item = Profile>>(profiles: I) -> Self {
        profiles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Default for Profiles {
    /// Those that today's browsers agree on, without the short tag.
    fn default() -> Self {
        [Profile::AeadAes256Gcm, Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_tag_is_that_of_some_profile_and_of_none_a_longer_one() {
        for bits in 0..16 {
            let profiles = Profiles::from_bits(bits);
            assert_eq!(profiles.shortest_tag(), profiles.iter().map(Profile::tag).min(), "{profiles:?}");
        }
    }
}
