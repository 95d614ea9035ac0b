//! What a new configuration changes, and what of that a running relay can take over.

use self::Effect::{Applied, NeedsRestart};
use super::Config;

/// A key, or a table, whose value is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key with its table, as `limits.channels`; `auth` stands for the users and secrets of that table.
    pub key: &'static str,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of a change on reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It holds from now on.
    Applied,
    /// It holds after a restart; until then the old value does.
    NeedsRestart,
}

type Compared = (&'static str, Effect, bool);

macro_rules! table {
    ($old:ident $new:ident $($key:literal $effect:ident $($field:ident).+;)+) => {
        [$(($key, $effect, $old.$($field).+ == $new.$($field).+)),+]
    };
}

/// The keys that differ, in the order of the file. Wildcards and defaults count as what they stand for, so that a new
/// interface shows as a change, too. The contents of certificates do not count: they are read again at every reload.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let compared =
        doors(old, new).into_iter().chain(rules(old, new)).chain(operators(old, new)).chain(records(old, new));
    compared.filter(|(_, _, same)| !same).map(|(key, effect, _)| Change { key, effect }).collect()
}

/// Where the relay stands and is reached.
fn doors(old: &Config, new: &Config) -> Vec<Compared> {
    let external = |config: &Config| config.relay.addresses.iter().map(|address| address.external).collect::<Vec<_>>();
    let local = |config: &Config| config.relay.addresses.iter().map(|address| address.local).collect::<Vec<_>>();
    // The file of an authority's is named by nobody.
    let own = |config: &Config| config.tls.first().filter(|_| config.acme.is_none()).cloned();
    let certificate = |config: &Config| own(config).map(|files| files.certificate);
    let key = |config: &Config| own(config).map(|files| files.key);
    let names = |config: &Config| config.tls.iter().skip(1).cloned().collect::<Vec<_>>();

    let mut compared = table! { old new
        "server.realm" Applied realm;
        "server.shards" NeedsRestart shards;
        "server.busy_poll" NeedsRestart tuning.busy_poll;
        "server.drain" Applied drain;
        "server.alternate" Applied turn.alternate;
        "server.state" NeedsRestart state;
        "server.runtime" NeedsRestart runtime;
        "listen.tcp" NeedsRestart listen.tcp;
        "listen.tls" NeedsRestart listen.tls;
        "listen.door" NeedsRestart listen.door;
        "listen.proxies" NeedsRestart listen.proxies;
        "listen.stranger_deadline" NeedsRestart listen.stranger_deadline;
        "listen.connections_per_source" NeedsRestart listen.connections_per_source;
        "listen.connections" NeedsRestart listen.connections;
        "listen.send_queue" NeedsRestart listen.send_queue;
        "listen.send_age" NeedsRestart listen.send_age;
    }
    .to_vec();
    // The door's addresses stand at the end of those of UDP.
    let udp =
        |config: &Config| config.udp.iter().copied().filter(|at| !config.listen.door.contains(at)).collect::<Vec<_>>();
    let pinned = |config: &Config| !config.tuning.cores.is_empty();
    compared.extend([
        ("listen.udp", NeedsRestart, udp(old) == udp(new)),
        ("server.pin", NeedsRestart, pinned(old) == pinned(new)),
        ("tls.certificate", Applied, certificate(old) == certificate(new)),
        ("tls.key", Applied, key(old) == key(new)),
        ("tls.name", Applied, names(old) == names(new)),
        ("tls.acme", Applied, old.acme == new.acme),
        ("relay.addresses", NeedsRestart, local(old) == local(new)),
        // A new relay address brings its external one along; that is one change.
        ("relay.external", NeedsRestart, local(old) != local(new) || external(old) == external(new)),
    ]);
    compared.extend(table! { old new
        "relay.ports" NeedsRestart relay.ports;
        "relay.closed_addresses" NeedsRestart relay.closed;
    });
    compared
}

