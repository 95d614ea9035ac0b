//! What goes on record beside calls: the node, its configuration, its keys, and what others do to it.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::sign::SingleCertAndKey;

use crate::admin::SuccessionReading;
use crate::audit::disk::Directory;
use crate::audit::fact::{
    self, ConfigurationChanged, KeyChange, KeyChanged, NodeStarted, NodeStopped, OperatorAction, Revocable,
};
use crate::audit::{
    Audit, AuditState, Day, DayKey, Digest, Fact, Label, MasterKey, Pseudonym, Settings, SigningKey, syslog,
};
use crate::auth::{Key, Keyring, Revoked};
use crate::client::{Trust, client_config};
use crate::clock::SystemClock;
use crate::config::{self, Change, Config, Effect};
use crate::listen::{Identity, Renewed, Tls};
use crate::time::{Moment, Now};

/// Digits of a certificate's fingerprint that stand for it: 128 bits.
const FINGERPRINT: usize = 32;

/// The audit log of a running relay. Whoever does something that is to be on record says it here.
pub struct Record {
    audit: Audit,
    names: MasterKey,
    /// Of the day that was asked for last.
    today: Mutex<Option<DayKey>>,
    clock: SystemClock,
    started: Moment,
    region: ArcSwap<Label>,
}

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.audit.fmt(formatter)
    }
}

impl Record {
    /// Opens the log that the configuration names; none if it names none.
    ///
    /// # Errors
    /// A key, the directory or the receiver's certificates cannot be had.
    pub(super) fn open(config: &Config, clock: SystemClock) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(directory) = &config.audit.directory else { return Ok(None) };
        let in_it = || format!("the audit log in {} (audit.directory)", directory.display());
        let disk = Directory::new(directory).with_context(in_it)?;
        let [signing, pseudonym] = config.audit.key_files(directory);
        let key = SigningKey::read_or_make(&signing)
            .with_context(|| format!("the audit log's key {} (audit.signing_key)", signing.display()))?;
        let names = MasterKey::read_or_make(&pseudonym)
            .with_context(|| format!("the audit log's key {} (audit.pseudonym_key)", pseudonym.display()))?;
        let region = region(config);
        let settings = Settings {
            directory: directory.clone(),
            region: region.clone(),
            key,
            rotation: config.audit.rotation,
            when_failing: config.audit.when_failing,
            syslog: receiver(&config.audit)?,
        };
        let audit = Audit::open_with(settings, Arc::new(clock), Box::new(disk)).with_context(in_it)?;
        let started = clock.now().moment;
        let region = ArcSwap::from_pointee(region);
        Ok(Some(Arc::new(Self { audit, names, today: Mutex::default(), clock, started, region })))
    }

    /// Puts a fact on record. Never waits.
    pub fn record(&self, fact: impl Into<Fact>) {
        self.audit.record(fact);
    }

    /// The name under which a call, token or party, by its id, stands in the log today.
    #[must_use]
    pub fn pseudonym(&self, id: &str) -> Pseudonym {
        self.pseudonym_at(id, self.clock.now())
    }

    pub(super) fn pseudonym_at(&self, id: &str, now: Now) -> Pseudonym {
        let day = Day::of(now.unix);
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = today.take().filter(|key| key.day() == day);
        today.insert(fresh.unwrap_or_else(|| self.names.of_day(day))).pseudonym(id.as_bytes())
    }

    /// Whether what is recorded is being written.
    #[must_use]
    pub fn state(&self) -> AuditState {
        self.audit.state()
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Where this relay stands; a dash if nobody has said.
    pub(super) fn region(&self) -> Label {
        (**self.region.load()).clone()
    }

    /// The node has started, with this configuration and these keys.
    pub(super) fn started(&self, config: &Config, tls: Option<&Tls>) {
        self.record(NodeStarted {
            node: node(&config.audit),
            region: self.region(),
            version: label(env!("CARGO_PKG_VERSION")),
            configuration: Digest::from(config.text.0),
        });
        self.key("pseudonym", &self.names.id(), KeyChange::Added);
        for key in keys(config) {
            self.key("token", key.kid().as_str(), KeyChange::Added);
        }
        if let Some(tls) = tls {
            for identity in tls.identities().all() {
                self.key("tls", &certificate(identity.fingerprint()), KeyChange::Added);
            }
        }
    }

    /// What became of what the process before has left.
    pub(super) fn resumed(&self, how: &SuccessionReading) {
        let lost = how.lost.iter().map(|(_, count)| count).sum();
        self.record(fact::Resumed { how: label(how.start), allocations: how.resumed, lost });
    }

    /// Somebody revoked something, and so many allocations ended.
    pub(super) fn revoked(&self, what: &Revoked, ended: usize, actor: &impl fmt::Display) {
        let (kind, subject, key) = match what {
            Revoked::Token { id, .. } => (Revocable::Token, Some(self.pseudonym(id.as_str())), None),
            Revoked::Call { call, .. } => (Revocable::Call, Some(self.pseudonym(call.as_str())), None),
            Revoked::Party { call, party, .. } => {
                let name = self.pseudonym(&format!("{}/{}", call.as_str(), party.as_str()));
                (Revocable::Party, Some(name), None)
            }
            Revoked::Key { kid } => (Revocable::Key, None, Some(label(kid.as_str()))),
        };
        let ended = u64::try_from(ended).unwrap_or(u64::MAX);
        self.record(fact::Revoked { what: kind, subject, key, ended, actor: label(&actor.to_string()) });
    }

    /// An operator did something, perhaps about a call.
    pub(super) fn acted(&self, action: &str, call: Option<&str>, (actor, role): (&impl fmt::Display, &str)) {
        let subject = call.map(|call| self.pseudonym(call));
        let (action, role, actor) = (label(action), label(role), label(&actor.to_string()));
        self.record(OperatorAction { action, subject, role, actor });
    }

    /// Other certificates are shown from now on.
    pub(super) fn certificate(&self, renewed: &Renewed) {
        let (identity, change) = match renewed {
            Renewed::Added(identity) => (identity, KeyChange::Added),
            Renewed::Replaced(_, identity) => (identity, KeyChange::Rotated),
            Renewed::Removed(identity) => (identity, KeyChange::Removed),
            Renewed::Refused(..) | Renewed::Alarm(_) | Renewed::Mended(_) => return,
        };
        self.key("tls", &certificate(identity.fingerprint()), change);
    }

    /// Another configuration holds from now on. What waits for a restart is on record when that comes.
    pub(super) fn reloaded(&self, old: &Config, new: &Config, changes: &[Change], actor: &str) {
        let region = region(new);
        self.audit.set_region(region.clone());
        self.region.store(Arc::new(region));
        self.audit.set_when_failing(new.audit.when_failing);
        let applied = changes.iter().filter(|change| change.effect == Effect::Applied);
        let keys: Vec<Label> = applied.map(|change| label(change.key)).collect();
        if !keys.is_empty() || old.text != new.text {
            let configuration = Digest::from(new.text.0);
            self.record(ConfigurationChanged { configuration, keys, actor: label(actor) });
        }
        self.token_keys_changed(old, new);
    }

    fn token_keys_changed(&self, old: &Config, new: &Config) {
        let find = |config, key: &Key| keyring(config).and_then(|ring| ring.get(&key.kid())).cloned();
        for key in keys(new) {
            let change = match find(old, key) {
                None => KeyChange::Added,
                Some(before) if before.public().to_bytes() != key.public().to_bytes() => KeyChange::Rotated,
                Some(before) if before.validity().not_after != key.validity().not_after => KeyChange::Retired,
                Some(_) => continue,
            };
            self.key("token", key.kid().as_str(), change);
        }
        for key in keys(old).filter(|key| find(new, key).is_none()) {
            self.key("token", key.kid().as_str(), KeyChange::Removed);
        }
    }

    fn key(&self, purpose: &str, key: &str, change: KeyChange) {
        self.record(KeyChanged { purpose: label(purpose), key: label(key), change });
    }

    /// The node stops: the last record, signed when this returns. Nothing can be recorded afterwards.
    pub(super) fn stopped(&self, reason: &str) {
        let seconds = self.clock.now().moment.since(self.started).as_secs();
        self.record(NodeStopped { reason: label(reason), seconds });
        self.audit.close();
    }
}

