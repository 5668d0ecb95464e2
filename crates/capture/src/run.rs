//! A run on disk: a folder of numbered segments. Creating, writing, recovering, listing and thinning them out.
//! What stands in a segment belongs in `encoder`; reading it, in `cursor`.
//!
//! The writer holds a lock on the file `lock` as long as it lives, which tells a run that grows from one
//! that was cut off, whatever the writer died of.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::decoder::{Decoder, Foreign, Item, PacketView, stated_records};
use crate::encoder::Chunk;
use crate::index::{Index, IndexBuilder};
use crate::live::{Live, Position};
use crate::pcapng;
use crate::reader::{BlockReader, Step};
use crate::record::Timestamp;
use crate::segment::SegmentFile;

const LOCK: &str = "lock";

/// So many of the newest segments of a live run stay in any case: the one being written, and the one before it,
/// in which those who read along may still be.
const SPARED: usize = 2;

/// A name for a run that begins at `at`: names sort by time, and `salt` (a process id) keeps those apart that
/// begin within one millisecond. `2026-11-21T12-00-01.123Z-4711`.
pub fn run_name(at: Timestamp, salt: u32) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    format!("{}-{salt}", at.strftime("%Y-%m-%dT%H-%M-%S.%3fZ"))
}

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried: `create`, `read` ...
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not a capture of ours.
    #[error("cannot read {path}: {why}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: Foreign,
    },
    /// There is no such run.
    #[error("no run {name:?} in {captures}; `socklab capture ls` lists them")]
    NoSuchRun {
        /// As it was asked for.
        name: String,
        /// Where it was looked for.
        captures: PathBuf,
    },
    /// It is not a run, but has runs in it.
    #[error("{0} is a folder of runs, not a run; `--capture {0}` reads them")]
    FolderOfRuns(PathBuf),
    /// There is no run at all.
    #[error("no captures in {0} yet; `socklab listen 10000` makes one")]
    NoRuns(PathBuf),
    /// A segment does not read as it was written.
    #[error("cannot read {path}: damaged at byte {offset}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
    },
}

/// Records that were there and can no longer be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records {from} to {to} are gone: removed, or never written")]
pub struct Gap {
    /// The first of them.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// Finds the records that are missing among those that pass.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// The record that comes next if none is missing; `None` where some may have been left out on purpose.
    next: Option<u64>,
}

impl Sequence {
    /// For the records of `run` from `from` on.
    pub(crate) fn of(run: &Run, from: u64) -> Self {
        Sequence { next: run.is_folder().then_some(from.max(1)) }
    }

    /// For records of which nobody asks whether all are there.
    pub(crate) fn unknown() -> Self {
        Sequence { next: None }
    }

    /// Takes in the records `first` to `last`, and gives those that are missing before them.
    pub(crate) fn pass(&mut self, first: u64, last: u64) -> Option<Gap> {
        let next = self.next.as_mut()?;
        let from = std::mem::replace(next, last.saturating_add(1).max(*next));
        (first > from).then(|| Gap { from, to: first - 1 })
    }
}

impl RunError {
    /// The error for a block at `offset` of a segment that says `why` it cannot be read.
    pub(crate) fn unreadable(path: &Path, offset: u64, why: Foreign) -> Self {
        match why {
            Foreign::Malformed => RunError::Damaged { path: path.to_owned(), offset },
            why => RunError::Foreign { path: path.to_owned(), why },
        }
    }

    /// Whether what was to be read is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, RunError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// The error for records of the run at `path` that are gone.
    pub(crate) fn of_gap(path: &Path, gap: Gap) -> Self {
        RunError::Io { operation: "read", path: path.to_owned(), source: io::Error::other(gap) }
    }

    /// The records that are missing, if that is what is wrong: the reader may go on after them.
    pub fn gap(&self) -> Option<Gap> {
        let RunError::Io { source, .. } = self else { return None };
        source.get_ref()?.downcast_ref().copied()
    }
}

