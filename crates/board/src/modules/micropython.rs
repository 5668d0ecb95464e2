//! The module `micropython`: scheduling, and the names that change nothing on a board with this much memory.

pub(crate) use micropython::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod micropython {
    use std::sync::atomic::{AtomicI32, Ordering};

    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use crate::board::board;
    use crate::link::FromBoard;
    use crate::modules::schedule;

    #[pyfunction(name = "const")]
    fn constant(value: PyObjectRef) -> PyObjectRef {
        value
    }

    /// Which byte of the console is Ctrl-C while a program runs; -1 for none.
    #[pyfunction]
    fn kbd_intr(byte: i32) {
        board().tell(FromBoard::InterruptByte(u8::try_from(byte).ok()));
    }

    /// Memory for exceptions in interrupts: there is always some here.
    #[pyfunction]
    fn alloc_emergency_exception_buf(_bytes: usize) {}

    static OPTIMIZATION: AtomicI32 = AtomicI32::new(0);
    static LOCKED: AtomicI32 = AtomicI32::new(0);

    /// What it is set to is what it says; assertions stay.
    #[pyfunction]
    fn opt_level(level: OptionalArg<i32>) -> Option<i32> {
        match level {
            OptionalArg::Missing => Some(OPTIMIZATION.load(Ordering::Relaxed)),
            OptionalArg::Present(level) => {
                OPTIMIZATION.store(level, Ordering::Relaxed);
                None
            }
        }
    }

    /// Locks count; allocating goes on all the same.
    #[pyfunction]
    fn heap_lock() -> i32 {
        LOCKED.fetch_add(1, Ordering::Relaxed) + 1
    }

    #[pyfunction]
    fn heap_unlock() -> i32 {
        LOCKED.fetch_sub(1, Ordering::Relaxed) - 1
    }

    #[pyfunction]
    fn heap_locked() -> i32 {
        LOCKED.load(Ordering::Relaxed)
    }

    /// Bytes of stack in use: an estimate from how deep the calls are.
    #[pyfunction]
    fn stack_use(vm: &VirtualMachine) -> usize {
        512 + vm.frames.borrow().len() * 160
    }

    #[pyfunction]
    fn mem_info(_verbose: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let stack = stack_use(vm);
        let text = format!("stack: {stack} out of 15360\r\nGC: total: 166656, used: 24128, free: 142528\r\n");
        board().output(vm, text.as_bytes())
    }

    #[pyfunction]
    fn qstr_info(_verbose: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        board().output(vm, b"qstr pool: n_pool=1, n_qstr=0, n_str_data_bytes=0, n_total_bytes=0\r\n")
    }

    /// Machine code runs as what it was written as.
    #[pyfunction]
    #[pyfunction(name = "viper")]
    #[pyfunction(name = "bytecode")]
    fn native(function: PyObjectRef) -> PyObjectRef {
        function
    }

    #[pyfunction]
    fn schedule(function: PyObjectRef, argument: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        schedule::once(function, argument, vm)
    }
}
