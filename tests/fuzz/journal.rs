//! Journals: bytes that claim to be one, and entries in frames that are genuine, against a second reading of the same rules.

use std::collections::BTreeMap;

use hilum::journal::{Identity, OURS, Picture, compose};

pub const KEY: [u8; 32] = [9; 32];
pub const IDENTITY: Identity = Identity { records: 1, shards: 2, boot: [7; 16], configuration: [8; 32] };

/// A file that is found where a journal is: whatever it holds, it is read to the end or refused.
pub fn journal(bytes: &[u8]) {
    read_journal(bytes);
}

/// The same, and whether it was read.
pub fn read_journal(bytes: &[u8]) -> bool {
    let Some((&kind, rest)) = bytes.split_first() else { return false };
    if kind.is_multiple_of(2) { as_it_is(rest) } else { framed(kind, rest) }
}

/// What a journal holds, by shard and key.
type Records = BTreeMap<(u16, [u8; 5]), Vec<u8>>;

fn read(bytes: &[u8]) -> Option<Records> {
    let picture = Picture::read(bytes, &KEY, &IDENTITY).ok()?;
    let all: BTreeMap<_, _> = (0..=OURS)
        .flat_map(|shard| {
            picture.of(shard).map(move |(key, record)| ((shard, key), record.to_vec())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!((picture.len(), picture.is_empty()), (all.len(), all.is_empty()));
    Some(all)
}

fn as_it_is(bytes: &[u8]) -> bool {
    let whole = Picture::read(bytes, &KEY, &IDENTITY);
    // With another key nothing is genuine.
    assert!(Picture::read(bytes, &[0; 32], &IDENTITY).is_err());
    // Cut off behind the header it is a journal that was not finished, if it is one.
    for end in (0..bytes.len()).step_by(29) {
        assert!(whole.is_err() || Picture::read(&bytes[..end], &KEY, &IDENTITY).is_ok() == (end >= HEADER));
    }
    whole.is_ok()
}

/// Bytes of a header.
const HEADER: usize = 108;

/// Entries in frames: first how many frames there are and how long each is, in 16s of bytes, then what stands in them.
fn framed(kind: u8, bytes: &[u8]) -> bool {
    let Some((&count, rest)) = bytes.split_first() else { return false };
    let (lengths, mut rest) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let mut frames = Vec::new();
    for length in lengths {
        let (frame, behind) = rest.split_at((16 * usize::from(*length)).min(rest.len()));
        frames.push(frame);
        rest = behind;
    }
    frames.push(rest);
    let written = compose(&KEY, &IDENTITY, &frames);
    let all = read(&written);
    assert_eq!(all, reference(&frames), "the reference reads it otherwise");
    // No bit can be changed, but for a length that then reaches beyond the end.
    let at = usize::from(kind) * 31 % written.len();
    let mut changed = written.clone();
    changed[at] ^= 1 << (kind % 8);
    if let Some(read) = read(&changed) {
        let before = (0..frames.len()).find(|count| reference(&frames[..*count]).as_ref() == Some(&read));
        assert!(at >= HEADER && before.is_some(), "byte {at} was changed, and it was read");
    }
    all.is_some()
}

/// Entries one by one, by positions.
fn reference(frames: &[&[u8]]) -> Option<Records> {
    let mut all = BTreeMap::new();
    for frame in frames {
        let mut at = 0;
        while at < frame.len() {
            let head: [u8; 12] = frame.get(at..at + 12)?.try_into().ok()?;
            let [there, s, h, a, b, c, d, e, length @ ..] = head;
            let place = (u16::from_be_bytes([s, h]), [a, b, c, d, e]);
            let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
            let record = frame.get(at + 12..(at + 12).checked_add(length)?)?;
            match there {
                1 => drop(all.insert(place, record.to_vec())),
                0 if record.is_empty() => drop(all.remove(&place)),
                _ => return None,
            }
            at += 12 + length;
        }
    }
    Some(all)
}