/// The path is copied for an error only: this stands behind every read.
pub(crate) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::Io { operation, path: path.to_owned(), source }
}

/// A segment file of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From 1; gaps at the start are what retention removed.
    pub number: u32,
    /// The file.
    pub path: PathBuf,
}

/// A run's folder, or one file exported from a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    path: PathBuf,
}

impl Run {
    /// The run in the folder or file `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Run { path: path.into() }
    }

    /// Finds a run by the path of its folder or file, by its name under `captures`, or takes the newest.
    pub fn find(captures: &Path, wanted: Option<&str>) -> Result<Self, RunError> {
        let Some(name) = wanted else {
            return Run::list(captures)?.pop().ok_or_else(|| RunError::NoRuns(captures.to_owned()));
        };
        let places = [PathBuf::from(name), captures.join(name)];
        if let Some(path) = places.iter().find(|path| is_run(path) || path.is_file()) {
            return Ok(Run::at(path));
        }
        Err(match places.into_iter().find(|path| Run::list(path).is_ok_and(|runs| !runs.is_empty())) {
            Some(path) => RunError::FolderOfRuns(path),
            None => RunError::NoSuchRun { name: name.into(), captures: captures.to_owned() },
        })
    }

    /// All runs under `captures`, the oldest first; none where the folder does not exist.
    pub fn list(captures: &Path) -> Result<Vec<Self>, RunError> {
        let entries = match fs::read_dir(captures) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("read", captures)(error)),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
        let mut runs: Vec<_> =
            paths.map_err(io_error("read", captures))?.into_iter().filter(|path| is_run(path)).collect();
        runs.sort();
        Ok(runs.into_iter().map(Run::at).collect())
    }

    /// The folder, or the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Its segments in order; of a single file, that file.
    pub fn segments(&self) -> Result<Vec<Segment>, RunError> {
        if self.path.is_file() {
            return Ok(vec![Segment { number: 1, path: self.path.clone() }]);
        }
        let entries = fs::read_dir(&self.path).map_err(io_error("read", &self.path))?;
        let mut segments: Vec<_> = entries.flatten().filter_map(|entry| segment(entry.path())).collect();
        segments.sort_by_key(|segment| segment.number);
        Ok(segments)
    }

    /// The file of segment `number`.
    pub(crate) fn segment_path(&self, number: u32) -> PathBuf {
        if self.path.is_file() { self.path.clone() } else { self.path.join(format!("{number:06}.pcapng")) }
    }

    /// Removes it with all of its files, and nothing else: a folder in which somebody has put more stays, with that.
    ///
    /// # Errors
    /// The system refuses. Whether the run is live is not asked here.
    pub fn remove(&self) -> Result<(), RunError> {
        let segments = self.segments()?;
        for Segment { path, .. } in &segments {
            fs::remove_file(path).map_err(io_error("remove", path))?;
            let _ = fs::remove_file(crate::index::sidecar(path)); // not every segment has one
        }
        let _ = fs::remove_file(self.path.join(LOCK));
        let _ = fs::remove_dir(&self.path); // a single file has none, and a folder may hold what is not ours
        Ok(())
    }

    /// Whether a program is writing it now.
    pub fn is_live(&self) -> bool {
        let Ok(lock) = File::open(self.path.join(LOCK)) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Whether [`is_live`](Self::is_live) can tell: somebody may have deleted what it goes by.
    pub(crate) fn has_lock(&self) -> bool {
        self.path.join(LOCK).exists()
    }

    /// Cuts off what was being written when the writer died, and gives the number of bytes cut.
    /// A run that is live, ended well, is damaged before its end or cannot be written to is left as it is.
    pub fn recover(&self) -> Result<u64, RunError> {
        Ok(self.extent()?.recovered)
    }

    /// How far the run is written at this moment. What a dead writer left behind half-written is cut off.
    pub(crate) fn extent(&self) -> Result<Extent, RunError> {
        let growing = self.is_live(); // before the look: a writer that ends in between did no harm
        let segments = self.segments()?;
        let mut extent = Extent { segments, last_length: 0, growing, recovered: 0 };
        let Some(Segment { path, .. }) = extent.segments.last() else { return Ok(extent) };
        match check_ours(path, self.is_folder()) {
            // A power failure may leave zeros where the last segment began: those before it are read all the same,
            // and so are they where one that ended well is damaged there, which its own turn will show.
            Err(RunError::Foreign { .. }) if extent.segments.len() > 1 => {
                let tail = vouched(path)?;
                extent.last_length = if tail.marked > 0 { tail.length } else { 0 };
                return Ok(extent);
            }
            checked => checked?, // before anything is cut off it
        }
        extent.last_length = match growing {
            true => committed(path, 0)?.0,
            false if self.is_folder() => {
                let tail = vouched(path)?;
                if let Some(torn) = tail.torn() {
                    let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(tail.good));
                    extent.recovered = if cut.is_ok() { torn } else { 0 };
                }
                tail.readable()
            }
            false => file_len(path)?,
        };
        Ok(extent)
    }

    /// How far the last segment may be read at this moment, looking on from `from`, where a mark ended.
    pub(crate) fn readable(&self, path: &Path, from: u64) -> Result<u64, RunError> {
        // Before the look: a writer that ends in between did no harm.
        if self.is_live() { Ok(committed(path, from)?.0) } else { Ok(Tail::of(path, from)?.readable()) }
    }

    /// Whether it is a folder of segments; a single exported file has no sidecar, and may leave records out.
    pub(crate) fn is_folder(&self) -> bool {
        self.path.is_dir()
    }
}

