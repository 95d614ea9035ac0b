//! The log for other programs: the lines as they are, or a table.

use super::fact::CallEnded;
use super::values::Stamp;
use super::verify::Record;
use crate::time::UnixTime;

/// A span of time: from a second on, up to but not including another. An open side has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub from: Option<UnixTime>,
    /// The first second after it.
    pub until: Option<UnixTime>,
}

impl Window {
    /// Whether a time lies in it.
    #[must_use]
    pub fn holds(&self, at: Stamp) -> bool {
        self.from.is_none_or(|from| at.0 >= from) && self.until.is_none_or(|until| at.0 < until)
    }
}

/// The first line of the table.
pub const COLUMNS: &str = "sequence,time,kind,region,call,seconds,bytes_up,bytes_down,seal,body,hash";

/// A row of the table (RFC 4180, without its end). The body is there as a whole; what is asked for most has columns of
/// its own.
#[must_use]
pub fn row(record: &Record) -> String {
    let fact = &record.fact;
    let mut body = Vec::new();
    // A body that was read from JSON can be written as JSON.
    drop(fact.write(&mut body));
    let ended = fact.call_ended();
    let of_call = |value: fn(&CallEnded) -> String| ended.map(value).unwrap_or_default();
    let cells = [
        record.sequence.to_string(),
        record.at.to_string(),
        fact.kind().to_owned(),
        fact.region().map(ToString::to_string).unwrap_or_default(),
        fact.pseudonym().map(|call| call.to_string()).unwrap_or_default(),
        of_call(|call| call.seconds.to_string()),
        of_call(|call| call.bytes_up.to_string()),
        of_call(|call| call.bytes_down.to_string()),
        of_call(|call| call.seal.label().to_owned()),
        String::from_utf8_lossy(&body).into_owned(),
        record.hash.to_string(),
    ];
    cells.map(|cell| quoted(&cell)).join(",")
}

/// A cell; quoted where a comma or a quote would tear it. Nothing in it can be a formula to a spreadsheet: labels may
/// begin with a minus sign, which then stands in quotes behind an apostrophe.
fn quoted(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@']) {
        return format!("\"'{cell}\"");
    }
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::fact::{CallEnded, SealResult, Transports};
    use crate::audit::{Day, Digest, MasterKey};

    #[test]
    fn a_row_has_a_cell_for_each_column_and_its_body_is_one_cell() {
        let at = Stamp(UnixTime::from_secs(1_795_798_800));
        let call = MasterKey::new(&[1; 32]).unwrap().pseudonym(b"x", Day::of(at.0));
        let body = CallEnded {
            call,
            region: "-eu".parse().unwrap(),
            seconds: 60,
            transports: Transports { udp: 2, ..Transports::default() },
            bytes_up: 10,
            bytes_down: 20,
            seal: SealResult::Sealed,
            handshakes: vec!["1.3/encrypted".parse().unwrap()],
            refused: 0,
            cause: "deleted".parse().unwrap(),
        };
        let record = Record { sequence: 3, at, fact: body.into(), hash: Digest::NONE };
        let row = row(&record);
        let (before, rest) = row.split_once("\"{").unwrap();
        let (_, after) = rest.split_once("}\"").unwrap();
        assert_eq!(before.matches(',').count() + after.matches(',').count() + 1, COLUMNS.split(',').count());
        assert_eq!(before, format!("3,{at},call-ended,\"'-eu\",{call},60,10,20,sealed,"));
    }

    #[test]
    fn a_window_has_its_first_second_and_not_the_one_after_it() {
        let at = |seconds| Stamp(UnixTime::from_secs(seconds));
        let window = Window { from: Some(at(10).0), until: Some(at(20).0) };
        assert_eq!([9, 10, 19, 20].map(|seconds| window.holds(at(seconds))), [false, true, true, false]);
        assert!(Window::default().holds(at(0)));
    }
}
