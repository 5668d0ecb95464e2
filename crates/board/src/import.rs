//! `import` as a board has it: modules of the firmware, else a file in the flash; no finders, loaders or bytecode
//! caches. Replaces `builtins.__import__`, so that neither a traceback nor a program meets the interpreter's own.

use rustpython_vm::builtins::{PyModule, PyStrRef, PyTuple};
use rustpython_vm::frozen::FrozenModule;
use rustpython_vm::function::OptionalArg;
use rustpython_vm::scope::Scope;
use rustpython_vm::{AsObject, FromArgs, PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine, import};

use crate::board::board;
use crate::cpython::library;
use crate::dialect::strict;
use crate::flash::Flash;
use crate::modules::{self, mounts};
use crate::{compile, frozen};

/// Puts `__import__` into the builtins.
pub(crate) fn install(vm: &VirtualMachine) -> PyResult<()> {
    vm.builtins.set_attr("__import__", vm.new_function("__import__", import_statement), vm)
}

/// What `__import__` takes.
#[derive(FromArgs)]
struct ImportArgs {
    #[pyarg(any)]
    name: PyStrRef,
    #[pyarg(any, optional)]
    globals: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    #[expect(dead_code, reason = "accepted; nothing is looked up there")]
    locals: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    fromlist: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    level: OptionalArg<isize>,
}

