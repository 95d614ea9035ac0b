//! Clients of a relay whose peers are elsewhere: packets up, down and both ways, of few and of many clients.

use super::Plan;
use super::client::Call;
use super::contest::{Contestant, find, take_turns};
use super::issuer;
use super::load::{AUDIO, Direction, Media, Shape, VIDEO};
use super::report::{Gate, Part, Row, thousands};
use super::servers::{Kind, Server};

/// How many clients there are.
const CLIENTS: [usize; 3] = [1, 64, 1000];
/// Those for which a figure beside coturn is demanded.
const DEMANDED: usize = 64;

pub fn run(plan: &Plan) -> Part {
    let (mut part, mut wrong) = (Part::default(), 0);
    for shape in [AUDIO, VIDEO] {
        for clients in plan.pick(&CLIENTS[..], &CLIENTS[1..2]) {
            compare(plan, shape, *clients, &mut part, &mut wrong);
        }
    }
    part.gates.push(Gate::unharmed("packets up and down", wrong));
    part
}

fn compare(plan: &Plan, shape: Shape, clients: usize, part: &mut Part, wrong: &mut u64) {
    let contestant = |kind: Kind| {
        let server = Server::start_for(kind, shape.whole);
        let calls = (0..clients).map(|number| Call::to_outside(&server, &issuer::user(number))).collect();
        let media = Media::new(calls, Direction::Up, shape);
        Contestant::new(kind.name(), kind, server, media)
    };
    // It has nobody outside.
    let kinds = plan.kinds().filter(|&kind| kind != Kind::TurnServer);
    let mut contestants: Vec<Contestant<Media>> = kinds.map(contestant).collect();
    for (direction, name) in [(Direction::Up, "up"), (Direction::Down, "down"), (Direction::Both, "both ways")] {
        contestants.iter_mut().for_each(|contestant| contestant.load.turn(direction));
        take_turns(&mut contestants, plan.rounds(), plan.turn());
        let of = if clients == 1 { "1 client".to_owned() } else { format!("{} clients", thousands(clients as u64)) };
        let what = format!("{name}, {}, {of}", described(shape));
        for contestant in &contestants {
            eprintln!("{}: {what}: {}", contestant.name, contestant.total());
        }
        let [hilum, coturn, bare] =
            [Kind::Hilum, Kind::Coturn, Kind::Bare].map(|kind| find(&contestants, kind).unwrap());
        *wrong += hilum.total().wrong;
        if clients == DEMANDED {
            let coturns = if shape.whole { 2.7 } else { 1.1 };
            let gate = Gate::at_least(format!("{what}: times coturn"), hilum.times(coturn).median, coturns);
            part.gates.push(gate.only_if(!plan.quick));
        }
        let gate = Gate::at_least(format!("{what}: times bare"), hilum.times(bare).median, 0.93);
        part.gates.push(gate.only_if(!plan.quick));
        part.rows.push(Row::of(what, hilum, &contestants));
    }
}

/// How packets come.
pub fn described(shape: Shape) -> String {
    if shape.burst > 1 {
        format!("bursts of {} × {} bytes", shape.burst, thousands(shape.size as u64))
    } else {
        format!("{} bytes", shape.size)
    }
}
