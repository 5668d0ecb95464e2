//! The module `machine`: the board's hardware, one file a part. Levels, lights and what sensors measure are the
//! parent's to show and to set, over the link; they are kept in `hardware`.

#![allow(clippy::unwrap_used, reason = "what the interpreter's macro makes of a constant has one")]

mod adc;
mod bus;
mod chip;
mod display;
mod i2c;
mod memory;
mod onewire;
mod pin;
mod pwm;
mod rtc;
mod spi;
mod timer;
mod uart;

pub(crate) use adc::{Adc, TouchPad};
pub(crate) use i2c::I2c;
pub(crate) use machine::module_def;
pub(crate) use memory::Memory;
pub(crate) use onewire::module_def as onewire_module_def;
pub(crate) use pin::{Pin, PinBase, Signal, pin_number};
pub(crate) use pwm::Pwm;
pub(crate) use rtc::Rtc;
pub(crate) use spi::Spi;
pub(crate) use timer::{Timer, Watchdog};
pub(crate) use uart::Uart;

use rustpython_vm::builtins::{PyStr, PyType};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{Py, PyObjectRef, PyResult, VirtualMachine, pymodule};

/// Whether a class is the one of this name here, or derived from it.
fn is_kind(class: &Py<PyType>, name: &str, vm: &VirtualMachine) -> bool {
    let module = vm.ctx.intern_str("__module__");
    let is_here = |class: &Py<PyType>| {
        let of = class.attributes.read().get(module).cloned();
        of.is_some_and(|of| of.downcast_ref::<PyStr>().is_some_and(|of| of.as_bytes() == b"machine"))
    };
    class.mro.read().iter().any(|class| *class.name() == *name && is_here(class))
}

/// What a program gave a part: some by their place, the others by name. What has no name here is refused.
struct Given<'a> {
    args: &'a FuncArgs,
    places: &'static [&'static str],
}

impl<'a> Given<'a> {
    fn new(
        args: &'a FuncArgs,
        places: &'static [&'static str],
        named: &[&str],
        vm: &VirtualMachine,
    ) -> PyResult<Given<'a>> {
        if args.args.len() > places.len() {
            return Err(vm.new_type_error("extra positional arguments given"));
        }
        // What has come by its place cannot come by name too.
        let (taken, left) = places.split_at(args.args.len());
        let is_known = |name: &String| {
            left.iter().chain(named).any(|known| known == name) && taken.iter().all(|taken| taken != name)
        };
        match args.kwargs.keys().all(is_known) {
            true => Ok(Given { args, places }),
            false => Err(vm.new_type_error("extra keyword arguments given")),
        }
    }

    fn get(&self, name: &str) -> Option<&'a PyObjectRef> {
        let place = self.places.iter().position(|known| *known == name);
        place.and_then(|place| self.args.args.get(place)).or_else(|| self.args.kwargs.get(name))
    }
}

/// The classes, and what of the chip is functions.
#[pymodule]
mod machine {
    use std::time::{Duration, Instant};

