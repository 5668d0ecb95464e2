//! For tests: a run that is written as the engine does, with segments as short as a test wants them.

use std::num::NonZeroU32;
use std::path::Path;

use crate::cursor::{Cursor, Next};
use crate::encoder::{Buffer, Chunk, Encoder, FlowId, Peer, Provenance, SegmentLimits, Subject};
use crate::live::Position;
use crate::record::{Address, EndpointId, Event, Frame, LinkId, PeerId, Side, Timestamp, Transport, Way};
use crate::run::{Run, RunError, RunWriter};

/// A run that grows. Each record's payload is its number.
pub(crate) struct Growing {
    encoder: Encoder,
    flow: FlowId,
    link: Option<LinkId>,
    pub(crate) writer: RunWriter,
}

pub(crate) fn encoder(segment_bytes: u64) -> (Encoder, FlowId) {
    let limits = SegmentLimits { bytes: segment_bytes, ..SegmentLimits::default() };
    let provenance = Provenance { program: "socklab test".into(), run: "r".into() };
    let mut encoder = Encoder::new(provenance, limits, Timestamp(0));
    let endpoint: EndpointId = encoder.add_endpoint("tcp-listen:1".into(), "tcp-listen://127.0.0.1:1");
    let [local, remote] = [1, 2].map(|port| Address::Inet(([127, 0, 0, 1], port).into()));
    let id = PeerId { endpoint, number: NonZeroU32::MIN };
    let flow = encoder.add_peer(Peer { id, transport: Transport::Stream, opened_by: Side::Peer, local, remote });
    (encoder, flow)
}

/// A chunk of the next `records` records.
pub(crate) fn chunk(encoder: &mut Encoder, flow: FlowId, records: u64) -> Chunk {
    for _ in 0..records {
        let seq = encoder.next_seq();
        encoder.record(Timestamp(seq), Subject::Flow(flow), Event::Received(&seq.to_le_bytes()));
    }
    encoder.seal(Timestamp(0), Buffer::default()).expect("a record at least")
}

/// A frame of which everything can be told from its number.
pub(crate) fn frame(link: LinkId, number: u64, bytes: &[u8]) -> Frame<'_> {
    let (at, way) = (Timestamp(number), if number.is_multiple_of(2) { Way::Out } else { Way::In });
    let [dropped, copy, damaged] = [2, 3, 5].map(|divisor| number.is_multiple_of(divisor));
    Frame { at, link, way, dropped, copy, damaged, note: if dropped { "dropped: lost" } else { "" }, bytes }
}

impl Growing {
    /// A run named `name` under `captures`; a segment is full at `segment_bytes`.
    pub(crate) fn named(captures: &Path, name: &str, segment_bytes: u64) -> Self {
        let (encoder, flow) = encoder(segment_bytes);
        Growing { encoder, flow, link: None, writer: RunWriter::create(captures, name).expect("a new run") }
    }

    /// From now on, a frame comes before each chunk.
    pub(crate) fn add_link(&mut self) {
        self.link = Some(self.encoder.add_link("esp32".into(), "a board", [2, 0, 0, 0, 0, 1]));
    }

    pub(crate) fn new(captures: &Path, segment_bytes: u64) -> Self {
        Growing::named(captures, "r", segment_bytes)
    }

    pub(crate) fn run(&self) -> Run {
        self.writer.run().clone()
    }

    /// The next chunk, not written yet.
    pub(crate) fn chunk(&mut self, records: u64) -> Chunk {
        if let Some(link) = self.link {
            let seq = self.encoder.next_seq();
            self.encoder.frame(&frame(link, seq, &[seq as u8; 60]));
        }
        chunk(&mut self.encoder, self.flow, records)
    }

    /// From now on the records are of another endpoint's peer, whose packets do not show its address.
    pub(crate) fn go_on_with(&mut self, path: &str) {
        let endpoint = self.encoder.add_endpoint(format!("unix-listen:{path}"), &format!("unix-listen:{path}"));
        let id = PeerId { endpoint, number: NonZeroU32::MIN };
        let [local, remote] = ["", path].map(|path| Address::Unix(path.into()));
        self.flow =
            self.encoder.add_peer(Peer { id, transport: Transport::Stream, opened_by: Side::Peer, local, remote });
        self.encoder.record(Timestamp(0), Subject::Endpoint(endpoint), Event::Opened("open"));
    }

    pub(crate) fn write(&mut self, records: u64) -> Position {
        let chunk = self.chunk(records);
        self.writer.write(&chunk).expect("written")
    }

    /// Writes so many chunks of one record each.
    pub(crate) fn write_each(&mut self, chunks: u64) {
        for _ in 0..chunks {
            self.write(1);
        }
    }

    /// Ends it as it should.
    pub(crate) fn finish(self) -> Run {
        let run = self.run();
        self.writer.finish();
        run
    }

    /// Ends it as a crash does.
    pub(crate) fn die(self) -> Run {
        self.run()
    }
}

/// What a cursor gives: a record, by its number, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Record(u64),
    Wait,
    End,
}

pub(crate) fn next(cursor: &mut Cursor) -> Result<Given, RunError> {
    Ok(match cursor.next()? {
        Next::Record(record) => {
            assert_eq!(record.event.payload(), record.seq.to_le_bytes());
            Given::Record(record.seq)
        }
        Next::Frame(frame, _) => panic!("nobody asked for {frame:?}"),
        Next::Wait => Given::Wait,
        Next::End => Given::End,
    })
}

/// The numbers of the records up to the first that is not there.
pub(crate) fn rest(cursor: &mut Cursor) -> Vec<u64> {
    std::iter::from_fn(|| match next(cursor).expect("a readable run") {
        Given::Record(seq) => Some(seq),
        Given::Wait | Given::End => None,
    })
    .collect()
}

pub(crate) fn records(run: &Run) -> Vec<u64> {
    rest(&mut Cursor::open(run.clone(), 1).expect("a run"))
}
