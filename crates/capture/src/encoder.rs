//! Records in, pcapng out: what happened becomes blocks in a buffer, sealed from time to time into a chunk.
//! Pure: no file, no clock. Writing chunks to disk belongs in `run`; reading them back, in `decoder`.
//!
//! A chunk ends with a commit mark, and only what lies before a mark was ever promised to be kept.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use slab::Slab;

use crate::packet::{self, ACK, Ends, FIN, PSH, RST, SYN, Segment};
use crate::pcapng::{self, COMMENT};
use crate::record::{Address, EndpointId, Event, Frame, LinkId, PeerId, Side, Timestamp, Transport, Way};

/// The longest text of an event, in bytes; what is longer is cut.
const MAX_TEXT: usize = 4096;
/// The longest note on a frame, and the longest frame.
const MAX_NOTE: usize = 255;
const MAX_FRAME: usize = 65_535;

/// `shb_userappl`.
pub(crate) const USERAPPL: u16 = 4;
/// `if_name`, `if_description`, `if_MACaddr`, `if_tsresol`.
pub(crate) const IF_NAME: u16 = 2;
pub(crate) const IF_DESCRIPTION: u16 = 3;
const IF_MAC: u16 = 6;
const IF_TSRESOL: u16 = 9;
/// Ours, in the range kept for local use: the interface is a link of a virtual network.
pub(crate) const IF_LINK: u16 = 0x8001;
/// `isb_ifrecv`, `isb_ifdrop`.
pub(crate) const ISB_RECEIVED: u16 = 4;
pub(crate) const ISB_DROPPED: u16 = 5;
/// `epb_flags` and `epb_packetid`.
pub(crate) const EPB_FLAGS: u16 = 2;
pub(crate) const EPB_PACKETID: u16 = 5;
/// Ours, in the range kept for local use: the peer's number (u32), what the packet tells (u8), and the fate of a frame
/// (u8).
pub(crate) const EPB_MEANING: u16 = 0x8001;

/// The version of this layout, named in every section's comment. Those before it are read as well: 1 had no links.
pub(crate) const FORMAT: u32 = 2;

/// What a packet tells of its record. The numbers are part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Meaning {
    /// Drawn for packet tools only; its record was told by an earlier packet with the same id.
    Continued = 0,
    Opened = 1,
    Connected = 2,
    Received = 3,
    Sent = 4,
    ClosedByUs = 5,
    ClosedByPeer = 6,
    ResetByUs = 7,
    ResetByPeer = 8,
    Failed = 9,
    Note = 10,
    FinishedByUs = 11,
    FinishedByPeer = 12,
    /// No record, but a frame on a link. What became of it stands behind, in the bits of [`Fate`].
    Frame = 13,
}

/// What a link did to a frame; the numbers are part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    Dropped = 1,
    Copy = 2,
    Damaged = 4,
}

impl Meaning {
    fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Opened(_) => Meaning::Opened,
            Event::Connected => Meaning::Connected,
            Event::Received(_) => Meaning::Received,
            Event::Sent(_) => Meaning::Sent,
            Event::Finished(Side::Local) => Meaning::FinishedByUs,
            Event::Finished(Side::Peer) => Meaning::FinishedByPeer,
            Event::Closed(Side::Local) => Meaning::ClosedByUs,
            Event::Closed(Side::Peer) => Meaning::ClosedByPeer,
            Event::Reset(Side::Local) => Meaning::ResetByUs,
            Event::Reset(Side::Peer) => Meaning::ResetByPeer,
            Event::Failed(_) => Meaning::Failed,
            Event::Note(_) => Meaning::Note,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        use Meaning::*;
        let all = [
            Continued,
            Opened,
            Connected,
            Received,
            Sent,
            ClosedByUs,
            ClosedByPeer,
            ResetByUs,
            ResetByPeer,
            Failed,
            Note,
            FinishedByUs,
            FinishedByPeer,
            Frame,
        ];
        all.get(usize::from(number)).copied()
    }
}

