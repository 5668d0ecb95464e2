//! The engine's side of the log: gives every event its number and time, gathers chunks, and has a thread of
//! its own write them. What a chunk looks like belongs in the `capture` crate.
//!
//! The sockets never wait for the disk, until [`CHUNKS_IN_FLIGHT`] chunks do: then nothing more is read or
//! sent before one of them is written. That is what [`Recorder::poll_room`] is for. So that this is a number of full
//! chunks, one that is not full is handed over only when no other is under way.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;
use socklab_capture::cursor::Cursor;
use socklab_capture::encoder::{Buffer, Chunk, Encoder, FlowId, HUGE_PAGE, Peer, Provenance, SegmentLimits, Subject};
use socklab_capture::live::Live;
use socklab_capture::run::{Retention, Run, RunError, RunWriter};
use socklab_capture::{EndpointId, Event, Frame, LinkId, Timestamp};
use tokio::sync::Notify;

use crate::sys;
use crate::watch::Watch;
use crate::writer::{self, Job, Sink, Trouble};

/// What a chunk is made in.
const BUFFER_BYTES: usize = HUGE_PAGE;
/// Room for the last record and the mark.
const SPARE: usize = 128 << 10;
/// A chunk is handed to the writer when it has so many bytes, and fewer than [`CHUNKS_IN_FLIGHT`] are under way ...
const CHUNK_BYTES: usize = BUFFER_BYTES - SPARE;
/// ... or its first record is so old, unless a reader waits for it, and none is under way.
const CHUNK_AGE: Duration = Duration::from_millis(5);
/// How much is received at a time where nothing is kept.
const UNKEPT: usize = 64 << 10;
/// How many chunks may wait to be written: with the one being filled, 10 MiB.
const CHUNKS_IN_FLIGHT: usize = 4;
/// From how many on frames of a virtual network are left out: nothing waits for them, and records need the rest.
const CHUNKS_FOR_FRAMES: usize = 3;

/// How soon what is captured is safe from a power cut. It is safe from the death of this program at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When the system likes.
    None,
    /// At most 25 ms after it was written.
    #[default]
    Interval,
    /// Before anybody gets to see it.
    Always,
}

/// Where the log goes.
#[derive(Clone, Debug)]
pub enum Store {
    /// To segments in a new run's folder.
    Disk {
        /// The folder of all runs.
        captures: PathBuf,
        /// How much of the past stays there.
        retention: Retention,
        /// When it is durable.
        sync: Sync,
    },
    /// To readers of this program, and nowhere else: reading waits for the slowest of them.
    Memory,
    /// Nowhere.
    Nothing,
}

/// What the writer thread and the engine's thread share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Chunks on their way to the writer.
    in_flight: AtomicUsize,
    idle: Mutex<Idle>,
    /// Rung when a reader begins to wait.
    pub(crate) hurry: Notify,
    /// Rung when a chunk has landed.
    landed: Notify,
}

/// Buffers to be filled again, and tasks that wait for a chunk to land.
#[derive(Default)]
struct Idle {
    buffers: Vec<Buffer>,
    /// By what tells one from another, as `Waker::will_wake` does: a connection asks several times while the disk is
    /// stuck, and to look through those of thousands each time would take longer than to wake them.
    waiting: FxHashMap<[usize; 2], Waker>,
}

