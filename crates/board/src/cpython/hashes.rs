//! The digests of `hashlib`, as CPython has them: each can be taken again, and added to. `library` puts names to them.

pub(super) use _board_hashes::module_def;

use md5::Md5;
use parking_lot::Mutex;
use rustpython_vm::{PyPayload, PyResult, VirtualMachine, pyclass, pymodule};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// Declares the algorithms: they differ in nothing but their types.
macro_rules! algorithms {
    ($($class:ident $name:literal $block:literal),*) => {
        #[derive(Clone)]
        enum State {
            $($class($class)),*
        }

        impl State {
            fn named(name: &str) -> Option<(&'static str, usize, State)> {
                match name {
                    $($name => Some(($name, $block, State::$class($class::new()))),)*
                    _ => None,
                }
            }

            fn update(&mut self, bytes: &[u8]) {
                match self {
                    $(State::$class(state) => state.update(bytes)),*
                }
            }

            fn digest(&self) -> Vec<u8> {
                match self.clone() {
                    $(State::$class(state) => state.finalize().to_vec()),*
                }
            }
        }
    };
}

algorithms!(
    Md5 "md5" 64, Sha1 "sha1" 64, Sha224 "sha224" 64, Sha256 "sha256" 64, Sha384 "sha384" 128, Sha512 "sha512" 128
);

/// A digest that goes on.
#[pyclass(module = "_hashlib", name = "HASH")]
#[derive(PyPayload)]
struct Hash {
    name: &'static str,
    block: usize,
    state: Mutex<State>,
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Hash").field("name", &self.name).finish_non_exhaustive()
    }
}

#[pyclass]
impl Hash {
    #[pymethod]
    fn update(&self, data: rustpython_vm::function::ArgBytesLike) {
        data.with_ref(|bytes| self.state.lock().update(bytes));
    }

    #[pymethod]
    fn digest(&self) -> Vec<u8> {
        self.state.lock().digest()
    }

    #[pymethod]
    fn hexdigest(&self) -> String {
        self.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[pymethod]
    fn copy(&self, vm: &VirtualMachine) -> PyResult {
        let state = Mutex::new(self.state.lock().clone());
        Ok(Hash { name: self.name, block: self.block, state }.into_pyobject(vm))
    }

    #[pygetset]
    fn name(&self) -> &'static str {
        self.name
    }

    #[pygetset]
    fn digest_size(&self) -> usize {
        self.digest().len()
    }

    #[pygetset]
    fn block_size(&self) -> usize {
        self.block
    }
}

#[pymodule]
mod _board_hashes {
    use parking_lot::Mutex;
    use rustpython_vm::builtins::{PyModule, PyStrRef};
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::{Py, PyPayload, PyResult, VirtualMachine};

    use super::{Hash, State};

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        Hash::make_static_type();
        Ok(())
    }

    #[pyfunction]
    fn new(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let begun = State::named(&name.to_string_lossy());
        let (name, block, state) = begun.ok_or_else(|| vm.new_value_error(format!("unsupported hash type {name}")))?;
        Ok(Hash { name, block, state: Mutex::new(state) }.into_pyobject(vm))
    }
}
