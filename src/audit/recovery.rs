//! Where a log goes on after it was closed, killed, or damaged.
//!
//! The last segment is read up to its last good record. A torn line behind it is what a crash leaves: it is cut off,
//! and the log says so. More than a torn line is kept in a file of its own, as evidence.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::disk::{Lines, segments};
use super::fact::Recovered;
use super::line::{Chain, Line};
use super::values::{Digest, Label};
use crate::time::UnixTime;

/// What a log looks like at its end.
#[derive(Debug)]
pub(super) struct Tail {
    /// Where the chain goes on.
    pub chain: Chain,
    /// The segment to go on in: its first record and its length in bytes. None if the log is new.
    pub segment: Option<(u64, u64)>,
    /// When the first record of each segment was made, oldest first.
    pub began: Vec<(u64, UnixTime)>,
    /// When the last record was made.
    pub last: Option<UnixTime>,
    /// What had to be cut off.
    pub recovered: Option<Recovered>,
}

/// The good records at the beginning of a segment.
struct Good {
    /// Where they end, in bytes.
    length: u64,
    /// Where the chain goes on behind them, if there are any.
    chain: Option<Chain>,
    last: Option<UnixTime>,
}

fn good(path: &Path, first: u64) -> io::Result<Good> {
    let mut found = Good { length: 0, chain: None, last: None };
    let (mut lines, mut buffer) = (Lines::from(path, 0)?, Vec::new());
    while let Some(line) = lines.next(&mut buffer)? {
        let Some(record) = line.strip_suffix(b"\n").and_then(|line| Line::read(line).ok()) else { break };
        let follows = found.chain.map_or(record.sequence == first, |chain| {
            (chain.next, chain.previous) == (record.sequence, record.previous)
        });
        if !follows || !record.intact() {
            break;
        }
        found.length += line.len() as u64;
        found.chain = Some(Chain { next: record.sequence.saturating_add(1), previous: record.hash });
        found.last = Some(record.at.0);
    }
    Ok(found)
}

/// When the first record of a segment was made.
fn began(path: &Path) -> io::Result<Option<UnixTime>> {
    let mut buffer = Vec::new();
    let line = Lines::from(path, 0)?.next(&mut buffer)?.and_then(|line| line.strip_suffix(b"\n"));
    Ok(line.and_then(|line| Line::read(line).ok()).map(|record| record.at.0))
}

/// What the last line of a closed segment claims, good or not: what follows is linked to that, and `verify` says the
/// rest.
fn claimed(path: &Path, first: u64) -> io::Result<Option<(Chain, UnixTime)>> {
    let (mut lines, mut buffer, mut last) = (Lines::from(path, 0)?, Vec::new(), None);
    while let Some(line) = lines.next(&mut buffer)? {
        let Some(record) = line.strip_suffix(b"\n").and_then(|line| Line::read(line).ok()) else { continue };
        let chain = Chain { next: record.sequence.saturating_add(1).max(first), previous: record.hash };
        last = Some((chain, record.at.0));
    }
    Ok(last)
}

/// Cuts off what stands behind the good records. More than a torn line is copied to a file first.
fn cut(path: &Path, length: u64, next: u64) -> io::Result<Option<Recovered>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len().saturating_sub(length);
    if bytes == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(length))?;
    let (mut context, mut piece, mut torn) = (Context::new(&SHA256), vec![0; 64 * 1024], true);
    loop {
        let read = file.read(&mut piece)?;
        let part = piece.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        context.update(part);
        torn &= !part.contains(&b'\n');
    }
    let kept = if torn { None } else { Some(keep(path, &mut file, length, next)?) };
    file.set_len(length)?;
    file.sync_all()?;
    Ok(Some(Recovered { bytes, digest: Digest::finish(context), kept }))
}

/// Copies what follows the good records into a new file beside the log.
fn keep(path: &Path, file: &mut File, length: u64, next: u64) -> io::Result<Label> {
    file.seek(SeekFrom::Start(length))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    for copy in 0..1000 {
        let name = format!("damaged-{next:012}-{copy}.bin");
        let made = OpenOptions::new().write(true).create_new(true).open(directory.join(&name));
        match made {
            Ok(mut kept) => {
                io::copy(file, &mut kept)?;
                kept.flush()?;
                kept.sync_all()?;
                return name.parse().map_err(io::Error::other);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("a thousand damaged ends are kept here already; look at them, and move them away"))
}

/// Finds the end of the log in a directory and makes it good.
///
/// # Errors
/// The files cannot be read or written. Damage is no error: it is recorded.
pub(super) fn recover(directory: &Path) -> io::Result<Tail> {
    let files = segments(directory)?;
    let Some((last, earlier)) = files.split_last() else {
        return Ok(Tail { chain: Chain::START, segment: None, began: Vec::new(), last: None, recovered: None });
    };
    let (first, path): &(u64, PathBuf) = last;
    let mut firsts = Vec::new();
    for (first, path) in earlier {
        firsts.extend(began(path)?.map(|at| (*first, at)));
    }
    let found = good(path, *first)?;
    let (chain, at) = match (found.chain, earlier.last()) {
        (Some(chain), _) => (chain, found.last),
        (None, Some((before, path))) => {
            let fresh = (Chain { next: *first, previous: Digest::NONE }, UnixTime::default());
            let (chain, at) = claimed(path, *before)?.unwrap_or(fresh);
            (Chain { next: *first, ..chain }, Some(at))
        }
        (None, None) => (Chain { next: *first, previous: Digest::NONE }, None),
    };
    let recovered = cut(path, found.length, chain.next)?;
    if found.length > 0 {
        firsts.extend(began(path)?.map(|at| (*first, at)));
    }
    Ok(Tail { chain, segment: Some((*first, found.length)), began: firsts, last: at, recovered })
}
