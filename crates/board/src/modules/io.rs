//! The module `io`: streams in memory, and the base of a program's own.

pub(crate) use io::{is_base, module_def};

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
use rustpython_vm::protocol::PyIterReturn;
use rustpython_vm::types::{Constructor, Initializer, IterNext, Iterable, Representable, SelfIter};
use rustpython_vm::{
    AsObject, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass, pymodule,
};

use super::asked::{self, Part};
use super::{errors, layout};

/// What a stream in memory holds.
#[derive(Debug, Default)]
struct Cells {
    bytes: Vec<u8>,
    at: usize,
}

/// Longer than any board's memory.
const LONGEST: usize = 64 << 20;

impl Cells {
    /// What it begins with: bytes or text, or an int for room that is not there yet.
    fn new(content: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<Cells> {
        let content = content.into_option().filter(|content| !vm.is_none(content));
        let content = content.filter(|content| !content.class().is(vm.ctx.types.int_type));
        let bytes = content.map_or(Ok(Vec::new()), |content| layout::bytes_of(&content, vm))?;
        Ok(Cells { bytes, at: 0 })
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.rest()[..count.min(self.rest().len())].to_vec();
        self.at += taken.len();
        taken
    }

    /// Bytes of so many characters.
    fn length_of(&self, characters: usize) -> usize {
        let starts = self.rest().iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
        starts.map(|(at, _)| at).nth(characters).unwrap_or(self.rest().len())
    }

    fn line(&mut self, most: usize) -> Vec<u8> {
        let end = self.rest().iter().position(|byte| *byte == b'\n').map_or(usize::MAX, |at| at + 1);
        self.take(end.min(most))
    }

    /// Writes over what is there, from a place that may lie beyond the end.
    fn put(&mut self, bytes: &[u8], vm: &VirtualMachine) -> PyResult<usize> {
        let end = self.at.saturating_add(bytes.len());
        if end > LONGEST {
            return Err(vm.new_memory_error(format!("memory allocation failed, allocating {end} bytes")));
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.at..end].copy_from_slice(bytes);
        self.at = end;
        Ok(bytes.len())
    }

    fn seek(&mut self, offset: isize, whence: u8, vm: &VirtualMachine) -> PyResult<usize> {
        let from = match whence {
            0 => 0,
            1 => self.at,
            _ => self.bytes.len(),
        };
        match from.checked_add_signed(offset) {
            Some(at) => self.at = at,
            None if whence == 0 => return Err(errors::named(vm, "EINVAL")),
            // Before the beginning is the beginning.
            None => self.at = 0,
        }
        Ok(self.at)
    }
}

fn as_bytes(bytes: Vec<u8>, vm: &VirtualMachine) -> PyResult {
    Ok(vm.ctx.new_bytes(bytes).into())
}

fn as_text(bytes: Vec<u8>, vm: &VirtualMachine) -> PyResult {
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| vm.new_exception_empty(vm.ctx.exceptions.unicode_error.to_owned()))?;
    Ok(vm.ctx.new_str(text).into())
}

