//! A board's console and those who sit at it: a terminal, a serial port, connections. All see the same, and what any
//! of them types is typed.
//!
//! Nobody who reads slowly holds up the others, until so much waits that the board itself has to: see [`Backlog`].

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many bytes of output may wait for all readers together; then the board's output is not read any further.
const ROOM: usize = 256 << 10;

/// A terminal is given so many bytes at once: it need not take more after Ctrl-C.
const PIECE: usize = 4 << 10;

/// A terminal that so much waits for keeps up with the board.
const LITTLE: usize = 2 * PIECE;

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

/// Who reads what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Who wants all of it: a file, a tool.
    Any,
    /// A person's terminal: what has not been shown when Ctrl-C comes is of no use any more.
    Terminal,
}

/// A seat, and what waits for it.
#[derive(Debug)]
struct Seated {
    output: Sender<(u64, Vec<u8>)>,
    reader: Reader,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    /// What was put before this number is let go of.
    from: AtomicU64,
}

/// The seats.
#[derive(Debug, Default)]
pub(crate) struct Console {
    seats: HashMap<SeatId, Seated>,
    next: u64,
    /// How often output was let go of.
    cuts: u64,
    pub(crate) backlog: Arc<Backlog>,
}

impl Console {
    /// A new seat; `write` is called in a thread of its own, and told to write nothing more by being dropped.
    pub(crate) fn attach(
        &mut self,
        reader: Reader,
        write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> SeatId {
        let (output, written) = mpsc::channel();
        let (backlog, waiting) = (Arc::clone(&self.backlog), Arc::<Waiting>::default());
        let seated = Seated { output, reader, waiting: Arc::clone(&waiting) };
        thread::spawn(move || serve(written, write, &backlog, &waiting));
        let seat = SeatId(self.next);
        self.next += 1;
        self.seats.insert(seat, seated);
        seat
    }

    /// Somebody has gone.
    pub(crate) fn detach(&mut self, seat: SeatId) {
        self.seats.remove(&seat);
    }

    /// Lets go of what waits for terminals that do not keep up; whether any was let go of.
    pub(crate) fn cut(&mut self) -> bool {
        let behind = |seated: &Seated| {
            seated.reader == Reader::Terminal && seated.waiting.bytes.load(Ordering::Relaxed) > LITTLE
        };
        let cut = self.seats.values().any(behind);
        self.cuts += u64::from(cut);
        for seated in self.seats.values().filter(|seated| cut && seated.reader == Reader::Terminal) {
            seated.waiting.from.store(self.cuts, Ordering::Relaxed);
        }
        cut
    }

    /// Shows output to everybody.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.put_to(bytes, |_| true);
    }

    /// Shows it to all but terminals.
    pub(crate) fn put_aside(&mut self, bytes: &[u8]) {
        self.put_to(bytes, |reader| reader != Reader::Terminal);
    }

    fn put_to(&mut self, bytes: &[u8], is_for: impl Fn(Reader) -> bool) {
        if bytes.is_empty() {
            return;
        }
        let (backlog, cuts) = (&self.backlog, self.cuts);
        self.seats.retain(|_, seated| {
            if !is_for(seated.reader) {
                return true;
            }
            backlog.add(bytes.len());
            seated.waiting.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            let taken = seated.output.send((cuts, bytes.to_vec())).is_ok();
            if !taken {
                backlog.remove(bytes.len());
            }
            taken
        });
    }
}

/// Writes what comes until nothing more can or will.
fn serve(
    output: Receiver<(u64, Vec<u8>)>,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
    backlog: &Backlog,
    waiting: &Waiting,
) {
    let mut gone = false;
    for (cuts, bytes) in &output {
        for piece in bytes.chunks(PIECE) {
            if cuts < waiting.from.load(Ordering::Relaxed) {
                break;
            }
            gone = gone || write(piece).is_err();
        }
        waiting.bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
        backlog.remove(bytes.len());
        if gone {
            break;
        }
    }
    // Those who are gone hold up nobody: what still waits for them is let go.
    drop(write);
    output.try_iter().for_each(|(_, bytes)| backlog.remove(bytes.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seat that takes its first piece when it is let, and what it has taken when all is.
    fn seat(console: &mut Console, reader: Reader) -> (Sender<()>, Receiver<()>, Arc<Mutex<Vec<u8>>>) {
        let (go, gate) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let shown = Arc::clone(&taken);
        console.attach(reader, move |bytes| {
            let _ = begun.send(());
            let _ = gate.recv(); // at once when nobody holds the other end
            shown.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(())
        });
        (go, begins, taken)
    }

    #[test]
    fn a_terminal_that_is_behind_is_shown_what_comes_after_ctrl_c() {
        let mut console = Console::default();
        let (go, begins, terminal) = seat(&mut console, Reader::Terminal);
        let (tool_goes, _, tool) = seat(&mut console, Reader::Any);
        drop(tool_goes);
        let flood = vec![b'x'; 64 << 10];
        for _ in 0..6 {
            console.put(&flood);
        }
        begins.recv().expect("the first piece");
        assert!(console.cut());
        console.put_aside(&flood);
        console.put(b"after");
        drop(go);
        drop(console.seats.drain());
        let waited = console.backlog.less.wait_while(console.backlog.bytes(), |bytes| *bytes > 0);
        drop(waited.expect("nobody panics"));
        assert_eq!(*terminal.lock().expect("nobody panics"), [&flood[..PIECE], b"after"].concat());
        assert_eq!(tool.lock().expect("nobody panics").len(), 7 * flood.len() + 5);
    }

    #[test]
    fn a_terminal_that_keeps_up_is_shown_all() {
        let mut console = Console::default();
        let (go, begins, terminal) = seat(&mut console, Reader::Terminal);
        console.put(b"before ");
        begins.recv().expect("the first piece");
        assert!(!console.cut());
        console.put(b"after");
        drop(go);
        drop(console.seats.drain());
        let waited = console.backlog.less.wait_while(console.backlog.bytes(), |bytes| *bytes > 0);
        drop(waited.expect("nobody panics"));
        assert_eq!(*terminal.lock().expect("nobody panics"), b"before after");
    }
}
