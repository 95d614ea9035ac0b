//! Packets through the relay and back: each is numbered and recognised again. They are what a call carries, in form.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::error::ClientError;
use super::probe::{EchoPath, EchoReport, LARGEST_PACKET, Plan, RoundTrip, SMALLEST_PACKET, Traffic};
use super::rehearsal::{Rehearsal, Side};
use super::turn_client::{TurnClient, random};
use crate::clock::SystemClock;
use crate::time::Moment;
use crate::wire::ChannelNumber;

/// When the window is full and nothing came back for so long, what is under way counts as lost and sending goes on.
const STUCK: Duration = Duration::from_millis(250);
/// How long a datagram of the handshake is waited for before it is sent again, and at last given up: enough for a way
/// over a satellite that loses one of two.
const HANDSHAKE_WAITS: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_millis(1000)];

/// The end that sends every packet back.
pub(super) enum Far {
    /// Another allocation at the same server; `peer` is where its echoes go.
    Allocation {
        /// The client that holds it.
        client: Box<TurnClient>,
        /// The near end's relayed address.
        peer: SocketAddr,
    },
    /// A UDP port of this machine.
    Local {
        /// The port.
        socket: UdpSocket,
        /// Room for one packet.
        buffer: Vec<u8>,
    },
}

impl Far {
    /// Waits for one packet. Dropping the future loses nothing.
    async fn receive(&mut self) -> Result<(Vec<u8>, SocketAddr), ClientError> {
        match self {
            Self::Allocation { client, peer } => client.receive().await.map(|received| (received.data, *peer)),
            Self::Local { socket, buffer } => {
                let (length, from) = socket.recv_from(buffer).await.map_err(ClientError::Io)?;
                Ok((buffer.get(..length).unwrap_or_default().to_vec(), from))
            }
        }
    }

    async fn send_back(&mut self, packet: &[u8], to: SocketAddr) -> Result<(), ClientError> {
        match self {
            // Send and Data indications on this side, a channel on the other: both ways of carrying media are tried.
            Self::Allocation { client, .. } => client.send_to(to, packet).await,
            Self::Local { socket, .. } => socket.send_to(packet, to).await.map(|_| ()).map_err(ClientError::Io),
        }
    }
}

/// Waits until the other side has received this datagram; where from, when that is the far end.
async fn arrival(
    sender: Side,
    datagram: &[u8],
    near: &mut TurnClient,
    far: &mut Far,
) -> Result<Option<SocketAddr>, ClientError> {
    loop {
        let (got, from) = match sender {
            Side::Client => far.receive().await.map(|(got, from)| (got, Some(from)))?,
            Side::Server => (near.receive().await?.data, None),
        };
        if got == datagram {
            return Ok(from);
        }
    }
}

/// How the packets' tour ended.
pub(super) enum Tour {
    /// All came back, or the time for it is over.
    Over,
    /// A connection failed on the way.
    Broken(ClientError),
}

/// The packets under way and what became of them.
pub(super) struct Echo<'p> {
    plan: &'p Plan,
    clock: SystemClock,
    channel: ChannelNumber,
    call: Rehearsal,
    /// One for each packet sent: when, and whether it has come back.
    packets: Vec<(Moment, bool)>,
    times: Vec<Duration>,
    reached: u32,
    corrupted: u32,
    duplicated: u32,
    /// Packets that the window no longer waits for.
    given_up: usize,
    progress: Moment,
}

impl<'p> Echo<'p> {
    pub(super) fn new(plan: &'p Plan, clock: SystemClock, channel: ChannelNumber) -> Result<Self, ClientError> {
        Ok(Self {
            plan,
            clock,
            channel,
            call: Rehearsal::new(random()?),
            packets: Vec::new(),
            times: Vec::new(),
            reached: 0,
            corrupted: 0,
            duplicated: 0,
            given_up: 0,
            progress: clock.now().moment,
        })
    }

    /// Sends the plan's packets from `near` and lets `far` send them back. Gives `far` back.
    pub(super) async fn run(&mut self, near: &mut TurnClient, mut far: Far) -> (Tour, Far) {
        let shaken = match self.plan.traffic {
            Traffic::Sealed => self.shake_hands(near, &mut far).await,
            Traffic::Unsealed => Ok(()),
        };
        let tour = match shaken {
            Ok(()) => self.tour(near, &mut far).await,
            Err(error) => Err(error),
        };
        let tour = match tour {
            Ok(()) => Tour::Over,
            Err(error) => Tour::Broken(error),
        };
        (tour, far)
    }

