//! The end of the board's cable: frames that its stack has sent and the parent has not been handed yet.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::link::Frames;

/// Bytes that wait; what does not fit is lost, as on an interface whose queue is full. More than the windows of a
/// board's connections together.
const ROOM: usize = 1 << 20;

/// Bytes that are handed over at once.
const BATCH: usize = 64 << 10;

/// Frames of a call that its own thread hands over: to wake another for them takes longer.
const FEW: usize = 4 << 10;

/// Hands a batch to the parent; waits until it is taken.
pub(crate) type Hand = Box<dyn Fn(Frames) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Wire {
    waiting: Mutex<Waiting>,
    some: Condvar,
    none: Condvar,
    hand: OnceLock<Hand>,
}

#[derive(Default)]
struct Waiting {
    frames: std::collections::VecDeque<Bytes>,
    bytes: usize,
    /// A batch has been taken and is not out yet. There is one at a time, or frames would overtake each other.
    under_way: bool,
    /// Calls whose frames are looked at when they are over.
    calls: usize,
}

impl Waiting {
    fn is_ready(&self) -> bool {
        !self.under_way && !self.frames.is_empty()
    }

    fn take(&mut self) -> Frames {
        let mut batch = Frames::default();
        while batch.size() < BATCH
            && let Some(frame) = self.frames.pop_front()
        {
            self.bytes -= frame.len();
            batch.push(&frame);
        }
        self.under_way = true;
        batch
    }
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
        if waiting.frames.len() == 1 && waiting.calls == 0 {
            self.some.notify_one();
        }
    }

    /// Has the stack do something. Of the frames that come of it, a few are out when this returns.
    pub(super) fn during<R>(&self, call: impl FnOnce() -> R) -> R {
        self.waiting.lock().calls += 1;
        let result = call();
        let mut waiting = self.waiting.lock();
        waiting.calls -= 1;
        match self.hand.get() {
            Some(hand) if waiting.is_ready() && waiting.bytes <= FEW => {
                let batch = waiting.take();
                drop(waiting);
                hand(batch);
                self.sent();
            }
            _ if waiting.is_ready() => drop(self.some.notify_one()),
            _ => {}
        }
        result
    }

    /// Waits until all have been taken, or `until`.
    pub(super) fn await_empty(&self, until: Instant) {
        let mut waiting = self.waiting.lock();
        while (waiting.under_way || !waiting.frames.is_empty())
            && !self.none.wait_until(&mut waiting, until).timed_out()
        {}
    }

    /// Hands over all that comes, for ever.
    pub(crate) fn transmit(&self, hand: Hand) -> ! {
        let hand = self.hand.get_or_init(|| hand);
        loop {
            let mut waiting = self.waiting.lock();
            while !waiting.is_ready() {
                self.some.wait(&mut waiting);
            }
            let batch = waiting.take();
            drop(waiting);
            hand(batch);
            self.sent();
        }
    }

    /// The batch taken last is out.
    fn sent(&self) {
        let mut waiting = self.waiting.lock();
        waiting.under_way = false;
        if waiting.is_ready() {
            self.some.notify_one();
        }
        self.none.notify_all();
    }
}
