//! The system's allocator, counting for each thread what it allocates and what it still holds: the only witness that
//! something allocates nothing, or leaves nothing behind. By thread, so that the test harness's own do not disturb.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// How many allocations `work` makes on this thread, and by how many bytes what is held grows.
pub fn count(work: impl FnOnce()) -> (u64, i64) {
    let before = (ALLOCATIONS.get(), LIVE.get());
    work();
    (ALLOCATIONS.get() - before.0, LIVE.get() - before.1)
}

fn note(allocations: u64, bytes: i64) {
    // A thread that is ending has no counters any more; what it allocates then is nobody's.
    ALLOCATIONS.try_with(|count| count.set(count.get() + allocations)).unwrap_or(());
    LIVE.try_with(|live| live.set(live.get() + bytes)).unwrap_or(());
}

fn size(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// The other two methods of the trait are made of these.
// SAFETY: every call goes to `System` with the arguments unchanged, and counting neither allocates nor unwinds: the
// counters are constant-initialised thread locals without destructors.
#[allow(unsafe_code, reason = "a global allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout));
        // SAFETY: the caller keeps the contract of `alloc`, which is `System`'s as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -size(layout));
        // SAFETY: `pointer` came from `System`, as every pointer from here does.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
