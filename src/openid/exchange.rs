//! What goes between us and the provider on one way (RFC 6749 §4.1).

use core::pin::Pin;
use std::borrow::Cow;

use axum::body::Body;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, StandardRevocableToken, StandardTokenIntrospectionResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Provider;
use super::failed::{Failed, Fault};
use super::flow::Flow;
use super::metadata::Metadata;
use crate::https::Https;

/// Bytes of what a browser brings back: codes of large providers have one or two thousand.
const LONGEST_QUERY: usize = 8192;

/// What a browser brings back.
#[derive(Default)]
pub struct Returned {
    pub(super) state: Zeroizing<String>,
    code: Option<Zeroizing<String>>,
    pub(super) issuer: Option<String>,
    error: Option<String>,
}

impl core::fmt::Debug for Returned {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Returned(redacted)")
    }
}

impl Returned {
    /// Reads a query; `None` if it is none, or says something twice.
    #[must_use]
    pub fn read(query: &str) -> Option<Self> {
        if query.len() > LONGEST_QUERY {
            return None;
        }
        let (mut state, mut code, mut issuer, mut error) = (None, None, None, None);
        for (name, value) in oauth2::url::form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "iss" => &mut issuer,
                "error" => &mut error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self { state: Zeroizing::new(state?), code: code.map(Zeroizing::new), issuer, error })
    }

    pub(super) fn code(&self) -> Result<Zeroizing<String>, Failed> {
        match (&self.error, &self.code) {
            (Some(error), _) => Err(match error.as_str() {
                "access_denied" | "login_required" | "interaction_required" | "consent_required" => Failed::Cancelled,
                "temporarily_unavailable" | "server_error" => Failed::Unavailable("it says so itself"),
                "invalid_scope" => Failed::Refused("it does not know what signal.openid.scopes asks for"),
                "unauthorized_client" => Failed::Refused("it does not let this client sign people in"),
                _ => Failed::Refused("it refuses for a reason of its own: see its log"),
            }),
            (None, Some(code)) => Ok(code.clone()),
            (None, None) => Err(Failed::State),
        }
    }
}

/// What OpenID Connect adds to the answer.
#[derive(Debug, Serialize, Deserialize)]
struct Added {
    id_token: Option<String>,
}

impl ExtraTokenFields for Added {}

type Answer = StandardTokenResponse<Added, BasicTokenType>;
type Plain = Client<
    BasicErrorResponse,
    Answer,
    StandardTokenIntrospectionResponse<EmptyExtraTokenFields, BasicTokenType>,
    StandardRevocableToken,
    BasicErrorResponse,
>;

/// The provider was not to be had. What there is to know of it names it.
#[derive(Debug)]
struct Unreachable;

impl core::fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("unreachable")
    }
}

impl core::error::Error for Unreachable {}

/// How the library asks.
struct Asking(Https);

impl<'c> AsyncHttpClient<'c> for Asking {
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreachable>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let response = self.0.ask(request.map(Body::from)).await.map_err(|_| Unreachable)?;
            Ok(response.map(|body| body.to_vec()))
        })
    }
}

fn redirect_url(redirect: &str) -> Result<RedirectUrl, Failed> {
    RedirectUrl::new(redirect.to_owned()).map_err(|_| Failed::Unavailable("signal.origins is no address"))
}

impl Provider {
    fn client(&self) -> Plain {
        Plain::new(ClientId::new(self.settings.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.settings.client_secret.to_string()))
    }

    /// The provider's page, with what it is asked.
    pub(super) fn page(&self, metadata: &Metadata, redirect: &str, flow: &Flow) -> Result<String, Failed> {
        let client = self.client().set_auth_uri(metadata.authorization.clone());
        let verifier = PkceCodeVerifier::new(flow.verifier().to_owned());
        let (address, _) = client
            .authorize_url(|| CsrfToken::new(flow.state().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect_url(redirect)?))
            .add_scope(Scope::new("openid".to_owned()))
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("nonce", flow.nonce())
            .url();
        Ok(address.into())
    }

    /// Exchanges a code for an ID token.
    pub(super) async fn exchange(
        &self,
        metadata: &Metadata,
        redirect: &str,
        flow: &Flow,
        code: &str,
    ) -> Result<Zeroizing<String>, Failed> {
        let _place = self.waiting.try_acquire().map_err(|_| Failed::Busy)?;
        let kind = if metadata.basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let client = self.client().set_auth_type(kind).set_token_uri(metadata.token.clone());
        let asking = Asking(self.https.clone());
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_redirect_uri(Cow::Owned(redirect_url(redirect)?))
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier().to_owned()))
            .request_async(&asking)
            .await
            .map_err(|why| refused(&why))?;
        let token = answer.extra_fields().id_token.clone();
        token.map(Zeroizing::new).ok_or(Failed::Token(Fault::Form))
    }
}

fn refused(why: &RequestTokenError<Unreachable, BasicErrorResponse>) -> Failed {
    match why {
        RequestTokenError::ServerResponse(said) => Failed::Refused(match said.error() {
            BasicErrorResponseType::InvalidClient => {
                "it does not know us: see signal.openid.client_id and signal.openid.client_secret_file"
            }
            BasicErrorResponseType::InvalidGrant => "the code was not good, or not good any more",
            BasicErrorResponseType::UnauthorizedClient => "it does not let this client sign people in",
            BasicErrorResponseType::InvalidRequest
            | BasicErrorResponseType::InvalidScope
            | BasicErrorResponseType::UnsupportedGrantType
            | BasicErrorResponseType::Extension(_) => "it refuses for a reason of its own: see its log",
        }),
        RequestTokenError::Request(Unreachable) => Failed::Unavailable("its token endpoint cannot be reached"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Failed::Unavailable("its token endpoint does not answer as OAuth 2.0 has it")
        }
    }
}
