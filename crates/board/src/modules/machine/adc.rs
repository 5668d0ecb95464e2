//! `machine.ADC` and `machine.TouchPad`: what the outside gives to a pin, as numbers.

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{Context, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::Given;
use super::pin::{Pin, pin_number};
use crate::board::board;
use crate::link::Sensor;
use crate::modules::late::Late;

/// Microvolts at which an ESP32 reads its largest number, by attenuation.
const ESP_RANGE: [i64; 4] = [1_100_000, 1_340_000, 2_000_000, 3_300_000];

/// The same of boards that do not attenuate.
const RANGE: i64 = 3_300_000;

/// What the RP2040's thermometer gives at 27 degrees, its last channel.
const THERMOMETER: (u8, i32) = (30, 706_000);

/// What a pad counts that nobody touches.
const UNTOUCHED: i32 = 700;

/// A pin's voltage.
#[pyclass(module = "machine", name = "ADC")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Adc {
    pin: Late<u8>,
    settings: Mutex<Settings>,
}

#[derive(Debug)]
struct Settings {
    attenuation: usize,
    bits: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { attenuation: 0, bits: 12 }
    }
}

fn attenuation(given: usize, vm: &VirtualMachine) -> PyResult<usize> {
    if given < ESP_RANGE.len() { Ok(given) } else { Err(vm.new_value_error("invalid atten")) }
}

fn attenuates() -> bool {
    matches!(board().profile.platform, "esp32" | "mpython")
}

impl DefaultConstructor for Adc {}

impl Initializer for Adc {
    type Args = FuncArgs;

    fn init(zelf: PyRef<Adc>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let given = Given::new(&args, &["id"], &["atten", "sample_ns"], vm)?;
        let id = given.get("id").ok_or_else(|| vm.new_type_error("an ADC needs a pin"))?;
        let invalid = || vm.new_value_error("invalid pin");
        let pins = board().profile.parts.adc;
        let pin = match id.try_to_value::<usize>(vm) {
            // A number is a channel but on ESP32, where it is a pin.
            Ok(channel) if !attenuates() && id.downcast_ref::<Pin>().is_none() && channel < pins.len() => pins[channel],
            _ if attenuates() || id.downcast_ref::<Pin>().is_some() => pin_number(id, vm)?,
            Ok(pin) => u8::try_from(pin).map_err(|_| invalid())?,
            Err(_) => return Err(invalid()),
        };
        if !pins.contains(&pin) {
            return Err(invalid());
        }
        let attenuation = given.get("atten").map(|given| attenuation(given.try_to_value(vm)?, vm)).transpose()?;
        zelf.pin.set(pin);
        *zelf.settings.lock() = Settings { attenuation: attenuation.unwrap_or(0), ..Settings::default() };
        Ok(())
    }
}

impl Representable for Adc {
    fn repr_str(zelf: &Py<Adc>, vm: &VirtualMachine) -> PyResult<String> {
        Ok(format!("ADC(Pin({}), atten={})", zelf.pin.get(vm)?, zelf.settings.lock().attenuation))
    }
}

#[pyclass(with(Constructor, Initializer, Representable), flags(BASETYPE))]
impl Adc {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        let names = [("ATTN_0DB", 0), ("ATTN_2_5DB", 1), ("ATTN_6DB", 2), ("ATTN_11DB", 3)];
        let widths = [("WIDTH_9BIT", 9), ("WIDTH_10BIT", 10), ("WIDTH_11BIT", 11), ("WIDTH_12BIT", 12)];
        for (name, value) in names.into_iter().chain(widths) {
            class.set_str_attr(name, ctx.new_int(value), ctx);
        }
        class.set_str_attr("CORE_TEMP", ctx.new_int(4), ctx);
    }

    fn microvolts(&self, vm: &VirtualMachine) -> PyResult<i64> {
        let pin = self.pin.get(vm)?;
        let usual = if pin == THERMOMETER.0 && !attenuates() { THERMOMETER.1 } else { 0 };
        Ok(i64::from(board().hardware(|hardware| hardware.measured(Sensor::Voltage(pin))).unwrap_or(usual)))
    }

    /// What is read as the largest number.
    fn range(&self) -> i64 {
        if attenuates() { ESP_RANGE[self.settings.lock().attenuation] } else { RANGE }
    }

    /// The voltage as a part of the largest number of so many bits.
    fn scaled(&self, bits: u32, vm: &VirtualMachine) -> PyResult<i64> {
        let (range, most) = (self.range(), (1 << bits) - 1);
        Ok((self.microvolts(vm)?.clamp(0, range) * most + range / 2) / range)
    }

    #[pymethod]
    fn read(&self, vm: &VirtualMachine) -> PyResult<i64> {
        let bits = self.settings.lock().bits;
        self.scaled(bits, vm)
    }

    #[pymethod]
    fn read_u16(&self, vm: &VirtualMachine) -> PyResult<i64> {
        self.scaled(16, vm)
    }

    #[pymethod]
    fn read_uv(&self, vm: &VirtualMachine) -> PyResult<i64> {
        Ok(self.microvolts(vm)?.clamp(0, self.range()))
    }

    #[pymethod]
    fn atten(&self, given: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<Option<usize>> {
        let mut settings = self.settings.lock();
        let OptionalArg::Present(given) = given else { return Ok(Some(settings.attenuation)) };
        settings.attenuation = attenuation(given, vm)?;
        Ok(None)
    }

    /// In bits; firmware of old gave the widths numbers from 0 on.
    #[pymethod]
    fn width(&self, bits: OptionalArg<u32>, vm: &VirtualMachine) -> PyResult<Option<u32>> {
        let mut settings = self.settings.lock();
        settings.bits = match bits {
            OptionalArg::Missing => return Ok(Some(settings.bits)),
            OptionalArg::Present(bits @ 9..=12) => bits,
            OptionalArg::Present(old @ 0..=3) => old + 9,
            OptionalArg::Present(_) => return Err(vm.new_value_error("invalid width")),
        };
        Ok(None)
    }
}

/// A pin that counts less when it is touched.
#[pyclass(module = "machine", name = "TouchPad")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct TouchPad {
    pin: Late<u8>,
}

impl DefaultConstructor for TouchPad {}

impl Initializer for TouchPad {
    type Args = (PyObjectRef,);

    fn init(zelf: PyRef<TouchPad>, (pin,): Self::Args, vm: &VirtualMachine) -> PyResult<()> {
        let pin = pin_number(&pin, vm)?;
        if ![4, 0, 2, 15, 13, 12, 14, 27, 33, 32].contains(&pin) {
            return Err(vm.new_value_error("invalid pin for touchpad"));
        }
        zelf.pin.set(pin);
        Ok(())
    }
}

#[pyclass(with(Constructor, Initializer), flags(BASETYPE))]
impl TouchPad {
    #[pymethod]
    fn read(&self, vm: &VirtualMachine) -> PyResult<i32> {
        let pin = self.pin.get(vm)?;
        Ok(board().hardware(|hardware| hardware.measured(Sensor::Touch(pin))).unwrap_or(UNTOUCHED))
    }

    #[pymethod]
    fn config(&self, _threshold: i32) {}
}
