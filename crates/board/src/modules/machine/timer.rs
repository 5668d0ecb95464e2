//! `machine.Timer` and `machine.WDT`: alarms of the board's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyFloat, PyType};
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{Context, FromArgs, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use crate::board::board;
use crate::hardware::{Alarm, AlarmKey, Due};
use crate::modules::late::Late;
use crate::modules::schedule::{self, Token};

const ONE_SHOT: i32 = 0;
const PERIODIC: i32 = 1;

/// Virtual timers are numbered from here on; each object is one of its own.
static NEXT_VIRTUAL: AtomicU64 = AtomicU64::new(1 << 32);

/// No timer is faster: callbacks would leave no time for the program.
const SHORTEST: Duration = Duration::from_micros(100);

/// A timer of the chip, or a virtual one.
#[pyclass(module = "machine", name = "Timer")]
#[derive(Debug, Default, PyPayload)]
pub(crate) struct Timer {
    which: Late<Which>,
    running: Mutex<Running>,
}

/// Its number as the program gave it, -1 for a virtual one, and what the board's alarms know it by.
#[derive(Clone, Copy, Debug)]
struct Which {
    id: i64,
    key: u64,
}

#[derive(Debug, Default)]
struct Running {
    mode: i32,
    period: Duration,
    callback: Option<Token>,
}

#[derive(FromArgs)]
pub(crate) struct TimerArgs {
    #[pyarg(any, default = PERIODIC)]
    mode: i32,
    #[pyarg(any, optional)]
    period: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    callback: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    freq: OptionalArg<PyObjectRef>,
    #[pyarg(named, optional)]
    tick_hz: OptionalArg<u64>,
    #[pyarg(named, optional)]
    arg: OptionalArg<PyObjectRef>,
    #[pyarg(named, optional)]
    #[expect(dead_code, reason = "accepted; all callbacks run between bytecodes")]
    hard: OptionalArg<PyObjectRef>,
}

impl TimerArgs {
    fn period(&self, vm: &VirtualMachine) -> PyResult<Option<Duration>> {
        let number = |object: &PyObjectRef| match object.downcast_ref::<PyFloat>() {
            Some(float) => Ok(float.to_f64()),
            None => object.try_to_value::<i64>(vm).map(|int| int as f64),
        };
        let given = |argument: &OptionalArg<PyObjectRef>| argument.as_option().map(number).transpose();
        let ticks_a_second = self.tick_hz.unwrap_or(1000).max(1) as f64;
        let seconds = match (given(&self.freq)?, given(&self.period)?) {
            (Some(freq), _) if freq > 0.0 => Some(1.0 / freq),
            (_, Some(period)) if period >= 0.0 => Some(period / ticks_a_second),
            _ => None,
        };
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).max(SHORTEST)))
    }
}

impl DefaultConstructor for Timer {}

impl Initializer for Timer {
    type Args = FuncArgs;

    /// `Timer(0, period=...)` starts; `Timer(0)` alone does not touch one that runs.
    fn init(zelf: PyRef<Self>, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let id = match args.take_keyword("id").or_else(|| args.take_positional()) {
            Some(id) => id.try_into_value(vm)?,
            None => -1,
        };
        let before = zelf.which.get(vm).ok();
        let key = match (u64::try_from(id), before) {
            (_, Some(before)) if before.id == id => before.key,
            (Ok(key), _) if board().profile.parts.timers.contains(&id) => key,
            (Err(_), _) if id == -1 => NEXT_VIRTUAL.fetch_add(1, Ordering::Relaxed),
            _ => return Err(vm.new_value_error(format!("Timer({id}) doesn't exist"))),
        };
        if before.is_some_and(|before| before.id != id) && zelf.running.lock().callback.is_some() {
            zelf.deinit(vm)?; // a second `__init__`, for another timer
        }
        zelf.which.set(Which { id, key });
        if args.is_empty() {
            return Ok(());
        }
        let args = args.bind(vm)?;
        Timer::start(zelf, &args, vm)
    }
}

