//! What `listen`, `connect`, `send` and `nc` have in common: an engine started, endpoints opened, their log shown,
//! and the end, which is the same whatever it was that ended it. What each of them waits for is its own matter.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socklab_capture::EndpointId;
use socklab_capture::cursor::{self, Cursor};
use socklab_capture::run::Run;
use socklab_engine::url::{EndpointUrl, Place};
use socklab_engine::{Command, Config, Engine, Farewell, Lang, LastEnd, Remote, Reply, Trouble};

use crate::input::{self, Cut};
use crate::output::{Output, Sink, Style};
use crate::say::{self, Fail, INTERRUPTED};
use crate::watch::{Happening, Watch};

/// How long what waits to be sent may take at the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How long the end may take where nothing was opened: a look-up of a name that hangs cannot be called off.
const ABANDON: Duration = Duration::from_millis(500);
/// After Ctrl-C, a reader that takes nothing for so long is left behind.
const STALLED: Duration = Duration::from_secs(1);

/// Which records of the log make the exit code 1, and are said on stderr, because nothing else shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Care {
    /// None: they are shown with all others.
    Nothing,
    /// What could not be sent or received.
    Failures,
    /// This, and connections that the peer tore down.
    Resets,
}

/// A running engine and everything that may end it.
pub(crate) struct Session {
    remote: Remote,
    watch: Watch,
    reader: Option<Cursor>,
    output: Option<Output>,
    lang: Lang,
    care: Care,
    /// Something of the capture could not be written.
    lost: Arc<AtomicBool>,
    /// Records are shown, not only bytes.
    shows_events: Arc<AtomicBool>,
    /// All that was asked for is open.
    is_up: bool,
    /// The output's thread has ended.
    is_shown: bool,
    /// Whoever watches has seen enough.
    is_left: bool,
    /// A peer tore its connection down, which is said at the end if nothing worse is.
    was_reset: bool,
    /// The exit code is not to be 0.
    has_failed: bool,
    /// Endpoints that take one client.
    takes_one: Vec<EndpointId>,
    /// Lest it be said for each datagram.
    last_said: String,
}

/// Starts an engine, does `body` with it, and ends it in good order whatever came of that.
/// `body` gives the exit code.
pub(crate) fn run(
    config: Config,
    care: Care,
    lang: Lang,
    body: impl FnOnce(&mut Session) -> Result<u8, Fail>,
) -> Result<ExitCode, Fail> {
    let (watch, lost) = (Watch::new()?, Arc::new(AtomicBool::new(false)));
    let shows_events = Arc::new(AtomicBool::new(false));
    let (engine, reader) = Engine::start(config, teller(&lost, &shows_events, lang))?;
    let mut session = Session {
        remote: engine.remote(),
        watch,
        reader,
        output: None,
        lang,
        care,
        lost,
        shows_events,
        is_up: false,
        is_shown: false,
        is_left: false,
        was_reset: false,
        has_failed: false,
        takes_one: Vec::new(),
        last_said: String::new(),
    };
    let result = body(&mut session);
    session.end(engine, result)
}

/// Says what an engine cannot do, unless it is among the events that are shown; and notes whether something was lost.
pub(crate) fn teller(lost: &Arc<AtomicBool>, shows_events: &Arc<AtomicBool>, lang: Lang) -> impl Fn(Trouble) + use<> {
    let (lost, shows_events) = (Arc::clone(lost), Arc::clone(shows_events));
    move |trouble| {
        lost.fetch_or(matches!(trouble, Trouble::Lost { .. }), Ordering::SeqCst);
        let is_record = matches!(trouble, Trouble::Refused { .. } | Trouble::Dropped { .. });
        if !is_record || !shows_events.load(Ordering::SeqCst) {
            say::say(trouble.text(lang));
        }
    }
}

