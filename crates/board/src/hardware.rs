//! The hardware of a board, between the program and the outside: levels of pins, alarms of the clock, what sensors
//! measure, bytes at the serial ports. It holds values, and says which callback a change calls for.
//!
//! Threads and locks belong to `board`; what Python sees, to `modules::machine`.

use std::collections::{HashMap, VecDeque};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::link::{Cause, Sensor};
use crate::modules::schedule::Token;

/// Every number that a pin can have.
const PINS: usize = 256;

/// Bytes that wait at a serial port; later ones are lost, as on a board.
const SERIAL_ROOM: usize = 4 << 10;

/// A clock this far behind (the machine slept) leaves out what it missed.
const MISSED: u32 = 8;

/// All of it.
pub(crate) struct Hardware {
    pub(crate) pins: [Pin; PINS],
    sensors: HashMap<Sensor, i32>,
    serial: HashMap<u8, VecDeque<u8>>,
    alarms: HashMap<AlarmKey, Alarm>,
    /// How far the board's clock, which it may set, is from this machine's; microseconds.
    offset: i128,
}

/// A pin, whichever objects stand for it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pin {
    /// The board drives it.
    pub(crate) output: bool,
    /// It only pulls down: what is high is the outside's to say.
    pub(crate) open_drain: bool,
    /// What the board drives, or would.
    pub(crate) driven: bool,
    /// What the outside gives, if it has said.
    pub(crate) given: Option<bool>,
    /// What a resistor pulls to, where nothing drives.
    pub(crate) pulled: bool,
    /// The square wave that it carries.
    pub(crate) wave: Option<Wave>,
    /// What wants to be called at which edges.
    pub(crate) watch: Option<Watch>,
}

/// A square wave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wave {
    /// In Hz.
    pub(crate) frequency: u32,
    /// The part of the time that it is high, of 65535.
    pub(crate) duty: u16,
}

/// A callback at the edges of a pin.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    pub(crate) callback: Token,
    pub(crate) rising: bool,
    pub(crate) falling: bool,
}

impl Pin {
    /// What the program reads.
    pub(crate) fn level(&self) -> bool {
        if self.output && !(self.open_drain && self.driven) {
            return self.driven;
        }
        self.given.unwrap_or(self.pulled)
    }
}

/// Which alarm: setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AlarmKey {
    /// Timers, each by its number.
    Timer(u64),
    Watchdog,
    /// The turn of callbacks that others have scheduled.
    Turn,
}

/// When to call, and whether again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    pub(crate) at: Instant,
    pub(crate) every: Option<Duration>,
    pub(crate) due: Due,
}

/// What an alarm does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Callback(Token),
    Watchdog,
}

impl Hardware {
    pub(crate) fn new() -> Hardware {
        Hardware {
            pins: [Pin::default(); PINS],
            sensors: HashMap::new(),
            serial: HashMap::new(),
            alarms: HashMap::new(),
            offset: 0,
        }
    }

    // ---- from outside

    /// Gives a level to a pin. A pin that the board drives itself watches nothing.
    pub(crate) fn give(&mut self, pin: u8, high: bool) -> Option<Token> {
        let pin = &mut self.pins[usize::from(pin)];
        let before = pin.level();
        pin.given = Some(high);
        let wanted =
            |watch: &Watch| (!before && pin.level() && watch.rising) || (before && !pin.level() && watch.falling);
        pin.watch.filter(wanted).map(|watch| watch.callback)
    }

    /// Has a sensor measure this.
    pub(crate) fn set(&mut self, sensor: Sensor, value: i32) -> Option<Token> {
        self.sensors.insert(sensor, value);
        None
    }

    /// Bytes for a serial port.
    pub(crate) fn receive(&mut self, port: u8, bytes: &[u8]) -> Option<Token> {
        let waiting = self.serial.entry(port).or_default();
        let room = SERIAL_ROOM.saturating_sub(waiting.len());
        waiting.extend(&bytes[..room.min(bytes.len())]);
        None
    }

    // ---- from the program

    /// What a sensor measures, if the outside has said.
    pub(crate) fn measured(&self, sensor: Sensor) -> Option<i32> {
        self.sensors.get(&sensor).copied()
    }

    /// What has arrived at a serial port.
    pub(crate) fn serial(&mut self, port: u8) -> &mut VecDeque<u8> {
        self.serial.entry(port).or_default()
    }

    /// Sets an alarm.
    pub(crate) fn set_alarm(&mut self, key: AlarmKey, alarm: Alarm) {
        self.alarms.insert(key, alarm);
    }

    /// Stops an alarm.
    pub(crate) fn stop_alarm(&mut self, key: AlarmKey) {
        self.alarms.remove(&key);
    }

    /// The board's own clock, since 1970.
    pub(crate) fn since_1970(&self) -> Duration {
        let micros = (self.host_micros() + self.offset).max(0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Sets the board's own clock.
    pub(crate) fn set_clock(&mut self, micros_since_1970: i128) {
        self.offset = micros_since_1970 - self.host_micros();
    }

    fn host_micros(&self) -> i128 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i128
    }

    // ---- from the clock

    /// When the next alarm is due.
    pub(crate) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.values().map(|alarm| alarm.at).min()
    }

    /// What is due, the earliest first; alarms that come again are set for the next time.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Due> {
        let mut due: Vec<_> = self.alarms.iter().filter(|(_, alarm)| alarm.at <= now).map(|(&k, &a)| (k, a)).collect();
        due.sort_by_key(|(_, alarm)| alarm.at);
        for (key, alarm) in &due {
            match alarm.every {
                Some(every) => {
                    let late = now.duration_since(alarm.at) > every.saturating_mul(MISSED);
                    let at = if late { now + every } else { alarm.at + every };
                    self.alarms.insert(*key, Alarm { at, ..*alarm });
                }
                None => self.stop_alarm(*key),
            }
        }
        due.into_iter().map(|(_, alarm)| alarm.due).collect()
    }
}

/// Why this process started, and who it is.
struct Start {
    cause: Cause,
    identity: u64,
}

static START: OnceLock<Start> = OnceLock::new();

/// Remembers how the board started. A board is the same as long as its flash has the same place.
pub(crate) fn was_started(flash: &str, cause: Cause) {
    let identity = flash.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        // FNV-1a: any number that is always the same for a name.
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    START.get_or_init(|| Start { cause, identity });
}

/// Why the board started.
pub(crate) fn cause() -> Cause {
    START.get().map_or(Cause::Power, |start| start.cause)
}

/// A number that is this board's.
pub(crate) fn identity() -> u64 {
    START.get().map_or(0, |start| start.identity)
}
