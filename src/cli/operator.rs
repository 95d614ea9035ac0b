//! What `hilum calls`, `hilum allocations` and `hilum revoke` share: the socket, the question, the tables.

use std::io::{self, Write as _};
use std::path::PathBuf;

use axum::http::Method;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use crate::api;

/// Where a relay of the packages has its socket.
const DEFAULT_SOCKET: &str = "/run/hilum/operator.sock";

/// How a relay is asked, and how the answer is shown.
#[derive(Args, Debug)]
pub(super) struct Way {
    /// The operator's socket of the relay, as `operator.socket` of its configuration names it
    #[arg(long, value_name = "FILE", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Print the relay's JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Way {
    /// Asks the relay, and waits for its answer.
    ///
    /// # Errors
    /// [`api::NoAnswer`], or no runtime.
    pub(super) fn ask(&self, method: Method, target: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(api::ask(&self.socket, method, target, body))?)
    }
}

/// Which part of a list is shown.
#[derive(Args, Debug)]
pub(super) struct Part {
    /// Show so many at most, 1 to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Leave out so many from the start
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    offset: u32,
}

impl Part {
    /// The target of a request for it.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{path}?limit={}&offset={}", self.limit, self.offset)
    }
}

/// Prints an answer as it is.
pub(super) fn print(answer: &Value) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(answer)?)?;
    Ok(())
}

/// Prints the list `name` of an answer as a table, a line for each entry, and says how many there are beyond it.
pub(super) fn list<const N: usize>(
    answer: &Value,
    name: &str,
    header: [&str; N],
    row: impl Fn(&Value) -> [String; N],
) -> anyhow::Result<()> {
    let entries = answer[name].as_array().map_or(&[][..], Vec::as_slice);
    let total = answer["total"].as_u64().unwrap_or_default();
    let mut out = io::stdout();
    if entries.is_empty() {
        writeln!(out, "no {name}{}", if total == 0 { String::new() } else { format!(" here, {total} in all") })?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for entry in entries {
        table.add_row(row(entry));
    }
    writeln!(out, "{table}")?;
    if u64::try_from(entries.len()).unwrap_or(u64::MAX) < total {
        writeln!(out, "{} of {total} {name}; --offset shows others", entries.len())?;
    }
    Ok(())
}

/// A text of an answer; a dash where there is none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

/// A count of an answer.
pub(super) fn count(value: &Value) -> String {
    value.as_u64().unwrap_or_default().to_string()
}

/// Seconds, as hours, minutes and seconds.
pub(super) fn duration(value: &Value) -> String {
    let seconds = value.as_u64().unwrap_or_default();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02}")
}

/// Bytes, in thousands where there are many.
pub(super) fn bytes(value: &Value) -> String {
    let mut amount = value.as_u64().unwrap_or_default();
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 10_000 {
            return format!("{amount} {unit}");
        }
        amount /= 1000;
    }
    format!("{amount} TB")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_short() {
        let shown = [0, 9_999, 10_000, 123_456_789, u64::MAX].map(|amount| bytes(&json!(amount)));
        assert_eq!(shown, ["0 B", "9999 B", "10 kB", "123 MB", "18446744 TB"]);
        assert_eq!(duration(&json!(3_725)), "1:02:05");
        assert_eq!((text(&json!(null)), count(&json!(null))), ("-".to_owned(), "0".to_owned()));
    }
}
