//! `machine.I2C` and `SoftI2C`, which differ in their constructors only. Who answers is in `bus`.

use parking_lot::Mutex;
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{AsObject, FromArgs, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::bus;
use super::pin::pin_number;
use super::{Given, is_kind};
use crate::board::board;
use crate::modules::late::Late;
use crate::modules::{errors, with_bytes};

/// A master on the bus.
#[pyclass(module = "machine", name = "I2C")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct I2c {
    settings: Late<String>,
    /// What `start` and `write` have put on the bus, until `stop`.
    raw: Mutex<Vec<u8>>,
}

#[derive(FromArgs)]
struct MemoryArgs {
    #[pyarg(any)]
    addr: u16,
    #[pyarg(any)]
    memaddr: u32,
    /// A number of bytes to read, bytes to write, or a buffer to fill.
    #[pyarg(any)]
    what: PyObjectRef,
    #[pyarg(any, default = 8)]
    addrsize: u32,
}

impl MemoryArgs {
    /// The address in the device, as it goes over the bus.
    fn place(&self, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        match self.addrsize {
            8 | 16 | 24 | 32 => Ok(self.memaddr.to_be_bytes()[4 - self.addrsize as usize / 8..].to_vec()),
            _ => Err(vm.new_value_error("invalid addrsize")),
        }
    }
}

impl DefaultConstructor for I2c {}

impl Initializer for I2c {
    type Args = FuncArgs;

    /// `I2C(id, scl=, sda=, freq=)`, `SoftI2C(scl, sda, freq=)`; pins must be there.
    fn init(zelf: PyRef<I2c>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let soft = is_kind(zelf.class(), "SoftI2C", vm);
        let places: &[&str] = match board().profile.platform {
            _ if soft => &["scl", "sda"],
            "k230" => &["id", "scl", "sda", "freq", "timeout"],
            "rp2" => &["id", "freq"],
            _ => &["id"],
        };
        let named: &[&str] = if soft { &["freq", "timeout"] } else { &["scl", "sda", "freq", "timeout"] };
        let given = Given::new(&args, places, named, vm)?;
        let mut settings = Vec::new();
        if let Some(id) = given.get("id") {
            let id: i64 = id.try_to_value(vm)?;
            if !(0..board().profile.parts.buses).contains(&id) {
                return Err(vm.new_value_error(format!("I2C({id}) doesn't exist")));
            }
            settings.push(id.to_string());
        }
        for name in ["scl", "sda"] {
            match given.get(name).filter(|pin| !vm.is_none(pin)) {
                Some(pin) => drop(pin_number(pin, vm)?),
                None if soft => return Err(vm.new_type_error(format!("'{name}' argument required"))),
                None => {}
            }
        }
        for name in ["scl", "sda", "freq"] {
            if let Some(value) = given.get(name) {
                settings.push(format!("{name}={}", value.repr(vm)?));
            }
        }
        zelf.settings.set(settings.join(", "));
        Ok(())
    }
}

impl Representable for I2c {
    fn repr_str(zelf: &Py<I2c>, vm: &VirtualMachine) -> PyResult<String> {
        Ok(format!("{}({})", zelf.class().name(), zelf.settings.get(vm)?))
    }
}

fn nobody(vm: &VirtualMachine) -> PyBaseExceptionRef {
    errors::named(vm, "ENODEV")
}

fn send(address: u16, bytes: &[u8], vm: &VirtualMachine) -> PyResult<()> {
    if bus::write(address, bytes) { Ok(()) } else { Err(nobody(vm)) }
}

fn receive(address: u16, count: usize, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    bus::read(address, count).ok_or_else(|| nobody(vm))
}

#[pyclass(flags(BASETYPE), with(Constructor, Initializer, Representable))]
impl I2c {
    #[pymethod(name = "init")]
    fn py_init(&self, _args: FuncArgs) {}

    #[pymethod]
    fn deinit(&self) {}

    #[pymethod]
    fn scan(&self, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        bus::answering().into_iter().map(|address| vm.ctx.new_int(address).into()).collect()
    }

    /// How many bytes the device took.
    #[pymethod]
    fn writeto(
        &self,
        addr: u16,
        data: PyObjectRef,
        _stop: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<usize> {
        with_bytes(&data, vm, |bytes| send(addr, bytes, vm).map(|()| bytes.len()))?
    }

    /// Several pieces as one transfer.
    #[pymethod]
    fn writevto(
        &self,
        addr: u16,
        pieces: PyObjectRef,
        _stop: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<usize> {
        let mut all = Vec::new();
        for piece in pieces.try_to_value::<Vec<PyObjectRef>>(vm)? {
            with_bytes(&piece, vm, |bytes| all.extend_from_slice(bytes))?;
        }
        send(addr, &all, vm).map(|()| all.len())
    }

    #[pymethod]
    fn readfrom(
        &self,
        addr: u16,
        count: usize,
        _stop: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<Vec<u8>> {
        receive(addr, count, vm)
    }

    #[pymethod]
    fn readfrom_into(
        &self,
        addr: u16,
        buffer: ArgMemoryBuffer,
        _stop: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let bytes = receive(addr, buffer.len(), vm)?;
        buffer.with_ref(|buffer| buffer.copy_from_slice(&bytes));
        Ok(())
    }

    #[pymethod]
    fn writeto_mem(&self, args: MemoryArgs, vm: &VirtualMachine) -> PyResult<()> {
        let mut all = args.place(vm)?;
        with_bytes(&args.what, vm, |bytes| all.extend_from_slice(bytes))?;
        send(args.addr, &all, vm)
    }

    #[pymethod]
    fn readfrom_mem(&self, args: MemoryArgs, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        args.place(vm)?;
        receive(args.addr, args.what.clone().try_into_value(vm)?, vm)
    }

    #[pymethod]
    fn readfrom_mem_into(&self, args: MemoryArgs, vm: &VirtualMachine) -> PyResult<()> {
        args.place(vm)?;
        let length = args.what.length(vm)?;
        let bytes = receive(args.addr, length, vm)?;
        args.what.try_rw_bytes_like(vm, |buffer| {
            for (to, from) in buffer.iter_mut().zip(bytes) {
                *to = from;
            }
        })
    }

    #[pymethod]
    fn start(&self) {
        self.raw.lock().clear();
    }

    /// Bytes after `start`, the first of which is the address and a bit for reading; says how many were taken.
    #[pymethod]
    fn write(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        with_bytes(&data, vm, |bytes| {
            let mut raw = self.raw.lock();
            raw.extend_from_slice(bytes);
            let answered = raw.first().is_some_and(|first| bus::answering().contains(&u16::from(first >> 1)));
            if answered { bytes.len() } else { 0 }
        })
    }

    #[pymethod]
    fn stop(&self) {
        let raw = std::mem::take(&mut *self.raw.lock());
        if let [first, rest @ ..] = &raw[..] {
            bus::write(u16::from(first >> 1), rest);
        }
    }
}
