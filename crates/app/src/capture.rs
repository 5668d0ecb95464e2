//! `socklab capture`: looking at what was recorded. Reading it is the capture crate's work.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use socklab_capture::cursor::{self, Cursor, Next};
use socklab_capture::export::{self, ExportError, Filter, Format};
use socklab_capture::index::{PeerTotals, Totals};
use socklab_capture::run::{Gap, Run, RunError};
use socklab_capture::search::{self, Hit, Needle, Query};
use socklab_capture::show::{Clock, harmless_json};
use socklab_capture::tcp::{Connection, Sent};
use socklab_capture::text::Encoding;
use socklab_capture::{Frame, PeerId, Side, escape, hex};
use socklab_engine::Lang;
use socklab_engine::quantity::format_size;
use socklab_engine::trouble::capture_text;

use crate::cli::{CaptureArgs, CaptureCommand, ExportArgs, SearchArgs, ShowArgs};
use crate::output::{CHUNK, Sink, Stdout, Style};
use crate::places::Places;
use crate::say::{self, Fail, INTERRUPTED};
use crate::terminal;
use crate::watch::{Happening, Watch};

/// How long to wait at a time for a run that grows.
const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) fn run(args: CaptureArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    let captures = places.captures(args.capture.as_deref());
    match args.command {
        CaptureCommand::Ls { json } => ls(&captures, json, lang),
        CaptureCommand::Show(args) => show(&captures, &args, lang),
        CaptureCommand::Follow(args) => follow(&captures, &args, lang),
        CaptureCommand::Search(args) => search(&captures, &args, lang),
        CaptureCommand::Export(args) => export(&captures, &args, lang),
        CaptureCommand::Stat { run, json } => stat(&captures, run.as_deref(), json, lang),
    }
    .map(ExitCode::from)
}

fn ls(captures: &Path, as_json: bool, lang: Lang) -> Result<u8, Fail> {
    let runs = Run::list(captures)?;
    if runs.is_empty() {
        say::tell(nothing_yet(captures, lang));
        return Ok(0);
    }
    let mut text = String::new();
    if !as_json {
        text += lang.pick(
            "RUN                            RECORDS   PACKETS   PEERS   RECEIVED       SENT  STATE\n",
            "抓取                           记录    数据包    对端       接收       发送  状态\n",
        );
    }
    let mut code = 0;
    for run in &runs {
        // One run that cannot be read must not hide the others.
        match recover(run, lang).and_then(|()| cursor::totals(run)) {
            Ok(totals) if as_json => text += &format!("{}\n", harmless_json(&summary(run, &totals))),
            Ok(totals) => text += &row(run, &totals, lang),
            Err(error) => {
                say::say(capture_text(&error, lang));
                text += &unreadable(run, as_json, &error, lang);
                code = 1;
            }
        }
    }
    say::print(text.as_bytes())?;
    Ok(code)
}

fn nothing_yet(captures: &Path, lang: Lang) -> String {
    capture_text(&RunError::NoRuns(captures.to_owned()), lang)
}

fn row(run: &Run, totals: &Totals, lang: Lang) -> String {
    let state = if run.is_live() { lang.pick("live", "进行中") } else { "" };
    let (received, sent) = (format_bytes(totals.received()), format_bytes(totals.sent()));
    format!(
        "{:<30} {:>7} {:>9} {:>7} {received:>10} {sent:>10}  {state}\n",
        run.name(),
        totals.records,
        totals.packets,
        totals.peers.len()
    )
}

/// The line of a run that cannot be read.
fn unreadable(run: &Run, as_json: bool, error: &RunError, lang: Lang) -> String {
    if as_json {
        let line = json!({ "run": run.name(), "path": run.path(), "error": capture_text(error, lang) });
        return format!("{}\n", harmless_json(&line));
    }
    let nothing = "-";
    format!(
        "{:<30} {nothing:>7} {nothing:>9} {nothing:>7} {nothing:>10} {nothing:>10}  {}\n",
        run.name(),
        lang.pick("unreadable", "无法读取")
    )
}

/// For people: three digits are enough.
fn format_bytes(bytes: u64) -> String {
    let (mut value, mut units) = (bytes as f64, ["B", "KiB", "MiB", "GiB"].iter());
    let mut unit = units.next();
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        (value, unit) = (value / 1024.0, Some(next));
    }
    let unit = unit.copied().unwrap_or_default();
    if unit == "B" || value >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// The run asked for, ready to be read.
