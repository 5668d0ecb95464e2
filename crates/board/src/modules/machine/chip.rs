//! What of the chip is functions: its clock, pulses, lights in a strip, a DHT's answer; and CanMV's `FPIOA`.

use std::time::{Duration, Instant};

use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer};
use rustpython_vm::{Context, Py, PyObject, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::pin::{Pin, pin_number};
use crate::board::{State, board};
use crate::link::{FromBoard, Sensor};
use crate::modules::with_bytes;

/// What a DHT measures until the outside says otherwise: a room, in thousandths of a degree and of a percent.
const TEMPERATURE: i32 = 23_000;
const HUMIDITY: i32 = 45_000;

/// `machine.freq`: CanMV's and ESP32's give the one frequency; what is set is what is said from then on.
pub(super) fn frequency(hertz: Option<u32>, vm: &VirtualMachine) -> PyResult {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SET: AtomicU32 = AtomicU32::new(0);
    if let Some(hertz) = hertz {
        SET.store(hertz, Ordering::Relaxed);
        return Ok(vm.ctx.none());
    }
    Ok(match SET.load(Ordering::Relaxed) {
        0 => vm.ctx.new_int(board().profile.parts.hertz).into(),
        hertz => vm.ctx.new_int(hertz).into(),
    })
}

/// `machine.time_pulse_us`.
pub(super) fn pulse(pin: &PyObject, level: i32, timeout: Duration, vm: &VirtualMachine) -> PyResult<i64> {
    if pin.downcast_ref::<Pin>().is_some() {
        return pulse_of(pin_number(pin, vm)?, level != 0, timeout, vm);
    }
    // A pin that a program made: it is asked again and again.
    let wait = |high: bool| -> PyResult<Option<Instant>> {
        let start = Instant::now();
        while (vm.call_method(pin, "value", ())?.try_to_value::<i32>(vm)? == level) != high {
            board().attend(vm)?;
            if start.elapsed() >= timeout {
                return Ok(None);
            }
        }
        Ok(Some(Instant::now()))
    };
    let Some(start) = wait(true)? else { return Ok(-2) };
    Ok(wait(false)?.map_or(-1, |end| micros(end - start)))
}

/// The pulse that the outside has announced for the pin, or else that of its levels.
fn pulse_of(pin: u8, level: bool, timeout: Duration, vm: &VirtualMachine) -> PyResult<i64> {
    if let Some(length) = board().hardware(|hardware| hardware.measured(Sensor::Pulse(pin))) {
        let length = Duration::from_micros(length.try_into().unwrap_or(0));
        board().wait(vm, Some(Instant::now() + length.min(timeout)), |_| None::<()>)?;
        return Ok(if length > timeout { -1 } else { micros(length) });
    }
    let at = |wanted: bool| {
        let until = Instant::now().checked_add(timeout);
        let reached = |state: &mut State| (state.hardware.pins[usize::from(pin)].level() == wanted).then(Instant::now);
        board().wait(vm, until, reached)
    };
    let Some(start) = at(level)? else { return Ok(-2) };
    Ok(at(!level)?.map_or(-1, |end| micros(end - start)))
}

fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

/// Shows a strip of lights whose colours come as green, red, blue (and white).
pub(crate) fn lights(pin: &PyObject, data: &PyObject, per_light: usize, vm: &VirtualMachine) -> PyResult<()> {
    let pin = pin_number(pin, vm)?;
    let colour = |bytes: &[u8]| match *bytes {
        [green, red, blue, white] => [red, green, blue, white],
        [green, red, blue] => [red, green, blue, 0],
        _ => [0; 4],
    };
    let colours = with_bytes(data, vm, |bytes| bytes.chunks_exact(per_light.max(1)).map(colour).collect())?;
    board().tell_event(FromBoard::Lights { pin, colours });
    Ok(())
}

/// A DHT's five bytes. The last is the sum of the others.
pub(super) fn climate(pin: &PyObject, buffer: &PyObject, model: i32, vm: &VirtualMachine) -> PyResult<()> {
    let pin = pin_number(pin, vm)?;
    let (temperature, humidity) = board().hardware(|hardware| {
        let or = |sensor, usual| hardware.measured(sensor).unwrap_or(usual);
        (or(Sensor::Temperature(pin), TEMPERATURE), or(Sensor::Humidity(pin), HUMIDITY))
    });
    let bytes = if model == 11 { dht11(temperature, humidity) } else { dht22(temperature, humidity) };
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    buffer.try_rw_bytes_like(vm, |buffer| {
        for (to, from) in buffer.iter_mut().zip(bytes.into_iter().chain([sum])) {
            *to = from;
        }
    })
}

/// Whole percents and degrees, with the tenths of a degree apart.
fn dht11(temperature: i32, humidity: i32) -> [u8; 4] {
    let part = |value: i32| u8::try_from(value.clamp(0, 255)).unwrap_or(0);
    [part(humidity / 1000), 0, part(temperature / 1000), part(temperature / 100 % 10)]
}

/// Tenths, in 16 bits each; the highest bit of the temperature is its sign.
fn dht22(temperature: i32, humidity: i32) -> [u8; 4] {
    let tenths = |value: i32| u16::try_from((value.unsigned_abs() + 50) / 100).unwrap_or(0).min(0x7fff);
    let sign = if temperature < 0 { 0x8000 } else { 0 };
    let [h1, h2] = tenths(humidity.max(0)).to_be_bytes();
    let [t1, t2] = (tenths(temperature) | sign).to_be_bytes();
    [h1, h2, t1, t2]
}

/// CanMV: which function is at which pin. All functions work at all pins here; what was set can be asked.
#[pyclass(module = "machine", name = "FPIOA")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Fpioa {
    functions: parking_lot::Mutex<std::collections::HashMap<i32, i32>>,
}