/// Who wrote a capture, and which run it is; stands at the head of every segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Program and version: `socklab 0.1.0`.
    pub program: String,
    /// The run's name, unique among all runs of all machines.
    pub run: String,
}

/// When a segment is full.
#[derive(Clone, Copy, Debug)]
pub struct SegmentLimits {
    /// Bytes after which the next chunk starts a new segment. Default 256 MiB.
    pub bytes: u64,
    /// Age after which it does. Default 10 min.
    pub age: Duration,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        SegmentLimits { bytes: 256 << 20, age: Duration::from_secs(600) }
    }
}

/// A conversation with a peer, as this encoder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId(usize);

/// Whom an event happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The endpoint as a whole.
    Endpoint(EndpointId),
    /// One of its peers.
    Flow(FlowId),
}

/// A peer that takes part from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// How its bytes travel.
    pub transport: Transport,
    /// Who dialled.
    pub opened_by: Side,
    /// Our end.
    pub local: Address,
    /// Its end.
    pub remote: Address,
}

impl Peer {
    /// The longest payload of one record, in bytes: what is longer becomes several records.
    pub fn max_payload(&self) -> usize {
        self.ends().max_payload(self.transport)
    }

    fn ends(&self) -> Ends {
        Ends::new(self.id.endpoint, self.id.number.get(), &self.local, &self.remote)
    }
}

/// A peer as a segment describes it, so that the segment can be read without those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerState {
    pub(crate) peer: Peer,
    /// TCP's next sequence numbers: ours, the peer's.
    seq: [u32; 2],
    /// Who has finished sending: we, the peer.
    finished: [bool; 2],
}

#[derive(Debug)]
struct Flow {
    state: PeerState,
    /// The addresses to draw.
    ends: Ends,
    /// The longest payload of one record, whatever is drawn.
    most: usize,
}

/// An endpoint, or a link.
#[derive(Debug)]
struct Interface {
    name: String,
    /// An endpoint's URL, or what there is to say of a link.
    description: Arc<str>,
    /// The hardware address at the end of a link; `None` for an endpoint.
    mac: Option<[u8; 6]>,
    received: u64,
    /// Datagrams that the kernel dropped, or frames that were left out.
    dropped: u64,
}

/// What chunks are aligned to, in memory and in the file, where they are large enough for that to matter.
pub(crate) const BLOCK: usize = 4096;
/// What buffers are aligned to: a huge page, where the system has those, is one piece to a disk, and not 512.
pub const HUGE_PAGE: usize = 2 << 20;
/// The length from which on a chunk is: then what it costs, up to two blocks, is little.
const LARGE: usize = 256 << 10;

/// How many bytes are summed at a time: few enough to be still in the cache.
const SUM_EVERY: usize = 16 << 10;

/// Memory that a chunk is made in.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// Where the content begins.
    lead: usize,
}

impl Buffer {
    /// One whose content begins where a [`HUGE_PAGE`] may, an address that a disk can be written from, and stays there
    /// while it is no longer than `capacity` bytes.
    pub fn aligned(capacity: usize) -> Self {
        let mut bytes = vec![0; capacity + HUGE_PAGE]; // zeros as the system has them: what is not used costs nothing
        let lead = bytes.as_ptr().addr().next_multiple_of(HUGE_PAGE) - bytes.as_ptr().addr();
        bytes.truncate(lead);
        Buffer { bytes, lead }
    }

    /// One with room for `capacity` bytes, for chunks that no disk is written from.
    pub fn with_capacity(capacity: usize) -> Self {
        Buffer { bytes: Vec::with_capacity(capacity), lead: 0 }
    }

    /// Whether it is still as [`aligned`](Self::aligned) made it, and has no more in it than that was for: one that had
    /// to grow has moved, most likely off its huge page, and would keep its memory for ever.
    pub fn is_aligned(&self, capacity: usize) -> bool {
        let (content, room) = (self.content(), self.bytes.capacity() - self.lead);
        let is_as_made = (capacity..=capacity + HUGE_PAGE).contains(&room);
        content.as_ptr().addr().is_multiple_of(HUGE_PAGE) && is_as_made && content.len() <= capacity
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.bytes[self.lead..]
    }

