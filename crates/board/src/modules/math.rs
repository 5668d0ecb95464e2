//! The module `math`. A result that is none for what was given, or infinite for what is not, is a ValueError.

pub(crate) use math::module_def;

use rustpython_vm::function::ArgIntoFloat;
use rustpython_vm::{PyResult, VirtualMachine, pymodule};

fn of_one(x: ArgIntoFloat, vm: &VirtualMachine, f: impl FnOnce(f64) -> f64) -> PyResult<f64> {
    let x = x.into_float();
    checked(f(x), &[x], vm)
}

fn of_two(x: ArgIntoFloat, y: ArgIntoFloat, vm: &VirtualMachine, f: impl FnOnce(f64, f64) -> f64) -> PyResult<f64> {
    let (x, y) = (x.into_float(), y.into_float());
    checked(f(x, y), &[x, y], vm)
}

fn checked(result: f64, given: &[f64], vm: &VirtualMachine) -> PyResult<f64> {
    let from_nan = given.iter().any(|x| x.is_nan());
    let from_infinity = given.iter().any(|x| x.is_infinite());
    if (result.is_nan() && !from_nan) || (result.is_infinite() && !from_infinity) {
        return Err(vm.new_value_error("math domain error"));
    }
    Ok(result)
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod math {
    use rustpython_vm::builtins::PyInt;
    use rustpython_vm::function::{ArgIntoFloat, OptionalArg};
    use rustpython_vm::{AsObject, FromArgs, PyObjectRef, PyResult, VirtualMachine};

    use super::{checked, of_one, of_two};

    #[pyattr]
    use std::f64::consts::{E as e, PI as pi, TAU as tau};

    #[pyattr(name = "inf")]
    const INF: f64 = f64::INFINITY;

    #[pyattr(name = "nan")]
    const NAN: f64 = f64::NAN;

    #[pyfunction]
    fn acos(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.acos())
    }

    #[pyfunction]
    fn acosh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.acosh())
    }

    #[pyfunction]
    fn asin(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.asin())
    }

    #[pyfunction]
    fn asinh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.asinh())
    }

    #[pyfunction]
    fn atan(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.atan())
    }

    #[pyfunction]
    fn atanh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.atanh())
    }

    #[pyfunction]
    fn cos(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.cos())
    }

    #[pyfunction]
    fn cosh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.cosh())
    }

    #[pyfunction]
    fn degrees(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.to_degrees())
    }

    #[pyfunction]
    fn erf(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, libm::erf)
    }

    #[pyfunction]
    fn erfc(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, libm::erfc)
    }

    #[pyfunction]
    fn exp(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.exp())
    }

    #[pyfunction]
    fn expm1(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.exp_m1())
    }

    #[pyfunction]
    fn fabs(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.abs())
    }

    #[pyfunction]
    fn gamma(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, libm::tgamma)
    }

    #[pyfunction]
    fn lgamma(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, libm::lgamma)
    }

    #[pyfunction]
    fn log10(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.log10())
    }

    #[pyfunction]
    fn log2(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.log2())
    }

    #[pyfunction]
    fn radians(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.to_radians())
    }

    #[pyfunction]
    fn sin(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.sin())
    }

    #[pyfunction]
    fn sinh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.sinh())
    }

    #[pyfunction]
    fn sqrt(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.sqrt())
    }

    #[pyfunction]
    fn tan(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.tan())
    }

    #[pyfunction]
    fn tanh(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_one(x, vm, |x| x.tanh())
    }

    #[pyfunction]
    fn atan2(x: ArgIntoFloat, y: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_two(x, y, vm, |x, y| x.atan2(y))
    }

    #[pyfunction]
    fn copysign(x: ArgIntoFloat, y: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_two(x, y, vm, |x, y| x.copysign(y))
    }

    #[pyfunction]
    fn fmod(x: ArgIntoFloat, y: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_two(x, y, vm, |x, y| x % y)
    }

    #[pyfunction]
    fn pow(x: ArgIntoFloat, y: ArgIntoFloat, vm: &VirtualMachine) -> PyResult<f64> {
        of_two(x, y, vm, |x, y| x.powf(y))
    }

    #[pyfunction]
    fn log(x: ArgIntoFloat, base: OptionalArg<ArgIntoFloat>, vm: &VirtualMachine) -> PyResult<f64> {
        let domain = || vm.new_value_error("math domain error");
        let x = x.into_float();
        if x <= 0.0 {
            return Err(domain());
        }
        match base.into_option().map(ArgIntoFloat::into_float) {
            None => Ok(x.ln()),
            Some(base) if base <= 0.0 => Err(domain()),
            Some(1.0) => Err(vm.new_zero_division_error("division by zero")),
            Some(base) => Ok(x.ln() / base.ln()),
        }
    }

    /// An int of any size; ValueError and OverflowError are the constructor's.
    fn int_of(x: f64, vm: &VirtualMachine) -> PyResult {
        vm.ctx.types.int_type.as_object().call((x,), vm)
    }

    #[pyfunction]
    fn ceil(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult {
        int_of(x.into_float().ceil(), vm)
    }

    #[pyfunction]
    fn floor(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult {
        int_of(x.into_float().floor(), vm)
    }

    #[pyfunction]
    fn trunc(x: ArgIntoFloat, vm: &VirtualMachine) -> PyResult {
        int_of(x.into_float(), vm)
    }

    #[pyfunction]
    fn isfinite(x: ArgIntoFloat) -> bool {
        x.into_float().is_finite()
    }

    #[pyfunction]
    fn isinf(x: ArgIntoFloat) -> bool {
        x.into_float().is_infinite()
    }

    #[pyfunction]
    fn isnan(x: ArgIntoFloat) -> bool {
        x.into_float().is_nan()
    }

    #[pyfunction]
    fn frexp(x: ArgIntoFloat) -> (f64, i32) {
        libm::frexp(x.into_float())
    }

    #[pyfunction]
    fn ldexp(x: ArgIntoFloat, exponent: i64, vm: &VirtualMachine) -> PyResult<f64> {
        // Beyond this, the result is nothing or infinite.
        const MOST: i64 = 5000;
        let x = x.into_float();
        checked(libm::ldexp(x, exponent.clamp(-MOST, MOST) as i32), &[x], vm)
    }

    /// The part after the point, and the part before it.
    #[pyfunction]
    fn modf(x: ArgIntoFloat) -> (f64, f64) {
        let x = x.into_float();
        let rest = if x.is_infinite() { 0.0 } else { x - x.trunc() };
        (rest.copysign(x), x.trunc())
    }

    #[pyfunction]
    fn factorial(n: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let n: i64 = match n.downcast_ref::<PyInt>() {
            Some(n) => n.try_to_primitive(vm)?,
            None => return Err(vm.new_type_error(format!("can't convert {} to int", n.class().name()))),
        };
        if n < 0 {
            return Err(vm.new_value_error("negative value"));
        }
        let mut product: PyObjectRef = vm.ctx.new_int(1).into();
        for factor in 2..=n {
            vm.check_signals()?;
            product = vm._mul(&product, vm.ctx.new_int(factor).as_object())?;
        }
        Ok(product)
    }

    #[derive(FromArgs)]
    struct Close {
        #[pyarg(positional)]
        a: ArgIntoFloat,
        #[pyarg(positional)]
        b: ArgIntoFloat,
        #[pyarg(named, optional)]
        rel_tol: OptionalArg<ArgIntoFloat>,
        #[pyarg(named, optional)]
        abs_tol: OptionalArg<ArgIntoFloat>,
    }

    #[pyfunction]
    fn isclose(args: Close, vm: &VirtualMachine) -> PyResult<bool> {
        let (a, b) = (args.a.into_float(), args.b.into_float());
        let relative = args.rel_tol.into_option().map_or(1e-9, ArgIntoFloat::into_float);
        let absolute = args.abs_tol.into_option().map_or(0.0, ArgIntoFloat::into_float);
        if relative < 0.0 || absolute < 0.0 {
            return Err(vm.new_value_error("math domain error"));
        }
        if a.is_infinite() || b.is_infinite() {
            return Ok(a == b);
        }
        let apart = (a - b).abs();
        Ok(apart <= relative * a.abs().max(b.abs()) || apart <= absolute)
    }
}
