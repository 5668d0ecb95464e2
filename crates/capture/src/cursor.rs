//! A reader's place in a run: from any record on, through all segments, and on as the run grows.
//! Each reader has its own, at its own speed; none can hold up the writer of a capture.

use std::cmp::Ordering;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::decoder::{Decoder, Foreign, Item, LinkInfo, PacketView, unreadable_packet};
use crate::index::{Index, Totals};
use crate::live::{Live, Start};
use crate::pcapng;
use crate::reader::{BlockReader, Step};
use crate::record::{Frame, Record};
use crate::run::{Extent, Gap, Run, RunError, Segment, Sequence, file_len, io_error, open_segment};

/// How often a run that another program writes is looked at for more.
const POLL: Duration = Duration::from_millis(50);
/// How long a run whose folder was deleted may take to be gone on with.
const RESTORING: Duration = Duration::from_secs(1);

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// The next record.
    Record(Record<'a>),
    /// A frame of a virtual network, from among the records, and its link. Only after [`Cursor::give_frames`].
    Frame(Frame<'a>, &'a LinkInfo),
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
    sequence: Sequence,
    frames: bool,
    /// The length of a block that was passed and not given out, because a gap before it had to be told first.
    held: Option<usize>,
}

#[derive(Debug)]
enum Source {
    Disk(Disk),
    Memory { live: Arc<Live>, reader: usize, chunk: Arc<Vec<u8>>, at: usize },
}

#[derive(Debug)]
struct Disk {
    run: Run,
    /// Whether it is a folder: a single file may leave records out, and has no sidecar.
    is_folder: bool,
    growth: Growth,
    segment: u32,
    reader: Option<BlockReader>,
    /// Bytes of the segment that may be read.
    limit: u64,
    /// What [`Live`] had told when it was looked at last.
    seen: u64,
    /// Since when the run that another program writes has nothing by which to see whether it still does.
    unknown: Option<Instant>,
}

