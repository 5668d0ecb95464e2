//! Generators: `throw` with three arguments as with one, and any object thrown through a `yield from`.

use rustpython_vm::builtins::PyGenerator;
use rustpython_vm::function::OptionalArg;
use rustpython_vm::protocol::PyIterReturn;
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    super::method(vm, vm.ctx.types.generator_type, "throw", throw);
}

/// `throw(exception)`, or the older `throw(class, value, traceback)`, about which the interpreter would print a
/// warning. A StopIteration that comes out of it is an error of the generator, as with `send`.
fn throw(
    generator: PyRef<PyGenerator>,
    class: PyObjectRef,
    value: OptionalArg<PyObjectRef>,
    traceback: OptionalArg<PyObjectRef>,
    vm: &VirtualMachine,
) -> PyResult<PyIterReturn> {
    let (value, traceback) = (value.unwrap_or_none(vm), traceback.unwrap_or_none(vm));
    let was_closed = generator.as_coro().closed.load();
    let thrown = generator.as_coro().throw(generator.as_object(), class, value, traceback, vm);
    thrown.map_err(|raised| {
        if !was_closed && raised.fast_isinstance(vm.ctx.exceptions.stop_iteration) {
            return vm.new_runtime_error("generator raised StopIteration");
        }
        raised
    })
}
