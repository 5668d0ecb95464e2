//! Callbacks between two bytecodes of the program: those of `micropython.schedule`, timers and pins.
//!
//! The board's own threads cannot hold a Python object; they hold a [`Token`], and the object waits here.

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::PyStrRef;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::{board, interrupted};
use crate::hardware::{Alarm, AlarmKey, Due};
use crate::traceback;

/// How long the program goes on before a callback that another has scheduled.
const SOON: Duration = Duration::from_micros(50);

/// Callbacks of callbacks that wait; boards have room for as many.
const MOST: usize = 8;

/// Stands for all that callbacks have scheduled.
const TURN: Token = Token(0);

/// Stands for a callback in threads that cannot hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token(u64);

static BUSY: AtomicBool = AtomicBool::new(false);
static HELD_OFF: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Those that callbacks have scheduled.
static QUEUE: Mutex<VecDeque<Token>> = Mutex::new(VecDeque::new());

static CALLBACKS: LazyLock<Mutex<HashMap<Token, Callback>>> = LazyLock::new(Mutex::default);

#[derive(Clone)]
struct Callback {
    function: PyObjectRef,
    argument: PyObjectRef,
    /// It is called whenever its token is scheduled, until [`forget`].
    again: bool,
}

/// Whether no callback may begin: one runs, and the next waits for its end, or the program holds them off.
pub(crate) fn busy() -> bool {
    BUSY.load(Ordering::Relaxed) || HELD_OFF.load(Ordering::Relaxed)
}

/// Holds callbacks off, or lets them run again; gives what was before.
pub(crate) fn hold_off(off: bool) -> bool {
    HELD_OFF.swap(off, Ordering::Relaxed)
}

/// Keeps `function(argument)` for any number of calls.
pub(crate) fn keep_ready(function: PyObjectRef, argument: PyObjectRef) -> Token {
    keep(Callback { function, argument, again: true })
}

/// Lets go of what [`keep_ready`] kept. A call that is scheduled already does not happen.
pub(crate) fn forget(token: Token) {
    drop(CALLBACKS.lock().remove(&token));
}

/// Calls `function(argument)` once, soon; RuntimeError when too many wait.
pub(crate) fn once(function: PyObjectRef, argument: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let token = keep(Callback { function, argument, again: false });
    let scheduled = if BUSY.load(Ordering::Relaxed) { queue(token) } else { board().schedule(token) };
    if scheduled {
        return Ok(());
    }
    take(token);
    Err(vm.new_runtime_error("schedule queue full"))
}

/// Lets a callback of a callback wait for its turn; false when too many do.
fn queue(token: Token) -> bool {
    let mut queue = QUEUE.lock();
    let room = queue.len() < MOST;
    queue.extend(room.then_some(token));
    room
}

/// Has the clock bring the turn of those that callbacks have scheduled. Scheduled at once, they would be called at
/// once: the interpreter goes on with signals until there are no more, and one that schedules itself would keep it for
/// ever.
fn call_turn() {
    if !QUEUE.lock().is_empty() {
        let alarm = Alarm { at: Instant::now() + SOON, every: None, due: Due::Callback(TURN) };
        board().hardware(|hardware| hardware.set_alarm(AlarmKey::Turn, alarm));
    }
}

/// Keeps a callback for a thread that will hand the token to `Board::schedule` when its time has come.
pub(crate) fn prepare(function: PyObjectRef, argument: PyObjectRef) -> Token {
    keep(Callback { function, argument, again: false })
}

fn take(token: Token) -> Option<Callback> {
    let mut callbacks = CALLBACKS.lock();
    match callbacks.get(&token) {
        Some(callback) if callback.again => Some(callback.clone()),
        Some(_) => callbacks.remove(&token),
        None => None,
    }
}

/// Lets go of all: a reset.
pub(crate) fn forget_all() {
    drop(std::mem::take(&mut *CALLBACKS.lock()));
    QUEUE.lock().clear();
    BUSY.store(false, Ordering::Relaxed);
    HELD_OFF.store(false, Ordering::Relaxed);
}

fn keep(callback: Callback) -> Token {
    let token = Token(NEXT.fetch_add(1, Ordering::Relaxed));
    CALLBACKS.lock().insert(token, callback);
    token
}

/// Calls it. What it raises is printed and does not stop the program, except Ctrl-C and a reset.
pub(crate) fn run(vm: &VirtualMachine, token: Token) -> PyResult<()> {
    let result = if token == TURN { run_turn(vm) } else { run_one(vm, token) };
    call_turn();
    result
}

/// Calls those that wait now; those that they schedule wait for the next turn.
fn run_turn(vm: &VirtualMachine) -> PyResult<()> {
    let waiting = QUEUE.lock().len();
    for _ in 0..waiting {
        let next = QUEUE.lock().pop_front();
        let Some(token) = next else { break };
        run_one(vm, token)?;
    }
    Ok(())
}

fn run_one(vm: &VirtualMachine, token: Token) -> PyResult<()> {
    let Some(callback) = take(token) else { return Ok(()) };
    BUSY.store(true, Ordering::Relaxed);
    let result = watched(vm, || callback.function.call((callback.argument,), vm));
    BUSY.store(false, Ordering::Relaxed);
    let Err(raised) = result else { return Ok(()) };
    let exceptions = &vm.ctx.exceptions;
    if raised.fast_isinstance(exceptions.keyboard_interrupt) || raised.fast_isinstance(exceptions.system_exit) {
        return Err(raised);
    }
    board().output(vm, traceback::text(vm, &raised).replace('\n', "\r\n").as_bytes())
}

/// Runs Python with a look at Ctrl-C before each bytecode.
///
/// A callback is called from the interpreter's signal handler, in which the interpreter looks at no other signal: a
/// callback that loops could never be stopped. Its trace hook still works there. What the hook raises goes past the
/// `except` of the frame that it interrupts, to that frame's caller.
fn watched<R>(vm: &VirtualMachine, f: impl FnOnce() -> R) -> R {
    let hook = vm.new_function(
        "watch",
        |frame: PyObjectRef, event: PyStrRef, _argument: PyObjectRef, vm: &VirtualMachine| -> PyResult<bool> {
            if event.as_bytes() == b"call" {
                frame.set_attr("f_trace_opcodes", vm.ctx.new_bool(true), vm)?;
            }
            if board().demanded() { Err(interrupted(vm)) } else { Ok(true) }
        },
    );
    let before = vm.trace_func.replace(hook.into());
    let tracing = vm.use_tracing.replace(true);
    let result = f();
    vm.use_tracing.set(tracing);
    vm.trace_func.replace(before);
    result
}
