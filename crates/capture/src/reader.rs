//! Walks the blocks of a segment file through a buffer of bounded size.
//! What the blocks mean belongs in `decoder`; which file comes next, in `cursor`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

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
}

/// What the walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A block of so many bytes, for [`BlockReader::block`].
    Block(usize),
    /// No more bytes before the limit.
    End,
    /// Bytes that are no whole block, and no more to come before the limit.
    Damage,
}

impl BlockReader {
    /// Starts at `offset`, which must be that of a block.
    pub(crate) fn new(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(BlockReader { file, buffer: vec![0; WINDOW], start: 0, end: 0, offset })
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
                Ok(Some(block)) => return Ok(Step::Block(block.len())),
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
        self.start += length;
        self.offset += length as u64;
    }

    /// The block just stepped over, `length` bytes long.
    pub(crate) fn behind(&self, length: usize) -> Block<'_> {
        let raw = &self.buffer[self.start - length..self.start];
        Block { kind: pcapng::read_u32(raw, 0).unwrap_or_default(), body: &raw[8..length - 4] }
    }

    /// Reads on; false where the limit or the end of the file allows nothing more.
    fn fill(&mut self, limit: u64) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
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