impl Idle {
    fn wait(&mut self, waker: &Waker) {
        let which = [waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr()];
        self.waiting.entry(which).or_insert_with(|| waker.clone());
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk has been written; its buffer, unless it went with the chunk, can be used again if it is fit for that.
    pub(crate) fn landed(&self, buffer: Option<Buffer>) {
        let waiting = {
            let mut idle = self.idle();
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            idle.buffers.extend(buffer.filter(|buffer| buffer.is_aligned(BUFFER_BYTES)));
            std::mem::take(&mut idle.waiting)
        };
        self.landed.notify_one();
        waiting.into_values().for_each(Waker::wake);
    }
}

/// Gives events their place in the log. Belongs to the engine's thread.
pub(crate) struct Recorder {
    encoder: RefCell<Encoder>,
    /// Where is received what nobody keeps.
    unkept: RefCell<Vec<u8>>,
    /// Whether anybody will ever read the log.
    kept: bool,
    /// Makes a buffer where none comes back.
    new_buffer: fn() -> Buffer,
    shared: Arc<Shared>,
    live: Arc<Live>,
    jobs: mpsc::Sender<Job>,
    writer: RefCell<Option<JoinHandle<()>>>,
    /// Rung when a chunk gets its first record.
    begun: Notify,
    pending: Cell<bool>,
    /// Whoever shows what happens.
    pub(crate) watch: Rc<Watch>,
}

/// The program and version that captures name.
pub const PROGRAM: &str = concat!("socklab ", env!("CARGO_PKG_VERSION"));

impl Recorder {
    /// Opens the log and starts its writer, which tells `trouble` what it could not do.
    /// With `reader`, also gives one that sees the log from its start.
    pub(crate) fn start(
        store: Store,
        run: &str,
        reader: bool,
        watched: bool,
        trouble: impl Fn(Trouble) + Send + 'static,
    ) -> Result<(Self, Option<Run>, Option<Cursor>), RunError> {
        let shared = Arc::new(Shared::default());
        let live = {
            let shared = Arc::clone(&shared);
            Arc::new(Live::new(move || shared.hurry.notify_one()))
        };
        let kept = !matches!(store, Store::Nothing);
        let new_buffer: fn() -> Buffer = match store {
            Store::Disk { .. } => huge_buffer,
            Store::Memory => || Buffer::with_capacity(BUFFER_BYTES),
            Store::Nothing => Buffer::default,
        };
        let sink = match store {
            Store::Disk { captures, retention, sync } => {
                Sink::disk(RunWriter::create(&captures, run)?, captures, retention, sync)?
            }
            Store::Memory | Store::Nothing => Sink::Memory,
        };
        let folder = sink.run();
        let cursor = match &folder {
            _ if !reader => None,
            Some(run) => Some(Cursor::live(run.clone(), Arc::clone(&live), 1)?),
            None => Some(Cursor::in_memory(Arc::clone(&live))),
        };
        let provenance = Provenance { program: PROGRAM.into(), run: run.into() };
        let encoder = Encoder::new_in(new_buffer(), provenance, SegmentLimits::default(), now());
        let (jobs, writer) = writer::start(sink, Arc::clone(&shared), Arc::clone(&live), trouble);
        let recorder = Recorder {
            encoder: RefCell::new(encoder),
            unkept: RefCell::default(),
            kept,
            new_buffer,
            shared,
            live,
            jobs,
            writer: RefCell::new(Some(writer)),
            begun: Notify::new(),
            pending: Cell::new(false),
            watch: Rc::new(Watch::new(watched)),
        };
        recorder.seal(); // the head of the first segment, so that the run can be opened from the start
        Ok((recorder, folder, cursor))
    }

    /// The number of the record that comes next.
    pub(crate) fn next_seq(&self) -> u64 {
        self.encoder.borrow().next_seq()
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    pub(crate) fn add_endpoint(&self, name: String, url: &str) -> EndpointId {
        self.encoder.borrow_mut().add_endpoint(name, url)
    }

    pub(crate) fn add_link(&self, name: String, description: &str, mac: [u8; 6]) -> LinkId {
        self.encoder.borrow_mut().add_link(name, description, mac)
    }

    /// Appends a frame, or counts it where there is no room for it.
    pub(crate) fn frame(&self, frame: &Frame<'_>) {
        if !self.kept {
            return;
        }
        if self.shared.in_flight.load(Ordering::SeqCst) < CHUNKS_FOR_FRAMES {
            self.encoder.borrow_mut().frame(frame);
            self.recorded();
        } else {
            self.encoder.borrow_mut().leave_out_frame(frame.link);
        }
    }

    pub(crate) fn add_peer(&self, peer: Peer) -> FlowId {
        let flow = self.encoder.borrow_mut().add_peer(peer);
        if !self.kept {
            self.seal(); // or what describes the peers would pile up unread
        }
        flow
    }

    pub(crate) fn remove_peer(&self, flow: FlowId) {
        self.encoder.borrow_mut().remove_peer(flow);
    }

    /// Whether there is room now.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.in_flight.load(Ordering::SeqCst) < CHUNKS_IN_FLIGHT
    }

