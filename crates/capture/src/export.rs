//! A run written out for others: its bytes, its log in the forms that people and programs read, or one capture file.
//! How a record is shown while it happens belongs in `show`.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

mod csv;
mod netassist;
mod packets;

use crate::cursor::{Cursor, Next};
use crate::record::{Event, PeerId, Record};
use crate::run::{Gap, Run, RunError};
use crate::show::{Clock, Form, Printer};
use crate::text::Encodings;

/// So much is collected before it is written.
const BUFFER: usize = 256 * 1024;

/// What a run is written out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The bytes that were received, and nothing else.
    Raw,
    /// One capture file, which Wireshark opens and [`Run::at`] takes. Alone of all forms it has the frames of virtual
    /// networks, unless only some peers are asked for.
    Pcapng,
    /// A JSON object a line, as [`Form::Json`].
    Jsonl,
    /// A table with a row a record, after RFC 4180, in which nothing is a formula.
    Csv,
    /// A line a record, as [`Form::Text`] with the date.
    Txt,
    /// The log of NetAssist (网络调试助手), in UTF-8: peers that come and go, and data.
    Netassist,
}

/// No format has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format is called {0:?} (there are raw, pcapng, jsonl, csv, txt and netassist)")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All of them, in the order in which to offer them.
    pub const ALL: [Format; 6] =
        [Format::Raw, Format::Pcapng, Format::Jsonl, Format::Csv, Format::Txt, Format::Netassist];

    fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Pcapng => "pcapng",
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Txt => "txt",
            Format::Netassist => "netassist",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Takes a name in either case.
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Format::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownFormat(text.into()))
    }
}

/// Which records are written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of these peers, or of all where there are none. What concerns an endpoint as a whole is always in.
    pub peers: Vec<PeerId>,
}

impl Filter {
    fn takes(&self, peer: Option<PeerId>) -> bool {
        self.peers.is_empty() || peer.is_none_or(|peer| self.peers.contains(&peer))
    }
}

/// What was written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// Records that are in it.
    pub records: u64,
    /// Bytes of the output.
    pub bytes: u64,
    /// Records that are gone. The output goes on after them and says nothing of them: in [`Format::Raw`] what stands
    /// there side by side did not come so.
    pub gaps: Vec<Gap>,
}

/// Why a run could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run cannot be read. What came before was written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The output does not take it; [`io::ErrorKind::BrokenPipe`] where nobody reads it any more.
    #[error("cannot write the export: {0}")]
    Write(#[source] io::Error),
}

/// Writes `run`, as far as it is written now, to `out` as `format`, and flushes it.
///
/// Text is decoded by `encodings`; `clock` says whose time of day is shown where that is (CSV and JSON have UTC).
/// Takes little memory, however long the run.
///
/// # Errors
/// [`ExportError`] tells a run that cannot be read from an output that cannot be written. Where a chunk is damaged, all
/// before it was written, and of its own records some may have been; only a capture file has none of them.
pub fn export(
    run: &Run,
    format: Format,
    filter: &Filter,
    encodings: impl Into<Encodings>,
    clock: Clock,
    out: &mut dyn Write,
) -> Result<ExportSummary, ExportError> {
    let encodings = encodings.into();
    let mut out = BufWriter::with_capacity(BUFFER, Counted { out, bytes: 0 });
    let mut summary = match format {
        Format::Pcapng => packets::copy(run, filter, &mut out),
        Format::Raw => copy_received(run, filter, &mut out),
        Format::Csv => write_lines(run, filter, csv::Table::new(encodings), &mut out),
        Format::Netassist => write_lines(run, filter, netassist::Log::new(encodings, clock), &mut out),
        Format::Jsonl => write_lines(run, filter, Printer::new(Form::Json, encodings, clock), &mut out),
        Format::Txt => write_lines(run, filter, Printer::new(Form::Text, encodings, clock.with_date(true)), &mut out),
    }?;
    out.flush().map_err(ExportError::Write)?;
    summary.bytes = out.get_ref().bytes;
    Ok(summary)
}

/// Counts what goes through.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Makes lines of records.
trait Lines {
    /// Adds what stands before the first record.
    fn begin(&mut self, _out: &mut String) {}

