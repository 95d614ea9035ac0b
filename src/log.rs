//! The program's own log: lines on standard error, as text or JSON.
//!
//! Only Hilum's lines are shown. Libraries below it write addresses and host names into theirs, and nothing that a
//! library logs may name a patient.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How lines look.
    pub format: Format,
    /// The least severe level that is shown.
    pub level: Level,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::Text, level: Level::INFO }
    }
}

/// Sends the log of this process to standard error from now on.
///
/// # Errors
/// The process has a log already.
pub fn start(settings: Settings) -> Result<(), TryInitError> {
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        Format::Text => Box::new(fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal())),
        Format::Json => Box::new(fmt::layer().json().with_writer(std::io::stderr).with_ansi(false)),
    };
    tracing_subscriber::registry().with(lines.with_filter(own(settings.level))).try_init()
}

/// Lets Hilum's lines pass, from `level` on, and nobody else's.
fn own(level: Level) -> Targets {
    Targets::new().with_target(env!("CARGO_CRATE_NAME"), level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_not_heard_at_any_level() {
        let filter = own(Level::TRACE);
        assert!(filter.would_enable("hilum::app", &Level::TRACE));
        for library in ["rustls::client", "hyper", "tokio", "log", ""] {
            assert!(!filter.would_enable(library, &Level::ERROR), "{library}");
        }
    }

    #[test]
    fn less_severe_lines_than_asked_for_are_left_out() {
        let filter = own(Level::WARN);
        assert!(filter.would_enable("hilum", &Level::WARN) && !filter.would_enable("hilum", &Level::INFO));
    }
}
