//! How a journal is written: a header, then frames, each of which is authenticated, then nothing.
//!
//! ```text
//! header  magic(8) version(1) record version(1) shards(2) boot(16) configuration(32) salt(16) tag(32)
//! frame   length(4) entries(length) tag(32)
//! entry   there(1) shard(2) key(5) length(4) record(length)
//! ```
//!
//! Numbers have their highest byte first. A tag is HMAC-SHA-256 over all that stands before it in the header, or over the
//! salt, the number of the frame, its length and its entries: so frames of another journal, or in another order, are none.

use aws_lc_rs::hmac::{self, HMAC_SHA256};

/// What a journal begins with.
const MAGIC: &[u8; 8] = b"hilumjnl";
/// The version of this format.
pub(super) const VERSION: u8 = 1;
/// Bytes of a tag.
pub(super) const TAG: usize = 32;
/// Bytes of a header without its tag.
const UNSIGNED: usize = 8 + 1 + 1 + 2 + 16 + 32 + 16;
/// Bytes of a header.
pub(super) const HEADER: usize = UNSIGNED + TAG;
/// Bytes of a frame before its entries.
pub(super) const LENGTH: usize = 4;
/// Bytes of the entries of a frame at most: what a shard gathers, and eight of the longest records on top of it.
pub(super) const LONGEST_FRAME: usize = 2 << 20;
/// Bytes of an entry before its record.
pub(super) const ENTRY: usize = 1 + 2 + 5 + 4;

/// Which journal, and of which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The version of the records.
    pub records: u8,
    /// How many shards there are.
    pub shards: u16,
    /// Since which start of the system moments count.
    pub boot: [u8; 16],
    /// A hash of what in the configuration gives numbers in records their meaning.
    pub configuration: [u8; 32],
}

/// Whose record an entry is, and which one.
pub type Place = (u16, [u8; 5]);

/// The key that journals are authenticated with.
pub(super) struct Signer {
    key: hmac::Key,
    salt: [u8; 16],
}

impl Signer {
    pub(super) fn new(key: &[u8; 32], salt: [u8; 16]) -> Self {
        Self { key: hmac::Key::new(HMAC_SHA256, key), salt }
    }

    /// Writes the header of a journal.
    pub(super) fn header(&self, identity: &Identity) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend([VERSION, identity.records]);
        header.extend(identity.shards.to_be_bytes());
        header.extend(identity.boot);
        header.extend(identity.configuration);
        header.extend(self.salt);
        header.extend(hmac::sign(&self.key, &header).as_ref());
        header
    }

    /// Puts a frame around entries.
    pub(super) fn frame(&self, number: u64, entries: &[u8]) -> Vec<u8> {
        let length = u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut context = self.context(number, length);
        context.update(entries);
        [&length[..], entries, context.sign().as_ref()].concat()
    }

    fn context(&self, number: u64, length: [u8; LENGTH]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.salt);
        context.update(&number.to_be_bytes());
        context.update(&length);
        context
    }

    fn is_genuine(&self, number: u64, entries: &[u8], tag: &[u8]) -> bool {
        let length = u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut context = self.context(number, length);
        context.update(entries);
        aws_lc_rs::constant_time::verify_slices_are_equal(context.sign().as_ref(), tag).is_ok()
    }
}

/// What a header says, before anybody has looked whether it is genuine.
pub(super) enum Opened<'a> {
    /// It is ours; the frames follow.
    Ours { signer: Box<Signer>, identity: Identity, frames: &'a [u8] },
    /// It is of another version of the program.
    OtherVersion,
    /// It is none.
    Damaged,
}

