//! A morning at a large hospital: 2,500 visits whose 5,000 people come in one after the other and wait, each with a
//! socket, and clinicians who look at the lists of 25 clinics and hold visits meanwhile.
//!
//! `cargo bench --bench visits` starts the binary, takes some two minutes, writes what it finds into
//! `docs/performance.md`, and fails where coming in or setting a call up takes too long. `-- --quick` does it with a fifth
//! of the people, and writes nothing.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a bench that cannot run should say where, and its clock is the system's"
)]

mod findings;
mod hospital;
mod people;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use findings::Findings;
use hospital::{CLINICS, Hospital};
use people::{Clinician, Guest};

/// What is done.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Rooms, of two people each.
    pub rooms: usize,
    /// People who come in a second.
    pub rate: u32,
    /// How long everybody waits while nothing happens.
    pub idle: Duration,
    /// Visits that each clinician holds.
    pub visits: usize,
}

const WHOLE: Plan = Plan { rooms: 2500, rate: 100, idle: Duration::from_secs(30), visits: 8 };
const QUICK: Plan = Plan { rooms: 500, rate: 100, idle: Duration::from_secs(5), visits: 2 };
/// People of one room.
pub const PEOPLE: usize = 2;
/// How often one clinician begins a visit: 25 of them begin ten in a second.
const VISIT_EVERY: Duration = Duration::from_millis(2500);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` runs benches to see whether they start.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let plan = if quick { QUICK } else { WHOLE };
    hospital::raise_descriptors(plan.rooms * PEOPLE);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let findings = runtime.block_on(morning(plan));
    println!("{}", findings.report());
    if !quick {
        findings.record();
    }
    findings.judge();
}

async fn morning(plan: Plan) -> Findings {
    let hospital = Arc::new(Hospital::start().await);
    let cookie = hospital.sign_in().await;
    let mut clinicians = Vec::new();
    for clinic in 0..CLINICS {
        clinicians.push(Clinician::enter(&hospital, &cookie, clinic).await);
    }
    let began = Instant::now();
    let rooms = hospital.appoint(plan.rooms).await;
    eprintln!("{} appointments in {:.1} s", rooms.len(), began.elapsed().as_secs_f64());
    let mut findings = Findings::new(plan, hospital.resident());

    let cpu = hospital.cpu();
    let began = Instant::now();
    let mut coming = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / plan.rate);
    // Who should have come meanwhile comes at once, and has waited as long.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for link in rooms.iter().flat_map(|room| room.links.iter().cloned()) {
        let due = ticks.tick().await;
        coming.spawn(Guest::come(Arc::clone(&hospital), link, due));
    }
    let mut guests = Vec::new();
    for (guest, arrival) in coming.join_all().await {
        findings.arrived(arrival);
        guests.push(guest);
    }
    findings.all_are_there(began.elapsed(), hospital.cpu() - cpu);
    eprintln!("{} people have come in {:.1} s", guests.len(), began.elapsed().as_secs_f64());

    // What coming in has left to be done is done by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu, began) = (hospital.cpu(), Instant::now());
    tokio::time::sleep(plan.idle).await;
    findings.idled(began.elapsed(), hospital.cpu() - cpu, hospital.resident());

    let mut visits = JoinSet::new();
    for (number, clinician) in clinicians.into_iter().enumerate() {
        let own: Vec<String> =
            rooms.iter().filter(|room| room.clinic == number).take(plan.visits).map(|room| room.id.clone()).collect();
        let first = VISIT_EVERY * u32::try_from(number).unwrap() / u32::try_from(CLINICS).unwrap();
        visits.spawn(clinician.hold(own, first, VISIT_EVERY));
    }
    for held in visits.join_all().await.into_iter().flatten() {
        findings.held(held);
    }
    for guest in &guests {
        findings.still_there(!guest.is_gone());
    }
    hospital.is_well();
    findings
}
