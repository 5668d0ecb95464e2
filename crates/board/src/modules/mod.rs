//! The native modules of a board: which there are, and what all of them share. One file each.

#![allow(clippy::module_inception, reason = "a module for Python is one in Rust, in a file of its name")]

pub(crate) mod array;
pub(crate) mod asked;
pub(crate) mod binascii;
pub(crate) mod cmath;
pub(crate) mod deflate;
pub(crate) mod deque;
pub(crate) mod errno;
pub(crate) mod errors;
pub(crate) mod files;
pub(crate) mod framebuf;
pub(crate) mod gc;
pub(crate) mod hashlib;
pub(crate) mod help;
pub(crate) mod inflate;
pub(crate) mod io;
pub(crate) mod json;
pub(crate) mod late;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod machine;
pub(crate) mod math;
pub(crate) mod micropython;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod random;
pub(crate) mod re;
pub(crate) mod schedule;
pub(crate) mod select;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod struct_;
pub(crate) mod thread;
pub(crate) mod time;
pub(crate) mod tls;

use rustpython_vm::builtins::{PyBytes, PyModuleDef, PyStr};
use rustpython_vm::{Context, PyObject, PyResult, VirtualMachine};

use crate::board::board;
use crate::cpython;

/// The modules written here, by the names under which a program imports them.
pub(crate) fn own(ctx: &Context) -> Vec<&'static PyModuleDef> {
    if board().profile.is_cpython() {
        return of_linux(ctx);
    }
    let mut own = vec![
        array::module_def(ctx),
        binascii::module_def(ctx),
        cmath::module_def(ctx),
        deflate::module_def(ctx),
        deque::module_def(ctx),
        errno::module_def(ctx),
        files::module_def(ctx),
        framebuf::module_def(ctx),
        gc::module_def(ctx),
        hashlib::module_def(ctx),
        io::module_def(ctx),
        json::module_def(ctx),
        machine::module_def(ctx),
        machine::onewire_module_def(ctx),
        math::module_def(ctx),
        micropython::module_def(ctx),
        mounts::module_def(ctx),
        random::module_def(ctx),
        re::module_def(ctx),
        select::module_def(ctx),
        socket::module_def(ctx),
        struct_::module_def(ctx),
        time::module_def(ctx),
    ];
    // Where there is no Wi-Fi to be joined, the network is simply there.
    own.extend(board().profile.wifi.map(|_| network::module_def(ctx)));
    own.extend(board().profile.threads.map(|_| thread::module_def(ctx)));
    own.push(tls::module_def(ctx));
    own
}

/// Those of them that CPython has too, and what only a Linux computer has. A program sees some of them through
/// modules in Python (`cpython::library`).
fn of_linux(ctx: &Context) -> Vec<&'static PyModuleDef> {
    let shared = [
        array::module_def(ctx),
        binascii::module_def(ctx),
        cmath::module_def(ctx),
        files::module_def(ctx),
        math::module_def(ctx),
        select::module_def(ctx),
        socket::module_def(ctx),
    ];
    shared.into_iter().chain(cpython::modules(ctx)).collect()
}

/// Built into the interpreter, and fit for a board. What else it has, a program cannot import.
pub(crate) const BUILT_IN: &[&str] = &["builtins", "sys"];

/// Names beginning with `u`, from the time when modules could be replaced by a user's.
pub(crate) const U_NAMES: &[&str] = &[
    "array",
    "binascii",
    "collections",
    "errno",
    "hashlib",
    "heapq",
    "io",
    "json",
    "machine",
    "os",
    "platform",
    "random",
    "re",
    "select",
    "socket",
    "struct",
    "sys",
    "time",
];

/// Bytes of anything that boards take for bytes: what has the buffer protocol, and str as UTF-8.
pub(crate) fn with_bytes<R>(object: &PyObject, vm: &VirtualMachine, f: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    match object.downcast_ref::<PyStr>() {
        Some(text) => Ok(f(text.as_bytes())),
        None => with_buffer(object, vm, f).map_err(|_| vm.new_type_error("object with buffer protocol required")),
    }
}

/// Bytes of what has the buffer protocol. For `bytes` itself that would only take time.
pub(crate) fn with_buffer<R>(object: &PyObject, vm: &VirtualMachine, f: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    match object.downcast_ref_if_exact::<PyBytes>(vm) {
        Some(bytes) => Ok(f(bytes.as_bytes())),
        None => object.try_bytes_like(vm, f),
    }
}
