//! Decompression (RFC 1951) that takes one byte at a time from its source, and no more than it needs.

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{PyResult, VirtualMachine};

use super::errors;

/// Where compressed bytes come from, with EOFError at the end.
pub(crate) trait Source {
    fn byte(&mut self, vm: &VirtualMachine) -> PyResult<u8>;
}

/// What is not compressed data: EINVAL, as on boards.
pub(crate) fn damaged(vm: &VirtualMachine) -> PyBaseExceptionRef {
    errors::named(vm, "EINVAL")
}

const LONGEST_CODE: usize = 15;
const END_OF_BLOCK: u16 = 256;

/// Lengths and distances: what each code begins at, and how many bits follow it.
const LENGTHS: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCES: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
/// The order in which a block says the lengths of the codes of code lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// A prefix code: how many codes have each length, and what they stand for, in order.
#[derive(Debug)]
struct Code {
    counts: [u16; LONGEST_CODE + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Code {
        let mut counts = [0; LONGEST_CODE + 1];
        for &length in lengths.iter().filter(|length| **length > 0) {
            counts[usize::from(length)] += 1;
        }
        let of_length = |length: usize| {
            (0..lengths.len() as u16).filter(move |symbol| usize::from(lengths[usize::from(*symbol)]) == length)
        };
        Code { counts, symbols: (1..=LONGEST_CODE).flat_map(of_length).collect() }
    }
}

#[derive(Debug)]
enum Block {
    None,
    Stored(u16),
    Coded { literals: Code, distances: Code },
}

/// The state between two reads.
#[derive(Debug)]
pub(crate) struct Inflate {
    bits: u32,
    count: u8,
    block: Block,
    last: bool,
    /// What is left to copy from the window, and from how far back.
    copy: (u16, usize),
    window: Vec<u8>,
    /// Bytes that came out.
    pub(crate) produced: usize,
    pub(crate) done: bool,
}

impl Inflate {
    /// With a window of so many bytes: what came before that is forgotten.
    pub(crate) fn new(window: usize) -> Inflate {
        let window = vec![0; window];
        Inflate { bits: 0, count: 0, block: Block::None, last: false, copy: (0, 0), window, produced: 0, done: false }
    }

    fn take(&mut self, count: u8, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<u16> {
        while self.count < count {
            self.bits |= u32::from(from.byte(vm)?) << self.count;
            self.count += 8;
        }
        let taken = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count -= count;
        Ok(taken as u16)
    }

    fn symbol(&mut self, which: Which, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<u16> {
        let (mut code, mut first, mut index) = (0_i32, 0_i32, 0_i32);
        for length in 1..=LONGEST_CODE {
            code |= i32::from(self.take(1, from, vm)?);
            let Some(table) = self.table(which) else { break };
            let count = i32::from(table.counts[length]);
            if code - count < first {
                let symbol = usize::try_from(index + code - first).ok().and_then(|at| table.symbols.get(at));
                return symbol.copied().ok_or_else(|| damaged(vm));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(damaged(vm))
    }

    fn table(&self, which: Which) -> Option<&Code> {
        match (&self.block, which) {
            (Block::Coded { literals, .. }, Which::Literals) => Some(literals),
            (Block::Coded { distances, .. }, Which::Distances) => Some(distances),
            _ => None,
        }
    }

    fn put(&mut self, byte: u8) -> u8 {
        let place = self.produced % self.window.len();
        self.window[place] = byte;
        self.produced += 1;
        byte
    }

    /// The next byte; `None` at the end of the data.
    pub(crate) fn next(&mut self, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<Option<u8>> {
        loop {
            if self.copy.0 > 0 {
                self.copy.0 -= 1;
                let byte = self.window[(self.produced - self.copy.1) % self.window.len()];
                return Ok(Some(self.put(byte)));
            }
            match self.block {
                Block::None if self.last => {
                    self.done = true;
                    return Ok(None);
                }
                Block::None => self.begin(from, vm)?,
                Block::Stored(0) => self.block = Block::None,
                Block::Stored(ref mut left) => {
                    *left -= 1;
                    let byte = from.byte(vm)?;
                    return Ok(Some(self.put(byte)));
                }
                Block::Coded { .. } => match self.symbol(Which::Literals, from, vm)? {
                    END_OF_BLOCK => self.block = Block::None,
                    length if length > END_OF_BLOCK => self.reference(usize::from(length) - 257, from, vm)?,
                    byte => return Ok(Some(self.put(byte as u8))),
                },
            }
        }
    }

    fn reference(&mut self, code: usize, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<()> {
        let length = *LENGTHS.get(code).ok_or_else(|| damaged(vm))?;
        let length = length + self.take(LENGTH_BITS[code], from, vm)?;
        let code = usize::from(self.symbol(Which::Distances, from, vm)?);
        let distance = usize::from(*DISTANCES.get(code).ok_or_else(|| damaged(vm))?);
        let distance = distance + usize::from(self.take((code.max(2) / 2 - 1) as u8, from, vm)?);
        if distance > self.window.len() || distance > self.produced {
            return Err(damaged(vm));
        }
        self.copy = (length, distance);
        Ok(())
    }

    fn begin(&mut self, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<()> {
        self.last = self.take(1, from, vm)? == 1;
        self.block = match self.take(2, from, vm)? {
            0 => {
                (self.bits, self.count) = (0, 0);
                let mut half = || Ok(u16::from_le_bytes([from.byte(vm)?, from.byte(vm)?]));
                let (length, check) = (half()?, half()?);
                if length != !check {
                    return Err(damaged(vm));
                }
                Block::Stored(length)
            }
            1 => {
                let length = |symbol: u16| match symbol {
                    0..144 => 8,
                    144..256 => 9,
                    256..280 => 7,
                    _ => 8,
                };
                let lengths: Vec<u8> = (0..288).map(length).collect();
                Block::Coded { literals: Code::new(&lengths), distances: Code::new(&[5; 30]) }
            }
            2 => self.described(from, vm)?,
            _ => return Err(damaged(vm)),
        };
        Ok(())
    }

    /// A block that begins with a description of its codes.
    fn described(&mut self, from: &mut impl Source, vm: &VirtualMachine) -> PyResult<Block> {
        let literals = 257 + usize::from(self.take(5, from, vm)?);
        let all = literals + 1 + usize::from(self.take(5, from, vm)?);
        let given = 4 + usize::from(self.take(4, from, vm)?);
        let mut lengths = [0; 19];
        for place in &ORDER[..given] {
            lengths[*place] = self.take(3, from, vm)? as u8;
        }
        let code = Code::new(&lengths);
        self.block = Block::Coded { literals: code, distances: Code::new(&[]) };
        let mut lengths: Vec<u8> = Vec::with_capacity(all);
        while lengths.len() < all {
            let (value, times) = match self.symbol(Which::Literals, from, vm)? {
                16 => (*lengths.last().ok_or_else(|| damaged(vm))?, 3 + self.take(2, from, vm)?),
                17 => (0, 3 + self.take(3, from, vm)?),
                18 => (0, 11 + self.take(7, from, vm)?),
                length => (length as u8, 1),
            };
            lengths.extend((0..times).map(|_| value));
        }
        if lengths.len() > all {
            return Err(damaged(vm));
        }
        Ok(Block::Coded { literals: Code::new(&lengths[..literals]), distances: Code::new(&lengths[literals..]) })
    }
}

#[derive(Clone, Copy)]
enum Which {
    Literals,
    Distances,
}
