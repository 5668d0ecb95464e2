//! `machine.mem8`, `mem16` and `mem32`: bytes that remember what was written, and are 0 before. No register does
//! anything.

use std::collections::HashMap;

use parking_lot::Mutex;
use rustpython_vm::atomic_func;
use rustpython_vm::builtins::PyInt;
use rustpython_vm::protocol::PyMappingMethods;
use rustpython_vm::types::{AsMapping, Representable};
use rustpython_vm::{Py, PyObject, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

/// Bytes that a program may leave behind.
const ROOM: usize = 1 << 20;

static WRITTEN: Mutex<Option<HashMap<u64, u8>>> = Mutex::new(None);

/// All of the memory, so many bits at a time.
#[pyclass(module = "machine", name = "mem")]
#[derive(Debug, PyPayload)]
pub(crate) struct Memory {
    pub(super) bits: u64,
}

impl Memory {
    fn place(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult<u64> {
        let index = index
            .downcast_ref::<PyInt>()
            .ok_or_else(|| vm.new_type_error(format!("can't convert {} to int", index.class().name())))?;
        let address = index.try_to_primitive::<i64>(vm)? as u32;
        let size = self.bits / 8;
        match u64::from(address) % size {
            0 => Ok(u64::from(address)),
            _ => Err(vm.new_value_error(format!("address {address:08x} is not aligned to {size} bytes"))),
        }
    }

    fn read(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult {
        let first = self.place(index, vm)?;
        let written = WRITTEN.lock();
        let byte = |address: u64| written.as_ref().and_then(|written| written.get(&address)).copied().unwrap_or(0);
        let value = (0..self.bits / 8).rev().fold(0u64, |value, at| value << 8 | u64::from(byte(first + at)));
        Ok(vm.ctx.new_int(value).into())
    }

    fn write(&self, index: &PyObject, value: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let value = value.ok_or_else(|| vm.new_type_error("'mem' object doesn't support item deletion"))?;
        let first = self.place(index, vm)?;
        let value: i64 = value.try_into_value(vm)?;
        let mut written = WRITTEN.lock();
        let written = written.get_or_insert_default();
        if written.len() >= ROOM {
            return Err(vm.new_memory_error("memory allocation failed"));
        }
        for at in 0..self.bits / 8 {
            written.insert(first + at, (value >> (8 * at)) as u8);
        }
        Ok(())
    }
}

impl AsMapping for Memory {
    fn as_mapping() -> &'static PyMappingMethods {
        static METHODS: PyMappingMethods = PyMappingMethods {
            length: None,
            subscript: atomic_func!(|mapping, index, vm| Memory::mapping_downcast(mapping).read(index, vm)),
            ass_subscript: atomic_func!(|mapping, index, value, vm| {
                Memory::mapping_downcast(mapping).write(index, value, vm)
            }),
        };
        &METHODS
    }
}

impl Representable for Memory {
    fn repr_str(zelf: &Py<Memory>, _vm: &VirtualMachine) -> PyResult<String> {
        Ok(format!("<{}-bit memory>", zelf.bits))
    }
}

#[pyclass(with(AsMapping, Representable))]
impl Memory {}
