//! Finds bytes in what travelled, whatever reads and writes they came in.
//! Walking records one by one belongs in `cursor`; turning a text into the bytes to look for, in `text` and `escape`.
//!
//! A stream has no messages, so what one peer sent is searched as one string of bytes, and so is what was sent
//! to it. Between two records of a stream only its last bytes are kept: enough for a match to begin in.
//! A datagram is searched alone.

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use regex::bytes::Regex;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cursor::overtaken;
use crate::decoder::{Decoder, Foreign, Item, PacketView, unreadable_packet};
use crate::encoder::Meaning;
use crate::index::Index;
use crate::packet;
use crate::pcapng::{self, Block};
use crate::reader::{BlockReader, Step};
use crate::record::{Address, EndpointId, Event, PeerId, Record, Side, Timestamp, Transport};
use crate::run::{Gap, Run, RunError, Segment, Sequence, io_error, open_segment};
use crate::text::{self, Encoding};

mod expression;
mod stream;

pub use expression::BadRegex;
use stream::{Matcher, Piece, Stream};

/// How many bytes before the current record a match of a regular expression may begin.
pub const REGEX_REACH: usize = 1024;

/// The most bytes before a match that a hit shows.
pub const CONTEXT_BEFORE: usize = 32;

/// The most bytes that a hit shows from the beginning of a match on, unless the match itself is longer.
pub const CONTEXT_AFTER: usize = 64;

/// The longest stretch of a segment that is read though nobody asked for it, in bytes: to go around it costs as much.
const DETOUR: u64 = 256 * 1024;

/// What to look for. No match is empty: an empty needle, or an expression that matches nothing, finds nothing.
#[derive(Clone, Debug)]
pub enum Needle {
    /// These bytes. Matches do not overlap.
    Bytes(Vec<u8>),
    /// A regular expression over bytes.
    ///
    /// A match is told as soon as it is there, so it ends where the record does even if the next one would
    /// have made it longer; what it goes on with is not told again. It may begin at most [`REGEX_REACH`] bytes
    /// before the record that completes it. `^` stands for the beginning of the stream or datagram, and `$`
    /// for the end of any record.
    Regex(Regex),
}

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct Query {
    /// What to look for.
    pub needle: Needle,
    /// Only what these peers sent or were sent; `None` for all.
    pub peers: Option<Vec<PeerId>>,
    /// Only what this side sent: [`Side::Peer`] for what was received. `None` for both.
    pub side: Option<Side>,
}

/// A match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The record in which the match begins. It may end in a later one of the same stream.
    pub seq: u64,
    /// When that record was.
    pub at: Timestamp,
    /// The endpoint it belongs to.
    pub endpoint: EndpointId,
    /// The peer that sent it or was sent it.
    pub peer: PeerId,
    /// The peer's address.
    pub address: Address,
    /// Who sent it.
    pub side: Side,
    /// Where the match begins among all bytes that travelled this way between us and this peer,
    /// counted from 0 at the oldest that the run still holds.
    pub offset: u64,
    /// The match with up to [`CONTEXT_BEFORE`] bytes before it, and as much after it as makes [`CONTEXT_AFTER`]
    /// bytes with the match; nothing beyond the record in which it ends.
    pub context: Vec<u8>,
    /// Where in `context` the match is.
    pub matched: Range<usize>,
}

/// The most bytes that a character has, in any encoding.
const LONGEST_CHARACTER: usize = 4;

impl Hit {
    /// What stands before the match, the match, and what stands after it, safe to show. Where the context was cut, it
    /// may have been within a character, of which nothing is shown then: the bytes after it would be taken for others.
    /// Where bytes are text whichever of two is the first, as they can be in GBK, none is left out.
    pub fn texts(&self, encoding: Encoding) -> [String; 3] {
        let (before, rest) = self.context.split_at(self.matched.start);
        let (matched, after) = rest.split_at(self.matched.len());
        let whole = |part: &&[u8]| encoding.decode_exact(part).is_some();
        let cuts = 0..LONGEST_CHARACTER;
        let begins = (before.len() == CONTEXT_BEFORE).then(|| cuts.clone().map(|cut| &before[cut..]).find(whole));
        let ends = (rest.len() == CONTEXT_AFTER)
            .then(|| cuts.map(|cut| &after[..after.len().saturating_sub(cut)]).find(whole));
        [begins.flatten().unwrap_or(before), matched, ends.flatten().unwrap_or(after)].map(|part| {
            let (mut decoder, mut shown) = (text::Decoder::new(encoding), String::new());
            decoder.decode(part, &mut shown);
            decoder.finish(&mut shown);
            shown
        })
    }
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Matches told.
    pub hits: u64,
    /// Bytes looked through: those that travelled, not those of the file around them.
    pub bytes: u64,
    /// Records that are gone, and so were not looked through. No match bridges them.
    pub gaps: Vec<Gap>,
}

