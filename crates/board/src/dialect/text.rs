//! Text and bytes that `strip` leaves as they are: boards give the same object back, not a copy.

use rustpython_vm::builtins::{PyBytes, PyStr};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    let (text, bytes) = (vm.ctx.types.str_type, vm.ctx.types.bytes_type);
    for (class, names) in [
        (text, [("str.strip", "strip"), ("str.lstrip", "lstrip"), ("str.rstrip", "rstrip")]),
        (bytes, [("bytes.strip", "strip"), ("bytes.lstrip", "lstrip"), ("bytes.rstrip", "rstrip")]),
    ] {
        for (key, name) in names {
            let strip = move |zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine| strip(key, zelf, args, vm);
            super::method_around(vm, class, (key, name), strip);
        }
    }
}

fn strip(key: &'static str, zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let whole = length(&zelf);
    let stripped = super::kept(key, &zelf, args, vm)?;
    if length(&stripped) == whole { Ok(zelf) } else { Ok(stripped) }
}

/// In bytes.
fn length(object: &PyObjectRef) -> Option<usize> {
    let bytes = || object.downcast_ref::<PyBytes>().map(|bytes| bytes.len());
    object.downcast_ref::<PyStr>().map(|text| text.as_bytes().len()).or_else(bytes)
}