    /// Adds the lines of a record; false where it has none.
    fn add(&mut self, record: &Record<'_>, out: &mut String) -> bool;

    /// Adds what stands after the last record, or the last one before a gap: no character goes on after it.
    fn end(&mut self, _out: &mut String) {}
}

impl Lines for Printer {
    fn add(&mut self, record: &Record<'_>, out: &mut String) -> bool {
        self.print(record, out);
        true
    }

    fn end(&mut self, out: &mut String) {
        self.finish(out);
    }
}

fn write_lines(
    run: &Run,
    filter: &Filter,
    mut lines: impl Lines,
    out: &mut impl Write,
) -> Result<ExportSummary, ExportError> {
    let mut text = String::new();
    lines.begin(&mut text);
    let summary = each(run, filter, |record| {
        let added = match record {
            Some(record) => lines.add(record, &mut text),
            None => {
                lines.end(&mut text);
                false
            }
        };
        out.write_all(text.as_bytes())?;
        text.clear();
        Ok(added)
    })?;
    Ok(summary)
}

fn copy_received(run: &Run, filter: &Filter, out: &mut impl Write) -> Result<ExportSummary, ExportError> {
    each(run, filter, |record| match record.map(|record| record.event) {
        Some(Event::Received(bytes)) => out.write_all(bytes).map(|()| true),
        _ => Ok(false),
    })
}

/// Hands the records that `filter` takes to `write`, which tells whether it has a use for them, and counts those.
/// Where the log breaks off, at a gap and at the end, it gets `None`.
fn each(
    run: &Run,
    filter: &Filter,
    mut write: impl FnMut(Option<&Record<'_>>) -> io::Result<bool>,
) -> Result<ExportSummary, ExportError> {
    let mut cursor = Cursor::open(run.clone(), 1)?;
    let mut summary = ExportSummary::default();
    loop {
        let record = match cursor.next() {
            Err(error) => {
                summary.gaps.push(error.gap().ok_or(error)?);
                None
            }
            Ok(Next::Record(record)) if filter.takes(record.peer) => Some(record),
            Ok(Next::Record(_) | Next::Frame(..)) => continue,
            Ok(Next::Wait | Next::End) => break,
        };
        summary.records += u64::from(write(record.as_ref()).map_err(ExportError::Write)?);
    }
    write(None).map_err(ExportError::Write)?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::Value;

    use super::*;
    use crate::cursor::totals;
    use crate::encoder::{Buffer, Encoder, FlowId, Peer, Provenance, SegmentLimits, Subject};
    use crate::escape::is_safe;
    use crate::kit;
    use crate::record::{Address, EndpointId, Frame, LinkId, Side, Timestamp, Transport};
    use crate::run::RunWriter;
    use crate::text::Encoding;

    /// What happens to a run: who, what, with which bytes and text.
    type Step = (u8, u8, Vec<u8>, String);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let nasty = select(b"\x00\r\n\x1b\x9b[31m\xc2\x85\xe2\x80\xae\xd6\xd8\xff=,\"'#] ".to_vec());
        let bytes = prop::collection::vec(prop_oneof![4 => nasty, 1 => any::<u8>()], 0..60);
        prop::collection::vec((any::<u8>(), any::<u8>(), bytes, "(\\PC|[=\u{1b}\u{202e}\n\"]){0,10}"), 0..40)
    }

    /// Peers come and go at two endpoints, one of them opened late; every chunk may end its segment.
    struct Scene {
        encoder: Encoder,
        writer: RunWriter,
        peers: Vec<(Peer, Option<FlowId>)>,
        links: Vec<LinkId>,
        at: Timestamp,
    }

    impl Scene {
        fn new(folder: &Path, segment: u64) -> Self {
            let limits = SegmentLimits { bytes: segment, ..SegmentLimits::default() };
            let provenance = Provenance { program: "socklab test".into(), run: "r".into() };
            let encoder = Encoder::new(provenance, limits, Timestamp(0));
            let writer = RunWriter::create(folder, "r").expect("a new run");
            let (peers, links, at) = (Vec::new(), Vec::new(), Timestamp(1_795_262_401_123_456_789));
            let mut scene = Scene { encoder, writer, peers, links, at };
            scene.open("tcp-listen://127.0.0.1:10000");
            scene
        }

        fn open(&mut self, url: &str) -> EndpointId {
            let id = self.encoder.add_endpoint(url.replace("//", ""), url);
            self.encoder.record(self.at, Subject::Endpoint(id), Event::Opened(url));
            id
        }

        fn join(&mut self, endpoint: EndpointId, name: &str) {
            let number = NonZeroU32::new(self.peers.len() as u32 + 1).expect("from 1");
            let stream = endpoint.index() == 0;
            let (transport, remote) = if stream {
                (Transport::Stream, Address::Inet(([10, 0, 0, 1], number.get() as u16).into()))
            } else {
                (Transport::Datagram, Address::Unix(name.into()))
            };
            let local = Address::Inet(([127, 0, 0, 1], 10000).into());
            let peer = Peer { id: PeerId { endpoint, number }, transport, opened_by: Side::Peer, local, remote };
            let flow = self.encoder.add_peer(peer.clone());
            self.encoder.record(self.at, Subject::Flow(flow), Event::Connected);
            self.peers.push((peer, Some(flow)));
        }

        fn step(&mut self, (what, who, bytes, text): &Step) {
            self.at.0 += u64::from(*what) * 1_000_000;
            let count = self.peers.len();
            let first = EndpointId::from_index(0).expect("first");
            let flow = self.peers.get_mut(usize::from(*who) % count.max(1)).and_then(|(_, flow)| flow.take());
            match (what % 10, flow) {
                (9, _) => self.frame(*who, bytes, text),
                (0, _) if count < 6 => self.join(first, text),
                (1, _) if count < 6 => {
                    let late = self.open("unix-dgram:///tmp/x");
                    self.join(late, text);
                }
                (2, _) => self.seal(),
                (3, _) => self.encoder.record(self.at, Subject::Endpoint(first), Event::Note(text)),
                (4, Some(flow)) => {
                    self.encoder.record(self.at, Subject::Flow(flow), Event::Closed(Side::Peer));
                    return self.encoder.remove_peer(flow);
                }
                (5 | 6, Some(flow)) => self.encoder.record(self.at, Subject::Flow(flow), Event::Sent(bytes)),
                (_, Some(flow)) => self.encoder.record(self.at, Subject::Flow(flow), Event::Received(bytes)),
                _ => {}
            }
            if let Some(flow) = flow {
                self.peers[usize::from(*who) % count].1 = Some(flow);
            }
        }

        fn frame(&mut self, number: u8, bytes: &[u8], note: &str) {
            if self.links.len() < usize::from(number % 3) + 1 {
                self.links.push(self.encoder.add_link(note.into(), note, [number; 6]));
            }
            let link = self.links[usize::from(number) % self.links.len()];
            self.encoder.frame(&Frame { note, ..kit::frame(link, number.into(), bytes) });
        }

        fn seal(&mut self) {
            if let Some(chunk) = self.encoder.seal(self.at, Buffer::default()) {
                self.writer.write(&chunk).expect("written");
            }
        }

        fn finish(mut self) -> Run {
            let chunk = self.encoder.finish(self.at);
            self.writer.write(&chunk).expect("written");
            let run = self.writer.run().clone();
            self.writer.finish();
            run
        }
    }

    fn play(folder: &Path, segment: u64, steps: &[Step]) -> Run {
        let mut scene = Scene::new(folder, segment);
        steps.iter().for_each(|step| scene.step(step));
        scene.finish()
    }

    /// A record that owns what it tells.
    #[derive(Clone, Debug, PartialEq)]
    struct Owned {
        seq: u64,
        at: Timestamp,
        endpoint: EndpointId,
        peer: Option<PeerId>,
        address: Address,
        kind: &'static str,
        text: Option<String>,
        bytes: Vec<u8>,
    }

    fn records(run: &Run, filter: &Filter) -> Vec<Owned> {
        let mut cursor = Cursor::open(run.clone(), 1).expect("a run");
        let mut records = Vec::new();
        loop {
            let r = match cursor.next() {
                Ok(Next::Record(record)) => record,
                Err(error) if error.gap().is_some() => continue,
                end => break assert!(matches!(end, Ok(Next::End)), "{end:?}"),
            };
            if filter.takes(r.peer) {
                let (kind, text) = (r.event.kind(), r.event.text().map(String::from));
                let (seq, at, endpoint, peer, address) = (r.seq, r.at, r.endpoint, r.peer, r.address);
                records.push(Owned { seq, at, endpoint, peer, address, kind, text, bytes: r.event.payload().to_vec() });
            }
        }
        records
    }

    /// The frames of a run, and the names of their links.
    fn frames(run: &Run) -> Vec<(String, String)> {
        let mut cursor = Cursor::open(run.clone(), 1).expect("a run");
        cursor.give_frames();
        let mut frames = Vec::new();
        loop {
            match cursor.next() {
                Ok(Next::Frame(frame, link)) => frames.push((link.name.clone(), format!("{frame:?}"))),
                Ok(Next::Record(_)) => {}
                end => break assert!(matches!(end, Ok(Next::End)), "{end:?}"),
            }
        }
        frames
    }

    fn exported(run: &Run, format: Format, filter: &Filter) -> (ExportSummary, Vec<u8>) {
        let mut out = Vec::new();
        let summary =
            export(run, format, filter, Encoding::default(), Clock::utc(), &mut out).expect("a run and a vector");
        assert_eq!(summary.bytes, out.len() as u64);
        (summary, out)
    }

    fn text_of(run: &Run, format: Format, filter: &Filter) -> (u64, String) {
        let (summary, out) = exported(run, format, filter);
        (summary.records, String::from_utf8(out).expect("UTF-8"))
    }

    fn filter(peers: &[u32]) -> Filter {
        let endpoint = EndpointId::from_index(0).expect("first");
        let id = |number: &u32| PeerId { endpoint, number: NonZeroU32::new(*number).expect("from 1") };
        Filter { peers: peers.iter().map(id).collect() }
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        prop_oneof![Just(&[][..]), Just(&[1][..]), Just(&[2, 3][..])].prop_map(filter)
    }

    #[test]
    fn formats_go_by_their_names() {
        for format in Format::ALL {
            assert_eq!(format.to_string().to_uppercase().parse(), Ok(format));
        }
        let error = "pdf".parse::<Format>().expect_err("no such format").to_string();
        assert_eq!(error, "no format is called \"pdf\" (there are raw, pcapng, jsonl, csv, txt and netassist)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_capture_file_has_the_same_records(steps in steps(), filter in any_filter(), segment in select(vec![1, 600, 1 << 20])) {
            let folder = tempfile::tempdir().expect("a folder");
            let run = play(folder.path(), segment, &steps);
            let (summary, bytes) = exported(&run, Format::Pcapng, &filter);
            let file = folder.path().join("one.pcapng");
            std::fs::write(&file, &bytes).expect("written");
            let read = records(&Run::at(&file), &Filter::default());
            prop_assert_eq!(&read, &records(&run, &filter));
            prop_assert_eq!(summary.records, read.len() as u64);
            let all = frames(&run);
            prop_assert_eq!(totals(&run).expect("a run").frames(), all.len() as u64);
            prop_assert_eq!(frames(&Run::at(&file)), if filter.peers.is_empty() { all } else { Vec::new() });
            prop_assert_eq!(crate::run::committed(&file, 0).expect("marks"), (summary.bytes, summary.bytes));
            let again = exported(&Run::at(&file), Format::Pcapng, &filter).1;
            prop_assert!(again == bytes, "an export of an export is the same");
            if let Some(middle) = read.get(read.len() / 2) {
                let mut cursor = Cursor::open(Run::at(&file), middle.seq).expect("a run");
                let Next::Record(record) = cursor.next().expect("a record") else { panic!("a record") };
                prop_assert_eq!((record.seq, &record.address), (middle.seq, &middle.address));
            }
        }

        #[test]
        fn raw_is_what_was_received(steps in steps(), filter in any_filter()) {
            let folder = tempfile::tempdir().expect("a folder");
            let run = play(folder.path(), 600, &steps);
            let (summary, bytes) = exported(&run, Format::Raw, &filter);
            let received: Vec<_> = records(&run, &filter).into_iter().filter(|r| r.kind == "received").collect();
            prop_assert_eq!(summary.records, received.len() as u64);
            prop_assert_eq!(bytes, received.into_iter().flat_map(|r| r.bytes).collect::<Vec<_>>());
        }

        #[test]
        fn every_form_tells_all_and_is_harmless(steps in steps(), filter in any_filter()) {
            let folder = tempfile::tempdir().expect("a folder");
            let run = play(folder.path(), 600, &steps);
            let records = records(&run, &filter);
            for format in [Format::Jsonl, Format::Csv, Format::Txt, Format::Netassist] {
                let (count, text) = text_of(&run, format, &filter);
                let plain = text.replace("\r\n", "\n");
                let tabs = format == Format::Netassist; // its ASCII has them as they are
                let is_harmless = |c| is_safe(c) || c == '\n' || (tabs && c == '\t');
                prop_assert!(plain.chars().all(is_harmless), "{} {:?}", format, text);
                prop_assert!(count == records.len() as u64 || format == Format::Netassist);
            }
            let (_, csv) = text_of(&run, Format::Csv, &filter);
            prop_assert_eq!(csv.split("\r\n").count(), records.len() + 2);
            let (_, jsonl) = text_of(&run, Format::Jsonl, &filter);
            prop_assert_eq!(jsonl.lines().count(), records.len());
            for (line, record) in jsonl.lines().zip(&records) {
                let value: Value = serde_json::from_str(line).expect("JSON");
                prop_assert_eq!(value["seq"].as_u64(), Some(record.seq));
                prop_assert_eq!(value["kind"].as_str(), Some(record.kind));
                prop_assert_eq!(value["address"].as_str(), Some(&*record.address.to_string()));
                let data = value["data"].as_str().map(|data| STANDARD.decode(data).expect("base64"));
                prop_assert_eq!(data, record.text.is_none().then(|| record.bytes.clone()));
            }
        }
    }

    fn small_run(folder: &Path) -> Run {
        let mut scene = Scene::new(folder, 1 << 20);
        scene.join(EndpointId::from_index(0).expect("first"), "");
        let flow = scene.peers[0].1.expect("a peer");
        scene.encoder.record(scene.at, Subject::Flow(flow), Event::Received(b"=1,\"a\"\xe4\xb8"));
        scene.encoder.record(scene.at, Subject::Flow(flow), Event::Sent(b"hi\n"));
        scene.finish()
    }

    #[test]
    fn the_text_forms_are_as_documented() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = small_run(folder.path());
        let at = "2026-11-21T12:00:01.123456789Z,e1";
        let rows = [
            "seq,at,endpoint,peer,address,kind,bytes,hex,text".to_string(),
            format!("1,{at},,tcp-listen://127.0.0.1:10000,opened,,,tcp-listen://127.0.0.1:10000"),
            format!("2,{at},e1.1,10.0.0.1:1,connected,,,connected"),
            format!("3,{at},e1.1,10.0.0.1:1,received,8,3d 31 2c 22 61 22 e4 b8,\"'=1,\"\"a\"\"\""),
            format!("4,{at},e1.1,10.0.0.1:1,sent,3,68 69 0a,hi\\n\r\n"),
        ];
        assert_eq!(text_of(&run, Format::Csv, &Filter::default()), (4, rows.join("\r\n")));
        let (_, txt) = text_of(&run, Format::Txt, &filter(&[1]));
        let head = "2026-11-21 12:00:01.123456 e1.1 10.0.0.1:1";
        let lines = [" * connected", " < =1,\"a\"", " > hi\\n", " < \\xe4\\xb8"].map(|rest| format!("{head}{rest}\n"));
        assert!(txt.ends_with(&lines.concat()), "{txt}");
        let (count, log) = text_of(&run, Format::Netassist, &Filter::default());
        let time = "[2026-11-21 12:00:01.123]#";
        let entries = [
            format!("{time} Client 10.0.0.1:1 gets online.\n\n"),
            format!("{time} RECV HEX FROM 10.0.0.1 :1>\n3D 31 2C 22 61 22 E4 B8\n\n"),
            format!("{time} SEND ASCII TO 10.0.0.1 :1>\nhi\n\n\n"),
        ];
        assert_eq!((count, log), (3, entries.concat()));
    }

