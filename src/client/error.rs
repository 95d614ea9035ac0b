//! Why a client could not do what it was asked.

use std::fmt;
use std::io;
use std::time::Duration;

use super::request::RequestFailure;
use super::tls::TrustError;
use crate::wire::Malformed;

/// A failure of [`super::TurnClient`].
#[derive(Debug)]
pub enum ClientError {
    /// The host name has no address.
    Resolve(io::Error),
    /// No connection to the server, or no local socket for one.
    Connect(io::Error),
    /// The server did not take the connection, or did not finish the TLS handshake, within this time.
    ConnectTimeout(Duration),
    /// The server's certificate or its TLS is not acceptable.
    Tls(rustls::Error),
    /// There is nothing to check the server's certificate with.
    Trust(TrustError),
    /// The connection failed later on.
    Io(io::Error),
    /// The server closed the connection.
    Closed,
    /// The server's stream is neither STUN nor ChannelData.
    Stream(Malformed),
    /// The system has no randomness.
    Randomness,
    /// A request failed.
    Request(RequestFailure),
    /// Application data that is too large for a message; 65,535 bytes at most on a channel, 65,475 in an indication.
    TooLarge,
}

impl ClientError {
    /// An error of a TLS connection, which hides what TLS has to say inside of it.
    pub(super) fn from_tls(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
        inner.map_or(Self::Connect(error), Self::Tls)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(formatter, "the host name has no address: {error}"),
            Self::Connect(error) => write!(formatter, "no connection: {error}"),
            Self::ConnectTimeout(after) => write!(formatter, "no connection within {:.0} s", after.as_secs_f64()),
            Self::Tls(error) => write!(formatter, "TLS failed: {error}"),
            Self::Trust(error) => error.fmt(formatter),
            Self::Io(error) => write!(formatter, "the connection failed: {error}"),
            Self::Closed => formatter.write_str("the server closed the connection"),
            Self::Stream(malformed) => write!(formatter, "the server sent something that is not TURN: {malformed}"),
            Self::Randomness => formatter.write_str("the system gives no random numbers"),
            Self::Request(failure) => failure.fmt(formatter),
            Self::TooLarge => formatter.write_str("the data is too large for one message; send less at once"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve(error) | Self::Connect(error) | Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Trust(error) => Some(error),
            Self::Stream(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::ConnectTimeout(_) | Self::Closed | Self::Randomness | Self::TooLarge => None,
        }
    }
}

impl From<RequestFailure> for ClientError {
    fn from(failure: RequestFailure) -> Self {
        Self::Request(failure)
    }
}