/// A run as it was at one moment.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(crate) segments: Vec<Segment>,
    /// Bytes of the last segment that may be read. Those before it may be read whole.
    last_length: u64,
    /// Whether the last segment may have grown since.
    growing: bool,
    /// Bytes that were cut off.
    recovered: u64,
}

impl Extent {
    /// Whether `number` is that of the last segment.
    pub(crate) fn is_last(&self, number: u32) -> bool {
        self.segments.last().is_some_and(|last| last.number == number)
    }

    /// Whether it was being written then.
    pub(crate) fn is_growing(&self) -> bool {
        self.growing
    }

    /// Whether the segment will never change again.
    pub(crate) fn is_sealed(&self, number: u32) -> bool {
        !(self.growing && self.is_last(number))
    }

    /// How much of a segment may be read, where that is not all of it.
    pub(crate) fn limit(&self, number: u32) -> Option<u64> {
        self.is_last(number).then_some(self.last_length)
    }
}

fn is_run(path: &Path) -> bool {
    path.is_dir() && (path.join(LOCK).is_file() || path.join("000001.pcapng").is_file())
}

fn segment(path: PathBuf) -> Option<Segment> {
    let name = path.file_name()?.to_str()?.strip_suffix(".pcapng")?;
    let number = (name.len() >= 6).then(|| name.parse().ok()).flatten()?;
    Some(Segment { number, path })
}

/// How the last segment of a run ends that is over.
#[derive(Clone, Copy, Debug)]
struct Tail {
    /// So many bytes at its start are good: there the last mark before any damage ended.
    good: u64,
    /// Where the last mark of all ended, or else where the look began.
    marked: u64,
    /// Whether what follows `good` is no tail of one who died while writing: it goes on behind the damage.
    is_damaged: bool,
    /// The length of the file.
    length: u64,
}

impl Tail {
    /// Looks at a segment from `from` on, where a mark ended.
    ///
    /// Who dies while writing leaves a chunk without its mark, or one whose mark does not hold as the last thing in
    /// the file. A mark behind that says that the writer lived on, and that the bytes became other ones later: what
    /// stands behind them is as good as it was, and must not be cut off with them.
    fn of(path: &Path, from: u64) -> Result<Self, RunError> {
        let file = File::open(path).map_err(io_error("read", path))?;
        let reader = BlockReader::after_mark(file, from).map_err(io_error("read", path))?;
        Tail::walk(reader).map_err(io_error("read", path))
    }