/// Has a client that is fed by a pipe go on when the server has finished, which may still want what stands in there.
/// A person at a terminal has been told, and waits for nothing; with `retry` the next connection takes the rest.
pub(crate) fn send_all_input(url: &mut EndpointUrl) {
    let is_alone = matches!(url.place, Place::Tcp(_) | Place::Unix(_)) && !url.options.retry();
    if is_alone && !io::stdin().is_terminal() {
        url.options.halfopen.get_or_insert(true);
    }
}

/// The URL to be told, without what [`send_all_input`] put in.
pub(crate) fn as_asked(url: &EndpointUrl) -> EndpointUrl {
    let mut url = url.clone();
    if matches!(url.place, Place::Tcp(_) | Place::Unix(_)) {
        url.options.halfopen = None;
    }
    url
}

impl Session {
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// For whoever has something to report.
    pub(crate) fn sender(&self) -> mpsc::Sender<Happening> {
        self.watch.sender.clone()
    }

    /// Opens one after the other, tells `opened` of each, and reports their ends from then on.
    pub(crate) fn open(
        &mut self,
        urls: Vec<EndpointUrl>,
        opened: impl Fn(EndpointId, &EndpointUrl),
    ) -> Result<(), Fail> {
        let mut ids = Vec::with_capacity(urls.len());
        for url in urls {
            let (id, url) = self.open_one(url)?;
            opened(id, &url);
            self.takes_one.extend(url.options.once().then_some(id));
            ids.push(id);
        }
        self.is_up = true;
        ids.into_iter().for_each(|id| self.watch.endpoint(self.remote.clone(), id));
        Ok(())
    }

    /// A connection, or the look-up of a name, may take minutes: Ctrl-C must not wait for it.
    fn open_one(&mut self, url: EndpointUrl) -> Result<(EndpointId, EndpointUrl), Fail> {
        let (remote, sender) = (self.remote.clone(), self.sender());
        thread::spawn(move || {
            let _ = sender.send(Happening::Opened(remote.call(Command::Open(url))));
        });
        loop {
            match self.next(None) {
                Some(Happening::Opened(Some(Reply::Opened(id, url)))) => return Ok((id, url)),
                Some(Happening::Opened(Some(Reply::Failed(failure)))) => return Err(failure.into()),
                Some(Happening::Interrupt) => return Err(Fail::Interrupted),
                Some(Happening::Opened(_)) | None => {
                    return Err(Fail::other("the engine has ended", "引擎已结束"));
                }
                Some(_) => {}
            }
        }
    }

    /// Shows the log from its start, if the engine was started with a reader.
    pub(crate) fn show(&mut self, style: Style, sink: impl Sink + 'static) {
        let sender = self.sender();
        self.shows_events.store(style.shows_events(), Ordering::SeqCst);
        self.output = self.reader.take().map(|reader| Output::start(reader, style, sink, sender));
    }

    /// Sends stdin to the peers.
    pub(crate) fn feed(&self, cut: Cut) {
        input::start(self.remote.clone(), cut, self.takes_one.clone(), self.sender());
    }

