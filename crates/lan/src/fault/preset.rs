//! Links that people know, by name.

use std::str::FromStr;
use std::time::Duration;

use super::{Delay, Distribution, FaultError, Faults, Loss, Queue, Radio, Rate};
use crate::Direction;

/// A link that people know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Nothing is wrong.
    Perfect,
    /// Wi-Fi in the same room.
    Home,
    /// Thirty stations on one access point.
    BusyClassroom,
    /// As far away as it goes.
    EdgeOfRange,
    /// A mobile network.
    Mobile,
    /// A satellite in geostationary orbit.
    Satellite,
}

impl Preset {
    /// All of them.
    pub const ALL: [Preset; 6] =
        [Preset::Perfect, Preset::Home, Preset::BusyClassroom, Preset::EdgeOfRange, Preset::Mobile, Preset::Satellite];

    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Perfect => "perfect",
            Preset::Home => "home",
            Preset::BusyClassroom => "busy-classroom",
            Preset::EdgeOfRange => "edge-of-range",
            Preset::Mobile => "4g",
            Preset::Satellite => "satellite",
        }
    }

    /// What is wrong in one direction.
    pub fn faults(self, direction: Direction) -> Faults {
        let up = direction == Direction::Up;
        match self {
            Preset::Perfect => Faults::default(),
            Preset::Home => link(20_000, 2, 1, Loss::Random(0.02), radio(4, 1)),
            Preset::BusyClassroom => {
                let bursts = Loss::Gilbert { p: 0.02, r: 0.2, h: 0.4, k: 0.98 };
                link(2_000, 15, 12, bursts, radio(4, 4))
            }
            Preset::EdgeOfRange => {
                let bursts = Loss::Gilbert { p: 0.05, r: 0.15, h: 0.1, k: 0.9 };
                link(1_000, 10, 15, bursts, radio(3, 5))
            }
            Preset::Mobile => link(if up { 10_000 } else { 30_000 }, 25, 8, Loss::Random(0.001), None),
            Preset::Satellite => link(if up { 2_000 } else { 20_000 }, 300, 10, Loss::Random(0.005), None),
        }
    }
}

fn radio(retries: u32, milliseconds: u64) -> Option<Radio> {
    Some(Radio { retries, retry_time: Duration::from_millis(milliseconds) })
}

fn link(kilobits: u64, delay: u64, jitter: u64, loss: Loss, radio: Option<Radio>) -> Faults {
    Faults {
        rate: Some(Rate { bits: kilobits * 1000, burst: 3000 }),
        queue: Queue { packets: 100, ..Queue::default() },
        delay: Delay {
            base: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            correlation: 0.25,
            distribution: Distribution::Normal,
            keep_order: true,
        },
        loss,
        radio,
        ..Faults::default()
    }
}

impl FromStr for Preset {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Preset, FaultError> {
        let found = Preset::ALL.into_iter().find(|preset| preset.name() == text);
        found.ok_or_else(|| FaultError::Preset(text.to_owned()))
    }
}