    fn walk(mut reader: BlockReader) -> io::Result<Self> {
        let length = reader.file_len()?;
        let mut tail = Tail { good: 0, marked: reader.offset(), is_damaged: false, length };
        // The last record that is good, the first since the last mark, and where what is not good begins.
        let (mut known, mut first, mut fault) = (0, None, None);
        loop {
            let (size, holds) = match (reader.peek(length)?, reader.mark()) {
                (Step::End, _) => break,
                (Step::Block(size), None) => {
                    first = first.or_else(|| packet_seq(reader.block(size)));
                    reader.advance(size);
                    continue;
                }
                (Step::Block(size), Some(_)) => (size, true),
                (Step::Damage, Some(size)) => (size, false),
                (Step::Damage, None) => {
                    fault.get_or_insert(reader.vouched());
                    if reader.seek_mark()? { continue } else { break }
                }
            };
            let records = stated_records(reader.block(size).body);
            let good = reader.vouched();
            reader.pass_mark(size);
            match (fault, records) {
                (None, Some((_, last))) if holds => (known, first) = (last, None),
                // The mark of the first chunk that is not good. If that chunk began with another record than the mark
                // names, they are two, and the mark between them is lost.
                (None, records) => {
                    tail.is_damaged = records.zip(first).is_some_and(|((from, _), first)| from != first);
                    fault = Some(good);
                }
                (Some(start), Some(records)) if fits(records, known, reader.offset() - start) => tail.is_damaged = true,
                (Some(_), _) => continue,
            }
            tail.marked = reader.offset();
        }
        tail.good = fault.unwrap_or(reader.vouched());
        Ok(tail)
    }

    /// How much may be read: all that is good, and of what is damaged so much that it shows.
    fn readable(&self) -> u64 {
        if self.is_damaged { self.marked } else { self.good }
    }

    /// How many bytes were being written when the writer died.
    fn torn(&self) -> Option<u64> {
        (!self.is_damaged && self.good < self.length).then(|| self.length - self.good)
    }
}

fn packet_seq(block: pcapng::Block<'_>) -> Option<u64> {
    let packet = (block.kind == pcapng::PACKET).then(|| PacketView::parse(block.body)).flatten()?;
    Some(packet.seq)
}

/// Whether a mark found behind damage may be one of the run, where `known` is the last record before the damage and
/// `room` bytes lie between: a payload that was torn may hold bytes of another capture.
fn fits((first, last): (u64, u64), known: u64, room: u64) -> bool {
    let count = last.wrapping_add(1).wrapping_sub(first);
    first > known && count <= room / pcapng::FRAME as u64
}

/// The end of the last segment of a run that is over.
/// An index for just its length was written by one who knew that all is good: nothing need be walked then.
fn vouched(path: &Path) -> Result<Tail, RunError> {
    let length = file_len(path)?;
    match Index::saved(path, length) {
        Some(_) => Ok(Tail { good: length, marked: length, is_damaged: false, length }),
        None => Tail::of(path, 0),
    }
}

/// Opens a segment; `None` where retention has removed it, which it does not to the last one of a run that is read.
pub(crate) fn open_segment(path: &Path, is_last: bool) -> Result<Option<File>, RunError> {
    match File::open(path).map_err(io_error("read", path)) {
        Err(error) if error.is_not_found() && !is_last => Ok(None),
        opened => opened.map(Some),
    }
}

pub(crate) fn file_len(path: &Path) -> Result<u64, RunError> {
    Ok(fs::metadata(path).map_err(io_error("read", path))?.len())
}

/// How many bytes of a segment are vouched for by commit marks, looking on from `from` (where a mark ended),
/// and how long the file is.
pub(crate) fn committed(path: &Path, from: u64) -> Result<(u64, u64), RunError> {
    let file = File::open(path).map_err(io_error("read", path))?;
    let mut reader = BlockReader::after_mark(file, from).map_err(io_error("read", path))?;
    let length = reader.file_len().map_err(io_error("read", path))?;
    while let Step::Block(size) = reader.peek(length).map_err(io_error("read", path))? {
        reader.advance(size);
    }
    Ok((reader.vouched(), length))
}

