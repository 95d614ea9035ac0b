//! Clear media in disguise: a sender that shakes hands and then sends what it should have encrypted.
//!
//! Whatever the cipher, each byte of ciphertext has each of 256 values with equal probability and tells nothing of the
//! others. Codecs begin their payloads with headers, and the samples of G.711 and G.722 gather around zero. So a few
//! packets tell the two apart, without a key.
//!
//! **What is counted.** Of each SSRC the first 16 packets, and again 16 after every 1008 others, so that a sender who
//! begins honestly and changes later is found too. In such a window four things are looked at: how often the same values
//! occur as the payload's first byte; the same for its second byte; and how the high and the low halves of its first 32
//! bytes spread over their 16 values. For each, the fullest bins together hold too much or not: the one, two or four
//! fullest of the values, the one or four fullest of the halves. It is decided after 8 and after 16 packets; where a count
//! is half way to its limit the window goes on, to 32 and to 64 packets, which finds a sender of which only every fourth
//! packet is clear.
//!
//! **What it costs an honest sender.** The probability that any `m` of `b` equally probable bins together hold `k` of `n`
//! is at most `C(b, m) * P(Binomial(n, m / b) >= k)`. Each limit below keeps that under 1e-15, and all of a window, both
//! positions, both halves and all four decisions, add up to less than 6e-15; the tests compute it. A call-hour of one
//! SSRC at 50 packets per second has 176 windows, at 1000 packets per second 3516: an honest sender is refused in fewer
//! than 1.1e-12 and 2.2e-11 of them.
//!
//! **What it does not find.** Whoever means to deceive can mask clear media with any fixed key, send it between the
//! windows, or mix it with enough noise. A relay without keys cannot tell such a sender from an honest one.
//!
//! **Sequence numbers.** A duplicate is the same ciphertext, and must not add up: only what is newer (RFC 1982 §3.2) than
//! the last packet counted is counted. A sender whose sequence numbers stand still would escape by this, so every 64th
//! packet of a window that is not newer counts nevertheless.
//!
//! **More than eight SSRCs.** Nothing ever gives way. If the least recently used entry did, a sender could let its SSRC
//! that was found to be clear be forgotten, and would start anew; or it could take a new SSRC before each window has
//! ended, and no window ever would. So the first eight keep their entry as long as the flow lives, and all later ones
//! share a ninth, of both directions: its windows end however often the SSRC changes, and when it is found to be clear,
//! all that share it are refused. Ciphertext of many senders is as uniform as that of one, so the bound holds for it. There
//! it is not the order of the numbers that tells a duplicate, but 32 bits, one of which each counted packet sets.

use super::Way;
use crate::wire::keep::{Keep, keep_list, recall_list};

/// SSRCs with an entry of their own: audio, video and its retransmission, and one more, in both directions.
const TRACKED: usize = 8;
/// Those, and all that share the ninth.
const MOST: u16 = 9;
/// Packets between two windows, which with the 16 of a window make 1024.
const BETWEEN: u16 = 1008;
/// Of the packets in a window that are not newer, each of this number counts. A power of two, at most 128.
const STALE: u8 = 64;
/// Bytes of a payload whose halves are counted.
const HEAD: usize = 32;
/// The shortest authentication tag of the allowed profiles, which ends a payload and is uniform whoever sent it.
const TAG: usize = 10;
/// Decisions up to this one do not end a window.
const SHORTEST: u8 = 16;
/// The last decision ends every window.
const LONGEST: u8 = 64;
/// Instead of the number of packets counted: this SSRC is clear.
const CLEAR: u8 = u8::MAX;
/// In [`Sender::mark`]: the SSRC is the peer's.
const DOWN: u8 = 0x80;
/// No count reaches this.
const NEVER: u8 = u8::MAX;

/// What counts of one thing look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Uniform,
    Doubtful,
    Clear,
}

/// When it is decided, and the limits for the most frequent values at one position of the payload.
struct Decision {
    /// After this many packets.
    packets: u8,
    /// The one, two and four most frequent values together: from here on it is clear.
    clear: [u8; 3],
    /// From here on it is doubtful.
    doubtful: [u8; 3],
}

const DECISIONS: [Decision; 4] = [
    Decision { packets: 8, clear: [8, NEVER, NEVER], doubtful: [NEVER; 3] },
    Decision { packets: 16, clear: [9, 11, 15], doubtful: [4, 6, 8] },
    Decision { packets: 32, clear: [11, 14, 18], doubtful: [7, 10, 13] },
    Decision { packets: 64, clear: [13, 17, 23], doubtful: [NEVER; 3] },
];

/// The bins that [`Decision`]'s limits are for.
const FULLEST_VALUES: [usize; 3] = [1, 2, 4];

/// The `bins` fullest of 16 may hold fewer than `total * bins / 16 + sqrt(total * spread / 8) + least` of `total`.
struct Limit {
    bins: usize,
    spread: u32,
    least: u32,
}

const HALVES: [Limit; 2] = [Limit { bins: 1, spread: 37, least: 10 }, Limit { bins: 4, spread: 126, least: 7 }];