/// Functions after the 72 of the name GPIOn: families, how many of each, and what each has.
const FUNCTIONS: &[(&str, i32, &[&str])] = &[
    ("UART", 5, &["TXD", "RXD", "RTS", "CTS"]),
    ("IIC", 5, &["SCL", "SDA"]),
    ("PWM", 6, &[]),
    ("QSPI", 2, &["CS0", "CS1", "CS2", "CS3", "CLK", "D0", "D1", "D2", "D3"]),
];

impl DefaultConstructor for Fpioa {}

impl Initializer for Fpioa {
    type Args = FuncArgs;

    fn init(_zelf: PyRef<Self>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<()> {
        Ok(())
    }
}

#[pyclass(with(Constructor, Initializer))]
impl Fpioa {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        let mut names: Vec<String> = (0..72).map(|pin| format!("GPIO{pin}")).collect();
        for (family, count, parts) in FUNCTIONS {
            for number in 0..*count {
                let whole = parts.is_empty().then(|| format!("{family}{number}"));
                names.extend(whole.into_iter().chain(parts.iter().map(|part| format!("{family}{number}_{part}"))));
            }
        }
        for (value, name) in names.iter().enumerate() {
            class.set_attr(ctx.intern_str(name.as_str()), ctx.new_int(value).into());
        }
    }

    #[pymethod]
    fn set_function(&self, pin: i32, function: i32, _rest: FuncArgs) {
        let mut functions = self.functions.lock();
        // A function is at one pin at a time.
        functions.retain(|_, other| *other != function);
        functions.insert(pin, function);
    }

    #[pymethod]
    fn get_pin_num(&self, function: i32) -> Option<i32> {
        self.functions.lock().iter().find(|(_, f)| **f == function).map(|(pin, _)| *pin)
    }

    #[pymethod]
    fn get_pin_func(&self, pin: i32) -> i32 {
        // A pin is a plain one until it is told otherwise.
        self.functions.lock().get(&pin).copied().unwrap_or(pin)
    }

    #[pymethod]
    fn help(&self, _rest: OptionalArg<rustpython_vm::PyObjectRef>) {}
}
