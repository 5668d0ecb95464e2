//! What the process has allocated, counted as it is. Rust's allocator cannot say "no" in a way that a program could
//! hear; so what may be said is said before: [`beyond`](watch) a limit, between two allocations, and in time.
//!
//! The workbench is linked with this too. There nothing is watched, and an allocation costs an addition more.
#![allow(unsafe_code)] // an allocator is unsafe by its nature; this one leaves the work to the system's

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Each thread counts so many bytes for itself before it tells the others.
const STEP: isize = 64 << 10;

static USED: AtomicIsize = AtomicIsize::new(0);
static LIMIT: AtomicIsize = AtomicIsize::new(isize::MAX);
static BEYOND: OnceLock<fn(usize, bool)> = OnceLock::new();

thread_local! {
    static UNTOLD: Cell<isize> = const { Cell::new(0) };
    /// Whether this is the thread that is watched, and not already in what the watching calls.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: each call is passed to the system's allocator as it came, and what that gives is given back.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller keeps to the same contract.
        had(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above.
        had(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        give(layout.size());
        take(size);
        // SAFETY: as above.
        had(unsafe { System.realloc(block, layout, size) }, size)
    }
}

/// Bytes in use; what other threads have not told yet is missing.
pub(super) fn used() -> usize {
    let used = USED.fetch_add(UNTOLD.take(), Ordering::Relaxed);
    usize::try_from(used).unwrap_or(0)
}

/// Has this thread call `beyond`, with the size of the allocation, whenever it allocates with more than the limit in
/// use, and with `true` when the system has refused it. Where `beyond` allocates, it is not called again.
pub(super) fn watch(beyond: fn(usize, bool)) {
    BEYOND.get_or_init(|| beyond);
    WATCHED.set(true);
}

/// Sets the limit, in bytes.
pub(super) fn limit(bytes: usize) {
    LIMIT.store(isize::try_from(bytes).unwrap_or(isize::MAX), Ordering::Relaxed);
}

fn take(bytes: usize) {
    if tell(isize::try_from(bytes).unwrap_or(isize::MAX)) > LIMIT.load(Ordering::Relaxed) {
        call_beyond(bytes, false);
    }
}

fn give(bytes: usize) {
    tell(isize::try_from(bytes).map_or(isize::MIN, |bytes| -bytes));
}

/// Counts; gives what is in use when there was enough to tell, and else very little.
fn tell(bytes: isize) -> isize {
    let untold = UNTOLD.get().saturating_add(bytes);
    if untold.unsigned_abs() < STEP.unsigned_abs() {
        UNTOLD.set(untold);
        return isize::MIN;
    }
    UNTOLD.set(0);
    USED.fetch_add(untold, Ordering::Relaxed).saturating_add(untold)
}

/// What the system gave; a refusal is told before Rust ends the process over it.
fn had(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() {
        call_beyond(bytes, true);
    }
    block
}

#[cold]
fn call_beyond(bytes: usize, refused: bool) {
    if WATCHED.replace(false) {
        BEYOND.get().into_iter().for_each(|beyond| beyond(bytes, refused));
        WATCHED.set(true);
    }
}