#[derive(Debug)]
enum Growth {
    /// It is read as it was at the start.
    Ended(Extent),
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
        let extent = run.extent()?;
        Cursor::on_disk(run, from, Growth::Ended(extent))
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
        let (decoder, sequence) = (Decoder::default(), Sequence::unknown());
        Cursor { decoder, source, from: 1, next_seq: 1, sequence, frames: false, held: None }
    }

    fn on_disk(run: Run, from: u64, growth: Growth) -> Result<Self, RunError> {
        let (is_folder, sequence) = (run.is_folder(), Sequence::of(&run, from));
        let disk = Disk { run, is_folder, growth, segment: 0, reader: None, limit: 0, seen: 0, unknown: None };
        let (decoder, source) = (Decoder::default(), Source::Disk(disk));
        let mut cursor = Cursor { decoder, source, from, next_seq: 1, sequence, frames: false, held: None };
        cursor.skip_to(from)?;
        Ok(cursor)
    }

    /// Begins in the right segment, at the right slot of it.
    fn skip_to(&mut self, from: u64) -> Result<(), RunError> {
        let Source::Disk(disk) = &mut self.source else { return Ok(()) };
        let mut begin = None;
        if from <= 1 {
            return disk.open_first();
        }
        for number in disk.numbers()?.into_iter().rev() {
            if !disk.open(number)? {
                break; // removed just now, and all before it
            }
            begin = Some(number);
            // Where its head is damaged, what stands before that is still to be had.
            if let Ok(Some(first)) = disk.first_seq(&mut Decoder::default())
                && first <= from
            {
                break;
            }
        }
        let Some(number) = begin else { return Ok(()) };
        if disk.open(number)? { disk.skip_within(&mut self.decoder, from) } else { Ok(()) }
    }

    /// Gives out the frames of virtual networks as well, from record `from` on.
    pub fn give_frames(&mut self) {
        self.frames = true;
    }

    /// The next record, if there is one by now.
    ///
    /// # Errors
    /// An error with a [`RunError::gap`] is given once, and the record after the gap next; others stay.
    /// That a chunk is damaged may show only at its end, when records of it have been given already.
    #[allow(clippy::should_implement_trait)] // lends the record's bytes from its own buffer
    pub fn next(&mut self) -> Result<Next<'_>, RunError> {
        let length = match self.held.take() {
            Some(length) => length,
            None => loop {
                match self.source.advance().map_err(|error| self.overtaken(error))? {
                    Found::Nothing { ended: false } => return Ok(Next::Wait),
                    Found::Nothing { ended: true } => return Ok(Next::End),
                    Found::Block(length) if self.is_wanted(length)? => break length,
                    Found::Block(_) => {}
                }
            },
        };
        match self.decoder.decode(self.source.behind(length)) {
            Ok(Item::Record(record)) => {
                self.next_seq = record.seq + 1;
                Ok(Next::Record(record))
            }
            Ok(Item::Frame(frame)) => match self.decoder.link(frame.link) {
                Some(link) => Ok(Next::Frame(frame, link)),
                None => Err(self.source.damaged()),
            },
            _ => Err(self.source.damaged()),
        }
    }

    /// The error for a segment that is not there. Where the run has grown since, and retention has come to the last
    /// segment that it had, the records up to the first that is left are a gap; nothing follows here.
    fn overtaken(&mut self, error: RunError) -> RunError {
        let Source::Disk(Disk { run, growth: Growth::Ended(extent), .. }) = &self.source else { return error };
        match overtaken(run, extent.is_growing(), &error, &mut self.sequence) {
            Some(gap) => self.source.gone(gap),
            None => error,
        }
    }

    /// Takes in what is no record, and tells whether the block just passed is one to give out.
    fn is_wanted(&mut self, length: usize) -> Result<bool, RunError> {
        let block = self.source.behind(length);
        if self.decoder.link_of(block).is_some() {
            return Ok(self.frames && (self.from <= 1 || self.next_seq > self.from));
        }
        if block.kind == pcapng::PACKET {
            let packet = PacketView::parse(block.body);
            let packet = packet.ok_or_else(|| self.source.foreign(unreadable_packet(block.body)))?;
            if packet.meaning == crate::encoder::Meaning::Continued {
                return Ok(false);
            }
            let seq = packet.seq;
            let Some(gap) = self.sequence.pass(seq, seq) else { return Ok(seq >= self.from) };
            (self.held, self.next_seq) = (Some(length), seq); // the record waits until it is told what is missing
            return Err(self.source.gone(gap));
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
                if *at == chunk.len() {
                    let ended = live.position().1; // before the look, or the last chunk might slip in between
                    let Some(next) = live.take_chunk(*reader) else { return Ok(Found::Nothing { ended }) };
                    (*chunk, *at) = (next, 0);
                }
                match pcapng::first_block(&chunk[*at..]) {
                    Ok(Some(block)) => {
                        *at += block.len();
                        Ok(Found::Block(block.len()))
                    }
                    _ => Err(RunError::Damaged { path: MEMORY.into(), offset: *at as u64 }),
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

    fn foreign(&self, why: Foreign) -> RunError {
        match self {
            Source::Disk(disk) => disk.unreadable(why),
            Source::Memory { at, .. } => RunError::unreadable(MEMORY.as_ref(), *at as u64, why),
        }
    }

    fn gone(&self, gap: Gap) -> RunError {
        match self {
            Source::Disk(disk) => RunError::of_gap(disk.run.path(), gap),
            Source::Memory { .. } => RunError::of_gap(MEMORY.as_ref(), gap),
        }
    }

    fn damaged(&self) -> RunError {
        self.foreign(Foreign::Malformed)
    }
}

/// What stands for the path of a run without a capture.
const MEMORY: &str = "(memory)";

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

    fn unreadable(&self, why: Foreign) -> RunError {
        RunError::unreadable(&self.path(), self.reader.as_ref().map_or(0, BlockReader::offset), why)
    }

    fn damaged(&self) -> RunError {
        self.unreadable(Foreign::Malformed)
    }

    /// To be called where the segment ends. One of a folder ends with a mark, unless it was torn or changed.
    fn check_end(&self) -> Result<(), RunError> {
        let is_whole = !self.is_folder || self.reader.as_ref().is_none_or(BlockReader::is_vouched);
        if is_whole { Ok(()) } else { Err(self.damaged()) }
    }

    /// Goes to the start of a segment; false where it has been removed.
    fn open(&mut self, segment: u32) -> Result<bool, RunError> {
        (self.segment, self.reader, self.limit) = (segment, None, 0);
        let path = self.path();
        let Some(file) = open_segment(&path, self.is_last(segment))? else { return Ok(false) };
        self.reader = Some(BlockReader::new(file, 0).map_err(io_error("read", &path))?);
        self.extend().map(|_| true)
    }

    /// Goes to the start of the first segment that has not been removed, if there is one.
    fn open_first(&mut self) -> Result<(), RunError> {
        for number in self.numbers()? {
            if self.open(number)? {
                break;
            }
        }
        Ok(())
    }

    /// Whether no segment can follow that would show that this one is missing.
    fn is_last(&self, segment: u32) -> bool {
        matches!(&self.growth, Growth::Ended(extent) if extent.is_last(segment))
    }

    /// The segments there are.
    fn numbers(&self) -> Result<Vec<u32>, RunError> {
        let number = |segment: &Segment| segment.number;
        Ok(match &self.growth {
            Growth::Ended(extent) => extent.segments.iter().map(number).collect(),
            Growth::Here(_) | Growth::Elsewhere => match self.run.segments() {
                Err(error) if error.is_not_found() => Vec::new(), // who writes it will see that, and make it again
                segments => segments?.iter().map(number).collect(),
            },
        })
    }

    /// The number of the segment's first record, walking to it.
    fn first_seq(&mut self, decoder: &mut Decoder) -> Result<Option<u64>, RunError> {
        while let Found::Block(length) = self.advance_within()? {
            let block = self.reader.as_ref().map_or(NOTHING, |reader| reader.behind(length));
            let item = decoder.decode(block);
            match item.map_err(|why| self.unreadable(why))? {
                Item::Record(record) => return Ok(Some(record.seq)),
                _ => continue,
            }
        }
        Ok(None)
    }

    /// Goes to the slot of record `from`. The decoder has seen what stands before the first record by then.
    fn skip_within(&mut self, decoder: &mut Decoder, from: u64) -> Result<(), RunError> {
        let path = self.path();
        let is_sealed = match &self.growth {
            Growth::Ended(extent) => extent.is_sealed(self.segment),
            Growth::Here(live) if live.position().0.segment > self.segment => true,
            Growth::Here(live) => {
                let start = live.start_for(self.segment, from);
                return start.map_or(Ok(()), |start| self.begin_at(start, decoder));
            }
            Growth::Elsewhere => return Ok(()),
        };
        let index = Index::of(&path, self.limit, self.is_folder && is_sealed);
        let index = index.unwrap_or_default(); // a walk from the start meets the damage again, after what is good
        let offset = index.offset_of(from);
        if offset > 0 && matches!(self.first_seq(decoder), Ok(Some(_))) {
            let file = File::open(&path).map_err(io_error("read", &path))?;
            self.reader = Some(BlockReader::new(file, offset).map_err(io_error("read", &path))?);
            decoder.introduce(&index.totals);
            return Ok(());
        }
        *decoder = Decoder::default();
        self.open(self.segment).map(drop)
    }

    fn begin_at(&mut self, start: Start, decoder: &mut Decoder) -> Result<(), RunError> {
        let path = self.path();
        let file = File::open(&path).map_err(io_error("read", &path))?;
        self.reader = Some(BlockReader::new(file, start.offset).map_err(io_error("read", &path))?);
        *decoder = start.decoder;
        Ok(())
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
            let Some(segment) = self.following()? else {
                if ended {
                    self.check_end()?;
                }
                return Ok(Found::Nothing { ended });
            };
            if !self.extend_to_end()? {
                self.check_end()?;
                self.open(segment)?;
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
            Step::Damage if at_start => Err(RunError::Foreign { path, why: Foreign::NotPcapng }),
            Step::Damage => Err(self.damaged()),
        }
    }

    /// Whether nothing more will come; to be asked before looking a last time.
    fn has_ended(&mut self) -> bool {
        match &self.growth {
            Growth::Ended(_) => true,
            Growth::Here(live) => {
                let (_, ended, changes) = live.look();
                self.seen = changes;
                ended
            }
            Growth::Elsewhere if self.run.has_lock() => {
                self.unknown = None;
                !self.run.is_live()
            }
            Growth::Elsewhere => self.unknown.get_or_insert_with(Instant::now).elapsed() > RESTORING,
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
            Growth::Ended(extent) => extent.limit(self.segment).map_or_else(|| self.file_len(), Ok)?,
            Growth::Elsewhere => self.committed_from(before)?,
        };
        Ok(self.limit > before)
    }

    /// Lets the whole segment be read, now that another follows it: between the last look at this one and the
    /// look for the other, more may have been written here. True where that is so.
    fn extend_to_end(&mut self) -> Result<bool, RunError> {
        let before = self.limit;
        if !matches!(self.growth, Growth::Ended(_)) {
            self.limit = self.file_len()?.max(before);
        }
        Ok(self.limit > before)
    }

    /// How far the segment that another program writes, or wrote, may be read.
    fn committed_from(&self, before: u64) -> Result<u64, RunError> {
        match self.run.readable(&self.path(), before) {
            // Removed, but still open here. The rest may be read when a segment follows: there may be half a chunk.
            Err(error) if error.is_not_found() => Ok(before),
            found => found,
        }
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
        Ok(self.numbers()?.into_iter().find(|number| *number > self.segment))
    }

    fn wait(&self, patience: Duration) {
        match &self.growth {
            Growth::Here(live) => live.wait_for_change(self.seen, patience),
            Growth::Ended(_) | Growth::Elsewhere => std::thread::sleep(POLL.min(patience)),
        }
    }
}

/// What is missing where a reader has found the last segment that it knew gone, which is the `error`; `None` where
/// it was not retention that removed it, because the run was not growing.
pub(crate) fn overtaken(run: &Run, growing: bool, error: &RunError, sequence: &mut Sequence) -> Option<Gap> {
    if !growing || !error.is_not_found() {
        return None;
    }
    let first = first_seq(run).ok()?;
    sequence.pass(first, first.checked_sub(1)?)
}

/// What a whole run holds, as far as it is written now.
pub fn totals(run: &Run) -> Result<Totals, RunError> {
    let (extent, mut totals, mut sequence) = (run.extent()?, Totals::default(), Sequence::of(run, 1));
    for Segment { number, path } in &extent.segments {
        let length = extent.limit(*number).map_or_else(|| file_len(path), Ok);
        let sealed = run.is_folder() && extent.is_sealed(*number);
        let index = match length.and_then(|length| Index::of(path, length, sealed)) {
            Err(error) if error.is_not_found() && (extent.is_growing() || !extent.is_last(*number)) => continue, // retention
            index => index?,
        };
        totals.gaps.extend(index.seqs().and_then(|(first, last)| sequence.pass(first, last)));
        totals.merge(index.totals);
    }
    // A file that another program wrote again has packets and no record among them: reading it says so.
    if totals.records == 0 && totals.packets > 0 {
        Cursor::open(run.clone(), 1)?.next()?;
    }
    Ok(totals)
}

/// The first record of a run that can still be read; 1 where there is none.
pub fn first_seq(run: &Run) -> Result<u64, RunError> {
    match Cursor::open(run.clone(), 1)?.next() {
        Ok(Next::Record(record)) => Ok(record.seq),
        Ok(Next::Frame(..) | Next::Wait | Next::End) => Ok(1), // frames are given to who asks for them
        Err(error) => error.gap().map(|gap| gap.to + 1).ok_or(error),
    }
}

/// The last record of a run as far as it is written now; 0 where there is none. Costs a look into the index of the
/// last segment, or, where another program writes that, a walk through it.
pub fn last_seq(run: &Run) -> Result<u64, RunError> {
    let extent = run.extent()?;
    for Segment { number, path } in extent.segments.iter().rev() {
        let length = extent.limit(*number).map_or_else(|| file_len(path), Ok)?;
        let index = Index::of(path, length, run.is_folder() && extent.is_sealed(*number))?;
        if let Some((_, last)) = index.seqs() {
            return Ok(last);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
