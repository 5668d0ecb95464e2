//! `machine.Pin`, `Signal` and `PinBase`.
//!
//! What a number of a constant means is the board's own (`parts`); what levels mean, `hardware`'s.

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyStr, PyType};
use rustpython_vm::function::{FuncArgs, IntoFuncArgs, OptionalArg};
use rustpython_vm::types::{Callable, Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{
    AsObject, Context, FromArgs, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass,
};

use crate::board::board;
use crate::hardware::Watch;
use crate::modules::late::Late;
use crate::modules::schedule;
use crate::parts::LIGHT;

/// What pins made by a program may be derived from.
#[pyclass(module = "machine", name = "PinBase")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct PinBase;

impl DefaultConstructor for PinBase {}

impl Initializer for PinBase {
    type Args = FuncArgs;

    fn init(_zelf: PyRef<Self>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<()> {
        Ok(())
    }
}

#[pyclass(flags(BASETYPE, HAS_DICT), with(Constructor, Initializer))]
impl PinBase {}

/// One of the board's pins. Two objects with one number are one pin, as on the board.
#[pyclass(module = "machine", name = "Pin")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Pin {
    number: Late<u8>,
}

/// How a pin is set up; what is not given stays as it is.
#[derive(FromArgs)]
struct Setup {
    #[pyarg(any, optional)]
    mode: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    pull: OptionalArg<PyObjectRef>,
    // CanMV takes it by its place.
    #[pyarg(any, optional)]
    value: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    #[expect(dead_code, reason = "accepted; how strongly a pin drives is seen only by a circuit")]
    drive: OptionalArg<PyObjectRef>,
    #[pyarg(named, optional)]
    #[expect(dead_code, reason = "accepted; a virtual pin does not float in a sleep")]
    hold: OptionalArg<PyObjectRef>,
    #[pyarg(named, optional)]
    #[expect(dead_code, reason = "accepted; there is no other function")]
    alt: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct PinArgs {
    #[pyarg(positional)]
    id: PyObjectRef,
    #[pyarg(flatten)]
    setup: Setup,
}

#[derive(FromArgs)]
struct IrqArgs {
    #[pyarg(any, optional)]
    handler: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    trigger: OptionalArg<i32>,
    #[pyarg(any, optional)]
    #[expect(dead_code, reason = "accepted; a virtual board sleeps lightly enough")]
    wake: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    #[expect(dead_code, reason = "accepted; all handlers run between bytecodes")]
    hard: OptionalArg<PyObjectRef>,
}

fn constant(name: &str) -> Option<i32> {
    board().profile.parts.pin_constant(name)
}

/// The number of what a program gives for a pin: a number, a name, or a pin.
pub(crate) fn pin_number(id: &PyObject, vm: &VirtualMachine) -> PyResult<u8> {
    if let Some(pin) = id.downcast_ref::<Pin>() {
        return pin.number.get(vm);
    }
    let profile = board().profile;
    let number = match id.downcast_ref::<PyStr>() {
        Some(name) => {
            let name = name.to_string_lossy();
            let known = profile.parts.pin_names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
            let prefixes = profile.parts.pin_prefixes.iter();
            let numbered = || prefixes.filter_map(|prefix| name.strip_prefix(prefix)?.parse().ok()).find(exists);
            known.or_else(numbered)
        }
        None => u8::try_from(id.try_to_value::<i64>(vm)?).ok().filter(exists),
    };
    number.ok_or_else(|| vm.new_value_error("invalid pin"))
}

/// An error for a pin that cannot drive.
pub(crate) fn check_drives(number: u8, vm: &VirtualMachine) -> PyResult<()> {
    match board().profile.parts.inputs.contains(&number) {
        true => Err(vm.new_value_error("pin can only be input")),
        false => Ok(()),
    }
}

fn exists(number: &u8) -> bool {
    board().profile.pins.contains(number)
}

impl DefaultConstructor for Pin {}

impl Initializer for Pin {
    type Args = PinArgs;

    fn init(zelf: PyRef<Pin>, args: PinArgs, vm: &VirtualMachine) -> PyResult<()> {
        zelf.number.set(pin_number(&args.id, vm)?);
        zelf.set_up(&args.setup, vm)
    }
}

impl Callable for Pin {
    type Args = (OptionalArg<PyObjectRef>,);

    fn call(zelf: &Py<Pin>, (value,): Self::Args, vm: &VirtualMachine) -> PyResult {
        zelf.value(value, vm)
    }
}

impl Representable for Pin {
    fn repr_str(zelf: &Py<Pin>, vm: &VirtualMachine) -> PyResult<String> {
        let number = zelf.number.get(vm)?;
        if board().profile.name != "rp2" {
            return Ok(format!("Pin({number})"));
        }
        let mode = board().pin(number, |pin| match (pin.output, pin.open_drain) {
            (false, _) => "IN",
            (true, false) => "OUT",
            (true, true) => "OPEN_DRAIN",
        });
        Ok(match number {
            LIGHT => format!("Pin(EXT_GPIO0, mode={mode})"),
            number => format!("Pin(GPIO{number}, mode={mode})"),
        })
    }
}

#[pyclass(with(Constructor, Initializer, Callable, Representable), flags(BASETYPE))]
impl Pin {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        for (name, value) in board().profile.parts.pin {
            class.set_str_attr(name, ctx.new_int(*value), ctx);
        }
    }

    /// A mode of -1 or None, and what is not given, change nothing.
    fn set_up(&self, setup: &Setup, vm: &VirtualMachine) -> PyResult<()> {
        let number = self.number.get(vm)?;
        let given =
            |argument: &OptionalArg<PyObjectRef>| argument.as_option().filter(|object| !vm.is_none(object)).cloned();
        let mode = given(&setup.mode).map(|mode| mode.try_into_value::<i32>(vm)).transpose()?.filter(|&mode| mode >= 0);
        let pull =
            setup.pull.as_option().map(|pull| if vm.is_none(pull) { Ok(0) } else { pull.clone().try_into_value(vm) });
        let pull: Option<i32> = pull.transpose()?.filter(|&pull| pull >= 0);
        let value = given(&setup.value).map(|value| value.try_to_bool(vm)).transpose()?;
        if mode.is_some_and(|mode| Some(mode) != constant("IN")) {
            check_drives(number, vm)?;
        }
        board().pin(number, |pin| {
            pin.driven = value.unwrap_or(pin.driven);
            if let Some(pull) = pull {
                pin.pulled = Some(pull) == constant("PULL_UP");
            }
            if let Some(mode) = mode {
                pin.output = Some(mode) != constant("IN");
                pin.open_drain = Some(mode) == constant("OPEN_DRAIN");
                pin.wave = None;
            }
        });
        Ok(())
    }

    #[pymethod]
    fn init(&self, setup: Setup, vm: &VirtualMachine) -> PyResult<()> {
        self.set_up(&setup, vm)
    }

    #[pymethod]
    fn value(&self, value: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        if let OptionalArg::Present(value) = value {
            self.drive(value.try_to_bool(vm)?, vm)?;
            return Ok(vm.ctx.none());
        }
        let high = board().pin(self.number.get(vm)?, |pin| pin.level());
        Ok(vm.ctx.new_int(i32::from(high)).into())
    }

    #[pymethod]
    #[pymethod(name = "high")]
    fn on(&self, vm: &VirtualMachine) -> PyResult<()> {
        self.drive(true, vm)
    }

    #[pymethod]
    #[pymethod(name = "low")]
    fn off(&self, vm: &VirtualMachine) -> PyResult<()> {
        self.drive(false, vm)
    }

    #[pymethod]
    fn toggle(&self, vm: &VirtualMachine) -> PyResult<()> {
        board().pin(self.number.get(vm)?, |pin| pin.driven = !pin.driven);
        Ok(())
    }

    fn drive(&self, high: bool, vm: &VirtualMachine) -> PyResult<()> {
        board().pin(self.number.get(vm)?, |pin| pin.driven = high);
        Ok(())
    }

    /// Has `handler(pin)` run between bytecodes when the outside changes the level.
    #[pymethod]
    fn irq(zelf: PyRef<Self>, args: IrqArgs, vm: &VirtualMachine) -> PyResult<PyRef<Irq>> {
        let number = zelf.number.get(vm)?;
        let both = constant("IRQ_RISING").unwrap_or(1) | constant("IRQ_FALLING").unwrap_or(2);
        let trigger = args.trigger.unwrap_or(both);
        let has = |name| constant(name).is_some_and(|bit| trigger & bit != 0);
        let handler = args.handler.into_option().filter(|handler| !vm.is_none(handler));
        let watch = handler.map(|handler| Watch {
            callback: schedule::keep_ready(handler, zelf.into()),
            rising: has("IRQ_RISING"),
            falling: has("IRQ_FALLING"),
        });
        let before = board().pin(number, |pin| std::mem::replace(&mut pin.watch, watch));
        if let Some(before) = before {
            schedule::forget(before.callback);
        }
        Ok(Irq::make(trigger, vm))
    }
}

/// What `Pin.irq` gives.
#[pyclass(module = "machine", name = "irq")]
#[derive(Debug, PyPayload)]
pub(crate) struct Irq {
    trigger: i32,
}

#[pyclass]
impl Irq {
    fn make(trigger: i32, vm: &VirtualMachine) -> PyRef<Irq> {
        use rustpython_vm::class::PyClassImpl;
        Irq::make_static_type();
        Irq { trigger }.into_ref(&vm.ctx)
    }

    #[pymethod]
    fn flags(&self) -> i32 {
        self.trigger
    }

    #[pymethod]
    fn trigger(&self) -> i32 {
        self.trigger
    }
}

/// A pin that is on when its level is high, or low when it is inverted.
#[pyclass(module = "machine", name = "Signal")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Signal {
    pin: Late<PyObjectRef>,
    inverted: Mutex<bool>,
}

