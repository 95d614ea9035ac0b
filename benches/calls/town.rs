//! All the calls, and what is counted of them.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hilum::client::{ClientError, Rehearsal, Side, random};
use hilum::clock::SystemClock;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::end::End;
use super::issuer;

/// How long a datagram of a handshake may take on loopback.
const SOON: Duration = Duration::from_secs(10);
/// How long what was said last may be on its way.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the calls are doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Talking,
    /// Nobody speaks any more; what is on its way is heard.
    Listening,
    /// Allocations are given back.
    Leaving,
}

/// What has happened, in all calls together.
#[derive(Default)]
pub struct Counts {
    pub sent: Cell<u64>,
    pub arrived: Cell<u64>,
    /// Came a second time.
    pub doubled: Cell<u64>,
    /// Came with other bytes, or was never sent.
    pub altered: Cell<u64>,
    /// Requests for more time that were granted.
    pub renewed: Cell<u64>,
    /// Nonces that had to be asked for anew.
    pub challenged: Cell<u64>,
    /// Allocations that the relay does not know any more: their clients would have to make new ones.
    pub forgotten: Cell<u64>,
    /// Requests that were refused for another reason, or that nobody answered.
    pub failed: Cell<u64>,
    /// Datagrams that met a closed port.
    pub refused: Cell<u64>,
}

pub fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// What one end hears.
pub struct Hearing {
    last: Instant,
    /// The longest time in which nothing came, since the last look.
    silence: Duration,
}

impl Hearing {
    pub fn hears(&mut self) {
        let now = Instant::now();
        self.silence = self.silence.max(now - self.last);
        self.last = now;
    }
}

/// The calls of one relay.
pub struct Town {
    pub server: SocketAddr,
    peers: IpAddr,
    pub clock: SystemClock,
    pub counts: Counts,
    stage: Cell<Stage>,
    hearings: RefCell<Vec<Rc<RefCell<Hearing>>>>,
    ends: Cell<usize>,
}

impl Town {
    pub fn new(server: SocketAddr, peers: IpAddr) -> Rc<Self> {
        let (counts, stage) = (Counts::default(), Cell::new(Stage::Talking));
        let hearings = RefCell::new(Vec::new());
        Rc::new(Self { server, peers, clock: SystemClock::start(), counts, stage, hearings, ends: Cell::new(0) })
    }

    pub fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// An end has left.
    pub fn leaves(&self) {
        self.ends.set(self.ends.get() - 1);
    }

    /// Begins a call, of two clients or with a peer outside, and lets it go on.
    pub async fn begin(self: Rc<Self>, number: usize, outside: bool) -> Result<[JoinHandle<()>; 2], ClientError> {
        let name = format!("call-{number}");
        let mut ends = if outside {
            let mut client = End::client(self.clone(), issuer::outward(&name, self.peers)).await?;
            let peer = UdpSocket::bind((self.peers, 0)).await.map_err(ClientError::Io)?;
            client.reach(peer.local_addr().map_err(ClientError::Io)?).await?;
            peer.connect(client.relayed()).await.map_err(ClientError::Io)?;
            [client, End::peer(self.clone(), peer)]
        } else {
            let [ada, ben] = issuer::tokens(&name);
            let mut ada = End::client(self.clone(), ada).await?;
            let mut ben = End::client(self.clone(), ben).await?;
            ada.reach(ben.relayed()).await?;
            ben.reach(ada.relayed()).await?;
            [ada, ben]
        };
        let call = Rehearsal::new(random()?);
        for (side, datagram) in call.handshake() {
            let [ada, ben] = &mut ends;
            let (from, to) = if side == Side::Client { (ada, ben) } else { (ben, ada) };
            from.say(&datagram).await?;
            let heard = timeout(SOON, to.listen()).await.map_err(|_| ClientError::Closed)??;
            assert!(heard == datagram, "a datagram arrives as another one");
        }
        Ok(ends.map(|end| {
            let hearing = Rc::new(RefCell::new(Hearing { last: Instant::now(), silence: Duration::ZERO }));
            self.hearings.borrow_mut().push(hearing.clone());
            self.ends.set(self.ends.get() + 1);
            tokio::task::spawn_local(end.talk(call, hearing))
        }))
    }

    /// What was counted until now, as JSON; the longest silence is that of any end since the last look.
    pub fn look(&self) -> String {
        let now = Instant::now();
        let silences = self.hearings.borrow();
        let silences = silences.iter().map(|hearing| {
            let mut hearing = hearing.borrow_mut();
            let lasting = if self.stage() == Stage::Talking { now - hearing.last } else { Duration::ZERO };
            std::mem::take(&mut hearing.silence).max(lasting)
        });
        let silence = silences.max().unwrap_or_default().as_millis();
        let Counts { sent, arrived, doubled, altered, renewed, challenged, forgotten, failed, refused } = &self.counts;
        let counts = [
            ("sent", sent),
            ("arrived", arrived),
            ("doubled", doubled),
            ("altered", altered),
            ("renewed", renewed),
            ("challenged", challenged),
            ("forgotten", forgotten),
            ("failed", failed),
            ("refused", refused),
        ];
        let counts = counts.map(|(name, counter)| format!("\"{name}\": {}", counter.get())).join(", ");
        format!("{{{counts}, \"silence_ms\": {silence}}}")
    }

    /// Nobody speaks any more, what is on its way is waited for, and all allocations are given back.
    pub async fn hang_up(&self) {
        self.stage.set(Stage::Listening);
        let until = Instant::now() + LAST_WORDS;
        while self.counts.arrived.get() < self.counts.sent.get() && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
        }
        self.stage.set(Stage::Leaving);
        let until = Instant::now() + SOON;
        while self.ends.get() > 0 && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
        }
    }
}
