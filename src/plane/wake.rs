//! How other threads wake a sleeping shard.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Wakes one shard. Waking it again before it has looked costs no system call.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    /// `None` in the simulated world, whose shards never sleep.
    event: Option<EventFd>,
}

impl Waker {
    /// A bell with an eventfd that the shard's epoll set watches.
    pub(super) fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self(Arc::new(Bell { rung: AtomicBool::new(false), event: Some(event) })))
    }

    /// A bell for a shard that never sleeps.
    pub(super) fn silent() -> Self {
        Self(Arc::new(Bell { rung: AtomicBool::new(false), event: None }))
    }

    /// Wakes the shard. To be called after what it shall find has been put down.
    pub fn wake(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel)
            && let Some(event) = &self.0.event
        {
            // It can only fail when the counter is full, and then the shard is awake already.
            event.write(1).ok();
        }
    }

    /// The shard has woken up and will look at everything.
    pub(super) fn heard(&self) {
        if let Some(event) = &self.0.event {
            // Nothing to read means that somebody is about to ring; that ring stays.
            event.read().ok();
        }
        // Acquire: whoever found the bell rung had put down what it wanted to say before.
        self.0.rung.swap(false, Ordering::AcqRel);
    }

    /// What epoll watches.
    pub(super) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.0.event.as_ref().map(AsFd::as_fd)
    }
}
