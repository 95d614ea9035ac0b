//! Recordings of real browsers, in `tests/seal/recordings`.

use hilum::explain::{Kind, Outcome};
use hilum::policy::seal::{Fact, Reason, Version};

use crate::{Story, explain};

fn recording(name: &str) -> Story {
    let path = format!("{}/tests/seal/recordings/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    explain(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

fn passed(story: &Story, kind: Kind) -> u64 {
    story.summary.paths.iter().filter_map(|path| path.passed.get(&kind)).sum()
}

fn versions(story: &Story) -> Vec<Version> {
    let facts = story.summary.paths.iter().flat_map(|path| &path.opened).map(|opened| opened.fact);
    facts.filter_map(|fact| if let Fact::Opened { version, .. } = fact { Some(version) } else { None }).collect()
}

#[test]
fn every_packet_of_a_good_call_passes() {
    let calls = [
        ("firefox-firefox", 134, Version::Dtls13),
        ("mixed-dtls12", 102, Version::Dtls12),
        ("chromium-dtls-in-stun", 98, Version::Dtls13),
    ];
    for (name, relayed, version) in calls {
        let story = recording(name);
        assert_eq!(story.summary.outcome(), Outcome::Passes, "{name}: {}", story.text());
        assert_eq!((story.summary.passed, versions(&story)), (relayed, vec![version]), "{name}");
        assert!(passed(&story, Kind::Rtp) > 50 && passed(&story, Kind::Dtls) > 5, "{name}: {}", story.text());
    }
}

#[test]
fn a_browser_with_encryption_switched_off_gets_no_media_through() {
    let story = recording("chromium-clear");
    assert_eq!(passed(&story, Kind::Rtp) + passed(&story, Kind::Rtcp) + passed(&story, Kind::Dtls), 0);
    assert_eq!(story.refused(Reason::MediaUnsealed).len(), 77, "{}", story.text());
    assert!(passed(&story, Kind::Ice) > 0);
}

/// RFC 9147 §5.8: the client has finished as soon as it has sent its Finished. When that datagram is lost before the
/// relay, the media behind it comes early, for the relay as for the server, until it is sent again.
#[test]
fn when_a_finished_is_lost_media_is_early_until_it_comes_again() {
    let story = recording("chromium-chromium-loss-reorder");
    let early = story.refused(Reason::MediaEarly);
    assert_eq!(u64::try_from(early.len()).unwrap(), story.summary.refused, "{}", story.text());
    let opened = story.summary.paths.iter().flat_map(|path| &path.opened).map(|opened| opened.packet).min().unwrap();
    assert!(!early.is_empty() && early.iter().all(|packet| *packet < opened), "{early:?}, opened {opened}");
}
