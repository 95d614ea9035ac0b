//! DTLS between peers: every record is read, the hellos are put together and judged, and the handshake is followed to its
//! end (RFC 6347, RFC 9147).

use crate::time::Moment;
use crate::wire::dtls::{
    ClientHello, Fragment, Fragments, HelloVerifyRequest, Record, Records, ServerHello, content, handshake,
};

use super::association::{Association, End};
use super::conversation::State;
use super::flow::{Flow, Way};
use super::pace::Rate;
use super::reassembly::Reassembly;
use super::{Fact, Reason, Settings, Version, hello};

/// Bytes of handshake on one path, one way: certificate chains of 16 KiB sent again a few times, and no tunnel.
const HANDSHAKES: Rate = Rate { per_second: 8 * 1024, burst: 128 * 1024 };
/// The largest handshake message of DTLS 1.2 that passes without being read, a certificate chain.
const LARGEST: u32 = 64 * 1024;
/// ServerHello and the records of its flight, acknowledged one by one: 16 bytes each (RFC 9147 §7).
const MOST_ACKNOWLEDGED: usize = 64;

/// One datagram on its way through the state of its conversation.
struct Reading<'a> {
    flow: &'a mut Flow,
    state: &'a mut State,
    way: Way,
    sender: End,
    now: Moment,
    settings: &'a Settings,
}

impl Flow {
    pub(super) fn dtls(
        &mut self,
        way: Way,
        datagram: &[u8],
        now: Moment,
        settings: &Settings,
    ) -> Result<Option<Fact>, Reason> {
        if let Some(attached) = self.attached.filter(|attached| attached.sealed) {
            let mut records = Records::new(datagram, attached.connection_id(way));
            if records.all(|record| record.is_ok_and(|record| attached.encrypts(&record))) {
                return Ok(None);
            }
        }
        let [up, down] = &mut self.handshakes;
        let pace = if way == Way::Up { up } else { down };
        if !pace.spend(u64::try_from(datagram.len()).unwrap_or(u64::MAX), HANDSHAKES, now) {
            return Err(Reason::DtlsBound);
        }
        // What is not sealed is rare, and changes with nearly every datagram.
        self.news = true;
        let conversation = self.member.conversation().clone();
        let mut state = conversation.state();
        self.look_again(&mut state, now);
        let awaits = self.offered.is_some_and(|id| state.awaits(id, now));
        if self.attached.is_none()
            && !awaits
            && let Some(association) = state.current(now).and_then(|id| state.get(id))
        {
            self.attach(association);
        }
        let sender = self.sender(way);
        let connection_id = self.attached.map_or(0, |attached| attached.connection_id(way));
        let mut reading = Reading { flow: self, state: &mut state, way, sender, now, settings };
        let mut judged = Ok(());
        let mut records = Records::new(datagram, connection_id);
        while let Some(record) = records.next() {
            judged = record.map_err(|_| Reason::DtlsMalformed).and_then(|record| reading.record(&record));
            if judged.is_err() {
                break;
            }
            records.set_connection_id_length(reading.flow.attached.map_or(0, |attached| attached.connection_id(way)));
        }
        let sealed = reading.seal();
        conversation.publish(&mut state);
        judged?;
        Ok(sealed.map(|association| Fact::Opened {
            version: association.version,
            profile: association.profile,
            suite: association.suite,
            after: now - state.begun,
        }))
    }

    /// Adds a fragment to what has come of its message; true when the message is complete.
    fn assemble(&mut self, way: Way, fragment: &Fragment<'_>, now: Moment) -> Result<Option<Box<Reassembly>>, Reason> {
        let place = if way == Way::Up { &mut self.up } else { &mut self.down };
        let mut message = match place.take().filter(|message| message.awaits(fragment, now)) {
            Some(message) => message,
            None => Box::new(Reassembly::new(fragment, now)?),
        };
        // A contradiction forgets what has come: an honest sender begins again.
        message.add(fragment)?;
        if message.complete().is_some() {
            return Ok(Some(message));
        }
        *place = Some(message);
        Ok(None)
    }
}