/// Whether the file begins as a segment does; one of a folder that was torn within its first block, or before it,
/// may be ours.
fn check_ours(path: &Path, in_folder: bool) -> Result<(), RunError> {
    let foreign = |why| RunError::Foreign { path: path.to_owned(), why };
    let file = File::open(path).map_err(io_error("read", path))?;
    let mut reader = BlockReader::new(file, 0).map_err(io_error("read", path))?;
    match reader.peek(u64::MAX).map_err(io_error("read", path))? {
        Step::Block(size) => match Decoder::default().decode(reader.block(size)).map_err(foreign)? {
            Item::Section => Ok(()),
            _ => Err(foreign(Foreign::NotPcapng)),
        },
        Step::End if in_folder => Ok(()),
        Step::End => Err(foreign(Foreign::NotPcapng)),
        Step::Damage if reader.begins_with(&pcapng::SECTION.to_le_bytes()) => Ok(()),
        Step::Damage => Err(foreign(Foreign::NotPcapng)),
    }
}

/// Writes a run: chunks to the end of the segment they name.
#[derive(Debug)]
pub struct RunWriter {
    run: Run,
    segment: SegmentFile,
    index: IndexBuilder,
    position: Position,
    lock: File,
}

impl RunWriter {
    /// Creates the folder of a new run under `captures`. A run of that name must not exist.
    pub fn create(captures: &Path, name: &str) -> Result<Self, RunError> {
        let run = Run::at(captures.join(name));
        fs::create_dir_all(captures).map_err(io_error("create", captures))?;
        fs::create_dir(&run.path).map_err(io_error("create", &run.path))?;
        let lock = create_lock(&run)?;
        let path = run.segment_path(1);
        let segment = SegmentFile::create(&path).map_err(io_error("create", &path))?;
        Ok(RunWriter { run, segment, index: IndexBuilder::default(), position: Position::default(), lock })
    }

    /// The run being written.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The segment file being written, for whoever makes it durable.
    pub fn file(&self) -> &File {
        self.segment.file()
    }

    /// The number of that segment.
    pub fn segment(&self) -> u32 {
        self.position.segment
    }

    /// Where that file was created.
    pub fn segment_path(&self) -> PathBuf {
        self.run.segment_path(self.position.segment)
    }

    /// Appends a chunk. After an error nothing of it is in the file, and it may be tried again.
    pub fn write(&mut self, chunk: &Chunk) -> Result<Position, RunError> {
        if chunk.starts_segment && chunk.segment != self.position.segment {
            self.begin_segment(chunk.segment)?;
        }
        let path = self.run.segment_path(chunk.segment);
        let bytes = chunk.bytes();
        self.segment.append(bytes).map_err(io_error("write", &path))?;
        self.index.add(self.position.offset, bytes);
        self.position.offset = self.segment.length();
        self.position.last_seq = chunk.last_seq;
        Ok(self.position)
    }

    /// Tells readers of this run where in the segment that is being written they can begin: without that, whoever wants
    /// its end walks all of it.
    pub fn tell_places(&mut self, live: &Live) {
        self.index.tell(self.position.segment, live);
    }

    fn begin_segment(&mut self, number: u32) -> Result<(), RunError> {
        if number > 1 {
            self.restore_folder()?;
            let path = self.run.segment_path(number);
            // An earlier try may have created it before the disk was full.
            let segment = SegmentFile::create(&path).map_err(io_error("create", &path))?;
            self.seal_index(); // not before: where the file cannot be had, the index is still needed
            self.segment = segment;
        }
        self.position = Position { segment: number, offset: 0, last_seq: self.position.last_seq };
        Ok(())
    }

