//! `import` as a board has it: modules of the firmware, else a file in the flash; no finders, loaders or bytecode
//! caches. Replaces `builtins.__import__`, so that neither a traceback nor a program meets the interpreter's own.

use rustpython_vm::builtins::{PyModule, PyStrRef, PyTuple};
use rustpython_vm::function::OptionalArg;
use rustpython_vm::scope::Scope;
use rustpython_vm::{PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine, import};

use crate::board::board;
use crate::flash::Flash;
use crate::modules;
use crate::{compile, frozen};

/// Puts `__import__` into the builtins.
pub(crate) fn install(vm: &VirtualMachine) -> PyResult<()> {
    vm.builtins.set_attr("__import__", vm.new_function("__import__", import_statement), vm)
}

/// `import name`, `from name import ...`: the first module of a dotted name, or the last with `from`.
fn import_statement(
    name: PyStrRef,
    globals: OptionalArg<PyObjectRef>,
    _locals: OptionalArg<PyObjectRef>,
    from: OptionalArg<PyObjectRef>,
    level: OptionalArg<usize>,
    vm: &VirtualMachine,
) -> PyResult {
    let name = name.to_string_lossy();
    let name = match level.unwrap_or(0) {
        0 => name.into_owned(),
        level => relative(&name, level, globals.into_option(), vm)?,
    };
    let mut first = None;
    let mut parent: Option<PyObjectRef> = None;
    for (end, _) in name.match_indices('.').chain([(name.len(), "")]) {
        let module = load(&name[..end], parent.as_deref(), vm)?;
        first.get_or_insert_with(|| module.clone());
        parent = Some(module);
    }
    let names = from.into_option().and_then(|names| names.downcast::<PyTuple>().ok());
    match (names.filter(|names| !names.is_empty()), parent, first) {
        (Some(names), Some(module), _) => from_package(&name, &module, &names, vm).map(|()| module),
        (None, _, Some(first)) => Ok(first),
        _ => Err(not_found(&name, vm)),
    }
}

/// What `from package import names` must have imported: modules of the package, where it has no such attribute.
fn from_package(package: &str, module: &PyObjectRef, names: &PyTuple, vm: &VirtualMachine) -> PyResult<()> {
    // `has_attr` of the interpreter raises for what is not there.
    if module.get_attr("__path__", vm).is_err() {
        return Ok(());
    }
    for name in names.as_slice() {
        let name = name.str(vm)?;
        let missing = name.as_bytes() != b"*" && module.get_attr(&*name, vm).is_err();
        if missing && find(&format!("{package}.{name}")).is_some() {
            load(&format!("{package}.{name}"), Some(module), vm)?;
        }
    }
    Ok(())
}

/// The full name of `from ..name import` in a module of a package.
fn relative(name: &str, level: usize, globals: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<String> {
    let no_parent = || vm.new_import_error("can't perform relative import", vm.ctx.new_utf8_str(name));
    let globals = globals.ok_or_else(no_parent)?;
    let own = globals.get_item("__name__", vm)?.str(vm)?.to_string_lossy().into_owned();
    let levels = level - usize::from(globals.get_item("__path__", vm).is_ok());
    let mut parts: Vec<&str> = own.split('.').collect();
    if parts.len() <= levels {
        return Err(no_parent());
    }
    parts.truncate(parts.len() - levels);
    parts.extend((!name.is_empty()).then_some(name));
    Ok(parts.join("."))
}

/// The module of that full name: loaded already, of the firmware, or in the flash.
fn load(name: &str, parent: Option<&rustpython_vm::PyObject>, vm: &VirtualMachine) -> PyResult {
    // The name from before boards had CPython's; one module, so that both share their tasks.
    let name = if name == "uasyncio" { "asyncio" } else { name };
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    if let Ok(module) = loaded.get_item(name, vm) {
        return Ok(module);
    }
    if let Some(firmware) = firmware(name, vm) {
        let module = match firmware {
            "array" => array(&loaded, vm)?,
            _ => import::import_builtin(vm, firmware)?,
        };
        loaded.set_item(name, module.clone(), vm)?;
        return Ok(module);
    }
    let found = find(name).ok_or_else(|| not_found(name, vm))?;
    let module = run(name, &found, vm)?;
    if let (Some(parent), Some((_, last))) = (parent, name.rsplit_once('.')) {
        parent.set_attr(&*vm.ctx.new_str(last), module.clone(), vm)?;
    }
    Ok(module.into())
}

/// The interpreter's module `array` makes its type known to `collections.abc`, which no board has: here it meets one
/// that has just what it asks for.
fn array(loaded: &PyObject, vm: &VirtualMachine) -> PyResult {
    const NAMES: [&str; 2] = ["collections", "collections.abc"];
    let stage = vm.new_module("collections.abc", vm.ctx.new_dict(), None);
    for name in ["abc", "MutableSequence"] {
        stage.set_attr(name, stage.clone(), vm)?;
    }
    stage.set_attr("register", vm.new_function("register", |_class: PyObjectRef| ()), vm)?;
    let before = NAMES.map(|name| loaded.get_item(name, vm).ok());
    for name in NAMES {
        loaded.set_item(name, stage.clone().into(), vm)?;
    }
    let module = import::import_builtin(vm, "array");
    for (name, before) in NAMES.iter().zip(before) {
        match before {
            Some(before) => loaded.set_item(*name, before, vm)?,
            None => loaded.del_item(*name, vm)?,
        }
    }
    module
}

/// The name under which the interpreter knows a module that the board may import by `name`.
fn firmware<'a>(name: &'a str, vm: &VirtualMachine) -> Option<&'a str> {
    let name = name.strip_prefix('u').filter(|name| modules::U_NAMES.contains(name)).unwrap_or(name);
    let own = modules::own(&vm.ctx).iter().any(|module| module.name.as_str() == name);
    (own || modules::BORROWED.contains(&name) || modules::BUILT_IN.contains(&name)).then_some(name)
}

