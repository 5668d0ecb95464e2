//! What a segment holds, so that a reader need not walk all of it: who took part and how much, and where in
//! the file a record of a given number or time stands.
//!
//! The index of a sealed segment lies beside it in a sidecar file. It is a cache: whoever finds it missing
//! or not matching walks the segment and makes it again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::decoder::{Decoder, Interface, Item};
use crate::live::{Live, Place};
use crate::pcapng;
use crate::reader::{BlockReader, Step};
use crate::record::{Address, EndpointId, Event, Frame, LinkId, PeerId, Record, Timestamp};
use crate::run::{Gap, RunError, io_error};
use crate::tcp::{self, Connection, Tracker};

/// One entry stands for so many bytes of segment: little to walk, little to keep.
const SLOT: u64 = 64 * 1024;
const MAGIC: &[u8; 8] = b"slabidx2";

/// A place in a segment from which it can be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) offset: u64,
}

/// What one peer did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerTotals {
    /// Its address when it was last seen.
    pub address: Address,
    /// Its first and last record.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// Bytes that came from it.
    pub received: u64,
    /// Bytes that went to it.
    pub sent: u64,
    /// Records of any kind.
    pub records: u64,
    /// The numbers of the slots in which it occurs.
    pub(crate) slots: Vec<u32>,
}

/// What one endpoint is and lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointTotals {
    /// Short: `tcp-listen:10000`.
    pub name: String,
    /// The URL it was opened with.
    pub url: std::sync::Arc<str>,
    /// Datagrams that the kernel dropped since the run began.
    pub dropped: u64,
    /// The number of its interface.
    interface: u32,
}

/// What one link of a virtual network is and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTotals {
    /// That of the board at its end.
    pub name: String,
    /// What there is to say of it.
    pub description: String,
    /// Frames that are captured.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that were dropped.
    pub dropped: u64,
    /// Frames that the capture had no room for.
    pub left_out: u64,
    /// The number of its interface.
    interface: u32,
}

/// What a stretch of a run holds: one segment, or several merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records.
    pub records: u64,
    /// Packets as other tools count them: a connection's start and end are several, and a frame is one.
    pub packets: u64,
    /// The times of the first and the last record.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The endpoints, in the order of their ids.
    pub endpoints: Vec<EndpointTotals>,
    /// The peers that occur.
    pub peers: BTreeMap<PeerId, PeerTotals>,
    /// The links of virtual networks, in the order of their ids.
    pub links: Vec<LinkTotals>,
    /// The TCP connections of virtual networks, in the order of their first frames. In each segment of a run numbers
    /// are learned anew: of what was sent again there, the first of each side is not known as such.
    pub connections: Vec<Connection>,
    /// Records of the run that are gone, and so are not counted. No segment knows that by itself.
    #[serde(skip)]
    pub gaps: Vec<Gap>,
}

impl Totals {
    /// Bytes received from all peers.
    pub fn received(&self) -> u64 {
        self.peers.values().map(|peer| peer.received).sum()
    }

    /// Bytes sent to all peers.
    pub fn sent(&self) -> u64 {
        self.peers.values().map(|peer| peer.sent).sum()
    }

    /// Frames of all links.
    pub fn frames(&self) -> u64 {
        self.links.iter().map(|link| link.frames).sum()
    }

    /// What each interface stands for, by its number.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = (u32, Interface)> {
        let endpoints = self.endpoints.iter().zip(0..);
        let endpoints = endpoints.filter_map(|(endpoint, index)| {
            Some((endpoint.interface, Interface::Endpoint(EndpointId::from_index(index)?)))
        });
        let links = self.links.iter().zip(0..);
        let links =
            links.filter_map(|(link, index)| Some((link.interface, Interface::Link(LinkId::from_index(index)?))));
        endpoints.chain(links)
    }

    /// Adds what came later in the same run.
    pub fn merge(&mut self, later: Totals) {
        self.records += later.records;
        self.packets += later.packets;
        self.span = match (self.span, later.span) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (mine, theirs) => mine.or(theirs),
        };
        if !later.endpoints.is_empty() {
            self.endpoints = later.endpoints; // each segment names all of them
        }
        for (place, link) in later.links.into_iter().enumerate() {
            match self.links.get_mut(place) {
                None => self.links.push(link),
                Some(mine) => mine.merge(&link),
            }
        }
        tcp::merge(&mut self.connections, later.connections);
        for (id, peer) in later.peers {
            match self.peers.get_mut(&id) {
                None => drop(self.peers.insert(id, peer)),
                Some(mine) => mine.merge(peer),
            }
        }
    }
}