    /// The memory that is not used yet.
    pub fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        self.bytes.spare_capacity_mut()
    }

    /// To append to.
    #[cfg(test)]
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.lead
    }

    fn clear(&mut self) {
        self.bytes.truncate(self.lead);
    }
}

/// Bytes that belong at the end of a segment, the last of them a commit mark.
#[derive(Debug)]
pub struct Chunk {
    buffer: Buffer,
    /// The segment's number, from 1.
    pub segment: u32,
    /// Whether the segment begins with this chunk.
    pub starts_segment: bool,
    /// The last record within, or before where it has none.
    pub last_seq: u64,
}

impl Chunk {
    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.content()
    }

    /// The bytes, for those who read them in memory.
    pub fn into_bytes(self) -> Vec<u8> {
        let Buffer { mut bytes, lead } = self.buffer;
        bytes.drain(..lead);
        if bytes.len() < bytes.capacity() / 2 {
            bytes.shrink_to_fit(); // many that are almost empty may wait for a reader, who is allowed bytes, not room
        }
        bytes
    }

    /// The buffer, to be filled again.
    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }
}

/// A commit mark in the file: frame 12, first and last id 16, checksum 4, flags 4.
pub(crate) const MARK_LEN: usize = 36;

/// Turns what happened into the bytes of a capture.
#[derive(Debug)]
pub struct Encoder {
    provenance: Provenance,
    limits: SegmentLimits,
    interfaces: Vec<Interface>,
    /// The interface of each endpoint, and of each link.
    endpoints: Vec<u32>,
    links: Vec<u32>,
    flows: Slab<Flow>,
    out: Buffer,
    /// The checksum of the first bytes of `out`, and how many these are.
    checksum: (u32, usize),
    next_seq: u64,
    first_seq_of_chunk: u64,
    segment: u32,
    segment_begun: Timestamp,
    segment_bytes: u64,
    starts_segment: bool,
}

impl Encoder {
    /// An encoder whose first chunk begins segment 1.
    pub fn new(provenance: Provenance, limits: SegmentLimits, at: Timestamp) -> Self {
        Encoder::new_in(Buffer::default(), provenance, limits, at)
    }

    /// As [`new`](Self::new), with the first chunk made in `out`, which must be empty.
    pub fn new_in(out: Buffer, provenance: Provenance, limits: SegmentLimits, at: Timestamp) -> Self {
        let mut encoder = Encoder {
            provenance,
            limits,
            interfaces: Vec::new(),
            endpoints: Vec::new(),
            links: Vec::new(),
            flows: Slab::new(),
            out,
            checksum: (0, 0),
            next_seq: 1,
            first_seq_of_chunk: 1,
            segment: 0,
            segment_begun: at,
            segment_bytes: 0,
            starts_segment: true,
        };
        encoder.begin_segment(at);
        encoder
    }

