//! Memory that a program may take. One object of more than [`LARGEST`] bytes is MemoryError where programs ask for
//! such: `bytearray(n)`, `bytes(n)`, and a sequence times n. What grows beyond [`ALL`] in small steps ends the process:
//! the interpreter cannot be told "no" in the middle of an allocation.

use std::sync::OnceLock;

use crossbeam_utils::atomic::AtomicCell;
use rustpython_vm::builtins::{PyInt, PyTypeRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::protocol::PySequence;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

/// Bytes of one object: far more than any board has.
const LARGEST: usize = 64 << 20;

/// Bytes of address space of the whole process, the stack of the thread that runs Python among them.
#[cfg(unix)]
const ALL: u64 = 768 << 20;

type Repeat = fn(PySequence<'_>, isize, &VirtualMachine) -> PyResult;

/// The interpreter's own `*` of bytes, bytearray, str, list and tuple, and `*=` of bytearray and list.
static REPEATS: [OnceLock<Repeat>; 7] = [const { OnceLock::new() }; 7];

/// Which of them have pointers for elements.
const OF_POINTERS: [usize; 3] = [3, 4, 6];
static NEW_BYTES: OnceLock<fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult> = OnceLock::new();
static INIT_BYTEARRAY: OnceLock<Init> = OnceLock::new();
type Init = fn(PyObjectRef, FuncArgs, &VirtualMachine) -> PyResult<()>;

/// Has the system refuse the process more than [`ALL`].
pub(crate) fn limit_process() -> std::io::Result<()> {
    #[cfg(unix)]
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_AS, ALL, ALL)?;
    Ok(())
}

/// Puts the checks into the types.
pub(crate) fn limit_objects(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    limit_repeat::<0>(&types.bytes_type.slots.as_sequence.repeat);
    limit_repeat::<1>(&types.bytearray_type.slots.as_sequence.repeat);
    limit_repeat::<2>(&types.str_type.slots.as_sequence.repeat);
    limit_repeat::<3>(&types.list_type.slots.as_sequence.repeat);
    limit_repeat::<4>(&types.tuple_type.slots.as_sequence.repeat);
    limit_repeat::<5>(&types.bytearray_type.slots.as_sequence.inplace_repeat);
    limit_repeat::<6>(&types.list_type.slots.as_sequence.inplace_repeat);
    if let Some(new) = types.bytes_type.slots.new.load() {
        NEW_BYTES.get_or_init(|| new);
        types.bytes_type.slots.new.store(Some(new_bytes));
    }
    if let Some(init) = types.bytearray_type.slots.init.load() {
        INIT_BYTEARRAY.get_or_init(|| init);
        types.bytearray_type.slots.init.store(Some(init_bytearray));
    }
}

fn limit_repeat<const TYPE: usize>(slot: &AtomicCell<Option<Repeat>>) {
    if let Some(repeat) = slot.load() {
        REPEATS[TYPE].get_or_init(|| repeat);
        slot.store(Some(repeat_of::<TYPE>));
    }
}

fn repeat_of<const TYPE: usize>(sequence: PySequence<'_>, times: isize, vm: &VirtualMachine) -> PyResult {
    const POINTER: usize = size_of::<usize>();
    let unit = if OF_POINTERS.contains(&TYPE) { POINTER } else { 1 };
    let bytes = sequence.length(vm)?.saturating_mul(unit).saturating_mul(usize::try_from(times).unwrap_or(0));
    check(bytes, vm)?;
    match REPEATS[TYPE].get() {
        Some(repeat) => repeat(sequence, times, vm),
        None => Err(vm.new_type_error("this type cannot be repeated")),
    }
}

fn new_bytes(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    check_first(&args, vm)?;
    match NEW_BYTES.get() {
        Some(new) => new(class, args, vm),
        None => Err(vm.new_type_error("bytes has no constructor")),
    }
}

fn init_bytearray(object: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
    check_first(&args, vm)?;
    match INIT_BYTEARRAY.get() {
        Some(init) => init(object, args, vm),
        None => Err(vm.new_type_error("bytearray has no constructor")),
    }
}

/// The size of `bytes(n)`.
fn check_first(args: &FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
    match args.args.first().and_then(|size| size.downcast_ref::<PyInt>()) {
        // A negative size, and one that no usize holds, have errors of their own.
        Some(size) => check(size.try_to_primitive(vm).unwrap_or(0), vm),
        None => Ok(()),
    }
}

/// MemoryError for one object of so many bytes, if that is too many.
pub(crate) fn check(bytes: usize, vm: &VirtualMachine) -> PyResult<()> {
    if bytes <= LARGEST {
        return Ok(());
    }
    Err(vm.new_memory_error(format!("memory allocation failed, allocating {bytes} bytes")))
}
