//! What boards do differently in the language's own types, changed in the interpreter at its start.
//!
//! Types are statics of the interpreter: a slot that is stored here is the type's from then on, for all interpreters
//! of the process, and the stores are the same each time. Texts belong to `messages`.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyBaseException, PyStr, PyStrRef, PyType, PyTypeRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::types::Constructor;
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use crate::messages;

/// The interpreter's own constructor of OSError.
static NEW_OS_ERROR: OnceLock<fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult> = OnceLock::new();

/// Changes the types.
pub(crate) fn apply(vm: &VirtualMachine) {
    exceptions(vm);
    vm.ctx.types.str_type.slots.new.store(Some(new_str));
}

/// `e.value`, `OSError(5).errno`, and the texts of all exceptions.
fn exceptions(vm: &VirtualMachine) {
    let zoo = &vm.ctx.exceptions;
    let base: &'static Py<PyType> = zoo.base_exception_type;
    let value = vm.ctx.new_readonly_getset("value", base, first_argument);
    base.set_attr(vm.ctx.intern_str("value"), value.into());
    let errno = vm.ctx.new_readonly_getset("errno", zoo.os_error, first_argument);
    zoo.os_error.set_attr(vm.ctx.intern_str("errno"), errno.into());
    if let Some(new) = zoo.os_error.slots.new.load() {
        NEW_OS_ERROR.get_or_init(|| new);
        zoo.os_error.slots.new.store(Some(new_os_error));
    }
    let text = vm.new_method("__str__", base, |exception: PyObjectRef, vm: &VirtualMachine| str_of(&exception, vm));
    say_as_boards_do(base, &text.into(), vm);
}

/// `str` and `repr` of a type and all types made of it so far. A program's own classes take theirs from these.
/// The interpreter looks for `repr` in the slot, and for `str` in the attribute only.
fn say_as_boards_do(class: &Py<PyType>, text: &PyObjectRef, vm: &VirtualMachine) {
    class.set_attr(vm.ctx.intern_str("__str__"), text.clone());
    class.slots.repr.store(Some(repr_of));
    let derived: Vec<_> = class.subclasses.read().iter().filter_map(|weak| weak.upgrade()).collect();
    for class in derived {
        if let Ok(class) = class.downcast::<PyType>() {
            say_as_boards_do(&class, text, vm);
        }
    }
}

fn first_argument(exception: PyRef<PyBaseException>, vm: &VirtualMachine) -> PyObjectRef {
    let Some(first) = exception.get_arg(0) else { return vm.ctx.none() };
    match first.downcast_ref::<PyStr>().and_then(|text| messages::reworded(&text.to_string_lossy())) {
        Some(text) => vm.ctx.new_str(text).into(),
        None => first,
    }
}

/// An OSError is an OSError: boards have no FileNotFoundError that its number could choose. With one argument the
/// interpreter chooses none; `__init__` comes after this, and has them all.
fn new_os_error(class: PyTypeRef, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    args.args.truncate(1);
    match NEW_OS_ERROR.get() {
        Some(new) => new(class, args, vm),
        None => Err(vm.new_type_error("OSError has no constructor")),
    }
}

fn str_of(exception: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let exception = exception.downcast_ref::<PyBaseException>();
    let exception = exception.ok_or_else(|| vm.new_type_error("no exception"))?;
    Ok(vm.ctx.new_str(messages::of(vm, exception)))
}

/// `ValueError('no',)`: the class and the tuple of its arguments, as boards print a tuple.
fn repr_of(exception: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let name = exception.class().name().to_owned();
    let exception = exception.downcast_ref::<PyBaseException>();
    let exception = exception.ok_or_else(|| vm.new_type_error("no exception"))?;
    let args = match exception.args().as_slice() {
        [_] => vm.ctx.new_tuple(vec![first_argument(exception.to_owned(), vm)]),
        _ => exception.args(),
    };
    let args = args.as_object().repr(vm)?;
    let name = messages::class_name(&name);
    Ok(vm.ctx.new_str(format!("{name}{args}")))
}

/// `str(text, 'utf-8')` is text; of bytes, boards look at no name of an encoding.
fn new_str(class: PyTypeRef, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    match &mut args.args[..] {
        [text, _encoding, ..] if text.downcast_ref::<PyStr>().is_some() => Ok(text.clone()),
        [_, encoding, ..] if encoding.downcast_ref::<PyStr>().is_some() => {
            *encoding = vm.ctx.new_str("utf-8").into();
            PyStr::slot_new(class, args, vm)
        }
        _ => PyStr::slot_new(class, args, vm),
    }
}
