//! The interpreter of a board: which modules it has, and which of the interpreter's own things a board has not.
//!
//! Its types are changed in `patches`, its console made in `console`, its imports in `import`.

use rustpython_vm::builtins::{PyBaseExceptionRef, PyStr};
use rustpython_vm::function::OptionalArg;
use rustpython_vm::signal::user_signal_channel;
use rustpython_vm::{Interpreter, Py, PyObjectRef, PyResult, Settings, VirtualMachine};

use crate::board::{Board, board};
use crate::modules::{self, mounts, schedule, stream};
use crate::profile::RELEASE;
use crate::{attention, console, cpython, dialect, import, memory, patches, slots, traceback};

/// Calls in calls before RuntimeError. A board has tens to hundreds; the thread's stack has room for these.
const RECURSION_LIMIT: usize = 400;

/// What `sys` has on a board. The rest is the interpreter's view of the machine that it runs on.
const SYS: &[&str] = &[
    "__name__",
    "argv",
    "byteorder",
    "exit",
    "implementation",
    "maxsize",
    "modules",
    "path",
    "platform",
    "ps1",
    "ps2",
    "stderr",
    "stdin",
    "stdout",
    // The interpreter panics without it, when `__del__` raises.
    "unraisablehook",
    "version",
    "version_info",
];

/// Builtins that a board has not, and that would show the machine or wait for its terminal.
const NOT_BUILTIN: &[&str] = &["breakpoint", "copyright", "credits", "exit", "license", "quit"];

/// Makes an interpreter and connects it to the board: from here on, Ctrl-C reaches it.
pub(crate) fn start(board: &'static Board) -> Interpreter {
    schedule::forget_all();
    mounts::forget_all();
    let (doorbell, receiver) = user_signal_channel();
    let builder = Interpreter::builder(settings());
    let own = modules::own(&builder.ctx);
    let builder = builder.add_native_modules(&own);
    let interpreter = builder.init_hook(move |vm| vm.set_user_signal_channel(receiver)).build();
    interpreter.enter(|vm| {
        vm.recursion_limit.set(RECURSION_LIMIT);
        slots::open_attributes(vm);
        slots::open_items(vm);
        if !board.profile.is_cpython() {
            patches::apply(vm);
        }
        memory::limit_objects(vm);
        attention::draw(vm);
        let furnished = furnish(board, vm);
        vm.expect_pyresult(furnished, "a fresh interpreter takes its furniture");
    });
    board.connect(doorbell);
    interpreter
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.install_signal_handlers = false;
    settings.import_site = false;
    settings.isolated = true;
    settings.ignore_environment = true;
    settings.user_site_directory = false;
    settings.write_bytecode = false;
    settings.allow_external_library = false;
    settings.code_debug_ranges = false;
    settings
}

fn furnish(board: &'static Board, vm: &VirtualMachine) -> PyResult<()> {
    console::install(vm)?;
    import::install(vm)?;
    modules::files::install(vm)?;
    if board.profile.is_cpython() {
        return cpython::furnish(board, vm);
    }
    dialect::apply(vm)?;
    modules::help::install(vm)?;
    let builtins = vm.builtins.dict();
    for name in NOT_BUILTIN {
        if builtins.contains_key(*name, vm) {
            builtins.del_item(*name, vm)?;
        }
    }
    furnish_sys(board, vm)
}

