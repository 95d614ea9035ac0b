//! Frames in a byte stream: wherever the network cuts it, the same frames come out.

use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, Frame, FrameKind, LARGEST_MESSAGE, Malformed, Message, Method,
    frame_length, kind_of, write_channel_header,
};
use proptest::prelude::*;

use super::bytes::{hex, message};

/// What a reader of a stream does: keeps what has arrived and cuts frames from its front.
#[derive(Default)]
struct Splitter {
    arrived: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

impl Splitter {
    fn arrive(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.arrived.extend_from_slice(bytes);
        while let Some(Frame { length, .. }) = frame_length(&self.arrived)? {
            if self.arrived.len() < length {
                break;
            }
            let rest = self.arrived.split_off(length);
            self.frames.push(core::mem::replace(&mut self.arrived, rest));
        }
        Ok(())
    }
}

fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let channel = ChannelNumber::new(number).unwrap();
    let mut bytes = write_channel_header(channel, u16::try_from(data.len()).unwrap()).to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn send_indication(data: &[u8]) -> Vec<u8> {
    message(Class::Indication, Method::Send, |writer| {
        writer.attribute(AttributeType::DATA, data);
    })
}

/// A conversation: STUN and ChannelData, empty, odd and long.
fn conversation() -> Vec<Vec<u8>> {
    vec![
        message(Class::Request, Method::Allocate, |_| {}),
        channel_data(0x4000, b""),
        channel_data(0x4001, b"a"),
        send_indication(b"hello"),
        channel_data(0x4FFF, b"abcd"),
        channel_data(0x4002, b"abcde"),
        message(Class::Request, Method::Refresh, |writer| {
            writer.number(AttributeType::LIFETIME, 0).fingerprint();
        }),
    ]
}

#[test]
fn a_stream_cut_once_at_any_byte_gives_the_same_frames() {
    let frames = conversation();
    let stream = frames.concat();
    for cut in 0..=stream.len() {
        let mut splitter = Splitter::default();
        splitter.arrive(&stream[..cut]).unwrap();
        splitter.arrive(&stream[cut..]).unwrap();
        assert_eq!(splitter.frames, frames, "cut at {cut}");
        assert!(splitter.arrived.is_empty());
    }
}

#[test]
fn a_stream_of_single_bytes_gives_the_same_frames() {
    let frames = conversation();
    let mut splitter = Splitter::default();
    for byte in frames.concat() {
        splitter.arrive(&[byte]).unwrap();
    }
    assert_eq!(splitter.frames, frames);
}

#[test]
fn every_frame_of_the_conversation_is_read_by_the_reader_of_its_kind() {
    for frame in conversation() {
        match frame_length(&frame).unwrap().unwrap().kind {
            FrameKind::Stun => drop(Message::parse(&frame).unwrap()),
            FrameKind::ChannelData => drop(ChannelData::parse(&frame).unwrap()),
        }
    }
}

#[test]
fn the_longest_frames_are_announced_whole() {
    let longest = channel_data(0x4000, &vec![7; 65_535]);
    assert_eq!(frame_length(&longest[..4]), Ok(Some(Frame { kind: FrameKind::ChannelData, length: 65_540 })));
    assert_eq!(longest.len(), 65_540);
    let stun = hex("0016 fffc 2112a442");
    assert_eq!(frame_length(&stun), Ok(Some(Frame { kind: FrameKind::Stun, length: LARGEST_MESSAGE })));
}

#[test]
fn more_bytes_are_asked_for_until_the_length_can_be_believed() {
    let stun = message(Class::Request, Method::Binding, |_| {});
    for known in 0..8 {
        assert_eq!(frame_length(&stun[..known]), Ok(None), "{known} bytes");
    }
    assert_eq!(frame_length(&stun[..8]), Ok(Some(Frame { kind: FrameKind::Stun, length: 20 })));
    let data = channel_data(0x4000, b"abc");
    for known in 0..4 {
        assert_eq!(frame_length(&data[..known]), Ok(None), "{known} bytes");
    }
    assert_eq!(frame_length(&data[..4]), Ok(Some(Frame { kind: FrameKind::ChannelData, length: 8 })));
}

#[test]
fn a_stream_of_something_else_is_refused_at_once() {
    for (name, bytes) in
        [("a TLS ClientHello", hex("16 0301 0200")), ("HTTP/2", b"PRI ".to_vec()), ("SSH", b"SSH-".to_vec())]
    {
        assert_eq!(frame_length(&bytes[..1]), Err(Malformed::NotStun), "{name}");
        assert_eq!(frame_length(&bytes), Err(Malformed::NotStun), "{name}");
    }
    assert_eq!(frame_length(&hex("0001 0000 00000000")), Err(Malformed::NoCookie));
    assert_eq!(frame_length(&hex("0001 0001")), Err(Malformed::UnalignedLength));
    assert_eq!(frame_length(&hex("0001 0002 2112a442")), Err(Malformed::UnalignedLength));
}

#[test]
fn a_get_request_looks_like_channel_data_of_a_bounded_length() {
    // "GE" is channel 0x4745 and "T " its length. Nobody has bound that channel, and the deadline for strangers ends
    // the connection.
    let frame = Frame { kind: FrameKind::ChannelData, length: 4 + 0x5420 };
    assert_eq!(frame_length(b"GET / HTTP/1.1\r\n"), Ok(Some(frame)));
}

#[test]
fn the_first_byte_says_what_a_frame_is() {
    for first in 0..=u8::MAX {
        let kind = match first {
            0..=3 => Some(FrameKind::Stun),
            0x40..=0x4F => Some(FrameKind::ChannelData),
            _ => None,
        };
        assert_eq!(kind_of(first), kind, "{first}");
    }
}

proptest! {
    #![proptest_config(super::bytes::cases(512))]

    #[test]
    fn a_stream_cut_anywhere_any_number_of_times_gives_the_same_frames(
        payloads in proptest::collection::vec(
            (any::<bool>(), 0x4000_u16..=0x4FFF, proptest::collection::vec(any::<u8>(), 0..300)), 1..12),
        cuts in proptest::collection::vec(1_usize..400, 1..40),
    ) {
        let frames: Vec<Vec<u8>> = payloads
            .iter()
            .map(|(stun, channel, data)| if *stun { send_indication(data) } else { channel_data(*channel, data) })
            .collect();
        let stream = frames.concat();
        let mut splitter = Splitter::default();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            splitter.arrive(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(splitter.frames, frames);
        prop_assert!(splitter.arrived.is_empty());
    }

    #[test]
    fn what_a_prefix_says_of_a_frame_a_longer_one_says_too(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut said = None;
        for known in 0..=bytes.len() {
            match (frame_length(&bytes[..known]), said) {
                (Ok(None), None) => {}
                (answer, None) => said = Some(answer),
                (answer, Some(before)) => prop_assert_eq!(answer, before),
            }
        }
    }
}
