//! Expiry and revocation while somebody sets the wall clock: an allocation lives exactly as long as it was granted, by
//! the monotonic clock; a token begins and refreshes nothing outside of its window, by the wall clock; what is revoked
//! stays so until its time is over by both.

use std::time::Duration;

use hilum::auth::{Revocation, Revoked};
use hilum::time::{Moment, Now, UnixTime};
use hilum::turn::Discard;
use hilum::wire::{ErrorCode, Method};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::scenario::{ALICE, Client, Outcome, RELAY_V4, Request, START, Token, World, send_indication};

const SEEDS: u64 = 100;
const STEPS: usize = 500;
/// RFC 8656 §7.2, and what the issue and the settings of the scenarios add.
const DEFAULT_LIFETIME: u64 = 600;
const MAX_LIFETIME: u64 = 3600;
const SKEW: u64 = 60;
const GRACE: u64 = 30;
/// Calls of two parties each.
const CALLS: [(&str, [&str; 2]); 3] = [("one", ["a", "b"]), ("two", ["c", "d"]), ("three", ["e", "f"])];

/// The window of a token, in seconds of the wall clock.
#[derive(Clone, Copy, Debug)]
struct Window {
    not_before: u64,
    expires: u64,
    end: u64,
}

struct Holder {
    client: Client,
    /// `None` for a user whose credential does not end.
    window: Option<Window>,
    call: &'static str,
    id: &'static str,
    /// When the allocation ends, if there is one.
    until: Option<Moment>,
}

/// A revocation that was made, by both clocks.
struct Made {
    what: Revoked,
    wall: u64,
    moment: Moment,
}

#[derive(Debug, Default)]
struct Seen {
    granted: u64,
    refused: [u64; 4],
    alive: u64,
    dead: u64,
    revoked: u64,
    outlived: u64,
}

struct Life {
    seed: u64,
    chance: ChaCha8Rng,
    world: World,
    holders: Vec<Holder>,
    made: Vec<Made>,
    told: Vec<String>,
    seen: Seen,
}

