//! pcapng in, records out: the meaning of each block, and what must be remembered between blocks.
//! Where the bytes come from belongs in `cursor`; the inverse is `encoder`.

use std::net::SocketAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::encoder::{
    EPB_FLAGS, EPB_MEANING, EPB_PACKETID, FORMAT, Fate, IF_DESCRIPTION, IF_LINK, IF_NAME, ISB_DROPPED, Meaning,
    PeerState, USERAPPL,
};
use crate::index::{LinkTotals, Totals};
use crate::packet;
use crate::pcapng::{self, BYTE_ORDER_MAGIC, Block, COMMENT};
use crate::record::{Address, EndpointId, Event, Frame, LinkId, PeerId, Record, Side, Timestamp, Transport, Way};

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
    /// Ours once: another program has written it again, and dropped what it does not know.
    #[error(
        "another program wrote it again and left out what Socklab needs; open it with Wireshark, or export it anew"
    )]
    Rewritten,
    /// A block that says less than it must.
    #[error("a block of it is malformed")]
    Malformed,
}

impl Foreign {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Foreign::Program(program) => format!("它由 {program} 写成，不是 Socklab；请用 Wireshark 打开"),
            Foreign::Format(format) => format!("它的格式是 {format}，本版本最高支持 {FORMAT}；请使用更新的 Socklab"),
            Foreign::NotPcapng => "不是 pcapng 文件".into(),
            Foreign::Rewritten => "别的程序重写过它，丢掉了 Socklab 需要的内容；请用 Wireshark 打开，或重新导出".into(),
            Foreign::Malformed => "其中有一个块不完整".into(),
        }
    }
}

/// What a block says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    Section,
    /// An endpoint or a link.
    Interface,
    Peer(PeerId),
    Record(Record<'a>),
    Frame(Frame<'a>),
    /// A packet drawn beside a record's first.
    Drawn,
    /// A commit mark: what stands before it was written whole.
    Mark,
    /// What is missing at an interface since the run began: datagrams that the kernel dropped, frames left out.
    Missing(Interface, u64),
    /// A block of a type that says nothing to us.
    Other,
}

/// What an interface stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    Endpoint(EndpointId),
    Link(LinkId),
}

/// An endpoint as the capture names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointInfo {
    /// Short: `tcp-listen:10000`.
    pub name: String,
    /// The URL it was opened with, the port it got filled in.
    pub url: Arc<str>,
}

/// A link of a virtual network as the capture names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// That of the board at its end.
    pub name: String,
    /// What there is to say of it.
    pub description: String,
}

/// Remembers what the blocks so far have said of the run, its endpoints, links and peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoder {
    interfaces: Vec<Interface>,
    endpoints: Vec<EndpointInfo>,
    links: Vec<LinkInfo>,
    peers: FxHashMap<PeerId, Address>,
}

impl Decoder {
    pub(crate) fn endpoint(&self, id: EndpointId) -> Option<&EndpointInfo> {
        self.endpoints.get(id.index() as usize)
    }

    pub(crate) fn link(&self, id: LinkId) -> Option<&LinkInfo> {
        self.links.get(id.index() as usize)
    }

    pub(crate) fn links(&self) -> &[LinkInfo] {
        &self.links
    }

    /// What the interfaces stand for, in their order.
    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The endpoint that interface `number` stands for.
    pub(crate) fn endpoint_at(&self, number: u32) -> Option<EndpointId> {
        match self.interfaces.get(number as usize) {
            Some(Interface::Endpoint(id)) => Some(*id),
            _ => None,
        }
    }

    /// The link whose frame a packet is.
    pub(crate) fn link_of(&self, block: Block<'_>) -> Option<LinkId> {
        match self.interfaces.get(pcapng::read_u32(block.body, 0)? as usize) {
            Some(Interface::Link(id)) if block.kind == pcapng::PACKET => Some(*id),
            _ => None,
        }
    }

    /// Takes over what an index knows of peers whose introduction is passed over.
    pub(crate) fn introduce(&mut self, totals: &Totals) {
        self.peers.extend(totals.peers.iter().map(|(id, peer)| (*id, peer.address.clone())));
        self.endpoints =
            totals.endpoints.iter().map(|e| EndpointInfo { name: e.name.clone(), url: e.url.clone() }).collect();
        let link = |link: &LinkTotals| LinkInfo { name: link.name.clone(), description: link.description.clone() };
        self.links = totals.links.iter().map(link).collect();
        let mut interfaces: Vec<_> = totals.interfaces().collect();
        interfaces.sort_unstable_by_key(|(number, _)| *number);
        self.interfaces = interfaces.into_iter().map(|(_, interface)| interface).collect();
    }

