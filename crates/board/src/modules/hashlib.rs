//! The module `hashlib`: digests, each of which can be taken once.

pub(crate) use hashlib::module_def;

use md5::Md5 as Md5State;
use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::OptionalArg;
use rustpython_vm::types::Constructor;
use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass, pymodule};
use sha1::Sha1 as Sha1State;
use sha2::{Digest, Sha256 as Sha256State};

use super::layout::bytes_of;
use super::with_bytes;

/// A state until the digest is taken.
type State<D> = Mutex<Option<D>>;

fn begun<D: Digest>(data: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<State<D>> {
    let data = data.into_option().map_or(Ok(Vec::new()), |data| bytes_of(&data, vm))?;
    Ok(Mutex::new(Some(D::new_with_prefix(data))))
}

fn fed<D: Digest>(state: &State<D>, data: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    with_bytes(data, vm, |data| match state.lock().as_mut() {
        Some(state) => {
            state.update(data);
            Ok(())
        }
        None => Err(vm.new_value_error("hash is final")),
    })?
}

fn ended<D: Digest>(state: &State<D>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    let state = state.lock().take().ok_or_else(|| vm.new_value_error("hash is final"))?;
    Ok(state.finalize().to_vec())
}

/// A class of the module for a digest. They differ in nothing but the algorithm.
macro_rules! hash {
    ($class:ident, $name:literal, $state:ty) => {
        #[pyclass(name = $name, module = "hashlib")]
        #[derive(PyPayload)]
        struct $class {
            state: State<$state>,
        }

        impl std::fmt::Debug for $class {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name)
            }
        }

        impl Constructor for $class {
            type Args = OptionalArg<PyObjectRef>;

            fn py_new(_class: &Py<PyType>, data: Self::Args, vm: &VirtualMachine) -> PyResult<$class> {
                Ok($class { state: begun(data, vm)? })
            }
        }

        #[pyclass(with(Constructor))]
        impl $class {
            #[pymethod]
            fn update(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
                fed(&self.state, &data, vm)
            }

            #[pymethod]
            fn digest(&self, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
                ended(&self.state, vm)
            }
        }
    };
}

hash!(Md5, "md5", Md5State);
hash!(Sha1, "sha1", Sha1State);
hash!(Sha256, "sha256", Sha256State);

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod hashlib {
    use rustpython_vm::VirtualMachine;
    use rustpython_vm::builtins::PyTypeRef;
    use rustpython_vm::class::PyClassImpl;

    #[pyattr]
    fn md5(_vm: &VirtualMachine) -> PyTypeRef {
        super::Md5::make_static_type()
    }

    #[pyattr]
    fn sha1(_vm: &VirtualMachine) -> PyTypeRef {
        super::Sha1::make_static_type()
    }

    #[pyattr]
    fn sha256(_vm: &VirtualMachine) -> PyTypeRef {
        super::Sha256::make_static_type()
    }
}
