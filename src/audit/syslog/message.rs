//! One record as one syslog message (RFC 5424 §6), in the frame that TLS carries (RFC 5425 §4.3).

use crate::audit::line::Line;
use crate::audit::values::Label;

/// Facility 13, log audit (RFC 5424 §6.2.1).
const FACILITY: u8 = 13;
/// Severities of the same section.
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

/// The message of a record in its frame: its length in bytes, a space, and the message. The text of the record is the
/// line of the log, byte for byte, so that the receiver's copy can be verified as well.
pub(super) fn frame(node: &Label, line: &[u8]) -> Vec<u8> {
    let record = Line::read(line).ok();
    let (kind, at) = record.map_or(("-", "-".to_owned()), |record| (record.kind, record.at.to_string()));
    let severity = if ["gap", "recovered", "clock-stepped"].contains(&kind) { WARNING } else { NOTICE };
    let priority = FACILITY * 8 + severity;
    let process = std::process::id();
    let mut message = format!("<{priority}>1 {at} {node} hilum {process} {kind} - ").into_bytes();
    message.extend_from_slice(line);
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(&message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::fact::{Gap, GapCause};
    use crate::audit::line::Chain;
    use crate::time::UnixTime;

    // RFC 5424 §6, RFC 5425 §4.3
    #[test]
    fn a_record_is_a_message_with_its_length_in_front() {
        let (mut chain, mut line) = (Chain::START, Vec::new());
        let gap = Gap { lost: 1, cause: GapCause::Disk };
        chain.append(UnixTime::from_secs(86_400), &gap.into(), &mut line).unwrap();
        line.pop();
        let frame = String::from_utf8(frame(&"relay-1".parse().unwrap(), &line)).unwrap();
        let (length, message) = frame.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        let fields: Vec<&str> = message.splitn(8, ' ').collect();
        let process = std::process::id().to_string();
        assert_eq!(fields[..7], ["<108>1", "1970-01-02T00:00:00Z", "relay-1", "hilum", &process, "gap", "-"]);
        assert_eq!(fields[7].as_bytes(), line);
    }
}
