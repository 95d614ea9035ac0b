//! What is kept of an authority: the account, and the certificate with its key, in one file so that they change together.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::name::Name;
use super::schedule::due;
use crate::time::UnixTime;

/// Under the state directory.
const DIRECTORY: &str = "acme";
const PAIR: &str = "certificate.pem";
pub(super) const ACCOUNT: &str = "account.json";
const FAILURE: &str = "failure.txt";
/// How long a stand-in is good: nobody is to come to rely on it.
const STAND_IN: u64 = 7 * 86_400;
/// Letters of an address of an authority in the name of its directory; the hash tells them apart.
const READABLE: usize = 80;

/// The directory of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files(PathBuf);

/// What the file of the pair holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) names: Vec<Name>,
    pub(super) due: UnixTime,
    /// Signed by itself: nobody has issued it.
    pub(super) stand_in: bool,
}

impl Files {
    /// Those of the authority at `directory`, an URL. Another one, as a first trial with an authority's staging
    /// environment, has an account and certificates of its own.
    pub(super) fn of(state: &Path, directory: &str) -> Self {
        let letter = |byte: char| if byte.is_ascii_alphanumeric() || byte == '.' { byte } else { '-' };
        let readable: String = directory.trim_start_matches("https://").chars().map(letter).take(READABLE).collect();
        let hash = Sha256::digest(directory);
        let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self(state.join(DIRECTORY).join(format!("{readable}-{hash}")))
    }

    /// Does what blocks on the file system: the disk may be far away, and other clients are not to wait for it. What has
    /// begun is done, also when nobody waits for it any more.
    ///
    /// # Errors
    /// Those of `work`, and the end of the runtime.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let files = self.clone();
        let done = spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|_| Err(io::Error::other("it was not asked, since the relay ends")))
    }

    /// The certificate with its chain, and its key.
    pub(super) fn pair(&self) -> PathBuf {
        self.0.join(PAIR)
    }

    /// What was said of the last failure.
    pub(super) fn failure(&self) -> PathBuf {
        self.0.join(FAILURE)
    }

    /// Makes the directory, and a stand-in if there is no pair for exactly these names: a listener for TLS needs
    /// something to show until the authority has issued, and clients refuse it. What was issued for other names stays: it
    /// is better than nothing until there is another.
    pub(super) fn prepare(&self, names: &[Name], now: UnixTime) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.0)?;
        match self.kept() {
            Some(kept) if !kept.stand_in || (is_for(&kept.names, names) && now < kept.due) => Ok(()),
            Some(_) | None => self.keep_pair(&stand_in(names, now).map_err(io::Error::other)?),
        }
    }

    /// What the file of the pair holds; `None` if that is no pair.
    pub(super) fn kept(&self) -> Option<Kept> {
        let text = Zeroizing::new(std::fs::read(self.pair()).ok()?);
        rustls_pki_types::PrivateKeyDer::from_pem_slice(&text).ok()?;
        let certificate = CertificateDer::pem_slice_iter(&text).next()?.ok()?;
        let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
        let time = |seconds| UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0));
        let alternatives = parsed.subject_alternative_name().ok()??;
        let validity = parsed.validity();
        let spread = Sha256::digest(&certificate).iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        Some(Kept {
            names: alternatives.value.general_names.iter().filter_map(name).collect(),
            due: due(time(validity.not_before.timestamp()), time(validity.not_after.timestamp()), spread),
            stand_in: parsed.issuer() == parsed.subject(),
        })
    }

    pub(super) fn keep_pair(&self, text: &str) -> io::Result<()> {
        self.write(PAIR, text)
    }

    /// `None` if there is none.
    pub(super) fn account(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        match std::fs::read(self.0.join(ACCOUNT)) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn keep_account(&self, text: &str) -> io::Result<()> {
        self.write(ACCOUNT, text)
    }

    pub(super) fn forget_account(&self) -> io::Result<()> {
        forget(&self.0.join(ACCOUNT))
    }

    pub(super) fn keep_failure(&self, text: &str) -> io::Result<()> {
        self.write(FAILURE, text)
    }

    pub(super) fn forget_failure(&self) -> io::Result<()> {
        forget(&self.failure())
    }

    /// Writes a file as a whole, for its owner alone: whoever looks sees the old one or the new one.
    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let unfinished = self.0.join(format!("{file}.new"));
        forget(&unfinished)?;
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        std::fs::rename(&unfinished, self.0.join(file))?;
        // The name is on the disk as well.
        File::open(&self.0)?.sync_all()
    }
}

fn forget(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn name(general: &GeneralName<'_>) -> Option<Name> {
    if let GeneralName::DNSName(name) = general {
        return Some(Name::Dns(name.to_ascii_lowercase()));
    }
    let GeneralName::IPAddress(bytes) = general else { return None };
    let four = <[u8; 4]>::try_from(*bytes).map(|bytes| Name::Address(bytes.into()));
    four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| Name::Address(bytes.into()))).ok()
}

