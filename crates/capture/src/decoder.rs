//! pcapng in, records out: the meaning of each block, and what must be remembered between blocks.
//! Where the bytes come from belongs in `cursor`; the inverse is `encoder`.

use std::net::SocketAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::encoder::{
    EPB_MEANING, EPB_PACKETID, FORMAT, IF_DESCRIPTION, IF_NAME, ISB_DROPPED, Meaning, PeerState, USERAPPL,
};
use crate::index::Totals;
use crate::packet;
use crate::pcapng::{self, BYTE_ORDER_MAGIC, Block, COMMENT};
use crate::record::{Address, EndpointId, Event, PeerId, Record, Side, Timestamp, Transport};

/// Why a block cannot be what this project wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// The file is pcapng, but somebody else's.
    #[error("it was written by {0}, not by Socklab; open it with Wireshark")]
    Program(String),
    /// Ours, but of a later layout.
    #[error("its format is {0}, and this version reads up to {FORMAT}; use a newer Socklab")]
    Format(String),
    /// Not pcapng at all.
    #[error("it is no pcapng file")]
    NotPcapng,
    /// A block that says less than it must.
    #[error("a block of it is malformed")]
    Malformed,
}

/// What a block says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    Section,
    Endpoint(EndpointId),
    Peer(PeerId),
    Record(Record<'a>),
    /// A packet drawn beside a record's first.
    Drawn,
    /// A commit mark: what stands before it was written whole.
    Mark,
    /// Datagrams that the kernel dropped at an endpoint since the run began.
    Dropped(EndpointId, u64),
    /// A block of a type that says nothing to us.
    Other,
}

/// An endpoint as the capture names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointInfo {
    /// Short: `tcp-listen:10000`.
    pub name: String,
    /// The URL it was opened with, the port it got filled in.
    pub url: Arc<str>,
}

/// Remembers what the blocks so far have said of the run, its endpoints and peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoder {
    endpoints: Vec<EndpointInfo>,
    peers: FxHashMap<PeerId, Address>,
}

impl Decoder {
    pub(crate) fn endpoint(&self, id: EndpointId) -> Option<&EndpointInfo> {
        self.endpoints.get(id.index() as usize)
    }

    pub(crate) fn endpoints(&self) -> &[EndpointInfo] {
        &self.endpoints
    }

    /// Takes over what an index knows of peers whose introduction is passed over.
    pub(crate) fn introduce(&mut self, totals: &Totals) {
        self.peers.extend(totals.peers.iter().map(|(id, peer)| (*id, peer.address.clone())));
        self.endpoints =
            totals.endpoints.iter().map(|e| EndpointInfo { name: e.name.clone(), url: e.url.clone() }).collect();
    }

    /// Takes over what stands before a place in the segment that is being written.
    pub(crate) fn begin_at(&mut self, endpoints: Vec<EndpointInfo>, unshown: Vec<(PeerId, Address)>) {
        self.endpoints = endpoints;
        self.peers.extend(unshown);
    }

    /// The address of a peer that was introduced, if its packets do not show it.
    pub(crate) fn unshown(&self, peer: PeerId) -> Option<Address> {
        self.peers.get(&peer).filter(|address| !matches!(address, Address::Inet(_))).cloned()
    }

