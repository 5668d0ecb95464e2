//! Numbers as the bytes of memory and back, by the letters of `struct`, `array` and `memoryview`. Values wrap round:
//! a board checks no ranges.

use std::cell::RefCell;

use half::f16;
use rustpython_vm::builtins::{PyFloat, PyInt};
use rustpython_vm::{PyObject, PyObjectRef, PyResult, VirtualMachine};

use super::with_bytes;
use crate::board::board;

/// How the bytes of numbers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) big: bool,
    /// With the processor's own sizes and gaps.
    pub(crate) native: bool,
}

/// That of the processor: all boards are little-endian.
pub(crate) const NATIVE: Layout = Layout { big: false, native: true };

thread_local! {
    /// Objects whose "address" has been packed with `O`. They stay until the interpreter ends.
    static PACKED: RefCell<Vec<PyObjectRef>> = const { RefCell::new(Vec::new()) };
}

impl Layout {
    /// Bytes of a number with this letter, and the multiple that it begins at.
    pub(crate) fn size_and_align(self, code: u8) -> Option<(usize, usize)> {
        let word = if board().profile.platform == "linux" { 8 } else { 4 };
        let size = match code {
            b'b' | b'B' | b'x' | b's' => 1,
            b'h' | b'H' | b'e' => 2,
            b'i' | b'I' | b'f' => 4,
            b'l' | b'L' if self.native => word,
            b'l' | b'L' => 4,
            b'q' | b'Q' | b'd' => 8,
            b'P' | b'O' | b'S' => word,
            _ => return None,
        };
        Some((size, if self.native { size } else { 1 }))
    }

    /// Writes a value into as many bytes as its letter takes.
    pub(crate) fn put(self, code: u8, value: &PyObject, to: &mut [u8], vm: &VirtualMachine) -> PyResult<()> {
        match code {
            b'e' => to.copy_from_slice(&f16::from_f64(float(value, vm)?).to_le_bytes()),
            b'f' => to.copy_from_slice(&(float(value, vm)? as f32).to_le_bytes()),
            b'd' => to.copy_from_slice(&float(value, vm)?.to_le_bytes()),
            b'O' => {
                let address = PACKED.with_borrow_mut(|packed| {
                    packed.push(value.to_owned());
                    packed.len()
                });
                spread(&address.to_le_bytes(), 0, to);
            }
            _ => whole(value, to, vm)?,
        }
        if self.big {
            to.reverse();
        }
        Ok(())
    }

    /// The value of as many bytes as its letter takes.
    pub(crate) fn get(self, code: u8, from: &[u8], vm: &VirtualMachine) -> PyResult {
        let (mut bytes, size) = ([0; 8], from.len().min(8));
        bytes[..size].copy_from_slice(&from[..size]);
        if self.big {
            bytes[..size].reverse();
        }
        let unsigned = u64::from_le_bytes(bytes);
        let unused = 64 - 8 * size as u32;
        Ok(match code {
            b'e' => vm.ctx.new_float(f16::from_bits(unsigned as u16).to_f64()).into(),
            b'f' => vm.ctx.new_float(f64::from(f32::from_bits(unsigned as u32))).into(),
            b'd' => vm.ctx.new_float(f64::from_bits(unsigned)).into(),
            b'O' => {
                let packed = PACKED.with_borrow(|packed| packed.get((unsigned as usize).wrapping_sub(1)).cloned());
                packed.ok_or_else(|| vm.new_value_error("no object at this address"))?
            }
            b'b' | b'h' | b'i' | b'l' | b'q' => vm.ctx.new_int((unsigned << unused) as i64 >> unused).into(),
            _ => vm.ctx.new_int(unsigned).into(),
        })
    }
}

/// An int of any size, cut to the room that there is.
fn whole(value: &PyObject, to: &mut [u8], vm: &VirtualMachine) -> PyResult<()> {
    if let Some(int) = value.downcast_ref::<PyInt>() {
        let bytes = int.as_bigint().to_signed_bytes_le();
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        spread(&bytes, fill, to);
        return Ok(());
    }
    Err(vm.new_type_error(format!("can't convert {} to int", value.class().name())))
}

fn spread(bytes: &[u8], fill: u8, to: &mut [u8]) {
    to.fill(fill);
    let count = bytes.len().min(to.len());
    to[..count].copy_from_slice(&bytes[..count]);
}

/// A float, or an int as one.
fn float(value: &PyObject, vm: &VirtualMachine) -> PyResult<f64> {
    match value.downcast_ref::<PyFloat>() {
        Some(float) => Ok(float.to_f64()),
        None => Ok(value.try_float(vm)?.to_f64()),
    }
}

/// The bytes of a text in ASCII or UTF-8, of bytes or of a buffer, as a copy.
pub(crate) fn bytes_of(object: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    with_bytes(object, vm, <[u8]>::to_vec)
}