    /// Somebody may have deleted the folder, or all that was in it.
    fn restore_folder(&mut self) -> Result<(), RunError> {
        fs::create_dir_all(&self.run.path).map_err(io_error("create", &self.run.path))?;
        if !self.run.has_lock() {
            self.lock = create_lock(&self.run)?;
        }
        Ok(())
    }

    /// An index is only a help to readers, who can make it again: failing to write it is no failure.
    fn seal_index(&mut self) {
        let (index, path) = (std::mem::take(&mut self.index).finish(), self.segment_path());
        if path.exists() {
            let _ = index.save(&path, self.position.offset);
        }
    }

    /// Ends the run.
    pub fn finish(mut self) {
        self.seal_index();
        drop(self.lock); // not before: until then the run is live
    }
}

/// What is locked for as long as a run is written. It has its name only once it is locked: readers take a run with
/// one that is not for ended.
fn create_lock(run: &Run) -> Result<File, RunError> {
    let (path, draft) = (run.path.join(LOCK), run.path.join("lock.new"));
    let lock = File::create(&draft).map_err(io_error("create", &draft))?;
    lock.lock().map_err(io_error("lock", &draft))?;
    fs::rename(&draft, &path).map_err(io_error("create", &path))?;
    Ok(lock)
}

/// How much of the past is kept, over all runs of a captures folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of segments in all, those being written among them. Default 4 GiB.
    pub bytes: u64,
    /// The age, by its last change, at which a segment goes. Default: never.
    pub age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { bytes: 4 << 30, age: None }
    }
}

impl Retention {
    /// Removes the oldest segments of `captures` beyond what is kept, and gives what went.
    /// The newest two segments of a live run stay in any case; the folder of a run goes with its last segment.
    /// What cannot be removed is left, and the rest is gone on with.
    pub fn apply(&self, captures: &Path, now: SystemTime) -> Result<Vec<(PathBuf, u64)>, RunError> {
        let (mut segments, mut total) = (Vec::new(), 0);
        for run in Run::list(captures)? {
            let (spared, removable) = divide(&run);
            total += spared + removable.iter().map(|(_, _, length)| length).sum::<u64>(); // all take room
            segments.extend(removable);
        }
        segments.sort();
        let too_old = |changed: &SystemTime| {
            self.age.is_some_and(|age| now.duration_since(*changed).is_ok_and(|since| since > age))
        };
        let mut removed = Vec::new();
        for (changed, path, length) in segments {
            if total <= self.bytes && !too_old(&changed) {
                continue;
            }
            match remove_segment(&path) {
                Ok(()) => removed.push((path, length)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // another program was faster
                Err(_) => continue,
            }
            total -= length;
        }
        Ok(removed)
    }
}

/// The bytes of a run that stay in any case, and its segments that may go; none where another program has just
/// removed the run.
fn divide(run: &Run) -> (u64, Vec<(SystemTime, PathBuf, u64)>) {
    let is_live = run.is_live(); // before the look, so that none is taken for old that is the newest
    let mut segments = run.segments().unwrap_or_default();
    let spared = segments.split_off(segments.len().saturating_sub(if is_live { SPARED } else { 0 }));
    let stats = |segments: Vec<Segment>| segments.into_iter().filter_map(|segment| stat(segment.path));
    (stats(spared).map(|(_, _, length)| length).sum(), stats(segments).collect())
}

fn stat(path: PathBuf) -> Option<(SystemTime, PathBuf, u64)> {
    let metadata = fs::metadata(&path).ok()?;
    Some((metadata.modified().ok()?, path, metadata.len()))
}

fn remove_segment(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    let _ = fs::remove_file(crate::index::sidecar(path));
    let Some(folder) = path.parent() else { return Ok(()) };
    let run = Run::at(folder);
    if !run.is_live() && run.segments().is_ok_and(|rest| rest.is_empty()) {
        let _ = fs::remove_file(folder.join(LOCK));
        let _ = fs::remove_dir(folder); // only if nobody has put anything else there
    }
    Ok(())
}

#[cfg(test)]
mod tests;