    /// What is known of interfaces, and of no peer.
    pub(crate) fn without_peers(&self) -> Decoder {
        Decoder { peers: FxHashMap::default(), ..self.clone() }
    }

    /// What was known before all but the first `interfaces` were named, with these peers.
    pub(crate) fn as_of(&self, interfaces: usize, peers: &[(PeerId, Address)]) -> Decoder {
        let mut earlier = self.clone();
        earlier.interfaces.truncate(interfaces);
        let links = earlier.interfaces.iter().filter(|interface| matches!(interface, Interface::Link(_))).count();
        earlier.links.truncate(links);
        earlier.endpoints.truncate(earlier.interfaces.len() - links);
        earlier.peers.extend(peers.iter().cloned());
        earlier
    }

    /// The address of a peer that was introduced, if its packets do not show it.
    pub(crate) fn unshown(&self, peer: PeerId) -> Option<Address> {
        self.peers.get(&peer).filter(|address| !matches!(address, Address::Inet(_))).cloned()
    }

    /// Reads a block and remembers what later ones lean on.
    pub(crate) fn decode<'a>(&mut self, block: Block<'a>) -> Result<Item<'a>, Foreign> {
        match block.kind {
            pcapng::PACKET => match self.link_of(block) {
                Some(link) => frame(link, block.body).map(Item::Frame),
                None => self.packet(block.body),
            }
            .ok_or_else(|| unreadable_packet(block.body)),
            pcapng::SECTION => self.section(block.body).map(|()| Item::Section),
            pcapng::INTERFACE => self.interface(block.body).ok_or(Foreign::Malformed),
            pcapng::PEER => self.peer(block.body).ok_or(Foreign::Malformed),
            pcapng::MARK => stated_checksum(block.body).map(|_| Item::Mark).ok_or(Foreign::Malformed),
            pcapng::STATISTICS => self.statistics(block.body).ok_or(Foreign::Malformed),
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
        if !format.parse().is_ok_and(|format: u32| (1..=FORMAT).contains(&format)) {
            return Err(Foreign::Format(format));
        }
        // A section counts its interfaces anew; peers keep their ids through the run.
        self.interfaces.clear();
        self.endpoints.clear();
        self.links.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Option<Item<'static>> {
        let options = body.get(8..)?;
        let (name, description) = (text_option(options, IF_NAME)?, text_option(options, IF_DESCRIPTION)?);
        self.interfaces.push(if pcapng::options(options).any(|(code, _)| code == IF_LINK) {
            let id = LinkId::from_index(self.links.len() as u32)?;
            self.links.push(LinkInfo { name, description });
            Interface::Link(id)
        } else {
            let id = EndpointId::from_index(self.endpoints.len() as u32)?;
            self.endpoints.push(EndpointInfo { name, url: description.into() });
            Interface::Endpoint(id)
        });
        Some(Item::Interface)
    }

    fn statistics(&self, body: &[u8]) -> Option<Item<'static>> {
        let interface = *self.interfaces.get(pcapng::read_u32(body, 0)? as usize)?;
        let missing = pcapng::options(body.get(12..)?).find(|option| option.0 == ISB_DROPPED);
        Some(Item::Missing(interface, missing.and_then(|(_, value)| pcapng::read_u64(value, 0)).unwrap_or(0)))
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
        let endpoint = self.endpoint_at(packet.interface)?;
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
            Some((source, target, _)) => {
                let shown = if meaning == Meaning::Sent { target } else { source };
                Address::Inet(SocketAddr::new(shown.ip().to_canonical(), shown.port())) // it may be drawn as IPv6
            }
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

