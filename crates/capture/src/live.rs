//! The meeting place of the one who writes a run and those who read it while it grows.
//! Readers wait here; the writer is told that somebody waits, and need not hurry otherwise.
//!
//! A run without a capture is kept here alone, in memory, until every reader has seen it: the writer
//! waits for them, because there is no disk to read it from later.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes of a run without capture may wait for its slowest reader before the writer waits too.
const MEMORY_LIMIT: usize = 8 << 20;

/// How far a run is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The segment, from 1; 0 before the first.
    pub segment: u32,
    /// Bytes of it that may be read.
    pub offset: u64,
    /// The last record within.
    pub last_seq: u64,
}

#[derive(Debug, Default)]
struct State {
    position: Position,
    ended: bool,
    ending: bool,
    waiting: usize,
    memory: VecDeque<Arc<Vec<u8>>>,
    memory_bytes: usize,
    /// How many chunks have left `memory` at its front.
    forgotten: u64,
    /// The chunk that each reader of the memory wants next; `None` for one that is gone.
    readers: Vec<Option<u64>>,
}

/// Shared by a run's writer and its readers.
pub struct Live {
    state: Mutex<State>,
    changed: Condvar,
    hurry: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Live {
    /// `hurry` is called whenever a reader begins to wait.
    pub fn new(hurry: impl Fn() + Send + Sync + 'static) -> Self {
        Live { state: Mutex::default(), changed: Condvar::new(), hurry: Box::new(hurry) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single step, so a reader that panicked has left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the run may be read now, and whether it has ended there.
    pub fn position(&self) -> (Position, bool) {
        let state = self.state();
        (state.position, state.ended)
    }

    /// Whether a reader waits for what comes next.
    pub fn is_awaited(&self) -> bool {
        self.state().waiting > 0
    }

    /// Tells the readers that the run may be read to `position`.
    pub fn publish(&self, position: Position) {
        self.state().position = position;
        self.changed.notify_all();
    }

    /// Tells the readers that nothing more will come.
    pub fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the run is readable past `seen`, has ended, or `patience` is over.
    pub fn wait(&self, seen: Position, patience: Duration) {
        let more = |state: &mut State| state.position == seen && !state.ended;
        self.wait_while(patience, more);
    }

    fn wait_while(&self, patience: Duration, condition: impl Fn(&mut State) -> bool) {
        let mut state = self.state();
        if !condition(&mut state) {
            return;
        }
        state.waiting += 1;
        drop(state);
        (self.hurry)(); // outside the lock: it wakes the writer, which may come here at once
        let waited = self.changed.wait_timeout_while(self.state(), patience, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    /// Keeps a chunk in memory until every reader has had it; waits while too much is kept.
    pub fn publish_chunk(&self, chunk: Vec<u8>, position: Position) {
        let mut state = self.state();
        if state.readers.iter().any(Option::is_some) {
            state = self
                .changed
                .wait_while(state, |state| state.memory_bytes > MEMORY_LIMIT && !state.ending)
                .unwrap_or_else(PoisonError::into_inner);
            state.memory_bytes += chunk.len();
            state.memory.push_back(Arc::new(chunk));
        }
        state.position = position;
        drop(state);
        self.changed.notify_all();
    }

    /// The writer has little left to write, and waits for no reader any more.
    pub fn wait_no_more(&self) {
        self.state().ending = true;
        self.changed.notify_all();
    }

    /// A new reader of the memory, from the oldest chunk kept.
    pub fn add_reader(&self) -> usize {
        let mut state = self.state();
        let next = state.forgotten;
        state.readers.push(Some(next));
        state.readers.len() - 1
    }

    /// The chunk that `reader` wants next, if it is there; the one before is let go.
    pub fn take_chunk(&self, reader: usize) -> Option<Arc<Vec<u8>>> {
        let mut state = self.state();
        let next = state.readers[reader]?;
        let chunk = state.memory.get((next - state.forgotten) as usize).cloned()?;
        state.readers[reader] = Some(next + 1);
        self.forget(state);
        Some(chunk)
    }

    /// The reader will ask for nothing more.
    pub fn remove_reader(&self, reader: usize) {
        let mut state = self.state();
        state.readers[reader] = None;
        self.forget(state);
    }

    /// Waits until there is a chunk for `reader`, the run has ended, or `patience` is over.
    pub fn wait_chunk(&self, reader: usize, patience: Duration) {
        self.wait_while(patience, |state| {
            let behind = state.readers[reader].is_some_and(|next| next < state.forgotten + state.memory.len() as u64);
            !behind && !state.ended
        });
    }

    fn forget(&self, mut state: MutexGuard<'_, State>) {
        let oldest = state.readers.iter().flatten().min().copied().unwrap_or(u64::MAX);
        while state.forgotten < oldest
            && let Some(chunk) = state.memory.pop_front()
        {
            state.memory_bytes -= chunk.len();
            state.forgotten += 1;
        }
        drop(state);
        self.changed.notify_all();
    }
}