impl Limit {
    fn mean(&self, total: u32) -> u32 {
        u32::try_from(self.bins).map_or(u32::MAX, |bins| total.saturating_mul(bins) / 16)
    }

    fn clear(&self, total: u32) -> u32 {
        self.mean(total).saturating_add((total.saturating_mul(self.spread) / 8).isqrt()).saturating_add(self.least)
    }

    fn look(&self, fullest: u32, total: u32) -> Look {
        let clear = self.clear(total);
        match fullest {
            fullest if fullest >= clear => Look::Clear,
            fullest if fullest >= self.mean(total).midpoint(clear) => Look::Doubtful,
            _ => Look::Uniform,
        }
    }
}

/// The sum of the first so many.
fn sum(descending: &[u8], bins: usize) -> u32 {
    descending.iter().take(bins).map(|count| u32::from(*count)).sum()
}

/// How often the first eight different values occurred at one position. A value that 9 of 16 packets have is among
/// them; where one that counts is not, the sum is too small, never too large.
#[derive(Clone, Debug, Default)]
struct Values {
    /// Eight times four bits, which stop at 15. Zero: the slot is free.
    counts: u32,
    values: [u8; 8],
}

impl Values {
    fn add(&mut self, value: u8) {
        for (known, shift) in self.values.iter_mut().zip((0..u32::BITS).step_by(4)) {
            let count = self.counts >> shift & 15;
            if count == 0 {
                *known = value;
            }
            if *known == value {
                self.counts += u32::from(count < 15) << shift;
                return;
            }
        }
    }

    fn look(&self, decision: &Decision) -> Look {
        let mut counts = [0; 8];
        for (each, byte) in counts.chunks_exact_mut(2).zip(self.counts.to_le_bytes()) {
            each.copy_from_slice(&[byte & 15, byte >> 4]);
        }
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let limits = FULLEST_VALUES.iter().zip(decision.clear).zip(decision.doubtful);
        let looks = limits.map(|((bins, clear), doubtful)| match sum(&counts, *bins) {
            fullest if fullest >= u32::from(clear) => Look::Clear,
            fullest if fullest >= u32::from(doubtful) => Look::Doubtful,
            _ => Look::Uniform,
        });
        looks.max().unwrap_or(Look::Uniform)
    }
}

/// How often each value of one half of a byte occurred. A count stops at 255, which is over every limit.
#[derive(Clone, Debug, Default)]
struct Halves([u8; 16]);

impl Halves {
    fn add(&mut self, half: u8) {
        if let Some(count) = self.0.get_mut(usize::from(half & 15)) {
            *count = count.saturating_add(1);
        }
    }

    fn look(&self) -> Look {
        let mut counts = self.0;
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let total = sum(&counts, counts.len());
        HALVES.iter().map(|limit| limit.look(sum(&counts, limit.bins), total)).max().unwrap_or(Look::Uniform)
    }
}

/// One SSRC in one direction, or all that share an entry. One cache line.
#[derive(Clone, Debug, Default)]
struct Sender {
    /// In the shared entry instead: which of 32 kinds of packets were counted in this window.
    ssrc: u32,
    /// In a window the sequence number of the newest packet counted; otherwise how many packets are still let by.
    number: u16,
    /// Packets counted in this window; 0 between two windows; or [`CLEAR`].
    counted: u8,
    /// [`DOWN`] or not; below it, modulo [`STALE`], how many packets of this window were not newer.
    mark: u8,
    first: Values,
    second: Values,
    high: Halves,
    low: Halves,
}

impl Sender {
    fn new(ssrc: u32, direction: u8) -> Self {
        Self { ssrc, mark: direction, ..Self::default() }
    }

    /// The answer outside of windows; in one, nothing.
    fn let_by(&mut self) -> Option<bool> {
        match self.counted {
            0 if self.number > 0 => {
                self.number -= 1;
                Some(true)
            }
            CLEAR => Some(false),
            _ => None,
        }
    }

    /// One packet in sixty-four comes here: the others' way is shorter without it.
    #[inline(never)]
    fn measure(&mut self, sequence: u16, payload: &[u8]) -> bool {
        let newer = (1..0x8000).contains(&sequence.wrapping_sub(self.number));
        if self.counted == 0 || newer {
            self.number = sequence;
        } else if !self.stale_but_counts() {
            return true;
        }
        self.count(payload)
    }

    /// The same where many share the entry, and sequence numbers have no order.
    fn measure_shared(&mut self, ssrc: u32, sequence: u16, payload: &[u8]) -> bool {
        // Two odd numbers, so that neighbours in either get different bits.
        let mixed = ssrc.wrapping_mul(0x85EB_CA6B).wrapping_add(u32::from(sequence).wrapping_mul(0x9E37_79B1));
        let kind = 1 << (mixed >> 27);
        if self.ssrc & kind == 0 {
            self.ssrc |= kind;
        } else if !self.stale_but_counts() {
            return true;
        }
        if self.count(payload) {
            // The next window begins with no kind counted.
            self.ssrc = if self.counted == 0 { 0 } else { self.ssrc };
            return true;
        }
        false
    }

