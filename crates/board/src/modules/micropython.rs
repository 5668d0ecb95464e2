//! The module `micropython`: scheduling, and the names that change nothing on a board with this much memory.

pub(crate) use micropython::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod micropython {
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use crate::modules::schedule;

    #[pyfunction(name = "const")]
    fn constant(value: PyObjectRef) -> PyObjectRef {
        value
    }

    #[pyfunction]
    fn schedule(function: PyObjectRef, argument: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        schedule::once(function, argument, vm)
    }
}