    /// Reads a block and remembers what later ones lean on.
    pub(crate) fn decode<'a>(&mut self, block: Block<'a>) -> Result<Item<'a>, Foreign> {
        match block.kind {
            pcapng::PACKET => self.packet(block.body).ok_or(Foreign::Malformed),
            pcapng::SECTION => self.section(block.body).map(|()| Item::Section),
            pcapng::INTERFACE => self.interface(block.body).ok_or(Foreign::Malformed),
            pcapng::PEER => self.peer(block.body).ok_or(Foreign::Malformed),
            pcapng::MARK => stated_checksum(block.body).map(|_| Item::Mark).ok_or(Foreign::Malformed),
            pcapng::STATISTICS => statistics(block.body).ok_or(Foreign::Malformed),
            _ => Ok(Item::Other),
        }
    }

    fn section(&mut self, body: &[u8]) -> Result<(), Foreign> {
        if pcapng::read_u32(body, 0) != Some(BYTE_ORDER_MAGIC) {
            return Err(Foreign::Program("a big-endian program".into()));
        }
        let find = |code| text_option(body.get(16..).unwrap_or_default(), code);
        let program = find(USERAPPL).unwrap_or_else(|| "an unnamed program".into());
        let comment = find(COMMENT).unwrap_or_default();
        let word = |key: &str| comment.split([' ', ';']).find_map(|word| word.strip_prefix(key)).map(str::to_owned);
        let (Some(_), Some(format)) = (word("run="), word("format=")) else { return Err(Foreign::Program(program)) };
        if format != FORMAT.to_string() {
            return Err(Foreign::Format(format));
        }
        self.endpoints.clear(); // a section counts its interfaces anew; peers keep their ids through the run
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Option<Item<'static>> {
        let id = EndpointId::from_index(self.endpoints.len() as u32)?;
        let name = text_option(body.get(8..)?, IF_NAME)?;
        let url = text_option(body.get(8..)?, IF_DESCRIPTION)?.into();
        self.endpoints.push(EndpointInfo { name, url });
        Some(Item::Endpoint(id))
    }

    fn peer(&mut self, body: &[u8]) -> Option<Item<'static>> {
        let length = pcapng::read_u32(body, 0)? as usize;
        let state: PeerState = postcard::from_bytes(body.get(4..)?.get(..length)?).ok()?;
        self.peers.insert(state.peer.id, state.peer.remote);
        Some(Item::Peer(state.peer.id))
    }

    fn packet<'a>(&mut self, body: &'a [u8]) -> Option<Item<'a>> {
        let packet = PacketView::parse(body)?;
        if packet.meaning == Meaning::Continued {
            return Some(Item::Drawn);
        }
        let endpoint = EndpointId::from_index(packet.interface)?;
        let peer = packet.peer.try_into().ok().map(|number| PeerId { endpoint, number });
        let view = packet::parse(packet.data)?;
        let address = self.address(endpoint, peer, packet.meaning, view.addresses);
        let is_datagram = matches!(view.addresses, Some((_, _, Transport::Datagram)));
        let event = event(packet.meaning, view.payload)?;
        if let (Event::Closed(_) | Event::Reset(_), Some(peer)) = (event, peer) {
            self.peers.remove(&peer); // its last word: who is gone costs no memory
        }
        Some(Item::Record(Record { seq: packet.seq, at: packet.at, endpoint, peer, address, is_datagram, event }))
    }

    /// The peer as it was introduced, or else by the addresses that the packet itself shows.
    fn address(
        &self,
        endpoint: EndpointId,
        peer: Option<PeerId>,
        meaning: Meaning,
        shown: Option<(SocketAddr, SocketAddr, Transport)>,
    ) -> Address {
        let introduced = peer.and_then(|peer| self.peers.get(&peer).cloned());
        introduced.unwrap_or_else(|| match shown {
            Some((source, target, _)) => Address::Inet(if meaning == Meaning::Sent { target } else { source }),
            None => Address::Endpoint(self.endpoint(endpoint).map_or_else(|| "".into(), |info| info.url.clone())),
        })
    }
}

/// An Enhanced Packet Block with our options.
pub(crate) struct PacketView<'a> {
    pub(crate) interface: u32,
    pub(crate) at: Timestamp,
    pub(crate) seq: u64,
    pub(crate) peer: u32,
    pub(crate) meaning: Meaning,
    pub(crate) data: &'a [u8],
}

impl<'a> PacketView<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let length = pcapng::read_u32(body, 12)? as usize;
        let data = body.get(20..)?.get(..length)?;
        let options = body.get(20 + length.next_multiple_of(4)..)?;
        let find = |code| pcapng::options(options).find(|option| option.0 == code).map(|option| option.1);
        let meaning = find(EPB_MEANING)?;
        Some(PacketView {
            interface: pcapng::read_u32(body, 0)?,
            at: Timestamp(pcapng::read_time(body, 4)?),
            seq: pcapng::read_u64(find(EPB_PACKETID)?, 0).filter(|seq| *seq < u64::MAX)?, // there is always a next one
            peer: pcapng::read_u32(meaning, 0)?,
            meaning: Meaning::from_number(*meaning.get(4)?)?,
            data,
        })
    }
}

fn event(meaning: Meaning, payload: &[u8]) -> Option<Event<'_>> {
    let text = || std::str::from_utf8(payload).ok();
    Some(match meaning {
        Meaning::Continued => return None,
        Meaning::Opened => Event::Opened(text()?),
        Meaning::Connected => Event::Connected,
        Meaning::Received => Event::Received(payload),
        Meaning::Sent => Event::Sent(payload),
        Meaning::FinishedByUs => Event::Finished(Side::Local),
        Meaning::FinishedByPeer => Event::Finished(Side::Peer),
        Meaning::ClosedByUs => Event::Closed(Side::Local),
        Meaning::ClosedByPeer => Event::Closed(Side::Peer),
        Meaning::ResetByUs => Event::Reset(Side::Local),
        Meaning::ResetByPeer => Event::Reset(Side::Peer),
        Meaning::Failed => Event::Failed(text()?),
        Meaning::Note => Event::Note(text()?),
    })
}

