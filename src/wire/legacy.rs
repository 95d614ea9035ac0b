//! MD5 and SHA-1, all of them: browsers know no other long-term credentials. Nothing outside this file uses either, so
//! that what a FIPS build leaves outside its boundary is one file.
//!
//! What rests on them: the MD5 key derivation and the HMAC-SHA-1 of MESSAGE-INTEGRITY (RFC 8489 §9.2.2, §14.5), and the
//! password of time-limited shared-secret credentials, an HMAC-SHA-1 as well.

use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// MD5 over the parts in order.
#[must_use]
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC-SHA-1 over the parts in order.
#[must_use]
pub fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    // An HMAC key may have any length: the constructor does not fail.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return [0; 20] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