/// `import name`, `from name import ...`: the first module of a dotted name, or the last with `from`.
fn import_statement(args: ImportArgs, vm: &VirtualMachine) -> PyResult {
    let ImportArgs { name, globals, fromlist: from, level, .. } = args;
    let name = name.to_string_lossy();
    let level = usize::try_from(level.unwrap_or(0)).ok().filter(|level| *level > 0 || !name.is_empty());
    let name = match level.ok_or_else(|| vm.new_value_error(""))? {
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
    let names = match from.into_option() {
        Some(names) if !vm.is_none(&names) => Some(vm.ctx.new_tuple(vm.extract_elements_with(&names, Ok)?)),
        _ => None,
    };
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
        let full = format!("{package}.{name}");
        if missing && find(&full, Some(module), vm)?.is_some() {
            load(&full, Some(module), vm)?;
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
fn load(name: &str, parent: Option<&PyObject>, vm: &VirtualMachine) -> PyResult {
    // The name from before boards had CPython's; one module, so that both share their tasks.
    let name = if name == "uasyncio" && !board().profile.is_cpython() { "asyncio" } else { name };
    // Gone since ssl is Python; old programs have it.
    let name = if name == "ussl" && !board().profile.is_cpython() && strict::allows(name) { "ssl" } else { name };
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    let cpython = board().profile.is_cpython();
    let name = if cpython { name } else { without_u(name) };
    if let Ok(module) = loaded.get_item(name, vm) {
        return if vm.is_none(&module) { Err(not_found(name, vm)) } else { Ok(module) };
    }
    if cpython {
        if let Some(native) = library::native(name, vm)? {
            return Ok(native);
        }
    } else if let Some(firmware) = firmware(name, vm) {
        let module = import::import_builtin(vm, firmware)?;
        loaded.set_item(name, module.clone(), vm)?;
        return Ok(module);
    }
    let found = find(name, parent, vm)?.ok_or_else(|| not_found(name, vm))?;
    let module = run(name, &found, vm)?;
    if let (Some(parent), Some((_, last))) = (parent, name.rsplit_once('.')) {
        parent.set_attr(&*vm.ctx.new_str(last), module.clone(), vm)?;
    }
    Ok(module.into())
}

/// `time` for `utime`, which is the same module.
fn without_u(name: &str) -> &str {
    name.strip_prefix('u').filter(|name| modules::U_NAMES.contains(name)).unwrap_or(name)
}

/// The name under which the interpreter knows a module that the board may import by `name`.
fn firmware<'a>(name: &'a str, vm: &VirtualMachine) -> Option<&'a str> {
    let own = modules::own(&vm.ctx).iter().any(|module| module.name.as_str() == name);
    (own || modules::BUILT_IN.contains(&name)).then_some(name)
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
    Compiled(FrozenModule<&'static [u8]>),
}

/// The place in `sys.path` that stands for the folder of a program which is not in the flash.
pub(crate) const BESIDE: &str = ".beside";

/// Where a module is: beside the others of its package, or in the first place of `sys.path` that has it.
fn find(name: &str, parent: Option<&PyObject>, vm: &VirtualMachine) -> PyResult<Option<Found>> {
    let last = name.rsplit('.').next().unwrap_or(name);
    if let Some(parent) = parent {
        let Ok(folder) = parent.get_attr("__path__", vm) else { return Ok(None) };
        return find_in(&folder.str(vm)?.to_string_lossy(), name, last, vm);
    }
    let path = vm.sys_module.get_attr("path", vm)?;
    let places: Vec<PyObjectRef> = vm.extract_elements_with(&path, Ok)?;
    for place in places {
        let place = place.str(vm)?;
        if let Some(found) = find_in(&place.to_string_lossy(), name, last, vm)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn frozen_module(name: &str) -> Option<Found> {
    let text = frozen::text(name)?;
    let folder = frozen::is_package(name).then(|| format!(".frozen/{}", name.replace('.', "/")));
    Some(Found { file: frozen::file(name), folder, text: Text::Frozen(text) })
}

fn library_module(name: &str) -> Option<Found> {
    let module = library::module(name)?;
    let folder = module.package.then(|| format!("{}/{}", library::PLACE, name.replace('.', "/")));
    let text = match module.text {
        library::Text::Python(text) => Text::Frozen(text),
        library::Text::Compiled(code) => Text::Compiled(code),
    };
    Some(Found { file: module.file, folder, text })
}

/// As a package or a file. What is already compiled, the interpreter does not read.
fn find_in(folder: &str, name: &str, last: &str, vm: &VirtualMachine) -> PyResult<Option<Found>> {
    if folder.starts_with(library::PLACE) {
        return Ok(board().profile.is_cpython().then(|| library_module(name)).flatten());
    }
    if folder.starts_with(".frozen") {
        return Ok(frozen_module(name));
    }
    if let Some(folder) = folder.strip_prefix(BESIDE) {
        return Ok(board().beside.as_ref().and_then(|flash| find_beside(flash, folder, last)));
    }
    let base = if folder.is_empty() { last.to_owned() } else { format!("{folder}/{last}") };
    if mounts::kind(&base, vm)? == Some(mounts::DIRECTORY) {
        let file = format!("{base}/__init__.py");
        if mounts::kind(&file, vm)? == Some(mounts::FILE) {
            return Ok(Some(Found { file, folder: Some(base), text: Text::Flash }));
        }
        // A folder that says nothing is a package of what lies in it, and comes before a file of its name.
        return Ok(Some(Found { file: base.clone(), folder: Some(base), text: Text::Frozen("") }));
    }
    let file = format!("{base}.py");
    if mounts::kind(&file, vm)? == Some(mounts::FILE) {
        return Ok(Some(Found { file, folder: None, text: Text::Flash }));
    }
    let compiled = format!("{base}.mpy");
    if mounts::kind(&compiled, vm)? == Some(mounts::FILE) {
        mounts::bytes(&compiled, vm)?;
        return Err(vm.new_value_error("incompatible .mpy file"));
    }
    Ok(None)
}

/// The same in the folder of the program.
fn find_beside(flash: &Flash, folder: &str, last: &str) -> Option<Found> {
    let base = format!("{folder}/{last}");
    let is_file = |path: &str| flash.metadata(path).is_ok_and(|there| there.is_file());
    let package = format!("{base}/__init__.py");
    if is_file(&package) {
        return Some(Found { file: package, folder: Some(format!("{BESIDE}{base}")), text: Text::Beside });
    }
    if flash.metadata(&base).is_ok_and(|there| there.is_dir()) {
        return Some(Found { file: base.clone(), folder: Some(format!("{BESIDE}{base}")), text: Text::Frozen("") });
    }
    let file = format!("{base}.py");
    is_file(&file).then_some(Found { file, folder: None, text: Text::Beside })
}

/// A module of the firmware, for the firmware's own use.
pub(crate) fn module(name: &str, vm: &VirtualMachine) -> PyResult {
    load(name, None, vm)
}

/// Runs a module's file; a module that fails is not loaded.
fn run(name: &str, found: &Found, vm: &VirtualMachine) -> PyResult<PyRef<PyModule>> {
    let file = found.file.trim_start_matches('/');
    let code = match (&found.text, &board().beside) {
        (Text::Compiled(module), _) => vm.ctx.new_code(module.code),
        (Text::Frozen(text), _) if found.file.starts_with(library::PLACE) => compile::library(vm, text, name)?,
        (Text::Frozen(text), _) => compile::module(vm, text, file)?,
        (Text::Beside, Some(folder)) => compile::file_of(vm, folder, file)?,
        _ => compile::file(vm, file)?,
    };
    let globals = vm.ctx.new_dict();
    let module = vm.new_module(name, globals.clone(), None);
    globals.set_item("__file__", vm.ctx.new_str(found.file.as_str()).into(), vm)?;
    if board().profile.is_cpython() {
        let parent = name.rsplit_once('.').map_or("", |(parent, _)| parent);
        let package = if found.folder.is_some() { name } else { parent };
        globals.set_item("__package__", vm.ctx.new_str(package).into(), vm)?;
    }
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
    if board().profile.is_cpython() {
        let class = vm.ctx.exceptions.module_not_found_error.to_owned();
        let raised = vm.new_exception_msg(class, format!("No module named '{name}'").into());
        let _ = raised.as_object().set_attr("name", vm.ctx.new_str(name), vm); // without it, the text says as much
        return raised;
    }
    vm.new_import_error(format!("no module named '{name}'"), vm.ctx.new_utf8_str(name))
}
