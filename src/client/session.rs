//! A TURN client as a state machine: one server, one credential, one request at a time. It knows no socket and no
//! clock; [`super::TurnClient`] gives it both.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use super::login::{Challenge, Credential};
use super::request::{Answer, Operation, Refusal, RequestFailure};
use super::transaction::{Due, Schedule, Transaction};
use crate::time::Moment;
use crate::wire::{
    AttributeType, CHANNEL_HEADER, ChannelData, ChannelNumber, Class, ErrorCode, FrameKind, HEADER, Message,
    MessageWriter, Method, NoRoom, TransactionId, attribute, kind_of, padded, write_channel_header,
};

/// The largest request: credentials, realm, nonce and algorithms at their longest take 2.2 KiB, 64 IPv6 peers 1.5 KiB.
const LARGEST_REQUEST: usize = 4096;
/// Room that a Send indication needs besides its data: header, an IPv6 peer, the head of DATA and its padding.
const INDICATION_OVERHEAD: usize = HEADER + 24 + 4 + 3;

/// What came in.
#[derive(PartialEq, Eq)]
pub enum Incoming<'m> {
    /// Application data from a peer, in a Data indication.
    Data(SocketAddr, &'m [u8]),
    /// Application data on a channel.
    Channel(ChannelNumber, &'m [u8]),
    /// An ICMP message that a packet of ours to this peer met (RFC 8656 §11.5).
    Icmp(SocketAddr, attribute::Icmp),
    /// The request is done.
    Done(Result<Answer, RequestFailure>),
    /// The server asked for credentials or a newer nonce; the next [`Session::poll`] sends the request anew.
    Again,
    /// Nothing for us, or nothing to be believed.
    Ignored,
}

// Addresses and media do not print.
impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(_, data) => write!(formatter, "Data({} bytes)", data.len()),
            Self::Channel(channel, data) => write!(formatter, "Channel({channel:?}, {} bytes)", data.len()),
            Self::Icmp(_, icmp) => write!(formatter, "Icmp({icmp:?})"),
            Self::Done(result) => write!(formatter, "Done({result:?})"),
            Self::Again => formatter.write_str("Again"),
            Self::Ignored => formatter.write_str("Ignored"),
        }
    }
}

/// What a session wants now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// Send these bytes, then ask again.
    Send(&'s [u8]),
    /// Nothing until this moment; `None`: nothing is under way.
    Wait(Option<Moment>),
    /// The request failed, and is gone.
    Failed(RequestFailure),
}

/// The request under way.
struct Pending {
    operation: Operation,
    id: TransactionId,
    bytes: Vec<u8>,
    timer: Transaction,
    began: Moment,
    with_credentials: bool,
    /// A 438 was already answered with the nonce it gave.
    renewed: bool,
    unproven: Option<ErrorCode>,
}

/// A conversation with one TURN server.
pub struct Session {
    credential: Credential,
    over_stream: bool,
    schedule: Schedule,
    chance: ChaCha12Rng,
    challenge: Option<Challenge>,
    pending: Option<Pending>,
}

impl Session {
    /// A session over a stream or over datagrams. `seed` makes the transaction ids, so it comes from the system's
    /// randomness.
    #[must_use]
    pub fn new(credential: Credential, over_stream: bool, schedule: Schedule, seed: [u8; 32]) -> Self {
        let chance = ChaCha12Rng::from_seed(seed);
        Self { credential, over_stream, schedule, chance, challenge: None, pending: None }
    }

    /// Starts a request; one that was under way is forgotten.
    ///
    /// # Errors
    /// [`RequestFailure::TooLarge`] when it does not fit a message.
    pub fn begin(&mut self, operation: Operation, now: Moment) -> Result<(), RequestFailure> {
        self.pending = None;
        // Binding needs no credentials, and a server that keeps no state for it cannot sign its answer.
        let sign = operation != Operation::Binding;
        self.pending = Some(self.write(operation, now, now, false, sign)?);
        Ok(())
    }

