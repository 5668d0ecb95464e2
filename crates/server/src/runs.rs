//! Captures as wholes: the list, the totals of one, removing one, searching one and writing one out.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use socklab_capture::cursor;
use socklab_capture::export::{self, Filter, Format};
use socklab_capture::index::Totals;
use socklab_capture::run::{Gap, Run};
use socklab_capture::search::{self, Hit, Needle, Query};
use socklab_capture::show::Clock;
use socklab_capture::text::{Encoding, Encodings};
use socklab_capture::{EndpointId, PeerId, Side};
use socklab_engine::Lang;
use socklab_engine::trouble::capture_text;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use crate::ask::{Wanted, list};
use crate::data::{Data, LineEnding};
use crate::guard::Speaks;
use crate::labels::Reading;
use crate::problem::{Problem, ProblemBody};
use crate::state::millis;
use crate::workbench::Workbench;

/// Pieces of an answer that wait for a client; then the reader waits.
const WAITING: usize = 16;

/// A piece of an answer.
const PIECE: usize = 64 << 10;

/// Hits that are told of one search; those beyond are counted.
const MOST_HITS: u64 = 10_000;

/// A run, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    run: String,
    /// Whether a program writes it now.
    live: bool,
    /// Whether it is the one that this workbench writes.
    current: bool,
    /// What could not be read of it; then there are no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    records: u64,
    /// As other tools count them.
    packets: u64,
    /// So many took part.
    peer_count: usize,
    /// Bytes that came.
    received: u64,
    /// Bytes that were sent.
    sent: u64,
    /// Bytes on disk.
    bytes: u64,
    /// The time of its first record, in ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<f64>,
    /// That of its last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
}

impl RunView {
    fn new(run: &Run, current: &Run, totals: Result<Totals, Problem>, lang: Lang) -> Self {
        let (totals, error) = match totals {
            Ok(totals) => (totals, None),
            Err(problem) => (Totals::default(), Some(problem.text(lang).to_owned())),
        };
        let length = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        RunView {
            run: run.name(),
            live: run.is_live(),
            current: run == current,
            error,
            records: totals.records,
            packets: totals.packets,
            peer_count: totals.peers.len(),
            received: totals.received(),
            sent: totals.sent(),
            bytes: run.segments().unwrap_or_default().iter().map(|segment| length(&segment.path)).sum(),
            first: totals.span.map(|(first, _)| millis(first)),
            last: totals.span.map(|(_, last)| millis(last)),
        }
    }
}

/// Runs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunList {
    runs: Vec<RunView>,
}

/// All runs, the newest first.
#[utoipa::path(get, operation_id = "runs", path = "/api/runs",
    responses((status = 200, body = RunList), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn all(
    State(workbench): State<Arc<Workbench>>,
    Speaks(lang): Speaks,
) -> Result<Json<RunList>, Problem> {
    let (captures, current) = (workbench.ground.captures.clone(), workbench.ground.run.clone());
    let list = move |_: &crate::records::Archive| {
        let runs = Run::list(&captures)?;
        let view = |run: &Run| RunView::new(run, &current, cursor::totals(run).map_err(Problem::from), lang);
        Ok::<_, Problem>(RunList { runs: runs.iter().rev().map(view).collect() })
    };
    workbench.read("current", list).await?.map(Json)
}

/// A run and who took part.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    run: RunView,
    endpoints: Vec<RunEndpoint>,
    peers: Vec<RunPeer>,
    /// Records that are gone, from and to.
    gaps: Vec<[u64; 2]>,
}

/// An endpoint of a run.
#[derive(Debug, Serialize, ToSchema)]
struct RunEndpoint {
    id: String,
    url: String,
    /// Datagrams that the system dropped.
    dropped: u64,
}

/// A peer of a run.
#[derive(Debug, Serialize, ToSchema)]
struct RunPeer {
    id: String,
    address: String,
    records: u64,
    received: u64,
    sent: u64,
    /// The time of its first record, in ms since 1970.
    first: f64,
    /// That of its last.
    last: f64,
}