/// Who may do what, and for how long.
fn rules(old: &Config, new: &Config) -> Vec<Compared> {
    table! { old new
        "auth" Applied credentials;
        "auth.reach" Applied terms.reach;
        "auth.regions" Applied terms.regions;
        "tokens.keyring" Applied tokens.keyring;
        "tokens.cluster" Applied tokens.cluster;
        "tokens.skew" Applied tokens.skew;
        "tokens.region" Applied tokens.region;
        "tokens.elsewhere" Applied tokens.elsewhere;
        "tokens.outside" Applied tokens.outside;
        "peers.allow" Applied peers.allow;
        "peers.deny" Applied peers.deny;
        "peers.lowest_port" Applied peers.lowest_port;
        "peers.strict_port" Applied peers.strict_port;
        "seal.mode" Applied policy.seal.mode;
        "seal.accept_unsealed" Applied accept_unsealed;
        "seal.min_dtls" Applied policy.seal.min_version;
        "seal.profiles" Applied policy.seal.profiles;
        "seal.statistics" Applied policy.seal.statistics;
        "limits.allocations" Applied policy.quota.total;
        "limits.allocations_per_user" Applied policy.quota.per_subject;
        "limits.allocations_per_source" Applied turn.allocations_per_source;
        "limits.permissions" Applied turn.max_permissions;
        "limits.channels" Applied turn.max_channels;
        "limits.challenges_per_second" Applied policy.challenges_per_second;
        "limits.requests_per_second" Applied turn.requests_per_second;
        "limits.kbps_per_token" Applied turn.token_rate.kbps;
        "limits.packets_per_second_per_token" Applied turn.token_rate.packets;
        "limits.kbps_per_user" Applied turn.user_rate.kbps;
        "limits.packets_per_second_per_user" Applied turn.user_rate.packets;
        "lifetimes.allocation" Applied turn.default_lifetime;
        "lifetimes.allocation_max" Applied turn.max_lifetime;
        "lifetimes.permission" Applied turn.permission_lifetime;
        "lifetimes.channel" Applied turn.channel_lifetime;
        "lifetimes.nonce" Applied nonce_lifetime;
        "lifetimes.grace" Applied turn.grace;
    }
    .to_vec()
}

/// The operator's way in.
fn operators(old: &Config, new: &Config) -> Vec<Compared> {
    table! { old new
        "operator.socket" NeedsRestart api.socket;
        "operator.operators" Applied api.access.people.operators;
        "operator.viewers" Applied api.access.people.viewers;
        "api.listen" NeedsRestart api.listen;
        "api.door" NeedsRestart api.door;
        "api.keys" Applied api.keys;
        "api.client_ca" Applied api.client_ca;
        "api.certificates" Applied api.access.certificates;
        "mint.key" Applied api.mint_key;
        "mint.kid" Applied api.mint_kid;
        "mint.issuer" Applied api.mint_issuer;
        "mint.urls" Applied api.mint_urls;
        "signal.origins" NeedsRestart signal.origins;
        "signal.opens_before" Applied signal.opens_before;
        "signal.credentials" Applied signal.credentials;
        "signal.closes_after" Applied signal.closes_after;
        "signal.screen" Applied signal.conduct.screen;
        "signal.files" Applied signal.conduct.files;
        "signal.clinic" Applied signal.clinics;
        "signal.openid" Applied openid;
        "signal.webhook" Applied webhooks;
    }
    .to_vec()
}

/// What is shown and recorded.
fn records(old: &Config, new: &Config) -> Vec<Compared> {
    let syslog = |config: &Config| config.audit.syslog_identity.clone();
    let mut compared = table! { old new
        "admin.listen" NeedsRestart admin;
        "audit.directory" NeedsRestart audit.directory;
        "audit.node" NeedsRestart audit.node;
        "audit.signing_key" NeedsRestart audit.signing_key;
        "audit.pseudonym_key" NeedsRestart audit.pseudonym_key;
        "audit.when_failing" Applied audit.when_failing;
        "audit.segment_bytes" NeedsRestart audit.rotation.bytes;
        "audit.segment_hours" NeedsRestart audit.rotation.seconds;
        "audit.keep_days" NeedsRestart audit.rotation.keep;
        "audit.syslog" NeedsRestart audit.syslog;
        "audit.syslog_ca" NeedsRestart audit.syslog_ca;
    }
    .to_vec();
    compared.extend([
        (
            "audit.syslog_certificate",
            NeedsRestart,
            syslog(old).map(|files| files.certificate) == syslog(new).map(|files| files.certificate),
        ),
        ("audit.syslog_key", NeedsRestart, syslog(old).map(|files| files.key) == syslog(new).map(|files| files.key)),
    ]);
    compared.extend(table! { old new
        "log.format" NeedsRestart log.format;
        "log.level" NeedsRestart log.level;
    });
    compared
}
