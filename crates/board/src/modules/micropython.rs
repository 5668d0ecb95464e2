//! The module `micropython`: scheduling, and the names that change nothing on a board with this much memory.

pub(crate) use micropython::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod micropython {
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

    #[pyfunction]
    fn schedule(function: PyObjectRef, argument: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        schedule::once(function, argument, vm)
    }
}
