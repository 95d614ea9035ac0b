//! Minting for others: `POST /v1/credentials` for web servers that would rather ask than sign.
//!
//! A relay needs public keys only. One that mints holds a signing key beside them, so whoever takes it over can make
//! tokens; therefore nothing is minted unless the configuration names a key.

use core::fmt;

use super::answer::{Credentials, IceServer};
use super::problem::Problem;
use crate::auth::token::{Audience, Call, Claims, Issuer, Kid, Limits, PartyLabel, PasswordKey, Region, TokenId};
use crate::mint::{self, Minted, NotMinted, SigningKey};
use crate::time::UnixTime;

/// Makes credentials for whoever may ask.
pub struct Minter {
    /// Signs.
    pub key: SigningKey,
    /// What the keyring calls the key.
    pub kid: Kid,
    /// Makes the passwords.
    pub password: PasswordKey,
    /// The `iss` of every token.
    pub issuer: Issuer,
    /// The `aud` of every token.
    pub audience: Audience,
    /// The `reg` of tokens whose request names none; empty if a request has to.
    pub regions: Vec<Region>,
    /// Where clients find the relays, as browsers write it: `turn:turn.clinic.example:3478?transport=udp`.
    pub urls: Vec<String>,
}

impl fmt::Debug for Minter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Minter({})", self.kid.as_str())
    }
}

impl Minter {
    /// What every token of this minter says; times, call and party come from a request.
    pub(super) fn base(&self) -> Result<Claims, Problem> {
        let id: TokenId = mint::random_id().map_err(failed)?.parse().map_err(failed)?;
        let (call, party): (Call, PartyLabel) = ("-".parse().map_err(failed)?, "-".parse().map_err(failed)?);
        let epoch = UnixTime::default();
        Ok(Claims {
            issuer: self.issuer,
            audience: self.audience,
            id,
            not_before: epoch,
            expires: epoch,
            end: epoch,
            call,
            party,
            regions: self.regions.clone(),
            limits: Limits::default(),
            peers: Vec::new(),
        })
    }

    /// Credentials for a party of a call: allocations begin until `expires` and end at `end`. `None` if none can be signed.
    #[must_use]
    pub fn of_party(
        &self,
        (call, party): (Call, PartyLabel),
        (now, expires, end): (UnixTime, UnixTime, UnixTime),
        limits: Limits,
    ) -> Option<Minted> {
        let base = self.base().ok()?;
        let claims = Claims { call, party, not_before: now, expires, end, limits, ..base };
        self.key.mint(self.kid, &self.password, &claims).ok()
    }

    /// Signs.
    pub(super) fn mint(&self, claims: &Claims, now: UnixTime) -> Result<Credentials, Problem> {
        if claims.expires <= now {
            return Err(Problem::invalid("expires: has passed; name a later time, or check the clocks"));
        }
        let minted = self.key.mint(self.kid, &self.password, claims).map_err(|why| match why {
            NotMinted::Claims(why) => Problem::invalid(format!("the token would be refused by every relay: it {why}")),
            NotMinted::Key(why) => failed(why),
        })?;
        let credential = minted.password.as_str().to_owned();
        let server = IceServer { urls: self.urls.clone(), username: minted.username, credential };
        Ok(Credentials { ice_servers: [server], expires: claims.expires, end: claims.end })
    }
}

fn failed(why: impl fmt::Display) -> Problem {
    Problem::unavailable(format!("no token was signed: {why}"))
}
