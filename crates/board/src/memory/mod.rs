//! Memory that a program may take. A board's heap is small, and the interpreter's objects are several times as large
//! as a board's: what a program has is counted as the board would count it ([`census`]), whenever it may have become
//! too much. What one object would take is often known before it is made ([`check`]): then a program gets MemoryError
//! when the board would give it. What grows in small steps, it gets before the next bytecode ([`look`]). What grows
//! where none comes next, and in no object yet, may become larger, up to a limit ([`soft`]); what grows on from there
//! ends the board (`lost`).

mod census;
mod heap;
mod sizes;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::gc_state::gc_state;
use rustpython_vm::signal::UserSignalSender;
use rustpython_vm::{PyResult, VirtualMachine};

use crate::board::board;
use crate::lost::{self, Why};
use census::Census;

/// Bytes in use, beside those of a fresh interpreter, at which a program gets MemoryError whatever it has, at least.
const LEAST: usize = 24 << 20;

/// So many for each byte of a larger heap.
const TIMES: usize = 8;

/// Bytes in use at which any program gets it.
const MOST: usize = 128 << 20;

/// What may come in addition after each MemoryError, for what the program does about it.
const RELIEF: usize = 16 << 20;

/// The same where a board's heap is full: its program can go on in what is left between its objects.
const REST: usize = 256 << 10;

/// Less than this is not worth a census: it takes some ten microseconds, and a millisecond of a full heap.
const FEW: usize = 64 << 10;

/// Bytes of address space of the whole process: the last resort. Stacks and the system's allocator reserve far more of
/// it than they use.
#[cfg(unix)]
const ALL: u64 = 2 << 30;

/// Bytes that the firmware's own objects take.
const OWN: usize = 18_000;

/// What is smaller is not checked before it is made.
const BUFFER: usize = 512;

static DOORBELL: OnceLock<UserSignalSender> = OnceLock::new();

/// Python is to look at its next bytecode.
static RINGING: AtomicBool = AtomicBool::new(false);

/// The program has just got MemoryError, and is not to get another one while it looks for its handler.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Another thread wants this one looked after: see [`wake`].
static WOKEN: AtomicBool = AtomicBool::new(false);

/// The size of the allocation that was too much, and what was in use with it if it was of text.
static ASKED: AtomicUsize = AtomicUsize::new(0);
static WITH_IT: AtomicUsize = AtomicUsize::new(0);

/// See [`soft`].
static SOFT: AtomicUsize = AtomicUsize::new(MOST);

/// What the last census found.
static COUNTED: AtomicUsize = AtomicUsize::new(OWN);

/// Has the system refuse the process more than [`ALL`]. With threads that is counted without what is only reserved,
/// of which each thread has much.
pub(crate) fn limit_process(threads: bool) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, setrlimit};
        setrlimit(if threads { Resource::RLIMIT_DATA } else { Resource::RLIMIT_AS }, ALL, ALL)?;
    }
    #[cfg(not(unix))]
    let _ = threads;
    Ok(())
}

/// Puts the checks into the types.
pub(crate) fn limit_objects(vm: &VirtualMachine) {
    sizes::limit(vm);
}

/// How the interpreter is told.
pub(crate) fn connect(doorbell: UserSignalSender) {
    DOORBELL.get_or_init(|| doorbell);
}

/// From here on, the program in this thread may not take more than there is. What there is already is the firmware's.
pub(crate) fn watch() {
    gc_state().freeze();
    let used = heap::used();
    let own = LEAST.max(TIMES.saturating_mul(board().profile.heap));
    SOFT.store(used.saturating_add(own).min(MOST), Ordering::Relaxed);
    expect(OWN);
    heap::watch(beyond);
}

/// Bytes in use at which a program gets MemoryError.
fn soft() -> usize {
    SOFT.load(Ordering::Relaxed)
}

/// Bytes in use that are not exceeded.
fn hard() -> usize {
    soft() / 2 * 5
}

/// The same in another thread of the program; it is the first that gets MemoryError.
pub(crate) fn watch_thread() {
    heap::watch(beyond);
}

/// Has the thread that runs Python look at its next allocation whether it is wanted elsewhere.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
    heap::call();
}

/// Has Python look when there may be too much: an object takes more here than on a board, so not before what is left
/// there has come in addition here.
fn expect(counted: usize) {
    let left = board().profile.heap.saturating_sub(counted);
    let more = if board().profile.is_cpython() { usize::MAX } else { left.max(FEW) };
    heap::limit(soft(), more);
}