    /// Bytes that wait to be sealed.
    pub fn buffered(&self) -> usize {
        self.out.len()
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Adds an endpoint, named like `tcp-listen:10000`, and gives it its id.
    pub fn add_endpoint(&mut self, name: String, url: &str) -> EndpointId {
        let id = EndpointId::from_index(self.endpoints.len() as u32).expect("fewer than 2^32 endpoints");
        let interface =
            self.add_interface(Interface { name, description: url.into(), mac: None, received: 0, dropped: 0 });
        self.endpoints.push(interface);
        id
    }

    /// Adds a link of a virtual network, named after the board with the hardware address `mac` at its end.
    ///
    /// From now on packets that are drawn have addresses of their own: IPv4 as IPv6 (::ffff:192.168.1.20), IPv6 as if
    /// there were none. With those of the frames, a packet tool would take both for one conversation.
    pub fn add_link(&mut self, name: String, description: &str, mac: [u8; 6]) -> LinkId {
        if self.links.is_empty() {
            self.flows.iter_mut().for_each(|(_, flow)| flow.ends = flow.ends.apart());
        }
        let id = LinkId::from_index(self.links.len() as u32).expect("fewer than 2^32 links");
        let interface = Interface { name, description: description.into(), mac: Some(mac), received: 0, dropped: 0 };
        let interface = self.add_interface(interface);
        self.links.push(interface);
        id
    }

    fn add_interface(&mut self, interface: Interface) -> u32 {
        write_interface(&mut self.out.bytes, &interface);
        self.interfaces.push(interface);
        self.interfaces.len() as u32 - 1
    }

    fn interface(&mut self, endpoint: EndpointId) -> Option<&mut Interface> {
        self.interfaces.get_mut(*self.endpoints.get(endpoint.index() as usize)? as usize)
    }

    /// The endpoint's URL, as it was opened.
    pub fn url(&self, endpoint: EndpointId) -> Option<&Arc<str>> {
        let interface = *self.endpoints.get(endpoint.index() as usize)?;
        self.interfaces.get(interface as usize).map(|interface| &interface.description)
    }

    /// Adds a peer. Its endpoint must have been added.
    pub fn add_peer(&mut self, peer: Peer) -> FlowId {
        let ends = if self.links.is_empty() { peer.ends() } else { peer.ends().apart() };
        let most = peer.max_payload();
        let state = PeerState { peer, seq: [0; 2], finished: [false; 2] };
        write_peer(&mut self.out.bytes, &state);
        FlowId(self.flows.insert(Flow { state, ends, most }))
    }

    /// Forgets a peer, whose id must not be used again.
    pub fn remove_peer(&mut self, FlowId(key): FlowId) {
        self.flows.remove(key);
    }

    /// Says how many datagrams the kernel has dropped at an endpoint so far, and gives the number that is new.
    pub fn set_dropped(&mut self, endpoint: EndpointId, total: u64) -> u64 {
        let Some(interface) = self.interface(endpoint) else { return 0 };
        let more = total.saturating_sub(interface.dropped);
        interface.dropped += more;
        more
    }

    /// Appends what happened. Bytes over [`Peer::max_payload`] become several records.
    pub fn record(&mut self, at: Timestamp, subject: Subject, event: Event<'_>) {
        match (event, subject) {
            (Event::Received(bytes), Subject::Flow(flow)) => self.record_bytes(at, flow, Side::Peer, bytes),
            (Event::Sent(bytes), Subject::Flow(flow)) => self.record_bytes(at, flow, Side::Local, bytes),
            (
                Event::Connected | Event::Finished(_) | Event::Closed(_) | Event::Reset(_),
                Subject::Flow(FlowId(key)),
            ) if self.flows[key].state.peer.transport == Transport::Stream => {
                self.record_handshake(at, key, event);
            }
            _ => self.record_text(at, subject, event),
        }
    }

    /// Has `read` append what a connected peer sent, at most so many bytes as it is told, right where the log
    /// keeps them: to copy them there would cost as much as all the rest. What it appends becomes a record.
    pub fn receive<R>(&mut self, at: Timestamp, FlowId(key): FlowId, read: impl FnOnce(&mut Vec<u8>, usize) -> R) -> R {
        let Flow { state, ends, most } = &mut self.flows[key];
        let interface = self.endpoints[ends.endpoint.index() as usize];
        let (sender, tells) = (Side::Peer, Meaning::Received);
        let packet = Packet { at, seq: self.next_seq, interface, ends, sender, tells, text: None };
        let start = self.out.bytes.len();
        let (length, result) = packet.write(&mut self.out.bytes, |out| {
            let headers = out.len();
            let payload = headers + packet::stream_headers_len(ends);
            out.reserve(payload - headers + *most); // or a buffer that is almost full would be read into in crumbs
            out.resize(payload, 0);
            let result = read(out, *most);
            let length = out.len() - payload;
            let segment = state.segment(Side::Peer, PSH | ACK, length);
            packet::put_headers(&mut out[headers..payload], ends, Side::Peer, Some(segment), length);
            (length, result)
        });
        if length == 0 {
            self.out.bytes.truncate(start);
        } else {
            self.interfaces[interface as usize].received += 1;
            self.next_seq += 1;
            self.sum_up(SUM_EVERY);
        }
        result
    }

    fn record_bytes(&mut self, at: Timestamp, flow: FlowId, sender: Side, bytes: &[u8]) {
        let most = self.flows[flow.0].most;
        if bytes.is_empty() {
            return self.record_piece(at, flow, sender, bytes); // an empty datagram is a record too
        }
        bytes.chunks(most).for_each(|piece| self.record_piece(at, flow, sender, piece));
    }

    fn record_piece(&mut self, at: Timestamp, FlowId(key): FlowId, sender: Side, bytes: &[u8]) {
        let flow = &mut self.flows[key];
        let interface = self.endpoints[flow.ends.endpoint.index() as usize];
        let tells = match sender {
            Side::Peer => {
                self.interfaces[interface as usize].received += 1;
                Meaning::Received
            }
            Side::Local => Meaning::Sent,
        };
        let segment = (flow.state.peer.transport == Transport::Stream)
            .then(|| flow.state.segment(sender, PSH | ACK, bytes.len()));
        let packet = Packet { at, seq: self.next_seq, interface, ends: &flow.ends, sender, tells, text: None };
        packet.write(&mut self.out.bytes, |out| {
            packet::write_headers(out, &flow.ends, sender, segment, bytes.len());
            out.extend_from_slice(bytes);
        });
        self.next_seq += 1;
        self.sum_up(SUM_EVERY);
    }

    /// What the start or end of a connection looks like on a wire.
    fn record_handshake(&mut self, at: Timestamp, key: usize, event: Event<'_>) {
        let flow = &mut self.flows[key];
        let interface = self.endpoints[flow.ends.endpoint.index() as usize];
        let (seq, text) = (self.next_seq, event.text().unwrap_or_default());
        let mut tells = Meaning::of(&event);
        for (sender, flags) in flow.handshake(&event).into_iter().flatten() {
            let segment = flow.state.segment(sender, flags, 0);
            let told = (tells != Meaning::Continued).then_some(text);
            let packet = Packet { at, seq, interface, ends: &flow.ends, sender, tells, text: told };
            packet.write(&mut self.out.bytes, |out| packet::write_headers(out, &flow.ends, sender, Some(segment), 0));
            tells = Meaning::Continued;
        }
        self.next_seq += 1;
    }

    fn record_text(&mut self, at: Timestamp, subject: Subject, event: Event<'_>) {
        let endpoint_ends;
        let ends = match subject {
            Subject::Flow(FlowId(key)) => &self.flows[key].ends,
            Subject::Endpoint(id) => {
                let nowhere = Address::Endpoint("".into());
                endpoint_ends = Ends::new(id, 0, &nowhere, &nowhere);
                &endpoint_ends
            }
        };
        let sender = match event {
            Event::Closed(side) | Event::Reset(side) | Event::Finished(side) => side,
            Event::Connected => Side::Peer,
            _ => Side::Local,
        };
        let (tells, text) = (Meaning::of(&event), cut(event.text().unwrap_or_default(), MAX_TEXT));
        let interface = self.endpoints[ends.endpoint.index() as usize];
        let packet = Packet { at, seq: self.next_seq, interface, ends, sender, tells, text: Some(text) };
        packet.write(&mut self.out.bytes, |out| {
            packet::write_event_header(out, ends, sender);
            out.extend_from_slice(text.as_bytes());
        });
        self.next_seq += 1;
    }

    /// Appends a frame, whose link must have been added. It is no record, and is not counted as one.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let interface = self.links[frame.link.index() as usize];
        self.interfaces[interface as usize].received += 1;
        write_frame(&mut self.out.bytes, interface, frame);
        self.sum_up(SUM_EVERY);
    }

