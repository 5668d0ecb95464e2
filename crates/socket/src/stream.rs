//! The stream family: `read`, `readinto`, `readline`, `write`. These go on until they have what they were asked for,
//! and give `None` where a non-blocking socket has nothing at all, as raw streams of Python do.

use crate::error::{Cause, Error, Operation, Result};
use crate::socket::RecvFlags;
use crate::{Errno, Socket, Stack};

/// Bytes that `read` asks for at a time.
const PIECE: usize = 64 * 1024;

/// Bytes that `readline` looks at, at a time.
const LOOK: usize = 256;

/// How a reading loop ended.
enum End {
    /// It has what it was asked for, or the stream has ended.
    Complete,
    /// A non-blocking socket has no more at the moment.
    Dry,
}

impl<S: Stack> Socket<S> {
    /// Reads `count` bytes, or up to the end of the stream for `None`, waiting for all of them: `read(Some(1024))` on
    /// a connection that stays open waits until there are 1024. Fewer at the end, none after it. Non-blocking, what
    /// there is, or `None` for nothing. An error loses what had been read: [`read_onto`](Socket::read_onto) does not.
    pub fn read(&self, count: Option<usize>) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let got = self.read_onto(&mut bytes, count)?;
        Ok(got.map(|_| bytes))
    }

    /// The same behind what the buffer has, and says how many; what was read before an error is in the buffer, and
    /// counted by [`Error::done`].
    pub fn read_onto(&self, onto: &mut Vec<u8>, count: Option<usize>) -> Result<Option<usize>> {
        let start = onto.len();
        let ended = loop {
            let had = onto.len();
            let piece = count.map_or(PIECE, |count| (count - (had - start)).min(PIECE));
            onto.resize(had + piece, 0);
            let (got, ended) = self.fill(&mut onto[had..]);
            onto.truncate(had + got);
            let more = got == piece && count.is_none_or(|count| onto.len() - start < count);
            if !more || ended.is_err() {
                break ended;
            }
        };
        finish(onto.len() - start, ended)
    }

    /// Fills the buffer, waiting until it is full or the stream has ended; says how many. Non-blocking, what there
    /// is, or `None` for nothing. It does not allocate.
    pub fn readinto(&self, into: &mut [u8]) -> Result<Option<usize>> {
        let (got, ended) = self.fill(into);
        finish(got, ended)
    }

    /// A line with its `\n`, of at most `limit` bytes; what is left at the end of the stream, then nothing. Not a byte
    /// behind the line is taken. Non-blocking, the beginning of a line that is there, or `None`. An error loses what
    /// had been read: [`readline_onto`](Socket::readline_onto) does not. Meant for streams, and for one reader at a
    /// time: it looks first and takes then, in two calls of the stack for each 256 bytes.
    pub fn readline(&self, limit: Option<usize>) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let got = self.readline_onto(&mut line, limit)?;
        Ok(got.map(|_| line))
    }

    /// The same behind what the buffer has, and says how many; what was read before an error is in the buffer, and
    /// counted by [`Error::done`].
    pub fn readline_onto(&self, onto: &mut Vec<u8>, limit: Option<usize>) -> Result<Option<usize>> {
        let start = onto.len();
        let ended = loop {
            let room = limit.map_or(LOOK, |limit| (limit - (onto.len() - start)).min(LOOK));
            match self.piece_of_line(onto, room) {
                Ok(true) => {}
                Ok(false) => break Ok(End::Complete),
                Err(cause) if cause.is(Errno::EAGAIN) => break Ok(End::Dry),
                Err(cause) => break Err(cause),
            }
        };
        finish(onto.len() - start, ended)
    }

    /// Takes at most `room` bytes up to the line's end; says whether the line goes on.
    fn piece_of_line(&self, onto: &mut Vec<u8>, room: usize) -> std::result::Result<bool, Cause> {
        if room == 0 {
            return Ok(false);
        }
        let mut look = [0; LOOK];
        let (seen, _) = self.pull(&mut look[..room], RecvFlags { peek: true, dont_wait: false })?;
        let end = look[..seen].iter().position(|byte| *byte == b'\n');
        let take = end.map_or(seen, |place| place + 1);
        let (taken, _) = self.pull(&mut look[..take], RecvFlags::default())?;
        onto.extend_from_slice(&look[..taken]);
        Ok(taken > 0 && look[taken - 1] != b'\n')
    }

    /// Writes all of it, and says how many bytes that are: never fewer, but for a non-blocking socket, which writes
    /// what there is room for, or gives `None` for nothing. On a failure, [`Error::done`] were taken.
    pub fn write(&self, bytes: &[u8]) -> Result<Option<usize>> {
        match self.push(bytes) {
            (done, None) => Ok(Some(done)),
            (0, Some(cause)) if cause.is(Errno::EAGAIN) => Ok(None),
            (done, Some(cause)) if cause.is(Errno::EAGAIN) => Ok(Some(done)),
            (done, Some(cause)) => Err(Error::new(Operation::Send, cause).after(done)),
        }
    }

    /// Fills the buffer; says how far it came, and how it ended.
    fn fill(&self, into: &mut [u8]) -> (usize, std::result::Result<End, Cause>) {
        let mut done = 0;
        while done < into.len() {
            match self.pull(&mut into[done..], RecvFlags::default()) {
                Ok((0, _)) => break,
                Ok((got, _)) => done += got,
                Err(cause) if cause.is(Errno::EAGAIN) => return (done, Ok(End::Dry)),
                Err(cause) => return (done, Err(cause)),
            }
            // A peer that never pauses would otherwise make this deaf.
            if done < into.len()
                && let Err(cause) = self.net().attend()
            {
                return (done, Err(cause));
            }
        }
        (done, Ok(End::Complete))
    }
}

/// What a reading call gives, from how many bytes it has and how it ended.
fn finish(done: usize, ended: std::result::Result<End, Cause>) -> Result<Option<usize>> {
    match ended {
        Ok(End::Dry) if done == 0 => Ok(None),
        Ok(_) => Ok(Some(done)),
        Err(cause) => Err(Error::new(Operation::Receive, cause).after(done)),
    }
}
