//! Bytes: text joins them as its UTF-8, is looked for in them, and is unequal to them with a warning.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyByteArray, PyBytes, PyStr};
use rustpython_vm::function::{Either, PyComparisonValue};
use rustpython_vm::protocol::PySequence;
use rustpython_vm::types::PyComparisonOp;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;

type Concat = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult;
type Contains = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult<bool>;
type Compare =
    fn(&PyObject, &PyObject, PyComparisonOp, &VirtualMachine) -> PyResult<Either<PyObjectRef, PyComparisonValue>>;

static CONCAT: OnceLock<Concat> = OnceLock::new();
static CONTAINS: OnceLock<Contains> = OnceLock::new();
static EXTEND: OnceLock<Concat> = OnceLock::new();
static COMPARE: [OnceLock<Compare>; 2] = [const { OnceLock::new() }; 2];

pub(super) fn apply(vm: &VirtualMachine) {
    let bytes = &vm.ctx.types.bytes_type.slots;
    if let (Some(concat), Some(contains)) = (bytes.as_sequence.concat.load(), bytes.as_sequence.contains.load()) {
        CONCAT.get_or_init(|| concat);
        CONTAINS.get_or_init(|| contains);
        bytes.as_sequence.concat.store(Some(joined));
        bytes.as_sequence.contains.store(Some(within));
    }
    let array = &vm.ctx.types.bytearray_type.slots;
    if let Some(extend) = array.as_sequence.inplace_concat.load() {
        EXTEND.get_or_init(|| extend);
        array.as_sequence.inplace_concat.store(Some(extended));
    }
    if let (Some(text), Some(bytes_)) = (vm.ctx.types.str_type.slots.richcompare.load(), bytes.richcompare.load()) {
        COMPARE[0].get_or_init(|| text);
        COMPARE[1].get_or_init(|| bytes_);
        vm.ctx.types.str_type.slots.richcompare.store(Some(compare_text));
        bytes.richcompare.store(Some(compare_bytes));
    }
}

/// Text as the bytes that it is in UTF-8; anything else as it is.
fn as_bytes(other: &PyObject, vm: &VirtualMachine) -> Option<PyObjectRef> {
    let text = other.downcast_ref::<PyStr>()?;
    Some(vm.ctx.new_bytes(text.as_bytes().to_vec()).into())
}

/// `b'a' + 'b'`.
fn joined(bytes: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let text = as_bytes(other, vm);
    match CONCAT.get() {
        Some(concat) => concat(bytes, text.as_deref().unwrap_or(other), vm),
        None => Err(vm.new_type_error("bytes cannot be joined")),
    }
}

/// `'a' in b'abc'`.
fn within(bytes: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult<bool> {
    let text = as_bytes(other, vm);
    match CONTAINS.get() {
        Some(contains) => contains(bytes, text.as_deref().unwrap_or(other), vm),
        None => Err(vm.new_type_error("bytes cannot be searched")),
    }
}

/// `a += a` of a bytearray, which must not grow while it is read; and `a += 'text'`.
fn extended(array: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let copy = match other.downcast_ref::<PyByteArray>() {
        Some(own) if array.obj.is(other) => Some(vm.ctx.new_bytes(own.borrow_buf().to_vec()).into()),
        _ => as_bytes(other, vm),
    };
    match EXTEND.get() {
        Some(extend) => extend(array, copy.as_deref().unwrap_or(other), vm),
        None => Err(vm.new_type_error("bytearray cannot grow")),
    }
}

fn compare_text(
    text: &PyObject,
    other: &PyObject,
    op: PyComparisonOp,
    vm: &VirtualMachine,
) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
    // Text that is compared is nearly always compared with text: that comes first.
    if other.downcast_ref::<PyStr>().is_none() && other.downcast_ref::<PyBytes>().is_some() {
        return unequal(op, vm);
    }
    compare::<0>(text, other, op, vm)
}

fn compare_bytes(
    bytes: &PyObject,
    other: &PyObject,
    op: PyComparisonOp,
    vm: &VirtualMachine,
) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
    if other.downcast_ref::<PyStr>().is_some() {
        return unequal(op, vm);
    }
    compare::<1>(bytes, other, op, vm)
}

fn compare<const TYPE: usize>(
    one: &PyObject,
    other: &PyObject,
    op: PyComparisonOp,
    vm: &VirtualMachine,
) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
    match COMPARE[TYPE].get() {
        Some(compare) => compare(one, other, op, vm),
        None => Ok(Either::B(PyComparisonValue::NotImplemented)),
    }
}

/// Never equal, which the firmware says on the console. An answer, so that the interpreter does not ask the other
/// side too, which would say it again.
fn unequal(op: PyComparisonOp, vm: &VirtualMachine) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
    let different = match op {
        PyComparisonOp::Eq => false,
        PyComparisonOp::Ne => true,
        _ => return Ok(Either::B(PyComparisonValue::NotImplemented)),
    };
    board().output(vm, b"Warning: Comparison between bytes and str\r\n")?;
    Ok(Either::B(PyComparisonValue::Implemented(different)))
}
