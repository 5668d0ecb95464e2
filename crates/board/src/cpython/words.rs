//! Texts of exceptions where the interpreter's differ from CPython's, and programs' readers meet them often.

use std::sync::OnceLock;

use rustpython_vm::builtins::PyStr;
use rustpython_vm::protocol::PySequence;
use rustpython_vm::{AsObject, PyObject, PyResult, VirtualMachine};

type Concat = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult;

/// The interpreter's own `+` of str.
static CONCAT: OnceLock<Concat> = OnceLock::new();

pub(super) fn apply(vm: &VirtualMachine) {
    let slot = &vm.ctx.types.str_type.slots.as_sequence.concat;
    if let Some(own) = slot.load() {
        CONCAT.get_or_init(|| own);
        slot.store(Some(joined));
    }
}

/// `'a' + 1`.
fn joined(text: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let result = match CONCAT.get() {
        Some(own) => own(text, other, vm)?,
        None => vm.ctx.not_implemented(),
    };
    if other.downcast_ref::<PyStr>().is_some() || !result.is(&vm.ctx.not_implemented) {
        return Ok(result);
    }
    let class = other.class().name().to_owned();
    Err(vm.new_type_error(format!("can only concatenate str (not \"{class}\") to str")))
}
