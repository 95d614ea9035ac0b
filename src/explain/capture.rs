//! Packets from a file: classic pcap with micro- and nanoseconds in both byte orders, and pcapng.

use core::fmt;
use std::io::Read;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// What is read at once. Nearly every block fits.
const BUFFER: usize = 128 * 1024;
/// The largest block: capture programs write 256 KiB of a packet at most; notes in pcapng can be longer.
const LARGEST_BLOCK: usize = 16 * 1024 * 1024;
/// Interfaces of one section of a pcapng file. A capture of all interfaces of a large host has some hundreds.
const MOST_INTERFACES: usize = 4096;
const NANOSECONDS: u64 = 1_000_000_000;

/// Why a file, or the rest of it, cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No byte.
    Empty,
    /// Packed by gzip, zstd, xz or bzip2.
    Packed,
    /// Neither pcap nor pcapng.
    Unknown,
    /// The operating system says no.
    Io,
    /// The bytes at some place are not what they should be.
    Corrupt,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "is empty",
            Self::Packed => "is compressed; unpack it first",
            Self::Unknown => "is neither a pcap nor a pcapng file",
            Self::Io => "cannot be read: the system reports an error",
            Self::Corrupt => "is damaged: what follows cannot be read",
        })
    }
}

impl core::error::Error for Unreadable {}

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Counted from 1, as other programs count.
    pub number: u64,
    /// Nanoseconds since the first packet; never less than those of the packet before.
    pub time: u64,
    /// What the bytes begin with: a LINKTYPE value.
    pub link: u16,
    /// What was captured.
    pub bytes: &'a [u8],
    /// Whether there was more of it than was captured.
    pub cut: bool,
}

/// How the packets of one interface are to be read.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    units: u64,
    snap: u32,
}

/// A file that is read packet by packet.
pub struct Capture<'r> {
    reader: Box<dyn PcapReaderIterator + Send + 'r>,
    interfaces: Vec<Interface>,
    /// Bytes of the reader's buffer that the last packet occupied.
    used: usize,
    capacity: usize,
    number: u64,
    first: Option<u64>,
    last: u64,
    truncated: bool,
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Capture(at packet {})", self.number)
    }
}

/// What a block is for us.
enum Step {
    Packet(Place),
    /// It says something about packets, or nothing that matters.
    Note,
    End,
}

/// Where a packet's bytes are in the reader's buffer.
struct Place {
    time: u64,
    link: u16,
    from: usize,
    length: usize,
    cut: bool,
}

impl<'r> Capture<'r> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// [`Unreadable`], when it is no capture.
    pub fn open(mut file: impl Read + Send + 'r) -> Result<Self, Unreadable> {
        let mut head = Vec::new();
        // The head in one piece, even when it comes through a pipe.
        file.by_ref().take(64).read_to_end(&mut head).map_err(|_| Unreadable::Io)?;
        let packed: [&[u8]; 4] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], &[0xfd, b'7', b'z', b'X', b'Z'], b"BZh"];
        if packed.iter().any(|magic| head.starts_with(magic)) {
            return Err(Unreadable::Packed);
        }
        let opened = create_reader(BUFFER, std::io::Cursor::new(head).chain(file));
        let reader = opened.map_err(|error| {
            if matches!(error, PcapError::Eof) {
                Unreadable::Empty
            } else if matches!(error, PcapError::ReadError) {
                Unreadable::Io
            } else {
                Unreadable::Unknown
            }
        })?;
        let interfaces = Vec::new();
        let (used, number, first, last) = (0, 0, None, 0);
        Ok(Self { reader, interfaces, used, capacity: BUFFER, number, first, last, truncated: false })
    }

    /// Packets so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.number
    }

    /// Whether the file ended in the middle of a packet, as after a capture program that was killed.
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.truncated
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    /// [`Unreadable::Io`] and [`Unreadable::Corrupt`]; there is no going on.
    pub fn packet(&mut self) -> Result<Option<Packet<'_>>, Unreadable> {
        let place = loop {
            self.reader.consume(core::mem::take(&mut self.used));
            match self.block()? {
                Step::Packet(place) => break place,
                Step::Note => {}
                Step::End => return Ok(None),
            }
        };
        self.number += 1;
        let first = *self.first.get_or_insert(place.time);
        self.last = self.last.max(place.time.saturating_sub(first));
        let bytes = self.reader.data().get(place.from..).and_then(|rest| rest.get(..place.length));
        Ok(Some(Packet {
            number: self.number,
            time: self.last,
            link: place.link,
            bytes: bytes.ok_or(Unreadable::Corrupt)?,
            cut: place.cut,
        }))
    }

    /// Reads a block, and notes its length in `used`.
    fn block(&mut self) -> Result<Step, Unreadable> {
        loop {
            let before = self.reader.data().len();
            let want = match self.reader.next() {
                Ok((length, block)) => {
                    let step = step(&mut self.interfaces, &block, length)?;
                    self.used = length;
                    return Ok(step);
                }
                Err(error) => Want::of(&error).ok_or(Unreadable::Corrupt)?,
            };
            match want {
                Want::Nothing => return Ok(Step::End),
                Want::Rest => {
                    self.truncated = before > 0;
                    return Ok(Step::End);
                }
                Want::Room if self.capacity >= LARGEST_BLOCK => return Err(Unreadable::Corrupt),
                Want::Room => {
                    self.capacity = LARGEST_BLOCK;
                    self.reader.grow(self.capacity);
                    // Is it enough? That is told before more is read.
                    continue;
                }
                Want::More => {}
            }
            self.reader.refill().map_err(|_| Unreadable::Io)?;
            // Asked for more, and there is no more and no end: it would be asked for ever.
            if self.reader.data().len() == before && !self.reader.reader_exhausted() {
                return Err(Unreadable::Corrupt);
            }
        }
    }
}