    /// Counts a frame of a link that is not captured, for want of room.
    pub fn leave_out_frame(&mut self, link: LinkId) {
        let interface = self.links[link.index() as usize];
        self.interfaces[interface as usize].dropped += 1;
    }

    /// Appends what is missing at each interface so far, for those who may never see the end of the run.
    pub fn state_missing(&mut self, at: Timestamp) {
        self.write_statistics(at);
    }

    /// Ends the chunk, if there is anything in it, and begins the next one in `buffer`,
    /// which takes a new segment where this one is full.
    pub fn seal(&mut self, at: Timestamp, buffer: Buffer) -> Option<Chunk> {
        (self.out.len() > 0).then(|| {
            let full = self.segment_bytes + self.out.len() as u64 >= self.limits.bytes
                || at.since(self.segment_begun) >= self.limits.age;
            self.end_chunk(at, buffer, full)
        })
    }

    /// Ends the chunk and the segment, full or not, and begins the next of both in `buffer`.
    pub fn end_segment(&mut self, at: Timestamp, buffer: Buffer) -> Chunk {
        self.end_chunk(at, buffer, true)
    }

    /// Ends the run: the last chunk.
    pub fn finish(&mut self, at: Timestamp) -> Chunk {
        self.write_statistics(at);
        let chunk = self.end_chunk(at, Buffer::default(), false);
        self.out.clear();
        chunk
    }

