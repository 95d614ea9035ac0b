//! Cuts a byte stream into messages, wherever the network has split or joined them.

use crate::wire::{Malformed, frame_length};

/// Free room that a read finds: some packets' worth, so that an idle connection holds little.
const READ_SIZE: usize = 4096;
/// The largest message: a STUN header and the most that its length field can say in steps of four.
const LARGEST_FRAME: usize = 20 + 65_532;
/// The largest message of a client without an allocation: what fits into one read. Requests that lead to an allocation
/// are a tenth of that, and ChannelData has no meaning yet.
pub(super) const LARGEST_OF_STRANGERS: usize = READ_SIZE;

/// The bytes that have come but are not yet a message. Never holds more than one whole message and one read.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Bytes at the front that have been handed out.
    consumed: usize,
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole message.
    Whole(Vec<u8>),
    /// A message of this length whose rest has not come yet; 0 when not even its length is known.
    Partial(usize),
}

impl Frames {
    pub(super) const fn new() -> Self {
        Self { buffer: Vec::new(), consumed: 0 }
    }

    /// Takes the next message out.
    pub(super) fn next(&mut self) -> Result<Next, Malformed> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let Some(frame) = frame_length(rest)? else { return Ok(Next::Partial(0)) };
        match rest.get(..frame.length) {
            Some(bytes) => {
                let bytes = bytes.to_vec();
                self.consumed += frame.length;
                Ok(Next::Whole(bytes))
            }
            None => Ok(Next::Partial(frame.length)),
        }
    }

    /// Room to read into, behind what is there, for a message of `length` bytes in all; room for more is not kept.
    pub(super) fn room(&mut self, length: usize) -> &mut Vec<u8> {
        self.buffer.drain(..self.consumed.min(self.buffer.len()));
        self.consumed = 0;
        let wanted = length.min(LARGEST_FRAME).max(self.buffer.len()).saturating_add(READ_SIZE);
        if self.buffer.capacity() > wanted.saturating_mul(2) {
            self.buffer.shrink_to(wanted);
        }
        self.buffer.reserve_exact(wanted.saturating_sub(self.buffer.len()));
        &mut self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Binding request, ChannelData with padding, an empty ChannelData.
    fn messages() -> Vec<Vec<u8>> {
        let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        binding.extend([7; 12]);
        vec![binding, vec![0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0], vec![0x40, 1, 0, 0]]
    }

    fn cut(frames: &mut Frames, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
        frames.room(0).extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Next::Whole(message) = frames.next()? {
            out.push(message);
        }
        Ok(out)
    }

    #[test]
    fn messages_split_at_any_byte_come_out_whole() {
        let stream = messages().concat();
        for at in 0..=stream.len() {
            let (first, second) = stream.split_at(at);
            let mut frames = Frames::new();
            let mut out = cut(&mut frames, first).unwrap();
            out.extend(cut(&mut frames, second).unwrap());
            assert_eq!(out, messages(), "split at {at}");
        }
    }

    #[test]
    fn messages_that_come_byte_by_byte_come_out_whole() {
        let mut frames = Frames::new();
        let out: Vec<_> = messages().concat().iter().flat_map(|byte| cut(&mut frames, &[*byte]).unwrap()).collect();
        assert_eq!(out, messages());
    }

    #[test]
    fn the_room_grows_for_a_large_message_and_shrinks_after_it() {
        let mut frames = Frames::new();
        let mut large = vec![0x40, 0, 0xff, 0xff];
        large.extend(vec![1; 65_536]);
        let (first, second) = large.split_at(100);
        frames.room(0).extend_from_slice(first);
        assert_eq!(frames.next(), Ok(Next::Partial(large.len())));
        frames.room(large.len()).extend_from_slice(second);
        assert!(frames.buffer.capacity() <= LARGEST_FRAME + READ_SIZE);
        assert_eq!(frames.next(), Ok(Next::Whole(large)));
        assert!(frames.room(0).capacity() <= 2 * READ_SIZE);
    }

    #[test]
    fn another_protocol_is_refused_at_its_first_bytes() {
        assert_eq!(cut(&mut Frames::new(), b"SSH-2.0-OpenSSH"), Err(Malformed::NotStun));
        assert_eq!(cut(&mut Frames::new(), &[0x16, 3, 1]), Err(Malformed::NotStun));
        assert_eq!(cut(&mut Frames::new(), &[0, 1, 0, 0, 1, 2, 3, 4]), Err(Malformed::NoCookie));
    }

    #[test]
    fn what_comes_before_the_garbage_is_not_lost() {
        let mut frames = Frames::new();
        frames.room(0).extend([messages().concat(), vec![0xff]].concat());
        for message in messages() {
            assert_eq!(frames.next(), Ok(Next::Whole(message)));
        }
        assert_eq!(frames.next(), Err(Malformed::NotStun));
    }
}
