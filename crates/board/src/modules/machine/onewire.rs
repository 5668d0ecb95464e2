//! The module `_onewire`: bits to and from a one-wire bus, and the thermometer (DS18B20) that answers at every pin.

pub(crate) use _onewire::module_def;

use crate::board::board;
use crate::hardware;
use crate::link::Sensor;

/// What it measures until the outside says otherwise: a room.
const TEMPERATURE: i32 = 23_000;

/// A thermometer at one pin: where it stands in the protocol of the last reset.
#[derive(Debug, Default)]
struct Thermometer {
    pin: u8,
    state: Step,
    /// Bits that the master has begun to write.
    bits: Vec<bool>,
    measured: i32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Step {
    /// Deaf until a reset.
    #[default]
    Out,
    /// A command that says who is meant.
    Rom,
    /// The master looks for devices: two bits of ours, one of its own, for each bit of the address.
    Search { bit: usize, sent: usize },
    /// The master says an address.
    Match,
    /// A command that says what to do.
    Function,
    /// Bits that the master may read.
    Answer { bits: Vec<bool>, at: usize },
}

/// Dallas' CRC: x^8 + x^5 + x^4 + 1, from the lowest bit.
fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x8c } else { crc >> 1 }))
}

fn bits_of(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect()
}

impl Thermometer {
    fn address(&self) -> [u8; 8] {
        let own = hardware::identity().to_le_bytes();
        let mut address = [0x28, own[0], own[1], own[2], own[3], own[4], self.pin, 0];
        address[7] = crc8(&address[..7]);
        address
    }

    fn reset(&mut self) {
        self.state = Step::Rom;
        self.bits.clear();
    }

    /// A one, which is also a wire that nobody pulls down, unless it has something to say.
    fn read(&mut self) -> bool {
        let address = bits_of(&self.address());
        match &mut self.state {
            Step::Search { bit, sent } => {
                *sent += 1;
                address[*bit] == (*sent == 1)
            }
            Step::Answer { bits, at } => {
                *at += 1;
                bits.get(*at - 1).copied().unwrap_or(true)
            }
            _ => true,
        }
    }

    fn write(&mut self, bit: bool) {
        if let Step::Search { bit: place, .. } = self.state {
            let ours = bits_of(&self.address())[place] == bit;
            self.state = match place {
                63 if ours => Step::Function,
                _ if ours => Step::Search { bit: place + 1, sent: 0 },
                _ => Step::Out,
            };
            return;
        }
        self.bits.push(bit);
        let whole = if self.state == Step::Match { 64 } else { 8 };
        if self.bits.len() == whole {
            let bits = std::mem::take(&mut self.bits);
            let byte = bits.iter().rev().fold(0, |byte: u8, bit| byte << 1 | u8::from(*bit));
            self.state = self.obey(byte, &bits);
        }
    }

    fn obey(&mut self, byte: u8, bits: &[bool]) -> Step {
        match (&self.state, byte) {
            (Step::Match, _) if bits == bits_of(&self.address()) => Step::Function,
            (Step::Rom, 0x33) => Step::Answer { bits: bits_of(&self.address()), at: 0 },
            (Step::Rom, 0x55) => Step::Match,
            (Step::Rom, 0xcc) => Step::Function,
            (Step::Rom, 0xf0) => Step::Search { bit: 0, sent: 0 },
            (Step::Function, 0x44) => {
                let sensor = Sensor::Temperature(self.pin);
                self.measured = board().hardware(|hardware| hardware.measured(sensor)).unwrap_or(TEMPERATURE);
                Step::Answer { bits: Vec::new(), at: 0 }
            }
            (Step::Function, 0xbe) => Step::Answer { bits: bits_of(&self.scratchpad()), at: 0 },
            // What sets alarms and precision is taken and changes nothing.
            (Step::Function, 0x4e) => Step::Answer { bits: Vec::new(), at: 0 },
            _ => Step::Out,
        }
    }

    /// Sixteenths of a degree, alarms, precision, and the checksum.
    fn scratchpad(&self) -> [u8; 9] {
        let sixteenths = i16::try_from(self.measured * 16 / 1000).unwrap_or(0);
        let [low, high] = sixteenths.to_le_bytes();
        let mut pad = [low, high, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10, 0];
        pad[8] = crc8(&pad[..8]);
        pad
    }
}

#[rustpython_vm::pymodule]
mod _onewire {
    use std::collections::BTreeMap;

    use parking_lot::Mutex;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use super::Thermometer;
    use crate::modules::machine::pin_number;
    use crate::modules::with_bytes;

    static AT_PINS: Mutex<BTreeMap<u8, Thermometer>> = Mutex::new(BTreeMap::new());

    fn at<R>(pin: &PyObjectRef, vm: &VirtualMachine, f: impl FnOnce(&mut Thermometer) -> R) -> PyResult<R> {
        let pin = pin_number(pin, vm)?;
        Ok(f(AT_PINS.lock().entry(pin).or_insert(Thermometer { pin, ..Default::default() })))
    }

    /// Whether anybody is there.
    #[pyfunction]
    fn reset(pin: PyObjectRef, vm: &VirtualMachine) -> PyResult<bool> {
        at(&pin, vm, Thermometer::reset).map(|()| true)
    }

    #[pyfunction]
    fn readbit(pin: PyObjectRef, vm: &VirtualMachine) -> PyResult<u8> {
        at(&pin, vm, |device| u8::from(device.read()))
    }

    #[pyfunction]
    fn readbyte(pin: PyObjectRef, vm: &VirtualMachine) -> PyResult<u8> {
        at(&pin, vm, |device| (0..8).fold(0, |byte, bit| byte | u8::from(device.read()) << bit))
    }

    #[pyfunction]
    fn writebit(pin: PyObjectRef, bit: u8, vm: &VirtualMachine) -> PyResult<()> {
        at(&pin, vm, |device| device.write(bit & 1 == 1))
    }

    #[pyfunction]
    fn writebyte(pin: PyObjectRef, byte: u8, vm: &VirtualMachine) -> PyResult<()> {
        at(&pin, vm, |device| (0..8).for_each(|bit| device.write(byte >> bit & 1 == 1)))
    }

    #[pyfunction]
    fn crc8(data: PyObjectRef, vm: &VirtualMachine) -> PyResult<u8> {
        with_bytes(&data, vm, super::crc8)
    }
}