    fn end_chunk(&mut self, at: Timestamp, mut buffer: Buffer, full: bool) -> Chunk {
        if full {
            self.write_statistics(at);
        }
        if self.out.len() >= LARGE {
            let end = self.segment_bytes as usize + self.out.len() + MARK_LEN;
            write_padding(&mut self.out.bytes, end.next_multiple_of(BLOCK) - end);
        }
        self.sum_up(1);
        let (checksum, _) = std::mem::take(&mut self.checksum);
        write_mark(&mut self.out.bytes, self.first_seq_of_chunk, self.next_seq - 1, checksum);
        buffer.clear();
        let buffer = std::mem::replace(&mut self.out, buffer);
        self.segment_bytes += buffer.len() as u64;
        let (segment, starts_segment) = (self.segment, std::mem::take(&mut self.starts_segment));
        self.first_seq_of_chunk = self.next_seq;
        if full {
            self.begin_segment(at);
        }
        Chunk { buffer, segment, starts_segment, last_seq: self.next_seq - 1 }
    }

    /// Brings the checksum up to date if so many bytes wait for that. Soon after they were written is best,
    /// when they are still in the processor's cache.
    fn sum_up(&mut self, at_least: usize) {
        let (checksum, summed) = self.checksum;
        let rest = &self.out.content()[summed..];
        if rest.len() >= at_least {
            self.checksum = (crc32c::crc32c_append(checksum, rest), self.out.len());
        }
    }

    /// Everything that the records to come lean on, so that the file can be read alone.
    fn begin_segment(&mut self, at: Timestamp) {
        self.segment += 1;
        self.segment_begun = at;
        self.segment_bytes = 0;
        self.starts_segment = true;
        write_section(&mut self.out.bytes, &self.provenance, self.segment);
        self.interfaces.iter().for_each(|interface| write_interface(&mut self.out.bytes, interface));
        self.flows.iter().for_each(|(_, flow)| write_peer(&mut self.out.bytes, &flow.state));
    }

    fn write_statistics(&mut self, at: Timestamp) {
        for (index, interface) in self.interfaces.iter().enumerate() {
            let block = pcapng::begin(&mut self.out.bytes, pcapng::STATISTICS);
            self.out.bytes.extend_from_slice(&(index as u32).to_le_bytes());
            pcapng::write_time(&mut self.out.bytes, at.0);
            pcapng::option(&mut self.out.bytes, ISB_RECEIVED, &interface.received.to_le_bytes());
            pcapng::option(&mut self.out.bytes, ISB_DROPPED, &interface.dropped.to_le_bytes());
            pcapng::end_of_options(&mut self.out.bytes);
            pcapng::end(&mut self.out.bytes, block);
        }
    }
}

