//! Chance that repeats. Every draw is a function of the run's seed, of what it is for, and of a number that counts what
//! it is about: no draw depends on which others were made, so turning one knob never moves the draws of another.

use std::f64::consts::TAU;

/// The seed of a run. Equal seeds, frames and times give equal runs, on every system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// Draws of one kind: the n-th frame's loss on one link in one direction, for example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws(u64);

/// A few numbers that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Seed {
    /// The draws for a purpose, which is named by numbers.
    pub(crate) fn draws(self, purpose: &[u64]) -> Draws {
        Draws(purpose.iter().fold(mix(self.0 ^ GOLDEN), |key, part| mix(key.wrapping_add(GOLDEN) ^ mix(*part))))
    }
}

impl Draws {
    /// The draw about the `number`-th thing.
    pub(crate) fn at(self, number: u64) -> Random {
        Random(mix(self.0 ^ mix(number.wrapping_add(GOLDEN))))
    }
}

impl Random {
    /// Any number (SplitMix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability; 0 is never, 1 always.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Mean 0, standard deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(TAU * self.unit())
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Stafford's thirteenth variant of the finaliser of MurmurHash3: a bijection in which every bit moves every other.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