fn find(captures: &Path, wanted: Option<&str>, lang: Lang) -> Result<Run, RunError> {
    let run = Run::find(captures, wanted)?;
    recover(&run, lang).map(|()| run)
}

/// Cuts off what a writer left half-written: whoever only looks at a file must be told that it has changed.
fn recover(run: &Run, lang: Lang) -> Result<(), RunError> {
    let cut = run.recover()?;
    if cut > 0 {
        say::say_cut(&run.name(), cut, lang);
    }
    Ok(())
}

fn show(captures: &Path, args: &ShowArgs, lang: Lang) -> Result<u8, Fail> {
    let run = find(captures, args.run.as_deref(), lang)?;
    let mut cursor = Cursor::open(run, args.from)?;
    if args.frames {
        cursor.give_frames();
    }
    let Some(style) = Style::new(Some(args.show), args.encoding, lang) else { return Ok(0) };
    let mut shown = Shown::new(style, &args.peer);
    while let Batch::More = batch(&mut cursor, &mut shown, lang)? {}
    shown.end(lang)
}

fn follow(captures: &Path, args: &ShowArgs, lang: Lang) -> Result<u8, Fail> {
    let run = find(captures, args.run.as_deref(), lang)?;
    let mut cursor = Cursor::follow(run, args.from)?;
    if args.frames {
        cursor.give_frames();
    }
    let Some(style) = Style::new(Some(args.show), args.encoding, lang) else { return Ok(0) };
    let mut shown = Shown::new(style, &args.peer);
    let watch = Watch::new()?;
    let gone = watch.sender.clone();
    terminal::on_reader_gone(move || drop(gone.send(Happening::Quit)));
    loop {
        match batch(&mut cursor, &mut shown, lang)? {
            Batch::More => {}
            Batch::Wait => {
                shown.flush()?;
                cursor.wait(PATIENCE);
            }
            Batch::End => return shown.end(lang),
        }
        match watch.next(Some(std::time::Instant::now())) {
            Some(Happening::Interrupt) => {
                shown.flush()?;
                return Ok(INTERRUPTED);
            }
            Some(Happening::Quit) => return Ok(0),
            _ => {}
        }
    }
}

/// Why a batch of records ends.
enum Batch {
    More,
    Wait,
    End,
}

/// Shows so many records that looking for Ctrl-C in between costs nothing. Records that are gone are said.
fn batch(cursor: &mut Cursor, shown: &mut Shown<'_>, lang: Lang) -> Result<Batch, Fail> {
    for _ in 0..1000 {
        match cursor.next() {
            Ok(Next::Record(record)) => shown.add(&record)?,
            Ok(Next::Frame(frame, link)) => shown.add_frame(&frame, &link.name)?,
            Ok(Next::Wait) => return Ok(Batch::Wait),
            Ok(Next::End) => return Ok(Batch::End),
            Err(error) => {
                shown.finish()?; // what came before is good, and no character of it goes on after a gap
                say_gaps(&[error.gap().ok_or(error)?], lang);
            }
        }
    }
    Ok(Batch::More)
}

/// Says which records nobody can read any more. That they had to make room is no failure.
fn say_gaps(gaps: &[Gap], lang: Lang) {
    gaps.iter().for_each(|gap| say::say_gap(*gap, lang));
}

/// Records on their way to stdout.
struct Shown<'a> {
    style: Style,
    /// Only of these, if any.
    peers: &'a [PeerId],
    /// How many there were of them.
    count: u64,
    out: Vec<u8>,
}

impl<'a> Shown<'a> {
    fn new(style: Style, peers: &'a [PeerId]) -> Self {
        Shown { style, peers, count: 0, out: Vec::new() }
    }

    fn add(&mut self, record: &socklab_capture::Record<'_>) -> Result<(), Fail> {
        if self.peers.is_empty() || record.peer.is_some_and(|peer| self.peers.contains(&peer)) {
            self.style.render(record, &mut self.out);
            self.count += 1;
        }
        self.flush_if_long()
    }

    fn add_frame(&mut self, frame: &Frame<'_>, board: &str) -> Result<(), Fail> {
        self.style.render_frame(frame, board, &mut self.out);
        self.flush_if_long()
    }

