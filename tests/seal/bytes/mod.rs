//! What the words of a case file become: datagrams.

pub mod dtls;
pub mod foreign;
pub mod media;
pub mod stun;

/// SplitMix64: ciphertext from a seed, the same everywhere.
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

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// Bytes that nobody can tell from ciphertext.
pub fn ciphertext(seed: u64, length: usize) -> Vec<u8> {
    Chance::new(seed ^ 0x0063_6970_6865_7200).bytes(length)
}

/// A length of one byte, and the bytes.
pub fn vector_u8(body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len()).unwrap()], body].concat()
}

/// A length of two bytes, and the bytes.
pub fn vector_u16(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// The three low bytes of a length.
pub fn u24(number: usize) -> [u8; 3] {
    let [0, high, middle, low] = u32::try_from(number).unwrap().to_be_bytes() else { panic!("more than 24 bits") };
    [high, middle, low]
}

pub fn codes(codes: &[u16]) -> Vec<u8> {
    codes.iter().flat_map(|code| code.to_be_bytes()).collect()
}
