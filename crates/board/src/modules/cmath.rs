//! The module `cmath`: functions of complex numbers.

pub(crate) use cmath::module_def;

use rustpython_vm::builtins::PyComplex;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine, pymodule};

/// A complex number, by its two parts.
#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    /// Of a complex, a number, or an object with `__complex__`.
    fn of(object: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Complex> {
        if let Some(complex) = object.downcast_ref::<PyComplex>() {
            let complex = complex.to_complex();
            return Ok(Complex { re: complex.re, im: complex.im });
        }
        if object.get_attr("__complex__", vm).is_ok() {
            return Complex::of(&vm.call_method(object, "__complex__", ())?, vm);
        }
        Ok(Complex { re: object.try_float(vm)?.to_f64(), im: 0.0 })
    }

    fn from_polar(radius: f64, angle: f64) -> Complex {
        Complex { re: radius * angle.cos(), im: radius * angle.sin() }
    }

    fn radius(self) -> f64 {
        self.re.hypot(self.im)
    }

    fn angle(self) -> f64 {
        self.im.atan2(self.re)
    }

    fn object(self, vm: &VirtualMachine) -> PyResult {
        vm.ctx.types.complex_type.as_object().call((self.re, self.im), vm)
    }
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod cmath {
    use rustpython_vm::function::ArgIntoFloat;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use super::Complex;

    #[pyattr]
    use std::f64::consts::{E as e, PI as pi};

    #[pyfunction]
    fn phase(z: PyObjectRef, vm: &VirtualMachine) -> PyResult<f64> {
        Ok(Complex::of(&z, vm)?.angle())
    }

    #[pyfunction]
    fn polar(z: PyObjectRef, vm: &VirtualMachine) -> PyResult<(f64, f64)> {
        let z = Complex::of(&z, vm)?;
        Ok((z.radius(), z.angle()))
    }

    #[pyfunction]
    fn rect(radius: ArgIntoFloat, angle: ArgIntoFloat, vm: &VirtualMachine) -> PyResult {
        Complex::from_polar(radius.into_float(), angle.into_float()).object(vm)
    }

    #[pyfunction]
    fn exp(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let z = Complex::of(&z, vm)?;
        Complex::from_polar(z.re.exp(), z.im).object(vm)
    }

    fn logarithm(z: &PyObjectRef, scale: f64, vm: &VirtualMachine) -> PyResult {
        let z = Complex::of(z, vm)?;
        if z.radius() == 0.0 {
            return Err(vm.new_value_error("math domain error"));
        }
        Complex { re: z.radius().ln() / scale, im: z.angle() / scale }.object(vm)
    }

    #[pyfunction]
    fn log(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        logarithm(&z, 1.0, vm)
    }

    #[pyfunction]
    fn log10(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        logarithm(&z, std::f64::consts::LN_10, vm)
    }

    #[pyfunction]
    fn sqrt(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let z = Complex::of(&z, vm)?;
        Complex::from_polar(z.radius().sqrt(), z.angle() / 2.0).object(vm)
    }

    #[pyfunction]
    fn cos(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let z = Complex::of(&z, vm)?;
        Complex { re: z.re.cos() * z.im.cosh(), im: -z.re.sin() * z.im.sinh() }.object(vm)
    }

    #[pyfunction]
    fn sin(z: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let z = Complex::of(&z, vm)?;
        Complex { re: z.re.sin() * z.im.cosh(), im: z.re.cos() * z.im.sinh() }.object(vm)
    }
}