    use rustpython_vm::builtins::{PyModule, PyTypeRef};
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::types::{PyTypeFlags, PyTypeSlots};
    use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine};

    use super::chip;
    use crate::board::board;
    use crate::hardware;
    use crate::link::{Cause, End, Sensor};
    use crate::modules::schedule;

    #[pyattr]
    const PWRON_RESET: i32 = 1;
    #[pyattr]
    const HARD_RESET: i32 = 2;
    #[pyattr]
    const WDT_RESET: i32 = 3;
    #[pyattr]
    const DEEPSLEEP_RESET: i32 = 4;
    #[pyattr]
    const SOFT_RESET: i32 = 5;
    #[pyattr]
    const PIN_WAKE: i32 = 2;
    #[pyattr]
    const TIMER_WAKE: i32 = 4;
    #[pyattr]
    const IDLE: i32 = 0;
    #[pyattr]
    const SLEEP: i32 = 1;
    #[pyattr]
    const DEEPSLEEP: i32 = 4;

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let classes: [(&str, PyTypeRef); 12] = [
            ("PinBase", super::PinBase::make_static_type()),
            ("Pin", super::Pin::make_static_type()),
            ("Signal", super::Signal::make_static_type()),
            ("PWM", super::Pwm::make_static_type()),
            ("ADC", super::Adc::make_static_type()),
            ("TouchPad", super::TouchPad::make_static_type()),
            ("Timer", super::Timer::make_static_type()),
            ("WDT", super::Watchdog::make_static_type()),
            ("RTC", super::Rtc::make_static_type()),
            ("UART", super::Uart::make_static_type()),
            ("I2C", super::I2c::make_static_type()),
            ("SPI", super::Spi::make_static_type()),
        ];
        let absent = board().profile.parts.absent;
        for (name, class) in classes {
            let missing = absent.iter().filter(|(of, _)| *of == name);
            missing.clone().for_each(|(_, what)| drop(class.attributes.write().shift_remove(vm.ctx.intern_str(*what))));
            if missing.clone().all(|(_, what)| !what.is_empty()) {
                module.set_attr(name, class, vm)?;
            }
        }
        for (name, base) in [("SoftI2C", super::I2c::make_static_type()), ("SoftSPI", super::Spi::make_static_type())] {
            let mut slots = PyTypeSlots::heap_default();
            slots.flags = PyTypeFlags::heap_type_flags();
            module.set_attr(name, vm.ctx.new_class(Some("machine"), name, base, slots), vm)?;
        }
        super::Memory::make_static_type();
        for (name, bits) in [("mem8", 8), ("mem16", 16), ("mem32", 32)] {
            module.set_attr(name, super::Memory { bits }.into_ref(&vm.ctx), vm)?;
        }
        if board().profile.name == "k230" {
            module.set_attr("FPIOA", chip::Fpioa::make_static_type(), vm)?;
        }
        Ok(())
    }

    /// Ends the program; the interpreter begins again, with empty globals.
    #[pyfunction]
    fn soft_reset(vm: &VirtualMachine) -> PyResult<()> {
        end(End::SoftReset, vm)
    }

    /// Ends the program; the whole board begins again.
    #[pyfunction]
    fn reset(vm: &VirtualMachine) -> PyResult<()> {
        end(End::HardReset, vm)
    }

    fn end(kind: End, vm: &VirtualMachine) -> PyResult<()> {
        board().reset(kind);
        board().attend(vm)
    }

    #[pyfunction]
    fn reset_cause() -> i32 {
        match hardware::cause() {
            Cause::Power => PWRON_RESET,
            Cause::Hard => HARD_RESET,
            Cause::Watchdog => WDT_RESET,
            Cause::DeepSleep => DEEPSLEEP_RESET,
            Cause::Soft => SOFT_RESET,
        }
    }

    /// What woke the board: only time can.
    #[pyfunction]
    fn wake_reason() -> i32 {
        if hardware::cause() == Cause::DeepSleep { TIMER_WAKE } else { 0 }
    }

    /// Sleeps; then the board begins again. Without a time it sleeps for ever.
    #[pyfunction]
    fn deepsleep(ms: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<()> {
        lightsleep(ms, vm)?;
        end(End::DeepSleep, vm)
    }

    #[pyfunction]
    #[pyfunction(name = "sleep")]
    fn lightsleep(ms: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<()> {
        let length = ms.into_option().map(|ms| Duration::from_millis(ms.try_into().unwrap_or(0)));
        let until = length.and_then(|length| Instant::now().checked_add(length));
        board().wait(vm, until, |_| None::<()>).map(drop)
    }

    /// Waits for the next interrupt, on a board at most for a tick of its clock.
    #[pyfunction]
    fn idle(vm: &VirtualMachine) -> PyResult<()> {
        board().wait(vm, Some(Instant::now() + Duration::from_millis(1)), |_| None::<()>).map(drop)
    }

    /// The clock's frequency; a new one changes nothing but what is said of it.
    #[pyfunction]
    fn freq(hertz: OptionalArg<u32>, vm: &VirtualMachine) -> PyResult {
        chip::frequency(hertz.into_option(), vm)
    }

    #[pyfunction]
    fn unique_id() -> Vec<u8> {
        let (maker, length) = board().profile.parts.id;
        let own = hardware::identity().to_be_bytes();
        maker.iter().chain(&own).take(length).copied().collect()
    }

    /// Holds callbacks off; what it gives is for `enable_irq`.
    #[pyfunction]
    fn disable_irq() -> bool {
        schedule::hold_off(true)
    }

    #[pyfunction]
    fn enable_irq(state: OptionalArg<bool>, vm: &VirtualMachine) -> PyResult<()> {
        schedule::hold_off(state.unwrap_or(false));
        board().attend(vm)
    }

    /// The length of the next pulse of that level: -2 when none begins in time, -1 when it does not end.
    #[pyfunction]
    fn time_pulse_us(pin: PyObjectRef, level: i32, timeout: OptionalArg<u64>, vm: &VirtualMachine) -> PyResult<i64> {
        chip::pulse(&pin, level, Duration::from_micros(timeout.unwrap_or(1_000_000)), vm)
    }

    /// Sends bits in pulses of two lengths, which is how a strip of lights is told its colours.
    #[pyfunction]
    fn bitstream(
        pin: PyObjectRef,
        _encoding: i32,
        _timing: PyObjectRef,
        data: PyObjectRef,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        chip::lights(&pin, &data, 3, vm)
    }

    /// What a DHT at a pin answers: five bytes, in the form of the DHT22, or of the DHT11 for our own driver's word.
    #[pyfunction]
    fn dht_readinto(
        pin: PyObjectRef,
        buffer: PyObjectRef,
        model: OptionalArg<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        chip::climate(&pin, &buffer, model.unwrap_or(22), vm)
    }

    /// For `neopixel`: a strip of which each light has so many bytes.
    #[pyfunction]
    fn _lights(pin: PyObjectRef, data: PyObjectRef, per_light: usize, vm: &VirtualMachine) -> PyResult<()> {
        chip::lights(&pin, &data, per_light, vm)
    }

    /// For `mpython`: the acceleration along an axis, in thousandths of g. A board lies flat until it is moved.
    #[pyfunction]
    fn _acceleration(axis: u8) -> i32 {
        let usual = if axis == 2 { 1000 } else { 0 };
        board().hardware(|hardware| hardware.measured(Sensor::Acceleration(axis))).unwrap_or(usual)
    }
}
