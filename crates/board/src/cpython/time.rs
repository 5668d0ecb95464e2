//! `time` of CPython is the interpreter's own, but for the wait, which Ctrl-C and a reset must end. What only
//! MicroPython has is there for a program that was written for both, unless the board is strict.

use std::time::{Duration, Instant};

use rustpython_vm::builtins::{PyFloat, PyInt, PyStrRef};
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::dialect::strict;
use crate::modules::time::of_micropython;

/// Puts the board's wait into the module.
pub(super) fn furnish(module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    module.set_attr("sleep", vm.new_function("sleep", sleep), vm)?;
    module.set_attr("__getattr__", vm.new_function("__getattr__", missing), vm)
}

fn sleep(seconds: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let seconds = match (seconds.downcast_ref::<PyFloat>(), seconds.downcast_ref::<PyInt>()) {
        (Some(seconds), _) => seconds.to_f64(),
        (_, Some(whole)) => whole.try_to_primitive::<i64>(vm)? as f64,
        _ => {
            let class = seconds.class().name().to_owned();
            return Err(vm.new_type_error(format!("'{class}' object cannot be interpreted as an integer")));
        }
    };
    if seconds.is_nan() {
        return Err(vm.new_value_error("Invalid value NaN (not a number)"));
    }
    if seconds < 0.0 {
        return Err(vm.new_value_error("sleep length must be non-negative"));
    }
    // Beyond what the clock can say is for ever.
    let length = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    board().wait(vm, Instant::now().checked_add(length), |_| None::<()>).map(drop)
}

/// A name that the module has not: MicroPython's, or nobody's.
fn missing(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
    let text = name.to_string_lossy();
    match of_micropython(&text, vm) {
        Some(function) if strict::allows(&format!("time.{text}")) => Ok(function),
        _ => Err(vm.new_attribute_error(format!("module 'time' has no attribute '{text}'"))),
    }
}
