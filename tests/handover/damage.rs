//! A hundred journals that something has happened to: none of them stops a start.

use std::path::Path;

use hilum::app;
use hilum::clock::SystemClock;
use hilum::config;
use hilum::journal::{Entries, Identity, Picture, compose};

use crate::calls::{Call, Outside};
use crate::relay::Site;
use crate::world::until;

#[allow(dead_code, reason = "its mutations are those of STUN")]
#[path = "../fuzz/mutate.rs"]
mod mutate;
use mutate::Chance;

/// Something that happens to files: bytes change, go, come, or are written twice.
fn mutated(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        let end = (at + chance.below(64)).min(bytes.len());
        let some = bytes[at..end].to_vec();
        match chance.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, some)),
            3 => bytes[at..end].fill(0),
            4 => bytes.extend(some),
            _ => bytes[at..end].iter_mut().take(4).for_each(|byte| *byte ^= chance.next().to_be_bytes()[0]),
        }
    }
    bytes
}

/// The journal of a relay that was killed in the middle of two calls.
async fn journal(site: &Site) -> Vec<u8> {
    let server = site.start().await;
    let call = Call::begin(site, "visit").await;
    let outside = Outside::begin(site).await;
    site.rests().await;
    server.kill();
    drop((call, outside));
    std::fs::read(site.journal()).unwrap()
}

fn identity(journal: &[u8]) -> Identity {
    Identity {
        records: journal[9],
        shards: u16::from_be_bytes([journal[10], journal[11]]),
        boot: journal[12..28].try_into().unwrap(),
        configuration: journal[28..60].try_into().unwrap(),
    }
}

/// The same journal, genuine in every frame, with records that are not what they were.
fn resigned(journal: &[u8], key: &[u8; 32], chance: &mut Chance) -> Vec<u8> {
    let identity = identity(journal);
    let picture = Picture::read(journal, key, &identity).unwrap();
    let mut frames = Vec::new();
    for shard in [0, 1, hilum::journal::OURS] {
        for (place, record) in picture.of(shard) {
            let mut record = record.to_vec();
            if chance.below(2) == 0 {
                // The version of a record and its kind stay now and then, so that what stands behind is read.
                let keep = chance.below(3).min(record.len());
                let changed = mutated(&record[keep..], chance);
                record.truncate(keep);
                record.extend(changed);
            }
            let mut entries = Entries::default();
            entries.put((shard, place), Some(&record));
            frames.push(entries);
        }
    }
    compose(key, &identity, &frames.iter().map(Entries::bytes).collect::<Vec<_>>())
}

async fn starts(file: &Path) -> u64 {
    let app = app::start(config::read(file).unwrap(), SystemClock::start()).await.unwrap();
    let mut allocations = 0;
    until("the shards have published", async || {
        allocations = app.allocations();
        app.health().hanging().is_empty()
    })
    .await;
    app.stop().await;
    allocations
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_damaged_journals_stop_no_start() {
    let site = Site::new();
    let genuine = journal(&site).await;
    let key: [u8; 32] = std::fs::read(site.place.path("run/journal.key")).unwrap().try_into().unwrap();
    assert_eq!(resigned(&genuine, &key, &mut Chance::new(0))[..60], genuine[..60]);
    let mut chance = Chance::new(0x4869_6c75_6d21);
    for number in 0..100 {
        let journal = match number % 2 {
            0 => mutated(&genuine, &mut chance),
            _ => resigned(&genuine, &key, &mut chance),
        };
        std::fs::write(site.journal(), &journal).unwrap();
        starts(&site.file).await;
        assert!(!site.journal().exists(), "{number}: it has ended as it should");
    }
    std::fs::write(site.journal(), &genuine).unwrap();
    let server = site.start().await;
    assert_eq!(server.metric("hilum_restored_allocations").await, Some(3), "the genuine one is read to the end");
}
