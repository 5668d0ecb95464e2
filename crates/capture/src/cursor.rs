//! A reader's place in a run: from any record on, through all segments, and on as the run grows.
//! Each reader has its own, at its own speed; none can hold up the writer of a capture.

use std::cmp::Ordering;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use crate::decoder::{Decoder, Item};
use crate::index::{Index, Totals};
use crate::live::{Live, Position};
use crate::pcapng;
use crate::reader::{BlockReader, Step};
use crate::record::Record;
use crate::run::{Run, RunError, committed, io_error};

/// How often a run that another program writes is looked at for more.
const POLL: Duration = Duration::from_millis(50);

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// The next record.
    Record(Record<'a>),
    /// Nothing yet: [`Cursor::wait`] for more.
    Wait,
    /// Nothing, and nothing will come.
    End,
}

/// Reads a run's records in order.
#[derive(Debug)]
pub struct Cursor {
    decoder: Decoder,
    source: Source,
    /// Records before this one are passed over.
    from: u64,
    next_seq: u64,
}

#[derive(Debug)]
enum Source {
    Disk(Disk),
    Memory { live: Arc<Live>, reader: usize, chunk: Arc<Vec<u8>>, at: usize },
}

#[derive(Debug)]
struct Disk {
    run: Run,
    growth: Growth,
    segment: u32,
    reader: Option<BlockReader>,
    /// Bytes of the segment that may be read.
    limit: u64,
}

#[derive(Debug)]
enum Growth {
    /// All there is was there at the start.
    Ended,
    /// This program writes it.
    Here(Arc<Live>),
    /// Another program does.
    Elsewhere,
}

/// A block to look at: where it stands in its source.
enum Found {
    Block(usize),
    Nothing { ended: bool },
}

impl Cursor {
    /// Reads `run` from record `from` on (1: from the start), as far as it is written now.
    /// What a writer left behind half-written is cut off first.
    pub fn open(run: Run, from: u64) -> Result<Self, RunError> {
        run.recover()?;
        Cursor::on_disk(run, from, Growth::Ended)
    }

    /// Reads `run` from record `from` on, and on as another program writes it.
    pub fn follow(run: Run, from: u64) -> Result<Self, RunError> {
        run.recover()?;
        Cursor::on_disk(run, from, Growth::Elsewhere)
    }

    /// Reads the run that this program writes, from record `from` on.
    pub fn live(run: Run, live: Arc<Live>, from: u64) -> Result<Self, RunError> {
        Cursor::on_disk(run, from, Growth::Here(live))
    }

    /// Reads the run that this program keeps in memory only. To be made before the run begins.
    pub fn in_memory(live: Arc<Live>) -> Self {
        let reader = live.add_reader();
        let source = Source::Memory { live, reader, chunk: Arc::default(), at: 0 };
        Cursor { decoder: Decoder::default(), source, from: 1, next_seq: 1 }
    }

    fn on_disk(run: Run, from: u64, growth: Growth) -> Result<Self, RunError> {
        let disk = Disk { run, growth, segment: 0, reader: None, limit: 0 };
        let mut cursor = Cursor { decoder: Decoder::default(), source: Source::Disk(disk), from, next_seq: 1 };
        cursor.skip_to(from)?;
        Ok(cursor)
    }

    /// Begins in the right segment, at the right slot of it.
    fn skip_to(&mut self, from: u64) -> Result<(), RunError> {
        let Source::Disk(disk) = &mut self.source else { return Ok(()) };
        let segments = disk.run.segments()?;
        for segment in segments.iter().rev() {
            disk.open(segment.number)?;
            let first = disk.first_seq(&mut Decoder::default())?;
            if first.is_some_and(|first| first <= from) || segment.number == segments[0].number {
                disk.open(segment.number)?;
                return disk.skip_within(&mut self.decoder, from);
            }
        }
        Ok(())
    }

