//! What a program asks of a stream, which is the same of all: how much `read` is to give, what `readinto` fills, which
//! part of its data `write` means.

use rustpython_vm::PyResult;
use rustpython_vm::function::{ArgMemoryBuffer, OptionalArg};

/// How much `read(n)` and `readline(n)` give at most: without a number, or with one below zero, all there is.
pub(crate) fn most(count: OptionalArg<isize>) -> usize {
    usize::try_from(count.unwrap_or(-1)).unwrap_or(usize::MAX)
}

/// `readinto(buf)`, or `readinto(buf, n)` for n bytes at most: fills it with what `take` gives for so many bytes. None
/// is "not now".
pub(crate) fn fill(
    buffer: &ArgMemoryBuffer,
    count: OptionalArg<usize>,
    take: impl FnOnce(usize) -> PyResult<Option<Vec<u8>>>,
) -> PyResult<Option<usize>> {
    let Some(bytes) = take(room(buffer, count))? else { return Ok(None) };
    // The buffer may have become shorter while others used it.
    Ok(Some(buffer.with_ref(|buffer| {
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        count
    })))
}

/// The same of a stream that always has something, or is at its end.
pub(crate) fn fill_now(
    buffer: &ArgMemoryBuffer,
    count: OptionalArg<usize>,
    take: impl FnOnce(usize) -> PyResult<Vec<u8>>,
) -> PyResult<usize> {
    fill(buffer, count, |most| take(most).map(Some)).map(Option::unwrap_or_default)
}

/// How many bytes `readinto` may fill.
pub(crate) fn room(buffer: &ArgMemoryBuffer, count: OptionalArg<usize>) -> usize {
    count.unwrap_or(usize::MAX).min(buffer.len())
}

/// The part that `write(data)`, `write(data, length)` or `write(data, offset, length)` means.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    start: usize,
    length: usize,
}

impl Part {
    /// All of it.
    pub(crate) const ALL: Part = Part { start: 0, length: usize::MAX };

    /// Of the arguments after the data.
    pub(crate) fn of_arguments(first: OptionalArg<usize>, second: OptionalArg<usize>) -> Part {
        match (first, second) {
            (OptionalArg::Present(start), OptionalArg::Present(length)) => Part { start, length },
            (length, _) => Part { start: 0, length: length.unwrap_or(usize::MAX) },
        }
    }

    /// These bytes of the data, as far as there are any.
    pub(crate) fn of(self, data: &[u8]) -> &[u8] {
        let rest = data.get(self.start..).unwrap_or_default();
        &rest[..self.length.min(rest.len())]
    }
}