    /// As [`poll_room`](Self::poll_room).
    pub(crate) async fn room(&self) {
        std::future::poll_fn(|cx| self.poll_room(cx)).await;
    }

    /// Appends what happens now.
    pub(crate) fn record(&self, subject: Subject, event: Event<'_>) {
        self.record_at(now(), subject, event);
    }

    /// Appends what happened at `at`.
    pub(crate) fn record_at(&self, at: Timestamp, subject: Subject, event: Event<'_>) {
        if self.kept {
            self.encoder.borrow_mut().record(at, subject, event);
            self.recorded();
        }
    }

    /// Has `read` append what a connected peer sent to the place it is told, up to so many bytes.
    pub(crate) fn receive<R>(&self, at: Timestamp, flow: FlowId, read: impl FnOnce(&mut Vec<u8>, usize) -> R) -> R {
        if !self.kept {
            let mut unkept = self.unkept.borrow_mut();
            unkept.clear();
            unkept.reserve(UNKEPT);
            return read(&mut unkept, UNKEPT);
        }
        let mut encoder = self.encoder.borrow_mut();
        let before = encoder.next_seq();
        let result = encoder.receive(at, flow, read);
        let has_come = encoder.next_seq() > before;
        drop(encoder);
        if has_come {
            self.recorded();
        }
        result
    }

    fn recorded(&self) {
        self.watch.ring();
        if self.encoder.borrow().buffered() >= CHUNK_BYTES && self.has_room() {
            self.seal();
        } else if !self.pending.replace(true) {
            self.begun.notify_one();
        }
    }

    /// Tells what no record is enough for, because nobody may be shown any.
    pub(crate) fn tell(&self, trouble: Trouble) {
        let _ = self.jobs.send(Job::Tell(trouble)); // the writer lives as long as anything happens
    }

    /// Says how many datagrams an endpoint has lost so far; gives the number that is new.
    pub(crate) fn set_dropped(&self, endpoint: EndpointId, total: u64) -> u64 {
        self.encoder.borrow_mut().set_dropped(endpoint, total)
    }

    /// Ready when there is room for whatever one read or write adds. To be asked before each of them.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        let mut idle = self.shared.idle();
        if self.has_room() {
            return Poll::Ready(()); // one has landed before the lock was ours, and its waker would not come again
        }
        idle.wait(cx.waker());
        Poll::Pending
    }

    fn seal(&self) {
        self.pending.set(false);
        let buffer = self.next_buffer();
        let chunk = self.encoder.borrow_mut().seal(now(), buffer);
        if let Some(chunk) = chunk {
            self.hand_over(chunk);
        }
    }

    fn next_buffer(&self) -> Buffer {
        self.shared.idle().buffers.pop().unwrap_or_else(self.new_buffer)
    }

    /// Ends the segment, full or not, and has the head of the next one written at once.
    pub(crate) fn begin_segment(&self) {
        let buffer = self.next_buffer();
        let chunk = self.encoder.borrow_mut().end_segment(now(), buffer);
        self.hand_over(chunk);
        self.seal();
    }

    fn hand_over(&self, chunk: Chunk) {
        if !self.kept {
            return;
        }
        self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
        // The writer lives until it is told to finish, which happens once, in `finish`.
        let _ = self.jobs.send(Job::Write(chunk));
    }

    /// Hands over chunks that are not full: when they are old enough, or at once if somebody waits for them, and in
    /// both cases after the one before has landed.
    pub(crate) async fn keep_flushing(self: Rc<Self>) {
        loop {
            self.begun.notified().await;
            if self.live.is_awaited() {
                tokio::task::yield_now().await; // whatever is ready at this moment goes along
            } else {
                let mut hurry = pin!(self.shared.hurry.notified());
                let _ = tokio::time::timeout(CHUNK_AGE, &mut hurry).await;
            }
            while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
                self.shared.landed.notified().await;
            }
            if self.pending.get() {
                self.seal();
            }
        }
    }

    /// Ends the log and waits until it is written; gives up waiting for a disk that is full
    /// or a reader that has stopped.
    pub(crate) fn finish(&self) {
        let chunk = self.encoder.borrow_mut().finish(now());
        self.hand_over(chunk);
        self.live.wait_no_more();
        let _ = self.jobs.send(Job::Finish);
        if let Some(writer) = self.writer.borrow_mut().take() {
            let _ = writer.join();
        }
    }
}