    /// The next record, if there is one by now.
    #[allow(clippy::should_implement_trait)] // lends the record's bytes from its own buffer
    pub fn next(&mut self) -> Result<Next<'_>, RunError> {
        let length = loop {
            match self.source.advance()? {
                Found::Nothing { ended: false } => return Ok(Next::Wait),
                Found::Nothing { ended: true } => return Ok(Next::End),
                Found::Block(length) => {
                    if self.is_wanted(length)? {
                        break length;
                    }
                }
            }
        };
        match self.decoder.decode(self.source.behind(length)) {
            Ok(Item::Record(record)) => {
                self.next_seq = record.seq + 1;
                Ok(Next::Record(record))
            }
            _ => Err(self.source.damaged()),
        }
    }

    /// Takes in what is no record, and tells whether the block just passed is one to give out.
    fn is_wanted(&mut self, length: usize) -> Result<bool, RunError> {
        let block = self.source.behind(length);
        if block.kind == pcapng::PACKET {
            let packet = crate::decoder::PacketView::parse(block.body).ok_or_else(|| self.source.damaged())?;
            return Ok(packet.meaning != crate::encoder::Meaning::Continued && packet.seq >= self.from);
        }
        match self.decoder.decode(block) {
            Ok(_) => Ok(false),
            Err(why) => Err(self.source.foreign(why)),
        }
    }

    /// The record that comes next, counted from the start of the run.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Waits until there is more to read, or `patience` is over.
    pub fn wait(&mut self, patience: Duration) {
        match &self.source {
            Source::Memory { live, reader, .. } => live.wait_chunk(*reader, patience),
            Source::Disk(disk) => disk.wait(patience),
        }
    }
}

impl Source {
    /// Steps over the next block that may be read.
    fn advance(&mut self) -> Result<Found, RunError> {
        match self {
            Source::Disk(disk) => disk.advance(),
            Source::Memory { live, reader, chunk, at } => {
                let ended = live.position().1; // before the look, or the last chunk might slip in between
                if *at == chunk.len() {
                    let Some(next) = live.take_chunk(*reader) else { return Ok(Found::Nothing { ended }) };
                    (*chunk, *at) = (next, 0);
                }
                match pcapng::first_block(&chunk[*at..]) {
                    Ok(Some(block)) => {
                        *at += block.len();
                        Ok(Found::Block(block.len()))
                    }
                    _ => Ok(Found::Nothing { ended }),
                }
            }
        }
    }

    fn behind(&self, length: usize) -> pcapng::Block<'_> {
        match self {
            Source::Disk(disk) => disk.reader.as_ref().map_or(NOTHING, |reader| reader.behind(length)),
            Source::Memory { chunk, at, .. } => {
                pcapng::first_block(&chunk[at - length..*at]).ok().flatten().unwrap_or(NOTHING)
            }
        }
    }

    fn foreign(&self, why: crate::decoder::Foreign) -> RunError {
        match self {
            Source::Disk(disk) => RunError::Foreign { path: disk.path(), why },
            Source::Memory { .. } => RunError::Foreign { path: "(memory)".into(), why },
        }
    }

    fn damaged(&self) -> RunError {
        match self {
            Source::Disk(disk) => disk.damaged(),
            Source::Memory { at, .. } => RunError::Damaged { path: "(memory)".into(), offset: *at as u64 },
        }
    }
}

const NOTHING: pcapng::Block<'static> = pcapng::Block { kind: 0, body: &[] };

impl Drop for Source {
    fn drop(&mut self) {
        if let Source::Memory { live, reader, .. } = self {
            live.remove_reader(*reader);
        }
    }
}

impl Disk {
    fn path(&self) -> std::path::PathBuf {
        self.run.segment_path(self.segment)
    }

    fn damaged(&self) -> RunError {
        let offset = self.reader.as_ref().map_or(0, BlockReader::offset);
        RunError::Damaged { path: self.path(), offset }
    }

    fn open(&mut self, segment: u32) -> Result<(), RunError> {
        self.segment = segment;
        let path = self.path();
        let file = File::open(&path).map_err(io_error("read", &path))?;
        self.reader = Some(BlockReader::new(file, 0).map_err(io_error("read", &path))?);
        self.limit = 0;
        self.extend().map(drop)
    }

    /// The number of the segment's first record, walking to it.
    fn first_seq(&mut self, decoder: &mut Decoder) -> Result<Option<u64>, RunError> {
        while let Found::Block(length) = self.advance_within()? {
            let block = self.reader.as_ref().map_or(NOTHING, |reader| reader.behind(length));
            let item = decoder.decode(block);
            match item.map_err(|why| RunError::Foreign { path: self.path(), why })? {
                Item::Record(record) => return Ok(Some(record.seq)),
                _ => continue,
            }
        }
        Ok(None)
    }

