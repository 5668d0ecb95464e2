//! What the board itself does with a stream that a program gave it: print to it, write to it, read all of it.
//! Streams of `io` belong to `io`, files to `files`.

use rustpython_vm::builtins::PyInt;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use super::{errors, io, layout};

/// Requests that the board makes of a stream's `ioctl`.
const CLOSE: u8 = 4;
const BUFFER_SIZE: u8 = 11;

/// Writes text: as it is, or as a bytearray to a program's own subclass of `io.IOBase`, as boards do.
pub(crate) fn write_text(to: &PyObject, text: String, vm: &VirtualMachine) -> PyResult<()> {
    if is_own(to) {
        vm.call_method(to, "write", (vm.ctx.new_bytearray(text.into_bytes()),)).map(drop)
    } else {
        vm.call_method(to, "write", (text,)).map(drop)
    }
}

/// Whether it is of a program's own subclass of `io.IOBase`.
pub(crate) fn is_own(object: &PyObject) -> bool {
    io::is_base(object)
}

/// Writes some bytes, and says how many were taken. `None` is "not now": EAGAIN.
pub(crate) fn write_bytes(to: &PyObject, bytes: &[u8], vm: &VirtualMachine) -> PyResult<usize> {
    let written = vm.call_method(to, "write", (vm.ctx.new_bytearray(bytes.to_vec()),))?;
    count(&written, vm)
}

/// What `read()` gives; for a stream without it, what `readinto` gives until there is no more.
pub(crate) fn read_all(from: &PyObjectRef, vm: &VirtualMachine) -> PyResult {
    if from.get_attr("read", vm).is_ok() {
        return vm.call_method(from, "read", ());
    }
    let mut all = Vec::new();
    loop {
        let part = read_into(from, 256, vm)?;
        if part.is_empty() {
            return Ok(vm.ctx.new_bytes(all).into());
        }
        all.extend(part);
    }
}

/// The bytes of a file of a program's own file system, read as `import` does: in buffers of the size it asks for.
pub(crate) fn read_file(file: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    if !is_own(file) {
        let bytes = layout::bytes_of(&*read_all(file, vm)?, vm);
        vm.call_method(file, "close", ())?;
        return bytes;
    }
    let size = vm.call_method(file, "ioctl", (BUFFER_SIZE, 0)).and_then(|size| count(&size, vm)).unwrap_or(0);
    let mut all = Vec::new();
    let result = loop {
        match read_into(file, size.clamp(20, 255), vm) {
            Ok(part) if part.is_empty() => break Ok(all),
            Ok(part) => all.extend(part),
            Err(raised) => break Err(raised),
        }
    };
    vm.call_method(file, "ioctl", (CLOSE, 0))?;
    result
}

/// At most `size` bytes, by `readinto`; none at the end.
pub(crate) fn read_into(from: &PyObject, size: usize, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    let buffer: PyObjectRef = vm.ctx.new_bytearray(vec![0; size]).into();
    let read = vm.call_method(from, "readinto", (buffer.clone(),))?;
    let read = count(&read, vm)?;
    let mut bytes = layout::bytes_of(&buffer, vm)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// At most `size` bytes, by `readinto`; `None` for "not now".
pub(crate) fn try_read_into(from: &PyObject, size: usize, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
    let buffer: PyObjectRef = vm.ctx.new_bytearray(vec![0; size]).into();
    let read = vm.call_method(from, "readinto", (buffer.clone(),))?;
    if vm.is_none(&read) {
        return Ok(None);
    }
    let read = count(&read, vm)?;
    let mut bytes = layout::bytes_of(&buffer, vm)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// How many of the bytes a stream takes; `None` for "not now".
pub(crate) fn try_write(to: &PyObject, bytes: &[u8], vm: &VirtualMachine) -> PyResult<Option<usize>> {
    let written = vm.call_method(to, "write", (vm.ctx.new_bytearray(bytes.to_vec()),))?;
    if vm.is_none(&written) { Ok(None) } else { count(&written, vm).map(Some) }
}

/// What a stream's method answered: a count, nothing for "not now", or an error's number below zero.
fn count(answer: &PyObject, vm: &VirtualMachine) -> PyResult<usize> {
    let Some(int) = answer.downcast_ref::<PyInt>() else {
        return Err(errors::named(vm, "EAGAIN"));
    };
    let count: i64 = int.as_object().to_owned().try_into_value(vm)?;
    usize::try_from(count).map_err(|_| errors::numbered(vm, i32::try_from(-count).unwrap_or(5)))
}
