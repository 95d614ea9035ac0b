//! `hilum audit reveal`: no answer before the question is on record.

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::Reveal;
use crate::audit::disk::PUBLIC_KEYS;
use crate::audit::export::row;
use crate::audit::reveal::Search;
use crate::audit::verify::{Evidence, verify};
use crate::audit::{Fact, Label, Lock, MasterKey, PublicKey, inbox, record_alone};

pub(super) fn run(args: &Reveal) -> anyhow::Result<ExitCode> {
    let key = MasterKey::read(&args.key_file).with_context(|| format!("{}", args.key_file.display()))?;
    let keys = PublicKey::read(&args.directory.join(PUBLIC_KEYS)).unwrap_or_default();
    let evidence = Evidence { keys, head: None, live: Lock::is_taken(&args.directory) };
    let mut search = Search::new(&key, args.call.as_bytes());
    let mut found = Vec::new();
    let verdict = verify(&args.directory, &evidence, |record, _| {
        if search.finds(&record) {
            found.push(row(&record));
        }
    })?;
    record(args, &search.fact(args.reason.clone(), actor()?))?;

    let mut out = io::stdout().lock();
    if let Some(day) = args.day {
        writeln!(out, "{}", key.pseudonym(args.call.as_bytes(), day))?;
    }
    for row in &found {
        writeln!(out, "{row}")?;
    }
    writeln!(out, "{} records speak of it. This search is now on record.", found.len())?;
    if !verdict.is_good() {
        eprintln!("The log does not verify: run hilum audit verify.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Records the search: by the node that writes the log, or, if none runs, by ourselves.
fn record(args: &Reveal, fact: &Fact) -> anyhow::Result<()> {
    match record_alone(&args.directory, fact) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let laid = inbox::lay(&args.directory, fact).context("the inbox of the log")?;
            if !laid.was_recorded() {
                bail!("the node did not record this search within ten seconds, so there is no answer");
            }
            Ok(())
        }
        Err(error) => Err(error).context("the search could not be recorded, so there is no answer"),
    }
}

/// The user who asks, by number: names do not belong into the log.
fn actor() -> anyhow::Result<Label> {
    let user = std::fs::metadata("/proc/self").context("who runs this")?.uid();
    Ok(format!("uid:{user}").parse()?)
}
