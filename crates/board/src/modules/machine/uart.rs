//! `machine.UART`: serial ports whose other end is the parent.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{Context, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use super::pin::pin_number;
use crate::board::board;
use crate::link::FromBoard;
use crate::modules::late::Late;
use crate::modules::{asked, with_bytes};

/// A serial port.
#[pyclass(module = "machine", name = "UART")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Uart {
    port: Late<u8>,
    settings: Mutex<Settings>,
}

#[derive(Clone, Debug)]
struct Settings {
    baudrate: i64,
    bits: i64,
    parity: Option<i64>,
    stop: i64,
    /// How long the first byte of a read may take.
    timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { baudrate: 115_200, bits: 8, parity: None, stop: 1, timeout: Duration::ZERO }
    }
}

impl Settings {
    /// Takes what is given. Buffers and flow control are accepted: the parent takes the bytes anyhow.
    fn change(&mut self, args: &FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let names = ["baudrate", "bits", "parity", "stop"];
        let by_place = names.iter().zip(args.args.iter().skip(1)).map(|(name, value)| ((*name).to_owned(), value));
        for (name, value) in by_place.chain(args.kwargs.iter().map(|(name, value)| (name.clone(), value))) {
            if vm.is_none(value) {
                self.parity = if name == "parity" { None } else { self.parity };
                continue;
            }
            let number = || value.try_to_value::<i64>(vm);
            match name.as_str() {
                "baudrate" => self.baudrate = number()?,
                "bits" | "stop" if number()? == 0 => {} // as it is
                "bits" => {
                    self.bits = within(number()?, 5..=8).ok_or_else(|| vm.new_value_error("invalid data bits"))?
                }
                "parity" => self.parity = Some(number()?),
                "stop" => {
                    self.stop = within(number()?, 1..=3).ok_or_else(|| vm.new_value_error("invalid stop bits"))?
                }
                "timeout" => self.timeout = Duration::from_millis(number()?.try_into().unwrap_or(0)),
                "tx" | "rx" | "rts" | "cts" => drop(pin_number(value, vm)?),
                "txbuf" | "rxbuf" | "timeout_char" | "invert" | "flow" | "id" => {}
                _ => return Err(vm.new_type_error("extra keyword arguments given")),
            }
        }
        Ok(())
    }
}

fn within(number: i64, range: RangeInclusive<i64>) -> Option<i64> {
    range.contains(&number).then_some(number)
}

impl DefaultConstructor for Uart {}

impl Initializer for Uart {
    type Args = FuncArgs;

    fn init(zelf: PyRef<Uart>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let id = args.args.first().cloned().or_else(|| args.get_optional_kwarg("id"));
        let id: i64 = id.ok_or_else(|| vm.new_type_error("a UART needs a number"))?.try_into_value(vm)?;
        // Port 0 is the console of most.
        let (ports, refusal) = board().profile.parts.uarts;
        let port = u8::try_from(id).ok().filter(|_| id < ports);
        let port = port.ok_or_else(|| vm.new_value_error(format!("UART({id}) {refusal}")))?;
        let mut settings = Settings::default();
        settings.change(&args, vm)?;
        zelf.port.set(port);
        *zelf.settings.lock() = settings;
        Ok(())
    }
}

impl Representable for Uart {
    fn repr_str(zelf: &Py<Uart>, vm: &VirtualMachine) -> PyResult<String> {
        let port = zelf.port.get(vm)?;
        let Settings { baudrate, bits, parity, stop, .. } = zelf.settings.lock().clone();
        let parity = parity.map_or_else(|| "None".to_owned(), |parity| parity.to_string());
        Ok(format!("UART({port}, baudrate={baudrate}, bits={bits}, parity={parity}, stop={stop})"))
    }
}

#[pyclass(with(Constructor, Initializer, Representable), flags(BASETYPE))]
impl Uart {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        let names = [("INV_TX", 4), ("INV_RX", 8), ("RTS", 1), ("CTS", 2), ("IRQ_RX", 1), ("IRQ_RXIDLE", 4)];
        for (name, value) in names {
            class.set_str_attr(name, ctx.new_int(value), ctx);
        }
    }

    /// `init(baudrate, ...)`, as the constructor after the port's number.
    #[pymethod(name = "init")]
    fn py_init(&self, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        args.prepend_arg(vm.ctx.none());
        self.settings.lock().change(&args, vm)
    }

    #[pymethod]
    fn deinit(&self) {}

    #[pymethod]
    fn any(&self, vm: &VirtualMachine) -> PyResult<usize> {
        let port = self.port.get(vm)?;
        Ok(board().hardware(|hardware| hardware.serial(port).len()))
    }

    #[pymethod]
    fn write(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        let bytes = with_bytes(&data, vm, <[u8]>::to_vec)?;
        let length = bytes.len();
        board().tell_event(FromBoard::Serial { port: self.port.get(vm)?, bytes });
        Ok(length)
    }

    /// What has arrived, at most `count` bytes; None when there is nothing within the timeout.
    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
        let most = asked::most(count);
        self.take(vm, |waiting| waiting.len().min(most))
    }

    #[pymethod]
    fn readline(&self, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
        let line = |waiting: &[u8]| waiting.iter().position(|byte| *byte == b'\n').map_or(waiting.len(), |at| at + 1);
        self.take(vm, line)
    }

    #[pymethod]
    fn readinto(
        &self,
        buffer: ArgMemoryBuffer,
        count: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult<Option<usize>> {
        asked::fill(&buffer, count, |most| self.take(vm, |waiting| waiting.len().min(most)))
    }

    fn take(&self, vm: &VirtualMachine, count: impl Fn(&[u8]) -> usize) -> PyResult<Option<Vec<u8>>> {
        let port = self.port.get(vm)?;
        let until = Instant::now() + self.settings.lock().timeout;
        board().wait(vm, Some(until), |state| {
            let waiting = state.hardware.serial(port);
            let count = count(waiting.make_contiguous());
            (count > 0).then(|| waiting.drain(..count).collect())
        })
    }

    #[pymethod]
    fn sendbreak(&self) {}

    #[pymethod]
    fn flush(&self) {}

    #[pymethod]
    fn txdone(&self) -> bool {
        true
    }
}
