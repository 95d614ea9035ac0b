//! What waits comes through a restart and a reload, and a disk that refuses is asked again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hilum::clock::SystemClock;
use hilum::webhook::{Event, Keep, Pace, Webhooks};

use crate::receiver::{Habit, Played, QUICK, count, receiver, until, webhooks};
use crate::{APPOINTMENT, appointment};

/// A disk in memory.
#[derive(Clone, Default)]
struct Disk {
    things: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn keep(&self) -> Keep {
        let disk = self.clone();
        Box::new(move |changes| {
            if disk.full.load(Ordering::SeqCst) {
                return Err("no space left".to_owned());
            }
            let mut things = disk.things.lock().unwrap();
            for (name, bytes) in changes {
                match bytes {
                    Some(bytes) => drop(things.insert(name.clone(), bytes.clone())),
                    None => drop(things.remove(name)),
                }
            }
            Ok(())
        })
    }

    fn things(&self) -> Vec<(String, Vec<u8>)> {
        self.things.lock().unwrap().clone().into_iter().collect()
    }

    fn start(&self, pace: Pace, url: &str) -> Arc<Webhooks> {
        let webhooks = Webhooks::new(SystemClock::start(), pace, self.things(), self.keep());
        webhooks.set(vec![(receiver(url), None)]);
        webhooks
    }
}

/// So slow that nothing is tried twice.
const SLOW: Pace = Pace { first: Duration::from_secs(3600), within: Duration::from_secs(43_200), ..QUICK };

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_comes_through_a_restart_and_holds_nothing_but_ids() {
    let disk = Disk::default();
    let played = Played::start(&[Habit::Status(500), Habit::Status(500)]).await;
    let before = disk.start(SLOW, &played.url());
    before.tell(Event::CallStarted, &appointment());
    before.tell(Event::CallEnded, &appointment());
    until("both are refused", || count(&before, "failed") == 2).await;
    before.stop();
    let things = disk.things();
    let ids: Vec<String> = played.seen().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!(things.len(), 2);
    for (name, bytes) in &things {
        let (receiver, id) = name.split_once('.').unwrap();
        assert!(receiver.len() == 16 && ids.iter().any(|known| known == id), "{name}");
        let text = String::from_utf8(bytes.clone()).unwrap();
        let at = text.rsplit_once(":").unwrap().1;
        let expected = ["call.started", "call.ended"]
            .map(|event| format!(r#"{{"v":1,"event":"{event}","appointment":"{APPOINTMENT}","at":{at}"#));
        assert!(expected.contains(&text), "{text}");
    }

    // The next process tries at once, and what was taken is on the disk no more.
    let after = disk.start(SLOW, &played.url());
    tokio::spawn(Arc::clone(&after).run());
    until("both are taken", || count(&after, "delivered") == 2).await;
    let again: Vec<String> = played.seen()[2..].iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|id| ids.contains(id)), "{again:?} {ids:?}");
    until("the disk is empty", || disk.things().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_for_too_long_or_for_nobody_or_is_none_of_ours_is_let_go() {
    let disk = Disk::default();
    let played = Played::start(&[]).await;
    {
        let before = disk.start(SLOW, "http://127.0.0.1:1/hilum");
        before.tell(Event::CallEnded, &appointment());
        until("nobody is there", || count(&before, "failed") == 1).await;
        before.stop();
    }
    let (name, _) = disk.things().remove(0);
    let old = format!("{}.msg_old", name.split_once('.').unwrap().0);
    let kept = format!(r#"{{"v":1,"event":"call.ended","appointment":"{APPOINTMENT}","at":1000000000}}"#);
    disk.things.lock().unwrap().extend([(old, kept.into_bytes()), ("damaged".to_owned(), b"{".to_vec())]);
    let after = disk.start(SLOW, &played.url());
    assert_eq!((count(&after, "dropped"), count(&after, "expired"), after.waiting()), (2, 0, 0));
    after.stop();
    assert_eq!(disk.things(), []);
    assert!(played.seen().is_empty());

    let kept = format!(r#"{{"v":1,"event":"call.ended","appointment":"{APPOINTMENT}","at":1000000000}}"#);
    disk.things.lock().unwrap().insert(name, kept.into_bytes());
    let after = disk.start(SLOW, "http://127.0.0.1:1/hilum");
    assert_eq!((count(&after, "dropped"), count(&after, "expired"), after.waiting()), (0, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_is_asked_again() {
    let disk = Disk::default();
    disk.full.store(true, Ordering::SeqCst);
    let webhooks = disk.start(SLOW, "http://127.0.0.1:1/hilum");
    tokio::spawn(Arc::clone(&webhooks).run());
    webhooks.tell(Event::CallEnded, &appointment());
    until("it is tried", || count(&webhooks, "failed") == 1).await;
    assert!(disk.things().is_empty());
    disk.full.store(false, Ordering::SeqCst);
    until("it is on the disk", || disk.things().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_what_waits_for_a_receiver_that_stays() {
    let played = Played::start(&[Habit::Status(500), Habit::Status(500)]).await;
    let webhooks = webhooks(SLOW, &[played.url(), "http://127.0.0.1:1/hilum".to_owned()]);
    webhooks.tell(Event::CallEnded, &appointment());
    until("both are tried", || count(&webhooks, "failed") == 2).await;
    assert_eq!(webhooks.waiting(), 2);
    webhooks.set(vec![(receiver(&played.url()), None)]);
    assert_eq!((webhooks.waiting(), count(&webhooks, "dropped")), (1, 1));
    webhooks.set(Vec::new());
    assert_eq!((webhooks.waiting(), count(&webhooks, "dropped")), (0, 2));
    webhooks.tell(Event::CallEnded, &appointment());
    assert_eq!(webhooks.waiting(), 0, "nobody is told any more");
    assert_eq!(played.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_makes_room_when_too_many_wait() {
    let webhooks = webhooks(SLOW, &["http://127.0.0.1:1/hilum".to_owned()]);
    for _ in 0..10_003 {
        webhooks.tell(Event::CallEnded, &appointment());
    }
    assert_eq!((webhooks.waiting(), count(&webhooks, "dropped")), (10_000, 3));
}
