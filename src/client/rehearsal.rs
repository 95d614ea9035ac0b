//! What a call carries, in form only: a DTLS 1.3 handshake, then SRTP. Nothing is agreed on and nothing is encrypted; what
//! would be keys, certificates and ciphertext is random. A relay that looks for handshakes and for media that is encrypted
//! sees what it looks for, and one that does not is none the wiser.
//!
//! That is no weakness to be kept quiet: a relay without keys cannot tell (`docs/seal.md`), and two ends that rehearse can
//! carry noise and nothing else. The file needs nothing of the crate, so that the benches can take it as it is.

/// Who sends a datagram of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that begins it.
    Client,
    /// The end that answers.
    Server,
}

/// The shortest packet that the rehearsed media can have: a header, and the longest authentication tag that SRTP profiles
/// have.
pub const SHORTEST: usize = HEADER + 16;
/// RTP without contributing sources and extensions (RFC 3550 §5.1).
const HEADER: usize = 12;
/// From one packet's timestamp to the next one's: 20 ms of a clock of 8 kHz.
const TICKS: u32 = 160;
/// Opus, as browsers number it, and G.711 (RFC 3551 §6).
const OPUS: u8 = 111;
const PCMU: u8 = 0;
/// Silence in G.711 µ-law, and all that most of a call consists of.
const SILENCE: u8 = 0xff;

/// Bytes of a server's certificate, signature and Finished under encryption, in a datagram of their own, and of a client's.
const SERVER_FLIGHT: usize = 700;
const CLIENT_FLIGHT: usize = 600;
/// An acknowledgement of one record (RFC 9147 §7): its number, the content type and a tag.
const ACKNOWLEDGEMENT: usize = 2 + 16 + 1 + 16;

/// One call that is rehearsed. The same seed makes the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal {
    seed: [u64; 2],
    source: [u8; 4],
    begins: u32,
}

