//! What was seen of the relay, and whether it grew.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::visits::Counts;

/// Shorter soaks say nothing about growth: tables, pools and the system's caches fill for some minutes.
const TELLING: Duration = Duration::from_secs(20 * 60);
/// Percent by which the most of the last quarter may be above the most of the second one. The relay's memory moves by
/// single pages; that of the C library's allocator by some hundred KiB, when many allocations happen to live at once.
const PERCENT: f64 = 2.0;
/// The steepest line that may be fitted to the memory after the first quarter. At 32 KiB a minute a relay would grow by
/// 46 MiB in a day, under a load that begins more calls than a clinic: what leaks even 64 bytes a visit is above it.
const KIBIBYTES_PER_MINUTE: f64 = 32.0;
/// Rows of the table.
const ROWS: usize = 12;

/// How the relay stands at one time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at: Duration,
    /// Bytes.
    pub resident: u64,
    /// Bytes of that which are the process's own. The rest is the program's file, which the system maps and forgets as
    /// it likes: it says nothing about growth.
    pub own: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub allocations: u64,
    pub connections: u64,
}

impl Sample {
    /// Whether nobody is left: as it was at first.
    pub fn is_over(&self, first: &Self) -> bool {
        self.allocations == 0 && self.connections == 0 && self.descriptors <= first.descriptors
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, resident, own, descriptors, threads, allocations, connections } = self;
        let minutes = at.as_secs_f64() / 60.0;
        let [resident, own] = [resident, own].map(|bytes| *bytes as f64 / f64::from(1 << 20));
        write!(
            formatter,
            "| {minutes:.1} | {resident:.2} | {own:.2} | {descriptors} | {threads} | {allocations} | {connections} |"
        )
    }
}

/// All of it.
pub struct Findings {
    first: Sample,
    samples: Vec<Sample>,
    last: Option<Sample>,
    facts: Vec<(&'static str, String)>,
    failed: u64,
}

impl Findings {
    pub fn new(first: Sample) -> Self {
        Self { first, samples: Vec::new(), last: None, facts: Vec::new(), failed: 0 }
    }

    pub fn first(&self) -> &Sample {
        &self.first
    }

    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub fn visited(&mut self, counts: &Counts) {
        let facts = [
            ("calls with a peer outside, begun and over", &counts.outside),
            ("closed calls of two clients, begun and over", &counts.closed),
            ("clients over TCP and TLS that connected and left", &counts.streams),
            ("packets, each compared with what was sent", &counts.packets),
            ("strangers: garbage, wrong passwords, silent connections", &counts.strangers),
            ("calls revoked", &counts.revoked),
            ("reloads of the configuration", &counts.reloads),
        ];
        self.facts.extend(facts.map(|(name, counter)| (name, thousands(counter.load(Ordering::Relaxed)))));
        self.failed = counts.failed.load(Ordering::Relaxed);
    }

    pub fn ended(&mut self, last: Sample, cpu: Duration) {
        self.last = Some(last);
        let part = cpu.as_secs_f64() / last.at.as_secs_f64() * 100.0;
        self.facts.push(("CPU of the relay, of one core", format!("{part:.1} %")));
        let (slope, [second, fourth]) = (self.slope(), self.mosts());
        self.facts.push(("line fitted to the memory after the first quarter, KiB a minute", format!("{slope:+.1}")));
        let change = (fourth / second - 1.0) * 100.0;
        self.facts.push(("the most of the last quarter, beside the second's", format!("{change:+.2} %")));
    }

    /// The samples after the first quarter of the time.
    fn settled(&self) -> &[Sample] {
        &self.samples[self.samples.len() / 4..]
    }

    /// The most memory of its own of the second and of the last quarter, in bytes.
    fn mosts(&self) -> [f64; 2] {
        let quarter = self.samples.len() / 4;
        let most = |samples: &[Sample]| samples.iter().map(|sample| sample.own).max().unwrap_or(0) as f64;
        [most(&self.samples[quarter..2 * quarter]), most(&self.samples[self.samples.len() - quarter..])]
    }

    /// Growth of the memory by least squares, in KiB a minute.
    fn slope(&self) -> f64 {
        let points = self.settled().iter().map(|each| (each.at.as_secs_f64() / 60.0, each.own as f64 / 1024.0));
        let points: Vec<(f64, f64)> = points.collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (time, memory) = (mean(|point| point.0), mean(|point| point.1));
        let both: f64 = points.iter().map(|(at, of)| (at - time) * (of - memory)).sum();
        both / points.iter().map(|(at, _)| (at - time).powi(2)).sum::<f64>()
    }

    /// Fails if something grew, stayed, or broke.
    pub fn judge(&self) {
        assert_eq!(self.failed, 0, "visits broke off");
        let last = self.last.expect("a last look");
        assert_eq!((last.allocations, last.connections), (0, 0), "something is left when everybody has gone: {last}");
        assert_eq!(last.descriptors, self.first.descriptors, "descriptors are left: {last}");
        let threads = self.settled().iter().chain([&last]).all(|sample| sample.threads <= self.first.threads + 1);
        assert!(threads, "the relay makes threads");
        let [second, fourth] = self.mosts();
        if last.at < TELLING {
            println!("too short to tell growth");
            return;
        }
        let most = second * (1.0 + PERCENT / 100.0);
        assert!(fourth <= most, "memory grows: {second} bytes, later {fourth}");
        assert!(last.own as f64 <= most, "memory grows when everybody goes: {last}");
        let slope = self.slope();
        assert!(slope <= KIBIBYTES_PER_MINUTE, "memory grows by {slope:.1} KiB a minute");
    }

    pub fn report(&self) -> String {
        let mut lines = vec![
            "| minute | resident, MiB | its own of that | descriptors | threads | allocations | connections |"
                .to_owned(),
            "|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
            self.first.to_string(),
        ];
        let every = self.samples.len().div_ceil(ROWS).max(1);
        lines.extend(self.samples.iter().skip(every - 1).step_by(every).chain(&self.last).map(Sample::to_string));
        lines.extend([String::new(), "| in that time | |".to_owned(), "|---|---:|".to_owned()]);
        lines.extend(self.facts.iter().map(|(name, value)| format!("| {name} | {value} |")));
        lines.join("\n")
    }

    /// Puts it between its marks in the document.
    pub fn record(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
        let text = std::fs::read_to_string(path).expect("docs/performance.md is there");
        let (begin, end) = ("<!-- soak: begin -->", "<!-- soak: end -->");
        let (before, rest) = text.split_once(begin).expect("the document has the mark where the table begins");
        let (_, after) = rest.split_once(end).expect("the document has the mark where the table ends");
        std::fs::write(path, format!("{before}{begin}\n{}\n{end}{after}", self.report())).expect("it can be written");
    }
}

/// With commas.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
