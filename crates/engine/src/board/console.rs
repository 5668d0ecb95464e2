//! A board's console and those who sit at it: a terminal, a serial port, connections. All see the same, and what any
//! of them types is typed.
//!
//! Nobody who reads slowly holds up the others, until so much waits that the board itself has to: see [`Backlog`].

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many bytes of output may wait for all readers together; then the board's output is not read any further.
const ROOM: usize = 256 << 10;

/// Who sits at the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeatId(u64);

/// Bytes that wait for somebody: output for its readers, what was typed for the board.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: Mutex<usize>,
    less: Condvar,
}

impl Backlog {
    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, bytes: usize) {
        *self.bytes() += bytes;
    }

    pub(crate) fn remove(&self, bytes: usize) {
        let mut waiting = self.bytes();
        *waiting = waiting.saturating_sub(bytes);
        drop(waiting);
        self.less.notify_all();
    }

    pub(crate) fn has_room(&self) -> bool {
        *self.bytes() <= ROOM
    }

    /// Waits until there is room for more.
    pub(crate) fn wait_for_room(&self) {
        let waited = self.less.wait_while(self.bytes(), |bytes| *bytes > ROOM);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// A part of what waits, until it is dropped.
#[derive(Debug)]
pub struct Ticket {
    backlog: Arc<Backlog>,
    bytes: usize,
}

impl Ticket {
    pub(crate) fn new(backlog: &Arc<Backlog>, bytes: usize) -> Self {
        backlog.add(bytes);
        Ticket { backlog: Arc::clone(backlog), bytes }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.backlog.remove(self.bytes);
    }
}

/// The seats.
#[derive(Debug, Default)]
pub(crate) struct Console {
    seats: HashMap<SeatId, Sender<Vec<u8>>>,
    next: u64,
    pub(crate) backlog: Arc<Backlog>,
}

impl Console {
    /// A new seat; `write` is called in a thread of its own, and told to write nothing more by being dropped.
    pub(crate) fn attach(&mut self, write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> SeatId {
        let (output, written) = mpsc::channel();
        let backlog = Arc::clone(&self.backlog);
        thread::spawn(move || serve(written, write, &backlog));
        let seat = SeatId(self.next);
        self.next += 1;
        self.seats.insert(seat, output);
        seat
    }

    /// Somebody has gone.
    pub(crate) fn detach(&mut self, seat: SeatId) {
        self.seats.remove(&seat);
    }

    /// Shows output to everybody.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let backlog = &self.backlog;
        self.seats.retain(|_, output| {
            backlog.add(bytes.len());
            let taken = output.send(bytes.to_vec()).is_ok();
            if !taken {
                backlog.remove(bytes.len());
            }
            taken
        });
    }
}

/// Writes what comes until nothing more can or will.
fn serve(output: Receiver<Vec<u8>>, mut write: impl FnMut(&[u8]) -> io::Result<()>, backlog: &Backlog) {
    let mut gone = false;
    for bytes in &output {
        gone = gone || write(&bytes).is_err();
        backlog.remove(bytes.len());
        if gone {
            break;
        }
    }
    // Those who are gone hold up nobody: what still waits for them is let go.
    drop(write);
    output.try_iter().for_each(|bytes| backlog.remove(bytes.len()));
}
