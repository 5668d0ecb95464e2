//! `_thread` of CPython is the interpreter's own, but for what waits: locks and `join` wait as all natives of a board
//! do, so that Ctrl-C and a reset end the wait of a program's first thread.
//!
//! Threads run at the same time, each on a stack of its own; only the first is interrupted.

use std::sync::atomic::AtomicUsize;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyType};
use rustpython_vm::class::PyClassImpl;
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, Representable};
use rustpython_vm::{AsObject, Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

use super::traceback;
use crate::board::board;
use crate::import;
use crate::modules::lock::{AcquireArgs, Lock, acquire, released, seconds};
use crate::modules::stream;

/// The stack of a thread: room for the recursion limit, and so little that hundreds of threads have one.
const STACK: usize = 16 << 20;

/// How often a join looks for Ctrl-C: a thread's end is the interpreter's, and does not wake the board's waits.
const LOOK: Duration = Duration::from_millis(10);

/// Puts ours into the module.
pub(super) fn furnish(module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    vm.state.stacksize.store(STACK);
    let lock = Lock::make_static_type();
    for name in ["lock", "LockType", "allocate_lock"] {
        module.set_attr(name, lock.clone(), vm)?;
    }
    module.set_attr("RLock", RLock::make_static_type(), vm)?;
    let starters = import::module("_board_threads", vm)?;
    let own = |name| module.get_attr(name, vm);
    let wrap = starters.get_attr("wrap", vm)?;
    for name in ["start_joinable_thread", "start_new_thread"] {
        module.set_attr(name, wrap.call((own(name)?,), vm)?, vm)?;
    }
    module.set_attr("_excepthook", vm.new_function("_excepthook", print_exception), vm)?;
    module.set_attr("interrupt_main", vm.new_function("interrupt_main", interrupt_main), vm)?;
    join_in_steps(module, vm)
}

/// Has `join` of a thread's handle look for Ctrl-C while it waits.
fn join_in_steps(module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let class = module.get_attr("_ThreadHandle", vm)?;
    let own = class.get_attr("join", vm)?;
    let join = move |handle: PyObjectRef, timeout: OptionalArg, vm: &VirtualMachine| -> PyResult<()> {
        let timeout = timeout.into_option().filter(|timeout| !vm.is_none(timeout));
        let timeout = timeout.map(|timeout| seconds(&timeout, vm)).transpose()?;
        let length = timeout.filter(|seconds| *seconds >= 0.0);
        let until = length.and_then(|seconds| Instant::now().checked_add(Duration::try_from_secs_f64(seconds).ok()?));
        board().hurry();
        loop {
            board().attend(vm)?;
            let left = until.map_or(LOOK, |until| LOOK.min(until.saturating_duration_since(Instant::now())));
            own.call((handle.clone(), left.as_secs_f64()), vm)?;
            let done = vm.call_method(&handle, "is_done", ())?.try_to_bool(vm)?;
            if done || until.is_some_and(|until| Instant::now() >= until) {
                return Ok(());
            }
        }
    };
    if let Ok(class) = class.downcast::<PyType>() {
        // A type of the interpreter is there for good.
        let class: &'static Py<PyType> = Box::leak(Box::new(class));
        let join = vm.new_method("join", class, join);
        class.set_attr(vm.ctx.intern_str("join"), join.into());
    }
    Ok(())
}

/// What a thread's program raised and did not catch.
fn print_exception(about: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let raised: PyBaseExceptionRef = about.get_attr("exc_value", vm)?.try_into_value(vm)?;
    if raised.fast_isinstance(vm.ctx.exceptions.system_exit) {
        return Ok(());
    }
    let name = about.get_attr("thread", vm)?.get_attr("name", vm)?.str(vm)?;
    let text = format!("Exception in thread {name}:\n{}", traceback::text(vm, &raised));
    let stderr = vm.sys_module.get_attr("stderr", vm)?;
    stream::write_text(&stderr, text, vm)
}

/// Ctrl-C, by a program.
fn interrupt_main() {
    board().interrupt();
}

/// A lock that its owner may take again.
#[pyclass(module = "_thread", name = "RLock")]
#[derive(Debug, Default, PyPayload)]
struct RLock {
    /// Who has it, and how many times.
    held: Mutex<Option<(ThreadId, usize)>>,
    waiting: AtomicUsize,
}

#[pyclass(with(Constructor, Representable), flags(BASETYPE, HAS_WEAKREF))]
impl RLock {
    #[pymethod]
    #[pymethod(name = "acquire_lock")]
    fn acquire(&self, args: AcquireArgs, vm: &VirtualMachine) -> PyResult<bool> {
        acquire(vm, &args, &self.waiting, || self.take(1))
    }

    #[pymethod]
    #[pymethod(name = "release_lock")]
    fn release(&self, vm: &VirtualMachine) -> PyResult<()> {
        self.give_back(1, vm).map(drop)
    }

    #[pymethod]
    fn locked(&self) -> bool {
        self.held.lock().is_some()
    }

    #[pymethod]
    fn __enter__(&self, vm: &VirtualMachine) -> PyResult<bool> {
        self.acquire(AcquireArgs::forever(), vm)
    }

    #[pymethod]
    fn __exit__(&self, _args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        self.release(vm)
    }

    #[pymethod]
    fn _is_owned(&self) -> bool {
        self._recursion_count() > 0
    }

    #[pymethod]
    fn _recursion_count(&self) -> usize {
        let held = *self.held.lock();
        held.filter(|(owner, _)| *owner == thread::current().id()).map_or(0, |(_, times)| times)
    }

    /// Lets go of all of it, for a condition's wait.
    #[pymethod]
    fn _release_save(&self, vm: &VirtualMachine) -> PyResult<usize> {
        self.give_back(usize::MAX, vm)
    }

    #[pymethod]
    fn _acquire_restore(&self, times: usize, vm: &VirtualMachine) -> PyResult<()> {
        let args = AcquireArgs::forever();
        acquire(vm, &args, &self.waiting, || self.take(times)).map(drop)
    }

    #[pymethod]
    fn _at_fork_reinit(&self) {
        *self.held.lock() = None;
    }

    fn take(&self, more: usize) -> bool {
        let me = thread::current().id();
        let mut held = self.held.lock();
        match &mut *held {
            None => *held = Some((me, more)),
            Some((owner, times)) if *owner == me => *times += more,
            Some(_) => return false,
        }
        true
    }

    /// Gives back this many times at most; says how many it was held.
    fn give_back(&self, most: usize, vm: &VirtualMachine) -> PyResult<usize> {
        let me = thread::current().id();
        let mut held = self.held.lock();
        let Some((_, times)) = held.filter(|(owner, _)| *owner == me) else {
            return Err(vm.new_runtime_error("cannot release un-acquired lock"));
        };
        *held = times.checked_sub(most).filter(|left| *left > 0).map(|left| (me, left));
        let free = held.is_none();
        drop(held);
        if free {
            released(&self.waiting);
        }
        Ok(times)
    }
}

impl Constructor for RLock {
    type Args = ();

    fn py_new(_class: &Py<PyType>, (): (), _vm: &VirtualMachine) -> PyResult<RLock> {
        Ok(RLock::default())
    }
}

impl Representable for RLock {
    fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
        let (state, times) = if zelf.locked() { ("locked", zelf._recursion_count()) } else { ("unlocked", 0) };
        Ok(format!("<{state} _thread.RLock object count={times} at {:#x}>", zelf.get_id()))
    }
}