impl Rehearsal {
    /// A call of its own for each `seed`.
    #[must_use]
    pub const fn new(seed: [u8; 24]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, source @ .., q, r, s, t] = seed;
        let seed = [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p])];
        Self { seed, source, begins: u32::from_be_bytes([q, r, s, t]) }
    }

    /// The datagrams of the handshake, in their order; each is sent when the one before has arrived.
    #[must_use]
    pub fn handshake(&self) -> [(Side, Vec<u8>); 4] {
        [
            (Side::Client, clear(&message(1, &self.client_hello()))),
            (Side::Server, [clear(&message(2, &self.server_hello())), self.encrypted(2, 3, SERVER_FLIGHT)].concat()),
            (Side::Client, self.encrypted(2, 4, CLIENT_FLIGHT)),
            (Side::Server, self.encrypted(3, 5, ACKNOWLEDGEMENT)),
        ]
    }

    /// A packet of `size` bytes, 28 at least, that looks like SRTP.
    #[must_use]
    pub fn sealed(&self, number: u32, size: usize) -> Vec<u8> {
        let mut packet = self.header(number, OPUS);
        packet.extend(self.noise(Stream::Media(number)).take(size.max(SHORTEST) - HEADER));
        packet
    }

    /// The same as clear RTP: silence in G.711.
    #[must_use]
    pub fn unsealed(&self, number: u32, size: usize) -> Vec<u8> {
        let mut packet = self.header(number, PCMU);
        packet.resize(size.max(SHORTEST), SILENCE);
        packet
    }

    /// Which packet of this call this is, by its header; `None` for everything else.
    #[must_use]
    pub fn number(&self, packet: &[u8]) -> Option<u32> {
        let &[0x80, OPUS | PCMU, _, _, a, b, c, d, ref source @ ..] = packet.first_chunk::<HEADER>()? else {
            return None;
        };
        (*source == self.source).then(|| u32::from_be_bytes([a, b, c, d]).wrapping_sub(self.begins) / TICKS)
    }

    fn header(&self, number: u32, payload_type: u8) -> Vec<u8> {
        let [_, _, sequence @ ..] = number.to_be_bytes();
        let timestamp = number.wrapping_mul(TICKS).wrapping_add(self.begins).to_be_bytes();
        [&[0x80, payload_type][..], &sequence, &timestamp, &self.source].concat()
    }

    /// RFC 9147 §5.3, with what a call needs: a version, a suite, SRTP profiles (RFC 5764 §4.1.1), a key share.
    fn client_hello(&self) -> Vec<u8> {
        // All four, so that every relay finds one that it allows.
        let profiles = [0, 8, 0, 8, 0, 7, 0, 1, 0, 2, 0];
        let share: Vec<u8> = self.noise(Stream::Handshake(0)).take(32).collect();
        let extensions = [
            extension(10, &[0, 2, 0, 29]),
            extension(13, &[0, 2, 4, 3]),
            extension(14, &profiles),
            extension(43, &[2, 0xfe, 0xfc]),
            extension(51, &[&[0, 36, 0, 29, 0, 32][..], &share].concat()),
        ]
        .concat();
        let random: Vec<u8> = self.noise(Stream::Handshake(1)).take(32).collect();
        // The version of DTLS 1.2, no session, no cookie; TLS_AES_128_GCM_SHA256; no compression.
        [&[0xfe, 0xfd][..], &random, &[0, 0, 0, 2, 0x13, 0x01, 1, 0], &long(&extensions)].concat()
    }

    /// RFC 8446 §4.1.3.
    fn server_hello(&self) -> Vec<u8> {
        let share: Vec<u8> = self.noise(Stream::Handshake(2)).take(32).collect();
        let extensions =
            [extension(43, &[0xfe, 0xfc]), extension(51, &[&[0, 29, 0, 32][..], &share].concat())].concat();
        let random: Vec<u8> = self.noise(Stream::Handshake(6)).take(32).collect();
        [&[0xfe, 0xfd][..], &random, &[0, 0x13, 0x01, 0], &long(&extensions)].concat()
    }

    /// A record with the unified header, a sequence number of 16 bits, which is encrypted as well, and a length
    /// (RFC 9147 §4).
    fn encrypted(&self, epoch: u8, stream: u32, length: usize) -> Vec<u8> {
        let mut noise = self.noise(Stream::Handshake(stream));
        let sequence: Vec<u8> = noise.by_ref().take(2).collect();
        let body: Vec<u8> = noise.take(length).collect();
        [&[0b0010_1100 | epoch][..], &sequence, &long(&body)].concat()
    }

    /// Bytes as evenly spread as those of a cipher, without end (SplitMix64); each stream has its own.
    fn noise(&self, stream: Stream) -> impl Iterator<Item = u8> + use<> {
        let (kind, number) = match stream {
            Stream::Handshake(number) => (1, number),
            Stream::Media(number) => (2, number),
        };
        let [one, other] = self.seed;
        let mut state = mixed(one ^ mixed(other ^ (kind << 32 | u64::from(number))));
        core::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mixed(state).to_be_bytes()
        })
        .flatten()
    }
}

/// What noise is for.
#[derive(Clone, Copy)]
enum Stream {
    Handshake(u32),
    Media(u32),
}

const fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// A handshake message, whole in one fragment: kind, length, sequence, offset and length of the fragment
/// (RFC 9147 §5.2). Each side's first has number 0.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = short(body.len());
    [&[kind, 0, high, low, 0, 0, 0, 0, 0, 0, high, low][..], body].concat()
}

/// A record that anybody can read: handshake, the version of DTLS 1.2, epoch 0, number 0 (RFC 9147 §4).
fn clear(body: &[u8]) -> Vec<u8> {
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &long(body)].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &long(body)].concat()
}

/// Bytes with their length before them, in 16 bits.
fn long(body: &[u8]) -> Vec<u8> {
    [&short(body.len())[..], body].concat()
}

/// Nothing here is longer than a datagram.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}
