//! Texts of exceptions where the interpreter's differ from CPython's, and readers of lessons meet them often: what
//! joins text with something else.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyBytes, PyList, PyStr};
use rustpython_vm::protocol::PySequence;
use rustpython_vm::{AsObject, PyObject, PyResult, VirtualMachine};

type Concat = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult;
type Contains = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult<bool>;

/// The interpreter's own `+` of str, list and bytes.
static CONCATS: [OnceLock<Concat>; 3] = [const { OnceLock::new() }; 3];
static CONTAINS: OnceLock<Contains> = OnceLock::new();

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    let classes: [(_, Concat); 3] =
        [(types.str_type, joined_text), (types.list_type, joined_list), (types.bytes_type, joined_bytes)];
    for (own, (class, ours)) in CONCATS.iter().zip(classes) {
        if let Some(concat) = class.slots.as_sequence.concat.load() {
            own.get_or_init(|| concat);
            class.slots.as_sequence.concat.store(Some(ours));
        }
    }
    let contains = &types.bytes_type.slots.as_sequence.contains;
    if let Some(own) = contains.load() {
        CONTAINS.get_or_init(|| own);
        contains.store(Some(within));
    }
}

fn concat<const TYPE: usize>(sequence: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    match CONCATS[TYPE].get() {
        Some(own) => own(sequence, other, vm),
        None => Ok(vm.ctx.not_implemented()),
    }
}

/// `'a' + 1`; the other side may know how.
fn joined_text(text: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let result = concat::<0>(text, other, vm)?;
    match result.is(&vm.ctx.not_implemented) && other.downcast_ref::<PyStr>().is_none() {
        true => Err(vm.new_type_error(format!("can only concatenate str (not \"{}\") to str", other.class().name()))),
        false => Ok(result),
    }
}

/// `[1] + (2,)`.
fn joined_list(list: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    match other.downcast_ref::<PyList>() {
        Some(_) => concat::<1>(list, other, vm),
        None => Err(vm.new_type_error(format!("can only concatenate list (not \"{}\") to list", other.class().name()))),
    }
}

/// `b'a' + 'b'`.
fn joined_bytes(bytes: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    match other.downcast_ref::<PyBytes>().is_some() || other.try_bytes_like(vm, |_| ()).is_ok() {
        true => concat::<2>(bytes, other, vm),
        false => Err(vm.new_type_error(format!("can't concat {} to bytes", other.class().name()))),
    }
}

/// `'a' in b'abc'`.
fn within(bytes: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult<bool> {
    match (CONTAINS.get(), other.downcast_ref::<PyStr>()) {
        (Some(own), None) => own(bytes, other, vm),
        _ => Err(vm.new_type_error(format!("a bytes-like object is required, not '{}'", other.class().name()))),
    }
}
