//! The connection of a visitor, as long as it is of use: it ends when nothing has moved for a while, and when the relay
//! stops. It holds its room under the caps, also when it has become a WebSocket.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::super::caps::Admitted;
use super::super::connection::{CLOSING, told};

/// How long nothing may move, in either direction. Clients that keep a WebSocket open say something within 20 s, and a
/// client that takes nothing for so long has gone.
const STILL: Duration = Duration::from_secs(60);

/// A stream that breaks when it has been still for [`STILL`], or the relay has stopped.
pub(super) struct Line<S> {
    stream: S,
    still: Pin<Box<Sleep>>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    over: bool,
    _admitted: Admitted,
}

impl<S> fmt::Debug for Line<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Line")
    }
}

impl<S> Line<S> {
    pub(super) fn new(stream: S, admitted: Admitted, mut stop: watch::Receiver<bool>) -> Self {
        let stopped = Box::pin(async move {
            told(&mut stop).await;
            sleep(CLOSING).await;
        });
        Self { stream, still: Box::pin(sleep_until(end())), stopped, over: false, _admitted: admitted }
    }

    /// `Err` when it is over. Whoever reads is woken when it comes to that; whoever only writes finds out.
    fn look(&mut self, reader: Option<&mut Context<'_>>) -> io::Result<()> {
        // What has come to its end is not asked again: that is an error.
        if self.over {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if let Some(context) = reader {
            self.over = self.stopped.as_mut().poll(context).is_ready() || self.still.as_mut().poll(context).is_ready();
        } else {
            self.over = self.still.is_elapsed();
        }
        if self.over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    fn moved(&mut self) {
        self.still.as_mut().reset(end());
    }
}

fn end() -> Instant {
    Instant::now() + STILL
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.look(Some(context))?;
        let before = to.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, to);
        if done.is_ready() && to.filled().len() > before {
            self.moved();
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.look(None)?;
        let done = Pin::new(&mut self.stream).poll_write(context, from);
        if let Poll::Ready(Ok(1..)) = done {
            self.moved();
        }
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look(None)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look(None)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look(None)?;
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        if let Poll::Ready(Ok(1..)) = done {
            self.moved();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::super::super::caps::Connections;
    use super::*;
    use crate::addr::Transport;

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_after_the_end_is_told_of_it_each_time() {
        for stopped in [true, false] {
            let connections = Arc::new(Connections::new(1, 1));
            let admitted = connections.admit(IpAddr::V4(Ipv4Addr::LOCALHOST), Transport::Tls).unwrap();
            let (stream, _visitor) = duplex(64);
            let (stop, told) = watch::channel(false);
            let mut line = Line::new(stream, admitted, told);
            let began = Instant::now();
            stop.send_replace(stopped);
            for _ in 0..3 {
                assert_eq!(line.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
                assert_eq!(line.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
            assert_eq!(began.elapsed(), if stopped { CLOSING } else { STILL });
        }
    }
}