/// Whoever fails says with which seed and after what.
impl Drop for Life {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.told.len().saturating_sub(30);
            eprintln!("HILUM_CLOCKS_SEED={} fails; its last steps:\n{}", self.seed, self.told[last..].join("\n"));
        }
    }
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut life = Self {
            seed,
            chance: ChaCha8Rng::seed_from_u64(seed),
            world: World::default(),
            holders: Vec::new(),
            made: Vec::new(),
            told: Vec::new(),
            seen: Seen::default(),
        };
        let alice = Client::number(1).named(ALICE);
        life.holders.push(Holder { client: alice, window: None, call: "", id: "", until: None });
        let mut number = 1;
        for (call, parties) in CALLS {
            for party in parties {
                number += 1;
                let not_before = START.as_secs() - 3600 + life.below(7200);
                let expires = not_before + 60 + life.below(7200);
                let end = expires + life.below(14_400);
                let token = Token { not_before, expires, end, ..Token::new(call, party) };
                let window = Some(Window { not_before, expires, end });
                let client = Client::number(number).holding(&token);
                life.holders.push(Holder { client, window, call, id: party, until: None });
            }
        }
        life
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next_u64() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn tell(&mut self, what: String) {
        let Now { moment, unix } = self.world.now;
        let wall = i128::from(unix.as_secs()) - i128::from(START.as_secs());
        self.told.push(format!("{:>12.3} {wall:>8} {what}", moment.as_nanos() as f64 / 1e9));
    }

    fn wall(&self) -> u64 {
        self.world.now.unix.as_secs()
    }

    /// Whether a holder is revoked: as long as either clock says so.
    fn is_revoked(&self, holder: usize) -> bool {
        let holder = &self.holders[holder];
        let (wall, moment) = (self.wall(), self.world.now.moment);
        let covers = |what: &Revoked| match what {
            Revoked::Token { id, .. } => id.as_str() == holder.id,
            Revoked::Call { call, .. } => call.as_str() == holder.call,
            Revoked::Party { party, .. } => party.as_str() == holder.id,
            Revoked::Key { kid } => kid.as_str() == Token::KID,
        };
        let lasts = |made: &Made| wall < made.wall || moment < made.moment;
        holder.window.is_some() && self.made.iter().any(|made| covers(&made.what) && lasts(made))
    }

    fn lives(&self, holder: usize) -> bool {
        self.holders[holder].until.is_some_and(|until| self.world.now.moment < until)
    }

    /// What a request must be answered, if nothing but time stands in its way; 0 is success.
    fn expected(&self, holder: usize, method: Method, deletes: bool) -> u16 {
        let wall = self.wall();
        let window = self.holders[holder].window;
        if window.is_some_and(|window| wall + SKEW < window.not_before || wall >= window.end + SKEW) {
            return 401;
        }
        if self.is_revoked(holder) {
            return 403;
        }
        match (method, self.lives(holder)) {
            (Method::Allocate, true) | (Method::Refresh | Method::CreatePermission, false) => 437,
            (Method::Allocate, false) if window.is_some_and(|window| wall >= window.expires + SKEW) => 403,
            (Method::Allocate | Method::Refresh, _) if !deletes && self.left(holder) == 0 => 403,
            _ => 0,
        }
    }

    /// Seconds until nothing is granted any more.
    fn left(&self, holder: usize) -> u64 {
        self.holders[holder].window.map_or(u64::MAX, |window| (window.end + GRACE).saturating_sub(self.wall()))
    }

    fn ask(&mut self, holder: usize, method: Method, lifetime: Option<u32>) {
        let request = match method {
            Method::Allocate => Request::allocate(),
            Method::CreatePermission => Request::new(method).peer(&format!("{RELAY_V4}:5000")),
            _ => Request::new(method),
        };
        let request = lifetime.iter().fold(request, |request, lifetime| request.lifetime(*lifetime));
        let deletes = method == Method::Refresh && lifetime == Some(0);
        let expected = self.expected(holder, method, deletes);
        self.tell(format!("{holder} asks for {method:?} with {lifetime:?}, expecting {expected}"));
        let client = self.holders[holder].client.clone();
        let answer = self.world.request(&client, request);
        assert_eq!(answer.code().map_or(0, ErrorCode::number), expected, "{:?}", self.holders[holder].window);
        match expected {
            0 => self.seen.granted += 1,
            401 => self.seen.refused[0] += 1,
            403 => self.seen.refused[1 + usize::from(self.is_revoked(holder))] += 1,
            _ => self.seen.refused[3] += 1,
        }
        if expected != 0 || method == Method::CreatePermission {
            return;
        }
        if deletes {
            self.holders[holder].until = None;
            return;
        }
        let wish = lifetime.map_or(DEFAULT_LIFETIME, |asked| u64::from(asked).clamp(DEFAULT_LIFETIME, MAX_LIFETIME));
        let granted = wish.min(self.left(holder));
        assert_eq!(answer.lifetime().map(u64::from), Some(granted), "the lifetime that is granted");
        self.holders[holder].until = Some(self.world.now.moment + Duration::from_secs(granted));
    }

    /// Whoever has an allocation is heard, and nobody else; whatever the wall clock says.
    fn check(&mut self) {
        for holder in 0..self.holders.len() {
            let send = send_indication(&mut self.world, &format!("{RELAY_V4}:5000"), b"anything");
            let client = self.holders[holder].client.clone();
            let outcome = self.world.from_client(&client, &send);
            let lives = self.lives(holder);
            let found = outcome != Outcome::Discarded(Discard::NoAllocation);
            assert_eq!(found, lives, "holder {holder}, whose allocation ends at {:?}", self.holders[holder].until);
            let ended = self.holders[holder].window.is_some_and(|window| window.end + GRACE < self.wall());
            self.seen.outlived += u64::from(lives && ended);
            *if lives { &mut self.seen.alive } else { &mut self.seen.dead } += 1;
        }
        let live = (0..self.holders.len()).filter(|holder| self.lives(*holder)).count();
        assert_eq!((self.world.relay.allocations(), self.world.common.ledger().live()), (live, live));
    }

    fn revoke(&mut self) {
        let live: Vec<usize> = (1..self.holders.len()).filter(|holder| self.lives(*holder)).collect();
        let any = 1 + usize::try_from(self.below(self.holders.len() as u64 - 1)).unwrap();
        let holder = if live.is_empty() || self.below(3) == 0 { any } else { self.pick(&live) };
        let Holder { call, id, .. } = self.holders[holder];
        let issuer = "clinic".parse().unwrap();
        let (id, call, party) = (id.parse().unwrap(), call.parse().unwrap(), id.parse().unwrap());
        let what = match self.below(12) {
            0..=5 => Revoked::Token { issuer, id },
            6..=8 => Revoked::Call { issuer, call },
            9 | 10 => Revoked::Party { issuer, call, party },
            _ => Revoked::Key { kid: Token::KID.parse().unwrap() },
        };
        let seconds = self.pick(&[1, 60, 600, 3600, 20_000]);
        let now = self.world.now;
        let revocation = Revocation { what, since: now.unix, until: now.unix.plus_secs(seconds) };
        self.tell(format!("revoked: {what:?} for {seconds} s"));
        self.world.setup.revocations.add(&revocation, now).unwrap();
        // The same thing twice: the later end by each clock, unless the first one is over.
        let (wall, moment) = (now.unix.as_secs() + seconds, now.moment + Duration::from_secs(seconds));
        let over = |made: &Made| made.wall <= now.unix.as_secs() && made.moment <= now.moment;
        self.made.retain(|made| made.what != what || !over(made));
        match self.made.iter_mut().find(|made| made.what == what) {
            Some(made) => (made.wall, made.moment) = (made.wall.max(wall), made.moment.max(moment)),
            None => self.made.push(Made { what, wall, moment }),
        }
        let before = (0..self.holders.len()).filter(|holder| self.lives(*holder)).count();
        let ended = self.world.relay.revoke(&revocation, now);
        self.world.turn();
        for holder in 0..self.holders.len() {
            if self.is_revoked(holder) {
                self.holders[holder].until = None;
            }
        }
        let after = (0..self.holders.len()).filter(|holder| self.lives(*holder)).count();
        assert_eq!(ended, before - after, "what a revocation ends");
        self.seen.revoked += ended as u64;
    }

    fn forget(&mut self) {
        let now = self.world.now;
        let forgotten = self.world.setup.revocations.forget(now);
        let over = |made: &Made| made.wall <= now.unix.as_secs() && made.moment <= now.moment;
        let expected: Vec<_> = self.made.iter().filter(|made| over(made)).map(|made| made.what).collect();
        assert_eq!(forgotten.len(), expected.len(), "both clocks say that it is over, or it is not");
        self.made.retain(|made| !over(made));
    }

    /// The clocks: together, to the very moment of an end, or the wall clock alone.
    fn time(&mut self) {
        let ends: Vec<Moment> = self.holders.iter().filter_map(|holder| holder.until).collect();
        match self.below(12) {
            0 => {
                // By minutes or by hours, either way; or to an edge of somebody's window.
                let windows: Vec<Window> = self.holders.iter().filter_map(|holder| holder.window).collect();
                let Window { not_before, expires, end } = self.pick(&windows);
                let edge = self.pick(&[not_before - SKEW, expires + SKEW, end, end + GRACE, end + SKEW]);
                let hours = START.as_secs() - 5 * 3600 + self.below(10 * 3600);
                let minutes = self.wall() - 600 + self.below(1200);
                let beside = edge - 1 + self.below(3);
                let wall = self.pick(&[beside, beside, minutes, minutes, minutes, hours]);
                self.world.now.unix = UnixTime::from_secs(wall);
                self.tell("the wall clock is set".into());
            }
            1 | 2 if !ends.is_empty() => {
                let to = self.pick(&ends).as_nanos() + self.pick(&[0, 1, 1_000_000_000]);
                let by = to.saturating_sub(self.world.now.moment.as_nanos() + self.pick(&[0, 1, 1_000_000_000]));
                self.pass(Duration::from_nanos(by));
            }
            3 | 4 => {
                let by = Duration::from_millis(self.below(400_000));
                self.pass(by);
            }
            _ => {
                let by = Duration::from_millis(self.below(30_000));
                self.pass(by);
            }
        }
    }

    fn pass(&mut self, by: Duration) {
        let now = &mut self.world.now;
        *now = Now { moment: now.moment + by, unix: now.unix.plus_secs(by.as_secs()) };
        // The shard wakes late, or never: what has run out is gone all the same.
        if self.below(3) == 0 {
            self.world.turn();
        }
        self.tell(format!("{by:?} pass"));
    }
}

