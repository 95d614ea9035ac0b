//! One order: the account, the proof of each name, the key, the certificate (RFC 8555 §7).

use core::time::Duration;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, ExternalAccountKey, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::challenges::{Challenges, Shown};
use super::failure::Failure;
use super::files::Files;
use super::https::Authority;
use super::name::Name;
use super::{Proof, Settings};

/// How the state of an order is asked for: soon at first, and for two minutes at most.
const POLL: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(120));

/// What an order is carried out with.
pub(super) struct Ordering<'o> {
    pub(super) settings: &'o Settings,
    pub(super) tls: &'o Arc<ClientConfig>,
    pub(super) challenges: &'o Arc<Challenges>,
    pub(super) files: &'o Files,
}

impl Ordering<'_> {
    /// Has a certificate issued for a new key, and keeps both.
    pub(super) async fn carry_out(&self) -> Result<(), Failure> {
        let account = self.account().await?;
        let identifiers: Vec<Identifier> = self.settings.names.iter().map(identifier).collect();
        let mut new = NewOrder::new(&identifiers);
        if let Some(profile) = &self.settings.profile {
            new = new.profile(profile);
        }
        let mut order = account.new_order(&new).await?;
        {
            // Shown until the authority has looked.
            let _shown = self.prove(&mut order).await?;
            if order.poll_ready(&POLL).await? == OrderStatus::Invalid {
                return Err(refused(&mut order).await);
            }
        }
        let key = KeyPair::generate()?;
        order.finalize_csr(&self.request(&key)?).await?;
        let chain = order.poll_certificate(&POLL).await?;
        let pair = pair(&chain, &Zeroizing::new(key.serialize_pem()))?;
        Ok(self.files.work(move |files| files.keep_pair(&pair)).await?)
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> Result<Account, Failure> {
        let builder = Account::builder_with_http(Box::new(Authority::new(self.tls)));
        if let Some(kept) = self.files.work(Files::account).await? {
            // Words of the parser may be words of the file.
            let credentials: AccountCredentials = serde_json::from_slice(&kept).map_err(|_| Failure::Account)?;
            let damaged = |error: &Error| matches!(error, Error::KeyRejected | Error::Crypto);
            let why = |error| if damaged(&error) { Failure::Account } else { error.into() };
            return builder.from_credentials(credentials).await.map_err(why);
        }
        let contact: Vec<&str> = self.settings.contacts.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let binding =
            self.settings.binding.as_ref().map(|binding| ExternalAccountKey::new(binding.id.clone(), &binding.key));
        let directory = self.settings.directory.clone();
        let (account, credentials) = builder.create(&new, directory, binding.as_ref()).await?;
        let text =
            Zeroizing::new(serde_json::to_string(&credentials).map_err(|error| Failure::Library(error.to_string()))?);
        self.files.work(move |files| files.keep_account(&text)).await?;
        Ok(account)
    }

    /// Shows what proves each name that is not proven yet, and asks the authority to look.
    async fn prove(&self, order: &mut Order) -> Result<Vec<Shown>, Failure> {
        let mut shown = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => return Err(Failure::Proof(None)),
            }
            let name = name(authorization.identifier().identifier).ok_or(Failure::NotOffered)?;
            let kind = match self.settings.proof {
                Proof::TlsAlpn01 => ChallengeType::TlsAlpn01,
                Proof::Http01 => ChallengeType::Http01,
            };
            let mut challenge = authorization.challenge(kind).ok_or(Failure::NotOffered)?;
            let proof = challenge.key_authorization();
            shown.push(match self.settings.proof {
                Proof::TlsAlpn01 => self.challenges.show_certificate(&name, proof.digest().as_ref())?,
                Proof::Http01 => self.challenges.show_page(&challenge.token, proof.as_str()),
            });
            challenge.set_ready().await?;
        }
        Ok(shown)
    }

    /// The request for a certificate (PKCS#10).
    fn request(&self, key: &KeyPair) -> Result<Vec<u8>, Failure> {
        let names: Vec<String> = self.settings.names.iter().map(ToString::to_string).collect();
        let mut about = CertificateParams::new(names)?;
        about.distinguished_name = DistinguishedName::new();
        Ok(about.serialize_request(key)?.der().to_vec())
    }
}

fn identifier(name: &Name) -> Identifier {
    match name {
        Name::Dns(name) => Identifier::Dns(name.clone()),
        Name::Address(address) => Identifier::Ip(*address),
    }
}

fn name(identifier: &Identifier) -> Option<Name> {
    if let Identifier::Dns(name) = identifier {
        return Some(Name::Dns(name.to_ascii_lowercase()));
    }
    if let Identifier::Ip(address) = identifier { Some(Name::Address(*address)) } else { None }
}

/// Why an authority has given an order up: what it says of the first proof that failed.
async fn refused(order: &mut Order) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { break };
        // The one at hand is from before the authority looked.
        let Ok(state) = authorization.refresh().await else { break };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return Failure::Proof(Some(problem));
        }
    }
    Failure::Proof(None)
}

/// The chain and the key as one text, if they belong together.
fn pair(chain: &str, key: &str) -> Result<Zeroizing<String>, Failure> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates = certificates.ok().filter(|all| !all.is_empty()).ok_or(Failure::Unusable("no certificate"))?;
    let parsed = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok().and_then(|key| any_ecdsa_type(&key).ok());
    let signer = parsed.ok_or_else(|| Failure::Library("a new key cannot be read".to_owned()))?;
    CertifiedKey::new(certificates, signer)
        .keys_match()
        .map_err(|_| Failure::Unusable("a certificate for another key"))?;
    let end = if chain.ends_with('\n') { "" } else { "\n" };
    Ok(Zeroizing::new(format!("{chain}{end}{key}")))
}

/// The key of an account binding from the text of its file, which authorities give out in base64url (RFC 8555 §7.3.4).
#[must_use]
pub fn binding_key(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    URL_SAFE_NO_PAD.decode(text).ok().filter(|key| !key.is_empty()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_issues_for_another_key_is_not_believed() {
        let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (one, other) = (made("a.example"), made("a.example"));
        let key = one.signing_key.serialize_pem();
        let both = pair(one.cert.pem().trim_end(), &key).unwrap();
        assert!(both.contains("-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----"), "one below the other");
        assert!(matches!(pair(&other.cert.pem(), &key), Err(Failure::Unusable("a certificate for another key"))));
        for nothing in ["", "<html>", &key] {
            assert!(matches!(pair(nothing, &key), Err(Failure::Unusable("no certificate"))), "{nothing}");
        }
    }

    #[test]
    fn a_binding_key_is_base64url_with_or_without_its_end() {
        assert_eq!(**binding_key(b"_-8\n").as_ref().unwrap(), [0xff, 0xef]);
        assert_eq!(**binding_key(b" _-8= ").as_ref().unwrap(), [0xff, 0xef]);
        for bad in [&b""[..], b"\n", b"a secret!", b"+/8"] {
            assert!(binding_key(bad).is_none(), "{bad:?}");
        }
    }
}
