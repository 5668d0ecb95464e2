//! A run as one capture file of one section: packets copied byte for byte, and everything that they lean on once.
//! What the blocks are belongs in `encoder`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::{ExportError, ExportSummary, Filter};
use crate::cursor::overtaken;
use crate::decoder::{Decoder, Foreign, Item, PacketView};
use crate::encoder;
use crate::pcapng::{self, Block};
use crate::reader::{BlockReader, Step};
use crate::record::{Event, PeerId, Record};
use crate::run::{Gap, Run, RunError, Sequence, io_error, open_segment};

/// So many bytes are vouched for by one commit mark, or a chunk of the run more: what the run's own marks do not
/// vouch for must not be vouched for here.
const CHUNK: usize = 1 << 20;

/// So many at most, in a file that somebody has rid of its marks.
const MOST: usize = 32 << 20;

/// Writes the packets of the peers that `filter` takes, and counts their records.
///
/// Blocks that are not of this project are left out, and so is a damaged chunk, behind which nothing is read.
pub(super) fn copy(run: &Run, filter: &Filter, out: &mut impl Write) -> Result<ExportSummary, ExportError> {
    let extent = run.extent()?;
    let mut copier = Copier::new(run, filter, out);
    for segment in &extent.segments {
        let (limit, is_last) = (extent.limit(segment.number).unwrap_or(u64::MAX), extent.is_last(segment.number));
        if let Err(error) = copier.copy_segment(&segment.path, limit, is_last) {
            let ExportError::Run(error) = error else { return Err(error) };
            if let Some(gap) = overtaken(run, extent.is_growing(), &error, &mut copier.sequence) {
                copier.gaps.push(gap);
                break;
            }
            copier.seal_vouched()?;
            return Err(error.into());
        }
    }
    copier.finish()
}

struct Copier<'a, W> {
    filter: &'a Filter,
    out: W,
    /// Whether it is a folder, of which each segment ends with a mark.
    is_folder: bool,
    decoder: Decoder,
    sequence: Sequence,
    gaps: Vec<Gap>,
    /// The blocks since the last mark.
    chunk: Vec<u8>,
    records: u64,
    /// The first record of the chunk, and the last of all.
    first: Option<u64>,
    last: u64,
    /// How many bytes of the chunk the run's own marks vouch for, and the last record by then.
    vouched: (usize, u64),
    /// What the output has: whether its section header, how many interfaces, which peers that are still there.
    begun: bool,
    interfaces: u32,
    peers: FxHashSet<PeerId>,
    /// The last statistics of each interface.
    statistics: BTreeMap<u32, Vec<u8>>,
}

impl<'a, W: Write> Copier<'a, W> {
    fn new(run: &Run, filter: &'a Filter, out: W) -> Self {
        Copier {
            filter,
            out,
            is_folder: run.is_folder(),
            decoder: Decoder::default(),
            sequence: Sequence::of(run, 1),
            gaps: Vec::new(),
            chunk: Vec::new(),
            records: 0,
            first: None,
            last: 0,
            vouched: (0, 0),
            begun: false,
            interfaces: 0,
            peers: FxHashSet::default(),
            statistics: BTreeMap::new(),
        }
    }

    /// Copies from a segment what lies before `limit`.
    fn copy_segment(&mut self, path: &Path, limit: u64, is_last: bool) -> Result<(), ExportError> {
        let Some(file) = open_segment(path, is_last)? else { return Ok(()) };
        let mut reader = BlockReader::new(file, 0).map_err(io_error("read", path))?;
        loop {
            let offset = reader.offset();
            let length = match reader.peek(limit).map_err(io_error("read", path))? {
                Step::Block(length) => length,
                Step::End if !self.is_folder || reader.is_vouched() => return Ok(()),
                Step::Damage if offset == 0 => {
                    return Err(RunError::unreadable(path, offset, Foreign::NotPcapng).into());
                }
                Step::End | Step::Damage => return Err(RunError::unreadable(path, offset, Foreign::Malformed).into()),
            };
            let raw = reader.raw(length);
            if self.wants(reader.block(length), raw).map_err(|why| RunError::unreadable(path, offset, why))? {
                self.chunk.extend_from_slice(raw);
            }
            reader.advance(length);
            self.put(reader.is_vouched())?;
        }
    }

    /// Takes in a block, and tells whether it is to be copied.
    fn wants(&mut self, block: Block<'_>, raw: &[u8]) -> Result<bool, Foreign> {
        Ok(match self.decoder.decode(block)? {
            Item::Record(record) => self.wants_record(&record),
            Item::Drawn => self.filter.takes(self.peer_of(block)),
            Item::Frame(_) => self.filter.peers.is_empty(), // frames are of no peer
            Item::Peer(id) => self.filter.takes(Some(id)) && self.peers.insert(id),
            Item::Section => !std::mem::replace(&mut self.begun, true),
            Item::Interface => {
                let new = self.decoder.interfaces().len() as u32 > self.interfaces; // every segment names them all
                self.interfaces += u32::from(new);
                new
            }
            Item::Missing(..) => {
                let interface = pcapng::read_u32(block.body, 0).unwrap_or_default();
                self.statistics.insert(interface, raw.to_vec());
                false
            }
            Item::Mark | Item::Other => false,
        })
    }

    fn wants_record(&mut self, record: &Record<'_>) -> bool {
        self.gaps.extend(self.sequence.pass(record.seq, record.seq));
        if !self.filter.takes(record.peer) {
            return false;
        }
        if let (Event::Closed(_) | Event::Reset(_), Some(peer)) = (record.event, record.peer) {
            self.peers.remove(&peer); // who is gone costs no memory; readers forget them here as well
        }
        self.first.get_or_insert(record.seq);
        self.last = record.seq;
        self.records += 1;
        true
    }

    /// The peer whose packet a block is.
    fn peer_of(&self, block: Block<'_>) -> Option<PeerId> {
        let packet = PacketView::parse(block.body)?;
        let endpoint = self.decoder.endpoint_at(packet.interface)?;
        Some(PeerId { endpoint, number: packet.peer.try_into().ok()? })
    }

    /// Writes the chunk if it is long enough; `is_vouched`: a mark of the run vouches for all of it.
    fn put(&mut self, is_vouched: bool) -> Result<(), ExportError> {
        if is_vouched {
            self.vouched = (self.chunk.len(), self.last);
        }
        if self.chunk.len() >= if is_vouched { CHUNK } else { MOST } { self.seal() } else { Ok(()) }
    }

    /// Writes what of the chunk the run vouches for; nothing follows.
    fn seal_vouched(&mut self) -> Result<(), ExportError> {
        let (length, last) = self.vouched;
        self.chunk.truncate(length);
        (self.first, self.last) = (self.first.filter(|first| *first <= last), last);
        if length > 0 { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), ExportError> {
        let first = self.first.take().unwrap_or(self.last + 1);
        let checksum = crc32c::crc32c(&self.chunk);
        encoder::write_mark(&mut self.chunk, first, self.last, checksum);
        self.out.write_all(&self.chunk).map_err(ExportError::Write)?;
        self.chunk.clear();
        self.vouched = (0, self.last);
        Ok(())
    }

    /// Ends the file. A run without a section, of which nothing was ever written, has none.
    fn finish(mut self) -> Result<ExportSummary, ExportError> {
        self.statistics.values().for_each(|block| self.chunk.extend_from_slice(block));
        if !self.chunk.is_empty() {
            self.seal()?;
        }
        Ok(ExportSummary { records: self.records, gaps: self.gaps, bytes: 0 })
    }
}