    /// Each datagram goes out when the one before has arrived. Whether a handshake that does not get through matters is
    /// the relay's to say: the packets are sent in any case, and counted.
    async fn shake_hands(&self, near: &mut TurnClient, far: &mut Far) -> Result<(), ClientError> {
        // Where the far end sees the near one.
        let mut seen_at = None;
        for (side, datagram) in self.call.handshake() {
            let mut arrived = false;
            for wait in HANDSHAKE_WAITS {
                match (side, seen_at) {
                    (Side::Client, _) => near.send_channel(self.channel, &datagram).await?,
                    (Side::Server, Some(to)) => far.send_back(&datagram, to).await?,
                    (Side::Server, None) => return Ok(()),
                }
                match tokio::time::timeout(wait, arrival(side, &datagram, near, far)).await {
                    Ok(from) => {
                        seen_at = from?.or(seen_at);
                        arrived = true;
                        break;
                    }
                    // It is sent again.
                    Err(_) => continue,
                }
            }
            if !arrived {
                break;
            }
        }
        Ok(())
    }

    async fn tour(&mut self, near: &mut TurnClient, far: &mut Far) -> Result<(), ClientError> {
        let began = self.clock.now().moment;
        self.progress = began;
        loop {
            let now = self.clock.now().moment;
            if self.is_full() && now.since(self.progress) >= STUCK {
                self.given_up = self.packets.len() - self.times.len();
            }
            if !self.is_sent() && !self.is_full() && now >= self.due(began) {
                let packet = self.packet(self.packets.len());
                self.packets.push((now, false));
                near.send_channel(self.channel, &packet).await?;
                // Fall through to reading: what came in meanwhile must not wait for a burst to end.
            }
            let until = self.wakes_at(began);
            if self.is_sent() && (self.is_complete() || now >= until) {
                return Ok(());
            }
            tokio::select! {
                biased;
                returned = near.receive() => self.returned(&returned?.data),
                reached = far.receive() => {
                    let (packet, to) = reached?;
                    if self.call.number(&packet).is_some() {
                        self.reached += 1;
                        far.send_back(&packet, to).await?;
                    }
                }
                () = tokio::time::sleep(until.since(now)), if until > now => {}
                () = std::future::ready(()), if until <= now => {}
            }
        }
    }

    fn is_sent(&self) -> bool {
        self.packets.len() >= usize::try_from(self.plan.packets).unwrap_or(usize::MAX)
    }

    fn is_complete(&self) -> bool {
        self.times.len() >= self.packets.len()
    }

    fn is_full(&self) -> bool {
        let under_way = self.packets.len().saturating_sub(self.times.len()).saturating_sub(self.given_up);
        under_way >= usize::try_from(self.plan.window.max(1)).unwrap_or(usize::MAX)
    }

    /// When the next packet goes.
    fn due(&self, began: Moment) -> Moment {
        began + self.plan.interval.saturating_mul(u32::try_from(self.packets.len()).unwrap_or(u32::MAX))
    }

    fn wakes_at(&self, began: Moment) -> Moment {
        if self.is_sent() {
            self.packets.last().map_or(began, |(sent, _)| *sent) + self.plan.grace
        } else if self.is_full() {
            self.progress + STUCK
        } else {
            self.due(began)
        }
    }

    fn size(&self) -> usize {
        self.plan.size.clamp(SMALLEST_PACKET, LARGEST_PACKET)
    }

    fn packet(&self, number: usize) -> Vec<u8> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        match self.plan.traffic {
            Traffic::Sealed => self.call.sealed(number, self.size()),
            Traffic::Unsealed => self.call.unsealed(number, self.size()),
        }
    }

    fn returned(&mut self, packet: &[u8]) {
        let now = self.clock.now().moment;
        let number = self.call.number(packet).and_then(|number| usize::try_from(number).ok());
        let Some(number) = number else { return };
        if number >= self.packets.len() || packet != self.packet(number) {
            self.corrupted += 1;
            return;
        }
        match self.packets.get_mut(number) {
            Some((_, true)) => self.duplicated += 1,
            Some((sent, back)) => {
                *back = true;
                self.times.push(now.since(*sent));
                self.given_up = self.given_up.min(self.packets.len() - self.times.len());
                self.progress = now;
            }
            None => self.corrupted += 1,
        }
    }

    pub(super) fn report(&self, path: EchoPath, path_reason: Option<String>) -> EchoReport {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (sent, returned) = (number(self.packets.len()), number(self.times.len()));
        let lost = sent.saturating_sub(returned);
        EchoReport {
            path,
            path_reason,
            packet_bytes: self.size(),
            sent,
            reached: self.reached,
            returned,
            lost,
            loss_percent: if sent == 0 { 0.0 } else { (f64::from(lost) * 10000.0 / f64::from(sent)).round() / 100.0 },
            corrupted: self.corrupted,
            duplicated: self.duplicated,
            round_trip: RoundTrip::of(self.times.clone()),
        }
    }
}
