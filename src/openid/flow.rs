//! One way to the provider and back: all of it follows from a cookie and a key of this process.

use std::collections::BTreeMap;

use aws_lc_rs::hmac::{Context, Key, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// Seconds in which somebody has to come back: a password, a second factor, and a phone that is not at hand.
pub const BEGUN: u64 = 600;
/// Ways that are remembered as used. When there are more, the one that ends first is forgotten: the code that a provider
/// gives is good once as well.
const MOST_USED: usize = 4096;

const RANDOM: usize = 16;
const BYTES: usize = 8 + RANDOM;

/// See the module.
pub(super) struct Flow {
    cookie: [u8; BYTES],
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
}

impl Flow {
    /// A new one.
    pub(super) fn begin(random: [u8; RANDOM], now: UnixTime, key: &Key) -> Self {
        let mut cookie = [0; BYTES];
        let until = now.plus_secs(BEGUN).as_secs().to_be_bytes();
        for (place, byte) in cookie.iter_mut().zip(until.into_iter().chain(random)) {
            *place = byte;
        }
        Self::made(cookie, key)
    }

    /// That of a cookie, if it is not over. A cookie that we have not made leads to a state that nobody else knows either.
    pub(super) fn of(cookie: &str, now: UnixTime, key: &Key) -> Option<Self> {
        let cookie: [u8; BYTES] = URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
        let flow = Self::made(cookie, key);
        (now < flow.until()).then_some(flow)
    }

    fn made(cookie: [u8; BYTES], key: &Key) -> Self {
        let text = |what: &str| Zeroizing::new(URL_SAFE_NO_PAD.encode(derived(key, what, &cookie)));
        // 43 characters each: the least that RFC 7636 §4.1 takes for the verifier.
        Self { cookie, state: text("state"), nonce: text("nonce"), verifier: text("verifier") }
    }

    fn until(&self) -> UnixTime {
        let until = self.cookie.first_chunk::<8>().copied().unwrap_or_default();
        UnixTime::from_secs(u64::from_be_bytes(until))
    }

    pub(super) fn cookie(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.cookie))
    }

    /// Whether a state is this one's.
    pub(super) fn is_of(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    pub(super) fn state(&self) -> &str {
        &self.state
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }
}

fn derived(key: &Key, what: &str, cookie: &[u8]) -> Tag {
    let mut context = Context::with_key(key);
    context.update(what.as_bytes());
    context.update(b"\0");
    context.update(cookie);
    context.sign()
}

/// The ways that somebody has come back on.
#[derive(Default)]
pub(super) struct Used(BTreeMap<[u8; BYTES], ()>);

impl Used {
    /// Whether nobody has come back on it before; from now on somebody has.
    pub(super) fn is_first(&mut self, flow: &Flow, now: UnixTime) -> bool {
        // A key begins with its end, so that they are in that order.
        let mut over = [0; BYTES];
        for (place, byte) in over.iter_mut().zip(now.as_secs().to_be_bytes()) {
            *place = byte;
        }
        self.0 = self.0.split_off(&over);
        if self.0.insert(flow.cookie, ()).is_some() {
            return false;
        }
        if self.0.len() > MOST_USED {
            self.0.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::HMAC_SHA256;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_795_800_000);

    fn key(byte: u8) -> Key {
        Key::new(HMAC_SHA256, &[byte; 32])
    }

    fn flow(number: u64) -> Flow {
        let mut random = [0; RANDOM];
        random[..8].copy_from_slice(&number.to_be_bytes());
        Flow::begin(random, NOW, &key(1))
    }

    #[test]
    fn a_cookie_leads_to_the_same_secrets_until_it_is_over_and_to_others_elsewhere() {
        let begun = flow(7);
        let texts = |flow: &Flow| [flow.state().to_owned(), flow.nonce().to_owned(), flow.verifier().to_owned()];
        let back = Flow::of(&begun.cookie(), NOW.plus_secs(BEGUN - 1), &key(1)).unwrap();
        assert_eq!(texts(&back), texts(&begun));
        assert!(texts(&begun).iter().all(|text| text.len() == 43));
        assert!(begun.is_of(back.state()) && !begun.is_of(begun.nonce()) && !begun.is_of(""));
        assert!(Flow::of(&begun.cookie(), NOW.plus_secs(BEGUN), &key(1)).is_none());
        let other = Flow::of(&begun.cookie(), NOW, &key(2)).unwrap();
        assert!(!other.is_of(begun.state()), "another process");
        // Whoever makes it last longer has another one.
        let mut longer = begun.cookie;
        longer[7] ^= 1;
        let longer = Flow::of(&URL_SAFE_NO_PAD.encode(longer), NOW, &key(1)).unwrap();
        assert!(!longer.is_of(begun.state()));
        for bad in ["", "x", &begun.cookie()[1..], &format!("{}A", *begun.cookie())] {
            assert!(Flow::of(bad, NOW, &key(1)).is_none(), "{bad}");
        }
    }

    #[test]
    fn each_is_used_once_and_what_is_remembered_has_a_bound() {
        let mut used = Used::default();
        for number in 0..2 * MOST_USED as u64 {
            assert!(used.is_first(&flow(number), NOW));
            assert!(!used.is_first(&flow(number), NOW));
        }
        assert_eq!(used.0.len(), MOST_USED);
        assert!(used.is_first(&flow(0), NOW.plus_secs(BEGUN + 1)));
        assert_eq!(used.0.len(), 1, "those that are over are forgotten");
    }
}
