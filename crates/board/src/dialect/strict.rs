//! What the interpreter has and boards have not. A lenient board has it too, and tells the parent at its first use; a
//! strict one raises what the firmware would.

use std::collections::HashSet;
use std::sync::OnceLock;

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyInt, PySlice, PyStr, PyTuple, PyType, PyTypeRef};
use rustpython_vm::function::{FuncArgs, PySetterValue};
use rustpython_vm::protocol::PyMapping;
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::slots::exchange;

static STRICT: OnceLock<bool> = OnceLock::new();

/// Names that have been told about.
static TOLD: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Builtins of a board, besides those whose names begin with `_`.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "EOFError",
    "Ellipsis",
    "Exception",
    "False",
    "GeneratorExit",
    "ImportError",
    "IndentationError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "NameError",
    "None",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "RuntimeError",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "True",
    "TypeError",
    "UnicodeError",
    "ValueError",
    "ViperTypeError",
    "ZeroDivisionError",
    "abs",
    "all",
    "any",
    "bin",
    "bool",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "execfile",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "zip",
];

/// Methods of str, and those of bytes that have the same names, that boards lack.
const OF_TEXT: &[&str] = &[
    "capitalize",
    "casefold",
    "expandtabs",
    "format_map",
    "isalnum",
    "isascii",
    "isdecimal",
    "isidentifier",
    "isnumeric",
    "isprintable",
    "istitle",
    "ljust",
    "maketrans",
    "removeprefix",
    "removesuffix",
    "rjust",
    "swapcase",
    "title",
    "translate",
    "zfill",
];

/// Attributes of numbers that boards lack.
const OF_NUMBERS: &[&str] =
    &["as_integer_ratio", "bit_count", "bit_length", "conjugate", "fromhex", "hex", "is_integer"];

/// Methods of memoryview that boards lack.
const OF_MEMORYVIEW: &[&str] = &["cast", "count", "index", "tobytes", "tolist", "toreadonly"];

/// Those of them that are called on the class: there is no object to go by, and nobody is told.
const OF_CLASSES: &[&str] = &["fromhex", "maketrans"];

/// Says which of the two this board is; the first call decides.
pub(crate) fn decide(strict: bool) {
    STRICT.get_or_init(|| strict);
}

/// Whether it is a strict one.
pub(crate) fn is_strict() -> bool {
    STRICT.get().copied().unwrap_or(false)
}

/// Whether a program may have this which real boards lack; then the parent is told.
pub(crate) fn allows(name: &str) -> bool {
    if !is_strict() {
        tell(name);
    }
    !is_strict()
}

pub(super) fn apply(vm: &VirtualMachine) -> PyResult<()> {
    let types = &vm.ctx.types;
    lack("str", types.str_type, OF_TEXT, vm);
    lack("bytes", types.bytes_type, OF_TEXT, vm);
    lack("bytearray", types.bytearray_type, OF_TEXT, vm);
    lack("int", types.int_type, OF_NUMBERS, vm);
    lack("float", types.float_type, OF_NUMBERS, vm);
    lack("memoryview", types.memoryview_type, OF_MEMORYVIEW, vm);
    types.function_type.slots.setattro.store(Some(set_on_function));
    limit_steps::<0>(types.str_type);
    limit_steps::<1>(types.bytes_type);
    limit_steps::<2>(types.tuple_type);
    exchange(&types.zip_type.slots.new, &NEW_ZIP, new_zip);
    let own = vm.builtins.get_attr("sum", vm)?;
    let sum = move |args: FuncArgs, vm: &VirtualMachine| {
        check_keyword(&args, "start", "sum(start=)", vm)?;
        own.call(args, vm)
    };
    vm.builtins.set_attr("sum", vm.new_function("sum", sum), vm)?;
    if !is_strict() {
        return Ok(());
    }
    vm.builtins.set_attr("isinstance", vm.new_function("isinstance", is_instance), vm)?;
    vm.builtins.set_attr("issubclass", vm.new_function("issubclass", is_subclass), vm)?;
    hide_builtins(vm)
}

type New = fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult;

/// The interpreter's own constructor of zip.
static NEW_ZIP: OnceLock<New> = OnceLock::new();

fn new_zip(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    check_keyword(&args, "strict", "zip(strict=)", vm)?;
    match NEW_ZIP.get() {
        Some(new) => new(class, args, vm),
        None => Err(vm.new_type_error("zip has no constructor")),
    }
}

/// An argument by its name to what takes none so on a board.
fn check_keyword(args: &FuncArgs, keyword: &str, said: &str, vm: &VirtualMachine) -> PyResult<()> {
    match !args.kwargs.contains_key(keyword) || allows(said) {
        true => Ok(()),
        false => Err(vm.new_type_error("function doesn't take keyword arguments")),
    }
}

