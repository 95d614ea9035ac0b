//! What a certificate is asked for: a DNS name or an address.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;

use rustls_pki_types::DnsName;

/// A name that a certificate is to be for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A DNS name, in lower case, no wildcard: those are not proven by what stands on a server.
    Dns(String),
    /// An address (RFC 8738).
    Address(IpAddr),
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => formatter.write_str(name),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

/// Why a text is no name that a certificate can be had for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidName {
    /// It begins with a wildcard.
    Wildcard,
    /// It is no DNS name and no address.
    NoName,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wildcard => {
                "is a wildcard, which a server cannot prove; list the names one by one, or have that certificate issued \
                 elsewhere and name its files under [tls]"
            }
            Self::NoName => "is no DNS name and no address; write it as \"turn.example.org\"",
        })
    }
}

impl core::error::Error for InvalidName {}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.starts_with("*.") {
            return Err(InvalidName::Wildcard);
        }
        match DnsName::try_from(text) {
            // A dot at the end stands for the root, and has no place in a certificate.
            Ok(name) if !text.ends_with('.') => Ok(Self::Dns(name.as_ref().to_ascii_lowercase())),
            Ok(_) | Err(_) => Err(InvalidName::NoName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart_and_wildcards_refused() {
        assert_eq!("TURN.Clinic.example".parse(), Ok(Name::Dns("turn.clinic.example".to_owned())));
        assert_eq!("192.0.2.1".parse(), Ok(Name::Address("192.0.2.1".parse().unwrap())));
        assert_eq!("2001:db8::1".parse::<Name>().unwrap().to_string(), "2001:db8::1");
        assert_eq!("*.clinic.example".parse::<Name>(), Err(InvalidName::Wildcard));
        for bad in ["", ".", "clinic.example.", "a b", "https://clinic.example", "clinic..example", "[::1]"] {
            assert_eq!(bad.parse::<Name>(), Err(InvalidName::NoName), "{bad:?}");
        }
    }
}
