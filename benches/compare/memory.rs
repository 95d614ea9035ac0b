//! What an idle allocation with a relay socket costs, the kernel's part included, and what a call that goes on notices when
//! thousands of them end at once.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use hilum::client::Credential;

use super::Plan;
use super::client::{Call, Client, End};
use super::crowd::{Watched, watch};
use super::issuer;
use super::report::{Gate, Part, thousands};
use super::servers::{Kind, Server};

/// Allocations, fewer than the descriptors that a process usually may have.
const ALLOCATIONS: [u32; 2] = [10_000, 1000];
/// KiB that one of them may cost in all; few share what a relay has once.
const KIBIBYTES: [f64; 2] = [6.0, 7.0];
/// Before anything is counted, so that what a relay has once and for all is there.
const BEFORE: u32 = 200;
/// The call whose token they have.
const CALL: &str = "outward";
/// Where their peers are: at the relay's own address a token reaches clients only.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

pub fn run(plan: &Plan) -> Part {
    let allocations = plan.pick(ALLOCATIONS[0], ALLOCATIONS[1]);
    let server = Server::start(Kind::Hilum);
    let who = issuer::outward(CALL, OUTSIDE.into());
    (0..BEFORE).for_each(|number| idle(&server, &who, number));
    let (resident, slabs) = (server.resident(), Slabs::now());
    (BEFORE..BEFORE + allocations).for_each(|number| idle(&server, &who, number));
    let each = |bytes: u64| bytes as f64 / f64::from(allocations) / 1024.0;
    let own = each(server.resident() - resident);
    let number = thousands(allocations.into());
    let mut part = Part::default();
    part.facts.push((
        format!("{number} idle allocations with a relay socket and a channel: resident memory of each"),
        format!("{own:.2} KiB"),
    ));
    if let (Some(before), Some(after)) = (slabs, Slabs::now()) {
        let (objects, kernel) = after.since(&before, allocations);
        let kernel = each(kernel * u64::from(allocations));
        eprintln!(
            "{number} idle allocations with a relay socket: {own:.2} KiB and {kernel:.2} of the kernel: {objects}"
        );
        part.facts.push((format!("the kernel's memory for the socket of each: {objects}"), format!("{kernel:.2} KiB")));
        let bound = plan.pick(KIBIBYTES[0], KIBIBYTES[1]);
        part.gates.push(Gate::at_most("an idle allocation with a relay socket: KiB in all", own + kernel, bound));
    } else {
        let told = "not known: only root may read /proc/slabinfo".to_owned();
        part.facts.push(("the kernel's memory for the socket of each".to_owned(), told));
    }
    end_at_once(&server, &number, &mut part);
    part
}

/// All of them are revoked, while two calls go on.
fn end_at_once(server: &Server, number: &str, part: &mut Part) {
    let mut calls = ["one", "other"].map(|name| {
        let [one, other] = issuer::tokens(name);
        Watched::new(Call::of_two_clients(server, [&one, &other], Ipv4Addr::LOCALHOST.into()))
    });
    let mut sent = Vec::new();
    watch(&mut calls, &mut sent, || false);
    let usual = calls.iter().map(|call| call.slowest).max().unwrap_or_default();
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| server.revoke(CALL));
        watch(&mut calls, &mut sent, || !operator.is_finished());
    });
    let slowest = calls.iter().map(|call| call.slowest).max().unwrap_or_default();
    let lost: u64 = calls.iter().map(|call| call.sent - call.received).sum();
    eprintln!("{number} end at once: the slowest packet takes {slowest:?}, before {usual:?}; {lost} lost");
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    part.facts.extend([
        ("all of them are revoked at once: the slowest packet of another call took".to_owned(), milliseconds(slowest)),
        ("the slowest before that".to_owned(), milliseconds(usual)),
    ]);
    part.gates.push(Gate::at_most("packets that other calls lose when thousands end", lost as f64, 0.0));
}

/// An allocation with a channel to a peer outside and a handshake between them. Both ends are gone then: the relay keeps
/// it all the same. Each comes from an address of its own.
fn idle(server: &Server, who: &Credential, number: u32) {
    let [_, _, high, low] = number.to_be_bytes();
    let peer = UdpSocket::bind((OUTSIDE, 0)).unwrap();
    let mut client = Client::new(server, who, Ipv4Addr::new(127, 9, high, low).into());
    let relayed = client.allocate().expect("an allocation");
    client.channel(peer.local_addr().unwrap()).expect("a channel");
    peer.connect(relayed).unwrap();
    Call::begin([End { socket: client.socket, framed: true }, End { socket: peer, framed: false }]);
}

/// How many objects of which size the kernel has, by kind (`/proc/slabinfo`).
struct Slabs(HashMap<String, (u64, u64)>);

impl Slabs {
    /// `None`: the system does not tell.
    fn now() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/slabinfo").ok()?;
        let line = |line: &str| {
            let mut fields = line.split_whitespace();
            let name = fields.next()?.to_owned();
            let [active, _, size] = [(); 3].map(|()| fields.next().and_then(|field| field.parse::<u64>().ok()));
            Some((name, (active?, size?)))
        };
        Some(Self(text.lines().filter_map(line).collect()))
    }

    /// What each of so many sockets has brought: kinds, and bytes together. Only what there is one more of for each
    /// counts; the rest is other people's.
    fn since(&self, before: &Self, sockets: u32) -> (String, u64) {
        let grown = |(name, &(active, size)): (&String, &(u64, u64))| {
            let more = active.saturating_sub(before.0.get(name)?.0);
            let each = (more as f64 / f64::from(sockets)).round() as u64;
            (each > 0).then(|| (each * size, name.clone()))
        };
        let mut grown: Vec<(u64, String)> = self.0.iter().filter_map(grown).collect();
        grown.sort_unstable_by(|one, other| other.cmp(one));
        let bytes = grown.iter().map(|(bytes, _)| bytes).sum();
        let names: Vec<String> = grown.iter().map(|(bytes, name)| format!("`{name}` {bytes}")).collect();
        (names.join(", "), bytes)
    }
}
