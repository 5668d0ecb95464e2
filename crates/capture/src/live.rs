//! The meeting place of the one who writes a run and those who read it while it grows.
//! Readers wait here; the writer is told that somebody waits, and need not hurry otherwise.
//!
//! A run without a capture is kept here alone, in memory, until every reader has seen it: the writer
//! waits for them, because there is no disk to read it from later.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::decoder::Decoder;
use crate::index::Slot;
use crate::record::{Address, PeerId};

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

/// Places in the segment that is being written, from which it can be read on, and what a reader has to know there that
/// stands before.
#[derive(Debug, Default)]
struct Places {
    segment: u32,
    places: Vec<Place>,
    /// What interfaces there are.
    named: Decoder,
    /// Peers whose addresses their packets do not show.
    unshown: Vec<(PeerId, Address)>,
}

/// A place in a segment, and how many interfaces were named before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) interfaces: usize,
}

/// Where to begin in the segment that is being written.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) offset: u64,
    /// Knows what stands before.
    pub(crate) decoder: Decoder,
}

#[derive(Debug, Default)]
struct State {
    position: Position,
    /// Counts what was told: a reader that has seen this many has seen all.
    changes: u64,
    ended: bool,
    ending: bool,
    waiting: usize,
    memory: VecDeque<Arc<Vec<u8>>>,
    memory_bytes: usize,
    /// How many chunks have left `memory` at its front.
    forgotten: u64,
    /// The chunk that each reader of the memory wants next; `None` for one that is gone.
    readers: Vec<Option<u64>>,
    /// Writers that wait until the memory has been read.
    #[cfg(test)]
    held: usize,
}

impl State {
    /// Whether anybody reads the memory.
    fn is_read(&self) -> bool {
        self.readers.iter().any(Option::is_some)
    }

    /// Whether a writer must wait for the readers.
    fn is_full(&self) -> bool {
        self.is_read() && self.memory_bytes > MEMORY_LIMIT && !self.ending
    }
}

/// Shared by a run's writer and its readers.
pub struct Live {
    state: Mutex<State>,
    /// Apart from the rest: a reader that begins copies of it what it needs.
    places: Mutex<Places>,
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
        Live { state: Mutex::default(), places: Mutex::default(), changed: Condvar::new(), hurry: Box::new(hurry) }
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

    /// As [`position`](Self::position), and how often it has changed: for [`wait_for_change`](Self::wait_for_change).
    pub(crate) fn look(&self) -> (Position, bool, u64) {
        let state = self.state();
        (state.position, state.ended, state.changes)
    }

    /// Adds places of the segment that is being written, in their order; those of the one before are forgotten.
    pub(crate) fn add_places(&self, segment: u32, places: &[Place], decoder: &Decoder, unshown: &[(PeerId, Address)]) {
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if known.segment != segment {
            *known = Places { segment, ..Places::default() };
        }
        known.places.extend_from_slice(places);
        if known.named.interfaces().len() != decoder.interfaces().len() {
            known.named = decoder.without_peers();
        }
        known.unshown.extend_from_slice(unshown);
    }

    /// Where to begin in `segment` for the record `seq`: at or before it. `None` where that is its start, or where it is
    /// not the one that is being written.
    pub(crate) fn start_for(&self, segment: u32, seq: u64) -> Option<Start> {
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let after = known.places.partition_point(|place| place.slot.seq <= seq);
        let place = known.places.get(after.checked_sub(1)?).filter(|_| known.segment == segment)?;
        Some(Start { offset: place.slot.offset, decoder: known.named.as_of(place.interfaces, &known.unshown) })
    }

    /// Whether a reader waits for what comes next.
    pub fn is_awaited(&self) -> bool {
        self.state().waiting > 0
    }

    /// Tells the readers that the run may be read to `position`.
    pub fn publish(&self, position: Position) {
        self.change(|state| state.position = position);
    }

    /// Tells the readers that nothing more will come.
    pub fn end(&self) {
        self.change(|state| state.ended = true);
    }

