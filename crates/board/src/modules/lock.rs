//! Locks of `_thread`, CPython's and boards': they wait as all natives of a board do, so that Ctrl-C and a reset end the
//! wait of a program's first thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, Representable};
use rustpython_vm::{AsObject, FromArgs, Py, PyObject, PyPayload, PyResult, VirtualMachine, pyclass};

use crate::board::board;

/// A lock, which any thread may release.
#[pyclass(module = "_thread", name = "lock")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Lock {
    held: Mutex<bool>,
    /// Threads that wait for it, or are about to.
    waiting: AtomicUsize,
}

/// What `acquire` takes.
#[derive(FromArgs)]
pub(crate) struct AcquireArgs {
    #[pyarg(any, default = true)]
    blocking: bool,
    #[pyarg(any, optional)]
    timeout: OptionalArg,
}

impl AcquireArgs {
    /// Waits without end.
    pub(crate) fn forever() -> AcquireArgs {
        AcquireArgs { blocking: true, timeout: OptionalArg::Missing }
    }
}

/// A number of seconds, an int or a float.
pub(crate) fn seconds(given: &PyObject, vm: &VirtualMachine) -> PyResult<f64> {
    Ok(given.try_float(vm)?.to_f64())
}

/// Waits until `take` has taken a lock, in so far as the arguments say.
pub(crate) fn acquire(
    vm: &VirtualMachine,
    args: &AcquireArgs,
    waiting: &AtomicUsize,
    take: impl Fn() -> bool,
) -> PyResult<bool> {
    let timeout = args.timeout.as_option().map_or(Ok(-1.0), |timeout| seconds(timeout, vm))?;
    if !args.blocking && timeout != -1.0 {
        return Err(vm.new_value_error("can't specify a timeout for a non-blocking call"));
    }
    if timeout < 0.0 && timeout != -1.0 {
        return Err(vm.new_value_error("timeout value must be a non-negative number"));
    }
    let taken = take();
    if taken || !args.blocking {
        return Ok(taken);
    }
    let length = (timeout >= 0.0).then(|| Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX));
    let until = length.and_then(|length| Instant::now().checked_add(length));
    waiting.fetch_add(1, Ordering::SeqCst);
    let taken = board().wait(vm, until, |_| take().then_some(()));
    waiting.fetch_sub(1, Ordering::SeqCst);
    Ok(taken?.is_some())
}

/// Wakes whoever waits for a lock.
pub(crate) fn released(waiting: &AtomicUsize) {
    if waiting.load(Ordering::SeqCst) > 0 {
        board().change(|_| ());
    }
}

#[pyclass(with(Constructor, Representable), flags(HAS_WEAKREF))]
impl Lock {
    #[pymethod]
    #[pymethod(name = "acquire_lock")]
    fn acquire(&self, args: AcquireArgs, vm: &VirtualMachine) -> PyResult<bool> {
        acquire(vm, &args, &self.waiting, || self.take())
    }

    #[pymethod]
    #[pymethod(name = "release_lock")]
    fn release(&self, vm: &VirtualMachine) -> PyResult<()> {
        if !std::mem::take(&mut *self.held.lock()) {
            // Boards say no more than the class.
            let text = if board().profile.is_cpython() { "release unlocked lock" } else { "" };
            return Err(vm.new_runtime_error(text));
        }
        released(&self.waiting);
        Ok(())
    }

    #[pymethod]
    fn locked(&self) -> bool {
        *self.held.lock()
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
    fn _at_fork_reinit(&self) {
        *self.held.lock() = false;
    }

    fn take(&self) -> bool {
        !std::mem::replace(&mut *self.held.lock(), true)
    }
}

impl Constructor for Lock {
    type Args = ();

    fn py_new(_class: &Py<PyType>, (): (), _vm: &VirtualMachine) -> PyResult<Lock> {
        Ok(Lock::default())
    }
}

impl Representable for Lock {
    fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
        if !board().profile.is_cpython() {
            return Ok("<lock>".to_owned());
        }
        let state = if zelf.locked() { "locked" } else { "unlocked" };
        Ok(format!("<{state} _thread.lock object at {:#x}>", zelf.get_id()))
    }
}
