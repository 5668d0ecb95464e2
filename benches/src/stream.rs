//! The bytes that are pushed: pseudo-random, endless, the same in the process that sends and in the one that checks.

use std::io::{ErrorKind, Read};

use anyhow::Result;

/// What one write of the sender carries.
pub(crate) const CHUNK: usize = 256 << 10;

/// How many random bytes there are before they are used again.
const PERIOD: usize = 64 << 20;

/// By how much each lap through the random bytes is rotated: odd, so that no lap is like another.
const ROTATION: usize = 65_537;

/// An endless stream of bytes, made once.
#[derive(Debug)]
pub(crate) struct Stream {
    random: Vec<u8>,
}

impl Stream {
    /// Fills the buffer; the first chunk is repeated behind the end, so that every chunk lies in one piece.
    pub(crate) fn new() -> Self {
        let mut random = Vec::with_capacity(PERIOD + CHUNK);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        while random.len() < PERIOD {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            random.extend_from_slice(&state.to_le_bytes());
        }
        random.extend_from_within(..CHUNK);
        Self { random }
    }

    /// The bytes from this position on, at most a chunk of them; positions are multiples of the chunk.
    pub(crate) fn chunk(&self, position: u64, most: u64) -> &[u8] {
        let lap = position / PERIOD as u64;
        let start = ((position + lap * ROTATION as u64) % PERIOD as u64) as usize;
        let length = most.min(CHUNK as u64) as usize;
        &self.random[start..start + length]
    }

    /// How many bytes of the reader are the beginning of this stream, at most `most`.
    pub(crate) fn common_prefix(&self, reader: &mut impl Read, most: u64) -> Result<u64> {
        self.common_prefix_from(0, reader, most)
    }

    /// The same for the stream from this position on, a multiple of the chunk.
    pub(crate) fn common_prefix_from(&self, start: u64, reader: &mut impl Read, most: u64) -> Result<u64> {
        let mut got = vec![0; CHUNK];
        let mut common = 0;
        while common < most {
            let expected = self.chunk(start + common, most - common);
            let length = read_full(reader, &mut got[..expected.len()])?;
            let same = common_length(&got[..length], expected);
            common += same as u64;
            if same < expected.len() {
                break;
            }
        }
        Ok(common)
    }
}

/// How many leading bytes the two share.
fn common_length(left: &[u8], right: &[u8]) -> usize {
    if left == right {
        return left.len();
    }
    left.iter().zip(right).take_while(|(one, other)| one == other).count()
}

/// Reads until the buffer is full or the reader has no more.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_ends_the_common_prefix() {
        let stream = Stream::new();
        let mut bytes = stream.chunk(0, CHUNK as u64).to_vec();
        bytes.extend_from_slice(stream.chunk(CHUNK as u64, 100));
        let all = bytes.len() as u64;
        assert_eq!(stream.common_prefix(&mut bytes.as_slice(), all).ok(), Some(all));
        bytes[CHUNK + 7] ^= 1;
        assert_eq!(stream.common_prefix(&mut bytes.as_slice(), all).ok(), Some(CHUNK as u64 + 7));
    }
}
