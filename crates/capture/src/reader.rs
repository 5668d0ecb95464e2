//! Walks the blocks of a segment file through a buffer of bounded size, and holds each commit mark to its word.
//! What the blocks mean belongs in `decoder`; which file comes next, in `cursor`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use memchr::memmem;

use crate::decoder::stated_checksum;
use crate::encoder::MARK_LEN;
use crate::pcapng::{self, Block, Broken};

/// Enough that the calls into the kernel do not count, small enough to stay in the processor's cache.
const WINDOW: usize = 256 * 1024;

/// A forward walk over the blocks of a file.
#[derive(Debug)]
pub(crate) struct BlockReader {
    file: File,
    buffer: Vec<u8>,
    /// The bytes read and not yet walked: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where in the file `buffer[start]` stands.
    offset: u64,
    /// CRC32C of what was walked since the last mark, up to `buffer[summed]`; `None` where the walk began amid that.
    checksum: Option<u32>,
    /// The checksum lags behind the walk: of many short blocks at once it costs much less.
    summed: usize,
    /// Where in the file the last mark ended, or else where the walk began.
    vouched: u64,
}

/// What the walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A block of so many bytes, for [`BlockReader::block`].
    Block(usize),
    /// No more bytes before the limit.
    End,
    /// Bytes that are no whole block, and no more to come before the limit;
    /// or a mark whose checksum is not that of the bytes walked since the mark before.
    Damage,
}

impl BlockReader {
    /// Starts at `offset`, which must be that of a block. Unless that is the start of the file, what comes before
    /// the first mark is not checked: its checksum is also of bytes that are not walked.
    pub(crate) fn new(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        let (buffer, checksum) = (vec![0; WINDOW], (offset == 0).then_some(0));
        Ok(BlockReader { file, buffer, start: 0, end: 0, offset, checksum, summed: 0, vouched: offset })
    }

    /// Starts at `offset`, where a mark ended.
    pub(crate) fn after_mark(file: File, offset: u64) -> io::Result<Self> {
        Ok(BlockReader { checksum: Some(0), ..BlockReader::new(file, offset)? })
    }

    /// The file offset of the block that comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the file as it is now.
    pub(crate) fn file_len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Looks at the next block, reading no byte at or past `limit`.
    pub(crate) fn peek(&mut self, limit: u64) -> io::Result<Step> {
        loop {
            match pcapng::first_block(&self.buffer[self.start..self.end]) {
                Ok(Some(block)) => {
                    let (length, is_mark) = (block.len(), block.kind == pcapng::MARK);
                    return Ok(if is_mark && !self.holds(length) { Step::Damage } else { Step::Block(length) });
                }
                Err(Broken::Malformed) => return Ok(Step::Damage),
                Ok(None) | Err(Broken::Short) => {}
            }
            if !self.fill(limit)? {
                return Ok(if self.start == self.end { Step::End } else { Step::Damage });
            }
        }
    }

    /// Whether the bytes at hand begin like this.
    pub(crate) fn begins_with(&self, bytes: &[u8]) -> bool {
        self.buffer[self.start..self.end].starts_with(bytes)
    }

    /// The whole bytes of the block that [`peek`](Self::peek) found.
    pub(crate) fn raw(&self, length: usize) -> &[u8] {
        &self.buffer[self.start..self.start + length]
    }