impl DefaultConstructor for Signal {}

impl Initializer for Signal {
    type Args = FuncArgs;

    /// Around a pin, or with the arguments of a pin.
    fn init(zelf: PyRef<Signal>, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let inverted = match args.take_keyword("invert") {
            Some(invert) => invert.try_to_bool(vm)?,
            None => false,
        };
        let first = args.args.first().ok_or_else(|| vm.new_type_error("a Signal needs a pin"))?;
        let is_pin = first.downcast_ref::<PyStr>().is_none() && first.try_to_value::<i64>(vm).is_err();
        let pin = if is_pin {
            first.clone()
        } else {
            use rustpython_vm::class::StaticType;
            Pin::static_type().as_object().call(args, vm)?
        };
        *zelf.inverted.lock() = inverted;
        zelf.pin.set(pin);
        Ok(())
    }
}

impl Callable for Signal {
    type Args = (OptionalArg<PyObjectRef>,);

    fn call(zelf: &Py<Signal>, (value,): Self::Args, vm: &VirtualMachine) -> PyResult {
        zelf.value(value, vm)
    }
}

#[pyclass(with(Constructor, Initializer, Callable), flags(BASETYPE))]
impl Signal {
    #[pymethod]
    fn value(&self, value: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        let inverted = *self.inverted.lock();
        match value {
            OptionalArg::Present(value) => self.set(value.try_to_bool(vm)?, vm),
            OptionalArg::Missing => {
                let level = self.ask((), vm)?.try_to_bool(vm)?;
                Ok(vm.ctx.new_int(i32::from(level != inverted)).into())
            }
        }
    }

    fn set(&self, on: bool, vm: &VirtualMachine) -> PyResult {
        let level = i32::from(on != *self.inverted.lock());
        self.ask((level,), vm)
    }

    /// Its pin, which may be a Signal too, and at last this one.
    fn ask(&self, args: impl IntoFuncArgs, vm: &VirtualMachine) -> PyResult {
        let pin = self.pin.get(vm)?;
        vm.with_recursion("", || vm.call_method(&pin, "value", args))
    }

    #[pymethod]
    fn on(&self, vm: &VirtualMachine) -> PyResult {
        self.set(true, vm)
    }

    #[pymethod]
    fn off(&self, vm: &VirtualMachine) -> PyResult {
        self.set(false, vm)
    }
}
