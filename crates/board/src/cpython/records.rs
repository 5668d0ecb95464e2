//! `_struct`: numbers as bytes, by the interpreter's own formats. What of `struct` is Python, is in `library`.

pub(super) use _struct::module_def;

use rustpython_vm::pymodule;

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod _struct {
    use rustpython_vm::buffer::{FormatSpec, struct_error_type};
    use rustpython_vm::builtins::{PyBytes, PyStr, PyTupleRef, PyTypeRef};
    use rustpython_vm::function::{ArgBytesLike, PosArgs};
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    fn format(text: &PyObjectRef, vm: &VirtualMachine) -> PyResult<FormatSpec> {
        match (text.downcast_ref::<PyStr>(), text.downcast_ref::<PyBytes>()) {
            (Some(text), _) => FormatSpec::parse(text.as_bytes(), vm),
            (_, Some(bytes)) => FormatSpec::parse(bytes.as_bytes(), vm),
            _ => {
                let class = text.class().name().to_owned();
                Err(vm.new_type_error(format!("Struct() argument 1 must be a str or bytes object, not {class}")))
            }
        }
    }

    #[pyattr]
    fn error(vm: &VirtualMachine) -> PyTypeRef {
        struct_error_type(vm).clone()
    }

    #[pyfunction]
    fn calcsize(text: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        Ok(format(&text, vm)?.size)
    }

    #[pyfunction]
    fn pack(text: PyObjectRef, values: PosArgs, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        format(&text, vm)?.pack(values.into_vec(), vm)
    }

    #[pyfunction]
    fn unpack(text: PyObjectRef, bytes: ArgBytesLike, vm: &VirtualMachine) -> PyResult<PyTupleRef> {
        let format = format(&text, vm)?;
        bytes.with_ref(|bytes| format.unpack(bytes, vm))
    }
}
