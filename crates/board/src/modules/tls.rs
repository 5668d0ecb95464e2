//! The module `tls`: `SSLContext` and what it makes of a stream, as the firmware's mbedTLS does it, with the error
//! numbers and texts of that. The module `ssl` is Python over it, in `frozen`.
//!
//! The protocol is rustls's TLS 1.2. `session` carries it over a stream, `socket` is what programs see of it, `context`
//! what it is made with, `trust` says whose certificates are taken, and `failure` what an error is on a board.

mod context;
mod failure;
mod session;
mod socket;
mod trust;

pub(crate) use socket::{Look, TlsSocket};
pub(crate) use tls::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod tls {
    use rustpython_vm::builtins::PyModule;
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::{Py, PyResult, VirtualMachine};

    use super::context::Context;
    use super::socket::TlsSocket;
    use super::{context, trust};

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        TlsSocket::make_static_type();
        module.set_attr("SSLContext", Context::make_static_type(), vm)?;
        let numbers = [
            ("PROTOCOL_TLS_CLIENT", context::CLIENT),
            ("PROTOCOL_TLS_SERVER", context::SERVER),
            ("CERT_NONE", trust::NONE),
            ("CERT_OPTIONAL", trust::OPTIONAL),
            ("CERT_REQUIRED", trust::REQUIRED),
        ];
        for (name, number) in numbers {
            module.set_attr(name, vm.ctx.new_int(number), vm)?;
        }
        // Programs ask for it to know which library they have.
        module.set_attr("MBEDTLS_VERSION", vm.ctx.new_str("Mbed TLS 3.6.4"), vm)
    }
}
