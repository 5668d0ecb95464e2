//! A run as one capture file of one section: packets copied byte for byte, and everything that they lean on once.
//! What the blocks are belongs in `encoder`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::{ExportError, Filter};
use crate::decoder::{Decoder, Foreign, Item, PacketView};
use crate::encoder;
use crate::pcapng::Block;
use crate::reader::{BlockReader, Step};
use crate::record::{EndpointId, Event, PeerId, Record};
use crate::run::{Run, RunError, io_error};

/// So many bytes are vouched for by one commit mark.
const CHUNK: usize = 1 << 20;

/// Writes the packets of the peers that `filter` takes, and gives the number of their records.
///
/// Blocks that are not of this project are left out.
pub(super) fn copy(run: &Run, filter: &Filter, out: &mut impl Write) -> Result<u64, ExportError> {
    let extent = run.extent()?;
    let mut copier = Copier::new(filter, out);
    for segment in &extent.segments {
        copier.copy_segment(&segment.path, extent.limit(segment.number).unwrap_or(u64::MAX))?;
    }
    copier.finish()
}

struct Copier<'a, W> {
    filter: &'a Filter,
    out: W,
    decoder: Decoder,
    /// The blocks since the last mark.
    chunk: Vec<u8>,
    records: u64,
    /// The first record of the chunk, and the last of all.
    first: Option<u64>,
    last: u64,
    /// What the output has: whether its section header, how many interfaces, which peers that are still there.
    begun: bool,
    interfaces: u32,
    peers: FxHashSet<PeerId>,
    /// The last statistics of each interface.
    statistics: BTreeMap<EndpointId, Vec<u8>>,
}

impl<'a, W: Write> Copier<'a, W> {
    fn new(filter: &'a Filter, out: W) -> Self {
        Copier {
            filter,
            out,
            decoder: Decoder::default(),
            chunk: Vec::new(),
            records: 0,
            first: None,
            last: 0,
            begun: false,
            interfaces: 0,
            peers: FxHashSet::default(),
            statistics: BTreeMap::new(),
        }
    }

    /// Copies from a segment what lies before `limit`.
    fn copy_segment(&mut self, path: &Path, limit: u64) -> Result<(), ExportError> {
        let file = File::open(path).map_err(io_error("read", path))?;
        let mut reader = BlockReader::new(file, 0).map_err(io_error("read", path))?;
        loop {
            let offset = reader.offset();
            let length = match reader.peek(limit).map_err(io_error("read", path))? {
                Step::Block(length) => length,
                Step::End => return Ok(()),
                Step::Damage if offset == 0 => return Err(unreadable(path, offset, Foreign::NotPcapng).into()),
                Step::Damage => return Err(unreadable(path, offset, Foreign::Malformed).into()),
            };
            let raw = reader.raw(length);
            if self.wants(reader.block(length), raw).map_err(|why| unreadable(path, offset, why))? {
                self.put(raw)?;
            }
            reader.advance(length);
        }
    }

    /// Takes in a block, and tells whether it is to be copied.
    fn wants(&mut self, block: Block<'_>, raw: &[u8]) -> Result<bool, Foreign> {
        Ok(match self.decoder.decode(block)? {
            Item::Record(record) => self.wants_record(&record),
            Item::Drawn => self.filter.takes(peer_of(block)),
            Item::Peer(id) => self.filter.takes(Some(id)) && self.peers.insert(id),
            Item::Section => !std::mem::replace(&mut self.begun, true),
            Item::Endpoint(id) => {
                let new = id.index() >= self.interfaces; // every segment names them all, in their order
                self.interfaces += u32::from(new);
                new
            }
            Item::Dropped(id, _) => {
                self.statistics.insert(id, raw.to_vec());
                false
            }
            Item::Mark(_) | Item::Other => false,
        })
    }

    fn wants_record(&mut self, record: &Record<'_>) -> bool {
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

    fn put(&mut self, raw: &[u8]) -> Result<(), ExportError> {
        self.chunk.extend_from_slice(raw);
        if self.chunk.len() >= CHUNK { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), ExportError> {
        let first = self.first.take().unwrap_or(self.last + 1);
        let checksum = crc32c::crc32c(&self.chunk);
        encoder::write_mark(&mut self.chunk, first, self.last, checksum);
        self.out.write_all(&self.chunk).map_err(ExportError::Write)?;
        self.chunk.clear();
        Ok(())
    }

    /// Ends the file. A run without a section, of which nothing was ever written, has none.
    fn finish(mut self) -> Result<u64, ExportError> {
        self.statistics.values().for_each(|block| self.chunk.extend_from_slice(block));
        if !self.chunk.is_empty() {
            self.seal()?;
        }
        Ok(self.records)
    }
}

/// The peer whose packet a block is.
fn peer_of(block: Block<'_>) -> Option<PeerId> {
    let packet = PacketView::parse(block.body)?;
    Some(PeerId { endpoint: EndpointId::from_index(packet.interface)?, number: packet.peer.try_into().ok()? })
}

/// The error for a block at `offset` that says `why` it cannot be read.
fn unreadable(path: &Path, offset: u64, why: Foreign) -> RunError {
    match why {
        Foreign::Malformed => RunError::Damaged { path: path.to_owned(), offset },
        why => RunError::Foreign { path: path.to_owned(), why },
    }
}
