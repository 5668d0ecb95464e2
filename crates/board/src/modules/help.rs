//! `help`: a greeting, the names of all modules, or what an object has.

use rustpython_vm::builtins::PyStr;
use rustpython_vm::function::OptionalArg;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use super::{BUILT_IN, own, stream};
use crate::board::board;
use crate::frozen;
use crate::messages::class_name;

const GREETING: &str = "Welcome to MicroPython on a virtual board!

Control commands:
  CTRL-A        -- on a blank line, enter raw REPL mode
  CTRL-B        -- on a blank line, enter normal REPL mode
  CTRL-C        -- interrupt a running program
  CTRL-D        -- on a blank line, do a soft reset of the board
  CTRL-E        -- on a blank line, enter paste mode

For further help on a specific object, type help(obj)
For a list of available modules, type help('modules')
";

/// Puts `help` into the builtins.
pub(crate) fn install(vm: &VirtualMachine) -> PyResult<()> {
    vm.builtins.set_attr("help", vm.new_function("help", help), vm)
}

fn help(about: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
    let text = match about {
        OptionalArg::Missing => GREETING.to_owned(),
        OptionalArg::Present(about) => match about.downcast_ref::<PyStr>() {
            Some(name) if name.as_bytes() == b"modules" => modules(vm),
            _ => of_object(&about, vm)?,
        },
    };
    stream::write_text(&*vm.sys_module.get_attr("stdout", vm)?, text, vm)
}

/// The names of the firmware's modules, by which they are imported.
pub(crate) fn module_names(vm: &VirtualMachine) -> Vec<String> {
    let mut names: Vec<String> = own(&vm.ctx).iter().map(|module| module.name.as_str().to_owned()).collect();
    names.extend(BUILT_IN.iter().map(|name| (*name).to_owned()));
    names.extend(frozen::names().map(str::to_owned));
    // The native parts of modules that are Python.
    names.retain(|name| !name.starts_with('_'));
    names.extend(board().profile.threads.map(|_| "_thread".to_owned()));
    names
}

/// In four columns, one below the other, as tools expect them.
fn modules(vm: &VirtualMachine) -> String {
    const COLUMNS: usize = 4;
    const WIDTH: usize = 18;
    let mut names: Vec<String> = module_names(vm).iter().map(|name| name.replace('.', "/")).collect();
    names.push("__main__".to_owned());
    names.sort();
    let rows = names.len().div_ceil(COLUMNS);
    let mut text = String::new();
    for row in 0..rows {
        for name in names.iter().skip(row).step_by(rows) {
            text.push_str(&format!("{name:<width$}", width = (name.len() + 1).next_multiple_of(WIDTH)));
        }
        text.push('\n');
    }
    text + "Plus any modules on the filesystem\n"
}

fn of_object(about: &PyObject, vm: &VirtualMachine) -> PyResult<String> {
    let class = about.class().to_owned();
    let mut text = format!("object {} is of type {}\n", about.str(vm)?, class_name(&class.name()));
    let names = vm.dir(Some(about.to_owned()))?;
    let names = names.borrow_vec().to_vec();
    for name in names.iter().filter_map(|name| name.downcast_ref::<PyStr>()) {
        if name.as_bytes().starts_with(b"__") {
            continue;
        }
        // A property may raise.
        if let Ok(value) = about.as_object().get_attr(name, vm) {
            text.push_str(&format!("  {name} -- {}\n", value.str(vm)?));
        }
    }
    Ok(text)
}
