//! The module `time` of a board: seconds since the board's own epoch, ticks that wrap, sleeps that Ctrl-C ends.

pub(crate) use time::{module_def, of_micropython};

use rustpython_vm::pymodule;

#[pymodule]
mod time {
    use std::time::{Duration, Instant};

    use rustpython_vm::builtins::{PyFloat, PyInt};
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use crate::board::board;

    /// Ticks count modulo this, so that they fit a small int of a 32-bit board.
    const TICKS_PERIOD: i64 = 1 << 30;

    #[pyfunction]
    fn sleep(seconds: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let seconds = match seconds.downcast_ref::<PyFloat>() {
            Some(seconds) => seconds.to_f64(),
            None => int(&seconds, vm, "float")? as f64,
        };
        // A negative sleep, and not-a-number, are over at once.
        pause(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX), vm)
    }

    #[pyfunction]
    fn sleep_ms(ms: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        pause(Duration::from_millis(int(&ms, vm, "int")?.try_into().unwrap_or(0)), vm)
    }

    #[pyfunction]
    fn sleep_us(us: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        pause(Duration::from_micros(int(&us, vm, "int")?.try_into().unwrap_or(0)), vm)
    }

    fn pause(length: Duration, vm: &VirtualMachine) -> PyResult<()> {
        // Beyond what the clock can say is for ever.
        let until = Instant::now().checked_add(length);
        board().wait(vm, until, |_| None::<()>).map(drop)
    }

    /// An int, and not a float: boards refuse `sleep_ms(1.5)`. What it is not, is said of the class that was `wanted`.
    fn int(value: &PyObjectRef, vm: &VirtualMachine, wanted: &str) -> PyResult<i64> {
        match value.downcast_ref::<PyInt>() {
            Some(value) => value.try_to_primitive(vm),
            None => Err(vm.new_type_error(format!("can't convert {} to {wanted}", value.class().name()))),
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

    /// What CPython's module of that name lacks, for programs that were written for both.
    pub(crate) fn of_micropython(name: &str, vm: &VirtualMachine) -> Option<PyObjectRef> {
        Some(match name {
            "sleep_ms" => vm.new_function("sleep_ms", sleep_ms).into(),
            "sleep_us" => vm.new_function("sleep_us", sleep_us).into(),
            "ticks_ms" => vm.new_function("ticks_ms", ticks_ms).into(),
            "ticks_us" => vm.new_function("ticks_us", ticks_us).into(),
            "ticks_cpu" => vm.new_function("ticks_cpu", ticks_cpu).into(),
            "ticks_add" => vm.new_function("ticks_add", ticks_add).into(),
            "ticks_diff" => vm.new_function("ticks_diff", ticks_diff).into(),
            _ => return None,
        })
    }

    fn wrapped(ticks: u128) -> i64 {
        (ticks % TICKS_PERIOD as u128) as i64
    }

    #[pyfunction]
    fn ticks_add(ticks: i64, delta: i64, vm: &VirtualMachine) -> PyResult<i64> {
        // A step that `ticks_diff` could not find again.
        if delta.unsigned_abs() >= TICKS_PERIOD as u64 / 2 {
            return Err(vm.new_overflow_error("ticks interval overflow"));
        }
        Ok(ticks.wrapping_add(delta).rem_euclid(TICKS_PERIOD))
    }

    /// The way from `before` to `after` along the ring, at most half of it in either direction.
    #[pyfunction]
    fn ticks_diff(after: i64, before: i64) -> i64 {
        const HALF: i64 = TICKS_PERIOD / 2;
        (after.wrapping_sub(before).wrapping_add(HALF)).rem_euclid(TICKS_PERIOD) - HALF
    }

    const DAY: i64 = 86_400;

    /// `(year, month, day, hour, minute, second, weekday, day of the year)`; a board knows no time zones.
    #[pyfunction]
    #[pyfunction(name = "gmtime")]
    fn localtime(seconds: OptionalArg<Option<i64>>, vm: &VirtualMachine) -> PyResult {
        let epoch = i64::try_from(board().profile.epoch).unwrap_or(0);
        let seconds = seconds.flatten().unwrap_or_else(|| i64::try_from(time()).unwrap_or(0));
        let since_1970 = seconds.checked_add(epoch).filter(|seconds| seconds.abs() < 1 << 40);
        let since_1970 =
            since_1970.ok_or_else(|| vm.new_overflow_error("overflow converting long int to machine word"))?;
        let (days, second) = (since_1970.div_euclid(DAY), since_1970.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let weekday = (days + 3).rem_euclid(7);
        let of_year = days - days_before(year, 1, 1) + 1;
        let fields = [year, month, day, second / 3600, second / 60 % 60, second % 60, weekday, of_year];
        Ok(vm.ctx.new_tuple(fields.map(|field| vm.ctx.new_int(field).into()).to_vec()).into())
    }

    /// The other way; fields beyond their range carry over.
    #[pyfunction]
    fn mktime(fields: PyObjectRef, vm: &VirtualMachine) -> PyResult<i64> {
        let fields: Vec<PyObjectRef> = vm.extract_elements_with(&fields, Ok)?;
        if fields.len() < 8 || fields.len() > 9 {
            return Err(vm.new_type_error("mktime needs a tuple of length 8 or 9"));
        }
        let mut numbers = [0; 6];
        for (number, field) in numbers.iter_mut().zip(&fields) {
            *number = int(field, vm, "int")?;
            if number.unsigned_abs() > u64::from(u32::MAX) {
                return Err(vm.new_overflow_error("overflow converting long int to machine word"));
            }
        }
        let [year, month, day, hour, minute, second] = numbers;
        let days = days_before(year, month, day);
        Ok(days * DAY + hour * 3600 + minute * 60 + second - i64::try_from(board().profile.epoch).unwrap_or(0))
    }

    /// Days from 1970 to a date of the Gregorian calendar. Years begin in March here: the day that comes and goes is
    /// the last one then.
    fn days_before(year: i64, month: i64, day: i64) -> i64 {
        let months = year * 12 + month - 3;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
        let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970
    }

    /// From the first of March of the year 0 to 1970.
    const DAYS_TO_1970: i64 = 719_468;

    /// The date, so many days from 1970.
    fn date(days: i64) -> (i64, i64, i64) {
        const IN_400_YEARS: i64 = 146_097;
        let days = days + DAYS_TO_1970;
        let (cycle, day) = (days.div_euclid(IN_400_YEARS), days.rem_euclid(IN_400_YEARS));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        (cycle * 400 + year + i64::from(month <= 2), month, day)
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
        board().hardware(|hardware| hardware.since_1970())
    }
}
