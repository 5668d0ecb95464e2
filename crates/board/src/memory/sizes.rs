//! What an operation would make, by its operands: checked before it makes it, where it might be very large.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyByteArray, PyBytes, PyInt, PyList, PyStr, PyTuple, PyType, PyTypeRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::protocol::PySequence;
use rustpython_vm::{Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

use super::{check, recount};
use crate::board::board;
use crate::dialect;
use crate::slots::exchange;

/// A large array is counted whenever it has grown over a multiple of so many bytes.
const LARGE: usize = 32 << 10;
const STEP: usize = 1 << 10;

type Concat = fn(PySequence<'_>, &PyObject, &VirtualMachine) -> PyResult;
type Repeat = fn(PySequence<'_>, isize, &VirtualMachine) -> PyResult;
type Binary = fn(&PyObject, &PyObject, &VirtualMachine) -> PyResult;
type Ternary = fn(&PyObject, &PyObject, &PyObject, &VirtualMachine) -> PyResult;
type New = fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult;
type Init = fn(PyObjectRef, FuncArgs, &VirtualMachine) -> PyResult<()>;

/// The interpreter's own `*` of bytes, bytearray, str, list and tuple, and `*=` of bytearray and list.
static REPEATS: [OnceLock<Repeat>; 7] = [const { OnceLock::new() }; 7];

/// Which of them have pointers for elements.
const OF_POINTERS: [usize; 3] = [3, 4, 6];

/// Its own `+` of bytes and str, and `+=` of bytearray.
static CONCATS: [OnceLock<Concat>; 3] = [const { OnceLock::new() }; 3];

/// Its own `<<`, `%` of str and of bytes.
static BINARIES: [OnceLock<Binary>; 3] = [const { OnceLock::new() }; 3];
static POWER: OnceLock<Ternary> = OnceLock::new();
static NEW_BYTES: OnceLock<New> = OnceLock::new();
static INIT_BYTEARRAY: OnceLock<Init> = OnceLock::new();

/// Puts the checks into the types.
pub(super) fn limit(vm: &VirtualMachine) {
    limit_sequences(vm);
    limit_numbers(vm);
    limit_text(vm);
}

/// Bytes of a pointer.
fn pointer() -> usize {
    if board().profile.is_cpython() { 8 } else { 4 }
}

fn limit_sequences(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    exchange(&types.bytes_type.slots.as_sequence.repeat, &REPEATS[0], repeat::<0>);
    exchange(&types.bytearray_type.slots.as_sequence.repeat, &REPEATS[1], repeat::<1>);
    exchange(&types.str_type.slots.as_sequence.repeat, &REPEATS[2], repeat::<2>);
    exchange(&types.list_type.slots.as_sequence.repeat, &REPEATS[3], repeat::<3>);
    exchange(&types.tuple_type.slots.as_sequence.repeat, &REPEATS[4], repeat::<4>);
    exchange(&types.bytearray_type.slots.as_sequence.inplace_repeat, &REPEATS[5], repeat::<5>);
    exchange(&types.list_type.slots.as_sequence.inplace_repeat, &REPEATS[6], repeat::<6>);
    exchange(&types.bytes_type.slots.as_sequence.concat, &CONCATS[0], concat::<0>);
    exchange(&types.str_type.slots.as_sequence.concat, &CONCATS[1], concat::<1>);
    exchange(&types.bytearray_type.slots.as_sequence.inplace_concat, &CONCATS[2], extend);
    exchange(&types.bytes_type.slots.new, &NEW_BYTES, new_bytes);
    exchange(&types.bytearray_type.slots.init, &INIT_BYTEARRAY, init_bytearray);
}

fn repeat<const TYPE: usize>(sequence: PySequence<'_>, times: isize, vm: &VirtualMachine) -> PyResult {
    let unit = if OF_POINTERS.contains(&TYPE) { pointer() } else { 1 };
    let bytes = sequence.length(vm)?.saturating_mul(unit).saturating_mul(usize::try_from(times).unwrap_or(0));
    check(bytes, vm)?;
    let own = REPEATS[TYPE].get().ok_or_else(|| absent(vm))?;
    own(sequence, times, vm)
}

/// What is short is no concern of the heap's: a program that joins many short texts is not to pay for it.
fn concat<const TYPE: usize>(sequence: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let more = match other.downcast_ref::<PyByteArray>() {
        Some(array) => array.borrow_buf().len(),
        None => content(other).len(),
    };
    check(content(sequence.obj).len().saturating_add(more), vm)?;
    let own = CONCATS[TYPE].get().ok_or_else(|| absent(vm))?;
    own(sequence, other, vm)
}

/// A large array has room that the interpreter has taken in advance, so that nothing is allocated while it grows.
fn extend(array: PySequence<'_>, other: &PyObject, vm: &VirtualMachine) -> PyResult {
    let (before, more) = (array.length(vm)?, other.length_opt(vm).transpose()?.unwrap_or(0));
    let after = before.saturating_add(more);
    if before >= LARGE && before / STEP != after / STEP {
        recount();
    }
    check(more, vm)?;
    let own = CONCATS[2].get().ok_or_else(|| absent(vm))?;
    own(array, other, vm)
}

fn new_bytes(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    check(first_size(&args, vm), vm)?;
    let own = NEW_BYTES.get().ok_or_else(|| absent(vm))?;
    own(class, args, vm)
}

fn init_bytearray(object: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
    check(first_size(&args, vm), vm)?;
    let own = INIT_BYTEARRAY.get().ok_or_else(|| absent(vm))?;
    own(object, args, vm)
}

/// The size of `bytes(n)`. A negative one, and one that no usize holds, have errors of their own.
fn first_size(args: &FuncArgs, vm: &VirtualMachine) -> usize {
    let size = args.args.first().and_then(|size| size.downcast_ref::<PyInt>());
    size.and_then(|size| size.try_to_primitive(vm).ok()).unwrap_or(0)
}

fn limit_numbers(vm: &VirtualMachine) {
    let int = &vm.ctx.types.int_type;
    let slots = &int.slots.as_number;
    for slot in [&slots.lshift, &slots.right_lshift] {
        exchange(slot, &BINARIES[0], shift_left);
    }
    for slot in [&slots.power, &slots.right_power] {
        exchange(slot, &POWER, power);
    }
    around(vm, int, ("memory.int.to_bytes", "to_bytes"), |_, args, vm| Ok(first_size(args, vm)));
}

fn shift_left(number: &PyObject, by: &PyObject, vm: &VirtualMachine) -> PyResult {
    if let (Some(number), Some(by)) = (number.downcast_ref::<PyInt>(), by.downcast_ref::<PyInt>())
        && number.as_bigint().bits() > 0
    {
        check(by.try_to_primitive::<usize>(vm).map_or(0, |bits| bits / 8), vm)?;
    }
    binary::<0>(number, by, vm)
}

fn power(base: &PyObject, exponent: &PyObject, modulus: &PyObject, vm: &VirtualMachine) -> PyResult {
    if let (Some(number), Some(times)) = (base.downcast_ref::<PyInt>(), exponent.downcast_ref::<PyInt>())
        && vm.is_none(modulus)
        && number.as_bigint().bits() > 1
    {
        let bits = usize::try_from(number.as_bigint().bits() - 1).unwrap_or(usize::MAX);
        check(times.try_to_primitive::<usize>(vm).map_or(0, |times| bits.saturating_mul(times) / 8), vm)?;
    }
    let own = POWER.get().ok_or_else(|| absent(vm))?;
    own(base, exponent, modulus, vm)
}

fn binary<const WHICH: usize>(a: &PyObject, b: &PyObject, vm: &VirtualMachine) -> PyResult {
    let own = BINARIES[WHICH].get().ok_or_else(|| absent(vm))?;
    own(a, b, vm)
}

fn limit_text(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    exchange(&types.str_type.slots.as_number.remainder, &BINARIES[1], percent::<1>);
    exchange(&types.bytes_type.slots.as_number.remainder, &BINARIES[2], percent::<2>);
    for (class, keys) in [
        (types.str_type, ["memory.str.ljust", "memory.str.rjust", "memory.str.center", "memory.str.zfill"]),
        (types.bytes_type, ["memory.bytes.ljust", "memory.bytes.rjust", "memory.bytes.center", "memory.bytes.zfill"]),
    ] {
        for (key, name) in keys.into_iter().zip(["ljust", "rjust", "center", "zfill"]) {
            around(vm, class, (key, name), |_, args, vm| Ok(first_size(args, vm)));
        }
    }
    for (class, key) in [(types.str_type, "memory.str.join"), (types.bytes_type, "memory.bytes.join")] {
        let join = move |zelf: PyObjectRef, mut args: FuncArgs, vm: &VirtualMachine| -> PyResult {
            gather(&mut args, vm)?;
            check(joined(&zelf, &args), vm)?;
            dialect::kept(key, &zelf, args, vm)
        };
        dialect::method_around(vm, class, (key, "join"), join);
    }
    around(vm, types.str_type, ("memory.str.replace", "replace"), replaced);
    around(vm, types.bytes_type, ("memory.bytes.replace", "replace"), replaced);
    for (class, key) in [
        (types.str_type, "memory.str.format"),
        (types.int_type, "memory.int.format"),
        (types.float_type, "memory.float.format"),
    ] {
        around(vm, class, (key, "__format__"), |_, args, _| Ok(args.args.first().map_or(0, widest)));
    }
}

/// Has a method check a size first.
fn around(
    vm: &VirtualMachine,
    class: &'static Py<PyType>,
    (key, name): (&'static str, &'static str),
    size: fn(&PyObject, &FuncArgs, &VirtualMachine) -> PyResult<usize>,
) {
    let checked = move |zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine| -> PyResult {
        check(size(&zelf, &args, vm)?, vm)?;
        dialect::kept(key, &zelf, args, vm)
    };
    dialect::method_around(vm, class, (key, name), checked);
}

/// `%`: the widest field of a format.
fn percent<const WHICH: usize>(format: &PyObject, values: &PyObject, vm: &VirtualMachine) -> PyResult {
    let fields = content(format).split(|&byte| byte == b'%').skip(1);
    check(fields.map(|field| number_in(without_key(field))).max().unwrap_or(0), vm)?;
    binary::<WHICH>(format, values, vm)
}

/// `(name)5d` without the name.
fn without_key(field: &[u8]) -> &[u8] {
    match field.iter().position(|&byte| byte == b')') {
        Some(end) if field.starts_with(b"(") => &field[end + 1..],
        _ => field,
    }
}

/// The largest number at the beginning of a field, where the width and the precision are.
fn number_in(field: &[u8]) -> usize {
    let end = field.iter().position(|byte| !b"0123456789.+- #".contains(byte)).unwrap_or(field.len());
    numbers(&field[..end])
}

/// The largest number in what follows the colon of a field.
fn widest(spec: &PyObjectRef) -> usize {
    numbers(content(spec))
}

fn numbers(text: &[u8]) -> usize {
    let digits = text.split(|byte| !byte.is_ascii_digit());
    let value = |digits: &[u8]| {
        digits.iter().fold(0_usize, |value, digit| value.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
    };
    digits.map(value).max().unwrap_or(0)
}

/// Makes a list of what is to be joined and comes piece by piece, as the firmware does: the pieces take memory, too.
fn gather(args: &mut FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
    if let [parts] = &mut args.args[..]
        && !parts.downcastable::<PyList>()
        && !parts.downcastable::<PyTuple>()
        && parts.class().slots.iter.load().is_some()
    {
        *parts = vm.ctx.new_list(parts.try_to_value(vm)?).into();
    }
    Ok(())
}

/// What a list or a tuple of texts is when joined.
fn joined(separator: &PyObject, args: &FuncArgs) -> usize {
    let separator = content(separator).len();
    let sum = |parts: &[PyObjectRef]| {
        parts.iter().fold(0_usize, |sum, part| sum.saturating_add(separator).saturating_add(content(part).len()))
    };
    match args.args.first() {
        Some(parts) => match (parts.downcast_ref::<PyList>(), parts.downcast_ref::<PyTuple>()) {
            (Some(list), _) => sum(&list.borrow_vec()),
            (_, Some(tuple)) => sum(tuple.as_slice()),
            _ => 0,
        },
        None => 0,
    }
}

/// What could come of `replace`, at most where that is little, and else exactly.
fn replaced(text: &PyObject, args: &FuncArgs, _: &VirtualMachine) -> PyResult<usize> {
    let [old, new, ..] = &args.args[..] else { return Ok(0) };
    let (text, old, new) = (content(text), content(old), content(new).len());
    if text.len().saturating_mul(new) < 1 << 16 {
        return Ok(0);
    }
    let count = match old {
        [] => text.len() + 1,
        old => text.windows(old.len()).filter(|window| *window == old).count(),
    };
    Ok(count.saturating_mul(new))
}

/// The bytes of text and bytes, and none of anything else.
fn content(object: &PyObject) -> &[u8] {
    let bytes = object.downcast_ref::<PyBytes>().map(|bytes| bytes.as_bytes());
    object.downcast_ref::<PyStr>().map(|text| text.as_bytes()).or(bytes).unwrap_or_default()
}

fn absent(vm: &VirtualMachine) -> rustpython_vm::builtins::PyBaseExceptionRef {
    vm.new_type_error("the interpreter has no such operation")
}