/// What keeps the reader from the next block.
enum Want {
    /// The file is over.
    Nothing,
    /// The file is over, and the block is not.
    Rest,
    /// More bytes of the file.
    More,
    /// A larger buffer.
    Room,
}

impl Want {
    /// `None` when nothing helps.
    const fn of<T: Sized>(error: &PcapError<T>) -> Option<Self> {
        if matches!(error, PcapError::Eof) {
            Some(Self::Nothing)
        } else if matches!(error, PcapError::UnexpectedEof) {
            Some(Self::Rest)
        } else if matches!(error, PcapError::Incomplete(_)) {
            Some(Self::More)
        } else if matches!(error, PcapError::BufferTooSmall) {
            Some(Self::Room)
        } else {
            None
        }
    }
}

/// What a block says: a packet, or something about packets.
fn step(interfaces: &mut Vec<Interface>, block: &PcapBlockOwned<'_>, length: usize) -> Result<Step, Unreadable> {
    let place = match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let units = if header.is_nanosecond_precision() { NANOSECONDS } else { 1_000_000 };
            // The upper bits speak of a frame check sequence.
            let link = u16::try_from(header.network.0 & 0xffff).map_err(|_| Unreadable::Corrupt)?;
            *interfaces = vec![Interface { link, units, snap: 0 }];
            return Ok(Step::Note);
        }
        PcapBlockOwned::Legacy(record) => {
            let interface = interfaces.first().ok_or(Unreadable::Corrupt)?;
            let from = length.checked_sub(record.data.len()).ok_or(Unreadable::Corrupt)?;
            let seconds = u64::from(record.ts_sec).saturating_mul(NANOSECONDS);
            let fraction = nanoseconds(u64::from(record.ts_usec), interface.units);
            let time = seconds.saturating_add(fraction);
            let cut = record.caplen < record.origlen;
            Place { time, link: interface.link, from, length: record.data.len(), cut }
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            return Ok(Step::Note);
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
            if interfaces.len() >= MOST_INTERFACES {
                return Err(Unreadable::Corrupt);
            }
            let link = u16::try_from(block.linktype.0).map_err(|_| Unreadable::Corrupt)?;
            interfaces.push(Interface { link, units: units(block.if_tsresol), snap: block.snaplen });
            return Ok(Step::Note);
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
            let id = usize::try_from(block.if_id).map_err(|_| Unreadable::Corrupt)?;
            let interface = interfaces.get(id).ok_or(Unreadable::Corrupt)?;
            let time = (u64::from(block.ts_high) << 32) | u64::from(block.ts_low);
            let length = usize::try_from(block.caplen).unwrap_or(usize::MAX).min(block.data.len());
            let time = nanoseconds(time, interface.units);
            Place { time, link: interface.link, from: 28, length, cut: block.caplen < block.origlen }
        }
        PcapBlockOwned::NG(Block::SimplePacket(block)) => {
            let interface = interfaces.first().ok_or(Unreadable::Corrupt)?;
            let most = if interface.snap == 0 { block.origlen } else { interface.snap.min(block.origlen) };
            let length = usize::try_from(most).unwrap_or(usize::MAX).min(block.data.len());
            let cut = usize::try_from(block.origlen).is_ok_and(|whole| length < whole);
            // It has no time of its own: it is as late as the one before.
            Place { time: 0, link: interface.link, from: 12, length, cut }
        }
        PcapBlockOwned::NG(_) => return Ok(Step::Note),
    };
    Ok(Step::Packet(place))
}

/// Units in a second, from the option if_tsresol: a negative power of 10, or of 2 with the highest bit set.
fn units(resolution: u8) -> u64 {
    let power = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).unwrap_or(u64::MAX)
}

fn nanoseconds(time: u64, units: u64) -> u64 {
    let nanoseconds = u128::from(time) * u128::from(NANOSECONDS) / u128::from(units.max(1));
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}
