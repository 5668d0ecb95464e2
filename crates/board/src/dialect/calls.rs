//! Calls with too few arguments: boards say how many a function takes and how many it was given; the interpreter, which
//! are missing.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyCode, PyTuple};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

type Call = fn(&PyObject, Vec<PyObjectRef>, usize, Option<&[PyObjectRef]>, &VirtualMachine) -> PyResult;

/// The interpreter's own call of a function.
static CALL: OnceLock<Call> = OnceLock::new();

pub(super) fn apply(vm: &VirtualMachine) {
    let slot = &vm.ctx.types.function_type.slots.vectorcall;
    if let Some(own) = slot.load() {
        CALL.get_or_init(|| own);
        slot.store(Some(call));
    }
}

fn call(
    function: &PyObject,
    args: Vec<PyObjectRef>,
    given: usize,
    names: Option<&[PyObjectRef]>,
    vm: &VirtualMachine,
) -> PyResult {
    let Some(own) = CALL.get() else { return Err(vm.new_type_error("functions cannot be called")) };
    let result = own(function, args, given, names, vm);
    match result {
        // Without a traceback it comes from the call, and not from the function.
        Err(raised) if names.is_none_or(<[_]>::is_empty) && raised.__traceback__().is_none() => {
            Err(mismatch(function, given, vm).filter(|_| is_type_error(&raised, vm)).unwrap_or(raised))
        }
        result => result,
    }
}

fn is_type_error(raised: &PyBaseExceptionRef, vm: &VirtualMachine) -> bool {
    raised.fast_isinstance(vm.ctx.exceptions.type_error)
}

fn mismatch(function: &PyObject, given: usize, vm: &VirtualMachine) -> Option<PyBaseExceptionRef> {
    let defaults = function.get_attr("__defaults__", vm).ok()?;
    let optional = defaults.downcast_ref::<PyTuple>().map_or(0, |defaults| defaults.len());
    let code = function.get_attr("__code__", vm).ok()?;
    let takes = usize::try_from(code.downcast_ref::<PyCode>()?.arg_count).ok()?.checked_sub(optional)?;
    (given < takes)
        .then(|| vm.new_type_error(format!("function takes {takes} positional arguments but {given} were given")))
}
