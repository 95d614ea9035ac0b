//! A TURN client of our own, built on the same wire code as the server: `hilum demo` sends its traffic with it,
//! `hilum doctor` examines servers with it.
//!
//! From inside out: [`Schedule`] and [`Transaction`] say when to send again, [`Challenge`] answers a 401, [`Session`]
//! puts both together without clock and socket, [`Connection`] is the socket, and [`TurnClient`] is all of it.
//!
//! ```no_run
//! use hilum::client::{Credential, Options, TurnClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let uri = "turn:turn.example.org:3478?transport=udp".parse()?;
//! let credential = Credential::new("clinic", "a long password")?;
//! let mut client = TurnClient::connect(&uri, &credential, &Options::plain()).await?;
//! let allocation = client.allocate(None, None).await?;
//! client.create_permission(&["192.0.2.7:40000".parse()?]).await?;
//! client.send_to("192.0.2.7:40000".parse()?, b"hello").await?;
//! client.close().await?;
//! # Ok(())
//! # }
//! ```

mod diagnosis;
mod echo;
mod error;
mod login;
mod probe;
mod rehearsal;
mod request;
mod session;
mod tls;
mod transaction;
mod transport;
mod turn_client;
mod uri;

pub use diagnosis::Diagnosis;
pub use error::ClientError;
pub use login::{BadChallenge, Challenge, Credential, InvalidUsername};
pub use probe::{
    EchoPath, EchoReport, LARGEST_PACKET, Plan, ProbeReport, RoundTrip, SMALLEST_PACKET, Stage, Traffic, probe,
};
pub use rehearsal::{Rehearsal, Side};
pub use request::{Allocation, Answer, Operation, Refusal, RequestFailure};
pub use session::{Incoming, Session, Step};
pub use tls::{ALPN, Trust, TrustError, client_config};
pub use transaction::{Due, Schedule, Transaction};
pub use transport::{Connection, resolve};
pub use turn_client::{Options, Received, Source, TurnClient, random};
pub use uri::{InvalidUri, TURN_PORT, TURNS_PORT, TurnUri};
