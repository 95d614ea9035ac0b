//! `hilum explain`: captures that this test writes, and recordings of browsers.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

#[path = "../seal/bytes/mod.rs"]
#[allow(dead_code, reason = "the cases of the seal need more of it")]
mod bytes;
mod call;
mod command;
mod files;
mod judged;
#[path = "../seal/language.rs"]
#[allow(dead_code, reason = "the cases of the seal need more of it")]
mod language;
mod recordings;
mod streams;
mod writer;

use hilum::explain::{Capture, Explainer, Line, Names, Options, Summary, Unreadable, Verdict};
use hilum::policy::seal::Reason;

/// Everything that is said about a file.
struct Story {
    lines: Vec<Line>,
    summary: Summary,
    names: Names,
}

fn explain(file: &[u8]) -> Result<Story, Unreadable> {
    explain_with(file, &Options::default())
}

fn explain_with(file: &[u8], options: &Options) -> Result<Story, Unreadable> {
    let mut capture = Capture::open(file)?;
    let mut explainer = Explainer::new(options);
    let mut lines = Vec::new();
    let end = loop {
        match capture.packet() {
            Ok(Some(packet)) => lines.extend(explainer.read(&packet)),
            Ok(None) => break None,
            Err(unreadable) => break Some(unreadable),
        }
    };
    let (summary, names) = explainer.finish(capture.truncated(), end);
    Ok(Story { lines, summary, names })
}

impl Story {
    /// The packets that are refused for this reason.
    fn refused(&self, reason: Reason) -> Vec<u64> {
        let refused = self.lines.iter().filter(|line| line.verdict == Verdict::Refused(reason));
        refused.map(|line| line.packet).collect()
    }

    fn text(&self) -> String {
        self.summary.text(&self.names)
    }
}