    fn flush_if_long(&mut self) -> Result<(), Fail> {
        if self.out.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// At the run's end; that there was nothing of a peer is said.
    fn end(&mut self, lang: Lang) -> Result<u8, Fail> {
        self.finish()?;
        let is_missed = self.count == 0 && !self.peers.is_empty();
        Ok(if is_missed { no_record(self.peers, lang) } else { 0 })
    }

    fn finish(&mut self) -> Result<(), Fail> {
        self.style.finish(&mut self.out);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Fail> {
        Stdout.put(&self.out).map_err(say::output_failed)?;
        self.out.clear();
        Ok(())
    }
}

fn search(captures: &Path, args: &SearchArgs, lang: Lang) -> Result<u8, Fail> {
    let run = find(captures, args.run.as_deref(), lang)?;
    let peers = (!args.peer.is_empty()).then(|| args.peer.clone());
    let query = Query { needle: needle(args)?, peers, side: None };
    let (mut out, mut failed) = (String::new(), None);
    let (mut clock, colours) = (Clock::local(), say::colours());
    let summary = search::search(&run, &query, &mut |hit| {
        if args.count {
            return ControlFlow::Continue(());
        }
        push_hit(hit, args.encoding, &mut clock, colours, &mut out);
        match say::print(out.as_bytes()) {
            Ok(()) => {
                out.clear();
                ControlFlow::Continue(())
            }
            Err(fail) => {
                failed = Some(fail);
                ControlFlow::Break(())
            }
        }
    })?;
    say_gaps(&summary.gaps, lang);
    match failed {
        Some(fail) => return Err(fail),
        None if args.count => say::print(format!("{}\n", summary.hits).as_bytes())?,
        None if summary.hits == 0 => say::say(match lang {
            Lang::En => format!("not found in {} of {}", format_bytes(summary.bytes), run.name()),
            Lang::Zh => format!("在 {} 的 {} 数据中未找到", run.name(), format_bytes(summary.bytes)),
        }),
        None => {}
    }
    Ok(u8::from(summary.hits == 0))
}

fn needle(args: &SearchArgs) -> Result<Needle, Fail> {
    let text = args.what.join(" ");
    if text.is_empty() {
        return Err(Fail::usage("nothing to search for", "没有要查找的内容"));
    }
    if args.regex {
        return Needle::regex(&text).map_err(|error| {
            Fail::usage(format!("regex {text:?}: {error}"), format!("正则表达式 {text:?}：{}", error.zh()))
        });
    }
    let bytes = match args.hex {
        true => hex::parse(&text).map_err(|error| Fail::usage(error.to_string(), error.zh())),
        false => args.encoding.parse_escaped(&text).map_err(|error| Fail::usage(error.to_string(), error.zh())),
    };
    bytes.map(Needle::Bytes)
}

/// `12:00:01.123456 e1.3 192.168.1.50:49152 < @1048570 ...context...`
fn push_hit(hit: &Hit, encoding: Encoding, clock: &mut Clock, colours: bool, out: &mut String) {
    let arrow = if hit.side == Side::Peer { '<' } else { '>' };
    let peer = hit.peer.to_string();
    let address = escape::emit(hit.address.to_string().as_bytes());
    *out += &format!("{} {peer} {address} {arrow} #{} @{} ", clock.text(hit.at), hit.seq, hit.offset);
    let [before, matched, after] = hit.texts(encoding);
    let [begin, end] = if colours { ["\x1b[1;7m", "\x1b[0m"] } else { [""; 2] };
    *out += &format!("{before}{begin}{matched}{end}{after}\n");
}

/// Says that there is nothing of these peers; gives the exit code.
fn no_record(peers: &[PeerId], lang: Lang) -> u8 {
    let peers = peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    say::say(match lang {
        Lang::En => format!("no record of {peers}; `socklab capture stat` lists the peers"),
        Lang::Zh => format!("没有 {peers} 的记录；`socklab capture stat` 列出对端"),
    });
    1
}

fn export(captures: &Path, args: &ExportArgs, lang: Lang) -> Result<u8, Fail> {
    let run = find(captures, args.run.as_deref(), lang)?;
    if !args.peer.is_empty() {
        let known = cursor::totals(&run)?.peers;
        if !args.peer.iter().any(|peer| known.contains_key(peer)) {
            return Ok(no_record(&args.peer, lang));
        }
    }
    let filter = Filter { peers: args.peer.clone() };
    let binary = matches!(args.format, Format::Raw | Format::Pcapng);
    if args.output.is_none() && binary && io::stdout().is_terminal() {
        return Err(Fail::Usage(
            lang.pick("this form is not for a terminal: give -o FILE", "该格式不适合终端显示：请用 -o 指定文件").into(),
        ));
    }
    let write = |out: &mut dyn Write| {
        let summary = export::export(&run, args.format, &filter, args.encoding, Clock::local(), out);
        out.flush().map_err(ExportError::Write)?;
        summary
    };
    let new_file = args.output.as_deref().filter(|path| !path.exists());
    let result = match &args.output {
        None => write(&mut BufWriter::with_capacity(CHUNK, io::stdout().lock())),
        Some(path) => write_file(path, write)?,
    };
    let summary = result.map_err(|error| match error {
        ExportError::Run(error @ RunError::Damaged { .. }) => match new_file.map(Path::display) {
            None => error.into(),
            Some(file) => Fail::other(
                format!("{}; what came before is in {file}", capture_text(&error, Lang::En)),
                format!("{}；此前的内容已写入 {file}", capture_text(&error, Lang::Zh)),
            ),
        },
        ExportError::Run(error) => error.into(),
        ExportError::Write(error) => say::output_failed(error),
    })?;
    say_gaps(&summary.gaps, lang);
    if args.output.is_some() {
        say::tell(match lang {
            Lang::En => format!("{} records, {} bytes", summary.records, summary.bytes),
            Lang::Zh => format!("{} 条记录，{} 字节", summary.records, summary.bytes),
        });
    }
    Ok(0)
}

/// Writes beside the file and puts it there when all is well: it may be the one that is read, and a failure leaves
/// the old one. Of a run that is damaged there is nothing better than what came before the damage: that is kept where
/// there was no file. What is no plain file is written to as it is.
fn write_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, ExportError>,
) -> Result<Result<T, ExportError>, Fail> {
    let failed = |error: io::Error| {
        let (path, cause) = (path.display(), |lang| socklab_engine::failure::cause(&error, lang));
        Fail::other(
            format!("cannot create {path}: {}", cause(Lang::En)),
            format!("无法创建 {path}：{}", cause(Lang::Zh)),
        )
    };
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return Ok(write(&mut BufWriter::with_capacity(CHUNK, File::create(path).map_err(failed)?)));
    }
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned()); // a link stays one
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = target.with_file_name(name);
    let file = File::create(&part).map_err(failed)?;
    let result = write(&mut BufWriter::with_capacity(CHUNK, file));
    let placed = match (&result, old) {
        (Err(ExportError::Run(RunError::Damaged { .. })), None) => std::fs::rename(&part, &target),
        (Err(_), _) => std::fs::remove_file(&part),
        (Ok(_), Some(old)) => {
            std::fs::set_permissions(&part, old.permissions()).and_then(|()| std::fs::rename(&part, &target))
        }
        (Ok(_), None) => std::fs::rename(&part, &target),
    };
    placed.map(|()| result).map_err(failed)
}

