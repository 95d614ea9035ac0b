//! What messages are signed with, as Standard Webhooks 1.0 has it: HMAC-SHA-256 over the id, the time and the body.

use core::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// What a secret begins with in text.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: what Standard Webhooks allows.
const BYTES: core::ops::RangeInclusive<usize> = 24..=64;
/// Secrets in use at once: a new one, and the one that it replaces.
const MOST: usize = 2;

/// The secrets of a receiver, 1 or 2. Each signs every message, so that the receiver may change from one to the other at
/// any time.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Secrets {
    /// Shows nothing of them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(redacted)")
    }
}

impl Secrets {
    /// Reads them: one a line, each `whsec_` and 24 to 64 bytes in base64. `None` if it is something else.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let lines = core::str::from_utf8(text).ok()?.lines().map(str::trim).filter(|line| !line.is_empty());
        let secret = |line: &str| {
            let bytes = Zeroizing::new(STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?);
            BYTES.contains(&bytes.len()).then_some(bytes)
        };
        let secrets: Vec<_> = lines.map(secret).collect::<Option<_>>()?;
        (1..=MOST).contains(&secrets.len()).then_some(Self(secrets))
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, at: UnixTime, body: &str) -> String {
        let signed = |secret: &Zeroizing<Vec<u8>>| {
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
            for part in [id, ".", &at.as_secs().to_string(), ".", body] {
                context.update(part.as_bytes());
            }
            format!("v1,{}", STANDARD.encode(context.sign()))
        };
        self.0.iter().map(signed).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Standard Webhooks and its libraries are tested with.
    const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let at = UnixTime::from_secs(1_614_265_330);
        let sign = |text: &str| {
            let secrets = Secrets::read(text.as_bytes()).unwrap();
            secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#)
        };
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(PUBLISHED), signature);
        // While a secret is replaced, both sign.
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = sign(&format!("{other}\n{PUBLISHED}\n"));
        assert_eq!(both, format!("{} {signature}", sign(&other)));
    }

    #[test]
    fn a_secret_is_as_long_as_standard_webhooks_has_it() {
        let of = |bytes: usize| format!("whsec_{}\n", STANDARD.encode(vec![7; bytes]));
        for good in [24, 32, 64] {
            assert!(Secrets::read(of(good).as_bytes()).is_some(), "{good}");
        }
        let three = [of(24), of(25), of(26)].concat();
        let (short, long) = (of(23), of(65));
        for bad in
            ["", "\n", "whsec_", "whsec_!", &PUBLISHED[6..], &short, &long, &three, "whsec_MfKQ9r8GKYqrTwjUPD8I\u{e9}"]
        {
            assert!(Secrets::read(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Secrets::read(b"\xff").is_none());
        assert_eq!(format!("{:?}", Secrets::read(PUBLISHED.as_bytes()).unwrap()), "Secrets(redacted)");
    }
}