/// Whether a certificate is for these names and no others, in any order.
pub(super) fn is_for(has: &[Name], wanted: &[Name]) -> bool {
    has.iter().all(|name| wanted.contains(name)) && wanted.iter().all(|name| has.contains(name))
}

/// A pair that nobody has issued.
fn stand_in(names: &[Name], now: UnixTime) -> Result<Zeroizing<String>, Box<dyn core::error::Error + Send + Sync>> {
    let key = KeyPair::generate()?;
    let mut about = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    about.distinguished_name = DistinguishedName::new();
    about.distinguished_name.push(DnType::CommonName, "not issued yet");
    let date = |time: UnixTime| OffsetDateTime::from_unix_timestamp(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    about.not_before = date(now)?;
    about.not_after = date(now.plus_secs(STAND_IN))?;
    let certificate = about.self_signed(&key)?;
    let key = Zeroizing::new(key.serialize_pem());
    Ok(Zeroizing::new(certificate.pem() + &key))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const DIRECTORY: &str = "https://ca.clinic.example:8443/acme/relays/directory";

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// Keeps a pair that an authority has issued for these names, until the first day of a year.
    pub(in super::super) fn issued(files: &Files, about: &[&str], until: i32) {
        let authority = KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(CertificateParams::new(Vec::new()).unwrap(), authority);
        let key = KeyPair::generate().unwrap();
        let about: Vec<String> = about.iter().map(|name| (*name).to_owned()).collect();
        let mut about = CertificateParams::new(about).unwrap();
        about.distinguished_name = DistinguishedName::new();
        about.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = about.signed_by(&key, &issuer).unwrap();
        files.keep_pair(&(certificate.pem() + &key.serialize_pem())).unwrap();
    }

    #[test]
    fn a_stand_in_is_made_where_nothing_was_issued_and_takes_the_place_of_nothing_that_was() {
        let state = tempfile::tempdir().unwrap();
        let files = Files::of(state.path(), DIRECTORY);
        let wanted = names(&["turn.clinic.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(files.kept(), None);
        files.prepare(&wanted, NOW).unwrap();
        let first = std::fs::read(files.pair()).unwrap();
        let kept = files.kept().unwrap();
        assert!(kept.stand_in && is_for(&kept.names, &wanted));

        files.prepare(&wanted, NOW).unwrap();
        assert_eq!(std::fs::read(files.pair()).unwrap(), first, "it is still good");
        files.prepare(&wanted, NOW.plus_secs(STAND_IN)).unwrap();
        assert_ne!(std::fs::read(files.pair()).unwrap(), first, "its time is over");
        files.prepare(&names(&["sip.clinic.example"]), NOW).unwrap();
        assert_eq!(files.kept().unwrap().names, names(&["sip.clinic.example"]));

        issued(&files, &["turn.clinic.example"], 4000);
        files.prepare(&wanted, NOW.plus_secs(1 << 33)).unwrap();
        assert!(!files.kept().unwrap().stand_in);

        std::fs::write(files.pair(), "half a pair").unwrap();
        files.prepare(&wanted, NOW).unwrap();
        assert!(files.kept().unwrap().stand_in, "what is no pair would stop the start");
    }

    #[test]
    fn files_are_whole_and_for_their_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let files = Files::of(state.path(), DIRECTORY);
        files.prepare(&names(&["turn.clinic.example"]), NOW).unwrap();
        assert!(files.account().unwrap().is_none());
        // What a crash has left is in nobody's way.
        std::fs::write(files.0.join("account.json.new"), "half").unwrap();
        files.keep_account("{}").unwrap();
        assert_eq!(**files.account().unwrap().as_ref().unwrap(), *b"{}");
        for file in [files.pair(), files.0.join(ACCOUNT)] {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::metadata(&files.0).unwrap().permissions().mode() & 0o777, 0o700);
        files.forget_account().unwrap();
        files.forget_account().unwrap();
        assert!(files.account().unwrap().is_none());
        assert_eq!(std::fs::read_dir(&files.0).unwrap().count(), 1);
    }

    #[test]
    fn every_authority_has_a_directory_of_its_own() {
        let of = |directory: &str| Files::of(Path::new("/state"), directory).0;
        let name = of(DIRECTORY);
        let name = name.strip_prefix("/state/acme").unwrap().to_str().unwrap();
        assert!(name.starts_with("ca.clinic.example-8443-acme-relays-directory-"), "{name}");
        let long = format!("https://clinic.example/{}", "../".repeat(60));
        for others in [["https://a.example/d", "https://a.example-d"], [&long, &long[..150]]] {
            assert_ne!(of(others[0]), of(others[1]));
            assert!(others.iter().all(|other| of(other).components().count() == 4), "{others:?}");
        }
    }
}
