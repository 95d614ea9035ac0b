//! `[limits]` and `[lifetimes]`.

use core::num::NonZeroU32;

use super::section::Section;
use crate::policy::{Quota, RateLimit};
use crate::time::Lifetime;
use crate::turn;

pub(super) const LIMITS: [&str; 11] = [
    "allocations",
    "allocations_per_user",
    "allocations_per_source",
    "permissions",
    "channels",
    "challenges_per_second",
    "requests_per_second",
    "kbps_per_token",
    "packets_per_second_per_token",
    "kbps_per_user",
    "packets_per_second_per_user",
];
pub(super) const LIFETIMES: [&str; 6] = ["allocation", "allocation_max", "permission", "channel", "nonce", "grace"];

/// The largest limit on kbit/s, which is what a token may say at most, too.
const MOST_KBPS: u32 = crate::auth::token::MOST_KBPS;
/// The largest limit on packets a second: no shard forwards as many.
const MOST_PACKETS: u32 = 10_000_000;

pub(super) struct Limits {
    pub(super) quota: Quota,
    pub(super) per_source: usize,
    pub(super) requests_per_second: u32,
    pub(super) token_rate: RateLimit,
    pub(super) user_rate: RateLimit,
    pub(super) permissions: usize,
    pub(super) channels: usize,
    pub(super) challenges_per_second: u32,
}

pub(super) fn limits(section: &Section<'_>) -> Limits {
    Limits {
        // A million allocations are more than the ports of sixteen addresses.
        quota: Quota {
            total: section.count("allocations", 1..=1_000_000, 100_000),
            per_subject: section.count("allocations_per_user", 1..=1_000_000, 32),
        },
        per_source: section.count("allocations_per_source", 1..=1_000_000, 4096),
        requests_per_second: section.number("requests_per_second", 0..=1_000_000, 50),
        token_rate: RateLimit {
            kbps: NonZeroU32::new(section.number("kbps_per_token", 0..=MOST_KBPS, 20_000)),
            packets: NonZeroU32::new(section.number("packets_per_second_per_token", 0..=MOST_PACKETS, 5000)),
        },
        user_rate: RateLimit {
            kbps: NonZeroU32::new(section.number("kbps_per_user", 0..=MOST_KBPS, 0)),
            packets: NonZeroU32::new(section.number("packets_per_second_per_user", 0..=MOST_PACKETS, 0)),
        },
        permissions: section.count("permissions", 1..=1024, 64),
        channels: section.count("channels", 1..=1024, 64),
        challenges_per_second: section.number("challenges_per_second", 1..=1_000_000, 100),
    }
}

pub(super) struct Lifetimes {
    pub(super) allocation: Lifetime,
    pub(super) allocation_max: Lifetime,
    pub(super) permission: Lifetime,
    pub(super) channel: Lifetime,
    pub(super) nonce: Lifetime,
    pub(super) grace: Lifetime,
}

pub(super) fn lifetimes(section: &Section<'_>) -> Lifetimes {
    let longest = section.number("allocation_max", 600..=86_400, 3600);
    let allocation = section.number_at("allocation", 60..=86_400, 600);
    if allocation.value > longest {
        let message = format!(
            "{} is longer than allocation_max, which is {longest}; shorten it or lengthen allocation_max",
            allocation.value
        );
        section.fault(allocation.place, "allocation", message);
    }
    let permission = section.number_at("permission", 30..=3600, 300);
    let channel = section.number_at("channel", 60..=7200, 600);
    if channel.value < permission.value {
        // A channel holds a permission (RFC 8656 §12), so that binding one must not shorten the other.
        let message = format!(
            "a channel of {} s is shorter than a permission of {} s; lengthen channel or shorten permission",
            channel.value, permission.value
        );
        let (place, key) =
            if channel.place.is_some() { (channel.place, "channel") } else { (permission.place, "permission") };
        section.fault(place, key, message);
    }
    Lifetimes {
        allocation: Lifetime::from_secs(allocation.value),
        allocation_max: Lifetime::from_secs(longest),
        permission: Lifetime::from_secs(permission.value),
        channel: Lifetime::from_secs(channel.value),
        nonce: Lifetime::from_secs(section.number("nonce", 30..=600, 600)),
        grace: Lifetime::from_secs(section.number("grace", 0..=30, 30)),
    }
}

/// What `[limits]` and `[lifetimes]` say to the TURN server.
pub(super) fn turn(limits: &Limits, lifetimes: &Lifetimes) -> turn::Settings {
    turn::Settings {
        default_lifetime: lifetimes.allocation,
        max_lifetime: lifetimes.allocation_max,
        permission_lifetime: lifetimes.permission,
        channel_lifetime: lifetimes.channel,
        grace: lifetimes.grace,
        max_permissions: limits.permissions,
        max_channels: limits.channels,
        token_rate: limits.token_rate,
        user_rate: limits.user_rate,
        requests_per_second: limits.requests_per_second,
        allocations_per_source: limits.per_source,
        ..turn::Settings::default()
    }
}
