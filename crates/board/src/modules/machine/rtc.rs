//! `machine.RTC`: the board's clock, by the calendar. `time` shows the same clock.

use parking_lot::Mutex;
use rustpython_vm::builtins::PyType;
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::Constructor;
use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

use crate::board::board;
use crate::modules::with_bytes;

/// Bytes of an ESP32's memory that stays powered.
const MEMORY: usize = 2048;

const DAY: i64 = 86_400;

/// The one clock, whichever object stands for it.
#[pyclass(module = "machine", name = "RTC")]
#[derive(Debug, PyPayload)]
pub(crate) struct Rtc;

static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl Constructor for Rtc {
    type Args = FuncArgs;

    fn py_new(_class: &Py<PyType>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<Rtc> {
        Ok(Rtc)
    }
}

#[pyclass(with(Constructor))]
impl Rtc {
    /// (year, month, day, weekday from Monday 0, hour, minute, second, microseconds).
    #[pymethod]
    fn datetime(&self, fields: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        if let OptionalArg::Present(fields) = fields {
            let fields: Vec<i64> = fields.try_to_value(vm)?;
            let [year, month, day, _, hour, minute, second, micros] = fields[..] else {
                return Err(vm.new_value_error(format!("requested length 8 but object has length {}", fields.len())));
            };
            set((year, month, day), hour * 3600 + minute * 60 + second, micros);
            return Ok(vm.ctx.none());
        }
        let now = board().hardware(|hardware| hardware.since_1970());
        let seconds = i64::try_from(now.as_secs()).unwrap_or(0);
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        // 1970 began on a Thursday.
        let weekday = (days + 3).rem_euclid(7);
        let micros = i64::from(now.subsec_micros());
        let fields = [year, month, day, weekday, second / 3600, second / 60 % 60, second % 60, micros];
        Ok(vm.ctx.new_tuple(fields.map(|field| vm.ctx.new_int(field).into()).to_vec()).into())
    }

    /// ESP32's older way to set it: (year, month, day, hour, minute, second, microseconds, zone).
    #[pymethod]
    fn init(&self, fields: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let OptionalArg::Present(fields) = fields else { return Ok(()) };
        let mut fields: Vec<i64> = fields.try_to_value(vm)?;
        fields.resize(8, 0);
        let seconds = fields[3] * 3600 + fields[4] * 60 + fields[5];
        set((fields[0], fields[1], fields[2]), seconds, fields[6]);
        Ok(())
    }

    /// Bytes that a deep sleep does not lose on a board; here they end with the process.
    #[pymethod]
    fn memory(&self, data: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        let OptionalArg::Present(data) = data else { return Ok(vm.ctx.new_bytes(KEPT.lock().clone()).into()) };
        let bytes = with_bytes(&data, vm, <[u8]>::to_vec)?;
        if bytes.len() > MEMORY {
            return Err(vm.new_value_error("buffer too long"));
        }
        *KEPT.lock() = bytes;
        Ok(vm.ctx.none())
    }
}

fn set((year, month, day): (i64, i64, i64), seconds: i64, micros: i64) {
    let since_1970 = days_of(year, month, day) * DAY + seconds;
    board().hardware(|hardware| hardware.set_clock(i128::from(since_1970) * 1_000_000 + i128::from(micros)));
}

/// Days from 1970 to a date of the Gregorian calendar. Years are counted from March, so that February is last; 400 of
/// them have always 146 097 days.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_its_day_agree() {
        assert_eq!((days_of(1970, 1, 1), days_of(2000, 3, 1)), (0, 11_017));
        for days in (-1_000_000..1_000_000).step_by(13) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days, "{year}-{month}-{day}");
        }
    }
}