impl LinkTotals {
    fn merge(&mut self, later: &LinkTotals) {
        self.frames += later.frames;
        self.bytes += later.bytes;
        self.dropped += later.dropped;
        self.left_out = self.left_out.max(later.left_out); // it is counted from the start of the run
    }

    fn add(&mut self, frame: &Frame<'_>) {
        self.frames += 1;
        self.bytes += frame.bytes.len() as u64;
        self.dropped += u64::from(frame.dropped);
    }
}

impl PeerTotals {
    fn merge(&mut self, later: PeerTotals) {
        self.last = later.last;
        self.received += later.received;
        self.sent += later.sent;
        self.records += later.records;
        self.address = later.address;
    }

    fn add(&mut self, record: &Record<'_>, slot: u32) {
        self.last = record.at;
        self.records += 1;
        match record.event {
            Event::Received(bytes) => self.received += bytes.len() as u64,
            Event::Sent(bytes) => self.sent += bytes.len() as u64,
            _ => {}
        }
        if self.slots.last() != Some(&slot) {
            self.slots.push(slot);
        }
    }
}

/// The index of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub(crate) slots: Vec<Slot>,
    /// What the segment holds.
    pub totals: Totals,
}

/// The sidecar of a segment.
pub(crate) fn sidecar(segment: &Path) -> PathBuf {
    segment.with_extension("idx")
}

impl Index {
    /// Reads the sidecar of `segment` if it was made from the file as it is, or else walks the first
    /// `length` bytes of the segment, which may turn out to be damaged. `sealed`: they will not change, so the index
    /// is worth writing down.
    pub(crate) fn of(segment: &Path, length: u64, sealed: bool) -> Result<Self, RunError> {
        if sealed && let Some(index) = load(&sidecar(segment), length) {
            return Ok(index);
        }
        let index = Index::rebuild(segment, length, sealed)?;
        if sealed {
            let _ = index.save(segment, length); // a folder that cannot be written to only costs time
        }
        Ok(index)
    }

    /// Reads the sidecar of `segment` if it was made from the file as it is, `length` bytes long.
    pub(crate) fn saved(segment: &Path, length: u64) -> Option<Self> {
        load(&sidecar(segment), length)
    }

    fn rebuild(segment: &Path, length: u64, sealed: bool) -> Result<Self, RunError> {
        let file = File::open(segment).map_err(io_error("read", segment))?;
        let mut reader = BlockReader::new(file, 0).map_err(io_error("read", segment))?;
        let mut builder = IndexBuilder::default();
        loop {
            let offset = reader.offset();
            match reader.peek(length).map_err(io_error("read", segment))? {
                Step::Block(size) => {
                    builder.add(offset, reader.raw(size));
                    reader.advance(size);
                }
                Step::End if !sealed || reader.is_vouched() => return Ok(builder.finish()),
                Step::End | Step::Damage => return Err(RunError::Damaged { path: segment.to_owned(), offset }),
            }
        }
    }

    /// The numbers of the first and the last record; `None` where there are none.
    pub(crate) fn seqs(&self) -> Option<(u64, u64)> {
        let first = self.slots.first()?.seq;
        Some((first, first.saturating_add(self.totals.records).saturating_sub(1)))
    }

    /// Writes the sidecar of `segment`, which is `length` bytes long.
    pub(crate) fn save(&self, segment: &Path, length: u64) -> io::Result<()> {
        let body = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let (path, draft) = (sidecar(segment), segment.with_extension("idx.new"));
        fs::write(&draft, bytes)?;
        fs::rename(draft, path)
    }

    /// Where to begin reading for the record `seq`: at or before it.
    pub(crate) fn offset_of(&self, seq: u64) -> u64 {
        let after = self.slots.partition_point(|slot| slot.seq <= seq);
        after.checked_sub(1).map_or(0, |slot| self.slots[slot].offset)
    }
}

fn load(path: &Path, length: u64) -> Option<Index> {
    let bytes = fs::read(path).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let body = rest.get(12..)?;
    let intact = pcapng::read_u64(rest, 0)? == length && pcapng::read_u32(rest, 8)? == crc32c::crc32c(body);
    intact.then(|| postcard::from_bytes(body).ok()).flatten()
}

