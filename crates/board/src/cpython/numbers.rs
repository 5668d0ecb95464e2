//! `_random`: the numbers of a Mersenne Twister (MT19937 of Matsumoto and Nishimura), so that a seed gives what it
//! gives in CPython.

pub(super) use _random::module_def;

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyInt, PyTuple, PyType};
use rustpython_vm::function::{FuncArgs, OptionalArg};
use rustpython_vm::types::Constructor;
use rustpython_vm::{AsObject, Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass, pymodule};

const SIZE: usize = 624;
const MIDDLE: usize = 397;

/// The twister itself.
struct Twister {
    state: [u32; SIZE],
    index: usize,
}

impl Twister {
    fn of_number(seed: u32) -> Twister {
        let mut state = [seed; SIZE];
        for place in 1..SIZE {
            let before = state[place - 1];
            state[place] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(place as u32);
        }
        Twister { state, index: SIZE }
    }

    fn of_numbers(key: &[u32]) -> Twister {
        let mut state = Twister::of_number(19_650_218).state;
        let mut place = 1;
        for round in 0..SIZE.max(key.len()) {
            let part = round % key.len();
            let mixed = state[place] ^ mixed(state[place - 1], 1_664_525);
            state[place] = mixed.wrapping_add(key[part]).wrapping_add(part as u32);
            place = next(&mut state, place);
        }
        for _ in 1..SIZE {
            state[place] = (state[place] ^ mixed(state[place - 1], 1_566_083_941)).wrapping_sub(place as u32);
            place = next(&mut state, place);
        }
        state[0] = 0x8000_0000;
        Twister { state, index: SIZE }
    }

    fn next(&mut self) -> u32 {
        if self.index >= SIZE {
            self.twist();
        }
        let mut number = self.state[self.index];
        self.index += 1;
        number ^= number >> 11;
        number ^= (number << 7) & 0x9d2c_5680;
        number ^= (number << 15) & 0xefc6_0000;
        number ^ (number >> 18)
    }

    fn twist(&mut self) {
        for place in 0..SIZE {
            let joined = (self.state[place] & 0x8000_0000) | (self.state[(place + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[place] = self.state[(place + MIDDLE) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.index = 0;
    }
}

fn mixed(before: u32, factor: u32) -> u32 {
    (before ^ (before >> 30)).wrapping_mul(factor)
}

/// The place after this one; the first is set from the last, and left out.
fn next(state: &mut [u32; SIZE], place: usize) -> usize {
    if place + 1 < SIZE {
        return place + 1;
    }
    state[0] = state[SIZE - 1];
    1
}

/// `_random.Random`.
#[pyclass(module = "_random", name = "Random")]
#[derive(PyPayload)]
struct Random(Mutex<Twister>);

impl std::fmt::Debug for Random {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Random")
    }
}

impl Default for Random {
    fn default() -> Random {
        Random(Mutex::new(Twister::of_numbers(&noise())))
    }
}

/// Numbers that nobody can foresee.
fn noise() -> Vec<u32> {
    let bytes = crate::modules::random::noise(32);
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

impl Constructor for Random {
    type Args = FuncArgs;

    fn py_new(_class: &Py<PyType>, _args: FuncArgs, _vm: &VirtualMachine) -> PyResult<Random> {
        Ok(Random::default())
    }
}

#[pyclass(with(Constructor), flags(BASETYPE))]
impl Random {
    #[pymethod]
    fn random(&self) -> f64 {
        let mut twister = self.0.lock();
        let (high, low) = (twister.next() >> 5, twister.next() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    #[pymethod]
    fn seed(&self, seed: OptionalArg<Option<PyObjectRef>>, vm: &VirtualMachine) -> PyResult<()> {
        let key = match seed.flatten() {
            None => noise(),
            Some(seed) => match seed.downcast_ref::<PyInt>() {
                Some(number) => number.as_bigint().magnitude().iter_u32_digits().collect(),
                None => vec![seed.hash(vm)? as u32, (seed.hash(vm)? >> 32) as u32],
            },
        };
        *self.0.lock() = Twister::of_numbers(if key.is_empty() { &[0] } else { &key });
        Ok(())
    }

    #[pymethod]
    fn getrandbits(&self, count: i64, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        const MOST: usize = 1 << 23;
        let count = usize::try_from(count).map_err(|_| vm.new_value_error("number of bits must be non-negative"))?;
        if count > MOST {
            return Err(vm.new_memory_error("too many bits"));
        }
        let mut twister = self.0.lock();
        let mut bytes = Vec::new();
        let mut left = count;
        while left > 0 {
            let taken = left.min(32);
            bytes.extend((twister.next() >> (32 - taken)).to_le_bytes());
            left -= taken;
        }
        drop(twister);
        let bytes = vm.ctx.new_bytes(bytes);
        vm.call_method(vm.ctx.types.int_type.as_object(), "from_bytes", (bytes, "little"))
    }

    #[pymethod]
    fn getstate(&self, vm: &VirtualMachine) -> PyObjectRef {
        let twister = self.0.lock();
        let index = twister.index as u32;
        let numbers = twister.state.iter().copied().chain([index]);
        vm.ctx.new_tuple(numbers.map(|number| vm.ctx.new_int(number).into()).collect()).into()
    }

    #[pymethod]
    fn setstate(&self, numbers: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let wrong = || vm.new_value_error("state vector is the wrong size");
        let numbers =
            numbers.downcast_ref::<PyTuple>().ok_or_else(|| vm.new_type_error("state vector must be a tuple"))?;
        let numbers: Vec<u32> =
            numbers.iter().map(|number| number.clone().try_into_value(vm)).collect::<PyResult<_>>()?;
        let (index, state) = numbers.split_last().ok_or_else(wrong)?;
        let state = <[u32; SIZE]>::try_from(state).map_err(|_| wrong())?;
        let index = usize::try_from(*index).ok().filter(|index| *index <= SIZE).ok_or_else(wrong)?;
        *self.0.lock() = Twister { state, index };
        Ok(())
    }
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod _random {
    use rustpython_vm::VirtualMachine;
    use rustpython_vm::builtins::PyTypeRef;
    use rustpython_vm::class::PyClassImpl;

    #[pyattr(name = "Random")]
    fn random(_vm: &VirtualMachine) -> PyTypeRef {
        super::Random::make_static_type()
    }
}
