//! `listen` and `connect`: a session at a prompt or in a pipe, which is captured.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use socklab_capture::EndpointId;
use socklab_capture::run::run_name;
use socklab_capture::text::Encoding;
use socklab_engine::url::{EndpointUrl, Place};
use socklab_engine::{Command, Config, Ending, Lang, Store, Targets};

use crate::cli::{ConnectArgs, Eol, ListenArgs, SessionArgs, Show};
use crate::command::place_words;
use crate::input::Cut;
use crate::interactive;
use crate::output::{Stdout, Style};
use crate::places::Places;
use crate::run::{self, Care, Session};
use crate::say::{self, Fail, INTERRUPTED};
use crate::terminal::Terminal;
use crate::watch::Happening;

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
    let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && plan.args.show != Some(Show::Raw);
    plan.urls.iter_mut().for_each(run::send_all_input);
    let _terminal = is_interactive.then(Terminal::keep);
    let style = Style::new(plan.args.show, plan.args.encoding, lang);
    // Where only bytes are shown, nothing else says that they did not arrive.
    let shows_events = style.as_ref().is_some_and(Style::shows_events);
    let care = if plan.role == Role::Client && !shows_events { Care::Failures } else { Care::Nothing };
    let config = config(plan.args, places, style.is_some(), lang);
    run::run(config, care, lang, |session| {
        let endpoints = plan.urls.len();
        session.open(std::mem::take(&mut plan.urls), |id, url| tell_opened(id, url, plan.role, lang))?;
        if is_interactive {
            converse(session, style, &plan, places, lang)?;
        } else {
            pipe(session, style, plan.args.show);
        }
        Ok(wait_for_end(session, endpoints, &plan))
    })
}

fn config(args: &SessionArgs, places: &Places, shown: bool, lang: Lang) -> Config {
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
            retention: args.keeping.retention(),
            sync: args.keeping.sync.into(),
        },
    };
    Config {
        store,
        run: run_name(SystemTime::now().into(), std::process::id()),
        reader: shown,
        lang,
        registers: true,
        lan: None,
        control: None,
    }
}

fn tell_opened(id: EndpointId, url: &EndpointUrl, role: Role, lang: Lang) {
    let (en, zh) = match url.place {
        Place::Tcp(_) | Place::Unix(_) if url.options.retry() => ("dialling", "正在连接"),
        Place::Tcp(_) | Place::Unix(_) => ("connected to", "已连接"),
        _ if role == Role::Client => ("sending from", "正在发送，来自"),
        _ => ("listening on", "正在监听"),
    };
    say::tell(format_args!("{id} {} {}", lang.pick(en, zh), run::as_asked(url)));
}

/// With a person at the prompt.
fn converse(
    session: &mut Session,
    style: Option<Style>,
    plan: &Plan<'_>,
    places: &Places,
    lang: Lang,
) -> Result<(), Fail> {
    let settings =
        interactive::Settings { encoding: plan.args.encoding, eol: plan.args.eol, history: places.history() };
    let mut prompt = interactive::Prompt::new(session.remote().clone(), settings, lang)?;
    let sink = prompt.printer()?;
    if let Some(style) = style {
        session.show(style, sink);
    }
    prompt.start(session.sender());
    Ok(())
}

/// In a pipe: stdin's bytes to the peers, received bytes to stdout.
fn pipe(session: &mut Session, style: Option<Style>, show: Option<Show>) {
    if let Some(style) = style {
        session.show(style, Stdout);
    }
    session.feed(Cut { lines: show == Some(Show::Json), ..Cut::default() });
}

/// The exit code, when it is time to end.
fn wait_for_end(session: &mut Session, endpoints: usize, plan: &Plan<'_>) -> u8 {
    let (mut open, mut deadline, mut code) = (endpoints, None, 0);
    while open > 0 {
        match session.next(deadline) {
            None | Some(Happening::OutputEnded | Happening::Quit) => return code,
            Some(Happening::Interrupt) => return INTERRUPTED,
            Some(Happening::InputEnded) if plan.role == Role::Client => {
                session.remote().call(Command::End { peers: Targets::All, ending: Ending::HalfClose });
                deadline = plan.wait.map(|wait| Instant::now() + wait);
            }
            Some(Happening::EndpointEnded(end)) => {
                open -= 1;
                code = code.max(session.code_of(end));
            }
            Some(_) => {}
        }
    }
    code
}

/// Text typed by a person, as bytes for the wire.
pub(crate) fn typed(encoding: Encoding, line: &str, eol: Eol, lang: Lang) -> Result<Vec<u8>, String> {
    let text = format!("{line}{}", eol.text());
    encoding.encode(&text).map_err(|error| lang.pick(&error.to_string(), &error.zh()).to_owned())
}