impl Reading<'_> {
    fn record(&mut self, record: &Record<'_>) -> Result<(), Reason> {
        match *record {
            Record::Legacy { kind, epoch: 0, body, .. } => self.clear(kind, body),
            Record::Legacy { kind, body, .. } => self.encrypted(Version::Dtls12, record, Some(kind), body),
            Record::ConnectionId { body, .. } => self.encrypted(Version::Dtls12, record, None, body),
            Record::Unified { epoch, body, .. } => {
                // 0-RTT data has epoch 1; Finished is in epoch 2; what a side sends after its own is in epoch 3.
                let kind = (epoch == 2).then_some(content::HANDSHAKE).or(Some(content::APPLICATION_DATA));
                self.encrypted(Version::Dtls13, record, kind, body)
            }
        }
    }

    /// A record that anybody can read.
    fn clear(&mut self, kind: u8, body: &[u8]) -> Result<(), Reason> {
        match kind {
            content::HANDSHAKE => {
                let mut any = false;
                for fragment in Fragments::new(body) {
                    self.handshake(&fragment.map_err(|_| Reason::DtlsMalformed)?)?;
                    any = true;
                }
                if any { Ok(()) } else { Err(Reason::DtlsMalformed) }
            }
            content::CHANGE_CIPHER_SPEC => {
                if body != [1] {
                    return Err(Reason::DtlsMalformed);
                }
                let sender = self.sender;
                self.association(Version::Dtls12)?.changed_cipher(sender);
                Ok(())
            }
            // A level and a description (RFC 5246 §7.2); it may be the answer to a ClientHello.
            content::ALERT if matches!(body, [1 | 2, _]) => self.under_way(),
            content::ALERT => Err(Reason::DtlsMalformed),
            content::ACK => {
                let numbers = body.split_first_chunk::<2>().filter(|(length, rest)| {
                    usize::from(u16::from_be_bytes(**length)) == rest.len()
                        && rest.len() % 16 == 0
                        && rest.len() <= 16 * MOST_ACKNOWLEDGED
                });
                if numbers.is_some() { self.under_way() } else { Err(Reason::DtlsMalformed) }
            }
            content::APPLICATION_DATA | content::HEARTBEAT => Err(Reason::DtlsClear),
            _ => Err(Reason::DtlsUnexpected),
        }
    }

    /// A record whose content only the ends can read; `kind` is what it claims to be, where it does.
    fn encrypted(
        &mut self,
        version: Version,
        record: &Record<'_>,
        kind: Option<u8>,
        body: &[u8],
    ) -> Result<(), Reason> {
        if self.flow.attached.is_some_and(|attached| !attached.encrypts(record)) {
            return Err(Reason::DtlsUnexpected);
        }
        let sender = self.sender;
        let association = self.association(version)?;
        if association.is_sealed() {
            return Ok(());
        }
        match kind {
            Some(content::HANDSHAKE) | None => association.encrypted(sender, version, body.len()),
            Some(content::APPLICATION_DATA) if version == Version::Dtls13 && association.has_finished(sender) => {}
            Some(content::ALERT) => {}
            Some(_) => return Err(Reason::DtlsEarly),
        }
        Ok(())
    }

    fn handshake(&mut self, fragment: &Fragment<'_>) -> Result<(), Reason> {
        match fragment.kind {
            handshake::CLIENT_HELLO | handshake::SERVER_HELLO | handshake::HELLO_VERIFY_REQUEST => {
                let Some(message) = self.flow.assemble(self.way, fragment, self.now)? else { return Ok(()) };
                let bytes = message.complete().unwrap_or_default();
                match fragment.kind {
                    handshake::CLIENT_HELLO => self.client_hello(bytes),
                    handshake::SERVER_HELLO => self.server_hello(bytes),
                    _ => self.hello_verify_request(bytes),
                }
            }
            handshake::FINISHED => Err(Reason::DtlsClear),
            handshake::NEW_SESSION_TICKET..=handshake::SUPPLEMENTAL_DATA => {
                if fragment.length > LARGEST {
                    return Err(Reason::DtlsBound);
                }
                // In 1.3 everything after the ServerHello is encrypted.
                match self.flow.attached {
                    Some(attached) if attached.version == Version::Dtls13 && !self.awaits() => {
                        Err(Reason::DtlsUnexpected)
                    }
                    _ => self.under_way(),
                }
            }
            _ => Err(Reason::DtlsUnexpected),
        }
    }

    fn client_hello(&mut self, message: &[u8]) -> Result<(), Reason> {
        let hello = ClientHello::parse(message).map_err(|_| Reason::DtlsMalformed)?;
        let offer = hello::offer(&hello, self.settings)?;
        let id = self.state.offered(*hello.random, self.sender, offer, self.now)?;
        if self.flow.alike && self.state.get(id).is_some_and(|association| association.client != self.sender) {
            self.turn_round();
        }
        self.flow.offered = Some(id);
        Ok(())
    }

    fn server_hello(&mut self, message: &[u8]) -> Result<(), Reason> {
        let hello = ServerHello::parse(message).map_err(|_| Reason::DtlsMalformed)?;
        let id = self.state.answered_by(hello.random).or_else(|| self.offered()).ok_or(Reason::DtlsUnexpected)?;
        let association = self.state.get(id).ok_or(Reason::DtlsUnexpected)?;
        let choice = hello::choice(&hello, &association.offer, self.settings)?;
        if association.client == self.sender && !self.flow.alike {
            return Err(Reason::DtlsUnexpected);
        }
        // A HelloRetryRequest asks for another ClientHello and chooses nothing for good (RFC 8446 §4.1.4).
        if hello.retry {
            return Ok(());
        }
        let superseded = self.flow.attached.map(|attached| attached.id).filter(|&superseded| superseded != id);
        association.answered(*hello.random, choice);
        association.supersedes = association.supersedes.or(superseded);
        let association = association.clone();
        if association.client == self.sender {
            self.turn_round();
        }
        self.flow.attach(&association);
        Ok(())
    }

    fn hello_verify_request(&mut self, message: &[u8]) -> Result<(), Reason> {
        HelloVerifyRequest::parse(message).map_err(|_| Reason::DtlsMalformed)?;
        self.offered().map(|_| ()).ok_or(Reason::DtlsUnexpected)
    }

    /// The association that an answer of `sender` is for: that of the ClientHello on this path, or else the latest one
    /// that waits on any, since an answer may take another path than its question.
    fn offered(&self) -> Option<u32> {
        let here = self.flow.offered.filter(|&id| self.state.has(id, self.now));
        here.or_else(|| self.state.awaiting(self.sender, self.flow.alike, self.now))
    }

    /// Something that makes sense as soon as there is a handshake.
    fn under_way(&self) -> Result<(), Reason> {
        let any = self.flow.attached.is_some() || self.offered().is_some();
        if any { Ok(()) } else { Err(Reason::DtlsUnexpected) }
    }

    /// Whether a ClientHello on this path waits for its answer.
    fn awaits(&self) -> bool {
        self.flow.offered.is_some_and(|id| self.state.awaits(id, self.now))
    }

    /// The association that a record after the hellos is of: this path's, if it has been answered with this version. What
    /// the server sends behind its ServerHello may overtake it; it counts for the ClientHello that waits.
    fn association(&mut self, version: Version) -> Result<&mut Association, Reason> {
        let (sender, attached) = (self.sender, self.flow.attached);
        let id = match attached {
            Some(attached) if attached.version == version => Some(attached.id),
            Some(_) => None,
            None => self.offered(),
        };
        let association = id.and_then(|id| self.state.get(id)).ok_or(Reason::DtlsUnexpected)?;
        let may = association.choice.map_or(association.client != sender, |choice| choice.version == version);
        if may { Ok(association) } else { Err(Reason::DtlsUnexpected) }
    }

    /// The ends of this path are the other way round than their addresses made believe.
    fn turn_round(&mut self) {
        self.flow.client = self.flow.client.other();
        self.sender = self.sender.other();
    }

    /// Seals this path's association if both sides have finished; what it agreed on, when that has just happened.
    fn seal(&mut self) -> Option<super::association::Choice> {
        let attached = self.flow.attached?;
        let association = self.state.get(attached.id)?;
        let news = association.seal();
        let association = association.clone();
        if news && let Some(superseded) = association.supersedes {
            self.state.remove(superseded);
        }
        self.flow.attach(&association);
        association.choice.filter(|_| news)
    }
}