    /// The block that [`peek`](Self::peek) found.
    pub(crate) fn block(&self, length: usize) -> Block<'_> {
        let raw = self.raw(length);
        Block { kind: pcapng::read_u32(raw, 0).unwrap_or_default(), body: &raw[8..length - 4] }
    }

    /// Steps over the block that [`peek`](Self::peek) found. Its bytes stay readable by [`behind`](Self::behind).
    pub(crate) fn advance(&mut self, length: usize) {
        let is_mark = self.block(length).kind == pcapng::MARK;
        self.start += length;
        self.offset += length as u64;
        if is_mark {
            (self.checksum, self.summed, self.vouched) = (Some(0), self.start, self.offset);
        }
    }

    /// Where in the file the last mark ended, or else where the walk began.
    pub(crate) fn vouched(&self) -> u64 {
        self.vouched
    }

    /// Whether the walk stands behind a mark, or where it began. A segment that was written to its end ends so.
    pub(crate) fn is_vouched(&self) -> bool {
        self.offset == self.vouched
    }

    /// Whether what was walked is as it was written. The mark that says so is looked for past where the walk ended;
    /// a walk that began amid a chunk and came to no mark is believed.
    pub(crate) fn is_confirmed(&mut self) -> io::Result<bool> {
        while self.checksum.is_some() && !self.is_vouched() {
            match self.peek(u64::MAX)? {
                Step::Block(length) => self.advance(length),
                Step::End | Step::Damage => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The length of the mark that [`peek`](Self::peek) found, even if its checksum is not that of what was walked.
    pub(crate) fn mark(&self) -> Option<usize> {
        let block = pcapng::first_block(&self.buffer[self.start..self.end]).ok().flatten()?;
        (block.kind == pcapng::MARK).then(|| block.len())
    }

    /// Goes on from bytes that are no block to the next place where a mark stands as it is written, whether or not
    /// blocks lead there; false where there is none. What comes before that mark is not checked.
    pub(crate) fn seek_mark(&mut self) -> io::Result<bool> {
        let mut head = [0; 8];
        head[..4].copy_from_slice(&pcapng::MARK.to_le_bytes());
        head[4..].copy_from_slice(&(MARK_LEN as u32).to_le_bytes());
        let finder = memmem::Finder::new(&head);
        self.checksum = None;
        let mut at = 4; // not again where the walk stopped; all blocks begin at a multiple of four
        loop {
            let rest = self.buffer[self.start..self.end].get(at..).unwrap_or_default();
            let found = finder.find(rest);
            // Where none begins, the first bytes of one may still stand at the end.
            let skipped = found.unwrap_or_else(|| rest.len().saturating_sub(head.len() - 1)) & !3;
            at += skipped;
            let whole = self.buffer[self.start..self.end].get(at..at + MARK_LEN);
            if let Some(whole) = whole
                && found.is_some()
            {
                if whole.starts_with(&head) && matches!(pcapng::first_block(whole), Ok(Some(_))) {
                    self.pass_over(at);
                    return Ok(true);
                }
                at += 4;
                continue;
            }
            self.pass_over(at.min(self.end - self.start));
            at = 0;
            if !self.fill(u64::MAX)? {
                return Ok(false);
            }
        }
    }

    /// Leaves out bytes at hand.
    fn pass_over(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
        self.summed = self.start;
    }

    /// Steps over the mark that comes next, though its checksum is not that of what was walked.
    pub(crate) fn pass_mark(&mut self, length: usize) {
        self.checksum = None;
        self.advance(length);
    }

    /// Whether the mark that comes next, `length` bytes long, states the checksum of what was walked since the last.
    fn holds(&mut self, length: usize) -> bool {
        self.sum_up();
        self.checksum.is_none_or(|checksum| stated_checksum(self.block(length).body) == Some(checksum))
    }

    fn sum_up(&mut self) {
        self.checksum = self.checksum.map(|sum| crc32c::crc32c_append(sum, &self.buffer[self.summed..self.start]));
        self.summed = self.start;
    }

    /// The block just stepped over, `length` bytes long.
    pub(crate) fn behind(&self, length: usize) -> Block<'_> {
        let raw = &self.buffer[self.start - length..self.start];
        Block { kind: pcapng::read_u32(raw, 0).unwrap_or_default(), body: &raw[8..length - 4] }
    }

    /// Reads on; false where the limit or the end of the file allows nothing more.
    fn fill(&mut self, limit: u64) -> io::Result<bool> {
        self.sum_up(); // while it is here
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end, self.summed) = (0, self.end - self.start, 0);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0); // a block longer than the window: at most MAX_BLOCK
        }
        let allowed = limit.saturating_sub(self.offset + self.end as u64);
        let room = (self.buffer.len() - self.end).min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let count = self.file.read(&mut self.buffer[self.end..self.end + room])?;
        self.end += count;
        Ok(count > 0)
    }
}
