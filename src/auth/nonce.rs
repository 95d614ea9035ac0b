//! Nonces that the server need not remember: a time and a keyed hash over it and the client's transport address
//! (RFC 8489 §9.2). Whoever returns one has received it at that address, a short while ago.

use core::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::addr::ClientAddr;
use crate::time::{Lifetime, Moment};

/// What a nonce cookie starts with (RFC 8489 §9.2).
const COOKIE: &[u8; 9] = b"obMatJos2";
/// Four characters of base64 hold the 24 bits of the time, and of the security features.
const QUAD: usize = 4;
/// Time and hash as text: 24 and 64 bits in 15 characters.
const CORE: usize = 15;
/// A nonce with its cookie: 28 bytes, a multiple of four, so that the attribute carries no padding.
const FULL: usize = COOKIE.len() + QUAD + CORE;
/// A nonce is no better than what can be replayed with it: 10 minutes at most, whatever the configuration says.
const LONGEST_LIFETIME: u32 = 600;

/// The key of all nonces, from the system's randomness. Shards share it; a reload keeps it, so that no nonce goes stale.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// Wraps 32 bytes of the system's randomness.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl core::fmt::Debug for NonceKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("NonceKey(redacted)")
    }
}

/// STUN security features, the bits that a nonce cookie protects from being removed on the way (RFC 8489 §18.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features([u8; 3]);

impl Features {
    /// Bit 0, password algorithms, is always set: SHA-256 is on offer. Bit 1, username anonymity, makes clients send
    /// USERHASH instead of USERNAME.
    pub(super) const fn new(username_anonymity: bool) -> Self {
        Self([if username_anonymity { 0xc0 } else { 0x80 }, 0, 0])
    }
}

/// The two forms of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With the nonce cookie: 28 bytes.
    Full,
    /// Without: 15 bytes, for answers to requests so small that a full one would make a reflector of us. It promises
    /// no security feature, so its requests are processed as those of RFC 5389 clients.
    Short,
}

/// A nonce in its written form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nonce {
    text: [u8; FULL],
    length: usize,
}

impl Nonce {
    /// The bytes of the NONCE attribute.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// Makes nonces and recognizes its own.
pub(super) struct Nonces {
    key: NonceKey,
    lifetime: u64,
    features: Features,
}

impl Nonces {
    /// Announces other features from now on.
    pub(super) const fn set_features(&mut self, features: Features) {
        self.features = features;
    }

    pub(super) fn new(key: NonceKey, lifetime: Lifetime, features: Features) -> Self {
        Self { key, lifetime: u64::from(lifetime.as_secs().min(LONGEST_LIFETIME)), features }
    }

    /// The nonce of a client at this moment. The same one within a second: the RFC only forbids sharing it between
    /// transport addresses (RFC 8489 §9.2.4).
    pub(super) fn issue(&self, form: Form, client: ClientAddr, now: Moment) -> Nonce {
        self.write(form, client, now.as_secs())
    }

    /// Which form of nonce this is, if it is one of ours, for this client, not older than its lifetime and not from the
    /// future.
    pub(super) fn check(&self, nonce: &[u8], client: ClientAddr, now: Moment) -> Option<Form> {
        let (form, core) = match nonce.strip_prefix(COOKIE) {
            Some(rest) if nonce.len() == FULL => (Form::Full, rest.get(QUAD..)?),
            _ if nonce.len() == CORE => (Form::Short, nonce),
            _ => return None,
        };
        let mut written = [0; 3];
        URL_SAFE_NO_PAD.decode_slice(core.get(..QUAD)?, &mut written).ok()?;
        let [high, middle, low] = written;
        let written = u64::from(u32::from_be_bytes([0, high, middle, low]));
        // 24 bits of seconds repeat after 194 days. The hash covers all 64: an old nonce does not come alive again.
        let age = now.as_secs().wrapping_sub(written) & 0x00ff_ffff;
        let seconds = now.as_secs().checked_sub(age)?;
        if age > self.lifetime {
            return None;
        }
        let ours = self.write(form, client, seconds);
        bool::from(ours.as_slice().ct_eq(nonce)).then_some(form)
    }

    fn write(&self, form: Form, client: ClientAddr, seconds: u64) -> Nonce {
        let [.., high, middle, low] = seconds.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = self.hash(form, client, seconds);
        let mut nonce = Nonce { text: [0; FULL], length: 0 };
        if form == Form::Full {
            nonce.append(COOKIE);
            nonce.append_base64(&STANDARD, &self.features.0);
        }
        nonce.append_base64(&URL_SAFE_NO_PAD, &[high, middle, low, a, b, c, d, e, f, g, h]);
        nonce
    }

    /// 64 bits of HMAC-SHA-256. The form and the features are covered, so that a cookie cannot be cut off or changed.
    fn hash(&self, form: Form, client: ClientAddr, seconds: u64) -> [u8; 8] {
        // An HMAC key may have any length: the constructor does not fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key.0) else { return [0; 8] };
        mac.update(match form {
            Form::Full => &self.features.0,
            Form::Short => &[0; 3],
        });
        mac.update(&seconds.to_be_bytes());
        mac.update(&match client.socket().ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        });
        mac.update(&client.socket().port().to_be_bytes());
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        tag.first_chunk::<8>().copied().unwrap_or_default()
    }
}

