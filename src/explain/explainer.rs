//! Packets in, lines and counts out.

use core::net::IpAddr;
use std::collections::HashSet;

use crate::addr::{PeerAddr, Transport};
use crate::policy::seal::{Mode, Settings, Way};
use crate::time::Moment;
use crate::wire::{AttributeType, ChannelData, Class, Malformed, Message, Method, read_u16, read_u32};

use super::clients::{Change, Clients};
use super::frame::{Carried, Pair, Segment, carried};
use super::line::{Kind, Line, Name, Peer, Unjudged, Verdict};
use super::paths::{Answer, Paths};
use super::roles::{Roles, Server, Tuple};
use super::stream::Taken;
use super::streams::Streams;
use super::summary::{Aside, Summary};
use super::text::Names;
use super::{Packet, Unreadable};

/// Five-tuples of QUIC that are remembered, so that their short headers are known.
const MOST_QUIC: usize = 4096;
const MAGIC_COOKIE: u32 = crate::wire::MAGIC_COOKIE;

/// How to look at a capture.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The TURN server; whoever is asked for allocations, if nobody is named.
    pub server: Option<Server>,
    /// What would be allowed. What the mode says does not matter: it is judged as [`Mode::Enforce`] judges.
    pub settings: Settings,
}

/// Follows a capture.
#[derive(Debug)]
pub struct Explainer {
    pub(super) clients: Clients,
    pub(super) paths: Paths,
    roles: Roles,
    streams: Streams,
    quic: HashSet<Pair>,
    summary: Summary,
    lines: Vec<Line>,
    names: Names,
    at: At,
}

/// The packet that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    packet: u64,
    time: u64,
    bytes: usize,
}

