//! The time of day in front of a line. A second is worked out once, however many records fall into it.

use std::fmt::{self, Write};

use jiff::tz::TimeZone;

use crate::record::Timestamp;

/// Digits after the second, for [`Clock::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fraction {
    Millis,
    Micros,
}

/// Writes times as the clock of a time zone shows them.
#[derive(Clone)]
pub struct Clock {
    zone: TimeZone,
    with_date: bool,
    /// The second that `date` and `time` stand for, since 1970.
    second: Option<u64>,
    date: String,
    time: String,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("zone", &self.zone).field("with_date", &self.with_date).finish_non_exhaustive()
    }
}

impl Clock {
    /// The clock on this machine's wall; UTC where the machine does not tell its time zone.
    pub fn local() -> Self {
        Clock::of(TimeZone::system())
    }

    /// The clock of UTC, the same on every machine.
    pub fn utc() -> Self {
        Clock::of(TimeZone::UTC)
    }

    pub(crate) fn of(zone: TimeZone) -> Self {
        Clock { zone, with_date: false, second: None, date: String::new(), time: String::new() }
    }

    /// Whether the date stands in front of the time; at first it does not.
    pub fn with_date(self, with_date: bool) -> Self {
        Clock { with_date, ..self }
    }

    /// `12:00:01.123456`, after the date where that is wanted.
    pub fn text(&mut self, at: Timestamp) -> String {
        let mut text = String::new();
        self.push(at, Fraction::Micros, &mut text);
        text
    }

    /// `2026-11-21T12:00:01.123456789Z`, whatever the zone.
    pub fn rfc3339(at: Timestamp) -> String {
        let mut text = String::new();
        Clock::utc().push_rfc3339(at, &mut text);
        text
    }

    /// Adds `12:00:01.123456`, after the date where that is wanted.
    pub(crate) fn push(&mut self, at: Timestamp, fraction: Fraction, out: &mut String) {
        let nanos = self.turn_to(at);
        if self.with_date {
            out.push_str(&self.date);
            out.push(' ');
        }
        out.push_str(&self.time);
        out.push('.');
        match fraction {
            Fraction::Millis => push_digits(nanos / 1_000_000, 3, out),
            Fraction::Micros => push_digits(nanos / 1_000, 6, out),
        }
    }

    /// Adds `2026-11-21T12:00:01.123456789Z`. To be asked of a clock of UTC only.
    pub(crate) fn push_rfc3339(&mut self, at: Timestamp, out: &mut String) {
        let nanos = self.turn_to(at);
        out.push_str(&self.date);
        out.push('T');
        out.push_str(&self.time);
        out.push('.');
        push_digits(nanos, 9, out);
        out.push('Z');
    }

    /// Works out date and time of `at` where they are not at hand, and gives its nanoseconds.
    fn turn_to(&mut self, at: Timestamp) -> u32 {
        let (second, nanos) = (at.0 / 1_000_000_000, (at.0 % 1_000_000_000) as u32);
        if self.second != Some(second) {
            self.second = Some(second);
            self.work_out(second);
        }
        nanos
    }

    fn work_out(&mut self, second: u64) {
        // The years of a `Timestamp` end long before jiff's.
        let instant = jiff::Timestamp::from_second(second.cast_signed()).unwrap_or_default();
        let shown = self.zone.to_datetime(instant);
        self.date.clear();
        let _ = write!(self.date, "{}", shown.date()); // a string takes whatever it is given
        self.time.clear();
        for (separator, part) in [("", shown.hour()), (":", shown.minute()), (":", shown.second())] {
            self.time.push_str(separator);
            push_digits(part.unsigned_abs().into(), 2, &mut self.time);
        }
    }
}

/// Adds the last `width` digits of a number, at most nine.
fn push_digits(mut number: u32, width: usize, out: &mut String) {
    let mut digits = [b'0'; 9];
    for digit in digits[..width].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.push_str(str::from_utf8(&digits[..width]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(clock: &mut Clock, at: u64, fraction: Fraction) -> String {
        let mut out = String::new();
        clock.push(Timestamp(at), fraction, &mut out);
        out
    }

    #[test]
    fn a_clock_shows_the_time_of_its_zone() {
        let at = 1_795_262_401_123_456_789;
        let mut utc = Clock::utc();
        assert_eq!(shown(&mut utc, at, Fraction::Micros), "12:00:01.123456");
        assert_eq!(shown(&mut utc.with_date(true), at, Fraction::Millis), "2026-11-21 12:00:01.123");
        let kathmandu = TimeZone::fixed(jiff::tz::offset(5).saturating_add(jiff::SignedDuration::from_mins(45)));
        let mut clock = Clock::of(kathmandu).with_date(true);
        assert_eq!(shown(&mut clock, at, Fraction::Micros), "2026-11-21 17:45:01.123456");
        assert_eq!(shown(&mut clock, 0, Fraction::Micros), "1970-01-01 05:45:00.000000");
    }

    #[test]
    fn daylight_saving_is_known() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
        let mut clock = Clock::of(berlin).with_date(true);
        let change = 1_792_890_000_000_000_000; // 2026-10-25 03:00 becomes 02:00
        assert_eq!(shown(&mut clock, change - 1, Fraction::Micros), "2026-10-25 02:59:59.999999");
        assert_eq!(shown(&mut clock, change - 3_600_000_000_000, Fraction::Millis), "2026-10-25 02:00:00.000");
        assert_eq!(shown(&mut clock, change, Fraction::Millis), "2026-10-25 02:00:00.000");
    }

    proptest! {
        #[test]
        fn rfc_3339_reads_back(times: Vec<u64>) {
            let mut clock = Clock::utc();
            for at in times {
                let mut out = String::new();
                clock.push_rfc3339(Timestamp(at), &mut out);
                let read: jiff::Timestamp = out.parse().expect("a time");
                prop_assert_eq!(read.as_nanosecond(), i128::from(at));
                prop_assert_eq!(out.find('.').map(|dot| out.len() - dot), Some(11));
            }
        }
    }
}
