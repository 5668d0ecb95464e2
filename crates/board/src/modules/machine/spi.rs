//! `machine.SPI` and `SoftSPI`: nothing is connected, so that what is read is zeros.

use std::ops::RangeInclusive;

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{AsObject, Context, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::pin::pin_number;
use super::{Given, is_kind};
use crate::board::board;
use crate::modules::late::Late;
use crate::modules::with_bytes;

const MSB: i32 = 0;

/// A master on the bus.
#[pyclass(module = "machine", name = "SPI")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Spi {
    /// None of one that is in software.
    id: Late<Option<i64>>,
    settings: Mutex<[i64; 3]>,
}

/// Baud rate, polarity, phase: where they stand among the settings.
const NAMES: [&str; 3] = ["baudrate", "polarity", "phase"];

/// What else there is, by name alone.
const OTHERS: [&str; 9] = ["polarity", "phase", "bits", "firstbit", "sck", "mosi", "miso", "cs", "pins"];

/// The buses in hardware; of an ESP32's four the first two are its memory's.
fn hardware() -> RangeInclusive<i64> {
    if matches!(board().profile.platform, "esp32" | "mpython") { 1..=2 } else { 0..=4 }
}

fn change(settings: &mut [i64; 3], given: &Given<'_>, vm: &VirtualMachine) -> PyResult<()> {
    for (place, name) in NAMES.iter().enumerate() {
        if let Some(value) = given.get(name) {
            settings[place] = value.try_to_value(vm)?;
        }
    }
    for pin in ["sck", "mosi", "miso"].into_iter().filter_map(|name| given.get(name)) {
        if !vm.is_none(pin) {
            pin_number(pin, vm)?;
        }
    }
    Ok(())
}

impl DefaultConstructor for Spi {}

impl Initializer for Spi {
    type Args = FuncArgs;

    fn init(zelf: PyRef<Spi>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let soft = is_kind(zelf.class(), "SoftSPI", vm);
        let places: &[&str] = match board().profile.platform {
            _ if soft => &["baudrate"],
            "k230" => &["id", "baudrate", "polarity", "phase", "bits"],
            _ => &["id", "baudrate"],
        };
        let given = Given::new(&args, places, &OTHERS, vm)?;
        let id = match given.get("id") {
            _ if soft => None,
            Some(id) => Some(id.try_to_value(vm)?),
            None => return Err(vm.new_type_error("'id' argument required")),
        };
        if let Some(id) = id.filter(|id| !hardware().contains(id)) {
            return Err(vm.new_value_error(format!("SPI({id}) doesn't exist")));
        }
        let mut settings = [1_000_000, 0, 0];
        change(&mut settings, &given, vm)?;
        zelf.id.set(id);
        *zelf.settings.lock() = settings;
        Ok(())
    }
}

impl Representable for Spi {
    fn repr_str(zelf: &Py<Spi>, vm: &VirtualMachine) -> PyResult<String> {
        let [rate, polarity, phase] = *zelf.settings.lock();
        let id = zelf.id.get(vm)?.map_or_else(String::new, |id| format!("id={id}, "));
        let name = zelf.class().name().to_string();
        Ok(format!("{name}({id}baudrate={rate}, polarity={polarity}, phase={phase})"))
    }
}

#[pyclass(flags(BASETYPE), with(Constructor, Initializer, Representable))]
impl Spi {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        class.set_str_attr("MSB", ctx.new_int(MSB), ctx);
        class.set_str_attr("LSB", ctx.new_int(1), ctx);
    }

    #[pymethod(name = "init")]
    fn py_init(&self, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let given = Given::new(&args, &["baudrate"], &OTHERS, vm)?;
        change(&mut self.settings.lock(), &given, vm)
    }

    #[pymethod]
    fn deinit(&self) {}

    #[pymethod]
    fn write(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        with_bytes(&data, vm, |_| ())
    }

    #[pymethod]
    fn read(&self, count: usize, _sent: OptionalArg<u8>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        match count <= 1 << 20 {
            true => Ok(vec![0; count]),
            false => Err(vm.new_memory_error(format!("memory allocation failed, allocating {count} bytes"))),
        }
    }

    #[pymethod]
    fn readinto(&self, buffer: ArgMemoryBuffer, _sent: OptionalArg<u8>) {
        buffer.with_ref(|buffer| buffer.fill(0));
    }

    #[pymethod]
    fn write_readinto(&self, data: PyObjectRef, buffer: ArgMemoryBuffer, vm: &VirtualMachine) -> PyResult<()> {
        let length = with_bytes(&data, vm, <[u8]>::len)?;
        if length != buffer.len() {
            return Err(vm.new_value_error("buffers must be the same length"));
        }
        buffer.with_ref(|buffer| buffer.fill(0));
        Ok(())
    }
}