impl Explainer {
    /// Before the first packet.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            clients: Clients::default(),
            paths: Paths::new(Settings { mode: Mode::Enforce, ..options.settings }),
            roles: Roles::new(options.server),
            streams: Streams::default(),
            quic: HashSet::new(),
            summary: Summary::default(),
            lines: Vec::new(),
            names: Names::default(),
            at: At::default(),
        }
    }

    /// Reads a packet; what there is to say about it. A packet of a stream may hold several messages, or only a part of
    /// one.
    pub fn read(&mut self, packet: &Packet<'_>) -> Vec<Line> {
        self.at = At { packet: packet.number, time: packet.time, bytes: packet.bytes.len() };
        self.summary.packets = packet.number;
        match carried(packet) {
            Carried::Udp { pair, payload, cut } => self.datagram(pair, payload, cut),
            Carried::Tcp { pair, segment } => self.segment(pair, &segment),
            Carried::Fragment { from, to } => self.fragment(from, to),
            Carried::Other => self.aside(Aside::Other),
            Carried::Broken => self.aside(Aside::Broken),
            Carried::Headless => self.aside(Aside::Headless),
            Carried::Link => self.aside(Aside::Link),
        }
        core::mem::take(&mut self.lines)
    }

    /// What has been found, after the last packet; `end`: why the file could not be read to its end.
    #[must_use]
    pub fn finish(mut self, truncated: bool, end: Option<Unreadable>) -> (Summary, Names) {
        self.summary.truncated = truncated;
        self.summary.unreadable = end;
        self.summary.waiting = self.streams.waiting();
        self.summary.clients = self.clients.count();
        self.summary.take_paths(&self.paths);
        (self.summary, self.names)
    }

    /// Whether names come with addresses.
    pub const fn show_addresses(&mut self, shown: bool) {
        self.names.shown = shown;
    }

    /// How clients and peers are called so far.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    fn datagram(&mut self, pair: Pair, payload: &[u8], cut: bool) {
        self.at.bytes = payload.len();
        let known = self.known(pair, Transport::Udp);
        if cut {
            return self.cut(pair, payload, known);
        }
        match payload.first() {
            Some(0..=3) if read_u32(payload, 4) == Some(MAGIC_COOKIE) => {
                self.stun(pair, Transport::Udp, payload, known)
            }
            Some(64..=79) if ChannelData::parse(payload).is_ok() && !self.quic.contains(&pair) => {
                self.channel(pair, Transport::Udp, payload, known);
            }
            // A keep-alive, or something that the server discards.
            _ if known.is_some() => self.aside(Aside::NotTurn),
            _ if self.is_quic(pair, payload) => self.aside(Aside::Quic),
            Some(20..=25) if payload.get(1) == Some(&0xfe) => self.aside(Aside::Dtls),
            _ => self.aside(Aside::Other),
        }
    }

    fn segment(&mut self, pair: Pair, segment: &Segment<'_>) {
        self.at.bytes = segment.payload.len();
        if segment.syn {
            for way in [Way::Up, Way::Down] {
                let tuple = Tuple::new(pair, way, Transport::Tcp);
                if way == Way::Up
                    && self.clients.reconnect(&tuple)
                    && let Some(client) = self.clients.get(&tuple)
                {
                    self.paths.end(client.number);
                }
            }
        }
        let Some((taken, messages)) = self.streams.push(pair, segment, self.at.time) else {
            return self.unjudged(None, None, Unjudged::Bound);
        };
        let any = !messages.is_empty();
        for message in messages {
            self.at.bytes = message.len();
            let known = self.known(pair, Transport::Tcp);
            match message.first() {
                Some(64..=79) => self.channel(pair, Transport::Tcp, &message, known),
                _ => self.stun(pair, Transport::Tcp, &message, known),
            }
        }
        let known = self.known(pair, Transport::Tcp);
        match taken {
            Taken::Lost if segment.cut => self.cut(pair, segment.payload, known),
            Taken::Lost if known.is_some() => {
                self.unjudged(known, None, Unjudged::Lost);
            }
            Taken::Astray if known.is_some() => self.unjudged(known, None, Unjudged::Lost),
            Taken::Tls => self.aside(Aside::Tls),
            Taken::Lost | Taken::Astray | Taken::Foreign => self.aside(Aside::Other),
            Taken::Followed if any => {}
            Taken::Followed => self.aside(Aside::Stream),
        }
    }

    fn fragment(&mut self, from: IpAddr, to: IpAddr) {
        self.summary.fragments += 1;
        if !self.roles.is_server(from) && !self.roles.is_server(to) {
            return self.aside(Aside::Fragment);
        }
        for party in self.clients.between(from, to) {
            self.paths.tear(party);
        }
        self.unjudged(None, None, Unjudged::Fragment);
    }

    /// A packet that was not captured whole, and may be one of ours.
    fn cut(&mut self, pair: Pair, payload: &[u8], known: Option<(Tuple, Way)>) {
        let Some((tuple, way)) = known else {
            let server = self.roles.is_server(pair.from.ip()) || self.roles.is_server(pair.to.ip());
            let stun = matches!(payload.first(), Some(0..=3)) && read_u32(payload, 4) == Some(MAGIC_COOKIE);
            if server || stun {
                self.unjudged(None, None, Unjudged::Cut)
            } else {
                self.aside(Aside::Other)
            }
            return;
        };
        let number = read_u16(payload, 0).and_then(crate::wire::ChannelNumber::new);
        let peer = number.filter(|_| tuple.transport == Transport::Udp);
        let peer = peer.map(|channel| match self.clients.peer(&tuple, channel) {
            Some(peer) => Peer::Address(peer),
            None => Peer::Channel(channel.number()),
        });
        self.unjudged(Some((tuple, way)), peer, Unjudged::Cut);
    }

    fn stun(&mut self, pair: Pair, transport: Transport, bytes: &[u8], known: Option<(Tuple, Way)>) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(Malformed::UnknownMethod) => return self.aside(Aside::NotTurn),
            Err(_) => return self.aside(if known.is_some() { Aside::Malformed } else { Aside::Other }),
        };
        let way = match (known, message.method()) {
            (Some((_, way)), _) => Some(way),
            (None, Method::Binding) => self.roles.of_data(pair),
            (None, method) => self.roles.of_message(pair, likely(method, message.class())),
        };
        let Some(way) = way else {
            return self.aside(if message.method() == Method::Binding { Aside::Ice } else { Aside::Elsewhere });
        };
        let tuple = Tuple::new(pair, way, transport);
        if message.method() == Method::Binding {
            return self.turn(&tuple, way, &message);
        }
        if !self.clients.admit(tuple, self.at.time) {
            return self.unjudged(None, None, Unjudged::Bound);
        }
        match (message.method(), message.class(), way) {
            (Method::Send, Class::Indication, Way::Up) | (Method::Data, Class::Indication, Way::Down) => {
                self.indication(tuple, way, &message);
            }
            _ => {
                let change = self.clients.hear(&tuple, way, &message);
                self.changed(&tuple, change);
                self.turn(&tuple, way, &message);
            }
        }
    }

    fn indication(&mut self, tuple: Tuple, way: Way, message: &Message<'_>) {
        let data = message.value(AttributeType::DATA);
        let Some(Ok(peer)) = message.xor_address(AttributeType::XOR_PEER_ADDRESS) else {
            return self.aside(Aside::Malformed);
        };
        match data {
            Some(data) => self.relayed(tuple, way, Peer::Address(PeerAddr::canonical(peer)), data),
            // What ICMP said (RFC 8656 §11.5).
            None if message.has(AttributeType::ICMP) => self.turn(&tuple, way, message),
            None => self.aside(Aside::Malformed),
        }
    }

    fn channel(&mut self, pair: Pair, transport: Transport, bytes: &[u8], known: Option<(Tuple, Way)>) {
        let Ok(ChannelData { channel, data }) = ChannelData::parse(bytes) else {
            return self.aside(Aside::Malformed);
        };
        let way = known.map(|(_, way)| way).or_else(|| self.roles.of_channel(pair));
        let Some(way) = way else { return self.aside(Aside::Elsewhere) };
        let tuple = Tuple::new(pair, way, transport);
        if !self.clients.admit(tuple, self.at.time) {
            return self.unjudged(None, None, Unjudged::Bound);
        }
        let peer = match self.clients.peer(&tuple, channel) {
            Some(peer) => Peer::Address(peer),
            None => {
                self.tear(&tuple);
                Peer::Channel(channel.number())
            }
        };
        self.relayed(tuple, way, peer, data);
    }

    /// Something that the relay carries.
    fn relayed(&mut self, tuple: Tuple, way: Way, peer: Peer, data: &[u8]) {
        // Without an allocation in the capture, its handshakes may have come before.
        if self.clients.get(&tuple).is_some_and(|client| client.relayed.is_empty()) {
            self.tear(&tuple);
        }
        let at = (self.at.packet, Moment::from_nanos(self.at.time));
        let answer = self.paths.judge(&self.clients, &tuple, peer, way, data, at);
        let passes = answer.verdict == Verdict::Passes;
        self.at.bytes = data.len();
        let kind = Kind::of(data).label(passes).to_owned();
        self.line(Some((tuple, way)), kind, answer);
    }

    fn changed(&mut self, tuple: &Tuple, change: Change) {
        let Some((number, party)) = self.clients.get(tuple).map(|client| (client.number, client.party)) else { return };
        match change {
            Change::None => {}
            Change::Begun { whole } => {
                self.paths.end(number);
                if !whole {
                    self.paths.tear(party);
                }
            }
            Change::Ended => self.paths.end(number),
            Change::Known => self.paths.tear(party),
        }
    }

    fn tear(&mut self, tuple: &Tuple) {
        if let Some(client) = self.clients.get(tuple) {
            self.paths.tear(client.party);
        }
    }

    /// The client that a packet is of, if it is one that is known, and which way it goes.
    fn known(&self, pair: Pair, transport: Transport) -> Option<(Tuple, Way)> {
        let both = [Way::Up, Way::Down].map(|way| (Tuple::new(pair, way, transport), way));
        both.into_iter().find(|(tuple, _)| self.clients.get(tuple).is_some())
    }

    /// RFC 9000 §17.2: a long header with a version that is in use, and what comes between the same ends afterwards.
    fn is_quic(&mut self, pair: Pair, payload: &[u8]) -> bool {
        let back = Pair { from: pair.to, to: pair.from };
        let long = payload.first().is_some_and(|first| first & 0xc0 == 0xc0);
        if long && matches!(read_u32(payload, 1), Some(1 | 0x6b33_43cf)) && self.quic.len() < MOST_QUIC {
            self.quic.insert(pair);
        }
        self.quic.contains(&pair) || self.quic.contains(&back)
    }

    fn turn(&mut self, tuple: &Tuple, way: Way, message: &Message<'_>) {
        self.summary.turn += 1;
        let class = match message.class() {
            Class::Request => "request",
            Class::Indication => "indication",
            Class::Success => "success",
            Class::Error => "error",
        };
        let what = format!("{} {class}", message.method().label());
        let answer = Answer { peer: None, verdict: Verdict::Turn, opened: None };
        self.line(Some((*tuple, way)), what, answer);
    }

    fn unjudged(&mut self, client: Option<(Tuple, Way)>, peer: Option<Peer>, why: Unjudged) {
        let answer = match client {
            Some((tuple, _)) => self.paths.miss(&self.clients, &tuple, peer, why),
            None => Answer { peer: None, verdict: Verdict::Unjudged(why), opened: None },
        };
        self.line(client, why.label().replace('_', " "), answer);
    }

    fn aside(&mut self, what: Aside) {
        *self.summary.aside.entry(what).or_default() += 1;
        let answer = Answer { peer: None, verdict: Verdict::Aside, opened: None };
        self.line(None, what.explanation().to_owned(), answer);
    }

    fn line(&mut self, client: Option<(Tuple, Way)>, what: String, answer: Answer) {
        self.summary.count(answer.verdict, self.at.packet);
        let number = client.and_then(|(tuple, _)| {
            let number = self.clients.get(&tuple)?.number;
            self.names.client(number, tuple.client);
            Some(number)
        });
        if let Some(Name::Peer(number)) = answer.peer
            && let Some(address) = self.paths.peer(number)
        {
            self.names.peer(number, address);
        }
        self.lines.push(Line {
            packet: self.at.packet,
            time: self.at.time,
            client: number,
            peer: answer.peer,
            way: client.map(|(_, way)| way),
            what,
            bytes: self.at.bytes,
            verdict: answer.verdict,
            opened: answer.opened,
        });
    }
}

/// Which way a TURN message goes.
const fn likely(method: Method, class: Class) -> Way {
    match (class, method) {
        (Class::Success | Class::Error, _) | (Class::Indication, Method::Data) => Way::Down,
        (Class::Request | Class::Indication, _) => Way::Up,
    }
}
