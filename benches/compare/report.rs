//! What is printed, and written into the document.

use super::load::Rate;
use super::servers::Kind;

/// What was done, and a cell for each relay.
pub type Row = (String, Vec<String>);

/// The relays side by side.
pub fn side_by_side(rows: &[Row]) -> String {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut lines = vec![format!("| work | {} |", names.join(" | ")), "|---|---:|---:|---:|".to_owned()];
    lines.extend(rows.iter().map(|(name, cells)| format!("| {name} | {} |", cells.join(" | "))));
    lines.join("\n")
}

/// What closed calls cost.
pub fn closed(facts: &[(String, String)]) -> String {
    let mut lines = vec!["| closed calls | |".to_owned(), "|---|---:|".to_owned()];
    lines.extend(facts.iter().map(|(name, value)| format!("| {name} | {value} |")));
    lines.join("\n")
}

/// Puts a table between its marks in the document.
pub fn record(mark: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
    let text = std::fs::read_to_string(path).expect("docs/performance.md is there");
    let (begin, end) = (format!("<!-- {mark}: begin -->"), format!("<!-- {mark}: end -->"));
    let (before, rest) = text.split_once(&begin).expect("the document has the mark where the table begins");
    let (_, after) = rest.split_once(&end).expect("the document has the mark where the table ends");
    std::fs::write(path, format!("{before}{begin}\n{table}\n{end}{after}")).expect("the document can be written");
}

impl Rate {
    /// Rounded to hundreds; a dash when the server used less than the system counts by (10 ms a tick).
    pub fn per_cpu_second(self) -> String {
        if self.cpu.is_zero() { "–".to_owned() } else { thousands((self.per_second() / 100.0).round() as u64 * 100) }
    }
}

/// With a comma, as far as a million.
pub fn thousands(number: u64) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}