/// The totals of a run, `current` for the one that is being captured.
#[utoipa::path(get, path = "/api/runs/{run}/stat", params(("run" = String, Path)),
    responses((status = 200, body = RunDetail), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn stat(
    State(workbench): State<Arc<Workbench>>,
    Speaks(lang): Speaks,
    Path(run): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    let current = workbench.ground.run.clone();
    let detail = move |archive: &crate::records::Archive| {
        let totals = cursor::totals(&archive.run)?;
        let endpoints = totals.endpoints.iter().enumerate().map(|(index, endpoint)| RunEndpoint {
            id: format!("e{}", index + 1),
            url: endpoint.url.to_string(),
            dropped: endpoint.dropped,
        });
        let peers = totals.peers.iter().map(|(id, peer)| RunPeer {
            id: id.to_string(),
            address: peer.address.to_string(),
            records: peer.records,
            received: peer.received,
            sent: peer.sent,
            first: millis(peer.first),
            last: millis(peer.last),
        });
        let (endpoints, peers) = (endpoints.collect(), peers.collect());
        let gaps = totals.gaps.iter().map(ends).collect();
        Ok::<_, Problem>(RunDetail {
            run: RunView::new(&archive.run, &current, Ok(totals), lang),
            endpoints,
            peers,
            gaps,
        })
    };
    workbench.read(&run, detail).await?.map(Json)
}

fn ends(gap: &Gap) -> [u64; 2] {
    [gap.from, gap.to]
}

/// Remove a run that nobody writes.
#[utoipa::path(delete, operation_id = "remove_run", path = "/api/runs/{run}", params(("run" = String, Path)),
    responses((status = 204), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn remove(
    State(workbench): State<Arc<Workbench>>,
    Path(run): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = workbench.read(&run, |archive| {
        if archive.run.is_live() {
            return Err(Problem::bad("run_is_live", "a program writes this run just now", "有程序正在写入这次抓取"));
        }
        archive.run.remove().map_err(Problem::from)
    });
    removed.await?.map(|()| StatusCode::NO_CONTENT)
}

/// What to look for: one of `text`, `escaped`, `hex` and `regex`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    text: Option<String>,
    /// Text with escapes.
    escaped: Option<String>,
    hex: Option<String>,
    /// A regular expression over bytes.
    regex: Option<String>,
    /// Of `text` and `escaped`, and of what is shown around a hit. If it is not there, each peer's own in the run that is
    /// being captured, `utf-8` in others.
    encoding: Option<String>,
    /// Hits from this record on.
    #[serde(default)]
    from: u64,
    /// Only of these peers: `e1.3,e1.4`.
    peer: Option<String>,
    /// Only of these endpoints: `e1,e2`.
    endpoint: Option<String>,
    /// Only what was `received` or `sent`.
    #[param(inline)]
    side: Option<SideName>,
    /// So many hits, 10000 at most; those beyond are counted.
    limit: Option<u64>,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SideName {
    Received,
    Sent,
}

/// A line of the answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Found {
    /// A place where it stands.
    Hit(HitView),
    /// The last line.
    Summary {
        /// All hits, those too that were not told.
        hits: u64,
        /// Bytes that were looked through.
        bytes: u64,
        /// Records that are gone, from and to.
        gaps: Vec<[u64; 2]>,
    },
    /// The last line instead, where the capture cannot be read on.
    Failed { text: String },
}

/// A place where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitView {
    /// The record in which it begins.
    seq: u64,
    /// In ms since 1970.
    at: f64,
    peer: String,
    address: String,
    side: SideName,
    /// Where it begins in what travelled to or from the peer; in a datagram, in that.
    offset: u64,
    /// What stands before it, in the encoding that was asked for.
    before: String,
    matched: String,
    after: String,
}

