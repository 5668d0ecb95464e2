//! A real capture, played from arbitrary bytes: peers come, talk and go, chunks and segments end. What must read back
//! is known.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use socklab_capture::encoder::{Buffer, Chunk, Encoder, FlowId, Peer, Provenance, SegmentLimits, Subject};
use socklab_capture::{Address, EndpointId, Event, Frame, LinkId, PeerId, Record, Side, Timestamp, Transport, Way};

const URL: &str = "tcp-listen://127.0.0.1:10000";

/// More than a reader's window holds, if it comes a few times; longer than one record can be.
static LONG: [u8; 70_000] = {
    let mut bytes = [0; 70_000];
    let mut index = 0;
    while index < bytes.len() {
        bytes[index] = (index / 3) as u8;
        index += 1;
    }
    bytes
};

/// Steps of one play, so that none takes long.
const STEPS: usize = 200;
/// Of these, the ones that use `LONG`.
const LONG_ONES: usize = 5;

/// A commit mark: the segment, counted from 1, where in it the mark ends, and how many records come before.
pub(crate) struct Mark {
    pub(crate) segment: usize,
    pub(crate) end: usize,
    pub(crate) records: usize,
}

/// A record as it must read back.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    seq: u64,
    at: Timestamp,
    endpoint: EndpointId,
    peer: Option<PeerId>,
    address: Address,
    event: Event<'a>,
}

impl Told<'_> {
    pub(crate) fn is(&self, record: &Record<'_>) -> bool {
        let Record { seq, at, endpoint, peer, ref address, event, .. } = *record;
        (self.seq, self.at, self.endpoint, self.peer) == (seq, at, endpoint, peer)
            && self.address == *address
            && self.event == event
    }
}

/// A capture, and what is in it.
pub(crate) struct Scene<'a> {
    encoder: Encoder,
    at: Timestamp,
    endpoints: Vec<EndpointId>,
    peers: Vec<(Peer, FlowId)>,
    joined: u32,
    long_ones: usize,
    links: Vec<LinkId>,
    /// The bytes of the segments, in order.
    pub(crate) segments: Vec<Vec<u8>>,
    pub(crate) marks: Vec<Mark>,
    /// What the capture tells.
    pub(crate) records: Vec<Told<'a>>,
}

impl<'a> Scene<'a> {
    /// Plays until `input` says that it is over.
    pub(crate) fn play(input: &mut Unstructured<'a>) -> Result<Self> {
        let bytes = *input.choose(&[1, 700, 1 << 20])?;
        let limits = SegmentLimits { bytes, ..SegmentLimits::default() };
        let provenance = Provenance { program: "socklab fuzz".into(), run: "r".into() };
        let mut scene = Scene {
            encoder: Encoder::new(provenance, limits, Timestamp(0)),
            at: Timestamp(0),
            endpoints: Vec::new(),
            peers: Vec::new(),
            joined: 0,
            long_ones: 0,
            links: Vec::new(),
            segments: Vec::new(),
            marks: Vec::new(),
            records: Vec::new(),
        };
        scene.open();
        for _ in 0..STEPS {
            if !scene.step(input)? {
                break;
            }
        }
        let chunk = scene.encoder.finish(scene.at);
        scene.keep(chunk);
        Ok(scene)
    }

    fn step(&mut self, input: &mut Unstructured<'a>) -> Result<bool> {
        self.at.0 = self.at.0.wrapping_add(input.arbitrary::<u16>()?.into()).rotate_left(input.int_in_range(0..=1)?);
        match input.int_in_range(0..=13)? {
            0 => return Ok(false),
            12 | 13 => self.frame(input)?,
            1 => self.open(),
            2 | 3 => self.join(input)?,
            4 | 5 => {
                if let Some(chunk) = self.encoder.seal(self.at, Buffer::default()) {
                    self.keep(chunk);
                }
            }
            6 => {
                let (endpoint, text) = (*input.choose(&self.endpoints)?, text(input)?);
                let event = *input.choose(&[Event::Note(text), Event::Failed(text), Event::Closed(Side::Local)])?;
                self.encoder.record(self.at, Subject::Endpoint(endpoint), event);
                self.expect(endpoint, None, Address::Endpoint(URL.into()), event);
            }
            _ if !self.peers.is_empty() => self.happen(input)?,
            _ => {}
        }
        Ok(true)
    }