/// What a commit mark says is the CRC32C of every byte since the mark before, or since the start of the file.
pub(crate) fn stated_checksum(mark: &[u8]) -> Option<u32> {
    pcapng::read_u32(mark, 16)
}

/// The first and the last record that a commit mark vouches for; without any, the last is the one before the first.
pub(crate) fn stated_records(mark: &[u8]) -> Option<(u64, u64)> {
    pcapng::read_u64(mark, 0).zip(pcapng::read_u64(mark, 8))
}

fn statistics(body: &[u8]) -> Option<Item<'static>> {
    let endpoint = EndpointId::from_index(pcapng::read_u32(body, 0)?)?;
    let dropped = pcapng::options(body.get(12..)?).find(|option| option.0 == ISB_DROPPED);
    Some(Item::Dropped(endpoint, dropped.and_then(|(_, value)| pcapng::read_u64(value, 0)).unwrap_or(0)))
}

fn text_option(options: &[u8], code: u16) -> Option<String> {
    let (_, value) = pcapng::options(options).find(|option| option.0 == code)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Buffer, Encoder, FlowId, Peer, Provenance, SegmentLimits, Subject};
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn encoder() -> Encoder {
        let provenance = Provenance { program: "socklab test".into(), run: "r1".into() };
        Encoder::new(provenance, SegmentLimits::default(), Timestamp(7))
    }

    fn add_peer(encoder: &mut Encoder, endpoint: EndpointId, transport: Transport, remote: Address) -> (Peer, FlowId) {
        let id = PeerId { endpoint, number: NonZeroU32::MIN };
        let local = Address::Inet(([127, 0, 0, 1], 10000).into());
        let peer = Peer { id, transport, opened_by: Side::Peer, local, remote };
        (peer.clone(), encoder.add_peer(peer))
    }

    fn inet() -> Address {
        Address::Inet(([192, 168, 1, 50], 49152).into())
    }

    /// Number, time, peer, address, text and payload.
    type Seen = (u64, u64, Option<PeerId>, Address, Option<String>, Vec<u8>);

    fn records(bytes: &[u8]) -> Vec<Seen> {
        let (mut decoder, mut rest, mut seen) = (Decoder::default(), bytes, Vec::new());
        while let Some(block) = pcapng::first_block(rest).expect("whole blocks") {
            rest = &rest[block.len()..];
            if let Item::Record(r) = decoder.decode(block).expect("ours") {
                seen.push((
                    r.seq,
                    r.at.0,
                    r.peer,
                    r.address,
                    r.event.text().map(Into::into),
                    r.event.payload().to_vec(),
                ));
            }
        }
        seen
    }

    fn any_event() -> impl Strategy<Value = (u8, Vec<u8>, String)> {
        (0..10u8, proptest::collection::vec(any::<u8>(), 0..70_000), ".{0,40}")
    }

    fn make<'a>(kind: u8, bytes: &'a [u8], text: &'a str) -> Event<'a> {
        match kind {
            0 => Event::Connected,
            1 => Event::Sent(bytes),
            2 => Event::Closed(Side::Local),
            3 => Event::Closed(Side::Peer),
            4 => Event::Reset(Side::Peer),
            5 => Event::Failed(text),
            6 => Event::Note(text),
            7 => Event::Finished(Side::Local),
            8 => Event::Opened(text),
            _ => Event::Received(bytes),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_event_reads_back(events in proptest::collection::vec(any_event(), 0..8), stream: bool, unix: bool) {
            let mut encoder = encoder();
            let endpoint = encoder.add_endpoint("tcp-listen:10000".into(), "tcp-listen://127.0.0.1:10000");
            let transport = if stream { Transport::Stream } else { Transport::Datagram };
            let remote = if unix { Address::Unix("/tmp/x".into()) } else { inet() };
            let (peer, flow) = add_peer(&mut encoder, endpoint, transport, remote.clone());
            let mut expected = Vec::new();
            for (at, (kind, bytes, text)) in events.iter().enumerate() {
                let event = make(*kind, bytes, text);
                encoder.record(Timestamp(at as u64), Subject::Flow(flow), event);
                let payload = event.payload();
                let pieces: Vec<&[u8]> = if payload.is_empty() { vec![payload] } else { payload.chunks(peer.max_payload()).collect() };
                for piece in pieces {
                    let seq = expected.len() as u64 + 1;
                    expected.push((seq, at as u64, Some(peer.id), remote.clone(), event.text().map(String::from), piece.to_vec()));
                }
                if matches!(event, Event::Closed(_) | Event::Reset(_)) {
                    break; // a peer's last word
                }
            }
            let chunk = encoder.finish(Timestamp(9));
            prop_assert_eq!(chunk.last_seq, expected.len() as u64);
            prop_assert_eq!(records(chunk.bytes()), expected);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(kind in prop_oneof![Just(1u32), Just(5), Just(6), Just(0x8000_0001), Just(0x8000_0002), any::<u32>()], body: Vec<u8>) {
            let _ = Decoder::default().decode(Block { kind, body: &body });
        }
    }

    #[test]
    fn a_new_segment_can_be_read_alone() {
        let limits = SegmentLimits { bytes: 1, ..SegmentLimits::default() };
        let mut encoder = Encoder::new(Provenance { program: "t".into(), run: "r".into() }, limits, Timestamp(0));
        let endpoint = encoder.add_endpoint("unix-listen:/tmp/x".into(), "unix-listen:///tmp/x");
        let (Peer { id, .. }, flow) =
            add_peer(&mut encoder, endpoint, Transport::Stream, Address::Unix("@board".into()));
        encoder.record(Timestamp(1), Subject::Flow(flow), Event::Connected);
        let first = encoder.seal(Timestamp(1), Buffer::default()).expect("a chunk");
        encoder.record(Timestamp(2), Subject::Flow(flow), Event::Received(b"hi"));
        let second = encoder.seal(Timestamp(2), Buffer::default()).expect("a chunk");
        assert_eq!((first.segment, second.segment, second.starts_segment), (1, 2, true));
        let seen = records(second.bytes());
        assert_eq!(seen, vec![(2, 2, Some(id), Address::Unix("@board".into()), None, b"hi".to_vec())]);
    }

    /// The lengths of the records that a datagram of `length` bytes becomes, and whether each is one.
    fn pieces(local: &str, remote: Address, length: usize) -> Vec<(usize, bool)> {
        let mut encoder = encoder();
        let endpoint = encoder.add_endpoint("udp:1".into(), "udp://127.0.0.1:1");
        let id = PeerId { endpoint, number: NonZeroU32::MIN };
        let local = Address::Inet(local.parse().expect("an address"));
        let peer = Peer { id, transport: Transport::Datagram, opened_by: Side::Peer, local, remote };
        let flow = encoder.add_peer(peer);
        encoder.record(Timestamp(1), Subject::Flow(flow), Event::Received(&vec![7; length]));
        let chunk = encoder.finish(Timestamp(2));
        let (mut decoder, mut rest, mut pieces) = (Decoder::default(), chunk.bytes(), Vec::new());
        while let Some(block) = pcapng::first_block(rest).expect("whole blocks") {
            rest = &rest[block.len()..];
            if let Item::Record(r) = decoder.decode(block).expect("ours") {
                pieces.push((r.event.payload().len(), r.is_datagram));
            }
        }
        pieces
    }

    #[test]
    fn the_longest_datagram_is_one_record() {
        let six = Address::Inet("[::1]:2".parse().expect("an address"));
        assert_eq!(pieces("127.0.0.1:1", inet(), 65_507), [(65_507, true)]);
        assert_eq!(pieces("[::1]:1", six.clone(), 65_520), [(65_520, true)]);
        assert_eq!(pieces("[::1]:1", six, 65_527), [(65_527, true)]);
        assert_eq!(pieces("127.0.0.1:1", Address::Unix("/tmp/x".into()), 65_528), [(65_527, true), (1, true)]);
    }

    #[test]
    fn a_foreign_file_is_named() {
        let mut out = Vec::new();
        let block = pcapng::begin(&mut out, pcapng::SECTION);
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&[0; 12]);
        pcapng::option(&mut out, USERAPPL, b"Dumpcap 4.0");
        pcapng::end_of_options(&mut out);
        pcapng::end(&mut out, block);
        let block = pcapng::first_block(&out).expect("whole").expect("one");
        assert_eq!(Decoder::default().decode(block), Err(Foreign::Program("Dumpcap 4.0".into())));
    }
}
