//! `run` and `repl`: a virtual board in this terminal, or offered to tools. What a board does belongs in the crates
//! `board` and `engine`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use socklab_capture::escape;
use socklab_engine::Lang;
use socklab_engine::board::flash::Flash;
use socklab_engine::board::folder::Folder;
use socklab_engine::board::link::{Cause, End, FromBoard, LIGHT};
use socklab_engine::board::{
    Board, BoardConfig, BoardEvent, BoardRemote, Door, Given, Profile, Seat, Source, Ticket, explain, look, tcp,
    webrepl,
};
use socklab_engine::failure::cause;

use crate::cli::{BoardArgs, Events, ReplArgs, RunArgs};
use crate::flash as files;
use crate::lan::Lan;
use crate::places::Places;
use crate::say::{self, Fail, INTERRUPTED};
use crate::terminal::Terminal;
use crate::watch::on_interrupt;

/// The subcommand that a board process is; nobody types it.
pub(crate) const PROCESS: &str = "board-process";

/// Ctrl-], which leaves a prompt: every other key is the board's.
const LEAVE: u8 = 0x1d;

/// If this process was started to be a board, is one to its end.
pub(crate) fn process() -> Option<ExitCode> {
    let mut words = std::env::args().skip(1);
    (words.next().as_deref() == Some(PROCESS)).then(|| socklab_board::main(words))
}

/// What `run` and `repl` wait for.
enum Happening {
    /// Of the board with this number.
    Board(usize, BoardEvent),
    Interrupt,
    Left,
    /// The output cannot be written, for this reason.
    Lost(String),
}

/// `socklab run`.
pub(crate) fn run(args: RunArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    let boards = &args.board;
    if boards.board.len() > args.scripts.len() {
        return Err(Fail::usage("there are more boards than programs", "板子比程序多"));
    }
    let mut configs = Vec::new();
    for (place, script) in args.scripts.iter().enumerate() {
        let kind = boards.board.get(place).or(boards.board.last()).map_or("esp32", String::as_str);
        let mut plan = plan(boards, kind, places, Some(read_source(script)?), lang, &configs)?;
        plan.config.options.extend([OsString::from("--beside"), beside(script).into()]);
        plan.warned = warn(&plan.config, lang);
        configs.push(plan);
    }
    let names: Vec<&str> = configs.iter().map(|plan| plan.name.as_str()).collect();
    let lan = Lan::start(boards, &names, places, lang)?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let (session, happenings) = Session::start(configs, lan, boards, lang)?;
    let is_alone = session.boards.len() == 1;
    let _terminal = (is_alone && io::stdin().is_terminal()).then(|| Terminal::by_key(false));
    let shown = session.show_lines();
    if is_alone {
        session.read_keys(None);
    } else {
        // Whose input would it be? A program that asks for some is told that there is none.
        session.boards.iter().for_each(|member| member.board.remote().end_when_idle());
    }
    let outcome = session.wait(&happenings, deadline);
    session.end(&happenings, shown, outcome)
}

/// `socklab repl`.
pub(crate) fn repl(args: ReplArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    has_a_place_each(&args)?;
    let mut plans = Vec::new();
    for kind in &args.board.board {
        plans.push(plan(&args.board, kind, places, None, lang, &plans)?);
    }
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let lan = Lan::start(&args.board, &names, places, lang)?;
    let (session, happenings) = Session::start(plans, lan, &args.board, lang)?;
    let offered = session.offer(&args, lang)?;
    if offered.is_some() {
        let outcome = session.wait(&happenings, None);
        return session.end(&happenings, Vec::new(), outcome);
    }
    let is_terminal = io::stdin().is_terminal();
    let _terminal = is_terminal.then(|| Terminal::by_key(true));
    let shown = session.show(0, Plain);
    session.read_keys(is_terminal.then_some(LEAVE));
    let outcome = session.wait(&happenings, None);
    session.end(&happenings, vec![shown], outcome)
}

/// Several boards need a serial port each: all else is for one.
fn has_a_place_each(args: &ReplArgs) -> Result<(), Fail> {
    let (boards, links) = (args.board.board.len(), args.pty.as_ref().map(Vec::len));
    let alone = args.tcp.is_some() || args.webrepl.is_some() || links.is_none();
    match links {
        _ if boards == 1 && links.is_none_or(|links| links <= 1) => Ok(()),
        _ if alone && boards > 1 => Err(Fail::usage(
            "a prompt is that of one board; several are offered with --pty alone",
            "提示符只对应一块板子；多块板子只能用 --pty 提供",
        )),
        Some(links) if links != 0 && links != boards => Err(Fail::usage(
            format!("--pty names {links} serial ports for {boards} boards"),
            format!("--pty 为 {boards} 块板子指定了 {links} 个串口"),
        )),
        _ => Ok(()),
    }
}

