//! What is said of the world around a board, in words such as `4=1`: levels at its pins, and what its sensors measure.
//! What a board does with that belongs to the crate `board`.

use std::fmt;
use std::str::FromStr;

use socklab_board::link::Sensor;

use super::Given;
use crate::failure::Lang;

/// Names of quantities, their units as numbers of the board's own, and whether a pin comes after the name.
const QUANTITIES: &[(&str, f64, Place)] = &[
    ("adc", 1e6, Place::Pin(Sensor::Voltage)),
    ("temp", 1e3, Place::Pin(Sensor::Temperature)),
    ("humidity", 1e3, Place::Pin(Sensor::Humidity)),
    ("pulse", 1.0, Place::Pin(Sensor::Pulse)),
    ("touch", 1.0, Place::Pin(Sensor::Touch)),
    ("accx", 1e3, Place::None(Sensor::Acceleration(0))),
    ("accy", 1e3, Place::None(Sensor::Acceleration(1))),
    ("accz", 1e3, Place::None(Sensor::Acceleration(2))),
];

enum Place {
    Pin(fn(u8) -> Sensor),
    None(Sensor),
}

/// What is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGiven {
    /// It is no setting.
    Form,
    /// The name is known, and what comes after it is no number.
    Number,
    /// It is a number that the quantity cannot have.
    Range,
}

impl NotGiven {
    /// What is wrong with it, to stand behind the text itself.
    pub fn text(self, lang: Lang) -> &'static str {
        match self {
            NotGiven::Form => lang.pick(
                "is not PIN=LEVEL, such as 4=1, nor NAME=VALUE, such as adc34=1.5, temp4=21.5 or accx=0.2",
                "不是“引脚=电平”（例如 4=1），也不是“名称=数值”（例如 adc34=1.5、temp4=21.5、accx=0.2）",
            ),
            NotGiven::Number => lang.pick("has no number for its value", "不含数值"),
            NotGiven::Range => lang.pick("has a value that cannot be measured", "数值超出可测量的范围"),
        }
    }
}

impl fmt::Display for NotGiven {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.text(Lang::En))
    }
}

impl std::error::Error for NotGiven {}

impl Given {
    /// The pin that it is about.
    pub fn pin(&self) -> Option<u8> {
        match self {
            Given::Level { pin, .. } => Some(*pin),
            Given::Measured { sensor, .. } => match sensor {
                Sensor::Voltage(pin)
                | Sensor::Temperature(pin)
                | Sensor::Humidity(pin)
                | Sensor::Pulse(pin)
                | Sensor::Touch(pin) => Some(*pin),
                Sensor::Acceleration(_) | Sensor::Chip => None,
            },
        }
    }
}

impl FromStr for Given {
    type Err = NotGiven;

    /// `4=1`, `pin4=1`, `adc34=1.5`, `accx=-0.5`.
    fn from_str(text: &str) -> Result<Given, NotGiven> {
        given(text)
    }
}

fn given(text: &str) -> Result<Given, NotGiven> {
    let (name, value) = text.split_once('=').ok_or(NotGiven::Form)?;
    if let Ok(pin) = name.strip_prefix("pin").unwrap_or(name).parse() {
        return level(value).map(|high| Given::Level { pin, high });
    }
    let (sensor, unit) = QUANTITIES.iter().find_map(|quantity| sensor(quantity, name)).ok_or(NotGiven::Form)?;
    let value = value.parse().map_err(|_| NotGiven::Number)?;
    Ok(Given::Measured { sensor, value: in_units(value, unit).ok_or(NotGiven::Range)? })
}

fn level(text: &str) -> Result<bool, NotGiven> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(NotGiven::Form),
    }
}

fn sensor((known, unit, place): &(&str, f64, Place), name: &str) -> Option<(Sensor, f64)> {
    let rest = name.strip_prefix(known)?;
    match place {
        Place::Pin(sensor) => Some((sensor(rest.parse().ok()?), *unit)),
        Place::None(sensor) => rest.is_empty().then_some((*sensor, *unit)),
    }
}

fn in_units(value: f64, unit: f64) -> Option<i32> {
    let value = (value * unit).round();
    let fits = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
    fits.then_some(value as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let measured = |sensor, value| Ok(Given::Measured { sensor, value });
        for (text, wanted) in [
            ("4=1", Ok(Given::Level { pin: 4, high: true })),
            ("pin21=0", Ok(Given::Level { pin: 21, high: false })),
            ("adc34=1.5", measured(Sensor::Voltage(34), 1_500_000)),
            ("temp4=-0.5", measured(Sensor::Temperature(4), -500)),
            ("humidity4=60", measured(Sensor::Humidity(4), 60_000)),
            ("pulse5=1160", measured(Sensor::Pulse(5), 1160)),
            ("touch27=100", measured(Sensor::Touch(27), 100)),
            ("accz=1", measured(Sensor::Acceleration(2), 1000)),
            ("led=1", Err(NotGiven::Form)),
            ("4", Err(NotGiven::Form)),
            ("4=2", Err(NotGiven::Form)),
            ("256=1", Err(NotGiven::Form)),
            ("adc=1", Err(NotGiven::Form)),
            ("accx1=1", Err(NotGiven::Form)),
            ("adc34=much", Err(NotGiven::Number)),
            ("adc34=1e6", Err(NotGiven::Range)),
            ("adc34=NaN", Err(NotGiven::Range)),
        ] {
            assert_eq!(given(text), wanted, "{text}");
        }
    }
}
