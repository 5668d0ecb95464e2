//! What the process has allocated, counted as it is. Rust's allocator cannot say "no" in a way that a program could
//! hear; so what may be said is said before: [`beyond`](watch) a limit, between two allocations, and in time.
//!
//! The workbench is linked with this too. There nothing is watched, and an allocation costs an addition more.
#![allow(unsafe_code)] // an allocator is unsafe by its nature; this one leaves the work to the system's

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// An allocation that is too much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) bytes: usize,
    /// Whether it is of single bytes, as text is: what it holds is as large on a board.
    pub(super) is_text: bool,
    /// The system has refused it.
    pub(super) is_refused: bool,
}

/// Each thread counts so many bytes for itself before it tells the others.
const STEP: isize = 16 << 10;

static USED: AtomicIsize = AtomicIsize::new(0);

/// The limit: [`MOST`], or [`MORE`] than the [`LEAST`] that was in use since it was set.
static LIMIT: AtomicIsize = AtomicIsize::new(isize::MAX);
static MOST: AtomicIsize = AtomicIsize::new(isize::MAX);
static MORE: AtomicIsize = AtomicIsize::new(isize::MAX);
static LEAST: AtomicIsize = AtomicIsize::new(0);

/// The watched thread is wanted: its next allocation counts as one beyond the limit.
static CALLED: AtomicBool = AtomicBool::new(false);
static BEYOND: OnceLock<fn(Asked)> = OnceLock::new();

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
        take(layout.size(), layout);
        // SAFETY: the caller keeps to the same contract.
        had(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size(), layout);
        // SAFETY: as above.
        had(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // What grows by a little is a text that becomes another one, for which a board needs both; vectors double.
        let becomes = layout.align() == 1 && (layout.size()..layout.size() * 2).contains(&size);
        if !becomes {
            give(layout.size());
        }
        take(size, layout);
        if becomes {
            give(layout.size());
        }
        // SAFETY: as above.
        had(unsafe { System.realloc(block, layout, size) }, size)
    }
}

/// Bytes in use; what other threads have not told yet is missing.
pub(super) fn used() -> usize {
    let untold = UNTOLD.take();
    usize::try_from(USED.fetch_add(untold, Ordering::Relaxed) + untold).unwrap_or(0)
}

/// Bytes that have come in addition to the fewest that were in use since the limit was set.
pub(super) fn grown() -> usize {
    used().saturating_sub(usize::try_from(LEAST.load(Ordering::Relaxed)).unwrap_or(0))
}

/// Has this thread call `beyond` whenever it allocates with more than the limit in use, and when the system has
/// refused it. Where `beyond` allocates, it is not called again.
pub(super) fn watch(beyond: fn(Asked)) {
    BEYOND.get_or_init(|| beyond);
    WATCHED.set(true);
}

/// Sets the limit: so many bytes, and so many more than the fewest that are in use from now on. What a program lets
/// go of makes room for something else, which may be small here and large on a board.
pub(super) fn limit(most: usize, more: usize) {
    let bytes = |bytes: usize| isize::try_from(bytes).unwrap_or(isize::MAX);
    MOST.store(bytes(most), Ordering::Relaxed);
    MORE.store(bytes(more), Ordering::Relaxed);
    fell_to(bytes(used()));
}

/// Has the watched thread call `beyond` at its next allocation.
pub(super) fn call() {
    CALLED.store(true, Ordering::Relaxed);
}

fn fell_to(used: isize) {
    LEAST.store(used, Ordering::Relaxed);
    let limit = MOST.load(Ordering::Relaxed).min(used.saturating_add(MORE.load(Ordering::Relaxed)));
    LIMIT.store(limit, Ordering::Relaxed);
}

fn take(bytes: usize, layout: Layout) {
    if tell(isize::try_from(bytes).unwrap_or(isize::MAX)) > LIMIT.load(Ordering::Relaxed) {
        call_beyond(Asked { bytes, is_text: layout.align() == 1, is_refused: false });
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
        return if CALLED.load(Ordering::Relaxed) { isize::MAX } else { isize::MIN };
    }
    UNTOLD.set(0);
    let used = USED.fetch_add(untold, Ordering::Relaxed).saturating_add(untold);
    if used < LEAST.load(Ordering::Relaxed) {
        fell_to(used);
    }
    used
}

/// What the system gave; a refusal is told before Rust ends the process over it.
fn had(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() {
        call_beyond(Asked { bytes, is_text: false, is_refused: true });
    }
    block
}

#[cold]
fn call_beyond(asked: Asked) {
    if WATCHED.replace(false) {
        CALLED.store(false, Ordering::Relaxed);
        BEYOND.get().into_iter().for_each(|beyond| beyond(asked));
        WATCHED.set(true);
    }
}