/// Looks through `run` as far as it is committed now, and tells each match until `on_hit` breaks off.
///
/// Hits come in the order of the records in which they end, and within one record by position.
///
/// # Errors
/// That a chunk is damaged shows at its end, when hits in it have been told already. Where only some peers are asked
/// for, chunks that are not read whole are not checked.
pub fn search(run: &Run, query: &Query, on_hit: &mut dyn FnMut(&Hit) -> ControlFlow<()>) -> Result<Summary, RunError> {
    search_while(run, query, &|| true, on_hit)
}

/// As [`search`], and ends as soon as `is_wanted` says no: it is asked at each commit mark, whether anything was
/// found or not.
pub fn search_while(
    run: &Run,
    query: &Query,
    is_wanted: &dyn Fn() -> bool,
    on_hit: &mut dyn FnMut(&Hit) -> ControlFlow<()>,
) -> Result<Summary, RunError> {
    let Some(matcher) = Matcher::new(&query.needle) else { return Ok(Summary::default()) };
    let mut search = Search::new(run, matcher, query, is_wanted, on_hit);
    let segments = run.segments()?;
    for (n, segment) in segments.iter().enumerate() {
        match search.segment(run, segment, n + 1 == segments.len()) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(error) => {
                let gap = overtaken(run, run.is_live(), &error, &mut search.sequence);
                search.summary.gaps.push(gap.ok_or(error)?);
            }
        }
    }
    Ok(search.summary)
}

/// Bytes that travelled.
struct Travelled<'a> {
    peer: PeerId,
    side: Side,
    seq: u64,
    at: Timestamp,
    transport: Transport,
    payload: &'a [u8],
}

struct Search<'q> {
    matcher: Matcher<'q>,
    peers: Option<FxHashSet<PeerId>>,
    side: Option<Side>,
    is_wanted: &'q dyn Fn() -> bool,
    on_hit: &'q mut dyn FnMut(&Hit) -> ControlFlow<()>,
    summary: Summary,
    decoder: Decoder,
    streams: FxHashMap<(PeerId, Side), Stream>,
    scratch: Vec<u8>,
    sequence: Sequence,
}

impl<'q> Search<'q> {
    fn new(
        run: &Run,
        matcher: Matcher<'q>,
        query: &Query,
        is_wanted: &'q dyn Fn() -> bool,
        on_hit: &'q mut dyn FnMut(&Hit) -> ControlFlow<()>,
    ) -> Self {
        Search {
            matcher,
            peers: query.peers.as_ref().map(|peers| peers.iter().copied().collect()),
            side: query.side,
            is_wanted,
            on_hit,
            summary: Summary::default(),
            decoder: Decoder::default(),
            streams: FxHashMap::default(),
            scratch: Vec::new(),
            sequence: Sequence::of(run, 1),
        }
    }

