//! The summary for people.

use core::fmt::Write as _;
use core::net::SocketAddr;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, ContentArrangement, Table};

use crate::policy::seal::{Fact, Profiles, Way};

use super::line::{Kind, Line, Name, Opened, Unjudged, Verdict};
use super::summary::{Aside, Outcome, PathSummary, Summary};

/// Paths that are shown. Nobody reads more.
const MOST_ROWS: usize = 200;

/// Addresses that are remembered; further clients are numbers only.
const MOST_NAMES: usize = 1 << 20;

/// How clients and peers are called: by numbers, or by their addresses too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub(super) shown: bool,
    pub(super) clients: Vec<SocketAddr>,
    pub(super) peers: Vec<SocketAddr>,
}

impl Names {
    /// The address behind a name, if addresses are shown.
    #[must_use]
    pub fn address(&self, name: Name) -> Option<SocketAddr> {
        let (list, number) = match name {
            Name::Client(number) => (&self.clients, number),
            Name::Peer(number) => (&self.peers, number),
            Name::Channel(_) => return None,
        };
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        list.get(index).copied().filter(|_| self.shown)
    }

    /// The name as it is printed.
    #[must_use]
    pub fn of(&self, name: Name) -> String {
        match self.address(name) {
            Some(address) => format!("{name} ({address})"),
            None => name.to_string(),
        }
    }

    /// Remembers a client's address.
    pub(super) fn client(&mut self, number: u32, address: SocketAddr) {
        remember(&mut self.clients, number, address);
    }

    /// Remembers a peer's address.
    pub(super) fn peer(&mut self, number: u32, address: SocketAddr) {
        remember(&mut self.peers, number, address);
    }

    fn path(&self, path: &PathSummary) -> String {
        format!("{} <-> {}", self.of(Name::Client(path.client)), self.of(path.peer))
    }
}

impl Line {
    /// The line as it is printed.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let millis = self.time / 1_000_000;
        let client = self.client.map(|number| names.of(Name::Client(number)));
        let arrow = match self.way {
            Some(Way::Up) => "->",
            Some(Way::Down) => "<-",
            None => "",
        };
        let other = self.peer.map_or_else(|| "server".to_owned(), |peer| names.of(peer));
        let path = client.map(|client| format!("{client} {arrow} {other}")).unwrap_or_default();
        let verdict = match self.verdict {
            Verdict::Passes => "passes".to_owned(),
            Verdict::Refused(reason) => format!("REFUSED {}: {}", reason.label(), reason.explanation()),
            Verdict::Unjudged(why) => format!("not judged: {}", why.explanation()),
            Verdict::Turn | Verdict::Aside => String::new(),
        };
        let opened = self.opened.map(|opened| format!("; the seal opens: {}", seal(&opened))).unwrap_or_default();
        let (seconds, fraction) = (millis / 1000, millis % 1000);
        let line = format!(
            "{:>7} {seconds:>6}.{fraction:03} {path:<24} {:>5} {:<24} {verdict}{opened}",
            self.packet, self.bytes, self.what
        );
        line.trim_end().to_owned()
    }
}