impl Nonce {
    fn append(&mut self, bytes: &[u8]) {
        if let Some(place) = self.text.get_mut(self.length..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    fn append_base64(&mut self, engine: &impl base64::Engine, bytes: &[u8]) {
        if let Some(rest) = self.text.get_mut(self.length..) {
            self.length += engine.encode_slice(bytes, rest).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const NOON: Moment = Moment::from_secs(12 * 3600);

    fn client(text: &str) -> ClientAddr {
        ClientAddr::new(text.parse().unwrap())
    }

    fn nonces(lifetime: u32) -> Nonces {
        Nonces::new(NonceKey::new([7; 32]), Lifetime::from_secs(lifetime), Features::new(false))
    }

    #[test]
    fn a_nonce_comes_back_as_it_went() {
        for form in [Form::Full, Form::Short] {
            for who in ["192.0.2.1:5000", "[2001:db8::1]:5000"] {
                let nonce = nonces(600).issue(form, client(who), NOON);
                assert_eq!(nonces(600).check(nonce.as_slice(), client(who), NOON), Some(form));
            }
        }
    }

    // RFC 8489 §9.2: "obMatJos2" and the base64 of 24 bits; §18.1: bit 0 is the most significant one.
    #[test]
    fn a_full_nonce_starts_with_the_cookie_and_its_features() {
        for (anonymity, cookie) in [(false, b"obMatJos2gAAA"), (true, b"obMatJos2wAAA")] {
            let nonces = Nonces::new(NonceKey::new([7; 32]), Lifetime::from_secs(60), Features::new(anonymity));
            let nonce = nonces.issue(Form::Full, client("192.0.2.1:5000"), NOON);
            assert_eq!(nonce.as_slice().len(), 28);
            assert!(nonce.as_slice().starts_with(cookie));
        }
        assert_eq!(nonces(60).issue(Form::Short, client("192.0.2.1:5000"), NOON).as_slice().len(), 15);
    }

    #[test]
    fn a_nonce_is_good_at_its_address_and_port_only() {
        for form in [Form::Full, Form::Short] {
            let nonce = nonces(600).issue(form, client("192.0.2.1:5000"), NOON);
            for other in ["192.0.2.2:5000", "192.0.2.1:5001", "[2001:db8::1]:5000"] {
                assert_eq!(nonces(600).check(nonce.as_slice(), client(other), NOON), None, "{other}");
            }
        }
    }

    #[test]
    fn a_nonce_ends_with_its_lifetime_and_no_later_than_ten_minutes() {
        let who = client("192.0.2.1:5000");
        for (configured, seconds) in [(30, 30), (600, 600), (86_400, 600)] {
            let nonces = nonces(configured);
            let nonce = nonces.issue(Form::Full, who, NOON);
            assert!(nonces.check(nonce.as_slice(), who, NOON + Duration::from_secs(seconds)).is_some());
            assert!(nonces.check(nonce.as_slice(), who, NOON + Duration::from_secs(seconds + 1)).is_none());
        }
    }

    #[test]
    fn a_nonce_from_the_future_or_from_before_the_wrap_is_none() {
        let (who, nonces) = (client("192.0.2.1:5000"), nonces(600));
        let nonce = nonces.issue(Form::Full, who, NOON);
        assert!(nonces.check(nonce.as_slice(), who, Moment::from_secs(12 * 3600 - 1)).is_none());
        assert!(nonces.check(nonce.as_slice(), who, Moment::ZERO).is_none());
        assert!(nonces.check(nonce.as_slice(), who, NOON + Duration::from_secs(1 << 24)).is_none());
    }

    #[test]
    fn a_nonce_over_the_wrap_of_its_24_bits_is_good() {
        let (who, nonces) = (client("192.0.2.1:5000"), nonces(600));
        let before = Moment::from_secs((1 << 24) - 5);
        let nonce = nonces.issue(Form::Full, who, before);
        assert!(nonces.check(nonce.as_slice(), who, before + Duration::from_secs(60)).is_some());
    }

    #[test]
    fn no_single_character_of_a_nonce_can_be_changed() {
        let (who, nonces) = (client("192.0.2.1:5000"), nonces(600));
        for form in [Form::Full, Form::Short] {
            let nonce = nonces.issue(form, who, NOON);
            for at in 0..nonce.as_slice().len() {
                for byte in 0..=u8::MAX {
                    let mut forged = nonce.as_slice().to_vec();
                    if forged[at] != byte {
                        forged[at] = byte;
                        assert_eq!(nonces.check(&forged, who, NOON), None, "{at} {byte}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_full_nonce_without_its_cookie_is_not_a_short_one() {
        let (who, nonces) = (client("192.0.2.1:5000"), nonces(600));
        let full = nonces.issue(Form::Full, who, NOON);
        assert_eq!(nonces.check(&full.as_slice()[13..], who, NOON), None);
        let short = nonces.issue(Form::Short, who, NOON);
        let dressed = [b"obMatJos2gAAA", short.as_slice()].concat();
        assert_eq!(nonces.check(&dressed, who, NOON), None);
    }

    #[test]
    fn a_nonce_of_another_key_or_other_features_is_none() {
        let who = client("192.0.2.1:5000");
        let nonce = nonces(600).issue(Form::Full, who, NOON);
        let other_key = Nonces::new(NonceKey::new([8; 32]), Lifetime::from_secs(600), Features::new(false));
        let other_features = Nonces::new(NonceKey::new([7; 32]), Lifetime::from_secs(600), Features::new(true));
        assert_eq!(other_key.check(nonce.as_slice(), who, NOON), None);
        assert_eq!(other_features.check(nonce.as_slice(), who, NOON), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(0u8.., 0..64), seconds: u64) {
            let nonces = nonces(600);
            proptest::prop_assert_eq!(nonces.check(&bytes, client("192.0.2.1:1"), Moment::from_secs(seconds)), None);
        }
    }
}
