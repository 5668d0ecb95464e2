//! Bytes: text joins them as its UTF-8, is looked for in them, and is unequal to them with a warning.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyByteArray, PyBytes, PyStr, PyTuple};
use rustpython_vm::function::{Either, PyComparisonValue};
use rustpython_vm::protocol::PySequence;
use rustpython_vm::types::PyComparisonOp;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;

type Concat = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult;
type Contains = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult<bool>;
type Format = fn(&PyObject, &PyObject, &VirtualMachine) -> PyResult;
type Compare =
    fn(&PyObject, &PyObject, PyComparisonOp, &VirtualMachine) -> PyResult<Either<PyObjectRef, PyComparisonValue>>;

static CONCAT: OnceLock<Concat> = OnceLock::new();
static CONTAINS: OnceLock<Contains> = OnceLock::new();
static FORMAT: OnceLock<Format> = OnceLock::new();
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
    if let Some(format) = bytes.as_number.remainder.load() {
        FORMAT.get_or_init(|| format);
        bytes.as_number.remainder.store(Some(formatted));
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

/// `b'%s' % 'a'`, and of anything else that can be printed.
fn formatted(bytes: &PyObject, values: &PyObject, vm: &VirtualMachine) -> PyResult {
    let Some(format) = FORMAT.get() else { return Err(vm.new_type_error("bytes cannot be formatted")) };
    let with_bytes = each(values, vm, as_bytes);
    let result = format(bytes, &with_bytes, vm);
    match (&result, bytes.downcast_ref::<PyBytes>().map(|bytes| str::from_utf8(bytes.as_bytes()))) {
        (Err(raised), Some(Ok(text))) if raised.fast_isinstance(vm.ctx.exceptions.type_error) => {
            let text: PyObjectRef = vm.ctx.new_str(text).into();
            let formatted = vm._mod(&text, &each(values, vm, as_text))?.str(vm)?;
            Ok(vm.ctx.new_bytes(formatted.as_bytes().to_vec()).into())
        }
        _ => result,
    }
}

/// The values, each as something else where it can be.
fn each(
    values: &PyObject,
    vm: &VirtualMachine,
    other: fn(&PyObject, &VirtualMachine) -> Option<PyObjectRef>,
) -> PyObjectRef {
    match values.downcast_ref::<PyTuple>() {
        Some(all) => {
            let all = all.iter().map(|value| other(value, vm).unwrap_or_else(|| value.clone())).collect();
            vm.ctx.new_tuple(all).into()
        }
        None => other(values, vm).unwrap_or_else(|| values.to_owned()),
    }
}

/// Bytes in UTF-8 as text.
fn as_text(other: &PyObject, vm: &VirtualMachine) -> Option<PyObjectRef> {
    let text = str::from_utf8(other.downcast_ref::<PyBytes>()?.as_bytes()).ok()?;
    Some(vm.ctx.new_str(text).into())
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
