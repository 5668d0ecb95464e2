//! `repr` as boards print it: shorter than the interpreter's, and text in ASCII.

use std::fmt::Write;

use rustpython_vm::builtins::{PyModule, PyStr, PyStrRef, PyType, PyTypeRef};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    types.type_type.slots.repr.store(Some(of_class));
    types.object_type.slots.repr.store(Some(of_object));
    // A program's classes look for the method, and not for the slot.
    super::method(vm, types.object_type, "__repr__", |object: PyObjectRef, vm: &VirtualMachine| of_object(&object, vm));
    types.module_type.slots.repr.store(Some(of_module));
    types.str_type.slots.repr.store(Some(of_str));
    for function in [types.function_type, types.bound_method_type, types.generator_type] {
        function.slots.repr.store(Some(of_function));
    }
    types.builtin_function_or_method_type.slots.repr.store(Some(of_native));
    let name = vm.ctx.new_readonly_getset("__name__", types.type_type, name_of_class);
    types.type_type.set_attr(vm.ctx.intern_str("__name__"), name.into());
}

/// `C.__name__`, which for a few exceptions of the interpreter is another class's on boards.
fn name_of_class(class: PyTypeRef) -> String {
    crate::messages::class_name(&class.name()).to_owned()
}

/// `<class 'C'>`, in whatever module.
fn of_class(class: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let name = class.downcast_ref::<PyType>().map_or_else(String::new, |class| class.name().to_owned());
    Ok(vm.ctx.new_str(format!("<class '{}'>", crate::messages::class_name(&name))))
}

/// `<C object at 7f0010>`, and `<object>`.
fn of_object(object: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let name = object.class().name().to_owned();
    Ok(vm.ctx.new_str(match object.class().is(vm.ctx.types.object_type) {
        true => "<object>".to_owned(),
        false => format!("<{name} object at {:x}>", object.get_id()),
    }))
}

/// `<module 'm' from 'm.py'>`; modules of the firmware come from no file.
fn of_module(module: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let text = |name: &'static str| {
        let found = module.downcast_ref::<PyModule>()?.dict().get_item_opt(name, vm).ok()??;
        Some(found.str(vm).ok()?.to_string_lossy().into_owned())
    };
    let name = text("__name__").unwrap_or_default();
    Ok(vm.ctx.new_str(match text("__file__") {
        Some(file) => format!("<module '{name}' from '{file}'>"),
        None => format!("<module '{name}'>"),
    }))
}

/// `<function f at 0x7f0010>`, and the like of generators and bound methods.
fn of_function(function: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let kind = match &*function.class().name() {
        "generator" => "generator object",
        "method" => "bound_method",
        _ => "function",
    };
    let name = function.get_attr("__name__", vm).and_then(|name| name.str(vm));
    let name = name.map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned());
    Ok(vm.ctx.new_str(match kind {
        "generator object" => format!("<generator object '{name}' at {:x}>", function.get_id()),
        "bound_method" => format!("<bound_method {:x} {name}>", function.get_id()),
        kind => format!("<{kind} {} at 0x{:x}>", if name.is_empty() { "?" } else { &name }, function.get_id()),
    }))
}

fn of_native(_function: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    Ok(vm.ctx.new_str("<function>"))
}

/// Text that any terminal can show: what is not ASCII is escaped.
fn of_str(text: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let Some(text) = text.downcast_ref::<PyStr>() else { return Err(vm.new_type_error("no text")) };
    let bytes = text.as_bytes();
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut repr = String::with_capacity(bytes.len() + 2);
    repr.push(quote);
    for character in text.as_wtf8().code_points() {
        escape(character.to_u32(), quote, &mut repr);
    }
    repr.push(quote);
    Ok(vm.ctx.new_str(repr))
}

/// Writes one character; half of a surrogate pair is none, and has a code.
fn escape(code: u32, quote: char, repr: &mut String) {
    let character = char::from_u32(code).unwrap_or('\0');
    // Writing to a String cannot fail.
    let _ = match character {
        '\\' => write!(repr, "\\\\"),
        '\n' => write!(repr, "\\n"),
        '\r' => write!(repr, "\\r"),
        '\t' => write!(repr, "\\t"),
        _ if character == quote => write!(repr, "\\{character}"),
        ' '..='~' => write!(repr, "{character}"),
        _ if code < 0x100 => write!(repr, "\\x{code:02x}"),
        _ if code < 0x10000 => write!(repr, "\\u{code:04x}"),
        _ => write!(repr, "\\U{code:08x}"),
    };
}
