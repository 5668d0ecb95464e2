//! The module `deflate`: reading what is compressed as raw deflate, zlib (RFC 1950) or gzip (RFC 1952). Boards of this
//! kind do not compress.

pub(crate) use deflate::module_def;

use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine, pymodule};

use super::inflate::{Inflate, Source, damaged};
use super::stream;

const AUTO: i32 = 0;
const RAW: i32 = 1;
const ZLIB: i32 = 2;
const GZIP: i32 = 3;

struct Bytes<'a>(&'a PyObjectRef);

impl Source for Bytes<'_> {
    fn byte(&mut self, vm: &VirtualMachine) -> PyResult<u8> {
        let byte = stream::read_into(self.0, 1, vm)?.first().copied();
        byte.ok_or_else(|| vm.new_exception_empty(vm.ctx.exceptions.eof_error.to_owned()))
    }
}

/// What is checked at the end of the data.
#[derive(Debug)]
enum Check {
    Nothing,
    Adler { a: u32, b: u32 },
    Crc(crc32fast::Hasher),
}

#[derive(Debug)]
struct Reader {
    inflate: Inflate,
    check: Check,
}

impl Reader {
    /// Reads the header, which says the format where the program does not.
    fn begin(format: i32, wbits: u8, from: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Reader> {
        let with =
            |default: u8, check| Reader { inflate: Inflate::new(1 << if wbits > 0 { wbits } else { default }), check };
        if format == RAW {
            return Ok(with(8, Check::Nothing));
        }
        let mut bytes = Bytes(from);
        let (first, second) = (bytes.byte(vm)?, bytes.byte(vm)?);
        let gzip = first == 0x1f && second == 0x8b;
        let zlib = first & 15 == 8 && first >> 4 < 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        match format {
            AUTO | GZIP if gzip => {
                skip_gzip_header(&mut bytes, vm)?;
                Ok(with(15, Check::Crc(crc32fast::Hasher::new())))
            }
            AUTO | ZLIB if zlib => Ok(with((first >> 4) + 8, Check::Adler { a: 1, b: 0 })),
            _ => Err(damaged(vm)),
        }
    }

    fn next(&mut self, from: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Option<u8>> {
        if self.inflate.done {
            return Ok(None);
        }
        let byte = self.inflate.next(&mut Bytes(from), vm)?;
        let Some(byte) = byte else {
            self.end(from, vm)?;
            return Ok(None);
        };
        match &mut self.check {
            Check::Nothing => {}
            Check::Adler { a, b } => {
                *a = (*a + u32::from(byte)) % 65521;
                *b = (*b + *a) % 65521;
            }
            Check::Crc(hasher) => hasher.update(&[byte]),
        }
        Ok(Some(byte))
    }

    fn end(&mut self, from: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let mut bytes = Bytes(from);
        let mut word = || Ok([bytes.byte(vm)?, bytes.byte(vm)?, bytes.byte(vm)?, bytes.byte(vm)?]);
        let right = match &self.check {
            Check::Nothing => true,
            Check::Adler { a, b } => u32::from_be_bytes(word()?) == b << 16 | a,
            Check::Crc(hasher) => {
                let right = u32::from_le_bytes(word()?) == hasher.clone().finalize();
                word()?; // the length, which nobody checks
                right
            }
        };
        if right { Ok(()) } else { Err(damaged(vm)) }
    }
}

/// After the two bytes by which gzip is known.
fn skip_gzip_header(bytes: &mut Bytes<'_>, vm: &VirtualMachine) -> PyResult<()> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const TEXTS: [u8; 2] = [8, 16];
    if bytes.byte(vm)? != 8 {
        return Err(damaged(vm));
    }
    let flags = bytes.byte(vm)?;
    for _ in 0..6 {
        bytes.byte(vm)?;
    }
    if flags & EXTRA != 0 {
        for _ in 0..u16::from_le_bytes([bytes.byte(vm)?, bytes.byte(vm)?]) {
            bytes.byte(vm)?;
        }
    }
    for _ in TEXTS.iter().filter(|text| flags & **text != 0) {
        while bytes.byte(vm)? != 0 {}
    }
    if flags & HEADER_CRC != 0 {
        bytes.byte(vm)?;
        bytes.byte(vm)?;
    }
    Ok(())
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod deflate {
    use parking_lot::Mutex;
    use rustpython_vm::builtins::PyType;
    use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
    use rustpython_vm::types::Constructor;
    use rustpython_vm::{FromArgs, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

    use super::Reader;
    use crate::modules::{asked, errors};

    #[pyattr]
    use super::{AUTO, GZIP, RAW, ZLIB};

    /// A compressed stream, seen as what is in it.
    #[pyattr]
    #[pyclass(name = "DeflateIO")]
    #[derive(Debug, PyPayload)]
    struct DeflateIO {
        format: i32,
        wbits: u8,
        closes: bool,
        /// `None` when it is closed.
        from: Mutex<Option<PyObjectRef>>,
        reader: Mutex<Option<Reader>>,
    }

    #[derive(FromArgs)]
    struct Arguments {
        #[pyarg(positional)]
        stream: PyObjectRef,
        #[pyarg(any, default)]
        format: i32,
        #[pyarg(any, default)]
        wbits: i32,
        #[pyarg(any, default)]
        close: bool,
    }

    impl Constructor for DeflateIO {
        type Args = Arguments;

        fn py_new(_class: &Py<PyType>, args: Arguments, vm: &VirtualMachine) -> PyResult<DeflateIO> {
            let wbits = u8::try_from(args.wbits).ok().filter(|wbits| matches!(wbits, 0 | 5..=15));
            match wbits.filter(|_| (AUTO..=GZIP).contains(&args.format)) {
                Some(wbits) => Ok(DeflateIO {
                    format: args.format,
                    wbits,
                    closes: args.close,
                    from: Mutex::new(Some(args.stream)),
                    reader: Mutex::new(None),
                }),
                None if wbits.is_none() => Err(vm.new_value_error("wbits")),
                None => Err(vm.new_value_error("format")),
            }
        }
    }

    #[pyclass(with(Constructor))]
    impl DeflateIO {
        /// Takes bytes until there are `most`, or `enough` says so. The reader is taken out meanwhile: the stream may
        /// be a program's own.
        fn take(&self, most: usize, enough: fn(u8) -> bool, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
            let from = self.from.lock().clone().ok_or_else(|| errors::named(vm, "EINVAL"))?;
            let mut bytes = Vec::new();
            if most == 0 {
                return Ok(bytes);
            }
            let reader = self.reader.lock().take();
            let mut reader = match reader {
                Some(reader) => reader,
                None => Reader::begin(self.format, self.wbits, &from, vm)?,
            };
            let result = loop {
                match reader.next(&from, vm) {
                    Ok(Some(byte)) => bytes.push(byte),
                    Ok(None) => break Ok(()),
                    Err(raised) => break Err(raised),
                }
                if bytes.len() == most || bytes.last().is_some_and(|byte| enough(*byte)) {
                    break Ok(());
                }
            };
            *self.reader.lock() = Some(reader);
            result.map(|()| bytes)
        }

        #[pymethod]
        fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
            self.take(asked::most(count), |_| false, vm)
        }

        #[pymethod]
        fn readline(&self, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
            self.take(usize::MAX, |byte| byte == b'\n', vm)
        }

        #[pymethod]
        fn readinto(&self, buffer: ArgMemoryBuffer, vm: &VirtualMachine) -> PyResult<usize> {
            asked::fill_now(&buffer, OptionalArg::Missing, |most| self.take(most, |_| false, vm))
        }

        #[pymethod]
        fn close(&self, vm: &VirtualMachine) -> PyResult<()> {
            let from = self.from.lock().take();
            match from.filter(|_| self.closes) {
                Some(from) => vm.call_method(&from, "close", ()).map(drop),
                None => Ok(()),
            }
        }

        #[pymethod]
        fn __enter__(zelf: PyRef<Self>) -> PyRef<Self> {
            zelf
        }

        #[pymethod]
        fn __exit__(&self, _args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
            self.close(vm)
        }
    }
}