fn furnish_sys(board: &'static Board, vm: &VirtualMachine) -> PyResult<()> {
    let sys = vm.sys_module.dict();
    for (name, _) in &sys {
        let kept = |name: &Py<PyStr>| SYS.iter().any(|kept| name.as_bytes() == kept.as_bytes());
        if !name.downcast_ref::<PyStr>().is_some_and(kept) {
            sys.del_item(&*name, vm)?;
        }
    }
    let modules = vm.sys_module.get_attr("modules", vm)?;
    vm.call_method(&modules, "clear", ())?;
    modules.set_item("sys", vm.sys_module.clone().into(), vm)?;
    modules.set_item("builtins", vm.builtins.clone().into(), vm)?;
    sys.set_item("unraisablehook", vm.new_function("unraisablehook", print_unraisable).into(), vm)?;
    sys.set_item("exit", vm.new_function("exit", exit).into(), vm)?;
    sys.set_item("displayhook", vm.new_function("displayhook", show_value).into(), vm)?;
    sys.set_item("print_exception", vm.new_function("print_exception", print_exception).into(), vm)?;
    let beside = board.beside.as_ref().map(|_| import::BESIDE);
    let path = [Some(""), beside, Some(".frozen"), Some("/lib")];
    let path = path.into_iter().flatten().map(|path| vm.ctx.new_str(path).into()).collect();
    sys.set_item("path", vm.ctx.new_list(path).into(), vm)?;
    let (implementation, version) = implementation(board, vm)?;
    sys.set_item("implementation", implementation, vm)?;
    sys.set_item("version", vm.ctx.new_str(version).into(), vm)?;
    sys.set_item("version_info", vm.new_tuple((3, 4, 0)).into(), vm)?;
    sys.set_item("maxsize", vm.ctx.new_int(i32::MAX).into(), vm)?;
    sys.set_item("argv", vm.ctx.new_list(Vec::new()).into(), vm)?;
    sys.set_item("ps1", vm.ctx.new_str(">>> ").into(), vm)?;
    sys.set_item("ps2", vm.ctx.new_str("... ").into(), vm)?;
    sys.set_item("platform", vm.ctx.new_str(board.profile.platform).into(), vm)?;
    Ok(())
}

/// `sys.implementation`, and `sys.version`.
fn implementation(board: &Board, vm: &VirtualMachine) -> PyResult<(PyObjectRef, String)> {
    let [major, minor, patch] = RELEASE.version;
    let text = |text: &str| -> PyObjectRef { vm.ctx.new_str(text).into() };
    let mut fields = vec![
        ("name", text("micropython")),
        ("version", vm.new_tuple((major, minor, patch, "")).into()),
        ("_machine", text(board.profile.machine)),
        ("_mpy", vm.ctx.new_int(RELEASE.mpy).into()),
        ("_build", text(board.profile.name)),
    ];
    fields.extend(board.profile.threads.map(|threads| ("_thread", text(threads.kind))));
    Ok((attributes(vm, fields)?, format!("3.4.0; MicroPython {}", RELEASE.text)))
}

/// A tuple whose parts have names, as `sys.implementation` is one.
pub(crate) fn attributes(vm: &VirtualMachine, fields: Vec<(&str, PyObjectRef)>) -> PyResult {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let names = names.into_iter().map(|name| vm.ctx.new_str(name).into()).collect();
    let make = import::module("collections", vm)?.get_attr("namedtuple", vm)?;
    make.call(("", vm.ctx.new_list(names)), vm)?.call(values, vm)
}

/// `sys.exit()`: SystemExit, with a status or without.
fn exit(status: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
    let args = status.into_option().into_iter().collect();
    Err(vm.invoke_exception(vm.ctx.exceptions.system_exit.to_owned(), args)?)
}

/// `sys.print_exception(e)`, or `sys.print_exception(e, file)`.
fn print_exception(raised: PyBaseExceptionRef, file: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
    let text = traceback::text(vm, &raised);
    let file = match file {
        OptionalArg::Present(file) => file,
        OptionalArg::Missing => vm.sys_module.get_attr("stdout", vm)?,
    };
    stream::write_text(&file, text, vm)
}

/// The value of an expression at the prompt, which `_` is from then on.
pub(crate) fn show_value(value: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    if vm.is_none(&value) {
        return Ok(());
    }
    let text = format!("{}\n", value.repr(vm)?);
    vm.builtins.set_attr("_", value, vm)?;
    let stdout = vm.sys_module.get_attr("stdout", vm)?;
    vm.call_method(&stdout, "write", (text,)).map(drop)
}

/// What `__del__` and the like raised. It must not fail, and nobody can catch it.
pub(crate) fn print_unraisable(about: PyObjectRef, vm: &VirtualMachine) {
    let raised = about.get_attr("exc_value", vm).ok().and_then(|e| e.downcast().ok());
    if let Some(raised) = raised {
        board().last_words(&traceback::text(vm, &raised).replace('\n', "\r\n"));
    }
}