/// A stream in memory; `None` when it is closed. The two differ in what they give.
macro_rules! memory {
    ($class:ident, $name:literal, $text:literal, $given:ident) => {
        #[pyclass(name = $name, module = "io")]
        #[derive(Debug, PyPayload)]
        struct $class {
            cells: Mutex<Option<Cells>>,
        }

        impl Constructor for $class {
            type Args = FuncArgs;

            fn py_new(_class: &Py<PyType>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<Self> {
                Ok($class { cells: Mutex::new(Some(Cells::default())) })
            }
        }

        impl Initializer for $class {
            type Args = OptionalArg<PyObjectRef>;

            fn init(zelf: PyRef<Self>, content: Self::Args, vm: &VirtualMachine) -> PyResult<()> {
                *zelf.cells.lock() = Some(Cells::new(content, vm)?);
                Ok(())
            }
        }

        impl Representable for $class {
            fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
                Ok(format!("<io.{} {:x}>", $name, zelf.get_id()))
            }
        }

        impl SelfIter for $class {}

        impl IterNext for $class {
            fn next(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
                let line = zelf.with(vm, |cells| Ok(cells.line(usize::MAX)))?;
                if line.is_empty() {
                    return Ok(PyIterReturn::StopIteration(None));
                }
                $given(line, vm).map(PyIterReturn::Return)
            }
        }

        #[pyclass(with(Constructor, Initializer, IterNext, Iterable, Representable), flags(BASETYPE, HAS_DICT))]
        impl $class {
            fn with<R>(&self, vm: &VirtualMachine, f: impl FnOnce(&mut Cells) -> PyResult<R>) -> PyResult<R> {
                match self.cells.lock().as_mut() {
                    Some(cells) => f(cells),
                    None => Err(vm.new_value_error("I/O operation on closed file")),
                }
            }

            #[pymethod]
            fn read(&self, count: OptionalArg<Option<isize>>, vm: &VirtualMachine) -> PyResult {
                let count = asked::most(count.flatten().map_or(OptionalArg::Missing, OptionalArg::Present));
                let bytes = self.with(vm, |cells| {
                    let count = if $text { cells.length_of(count) } else { count };
                    Ok(cells.take(count))
                })?;
                $given(bytes, vm)
            }

            #[pymethod]
            fn readline(&self, most: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult {
                let line = self.with(vm, |cells| Ok(cells.line(asked::most(most))))?;
                $given(line, vm)
            }

            #[pymethod]
            fn readinto(
                &self,
                buffer: ArgMemoryBuffer,
                count: OptionalArg<usize>,
                vm: &VirtualMachine,
            ) -> PyResult<usize> {
                asked::fill_now(&buffer, count, |most| self.with(vm, |cells| Ok(cells.take(most))))
            }

            #[pymethod]
            fn write(
                &self,
                data: PyObjectRef,
                first: OptionalArg<usize>,
                second: OptionalArg<usize>,
                vm: &VirtualMachine,
            ) -> PyResult<usize> {
                let bytes = layout::bytes_of(&data, vm)?;
                let part = Part::of_arguments(first, second).of(&bytes);
                self.with(vm, |cells| cells.put(part, vm))
            }

            #[pymethod]
            fn seek(&self, offset: isize, whence: OptionalArg<u8>, vm: &VirtualMachine) -> PyResult<usize> {
                self.with(vm, |cells| cells.seek(offset, whence.unwrap_or(0), vm))
            }

            #[pymethod]
            fn tell(&self, vm: &VirtualMachine) -> PyResult<usize> {
                self.with(vm, |cells| Ok(cells.at))
            }

            #[pymethod]
            fn getvalue(&self, vm: &VirtualMachine) -> PyResult {
                let bytes = self.with(vm, |cells| Ok(cells.bytes.clone()))?;
                $given(bytes, vm)
            }

            #[pymethod]
            fn flush(&self) {}

            #[pymethod]
            fn close(&self) {
                self.cells.lock().take();
            }

            #[pymethod]
            fn __enter__(zelf: PyRef<Self>) -> PyRef<Self> {
                zelf
            }

            #[pymethod]
            fn __exit__(&self, _args: FuncArgs) {
                self.close();
            }
        }
    };
}

memory!(BytesMemory, "BytesIO", false, as_bytes);
memory!(TextMemory, "StringIO", true, as_text);

/// Bytes in a stream in memory; `None` of another object.
pub(crate) fn size(object: &PyObject) -> Option<usize> {
    let cells = object.downcast_ref::<BytesMemory>().map(|stream| &stream.cells);
    let cells = cells.or_else(|| object.downcast_ref::<TextMemory>().map(|stream| &stream.cells))?;
    Some(cells.try_lock()?.as_ref()?.bytes.len())
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod io {
    use parking_lot::Mutex;
    use rustpython_vm::builtins::{PyType, PyTypeRef};
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::types::{Constructor, Initializer};
    use rustpython_vm::{Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

    use crate::modules::{layout, stream};

    #[pyattr]
    fn open(vm: &VirtualMachine) -> PyObjectRef {
        vm.builtins.get_attr("open", vm).unwrap_or_else(|_| vm.ctx.none())
    }

    /// What a program's own streams are made from. The board calls their `readinto`, `write` and `ioctl`.
    #[pyattr]
    #[pyclass(name = "IOBase")]
    #[derive(Debug, PyPayload)]
    struct Base;

    /// Whether it is of a class made from `IOBase`.
    pub(crate) fn is_base(object: &PyObject) -> bool {
        object.downcast_ref::<Base>().is_some()
    }

    impl Constructor for Base {
        type Args = FuncArgs;

        fn py_new(_class: &Py<PyType>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<Base> {
            Ok(Base)
        }
    }

    impl Initializer for Base {
        type Args = FuncArgs;

        fn init(_zelf: PyRef<Self>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<()> {
            Ok(())
        }
    }

    #[pyclass(with(Constructor, Initializer), flags(BASETYPE, HAS_DICT))]
    impl Base {}

    #[pyattr(name = "BytesIO")]
    fn bytes_io(_vm: &VirtualMachine) -> PyTypeRef {
        super::BytesMemory::make_static_type()
    }

    #[pyattr(name = "StringIO")]
    fn string_io(_vm: &VirtualMachine) -> PyTypeRef {
        super::TextMemory::make_static_type()
    }

    /// Gathers what is written, and passes it on in pieces of one size.
    #[pyattr]
    #[pyclass(name = "BufferedWriter", module = "io")]
    #[derive(Debug, PyPayload)]
    struct BufferedWriter {
        to: PyObjectRef,
        size: usize,
        waiting: Mutex<Vec<u8>>,
    }

    impl Constructor for BufferedWriter {
        type Args = (PyObjectRef, usize);

        fn py_new(_class: &Py<PyType>, (to, size): Self::Args, _vm: &VirtualMachine) -> PyResult<Self> {
            Ok(BufferedWriter { to, size: size.max(1), waiting: Mutex::default() })
        }
    }

    #[pyclass(with(Constructor))]
    impl BufferedWriter {
        #[pymethod]
        fn write(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
            let data = layout::bytes_of(&data, vm)?;
            self.waiting.lock().extend_from_slice(&data);
            while self.waiting.lock().len() >= self.size {
                self.pass_on(self.size, vm)?;
            }
            Ok(data.len())
        }

        #[pymethod]
        fn flush(&self, vm: &VirtualMachine) -> PyResult<()> {
            loop {
                let count = self.waiting.lock().len();
                if count == 0 {
                    return Ok(());
                }
                self.pass_on(count, vm)?;
            }
        }

        /// What is not taken goes on waiting. The stream may be a program's own, so nothing is locked meanwhile.
        fn pass_on(&self, count: usize, vm: &VirtualMachine) -> PyResult<()> {
            let piece = self.waiting.lock()[..count].to_vec();
            let taken = stream::write_bytes(&self.to, &piece, vm)?;
            let mut waiting = self.waiting.lock();
            let taken = taken.min(waiting.len());
            waiting.drain(..taken);
            Ok(())
        }
    }
}
