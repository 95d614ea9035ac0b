//! What was counted before: `benches/instructions.txt`, a line for each forward.

use std::fmt::Write as _;
use std::process::{Command, ExitCode};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// Percent that a forward may grow, or have shrunk, before it has to be recorded.
const PERCENT: u64 = 3;
/// Lines of the head begin so.
const COMMENT: char = '#';
/// Where the compiler is named, whose version matters.
const COMPILER: &str = "compiler";

/// The file.
#[derive(Debug, Default)]
pub struct Recorded {
    head: Vec<String>,
    compiler: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    number: u64,
    reason: String,
}

impl Recorded {
    pub fn read() -> Self {
        let text = std::fs::read_to_string(PATH).expect("benches/instructions.txt is there");
        let mut recorded = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with(COMMENT) {
                recorded.head.push(line.to_owned());
                continue;
            }
            let mut fields = line.split('|').map(str::trim);
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some(COMPILER), Some(version), None, None) => recorded.compiler = version.to_owned(),
                (Some(name), Some(number), Some(reason), None) if !reason.is_empty() => {
                    let number = number.parse().expect("a number of instructions");
                    recorded.rows.push(Row { name: name.to_owned(), number, reason: reason.to_owned() });
                }
                _ => panic!("a line of benches/instructions.txt is no \"forward | instructions | reason\": {line}"),
            }
        }
        recorded
    }

    /// Says what has changed, and fails if a forward has become dearer than it may without a word.
    pub fn verdict(&self, counted: &[(String, u64)]) -> ExitCode {
        if !cfg!(target_arch = "x86_64") {
            println!("what is recorded are instructions of x86-64, and is not compared");
            return ExitCode::SUCCESS;
        }
        let mut dearer = false;
        for (name, number) in counted {
            let row = self.rows.iter().find(|row| row.name == *name);
            let recorded = row.map_or(0, |row| row.number);
            let change = (*number as f64 / recorded as f64 - 1.0) * 100.0;
            let note = if number * 100 > recorded * (100 + PERCENT) {
                dearer = true;
                "DEARER"
            } else if number * 100 < recorded * (100 - PERCENT) {
                "cheaper: record the gain, so that it is kept"
            } else {
                ""
            };
            println!("{name:<28} {number:>5}, recorded {recorded:>5} ({change:+.1} %) {note}");
        }
        let here = compiler();
        if here != self.compiler {
            println!("recorded with rustc {}, this is rustc {here}: that alone changes some", self.compiler);
        }
        if dearer {
            println!(
                "A forward takes {PERCENT} % more instructions than recorded, or has no record. Make it cheaper, or \
                 record it in the same commit: cargo bench --bench instructions -- --record \"why it is worth more\""
            );
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    /// Writes down what is counted now. Numbers that are the same keep their reason.
    pub fn renew(mut self, counted: &[(String, u64)], reason: &str) {
        let reason = reason.trim();
        assert!(
            !reason.is_empty() && !reason.starts_with('-') && !reason.contains(['|', '\n']),
            "--record wants a reason in one line, without \"|\""
        );
        let rows = counted.iter().map(|(name, number)| {
            let row = self.rows.iter().find(|row| row.name == *name).cloned();
            let reason = match &row {
                Some(row) if row.number == *number => row.reason.clone(),
                Some(row) => format!("{} before: {reason}", row.number),
                None => reason.to_owned(),
            };
            Row { name: name.clone(), number: *number, reason }
        });
        self.rows = rows.collect();
        let mut text: String = self.head.iter().map(|line| format!("{line}\n")).collect();
        writeln!(text, "{COMPILER:<28} | {}", compiler()).unwrap();
        for Row { name, number, reason } in &self.rows {
            writeln!(text, "{name:<28} | {number:>5} | {reason}").unwrap();
        }
        std::fs::write(PATH, text).expect("benches/instructions.txt can be written");
        println!("recorded in {PATH}");
    }
}

/// The version of the compiler.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().expect("rustc tells its version");
    String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).unwrap_or_default().to_owned()
}
