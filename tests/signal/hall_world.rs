//! A hall in simulated time, and people in it.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use hilum::signal::message::{Clinic, CloseCode, Conduct, FromClient, Turn};
use hilum::signal::{Deed, Hall, Minting, Out, Pass, PersonId, Role, RoomId, SecretHash, Settings, SocketId};
use hilum::time::{Moment, Now, UnixTime};
use hilum::webhook::Event;
use serde_json::{Value, json};

/// When the tests begin.
pub const START: u64 = 1_795_800_000;
/// When visits end.
pub const ENDS: u64 = START + 3600;

/// Makes credentials that say who they are for, and last ten minutes.
pub struct Mint(pub u64);

impl Minting for Mint {
    fn turn(&mut self, call: &RoomId, party: &PersonId, ends: UnixTime, now: UnixTime) -> Option<Turn> {
        self.0 += 1;
        Some(Turn {
            urls: vec!["turn:relay.example:443?transport=udp".to_owned()],
            username: format!("{}/{}/{}", call.as_str(), party.as_str(), self.0),
            credential: "secret".to_owned(),
            expires: now.plus_secs(600).min(ends).as_secs(),
            region: "north".to_owned(),
        })
    }
}

pub struct World {
    pub hall: Hall,
    pub now: Now,
    pub mint: Mint,
    next: SocketId,
    /// What arrived at each connection and was not looked at yet.
    pub inbox: HashMap<SocketId, Vec<Value>>,
    /// Every text that arrived at each connection, from the first.
    pub seen: HashMap<SocketId, Vec<String>>,
    pub closed: HashMap<SocketId, CloseCode>,
    pub over: Vec<RoomId>,
    pub deeds: Vec<Deed>,
    pub told: Vec<(Event, RoomId)>,
    /// What the next process would know.
    pub onward: BTreeMap<RoomId, Vec<u8>>,
}

pub fn clinic(name: &str) -> Clinic {
    Clinic { name: name.to_owned(), wait_minutes: 10, ..Clinic::default() }
}

pub fn guest(room: &str, person: &str, role: Role) -> Pass {
    Pass::Guest {
        room: room.parse().unwrap(),
        person: person.parse().unwrap(),
        role,
        clinic: "physio".parse().unwrap(),
        label: format!("label-{room}"),
        ends: UnixTime::from_secs(ENDS),
    }
}

pub fn staff(name: &str, clinic: &str) -> Pass {
    staff_in(name, clinic, name)
}

/// One of the staff who has signed in with a secret.
pub fn staff_in(name: &str, clinic: &str, session: &str) -> Pass {
    let session = SecretHash::of(session);
    Pass::Staff { name: name.to_owned(), role: Role::Clinician, clinic: clinic.parse().unwrap(), session }
}

impl World {
    pub fn new() -> Self {
        let clinics = ["physio", "cardio"].map(|id| (id.parse().unwrap(), clinic(id)));
        let settings = Settings {
            clinics: BTreeMap::from(clinics),
            conduct: Conduct { relay_only: true, screen: true, files: true },
            relays: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ..Settings::default()
        };
        Self {
            hall: Hall::new(settings, [7; 32]),
            now: Now { moment: Moment::from_secs(1), unix: UnixTime::from_secs(START) },
            mint: Mint(0),
            next: 0,
            inbox: HashMap::new(),
            seen: HashMap::new(),
            closed: HashMap::new(),
            over: Vec::new(),
            deeds: Vec::new(),
            told: Vec::new(),
            onward: BTreeMap::new(),
        }
    }

    pub fn carry(&mut self) {
        for out in self.hall.take() {
            match out {
                Out::Send(socket, text) => {
                    assert!(!self.closed.contains_key(&socket), "a message after the end: {text}");
                    self.inbox.entry(socket).or_default().push(serde_json::from_str(&text).unwrap());
                    self.seen.entry(socket).or_default().push(text);
                }
                Out::Close(socket, code) => {
                    assert!(self.closed.insert(socket, code).is_none(), "closed twice");
                }
                Out::Over(room, _) => self.over.push(room),
                Out::Deed(deed) => self.deeds.push(deed),
                Out::Told(event, room) => self.told.push((event, room)),
                Out::Onward(room, Some(kept)) => drop(self.onward.insert(room, kept)),
                Out::Onward(room, None) => drop(self.onward.remove(&room)),
            }
        }
    }

    pub fn open(&mut self) -> SocketId {
        self.next += 1;
        self.hall.opened(self.next, self.now);
        self.next
    }

    pub fn raw(&mut self, socket: SocketId, text: &str) {
        self.hall.said(socket, FromClient::read(text), self.now, &mut self.mint);
        self.carry();
    }

    pub fn say(&mut self, socket: SocketId, message: Value) {
        self.raw(socket, &message.to_string());
    }

    /// Comes in by a ticket; the connection.
    pub fn enter(&mut self, pass: Pass) -> SocketId {
        let ticket = self.hall.ticket(pass, self.now).unwrap();
        let socket = self.open();
        self.say(socket, json!({"t": "hello", "v": 1, "ticket": ticket}));
        socket
    }

    pub fn drop(&mut self, socket: SocketId) {
        self.hall.closed(socket, self.now);
        self.carry();
    }

    /// Time goes on, in steps of a fifth of a second.
    pub fn pass(&mut self, time: Duration) {
        let steps = time.as_millis() / 200;
        for step in 0..steps {
            self.now.moment = self.now.moment + Duration::from_millis(200);
            if step % 5 == 4 {
                self.now.unix = self.now.unix.plus_secs(1);
            }
            self.hall.tick(self.now, &mut self.mint);
            self.carry();
        }
    }

    /// The same, while these connections stay alive.
    pub fn pass_alive(&mut self, seconds: u64, sockets: &[SocketId]) {
        for _ in 0..seconds.div_ceil(20) {
            for socket in sockets {
                self.say(*socket, json!({"t": "ping"}));
            }
            self.pass(Duration::from_secs(20));
        }
    }

    /// What arrived since the last look.
    pub fn heard(&mut self, socket: SocketId) -> Vec<Value> {
        self.inbox.remove(&socket).unwrap_or_default()
    }

    /// The types of what arrived since the last look.
    pub fn types(&mut self, socket: SocketId) -> Vec<String> {
        self.heard(socket).iter().map(|message| message["t"].as_str().unwrap().to_owned()).collect()
    }

    /// The one message of a type among what arrived since the last look.
    pub fn one(&mut self, socket: SocketId, kind: &str) -> Value {
        let heard = self.heard(socket);
        let found: Vec<&Value> = heard.iter().filter(|message| message["t"] == kind).collect();
        assert_eq!(found.len(), 1, "one {kind} in {heard:?}");
        found[0].clone()
    }

    pub fn code(&self, socket: SocketId) -> Option<u16> {
        self.closed.get(&socket).map(|code| code.number())
    }

    /// A patient and a clinician in a call, everything heard; their connections and the clinician's id.
    pub fn call(&mut self) -> (SocketId, SocketId, String) {
        let patient = self.enter(guest("room-1", "p1", Role::Patient));
        let clinician = self.enter(staff("dr-one", "physio"));
        let id = self.one(clinician, "welcome")["self"].as_str().unwrap().to_owned();
        self.say(clinician, json!({"t": "admit", "room": "room-1"}));
        self.say(clinician, json!({"t": "join", "room": "room-1"}));
        self.pass(Duration::from_secs(1));
        self.heard(patient);
        self.heard(clinician);
        (patient, clinician, id)
    }
}