/// A function of a board has no room for attributes.
fn set_on_function(function: &PyObject, name: &Py<PyStr>, value: PySetterValue, vm: &VirtualMachine) -> PyResult<()> {
    if allows("function.x = ...") {
        return function.generic_setattr(name, value, vm);
    }
    Err(vm.new_attribute_error(format!("'function' object has no attribute '{}'", name.to_string_lossy())))
}

/// True is no int on a board.
fn is_instance(object: PyObjectRef, class: PyObjectRef, vm: &VirtualMachine) -> PyResult<bool> {
    any_class(&class, &|class| match class.is(vm.ctx.types.int_type) && object.class().is(vm.ctx.types.bool_type) {
        true => Ok(false),
        false => object.is_instance(class, vm),
    })
}

fn is_subclass(subclass: PyObjectRef, class: PyObjectRef, vm: &VirtualMachine) -> PyResult<bool> {
    any_class(&class, &|class| match class.is(vm.ctx.types.int_type) && subclass.is(vm.ctx.types.bool_type) {
        true => Ok(false),
        false => subclass.is_subclass(class, vm),
    })
}

/// Whether it is so of a class, or of one in a tuple of them.
fn any_class(class: &PyObject, is_so: &dyn Fn(&PyObject) -> PyResult<bool>) -> PyResult<bool> {
    let Some(all) = class.downcast_ref::<PyTuple>() else { return is_so(class) };
    for class in all.as_slice() {
        if is_so(class)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hide_builtins(vm: &VirtualMachine) -> PyResult<()> {
    let builtins = vm.builtins.dict();
    for (name, _) in &builtins {
        let name = name.str(vm)?;
        let text = name.to_string_lossy();
        if !text.starts_with('_') && !BUILTINS.contains(&&*text) {
            builtins.del_item(&*name, vm)?;
        }
    }
    Ok(())
}

/// Takes methods away from a type, or has them tell that boards lack them.
fn lack(of: &'static str, class: &'static Py<PyType>, names: &[&'static str], vm: &VirtualMachine) {
    for &name in names {
        let interned = vm.ctx.intern_str(name);
        if is_strict() {
            class.modified();
            class.attributes.write().shift_remove(interned);
            continue;
        }
        if !OF_CLASSES.contains(&name) && class.attributes.read().contains_key(interned) {
            tell_first(of, class, name, vm);
        }
    }
}

fn tell_first(of: &'static str, class: &'static Py<PyType>, name: &'static str, vm: &VirtualMachine) {
    let key: &'static str = vm.ctx.intern_str(format!("{of}.{name}")).to_str().unwrap_or(name);
    let told = move |zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine| -> PyResult {
        tell(key);
        super::kept(key, &zelf, args, vm)
    };
    super::method_around(vm, class, (key, name), told);
}

/// Tells the parent once of each name.
fn tell(name: &str) {
    if TOLD.lock().get_or_insert_default().insert(name.to_owned()) {
        let (en, zh) = (format!("{name}: a real board does not have it"), format!("{name}：真板子上没有"));
        board().network.remark(en, zh);
    }
}

type Subscript = fn(PyMapping<'_>, &PyObject, &VirtualMachine) -> PyResult;

/// The interpreter's own `[]` of str, bytes and tuple.
static SUBSCRIPTS: [OnceLock<Subscript>; 3] = [const { OnceLock::new() }; 3];

fn limit_steps<const TYPE: usize>(class: &'static Py<PyType>) {
    let slot = &class.slots.as_mapping.subscript;
    if let Some(own) = slot.load() {
        SUBSCRIPTS[TYPE].get_or_init(|| own);
        slot.store(Some(subscript::<TYPE>));
    }
}

/// `x[::2]`, which of these boards know for lists only.
fn subscript<const TYPE: usize>(mapping: PyMapping<'_>, key: &PyObject, vm: &VirtualMachine) -> PyResult {
    if let Some(slice) = key.downcast_ref::<PySlice>()
        && slice.step.as_ref().is_some_and(|step| !vm.is_none(step) && !is_one(step))
    {
        if is_strict() {
            return Err(vm.new_not_implemented_error("only slices with step=1 (aka None) are supported"));
        }
        tell(&format!("{}[a:b:step]", mapping.obj.class().name()));
    }
    match SUBSCRIPTS[TYPE].get() {
        Some(own) => own(mapping, key, vm),
        None => Err(vm.new_type_error("no subscript")),
    }
}

fn is_one(step: &PyObject) -> bool {
    step.downcast_ref::<PyInt>().is_some_and(|step| step.as_bigint() == &1.into())
}