    fn segment(&mut self, run: &Run, segment: &Segment, last: bool) -> Result<ControlFlow<()>, RunError> {
        let path = &segment.path;
        let Some(file) = open_segment(path, last)? else { return Ok(ControlFlow::Continue(())) };
        let length = file.metadata().map_err(io_error("read", path))?.len();
        let (parts, index) = self.parts(run, path, length, last)?;
        for (n, part) in parts.into_iter().enumerate() {
            if let (1, Some(index)) = (n, &index) {
                self.decoder.introduce(&index.totals); // a peer's introduction may stand in a part left out
            }
            if self.part(&file, part, run.is_folder(), path)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Looks through one stretch of a segment. One of a folder ends with a mark; a single file may have none.
    fn part(
        &mut self,
        file: &File,
        part: Range<u64>,
        is_marked: bool,
        path: &Path,
    ) -> Result<ControlFlow<()>, RunError> {
        let file = file.try_clone().map_err(io_error("read", path))?;
        let mut reader = BlockReader::new(file, part.start).map_err(io_error("read", path))?;
        let walked = self.walk(&mut reader, part.end, path)?;
        if walked.is_continue() && is_marked && !reader.is_confirmed().map_err(io_error("read", path))? {
            return Err(RunError::Damaged { path: path.to_owned(), offset: reader.offset() });
        }
        Ok(walked)
    }

    /// The stretches of a segment of `length` bytes that must be read.
    fn parts(
        &mut self,
        run: &Run,
        path: &Path,
        length: u64,
        last: bool,
    ) -> Result<(Vec<Range<u64>>, Option<Index>), RunError> {
        let in_folder = run.is_folder(); // a single exported file has no sidecar and no writer
        let wants_index = in_folder && (last || self.peers.is_some());
        let index = wants_index.then(|| Index::saved(path, length)).flatten();
        Ok(match (index, &self.peers) {
            (Some(index), Some(peers)) => {
                let parts = parts_of(&index, peers, length);
                if let Some((first, last)) = index.seqs() {
                    self.pass(first, last); // the parts alone would seem to have gaps
                }
                (parts, Some(index))
            }
            (None, _) if in_folder && last => (one_part(run.readable(path, 0)?), None),
            _ => (one_part(length), None),
        })
    }

    /// Takes in the numbers of records that come now.
    fn pass(&mut self, first: u64, last: u64) {
        if let Some(gap) = self.sequence.pass(first, last) {
            self.streams.clear(); // no match may bridge what is gone
            self.summary.gaps.push(gap);
        }
    }

    fn walk(&mut self, reader: &mut BlockReader, limit: u64, path: &Path) -> Result<ControlFlow<()>, RunError> {
        loop {
            let offset = reader.offset();
            let unreadable = |why| RunError::unreadable(path, offset, why);
            match reader.peek(limit).map_err(|error| io_error("read", path)(error))? {
                Step::Block(length) => reader.advance(length),
                Step::End => return Ok(ControlFlow::Continue(())),
                Step::Damage if offset == 0 => return Err(unreadable(Foreign::NotPcapng)),
                Step::Damage => return Err(unreadable(Foreign::Malformed)),
            }
            let block = reader.behind((reader.offset() - offset) as usize);
            if self.block(block).map_err(unreadable)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn block(&mut self, block: Block<'_>) -> Result<ControlFlow<()>, Foreign> {
        if block.kind == pcapng::MARK && !(self.is_wanted)() {
            return Ok(ControlFlow::Break(()));
        }
        if self.decoder.link_of(block).is_some() {
            return Ok(ControlFlow::Continue(())); // what a frame carries, its connection's records have too
        }
        if block.kind != pcapng::PACKET {
            return self.decoder.decode(block).map(|_| ControlFlow::Continue(()));
        }
        let view = parse_plain(block.body).or_else(|| PacketView::parse(block.body));
        let view = view.ok_or_else(|| unreadable_packet(block.body))?;
        self.pass(view.seq, view.seq);
        let side = match view.meaning {
            Meaning::Received => Side::Peer,
            Meaning::Sent => Side::Local,
            Meaning::Continued | Meaning::Frame => return Ok(ControlFlow::Continue(())),
            _ => return self.event(block),
        };
        let Some(peer) = self.wanted(&view, side) else { return Ok(ControlFlow::Continue(())) };
        let packet::View { addresses, payload } = packet::parse(view.data).ok_or(Foreign::Malformed)?;
        let transport = addresses.map_or(Transport::Datagram, |(_, _, transport)| transport);
        let travelled = Travelled { peer, side, seq: view.seq, at: view.at, transport, payload };
        Ok(self.payload(&travelled, block))
    }

    /// The peer, if what it sent or was sent is asked for.
    fn wanted(&self, view: &PacketView<'_>, side: Side) -> Option<PeerId> {
        let peer = PeerId { endpoint: self.decoder.endpoint_at(view.interface)?, number: view.peer.try_into().ok()? };
        let wanted =
            self.side.is_none_or(|only| only == side) && self.peers.as_ref().is_none_or(|peers| peers.contains(&peer));
        wanted.then_some(peer)
    }

    /// Any other record: of interest only where it is a peer's last word.
    fn event(&mut self, block: Block<'_>) -> Result<ControlFlow<()>, Foreign> {
        if let Item::Record(Record { event: Event::Closed(_) | Event::Reset(_), peer: Some(peer), .. }) =
            self.decoder.decode(block)?
        {
            // Ids are not used again: who is gone costs no memory.
            self.streams.remove(&(peer, Side::Local));
            self.streams.remove(&(peer, Side::Peer));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Looks through the bytes of one record, which stand in `block`, and those before them that are within reach.
    fn payload(&mut self, record: &Travelled<'_>, block: Block<'_>) -> ControlFlow<()> {
        let (reach, keep) = match record.transport {
            Transport::Stream => (self.matcher.reach(), self.matcher.reach() + CONTEXT_BEFORE),
            Transport::Datagram => (0, 0),
        };
        let stream = self.streams.entry((record.peer, record.side)).or_default();
        let piece = stream.next_piece(record.seq, record.at);
        let haystack = stream.join(record.payload, &mut self.scratch);
        let mut from = stream.resume(&self.matcher, haystack, reach);
        self.summary.bytes += record.payload.len() as u64;
        while let Some(found) = self.matcher.find(haystack, from) {
            from = found.end;
            let (offset, begins) = stream.tell(&found, piece);
            let address = address(&mut self.decoder, block);
            self.summary.hits += 1;
            (self.on_hit)(&hit(record, begins, address, offset, haystack, found))?;
        }
        stream.take(piece, record.payload, reach, keep);
        ControlFlow::Continue(())
    }
}

fn hit(
    record: &Travelled<'_>,
    begins: Piece,
    address: Address,
    offset: u64,
    haystack: &[u8],
    found: Range<usize>,
) -> Hit {
    let start = found.start.saturating_sub(CONTEXT_BEFORE);
    let end = found.end.max(haystack.len().min(found.start + CONTEXT_AFTER));
    Hit {
        seq: begins.seq,
        at: begins.at,
        endpoint: record.peer.endpoint,
        peer: record.peer,
        address,
        side: record.side,
        offset,
        context: haystack[start..end].to_vec(),
        matched: found.start - start..found.end - start,
    }
}

/// Reads the options of a packet where the encoder puts them if there is no text among them: most by far.
fn parse_plain(body: &[u8]) -> Option<PacketView<'_>> {
    let length = pcapng::read_u32(body, 12)? as usize;
    let options: &[u8; 36] = body.get(20 + length.next_multiple_of(4)..)?.first_chunk()?;
    let plain = options[..4] == [2, 0, 4, 0] && options[8..12] == [5, 0, 8, 0] && options[20..24] == [1, 0x80, 8, 0];
    plain.then_some(())?;
    Some(PacketView {
        interface: pcapng::read_u32(body, 0)?,
        at: Timestamp(pcapng::read_time(body, 4)?),
        seq: pcapng::read_u64(options, 12)?,
        peer: pcapng::read_u32(options, 24)?,
        meaning: Meaning::from_number(options[28])?,
        data: body.get(20..20 + length)?,
    })
}

/// The address of the peer of a record, as a cursor gives it.
fn address(decoder: &mut Decoder, block: Block<'_>) -> Address {
    match decoder.decode(block) {
        Ok(Item::Record(record)) => record.address,
        _ => Address::Endpoint("".into()), // cannot be: the block was read as a record already
    }
}

fn one_part(length: u64) -> Vec<Range<u64>> {
    std::iter::once(0..length).collect()
}

/// What stands before the first record of a segment, and the slots in which `peers` occur.
fn parts_of(index: &Index, peers: &FxHashSet<PeerId>, length: u64) -> Vec<Range<u64>> {
    let start = |slot: usize| index.slots.get(slot).map_or(length, |slot| slot.offset);
    let totals = peers.iter().filter_map(|peer| index.totals.peers.get(peer));
    let mut slots: Vec<u32> = totals.flat_map(|totals| &totals.slots).copied().collect();
    slots.sort_unstable();
    slots.dedup();
    let mut parts = one_part(start(0));
    for slot in slots.into_iter().map(|slot| slot as usize) {
        match parts.last_mut() {
            Some(part) if start(slot) <= part.end + DETOUR => part.end = start(slot + 1),
            _ => parts.push(start(slot)..start(slot + 1)),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Buffer, Encoder, FlowId, Peer, Provenance, SegmentLimits, Subject};
    use crate::kit;
    use crate::record::LinkId;
    use crate::run::{RunWriter, file_len};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write;
    use std::num::NonZeroU32;

    /// A run being written, and what was written. Record n is of time n.
    struct Fixture {
        folder: tempfile::TempDir,
        encoder: Encoder,
        writer: RunWriter,
        peers: Vec<(PeerId, FlowId, Transport)>,
        link: Option<LinkId>,
        log: Vec<(u64, usize, Side, Vec<u8>)>,
    }

    fn new(segment_bytes: u64) -> Fixture {
        let folder = tempfile::tempdir().expect("folder");
        let provenance = Provenance { program: "test".into(), run: "r".into() };
        let limits = SegmentLimits { bytes: segment_bytes, ..SegmentLimits::default() };
        let mut encoder = Encoder::new(provenance, limits, Timestamp(0));
        let endpoint = encoder.add_endpoint("tcp-listen:1".into(), "tcp-listen://127.0.0.1:1");
        let peers = [Transport::Stream, Transport::Stream, Transport::Datagram, Transport::Stream].into_iter().zip(1..);
        let peers = peers.map(|(transport, number)| {
            let id = PeerId { endpoint, number: NonZeroU32::new(number).expect("from 1") };
            let local = Address::Inet(([127, 0, 0, 1], 1).into());
            let peer = Peer { id, transport, opened_by: Side::Peer, local, remote: address(number) };
            (id, encoder.add_peer(peer), transport)
        });
        let peers = peers.collect();
        let writer = RunWriter::create(folder.path(), "r").expect("run");
        Fixture { folder, encoder, writer, peers, link: None, log: Vec::new() }
    }

    fn address(number: u32) -> Address {
        match number {
            4 => Address::Unix("@board".into()),
            _ => Address::Inet(([192, 168, 1, number as u8], 5000).into()),
        }
    }

    impl Fixture {
        fn send(&mut self, peer: usize, side: Side, bytes: &[u8]) {
            let seq = self.encoder.next_seq();
            let event = if side == Side::Peer { Event::Received(bytes) } else { Event::Sent(bytes) };
            self.encoder.record(Timestamp(seq), Subject::Flow(self.peers[peer].1), event);
            self.log.push((seq, peer, side, bytes.to_vec()));
        }

        fn event(&mut self, peer: usize, event: Event<'_>) {
            let seq = self.encoder.next_seq();
            self.encoder.record(Timestamp(seq), Subject::Flow(self.peers[peer].1), event);
        }

        /// A frame stands between any two chunks, with what is looked for in it.
        fn commit(&mut self) {
            let add = || self.encoder.add_link("esp32".into(), "a board", [2, 0, 0, 0, 0, 1]);
            let link = *self.link.get_or_insert_with(add);
            self.encoder.frame(&kit::frame(link, self.encoder.next_seq(), b"abcabc 0123 xxx \xd6\xd0"));
            if let Some(chunk) = self.encoder.seal(Timestamp(0), Buffer::default()) {
                self.writer.write(&chunk).expect("written");
            }
        }

        fn run(&self) -> Run {
            self.writer.run().clone()
        }

        /// All that travelled, by stream and by datagram.
        fn wholes(&self) -> Vec<Whole> {
            let mut wholes: Vec<Whole> = Vec::new();
            for (seq, peer, side, bytes) in &self.log {
                let (peer, _, transport) = self.peers[*peer];
                let bytes = bytes.iter().map(|byte| (*seq, *byte));
                let before = wholes.iter_mut().rfind(|whole| (whole.peer, whole.side) == (peer, *side));
                match before {
                    Some(whole) if transport == Transport::Stream => whole.bytes.extend(bytes),
                    before => {
                        let begin = before.map_or(0, |whole| whole.begin + whole.bytes.len() as u64);
                        wholes.push(Whole { peer, side: *side, begin, bytes: bytes.collect() });
                    }
                }
            }
            wholes
        }

        /// The hits of a search through each of them, `find` giving the matches in one.
        fn expect(&self, query: &Query, find: impl Fn(&[u8]) -> Vec<Range<usize>>) -> Vec<Hit> {
            let mut hits = Vec::new();
            for whole in self.wholes() {
                let asked_for = query.side.is_none_or(|only| only == whole.side)
                    && query.peers.as_ref().is_none_or(|peers| peers.contains(&whole.peer));
                let bytes: Vec<u8> = whole.bytes.iter().map(|(_, byte)| *byte).collect();
                let found = if asked_for { find(&bytes) } else { Vec::new() };
                hits.extend(found.into_iter().map(|found| (whole.bytes[found.end - 1].0, whole.hit(&bytes, found))));
            }
            hits.sort_by_key(|(last, hit)| (*last, hit.offset));
            hits.into_iter().map(|(_, hit)| hit).collect()
        }

        fn expect_expression(&self, query: &Query, pattern: &str) -> Vec<Hit> {
            let expression = Regex::new(pattern).expect("regex");
            self.expect(query, |haystack| expression.find_iter(haystack).map(|found| found.range()).collect())
        }
    }

    /// What travelled one way between us and a peer, each byte with its record; a datagram is a whole by itself.
    struct Whole {
        peer: PeerId,
        side: Side,
        begin: u64,
        bytes: Vec<(u64, u8)>,
    }

    impl Whole {
        fn hit(&self, bytes: &[u8], found: Range<usize>) -> Hit {
            let (seq, last) = (self.bytes[found.start].0, self.bytes[found.end - 1].0);
            let known = self.bytes.iter().rposition(|(seq, _)| *seq == last).expect("itself") + 1;
            let start = found.start.saturating_sub(CONTEXT_BEFORE);
            let end = found.end.max(known.min(found.start + CONTEXT_AFTER));
            Hit {
                seq,
                at: Timestamp(seq),
                endpoint: self.peer.endpoint,
                peer: self.peer,
                address: address(self.peer.number.get()),
                side: self.side,
                offset: self.begin + found.start as u64,
                context: bytes[start..end].to_vec(),
                matched: found.start - start..found.end - start,
            }
        }
    }

    fn all(run: &Run, query: &Query) -> Vec<Hit> {
        let mut hits = Vec::new();
        let found = search(run, query, &mut |hit| {
            hits.push(hit.clone());
            ControlFlow::Continue(())
        });
        assert_eq!(found.expect("searched").hits, hits.len() as u64);
        hits
    }

    fn bytes(needle: &[u8]) -> Query {
        Query { needle: Needle::Bytes(needle.to_vec()), peers: None, side: None }
    }

    fn regex(pattern: &str) -> Query {
        Query { needle: Needle::Regex(Regex::new(pattern).expect("regex")), peers: None, side: None }
    }

    /// As slow and plain as can be.
    fn naive(haystack: &[u8], needle: &[u8]) -> Vec<Range<usize>> {
        let (mut found, mut from) = (Vec::new(), 0);
        while from + needle.len() <= haystack.len() {
            if haystack[from..].starts_with(needle) {
                found.push(from..from + needle.len());
                from += needle.len();
            } else {
                from += 1;
            }
        }
        found
    }

    fn offsets(hits: &[Hit]) -> Vec<(u64, u64)> {
        hits.iter().map(|hit| (hit.seq, hit.offset)).collect()
    }

    /// Which peer, which way, what, and whether to commit then.
    fn traffic(longest: usize) -> impl Strategy<Value = Vec<(usize, bool, Vec<u8>, bool)>> {
        let byte = prop_oneof![Just(b'a'), Just(b'b'), Just(b'1')];
        vec((0..4usize, any::<bool>(), vec(byte, 0..longest), any::<bool>()), 0..60)
    }

    fn written(traffic: &[(usize, bool, Vec<u8>, bool)], segment_bytes: u64) -> Fixture {
        let mut fixture = new(segment_bytes);
        for (peer, received, bytes, commit) in traffic {
            fixture.send(*peer, if *received { Side::Peer } else { Side::Local }, bytes);
            if *commit {
                fixture.event(*peer, Event::Note("ab1ab1"));
                fixture.commit();
            }
        }
        fixture.commit();
        fixture
    }

    fn only(fixture: &Fixture, peers: Option<Vec<usize>>) -> Option<Vec<PeerId>> {
        peers.map(|peers| peers.into_iter().map(|peer| fixture.peers[peer].0).collect())
    }

    fn needle() -> impl Strategy<Value = Vec<u8>> {
        let short = vec(prop_oneof![Just(b'a'), Just(b'b')], 1..5);
        prop_oneof![short, vec(prop_oneof![Just(b'a'), Just(b'1')], 1..30)]
    }

    fn side() -> impl Strategy<Value = Option<Side>> {
        prop_oneof![Just(None), Just(Some(Side::Peer)), Just(Some(Side::Local))]
    }

    fn peers() -> impl Strategy<Value = Option<Vec<usize>>> {
        proptest::option::of(vec(0..4usize, 0..3))
    }

    fn begins(hits: Vec<Hit>) -> Vec<(PeerId, u8, u64)> {
        let mut begins: Vec<_> = hits.iter().map(|hit| (hit.peer, hit.side as u8, hit.offset)).collect();
        begins.sort();
        begins
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn finds_what_a_search_of_whole_streams_finds(
            traffic in traffic(7),
            needle in needle(),
            segment_bytes in prop_oneof![Just(1u64), Just(1500), Just(1 << 20)],
            peers in peers(),
            side in side(),
        ) {
            let fixture = written(&traffic, segment_bytes);
            let query = Query { side, peers: only(&fixture, peers), ..bytes(&needle) };
            let expected = fixture.expect(&query, |haystack| naive(haystack, &needle));
            prop_assert_eq!(all(&fixture.run(), &query), expected);
        }

        #[test]
        fn finds_needles_longer_than_records(mut traffic in traffic(4), length in 1..40usize) {
            for (peer, _, bytes, _) in &mut traffic {
                *peer %= 2;
                bytes.fill(b'a');
            }
            let fixture = written(&traffic, 1000);
            let needle = vec![b'a'; length];
            let expected = fixture.expect(&bytes(&needle), |haystack| naive(haystack, &needle));
            prop_assert_eq!(all(&fixture.run(), &bytes(&needle)), expected);
        }

        #[test]
        fn an_expression_of_fixed_length_is_found_as_in_whole_streams(traffic in traffic(7), peers in peers()) {
            let fixture = written(&traffic, 1500);
            for pattern in ["a[ab]1", "a.{20}1", "(?:ab|ba)1", "^[ab]{3}"] {
                let query = Query { peers: only(&fixture, peers.clone()), ..regex(pattern) };
                prop_assert_eq!(all(&fixture.run(), &query), fixture.expect_expression(&query, pattern));
            }
        }

        #[test]
        fn an_expression_without_end_is_told_once_where_it_begins(traffic in traffic(7)) {
            let fixture = written(&traffic, 1500);
            for pattern in ["a+", "[ab]+", "b1*", "a[b1]+"] {
                let query = regex(pattern);
                let expected = fixture.expect_expression(&query, pattern);
                prop_assert_eq!(begins(all(&fixture.run(), &query)), begins(expected));
            }
        }
    }

    #[test]
    fn a_match_is_told_by_the_record_it_begins_in() {
        let mut fixture = new(1 << 20);
        for (peer, piece) in [(0, "ne"), (1, "edle"), (0, "ed"), (0, "l"), (2, "le"), (0, "e!")] {
            fixture.send(peer, Side::Peer, piece.as_bytes());
        }
        fixture.commit();
        let hits = all(&fixture.run(), &bytes(b"needle"));
        assert_eq!(offsets(&hits), vec![(1, 0)]);
        assert_eq!((&hits[0].context[..], hits[0].matched.clone()), (&b"needle!"[..], 0..6));
    }

    #[test]
    fn a_context_is_cut_between_characters() {
        for (name, before, after) in [
            ("gbk", "\u{6c34}".repeat(16), "\u{6c34}".repeat(30)), // as it would be cut anyhow
            ("gbk", format!("!{}", "\u{6c34}".repeat(15)), "\u{6c34}".repeat(30)),
            ("utf-8", "\u{6c34}".repeat(10), "\u{6c34}".repeat(19)),
            ("utf-16le", "\u{6c34}".repeat(16), "\u{6c34}".repeat(30)),
        ] {
            let encoding: Encoding = name.parse().expect("an encoding");
            let encode = |text: &str| encoding.encode(text).expect("the encoding has it");
            let (needle, mut fixture) = (encode("\u{6e29}\u{5ea6}"), new(1 << 20));
            let (long, text) = ("\u{6c34}".repeat(50), "\u{6e29}\u{5ea6}");
            fixture.send(0, Side::Peer, &encode(&format!("{long}{before}{text}{long}")));
            fixture.commit();
            let hit = all(&fixture.run(), &bytes(&needle)).remove(0);
            let [shown_before, matched, shown_after] = hit.texts(encoding);
            assert_eq!((&*shown_before, &*matched, &*shown_after), (&*before, text, &*after), "{name}");
        }
        // What is no text anyhow is shown from where it was cut.
        let mut fixture = new(1 << 20);
        fixture.send(0, Side::Peer, &[&[0xff; 40][..], b"needle", &[0xff; 80]].concat());
        fixture.commit();
        let [before, _, after] = all(&fixture.run(), &bytes(b"needle"))[0].texts(Encoding::default());
        assert_eq!((before, after), ("\\xff".repeat(32), "\\xff".repeat(58)));
    }

    #[test]
    fn nothing_is_found_across_datagrams_sides_or_peers() {
        let mut fixture = new(1 << 20);
        for (peer, side) in [(2, Side::Peer), (2, Side::Peer), (0, Side::Peer), (0, Side::Local), (1, Side::Peer)] {
            let half: &[u8] = if fixture.log.len().is_multiple_of(2) { b"ab" } else { b"cd" };
            fixture.send(peer, side, half);
        }
        fixture.commit();
        assert_eq!(all(&fixture.run(), &bytes(b"abcd")), vec![]);
        assert_eq!(all(&fixture.run(), &regex("abcd")), vec![]);
        assert_eq!(all(&fixture.run(), &bytes(b"")), vec![]);
    }

    #[test]
    fn a_peer_that_is_gone_is_forgotten() {
        let mut fixture = new(1 << 20);
        fixture.event(0, Event::Connected);
        fixture.send(0, Side::Peer, b"end");
        fixture.event(0, Event::Closed(Side::Peer));
        fixture.commit();
        let (run, query) = (fixture.run(), bytes(b"end"));
        let mut ignore = |_: &Hit| ControlFlow::Continue(());
        let mut search =
            Search::new(&run, Matcher::new(&query.needle).expect("not empty"), &query, &|| true, &mut ignore);
        for segment in run.segments().expect("listed") {
            assert!(search.segment(&run, &segment, true).expect("searched").is_continue());
        }
        assert_eq!((search.summary, search.streams.len()), (Summary { hits: 1, bytes: 3, gaps: vec![] }, 0));
    }

    #[test]
    fn a_search_ends_when_it_is_broken_off() {
        let mut fixture = new(1);
        for _ in 0..3 {
            fixture.send(0, Side::Peer, b"xx");
            fixture.commit();
        }
        let found = search(&fixture.run(), &bytes(b"x"), &mut |hit| match hit.offset {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(found.expect("searched"), Summary { hits: 3, bytes: 4, gaps: vec![] });
    }

    #[test]
    fn what_is_not_committed_is_not_searched() {
        let mut fixture = new(1 << 20);
        fixture.send(0, Side::Peer, b"xy");
        fixture.commit();
        fixture.send(0, Side::Peer, b"xy");
        let torn = fixture.encoder.seal(Timestamp(0), Buffer::default()).expect("a chunk");
        let torn = torn.bytes().to_vec();
        let path = fixture.run().segments().expect("listed")[0].path.clone();
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
        file.write_all(&torn[..torn.len() - 40]).expect("written");
        assert!(fixture.run().is_live());
        assert_eq!(offsets(&all(&fixture.run(), &bytes(b"xy"))), vec![(1, 0)]);
        let (run, _folder) = (fixture.run(), fixture.folder);
        drop(fixture.writer); // dies
        assert_eq!(offsets(&all(&run, &bytes(b"xy"))), vec![(1, 0)]);
    }

    #[test]
    fn what_retention_removed_is_not_bridged() {
        let mut fixture = new(1);
        for piece in [b"ab", b"cd", b"cd", b"cd"] {
            fixture.send(0, Side::Peer, piece);
            fixture.commit();
        }
        assert_eq!(all(&fixture.run(), &bytes(b"abcd")).len(), 1);
        let (run, _folder) = (fixture.run(), fixture.folder);
        fixture.writer.finish();
        fs::remove_file(&run.segments().expect("listed")[1].path).expect("removed");
        assert_eq!(all(&run, &bytes(b"abcd")), vec![]);
        assert_eq!(offsets(&all(&run, &bytes(b"cdcd"))), vec![(3, 0)]);
        fs::remove_file(&run.segments().expect("listed")[0].path).expect("removed");
        assert_eq!(offsets(&all(&run, &bytes(b"cd"))), vec![(3, 0), (4, 2)]);
    }

    #[test]
    fn what_other_peers_did_is_passed_over() {
        let mut fixture = new(1 << 30);
        for turn in 0..120 {
            let peer = if turn % 40 == 20 { 0 } else { 1 };
            fixture.send(peer, Side::Peer, &[b'x'; 32 * 1024]);
            fixture.commit();
        }
        let (run, _folder) = (fixture.run(), &fixture.folder);
        let last = fixture.encoder.finish(Timestamp(0));
        fixture.writer.write(&last).expect("written");
        fixture.writer.finish();
        let query = Query { peers: Some(vec![fixture.peers[0].0]), ..bytes(&[b'x'; 3 * 32 * 1024]) };
        let hits = all(&run, &query);
        assert_eq!((offsets(&hits), &hits[0].address), (vec![(21, 0)], &address(1)));
        let path = run.segments().expect("listed")[0].path.clone();
        let mut ignore = |_: &Hit| ControlFlow::Continue(());
        let mut search =
            Search::new(&run, Matcher::new(&query.needle).expect("not empty"), &query, &|| true, &mut ignore);
        let (parts, _) = search.parts(&run, &path, file_len(&path).expect("a segment"), true).expect("planned");
        let read: u64 = parts.iter().map(|part| part.end - part.start).sum();
        assert!((3 * 32 * 1024..20 * 32 * 1024).contains(&read), "{read} bytes read of 120 * 32 KiB");
    }

    /// What is read ends before the chunk does, and the mark that tells stands beyond it.
    #[test]
    fn a_chunk_of_which_the_rest_is_passed_over_is_checked_all_the_same() {
        let mut fixture = new(1 << 30);
        for turn in 0..20 {
            fixture.send(usize::from(turn > 1), Side::Peer, &[b'x'; 32 * 1024]);
        }
        let (run, _folder) = (fixture.run(), &fixture.folder);
        let chunk = fixture.encoder.finish(Timestamp(0));
        fixture.writer.write(&chunk).expect("written");
        fixture.writer.finish();
        let query = Query { peers: Some(vec![fixture.peers[0].0]), ..bytes(b"x!") };
        assert_eq!(all(&run, &query), []);
        let path = run.segment_path(1);
        let mut changed = fs::read(&path).expect("a segment");
        *changed.iter_mut().rfind(|byte| **byte == b'x').expect("of another peer") = b'y';
        fs::write(&path, changed).expect("written");
        let found = search(&run, &query, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(found, Err(RunError::Damaged { .. })), "{found:?}");
    }

    #[test]
    fn a_foreign_file_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.pcapng");
        fs::write(&path, b"anything but a capture").expect("written");
        let found = search(&Run::at(path), &bytes(b"x"), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(found, Err(RunError::Foreign { why: Foreign::NotPcapng, .. })), "{found:?}");
    }
}
