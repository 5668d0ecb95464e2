//! Numbers: what a bool is when it is formatted or rounded, and how many bytes an int may want.

use rustpython_vm::builtins::{PyInt, PyStrRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    super::method(vm, types.bool_type, "__format__", format_bool);
    super::method(vm, types.bool_type, "__round__", |zelf: PyObjectRef, vm: &VirtualMachine| number(&zelf, vm));
    super::method_around(vm, types.int_type, ("int.to_bytes", "to_bytes"), to_bytes);
}

/// The int that a bool is.
fn number(zelf: &PyObjectRef, vm: &VirtualMachine) -> PyResult {
    Ok(vm.ctx.new_int(i32::from(zelf.clone().try_to_bool(vm)?)).into())
}

/// `True` by itself, a number in a field of some width.
fn format_bool(zelf: PyObjectRef, spec: PyStrRef, vm: &VirtualMachine) -> PyResult {
    match spec.as_bytes() {
        b"" => Ok(zelf.str(vm)?.into()),
        _ => vm.call_method(&*number(&zelf, vm)?, "__format__", (spec,)),
    }
}

/// A negative number of bytes is a wrong value, and not one too large; a number that is too large says for how many.
fn to_bytes(zelf: PyObjectRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let length = args.args.first().and_then(|length| length.downcast_ref::<PyInt>());
    if length.is_some_and(|length| length.as_bigint() < &0.into()) {
        return Err(vm.new_value_error("length argument must be non-negative"));
    }
    let bytes = length.map(|length| length.as_bigint().to_string());
    super::kept("int.to_bytes", &zelf, args, vm).map_err(|raised| match bytes {
        Some(bytes) if raised.fast_isinstance(vm.ctx.exceptions.overflow_error) && is_positive(&zelf) => {
            vm.new_overflow_error(format!("value would overflow a {bytes} byte buffer"))
        }
        _ => raised,
    })
}

fn is_positive(number: &PyObjectRef) -> bool {
    number.downcast_ref::<PyInt>().is_some_and(|number| number.as_bigint() > &0.into())
}
