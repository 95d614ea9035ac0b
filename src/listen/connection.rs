//! One connection, from its acceptance to its end.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::caps::{Admitted, Connections};
use super::frames::{Frames, LARGEST_OF_STRANGERS, Next};
use super::tls::Tls;
use crate::addr::{ClientAddr, ConnectionId, FiveTuple, Link, Transport};
use crate::plane::{Inbound, Outbox, StreamGate};
use crate::wire::frame_length;

/// How long a client may take no byte of a batch of 16 KiB or one message: media that is older is worthless, and a client
/// that reads nothing has gone.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How long the end may take: writing what waits, and TLS's farewell.
const CLOSING: Duration = Duration::from_secs(1);
/// Bytes that the kernel may hold before they are sent: enough to keep a fast path busy, some tens of packets.
const UNSENT: u32 = 32_768;

/// How long a large message may wait for the shard to say that its sender has an allocation: many turns of a busy shard.
const PROOF_WITHIN: Duration = Duration::from_secs(1);

/// The number of the next connection of this process. 64 bits do not run out.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What all connections need.
pub(super) struct Shared {
    /// One per shard, at least one.
    pub(super) gates: Vec<StreamGate>,
    /// `None` if no TLS is listened to.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) connections: Arc<Connections>,
    pub(super) stranger_deadline: Duration,
    pub(super) send_queue: usize,
}

/// Serves an accepted connection until it ends. The room under the caps is held until the shard knows of the end.
pub(super) async fn serve(
    socket: TcpStream,
    client: ClientAddr,
    admitted: Admitted,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let deadline = after(Instant::now(), shared.stranger_deadline);
    // Media must not wait for the acknowledgement of earlier media. If it cannot be set, the connection has gone.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    // What waits is to wait in the outbox, where old media can still be dropped, and not in the kernel. Where the system
    // does not know the option, more waits in the kernel.
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT).ok();
    if admitted.transport() != Transport::Tls {
        return converse(socket, client, admitted, &shared, stop, deadline).await;
    }
    let Some(tls) = &shared.tls else { return };
    let handshake = timeout_at(deadline, tls.accept(socket));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = told(&mut stop) => return,
    };
    match shaken {
        Ok(Ok(stream)) => converse(stream, client, admitted, &shared, stop, deadline).await,
        // Which of a stranger's mistakes it was is of no use to the operator; the count is.
        Ok(Err(_)) | Err(_) => admitted.handshake_failed(),
    }
}