/// Why an Enhanced Packet Block is none of ours. There is an option that none of ours is without.
pub(crate) fn unreadable_packet(body: &[u8]) -> Foreign {
    let options = || body.get(20 + (pcapng::read_u32(body, 12)? as usize).checked_next_multiple_of(4)?..);
    match options() {
        Some(options) if !pcapng::options(options).any(|(code, _)| code == EPB_MEANING) => Foreign::Rewritten,
        _ => Foreign::Malformed,
    }
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
        Meaning::Continued | Meaning::Frame => return None,
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

/// An Enhanced Packet Block on the interface of a link.
fn frame(link: LinkId, body: &[u8]) -> Option<Frame<'_>> {
    let length = pcapng::read_u32(body, 12)? as usize;
    let bytes = body.get(20..)?.get(..length)?;
    let (at, way, note) = (Timestamp(pcapng::read_time(body, 4)?), Way::Out, "");
    let mut frame = Frame { at, link, way, dropped: false, copy: false, damaged: false, note, bytes };
    let mut is_ours = false;
    for (code, value) in pcapng::options(body.get(20 + length.next_multiple_of(4)..)?) {
        match code {
            EPB_FLAGS if pcapng::read_u32(value, 0)? & 3 == 1 => frame.way = Way::In,
            EPB_MEANING => {
                let [meaning, fates] = *value.get(4..)?.first_chunk()?;
                let is = |fate: Fate| fates & fate as u8 != 0;
                is_ours = Meaning::from_number(meaning)? == Meaning::Frame;
                (frame.dropped, frame.copy, frame.damaged) = (is(Fate::Dropped), is(Fate::Copy), is(Fate::Damaged));
            }
            COMMENT => frame.note = str::from_utf8(value).ok()?,
            _ => {}
        }
    }
    is_ours.then_some(frame)
}

/// What a commit mark says is the CRC32C of every byte since the mark before, or since the start of the file.
pub(crate) fn stated_checksum(mark: &[u8]) -> Option<u32> {
    pcapng::read_u32(mark, 16)
}

/// The first and the last record that a commit mark vouches for; without any, the last is the one before the first.
pub(crate) fn stated_records(mark: &[u8]) -> Option<(u64, u64)> {
    pcapng::read_u64(mark, 0).zip(pcapng::read_u64(mark, 8))
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

    fn cut(text: &str, most: usize) -> &str {
        &text[..text.floor_char_boundary(most)]
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
        fn frames_read_back_among_records(
            frames in proptest::collection::vec((any::<[u8; 4]>(), proptest::collection::vec(any::<u8>(), 0..2000), ".{0,90}"), 0..12),
            first: bool,
        ) {
            let mut encoder = encoder();
            let add_endpoint = |encoder: &mut Encoder| encoder.add_endpoint("tcp-listen:1".into(), "tcp-listen://:1");
            let before = first.then(|| add_endpoint(&mut encoder));
            let links = ["esp32", "k230"].map(|name| encoder.add_link(name.into(), "a board", [2; 6]));
            let endpoint = before.unwrap_or_else(|| add_endpoint(&mut encoder));
            let (_, flow) = add_peer(&mut encoder, endpoint, Transport::Stream, inet());
            let frame = |at: usize| {
                let ([link, way, fate, _], bytes, note) = &frames[at];
                let way = if way % 2 == 0 { Way::In } else { Way::Out };
                let [dropped, copy, damaged] = [1, 2, 4].map(|bit| fate & bit != 0);
                Frame { at: Timestamp(at as u64), link: links[usize::from(link % 2)], way, dropped, copy, damaged, note, bytes }
            };
            for at in 0..frames.len() {
                encoder.record(Timestamp(9), Subject::Flow(flow), Event::Received(&[at as u8]));
                encoder.frame(&frame(at));
            }
            encoder.leave_out_frame(links[1]);
            let chunk = encoder.finish(Timestamp(9));
            let (mut decoder, mut rest, mut next) = (Decoder::default(), chunk.bytes(), 0);
            while let Some(block) = pcapng::first_block(rest).expect("whole blocks") {
                rest = &rest[block.len()..];
                match decoder.decode(block).expect("ours") {
                    Item::Frame(seen) => {
                        let note = cut(seen.note, 255);
                        prop_assert_eq!(seen, Frame { note, ..frame(next) });
                        next += 1;
                    }
                    Item::Record(seen) => {
                        prop_assert_eq!((seen.seq, seen.endpoint), (next as u64 + 1, endpoint));
                        prop_assert_eq!(seen.address, inet());
                    }
                    Item::Missing(interface, count) => {
                        prop_assert_eq!(count, u64::from(interface == Interface::Link(links[1])));
                    }
                    _ => {}
                }
            }
            prop_assert_eq!((next, chunk.last_seq), (frames.len(), frames.len() as u64));
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
