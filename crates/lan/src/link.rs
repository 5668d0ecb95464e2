//! A link: what goes from a board to the switch and back, each way through faults of its own.

use crate::fault::Pipe;
use crate::{Counts, Direction, Faults, PortId, Seed, Time};

/// The two directions of a port.
#[derive(Debug)]
pub(crate) struct Link {
    pipes: [Pipe; 2],
    /// When each is looked at next.
    pub(crate) due: [Option<Time>; 2],
}

impl Link {
    pub(crate) fn new(seed: Seed, port: PortId) -> Link {
        let pipes = [Pipe::new(seed, port, Direction::Up), Pipe::new(seed, port, Direction::Down)];
        Link { pipes, due: [None; 2] }
    }

    pub(crate) fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        &mut self.pipes[direction as usize]
    }

    pub(crate) fn faults(&self, direction: Direction) -> &Faults {
        self.pipes[direction as usize].faults()
    }

    pub(crate) fn counts(&self, direction: Direction) -> Counts {
        self.pipes[direction as usize].counts
    }
}