/// A module that is Python text.
struct Found {
    file: String,
    folder: Option<String>,
    text: Text,
}

/// Where a module's text is.
enum Text {
    Flash,
    Beside,
    Frozen(&'static str),
}

/// Where a module is: in the root of the flash, beside the program, frozen, or in `/lib`, in that order.
fn find(name: &str) -> Option<Found> {
    let flash = |root| find_in(&board().flash, root, name, Text::Flash);
    let beside = || board().beside.as_ref().and_then(|folder| find_in(folder, "", name, Text::Beside));
    flash("").or_else(beside).or_else(|| frozen_module(name)).or_else(|| flash("/lib"))
}

fn frozen_module(name: &str) -> Option<Found> {
    let text = frozen::text(name)?;
    let folder = frozen::is_package(name).then(|| format!(".frozen/{}", name.replace('.', "/")));
    Some(Found { file: format!("{}.py", name.replace('.', "/")), folder, text: Text::Frozen(text) })
}

/// As a file or a package.
fn find_in(flash: &Flash, root: &str, name: &str, text: Text) -> Option<Found> {
    let is_dir = |path: &str| flash.metadata(path).is_ok_and(|there| there.is_dir());
    let is_file = |path: &str| flash.metadata(path).is_ok_and(|there| there.is_file());
    let base = format!("{root}/{}", name.replace('.', "/"));
    let file = format!("{base}.py");
    let package = format!("{base}/__init__.py");
    match () {
        () if is_dir(&base) && is_file(&package) => Some(Found { file: package, folder: Some(base), text }),
        () if is_file(&file) => Some(Found { file, folder: None, text }),
        () => None,
    }
}

/// Runs a module's file; a module that fails is not loaded.
fn run(name: &str, found: &Found, vm: &VirtualMachine) -> PyResult<PyRef<PyModule>> {
    let file = found.file.trim_start_matches('/');
    let code = match (&found.text, &board().beside) {
        (Text::Frozen(text), _) => compile::module(vm, text, file)?,
        (Text::Beside, Some(folder)) => compile::file(vm, folder, file)?,
        _ => compile::file(vm, &board().flash, file)?,
    };
    let globals = vm.ctx.new_dict();
    let module = vm.new_module(name, globals.clone(), None);
    globals.set_item("__file__", vm.ctx.new_str(found.file.as_str()).into(), vm)?;
    if let Some(folder) = &found.folder {
        globals.set_item("__path__", vm.ctx.new_str(folder.as_str()).into(), vm)?;
    }
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    loaded.set_item(name, module.clone().into(), vm)?;
    let result = vm.run_code_obj(code, Scope::with_builtins(None, globals, vm));
    if let Err(raised) = result {
        // What it raised matters more than a name that is gone already.
        let _ = loaded.del_item(name, vm);
        return Err(raised);
    }
    Ok(module)
}

fn not_found(name: &str, vm: &VirtualMachine) -> rustpython_vm::builtins::PyBaseExceptionRef {
    vm.new_import_error(format!("no module named '{name}'"), vm.ctx.new_utf8_str(name))
}
