//! How long the codec takes for one message of each kind that a relay reads and writes all day.
//!
//! `cargo bench --no-default-features --bench codec`, or with `-- --quick` for a first look.

#![allow(clippy::expect_used, missing_docs, reason = "a bench that cannot build its input has nothing to measure")]

use core::hint::black_box;
use core::net::SocketAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hilum::wire::{
    AttributeType, ChannelData, ChannelNumber, Class, IntegrityKey, IntegrityKind, Message, MessageWriter, Method,
    PasswordAlgorithm, TransactionId, write_channel_header,
};

const TRANSACTION: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
/// As long as a nonce of this server with its security-feature cookie.
const NONCE: &[u8] = b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA";
const REALM: &[u8] = b"hilum.example";
const USERNAME: &[u8] = b"1790000000:visit-4711";

fn key(kind: IntegrityKind) -> IntegrityKey {
    let algorithm = match kind {
        IntegrityKind::Sha1 => PasswordAlgorithm::Md5,
        IntegrityKind::Sha256 => PasswordAlgorithm::Sha256,
    };
    IntegrityKey::long_term(algorithm, USERNAME, REALM, b"secret")
}

fn client() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 51_234))
}

fn relayed() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 9], 61_000))
}

fn binding_request(buffer: &mut [u8]) -> usize {
    let mut writer = MessageWriter::new(buffer, Class::Request, Method::Binding, TRANSACTION);
    writer.attribute(AttributeType::SOFTWARE, b"a browser").fingerprint().finish().expect("a large buffer")
}

fn allocate_request(buffer: &mut [u8], kind: IntegrityKind, key: &IntegrityKey) -> usize {
    MessageWriter::new(buffer, Class::Request, Method::Allocate, TRANSACTION)
        .attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        .attribute(AttributeType::USERNAME, USERNAME)
        .attribute(AttributeType::REALM, REALM)
        .attribute(AttributeType::NONCE, NONCE)
        .integrity(kind, key)
        .finish()
        .expect("a large buffer")
}

fn binding_success(buffer: &mut [u8]) -> usize {
    MessageWriter::new(buffer, Class::Success, Method::Binding, TRANSACTION)
        .xor_address(AttributeType::XOR_MAPPED_ADDRESS, client(), TRANSACTION)
        .fingerprint()
        .finish()
        .expect("a large buffer")
}

fn allocate_success(buffer: &mut [u8], kind: IntegrityKind, key: &IntegrityKey) -> usize {
    MessageWriter::new(buffer, Class::Success, Method::Allocate, TRANSACTION)
        .xor_address(AttributeType::XOR_RELAYED_ADDRESS, relayed(), TRANSACTION)
        .number(AttributeType::LIFETIME, 600)
        .xor_address(AttributeType::XOR_MAPPED_ADDRESS, client(), TRANSACTION)
        .integrity(kind, key)
        .finish()
        .expect("a large buffer")
}

/// What a server does to every message before it knows who sent it.
fn read(bytes: &[u8]) -> usize {
    let message = Message::parse(bytes).expect("a message of our own");
    message.unknown_required().count() + usize::from(message.has(AttributeType::USERNAME))
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(1));

    let mut buffer = [0; 512];
    let length = binding_request(&mut buffer);
    let bytes = &buffer[..length];
    group.bench_function("binding_request", |bencher| bencher.iter(|| read(black_box(bytes))));
    group.bench_function("binding_request_fingerprint", |bencher| {
        bencher.iter(|| Message::parse(black_box(bytes)).map(|message| message.fingerprint()));
    });

    for (name, kind) in [("sha1", IntegrityKind::Sha1), ("sha256", IntegrityKind::Sha256)] {
        let key = key(kind);
        let mut buffer = [0; 512];
        let length = allocate_request(&mut buffer, kind, &key);
        let bytes = &buffer[..length];
        group.bench_function(format!("allocate_request_{name}"), |bencher| bencher.iter(|| read(black_box(bytes))));
        group.bench_function(format!("allocate_request_{name}_verified"), |bencher| {
            bencher.iter(|| Message::parse(black_box(bytes)).map(|message| key.verify(kind, &message)));
        });
    }

    for size in [172_u16, 1200] {
        let channel = ChannelNumber::FIRST;
        let mut bytes = write_channel_header(channel, size).to_vec();
        bytes.resize(bytes.len() + usize::from(size), 0xAB);
        group.bench_function(format!("channel_data_{size}"), |bencher| {
            bencher.iter(|| ChannelData::parse(black_box(&bytes)).map(|data| data.data.len()));
        });
    }
    group.finish();
}

fn building(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build");
    group.throughput(Throughput::Elements(1));
    let mut buffer = [0; 512];
    group.bench_function("binding_success", |bencher| bencher.iter(|| binding_success(black_box(&mut buffer))));
    for (name, kind) in [("sha1", IntegrityKind::Sha1), ("sha256", IntegrityKind::Sha256)] {
        let key = key(kind);
        group.bench_function(format!("allocate_success_{name}"), |bencher| {
            bencher.iter(|| allocate_success(black_box(&mut buffer), kind, black_box(&key)));
        });
    }
    group.finish();
}

criterion_group!(benches, parsing, building);
criterion_main!(benches);