/// Find something in what travelled, also across reads: a line of JSON a hit, in order, and a summary. It ends when the
/// client goes.
#[utoipa::path(get, path = "/api/runs/{run}/search", params(("run" = String, Path), SearchQuery),
    responses((status = 200, body = Found, content_type = "application/x-ndjson"), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn search(
    State(workbench): State<Arc<Workbench>>,
    Speaks(lang): Speaks,
    Path(run): Path<String>,
    Wanted(query): Wanted<SearchQuery>,
) -> Result<Response, Problem> {
    let reading = workbench.reading(&run, query.encoding.as_deref())?;
    let Sought { needle, forms } = sought(&query, &reading)?;
    let peers: Vec<PeerId> = list(query.peer.as_deref())?;
    let endpoints: Vec<EndpointId> = list(query.endpoint.as_deref())?;
    let side = query.side.map(|side| if side == SideName::Received { Side::Peer } else { Side::Local });
    let wanted = Query { needle, peers: (!peers.is_empty()).then_some(peers), side };
    let (from, limit) = (query.from, query.limit.unwrap_or(MOST_HITS).min(MOST_HITS));
    let write = move |archive: &crate::records::Archive, out: &mut Outlet| {
        let (mut told, mut counted) = (0, 0);
        let summary = search::search_while(&archive.run, &wanted, &|| out.is_wanted(), &mut |hit| {
            let is_wanted = endpoints.is_empty() || endpoints.contains(&hit.endpoint);
            if hit.seq < from || !is_wanted || !is_own(hit, &forms, reading.of(hit.peer)) {
                return ControlFlow::Continue(());
            }
            counted += 1;
            told += 1;
            if told > limit {
                return ControlFlow::Continue(());
            }
            match out.line(&Found::Hit(shown(hit, reading.of(hit.peer)))) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        out.line(&match summary {
            Ok(summary) => {
                let gaps = summary.gaps.iter().map(ends).collect();
                Found::Summary { hits: counted, bytes: summary.bytes, gaps }
            }
            Err(error) => Found::Failed { text: capture_text(&error, lang) },
        })
    };
    workbench.stream(&run, "application/x-ndjson", None, write).await
}

/// What is looked for.
struct Sought {
    needle: Needle,
    /// Of text, what it is in each encoding; a place counts where it is that of its peer's.
    forms: Vec<(Encoding, Bytes)>,
}

fn sought(query: &SearchQuery, reading: &Reading) -> Result<Sought, Problem> {
    match (&query.text, &query.escaped, &query.hex, &query.regex) {
        (Some(text), None, None, None) => text_in_each(reading, |encoding| Data::Text { text: text.clone(), encoding }),
        (None, Some(escaped), None, None) => {
            text_in_each(reading, |encoding| Data::Escaped { escaped: escaped.clone(), encoding })
        }
        (None, None, Some(hex), None) => {
            let needle = Needle::Bytes(something(&Data::Hex { hex: hex.clone() })?.to_vec());
            Ok(Sought { needle, forms: Vec::new() })
        }
        (None, None, None, Some(regex)) => {
            let needle = Needle::regex(regex).map_err(|error| {
                let zh = format!("正则表达式有误：{}", error.zh());
                Problem::bad("bad_regex", format!("no regular expression: {error}"), zh)
            })?;
            Ok(Sought { needle, forms: Vec::new() })
        }
        _ => Err(Problem::bad(
            "bad_request",
            "one of text, escaped, hex and regex",
            "请给出 text、escaped、hex、regex 之一",
        )),
    }
}

/// The bytes of what is looked for; there must be some.
fn something(data: &Data) -> Result<Bytes, Problem> {
    match data.bytes(LineEnding::None)? {
        bytes if bytes.is_empty() => Err(Problem::bad("bad_request", "nothing to search for", "没有要查找的内容")),
        bytes => Ok(bytes),
    }
}

/// Text as it stands in each encoding that has letters for it; where none has, what is wrong with the first.
fn text_in_each(reading: &Reading, data: impl Fn(Option<String>) -> Data) -> Result<Sought, Problem> {
    let in_one = |encoding: Encoding| Ok((encoding, something(&data(Some(encoding.to_string())))?));
    let (mut forms, mut wrong) = (Vec::new(), None);
    for read in reading.all().into_iter().map(in_one) {
        match read {
            Ok(form) => forms.push(form),
            Err(problem) => drop(wrong.get_or_insert(problem)),
        }
    }
    let mut distinct: Vec<&Bytes> = forms.iter().map(|(_, bytes)| bytes).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let needle = match (&distinct[..], wrong) {
        ([], Some(problem)) => return Err(problem),
        ([bytes], _) => Needle::Bytes(bytes.to_vec()),
        (all, _) => Needle::Regex(any_of(all)?),
    };
    Ok(Sought { needle, forms })
}

/// Any of these strings of bytes.
fn any_of(all: &[&Bytes]) -> Result<Regex, Problem> {
    let written = |bytes: &&Bytes| bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect::<String>();
    let text = all.iter().map(written).collect::<Vec<_>>().join("|");
    Regex::new(&format!("(?s-u){text}"))
        .map_err(|_| Problem::bad("bad_request", "too much to look for at once", "一次查找的内容过长"))
}

/// Whether what was found is the text in the encoding of whoever said it.
fn is_own(hit: &Hit, forms: &[(Encoding, Bytes)], own: Encoding) -> bool {
    let is = |(encoding, bytes): &(Encoding, Bytes)| *encoding == own && hit.context[hit.matched.clone()] == bytes[..];
    forms.is_empty() || forms.iter().any(is)
}

fn shown(hit: &Hit, encoding: Encoding) -> HitView {
    let [before, matched, after] = hit.texts(encoding);
    HitView {
        seq: hit.seq,
        at: millis(hit.at),
        peer: hit.peer.to_string(),
        address: hit.address.to_string(),
        side: if hit.side == Side::Peer { SideName::Received } else { SideName::Sent },
        offset: hit.offset,
        before,
        matched,
        after,
    }
}

/// How to write a run out.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `raw`, `pcapng`, `jsonl`, `csv`, `txt` or `netassist`.
    #[serde(rename = "as")]
    #[param(rename = "as")]
    format: String,
    /// Only of these peers: `e1.3,e1.4`.
    peer: Option<String>,
    /// Of text; each peer's own if it is not there, which is `utf-8` in an old run.
    encoding: Option<String>,
}

fn no_format(error: &export::UnknownFormat) -> Problem {
    let names: Vec<_> = Format::ALL.iter().map(ToString::to_string).collect();
    let zh = format!("没有 {:?} 这种格式；可用的有 {}", error.0, names.join("、"));
    Problem::bad("bad_format", error.to_string(), zh)
}

/// A run as a file in another form.
#[utoipa::path(get, path = "/api/runs/{run}/export", params(("run" = String, Path), ExportQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn export(
    State(workbench): State<Arc<Workbench>>,
    Path(run): Path<String>,
    Wanted(query): Wanted<ExportQuery>,
) -> Result<Response, Problem> {
    let format: Format = query.format.parse().map_err(|error: export::UnknownFormat| no_format(&error))?;
    let filter = Filter { peers: list(query.peer.as_deref())? };
    let reading = workbench.reading(&run, query.encoding.as_deref())?;
    let encodings = Encodings::by_peer(move |peer| peer.map_or_else(Encoding::default, |peer| reading.of(peer)));
    let name = workbench.archive(&run)?.run.name();
    let end = match format {
        Format::Raw => "bin",
        Format::Netassist => "txt",
        Format::Pcapng => "pcapng",
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
        Format::Txt => "txt",
    };
    let write = move |archive: &crate::records::Archive, out: &mut Outlet| {
        let mut out = BufWriter::with_capacity(PIECE, out);
        let written = export::export(&archive.run, format, &filter, encodings, Clock::local(), &mut out);
        written.map(drop).map_err(io::Error::other)
    };
    workbench.stream(&run, "application/octet-stream", Some(format!("{name}.{end}")), write).await
}

/// Where a thread writes an answer that is sent while it grows.
pub(crate) struct Outlet(mpsc::Sender<io::Result<Bytes>>);

impl Outlet {
    /// Whether the client is still there.
    fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }

    fn line(&self, found: &Found) -> io::Result<()> {
        let mut line = serde_json::to_vec(found)?;
        line.push(b'\n');
        self.put(line.into())
    }

    fn put(&self, bytes: Bytes) -> io::Result<()> {
        self.0.blocking_send(Ok(bytes)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(Bytes::copy_from_slice(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Workbench {
    /// Sends what a thread writes about a run, while it writes it. Where it fails, the answer is cut off: a file that is
    /// not whole must not look as if it were.
    async fn stream(
        self: &Arc<Self>,
        run: &str,
        kind: &'static str,
        name: Option<String>,
        write: impl FnOnce(&crate::records::Archive, &mut Outlet) -> io::Result<()> + Send + 'static,
    ) -> Result<Response, Problem> {
        self.archive(run)?; // before the answer has begun
        let (sender, pieces) = mpsc::channel(WAITING);
        let is_file = name.is_some();
        let (workbench, run) = (Arc::clone(self), run.to_owned());
        tokio::spawn(async move {
            let failed = sender.clone();
            let turn = if is_file { &workbench.exports } else { &workbench.searches };
            let read = move |archive: &crate::records::Archive| {
                archive.catch_up();
                write(archive, &mut Outlet(sender))
            };
            let written = workbench.read_in_turn(turn, &run, read).await;
            if let Ok(Err(error)) = written {
                let _ = failed.send(Err(error)).await; // nobody may be there any more
            }
        });
        let body = Body::from_stream(ReceiverStream::new(pieces));
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(disposition) = name.and_then(|name| format!("attachment; filename=\"{name}\"").parse().ok()) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    }
}
