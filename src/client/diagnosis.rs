//! What a failure means for the person who has to repair it: what happened, and what to do about it.

use std::io::ErrorKind;
use std::time::Duration;

use rustls::CertificateError;
use serde::Serialize;

use super::error::ClientError;
use super::login::BadChallenge;
use super::probe::{EchoPath, EchoReport, HIGHEST_LOSS_PERCENT, Stage};
use super::request::{Refusal, RequestFailure};
use super::uri::TurnUri;
use crate::addr::Transport;
use crate::wire::ErrorCode;

/// A failure, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// How far it came.
    pub stage: Stage,
    /// In two or three words, for a table.
    pub verdict: &'static str,
    /// What happened.
    pub problem: String,
    /// What is likely wrong, and what to do.
    pub advice: String,
}

impl Diagnosis {
    pub(super) fn out_of_time(stage: Stage, deadline: Duration) -> Self {
        Self {
            stage,
            verdict: "too slow",
            problem: format!("not done within {:.0} s", deadline.as_secs_f64()),
            advice: "The network or the server is too slow or loses too much for a call. Try again from another \
                     network; if that works, the way from here is the trouble."
                .to_owned(),
        }
    }

    /// What is wrong with packets that got through the relay badly or not at all; `None` when nothing is.
    pub(super) fn of_echo(uri: &TurnUri, echo: &EchoReport) -> Option<Self> {
        let EchoReport { sent, reached, returned, lost, corrupted, loss_percent, .. } = echo;
        let (verdict, problem, advice) = if *corrupted > 0 {
            let problem = format!("{corrupted} of {sent} packets came back changed");
            ("packets changed", problem, CHANGED)
        } else if *returned == 0 {
            let problem = format!("none of {sent} relayed packets came back; {reached} reached the far end");
            let advice = match echo.path {
                EchoPath::LocalPort => NOT_DIRECTLY,
                EchoPath::SecondAllocation => NOTHING_RELAYED,
            };
            ("no media", problem, advice)
        } else if *loss_percent > HIGHEST_LOSS_PERCENT {
            let problem = format!("{lost} of {sent} packets were lost ({loss_percent} %)");
            ("lossy", problem, if uri.transport == Transport::Udp { LOSSY_DATAGRAMS } else { LOSSY_STREAM })
        } else {
            return None;
        };
        Some(Self { stage: Stage::Echo, verdict, problem, advice: advice.to_owned() })
    }
}

const CHANGED: &str = "A device on the way changes packets (an application-layer gateway, \"SIP ALG\" or deep \
    inspection). Switch it off for this server, or use TLS.";
const NOT_DIRECTLY: &str = "The server cannot reach this computer directly, which is normal behind a NAT. Let the \
    server relay to its own relayed addresses, or test from its network.";
const NOTHING_RELAYED: &str = "The server gives relayed addresses but nothing gets through them. Open its relayed \
    ports (49152-65535/udp by default) in its firewall, and if it stands behind a NAT, check the external address in \
    its configuration.";
const LOSSY_DATAGRAMS: &str = "The network between here and the server loses packets. Look for overload, bad Wi-Fi or \
    a rate limit on UDP.";
const LOSSY_STREAM: &str = "The way is slower than the media. Look for overload, bad Wi-Fi or a proxy in between.";

/// Explains a failure. `answered` tells whether the server has said anything at all.
pub(super) fn diagnose(uri: &TurnUri, stage: Stage, error: &ClientError, answered: bool) -> Diagnosis {
    let (verdict, advice) = match error {
        ClientError::Resolve(_) => (
            "name unknown",
            format!("The name {} cannot be looked up. Check its spelling and this computer's DNS server.", uri.host),
        ),
        ClientError::Connect(error) => unreachable(uri, error.kind()),
        ClientError::ConnectTimeout(_) => no_answer(uri),
        ClientError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => unreachable(uri, error.kind()),
        ClientError::Io(_) | ClientError::Closed => (
            "cut off",
            "The connection was taken and then cut. A firewall or proxy that allows only web traffic does this, or the \
             server is full or restarting; its log tells."
                .to_owned(),
        ),
        ClientError::Tls(error) => tls(uri, error),
        ClientError::Trust(_) => (
            "no authorities",
            "This computer cannot check certificates. Install the package ca-certificates, or name the server's own \
             certificate with --ca FILE."
                .to_owned(),
        ),
        ClientError::Stream(_) => (
            "not TURN",
            format!("Something else than a TURN server listens on port {} there. Check the port and the scheme: turn: \
                is without TLS, turns: with it.", uri.port),
        ),
        ClientError::Randomness | ClientError::TooLarge => {
            ("not tested", "The trouble is on this computer, not at the server.".to_owned())
        }
        ClientError::Request(failure) => request(uri, failure, answered),
    };
    Diagnosis { stage, verdict, problem: error.to_string(), advice }
}

fn unreachable(uri: &TurnUri, kind: ErrorKind) -> (&'static str, String) {
    let (protocol, port) = (protocol(uri), uri.port);
    if kind == ErrorKind::ConnectionRefused {
        let advice = format!(
            "The computer is there, but nothing listens on {protocol} port {port}. Check that the server runs and \
             listens on this port, and the port in the URI."
        );
        ("port closed", advice)
    } else if matches!(kind, ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) {
        let advice = "There is no way from here to this address. Check the network of this computer, and whether it \
                      has IPv6 if the address is IPv6.";
        ("no route", advice.to_owned())
    } else if kind == ErrorKind::PermissionDenied {
        ("blocked here", "This computer's own firewall forbids the connection. Allow it for this program.".to_owned())
    } else if uri.transport == Transport::Tls {
        let advice = format!(
            "The connection was cut in the TLS handshake. Either port {port} does not speak TLS, or a firewall on the \
             way allows no TLS that it cannot open; it must leave this server alone."
        );
        ("cut off", advice)
    } else {
        let advice = format!(
            "A firewall on the way likely cuts {protocol} to port {port}. Ask for it to be opened to the server."
        );
        ("cut off", advice)
    }
}

