//! One end of a call: a client with an allocation, or a peer outside.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hilum::client::{
    Answer, ClientError, Credential, Incoming, Operation, Rehearsal, RequestFailure, Schedule, Session, Step, random,
};
use hilum::time::Lifetime;
use hilum::wire::{ChannelNumber, ErrorCode};
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::town::{Hearing, Stage, Town, count};

/// The time between two packets of voice, and the size of one.
const VOICE: Duration = Duration::from_millis(20);
const SIZE: usize = 172;
/// Packets of voice between two requests for more time: a browser asks every few minutes, and these ask in every part of
/// the test.
const RENEWED_EVERY: u32 = 100;
const LIFETIME: Lifetime = Lifetime::from_secs(600);
const CHANNEL: ChannelNumber = ChannelNumber::FIRST;
/// Larger than anything that is sent here.
const LARGEST: usize = 2048;

/// What makes an end a client.
struct Client {
    session: Session,
    relayed: SocketAddr,
    peer: Option<SocketAddr>,
    /// The next requests for more time, the last one first.
    asks: Vec<Operation>,
}

/// One end of a call.
pub struct End {
    town: Rc<Town>,
    socket: UdpSocket,
    client: Option<Client>,
    buffer: Vec<u8>,
    /// Which packets of the other end have come.
    heard: Vec<bool>,
}