impl Summary {
    /// The tables, what is wrong, and one line that sums it up.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut text = String::new();
        if !self.paths.is_empty() {
            text.push_str(&self.paths_table(names));
            text.push_str("\n\n");
        }
        if self.paths.iter().any(|path| !path.opened.is_empty()) {
            text.push_str(&self.seals_table(names));
            text.push_str("\n\n");
        }
        self.refusals(&mut text, names);
        self.notes(&mut text);
        text.push_str(&self.verdict());
        text
    }

    fn paths_table(&self, names: &Names) -> String {
        let mut table = table();
        table.set_header(["path", "ICE", "DTLS", "SRTP", "SRTCP", "refused", "not judged", "seal"]);
        for path in self.paths.iter().take(MOST_ROWS) {
            let passed = |kind| path.passed.get(&kind).copied().unwrap_or(0);
            let media = passed(Kind::Rtp) + passed(Kind::Rtcp);
            let seal = match path.opened.first() {
                Some(opened) => format!("opens at packet {}", opened.packet),
                None if media > 0 => "open by another path".to_owned(),
                None => "not open".to_owned(),
            };
            let refused: u64 = path.refused.values().map(|(count, _)| count).sum();
            let unjudged: u64 = path.unjudged.values().sum();
            let counts = [Kind::Ice, Kind::Dtls, Kind::Rtp, Kind::Rtcp].map(passed);
            let counts = counts.into_iter().chain([refused, unjudged]).map(Cell::new);
            table.add_row([Cell::new(names.path(path))].into_iter().chain(counts).chain([Cell::new(seal)]));
        }
        let more = self.paths.len().saturating_sub(MOST_ROWS);
        if more > 0 { format!("{table}\nand {more} more paths") } else { table.to_string() }
    }

    fn seals_table(&self, names: &Names) -> String {
        let mut table = table();
        table.set_header(["seal opened on", "packet", "DTLS", "suite", "SRTP profile"]);
        let opened = self.paths.iter().flat_map(|path| path.opened.iter().map(move |opened| (path, opened)));
        for (path, opened) in opened.take(MOST_ROWS) {
            let Fact::Opened { version, suite, .. } = opened.fact else { continue };
            let cells = [names.path(path), opened.packet.to_string(), version.label().to_owned()];
            let cells = cells.into_iter().chain([suite.label().to_owned(), profile(opened)]);
            table.add_row(cells);
        }
        table.to_string()
    }

    fn refusals(&self, text: &mut String, names: &Names) {
        let refused = self.paths.iter().flat_map(|path| path.refused.iter().map(move |refused| (path, refused)));
        for (path, ((reason, way), (count, first))) in refused.take(MOST_ROWS) {
            let from = match way {
                Way::Up => "from the client",
                Way::Down => "from the peer",
            };
            let path = names.path(path);
            let (label, explanation) = (reason.label(), reason.explanation());
            text.push_str(&format!(
                "{path}: {count} refused, {from}, first packet {first}: {label}\n  {explanation}\n"
            ));
        }
        for (why, count) in &self.unjudged {
            text.push_str(&format!("{count} not judged: {}\n  {}\n", why.label(), why.explanation()));
        }
        if self.waiting > 0 {
            let explanation = Unjudged::Lost.explanation();
            text.push_str(&format!("{} TCP streams stop at a hole\n  {explanation}\n", self.waiting));
        }
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
    }

    fn notes(&self, text: &mut String) {
        let before = text.len();
        let relayed = self.passed + self.refused + self.all_unjudged();
        let (packets, clients, turn) = (self.packets, self.clients, self.turn);
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "{packets} packets, {clients} TURN clients, {turn} requests and answers, {relayed} relayed."
        );
        for (what, count) in self.aside.iter().filter(|(what, _)| **what != Aside::Stream) {
            _ = writeln!(text, "  {count:>7}  {}", what.explanation());
        }
        if self.truncated {
            text.push_str("The file ends in the middle of a packet: what came before it has been read.\n");
        }
        if let Some(unreadable) = self.unreadable {
            _ = writeln!(text, "After packet {packets} the file {unreadable}.");
        }
        if text.len() > before {
            text.push('\n');
        }
    }

    fn verdict(&self) -> String {
        let (passed, refused, unjudged) = (self.passed, self.refused, self.all_unjudged());
        let mut line = match self.outcome() {
            Outcome::Passes => format!("All {passed} relayed packets would pass."),
            Outcome::Refused => {
                let first = self.first_refused.unwrap_or_default();
                let judged = passed + refused;
                format!("{refused} of {judged} relayed packets would be refused, the first is packet {first}.")
            }
            Outcome::Unjudged => {
                format!("Nothing would be refused of the {passed} relayed packets that can be judged.")
            }
            Outcome::Nothing => "Nothing is relayed in this capture.".to_owned(),
        };
        if unjudged > 0 {
            line.push_str(&format!(" {unjudged} cannot be judged."));
        }
        let encrypted = [Aside::Tls, Aside::Quic, Aside::Dtls].iter().any(|kind| self.aside.contains_key(kind));
        if encrypted && self.outcome() == Outcome::Nothing {
            line.push_str(
                " What is there is encrypted between client and server, so nobody can explain it: let the client use \
                 TURN over UDP or plain TCP, and capture again.",
            );
        }
        line
    }
}

/// Numbers are given in order, from 1.
fn remember(list: &mut Vec<SocketAddr>, number: u32, address: SocketAddr) {
    if list.len() < MOST_NAMES && usize::try_from(number) == Ok(list.len() + 1) {
        list.push(address);
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Version, suite and profile in one line.
fn seal(opened: &Opened) -> String {
    let Fact::Opened { version, suite, .. } = opened.fact else { return String::new() };
    format!("DTLS {}, {}, {}", version.label(), suite.label(), profile(opened))
}

/// The SRTP profile, as far as it can be seen.
fn profile(opened: &Opened) -> String {
    let chosen = if let Fact::Opened { profile, .. } = opened.fact { profile } else { None };
    match chosen {
        Some(profile) => profile.label().to_owned(),
        None => format!("hidden in 1.3; offered: {}", labels(opened.offered)),
    }
}

/// The labels of profiles.
pub(super) fn labels(profiles: Profiles) -> String {
    profiles.iter().map(|profile| profile.label()).collect::<Vec<_>>().join(", ")
}