/// A board that is to be started.
struct Plan {
    /// What it is called on the network, and where several print.
    name: String,
    files: Folder,
    config: BoardConfig,
    /// What was said of its program before it runs, without the lines: it is not said again after a traceback.
    warned: Vec<String>,
}

/// Says what the board's program will not do as it seems to.
fn warn(config: &BoardConfig, lang: Lang) -> Vec<String> {
    let Some(Source { name, text }) = &config.source else { return Vec::new() };
    let warnings = look::look(&String::from_utf8_lossy(text), config.profile);
    warnings.iter().for_each(|warning| say::say(format_args!("{name}: {}", warning.text(lang))));
    warnings.iter().map(|warning| warning.kind.text(lang)).collect()
}

fn read_source(script: &Path) -> Result<Source, Fail> {
    let name = script.file_name().unwrap_or(script.as_os_str()).to_string_lossy().into_owned();
    match fs::read(script) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let (script, why) = (script.display(), |lang| cause(&error, lang));
            Err(Fail::usage(
                format!("cannot read {script}: {}", why(Lang::En)),
                format!("无法读取 {script}：{}", why(Lang::Zh)),
            ))
        }
    }
}

/// The folder in which a program's own modules are.
fn beside(script: &Path) -> &Path {
    script.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// One board more. The second of a kind has a number, and files of its own.
fn plan(
    args: &BoardArgs,
    kind: &str,
    places: &Places,
    source: Option<Source>,
    lang: Lang,
    before: &[Plan],
) -> Result<Plan, Fail> {
    let profile = Profile::named(kind).ok_or_else(|| {
        let names: Vec<_> = Profile::names().collect();
        Fail::usage(
            format!("no board {kind:?}; there are {}", names.join(", ")),
            format!("没有名为 {kind:?} 的板子；可用的有 {}", names.join("、")),
        )
    })?;
    has_the_pins(&args.set, profile)?;
    let same = before.iter().filter(|plan| plan.config.profile.name == profile.name).count();
    let name = if same == 0 { profile.name.to_owned() } else { format!("{}-{}", profile.name, same + 1) };
    let asked =
        args.flash.as_deref().map(|folder| if before.is_empty() { folder.to_owned() } else { folder.join(&name) });
    let files = match &asked {
        Some(folder) => files::asked(folder, lang),
        None => files::own(places, &name, profile.name, lang),
    };
    let there = || asked.clone().unwrap_or_else(|| places.flash(&name));
    let files = files.map_err(|error| cannot("create", &there(), &error))?;
    let flash = files.path.clone();
    let own = std::env::current_exe().map_err(|error| cannot("find", Path::new("socklab"), &error))?;
    let command = vec![own.into(), PROCESS.into()];
    let (options, given) = (options(args), args.set.clone());
    let config = BoardConfig { command, profile, flash, options, given, lan: None, source };
    Ok(Plan { name, files, config, warned: Vec::new() })
}

/// A setting of a pin that the board lacks would be of nothing.
fn has_the_pins(given: &[Given], profile: &Profile) -> Result<(), Fail> {
    let (name, last) = (profile.name, profile.pins.end());
    match given.iter().filter_map(Given::pin).find(|pin| !profile.pins.contains(pin)) {
        None => Ok(()),
        Some(pin) => Err(Fail::usage(
            format!("--set: {name} has no pin {pin}: the last is {last}"),
            format!("--set：{name} 没有引脚 {pin}：最大为 {last}"),
        )),
    }
}

/// What the board process is told about the world around it.
fn options(args: &BoardArgs) -> Vec<OsString> {
    let mut options = Vec::new();
    if args.internet {
        options.push("--internet".into());
    }
    let join_delay = args.join_time.as_millis().to_string();
    options.extend(["--join-delay".into(), join_delay.into()]);
    if args.strict {
        options.push("--strict".into());
    }
    if let Some(wifi) = &args.wifi {
        options.extend(["--wifi".into(), format!("{}:{}", wifi.0, wifi.1).into()]);
    }
    options
}

fn cannot(operation: &str, path: &Path, error: &io::Error) -> Fail {
    let (path, why) = (path.display(), |lang| cause(error, lang));
    Fail::other(format!("cannot {operation} {path}: {}", why(Lang::En)), format!("无法使用 {path}：{}", why(Lang::Zh)))
}

/// How the board's output is shown.
trait Shape: Send + 'static {
    fn shape<'a>(&mut self, bytes: &'a [u8], shaped: &'a mut Vec<u8>) -> &'a [u8];
}

