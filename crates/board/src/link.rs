//! What a board and its parent say to each other: closed enums, in frames over the board process's stdin and stdout.
//!
//! A frame is its length (4 bytes, little endian) and that many bytes of postcard. What the words do is elsewhere:
//! `process` obeys them, `board` makes them.

use std::io::{self, Read, Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::look::Said;
pub use crate::parts::LIGHT;

/// No frame is longer: a length beyond it is damage, and not a reason to allocate.
pub const LONGEST: usize = 1 << 20;

/// Exit status of a board whose memory is used up; before, it has told of it as [`FromBoard::Lost`].
pub const OUT_OF_MEMORY: i32 = 86;

/// Exit status of a board that had to be stopped, since what it did looked at no Ctrl-C; before, it has
/// told of it as [`FromBoard::Lost`].
pub const INTERRUPTED: i32 = 87;

/// From the parent to the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToBoard {
    /// Run this, after whatever runs now, in the same globals. [`FromBoard::Ended`] answers.
    Run(Program),
    /// Which names could stand where this text ends? [`FromBoard::Candidates`] answers.
    Complete(String),
    /// Bytes typed at the console, or sent by a program there.
    Input(Vec<u8>),
    /// Nothing more is typed after what was: a pipe has ended.
    InputEnds,
    /// Hand back what was typed and nobody has read. [`FromBoard::Unread`] answers.
    GiveBack,
    /// Ctrl-C: KeyboardInterrupt in the program that runs, if one does.
    Interrupt,
    /// The level that the outside gives to a pin.
    SetPin {
        /// The pin's number on the board.
        pin: u8,
        /// High or low.
        high: bool,
    },
    /// The voltage that the outside gives to a pin, for its ADC.
    SetAdc {
        /// The pin's number on the board.
        pin: u8,
        /// Millionths of a volt.
        microvolts: i32,
    },
    /// What a sensor measures from now on.
    SetSensor {
        /// Which.
        sensor: Sensor,
        /// In the sensor's unit.
        value: i32,
    },
    /// Bytes that arrive at a serial port other than the console.
    Serial {
        /// The number of the UART.
        port: u8,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Close all connections in good order: a board on this machine's network has the system for that.
    /// [`FromBoard::SwitchedOff`] answers when peers have taken all.
    SwitchOff,
    /// Wait no longer for that: cut off those that have not.
    CutOff,
    /// What the virtual network has for the board.
    Frames(Frames),
    /// What the network of the board's own access point has for it.
    OwnFrames(Frames),
    /// What came of [`FromBoard::Join`].
    Joined {
        /// The number of the attempt that this answers.
        attempt: u64,
        /// The channel of the access point.
        outcome: Result<u8, JoinFailure>,
    },
    /// The hardware addresses of those that have joined the board's own access point.
    Stations(Vec<[u8; 6]>),
    /// Tell what sockets there are. [`FromBoard::Netstat`] answers.
    Netstat,
    /// The board is no longer joined: it was sent away, or the access point is gone.
    Left,
    /// The answer to [`FromBoard::Scan`].
    Scanned(Vec<Seen>),
}

/// Ethernet frames, each behind its length in two bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames(#[serde(with = "serde_bytes")] Vec<u8>);

impl Frames {
    /// Appends one. Longer ones than 65535 bytes are no Ethernet frames and are left out.
    pub fn push(&mut self, frame: &[u8]) {
        if let Ok(length) = u16::try_from(frame.len()) {
            self.0.extend_from_slice(&length.to_le_bytes());
            self.0.extend_from_slice(frame);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that they take together.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

/// The frames, in order; of damaged ones, those before the damage.
impl IntoIterator for Frames {
    type Item = Bytes;
    type IntoIter = std::iter::FromFn<Box<dyn FnMut() -> Option<Bytes>>>;

    fn into_iter(self) -> Self::IntoIter {
        let mut rest = Bytes::from(self.0);
        std::iter::from_fn(Box::new(move || {
            let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
            (rest.len() >= 2 + length).then(|| rest.split_to(2 + length).slice(2..))
        }))
    }
}

/// Why an access point was not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinFailure {
    /// There is none of that name.
    NoSuchNetwork,
    /// It does not take the key.
    WrongKey,
    /// It takes no more stations.
    Full,
}

/// An access point that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its name.
    pub ssid: String,
    /// Its address in the air.
    pub bssid: [u8; 6],
    /// Its channel.
    pub channel: u8,
    /// How strongly it is heard, in dBm.
    pub rssi: i8,
    /// Whether it wants a key.
    pub secured: bool,
}

/// The access point that a board is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Its name.
    pub ssid: String,
    /// Who joins must have this key; none is open to all.
    pub key: Option<String>,
    /// Its channel.
    pub channel: u8,
}

/// A quantity that the outside gives to the board. Sensors with a pin are those connected to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sensor {
    /// The voltage at a pin, in millionths of a volt.
    Voltage(u8),
    /// The temperature at a pin's sensor (DHT11, DHT22, DS18B20), in thousandths of a degree Celsius.
    Temperature(u8),
    /// The relative humidity at a pin's sensor, in thousandths of a percent.
    Humidity(u8),
    /// The length of the pulse that a pin will see next, in microseconds: the echo of a distance sensor.
    Pulse(u8),
    /// What a touch pad counts; less when it is touched.
    Touch(u8),
    /// Acceleration along the board's x (0), y (1) or z (2), in thousandths of g.
    Acceleration(u8),
    /// The temperature of the chip, in thousandths of a degree Celsius.
    Chip,
}

