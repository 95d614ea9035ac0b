//! One connection, from its acceptance to its end. Its messages are the shard's business; here its time runs out.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::server::TlsStream;

use super::Entrance;
use super::caps::{Admitted, Connections};
use super::carrier::{Plain, Secure};
use super::door::{self, Door};
use super::proxy::client_of;
use super::tls::Tls;
use crate::acme;
use crate::addr::{ClientAddr, ConnectionId, FiveTuple, Link, Transport};
use crate::plane::{Carrier, Inbound, Opening, Patience, StreamGate};
use crate::policy::Network;

/// How long writing what waits may take when the listeners stop.
pub(super) const CLOSING: Duration = Duration::from_secs(1);
/// Bytes that the kernel may hold before they are sent: a frame of video, an eighth of a second on a line of 1 Mbit/s. What
/// waits is to wait in the shard's outbox, where its age is known.
const UNSENT: u32 = 16_384;

/// The number of the next connection of this process. 63 bits do not run out.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What all connections need.
pub(super) struct Shared {
    /// One per shard, at least one.
    pub(super) gates: Vec<StreamGate>,
    /// `None` if no TLS is listened to.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) connections: Arc<Connections>,
    pub(super) stranger_deadline: Duration,
    pub(super) proxies: Vec<Network>,
    pub(super) patience: Patience,
    /// What the door shows.
    pub(super) door: Door,
}

/// Serves an accepted connection until it ends. The room under the caps is held until the shard knows of the end.
pub(super) async fn serve(
    mut socket: TcpStream,
    sender: ClientAddr,
    mut admitted: Admitted,
    entrance: Entrance,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let deadline = after(Instant::now(), shared.stranger_deadline);
    // Media must not wait for the acknowledgement of earlier media. If it cannot be set, the connection has gone.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    // Where the system does not know the option, more waits in the kernel.
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT).ok();
    let client = tokio::select! {
        client = client_of(&mut socket, sender, &mut admitted, &shared.proxies, deadline) => client,
        () = told(&mut stop) => return,
    };
    let Some(client) = client else { return };
    match entrance {
        Entrance::Tcp => {
            let Ok(socket) = socket.into_std() else { return };
            keep(Box::new(Plain::new(socket)), client, (admitted, Transport::Tcp), &shared, stop, deadline).await;
        }
        Entrance::Tls => {
            let Some(tls) = &shared.tls else { return };
            let shaken = tokio::select! {
                shaken = timeout_at(deadline, tls.accept(socket)) => shaken,
                () = told(&mut stop) => return,
            };
            match shaken {
                // An authority has looked for a proof, and that is all it wanted.
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(acme::ALPN) => {}
                Ok(Ok(stream)) => {
                    if let Ok(carrier) = secured(stream) {
                        keep(carrier, client, (admitted, Transport::Tls), &shared, stop, deadline).await;
                    }
                }
                // Which of a stranger's mistakes it was is of no use to the operator; the count is.
                Ok(Err(_)) | Err(_) => admitted.handshake_failed(),
            }
        }
        Entrance::Door => door::receive(socket, client, admitted, &shared, stop, deadline).await,
    }
}

/// A stream after its handshake, which takes signatures and so was none of a shard's business.
pub(super) fn secured(stream: TlsStream<TcpStream>) -> io::Result<Box<dyn Carrier>> {
    let (socket, session) = stream.into_inner();
    Ok(Box::new(Secure::new(socket.into_std()?, session)))
}

/// Hands the connection to its shard, and waits until the shard has closed it or its time has come.
pub(super) async fn keep(
    carrier: Box<dyn Carrier>,
    client: ClientAddr,
    (admitted, transport): (Admitted, Transport),
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
    deadline: Instant,
) {
    let connection = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
    let client = FiveTuple { client, link: Link::Stream(connection, transport) };
    let Some(gate) = gate_of(connection, &shared.gates) else { return };
    let (told_proven, mut proven) = watch::channel(false);
    let opening = Opening { client, carrier, patience: shared.patience, proven: told_proven };
    if !matches!(timeout_at(deadline, gate.send(Inbound::Opened(opening))).await, Ok(Ok(()))) {
        return;
    }
    let mut open = Open(Some(Closing { connection, gate: gate.clone(), admitted }));
    let mut closed = proven.clone();
    tokio::select! {
        () = gone(&mut closed) => {}
        () = overstay(&mut proven, deadline, shared.stranger_deadline) => {}
        () = told_to_stop(&mut stop, gate, connection) => {}
    }
    if let Some(told) = open.close() {
        // It ends when the shard has room, or has stopped.
        told.await.ok();
    }
}

/// Always the same shard for a connection, and all shards in turn.
fn gate_of(connection: ConnectionId, gates: &[StreamGate]) -> Option<&StreamGate> {
    let shards = u64::try_from(gates.len()).ok()?;
    gates.get(usize::try_from(connection.0.checked_rem(shards)?).ok()?)
}

/// Returns when the shard has closed the connection.
async fn gone(proven: &mut watch::Receiver<bool>) {
    while proven.changed().await.is_ok() {}
}

/// Returns when the connection has been without an allocation until `deadline`, or for `patience` since it lost one. What
/// a stranger sends does not move the deadline.
async fn overstay(proven: &mut watch::Receiver<bool>, mut deadline: Instant, patience: Duration) {
    loop {
        let proof = async { proven.wait_for(|proven| *proven).await.is_ok() };
        if timeout_at(deadline, proof).await != Ok(true) {
            return;
        }
        if proven.wait_for(|proven| !*proven).await.is_err() {
            return;
        }
        deadline = after(Instant::now(), patience);
    }
}

/// Returns some time after the listeners are told to stop, in which the shard may write what waits.
async fn told_to_stop(stop: &mut watch::Receiver<bool>, gate: &StreamGate, connection: ConnectionId) {
    told(stop).await;
    // A shard that has stopped has closed it.
    gate.send(Inbound::Finish { connection }).await.ok();
    sleep(CLOSING).await;
}

/// Waits for the end of the listeners.
pub(super) async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to tell: that is an end too.
    stop.wait_for(|stop| *stop).await.ok();
}

/// `instant + duration`, or a day later if that cannot be represented.
fn after(instant: Instant, duration: Duration) -> Instant {
    instant.checked_add(duration).unwrap_or_else(|| instant + Duration::from_secs(86_400))
}

/// A connection that the shard has been told of, and is told of once more when this is closed or dropped, also when its
/// task is aborted.
struct Open(Option<Closing>);

struct Closing {
    connection: ConnectionId,
    gate: StreamGate,
    admitted: Admitted,
}

impl Open {
    /// Starts to tell the shard; `None` if that has been done, or there is no runtime left.
    fn close(&mut self) -> Option<JoinHandle<()>> {
        let Closing { connection, gate, admitted } = self.0.take()?;
        // A full shard makes this wait, which a drop cannot; so it is a task of its own. It takes the room under the caps
        // with it, so that there are never more such tasks than connections.
        Some(Handle::try_current().ok()?.spawn(async move {
            // A shard that has stopped has ended its allocations.
            gate.send(Inbound::Closed { connection }).await.ok();
            drop(admitted);
        }))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Nobody waits for it: the task lives on by itself.
        drop(self.close());
    }
}
