//! The log to the terminal or the pipe, on a thread of its own: as slow as whoever reads it, and no hindrance
//! to the sockets as long as there is a capture to read from.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socklab_capture::cursor::{Cursor, Next};
use socklab_capture::show::{Clock, Form, Printer};
use socklab_capture::text::{Decoder, Encoding};
use socklab_capture::{Event, Frame, PeerId, Record, Side};
use socklab_engine::lan::brief;
use socklab_engine::trouble::event_text;
use socklab_engine::{Lang, failure};

use crate::cli::Show;
use crate::say::{self, Fail};
use crate::watch::Happening;

/// Output is handed on when it is this long, or when there is nothing more to add.
pub(crate) const CHUNK: usize = 64 * 1024;
/// How long to sleep at a time where nothing comes.
const PATIENCE: Duration = Duration::from_secs(1);

/// How records become bytes.
#[allow(clippy::large_enum_variant)] // one a session
pub(crate) enum Style {
    Lines {
        printer: Printer,
        text: String,
    },
    /// What peers sent, and nothing else.
    Raw,
    /// The same for a terminal, which no peer may drive.
    RawInTerminal(Vec<(PeerId, Decoder)>, Encoding),
    /// As the style within, and into files besides.
    Dumped(Box<Style>, Vec<Dump>),
    /// Nothing.
    Nothing,
}

/// What a file holds of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DumpForm {
    /// The bytes received and sent, in order.
    Bytes,
    /// The same as a hex dump.
    Hex,
}

/// A file that what is received and sent is written to.
pub(crate) struct Dump {
    file: File,
    form: DumpForm,
    rows: Printer,
    failed: Arc<AtomicBool>,
    lang: Lang,
}

impl Dump {
    pub(crate) fn new(file: File, form: DumpForm, lang: Lang) -> Self {
        let rows = Printer::new(Form::Both, Encoding::default(), Clock::local());
        Dump { file, form, rows, failed: Arc::default(), lang }
    }

    /// Set when it cannot be written to any more.
    pub(crate) fn failed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.failed)
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// A file that cannot be written to any more is said once; the session goes on.
    fn write(&mut self, record: &Record<'_>) {
        let payload = record.event.payload();
        if payload.is_empty() || self.has_failed() {
            return;
        }
        let written = match self.form {
            DumpForm::Bytes => self.file.write_all(payload),
            DumpForm::Hex => {
                let mut text = String::new();
                self.rows.print(record, &mut text);
                self.file.write_all(text.as_bytes())
            }
        };
        if let Err(error) = written {
            self.failed.store(true, Ordering::SeqCst);
            let cause = failure::cause(&error, self.lang);
            say::say(self.lang.pick("cannot write the dump: ", "无法写入转储文件：").to_owned() + &cause);
        }
    }
}

impl Style {
    /// The form asked for, or the one that fits stdout. `None`: nothing is to be shown.
    pub(crate) fn new(show: Option<Show>, encoding: Encoding, lang: Lang) -> Option<Self> {
        let terminal = io::stdout().is_terminal();
        let lines = |form| {
            let mut printer = Printer::new(form, encoding, Clock::local());
            printer.colour(say::colours());
            if lang == Lang::Zh {
                printer.words(|event| event_text(event, Lang::Zh));
            }
            Some(Style::Lines { printer, text: String::new() })
        };
        match show.unwrap_or(if terminal { Show::Text } else { Show::Raw }) {
            Show::Text => lines(Form::Text),
            Show::Hex => lines(Form::Hex),
            Show::Both => lines(Form::Both),
            Show::Json => lines(Form::Json),
            Show::Raw if terminal => Some(Style::RawInTerminal(Vec::new(), encoding)),
            Show::Raw => Some(Style::Raw),
            Show::None => None,
        }
    }

    /// Whether records are seen, not only bytes.
    pub(crate) fn shows_events(&self) -> bool {
        match self {
            Style::Lines { .. } => true,
            Style::Dumped(style, _) => style.shows_events(),
            Style::Raw | Style::RawInTerminal(..) | Style::Nothing => false,
        }
    }

    /// Appends what is to be seen of a record.
    pub(crate) fn render(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        match self {
            Style::Lines { printer, text } => {
                text.clear();
                printer.print(record, text);
                out.extend_from_slice(text.as_bytes());
            }
            Style::Raw => {
                if let Event::Received(bytes) = record.event {
                    out.extend_from_slice(bytes);
                }
            }
            Style::Nothing => {}
            Style::Dumped(style, dumps) => {
                dumps.iter_mut().for_each(|dump| dump.write(record));
                style.render(record, out);
            }
            Style::RawInTerminal(decoders, encoding) => {
                if let (Event::Received(bytes), Some(peer)) = (record.event, record.peer) {
                    out.extend_from_slice(harmless(decoder(decoders, peer, *encoding), bytes).as_bytes());
                }
            }
        }
    }

