//! The module `gc`: numbers of a board's size, which move with what the program keeps.

pub(crate) use gc::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod gc {
    use std::sync::atomic::{AtomicI64, Ordering};

    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::gc_state::gc_state;
    use rustpython_vm::{PyObjectRef, VirtualMachine};

    use crate::board::board;
    use crate::memory;

    /// Boards count their memory in blocks of so many bytes.
    const BLOCK: i64 = 16;

    /// Never, until a program says otherwise.
    static THRESHOLD: AtomicI64 = AtomicI64::new(-1);

    /// Collects, and says how many objects went.
    #[pyfunction]
    fn collect() -> usize {
        memory::collect()
    }

    #[pyfunction]
    fn mem_alloc() -> usize {
        memory::allocated()
    }

    /// What one object may take, too.
    #[pyfunction]
    fn mem_free() -> usize {
        board().profile.heap - memory::allocated()
    }

    #[pyfunction]
    fn threshold(bytes: OptionalArg<i64>, vm: &VirtualMachine) -> PyObjectRef {
        match bytes {
            OptionalArg::Present(bytes) => {
                let whole = if bytes < 0 { -1 } else { bytes / BLOCK * BLOCK };
                THRESHOLD.store(whole, Ordering::Relaxed);
                vm.ctx.none()
            }
            OptionalArg::Missing => vm.ctx.new_int(THRESHOLD.load(Ordering::Relaxed)).into(),
        }
    }

    #[pyfunction]
    fn enable() {
        gc_state().enable();
    }

    #[pyfunction]
    fn disable() {
        gc_state().disable();
    }

    #[pyfunction]
    fn isenabled() -> bool {
        gc_state().is_enabled()
    }
}
