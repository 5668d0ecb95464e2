//! The module `time` of a board: seconds since the board's own epoch, ticks that wrap, sleeps that Ctrl-C ends.

pub(crate) use time::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod time {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use rustpython_vm::builtins::{PyFloat, PyInt};
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use crate::board::board;

    /// Ticks count modulo this, so that they fit a small int of a 32-bit board.
    const TICKS_PERIOD: i64 = 1 << 30;

    #[pyfunction]
    fn sleep(seconds: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let seconds = match seconds.downcast_ref::<PyFloat>() {
            Some(seconds) => seconds.to_f64(),
            None => int(&seconds, vm)? as f64,
        };
        // A negative sleep, and not-a-number, are over at once.
        pause(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX), vm)
    }

    #[pyfunction]
    fn sleep_ms(ms: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        pause(Duration::from_millis(int(&ms, vm)?.try_into().unwrap_or(0)), vm)
    }

    #[pyfunction]
    fn sleep_us(us: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        pause(Duration::from_micros(int(&us, vm)?.try_into().unwrap_or(0)), vm)
    }

    fn pause(length: Duration, vm: &VirtualMachine) -> PyResult<()> {
        // Beyond what the clock can say is for ever.
        let until = Instant::now().checked_add(length);
        board().wait(vm, until, |_| None::<()>).map(drop)
    }

    /// An int, and not a float: boards refuse `sleep_ms(1.5)`.
    fn int(value: &PyObjectRef, vm: &VirtualMachine) -> PyResult<i64> {
        match value.downcast_ref::<PyInt>() {
            Some(value) => value.try_to_primitive(vm),
            None => Err(vm.new_type_error(format!("can't convert {} to int", value.class().name()))),
        }
    }

    #[pyfunction]
    fn ticks_ms() -> i64 {
        wrapped(board().started.elapsed().as_millis())
    }

    #[pyfunction]
    fn ticks_us() -> i64 {
        wrapped(board().started.elapsed().as_micros())
    }

    #[pyfunction]
    fn ticks_cpu() -> i64 {
        ticks_us()
    }

    fn wrapped(ticks: u128) -> i64 {
        (ticks % TICKS_PERIOD as u128) as i64
    }

    #[pyfunction]
    fn ticks_add(ticks: i64, delta: i64) -> i64 {
        ticks.wrapping_add(delta).rem_euclid(TICKS_PERIOD)
    }

    /// The way from `before` to `after` along the ring, at most half of it in either direction.
    #[pyfunction]
    fn ticks_diff(after: i64, before: i64) -> i64 {
        const HALF: i64 = TICKS_PERIOD / 2;
        (after.wrapping_sub(before).wrapping_add(HALF)).rem_euclid(TICKS_PERIOD) - HALF
    }

    #[pyfunction]
    fn time() -> u64 {
        since_1970().as_secs().saturating_sub(board().profile.epoch)
    }

    #[pyfunction]
    fn time_ns() -> u128 {
        since_1970().saturating_sub(Duration::from_secs(board().profile.epoch)).as_nanos()
    }

    fn since_1970() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
