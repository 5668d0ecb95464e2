//! Floats of boards that have them in single precision: they are printed with as many digits as they have there, and
//! what is too large for one is infinite. Programs calculate with more digits here than on the board, and a format that
//! asks for more shows them.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyFloat, PyStrRef, PyTypeRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{PyObject, PyResult, VirtualMachine};

type New = fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult;

/// The interpreter's own `float(...)`.
static NEW: OnceLock<New> = OnceLock::new();

/// Numbers with more digits than this before the point are shown with an exponent.
const FIXED: i32 = 7;

pub(super) fn apply(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    types.float_type.slots.repr.store(Some(repr_of));
    if let Some(new) = types.float_type.slots.new.load() {
        NEW.get_or_init(|| new);
        types.float_type.slots.new.store(Some(new_float));
    }
}

/// The nearest float of a board's; infinite where there is none.
pub(crate) fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

fn repr_of(float: &PyObject, vm: &VirtualMachine) -> PyResult<PyStrRef> {
    let float = float.downcast_ref::<PyFloat>().ok_or_else(|| vm.new_type_error("no float"))?;
    Ok(vm.ctx.new_str(text(single(float.to_f64()))))
}

/// `0.3`, `33.333332`, `1e+07`: the fewest digits from which the board would read the same float again.
fn text(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan".to_owned() } else { format!("{value}") };
    }
    let scientific = format!("{:e}", value as f32);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..FIXED).contains(&exponent) {
        return format!("{:?}", value as f32);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `float('1e300')` is infinite.
fn new_float(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let Some(new) = NEW.get() else { return Err(vm.new_type_error("float has no constructor")) };
    let made = new(class, args, vm)?;
    let value = made.downcast_ref_if_exact::<PyFloat>(vm).map(|made| made.to_f64());
    match value {
        Some(value) if value.is_finite() && single(value).is_infinite() => Ok(vm.ctx.new_float(single(value)).into()),
        _ => Ok(made),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_as_short_as_they_can_be() {
        for (value, expected) in [
            (0.1 + 0.2, "0.3"),
            (100.0 / 3.0, "33.333332"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e6, "1000000.0"),
            (1e7, "1e+07"),
            (16_777_216.0, "1.6777216e+07"),
            (123_456.78, "123456.78"),
            (-2.5e-7, "-2.5e-07"),
            (9_999_999.6, "1e+07"),
            (std::f64::consts::PI, "3.1415927"),
            (1e300, "inf"),
            (-1e300, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(single(value)), expected);
        }
    }
}
