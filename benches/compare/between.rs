//! Two clients of one relay who talk with each other: through relay sockets, and as parties of one call of Hilum's.

use std::net::Ipv4Addr;

use super::Plan;
use super::client::Call;
use super::contest::{Contestant, find, take_turns};
use super::issuer;
use super::load::{AUDIO, Direction, Media, Shape, VIDEO};
use super::outside::described;
use super::report::{Gate, Part, Row};
use super::servers::{Kind, Server};

/// Calls, each of two clients.
const CALLS: usize = 32;
/// What a packet within a closed call may cost, as a part of what it costs through relay sockets.
const PART: f64 = 0.5;

pub fn run(plan: &Plan) -> Part {
    let (mut part, mut wrong) = (Part::default(), 0);
    for shape in [AUDIO, VIDEO] {
        compare(plan, shape, &mut part, &mut wrong);
    }
    part.gates.push(Gate::unharmed("packets from client to client", wrong));
    part
}

fn contestant(kind: Kind, closed: bool, shape: Shape) -> Contestant<Media> {
    let server = Server::start_for(kind, shape.whole);
    let call = |number: usize| {
        let [one, other] = if closed {
            issuer::tokens(&format!("call-{number}"))
        } else {
            [2 * number, 2 * number + 1].map(issuer::user)
        };
        Call::of_two_clients(&server, [&one, &other], Ipv4Addr::LOCALHOST.into())
    };
    let media = Media::new((0..CALLS).map(call).collect(), Direction::Both, shape);
    let name = format!("{}{}", kind.name(), if closed { ", closed" } else { "" });
    Contestant::new(name, kind, server, media)
}

fn compare(plan: &Plan, shape: Shape, part: &mut Part, wrong: &mut u64) {
    let closed = contestant(Kind::Hilum, true, shape);
    let others = plan.kinds().map(|kind| contestant(kind, false, shape));
    let mut contestants: Vec<Contestant<Media>> = [closed].into_iter().chain(others).collect();
    take_turns(&mut contestants, plan.rounds(), plan.turn());
    let what = format!("client to client, {}", described(shape));
    for contestant in &contestants {
        eprintln!("{}: {what}: {}", contestant.name, contestant.total());
        if contestant.kind == Kind::Hilum {
            *wrong += contestant.total().wrong;
        }
    }
    let (closed, sockets) = (&contestants[0], &contestants[1]);
    part.rows.push(Row::of(format!("{what}, closed calls"), closed, &contestants));
    part.rows.push(Row::of(format!("{what}, through relay sockets"), sockets, &contestants));
    let [coturn, bare] = [Kind::Coturn, Kind::Bare].map(|kind| find(&contestants, kind).unwrap());
    let coturns = if shape.whole { 5.0 } else { 2.5 };
    let gate = Gate::at_least(format!("{what}, closed calls: times coturn"), closed.times(coturn).median, coturns);
    part.gates.push(gate.only_if(!plan.quick));
    let gate = Gate::at_least(format!("{what}, closed calls: times bare"), closed.times(bare).median, 0.93);
    part.gates.push(gate.only_if(!plan.quick));
    let cost = sockets.times(closed).median;
    part.facts.push((
        format!("CPU for a packet of a closed call, {}, of what relay sockets take", described(shape)),
        format!("{:.0} %", cost * 100.0),
    ));
    let what = format!("{what}: cost within a closed call, as a part of that through relay sockets");
    // Bursts are cheap through sockets too.
    if !shape.whole {
        part.gates.push(Gate::at_most(what, cost, plan.pick(PART, 0.7)));
    }
}
