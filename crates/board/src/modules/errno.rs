//! The module `errno`: the names that the board has for its numbers, and `errorcode`, the other way round.

pub(crate) use errno::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod errno {
    use rustpython_vm::builtins::PyModule;
    use rustpython_vm::{AsObject, Py, PyResult, VirtualMachine};

    use crate::board::board;

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let names = vm.ctx.new_dict();
        for (number, name) in board().profile.errors {
            let number = vm.ctx.new_int(*number);
            module.set_attr(&*vm.ctx.new_str(*name), number.clone(), vm)?;
            names.set_item(number.as_object(), vm.ctx.new_str(*name).into(), vm)?;
        }
        module.set_attr("errorcode", names, vm)
    }
}
