//! The module `_thread`. Threads run at the same time, each on a stack of its own. As on boards, Ctrl-C is for the
//! program's first thread, and the others end with the board's next reset: here, with its process.

pub(crate) use thread::module_def;

use std::sync::atomic::{AtomicUsize, Ordering};

use rustpython_vm::{PyResult, VirtualMachine, pymodule};

use crate::board::board;

/// Threads of the program that run, besides its first.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Whether any runs.
pub(crate) fn any() -> bool {
    RUNNING.load(Ordering::SeqCst) > 0
}

/// Waits until none runs.
pub(crate) fn finish(vm: &VirtualMachine) -> PyResult<()> {
    board().wait(vm, None, |_| (RUNNING.load(Ordering::SeqCst) == 0).then_some(())).map(drop)
}

// Not under the name by which programs import it: the interpreter needs its own `_thread` at its start.
#[pymodule(name = "_board_thread")]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod thread {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    use std::thread;

    use rustpython_vm::builtins::{PyBaseExceptionRef, PyDictRef, PyTupleRef, PyType};
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::function::{FuncArgs, KwArgs, OptionalArg};
    use rustpython_vm::vm::thread::cleanup_current_thread_frames;
    use rustpython_vm::{AsObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine};

    use super::RUNNING;
    use crate::board::board;
    use crate::modules::lock::Lock;
    use crate::{memory, traceback};

    /// Room for the recursion limit.
    const STACK: usize = 16 << 20;

    /// The number of the program's first thread.
    const FIRST: i64 = 1;

    static NEXT: AtomicI64 = AtomicI64::new(FIRST + 1);

    /// What `stack_size` was told. Ours have all they need.
    static ASKED: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static OWN: Cell<i64> = const { Cell::new(FIRST) };
    }

    #[pyattr(name = "LockType")]
    fn lock_type(_vm: &VirtualMachine) -> PyRef<PyType> {
        Lock::make_static_type()
    }

    #[pyfunction]
    fn allocate_lock(vm: &VirtualMachine) -> PyRef<Lock> {
        Lock::default().into_ref(&vm.ctx)
    }

    #[pyfunction]
    fn get_ident() -> i64 {
        OWN.get()
    }

    /// Gives what it was before; without an argument, it is the board's own choice again.
    #[pyfunction]
    fn stack_size(bytes: OptionalArg<usize>) -> usize {
        ASKED.swap(bytes.unwrap_or(0), Ordering::Relaxed)
    }

    #[pyfunction]
    fn exit(vm: &VirtualMachine) -> PyResult<()> {
        Err(vm.new_exception_empty(vm.ctx.exceptions.system_exit.to_owned()))
    }

    /// `start_new_thread(function, args[, kwargs])`; gives what `get_ident` is in it.
    #[pyfunction]
    fn start_new_thread(
        function: PyObjectRef,
        args: PyTupleRef,
        kwargs: OptionalArg<PyDictRef>,
        vm: &VirtualMachine,
    ) -> PyResult<i64> {
        let named = kwargs.into_option().map_or_else(Default::default, |kwargs| kwargs.to_attributes(vm));
        let named = named.into_iter().map(|(name, value)| (name.as_str().to_owned(), value));
        let args = FuncArgs::new(args.to_vec(), named.collect::<KwArgs>());
        let (most, refusal) = board().profile.threads.map_or((0, ""), |threads| (threads.most, threads.refusal));
        let room = |running: usize| (running < most).then_some(running + 1);
        let refused = || vm.new_os_error(refusal);
        RUNNING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).map_err(|_| refused())?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let run = vm.new_thread().make_spawn_func(move |vm| {
            OWN.set(number);
            memory::watch_thread();
            run(&function, args, vm);
            drop(function);
            cleanup_current_thread_frames(vm);
        });
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            run();
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            board().change(|_| ());
        });
        thread.map(|_| number).map_err(|_| {
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            refused()
        })
    }

    fn run(function: &PyObjectRef, args: FuncArgs, vm: &VirtualMachine) {
        let Err(raised) = function.call(args, vm) else { return };
        if !raised.fast_isinstance(vm.ctx.exceptions.system_exit) {
            // Where nobody takes the output, nobody is told.
            let _ = tell(function, &raised, vm);
        }
    }

    fn tell(function: &PyObjectRef, raised: &PyBaseExceptionRef, vm: &VirtualMachine) -> PyResult<()> {
        let function = function.repr(vm)?;
        let text = format!("Unhandled exception in thread started by {function}\n{}", traceback::text(vm, raised));
        board().output(vm, text.replace('\n', "\r\n").as_bytes())
    }
}
