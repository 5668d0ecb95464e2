//! placeholder
pub(crate) use network::module_def;
use rustpython_vm::pymodule;
#[pymodule]
mod network {}