/// As it is: the terminal is the board's.
struct Plain;

impl Shape for Plain {
    fn shape<'a>(&mut self, bytes: &'a [u8], _: &'a mut Vec<u8>) -> &'a [u8] {
        bytes
    }
}

/// With the line ends of this system's text, not of a serial line.
#[derive(Default)]
struct Lines {
    after_cr: bool,
}

impl Shape for Lines {
    fn shape<'a>(&mut self, bytes: &'a [u8], shaped: &'a mut Vec<u8>) -> &'a [u8] {
        shaped.clear();
        for &byte in bytes {
            if std::mem::take(&mut self.after_cr) && byte != b'\n' {
                shaped.push(b'\r');
            }
            self.after_cr = byte == b'\r';
            if !self.after_cr {
                shaped.push(byte);
            }
        }
        shaped
    }
}

/// Whose line it is, where several boards print.
struct Named {
    name: String,
    lines: Lines,
    at_start: bool,
}

impl Shape for Named {
    fn shape<'a>(&mut self, bytes: &'a [u8], shaped: &'a mut Vec<u8>) -> &'a [u8] {
        let mut plain = Vec::new();
        let plain = self.lines.shape(bytes, &mut plain);
        shaped.clear();
        for line in plain.split_inclusive(|byte| *byte == b'\n') {
            if std::mem::replace(&mut self.at_start, line.ends_with(b"\n")) {
                shaped.extend_from_slice(self.name.as_bytes());
            }
            shaped.extend_from_slice(line);
        }
        shaped
    }
}

/// Colours of the names of boards, one after the other.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

/// The thread that says on stderr what boards do: one that is not read must not hold up Ctrl-C.
struct Teller {
    lines: Sender<(String, Ticket)>,
    thread: thread::JoinHandle<()>,
}

impl Teller {
    fn start() -> Self {
        let (lines, said) = mpsc::channel::<(String, Ticket)>();
        // The ticket is given back when the line is out: so many may wait, and then the boards do.
        let thread = thread::spawn(move || said.iter().for_each(|(line, _ticket)| say::tell(line)));
        Teller { lines, thread }
    }

    fn say(&self, line: String, ticket: Ticket) {
        let _ = self.lines.send((line, ticket));
    }

    /// Says what is left.
    fn end(self) {
        drop(self.lines);
        let _ = self.thread.join();
    }
}

struct Session {
    boards: Vec<Member>,
    teller: Teller,
    lan: Option<Lan>,
    sender: Sender<Happening>,
    events: Events,
    lang: Lang,
}

/// A board that runs.
struct Member {
    name: String,
    board: Board,
    profile: &'static Profile,
    flash: String,
    /// See [`Plan`].
    warned: Vec<String>,
    /// Held for as long as the board has it.
    _files: Folder,
}

impl Session {
    fn start(
        plans: Vec<Plan>,
        lan: Option<Lan>,
        args: &BoardArgs,
        lang: Lang,
    ) -> Result<(Self, Receiver<Happening>), Fail> {
        let (sender, happenings) = mpsc::channel();
        let interrupted = sender.clone();
        on_interrupt(move || drop(interrupted.send(Happening::Interrupt)))?;
        let mut boards = Vec::new();
        for (place, Plan { name, files, mut config, warned }) in plans.into_iter().enumerate() {
            let (told, profile) = (sender.clone(), config.profile);
            // By cable where it has no radio.
            config.lan = lan.as_ref().map(|lan| lan.attach(&name, !profile.has_wifi())).transpose()?;
            let flash = config.flash.to_string_lossy().into_owned();
            let board = Board::start(config, move |event| drop(told.send(Happening::Board(place, event))));
            boards.push(Member { name, board, profile, flash, warned, _files: files });
        }
        Ok((Session { boards, teller: Teller::start(), lan, sender, events: args.events, lang }, happenings))
    }