/// Called in the middle of an allocation.
fn beyond(asked: heap::Asked) {
    if WOKEN.swap(false, Ordering::Relaxed) && board().overdue() {
        lost::here(Why::Interrupt);
    }
    let used = heap::used();
    if asked.is_refused || used > hard() {
        lost::here(Why::Memory(asked.bytes));
    }
    if !RINGING.swap(true, Ordering::Relaxed) {
        ASKED.store(asked.bytes, Ordering::Relaxed);
        WITH_IT.store(if asked.is_text { used } else { 0 }, Ordering::Relaxed);
        let doorbell = DOORBELL.get();
        let _ = doorbell.map(|doorbell| doorbell.send(Box::new(look))); // without an interpreter, nobody asks for more
    }
}

/// MemoryError before the next bytecode, if there is too much.
fn look(vm: &VirtualMachine) -> PyResult<()> {
    let looked = weigh(vm);
    RINGING.store(false, Ordering::Relaxed); // not before: it takes memory itself
    looked
}

/// Where the interpreter itself has too much, it has collected garbage again and again before; once more would take
/// seconds, and more memory.
fn weigh(vm: &VirtualMachine) -> PyResult<()> {
    let refuse = || Err(error(ASKED.load(Ordering::Relaxed), vm));
    let used = heap::used();
    if used > soft() {
        heap::limit(used + RELIEF, usize::MAX);
        return refuse();
    }
    if board().profile.is_cpython() {
        return Ok(());
    }
    if TOLD.swap(false, Ordering::Relaxed) {
        heap::limit(soft(), REST);
        return Ok(());
    }
    let heap = board().profile.heap;
    let census = census::take();
    let passing = passing(&census);
    if note(&census) + passing <= heap || collect() > 0 && count() + passing <= heap {
        return Ok(());
    }
    heap::limit(soft(), REST);
    refuse()
}

/// Bytes that a board needed at the same time to get to where the program is, and has let go of: what the largest
/// container was before it grew, or the text that has become a longer one.
fn passing(census: &Census) -> usize {
    let used = heap::used();
    let text = ASKED.load(Ordering::Relaxed).min(WITH_IT.load(Ordering::Relaxed).saturating_sub(used));
    text.max(census::outgrown(census.largest))
}

/// Lets go of what nobody can reach, and says how many objects went.
pub(crate) fn collect() -> usize {
    const OLDEST: usize = 2;
    gc_state().collect_force(OLDEST).collected
}

/// Bytes of a board's heap in use.
pub(crate) fn allocated() -> usize {
    count().min(board().profile.heap) / 16 * 16
}

/// Bytes that the firmware's and the program's objects take on a board.
fn count() -> usize {
    note(&census::take())
}

/// Counts, where something has grown unseen.
fn recount() {
    if !board().profile.is_cpython() {
        count();
    }
}

/// Keeps what a census found, and expects what can come then.
fn note(census: &Census) -> usize {
    let counted = OWN + census.bytes;
    COUNTED.store(counted, Ordering::Relaxed);
    expect(counted);
    counted
}

/// MemoryError for one object of so many bytes, if the board has not as many left.
pub(crate) fn check(bytes: usize, vm: &VirtualMachine) -> PyResult<()> {
    if bytes < BUFFER {
        return Ok(());
    }
    let heap = board().profile.heap;
    let fits = |counted: usize| bytes <= heap.saturating_sub(counted);
    let fits = match board().profile.is_cpython() {
        true => bytes <= soft().saturating_sub(heap::used()),
        // Nothing takes more on a board than here.
        false => {
            fits(COUNTED.load(Ordering::Relaxed) + heap::grown()) || fits(count()) || collect() > 0 && fits(count())
        }
    };
    if fits {
        return Ok(());
    }
    TOLD.store(RINGING.load(Ordering::Relaxed), Ordering::Relaxed);
    Err(error(bytes, vm))
}

fn error(bytes: usize, vm: &VirtualMachine) -> PyBaseExceptionRef {
    match board().profile.is_cpython() {
        true => vm.new_exception_empty(vm.ctx.exceptions.memory_error.to_owned()),
        false => vm.new_memory_error(format!("memory allocation failed, allocating {bytes} bytes")),
    }
}
