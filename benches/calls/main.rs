//! Calls that go on while something is done to the relay: paced voice both ways, every packet numbered and compared, and
//! every allocation asked for more time again and again. `tests/boot` restarts and kills the relay under them.
//!
//! `calls --server 127.0.0.1:3478 --peers 127.0.0.2 --keyring FILE` writes the keyring that the relay is to have, says
//! so, and obeys the lines that it reads: `begin 50 10` begins fifty calls of two clients and ten with a peer outside,
//! `look` says what was counted so far and the longest silence since the last look, `end` hangs up and says it for the
//! last time. Every answer is a line of JSON.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a bench that cannot run should say where, and its clock is the system's"
)]

mod end;
#[allow(dead_code, reason = "the calls need a part of it")]
#[path = "../compare/issuer.rs"]
mod issuer;
mod town;

use std::io::BufRead as _;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use town::Town;

/// Orders that wait for the one before.
const ORDERS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` runs every bench, and `cargo test` looks whether each starts: without a relay there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--server") {
        return;
    }
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        arguments[at.unwrap_or_else(|| panic!("{name} is missing")) + 1].as_str()
    };
    let server: SocketAddr = value("--server").parse().expect("--server is an address and a port");
    let peers: IpAddr = value("--peers").parse().expect("--peers is an address");
    std::fs::write(value("--keyring"), issuer::keyring()).expect("the keyring can be written");
    let (orders, obeyed) = mpsc::channel(ORDERS);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if orders.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(obey(Town::new(server, peers), obeyed)));
}

/// Obeys until the last order, or until nobody gives any more.
async fn obey(town: Rc<Town>, mut orders: mpsc::Receiver<String>) {
    println!("{{\"ready\": true}}");
    let mut calls = Vec::new();
    while let Some(order) = orders.recv().await {
        let words: Vec<&str> = order.split_whitespace().collect();
        match words[..] {
            ["begin", closed, outside] => {
                let [closed, outside] = [closed, outside].map(|number| number.parse().expect("a number of calls"));
                for number in 0..closed + outside {
                    calls.push(town.clone().begin(calls.len(), number >= closed).await.expect("a call begins"));
                }
                println!("{{\"calls\": {}}}", calls.len());
            }
            ["look"] => println!("{}", town.look()),
            ["end"] => {
                town.hang_up().await;
                println!("{}", town.look());
                return;
            }
            _ => panic!("no such order: {order}"),
        }
    }
}
