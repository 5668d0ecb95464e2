//! The module `micropython`: scheduling, and the names that change nothing on a board with this much memory.

pub(crate) use micropython::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod micropython {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use crate::board::board;
    use crate::link::FromBoard;
    use crate::modules::schedule;

    /// How often the heap is locked. Programs count on the count; nothing here is ever refused memory for it.
    static HEAP_LOCKS: AtomicU32 = AtomicU32::new(0);

    #[pyfunction]
    fn heap_lock() {
        HEAP_LOCKS.fetch_add(1, Ordering::Relaxed);
    }

    #[pyfunction]
    fn heap_unlock() -> u32 {
        let before = HEAP_LOCKS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |locks| locks.checked_sub(1));
        before.map_or(0, |before| before - 1)
    }

    #[pyfunction]
    fn alloc_emergency_exception_buf(_bytes: usize) {}

    /// The level is 0, whatever is asked for.
    #[pyfunction]
    fn opt_level(level: OptionalArg<i32>) -> Option<i32> {
        if level.is_present() { None } else { Some(0) }
    }

    /// Bytes of stack in use, of which a board has a few thousand.
    #[pyfunction]
    fn stack_use(vm: &VirtualMachine) -> usize {
        const OF_A_CALL: usize = 200;
        vm.current_recursion_depth() * OF_A_CALL
    }

    /// Decorators that on a board choose what the compiler makes.
    #[pyfunction]
    #[pyfunction(name = "native")]
    #[pyfunction(name = "viper")]
    fn bytecode(function: PyObjectRef) -> PyObjectRef {
        function
    }

    #[pyfunction(name = "const")]
    fn constant(value: PyObjectRef) -> PyObjectRef {
        value
    }

    /// Which byte of the console is Ctrl-C while a program runs; -1 for none.
    #[pyfunction]
    fn kbd_intr(byte: i32) {
        board().tell(FromBoard::InterruptByte(u8::try_from(byte).ok()));
    }

    #[pyfunction]
    fn schedule(function: PyObjectRef, argument: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        schedule::once(function, argument, vm)
    }
}
