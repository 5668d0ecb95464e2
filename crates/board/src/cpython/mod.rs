//! The dialect of a Linux computer, whose programs are CPython's. Nothing here touches the boards with MicroPython:
//! the interpreter is CPython's kin, so that it mostly speaks this dialect by itself. What it may not have of the
//! machine (files, clocks that wait, streams) is the board's own, as everywhere.

mod encodings;
mod hashes;
pub(crate) mod library;
mod numbers;
mod records;
pub(crate) mod sources;
mod threads;
mod time;
pub(crate) mod traceback;
mod words;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyModuleDef, PyStrRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{Context, PyObjectRef, PyResult, VirtualMachine};

use crate::board::Board;
use crate::modules::{files, stream};
use crate::profile::CPYTHON;
use crate::{attention, console, import};

/// What the interpreter's `sys` knows of the machine that it runs on.
const NOT_IN_SYS: &[&str] =
    &["_base_executable", "_stdlib_dir", "breakpointhook", "orig_argv", "path_hooks", "path_importer_cache"];

/// The native modules of this dialect, by the names under which the interpreter knows them.
pub(crate) fn modules(ctx: &Context) -> Vec<&'static PyModuleDef> {
    vec![encodings::module_def(ctx), hashes::module_def(ctx), numbers::module_def(ctx), records::module_def(ctx)]
}

/// Makes the interpreter that of a Linux computer.
pub(crate) fn furnish(board: &'static Board, vm: &VirtualMachine) -> PyResult<()> {
    words::apply(vm);
    console::furnish_for_cpython(vm)?;
    vm.builtins.set_attr("open", vm.new_function("open", open), vm)?;
    vm.state.codec_registry.register(vm.new_function("search", encoding).into(), vm)?;
    furnish_sys(board, vm)?;
    forget_modules(vm)
}

fn furnish_sys(board: &Board, vm: &VirtualMachine) -> PyResult<()> {
    let sys = vm.sys_module.dict();
    for name in NOT_IN_SYS {
        if sys.contains_key(*name, vm) {
            sys.del_item(*name, vm)?;
        }
    }
    let text = |text: &str| -> PyObjectRef { vm.ctx.new_str(text).into() };
    for (name, value) in
        [("executable", "/usr/bin/python3"), ("version", CPYTHON), ("platform", board.profile.platform)]
    {
        sys.set_item(name, text(value), vm)?;
    }
    for name in ["prefix", "base_prefix", "exec_prefix", "base_exec_prefix"] {
        sys.set_item(name, text("/usr"), vm)?;
    }
    vm.sys_module.get_attr("implementation", vm)?.set_attr("name", text("cpython"), vm)?;
    let beside = board.beside.as_ref().map(|_| import::BESIDE);
    let path = [Some(""), beside, Some(library::PLACE)].into_iter().flatten().map(text).collect();
    sys.set_item("path", vm.ctx.new_list(path).into(), vm)?;
    sys.set_item("argv", vm.ctx.new_list(vec![text("main.py")]).into(), vm)?;
    let native = library::natives().map(text).chain([text("posix")]).collect();
    sys.set_item("builtin_module_names", vm.ctx.new_tuple(native).into(), vm)?;
    sys.set_item("ps1", text(">>> "), vm)?;
    sys.set_item("ps2", text("... "), vm)?;
    sys.set_item("excepthook", vm.new_function("excepthook", print_exception).into(), vm)?;
    sys.set_item("unraisablehook", vm.new_function("unraisablehook", crate::vm::print_unraisable).into(), vm)?;
    sys.set_item("displayhook", vm.new_function("displayhook", crate::vm::show_value).into(), vm)
}

/// Has modules that the interpreter made for itself be imported again, in the shape that [`provide`] gives them.
fn forget_modules(vm: &VirtualMachine) -> PyResult<()> {
    let modules = vm.sys_module.get_attr("modules", vm)?;
    for name in ["_io", "_thread", "time"] {
        if modules.get_item(name, vm).is_ok() {
            modules.del_item(name, vm)?;
        }
    }
    Ok(())
}

/// Changes a native module before a program sees it.
pub(crate) fn provide(name: &str, module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    match name {
        "_board_os" => module.set_attr("open", vm.new_function("open", files::open), vm),
        "_io" => provide_files(module, vm),
        "itertools" => attention::draw_itertools(module, vm),
        "_thread" => threads::furnish(module, vm),
        "socket" => import::module("_board_socket", vm).map(drop),
        "time" => time::furnish(module, vm),
        _ => Ok(()),
    }
}

/// `_io` without the interpreter's own way to files, which leads to the machine's.
fn provide_files(module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let files = import::module("_board_files", vm)?;
    for name in ["FileIO", "open", "open_code"] {
        module.set_attr(name, files.get_attr(name, vm)?, vm)?;
    }
    Ok(())
}

/// An encoding other than the few that the interpreter knows; the package is imported when one is asked for.
fn encoding(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
    let found = import::module("_board_encodings", vm)?.get_attr("search", vm)?.call((name.clone(),), vm)?;
    if !vm.is_none(&found) {
        return Ok(found);
    }
    import::module("encodings", vm)?.get_attr("search_function", vm)?.call((name,), vm)
}

/// `open`, whose module is imported when a program first opens a file.
fn open(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    import::module("_io", vm)?.get_attr("open", vm)?.call(args, vm)
}

/// `sys.excepthook(type, value, traceback)`.
fn print_exception(
    _class: PyObjectRef,
    raised: PyBaseExceptionRef,
    _traceback: PyObjectRef,
    vm: &VirtualMachine,
) -> PyResult<()> {
    let stderr = vm.sys_module.get_attr("stderr", vm)?;
    stream::write_text(&stderr, traceback::text(vm, &raised), vm)
}

/// Waits for the threads that a program has left running, as the interpreter of CPython does before it ends.
pub(crate) fn finish(vm: &VirtualMachine) -> PyResult<()> {
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    if loaded.get_item("threading", vm).is_err() {
        return Ok(());
    }
    let finish = import::module("_board_threads", vm)?.get_attr("finish", vm)?;
    finish.call((), vm).map(drop)
}
