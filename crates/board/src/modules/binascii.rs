//! The module `binascii`: bytes as hexadecimal digits or base64, and their CRC-32.

pub(crate) use binascii::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod binascii {
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::{FromArgs, PyObjectRef, PyResult, VirtualMachine};

    use crate::modules::layout::bytes_of;
    use crate::modules::with_bytes;

    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Two digits for each byte, with the first byte of `sep` between the pairs.
    #[pyfunction]
    fn hexlify(data: PyObjectRef, sep: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let sep = sep.into_option().map(|sep| bytes_of(&sep, vm)).transpose()?;
        let sep = sep.and_then(|sep| sep.first().copied());
        with_bytes(&data, vm, |data| {
            let mut text = Vec::with_capacity(3 * data.len());
            for (at, byte) in data.iter().enumerate() {
                text.extend(sep.filter(|_| at > 0));
                text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
            text
        })
    }

    #[pyfunction]
    fn unhexlify(text: PyObjectRef, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let text = bytes_of(&text, vm)?;
        if text.len() % 2 != 0 {
            return Err(vm.new_value_error("odd-length string"));
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Option<Vec<u8>> = text.chunks_exact(2).map(byte).collect();
        bytes.ok_or_else(|| vm.new_value_error("non-hex digit found"))
    }

    #[derive(FromArgs)]
    struct ToBase64 {
        #[pyarg(positional)]
        data: PyObjectRef,
        #[pyarg(named, default = true)]
        newline: bool,
    }

    #[pyfunction]
    fn b2a_base64(args: ToBase64, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let data = bytes_of(&args.data, vm)?;
        let mut text = Vec::with_capacity(data.len() / 3 * 4 + 5);
        for group in data.chunks(3) {
            let mut three = [0; 3];
            three[..group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            let letter = |at: usize| BASE64[(bits >> (18 - 6 * at)) as usize & 63];
            text.extend((0..4).map(|at| if at <= group.len() { letter(at) } else { b'=' }));
        }
        text.extend(args.newline.then_some(b'\n'));
        Ok(text)
    }

    /// Whatever is no letter of base64 is passed over; padding ends the text.
    #[pyfunction]
    fn a2b_base64(text: PyObjectRef, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let (mut data, mut bits, mut held, mut padded) = (Vec::new(), 0_u32, 0, false);
        for byte in bytes_of(&text, vm)? {
            if byte == b'=' {
                if held == 2 || (held == 4 && padded) {
                    held = 0;
                    break;
                }
                padded = true;
            }
            let Some(value) = BASE64.iter().position(|&letter| letter == byte) else { continue };
            padded = false;
            bits = bits << 6 | value as u32;
            held += 6;
            if held >= 8 {
                held -= 8;
                data.push((bits >> held) as u8);
            }
        }
        if held != 0 {
            return Err(vm.new_value_error("incorrect padding"));
        }
        Ok(data)
    }

    /// The CRC of Ethernet and ZIP, continued from `before`.
    #[pyfunction]
    fn crc32(data: PyObjectRef, before: OptionalArg<u32>, vm: &VirtualMachine) -> PyResult<u32> {
        with_bytes(&data, vm, |data| {
            let mut hasher = crc32fast::Hasher::new_with_initial(before.unwrap_or(0));
            hasher.update(data);
            hasher.finalize()
        })
    }
}