    /// What is to be done at `now`. Call it after [`Session::begin`], after [`Incoming::Again`], after each `Send`, and
    /// at the moment it named.
    pub fn poll(&mut self, now: Moment) -> Step<'_> {
        let Some(mut pending) = self.pending.take() else { return Step::Wait(None) };
        match pending.timer.due(now) {
            Due::Send => Step::Send(&self.pending.insert(pending).bytes),
            Due::Wait(until) => {
                self.pending = Some(pending);
                Step::Wait(Some(until))
            }
            Due::Expired => Step::Failed(RequestFailure::Silent {
                sent: pending.timer.sent(),
                waited: now.since(pending.began),
                unproven: pending.unproven,
            }),
        }
    }

    /// Takes in one datagram, or one frame of a stream.
    pub fn handle<'m>(&mut self, bytes: &'m [u8], now: Moment) -> Incoming<'m> {
        match bytes.first().copied().and_then(kind_of) {
            Some(FrameKind::ChannelData) => ChannelData::parse(bytes)
                .map_or(Incoming::Ignored, |message| Incoming::Channel(message.channel, message.data)),
            Some(FrameKind::Stun) => match Message::parse(bytes) {
                Ok(message) if message.fingerprint() != Some(false) => match message.class() {
                    Class::Indication => indication(&message),
                    Class::Success | Class::Error => self.response(&message, now),
                    Class::Request => Incoming::Ignored,
                },
                _ => Incoming::Ignored,
            },
            None => Incoming::Ignored,
        }
    }

    /// The challenge that the server gave last; `None` before the first.
    #[must_use]
    pub const fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_ref()
    }

    /// Writes a Send indication (RFC 8656 §10.1) over whatever `buffer` holds.
    ///
    /// # Errors
    /// [`NoRoom`] when the data does not fit a message.
    pub fn send_indication(&mut self, buffer: &mut Vec<u8>, peer: SocketAddr, data: &[u8]) -> Result<(), NoRoom> {
        let id = self.next_id();
        buffer.clear();
        buffer.resize(data.len() + INDICATION_OVERHEAD, 0);
        let mut writer = MessageWriter::new(buffer, Class::Indication, Method::Send, id);
        writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, id).attribute(AttributeType::DATA, data);
        let length = writer.finish()?;
        buffer.truncate(length);
        Ok(())
    }

    /// Writes a ChannelData message (RFC 8656 §12.5), padded on a stream, over whatever `buffer` holds.
    ///
    /// # Errors
    /// [`NoRoom`] when the data is longer than 65,535 bytes.
    pub fn channel_data(&self, buffer: &mut Vec<u8>, channel: ChannelNumber, data: &[u8]) -> Result<(), NoRoom> {
        let length = u16::try_from(data.len()).map_err(|_| NoRoom)?;
        buffer.clear();
        buffer.extend_from_slice(&write_channel_header(channel, length));
        buffer.extend_from_slice(data);
        if self.over_stream {
            buffer.resize(CHANNEL_HEADER + padded(data.len()), 0);
        }
        Ok(())
    }

    fn response<'m>(&mut self, message: &Message<'m>, now: Moment) -> Incoming<'m> {
        let Some(pending) = self
            .pending
            .take_if(|pending| pending.id == message.transaction() && pending.operation.method() == message.method())
        else {
            return Incoming::Ignored;
        };
        let refusal = match message.class() {
            Class::Error => match Refusal::read(message, pending.with_credentials) {
                Ok(refusal) => Some(refusal),
                Err(malformed) => return self.unless_unproven(pending, message, None, Err(malformed)),
            },
            Class::Request | Class::Indication | Class::Success => None,
        };
        match refusal {
            Some(refusal) if refusal.code == ErrorCode::UNAUTHENTICATED && !pending.with_credentials => {
                self.again(pending, message, now)
            }
            Some(refusal) if refusal.code == ErrorCode::STALE_NONCE && pending.with_credentials && !pending.renewed => {
                self.again(Pending { renewed: true, ..pending }, message, now)
            }
            // These two say that the credentials are worth nothing, so they cannot be signed with them. Trying the same
            // name and password again is forbidden (RFC 8489 §9.2.5).
            Some(refusal) if matches!(refusal.code, ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE) => {
                Incoming::Done(Err(RequestFailure::Refused(refusal)))
            }
            Some(refusal) => {
                let code = refusal.code;
                self.unless_unproven(pending, message, Some(code), Ok(RequestFailure::Refused(refusal)))
            }
            None => self.success(pending, message),
        }
    }

    fn success<'m>(&mut self, pending: Pending, message: &Message<'m>) -> Incoming<'m> {
        if !self.believes(&pending, message) {
            self.pending = Some(pending);
            return Incoming::Ignored;
        }
        let answer = match message.unknown_required().next() {
            Some(_) => Err(crate::wire::Malformed::AttributeValue),
            None => pending.operation.answer(message),
        };
        Incoming::Done(answer.map_err(RequestFailure::Answer))
    }

    /// An answer to a request with credentials that is not signed with them never came (RFC 8489 §9.2.5); its code is
    /// kept, so that a silence can be explained.
    fn unless_unproven<'m>(
        &mut self,
        mut pending: Pending,
        message: &Message<'m>,
        code: Option<ErrorCode>,
        failure: Result<RequestFailure, crate::wire::Malformed>,
    ) -> Incoming<'m> {
        if self.believes(&pending, message) {
            return Incoming::Done(Err(failure.unwrap_or_else(RequestFailure::Answer)));
        }
        pending.unproven = code.or(pending.unproven);
        self.pending = Some(pending);
        Incoming::Ignored
    }

    fn believes(&self, pending: &Pending, message: &Message<'_>) -> bool {
        match &self.challenge {
            Some(challenge) if pending.with_credentials => challenge.verifies(message),
            _ => true,
        }
    }

    fn again<'m>(&mut self, pending: Pending, message: &Message<'m>, now: Moment) -> Incoming<'m> {
        match Challenge::read(message, &self.credential, self.challenge.as_ref()) {
            Ok(challenge) => self.challenge = Some(challenge),
            Err(bad) => return Incoming::Done(Err(RequestFailure::Challenge(bad))),
        }
        match self.write(pending.operation, pending.began, now, pending.renewed, true) {
            Ok(pending) => {
                self.pending = Some(pending);
                Incoming::Again
            }
            Err(failure) => Incoming::Done(Err(failure)),
        }
    }

    fn write(
        &mut self,
        operation: Operation,
        began: Moment,
        now: Moment,
        renewed: bool,
        sign: bool,
    ) -> Result<Pending, RequestFailure> {
        let id = self.next_id();
        let mut bytes = vec![0; LARGEST_REQUEST];
        let mut writer = MessageWriter::new(&mut bytes, Class::Request, operation.method(), id);
        operation.write(&mut writer, id);
        let challenge = self.challenge.as_ref().filter(|_| sign);
        if let Some(challenge) = challenge {
            challenge.sign(&mut writer, &self.credential);
        }
        let with_credentials = challenge.is_some();
        writer.fingerprint();
        let length = writer.finish().map_err(|NoRoom| RequestFailure::TooLarge)?;
        bytes.truncate(length);
        let timer = Transaction::new(&self.schedule, self.over_stream, now);
        Ok(Pending { operation, id, bytes, timer, began, with_credentials, renewed, unproven: None })
    }

    fn next_id(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.chance.fill_bytes(&mut id);
        TransactionId(id)
    }

    /// How long a request takes that nobody answers.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.schedule.patience()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending.as_ref().map(|pending| &pending.operation);
        formatter.debug_struct("Session").field("pending", &pending).finish_non_exhaustive()
    }
}

fn indication<'m>(message: &Message<'m>) -> Incoming<'m> {
    if message.method() != Method::Data {
        return Incoming::Ignored;
    }
    let Some(Ok(peer)) = message.xor_address(AttributeType::XOR_PEER_ADDRESS) else { return Incoming::Ignored };
    if let Some(data) = message.value(AttributeType::DATA) {
        return Incoming::Data(peer, data);
    }
    let icmp = message.value(AttributeType::ICMP).map(attribute::Icmp::decode);
    icmp.and_then(Result::ok).map_or(Incoming::Ignored, |icmp| Incoming::Icmp(peer, icmp))
}
