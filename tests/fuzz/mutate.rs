//! Mutations of a corpus, the same for the same seed.

/// SplitMix64: enough chance for a test, and none but the seed's.
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// Words that codecs trip over: limits, types of attributes, beginnings of frames and of addresses.
const WORDS: &[[u8; 2]] = &[
    [0x00, 0x00],
    [0x00, 0x01],
    [0x00, 0x03],
    [0x00, 0x04],
    [0x00, 0x08],
    [0x00, 0x14],
    [0x00, 0x1C],
    [0x00, 0x20],
    [0x7F, 0xFF],
    [0x80, 0x00],
    [0x80, 0x28],
    [0xFF, 0xFC],
    [0xFF, 0xFF],
    [0x21, 0x12],
    [0xA4, 0x42],
    [0x40, 0x00],
    [0x4F, 0xFF],
    [0x50, 0x00],
    [0x20, 0x02],
    [0x20, 0x01],
    [0x00, 0x64],
    [0xFF, 0x9B],
    [0x00, 0x12],
    [0x00, 0x13],
    [0x00, 0x0C],
    [0x00, 0x0D],
    [0x00, 0x0E],
    [0x00, 0x2B],
    [0x00, 0x36],
    [0xFE, 0xFC],
    [0xFE, 0xFD],
    [0x80, 0xC9],
];

/// The longest input that mutation grows to: a little more than the largest message.
const LONGEST: usize = 70_000;

/// A child of one of `corpus`: copied, then changed one to six times.
pub fn mutate(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus.get(chance.below(corpus.len())).cloned().unwrap_or_default();
    for _ in 0..=chance.below(6) {
        if chance.below(2) == 0 {
            attribute_step(&mut bytes, corpus, chance);
        } else {
            step(&mut bytes, corpus, chance);
        }
    }
    bytes.truncate(LONGEST);
    // Most headers are worth keeping true: a message refused for its length says nothing about its attributes.
    if chance.below(4) != 0 {
        repair_length(&mut bytes);
        repair_handshake(&mut bytes);
    }
    bytes
}

/// Where the attributes of what looks like a STUN message start and end, up to the first that does not fit.
fn attributes(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 20;
    while let Some([_, _, high, low]) = bytes.get(at..at + 4) {
        let end = at + 4 + usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        if end > bytes.len() {
            break;
        }
        found.push((at, end));
        at = end;
    }
    found
}

/// Changes whole attributes: drops, repeats, moves, renames, brings one from elsewhere, or changes a value.
fn attribute_step(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let found = attributes(bytes);
    let Some(&(start, end)) = found.get(chance.below(found.len())) else { return step(bytes, corpus, chance) };
    let to = found.get(chance.below(found.len())).map_or(bytes.len(), |(start, _)| *start);
    match chance.below(6) {
        0 => drop(bytes.drain(start..end)),
        1 => {
            let copy = bytes[start..end].to_vec();
            bytes.splice(to..to, copy);
        }
        2 => {
            let moved: Vec<u8> = bytes.drain(start..end).collect();
            let to = to.min(bytes.len());
            bytes.splice(to..to, moved);
        }
        3 => bytes[start..start + 2].copy_from_slice(&WORDS[chance.below(WORDS.len())]),
        4 => {
            let other = corpus.get(chance.below(corpus.len())).map(Vec::as_slice).unwrap_or_default();
            let theirs = attributes(other);
            if let Some(&(first, last)) = theirs.get(chance.below(theirs.len())) {
                bytes.splice(to..to, other[first..last].iter().copied());
            }
        }
        _ => {
            if end > start + 4 {
                let at = start + 4 + chance.below(end - start - 4);
                bytes[at] = chance.byte();
            }
        }
    }
}

fn step(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    match chance.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = chance.byte();
            }
        }
        2 => {
            let word = WORDS[chance.below(WORDS.len())];
            let at = at & !1;
            if let Some(place) = bytes.get_mut(at..at + 2) {
                place.copy_from_slice(&word);
            }
        }
        3 => {
            let word = WORDS[chance.below(WORDS.len())];
            bytes.splice(at..at, word);
        }
        4 => {
            let end = (at + 1 + chance.below(12)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 => {
            let end = (at + 4 * (1 + chance.below(8))).min(bytes.len());
            let copy = bytes.get(at..end).unwrap_or_default().to_vec();
            bytes.splice(at..at, copy);
        }
        6 => bytes.truncate(at),
        7 => {
            let fill = chance.byte();
            let most = if chance.below(64) == 0 { LONGEST } else { 64 };
            let more = chance.below(most);
            bytes.resize((bytes.len() + more).min(LONGEST), fill);
        }
        8 => {
            // The start of one, the end of another.
            let other = corpus.get(chance.below(corpus.len())).map(Vec::as_slice).unwrap_or_default();
            let from = chance.below(other.len() + 1) & !3;
            bytes.truncate(at & !3);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
        _ => {
            let length = chance.below(24);
            let noise: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
            bytes.splice(at..at, noise);
        }
    }
}

/// Makes the length field of what looks like a STUN message true, and its length a multiple of four.
fn repair_length(bytes: &mut Vec<u8>) {
    if bytes.len() < 20 || bytes.get(4..8) != Some([0x21, 0x12, 0xA4, 0x42].as_slice()) {
        return;
    }
    bytes.truncate(bytes.len() & !3);
    if let (Ok(body), Some(place)) = (u16::try_from(bytes.len() - 20), bytes.get_mut(2..4)) {
        place.copy_from_slice(&body.to_be_bytes());
    }
}

/// Makes the lengths in front of what looks like a first record with a handshake message true for a message that reaches
/// to the end, and that of a hello's extensions. A byte of its own stands before the record.
fn repair_handshake(bytes: &mut [u8]) {
    const RECORD: usize = 1 + 13;
    const MESSAGE: usize = RECORD + 12;
    let [_, 22, 0xFE, _, 0, 0, ..] = *bytes else { return };
    repair(bytes, RECORD - 2, 2);
    repair(bytes, RECORD + 9, 3);
    if let Some(length) = bytes.get(RECORD + 9..MESSAGE).map(<[u8]>::to_vec) {
        bytes[RECORD + 1..RECORD + 4].copy_from_slice(&length);
    }
    // The widths of the lengths of the vectors between the random and the extensions; the server's suite and method.
    let (vectors, fixed): (&[usize], usize) = match bytes.get(RECORD) {
        Some(1) => (&[1, 1, 2, 1], 0),
        Some(2) => (&[1], 3),
        _ => return,
    };
    let mut at = MESSAGE + 34;
    for width in vectors {
        let Some(length) = bytes.get(at..at + width) else { return };
        at += width + length.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    }
    repair(bytes, at + fixed, 2);
}

/// Makes a length of `width` bytes at `at` true for what follows it to the end.
fn repair(bytes: &mut [u8], at: usize, width: usize) {
    let Some(rest) = bytes.len().checked_sub(at + width) else { return };
    bytes[at..at + width].copy_from_slice(&rest.to_be_bytes()[size_of::<usize>() - width..]);
}
