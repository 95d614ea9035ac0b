//! `hilum audit verify`, `head`, `report` and `export`: they change nothing.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::{Export, Format, HeadArgs, Log, Report, Verify};
use crate::audit::damage::Head;
use crate::audit::disk::PUBLIC_KEYS;
use crate::audit::export::{COLUMNS, row};
use crate::audit::fact::SealResult;
use crate::audit::report::{Region, Report as Sums};
use crate::audit::verify::{self, Evidence, Record, Verdict};
use crate::audit::{Lock, PublicKey};

/// What a command knows about a log before it reads it.
fn evidence(log: &Log, head: Option<Head>) -> anyhow::Result<Evidence> {
    let beside = log.directory.join(PUBLIC_KEYS);
    let files = if log.public_key.is_empty() { vec![beside] } else { log.public_key.clone() };
    let mut keys = Vec::new();
    for file in files {
        keys.extend(PublicKey::read(&file).with_context(|| format!("public key {}", file.display()))?);
    }
    Ok(Evidence { keys, head, live: Lock::is_taken(&log.directory) })
}

fn read(log: &Log, evidence: &Evidence, visit: impl FnMut(Record, &[u8])) -> anyhow::Result<Verdict> {
    verify::verify(&log.directory, evidence, visit).with_context(|| format!("{}", log.directory.display()))
}