impl Flow {
    /// The packets of a start or an end, sender and flags each.
    fn handshake(&self, event: &Event<'_>) -> [Option<(Side, u8)>; 3] {
        let fin = |side: Side| (!self.state.finished[side as usize]).then_some((side, FIN | ACK));
        match *event {
            Event::Connected => {
                let (dials, answers) = (self.state.peer.opened_by, other(self.state.peer.opened_by));
                [Some((dials, SYN)), Some((answers, SYN | ACK)), Some((dials, ACK))]
            }
            Event::Finished(side) => [Some((side, FIN | ACK)), None, None],
            Event::Closed(side) => match (fin(side), fin(other(side))) {
                (None, None) => [Some((side, ACK)), None, None],
                (first, second) => [first.or(second), first.and(second), None],
            },
            Event::Reset(side) => [Some((side, RST | ACK)), None, None],
            _ => [None; 3],
        }
    }
}

impl PeerState {
    /// The next segment of `sender`, whose sequence number moves on by what it carries.
    fn segment(&mut self, sender: Side, flags: u8, payload: usize) -> Segment {
        let PeerState { seq, finished, .. } = self;
        let (mine, theirs) = (sender as usize, other(sender) as usize);
        let ack = if flags & ACK == 0 { 0 } else { seq[theirs] };
        let segment = Segment { seq: seq[mine], ack, flags };
        let counted = u32::from(flags & (SYN | FIN) != 0); // SYN and FIN take a number each: RFC 9293, 3.4
        seq[mine] = seq[mine].wrapping_add(payload as u32 + counted);
        finished[mine] |= flags & FIN != 0;
        segment
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Local => Side::Peer,
        Side::Peer => Side::Local,
    }
}

/// At most `limit` bytes of `text`, whole characters only.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// What an Enhanced Packet Block says around its data.
struct Packet<'a> {
    at: Timestamp,
    seq: u64,
    interface: u32,
    ends: &'a Ends,
    sender: Side,
    tells: Meaning,
    text: Option<&'a str>,
}

impl Packet<'_> {
    fn write<R>(&self, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        write_packet(out, self.interface, self.at, data, |out| self.write_options(out))
    }

    /// One block of bytes of fixed shape, not four calls: this runs for every record.
    fn write_options(&self, out: &mut Vec<u8>) {
        let mut fixed = [0; 36];
        let direction: u32 = if self.sender == Side::Peer { 1 } else { 2 };
        write_option(&mut fixed[..8], EPB_FLAGS, &direction.to_le_bytes());
        write_option(&mut fixed[8..20], EPB_PACKETID, &self.seq.to_le_bytes());
        write_option(&mut fixed[20..32], EPB_MEANING, &[0; 8]);
        fixed[24..28].copy_from_slice(&self.ends.peer.to_le_bytes());
        fixed[28] = self.tells as u8;
        match self.text {
            None => out.extend_from_slice(&fixed),
            Some(text) => {
                out.extend_from_slice(&fixed[..32]);
                pcapng::option(out, COMMENT, self.comment(text).as_bytes());
                pcapng::end_of_options(out);
            }
        }
    }

    fn comment(&self, text: &str) -> String {
        match self.ends.peer {
            0 => format!("{}: {text}", self.ends.endpoint),
            peer => format!("{}.{peer}: {text}", self.ends.endpoint),
        }
    }
}

/// An Enhanced Packet Block.
fn write_packet<R>(
    out: &mut Vec<u8>,
    interface: u32,
    at: Timestamp,
    data: impl FnOnce(&mut Vec<u8>) -> R,
    options: impl FnOnce(&mut Vec<u8>),
) -> R {
    let block = pcapng::begin(out, pcapng::PACKET);
    out.extend_from_slice(&interface.to_le_bytes());
    pcapng::write_time(out, at.0);
    let lengths = out.len();
    out.extend_from_slice(&[0; 8]);
    let result = data(out);
    let length = (out.len() - lengths - 8) as u32;
    out[lengths..lengths + 4].copy_from_slice(&length.to_le_bytes());
    out[lengths + 4..lengths + 8].copy_from_slice(&length.to_le_bytes());
    pcapng::pad(out, lengths);
    options(out);
    pcapng::end(out, block);
    result
}

