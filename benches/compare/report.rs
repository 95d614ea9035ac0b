//! What is printed, and written into the document: for each part of the run a table of relays side by side, a list of
//! facts, pictures, and what it must show.

use super::contest::{Contestant, Load, Spread, find};
use super::servers::Kind;

/// What a part of the run has found.
#[derive(Default)]
pub struct Part {
    /// Relays side by side.
    pub rows: Vec<Row>,
    /// What is known of Hilum alone, or is no figure.
    pub facts: Vec<(String, String)>,
    /// Pictures: the name of a file in `docs/plots`, without its ending, and what is in it.
    pub plots: Vec<(String, String)>,
    pub gates: Vec<Gate>,
}

/// A line of the table: some work, how many times the figure of coturn and of the bare forwarder Hilum has, and a cell for
/// each relay.
pub struct Row {
    pub work: String,
    pub times: [String; 2],
    pub cells: [String; Kind::ALL.len()],
    /// The figures in them, as far as they are of a contest.
    pub figures: [Option<f64>; Kind::ALL.len()],
}

impl Row {
    /// Of a contest. `hilum`: which contestant stands in Hilum's column.
    pub fn of<L: Load>(work: impl Into<String>, hilum: &Contestant<L>, contestants: &[Contestant<L>]) -> Self {
        let others = |kind| if kind == Kind::Hilum { Some(hilum) } else { find(contestants, kind) };
        let times = [Kind::Coturn, Kind::Bare]
            .map(|kind| find(contestants, kind).map_or_else(nothing, |other| ratio(hilum.times(other))));
        let cells = Kind::ALL.map(|kind| others(kind).map_or_else(nothing, |each| figure(each.figure())));
        let figures = Kind::ALL.map(|kind| others(kind).map(|each| each.figure().median));
        Self { work: work.into(), times, cells, figures }
    }

    /// Of single figures, without a ratio.
    pub fn single(work: impl Into<String>, cell: impl Fn(Kind) -> Option<String>) -> Self {
        let cells = Kind::ALL.map(|kind| cell(kind).unwrap_or_else(nothing));
        Self { work: work.into(), times: [nothing(), nothing()], cells, figures: [None; Kind::ALL.len()] }
    }
}

/// Something that a run must show.
pub struct Gate {
    what: String,
    measured: f64,
    bound: Bound,
    enforced: bool,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Gate {
    pub fn at_least(what: impl Into<String>, measured: f64, bound: f64) -> Self {
        Self { what: what.into(), measured, bound: Bound::AtLeast(bound), enforced: true }
    }

    pub fn at_most(what: impl Into<String>, measured: f64, bound: f64) -> Self {
        Self { what: what.into(), measured, bound: Bound::AtMost(bound), enforced: true }
    }

    /// That none of Hilum's packets arrived changed, out of order, twice or with somebody else.
    pub fn unharmed(what: &str, wrong: u64) -> Self {
        Self::at_most(format!("{what}: changed, out of order or astray"), wrong as f64, 0.0)
    }

    /// Printed only, unless `enforced`: a short run measures little, and on a busy machine even less.
    pub fn only_if(mut self, enforced: bool) -> Self {
        self.enforced = enforced;
        self
    }

    /// What is not a number does not pass.
    pub fn passed(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.measured >= bound,
            Bound::AtMost(bound) => self.measured <= bound,
        }
    }

    /// Whether the run fails by it.
    pub fn fails(&self) -> bool {
        self.enforced && !self.passed()
    }

    pub fn line(&self) -> String {
        let bound = match self.bound {
            Bound::AtLeast(bound) => format!("at least {}", number(bound)),
            Bound::AtMost(bound) => format!("at most {}", number(bound)),
        };
        if self.measured.is_nan() {
            return format!("| {} | could not be measured | {bound} | **no** |", self.what);
        }
        let outcome = if self.passed() { "yes" } else { "**no**" };
        format!("| {} | {} | {bound} | {outcome} |", self.what, number(self.measured))
    }
}

/// What the run must show.
pub fn gates<'g>(gates: impl Iterator<Item = &'g Gate>) -> String {
    let mut lines =
        vec!["| what a run must show | measured | bound | met |".to_owned(), "|---|---:|---:|---|".to_owned()];
    lines.extend(gates.map(Gate::line));
    lines.join("\n")
}

impl Part {
    /// Its tables.
    pub fn text(&self) -> String {
        let mut tables = Vec::new();
        if !self.rows.is_empty() {
            tables.push(side_by_side(&self.rows));
        }
        if !self.facts.is_empty() {
            let lines = self.facts.iter().map(|(name, value)| format!("| {name} | {value} |"));
            tables.push(
                ["| | |".to_owned(), "|---|---:|".to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n"),
            );
        }
        tables.join("\n\n")
    }
}

fn side_by_side(rows: &[Row]) -> String {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut lines = vec![
        format!("| work | × coturn | × bare | {} |", names.join(" | ")),
        format!("|---|---:|---:|{}", "---:|".repeat(names.len())),
    ];
    lines.extend(rows.iter().map(|row| {
        let cells: Vec<&str> = row.times.iter().chain(&row.cells).map(String::as_str).collect();
        format!("| {} | {} |", row.work, cells.join(" | "))
    }));
    lines.join("\n")
}

/// Puts text between its marks in the document.
pub fn record(mark: &str, text: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
    let document = std::fs::read_to_string(path).expect("docs/performance.md is there");
    let (begin, end) = (format!("<!-- {mark}: begin -->"), format!("<!-- {mark}: end -->"));
    let found = document.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = found.unwrap_or_else(|| panic!("docs/performance.md has no place for {mark}"));
    std::fs::write(path, format!("{before}{begin}\n{text}\n{end}{after}")).expect("the document can be written");
}

/// Puts the lines of some gates where those of the same name stand.
pub fn record_gates<'g>(gates: impl Iterator<Item = &'g Gate>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
    let mut document = std::fs::read_to_string(path).expect("docs/performance.md is there");
    for gate in gates {
        let begin = format!("\n| {} |", gate.what);
        let (before, rest) = document.split_once(&begin).expect("a full run has recorded every gate");
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        document = format!("{before}\n{}\n{after}", gate.line());
    }
    std::fs::write(path, document).expect("the document can be written");
}

/// Where the document finds its pictures.
pub const PLOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plots");
/// Where those are that are only looked at.
pub const SKETCHES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/plots");

pub fn draw(directory: &str, name: &str, picture: &str) {
    std::fs::create_dir_all(directory).expect("a directory for pictures can be made");
    std::fs::write(format!("{directory}/{name}.svg"), picture).expect("a picture can be written");
}

/// Rounded to hundreds, with half the distance of the quartiles.
pub fn figure(spread: Spread) -> String {
    if spread.median.is_finite() {
        format!("{} ± {:.0} %", hundreds(spread.median), spread.percent())
    } else {
        nothing()
    }
}

/// With the quartiles.
pub fn ratio(spread: Spread) -> String {
    format!("**{:.2}** ({:.2}–{:.2})", spread.median, spread.low, spread.high)
}

/// Rounded to hundreds; a dash when the server used less CPU than can be told.
pub fn hundreds(number: f64) -> String {
    if number.is_finite() { thousands((number / 100.0).round() as u64 * 100) } else { nothing() }
}

/// With commas.
pub fn thousands(number: u64) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", thousands(number / 1000), number % 1000) }
}

fn number(number: f64) -> String {
    if number.abs() >= 1000.0 { hundreds(number) } else { format!("{number:.2}") }
}

/// What a relay does not do, or is not asked to.
fn nothing() -> String {
    "–".to_owned()
}
