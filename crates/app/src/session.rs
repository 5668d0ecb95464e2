//! `listen` and `connect`: endpoints opened, their log shown, input sent, and an orderly end.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use socklab_capture::EndpointId;
use socklab_capture::cursor::Cursor;
use socklab_capture::run::{Retention, run_name};
use socklab_capture::text::Encoding;
use socklab_engine::LastEnd;
use socklab_engine::url::{EndpointUrl, Place};
use socklab_engine::{Command, Config, Ending, Engine, Farewell, Lang, Remote, Reply, Store, Targets, Trouble};

use crate::cli::{ConnectArgs, Eol, ListenArgs, SessionArgs, Show};
use crate::command::place_words;
use crate::input::{self, Cut};
use crate::interactive;
use crate::output::{Output, Stdout, Style};
use crate::places::Places;
use crate::say::{self, Fail, INTERRUPTED};
use crate::watch::{Happening, Watch};

/// How long what waits to be sent may take at the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// `socklab listen`.
pub(crate) fn listen(args: ListenArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    let urls = args.places.iter().map(|place| EndpointUrl::for_listen(place)).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan { urls, role: Role::Server, args: &args.session, wait: None };
    run(plan, places, lang)
}

/// `socklab connect`.
pub(crate) fn connect(args: ConnectArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    let mut url = EndpointUrl::for_connect(&place_words(&args))?;
    if args.retry {
        if !matches!(url.place, Place::Tcp(_) | Place::Unix(_)) {
            return Err(Fail::usage(
                format!("--retry is for connections, and {url} has none"),
                format!("--retry 只用于连接，而 {url} 没有连接"),
            ));
        }
        url.options.retry = Some(true);
    }
    let plan = Plan { urls: vec![url], role: Role::Client, args: &args.session, wait: args.wait };
    run(plan, places, lang)
}

/// What the end of the input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing.
    Server,
    /// That we have finished sending.
    Client,
}

struct Plan<'a> {
    urls: Vec<EndpointUrl>,
    role: Role,
    args: &'a SessionArgs,
    wait: Option<Duration>,
}

fn run(mut plan: Plan<'_>, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    if plan.args.echo {
        plan.urls.iter_mut().for_each(|url| url.options.echo = Some(true));
    }
    let watch = Watch::new()?;
    let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && plan.args.show != Some(Show::Raw);
    let style = Style::new(plan.args.show, plan.args.encoding);
    let (engine, reader) = start_engine(plan.args, places, style.is_some(), lang)?;
    let endpoints = match open_all(&engine.remote(), plan.urls, lang) {
        Ok(endpoints) => endpoints,
        Err(fail) => {
            engine.shut_down(Duration::ZERO);
            return Err(fail);
        }
    };
    endpoints.iter().for_each(|id| watch.endpoint(engine.remote(), *id));
    let session = Session { engine, watch, endpoints, role: plan.role, wait: plan.wait, lang };
    if is_interactive {
        let settings =
            interactive::Settings { encoding: plan.args.encoding, eol: plan.args.eol, history: places.history() };
        return session.converse(reader.zip(style), settings);
    }
    let cut = if plan.args.show == Some(Show::Json) { Cut::Lines } else { Cut::Reads };
    session.pipe(reader.zip(style), cut)
}

fn start_engine(
    args: &SessionArgs,
    places: &Places,
    shown: bool,
    lang: Lang,
) -> Result<(Engine, Option<Cursor>), Fail> {
    let store = match args.capture.as_deref() {
        Some(none) if none.as_os_str() == "none" => {
            if shown {
                Store::Memory
            } else {
                Store::Nothing
            }
        }
        asked => Store::Disk {
            captures: places.captures(asked),
            retention: Retention { bytes: args.keep, age: args.keep_for },
            sync: args.sync.into(),
        },
    };
    let run = run_name(SystemTime::now().into(), std::process::id());
    Ok(Engine::start(Config { store, run, reader: shown }, move |trouble| report(&trouble, lang))?)
}

/// What happens to the capture itself.
fn report(trouble: &Trouble, lang: Lang) {
    say::say(match (trouble, lang) {
        (Trouble::Stuck(error), Lang::En) => {
            format!("{}; reading has stopped, and goes on when there is room", say::capture_text(error, lang))
        }
        (Trouble::Stuck(error), Lang::Zh) => format!("{}；已暂停接收，有空间后会继续", say::capture_text(error, lang)),
        (Trouble::Recovered, _) => lang.pick("the capture can be written again", "抓取文件又可以写入了").into(),
        (Trouble::Lost { bytes }, Lang::En) => format!("{bytes} bytes of the capture could not be written"),
        (Trouble::Lost { bytes }, Lang::Zh) => format!("有 {bytes} 字节的抓取数据无法写入"),
        (Trouble::Removed { segments, bytes }, Lang::En) => {
            format!(
                "removed the {} oldest segments of the captures ({bytes} bytes) to stay within --keep",
                segments.len()
            )
        }
        (Trouble::Removed { segments, bytes }, Lang::Zh) => {
            format!("为不超过 --keep，已删除最旧的 {} 个抓取分段（{bytes} 字节）", segments.len())
        }
    });
}

