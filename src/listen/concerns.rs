//! What is wrong with a certificate that can be shown all the same: clients may refuse it, now or soon.

use core::fmt;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::identity::Identity;
use crate::time::UnixTime;

/// Two weeks: a renewal that is due has failed for a while (public authorities' certificates are renewed a month, or a
/// third of their life, before), and there is time to mend it.
const SOON: u64 = 14 * 86_400;
const DAY: u64 = 86_400;
/// Signatures with MD5 and SHA-1, which no browser believes any more: sha1WithRSAEncryption and md5WithRSAEncryption
/// (RFC 8017), ecdsa-with-SHA1 (RFC 5758).
const WEAK: [&str; 3] = ["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4", "1.2.840.10045.4.1"];

/// What should be seen to. The words follow the name of the certificate's file; none of them quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Its time is over in so many days, at most 14.
    EndsSoon(u64),
    /// No DNS name or address is in it (RFC 6125 §6.4.4: the common name does not count any more).
    NoNames,
    /// It is issued by somebody else, and nothing follows it.
    NoChain,
    /// A certificate of the chain is not the issuer of the one before it.
    ChainOrder,
    /// A certificate of the chain is signed with MD5 or SHA-1.
    WeakSignature,
    /// Its extended key usage leaves servers out.
    NotForServers,
}

impl fmt::Display for Concern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Expired => "has expired, so that no client accepts it; renew it",
            Self::NotYetValid => "is not valid yet, so that no client accepts it; check this host's clock",
            Self::EndsSoon(days) => return write!(formatter, "ends in {days} days; see why it was not renewed"),
            Self::NoNames => "has no name in it (subjectAltName), so that no client accepts it; have one issued with names",
            Self::NoChain => {
                "is followed by no intermediate certificate; that is right only if clients trust its issuer itself, else \
                 give the whole chain"
            }
            Self::ChainOrder => {
                "is followed by certificates that do not issue each other in that order; put the issuer of each behind it"
            }
            Self::WeakSignature => "or its chain is signed with MD5 or SHA-1, which clients refuse; have it issued again",
            Self::NotForServers => "is not for servers (extendedKeyUsage), so that no client accepts it",
        })
    }
}

impl Identity {
    /// What should be seen to, `now` being the time.
    #[must_use]
    pub fn concerns(&self, now: UnixTime) -> Vec<Concern> {
        let mut concerns = Vec::new();
        if self.begins_after(now) {
            concerns.push(Concern::NotYetValid);
        } else if !self.is_valid_at(now) {
            concerns.push(Concern::Expired);
        } else {
            let left = self.expires().as_secs().saturating_sub(now.as_secs());
            concerns.extend((left < SOON).then_some(Concern::EndsSoon(left / DAY)));
        }
        let chain: Vec<_> = self.pair.cert.iter().filter_map(parsed).collect();
        let Some(own) = chain.first() else { return concerns };
        if own
            .subject_alternative_name()
            .is_ok_and(|names| names.is_none_or(|names| names.value.general_names.is_empty()))
        {
            concerns.push(Concern::NoNames);
        }
        if own
            .extended_key_usage()
            .is_ok_and(|usage| usage.is_some_and(|usage| !(usage.value.server_auth || usage.value.any)))
        {
            concerns.push(Concern::NotForServers);
        }
        let issued = |(one, next): (&X509Certificate<'_>, &X509Certificate<'_>)| one.issuer() == next.subject();
        if chain.len() == 1 && own.issuer() != own.subject() {
            concerns.push(Concern::NoChain);
        } else if !chain.iter().zip(chain.iter().skip(1)).all(issued) {
            concerns.push(Concern::ChainOrder);
        }
        // Nobody looks at the signature of who vouches for himself.
        let vouched = chain.iter().filter(|one| one.issuer() != one.subject());
        let weak =
            |one: &X509Certificate<'_>| WEAK.contains(&one.signature_algorithm.algorithm.to_id_string().as_str());
        if vouched.into_iter().any(weak) {
            concerns.push(Concern::WeakSignature);
        }
        concerns
    }
}

fn parsed<'c>(certificate: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}
