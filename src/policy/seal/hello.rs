//! Whether a ClientHello or a ServerHello is one that may open a seal.

use crate::wire::dtls::{ClientHello, DTLS_1_2, DTLS_1_3, ServerHello, UseSrtp};

use super::association::{Choice, Offer};
use super::{Profile, Profiles, Reason, Settings, SuiteClass, Version};

impl Version {
    const fn code(self) -> u16 {
        match self {
            Self::Dtls12 => DTLS_1_2,
            Self::Dtls13 => DTLS_1_3,
        }
    }
}

/// What a ClientHello offers that is allowed. Offering more than that is no fault: the choice decides.
pub(super) fn offer(hello: &ClientHello<'_>, settings: &Settings) -> Result<Offer, Reason> {
    let versions =
        || Version::ALL.into_iter().filter(|&each| each >= settings.min_version && hello.offers(each.code()));
    if versions().next().is_none() {
        return Err(Reason::DtlsVersion);
    }
    if !hello.null_compression() {
        return Err(Reason::DtlsCompression);
    }
    let usable = |suite| SuiteClass::of(suite).is_some_and(|class| versions().any(|each| class.belongs_to(each)));
    if !hello.suites().any(usable) {
        return Err(Reason::DtlsSuite);
    }
    let srtp = hello.srtp.as_ref().ok_or(Reason::DtlsSrtp)?;
    let profiles = profiles(srtp)?.and(settings.profiles);
    if profiles.is_empty() {
        return Err(Reason::DtlsProfile);
    }
    Ok(Offer { profiles, connection_id: hello.connection_id.map(length) })
}

/// What a ServerHello chose, if all of it is allowed and was offered.
pub(super) fn choice(hello: &ServerHello<'_>, offer: &Offer, settings: &Settings) -> Result<Choice, Reason> {
    let version = Version::ALL.into_iter().find(|each| each.code() == hello.version);
    let version = version.filter(|&version| version >= settings.min_version).ok_or(Reason::DtlsVersion)?;
    if hello.compression != 0 {
        return Err(Reason::DtlsCompression);
    }
    let suite = SuiteClass::of(hello.suite).filter(|class| class.belongs_to(version)).ok_or(Reason::DtlsSuite)?;
    let profile = match version {
        Version::Dtls12 => {
            let chosen = profiles(hello.srtp.as_ref().ok_or(Reason::DtlsSrtp)?)?;
            Some(chosen.and(offer.profiles).iter().next().ok_or(Reason::DtlsProfile)?)
        }
        Version::Dtls13 => None,
    };
    Ok(Choice { version, suite, profile, connection_id: hello.connection_id.map(length) })
}

fn profiles(srtp: &UseSrtp<'_>) -> Result<Profiles, Reason> {
    if srtp.mki().is_empty() {
        Ok(srtp.profiles().filter_map(Profile::from_code).collect())
    } else {
        Err(Reason::DtlsMki)
    }
}

/// A connection id has at most 255 bytes (RFC 9146 §3).
fn length(connection_id: &[u8]) -> u8 {
    u8::try_from(connection_id.len()).unwrap_or(u8::MAX)
}
