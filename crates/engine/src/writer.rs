//! The thread that writes the log: chunks to the segment files, and when they are durable.
//! What to write and when belongs in `recorder`.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use socklab_capture::Address;
use socklab_capture::encoder::Chunk;
use socklab_capture::live::{Live, Position};
use socklab_capture::run::{Retention, Run, RunError, RunWriter};

use crate::failure::Failure;
use crate::recorder::{Shared, Sync};

/// How long what is written may stay in the system's memory only.
const SYNC_INTERVAL: Duration = Duration::from_millis(25);
/// How much of the end of a segment stays in the system's memory, for those who read along.
const CACHED: u64 = 16 << 20;
/// How often is looked whether the file is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long after a failed write the next one is tried.
const RETRY: Duration = Duration::from_millis(500);

/// What the writer has to be told.
pub(crate) enum Job {
    Write(Chunk),
    /// To be passed on.
    Tell(Trouble),
    /// Nothing follows.
    Finish,
}

/// What the writer tells.
#[derive(Debug)]
pub enum Trouble {
    /// A write failed; it is tried again and again, and nothing is read meanwhile.
    Stuck(RunError),
    /// It works again.
    Recovered,
    /// What was written may not survive a power cut: the system could not make it durable. Told once.
    Unsafe(RunError),
    /// The run has ended, and this many bytes of its log could not be written.
    Lost {
        /// Bytes.
        bytes: u64,
    },
    /// Somebody moved or deleted this segment while it was written; the run goes on in the next.
    Gone(PathBuf),
    /// Connections cannot be taken, most likely because the system gives this program no more descriptors; those who
    /// want to connect wait.
    NotAccepting(Failure),
    /// An endpoint, named as it is written, takes connections again.
    Accepting(String),
    /// Somebody was turned away because `max_peers` are there. Told of an endpoint's first, second, fourth, eighth ...
    Refused {
        /// Whose datagram, or connection.
        from: Address,
        /// Whether it was a datagram.
        datagram: bool,
        /// How many peers there may be.
        most: usize,
        /// How often this has happened to the endpoint.
        total: u64,
    },
    /// The system dropped datagrams of an endpoint. Told whenever there are twice as many.
    Dropped {
        /// Since it was last asked.
        more: u64,
        /// Since the endpoint was opened.
        total: u64,
    },
    /// The virtual network cannot be asked or changed by other processes: there can be no socket in this folder.
    Unreachable {
        /// Where it would be.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Old segments were removed to keep within the limit.
    Removed {
        /// The files.
        segments: Vec<PathBuf>,
        /// Their length together.
        bytes: u64,
    },
}

/// Where chunks go.
pub(crate) enum Sink {
    Disk(Box<Disk>),
    Memory,
}

pub(crate) struct Disk {
    writer: RunWriter,
    captures: PathBuf,
    retention: Retention,
    sync: Sync,
    syncer: Syncer,
    sync_error_told: bool,
    /// When the file was there, or was missed.
    looked: Instant,
    /// The segment that is not there any more.
    gone: u32,
    spares: Spares,
    /// The end of a chunk that was written and could not be synced.
    unsynced: Option<Position>,
}

impl Sink {
    pub(crate) fn disk(
        writer: RunWriter,
        captures: PathBuf,
        retention: Retention,
        sync: Sync,
    ) -> Result<Self, RunError> {
        Ok(Sink::Disk(Box::new(Disk {
            writer,
            captures,
            retention,
            sync,
            syncer: Syncer::default(),
            sync_error_told: false,
            looked: Instant::now(),
            gone: 0,
            spares: Spares::default(),
            unsynced: None,
        })))
    }