    /// An output that takes so many bytes.
    struct Pipe(usize);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.0.min(bytes.len());
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn errors_tell_run_and_output_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = small_run(folder.path());
        let foreign = folder.path().join("x.pcapng");
        std::fs::write(&foreign, "not a capture at all").expect("written");
        for format in Format::ALL {
            let try_export = |run: &Run, room| {
                export(run, format, &Filter::default(), Encoding::default(), Clock::utc(), &mut Pipe(room))
            };
            let error = try_export(&run, 3).expect_err("closed");
            assert!(
                matches!(&error, ExportError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe),
                "{error}"
            );
            let error = try_export(&Run::at(&foreign), usize::MAX).expect_err("foreign");
            assert!(matches!(error, ExportError::Run(RunError::Foreign { .. })), "{format}: {error}");
            let error = try_export(&Run::at(folder.path().join("none")), usize::MAX).expect_err("missing");
            assert!(matches!(error, ExportError::Run(RunError::Io { .. })), "{format}: {error}");
        }
    }

    #[test]
    fn a_run_that_grows_is_written_out_up_to_its_last_mark() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scene = Scene::new(folder.path(), 1 << 20);
        scene.join(EndpointId::from_index(0).expect("first"), "");
        scene.seal();
        let run = scene.writer.run().clone();
        let torn = std::fs::File::options().append(true).open(run.segment_path(1)).expect("a segment");
        (&torn).write_all(&6u32.to_le_bytes()).expect("half a block");
        assert!(run.is_live());
        for format in Format::ALL {
            let (summary, bytes) = exported(&run, format, &Filter::default());
            let expected = match format {
                Format::Raw => 0,
                Format::Netassist => 1,
                _ => 2,
            };
            assert_eq!(summary.records, expected, "{format}");
            assert_eq!(bytes.is_empty(), format == Format::Raw, "{format}");
        }
    }

    #[test]
    fn a_run_whose_start_was_removed_is_written_out_from_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scene = Scene::new(folder.path(), 1);
        let late = scene.open("unix-dgram:///tmp/x");
        scene.join(late, "@board");
        for bytes in [b"1", b"2", b"3"] {
            scene.seal();
            scene.encoder.record(scene.at, Subject::Flow(scene.peers[0].1.expect("a peer")), Event::Received(bytes));
        }
        let run = scene.finish();
        std::fs::remove_file(run.segment_path(1)).expect("a segment");
        let file = folder.path().join("one.pcapng");
        let (summary, bytes) = exported(&run, Format::Pcapng, &Filter::default());
        std::fs::write(&file, bytes).expect("written");
        let read = records(&Run::at(&file), &Filter::default());
        assert_eq!(read, records(&run, &Filter::default()));
        assert_eq!((summary.records, read.len(), &read[0].address), (3, 3, &Address::Unix("@board".into())));
        assert_eq!(exported(&run, Format::Raw, &Filter::default()).1, b"123");
    }

    #[test]
    fn no_character_goes_on_after_a_gap() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scene = Scene::new(folder.path(), 1);
        scene.join(EndpointId::from_index(0).expect("first"), "");
        for bytes in [b"\xe4\xb8", b"--", b"\xa0!"] {
            scene.encoder.record(scene.at, Subject::Flow(scene.peers[0].1.expect("a peer")), Event::Received(bytes));
            scene.seal();
        }
        let run = scene.finish();
        std::fs::remove_file(run.segment_path(2)).expect("a segment");
        for format in [Format::Txt, Format::Csv, Format::Jsonl] {
            let (_, text) = text_of(&run, format, &Filter::default());
            assert!(!text.contains('丠'), "{format}: {text}");
        }
        let (_, txt) = text_of(&run, Format::Txt, &Filter::default());
        assert!(txt.contains("\\xe4\\xb8\n") && txt.ends_with(" < \\xa0!\n"), "{txt}");
    }

    #[test]
    fn a_long_run_has_a_mark_for_every_mebibyte() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scene = Scene::new(folder.path(), 1 << 20);
        scene.join(EndpointId::from_index(0).expect("first"), "");
        for _ in 0..5 {
            let flow = scene.peers[0].1.expect("a peer");
            scene.encoder.record(scene.at, Subject::Flow(flow), Event::Received(&[7; 900_000]));
            scene.seal();
        }
        let run = scene.finish();
        let (_, bytes) = exported(&run, Format::Pcapng, &Filter::default());
        let file = folder.path().join("one.pcapng");
        std::fs::write(&file, &bytes[..bytes.len() - 100]).expect("written");
        let (good, _) = crate::run::committed(&file, 0).expect("marks");
        assert!(good + (3 << 19) > bytes.len() as u64, "{good} of {}", bytes.len());
        assert_eq!(exported(&run, Format::Raw, &filter(&[1])).1, vec![7; 4_500_000]);
    }
}
