//! Text and bytes: what `strip` leaves as it is, of which boards give the same object back and not a copy; and from the
//! one to the other.

use rustpython_vm::builtins::{PyBytes, PyList, PyStr, PyTuple};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::profile::Sockets;

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
    for (class, key) in [(text, "str.join"), (bytes, "bytes.join")] {
        let join = move |zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine| join(key, zelf, args, vm);
        super::method_around(vm, class, (key, "join"), join);
    }
    if board().profile.sockets != Sockets::CPython {
        know_one_encoding(vm);
    }
}

/// Boards know one encoding, and look at no name of one. CPython's on a Linux board are its own.
fn know_one_encoding(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    for (class, key, name) in [
        (types.str_type, "str.encode", "encode"),
        (types.bytes_type, "bytes.decode", "decode"),
        (types.bytearray_type, "bytearray.decode", "decode"),
    ] {
        let code = move |zelf: PyObjectRef, mut args: FuncArgs, vm: &VirtualMachine| -> PyResult {
            let encoding = args.args.first_mut().filter(|encoding| encoding.downcast_ref::<PyStr>().is_some());
            encoding.into_iter().for_each(|encoding| *encoding = vm.ctx.new_str("utf-8").into());
            super::kept(key, &zelf, args, vm)
        };
        super::method_around(vm, class, (key, name), code);
    }
}

fn strip(key: &'static str, zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let whole = length(&zelf);
    let stripped = super::kept(key, &zelf, args, vm)?;
    if length(&stripped) == whole { Ok(zelf) } else { Ok(stripped) }
}

/// Something other than text among what is to be joined.
fn join(key: &'static str, zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let parts = args.args.first().cloned();
    super::kept(key, &zelf, args, vm).map_err(|raised| match parts {
        Some(parts) if raised.fast_isinstance(vm.ctx.exceptions.type_error) && holds_another(&parts) => {
            vm.new_type_error("join expects a list of str/bytes objects consistent with self object")
        }
        _ => raised,
    })
}

/// Whether some of a list or a tuple is no text and no bytes.
fn holds_another(parts: &PyObject) -> bool {
    let is_another = |part: &PyObjectRef| length(part).is_none();
    let in_list = parts.downcast_ref::<PyList>().is_some_and(|list| list.borrow_vec().iter().any(is_another));
    in_list || parts.downcast_ref::<PyTuple>().is_some_and(|tuple| tuple.as_slice().iter().any(is_another))
}

/// In bytes.
fn length(object: &PyObjectRef) -> Option<usize> {
    let bytes = || object.downcast_ref::<PyBytes>().map(|bytes| bytes.len());
    object.downcast_ref::<PyStr>().map(|text| text.as_bytes().len()).or_else(bytes)
}
