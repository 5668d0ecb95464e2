//! The module `machine`: pins so far. Their levels are shown and set by the parent, over the link.

pub(crate) use machine::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod machine {
    use rustpython_vm::builtins::PyType;
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::types::{Callable, Constructor, Representable};
    use rustpython_vm::{Context, FromArgs, Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

    use crate::board::board;
    use crate::link::End;

    /// Ends the program; the interpreter begins again, with empty globals.
    #[pyfunction]
    fn soft_reset(vm: &VirtualMachine) -> PyResult<()> {
        board().reset(End::SoftReset);
        board().attend(vm)
    }

    /// Ends the program; the whole board begins again.
    #[pyfunction]
    fn reset(vm: &VirtualMachine) -> PyResult<()> {
        board().reset(End::HardReset);
        board().attend(vm)
    }

    /// One of the board's pins. Two objects with one number are one pin, as on the board.
    #[pyattr]
    #[pyclass(name = "Pin")]
    #[derive(Debug, PyPayload)]
    struct Pin {
        number: u8,
    }

    const IN: i32 = 1;
    /// `mode` was not given: the pin stays as it is.
    const UNCHANGED: i32 = -1;

    #[derive(FromArgs)]
    struct PinArgs {
        #[pyarg(positional)]
        id: i64,
        #[pyarg(any, default = UNCHANGED)]
        mode: i32,
        #[pyarg(any, optional)]
        #[expect(dead_code, reason = "accepted; a pull is seen only by a circuit")]
        pull: OptionalArg<PyObjectRef>,
        #[pyarg(named, optional)]
        value: OptionalArg<PyObjectRef>,
    }

    impl Constructor for Pin {
        type Args = PinArgs;

        fn py_new(_class: &Py<PyType>, args: PinArgs, vm: &VirtualMachine) -> PyResult<Pin> {
            let number = u8::try_from(args.id).ok().filter(|number| board().profile.pins.contains(number));
            let number = number.ok_or_else(|| vm.new_value_error("invalid pin"))?;
            let value = match args.value {
                OptionalArg::Present(value) => Some(value.try_to_bool(vm)?),
                OptionalArg::Missing => None,
            };
            board().pin(number, |pin| {
                if args.mode != UNCHANGED {
                    pin.output = args.mode != IN;
                }
                pin.driven = value.unwrap_or(pin.driven);
            });
            Ok(Pin { number })
        }
    }

    impl Callable for Pin {
        type Args = (OptionalArg<PyObjectRef>,);

        fn call(zelf: &Py<Pin>, (value,): Self::Args, vm: &VirtualMachine) -> PyResult {
            zelf.value(value, vm)
        }
    }

    impl Representable for Pin {
        fn repr_str(zelf: &Py<Pin>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!("Pin({})", zelf.number))
        }
    }

    #[pyclass(with(Constructor, Callable, Representable))]
    impl Pin {
        #[extend_class]
        fn constants(ctx: &Context, class: &'static Py<PyType>) {
            for (name, value) in [("IN", IN), ("OUT", 3), ("OPEN_DRAIN", 7), ("PULL_DOWN", 1), ("PULL_UP", 2)] {
                class.set_str_attr(name, ctx.new_int(value), ctx);
            }
        }

        #[pymethod]
        fn value(&self, value: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
            if let OptionalArg::Present(value) = value {
                let high = value.try_to_bool(vm)?;
                board().pin(self.number, |pin| pin.driven = high);
                return Ok(vm.ctx.none());
            }
            let high = board().pin(self.number, |pin| if pin.output { pin.driven } else { pin.given });
            Ok(vm.ctx.new_int(i32::from(high)).into())
        }

        #[pymethod]
        fn on(&self) {
            board().pin(self.number, |pin| pin.driven = true);
        }

        #[pymethod]
        fn off(&self) {
            board().pin(self.number, |pin| pin.driven = false);
        }

        #[pymethod]
        fn toggle(&self) {
            board().pin(self.number, |pin| pin.driven = !pin.driven);
        }
    }
}