    /// The one that the terminal is at.
    fn first(&self) -> &Member {
        &self.boards[0]
    }

    fn remote(&self) -> BoardRemote {
        self.first().board.remote()
    }

    /// Shows the output of all on stdout, line by line; behind their names where there are several.
    fn show_lines(&self) -> Vec<Receiver<()>> {
        if let [_] = &self.boards[..] {
            return vec![self.show(0, Lines::default())];
        }
        let width = self.boards.iter().map(|member| member.name.len()).max().unwrap_or_default();
        let shown = self.boards.iter().zip(COLOURS.iter().cycle()).enumerate().map(|(place, (member, colour))| {
            let name = match say::colours() {
                true => format!("\x1b[{colour}m{:width$}\x1b[0m | ", member.name),
                false => format!("{:width$} | ", member.name),
            };
            self.show(place, Named { name, lines: Lines::default(), at_start: true })
        });
        shown.collect()
    }

    /// Shows a board's output on stdout; what is given ends when all of it is shown.
    fn show(&self, place: usize, mut shape: impl Shape) -> Receiver<()> {
        let (alive, shown) = mpsc::channel();
        let (mut shaped, left) = (Vec::new(), self.sender.clone());
        let remote = self.boards[place].board.remote();
        let write = move |bytes: &[u8]| {
            let _ = &alive;
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(shape.shape(bytes, &mut shaped)).and_then(|()| stdout.flush());
            if let Err(error) = &written {
                let gone = error.kind() == io::ErrorKind::BrokenPipe; // whoever read has gone
                let _ = left.send(if gone { Happening::Left } else { Happening::Lost(error.to_string()) });
            }
            written
        };
        let seat = if io::stdout().is_terminal() { remote.attach_terminal(write) } else { remote.attach(write) };
        std::mem::forget(seat); // it stays until the board goes
        shown
    }

    /// Types what comes from stdin; `leave` is the key that ends the session.
    fn read_keys(&self, leave: Option<u8>) {
        let (remote, sender) = (self.remote(), self.sender.clone());
        let seat = remote.attach(|_| Err(io::ErrorKind::Unsupported.into()));
        thread::spawn(move || {
            type_keys(&seat, leave);
            match leave {
                Some(_) => drop(sender.send(Happening::Left)),
                None => remote.end_when_idle(),
            }
        });
    }

    /// Serves the console to others, and says where.
    fn offer(&self, args: &ReplArgs, lang: Lang) -> Result<Option<Offered>, Fail> {
        let mut offered = Offered::default();
        if let Some(port) = args.tcp {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            let door = tcp::serve(self.remote(), address)?;
            say::tell(format_args!("mpremote connect socket://{}", door.at()));
            offered.doors.push(door);
        }
        if let Some(port) = args.webrepl {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            let flash = Flash::open(&self.first().flash)
                .map_err(|error| cannot("open", Path::new(&self.first().flash), &error))?;
            let door = webrepl::serve(self.remote(), flash, args.password.clone(), address)?;
            let (at, word) = (door.at(), lang.pick("password", "密码"));
            say::tell(format_args!("WebREPL ws://{at}/ ({word}: {})", args.password));
            offered.doors.push(door);
        }
        #[cfg(unix)]
        if let Some(links) = &args.pty {
            for (place, member) in self.boards.iter().enumerate() {
                let link = links.get(place).map(PathBuf::as_path);
                let port = socklab_engine::board::pty::serve(&member.board.remote(), link)
                    .map_err(|error| cannot("make", link.unwrap_or(Path::new("a serial port")), &error))?;
                say::tell(format_args!("{}mpremote connect {}", self.about(member), port.path.display()));
                offered.ports.push(port);
            }
        }
        #[cfg(not(unix))]
        if args.pty.is_some() {
            let _ = lang;
            return Err(Fail::usage(
                "this system has no pseudo-terminals; use --tcp",
                "此系统没有伪终端；请使用 --tcp",
            ));
        }
        Ok(offered.is_any().then_some(offered))
    }

