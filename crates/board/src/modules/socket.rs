//! The module `socket`, in the dialect of the board: the firmware's few names, or CPython's on a Linux computer.
//!
//! The class is in `class`, what waits in `calls`, addresses and look-ups in `address`, options in `option`, what only
//! CPython has in `cpython`. What an error is on this board, `net` knows.

mod address;
mod calls;
mod class;
mod cpython;
mod option;
mod slots;

pub(crate) use class::Native;
pub(crate) use cpython::gaierror;
pub(crate) use socket::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod socket {
    use rustpython_vm::builtins::PyModule;
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::{Py, PyResult, VirtualMachine};

    use super::{Native, address, class, cpython};
    use crate::board::board;
    use crate::profile::Sockets;

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let native = Native::make_static_type();
        class::leave_out(vm, &native);
        module.set_attr("socket", native, vm)?;
        for (name, value) in board().profile.socket {
            module.set_attr(&*vm.ctx.new_str(*name), vm.ctx.new_int(*value), vm)?;
        }
        match board().profile.sockets {
            Sockets::CPython => cpython::furnish(vm, module),
            _ => Ok(()),
        }
    }

    #[pyfunction]
    fn getaddrinfo(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        address::getaddrinfo(args, vm)
    }
}