    pub(crate) fn run(&self) -> Option<Run> {
        match self {
            Sink::Disk(disk) => Some(disk.writer.run().clone()),
            Sink::Memory => None,
        }
    }
}

struct Writer<F> {
    jobs: mpsc::Receiver<Job>,
    sink: Sink,
    shared: Arc<Shared>,
    live: Arc<Live>,
    trouble: F,
    /// The last job has come: a disk that is full now is full for good.
    finishing: bool,
    /// The last write failed.
    stuck: bool,
    lost: u64,
}

/// Starts the thread.
pub(crate) fn start(
    sink: Sink,
    shared: Arc<Shared>,
    live: Arc<Live>,
    trouble: impl Fn(Trouble) + Send + 'static,
) -> (mpsc::Sender<Job>, JoinHandle<()>) {
    let (sender, jobs) = mpsc::channel();
    let writer = Writer { jobs, sink, shared, live, trouble, finishing: false, stuck: false, lost: 0 };
    let thread = thread::Builder::new().name("socklab-writer".into());
    let handle = thread.spawn(move || writer.run()).expect("the system has room for a thread at the start");
    (sender, handle)
}

impl<F: Fn(Trouble)> Writer<F> {
    fn run(mut self) {
        let mut queue = std::collections::VecDeque::new();
        loop {
            match queue.pop_front().map_or_else(|| self.next(), Ok) {
                Ok(Job::Write(chunk)) => self.write(chunk, &mut queue),
                Ok(Job::Tell(trouble)) => (self.trouble)(trouble),
                Ok(Job::Finish) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if let Sink::Disk(disk) = &mut self.sink {
                disk.look_for_file().into_iter().for_each(&self.trouble);
            }
        }
        if self.lost > 0 {
            (self.trouble)(Trouble::Lost { bytes: self.lost });
        }
        if let Sink::Disk(disk) = self.sink {
            disk.finish().into_iter().for_each(&self.trouble);
        }
        self.live.end();
    }

    fn next(&self) -> Result<Job, mpsc::RecvTimeoutError> {
        match self.sink {
            Sink::Disk(_) => self.jobs.recv_timeout(LOOK_INTERVAL),
            Sink::Memory => self.jobs.recv().map_err(mpsc::RecvError::into),
        }
    }

    fn write(&mut self, chunk: Chunk, queue: &mut std::collections::VecDeque<Job>) {
        match &mut self.sink {
            Sink::Memory => {
                let position = Position { last_seq: chunk.last_seq, ..self.live.position().0 };
                self.live.publish_chunk(chunk.into_bytes(), position);
                self.shared.landed(None);
            }
            Sink::Disk(_) => {
                self.write_to_disk(&chunk, queue);
                self.shared.landed(Some(chunk.into_buffer()));
            }
        }
    }

    fn write_to_disk(&mut self, chunk: &Chunk, queue: &mut std::collections::VecDeque<Job>) {
        if self.lost > 0 {
            self.lost += chunk.bytes().len() as u64; // after a hole nothing may follow
            return;
        }
        loop {
            let Sink::Disk(disk) = &mut self.sink else { return };
            match disk.write(chunk) {
                Ok((position, removed)) => {
                    disk.writer.tell_places(&self.live);
                    self.live.publish(position);
                    if std::mem::take(&mut self.stuck) {
                        (self.trouble)(Trouble::Recovered);
                    }
                    removed.into_iter().chain(disk.sync_trouble()).for_each(&self.trouble);
                    return;
                }
                Err(error) if !self.stuck => {
                    self.stuck = true;
                    (self.trouble)(Trouble::Stuck(error));
                }
                Err(_) => {}
            }
            disk.look_for_file().into_iter().for_each(&self.trouble);
            if disk.gone == chunk.segment {
                disk.unsynced = None;
                return; // nobody would ever read it, and what is deleted gives its room back only when we let go of it
            }
            if self.finishing {
                self.lost += chunk.bytes().len() as u64;
                return;
            }
            self.wait_for_space(queue);
        }
    }

    /// Waits a moment, or less if the run is to end: then this was the last try.
    fn wait_for_space(&mut self, queue: &mut std::collections::VecDeque<Job>) {
        match self.jobs.recv_timeout(RETRY) {
            Ok(Job::Tell(trouble)) => (self.trouble)(trouble), // it has nothing to do with the disk
            Ok(job) => {
                self.finishing |= matches!(job, Job::Finish);
                queue.push_back(job);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => self.finishing = true,
        }
    }
}

impl Disk {
    fn write(&mut self, chunk: &Chunk) -> Result<(Position, Option<Trouble>), RunError> {
        if chunk.starts_segment {
            self.spares.give_up();
        }
        let position = match self.unsynced.take() {
            Some(position) => position, // the last try got as far as that: the chunk must not be there twice
            None => self.append(chunk)?,
        };
        if self.sync == Sync::Always {
            let path = self.writer.run().path().to_owned();
            let failed = |source| RunError::Io { operation: "sync", path, source };
            if let Err(error) = self.writer.file().sync_data() {
                self.unsynced = Some(position);
                return Err(failed(error));
            }
        }
        let removed = if chunk.starts_segment { self.thin_out() } else { None };
        self.spares.take();
        Ok((position, removed))
    }

    /// Writes it. The syncer changes over to a new segment also where that has no room yet: it may hold the last one,
    /// deleted to make some.
    fn append(&mut self, chunk: &Chunk) -> Result<Position, RunError> {
        let written = self.writer.write(chunk);
        if self.sync == Sync::Interval {
            self.syncer.follow(self.writer.segment(), || self.writer.file().try_clone());
        }
        written
    }

    /// Whether the segment is where it was, if it is time to look; tells where it is not, once.
    fn look_for_file(&mut self) -> Option<Trouble> {
        let (now, segment) = (Instant::now(), self.writer.segment());
        if self.gone == segment || now < self.looked + LOOK_INTERVAL {
            return None;
        }
        self.looked = now;
        let path = self.writer.segment_path();
        let is_gone = fs::metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        is_gone.then(|| {
            self.gone = segment;
            Trouble::Gone(path)
        })
    }

    /// What could not be synced, if that was not told before.
    fn sync_trouble(&mut self) -> Option<Trouble> {
        let error = self.syncer.failed.get().filter(|_| !self.sync_error_told)?;
        self.sync_error_told = true;
        let source = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        Some(Trouble::Unsafe(RunError::Io { operation: "sync", path: self.writer.run().path().to_owned(), source }))
    }

    fn thin_out(&self) -> Option<Trouble> {
        let removed = self.retention.apply(&self.captures, SystemTime::now()).ok()?;
        let bytes = removed.iter().map(|(_, length)| length).sum();
        let segments: Vec<_> = removed.into_iter().map(|(path, _)| path).collect();
        (!segments.is_empty()).then_some(Trouble::Removed { segments, bytes })
    }

    fn finish(mut self) -> Option<Trouble> {
        self.spares.give_up(); // the index needs one
        if self.sync != Sync::None {
            self.syncer.end();
            self.syncer.note(self.writer.file().sync_data());
        }
        let trouble = self.sync_trouble();
        self.writer.finish();
        trouble
    }
}

/// Descriptors held for the next segment. At the limit of what a program may have open, sockets take all there are,
/// and a log that cannot go on stops everything, with nobody left to close one.
///
/// Between giving them up and opening the segment a socket may still be quicker; then the write fails and is tried
/// again. That is rare: accepting pauses at the limit, and looks again only a few times a second.
#[derive(Default)]
struct Spares(Vec<File>);

impl Spares {
    /// The segment has two, for the direct way and the other, while those of the last one are still open; the third is
    /// for the index that is written meanwhile, and then for the syncer, who still has the last segment too.
    const WANTED: usize = if cfg!(unix) { 3 } else { 0 };

    fn give_up(&mut self) {
        self.0.clear();
    }

    /// Takes what is missing, as far as it can be had: the rest is for the next time.
    fn take(&mut self) {
        while self.0.len() < Self::WANTED
            && let Ok(file) = File::open("/dev/null")
        {
            self.0.push(file);
        }
    }
}

/// Has segments synced from a thread of its own, which a slow disk may hold up without harm.
#[derive(Default)]
struct Syncer {
    thread: Option<(mpsc::Sender<File>, JoinHandle<()>)>,
    /// The segment that the thread has, or 0.
    segment: u32,
    /// The first thing that went wrong.
    failed: Arc<OnceLock<io::Error>>,
}

impl Syncer {
    /// Sees to it that the thread has this segment. To be called for each chunk: what could not be handed over with
    /// one, for want of a descriptor, may be with the next.
    fn follow(&mut self, segment: u32, file: impl FnOnce() -> io::Result<File>) {
        if self.segment == segment {
            return;
        }
        match file().and_then(|file| self.hand_over(file)) {
            Ok(()) => self.segment = segment,
            Err(error) => self.note(Err(error)),
        }
    }

    fn hand_over(&mut self, file: File) -> io::Result<()> {
        if let Some((files, _)) = &self.thread {
            return files.send(file).map_err(|_| io::Error::other("the thread that syncs has ended"));
        }
        self.thread = Some(start_syncer(file, Arc::clone(&self.failed))?);
        Ok(())
    }

    fn note(&self, result: io::Result<()>) {
        if let Err(error) = result {
            let _ = self.failed.set(error); // the first one is the one to tell
        }
    }

    /// Waits until all that was handed over is synced.
    fn end(&mut self) {
        if let Some((files, thread)) = self.thread.take() {
            drop(files);
            let _ = thread.join();
        }
    }
}

/// Syncs the file given last every [`SYNC_INTERVAL`], and each one given up for the next; ends with the sender.
fn start_syncer(file: File, failed: Arc<OnceLock<io::Error>>) -> io::Result<(mpsc::Sender<File>, JoinHandle<()>)> {
    let (sender, next) = mpsc::channel();
    let thread = thread::Builder::new().name("socklab-sync".into());
    let thread = thread.spawn(move || {
        let mut synced = Synced { file, length: 0, let_go: 0 };
        loop {
            let turn = next.recv_timeout(SYNC_INTERVAL);
            if let Err(error) = synced.catch_up() {
                let _ = failed.set(error); // the first one is the one to tell
            }
            match turn {
                Ok(file) => synced = Synced { file, length: 0, let_go: 0 },
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok((sender, thread))
}

/// A segment, as far as it is durable.
struct Synced {
    file: File,
    length: u64,
    /// Where the part begins that the system still keeps in its memory for us.
    let_go: u64,
}

impl Synced {
    fn catch_up(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length == self.length {
            return Ok(());
        }
        self.file.sync_data()?;
        self.length = length;
        let keep_from = length.saturating_sub(CACHED);
        if keep_from >= self.let_go + CACHED {
            let_go(&self.file, self.let_go, keep_from - self.let_go);
            self.let_go = keep_from;
        }
        Ok(())
    }
}

/// A stream of gigabytes would push everything else out of the system's memory, and on a virtual machine
/// each page that it newly takes costs more than the copy into it: pages given back are the ones written next.
#[cfg(target_os = "linux")]
fn let_go(file: &File, offset: u64, length: u64) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    if let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into()) {
        let _ = posix_fadvise(file, offset, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

/// Other systems have no such advice.
#[cfg(not(target_os = "linux"))]
fn let_go(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use socklab_capture::encoder::{Buffer, Encoder, Provenance, SegmentLimits};
    use socklab_capture::run::Run;

    use super::*;
    use crate::recorder::now;

    fn disk(captures: &std::path::Path, sync: Sync) -> Disk {
        let writer = RunWriter::create(captures, "r").expect("a run");
        match Sink::disk(writer, captures.to_owned(), Retention::default(), sync).expect("a sink") {
            Sink::Disk(disk) => *disk,
            Sink::Memory => unreachable!("that is not what was asked for"),
        }
    }

    /// Chunks that begin a segment each.
    fn chunks(count: usize) -> Vec<Chunk> {
        let provenance = Provenance { program: "t".into(), run: "r".into() };
        let limits = SegmentLimits { bytes: 1, age: Duration::MAX };
        let mut encoder = Encoder::new(provenance, limits, now());
        (0..count).map(|_| encoder.seal(now(), Buffer::default()).expect("a chunk")).collect()
    }

    #[test]
    fn a_segment_that_could_not_be_handed_over_is_tried_again_and_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = disk(folder.path(), Sync::Interval);
        let chunks = chunks(2);
        disk.write(&chunks[0]).expect("room");
        assert!(disk.sync_trouble().is_none());
        for _ in 0..2 {
            let refused = || Err(io::Error::from_raw_os_error(24));
            disk.syncer.follow(2, refused);
            assert_eq!(disk.syncer.segment, 1);
        }
        assert!(matches!(disk.sync_trouble(), Some(Trouble::Unsafe(_))));
        assert!(disk.sync_trouble().is_none(), "once is enough");
        disk.write(&chunks[1]).expect("room");
        assert_eq!(disk.syncer.segment, 2, "it is tried with each chunk");
        disk.syncer.follow(2, || unreachable!("it has that one"));
        assert!(disk.finish().is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_next_segment_needs_is_held_again_after_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = disk(folder.path(), Sync::Interval);
        for chunk in chunks(4) {
            disk.write(&chunk).expect("room");
            assert_eq!(disk.spares.0.len(), Spares::WANTED);
        }
        assert!(disk.finish().is_none());
        let run = Run::at(folder.path().join("r"));
        assert_eq!(run.segments().expect("a folder").len(), 4);
    }
}
