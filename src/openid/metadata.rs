//! What a provider says of itself (OpenID Connect Discovery 1.0).

use hyper::Uri;
use oauth2::{AuthUrl, TokenUrl};
use serde::Deserialize;

use super::LONGEST;

/// Where the document is, after the issuer.
pub(super) const PATH: &str = "/.well-known/openid-configuration";
/// Bytes of an address of the provider.
const LONGEST_ADDRESS: usize = 2048;

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is used of it.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: AuthUrl,
    pub(super) token: TokenUrl,
    pub(super) keys: String,
    /// The secret goes into the header, as RFC 6749 §2.3.1 has it; else into the body.
    pub(super) basic: bool,
    /// It says who it is when it sends somebody back (RFC 9207).
    pub(super) names_itself: bool,
}

impl Metadata {
    /// Reads it, for the provider with this name.
    pub(super) fn read(document: &[u8], issuer: &str) -> Result<Self, &'static str> {
        let Document {
            issuer: named,
            authorization_endpoint,
            token_endpoint,
            jwks_uri,
            token_endpoint_auth_methods_supported: methods,
            authorization_response_iss_parameter_supported: names_itself,
        } = serde_json::from_slice(document).map_err(|_| "what answers is no provider: see signal.openid.issuer")?;
        if named != issuer {
            return Err("it calls itself otherwise than signal.openid.issuer, which must be the same to the letter");
        }
        let plain = issuer.starts_with("http://");
        let fits = |address: &String| address.len() <= LONGEST_ADDRESS && is_address(address, plain);
        if ![&authorization_endpoint, &token_endpoint, &jwks_uri].into_iter().all(fits) {
            return Err("it names addresses without https");
        }
        let offers = |method: &str| methods.as_ref().is_some_and(|methods| methods.iter().any(|one| one == method));
        // Without a word on it there is the one that all of them have.
        let basic = methods.is_none() || offers("client_secret_basic");
        if !basic && !offers("client_secret_post") {
            return Err("it takes no client secret: see the client's settings there");
        }
        let bad = |_| "it names an address that is none";
        Ok(Self {
            authorization: AuthUrl::new(authorization_endpoint).map_err(bad)?,
            token: TokenUrl::new(token_endpoint).map_err(bad)?,
            keys: jwks_uri,
            basic,
            names_itself,
        })
    }
}

/// Whether a text is the address of a server: with `https`, or on this host also with `http` where that will do. Without
/// a user and without a fragment.
fn is_address(text: &str, plain_here: bool) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || host.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let secure = uri.scheme_str() == Some("https") || (plain_here && here && uri.scheme_str() == Some("http"));
    secure && !host.is_empty() && !authority.as_str().contains('@') && !text.contains('#')
}

/// Whether a text can be the issuer of a provider.
#[must_use]
pub fn is_issuer(text: &str) -> bool {
    text.len() <= LONGEST && is_address(text, true) && !text.contains('?')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.clinic.example/realms/staff";

    fn document() -> serde_json::Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.clinic.example/auth?tenant=1",
            "token_endpoint": "https://login.clinic.example/token",
            "jwks_uri": "https://keys.clinic.example/keys",
            "scopes_supported": ["openid"],
        })
    }

    fn read(document: &serde_json::Value) -> Result<Metadata, &'static str> {
        Metadata::read(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn a_document_is_taken_as_it_is_or_not_at_all() {
        let read_as = read(&document()).unwrap();
        assert!(read_as.basic && !read_as.names_itself);
        for (key, value) in [
            ("issuer", json!("https://login.clinic.example/realms/staff/")),
            ("issuer", json!(null)),
            ("token_endpoint", json!("http://login.clinic.example/token")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("authorization_endpoint", json!("https://somebody@login.clinic.example/auth")),
            ("jwks_uri", json!("http://127.0.0.1/keys")),
            ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
        ] {
            let mut changed = document();
            changed[key] = value;
            assert!(read(&changed).is_err(), "{changed}");
        }
        let mut posts = document();
        posts["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "private_key_jwt"]);
        assert!(!read(&posts).unwrap().basic);
    }

    #[test]
    fn http_is_for_this_host_alone() {
        for (address, good) in [
            ("http://127.0.0.1:9/a", true),
            ("http://[::1]:9", true),
            ("http://localhost", true),
            ("http://localhost.clinic.example", false),
            ("http://10.0.0.1", false),
            ("https://10.0.0.1", true),
            ("https://", false),
            ("/a", false),
            ("https://a/#b", false),
        ] {
            assert_eq!(is_address(address, true), good, "{address}");
            assert_eq!(is_address(address, false), good && address.starts_with("https"), "{address}");
        }
        assert!(!is_issuer("https://a?b") && is_issuer("https://a/b"));
    }
}
