//! Whatever comes in, nothing panics; whatever is minted is read as it was meant.

use hilum::auth::token::{
    Algorithm, Claims, LONGEST_TOKEN, Limits, Token, TokenRefusal, Word, assemble, signing_input, verify,
};
use proptest::prelude::*;

use crate::world::{CLAIMS, START, at, rules, signed, token};

fn word<const MOST: usize>() -> impl Strategy<Value = Word<MOST>> {
    proptest::string::string_regex(&format!("[A-Za-z0-9._-]{{1,{MOST}}}"))
        .unwrap()
        .prop_map(|text| text.parse().unwrap())
}

prop_compose! {
    fn claims()(
        issuer in word(), audience in word(), id in word(), call in word(), party in word(),
        not_before in 0..(1_u64 << 40), begins in 1..604_800_u64, more in 0..604_800_u64,
        regions in prop::collection::vec(word(), 1..=8),
        kbps in prop::option::of(1..=10_000_000_u32), allocations in prop::option::of(1..=1024_u16),
        peers in prop::collection::vec((any::<u32>(), 0..=32_u32, 1..=65_535_u16, any::<u16>()), 0..=8),
    ) -> Claims {
        let peers = peers.into_iter().map(|(address, prefix, low, more)| {
            let first = core::net::Ipv4Addr::from(address & u32::MAX.checked_shl(32 - prefix).unwrap_or(0));
            format!("{first}/{prefix}:{low}-{}", low.saturating_add(more)).parse().unwrap()
        });
        Claims {
            issuer, audience, id, call, party, regions,
            not_before: at(not_before),
            expires: at(not_before + begins),
            end: at(not_before + 604_800.min(begins + more)),
            limits: Limits { kbps, allocations },
            peers: peers.collect(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_minted_is_read_back(claims in claims(), kid in word(), es256 in any::<bool>()) {
        let algorithm = if es256 { Algorithm::Es256 } else { Algorithm::EdDsa };
        match signing_input(algorithm, kid, &claims) {
            Ok(input) => {
                let username = assemble(&input, &[7; 64]);
                prop_assert!(username.len() <= LONGEST_TOKEN && Token::resembles(username.as_bytes()));
                let read = Token::parse(username.as_bytes()).unwrap();
                prop_assert_eq!((read.kid(), read.algorithm()), (kid, algorithm));
                prop_assert_eq!(read.signed(), input.as_bytes());
                prop_assert_eq!(read.signature().unwrap(), [7; 64]);
                prop_assert_eq!(read.claims().unwrap(), claims);
            }
            Err(why) => prop_assert_eq!(why, TokenRefusal::Form, "too long is the only reason"),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let rules = rules();
        prop_assert!(verify(&bytes, &rules, at(START)).is_err());
        prop_assert!(Token::peek_kid(&bytes).is_err());
    }

    #[test]
    fn no_json_makes_it_panic(header in "\\PC{0,40}", claims in "[{}\\[\\]\",:0-9a-z.\\\\ -]{0,200}") {
        let username = signed(&header, &claims);
        prop_assert!(verify(username.as_bytes(), &rules(), at(START)).is_err());
        let username = token(&claims);
        prop_assert!(verify(username.as_bytes(), &rules(), at(START)).is_err());
    }

    /// One change of any size anywhere.
    #[test]
    fn no_altered_token_is_believed(place in any::<prop::sample::Index>(), cut in 0..4_usize, more in ".{0,4}") {
        let username = token(CLAIMS);
        let start = place.index(username.len());
        let end = (start + cut).min(username.len());
        let altered = format!("{}{more}{}", &username[..start], &username[end..]);
        prop_assume!(altered != username);
        prop_assert!(verify(altered.as_bytes(), &rules(), at(START)).is_err());
    }
}
