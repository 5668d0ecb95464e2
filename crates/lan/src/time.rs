//! Time as the network has it: what its embedder says it is. Nothing here asks a clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment: nanoseconds since the run began. It goes 584 years far, and stays at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The beginning.
    pub const ZERO: Time = Time(0);
    /// The end of time, which never comes.
    pub const NEVER: Time = Time(u64::MAX);

    /// So many nanoseconds after the beginning.
    pub const fn from_nanos(nanoseconds: u64) -> Time {
        Time(nanoseconds)
    }

    /// So many milliseconds after the beginning.
    pub const fn from_millis(milliseconds: u64) -> Time {
        Time(milliseconds.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long it is since then; nothing, if that is still to come.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As smoltcp counts it: whole microseconds, rounded down.
    pub(crate) fn to_smoltcp(self) -> smoltcp::time::Instant {
        smoltcp::time::Instant::from_micros(i64::try_from(self.0 / 1000).unwrap_or(i64::MAX))
    }

    /// What smoltcp has asked for; moments before the beginning are the beginning.
    pub(crate) fn from_smoltcp(instant: smoltcp::time::Instant) -> Time {
        Time(u64::try_from(instant.total_micros()).unwrap_or(0).saturating_mul(1000))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

/// Seconds and microseconds: `1.250000`.
impl fmt::Display for Time {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{:06}", self.0 / 1_000_000_000, self.0 / 1000 % 1_000_000)
    }
}

/// The earlier of two moments that may not come.
pub(crate) fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
