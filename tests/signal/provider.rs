//! A provider of sign-in on loopback, which checks what a client must do and says what a test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hilum::client::{Trust, client_config};
use hilum::openid::{Provider, Settings};
use oauth2::url::{Url, form_urlencoded};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub const CLIENT: &str = "hilum";
pub const SECRET: &str = "s3:cret %";
pub const GROUP: &str = "hilum-clinicians";

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that tokens are signed with.
pub enum Signer {
    Rsa(RsaKeyPair, &'static str, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// A shared secret.
    Hmac(Vec<u8>),
    Nobody,
}

impl Signer {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), "RS256", &RSA_PKCS1_SHA256)
    }

    pub fn pss() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), "PS256", &RSA_PSS_SHA256)
    }

    pub fn ecdsa() -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_, name, _) => name,
            Self::Ecdsa(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Hmac(_) => "HS256",
            Self::Nobody => "none",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key, _, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ecdsa(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Hmac(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Self::Nobody => Vec::new(),
        }
    }

    /// The public half, as a library writes it down.
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key, ..) => key.public_key().as_ref().to_vec(),
            Self::Ecdsa(key) => key.public_key().as_ref().to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Hmac(_) | Self::Nobody => panic!("nothing of it is public"),
        }
    }

    /// The public half, as the provider publishes it.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key, name, _) => {
                let key = key.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                json!({
                    "kty": "RSA", "kid": kid, "use": "sig", "alg": name,
                    "n": encoded(n.big_endian_without_leading_zero()), "e": encoded(e.big_endian_without_leading_zero()),
                })
            }
            Self::Ecdsa(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
            }
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": encoded(key.public_key())})
            }
            Self::Hmac(_) | Self::Nobody => panic!("nothing of it is public"),
        }
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": kid, "typ": "JWT"});
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = encoded(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// What was asked for at the provider's page.
type Asked = BTreeMap<String, String>;

pub struct Mock {
    pub issuer: String,
    /// What the keys are.
    pub published: Mutex<Value>,
    /// What signs, and under which name.
    pub signer: Mutex<(Signer, String)>,
    /// Claims that are otherwise than they should be; `null` leaves one out.
    pub otherwise: Mutex<Value>,
    /// What is otherwise in the description.
    pub described: Mutex<Value>,
    /// What the token endpoint says in the place of a token.
    pub says: Mutex<Option<(StatusCode, Value)>>,
    /// When tokens are made, in seconds since 1970.
    pub now: Mutex<u64>,
    codes: Mutex<BTreeMap<String, Asked>>,
    pub described_times: AtomicUsize,
    pub keys_times: AtomicUsize,
    serving: Mutex<Option<AbortHandle>>,
    address: SocketAddr,
}

fn merge(into: &mut Value, other: &Value) {
    for (name, value) in other.as_object().into_iter().flatten() {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            into[name] = value.clone();
        }
    }
}

impl Mock {
    pub async fn start(now: u64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let signer = Signer::ecdsa();
        let mock = Arc::new(Self {
            issuer: format!("http://{address}/realms/staff"),
            published: Mutex::new(json!({"keys": [signer.jwk("one")]})),
            signer: Mutex::new((signer, "one".to_owned())),
            otherwise: Mutex::new(json!({})),
            described: Mutex::new(json!({})),
            says: Mutex::default(),
            now: Mutex::new(now),
            codes: Mutex::default(),
            described_times: AtomicUsize::new(0),
            keys_times: AtomicUsize::new(0),
            serving: Mutex::default(),
            address,
        });
        mock.serve(listener);
        mock
    }

    fn serve(self: &Arc<Self>, listener: TcpListener) {
        let router = Router::new()
            .route("/realms/staff/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(self));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *self.serving.lock().unwrap() = Some(serving.abort_handle());
    }

    /// Nobody listens any more.
    pub async fn stop(&self) {
        let serving = self.serving.lock().unwrap().take().unwrap();
        serving.abort();
        while !serving.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    pub async fn start_again(self: &Arc<Self>) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub fn settings(&self) -> Settings {
        Settings {
            issuer: self.issuer.clone(),
            authorities: None,
            client_id: CLIENT.to_owned(),
            client_secret: SECRET.to_owned().into(),
            scopes: vec!["profile".to_owned()],
            account: "sub".to_owned(),
            groups: "groups".to_owned(),
        }
    }

    /// The provider as Hilum sees it.
    pub fn provider(&self) -> Arc<Provider> {
        Provider::new(self.settings(), client_config(&Trust::Anyone).unwrap(), &[7; 32])
    }

    /// Somebody signs in at the page that this address leads to: the query with which the browser comes back.
    pub fn signs_in(&self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        assert_eq!(url.path(), "/authorize");
        let asked: Asked = url.query_pairs().into_owned().collect();
        assert_eq!(asked.len(), url.query_pairs().count(), "nothing twice");
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["scope"], "openid profile");
        assert_eq!(asked["code_challenge_method"], "S256");
        for random in ["state", "nonce", "code_challenge"] {
            assert_eq!(asked[random].len(), 43, "{random}");
        }
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code {}", codes.len());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("state", &asked["state"])
            .append_pair("code", &code)
            .finish();
        codes.insert(code, asked);
        query
    }

    fn claims(&self, asked: &Asked) -> Value {
        let now = *self.now.lock().unwrap();
        let mut claims = json!({
            "iss": self.issuer, "sub": "248289761001", "aud": CLIENT, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "preferred_username": "Dr. Rivers", "groups": ["everybody", GROUP],
            // Nothing of this makes anybody of anybody.
            "email": "root@clinic.example", "email_verified": true, "role": "operator", "roles": ["operator"],
        });
        merge(&mut claims, &self.otherwise.lock().unwrap());
        claims
    }
}

fn answer(status: StatusCode, said: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], said.to_string()).into_response()
}

async fn describe(State(mock): State<Arc<Mock>>) -> Response {
    mock.described_times.fetch_add(1, Ordering::SeqCst);
    let at = format!("http://{}", mock.address);
    let mut document = json!({
        "issuer": mock.issuer,
        "authorization_endpoint": format!("{at}/authorize"),
        "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"),
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256", "none"],
    });
    merge(&mut document, &mock.described.lock().unwrap());
    answer(StatusCode::OK, &document)
}

async fn keys(State(mock): State<Arc<Mock>>) -> Response {
    mock.keys_times.fetch_add(1, Ordering::SeqCst);
    answer(StatusCode::OK, &mock.published.lock().unwrap())
}

async fn token(State(mock): State<Arc<Mock>>, headers: HeaderMap, body: String) -> Response {
    if let Some((status, said)) = mock.says.lock().unwrap().clone() {
        return answer(status, &said);
    }
    let form: Asked = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    // RFC 6749 §2.3.1: both are encoded as in a form first.
    let shown = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let shown = String::from_utf8(STANDARD.decode(shown).unwrap()).unwrap();
    let (id, secret) = shown.split_once(':').unwrap();
    let plain = |text: &str| form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned();
    assert_eq!((&*plain(id), &*plain(secret)), (CLIENT, SECRET));
    assert_eq!(form["grant_type"], "authorization_code");
    let asked = mock.codes.lock().unwrap().remove(&form["code"]);
    let refused = || answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_grant"}));
    let Some(asked) = asked else { return refused() };
    let challenge = encoded(digest::digest(&digest::SHA256, form["code_verifier"].as_bytes()));
    if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return refused();
    }
    let (signer, kid) = &*mock.signer.lock().unwrap();
    let token = signer.token(kid, &mock.claims(&asked));
    let said = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token});
    answer(StatusCode::OK, &said)
}
