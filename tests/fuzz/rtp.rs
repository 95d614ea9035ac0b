//! RTP and RTCP headers: what is read is written back and must be what was there.

use hilum::wire::{InvalidRtcp, InvalidRtp, RtcpHeader, RtpHeader, is_clear_compound, is_rtcp};

/// A packet that claims to be RTP or RTCP, encrypted or not.
pub fn wire_rtp(packet: &[u8]) {
    assert_eq!(is_rtcp(packet), packet.len() > 1 && packet[1] / 32 == 6);
    rtp(packet);
    rtcp(packet);
    let clear = clear_compound(packet);
    assert_eq!(is_clear_compound(packet), clear, "the reference counts the compound otherwise");
    // Whoever appends a byte, as SRTCP appends fifteen or more, leaves the compound.
    assert!(!clear || !is_clear_compound(&[packet, &[0]].concat()));
}

/// Where the payload starts, counted in words, if the header lies inside.
fn payload_of(packet: &[u8]) -> Option<usize> {
    let words: Vec<&[u8]> = packet.chunks_exact(4).collect();
    let mut header = 3 + usize::from(packet.first()? % 16);
    if packet[0] / 16 % 2 == 1 {
        let extension = words.get(header)?;
        header += 1 + usize::from(extension[2]) * 256 + usize::from(extension[3]);
    }
    (header <= words.len()).then_some(header * 4)
}

fn rtp(packet: &[u8]) {
    let read = RtpHeader::parse(packet);
    let is_version_2 = packet.first().is_some_and(|first| first / 64 == 2);
    match read {
        Ok(header) => {
            assert!(is_version_2);
            assert_eq!(Some(header.payload), payload_of(packet), "the reference finds the payload elsewhere");
            let RtpHeader { payload_type, marker, sequence, timestamp, ssrc, .. } = header;
            assert!(payload_type < 128);
            let second = payload_type | u8::from(marker) << 7;
            let [a, b] = sequence.to_be_bytes();
            let written = [&[second, a, b][..], &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
            assert_eq!(written, packet[1..12]);
        }
        Err(InvalidRtp::Version) => assert!(!is_version_2 && !packet.is_empty()),
        Err(InvalidRtp::Truncated) => assert!(packet.is_empty() || is_version_2 && payload_of(packet).is_none()),
    }
}

fn rtcp(packet: &[u8]) {
    match RtcpHeader::parse(packet) {
        Ok(RtcpHeader { kind, count, padding, length, ssrc }) => {
            assert!(is_rtcp(packet) && (8..=packet.len()).contains(&length) && count < 32);
            let words = u16::try_from(length / 4 - 1).expect("a length field");
            let written = [&[0x80 | u8::from(padding) << 5 | count, kind][..], &words.to_be_bytes()].concat();
            assert_eq!([&written[..], &ssrc.to_be_bytes()].concat(), packet[..8]);
        }
        Err(InvalidRtcp::Version) => assert_ne!(packet[0] / 64, 2),
        Err(InvalidRtcp::Kind) => assert!(!is_rtcp(packet)),
        Err(InvalidRtcp::Length) => assert_eq!(packet[2..4], [0, 0]),
        Err(InvalidRtcp::Truncated) => {
            let announced = packet.get(2..4).map(|two| 4 * (1 + usize::from(two[0]) * 256 + usize::from(two[1])));
            assert!(packet.len() < 8 || announced.is_some_and(|length| length > packet.len()));
        }
    }
}

/// RFC 3550, appendix A.2: walks the lengths of the packets, and only then asks what each of them is.
fn clear_compound(packet: &[u8]) -> bool {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some([_, _, high, low]) = packet.get(at..at + 4) {
        starts.push(at);
        at += 4 * (1 + usize::from(*high) * 256 + usize::from(*low));
    }
    let Some((last, earlier)) = starts.split_last() else { return false };
    at == packet.len()
        && starts.iter().all(|start| packet[*start] / 64 == 2 && packet[start + 1] / 32 == 6)
        && earlier.iter().all(|start| packet[*start] & 0x20 == 0)
        && *last < packet.len()
}