impl Representable for Timer {
    fn repr_str(zelf: &Py<Timer>, vm: &VirtualMachine) -> PyResult<String> {
        let id = zelf.which.get(vm)?.id;
        let running = zelf.running.lock();
        let mode = if running.mode == ONE_SHOT { "ONE_SHOT" } else { "PERIODIC" };
        Ok(format!("Timer({id}, mode={mode}, period={})", running.period.as_millis()))
    }
}

#[pyclass(with(Constructor, Initializer, Representable), flags(BASETYPE))]
impl Timer {
    #[extend_class]
    fn constants(ctx: &Context, class: &'static Py<PyType>) {
        class.set_str_attr("ONE_SHOT", ctx.new_int(ONE_SHOT), ctx);
        class.set_str_attr("PERIODIC", ctx.new_int(PERIODIC), ctx);
    }

    #[pymethod(name = "init")]
    fn py_init(zelf: PyRef<Self>, args: TimerArgs, vm: &VirtualMachine) -> PyResult<()> {
        Timer::start(zelf, &args, vm)
    }

    fn start(zelf: PyRef<Self>, args: &TimerArgs, vm: &VirtualMachine) -> PyResult<()> {
        zelf.deinit(vm)?;
        let period = args.period(vm)?.unwrap_or(Duration::MAX);
        let function = args.callback.as_option().filter(|function| !vm.is_none(function)).cloned();
        // What CanMV's `arg` is for; elsewhere the callback gets the timer.
        let argument = args.arg.as_option().cloned().unwrap_or_else(|| zelf.clone().into());
        let callback = function.map(|function| schedule::keep_ready(function, argument));
        *zelf.running.lock() = Running { mode: args.mode, period, callback };
        let (Some(callback), Some(at)) = (callback, Instant::now().checked_add(period)) else { return Ok(()) };
        let every = (args.mode != ONE_SHOT).then_some(period);
        let alarm = Alarm { at, every, due: Due::Callback(callback) };
        let key = zelf.alarm_key(vm)?;
        board().hardware(|hardware| hardware.set_alarm(key, alarm));
        Ok(())
    }

    fn alarm_key(&self, vm: &VirtualMachine) -> PyResult<AlarmKey> {
        Ok(AlarmKey::Timer(self.which.get(vm)?.key))
    }

    #[pymethod]
    fn deinit(&self, vm: &VirtualMachine) -> PyResult<()> {
        let key = self.alarm_key(vm)?;
        board().hardware(|hardware| hardware.stop_alarm(key));
        if let Some(callback) = self.running.lock().callback.take() {
            schedule::forget(callback);
        }
        Ok(())
    }
}

/// The watchdog: once made, it resets the board when nobody feeds it.
#[pyclass(module = "machine", name = "WDT")]
#[derive(Debug, PyPayload)]
pub(crate) struct Watchdog {
    timeout: Duration,
}

#[derive(FromArgs)]
pub(crate) struct WatchdogArgs {
    #[pyarg(any, default = 0)]
    id: i32,
    #[pyarg(any, default = 5000)]
    timeout: i64,
}

impl Constructor for Watchdog {
    type Args = WatchdogArgs;

    fn py_new(_class: &Py<PyType>, args: WatchdogArgs, vm: &VirtualMachine) -> PyResult<Watchdog> {
        if args.id != 0 {
            return Err(vm.new_value_error(format!("WDT({}) doesn't exist", args.id)));
        }
        let timeout = u64::try_from(args.timeout).ok().filter(|&ms| ms > 0);
        let timeout = timeout.ok_or_else(|| vm.new_value_error("WDT timeout too short"))?;
        if let Some(longest) = board().profile.parts.watchdog.filter(|longest| args.timeout > *longest) {
            return Err(vm.new_value_error(format!("timeout exceeds {longest}")));
        }
        let watchdog = Watchdog { timeout: Duration::from_millis(timeout) };
        watchdog.feed();
        Ok(watchdog)
    }
}

#[pyclass(with(Constructor))]
impl Watchdog {
    #[pymethod]
    fn feed(&self) {
        if let Some(at) = Instant::now().checked_add(self.timeout) {
            let alarm = Alarm { at, every: None, due: Due::Watchdog };
            board().hardware(|hardware| hardware.set_alarm(AlarmKey::Watchdog, alarm));
        }
    }
}
