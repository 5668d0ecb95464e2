//! `machine.PWM`: a square wave at a pin. The wave is the pin's, so that two objects for one pin show the same.

use rustpython_vm::function::OptionalArg;
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{FromArgs, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::pin::{check_drives, pin_number};
use crate::board::board;
use crate::hardware::Wave;
use crate::link::FromBoard;
use crate::modules::late::Late;

/// What an ESP32 begins with.
const USUAL: Wave = Wave { frequency: 5000, duty: 0x8000 };

const FASTEST: u32 = 40_000_000;

/// A wave at a pin.
#[pyclass(module = "machine", name = "PWM")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Pwm {
    pin: Late<u8>,
}

/// The duty in one of three units: of 1023, of 65535, in nanoseconds.
#[derive(FromArgs)]
struct WaveArgs {
    #[pyarg(any, optional)]
    freq: OptionalArg<i64>,
    #[pyarg(any, optional)]
    duty: OptionalArg<i64>,
    #[pyarg(named, optional)]
    duty_u16: OptionalArg<i64>,
    #[pyarg(named, optional)]
    duty_ns: OptionalArg<i64>,
    #[pyarg(named, optional)]
    #[expect(dead_code, reason = "accepted; the wave is shown as it is described")]
    invert: OptionalArg<PyObjectRef>,
    #[pyarg(named, optional)]
    #[expect(dead_code, reason = "accepted: CanMV's way to start")]
    enable: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct PwmArgs {
    #[pyarg(positional)]
    pin: PyObjectRef,
    #[pyarg(flatten)]
    wave: WaveArgs,
}

impl DefaultConstructor for Pwm {}

impl Initializer for Pwm {
    type Args = PwmArgs;

    fn init(zelf: PyRef<Pwm>, args: PwmArgs, vm: &VirtualMachine) -> PyResult<()> {
        let pin = pin_number(&args.pin, vm)?;
        check_drives(pin, vm)?;
        let wave = changed(pin, &args.wave, vm)?;
        zelf.pin.set(pin);
        zelf.set(Some(wave), vm)
    }
}

impl Representable for Pwm {
    fn repr_str(zelf: &Py<Pwm>, vm: &VirtualMachine) -> PyResult<String> {
        let pin = zelf.pin.get(vm)?;
        Ok(match wave(pin) {
            Some(wave) => format!("PWM(Pin({pin}), freq={}, duty={})", wave.frequency, wave.duty >> 6),
            None => format!("PWM(Pin({pin}))"),
        })
    }
}

fn wave(pin: u8) -> Option<Wave> {
    board().pin(pin, |pin| pin.wave)
}

/// The wave at a pin as it would be.
fn changed(pin: u8, args: &WaveArgs, vm: &VirtualMachine) -> PyResult<Wave> {
    let mut wave = wave(pin).unwrap_or(USUAL);
    if let OptionalArg::Present(hertz) = args.freq {
        wave.frequency = u32::try_from(hertz)
            .ok()
            .filter(|hertz| (1..=FASTEST).contains(hertz))
            .ok_or_else(|| vm.new_value_error("frequency must be from 1Hz to 40MHz"))?;
    }
    let within = |value: i64, most: i64, what: &str| match (0..=most).contains(&value) {
        true => Ok(value),
        false => Err(vm.new_value_error(format!("{what} must be from 0 to {most}"))),
    };
    if let OptionalArg::Present(duty) = args.duty {
        // 1023, and 1024 too, is always high.
        let steps = within(duty, 1024, "duty")?.min(1023);
        wave.duty = u16::try_from(steps * 0xffff / 1023).unwrap_or(u16::MAX);
    }
    if let OptionalArg::Present(duty) = args.duty_u16 {
        wave.duty = u16::try_from(within(duty, 0xffff, "duty_u16")?).unwrap_or(u16::MAX);
    }
    if let OptionalArg::Present(ns) = args.duty_ns {
        let period = 1_000_000_000 / i64::from(wave.frequency);
        let part = within(ns, period, "duty_ns")? * 0xffff / period.max(1);
        wave.duty = u16::try_from(part).unwrap_or(u16::MAX);
    }
    Ok(wave)
}

#[pyclass(with(Constructor, Initializer, Representable), flags(BASETYPE))]
impl Pwm {
    fn change(&self, args: &WaveArgs, vm: &VirtualMachine) -> PyResult<()> {
        let wave = changed(self.pin.get(vm)?, args, vm)?;
        self.set(Some(wave), vm)
    }

    fn set(&self, wave: Option<Wave>, vm: &VirtualMachine) -> PyResult<()> {
        let number = self.pin.get(vm)?;
        let before = board().pin(number, |pin| std::mem::replace(&mut pin.wave, wave));
        if before != wave {
            let Wave { frequency, duty } = wave.unwrap_or(Wave { frequency: 0, duty: 0 });
            board().tell_event(FromBoard::Pwm { pin: number, frequency, duty });
        }
        Ok(())
    }

    #[pymethod(name = "init")]
    fn py_init(&self, args: WaveArgs, vm: &VirtualMachine) -> PyResult<()> {
        self.change(&args, vm)
    }

    #[pymethod]
    fn deinit(&self, vm: &VirtualMachine) -> PyResult<()> {
        self.set(None, vm)
    }

    #[pymethod]
    fn freq(&self, hertz: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult {
        self.ask_or_set(hertz, |wave| i64::from(wave.frequency), |args, hertz| args.freq = hertz, vm)
    }

    #[pymethod]
    fn duty(&self, duty: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult {
        self.ask_or_set(duty, |wave| i64::from(wave.duty >> 6), |args, duty| args.duty = duty, vm)
    }

    #[pymethod]
    fn duty_u16(&self, duty: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult {
        self.ask_or_set(duty, |wave| i64::from(wave.duty), |args, duty| args.duty_u16 = duty, vm)
    }

    #[pymethod]
    fn duty_ns(&self, ns: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult {
        let ask = |wave: Wave| i64::from(wave.duty) * (1_000_000_000 / i64::from(wave.frequency.max(1))) / 0xffff;
        self.ask_or_set(ns, ask, |args, ns| args.duty_ns = ns, vm)
    }

    fn ask_or_set(
        &self,
        value: OptionalArg<i64>,
        ask: impl Fn(Wave) -> i64,
        set: impl Fn(&mut WaveArgs, OptionalArg<i64>),
        vm: &VirtualMachine,
    ) -> PyResult {
        if value.is_missing() {
            return Ok(vm.ctx.new_int(wave(self.pin.get(vm)?).map_or(0, ask)).into());
        }
        let missing = OptionalArg::Missing;
        let mut args = WaveArgs {
            freq: missing,
            duty: missing,
            duty_u16: missing,
            duty_ns: missing,
            invert: OptionalArg::Missing,
            enable: OptionalArg::Missing,
        };
        set(&mut args, value);
        self.change(&args, vm).map(|()| vm.ctx.none())
    }
}
