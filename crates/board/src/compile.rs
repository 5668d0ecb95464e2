//! From a program's text to bytecode, the way a board's compiler does it: without name mangling in classes.

use rustpython_vm::builtins::PyCode;
use rustpython_vm::bytecode::{CodeFlags, CodeObject, ConstantData};
use rustpython_vm::compiler::{self, Mode};
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::flash::Flash;
use crate::link::Program;
use crate::modules::errors;

/// What the parent wants run; `None` for a file that is not there.
pub(crate) fn program(vm: &VirtualMachine, program: &Program) -> PyResult<Option<PyRef<PyCode>>> {
    match program {
        Program::File(path) if board().flash.metadata(path).is_err() => Ok(None),
        Program::File(path) => file(vm, &board().flash, path).map(Some),
        Program::Text { name, text } => text_of(vm, &utf8(vm, text, name)?, name, Mode::Exec).map(Some),
        Program::Interactive(text) => text_of(vm, text, "<stdin>", Mode::Single).map(Some),
    }
}

/// A module's text.
pub(crate) fn module(vm: &VirtualMachine, text: &str, path: &str) -> PyResult<PyRef<PyCode>> {
    text_of(vm, text, path, Mode::Exec)
}

/// A module or a program in the flash.
pub(crate) fn file(vm: &VirtualMachine, flash: &Flash, path: &str) -> PyResult<PyRef<PyCode>> {
    let text = flash.bytes(path).map_err(|e| errors::of_file(vm, &e))?;
    text_of(vm, &utf8(vm, &text, path)?, path, Mode::Exec)
}

/// The text, or a SyntaxError that says in which line it is none.
fn utf8(vm: &VirtualMachine, text: &[u8], path: &str) -> PyResult<String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    String::from_utf8(text.to_vec()).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + text[..good].iter().filter(|&&byte| byte == b'\n').count();
        let raised = vm.new_exception_msg(vm.ctx.exceptions.syntax_error.to_owned(), "invalid UTF-8".into());
        let (path, line): (PyObjectRef, PyObjectRef) = (vm.ctx.new_str(path).into(), vm.ctx.new_int(line).into());
        for (name, value) in [("filename", path), ("lineno", line)] {
            let _ = raised.as_object().set_attr(name, value, vm); // without it, only the place is missing
        }
        raised
    })
}

/// A program's text; `path` is what tracebacks call it.
fn text_of(vm: &VirtualMachine, text: &str, path: &str, mode: Mode) -> PyResult<PyRef<PyCode>> {
    let code = compiler::compile(text, mode, path, vm.compile_opts());
    let mut code = code.map_err(|e| vm.new_syntax_error(&e, Some(text)))?;
    unmangle(&mut code, &mut Vec::new());
    Ok(vm.ctx.new_code(code))
}

/// Gives names like `__x` in the class C back, which the compiler has made `_C__x`. `prefixes` are those of the
/// classes around. A program that writes `_C__x` inside of C itself means the same then.
fn unmangle(code: &mut CodeObject, prefixes: &mut Vec<String>) {
    let class = !code.flags.intersects(CodeFlags::OPTIMIZED | CodeFlags::NEWLOCALS) && code.obj_name != "<module>";
    if class {
        prefixes.push(format!("_{}__", code.obj_name.trim_start_matches('_')));
    }
    if let Some(prefix) = prefixes.last() {
        for names in [&mut code.names, &mut code.varnames, &mut code.cellvars, &mut code.freevars] {
            for name in names.iter_mut() {
                *name = unmangled(name, prefix);
            }
        }
    }
    let mut constants = code.constants.to_vec();
    for constant in &mut constants {
        if let ConstantData::Code { code } = constant {
            unmangle(code, prefixes);
        }
    }
    code.constants = constants.into_iter().collect();
    if class {
        prefixes.pop();
    }
}

fn unmangled(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix) {
        Some(rest) if !rest.ends_with("__") => format!("__{rest}"),
        _ => name.to_owned(),
    }
}