fn stat(captures: &Path, run: Option<&str>, as_json: bool, lang: Lang) -> Result<u8, Fail> {
    let run = find(captures, run, lang)?;
    let totals = cursor::totals(&run)?;
    say_gaps(&totals.gaps, lang);
    if as_json {
        say::print(format!("{}\n", harmless_json(&detail(&run, &totals))).as_bytes())?;
        return Ok(0);
    }
    let mut text = format!("{}\n", run.path().display());
    text += &match lang {
        Lang::En => format!(
            "{} records in {} packets; received {} bytes, sent {} bytes, {} peers\n",
            totals.records,
            totals.packets,
            totals.received(),
            totals.sent(),
            totals.peers.len()
        ),
        Lang::Zh => format!(
            "{} 条记录，{} 个数据包；接收 {} 字节，发送 {} 字节，{} 个对端\n",
            totals.records,
            totals.packets,
            totals.received(),
            totals.sent(),
            totals.peers.len()
        ),
    };
    let mut clock = Clock::local().with_date(true);
    if let Some((first, last)) = totals.span {
        text += &format!("{} .. {}\n", clock.text(first), clock.text(last));
    }
    for (index, endpoint) in totals.endpoints.iter().enumerate() {
        let dropped = if endpoint.dropped == 0 {
            String::new()
        } else {
            format!("  {} {}", endpoint.dropped, lang.pick("dropped by the system", "被系统丢弃"))
        };
        text += &format!("e{} {}{dropped}\n", index + 1, escape::emit(endpoint.url.as_bytes()));
    }
    text += &peers(&totals, lang);
    text += &links(&totals, lang);
    say::print(text.as_bytes())?;
    Ok(0)
}

fn peers(totals: &Totals, lang: Lang) -> String {
    let row = |(id, peer): (&PeerId, &PeerTotals)| {
        let (id, address) = (id.to_string(), escape::emit(peer.address.to_string().as_bytes()));
        let (rx, tx) = (format_size(peer.received), format_size(peer.sent));
        let (records, word) = (peer.records, lang.pick("records", "条记录"));
        format!("  {id:<8} {address:<28} rx {rx:<12} tx {tx:<12} {records} {word}\n")
    };
    totals.peers.iter().map(row).collect()
}