impl End {
    /// A client that has an allocation.
    pub async fn client(town: Rc<Town>, who: Credential) -> Result<Self, ClientError> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.map_err(ClientError::Io)?;
        socket.connect(town.server).await.map_err(ClientError::Io)?;
        let session = Session::new(who, false, Schedule::STANDARD, random()?);
        let relayed = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let client = Some(Client { session, relayed, peer: None, asks: Vec::new() });
        let mut end = Self { town, socket, client, buffer: Vec::new(), heard: Vec::new() };
        let Answer::Allocated(allocation) = end.request(Operation::Allocate { family: None, lifetime: None }).await?
        else {
            return Err(ClientError::Closed);
        };
        if let Some(client) = &mut end.client {
            client.relayed = allocation.relayed;
        }
        Ok(end)
    }

    /// A peer outside, whose socket is connected to the relayed address of the other end.
    pub fn peer(town: Rc<Town>, socket: UdpSocket) -> Self {
        Self { town, socket, client: None, buffer: Vec::new(), heard: Vec::new() }
    }

    pub fn relayed(&self) -> SocketAddr {
        self.client.as_ref().expect("a client").relayed
    }

    /// Binds the channel to whom this end talks with.
    pub async fn reach(&mut self, peer: SocketAddr) -> Result<(), ClientError> {
        self.request(Operation::ChannelBind(CHANNEL, peer)).await?;
        self.client.as_mut().expect("a client").peer = Some(peer);
        Ok(())
    }

    /// A request, and nothing else meanwhile.
    async fn request(&mut self, operation: Operation) -> Result<Answer, ClientError> {
        let client = self.client.as_mut().expect("a client");
        client.session.begin(operation, self.town.clock.now().moment)?;
        let mut buffer = [0; LARGEST];
        loop {
            let now = self.town.clock.now().moment;
            let wait = match client.session.poll(now) {
                Step::Send(bytes) => {
                    self.socket.send(bytes).await.map_err(ClientError::Io)?;
                    continue;
                }
                Step::Wait(until) => until.unwrap_or(now).since(now),
                Step::Failed(failure) => return Err(failure.into()),
            };
            let Ok(length) = timeout(wait, self.socket.recv(&mut buffer)).await else { continue };
            let length = length.map_err(ClientError::Io)?;
            if let Incoming::Done(done) = client.session.handle(&buffer[..length], self.town.clock.now().moment) {
                return Ok(done?);
            }
        }
    }

    /// Sends a datagram to the other end.
    pub async fn say(&mut self, datagram: &[u8]) -> Result<(), ClientError> {
        let datagram = match &self.client {
            Some(client) => {
                let written = client.session.channel_data(&mut self.buffer, CHANNEL, datagram);
                written.map_err(|_| ClientError::TooLarge)?;
                &self.buffer
            }
            None => datagram,
        };
        self.socket.send(datagram).await.map(|_| ()).map_err(ClientError::Io)
    }

    /// The next datagram of the other end.
    pub async fn listen(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut buffer = [0; LARGEST];
        loop {
            let length = self.socket.recv(&mut buffer).await.map_err(ClientError::Io)?;
            let Some(client) = &mut self.client else { return Ok(buffer[..length].to_vec()) };
            let now = self.town.clock.now().moment;
            if let Incoming::Channel(_, data) = client.session.handle(&buffer[..length], now) {
                return Ok(data.to_vec());
            }
        }
    }

    /// Talks and listens until everybody leaves.
    pub async fn talk(mut self, call: Rehearsal, hearing: Rc<RefCell<Hearing>>) {
        let mut voice = interval(VOICE);
        // A machine that is late makes nobody speak faster.
        voice.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut buffer, mut number) = ([0; LARGEST], 0);
        loop {
            tokio::select! {
                _ = voice.tick() => {
                    match self.town.stage() {
                        Stage::Talking => {
                            self.speak(&call.sealed(number, SIZE)).await;
                            number += 1;
                            if number % RENEWED_EVERY == 0 {
                                self.renew();
                            }
                        }
                        Stage::Listening => {}
                        Stage::Leaving => break,
                    }
                    self.ask().await;
                }
                length = self.socket.recv(&mut buffer) => match length {
                    Ok(length) => self.hear(&buffer[..length], &call, &hearing),
                    Err(error) => self.met(&error),
                }
            }
        }
        self.leave().await;
    }

    async fn speak(&mut self, packet: &[u8]) {
        let town = self.town.clone();
        count(&town.counts.sent);
        if let Err(ClientError::Io(error)) = self.say(packet).await {
            self.met(&error);
        }
    }

    /// A port that is closed while the relay is away.
    fn met(&self, error: &io::Error) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
        count(&self.town.counts.refused);
    }

    /// Asks for more time, for the allocation, its channel and its permission.
    fn renew(&mut self) {
        if let Some(Client { peer: Some(peer), asks, .. }) = &mut self.client
            && asks.is_empty()
        {
            asks.push(Operation::CreatePermission(vec![*peer]));
            asks.push(Operation::ChannelBind(CHANNEL, *peer));
            asks.push(Operation::Refresh(LIFETIME));
        }
    }

    /// Sends what is to be sent of requests.
    async fn ask(&mut self) {
        let now = self.town.clock.now().moment;
        let Some(client) = &mut self.client else { return };
        loop {
            let sent = match client.session.poll(now) {
                Step::Send(bytes) => self.socket.send(bytes).await,
                Step::Wait(Some(_)) => return,
                Step::Wait(None) => match client.asks.pop() {
                    Some(operation) => {
                        client.session.begin(operation, now).expect("it fits");
                        continue;
                    }
                    None => return,
                },
                Step::Failed(failure) => {
                    eprintln!("a request fails: {failure}");
                    return count(&self.town.counts.failed);
                }
            };
            if let Err(error) = sent {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
                count(&self.town.counts.refused);
            }
        }
    }

    fn hear(&mut self, datagram: &[u8], call: &Rehearsal, hearing: &RefCell<Hearing>) {
        let counts = &self.town.counts;
        let data = match &mut self.client {
            None => datagram,
            Some(client) => match client.session.handle(datagram, self.town.clock.now().moment) {
                Incoming::Channel(_, data) => data,
                Incoming::Again => return count(&counts.challenged),
                Incoming::Done(Ok(_)) => return count(&counts.renewed),
                Incoming::Done(Err(failure)) => {
                    eprintln!("a request fails: {failure}");
                    return count(if forgotten(&failure) { &counts.forgotten } else { &counts.failed });
                }
                Incoming::Data(..) | Incoming::Icmp(..) => return count(&counts.altered),
                // A second answer to a request that was sent twice.
                Incoming::Ignored => return,
            },
        };
        let Some(number) = call.number(data).filter(|number| data == call.sealed(*number, SIZE)) else {
            return count(&counts.altered);
        };
        let number = number as usize;
        if self.heard.len() <= number {
            self.heard.resize(number + 1, false);
        }
        count(if std::mem::replace(&mut self.heard[number], true) { &counts.doubled } else { &counts.arrived });
        hearing.borrow_mut().hears();
    }

    /// Gives the allocation back.
    async fn leave(mut self) {
        if self.client.is_some()
            && let Err(error) = self.request(Operation::Refresh(Lifetime::ZERO)).await
        {
            eprintln!("an allocation is not given back: {error}");
            count(&self.town.counts.failed);
        }
        self.town.leaves();
    }
}

/// Whether the relay has no such allocation (RFC 8656 §7.3).
fn forgotten(failure: &RequestFailure) -> bool {
    matches!(failure, RequestFailure::Refused(refusal) if refusal.code == ErrorCode::ALLOCATION_MISMATCH)
}