    /// A frame is no record: whoever wants records must not notice.
    fn frame(&mut self, input: &mut Unstructured<'a>) -> Result<()> {
        if self.links.is_empty() || input.ratio(1, 8)? {
            let link = self.encoder.add_link(text(input)?.into(), text(input)?, input.arbitrary()?);
            self.links.push(link);
        }
        let link = *input.choose(&self.links)?;
        let way = *input.choose(&[Way::In, Way::Out])?;
        let [dropped, copy, damaged] = input.arbitrary()?;
        let (note, bytes) = (text(input)?, bytes(input)?);
        self.encoder.frame(&Frame { at: self.at, link, way, dropped, copy, damaged, note, bytes });
        Ok(())
    }

    fn open(&mut self) {
        let endpoint = self.encoder.add_endpoint("tcp-listen:10000".into(), URL);
        self.endpoints.push(endpoint);
        self.encoder.record(self.at, Subject::Endpoint(endpoint), Event::Opened("open"));
        self.expect(endpoint, None, Address::Endpoint(URL.into()), Event::Opened("open"));
    }

    fn join(&mut self, input: &mut Unstructured<'a>) -> Result<()> {
        self.joined += 1;
        let number = NonZeroU32::new(self.joined).expect("from 1");
        let ip: IpAddr = input.arbitrary::<Ipv6Addr>()?.into();
        let remote =
            [Address::Inet((ip.to_canonical(), input.arbitrary()?).into()), Address::Unix(text(input)?.into())];
        let peer = Peer {
            id: PeerId { endpoint: *input.choose(&self.endpoints)?, number },
            transport: *input.choose(&[Transport::Stream, Transport::Datagram])?,
            opened_by: *input.choose(&[Side::Local, Side::Peer])?,
            local: Address::Inet(([127, 0, 0, 1], 10000).into()),
            remote: input.choose(&remote)?.clone(),
        };
        let flow = self.encoder.add_peer(peer.clone());
        self.peers.push((peer, flow));
        Ok(())
    }

    /// Something happens to a peer.
    fn happen(&mut self, input: &mut Unstructured<'a>) -> Result<()> {
        let index = input.choose_index(self.peers.len())?;
        let (peer, flow) = self.peers[index].clone();
        let side = *input.choose(&[Side::Local, Side::Peer])?;
        let event = match input.int_in_range(0..=9)? {
            0 => Event::Connected,
            1 => Event::Finished(side),
            2 => Event::Closed(side),
            3 => Event::Reset(side),
            4 => Event::Note(text(input)?),
            5 => Event::Failed(text(input)?),
            6 => Event::Sent(self.long(input)?),
            7 => Event::Sent(bytes(input)?),
            _ => Event::Received(bytes(input)?),
        };
        self.encoder.record(self.at, Subject::Flow(flow), event);
        let most = peer.max_payload();
        let pieces = event.payload().chunks(most).chain(event.payload().is_empty().then_some(&[][..]));
        for piece in pieces {
            let event = match event {
                Event::Received(_) => Event::Received(piece),
                Event::Sent(_) => Event::Sent(piece),
                other => other,
            };
            self.expect(peer.id.endpoint, Some(peer.id), peer.remote.clone(), event);
        }
        if matches!(event, Event::Closed(_) | Event::Reset(_)) {
            self.encoder.remove_peer(flow); // its last word
            self.peers.swap_remove(index);
        }
        Ok(())
    }

    fn long(&mut self, input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
        self.long_ones += 1;
        Ok(&LONG[..if self.long_ones > LONG_ONES { 0 } else { input.int_in_range(0..=LONG.len())? }])
    }

    fn expect(&mut self, endpoint: EndpointId, peer: Option<PeerId>, address: Address, event: Event<'a>) {
        let seq = self.records.len() as u64 + 1;
        self.records.push(Told { seq, at: self.at, endpoint, peer, address, event });
    }

    fn keep(&mut self, chunk: Chunk) {
        assert_eq!(chunk.last_seq, self.records.len() as u64);
        if chunk.starts_segment {
            self.segments.push(Vec::new());
        }
        let segment = self.segments.len();
        assert_eq!(chunk.segment as usize, segment);
        let file = self.segments.last_mut().expect("the first chunk starts one");
        file.extend_from_slice(chunk.bytes());
        self.marks.push(Mark { segment, end: file.len(), records: self.records.len() });
    }
}

fn bytes<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let length = usize::from(input.arbitrary::<u8>()?);
    input.bytes(length.min(input.len()))
}

/// As much of some bytes as is text.
fn text<'a>(input: &mut Unstructured<'a>) -> Result<&'a str> {
    Ok(bytes(input)?.utf8_chunks().next().map_or("", |chunk| chunk.valid()))
}
