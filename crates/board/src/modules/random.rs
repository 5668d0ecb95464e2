//! The module `random`: a small generator, the same sequence for the same seed.

pub(crate) use random::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod random {
    use std::hash::{BuildHasher, Hasher, RandomState};
    use std::sync::LazyLock;

    use parking_lot::Mutex;
    use rustpython_vm::function::{ArgIntoFloat, OptionalArg};
    use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

    static STATE: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(unpredictable() | 1));

    /// Different each time: the keys of the standard library's hash are random.
    pub(super) fn unpredictable() -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// A step of xorshift64*, whose upper half is its best.
    fn next() -> u32 {
        let mut state = STATE.lock();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn next64() -> u64 {
        u64::from(next()) << 32 | u64::from(next())
    }

    /// As likely as any other number below `bound`: what lies beyond its last multiple is drawn again.
    fn below(bound: u64) -> u64 {
        let unfair = u64::MAX - u64::MAX % bound;
        loop {
            let drawn = next64();
            if drawn < unfair {
                return drawn % bound;
            }
        }
    }

    #[pyfunction]
    fn seed(seed: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let state = match seed.into_option().filter(|seed| !vm.is_none(seed)) {
            Some(seed) => seed.try_int(vm)?.as_bigint().to_signed_bytes_le(),
            None => unpredictable().to_le_bytes().to_vec(),
        };
        // Zero would stay zero, and small seeds are to be far from each other.
        let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        *STATE.lock() = state.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1;
        Ok(())
    }

    #[pyfunction]
    fn getrandbits(bits: i64, vm: &VirtualMachine) -> PyResult<u32> {
        match bits {
            0 => Ok(0),
            1..=32 => Ok(next() >> (32 - bits)),
            _ => Err(vm.new_value_error("bits must be 32 or less")),
        }
    }

    #[pyfunction]
    fn randrange(start: i64, stop: OptionalArg<i64>, step: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<i64> {
        let (start, stop) = match stop {
            OptionalArg::Present(stop) => (start, stop),
            OptionalArg::Missing => (0, start),
        };
        let (step, width) = (i128::from(step.unwrap_or(1)), i128::from(stop) - i128::from(start));
        let count = match step {
            0 => 0,
            1.. => (width + step - 1) / step,
            _ => (width + step + 1) / step,
        };
        let drawn = u64::try_from(count).ok().filter(|&count| count > 0).map(below);
        let drawn = drawn.map(|drawn| i128::from(start) + step * i128::from(drawn));
        drawn
            .and_then(|drawn| drawn.try_into().ok())
            .ok_or_else(|| vm.new_exception_empty(vm.ctx.exceptions.value_error.to_owned()))
    }

    #[pyfunction]
    fn randint(first: i64, last: i64, vm: &VirtualMachine) -> PyResult<i64> {
        randrange(first, OptionalArg::Present(last.saturating_add(1)), OptionalArg::Missing, vm)
    }

    #[pyfunction]
    fn choice(sequence: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let count = sequence.length(vm)?;
        if count == 0 {
            return Err(vm.new_exception_empty(vm.ctx.exceptions.index_error.to_owned()));
        }
        let index = vm.ctx.new_int(below(count as u64));
        sequence.get_item(index.as_object(), vm)
    }

    /// From 0 to 1, without 1.
    #[pyfunction]
    fn random() -> f64 {
        (next64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[pyfunction]
    fn uniform(a: ArgIntoFloat, b: ArgIntoFloat) -> f64 {
        let (a, b) = (a.into_float(), b.into_float());
        a + (b - a) * random()
    }
}

/// Bytes different each time, for `os.urandom`. They are no secret: what a board keeps with them is a lesson.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        bytes.extend(random::unpredictable().to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
