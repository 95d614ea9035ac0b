//! The demo's certificates: an authority of its own, which can vouch for this computer alone and whose key nobody keeps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// How long the certificates are good: as long as the credentials that the demo prints.
const LIFE: u64 = super::CREDENTIAL_SECONDS;
/// They begin a little earlier: a browser's clock need not agree with ours.
const BEFORE: u64 = 300;
/// The only name that they are for; the addresses stand in [`ADDRESSES`].
const NAME: &str = "localhost";
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Certificates as PEM.
pub(super) struct Made {
    /// Of the authority. Its key has signed one certificate and is gone.
    pub(super) authority: String,
    /// Of the relay.
    pub(super) certificate: String,
    /// The relay's key.
    pub(super) key: Zeroizing<String>,
    /// The hash of its public half, as Chromium's `--ignore-certificate-errors-spki-list` takes it: SHA-256 over the
    /// SubjectPublicKeyInfo, in base64.
    pub(super) pin: String,
}

/// Makes an authority and one certificate. `mark` tells the authorities of several demos apart where a browser lists them.
///
/// # Errors
/// The library has no randomness, or the clock stands where certificates have no date.
pub(super) fn make(now: UnixTime, mark: &str) -> anyhow::Result<Made> {
    let key = KeyPair::generate().context("cannot make a key")?;
    let mut about = parameters(Vec::new(), &format!("Hilum demo authority {mark}"), now)?;
    about.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Whoever trusts it lets it speak for this computer and for nothing else.
    let addresses = ADDRESSES.map(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
    });
    let permitted = [GeneralSubtree::DnsName(NAME.to_owned())].into_iter().chain(addresses).collect();
    about.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    let authority = about.self_signed(&key).context("cannot make a certificate")?;

    let names = core::iter::once(NAME.to_owned()).chain(ADDRESSES.map(|address| address.to_string())).collect();
    let mut own = parameters(names, "Hilum demo relay", now)?;
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    own.use_authority_key_identifier_extension = true;
    let own_key = KeyPair::generate().context("cannot make a key")?;
    let certificate = own.signed_by(&own_key, &Issuer::new(about, key)).context("cannot make a certificate")?;
    Ok(Made {
        authority: authority.pem(),
        certificate: certificate.pem(),
        key: Zeroizing::new(own_key.serialize_pem()),
        pin: STANDARD.encode(digest(&SHA256, &own_key.subject_public_key_info())),
    })
}

fn parameters(names: Vec<String>, common_name: &str, now: UnixTime) -> anyhow::Result<CertificateParams> {
    let mut about = CertificateParams::new(names).context("cannot make a certificate")?;
    about.distinguished_name = DistinguishedName::new();
    about.distinguished_name.push(DnType::CommonName, common_name);
    let date = |seconds: u64| {
        let seconds = i64::try_from(seconds).context("the clock is far in the future")?;
        OffsetDateTime::from_unix_timestamp(seconds).context("the clock is far in the future")
    };
    about.not_before = date(now.as_secs().saturating_sub(BEFORE))?;
    about.not_after = date(now.as_secs().saturating_add(LIFE))?;
    Ok(about)
}

/// How a person makes programs trust the authority in `file`, and how they cease to.
pub(super) fn how_to_trust(file: &str, mark: &str) -> String {
    format!(
        "To trust its certificate, which is good for 24 hours and for this computer alone: the authority's is in\n  {file}\n\
         Its key is gone, and the file goes when the demo ends.\n\
         - curl: curl --cacert {file} …\n\
         - Chromium: mkdir -p ~/.pki/nssdb; certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n hilum-{mark} \\\n  \
           -i {file}\n  \
           (Debian: libnss3-tools), or chrome://certificate-manager; when the demo has ended and the browser is closed\n  \
           certutil -d sql:$HOME/.pki/nssdb -D -n hilum-{mark}\n\
         - Firefox: Settings, Certificates, View Certificates, Authorities, Import"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::aws_lc_rs;
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, ServerName};

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn trusts(made: &Made, name: &str, after: u64) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(made.authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let own = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now = core::time::Duration::from_secs(NOW.as_secs() + after);
        let now = rustls_pki_types::UnixTime::since_unix_epoch(now);
        verifier.verify_server_cert(&own, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn who_trusts_the_authority_trusts_this_computer_for_a_day() {
        let made = make(NOW, "0a1b").unwrap();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(trusts(&made, name, 0) && trusts(&made, name, LIFE), "{name}");
            assert!(!trusts(&made, name, LIFE + 1), "{name} after a day");
        }
        assert!(!trusts(&made, "clinic.example", 0));
        let other = make(NOW, "0a1b").unwrap();
        assert!(!trusts(&Made { authority: other.authority, ..made }, "localhost", 0), "each demo has its own");
    }

    #[test]
    fn the_authority_can_vouch_for_nobody_else() {
        let made = make(NOW, "0a1b").unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(made.authority.as_bytes()).unwrap();
        let authority = pem.parse_x509().unwrap();
        let constraints = authority.name_constraints().unwrap().unwrap();
        assert!(constraints.critical);
        assert_eq!(constraints.value.permitted_subtrees.as_ref().unwrap().len(), 3);
        let basic = authority.basic_constraints().unwrap().unwrap();
        assert!(basic.value.ca && basic.value.path_len_constraint == Some(0));
        assert!(!made.authority.contains("PRIVATE") && !made.certificate.contains("PRIVATE"));
    }
}
