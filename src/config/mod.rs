//! From `hilum.toml` to the settings of every module.
//!
//! [`check`] reads a text, checks every bound and every rule between keys, and either makes a [`Config`] or lists all
//! [`Faults`] in one go. `config/hilum.toml` is the format: every key with its default.

mod acme;
mod api;
mod api_keys;
mod audit;
mod auth;
mod changes;
mod document;
mod environment;
mod fault;
mod host;
mod keyring;
mod limits;
mod listen;
mod openid;
mod operator;
mod peers;
mod relay;
mod seal;
mod section;
mod server;
mod signal;
mod terms;
mod tls;
mod tokens;
mod webhook;

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use toml::de::DeTable;

use crate::auth::{Credentials, Destinations, SharedSecret, Terms};
use crate::listen::PairFiles;
use crate::plane::Tuning;
use crate::policy::{PeerRules, Policy};
use crate::time::Lifetime;
use crate::{log, turn};

pub use crate::time::date;
pub use api::Api;
pub use api_keys::{DEFAULT_API_KEYS, parse_api_keys, read_api_keys, write_api_keys};
pub use audit::{Audit, Syslog};
pub use changes::{Change, Effect, changes};
pub use environment::{Environment, LARGEST_FILE, Material, System};
pub use fault::{Fault, Faults};
pub use host::Host;
pub use keyring::{DEFAULT_KEYRING, parse_keyring, read_keyring, write_keyring};
pub use openid::OpenId;
pub use peers::Peers;
pub use relay::Relay;
pub use tokens::Tokens;

use fault::Collector;
use section::Section;

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/hilum/hilum.toml";

/// Every table and its keys. `auth.user`, `tls.name`, `signal.clinic`, `signal.openid.role` and `signal.webhook` repeat.
pub const TABLES: [(&str, &[&str]); 24] = [
    ("server", &server::SERVER),
    ("listen", &listen::KEYS),
    ("tls", &tls::KEYS),
    ("tls.acme", &acme::KEYS),
    ("tls.name", &tls::NAME),
    ("relay", &relay::KEYS),
    ("auth", &auth::KEYS),
    ("auth.user", &auth::USER),
    ("tokens", &tokens::KEYS),
    ("peers", &peers::KEYS),
    ("seal", &seal::KEYS),
    ("limits", &limits::LIMITS),
    ("lifetimes", &limits::LIFETIMES),
    ("signal", &signal::KEYS),
    ("signal.clinic", &signal::CLINIC),
    ("signal.openid", &openid::KEYS),
    ("signal.openid.role", &openid::ROLE),
    ("signal.webhook", &webhook::KEYS),
    ("admin", &server::ADMIN),
    ("operator", &operator::KEYS),
    ("api", &api::KEYS),
    ("mint", &api::MINT),
    ("audit", &audit::KEYS),
    ("log", &server::LOG),
];