fn no_answer(uri: &TurnUri) -> (&'static str, String) {
    let protocol = protocol(uri);
    let elsewhere = match uri.transport {
        Transport::Udp => " Until then calls use TCP or TLS, which works but is less smooth.",
        Transport::Tcp | Transport::Tls => "",
    };
    (
        "blocked",
        format!(
            "Likely a firewall drops {protocol} to port {}, or the server is down. Ask for {protocol} to be opened to \
            the server's address and port, both ways.{elsewhere}",
            uri.port
        ),
    )
}

fn tls(uri: &TurnUri, error: &rustls::Error) -> (&'static str, String) {
    if let rustls::Error::InvalidCertificate(error) = error {
        return certificate(uri, error);
    }
    if matches!(error, rustls::Error::InvalidMessage(_)) {
        let advice = format!(
            "What listens on port {} does not speak TLS. Check the port, or write turn: with ?transport=tcp if TLS is \
             not wanted.",
            uri.port
        );
        return ("not TLS", advice);
    }
    let advice = "The TLS handshake does not come about. It may be a web server on this port, or a server too old for \
                  TLS 1.2 with forward secrecy; the server's log tells.";
    ("TLS fails", advice.to_owned())
}

fn certificate(uri: &TurnUri, error: &CertificateError) -> (&'static str, String) {
    let advice = if matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
        "The server's certificate has expired. Renew it and let the server load the new one."
    } else if matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) {
        "The server's certificate is not valid yet. Check the clocks of both computers."
    } else if matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) {
        let advice = format!(
            "The server's certificate is for another name than {}. Use the name that the certificate has, or get one \
             for this name.",
            uri.host
        );
        return ("wrong name", advice);
    } else if matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature) {
        // A bad signature is what the certificate of an unknown issuer with a known name looks like.
        "No authority that this computer trusts has signed the server's certificate. Serve the full chain; if it is \
         your own certificate, give its file with --ca FILE; if it is not yours at all, a proxy opens the encryption \
         on the way and must leave this server alone."
    } else {
        "The server's certificate is broken or not allowed for servers. Get a new one."
    };
    ("certificate", advice.to_owned())
}

fn request(uri: &TurnUri, failure: &RequestFailure, answered: bool) -> (&'static str, String) {
    match failure {
        RequestFailure::Refused(refusal) => refused(refusal),
        RequestFailure::Silent { unproven: Some(_), .. } => (
            "credentials",
            "The server refuses without proof, as some do when the user name or the password is wrong. Check both; for \
             time-limited credentials also the shared secret and the clocks."
                .to_owned(),
        ),
        RequestFailure::Silent { .. } if answered => (
            "lossy",
            "The server answered before and then no more. The network loses packets, or the server limits this client."
                .to_owned(),
        ),
        RequestFailure::Silent { .. } => no_answer(uri),
        RequestFailure::Challenge(BadChallenge::BidDown) => (
            "tampered",
            "Somebody on the way changes packets to weaken the password's protection. Use TLS, and find out who."
                .to_owned(),
        ),
        RequestFailure::Challenge(_) | RequestFailure::Answer(_) => {
            ("not usable", "The server does not follow RFC 8489 or RFC 8656. Update it.".to_owned())
        }
        RequestFailure::TooLarge => {
            ("not tested", "User name or realm are too long for a request. Use a shorter user name.".to_owned())
        }
    }
}

fn refused(refusal: &Refusal) -> (&'static str, String) {
    let (verdict, advice) = match refusal.code {
        ErrorCode::UNAUTHENTICATED | ErrorCode::WRONG_CREDENTIALS => (
            "credentials",
            "The server does not accept the user name or the password. Check both; for time-limited credentials also \
             that they have not expired, the shared secret, and the clocks of both computers.",
        ),
        ErrorCode::STALE_NONCE => (
            "not usable",
            "The server calls its own fresh nonce stale. Several servers behind one address that do not \
                share their nonce key do this; send each client to one of them.",
        ),
        ErrorCode::FORBIDDEN => (
            "forbidden",
            "The server's rules forbid relaying here. Allow the peer's network in its configuration ([peers] allow in \
             hilum.toml), or use credentials that may.",
        ),
        ErrorCode::ALLOCATION_QUOTA_REACHED => (
            "quota",
            "This user has as many allocations as allowed. Wait until old ones end (10 minutes), use another user, or \
             raise the quota ([limits] allocations_per_user in hilum.toml).",
        ),
        ErrorCode::INSUFFICIENT_CAPACITY => (
            "full",
            "The server has no relayed ports or allocations left. Raise its limits or its port range, or add a server.",
        ),
        ErrorCode::TRY_ALTERNATE => {
            ("sent elsewhere", "The server sends its clients to another one. Test that one directly.")
        }
        ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED => {
            ("no IPv4", "The server has no IPv4 address to relay on. Give it one in its configuration.")
        }
        _ => ("refused", "The server refuses. Its log and its documentation tell more about this code."),
    };
    (verdict, advice.to_owned())
}

const fn protocol(uri: &TurnUri) -> &'static str {
    match uri.transport {
        Transport::Udp => "UDP",
        Transport::Tcp | Transport::Tls => "TCP",
    }
}
