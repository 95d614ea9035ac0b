//! How long one forward takes in the state machine, each way.
//!
//! `cargo bench --no-default-features --bench forward`

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that cannot set itself up has nothing to measure")]

mod forwarding;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forwarding::{Bench, Way};

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forward");
    group.throughput(Throughput::Elements(1));
    for size in [172, 1200] {
        for way in [Way::Up, Way::Down] {
            let mut bench = Bench::new(size);
            bench.load(way);
            group.bench_function(format!("{way:?} {size} bytes"), |bencher| bencher.iter(|| bench.forward(way)));
        }
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
