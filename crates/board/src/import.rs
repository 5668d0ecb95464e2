//! `import` as a board has it: modules of the firmware and files in the flash; no finders, loaders or bytecode caches.
//! Replaces `builtins.__import__`, so that neither a traceback nor a program meets the interpreter's own.
//!
//! Which of the two a name means that both have, is a board's rule: a file takes the place of those modules that can
//! be named with a `u` ([`modules::U_NAMES`]) and of those that are Python; under its `u` name the former is there
//! still. All others take the place of a file. Either surprises, and is told.

use parking_lot::Mutex;
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
    let choice = if is_firmware(vm) { Choice::Firmware } else { Choice::Any };
    for (end, _) in name.match_indices('.').chain([(name.len(), "")]) {
        let module = load(&name[..end], choice, parent.as_deref(), vm)?;
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
            load(&full, Choice::Any, Some(module), vm)?;
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

/// What a name may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// What a program's import finds.
    Any,
    /// A module of the firmware, whatever files there are.
    Firmware,
}

/// Whether the import is one of the firmware's own, in a module that is native on boards.
fn is_firmware(vm: &VirtualMachine) -> bool {
    vm.current_frame().is_some_and(|frame| frame.code.source_path().as_str() == frozen::LIBRARY)
}

/// The module of that full name: loaded already, of the firmware, or in the flash.
fn load(name: &str, choice: Choice, parent: Option<&PyObject>, vm: &VirtualMachine) -> PyResult {
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    if board().profile.is_cpython() {
        if let Ok(module) = loaded.get_item(name, vm) {
            return if vm.is_none(&module) { Err(not_found(name, vm)) } else { Ok(module) };
        }
        if let Some(native) = library::native(name, vm)? {
            return Ok(native);
        }
        return load_python(name, find(name, parent, vm)?, parent, vm);
    }
    // The name from before boards had CPython's; one module, so that both share their tasks.
    let name = if name == "uasyncio" { "asyncio" } else { name };
    // Gone since ssl is Python; old programs have it.
    let name = if name == "ussl" && strict::allows(name) { "ssl" } else { name };
    let plain = without_u(name);
    let choice = if plain == name { choice } else { Choice::Firmware };
    if choice == Choice::Firmware && REPLACED.lock().iter().any(|replaced| replaced == plain) {
        return own(plain, vm);
    }
    if let Ok(module) = loaded.get_item(plain, vm) {
        return if vm.is_none(&module) { Err(not_found(plain, vm)) } else { Ok(module) };
    }
    let found = if choice == Choice::Any { find(plain, parent, vm)? } else { None };
    let (native, replaceable) = (firmware(plain, vm), modules::U_NAMES.contains(&plain));
    match found {
        Some(found) if found.is_file() && replaceable => load_file(plain, found, vm),
        Some(found) if found.is_file() && frozen::text(plain).is_some() => load_file(plain, found, vm),
        found if native.is_some() || replaceable => {
            found.iter().filter(|found| found.is_file()).for_each(|found| tell_unused(plain, found.path()));
            let module = own(plain, vm)?;
            loaded.set_item(plain, module.clone(), vm)?;
            Ok(module)
        }
        None if choice == Choice::Firmware => load_python(plain, frozen_module(plain), parent, vm),
        found => load_python(plain, found, parent, vm),
    }
}

/// Modules of the firmware in whose place there is a file.
static REPLACED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A file that takes the place of a module of the firmware.
fn load_file(name: &str, found: Found, vm: &VirtualMachine) -> PyResult {
    let (en, zh) = match modules::U_NAMES.contains(&name) {
        true => (format!(", or import u{name}"), format!("，或改用 import u{name}")),
        false => Default::default(),
    };
    let file = found.path();
    board().network.remark(
        format!("{name}: this is the file {file} and not the board's own module, whose place it takes: rename it{en}"),
        format!("{name}：用的是文件 {file}，它顶替了板子自带的模块：请给文件改名{zh}"),
    );
    REPLACED.lock().push(name.to_owned());
    load_python(name, Some(found), None, vm)
}