fn run(seed: u64) -> Seen {
    let mut life = Life::new(seed);
    for _ in 0..STEPS {
        let holder = usize::try_from(life.below(life.holders.len() as u64)).unwrap();
        // Those who have none ask for one, and the others keep it; now and then it is the other way round.
        let lives = life.lives(holder) != (life.below(8) == 0);
        match life.below(40) {
            0..=17 if !lives => {
                let lifetime = life.pick(&[None, Some(1), Some(1200), Some(3600), Some(u32::MAX)]);
                life.ask(holder, Method::Allocate, lifetime);
            }
            0..=17 => {
                let lifetime = life.pick(&[None, None, Some(1200), Some(3600), Some(u32::MAX), Some(0)]);
                life.ask(holder, Method::Refresh, lifetime);
            }
            18..=22 => life.ask(holder, Method::CreatePermission, None),
            23 if life.below(4) == 0 => life.revoke(),
            24 => life.forget(),
            _ => life.time(),
        }
        life.check();
    }
    std::mem::take(&mut life.seen)
}

#[test]
fn expiry_and_revocation_hold_whatever_the_wall_clock_does() {
    let single = std::env::var("HILUM_CLOCKS_SEED").ok().map(|text| text.parse().expect("a number"));
    let mut all = Seen::default();
    for seed in single.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let seen = run(seed);
        all.granted += seen.granted;
        all.refused = std::array::from_fn(|at| all.refused[at] + seen.refused[at]);
        all.alive += seen.alive;
        all.dead += seen.dead;
        all.revoked += seen.revoked;
        all.outlived += seen.outlived;
    }
    if single.is_none() {
        let enough = all.granted > 4000 && all.refused.iter().all(|count| *count > 500) && all.revoked > 50;
        // A wall clock that is set ahead ends no running allocation.
        assert!(enough && all.alive > 20_000 && all.dead > 20_000 && all.outlived > 500, "{all:?}");
    }
}