/// A configuration that is right for this host. Only [`check`] makes one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// The realm of the credentials: 1 to 32 bytes of ASCII.
    pub realm: String,
    /// Threads that relay datagrams, 1 to 256.
    pub shards: usize,
    /// How those threads run.
    pub tuning: Tuning,
    /// How long running allocations may go on when the relay is told to stop.
    pub drain: Duration,
    /// The directory of what must survive a restart; `None` keeps nothing.
    pub state: Option<PathBuf>,
    /// The directory of the journal, from which the next process goes on; `None`: nothing goes on.
    pub runtime: Option<PathBuf>,
    /// Where clients are listened to over UDP, the door among it: concrete addresses, no wildcards.
    pub udp: Vec<SocketAddr>,
    /// Where and how clients are listened to over TCP and TLS.
    pub listen: crate::listen::Settings,
    /// The files of the certificates, the first of which is shown where no name decides; not empty whenever `listen.tls`
    /// or `listen.door` is not.
    pub tls: Vec<PairFiles>,
    /// Who issues the first of them, if that is an authority with ACME.
    pub acme: Option<crate::acme::Settings>,
    /// Where relayed ports are opened.
    pub relay: Relay,
    /// Who may ask; never empty.
    pub credentials: Credentials,
    /// What static users and time-limited credentials may do.
    pub terms: Terms,
    /// Which call tokens are accepted, and the region.
    pub tokens: Tokens,
    /// The secret that makes new time-limited credentials: the first one configured.
    pub issuing_secret: Option<SharedSecret>,
    /// What [`Self::policy`] says about peers, as written.
    pub peers: Peers,
    /// Whether the operator accepts a relay that carries what nobody has sealed.
    pub accept_unsealed: bool,
    /// Which peers may be reached, how many allocations, how many answers to strangers, what passes the seal.
    pub policy: Policy,
    /// Lifetimes and bounds of the TURN server.
    pub turn: turn::Settings,
    /// How long a nonce is good.
    pub nonce_lifetime: Lifetime,
    /// Where metrics are found; `None` for nowhere.
    pub admin: Option<SocketAddr>,
    /// The operator's way in.
    pub api: Api,
    /// Visits; off while there is no origin.
    pub signal: crate::signal::Settings,
    /// Where staff sign in, if that is not here alone.
    pub openid: Option<OpenId>,
    /// Who is told what becomes of visits, 8 at most, each URL once.
    pub webhooks: Vec<crate::webhook::Receiver>,
    /// What is kept on record.
    pub audit: Audit,
    /// SHA-256 of the text that this was read from.
    pub text: TextHash,
    /// What is logged, and how.
    pub log: log::Settings,
}

/// SHA-256 of the text of a configuration, comments and all: what `sha256sum` says of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TextHash(pub [u8; 32]);

impl core::fmt::Debug for TextHash {
    /// Two texts may mean the same.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("TextHash")
    }
}

/// Reads and checks a file on this system.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(path: &Path) -> Result<Config, Faults> {
    let file = path.display().to_string();
    let material = System.file(path).map_err(|error| {
        let advice = if error.kind() == io::ErrorKind::NotFound && path == Path::new(DEFAULT_PATH) {
            "; name another with --config"
        } else {
            ""
        };
        Faults::of_file(&file, format!("cannot be read: {}{advice}", reason(&error)))
    })?;
    check(document::text(&material, path)?, path, &System)
}

/// Checks the text of a configuration. `file` is what faults name; files that the text names without a leading `/` are
/// looked up in the directory of `file`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(text: &str, file: impl AsRef<Path>, environment: &dyn Environment) -> Result<Config, Faults> {
    let file = file.as_ref();
    let (document, faults) = document::parse(text, file)?;
    let base = file.parent().unwrap_or(Path::new(""));
    let root = document.get_ref();
    section::refuse_unknown_tables(root, &faults);
    let text = TextHash(Sha256::digest(text).into());
    let config = Reader { root, faults: &faults, environment, base, text }.config();
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults.into_faults()),
    }
}

/// What the readers of the tables share.
struct Reader<'d> {
    root: &'d DeTable<'d>,
    faults: &'d Collector<'d>,
    environment: &'d dyn Environment,
    base: &'d Path,
    text: TextHash,
}