    /// The next thing that happens; `None` when `deadline` comes first.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Option<Happening> {
        loop {
            match self.watch.next(deadline)? {
                Happening::Failed(text) => self.failed(text),
                Happening::WasReset => self.was_reset |= self.care >= Care::Resets,
                Happening::Missed(gap) => {
                    self.has_failed = true;
                    say::say_gap(gap, self.lang);
                }
                happening => {
                    self.is_left |= matches!(happening, Happening::Quit);
                    self.is_shown |= matches!(happening, Happening::OutputEnded);
                    return Some(happening);
                }
            }
        }
    }

    fn failed(&mut self, text: String) {
        if self.care < Care::Failures {
            return;
        }
        self.has_failed = true;
        if self.last_said != text {
            // The log speaks English to everybody.
            say::say(match self.lang {
                Lang::En => text.clone(),
                Lang::Zh => format!("出错：{text}"),
            });
            self.last_said = text;
        }
    }

    fn say_reset(&self) {
        say::say(self.lang.pick("the peer reset the connection", "连接被对方重置"));
    }

    /// The exit code for how an endpoint ended, which is said unless its record is.
    pub(crate) fn code_of(&self, end: LastEnd) -> u8 {
        match end {
            LastEnd::Good => return 0,
            LastEnd::Reset if self.care < Care::Resets => self.say_reset(),
            LastEnd::Failed if self.care < Care::Failures => {
                say::say(self.lang.pick("the connection failed", "连接出错"));
            }
            LastEnd::Reset | LastEnd::Failed => {}
        }
        1
    }

    /// Shuts the engine down, shows the rest, and says what was lost.
    fn end(mut self, engine: Engine, result: Result<u8, Fail>) -> Result<ExitCode, Fail> {
        let run = engine.run().cloned();
        self.reader = None; // one that was never shown would be waited for
        let farewell = shut_down(engine, self.is_up);
        let result = self.finish_output(result, run.is_some());
        if let (Some(run), false) = (&run, self.is_up) {
            discard(run);
        }
        let unsent = report_unsent(&farewell, self.lang);
        if self.was_reset && result.is_ok() {
            self.say_reset();
        }
        let lost = unsent || self.was_reset || self.has_failed || self.lost.load(Ordering::SeqCst);
        result.map(|code| ExitCode::from(if lost && code == 0 { 1 } else { code }))
    }

    /// Waits until all is shown: for ever, unless somebody wants it to end, or has left the prompt.
    fn finish_output(&mut self, result: Result<u8, Fail>, captured: bool) -> Result<u8, Fail> {
        let Some(output) = self.output.take() else { return result };
        let mut result = result;
        while !self.is_shown {
            let is_hasty = self.is_left || matches!(result, Ok(INTERRUPTED));
            match self.next(is_hasty.then(|| Instant::now() + STALLED)) {
                Some(Happening::Interrupt) => result = result.map(|_| INTERRUPTED),
                Some(_) => {}
                None => {
                    self.say_not_shown(captured);
                    return result;
                }
            }
        }
        self.drain();
        match (result, output.result()) {
            (Ok(INTERRUPTED), Err(fail)) => {
                fail.report(self.lang);
                Ok(INTERRUPTED)
            }
            (Ok(_), Err(fail)) if !matches!(fail, Fail::ClosedOutput) => Err(fail),
            (result, _) => result,
        }
    }

    /// What the last records had to say.
    fn drain(&mut self) {
        while self.next(Some(Instant::now())).is_some() {}
    }

    fn say_not_shown(&self, captured: bool) {
        if !captured {
            say::say(self.lang.pick(
                "the rest of the output was not shown: whoever reads it takes nothing",
                "其余输出未显示：读取方没有接收",
            ));
        }
    }
}

fn shut_down(engine: Engine, is_up: bool) -> Farewell {
    if is_up {
        return engine.shut_down(PATIENCE);
    }
    let (done, farewell) = mpsc::channel();
    thread::spawn(move || done.send(engine.shut_down(Duration::ZERO)));
    farewell.recv_timeout(ABANDON).unwrap_or_default()
}

/// Removes a run that came to nothing, or it would be the newest.
pub(crate) fn discard(run: &Run) {
    if !run.is_live() && cursor::totals(run).is_ok_and(|totals| totals.peers.is_empty()) {
        let _ = run.remove(); // an empty run is no harm
    }
}

/// Says what could not be sent; true if there was any.
pub(crate) fn report_unsent(farewell: &Farewell, lang: Lang) -> bool {
    for (peer, address, bytes) in &farewell.unsent {
        say::say(match lang {
            Lang::En => format!("{bytes} bytes for {peer} ({address}) could not be sent: it does not read"),
            Lang::Zh => format!("有 {bytes} 字节无法发送给 {peer}（{address}）：对方没有接收"),
        });
    }
    !farewell.unsent.is_empty()
}