/// Links of a virtual network, and what their frames tell of its connections.
fn links(totals: &Totals, lang: Lang) -> String {
    let mut text = String::new();
    for (index, link) in totals.links.iter().enumerate() {
        let (id, name, bytes) = (index + 1, escape::emit(link.name.as_bytes()), format_size(link.bytes));
        let (frames, dropped, left_out) = (link.frames, link.dropped, link.left_out);
        text += &match lang {
            Lang::En => format!("l{id} {name}  {frames} frames, {bytes}, {dropped} dropped"),
            Lang::Zh => format!("l{id} {name}  {frames} 帧，{bytes}，丢弃 {dropped} 帧"),
        };
        text += &match (left_out, lang) {
            (0, _) => "\n".to_owned(),
            (_, Lang::En) => format!("; {left_out} not captured\n"),
            (_, Lang::Zh) => format!("；未抓取 {left_out} 帧\n"),
        };
    }
    totals.connections.iter().for_each(|connection| text += &connection_rows(connection, lang));
    text
}

/// A line for the connection and one for each end.
fn connection_rows(connection: &Connection, lang: Lang) -> String {
    let [from, to] = connection.ends;
    let mut text = format!("tcp {from} > {to}\n");
    for (end, sent) in connection.ends.iter().zip(connection.sent) {
        let Sent { segments, retransmitted, out_of_order, duplicates, lost, .. } = sent;
        let (end, bytes) = (end.to_string(), format_size(sent.bytes));
        text += &match lang {
            Lang::En => format!(
                "  {end:<28} {segments} segments, {bytes}; {retransmitted} retransmitted, {out_of_order} out of order, \
                 {duplicates} duplicated, {lost} lost\n"
            ),
            Lang::Zh => format!(
                "  {end:<28} {segments} 个报文段，{bytes}；重传 {retransmitted}，乱序 {out_of_order}，\
                 重复 {duplicates}，丢失 {lost}\n"
            ),
        };
    }
    text
}

fn summary(run: &Run, totals: &Totals) -> serde_json::Value {
    json!({
        "run": run.name(),
        "path": run.path(),
        "live": run.is_live(),
        "records": totals.records,
        "packets": totals.packets,
        "frames": totals.frames(),
        "received": totals.received(),
        "sent": totals.sent(),
        "dropped": totals.endpoints.iter().map(|endpoint| endpoint.dropped).sum::<u64>(),
        "first": totals.span.map(|(first, _)| Clock::rfc3339(first)),
        "last": totals.span.map(|(_, last)| Clock::rfc3339(last)),
    })
}

fn detail(run: &Run, totals: &Totals) -> serde_json::Value {
    let mut detail = summary(run, totals);
    detail["endpoints"] = totals.endpoints.iter().enumerate().map(|(index, endpoint)| {
        json!({ "endpoint": format!("e{}", index + 1), "url": endpoint.url, "dropped": endpoint.dropped })
    }).collect();
    detail["peers"] = totals
        .peers
        .iter()
        .map(|(id, peer)| {
            json!({
                "peer": id.to_string(),
                "address": peer.address.to_string(),
                "records": peer.records,
                "received": peer.received,
                "sent": peer.sent,
                "first": Clock::rfc3339(peer.first),
                "last": Clock::rfc3339(peer.last),
            })
        })
        .collect();
    detail["links"] = totals
        .links
        .iter()
        .enumerate()
        .map(|(index, link)| {
            json!({
                "link": format!("l{}", index + 1),
                "board": link.name,
                "frames": link.frames,
                "bytes": link.bytes,
                "dropped": link.dropped,
                "left_out": link.left_out,
            })
        })
        .collect();
    detail["connections"] = totals.connections.iter().map(connection_value).collect();
    detail
}

fn connection_value(connection: &Connection) -> serde_json::Value {
    let sent = |end: usize| {
        let Sent { segments, bytes, retransmitted, out_of_order, duplicates, lost } = connection.sent[end];
        json!({
            "address": connection.ends[end].to_string(),
            "segments": segments,
            "bytes": bytes,
            "retransmitted": retransmitted,
            "out_of_order": out_of_order,
            "duplicates": duplicates,
            "lost": lost,
        })
    };
    let (first, last) = connection.span;
    json!({ "ends": [sent(0), sent(1)], "first": Clock::rfc3339(first), "last": Clock::rfc3339(last) })
}