    /// Appends what is to be seen of a frame on the link of `board`: nothing where only bytes are shown that peers sent.
    pub(crate) fn render_frame(&mut self, frame: &Frame<'_>, board: &str, out: &mut Vec<u8>) {
        if let Style::Lines { printer, text } = self {
            text.clear();
            printer.print_frame(frame, board, &brief(frame.bytes), text);
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Appends what was held back for bytes that never came.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Style::Lines { printer, text } => {
                text.clear();
                printer.finish(text);
                out.extend_from_slice(text.as_bytes());
            }
            Style::RawInTerminal(decoders, _) => {
                for (_, decoder) in decoders {
                    let mut text = String::new();
                    decoder.finish(&mut text);
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Style::Dumped(style, _) => style.finish(out),
            Style::Raw | Style::Nothing => {}
        }
    }
}

/// The decoder of a peer; of the last few peers only, which is all that a terminal can show at a time.
fn decoder(known: &mut Vec<(PeerId, Decoder)>, peer: PeerId, encoding: Encoding) -> &mut Decoder {
    let at = known.iter().position(|(id, _)| *id == peer).unwrap_or_else(|| {
        known.truncate(15);
        known.insert(0, (peer, Decoder::new(encoding)));
        0
    });
    &mut known[at].1
}

/// Text with line ends and tabs as they are, and everything else that is no plain text as escapes.
fn harmless(decoder: &mut Decoder, bytes: &[u8]) -> String {
    let mut out = String::new();
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\t')) {
        let (text, end) = match line {
            [text @ .., b'\r', b'\n'] => (text, "\r\n"),
            [text @ .., b'\n'] => (text, "\n"),
            [text @ .., b'\t'] => (text, "\t"),
            text => (text, ""),
        };
        let mut shown = String::new();
        decoder.decode(text, &mut shown);
        out.push_str(&shown.replace("\\\\", "\\"));
        out.push_str(end);
    }
    out
}

/// Where rendered output goes.
pub(crate) trait Sink: Send {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Straight to stdout, nothing held back.
pub(crate) struct Stdout;

impl Sink for Stdout {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }
}

/// The thread that shows the log.
pub(crate) struct Output(JoinHandle<Result<(), Fail>>);

impl Output {
    /// Shows everything that `cursor` gives until it ends.
    pub(crate) fn start(cursor: Cursor, style: Style, sink: impl Sink + 'static, watch: Sender<Happening>) -> Self {
        Output(thread::spawn(move || {
            let _ending = Ending(watch.clone());
            Showing { cursor, style, sink, watch }.run()
        }))
    }

    /// How it ended; waits for it.
    pub(crate) fn result(self) -> Result<(), Fail> {
        self.0.join().unwrap_or(Ok(())) // a panic has been said
    }
}

/// Tells of the end of the thread that holds it, even by panic.
struct Ending(Sender<Happening>);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.send(Happening::OutputEnded);
    }
}

struct Showing<S> {
    cursor: Cursor,
    style: Style,
    sink: S,
    watch: Sender<Happening>,
}

impl<S: Sink> Showing<S> {
    fn run(&mut self) -> Result<(), Fail> {
        let mut out = Vec::new();
        loop {
            let next = match self.cursor.next() {
                Err(error) => {
                    let gap = error.gap().ok_or(error)?; // what comes after it can be read
                    let _ = self.watch.send(Happening::Missed(gap));
                    continue;
                }
                Ok(next) => next,
            };
            match next {
                Next::Record(record) => {
                    report(&record, &self.watch);
                    self.style.render(&record, &mut out);
                    if out.len() < CHUNK {
                        continue;
                    }
                }
                Next::Wait if out.is_empty() => {
                    self.cursor.wait(PATIENCE);
                    continue;
                }
                Next::End => {
                    self.style.finish(&mut out);
                    return self.hand_on(&out);
                }
                Next::Frame(..) => continue, // nobody asked for them
                Next::Wait => {}
            }
            self.hand_on(&out)?;
            out.clear();
        }
    }

    fn hand_on(&mut self, out: &[u8]) -> Result<(), Fail> {
        if !out.is_empty() {
            self.sink.put(out).map_err(say::output_failed)?;
            let _ = self.watch.send(Happening::Traffic);
        }
        Ok(())
    }
}

/// Tells the session what it may have to answer for.
fn report(record: &Record<'_>, watch: &Sender<Happening>) {
    let _ = match record.event {
        Event::Failed(text) if record.peer.is_some() => watch.send(Happening::Failed(text.into())),
        Event::Reset(Side::Peer) => watch.send(Happening::WasReset),
        Event::Connected => watch.send(Happening::Connected),
        _ => Ok(()),
    };
}