/// Reads the header.
pub(super) fn open<'a>(bytes: &'a [u8], key: &[u8; 32]) -> Opened<'a> {
    let parsed = || {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (&[version, records], rest) = rest.split_first_chunk::<2>()?;
        let (shards, rest) = rest.split_first_chunk::<2>()?;
        let (boot, rest) = rest.split_first_chunk::<16>()?;
        let (configuration, rest) = rest.split_first_chunk::<32>()?;
        let (salt, rest) = rest.split_first_chunk::<16>()?;
        let (tag, frames) = rest.split_first_chunk::<TAG>()?;
        let shards = u16::from_be_bytes(*shards);
        let identity = Identity { records, shards, boot: *boot, configuration: *configuration };
        (magic == MAGIC).then(|| (version, identity, Signer::new(key, *salt), tag, frames))
    };
    let Some((version, identity, signer, tag, frames)) = parsed() else { return Opened::Damaged };
    if version != VERSION {
        return Opened::OtherVersion;
    }
    match hmac::verify(&signer.key, bytes.get(..UNSIGNED).unwrap_or_default(), tag) {
        Ok(()) => Opened::Ours { signer: Box::new(signer), identity, frames },
        Err(_) => Opened::Damaged,
    }
}

/// What follows in a journal.
pub(super) enum Next<'a> {
    /// The entries of a frame, and what stands behind it.
    Frame(&'a [u8], &'a [u8]),
    /// The end, or the beginning of a frame that was never finished.
    End,
    /// Something else.
    Damaged,
}

/// Reads the frame with this number.
pub(super) fn next<'a>(signer: &Signer, number: u64, bytes: &'a [u8]) -> Next<'a> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return Next::End };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > LONGEST_FRAME {
        return Next::Damaged;
    }
    let Some((entries, rest)) = rest.split_at_checked(length) else { return Next::End };
    let Some((tag, rest)) = rest.split_at_checked(TAG) else { return Next::End };
    match signer.is_genuine(number, entries, tag) {
        true => Next::Frame(entries, rest),
        false => Next::Damaged,
    }
}

/// The entries of a frame, in their order; `None` where something else stands.
pub(super) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Option<(Place, Option<&[u8]>)>> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let entry = entry(bytes);
        bytes = entry.map_or(&[], |(_, rest)| rest);
        Some(entry.map(|(entry, _)| entry))
    })
}

type Entry<'a> = (Place, Option<&'a [u8]>);

fn entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (&there, rest) = bytes.split_first()?;
    let (shard, rest) = rest.split_first_chunk::<2>()?;
    let (key, rest) = rest.split_first_chunk::<5>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (record, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let record = match (there, record) {
        (1, record) => Some(record),
        (0, []) => None,
        _ => return None,
    };
    Some((((u16::from_be_bytes(*shard), *key), record), rest))
}

/// Records and what is gone, gathered for a frame.
#[derive(Clone, Debug, Default)]
pub struct Entries(Vec<u8>);

impl Entries {
    /// Adds a record, or that it is gone.
    pub fn put(&mut self, (shard, key): Place, record: Option<&[u8]>) {
        let length = u32::try_from(record.map_or(0, <[u8]>::len)).unwrap_or(u32::MAX);
        self.0.push(u8::from(record.is_some()));
        self.0.extend(shard.to_be_bytes());
        self.0.extend(key);
        self.0.extend(length.to_be_bytes());
        self.0.extend(record.unwrap_or_default());
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As they are written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same for as many frames as they need, cut between entries. An entry that fits into none stands alone.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.bytes();
        core::iter::from_fn(move || {
            let (frame, behind) = left.split_at_checked(fitting(left))?;
            left = behind;
            (!frame.is_empty()).then_some(frame)
        })
    }
}

/// Bytes of the first entries that fit into one frame, or of the first one alone.
fn fitting(bytes: &[u8]) -> usize {
    if bytes.len() <= LONGEST_FRAME {
        return bytes.len();
    }
    let (mut length, mut rest) = (0, bytes);
    while let Some((_, behind)) = entry(rest) {
        let with = bytes.len() - behind.len();
        if length > 0 && with > LONGEST_FRAME {
            return length;
        }
        (length, rest) = (with, behind);
    }
    bytes.len()
}

/// A journal of these frames, for tests of what reads it: its salt is none, and what stands in a frame may be anything.
#[must_use]
pub fn compose(key: &[u8; 32], identity: &Identity, frames: &[&[u8]]) -> Vec<u8> {
    let signer = Signer::new(key, [0; 16]);
    let mut journal = signer.header(identity);
    for (number, entries) in (0..).zip(frames) {
        journal.extend(signer.frame(number, entries));
    }
    journal
}