/// A module of the firmware that a file may take the place of, whether one does or not. Where it is not loaded by its
/// own name, it is by its `u` name.
fn own(name: &str, vm: &VirtualMachine) -> PyResult {
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    let other = vm.ctx.new_str(format!("u{name}"));
    if let Ok(module) = loaded.get_item(&*other, vm) {
        return Ok(module);
    }
    let Some(native) = firmware(name, vm) else {
        let found = frozen_module(name).ok_or_else(|| not_found(name, vm))?;
        let module: PyObjectRef = run(&other.to_string_lossy(), &found, vm)?.into();
        module.set_attr("__name__", vm.ctx.new_str(name), vm)?;
        return Ok(module);
    };
    // The interpreter takes it from the loaded ones, and puts it among them: a file is not to be in the way.
    let file = loaded.get_item(name, vm).ok();
    file.iter().try_for_each(|_| loaded.del_item(name, vm))?;
    let module = import::import_builtin(vm, native)?;
    let _ = loaded.del_item(native, vm); // it may be there, and may not
    file.into_iter().try_for_each(|file| loaded.set_item(name, file, vm))?;
    if native != name {
        module.set_attr("__name__", vm.ctx.new_str(name), vm)?;
    }
    if REPLACED.lock().iter().any(|replaced| replaced == name) {
        loaded.set_item(&*other, module.clone(), vm)?;
    }
    Ok(module)
}

fn tell_unused(name: &str, file: &str) {
    board().network.remark(
        format!("{name}: this is the board's own module and not the file {file}: rename the file"),
        format!("{name}：用的是板子自带的模块，不是文件 {file}：请给文件改名"),
    );
}

/// A module that is Python text; its package has it as an attribute then.
fn load_python(name: &str, found: Option<Found>, parent: Option<&PyObject>, vm: &VirtualMachine) -> PyResult {
    let mut module: PyObjectRef = run(name, &found.ok_or_else(|| not_found(name, vm))?, vm)?.into();
    if board().profile.is_cpython() {
        // It may have put another in its place, as `decimal` does.
        module = vm.sys_module.get_attr("modules", vm)?.get_item(name, vm)?;
    }
    if let (Some(parent), Some((_, last))) = (parent, name.rsplit_once('.')) {
        parent.set_attr(&*vm.ctx.new_str(last), module.clone(), vm)?;
    }
    Ok(module)
}

/// `time` for `utime`, which is the same module.
fn without_u(name: &str) -> &str {
    name.strip_prefix('u').filter(|name| modules::U_NAMES.contains(name)).unwrap_or(name)
}

/// The name under which the interpreter knows a module that the board may import by `name`.
fn firmware<'a>(name: &'a str, vm: &VirtualMachine) -> Option<&'a str> {
    let name = match name {
        "_thread" => "_board_thread",
        _ if name.starts_with("_board_") => return None,
        _ => name,
    };
    let own = modules::own(&vm.ctx).iter().any(|module| module.name.as_str() == name);
    (own || modules::BUILT_IN.contains(&name)).then_some(name)
}

/// A module that is Python text.
struct Found {
    file: String,
    folder: Option<String>,
    text: Text,
}

impl Found {
    /// In the flash, or beside the program.
    fn is_file(&self) -> bool {
        matches!(self.text, Text::Flash | Text::Beside)
    }

    /// For people.
    fn path(&self) -> &str {
        self.file.trim_start_matches('/')
    }
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
        let found = board().beside.as_ref().and_then(|flash| find_beside(flash, folder, last));
        return Ok(found.filter(|found| !is_program(name, &found.file, vm)));
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

/// The name of the program that runs, where it came as text.
static PROGRAM: Mutex<String> = Mutex::new(String::new());

/// From here on, the program of this name runs.
pub(crate) fn begin(program: &str) {
    program.clone_into(&mut PROGRAM.lock());
}

/// Whether a file beside the program is the program itself, which has a module's name by mistake: sent to a board, it
/// would be no file there.
fn is_program(name: &str, file: &str, vm: &VirtualMachine) -> bool {
    let itself = !board().profile.is_cpython() && file.trim_start_matches('/') == *PROGRAM.lock();
    let stands = itself && (firmware(name, vm).is_some() || frozen::text(name).is_some());
    if stands {
        tell_unused(name, file.trim_start_matches('/'));
    }
    stands
}

/// A module of the firmware, for the firmware's own use.
pub(crate) fn module(name: &str, vm: &VirtualMachine) -> PyResult {
    match board().profile.is_cpython() || !modules::U_NAMES.contains(&name) {
        true => load(name, Choice::Firmware, None, vm),
        // Not by its own name, which may be a file's yet.
        false => own(name, vm),
    }
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