const fn code(verdict: &Verdict) -> ExitCode {
    if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The faults on standard error, where they do not mix with what a command prints.
fn complain(verdict: &Verdict) {
    for fault in &verdict.faults {
        eprintln!("{fault}");
    }
    if verdict.more > 0 {
        eprintln!("and {} more", verdict.more);
    }
}

pub(super) fn verify(args: &Verify) -> anyhow::Result<ExitCode> {
    let evidence = evidence(&args.log, args.head)?;
    let verdict = read(&args.log, &evidence, |_, _| {})?;
    complain(&verdict);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", summary(&args.log, &evidence, &verdict))?;
    Ok(code(&verdict))
}

fn summary(log: &Log, evidence: &Evidence, verdict: &Verdict) -> String {
    let mut lines = Vec::new();
    let span = verdict.first.zip(verdict.head).map(|(first, head)| format!(", {first} to {}", head.sequence));
    let (count, files) = (verdict.lines, verdict.files);
    lines.push(format!("records     {count}{} in {files} files", span.unwrap_or_default()));
    for key in &evidence.keys {
        let signatures = verdict.signatures.get(key.id()).copied().unwrap_or(0);
        lines.push(format!(
            "signatures  {signatures} good ones by the key with fingerprint\n            {}",
            key.fingerprint()
        ));
    }
    if log.public_key.is_empty() {
        lines.push(format!(
            "            The key was read beside the log ({PUBLIC_KEYS}): compare the fingerprint with yours."
        ));
    }
    lines.push(format!("unsigned    {} records after the last signature", verdict.unsigned));
    if verdict.torn > 0 {
        lines.push(format!("torn lines  {}, cut off and recorded by the node when it started again", verdict.torn));
    }
    lines.push(match (evidence.live, verdict.stopped) {
        (true, _) => "end         a node is writing".to_owned(),
        (false, true) => "end         the node stopped as it should".to_owned(),
        (false, false) => "end         no stop is recorded: the node crashed, or the end was cut off".to_owned(),
    });
    lines.push(match (evidence.head, verdict.head) {
        (Some(written), _) if verdict.first.is_some_and(|first| first > written.sequence) => {
            format!("head        record {} was removed since, and cannot be compared", written.sequence)
        }
        (Some(_), _) => "head        compared with the one that was written down".to_owned(),
        (None, Some(head)) => format!(
            "head        {head}\n            \
             Only a head that was written down elsewhere shows that nothing is cut off behind it: --head."
        ),
        (None, None) => "head        none".to_owned(),
    });
    let faults = verdict.faults.len() as u64 + verdict.more;
    lines.push(match faults {
        0 => "verdict     good: nothing was changed, taken out, moved or put in".to_owned(),
        1 => "verdict     1 fault".to_owned(),
        _ => format!("verdict     {faults} faults"),
    });
    lines.join("\n")
}

pub(super) fn head(args: &HeadArgs) -> anyhow::Result<ExitCode> {
    let found = verify::head(&args.directory).with_context(|| format!("{}", args.directory.display()))?;
    let (head, _) = found.with_context(|| format!("{}: there is no record", args.directory.display()))?;
    writeln!(io::stdout(), "{head}")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export(args: &Export) -> anyhow::Result<ExitCode> {
    let evidence = evidence(&args.log, None)?;
    let window = args.span.window();
    let mut out = BufWriter::new(io::stdout().lock());
    if args.format == Format::Csv {
        // RFC 4180 §2: lines end in CRLF.
        write!(out, "{COLUMNS}\r\n")?;
    }
    let mut written = Ok(());
    let verdict = read(&args.log, &evidence, |record, line| {
        if written.is_ok() && window.holds(record.at) {
            written = match args.format {
                Format::Jsonl => out.write_all(line).and_then(|()| out.write_all(b"\n")),
                Format::Csv => write!(out, "{}\r\n", row(&record)),
            };
        }
    })?;
    written.and_then(|()| out.flush())?;
    complain(&verdict);
    Ok(code(&verdict))
}

pub(super) fn report(args: &Report) -> anyhow::Result<ExitCode> {
    let evidence = evidence(&args.log, None)?;
    let window = args.span.window();
    let (mut sums, mut times) = (Sums::default(), None);
    let verdict = read(&args.log, &evidence, |record, _| {
        if window.holds(record.at) {
            let (first, last) = times.unwrap_or((record.at, record.at));
            times = Some((first.min(record.at), last.max(record.at)));
            sums.add(&record);
        }
    })?;
    complain(&verdict);
    let mut out = io::stdout().lock();
    match times {
        Some((first, last)) => writeln!(out, "Records from {first} to {last}.")?,
        None => writeln!(out, "No records in this time.")?,
    }
    writeln!(out, "{}\n", trust(&verdict))?;
    writeln!(out, "{}\n", regions(&sums))?;
    unbound(&mut out, &sums)?;
    refusals(&mut out, &sums)?;
    remarkable(&mut out, &sums)?;
    Ok(code(&verdict))
}

fn trust(verdict: &Verdict) -> String {
    let signatures: u64 = verdict.signatures.values().sum();
    if verdict.is_good() {
        return format!("The whole log was verified: {} records, {signatures} good signatures.", verdict.lines);
    }
    "The log does NOT verify; see above. What follows is what it says, not what happened.".to_owned()
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

fn right(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn regions(sums: &Sums) -> Table {
    let mut table = table(&[
        "region",
        "calls begun",
        "ended",
        "sealed",
        "not opened",
        "unsealed",
        "hours",
        "bytes",
        "UDP/TCP/TLS",
        "refused",
    ]);
    for (name, region) in &sums.regions {
        let seal = |result| region.seals.get(&result).copied().unwrap_or(0).to_string();
        table.add_row([
            name.to_string(),
            region.begun.to_string(),
            region.ended.to_string(),
            seal(SealResult::Sealed),
            seal(SealResult::NotOpened),
            seal(SealResult::Unsealed),
            hours(region),
            region.bytes.to_string(),
            region.transports.map(|count| count.to_string()).join("/"),
            region.refused().to_string(),
        ]);
    }
    right(&mut table, 1);
    table
}

/// Hours of calls, with one digit behind the point.
fn hours(region: &Region) -> String {
    let tenths = region.seconds / 360;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What was carried outside of calls, if anything was.
fn unbound(out: &mut impl Write, sums: &Sums) -> io::Result<()> {
    let mut table = table(&["region", "allocations bound to no call", "bytes"]);
    for (name, region) in sums.regions.iter().filter(|(_, region)| region.unbound > 0) {
        table.add_row([name.to_string(), region.unbound.to_string(), region.unbound_bytes.to_string()]);
    }
    right(&mut table, 1);
    if table.is_empty() { Ok(()) } else { writeln!(out, "{table}\n") }
}

fn refusals(out: &mut impl Write, sums: &Sums) -> io::Result<()> {
    let mut table = table(&["region", "refused because", "count"]);
    for (name, region) in &sums.regions {
        for (reason, count) in &region.refusals {
            table.add_row([name.to_string(), reason.clone(), count.to_string()]);
        }
    }
    right(&mut table, 2);
    if table.is_empty() { writeln!(out, "Nothing was refused.\n") } else { writeln!(out, "{table}\n") }
}

fn remarkable(out: &mut impl Write, sums: &Sums) -> io::Result<()> {
    let mut table = table(&["time", "record", "what"]);
    for (at, sequence, words) in &sums.remarkable {
        table.add_row([at.to_string(), sequence.to_string(), words.clone()]);
    }
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    if sums.more > 0 {
        writeln!(out, "and {} more; choose a shorter time", sums.more)?;
    }
    Ok(())
}
