//! Bytes as a reader of an RFC sees them.

use hilum::wire::{AttributeType, Class, MAGIC_COOKIE, MessageWriter, Method, TransactionId};

/// How many cases a property is tried on. A failing case is printed in full, so no file of seeds is kept.
pub fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() }
}

/// A transaction id like any other.
pub const TRANSACTION: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

/// The bytes that hexadecimal digits say; white space counts nothing, and a line ends at `;`.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .lines()
        .flat_map(|line| line.split(';').next().unwrap_or_default().chars())
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| letter.to_digit(16).unwrap_or_else(|| panic!("{letter:?} is no hexadecimal digit")))
        .collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of hexadecimal digits");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// The message that `write` makes.
pub fn message(class: Class, method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buffer = vec![0xEE; 70_000];
    let mut writer = MessageWriter::new(&mut buffer, class, method, TRANSACTION);
    write(&mut writer);
    let length = writer.finish().expect("70,000 bytes are room for every message");
    buffer.truncate(length);
    buffer
}

/// A message made without our writer, from raw attributes: type, value, and what stands in the padding.
pub fn raw_message(kind: u16, attributes: &[(AttributeType, &[u8], u8)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value, padding) in attributes {
        body.extend_from_slice(&kind.0.to_be_bytes());
        body.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
        while !body.len().is_multiple_of(4) {
            body.push(*padding);
        }
    }
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    bytes.extend_from_slice(&TRANSACTION.0);
    bytes.extend_from_slice(&body);
    bytes
}
