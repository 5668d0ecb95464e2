//! `'a' * 'b'`: boards name the operation, the interpreter says only that the one is no number.

use rustpython_vm::builtins::PyType;
use rustpython_vm::{Py, PyObject, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    let classes: [&'static Py<PyType>; 5] =
        [types.str_type, types.bytes_type, types.bytearray_type, types.list_type, types.tuple_type];
    for class in classes {
        class.slots.as_number.multiply.store(Some(repeat));
        class.slots.as_number.right_multiply.store(Some(repeat));
    }
}

/// Leaves a number to the sequence, and a program's own class to itself.
fn repeat(a: &PyObject, b: &PyObject, vm: &VirtualMachine) -> PyResult {
    let takes_part = |object: &PyObject| {
        object.class().heaptype_ext.is_some() || object.class().slots.as_number.index.load().is_some()
    };
    if takes_part(a) || takes_part(b) {
        return Ok(vm.ctx.not_implemented());
    }
    let (a, b) = (a.class().name().to_owned(), b.class().name().to_owned());
    Err(vm.new_type_error(format!("unsupported operand type(s) for *: '{a}' and '{b}'")))
}