fn write_frame(out: &mut Vec<u8>, interface: u32, frame: &Frame<'_>) {
    let mut fixed = [0; 24];
    let direction: u32 = if frame.way == Way::In { 1 } else { 2 };
    write_option(&mut fixed[..8], EPB_FLAGS, &direction.to_le_bytes());
    write_option(&mut fixed[8..20], EPB_MEANING, &[0; 8]);
    let fates = [(frame.dropped, Fate::Dropped), (frame.copy, Fate::Copy), (frame.damaged, Fate::Damaged)];
    fixed[16] = Meaning::Frame as u8;
    fixed[17] = fates.iter().filter(|(is, _)| *is).map(|(_, fate)| *fate as u8).sum();
    let bytes = &frame.bytes[..frame.bytes.len().min(MAX_FRAME)];
    let data = |out: &mut Vec<u8>| out.extend_from_slice(bytes);
    write_packet(out, interface, frame.at, data, |out| {
        if frame.note.is_empty() {
            return out.extend_from_slice(&fixed);
        }
        out.extend_from_slice(&fixed[..20]);
        pcapng::option(out, COMMENT, cut(frame.note, MAX_NOTE).as_bytes());
        pcapng::end_of_options(out);
    });
}

/// As `pcapng::option`, into a place of exactly its length.
fn write_option(place: &mut [u8], code: u16, value: &[u8]) {
    place[..2].copy_from_slice(&code.to_le_bytes());
    place[2..4].copy_from_slice(&(value.len() as u16).to_le_bytes());
    place[4..].copy_from_slice(value);
}

fn write_section(out: &mut Vec<u8>, provenance: &Provenance, segment: u32) {
    let block = pcapng::begin(out, pcapng::SECTION);
    out.extend_from_slice(&pcapng::BYTE_ORDER_MAGIC.to_le_bytes());
    out.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
    out.extend_from_slice(&u64::MAX.to_le_bytes()); // length of the section: not said
    pcapng::option(out, USERAPPL, provenance.program.as_bytes());
    let comment =
        format!("run={} format={FORMAT} segment={segment}; the headers of host sockets are synthetic", provenance.run);
    pcapng::option(out, COMMENT, comment.as_bytes());
    pcapng::end_of_options(out);
    pcapng::end(out, block);
}

fn write_interface(out: &mut Vec<u8>, interface: &Interface) {
    let block = pcapng::begin(out, pcapng::INTERFACE);
    out.extend_from_slice(&[1, 0, 0, 0]); // link type Ethernet
    out.extend_from_slice(&[0; 4]); // no snap length
    pcapng::option(out, IF_NAME, cut(&interface.name, MAX_TEXT).as_bytes());
    pcapng::option(out, IF_DESCRIPTION, cut(&interface.description, MAX_TEXT).as_bytes());
    pcapng::option(out, IF_TSRESOL, &[9]);
    if let Some(mac) = interface.mac {
        pcapng::option(out, IF_MAC, &mac);
        pcapng::option(out, IF_LINK, &[]);
    }
    pcapng::end_of_options(out);
    pcapng::end(out, block);
}

fn write_peer(out: &mut Vec<u8>, state: &PeerState) {
    let block = pcapng::begin(out, pcapng::PEER);
    let body = postcard::to_stdvec(state).expect("plain data always serializes");
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
    pcapng::end(out, block);
}

/// Takes `length` bytes of the file, which must be a multiple of four; a block more where no frame fits in them.
fn write_padding(out: &mut Vec<u8>, length: usize) {
    let length = match length {
        0 => return,
        1..pcapng::FRAME => length + BLOCK,
        _ => length,
    };
    let block = pcapng::begin(out, pcapng::PADDING);
    out.resize(out.len() + length - pcapng::FRAME, 0);
    pcapng::end(out, block);
}

/// Vouches for the bytes of a chunk, whose `checksum` is their CRC-32C.
pub(crate) fn write_mark(out: &mut Vec<u8>, first: u64, last: u64, checksum: u32) {
    let block = pcapng::begin(out, pcapng::MARK);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&last.to_le_bytes());
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    pcapng::end(out, block);
}
