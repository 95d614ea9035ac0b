//! Journals: as a relay writes them, cut off, and entries for frames.

use hilum::journal::{Entries, compose};

use crate::targets::{JOURNAL_IDENTITY, JOURNAL_KEY};

/// Seeds with their names.
pub fn journals() -> Vec<(&'static str, Vec<u8>)> {
    let entries = |records: &[(u16, u8, Option<&[u8]>)]| {
        let mut entries = Entries::default();
        records.iter().for_each(|(shard, number, record)| entries.put((*shard, [3, 0, 0, 0, *number]), *record));
        entries.bytes().to_vec()
    };
    let begun = entries(&[(0, 1, Some(b"an allocation")), (1, 1, Some(b"another"))]);
    let over = entries(&[(0, 1, None), (u16::MAX, 0, Some(&[5; 32]))]);
    let whole = compose(&JOURNAL_KEY, &JOURNAL_IDENTITY, &[&begun, &over]);
    let in_file = |bytes: &[u8]| [&[0][..], bytes].concat();
    // Two frames, the first of 64 bytes.
    let in_frames = |kind: u8, first: &[u8], second: &[u8]| {
        let mut padded = first.to_vec();
        padded.extend(entries(&[(7, 7, Some(&vec![0; 64 - 12 - first.len()]))]));
        [&[kind, 1, 4][..], &padded, second].concat()
    };
    vec![
        ("whole", in_file(&whole)),
        ("empty", in_file(&compose(&JOURNAL_KEY, &JOURNAL_IDENTITY, &[]))),
        ("not_finished", in_file(&whole[..whole.len() - 40])),
        ("in_frames", in_frames(1, &begun[..25], &over)),
        ("in_one_frame", [&[3, 0][..], &begun, &over].concat()),
        ("gone_with_a_record", [&[5, 0][..], &[0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 9]].concat()),
    ]
}
