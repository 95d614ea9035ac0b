//! One WebSocket: from its upgrade to its end.

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Duration, timeout};

use super::answer::Problem;
use super::guard;
use super::visit::finish;
use crate::signal::hall::SocketId;
use crate::signal::message::{CloseCode, LARGEST_MESSAGE, SUBPROTOCOL};
use crate::signal::service::{Frame, Signal};

/// Frames that wait for a connection: what one who comes back has missed, and a little.
const WAITING: usize = 300;
/// How long one may take to leave. The system's buffer takes a hundred of the usual ones at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of buffers for each way. Thousands are idle, and a message of the largest size makes them grow for a moment.
const BUFFER: usize = 2048;

/// `GET /v1/signal`.
pub(super) async fn upgrade(
    State(signal): State<Arc<Signal>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let answer = upgraded(&signal, upgrade, &request);
    finish(&signal, "signal", answer)
}

fn upgraded(
    signal: &Arc<Signal>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: &Request,
) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let upgrade = upgrade.map_err(|_| Problem::UPGRADE)?;
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0);
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::UPGRADE);
    }
    let (sender, frames) = channel(WAITING);
    let socket = signal.connected(sender).ok_or(Problem::UNAVAILABLE)?;
    let held = Arc::clone(signal);
    let lost = Arc::clone(signal);
    Ok(upgrade.on_failed_upgrade(move |_| lost.disconnected(socket)).on_upgrade(move |stream| async move {
        serve(&held, socket, stream, frames).await;
        held.disconnected(socket);
    }))
}

async fn serve(signal: &Arc<Signal>, socket: SocketId, mut stream: WebSocket, mut frames: Receiver<Frame>) {
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(Frame::Text(text)) => {
                    if !matches!(timeout(PATIENCE, stream.send(Message::Text(text.into()))).await, Ok(Ok(()))) {
                        return;
                    }
                }
                Some(Frame::Close(code)) => return close(&mut stream, code).await,
                // It was too slow: the channel was full.
                None => return close(&mut stream, CloseCode::Idle).await,
            },
            heard = stream.recv() => match heard {
                Some(Ok(Message::Text(text))) => signal.said(socket, text.as_str()),
                Some(Ok(Message::Binary(_))) => return close(&mut stream, CloseCode::BadMessage).await,
                // Answered by the library, and no sign of life of the page.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

/// Says why, and waits a moment for the other end to say the same.
async fn close(stream: &mut WebSocket, code: CloseCode) {
    let frame = CloseFrame { code: code.number(), reason: code.label().into() };
    let closing = async {
        if stream.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = stream.recv().await {}
        }
    };
    // Whoever does not answer is gone anyway.
    timeout(PATIENCE, closing).await.ok();
}