    /// The exit code, when it is time to end: when all boards have come to theirs.
    fn wait(&self, happenings: &Receiver<Happening>, deadline: Option<Instant>) -> Outcome {
        let mut outcome = Outcome::default();
        let (mut interrupted, mut running) = (false, self.boards.len());
        while running > 0 {
            let wait = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            // However much there is to tell: a deadline is a deadline.
            let next = if wait.is_zero() { Err(RecvTimeoutError::Timeout) } else { happenings.recv_timeout(wait) };
            match next {
                Err(_) => {
                    outcome.code = 1;
                    outcome.say(self.lang.pick("the board was stopped: its time is over", "板子已停止：时间到").into());
                    return outcome;
                }
                Ok(Happening::Left) => return outcome,
                Ok(Happening::Lost(error)) => {
                    outcome.lose(&error, self.lang);
                    return outcome;
                }
                Ok(Happening::Interrupt) if self.is_program() => {
                    interrupted = true;
                    self.boards.iter().for_each(|member| member.board.remote().interrupt());
                }
                Ok(Happening::Interrupt) => return Outcome { code: INTERRUPTED, ..outcome },
                Ok(Happening::Board(_, BoardEvent::Ended(end))) => {
                    running -= 1;
                    let is_interrupt = interrupted && matches!(end, End::Raised(_));
                    outcome.fail(if is_interrupt { INTERRUPTED } else { code_of(&end) });
                }
                Ok(Happening::Board(place, event)) => {
                    if self.tell(&self.boards[place], event, &mut outcome).is_break() {
                        running -= 1;
                    }
                }
            }
        }
        outcome
    }

    /// What precedes a line about a board.
    fn about(&self, member: &Member) -> String {
        if self.boards.len() > 1 { format!("[{}] ", member.name) } else { String::new() }
    }