fn keyring(config: &Config) -> Option<&Keyring> {
    config.tokens.rules.as_ref().map(|rules| &rules.keyring)
}

fn keys(config: &Config) -> impl Iterator<Item = &Key> {
    keyring(config).into_iter().flat_map(Keyring::keys)
}

fn region(config: &Config) -> Label {
    config.tokens.region.map_or_else(Label::default, |region| label(region.as_str()))
}

/// The name that the operator gave, or the host has.
fn node(config: &config::Audit) -> Label {
    let host = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    config.node.clone().or_else(|| host()?.parse().ok()).unwrap_or_default()
}

/// A word of ours as the log writes it. One that looks like an address, which a region or the id of a key may, is told
/// from one.
pub(super) fn label(word: &str) -> Label {
    word.parse().or_else(|_| format!("id:{word}").parse()).unwrap_or_default()
}

fn certificate(fingerprint: [u8; 32]) -> String {
    Digest::from(fingerprint).to_string().chars().take(FINGERPRINT).collect()
}

/// The syslog receiver, if there is one.
fn receiver(config: &config::Audit) -> anyhow::Result<Option<syslog::Settings>> {
    let Some(receiver) = &config.syslog else { return Ok(None) };
    let trust = config.syslog_ca.clone().map_or(Trust::System, Trust::File);
    let mut tls = (*client_config(&trust).context("the syslog receiver (audit.syslog_ca)")?).clone();
    // TURN's application protocol is not theirs, and they have none.
    tls.alpn_protocols.clear();
    if let Some(files) = &config.syslog_identity {
        let identity = Identity::load(files)?;
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(identity.pair())));
    }
    let node = node(config);
    Ok(Some(syslog::Settings { host: receiver.host.clone(), port: receiver.port, tls: Arc::new(tls), node }))
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_word_that_looks_like_an_address_is_told_from_one() {
        assert_eq!(label("eu-north").as_str(), "eu-north");
        assert_eq!(label("10.0.0.1").as_str(), "id:10.0.0.1");
        assert_eq!(label("no word").as_str(), "-");
    }
}
