//! Builtins: `exec`, `eval` and `compile` by the board's compiler, `execfile`, and `locals` and `dir` as boards have
//! them.

use rustpython_vm::builtins::{PyCode, PyDictRef, PyList, PyModule, PyStr};
use rustpython_vm::bytecode::CodeFlags;
use rustpython_vm::compiler::Mode;
use rustpython_vm::function::{ArgMapping, FuncArgs, OptionalArg};
use rustpython_vm::scope::Scope;
use rustpython_vm::{PyObjectRef, PyRef, PyResult, TryFromObject, VirtualMachine};

use crate::compile;
use crate::modules::with_bytes;

/// Builtins that a board has not.
const NOT_BUILTIN: &[&str] = &["vars"];

/// What the interpreter's modules have, and a board's have not.
const NOT_OF_MODULES: &[&[u8]] = &[b"__doc__", b"__loader__", b"__package__", b"__spec__"];

pub(super) fn apply(vm: &VirtualMachine) -> PyResult<()> {
    vm.builtins.set_attr("exec", vm.new_function("exec", exec), vm)?;
    vm.builtins.set_attr("eval", vm.new_function("eval", eval), vm)?;
    vm.builtins.set_attr("compile", vm.new_function("compile", compile), vm)?;
    vm.builtins.set_attr("execfile", vm.new_function("execfile", execfile), vm)?;
    vm.builtins.set_attr("locals", vm.new_function("locals", locals), vm)?;
    vm.builtins.set_attr("dir", vm.new_function("dir", dir), vm)?;
    be_quiet(vm);
    for name in NOT_BUILTIN {
        vm.builtins.dict().del_item(*name, vm)?;
    }
    Ok(())
}

/// Boards have none of the interpreter's warnings.
fn be_quiet(vm: &VirtualMachine) {
    let all: PyObjectRef = vm.ctx.exceptions.warning.to_owned().into();
    let anything = vm.ctx.none();
    let ignore = vec![vm.new_pyobj("ignore"), anything.clone(), all, anything, vm.new_pyobj(0)];
    *vm.state.warnings.filters.borrow_vec_mut() = vec![vm.ctx.new_tuple(ignore).into()];
    vm.state.warnings.filters_mutated();
}

type Namespace = OptionalArg<Option<PyObjectRef>>;

fn exec(source: PyObjectRef, globals: Namespace, locals: Namespace, vm: &VirtualMachine) -> PyResult<()> {
    run(&source, Mode::Exec, globals, locals, vm).map(drop)
}

fn eval(source: PyObjectRef, globals: Namespace, locals: Namespace, vm: &VirtualMachine) -> PyResult {
    run(&source, Mode::Eval, globals, locals, vm)
}

fn run(source: &PyObjectRef, mode: Mode, globals: Namespace, locals: Namespace, vm: &VirtualMachine) -> PyResult {
    let code = match source.downcast_ref::<PyCode>() {
        Some(code) => code.to_owned(),
        None => code_of(source, "<string>", mode, vm)?,
    };
    let given = globals.flatten().map(|globals| PyDictRef::try_from_object(vm, globals)).transpose()?;
    let locals = match (locals.flatten(), &given) {
        (Some(locals), _) => ArgMapping::try_from_object(vm, locals)?,
        (None, Some(globals)) => ArgMapping::from_dict_exact(globals.clone()),
        (None, None) => ArgMapping::try_from_object(vm, namespace(vm)?)?,
    };
    let globals = given.unwrap_or_else(|| vm.current_globals());
    vm.run_code_obj(code, Scope::with_builtins(Some(locals), globals, vm))
}

/// Text, or its bytes.
fn code_of(source: &PyObjectRef, name: &str, mode: Mode, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let text = with_bytes(source, vm, |bytes| String::from_utf8(bytes.to_vec()))?;
    let text =
        text.map_err(|_| vm.new_exception_msg(vm.ctx.exceptions.syntax_error.to_owned(), "invalid syntax".into()))?;
    let text = if matches!(mode, Mode::Eval) { text.trim_start() } else { &*text };
    compile::text_of(vm, text, name, mode)
}

fn compile(source: PyObjectRef, name: PyObjectRef, mode: PyObjectRef, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let mode = match mode.downcast_ref::<PyStr>().map(|mode| mode.as_bytes()) {
        Some(b"exec") => Mode::Exec,
        Some(b"eval") => Mode::Eval,
        Some(b"single") => Mode::Single,
        _ => return Err(vm.new_value_error("bad compile mode")),
    };
    code_of(&source, &name.str(vm)?.to_string_lossy(), mode, vm)
}

/// Runs a file of the flash in the globals of the caller.
fn execfile(path: PyObjectRef, globals: Namespace, locals: Namespace, vm: &VirtualMachine) -> PyResult<()> {
    let code: PyObjectRef = compile::file(vm, &path.str(vm)?.to_string_lossy())?.into();
    run(&code, Mode::Exec, globals, locals, vm).map(drop)
}

/// The names around the caller: within a function, boards know only those of its module.
fn namespace(vm: &VirtualMachine) -> PyResult<PyObjectRef> {
    match vm.current_frame() {
        Some(frame) if frame.code.flags.contains(CodeFlags::OPTIMIZED) => Ok(vm.current_globals().into()),
        // Asked for all its names, the frame of a module would forget one of its own that annotations need.
        Some(frame) if frame.code.obj_name == vm.ctx.intern_str("<module>") => {
            Ok(frame.locals.clone_mapping(vm).into())
        }
        _ => Ok(vm.current_locals()?.into()),
    }
}

fn locals(vm: &VirtualMachine) -> PyResult<PyObjectRef> {
    namespace(vm)
}

/// `dir()` of a function is that of its module, and a module has none of the interpreter's own.
fn dir(args: FuncArgs, vm: &VirtualMachine) -> PyResult<PyList> {
    if let Some(object) = args.args.first() {
        let names = vm.dir(Some(object.clone()))?;
        if object.downcastable::<PyModule>() {
            let is_here = |name: &PyObjectRef| {
                name.downcast_ref::<PyStr>().is_some_and(|name| !NOT_OF_MODULES.contains(&name.as_bytes()))
            };
            names.borrow_vec_mut().retain(is_here);
        }
        return Ok(names);
    }
    let keys = vm.call_method(&*namespace(vm)?, "keys", ())?;
    let keys: Vec<PyObjectRef> = vm.extract_elements_with(&keys, Ok)?;
    Ok(PyList::from(keys))
}
