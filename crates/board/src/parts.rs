//! What the module `machine` has on each board, as data: constants, names of pins, numbers of timers.
//!
//! Everything else in which boards differ belongs to `profile`.

/// The number of the one light of a board whose light is at no pin of its own.
pub const LIGHT: u8 = 128;

/// The parts of one board.
#[derive(Debug)]
pub struct Parts {
    /// The constants of the class `Pin`; `IN`, `OUT` and `OPEN_DRAIN` say what a mode is.
    pub pin: &'static [(&'static str, i32)],
    /// Pins with names.
    pub pin_names: &'static [(&'static str, u8)],
    /// What stands before the number in the names of all others.
    pub pin_prefixes: &'static [&'static str],
    /// The numbers of hardware timers; -1 is a virtual one everywhere.
    pub timers: std::ops::Range<i64>,
    /// How many serial ports there are, and what a number beyond them is told.
    pub uarts: (i64, &'static str),
    /// How many hardware I2C buses there are.
    pub buses: i64,
    /// The longest that the watchdog can wait, in milliseconds, where that is not for weeks.
    pub watchdog: Option<i64>,
    /// Pins that cannot drive.
    pub inputs: &'static [u8],
    /// What classes of `machine` have on other boards and not on this one; a class itself where no name is said.
    pub absent: &'static [(&'static str, &'static str)],
    /// Pins that measure a voltage; the first is channel 0.
    pub adc: &'static [u8],
    /// `machine.freq()`.
    pub hertz: u32,
    /// How `machine.unique_id()` begins, which is the maker's part of it, and how many bytes it has.
    pub id: (&'static [u8], usize),
}

impl Parts {
    /// A constant of the class `Pin`.
    pub fn pin_constant(&self, name: &str) -> Option<i32> {
        self.pin.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

const ESP_PIN: &[(&str, i32)] = &[
    ("IN", 1),
    ("OUT", 3),
    ("OPEN_DRAIN", 7),
    ("PULL_DOWN", 1),
    ("PULL_UP", 2),
    ("IRQ_RISING", 1),
    ("IRQ_FALLING", 2),
    ("WAKE_LOW", 4),
    ("WAKE_HIGH", 5),
    ("DRIVE_0", 0),
    ("DRIVE_1", 1),
    ("DRIVE_2", 2),
    ("DRIVE_3", 3),
];

const RP2_PIN: &[(&str, i32)] = &[
    ("IN", 0),
    ("OUT", 1),
    ("OPEN_DRAIN", 2),
    ("ALT", 3),
    ("PULL_UP", 1),
    ("PULL_DOWN", 2),
    ("IRQ_FALLING", 4),
    ("IRQ_RISING", 8),
];

/// It attenuates nothing, has no pads to be touched, and never had the duty of 1023 steps.
const RP2_ABSENT: &[(&str, &str)] = &[
    ("PWM", "duty"),
    ("ADC", "read"),
    ("ADC", "read_uv"),
    ("ADC", "atten"),
    ("ADC", "width"),
    ("ADC", "ATTN_0DB"),
    ("ADC", "ATTN_2_5DB"),
    ("ADC", "ATTN_6DB"),
    ("ADC", "ATTN_11DB"),
    ("ADC", "WIDTH_9BIT"),
    ("ADC", "WIDTH_10BIT"),
    ("ADC", "WIDTH_11BIT"),
    ("ADC", "WIDTH_12BIT"),
    ("TouchPad", ""),
];

const K230_PIN: &[(&str, i32)] = &[
    ("IN", 0),
    ("OUT", 1),
    ("PULL_NONE", 0),
    ("PULL_UP", 1),
    ("PULL_DOWN", 2),
    ("IRQ_RISING", 1),
    ("IRQ_FALLING", 2),
    ("IRQ_BOTH", 3),
    ("DRIVE_0", 0),
    ("DRIVE_7", 7),
    ("DRIVE_15", 15),
];

/// The connector of the mPython board, as its `Pin` names it, in the chip's numbers.
const MPYTHON_PIN: &[(&str, i32)] = &[
    ("IN", 1),
    ("OUT", 3),
    ("OPEN_DRAIN", 7),
    ("PULL_DOWN", 1),
    ("PULL_UP", 2),
    ("IRQ_RISING", 1),
    ("IRQ_FALLING", 2),
    ("WAKE_LOW", 4),
    ("WAKE_HIGH", 5),
    ("P0", 33),
    ("P1", 32),
    ("P2", 35),
    ("P3", 34),
    ("P4", 39),
    ("P5", 0),
    ("P6", 16),
    ("P7", 17),
    ("P8", 26),
    ("P9", 25),
    ("P10", 36),
    ("P11", 2),
    ("P13", 18),
    ("P14", 19),
    ("P15", 21),
    ("P16", 5),
    ("P19", 22),
    ("P20", 23),
    ("P23", 27),
    ("P24", 14),
    ("P25", 12),
    ("P26", 13),
    ("P27", 15),
    ("P28", 4),
];

const ESP32_ADC: &[u8] = &[36, 37, 38, 39, 32, 33, 34, 35, 4, 0, 2, 15, 13, 12, 14, 27, 25, 26];

/// The plain ESP32.
pub(crate) const ESP32: Parts = Parts {
    pin: ESP_PIN,
    pin_names: &[],
    pin_prefixes: &["GPIO"],
    timers: 0..4,
    uarts: (3, "does not exist"),
    buses: 2,
    watchdog: None,
    inputs: &[34, 35, 36, 37, 38, 39],
    absent: &[("ADC", "CORE_TEMP")],
    adc: ESP32_ADC,
    hertz: 160_000_000,
    id: (&[0x24, 0x0a, 0xc4], 6),
};

/// The mPython board, an ESP32.
pub(crate) const MPYTHON: Parts = Parts { pin: MPYTHON_PIN, ..ESP32 };

/// CanMV K230.
pub(crate) const K230: Parts = Parts {
    pin: K230_PIN,
    pin_names: &[],
    pin_prefixes: &["GPIO"],
    timers: 0..6,
    uarts: (5, "does not exist"),
    buses: 5,
    watchdog: None,
    inputs: &[],
    absent: &[],
    adc: &[0, 1, 2, 3, 4, 5],
    hertz: 1_600_000_000,
    id: (&[], 8),
};

/// Waffle Nano.
pub(crate) const WAFFLE: Parts = Parts {
    pin: ESP_PIN,
    pin_names: &[],
    pin_prefixes: &["GPIO"],
    timers: 0..4,
    uarts: (3, "does not exist"),
    buses: 2,
    watchdog: None,
    inputs: &[],
    absent: &[],
    adc: &[12, 4, 5, 7, 9, 11, 13],
    hertz: 160_000_000,
    id: (&[], 6),
};

/// Pico W: its light is at the radio, not at a pin of the chip.
pub(crate) const RP2: Parts = Parts {
    pin: RP2_PIN,
    pin_names: &[("LED", LIGHT), ("WL_GPIO0", LIGHT)],
    pin_prefixes: &["GPIO", "GP"],
    timers: 0..0,
    uarts: (2, "doesn't exist"),
    buses: 2,
    watchdog: Some(8388),
    inputs: &[],
    absent: RP2_ABSENT,
    adc: &[26, 27, 28, 29, 30],
    hertz: 125_000_000,
    id: (&[0xe6, 0x61], 8),
};

/// The interpreter on a PC has no parts.
pub(crate) const LINUX: Parts = Parts {
    pin: ESP_PIN,
    pin_names: &[],
    pin_prefixes: &["GPIO"],
    timers: 0..0,
    uarts: (0, "does not exist"),
    buses: 0,
    watchdog: None,
    inputs: &[],
    absent: &[],
    adc: &[],
    hertz: 0,
    id: (&[], 6),
};