    fn tell(&self, member: &Member, event: BoardEvent, outcome: &mut Outcome) -> std::ops::ControlFlow<()> {
        let about = self.about(member);
        match event {
            BoardEvent::Told(FromBoard::Note(note), ticket) => {
                self.teller.say(noted(&about, note.text(self.lang)), ticket);
            }
            BoardEvent::Told(told, ticket) => self.tell_part(&about, member, &told, ticket),
            BoardEvent::Reset(cause, ticket) => self.tell_reset(&about, member, cause, ticket),
            BoardEvent::Ended(_) | BoardEvent::Anew(_) | BoardEvent::Busy(_) => {}
            BoardEvent::Raised(raised) if self.is_program() => {
                let said = explain::raised(member.profile, &raised, self.lang);
                said.filter(|said| !member.warned.contains(said))
                    .into_iter()
                    .for_each(|said| outcome.say(format!("{about}{said}")));
            }
            BoardEvent::Raised(_) => {}
            BoardEvent::Crashed(status) => {
                say::say(format_args!("{about}{}", explain::death(status, self.lang)));
                // A prompt comes back, with a process of its own.
                if self.is_program() {
                    outcome.fail(1);
                    return std::ops::ControlFlow::Break(());
                }
            }
            BoardEvent::Failed(error) => {
                outcome.fail(1);
                say::say(format_args!("{about}{}: {error}", self.lang.pick("cannot start a board", "无法启动板子")));
                return std::ops::ControlFlow::Break(());
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    /// A reset that the board itself has brought about.
    fn tell_reset(&self, about: &str, member: &Member, cause: Cause, ticket: Ticket) {
        let mut lines = noted(about, explain::reset(cause, self.lang));
        if matches!(self.events, Events::Json) {
            let mut json = json!({"reset": cause.name()});
            if !about.is_empty() {
                json["board"] = member.name.as_str().into();
            }
            lines.push_str(&format!("\n{json}"));
        }
        self.teller.say(lines, ticket);
    }

    /// What the board's parts do, for whoever cannot see them.
    fn tell_part(&self, about: &str, member: &Member, told: &FromBoard, ticket: Ticket) {
        let (text, mut json) = match told {
            FromBoard::Pin { pin, high } => {
                let level = u8::from(*high);
                match *pin == LIGHT {
                    true => (format!("[LED] {level}"), json!({"pin": "LED", "value": level})),
                    false => (format!("[pin {pin}] {level}"), json!({"pin": pin, "value": level})),
                }
            }
            FromBoard::Pwm { pin, frequency, duty } => (
                format!("[pwm {pin}] {frequency} Hz, {:.1} %", f64::from(*duty) / 655.35),
                json!({"pin": pin, "frequency": frequency, "duty_u16": duty}),
            ),
            FromBoard::Lights { pin, colours } => {
                let shown: Vec<_> = colours.iter().map(|[r, g, b, _]| format!("#{r:02x}{g:02x}{b:02x}")).collect();
                (format!("[lights {pin}] {}", shown.join(" ")), json!({"pin": pin, "lights": shown}))
            }
            FromBoard::Serial { port, bytes } => {
                let text = escape::emit(bytes);
                (format!("[uart {port}] {text}"), json!({"uart": port, "text": text}))
            }
            FromBoard::Wifi(network) => {
                (format!("[wifi] {}", network.as_deref().unwrap_or("-")), json!({"wifi": network}))
            }
            _ => return,
        };
        match self.events {
            Events::Text => self.teller.say(format!("{about}{text}"), ticket),
            Events::Json => {
                if !about.is_empty() {
                    json["board"] = member.name.as_str().into();
                }
                self.teller.say(json.to_string(), ticket);
            }
            Events::None => {}
        }
    }

    fn is_program(&self) -> bool {
        self.first().board.runs_program()
    }

    /// Ends the boards, once all they had to say is shown.
    fn end(
        mut self,
        happenings: &Receiver<Happening>,
        shown: Vec<Receiver<()>>,
        mut outcome: Outcome,
    ) -> Result<ExitCode, Fail> {
        let abouts: Vec<String> = self.boards.iter().map(|member| self.about(member)).collect();
        drop(std::mem::take(&mut self.boards));
        for happening in happenings.try_iter() {
            match happening {
                Happening::Board(place, BoardEvent::Told(FromBoard::Note(note), ticket)) => {
                    self.teller.say(noted(&abouts[place], note.text(self.lang)), ticket);
                }
                Happening::Lost(error) => outcome.lose(&error, self.lang),
                _ => {}
            }
        }
        if self.lan.is_some_and(|lan| !lan.end()) {
            outcome.fail(1);
        }
        for shown in shown {
            let _ = shown.recv(); // fails when the last of it is written, or could not be
        }
        for happening in happenings.try_iter() {
            if let Happening::Lost(error) = happening {
                outcome.lose(&error, self.lang);
            }
        }
        if outcome.code != INTERRUPTED {
            self.teller.end();
        }
        outcome.said.into_iter().for_each(say::say);
        Ok(ExitCode::from(outcome.code))
    }
}

/// A remark on a board, as it is said.
fn noted(about: &str, note: &str) -> String {
    let about = if about.is_empty() { "[board] " } else { about };
    format!("socklab: {about}{note}")
}

/// What a session came to.
#[derive(Default)]
struct Outcome {
    code: u8,
    /// After all that the boards printed.
    said: Vec<String>,
    /// Some of that could not be written.
    is_lossy: bool,
}

impl Outcome {
    fn say(&mut self, text: String) {
        self.said.push(text);
    }

    /// What was printed could not be written: that is said once.
    fn lose(&mut self, error: &str, lang: Lang) {
        if !std::mem::replace(&mut self.is_lossy, true) {
            self.fail(1);
            self.say(format!("{}: {error}", lang.pick("cannot write the output", "无法写出输出")));
        }
    }

    /// The first that fails decides.
    fn fail(&mut self, code: u8) {
        if self.code == 0 {
            self.code = code;
        }
    }
}

/// Where others find the console; dropping it takes it away.
#[derive(Default)]
struct Offered {
    doors: Vec<Door>,
    #[cfg(unix)]
    ports: Vec<socklab_engine::board::pty::Port>,
}

impl Offered {
    fn is_any(&self) -> bool {
        #[cfg(unix)]
        let has_ports = !self.ports.is_empty();
        #[cfg(not(unix))]
        let has_ports = false;
        has_ports || !self.doors.is_empty()
    }
}

fn code_of(end: &End) -> u8 {
    match end {
        End::Raised(_) | End::Missing => 1,
        End::Exit(status) => u8::try_from(*status).unwrap_or(1),
        End::Finished | End::SoftReset | End::HardReset | End::Watchdog | End::DeepSleep => 0,
    }
}

fn type_keys(seat: &Seat, leave: Option<u8>) {
    let (mut stdin, mut buffer) = (io::stdin().lock(), [0; 4096]);
    while let Ok(count @ 1..) = stdin.read(&mut buffer) {
        let keys = &buffer[..count];
        let end = leave.and_then(|leave| keys.iter().position(|key| *key == leave));
        let keys = &keys[..end.unwrap_or(count)];
        let taken = if leave.is_some() { seat.type_in(keys) } else { seat.type_all(keys) };
        if !taken || end.is_some() {
            return;
        }
    }
}
