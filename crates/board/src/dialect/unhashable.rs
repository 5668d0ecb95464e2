//! What boards refuse as a key of a dict.

use rustpython_vm::builtins::PyType;
use rustpython_vm::common::hash::PyHash;
use rustpython_vm::{Py, PyObject, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    let classes: [&'static Py<PyType>; 3] = [types.slice_type, types.dict_keys_type, types.dict_items_type];
    for class in classes {
        class.slots.hash.store(Some(refuse));
    }
}

fn refuse(object: &PyObject, vm: &VirtualMachine) -> PyResult<PyHash> {
    Err(vm.new_type_error(format!("unsupported type for __hash__: '{}'", object.class().name())))
}