    /// Goes to the slot of record `from`. The decoder has seen what stands before the first record by then.
    fn skip_within(&mut self, decoder: &mut Decoder, from: u64) -> Result<(), RunError> {
        if from <= 1 || !matches!(self.growth, Growth::Ended) {
            return Ok(());
        }
        let path = self.path();
        let index = Index::of(&path, self.limit, false_if_file(&self.run))?;
        let offset = index.offset_of(from);
        if self.first_seq(decoder)?.is_some() && offset > 0 {
            let file = File::open(&path).map_err(io_error("read", &path))?;
            self.reader = Some(BlockReader::new(file, offset).map_err(io_error("read", &path))?);
            decoder.introduce(&index.totals);
            return Ok(());
        }
        *decoder = Decoder::default();
        self.open(self.segment)
    }

    /// The next block, in this segment or in the one that follows.
    fn advance(&mut self) -> Result<Found, RunError> {
        loop {
            if self.reader.is_some()
                && let Found::Block(length) = self.advance_within()?
            {
                return Ok(Found::Block(length));
            }
            let ended = self.has_ended();
            if self.reader.is_some() && self.extend()? {
                continue;
            }
            match self.following()? {
                Some(segment) => self.open(segment)?,
                None => return Ok(Found::Nothing { ended }),
            }
        }
    }

    fn advance_within(&mut self) -> Result<Found, RunError> {
        let Some(reader) = &mut self.reader else { return Ok(Found::Nothing { ended: false }) };
        let step = reader.peek(self.limit);
        if let Ok(Step::Block(length)) = step {
            reader.advance(length);
            return Ok(Found::Block(length));
        }
        let at_start = reader.offset() == 0;
        let path = self.path(); // asks the system what it is: not for every block
        match step.map_err(io_error("read", &path))? {
            Step::Block(_) | Step::End => Ok(Found::Nothing { ended: false }),
            Step::Damage if at_start => Err(RunError::Foreign { path, why: crate::decoder::Foreign::NotPcapng }),
            Step::Damage => Err(self.damaged()),
        }
    }

    /// Whether nothing more will come; to be asked before looking a last time.
    fn has_ended(&self) -> bool {
        match &self.growth {
            Growth::Ended => true,
            Growth::Here(live) => live.position().1,
            Growth::Elsewhere => !self.run.is_live(),
        }
    }

    /// Looks how much of the segment may be read by now; true where that is more than before.
    fn extend(&mut self) -> Result<bool, RunError> {
        let before = self.limit;
        self.limit = match &self.growth {
            Growth::Here(live) => {
                let (position, _) = live.position();
                match position.segment.cmp(&self.segment) {
                    Ordering::Less => 0, // what is in the file may be half a chunk
                    Ordering::Equal => position.offset,
                    Ordering::Greater => self.file_len()?,
                }
            }
            Growth::Ended if !self.run.is_live() => self.file_len()?,
            Growth::Ended if before > 0 => before,
            Growth::Ended | Growth::Elsewhere => committed(&self.path(), before)?.0,
        };
        Ok(self.limit > before)
    }

    fn file_len(&self) -> Result<u64, RunError> {
        let path = self.path();
        self.reader.as_ref().map_or(Ok(0), |reader| reader.file_len().map_err(io_error("read", &path)))
    }

    /// The segment after this one, if it exists by now.
    fn following(&self) -> Result<Option<u32>, RunError> {
        if let Growth::Here(live) = &self.growth
            && live.position().0.segment <= self.segment
        {
            return Ok(None);
        }
        Ok(self.run.segments()?.into_iter().map(|segment| segment.number).find(|number| *number > self.segment))
    }

    fn wait(&self, patience: Duration) {
        match &self.growth {
            Growth::Here(live) => {
                let seen = Position { segment: self.segment, offset: self.limit, ..live.position().0 };
                live.wait(seen, patience);
            }
            _ => std::thread::sleep(POLL.min(patience)),
        }
    }
}

/// A single exported file has no sidecar of its own: it may lie anywhere.
fn false_if_file(run: &Run) -> bool {
    run.path().is_dir()
}

/// What a whole run holds, as far as it is written now.
pub fn totals(run: &Run) -> Result<Totals, RunError> {
    run.recover()?;
    let (live, mut totals) = (run.is_live(), Totals::default());
    let segments = run.segments()?;
    for (n, segment) in segments.iter().enumerate() {
        let growing = live && n + 1 == segments.len();
        let (good, length) = if growing { committed(&segment.path, 0)? } else { (u64::MAX, file_len(&segment.path)?) };
        let sealed = !growing && false_if_file(run);
        totals.merge(Index::of(&segment.path, good.min(length), sealed)?.totals);
    }
    Ok(totals)
}

fn file_len(path: &std::path::Path) -> Result<u64, RunError> {
    Ok(std::fs::metadata(path).map_err(io_error("read", path))?.len())
}
