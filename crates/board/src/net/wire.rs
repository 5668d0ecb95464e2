//! The end of the board's cable: frames that its stack has sent and the parent has not been handed yet.

use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::link::Frames;

/// Bytes that wait; what does not fit is lost, as on an interface whose queue is full. More than the windows of a
/// board's connections together.
const ROOM: usize = 1 << 20;

/// Bytes that are handed over at once.
const BATCH: usize = 64 << 10;

#[derive(Default)]
pub(crate) struct Wire {
    waiting: Mutex<Waiting>,
    some: Condvar,
    none: Condvar,
}

#[derive(Default)]
struct Waiting {
    frames: std::collections::VecDeque<Bytes>,
    bytes: usize,
    /// A batch has been taken and is not out yet.
    under_way: bool,
}

impl Wire {
    /// Takes a frame from the stack; never waits.
    pub(super) fn put(&self, frame: Bytes) {
        let mut waiting = self.waiting.lock();
        if waiting.bytes + frame.len() > ROOM {
            return;
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        if waiting.frames.len() == 1 {
            self.some.notify_one();
        }
    }

    /// Waits until all have been taken, or `until`.
    pub(super) fn await_empty(&self, until: Instant) {
        let mut waiting = self.waiting.lock();
        while (waiting.under_way || !waiting.frames.is_empty())
            && !self.none.wait_until(&mut waiting, until).timed_out()
        {}
    }

    /// Waits for frames, and gives as many as go into one batch.
    pub(crate) fn take(&self) -> Frames {
        let mut waiting = self.waiting.lock();
        while waiting.frames.is_empty() {
            self.some.wait(&mut waiting);
        }
        let mut batch = Frames::default();
        while batch.size() < BATCH
            && let Some(frame) = waiting.frames.pop_front()
        {
            waiting.bytes -= frame.len();
            batch.push(&frame);
        }
        waiting.under_way = true;
        batch
    }

    /// The batch taken last is out.
    pub(crate) fn sent(&self) {
        self.waiting.lock().under_way = false;
        self.none.notify_all();
    }
}
