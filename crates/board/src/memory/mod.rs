//! Memory that a program may take. A board's heap is small, and what one object would take is often known before it is
//! made ([`check`]): then a program gets MemoryError when the board would give it, and buffers count against
//! `gc.mem_free`. What grows in small steps, or in the interpreter's own way, may become larger than a board's heap,
//! since the interpreter's objects are: up to a limit ([`soft`]), where MemoryError is raised before the next bytecode.
//! What grows on from there without any ends the board (`lost`).

mod heap;
mod sizes;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustpython_vm::gc_state::gc_state;
use rustpython_vm::signal::UserSignalSender;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::lost::{self, Why};

/// Bytes in use, beside those of a fresh interpreter, at which a program gets MemoryError, at least: a heap of 160 KiB
/// that is full of the smallest objects takes far less here.
const LEAST: usize = 24 << 20;

/// So many for each byte of a larger heap.
const TIMES: usize = 8;

/// Bytes in use at which any program gets it.
const MOST: usize = 128 << 20;

/// What may come in addition after each MemoryError, for what the program does about it.
const RELIEF: usize = 16 << 20;

/// Bytes of address space of the whole process: the last resort. Stacks and the system's allocator reserve far more of
/// it than they use.
#[cfg(unix)]
const ALL: u64 = 2 << 30;

/// Bytes that the firmware's own objects take.
const OWN: usize = 18_000;

/// Bytes of an object that can hold others, with what it holds: two cells of a board's heap, on average.
const OBJECT: usize = 48;

/// A buffer is of as many bytes, or counts with its holder.
const BUFFER: usize = 512;

static DOORBELL: OnceLock<UserSignalSender> = OnceLock::new();

/// MemoryError is on its way.
static RINGING: AtomicBool = AtomicBool::new(false);

/// Another thread wants this one looked after: see [`wake`].
static WOKEN: AtomicBool = AtomicBool::new(false);

/// The size of the allocation that was too much.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// See [`soft`].
static SOFT: AtomicUsize = AtomicUsize::new(MOST);

/// Objects that a fresh interpreter has: they are the firmware's.
static AT_START: AtomicUsize = AtomicUsize::new(0);

/// The buffers that the program has made and, but for this list, may have let go of again.
static BUFFERS: Mutex<Vec<(PyObjectRef, usize)>> = Mutex::new(Vec::new());

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

/// Puts the checks into the types. Not of a Linux computer, whose memory is what the process may take.
pub(crate) fn limit_objects(vm: &VirtualMachine) {
    if !board().profile.is_cpython() {
        sizes::limit(vm);
    }
}

/// How the interpreter is told.
pub(crate) fn connect(doorbell: UserSignalSender) {
    DOORBELL.get_or_init(|| doorbell);
}

/// From here on, the program in this thread may not take more than there is.
pub(crate) fn watch() {
    AT_START.store(objects(), Ordering::Relaxed);
    let own = LEAST.max(TIMES.saturating_mul(board().profile.heap));
    SOFT.store(heap::used().saturating_add(own).min(MOST), Ordering::Relaxed);
    heap::limit(soft());
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
    heap::limit(0);
}

/// Called in the middle of an allocation, with too much in use or when the system has `refused`.
fn beyond(bytes: usize, refused: bool) {
    if WOKEN.swap(false, Ordering::Relaxed) {
        heap::limit(soft());
        if board().overdue() {
            lost::here(Why::Interrupt);
        }
    }
    let used = heap::used();
    if refused || used > hard() {
        lost::here(Why::Memory(bytes));
    }
    if used > soft() && !RINGING.swap(true, Ordering::Relaxed) {
        ASKED.store(bytes, Ordering::Relaxed);
        let doorbell = DOORBELL.get();
        let _ = doorbell.map(|doorbell| doorbell.send(Box::new(refuse))); // without an interpreter, nobody asks for more
    }
}

/// MemoryError before the next bytecode. The interpreter has collected garbage again and again before there was so
/// much; once more would take seconds, and more memory.
fn refuse(vm: &VirtualMachine) -> PyResult<()> {
    RINGING.store(false, Ordering::Relaxed);
    let used = heap::used();
    let soft = soft();
    heap::limit(if used > soft { used + RELIEF } else { soft });
    if used > soft { Err(error(ASKED.load(Ordering::Relaxed), vm)) } else { Ok(()) }
}

/// Lets go of what nobody can reach, and says how many objects went.
pub(crate) fn collect() -> usize {
    const OLDEST: usize = 2;
    sweep();
    gc_state().collect_force(OLDEST).collected
}

/// Bytes of a board's heap in use.
pub(crate) fn allocated() -> usize {
    let objects = objects().saturating_sub(AT_START.load(Ordering::Relaxed));
    // Objects alone never fill it: they are larger here, and there may be more of them.
    let (heap, taken) = (board().profile.heap, OWN + OBJECT * objects);
    (taken.min(heap - heap / 4) + sweep()).min(heap) / 16 * 16
}

fn objects() -> usize {
    let (young, middle, old) = gc_state().get_count();
    // Each goes below zero, and wraps, when objects go that it has not counted.
    let sum = young.wrapping_add(middle).wrapping_add(old);
    if sum.cast_signed() < 0 { 0 } else { sum }
}

/// Forgets the buffers that nobody else has; gives the bytes of the others.
fn sweep() -> usize {
    let is_ours = |buffer: &PyObjectRef| buffer.strong_count() == 1;
    let mut buffers = BUFFERS.lock();
    let (gone, left) = std::mem::take(&mut *buffers).into_iter().partition::<Vec<_>, _>(|(buffer, _)| is_ours(buffer));
    let bytes = left.iter().map(|(_, bytes)| bytes).sum();
    *buffers = left;
    drop(buffers);
    drop(gone); // here, where nothing is borrowed
    bytes
}

/// The buffer, counted from now on; not of a Linux computer.
pub(crate) fn kept(buffer: PyObjectRef, bytes: usize) -> PyObjectRef {
    if !board().profile.is_cpython() {
        keep(&buffer, bytes);
    }
    buffer
}

/// Counts a buffer that the program has made larger than it was.
fn keep_grown(buffer: &PyObjectRef, bytes: usize) {
    let mut buffers = BUFFERS.lock();
    match buffers.iter_mut().find(|(known, _)| known.is(buffer)) {
        Some((_, known)) => *known = bytes,
        None if bytes >= BUFFER => buffers.push((buffer.clone(), bytes)),
        None => {}
    }
}

/// Counts a buffer that the program has made.
fn keep(buffer: &PyObjectRef, bytes: usize) {
    if bytes >= BUFFER {
        BUFFERS.lock().push((buffer.clone(), bytes));
    }
}

/// MemoryError for one object of so many bytes, if the board has not as many left.
pub(crate) fn check(bytes: usize, vm: &VirtualMachine) -> PyResult<()> {
    if bytes < BUFFER || bytes <= board().profile.heap - allocated() {
        return Ok(());
    }
    collect();
    if bytes <= board().profile.heap - allocated() { Ok(()) } else { Err(error(bytes, vm)) }
}

fn error(bytes: usize, vm: &VirtualMachine) -> rustpython_vm::builtins::PyBaseExceptionRef {
    vm.new_memory_error(format!("memory allocation failed, allocating {bytes} bytes"))
}