/// Why a board starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cause {
    /// It was switched on.
    #[default]
    Power,
    /// `machine.reset()`, or the button.
    Hard,
    /// Nobody fed the watchdog.
    Watchdog,
    /// It slept deeply, and woke.
    DeepSleep,
    /// `machine.soft_reset()`, or Ctrl-D.
    Soft,
}

impl Cause {
    /// What the process is told.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Power => "power",
            Cause::Hard => "hard",
            Cause::Watchdog => "watchdog",
            Cause::DeepSleep => "deep-sleep",
            Cause::Soft => "soft",
        }
    }

    /// Which cause a program's end is of the next start; none where the board goes on.
    pub fn of(end: &End) -> Option<Cause> {
        match end {
            End::SoftReset => Some(Cause::Soft),
            End::HardReset => Some(Cause::Hard),
            End::Watchdog => Some(Cause::Watchdog),
            End::DeepSleep => Some(Cause::DeepSleep),
            End::Finished | End::Missing | End::Raised(_) | End::Exit(_) => None,
        }
    }

    /// By its name on the board process's command line.
    pub fn named(name: &str) -> Option<Cause> {
        Some(match name {
            "power" => Cause::Power,
            "hard" => Cause::Hard,
            "watchdog" => Cause::Watchdog,
            "deep-sleep" => Cause::DeepSleep,
            "soft" => Cause::Soft,
            _ => return None,
        })
    }
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A file in the flash, if it is there.
    File(String),
    /// A program that is in no file; tracebacks call it `name`.
    Text {
        /// Its name.
        name: String,
        /// Its text, which must be UTF-8.
        text: Vec<u8>,
    },
    /// What was typed at the prompt: values of expressions are printed.
    Interactive(String),
}

