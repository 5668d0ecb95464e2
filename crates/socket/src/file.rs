//! `makefile`: a socket behind buffers, with the traits of `std::io`.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

#[cfg(feature = "os")]
use crate::OsStack;
use crate::{Socket, Stack};

/// Bytes of each buffer unless told: `io.DEFAULT_BUFFER_SIZE` of Python.
const BUFFER: usize = 8 * 1024;

/// A socket behind a buffer each way: `Read`, `BufRead` and `Write`.
///
/// It keeps the socket open, and follows its mode. What it has read ahead, the socket's own calls and `poll` do not
/// see. What is written goes out when the buffer is full, at `flush`, and when it is dropped, where an error is lost.
/// Errors are [`io::Error`]s with the crate's [`Error`](crate::Error) inside; on a non-blocking socket `WouldBlock`,
/// after which nothing that was read ahead is lost.
pub struct File<#[cfg(feature = "os")] S: Stack = OsStack, #[cfg(not(feature = "os"))] S: Stack> {
    reader: BufReader<Bare<S>>,
    writer: BufWriter<Bare<S>>,
}

impl<S: Stack> Socket<S> {
    /// A buffered, file-like object over this socket, with 8 KiB each way.
    pub fn makefile(&self) -> File<S> {
        File::with_capacity(self, BUFFER, BUFFER)
    }
}

impl<S: Stack> File<S> {
    /// With buffers of so many bytes for reading and for writing; 0 does not buffer.
    pub fn with_capacity(socket: &Socket<S>, reading: usize, writing: usize) -> File<S> {
        let reader = BufReader::with_capacity(reading, Bare(socket.clone()));
        File { reader, writer: BufWriter::with_capacity(writing, Bare(socket.clone())) }
    }

    /// The socket beneath.
    pub fn socket(&self) -> &Socket<S> {
        &self.reader.get_ref().0
    }

    /// Sends what is buffered and closes the socket, for all its handles; says whether the sending worked. It closes
    /// in any case.
    pub fn close(mut self) -> io::Result<()> {
        let flushed = self.writer.flush();
        self.socket().close();
        flushed
    }
}

impl<S: Stack> Read for File<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

impl<S: Stack> BufRead for File<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

impl<S: Stack> Write for File<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The socket for the buffers: `Socket` has a `read` and a `write` of its own, which are others.
struct Bare<S: Stack>(Socket<S>);

impl<S: Stack> Read for Bare<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.recv_into(into)?)
    }
}

impl<S: Stack> Write for Bare<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.send(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
