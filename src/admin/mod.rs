//! What operators and their machines may know: metrics and health. No output here holds an address or a name.

mod http;
mod metrics;
mod names;

pub use http::{Health, bind, serve};
pub use metrics::{Metrics, ShardReading, Source};