    fn stale_but_counts(&mut self) -> bool {
        let stale = (self.mark & !DOWN).wrapping_add(1) % STALE;
        self.mark = self.mark & DOWN | stale;
        stale == 0
    }

    fn count(&mut self, payload: &[u8]) -> bool {
        self.counted += 1;
        for (values, byte) in [&mut self.first, &mut self.second].into_iter().zip(payload) {
            values.add(*byte);
        }
        // A payload with less than two bytes besides a tag is counted whole: as ciphertext all of it is uniform anyway, and
        // as clear media it has no tag.
        let length = if payload.len() < TAG + 2 { payload.len() } else { payload.len() - TAG };
        for byte in payload.iter().take(length.min(HEAD)) {
            self.high.add(byte >> 4);
            self.low.add(byte & 15);
        }
        let Some(decision) = DECISIONS.iter().find(|decision| decision.packets == self.counted) else { return true };
        match self.looks(decision).into_iter().max() {
            Some(Look::Clear) => {
                self.counted = CLEAR;
                return false;
            }
            Some(Look::Doubtful) if decision.packets < LONGEST => {}
            _ if decision.packets < SHORTEST => {}
            _ => *self = Self { number: BETWEEN, ..Self::new(self.ssrc, self.mark & DOWN) },
        }
        true
    }

    /// First byte, second byte, high halves, low halves.
    fn looks(&self, decision: &Decision) -> [Look; 4] {
        [self.first.look(decision), self.second.look(decision), self.high.look(), self.low.look()]
    }
}

/// All senders of one flow, in both directions: [`TRACKED`] entries, and one for all who came later.
#[derive(Clone, Debug, Default)]
pub(super) struct Senders(Vec<Sender>);

impl Senders {
    /// Looks at one RTP packet's payload, which ends with the authentication tag and holds no MKI (RFC 3711 §3.1), whose
    /// bytes are not uniform. Whether it may be ciphertext: once false, false for this SSRC from then on. A payload below
    /// two bytes is not looked at.
    pub(super) fn observe(&mut self, way: Way, ssrc: u32, sequence: u16, payload: &[u8]) -> bool {
        let direction = if way == Way::Down { DOWN } else { 0 };
        let tracked = self.0.len().min(TRACKED);
        let mut tracked = self.0.get_mut(..tracked).unwrap_or_default().iter_mut();
        match tracked.find(|sender| sender.ssrc == ssrc && (sender.mark ^ direction) & DOWN == 0) {
            Some(sender) => match sender.let_by() {
                Some(answer) => answer,
                None => payload.len() < 2 || sender.measure(sequence, payload),
            },
            None => payload.len() < 2 || self.unknown(direction, ssrc, sequence, payload),
        }
    }

    /// Brings into the cache where the entries are; the number has no meaning.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.0.is_empty())
    }

    /// The same for the first two of them, which often are all.
    #[inline]
    pub(super) fn touch_first(&self) -> u64 {
        self.0.iter().take(2).fold(0, |touched, sender| touched ^ u64::from(sender.number))
    }

    /// A new SSRC, or one of those who share.
    #[cold]
    fn unknown(&mut self, direction: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> bool {
        if let Some(shared) = self.0.get_mut(TRACKED) {
            return shared.let_by().unwrap_or_else(|| shared.measure_shared(ssrc, sequence, payload));
        }
        self.0.reserve_exact(1);
        if self.0.len() < TRACKED {
            let mut sender = Sender::new(ssrc, direction);
            let answer = sender.measure(sequence, payload);
            self.0.push(sender);
            return answer;
        }
        let mut shared = Sender::default();
        let answer = shared.measure_shared(ssrc, sequence, payload);
        self.0.push(shared);
        answer
    }
}

impl Keep for Values {
    fn keep(&self, to: &mut Vec<u8>) {
        (self.counts, self.values).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let (counts, values) = Keep::recall(from)?;
        Some(Self { counts, values })
    }
}

impl Keep for Sender {
    fn keep(&self, to: &mut Vec<u8>) {
        let Self { ssrc, number, counted, mark, first, second, high, low } = self;
        ((*ssrc, *number), (*counted, *mark)).keep(to);
        // Between two windows nothing is counted, and who is clear is not counted any more.
        if !matches!(*counted, 0 | CLEAR) {
            first.keep(to);
            second.keep(to);
            (high.0, low.0).keep(to);
        }
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        let ((ssrc, number), (counted, mark)) = Keep::recall(from)?;
        let sender = Self { ssrc, number, counted, mark, ..Self::default() };
        match counted {
            0 | CLEAR => Some(sender),
            counted if counted < LONGEST => {
                let (first, second) = (Keep::recall(from)?, Keep::recall(from)?);
                let (high, low) = Keep::recall(from)?;
                Some(Self { first, second, high: Halves(high), low: Halves(low), ..sender })
            }
            _ => None,
        }
    }
}

impl Keep for Senders {
    fn keep(&self, to: &mut Vec<u8>) {
        keep_list(&self.0, MOST, to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        recall_list(from, MOST).map(Self)
    }
}

#[cfg(test)]
mod tests;