/// A buffer that a disk is written from with the least effort.
fn huge_buffer() -> Buffer {
    let mut buffer = Buffer::aligned(BUFFER_BYTES);
    sys::prefer_huge_pages(&mut buffer.room()[..BUFFER_BYTES]);
    buffer
}

/// What the clock says.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use socklab_capture::{Address, PeerId, Side, Transport};

    use super::*;

    fn start(store: Store) -> (Recorder, Option<Cursor>, FlowId) {
        let reader = matches!(store, Store::Memory);
        let (recorder, _, cursor) = Recorder::start(store, "r", reader, false, |_| {}).expect("a log");
        let endpoint = recorder.add_endpoint("tcp-listen:1".into(), "tcp-listen://:1");
        let end = |port| Address::Inet(([127, 0, 0, 1], port).into());
        let id = PeerId { endpoint, number: NonZeroU32::MIN };
        let (local, remote, opened_by) = (end(1), end(2), Side::Peer);
        let peer = Peer { id, transport: Transport::Stream, opened_by, local, remote };
        let flow = recorder.add_peer(peer);
        (recorder, cursor, flow)
    }

    /// Receives some MiB, and gives the least room that a read has had.
    fn receive(recorder: &Recorder, flow: FlowId) -> usize {
        let mut least = usize::MAX;
        for _ in 0..200 {
            while !recorder.has_room() {
                std::thread::yield_now();
            }
            recorder.receive(now(), flow, |log, most| {
                least = least.min(most.min(log.capacity() - log.len()));
                log.resize(log.len() + most, 7);
            });
        }
        least
    }

    #[test]
    fn every_read_has_its_full_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let captures = folder.path().to_owned();
        let disk = Store::Disk { captures, retention: Retention::default(), sync: Sync::None };
        for store in [disk, Store::Memory, Store::Nothing] {
            let (recorder, cursor, flow) = start(store.clone());
            drop(cursor); // nobody holds the memory up
            assert!(receive(&recorder, flow) >= 32 << 10, "{store:?}");
            recorder.finish();
        }
    }

    #[test]
    fn only_buffers_that_a_disk_can_be_written_from_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let captures = folder.path().to_owned();
        let (recorder, _, flow) = start(Store::Disk { captures, retention: Retention::default(), sync: Sync::None });
        receive(&recorder, flow);
        for times in [1, 4] {
            let large = vec![7; times * BUFFER_BYTES]; // what is sent in one go can be more than a buffer is for
            recorder.record(Subject::Flow(flow), Event::Sent(&large));
            receive(&recorder, flow);
        }
        recorder.finish();
        let idle = recorder.shared.idle();
        assert!(!idle.buffers.is_empty());
        assert!(idle.buffers.iter().all(|buffer| buffer.is_aligned(BUFFER_BYTES)));
    }

    #[test]
    fn frames_leave_room_for_records() {
        let (recorder, cursor, flow) = start(Store::Memory); // which waits for its reader
        let link = recorder.add_link("esp32".into(), "a link", [2; 6]);
        let (at, way, note, bytes) = (now(), socklab_capture::Way::Out, "", &[7; 1500]);
        let frame = Frame { at, link, way, dropped: false, copy: false, damaged: false, note, bytes };
        for _ in 0..40 {
            (0..1000).for_each(|_| recorder.frame(&frame));
            std::thread::yield_now(); // the writer may take some
        }
        assert!(recorder.has_room());
        assert!(recorder.encoder.borrow().buffered() < BUFFER_BYTES);
        recorder.record(Subject::Flow(flow), Event::Received(b"a record"));
        drop(cursor);
        recorder.finish();
    }

    /// One whose chunks nobody writes but this test: they are the receiver's.
    fn unwritten() -> (Rc<Recorder>, mpsc::Receiver<Job>, FlowId) {
        let (mut recorder, cursor, flow) = start(Store::Memory);
        drop(cursor);
        while recorder.shared.in_flight.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now(); // the head of the segment
        }
        let (jobs, kept) = mpsc::channel();
        recorder.jobs = jobs;
        (Rc::new(recorder), kept, flow)
    }

    /// Does `body` while chunks are handed over.
    fn flushing(recorder: &Rc<Recorder>, body: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            tokio::task::spawn_local(Rc::clone(recorder).keep_flushing());
            body.await;
        });
    }

    /// As if a reader began to wait, and the loop had gone round.
    async fn hurry(recorder: &Recorder) {
        recorder.shared.hurry.notify_one();
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_chunk_that_is_not_full_waits_for_the_one_before() {
        let (recorder, chunks, flow) = unwritten();
        flushing(&recorder, async {
            for landed in 0..3 {
                recorder.record(Subject::Flow(flow), Event::Received(b"the first"));
                hurry(&recorder).await;
                assert!(matches!(chunks.try_recv(), Ok(Job::Write(_))), "after {landed}");
                for _ in 0..100 {
                    recorder.record(Subject::Flow(flow), Event::Received(b"more"));
                    hurry(&recorder).await;
                }
                assert!(chunks.try_recv().is_err() && recorder.has_room());
                recorder.shared.landed(None);
                hurry(&recorder).await;
                assert!(matches!(chunks.try_recv(), Ok(Job::Write(_))), "all that came meanwhile");
                assert_eq!(recorder.encoder.borrow().buffered(), 0);
                recorder.shared.landed(None);
            }
        });
    }

    #[test]
    fn what_asks_for_no_room_costs_its_bytes_and_no_chunk() {
        let (recorder, chunks, flow) = unwritten();
        let large = [7; 60 << 10];
        flushing(&recorder, async {
            while recorder.has_room() {
                recorder.record(Subject::Flow(flow), Event::Received(&large));
            }
            assert_eq!(chunks.try_iter().count(), CHUNKS_IN_FLIGHT);
            for _ in 0..1000 {
                recorder.record(Subject::Flow(flow), Event::Note("it happened"));
                hurry(&recorder).await;
            }
            for _ in 0..100 {
                recorder.record(Subject::Flow(flow), Event::Sent(&large)); // what was under way when room ran out
            }
            assert_eq!(chunks.try_iter().count(), 0);
            recorder.shared.landed(None);
            recorder.record(Subject::Flow(flow), Event::Note("there is room again"));
            assert_eq!(chunks.try_iter().count(), 1);
        });
    }

    #[test]
    fn frames_are_left_out_by_what_waits_and_not_by_how_often_it_was_handed_over() {
        let (recorder, chunks, _) = unwritten();
        let link = recorder.add_link("esp32".into(), "a link", [2; 6]);
        let (at, way, note, bytes) = (now(), socklab_capture::Way::Out, "", &[7; 1000]);
        let frame = Frame { at, link, way, dropped: false, copy: false, damaged: false, note, bytes };
        let mut taken = 0;
        flushing(&recorder, async {
            loop {
                let before = (recorder.encoder.borrow().buffered(), recorder.shared.in_flight.load(Ordering::SeqCst));
                recorder.frame(&frame);
                if (recorder.encoder.borrow().buffered(), recorder.shared.in_flight.load(Ordering::SeqCst)) == before {
                    break;
                }
                taken += bytes.len();
                hurry(&recorder).await;
            }
        });
        assert!(taken > (CHUNKS_FOR_FRAMES - 1) * CHUNK_BYTES * 9 / 10, "{taken} bytes, and then no more");
        assert!(recorder.has_room() && chunks.try_iter().count() == CHUNKS_FOR_FRAMES);
    }

    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            assert!(!self.0.swap(true, Ordering::SeqCst), "rung twice");
        }
    }

    #[test]
    fn whoever_asks_for_room_again_is_woken_once() {
        let shared = Shared::default();
        let bells = [Arc::<Bell>::default(), Arc::default()];
        let wakers = bells.clone().map(Waker::from);
        for _ in 0..3 {
            wakers.iter().for_each(|waker| shared.idle().wait(waker));
        }
        assert_eq!(shared.idle().waiting.len(), 2);
        shared.in_flight.store(1, Ordering::SeqCst);
        shared.landed(None);
        assert!(bells.iter().all(|bell| bell.0.load(Ordering::SeqCst)));
    }
}
