//! What operators and their machines may know: metrics and health. No output here holds an address or a name.

mod door;
mod health;
mod http;
mod keys;
mod metrics;
mod names;
mod signal;
mod succession;
mod webhooks;

pub use health::Health;
pub use http::{bind, serve};
pub use keys::KeyReading;
pub use metrics::{CertificateReading, DoorReading, Metrics, ShardReading, Source};
pub use signal::{Counted, SignalReading};
pub use succession::SuccessionReading;
pub use webhooks::WebhookReading;
