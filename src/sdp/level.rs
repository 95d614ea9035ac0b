//! The attributes of one part of a description: of the session, or of one section.

use core::net::IpAddr;

use super::candidate::candidate;
use super::refusal::Refusal;
use super::transport::{Fingerprint, Setup, password, ufrag};

/// Bytes of a section's name (RFC 5888): browsers count, from 0.
const LONGEST_MID: usize = 16;

/// What the attributes of one part say of its transport.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) ufrag: Option<String>,
    pub(super) password: Option<String>,
    pub(super) setup: Option<Setup>,
    pub(super) mid: Option<String>,
    pub(super) bundle: Option<Vec<String>>,
    pub(super) bundle_only: bool,
    pub(super) rtcp_mux: bool,
    pub(super) candidates: usize,
}

impl Level {
    /// Takes one `a=` line.
    pub(super) fn attribute(&mut self, line: &str, ours: &dyn Fn(IpAddr) -> bool) -> Result<(), Refusal> {
        let (name, value) = line.split_once(':').map_or((line, None), |(name, value)| (name, Some(value)));
        // RFC 8866 §9: a name is a token. Readers differ in what they make of `a=crypto :` or of a name with a tab.
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Refusal::Syntax);
        }
        let wanted = value.ok_or(Refusal::Syntax);
        // Who reads names of attributes too generously must find nothing here either.
        match name.to_ascii_lowercase().as_str() {
            "crypto" => return Err(Refusal::Crypto),
            "key-mgmt" => return Err(Refusal::KeyManagement),
            "zrtp-hash" => return Err(Refusal::Zrtp),
            "ice-lite" => return Err(Refusal::IceLite),
            "remote-candidates" => return Err(Refusal::Address),
            "fingerprint" => {
                let read = Fingerprint::read(wanted?)?;
                if self.fingerprint.as_ref().is_some_and(|known| *known != read) {
                    return Err(Refusal::FingerprintDiffers);
                }
                self.fingerprint = Some(read);
            }
            "ice-ufrag" => once(&mut self.ufrag, ufrag(value.unwrap_or_default())?)?,
            "ice-pwd" => once(&mut self.password, password(value.unwrap_or_default())?)?,
            "setup" => once(&mut self.setup, Setup::read(value.unwrap_or_default())?)?,
            "mid" => {
                let mid = wanted?;
                if !is_mid(mid) {
                    return Err(Refusal::Syntax);
                }
                once(&mut self.mid, mid.to_owned())?;
            }
            "group" => {
                if let Some(mids) = wanted?.strip_prefix("BUNDLE") {
                    let mids = mids.split(' ').filter(|mid| !mid.is_empty()).map(str::to_owned).collect();
                    once(&mut self.bundle, mids)?;
                }
            }
            "bundle-only" => self.bundle_only = true,
            "rtcp-mux" => self.rtcp_mux = true,
            "candidate" => {
                candidate(line, ours)?;
                self.candidates = self.candidates.saturating_add(1);
            }
            // RFC 3605: a port, and perhaps an address as in `c=`.
            "rtcp" => {
                if let Some((_, connection)) = wanted?.split_once(' ') {
                    address(connection, ours)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// `IN IP4 0.0.0.0`, or a relay's address.
pub(super) fn address(connection: &str, ours: &dyn Fn(IpAddr) -> bool) -> Result<(), Refusal> {
    let mut words = connection.split(' ');
    let (network, family, address, more) = (words.next(), words.next(), words.next(), words.next());
    let address: Option<IpAddr> = address.and_then(|address| address.parse().ok());
    let spelled = matches!((network, family), (Some("IN"), Some("IP4" | "IP6"))) && more.is_none();
    match address.filter(|_| spelled) {
        Some(address) if address.is_unspecified() || ours(address) => Ok(()),
        Some(_) | None => Err(Refusal::Address),
    }
}

/// Whether a text can be the name of a section: a token, and short.
pub(super) fn is_mid(text: &str) -> bool {
    (1..=LONGEST_MID).contains(&text.len()) && text.bytes().all(is_token)
}

/// A `token-char` of RFC 8866 §9.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte)
}

/// What is said twice is a way to be read in two ways.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Syntax),
    }
}