    fn change(&self, apply: impl FnOnce(&mut State)) {
        let mut state = self.state();
        apply(&mut state);
        state.changes += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the run is readable past `seen`, has ended, or `patience` is over.
    pub fn wait(&self, seen: Position, patience: Duration) {
        let more = |state: &mut State| state.position == seen && !state.ended;
        self.wait_while(patience, more);
    }

    /// Waits until something was told after the look that gave `changes`, the run has ended, or `patience` is over.
    ///
    /// Unlike a position, the count says for sure what the reader knows: its own place may be one that the
    /// writer has not come to yet.
    pub(crate) fn wait_for_change(&self, changes: u64, patience: Duration) {
        self.wait_while(patience, |state| state.changes == changes && !state.ended);
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
        #[cfg(test)]
        (state.held += 1);
        state = self.changed.wait_while(state, |state| state.is_full()).unwrap_or_else(PoisonError::into_inner);
        #[cfg(test)]
        (state.held -= 1);
        if state.is_read() {
            state.memory_bytes += chunk.len();
            state.memory.push_back(Arc::new(chunk));
        }
        state.position = position;
        state.changes += 1;
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

    /// Whether a writer waits for the readers, and will until one of them reads on.
    #[cfg(test)]
    fn is_held(&self) -> bool {
        let state = self.state();
        state.held > 0 && state.is_full()
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::cursor::Cursor;
    use crate::kit::{Given, chunk, encoder, next};

    /// Publishes `count` chunks of 10,000 records in a thread; seven or so fill the memory.
    fn publish<'s>(scope: &'s thread::Scope<'s, '_>, live: &'s Live, published: &'s AtomicUsize, count: u64) {
        let (mut encoder, flow) = encoder(u64::MAX);
        let chunks: Vec<_> = (0..count).map(|_| chunk(&mut encoder, flow, 10_000)).collect();
        scope.spawn(move || {
            for chunk in chunks {
                live.publish_chunk(chunk.into_bytes(), Position::default());
                published.fetch_add(1, Ordering::SeqCst);
            }
            live.end();
        });
    }

    /// Waits until the writer can publish nothing more, and gives how much it has. The reader stands still meanwhile.
    fn settled(live: &Live, published: &AtomicUsize) -> usize {
        let begun = Instant::now();
        while !live.is_held() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing holds the writer");
            thread::sleep(Duration::from_millis(1));
        }
        published.load(Ordering::SeqCst)
    }

    #[test]
    fn a_slow_reader_holds_the_writer_until_it_waits_no_more() {
        let (live, published) = (Arc::new(Live::new(|| {})), AtomicUsize::new(0));
        let mut cursor = Cursor::in_memory(Arc::clone(&live));
        thread::scope(|scope| {
            publish(scope, &live, &published, 12);
            let held = settled(&live, &published);
            assert!(held < 12, "{held}");
            for seq in 1..=20_001 {
                assert_eq!(next(&mut cursor).expect("a record"), Given::Record(seq));
            }
            let held_again = settled(&live, &published);
            assert!(held < held_again && held_again < 12, "{held_again}: reading makes room");
            live.wait_no_more();
        });
        assert_eq!(published.load(Ordering::SeqCst), 12);
        for seq in 20_002..=120_000 {
            assert_eq!(next(&mut cursor).expect("a record"), Given::Record(seq));
        }
        assert_eq!(next(&mut cursor).expect("an end"), Given::End);
    }

    #[test]
    fn a_reader_that_goes_lets_the_writer_on() {
        let (live, published) = (Arc::new(Live::new(|| {})), AtomicUsize::new(0));
        let cursor = Cursor::in_memory(Arc::clone(&live));
        thread::scope(|scope| {
            publish(scope, &live, &published, 12);
            assert!(settled(&live, &published) < 12);
            drop(cursor);
        });
        assert_eq!(published.load(Ordering::SeqCst), 12);
        assert_eq!(live.state().memory_bytes, 0);
    }

    #[test]
    fn whoever_has_seen_all_waits_and_the_writer_is_told() {
        let hurried = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&hurried);
        let live = Live::new(move || {
            told.fetch_add(1, Ordering::SeqCst);
        });
        let (_, _, seen) = live.look();
        live.wait_for_change(seen, Duration::from_millis(1));
        assert_eq!((hurried.load(Ordering::SeqCst), live.is_awaited()), (1, false));
        live.publish(Position::default()); // the same place: told all the same
        live.wait_for_change(seen, Duration::from_secs(60));
        let (_, _, seen) = live.look();
        live.end();
        live.wait_for_change(seen, Duration::from_secs(60));
        assert_eq!(hurried.load(Ordering::SeqCst), 1);
    }
}
