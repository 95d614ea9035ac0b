//! How long one forward takes in the state machine, each way, with the seal off and enforced.
//!
//! `cargo bench --no-default-features --bench forward`

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that cannot set itself up has nothing to measure")]

mod forwarding;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forwarding::{Bench, Peer, Way};
use hilum::policy::RateLimit;
use hilum::policy::seal::Mode;

fn forward(criterion: &mut Criterion) {
    for (name, peer, mode) in [
        ("forward, seal off", Peer::Open, Mode::Off),
        ("forward, sealed", Peer::Open, Mode::Enforce),
        ("forward within a closed call, sealed", Peer::Closed, Mode::Enforce),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        for size in [172, 1200] {
            for way in [Way::Up, Way::Down] {
                let mut bench = Bench::new(peer, size, mode, RateLimit::NONE);
                bench.load(way);
                group.bench_function(format!("{way:?} {size} bytes"), |bencher| bencher.iter(|| bench.forward(way)));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
