//! From a program's text to bytecode, the way a board's compiler does it: without name mangling in classes.

use rustpython_vm::builtins::PyCode;
use rustpython_vm::bytecode::{CodeFlags, CodeObject, ConstantData};
use rustpython_vm::compiler::{self, Mode};
use rustpython_vm::{PyRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::modules::errors;

/// A program in the flash.
pub(crate) fn file(vm: &VirtualMachine, path: &str) -> PyResult<PyRef<PyCode>> {
    let text = board().flash.text(path).map_err(|e| errors::of_file(vm, &e))?;
    text_of(vm, &text, path)
}

/// A program's text; `path` is what tracebacks call it.
pub(crate) fn text_of(vm: &VirtualMachine, text: &str, path: &str) -> PyResult<PyRef<PyCode>> {
    let code = compiler::compile(text, Mode::Exec, path, vm.compile_opts());
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