impl<'d> Reader<'d> {
    /// `None` only with a fault noted.
    fn config(&self) -> Option<Config> {
        let host = self.environment.host().unwrap_or_else(|error| {
            self.faults.add(None, "", format!("the addresses of this host cannot be listed: {}", reason(&error)));
            Host::default()
        });
        let server = server::server(self, &self.section("server", &server::SERVER), &host);
        let log = server::log(&self.section("log", &server::LOG));
        let (udp, listen, admin) = self.listeners(&host);
        let (tls, acme) = self.certificates(&server, &listen);
        let relay_section = self.section("relay", &relay::KEYS);
        let relay = relay::read(&relay_section, &host);
        let peers = peers::read(&self.section("peers", &peers::KEYS));
        let strict_port = peers.strict_port;
        let seal = seal::read(&self.section("seal", &seal::KEYS));
        let limits = limits::limits(&self.section("limits", &limits::LIMITS));
        let lifetimes = limits::lifetimes(&self.section("lifetimes", &limits::LIFETIMES));
        let (tokens, keyring) = tokens::read(self);
        let auth = auth::read(self, &tokens, keyring);
        let audit = audit::read(self);
        let taken: Vec<SocketAddr> = listen.settings.streams().chain(admin).collect();
        let api = api::read(self, &host, &tokens, (&taken, !listen.settings.door.is_empty()));

        let there = [!listen.settings.door.is_empty(), server.state.is_some()];
        let (signal, openid) = signal::read(self, signal::Around::new(there, &api, &tokens, &relay));
        let webhooks = webhook::read(self);
        let rules = Self::rules(&peers, &relay, host);
        let auth::Auth { credentials, issuing, terms } = auth?;
        let closed = terms.reach == Destinations::Clients;
        if closed || tokens.keyring.is_some() {
            relay::leaves_numbers(&relay_section, &relay);
        }
        let opens_ports = (!closed && !credentials.is_empty()) || tokens.outside;
        let proxies = listen.settings.proxies.clone();
        Some(Config {
            realm: server.realm,
            shards: server.shards,
            tuning: server.tuning,
            drain: server.drain,
            state: server.state,
            runtime: server.runtime,
            udp,
            listen: listen.settings,
            tls,
            acme,
            relay,
            credentials,
            terms,
            tokens: tokens.clone(),
            issuing_secret: issuing,
            peers,
            accept_unsealed: seal.accept_unsealed,
            policy: Policy {
                peers: rules,
                quota: limits.quota,
                challenges_per_second: limits.challenges_per_second,
                seal: seal.settings,
            },
            turn: turn::Settings {
                strict_port,
                alternate: server.alternate,
                region: tokens.region,
                other_regions: tokens.elsewhere.clone(),
                opens_ports,
                proxies,
                ..limits::turn(&limits, &lifetimes)
            },
            nonce_lifetime: lifetimes.nonce,
            admin,
            api,
            signal,
            openid,
            webhooks,
            audit,
            text: self.text,
            log,
        })
    }

    /// Whose files are shown, and who is asked for the first of them.
    fn certificates(
        &self,
        server: &server::Server,
        listen: &listen::Read,
    ) -> (Vec<PairFiles>, Option<crate::acme::Settings>) {
        let section = self.section("tls", &tls::KEYS);
        let acme = acme::read(self, &section, server.state.as_deref(), &listen.settings);
        let issued = acme.as_ref().map(crate::acme::Settings::pair);
        (tls::read(self, &section, listen.secured, issued), acme)
    }

    /// Which peers may be reached.
    fn rules(peers: &Peers, relay: &Relay, host: Host) -> PeerRules {
        let mut own = host.addresses;
        own.extend(relay.addresses.iter().map(|address| address.external));
        own.extend(&relay.closed);
        PeerRules::new(peers.allow.clone(), peers.deny.clone(), peers.lowest_port, own)
    }

    fn listeners(&self, host: &Host) -> (Vec<SocketAddr>, listen::Read, Option<SocketAddr>) {
        let section = self.section("listen", &listen::KEYS);
        let admin_section = self.section("admin", &server::ADMIN);
        let admin = server::admin(&admin_section, host);
        let (udp, listen) = listen::read(&section, host);
        if let Some(address) = admin.value
            && listen.settings.streams().any(|other| listen::exclude(other, address))
        {
            admin_section.fault(
                admin.place,
                "listen",
                "is taken by a TCP or TLS listener or the door; choose another port",
            );
        }
        (udp, listen, admin.value)
    }

    fn section(&self, name: &'static str, keys: &'static [&'static str]) -> Section<'d> {
        Section::open(self.root, name, keys, self.faults)
    }

    fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }
}

/// Why a file could not be read, in words that do not depend on the platform where they are common.
fn reason(error: &io::Error) -> String {
    let common = [
        (io::ErrorKind::NotFound, "there is no such file"),
        (io::ErrorKind::PermissionDenied, "permission is denied; give the service's group the right to read"),
        (io::ErrorKind::IsADirectory, "it is a directory"),
        (io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"),
    ];
    let words = common.iter().find(|(kind, _)| *kind == error.kind()).map(|(_, words)| (*words).to_owned());
    words.unwrap_or_else(|| error.to_string())
}
