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

    /// Bytes that the firmware's own objects take.
    const OWN: usize = 18_000;

    /// Bytes of an object that can hold others, with what it holds: two cells of a board's heap, on average.
    const OBJECT: usize = 48;

    /// Boards count their memory in blocks of so many bytes.
    const BLOCK: i64 = 16;

    /// Never, until a program says otherwise.
    static THRESHOLD: AtomicI64 = AtomicI64::new(-1);

    /// Collects, and says how many objects went.
    #[pyfunction]
    fn collect() -> usize {
        const OLDEST: usize = 2;
        gc_state().collect_force(OLDEST).collected
    }

    fn allocated() -> usize {
        let (young, middle, old) = gc_state().get_count();
        let heap = board().profile.heap;
        (OWN + OBJECT * (young + middle + old)).min(heap - heap / 16) / 16 * 16
    }

    #[pyfunction]
    fn mem_alloc() -> usize {
        allocated()
    }

    #[pyfunction]
    fn mem_free() -> usize {
        board().profile.heap - allocated()
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
