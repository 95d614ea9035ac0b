//! Half an hour of a relay's life: visits that begin, talk and end in every way there is, strangers, streams, revocations
//! and reloads. Its memory, descriptors and threads are looked at every ten seconds, and must not grow.
//!
//! `cargo bench --bench soak` takes 30 minutes and writes what it finds into `docs/performance.md`; `-- --minutes 2` is
//! a short one that writes nothing.

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
#[allow(dead_code, reason = "the soak needs a part of it")]
#[path = "../compare/issuer.rs"]
mod issuer;
mod relay;
mod visits;

use std::time::{Duration, Instant};

use findings::{Findings, Sample};
use relay::Relay;
use visits::Town;

/// The whole of it.
const MINUTES: u64 = 30;
/// How often the relay is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long the last allocations may take to run out: their lifetime of a minute, and a publication of the counters.
const OVER_WITHIN: Duration = Duration::from_secs(90);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` runs benches to see whether they start.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let minutes = arguments.iter().position(|argument| argument == "--minutes");
    let minutes = minutes.map_or(MINUTES, |at| arguments[at + 1].parse().expect("a number of minutes"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let findings = runtime.block_on(soak(Duration::from_secs(60 * minutes)));
    println!("{}", findings.report());
    findings.judge();
    if minutes >= MINUTES {
        findings.record();
    }
}

async fn soak(time: Duration) -> Findings {
    let mut relay = Relay::start().await;
    let town = Town::new(&relay);
    town.fill_memory().await.expect("tokens are accepted");
    let began = Instant::now();
    let mut findings = Findings::new(relay.sample(began).await);
    let churn = tokio::spawn(visits::churn(town.clone(), began + time));
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.tick().await;
    while began.elapsed() < time {
        looks.tick().await;
        findings.add(show(relay.sample(began).await));
    }
    churn.await.expect("the churn goes on to its end");
    findings.visited(&town.counts);
    // What was left behind runs out by itself.
    let left = Instant::now();
    let last = loop {
        let sample = relay.sample(began).await;
        if sample.is_over(findings.first()) || left.elapsed() > OVER_WITHIN {
            break show(sample);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    findings.ended(last, relay.cpu());
    relay.stop();
    findings
}

fn show(sample: Sample) -> Sample {
    eprintln!("{sample}");
    sample
}
