//! What boards do differently in the language's own types and builtins, changed in the interpreter at its start. One
//! file for each kind of thing; exceptions are in `patches`, their texts in `messages`.

mod builtins;
mod bytes;
mod calls;
pub(crate) mod floats;
mod generators;
pub(crate) mod grammar;
mod numbers;
mod repeats;
mod reprs;
pub(crate) mod strict;
mod text;
mod unhashable;

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::RwLock;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{FuncArgs, IntoPyNativeFn};
use rustpython_vm::{Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;

/// Changes the types.
pub(crate) fn apply(vm: &VirtualMachine) -> PyResult<()> {
    generators::apply(vm);
    numbers::apply(vm);
    repeats::apply(vm);
    if board().profile.single {
        floats::apply(vm);
    }
    reprs::apply(vm);
    text::apply(vm);
    bytes::apply(vm);
    unhashable::apply(vm);
    calls::apply(vm);
    builtins::apply(vm)?;
    strict::apply(vm)
}

/// Gives a type a method, in place of its own of that name.
fn method<F, K>(vm: &VirtualMachine, class: &'static Py<PyType>, name: &'static str, function: F)
where
    F: IntoPyNativeFn<K>,
{
    let method = vm.new_method(name, class, function);
    class.set_attr(vm.ctx.intern_str(name), method.into());
}

/// The interpreter's own methods that ours call.
static KEPT: LazyLock<RwLock<HashMap<&'static str, PyObjectRef>>> = LazyLock::new(RwLock::default);

/// The same, when the method is to call the one in whose place it stands: [`kept`], under `key`.
pub(crate) fn method_around<F, K>(
    vm: &VirtualMachine,
    class: &'static Py<PyType>,
    (key, name): (&'static str, &'static str),
    function: F,
) where
    F: IntoPyNativeFn<K>,
{
    if let Some(own) = class.get_attr(vm.ctx.intern_str(name)) {
        // Types are statics: a second interpreter finds ours there already.
        KEPT.write().entry(key).or_insert(own);
        method(vm, class, name, function);
    }
}

/// Calls what stood in the type before [`method_around`] took its place.
pub(crate) fn kept(key: &'static str, zelf: &PyObject, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    args.prepend_arg(zelf.to_owned());
    let own = KEPT.read().get(key).cloned();
    match own {
        Some(own) => own.call(args, vm),
        None => Err(vm.new_attribute_error(key.to_owned())),
    }
}
