//! What is remembered of a stream between two of its records, and how the next one is looked through with it.
//! Pure: no file. Walking the records belongs in `search`.

use std::ops::Range;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::{CONTEXT_BEFORE, Needle, REGEX_REACH};
use crate::record::Timestamp;

/// A needle made ready.
pub(super) enum Matcher<'q> {
    Bytes(Box<Finder<'q>>),
    Regex(&'q Regex),
}

impl<'q> Matcher<'q> {
    /// `None` for an empty needle.
    pub(super) fn new(needle: &'q Needle) -> Option<Self> {
        match needle {
            Needle::Bytes(bytes) => (!bytes.is_empty()).then(|| Matcher::Bytes(Finder::new(bytes).into())),
            Needle::Regex(regex) => Some(Matcher::Regex(regex)),
        }
    }

    /// How far before the bytes just come a match may begin.
    pub(super) fn reach(&self) -> usize {
        match self {
            Matcher::Bytes(finder) => finder.needle().len() - 1,
            Matcher::Regex(_) => REGEX_REACH,
        }
    }

    /// The first match that is not empty, at or after `from`.
    pub(super) fn find(&self, haystack: &[u8], mut from: usize) -> Option<Range<usize>> {
        match self {
            Matcher::Bytes(finder) => {
                let start = from + finder.find(haystack.get(from..)?)?;
                Some(start..start + finder.needle().len())
            }
            Matcher::Regex(regex) => loop {
                let found = (from <= haystack.len()).then(|| regex.find_at(haystack, from)).flatten()?;
                if !found.is_empty() {
                    return Some(found.range());
                }
                from = found.end() + 1;
            },
        }
    }
}

/// A record as a part of its stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    /// Where in the stream it begins.
    offset: u64,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
}

/// What is remembered of the bytes that travelled one way between us and a peer.
///
/// Laid out for many peers with short records and a short needle: all that is needed then lies in one place.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// How many bytes there were.
    end: u64,
    /// The last match told.
    last: Range<u64>,
    /// The last record.
    newest: Piece,
    /// Those before it, as far as a match may begin there.
    older: Vec<Piece>,
    /// The last bytes: as far as a match may reach back, and what it is shown with.
    tail: Tail,
}

impl Stream {
    /// Where in the stream the kept bytes begin.
    fn base(&self) -> u64 {
        self.end - self.tail.bytes().len() as u64
    }

    /// The record that comes now.
    pub(super) fn next_piece(&self, seq: u64, at: Timestamp) -> Piece {
        Piece { offset: self.end, seq, at }
    }

    /// The kept bytes and what comes now, in one.
    pub(super) fn join<'a>(&self, payload: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let tail = self.tail.bytes();
        if tail.is_empty() {
            return payload;
        }
        scratch.clear();
        scratch.extend_from_slice(tail);
        scratch.extend_from_slice(payload);
        scratch
    }

    /// Where in `haystack` to look on. A match that ended where the bytes did may go on now: that is passed over.
    pub(super) fn resume(&mut self, matcher: &Matcher<'_>, haystack: &[u8], reach: usize) -> usize {
        let base = self.base();
        // Less is kept than what is within reach where a damaged file has a datagram among a stream's records.
        let floor = self.end.saturating_sub(reach as u64).max(base);
        let may_go_on = !self.last.is_empty() && self.last.end == self.end && self.last.start >= floor;
        if may_go_on
            && let start = (self.last.start - base) as usize
            && let Some(again) = matcher.find(haystack, start)
            && again.start == start
        {
            self.last.end = self.last.end.max(base + again.end as u64);
        }
        (self.last.end.max(floor) - base) as usize
    }

    /// Notes the match at `found` of the joined bytes, and gives its offset in the stream and the record,
    /// at the latest `current`, in which it begins.
    pub(super) fn tell(&mut self, found: &Range<usize>, current: Piece) -> (u64, Piece) {
        let base = self.base();
        self.last = base + found.start as u64..base + found.end as u64;
        let offset = self.last.start;
        let newer = [current, self.newest].into_iter().find(|piece| piece.offset <= offset);
        let older = || self.older.iter().rev().find(|piece| piece.offset <= offset).copied();
        (offset, newer.or_else(older).unwrap_or(current))
    }

    /// Keeps what a match that ends in a later record may need: the last `keep` bytes, more than its `reach`.
    pub(super) fn take(&mut self, current: Piece, payload: &[u8], reach: usize, keep: usize) {
        self.end += payload.len() as u64;
        let floor = self.end.saturating_sub(reach as u64);
        if current.offset <= floor {
            self.older.clear();
        } else {
            self.older.push(self.newest);
            let passed = self.older.iter().skip(1).take_while(|next| next.offset <= floor).count();
            self.older.drain(..passed);
        }
        self.newest = current;
        self.tail.push(payload, keep);
    }
}

/// How many bytes are kept without memory of their own: the context, and the reach of a needle of eight bytes.
const SHORT: usize = CONTEXT_BEFORE + 7;

/// The last bytes of a stream.
#[derive(Debug)]
enum Tail {
    Short { bytes: [u8; SHORT], length: u8 },
    Long(Vec<u8>),
}

impl Default for Tail {
    fn default() -> Self {
        Tail::Short { bytes: [0; SHORT], length: 0 }
    }
}

impl Tail {
    fn bytes(&self) -> &[u8] {
        match self {
            Tail::Short { bytes, length } => &bytes[..usize::from(*length)],
            Tail::Long(bytes) => bytes,
        }
    }

    /// Adds bytes at the end, and keeps the last `keep` of all.
    fn push(&mut self, added: &[u8], keep: usize) {
        let old = keep.saturating_sub(added.len()).min(self.bytes().len());
        let added = &added[added.len() - added.len().min(keep - old)..];
        match self {
            Tail::Short { bytes, length } if keep <= SHORT => {
                bytes.copy_within(usize::from(*length) - old..usize::from(*length), 0);
                bytes[old..old + added.len()].copy_from_slice(added);
                *length = (old + added.len()) as u8;
            }
            Tail::Short { bytes, length } => {
                let length = usize::from(*length);
                *self = Tail::Long([&bytes[length - old..length], added].concat());
            }
            Tail::Long(bytes) => {
                bytes.drain(..bytes.len() - old);
                bytes.extend_from_slice(added);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tail_is_the_end_of_all(parts in vec(vec(any::<u8>(), 0..60), 0..8), keep in 0..100usize) {
            let (mut tail, mut all) = (Tail::default(), Vec::new());
            for part in parts {
                tail.push(&part, keep);
                all.extend(part);
                prop_assert_eq!(tail.bytes(), &all[all.len().saturating_sub(keep)..]);
            }
        }
    }

    #[test]
    fn a_stream_with_a_short_needle_is_small() {
        assert!(size_of::<Stream>() <= 120, "{} bytes for each of many peers", size_of::<Stream>());
    }

    #[test]
    fn matches_of_nothing_are_passed_over() {
        let needle = Needle::Regex(Regex::new("a*").expect("regex"));
        let matcher = Matcher::new(&needle).expect("not empty");
        assert_eq!(matcher.find(b"bbaab", 0), Some(2..4));
        assert_eq!(matcher.find(b"bbaab", 4), None);
        assert!(Matcher::new(&Needle::Bytes(Vec::new())).is_none());
    }
}