/// Opens one after the other, and says where.
fn open_all(remote: &Remote, urls: Vec<EndpointUrl>, lang: Lang) -> Result<Vec<EndpointId>, Fail> {
    urls.into_iter().map(|url| open(remote, url, lang)).collect()
}

fn open(remote: &Remote, url: EndpointUrl, lang: Lang) -> Result<EndpointId, Fail> {
    match remote.call(Command::Open(url)) {
        Some(Reply::Opened(id, url)) => {
            let (en, zh) = match url.place {
                Place::Tcp(_) | Place::Unix(_) if url.options.retry() => ("dialling", "正在连接"),
                Place::Tcp(_) | Place::Unix(_) => ("connected to", "已连接"),
                _ => ("listening on", "正在监听"),
            };
            say::tell(format_args!("{id} {} {url}", lang.pick(en, zh)));
            Ok(id)
        }
        Some(Reply::Failed(failure)) => Err(failure.into()),
        _ => Err(Fail::Other("the engine has ended".into())),
    }
}

struct Session {
    engine: Engine,
    watch: Watch,
    endpoints: Vec<EndpointId>,
    role: Role,
    wait: Option<Duration>,
    lang: Lang,
}

impl Session {
    /// With a person at the prompt.
    fn converse(self, shown: Option<(Cursor, Style)>, settings: interactive::Settings) -> Result<ExitCode, Fail> {
        let mut prompt = interactive::Prompt::new(self.engine.remote(), settings, self.lang)?;
        let sink = prompt.printer()?;
        let output = shown.map(|(cursor, style)| Output::start(cursor, style, sink, self.watch.sender.clone()));
        prompt.start(self.watch.sender.clone());
        let code = self.wait_for_end()?;
        self.end(output, code)
    }

    /// In a pipe: stdin's bytes to the peers, received bytes to stdout.
    fn pipe(self, shown: Option<(Cursor, Style)>, cut: Cut) -> Result<ExitCode, Fail> {
        let output = shown.map(|(cursor, style)| Output::start(cursor, style, Stdout, self.watch.sender.clone()));
        input::start(self.engine.remote(), cut, self.watch.sender.clone());
        let code = self.wait_for_end()?;
        self.end(output, code)
    }

    fn wait_for_end(&self) -> Result<u8, Fail> {
        let (mut open, mut deadline, mut code) = (self.endpoints.len(), None, 0);
        while open > 0 {
            match self.watch.next(deadline) {
                None => return Ok(code),
                Some(Happening::Interrupt) => return Ok(INTERRUPTED),
                Some(Happening::OutputEnded(Err(Fail::ClosedOutput))) => return Ok(code),
                Some(Happening::OutputEnded(result)) => result?,
                Some(Happening::InputEnded) if self.role == Role::Client => {
                    self.finish_sending();
                    deadline = self.wait.map(|wait| Instant::now() + wait);
                }
                Some(Happening::InputEnded | Happening::Traffic) => {}
                Some(Happening::Quit) => return Ok(code),
                Some(Happening::EndpointEnded(end)) => {
                    open -= 1;
                    code = code.max(self.code_of(end));
                }
            }
        }
        Ok(code)
    }

    fn finish_sending(&self) {
        self.engine.remote().call(Command::End { peers: Targets::All, ending: Ending::HalfClose });
    }

    fn code_of(&self, end: LastEnd) -> u8 {
        match end {
            LastEnd::Good => 0,
            LastEnd::Reset => {
                say::say(self.lang.pick("the peer reset the connection", "连接被对方重置"));
                1
            }
            LastEnd::Failed => 1,
        }
    }

    fn end(self, output: Option<Output>, code: u8) -> Result<ExitCode, Fail> {
        let farewell = self.engine.shut_down(PATIENCE);
        if let Some(output) = output {
            output.finish();
        }
        let lost = report_unsent(&farewell, self.lang);
        Ok(ExitCode::from(if lost && code == 0 { 1 } else { code }))
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

/// Text typed by a person, as bytes for the wire.
pub(crate) fn typed(encoding: Encoding, line: &str, eol: Eol, lang: Lang) -> Result<Vec<u8>, String> {
    let text = format!("{line}{}", eol.text());
    encoding.encode(&text).map_err(|error| lang.pick(&error.to_string(), &error.zh()).to_owned())
}