/// From the board to the parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromBoard {
    /// Bytes for the console, in the order written.
    Output(Vec<u8>),
    /// A remark of the workbench about the program, in one line. The board itself would not print it.
    Note(Said),
    /// The board drives a pin.
    Pin {
        /// The pin's number on the board.
        pin: u8,
        /// High or low.
        high: bool,
    },
    /// A pin carries a square wave; a frequency of 0 ends it.
    Pwm {
        /// The pin's number on the board.
        pin: u8,
        /// In Hz.
        frequency: u32,
        /// The part of the time that it is high, of 65535.
        duty: u16,
    },
    /// The colours of a strip of lights, the first first.
    Lights {
        /// The pin that the strip is connected to.
        pin: u8,
        /// Red, green, blue and white.
        colours: Vec<[u8; 4]>,
    },
    /// What a display shows.
    Display {
        /// Pixels in a row.
        width: u16,
        /// Rows.
        height: u16,
        /// Rows from the top, each padded to whole bytes; the leftmost pixel is a byte's highest bit.
        bits: Vec<u8>,
    },
    /// Bytes that the board sends at a serial port other than the console.
    Serial {
        /// The number of the UART.
        port: u8,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// [`ToBoard::Interrupt`] has come: what was printed before it is before this.
    Interrupted,
    /// The byte that is Ctrl-C from now on, while a program runs; none where all are data.
    InterruptByte(Option<u8>),
    /// What could complete the text, and how much of it they complete.
    Candidates {
        /// The end of the text, which all of `names` begin with.
        typed: String,
        /// The names.
        names: Vec<String>,
    },
    /// So many bytes of what was typed have been read.
    Read(u32),
    /// What was typed and not read.
    Unread(Vec<u8>),
    /// What was to be run is over.
    Ended(End),
    /// All connections are closed. The stack goes on to answer, as that of any board does whose program is over.
    SwitchedOff,
    /// The board has joined this Wi-Fi network, or none any more. It stays joined over a soft reset: the next process
    /// is told by `--joined`.
    Wifi(Option<String>),
    /// What the board has for the virtual network, and for that of its own access point: the addresses that they are from
    /// tell them apart.
    Frames(Frames),
    /// The board wants to join an access point of the virtual network. [`ToBoard::Joined`] answers.
    Join {
        /// The number of the attempt: the answer to an earlier one is of no use to the board.
        attempt: u64,
        /// Its name.
        ssid: String,
        /// The key; empty for none.
        key: String,
    },
    /// The board leaves the access point that it has joined.
    Leave,
    /// Which access points does the board hear? [`ToBoard::Scanned`] answers.
    Scan,
    /// The board is an access point itself from now on, or none any more.
    Serve(Option<Serving>),
    /// The board's addresses, sockets and neighbours on the virtual network: a line each.
    Netstat(String),
    /// The board cannot go on, and its process ends; what ran is over, as by this exception.
    Lost(Raised),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It came to its end.
    Finished,
    /// There is no such file in the flash.
    Missing,
    /// An exception.
    Raised(Raised),
    /// `sys.exit()`, with this status.
    Exit(i32),
    /// `machine.soft_reset()`.
    SoftReset,
    /// `machine.reset()`.
    HardReset,
    /// A watchdog that was not fed: as a hard reset, with [`Cause::Watchdog`].
    Watchdog,
    /// `machine.deepsleep()` is over: as a hard reset, with [`Cause::DeepSleep`].
    DeepSleep,
}

/// An exception that nobody caught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// What the board prints, lines ended by `\r\n`.
    pub traceback: String,
    /// The exception's class.
    pub class: String,
    /// The number of an OSError.
    pub errno: Option<i32>,
}

/// Writes one frame; the caller flushes.
pub fn write(to: &mut impl Write, frame: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(frame).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).ok().filter(|&n| n as usize <= LONGEST);
    let length = length.ok_or_else(|| damaged("a frame longer than 1 MiB"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)
}

/// Reads one frame; `None` when the other side closed between two frames.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if from.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(damaged("a frame longer than 1 MiB"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(|_| damaged("a frame of no known kind"))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("read the link to a board: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn to_board() -> impl Strategy<Value = ToBoard> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300).prop_map(ToBoard::Input),
            Just(ToBoard::Interrupt),
            Just(ToBoard::InputEnds),
            any::<String>().prop_map(|text| ToBoard::Run(Program::Interactive(text))),
            any::<String>().prop_map(ToBoard::Complete),
            (any::<u8>(), any::<bool>()).prop_map(|(pin, high)| ToBoard::SetPin { pin, high }),
            (any::<u8>(), any::<i32>()).prop_map(|(pin, microvolts)| ToBoard::SetAdc { pin, microvolts }),
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..9).prop_map(|all| {
                let mut frames = Frames::default();
                all.iter().for_each(|frame| frames.push(frame));
                assert!(frames.clone().into_iter().eq(all));
                ToBoard::Frames(frames)
            }),
            any::<i32>().prop_map(|value| ToBoard::SetSensor { sensor: Sensor::Acceleration(1), value }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(frames in prop::collection::vec(to_board(), 0..20)) {
            let mut bytes = Vec::new();
            for frame in &frames {
                write(&mut bytes, frame).unwrap();
            }
            let mut from = &bytes[..];
            for frame in frames {
                prop_assert_eq!(read::<ToBoard>(&mut from).unwrap(), Some(frame));
            }
            prop_assert_eq!(read::<ToBoard>(&mut from).unwrap(), None);
        }

        #[test]
        fn damage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read::<FromBoard>(&mut &bytes[..]);
        }
    }
}