/// Makes an index while a segment is written or walked.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    decoder: Decoder,
    slots: Vec<Slot>,
    records: u64,
    packets: u64,
    span: Option<(Timestamp, Timestamp)>,
    missing: Vec<(Interface, u64)>,
    /// How many interfaces were named before each slot.
    named: Vec<usize>,
    /// Peers whose addresses their packets do not show.
    unshown: Vec<(PeerId, Address)>,
    /// How many slots, and such peers, were told to readers.
    told: (usize, usize),
    peers: FxHashMap<PeerId, PeerTotals>,
    links: Vec<LinkTotals>,
    tracker: Tracker,
}

impl IndexBuilder {
    /// Takes in whole blocks that stand at `offset` of the segment. Ends at one that is not ours.
    pub(crate) fn add(&mut self, mut offset: u64, mut bytes: &[u8]) {
        while let Ok(Some(block)) = pcapng::first_block(bytes) {
            self.packets += u64::from(block.kind == pcapng::PACKET);
            match self.decoder.decode(block) {
                Ok(Item::Record(record)) => self.add_record(offset, &record),
                Ok(Item::Peer(id)) => self.unshown.extend(self.decoder.unshown(id).map(|address| (id, address))),
                Ok(Item::Missing(interface, total)) => self.missing.push((interface, total)),
                Ok(Item::Frame(frame)) => add_frame(&mut self.links, &mut self.tracker, &frame),
                Ok(Item::Interface) => self.add_interface(),
                Ok(_) => {}
                Err(_) => return,
            }
            offset += block.len() as u64;
            bytes = &bytes[block.len()..];
        }
    }

    /// The last one that was described.
    fn add_interface(&mut self) {
        let interface = self.decoder.interfaces().len() as u32 - 1;
        let Some(info) = self.decoder.links().get(self.links.len()) else { return };
        let (name, description) = (info.name.clone(), info.description.clone());
        self.links.push(LinkTotals { name, description, frames: 0, bytes: 0, dropped: 0, left_out: 0, interface });
    }

    fn add_record(&mut self, offset: u64, record: &Record<'_>) {
        if self.slots.last().is_none_or(|slot| offset >= slot.offset + SLOT) {
            self.slots.push(Slot { seq: record.seq, at: record.at, offset });
            self.named.push(self.decoder.interfaces().len());
        }
        self.records += 1;
        self.span = Some((self.span.map_or(record.at, |span| span.0), record.at));
        let Some(peer) = record.peer else { return };
        let slot = self.slots.len() as u32 - 1;
        let fresh = || PeerTotals {
            address: record.address.clone(),
            first: record.at,
            last: record.at,
            received: 0,
            sent: 0,
            records: 0,
            slots: Vec::new(),
        };
        self.peers.entry(peer).or_insert_with(fresh).add(record, slot);
    }

    /// Tells readers of the segment that is being written where they can begin.
    pub(crate) fn tell(&mut self, segment: u32, live: &Live) {
        let (slots, unshown) = self.told;
        let named = self.slots[slots..].iter().zip(&self.named[slots..]);
        let places: Vec<Place> =
            named.map(|(slot, interfaces)| Place { slot: *slot, interfaces: *interfaces }).collect();
        if !places.is_empty() {
            live.add_places(segment, &places, &self.decoder, &self.unshown[unshown..]);
            self.told = (self.slots.len(), self.unshown.len());
        }
    }

    pub(crate) fn finish(self) -> Index {
        let (mut endpoints, mut links) = (endpoints(&self.decoder), self.links);
        for (interface, count) in self.missing {
            match interface {
                Interface::Endpoint(id) => endpoints.get_mut(id.index() as usize).map(|it| it.dropped = count),
                Interface::Link(id) => links.get_mut(id.index() as usize).map(|it| it.left_out = count),
            };
        }
        let (records, packets, span) = (self.records, self.packets, self.span);
        let (peers, gaps) = (self.peers.into_iter().collect(), Vec::new());
        let connections = self.tracker.finish();
        let totals = Totals { records, packets, span, endpoints, peers, links, connections, gaps };
        Index { slots: self.slots, totals }
    }
}

fn add_frame(links: &mut [LinkTotals], tracker: &mut Tracker, frame: &Frame<'_>) {
    if let Some(link) = links.get_mut(frame.link.index() as usize) {
        link.add(frame);
    }
    tracker.add(frame);
}

fn endpoints(decoder: &Decoder) -> Vec<EndpointTotals> {
    let totals = |(interface, what): (u32, &Interface)| match what {
        Interface::Link(_) => None,
        Interface::Endpoint(id) => {
            let info = decoder.endpoint(*id)?;
            Some(EndpointTotals { name: info.name.clone(), url: info.url.clone(), dropped: 0, interface })
        }
    };
    (0..).zip(decoder.interfaces()).filter_map(totals).collect()
}