/// Reads and writes until either side has had enough.
async fn converse<S: AsyncRead + AsyncWrite>(
    stream: S,
    client: ClientAddr,
    admitted: Admitted,
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
    deadline: Instant,
) {
    let connection = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
    let transport = admitted.transport();
    let client = FiveTuple { client, link: Link::Stream(connection, transport) };
    let Some(gate) = gate_of(connection, &shared.gates) else { return };
    let outbox = Arc::new(Outbox::new(shared.send_queue));
    let opened = gate.send(Inbound::Opened { connection, outbox: outbox.clone() });
    if !matches!(timeout_at(deadline, opened).await, Ok(Ok(()))) {
        return;
    }
    let mut open = Open(Some(Closing { connection, gate: gate.clone(), outbox: outbox.clone(), admitted }));
    let (mut reader, mut writer) = split(stream);
    // Whichever ends first ends the connection; the others are dropped where they wait.
    tokio::select! {
        () = read(&mut reader, client, gate, &outbox) => {}
        () = write(&mut writer, &outbox, transport) => {}
        () = overstay(&outbox, deadline, shared.stranger_deadline) => {}
        () = told_to_stop(&mut stop, &outbox) => {}
    }
    // A client that does not take the farewell has none.
    timeout(CLOSING, writer.shutdown()).await.ok();
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

/// Hands messages to the shard, until the client closes, speaks something else, does not read, or the shard stops.
async fn read<R: AsyncRead + Unpin>(reader: &mut R, client: FiveTuple, gate: &StreamGate, outbox: &Outbox) {
    let mut frames = Frames::new();
    loop {
        let length = match frames.next() {
            Ok(Next::Whole(bytes)) => {
                if outbox.is_closed() || gate.send(Inbound::Frame { client, bytes }).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(Next::Partial(length)) => length,
            Err(_) => return,
        };
        // A stranger gets no large buffer.
        if length > LARGEST_OF_STRANGERS && !proves_itself(outbox).await {
            return;
        }
        match reader.read_buf(frames.room(length)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Whether the client has an allocation, or gets one now: the shard says so a moment after it has answered.
async fn proves_itself(outbox: &Outbox) -> bool {
    let mut proven = outbox.watch();
    let proof = async { proven.wait_for(|proven| *proven).await.is_ok() };
    timeout(PROOF_WITHIN, proof).await == Ok(true)
}

/// Writes what the shard has put into the outbox, until nothing more will come or the client does not take it. Over TLS
/// each message is a record of its own: coturn's client, for one, takes one message out of each record and loses the rest.
async fn write<W: AsyncWrite + Unpin>(writer: &mut W, outbox: &Outbox, transport: Transport) {
    while let Some(batch) = outbox.take().await {
        let written = timeout(WRITE_WITHIN, async {
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                let length = if transport == Transport::Tls { first_message(rest) } else { rest.len() };
                let (message, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                writer.write_all(message).await?;
                rest = after;
            }
            // TLS may hold a record back until it is flushed.
            writer.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
}

/// The length of the first of some whole messages; never 0, so that writing them comes to an end.
fn first_message(messages: &[u8]) -> usize {
    match frame_length(messages) {
        Ok(Some(frame)) if frame.length > 0 => frame.length,
        _ => messages.len(),
    }
}

/// Returns when the connection has been without an allocation until `deadline`, or for `patience` since it lost one. What
/// a stranger sends does not move the deadline.
async fn overstay(outbox: &Outbox, mut deadline: Instant, patience: Duration) {
    let mut proven = outbox.watch();
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

/// Returns some time after the listeners are told to stop, in which the writer may finish.
async fn told_to_stop(stop: &mut watch::Receiver<bool>, outbox: &Outbox) {
    told(stop).await;
    outbox.finish();
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
    outbox: Arc<Outbox>,
    admitted: Admitted,
}

impl Open {
    /// Closes the outbox and starts to tell the shard; `None` if that has been done, or there is no runtime left.
    fn close(&mut self) -> Option<JoinHandle<()>> {
        let Closing { connection, gate, outbox, admitted } = self.0.take()?;
        outbox.close();
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

#[cfg(test)]
mod tests {
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io;

    use super::*;

    /// Keeps apart what each write brought, as TLS does with its records.
    #[derive(Default)]
    struct Records(Vec<Vec<u8>>);

    impl AsyncWrite for Records {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What is written of two channel messages that wait together.
    async fn written_over(transport: Transport) -> Vec<Vec<u8>> {
        let outbox = Outbox::new(65_536);
        outbox.push(&[0x40, 0, 0, 4, 1, 2, 3, 4]);
        outbox.push(&[0x40, 1, 0, 1, 9, 0, 0, 0]);
        outbox.finish();
        let mut records = Records::default();
        write(&mut records, &outbox, transport).await;
        records.0
    }

    #[tokio::test]
    async fn over_tls_each_of_several_waiting_messages_is_a_record_of_its_own() {
        let records = written_over(Transport::Tls).await;
        assert_eq!(records, [[0x40, 0, 0, 4, 1, 2, 3, 4], [0x40, 1, 0, 1, 9, 0, 0, 0]]);
    }

    #[tokio::test]
    async fn over_tcp_waiting_messages_are_written_at_once() {
        let records = written_over(Transport::Tcp).await;
        assert_eq!(records, [[0x40, 0, 0, 4, 1, 2, 3, 4, 0x40, 1, 0, 1, 9, 0, 0, 0]]);
    }
}
