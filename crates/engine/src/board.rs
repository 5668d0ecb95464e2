//! A virtual board as the workbench holds it: its process, its prompt, and the resets between. What happens inside of
//! the process belongs to the crate `board`; who sits at the console, to `console`.
//!
//! The prompt is kept here, not in the process: it outlives the resets, each of which is a new process, and a program
//! that brings its interpreter down.

mod console;
mod door;
pub mod folder;
mod given;
mod process;
#[cfg(unix)]
pub mod pty;
pub mod tcp;
pub mod webrepl;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socklab_board::link::{Cause, End, FromBoard, Program, Raised, Sensor, ToBoard};
use socklab_board::repl::{Action, Repl};
pub use socklab_board::{Profile, explain, flash, link, look};

use crate::lan::LanPort;
pub use console::Ticket;
use console::{Backlog, Console, Reader, SeatId};
pub use door::Door;
pub use given::NotGiven;
use process::Process;

/// What Ctrl-C is on a console.
const CTRL_C: u8 = 3;
/// How long a board that is stopped while it closes its connections may take to cut them off.
const LAST_WORDS: Duration = Duration::from_millis(1500);
/// What a program may have been given of what was typed, and not read.
const LENT: usize = 64 << 10;
/// A board whose process dies so often before it comes to its prompt is not started again.
const CRASHES: u32 = 3;
/// What stands between the output of a program that another program started, and its traceback, and after that.
const MARK: &[u8] = b"\x04";

/// Which board, and what it is for.
#[derive(Clone, Debug)]
pub struct BoardConfig {
    /// The program, and its first arguments, that is a board process.
    pub command: Vec<OsString>,
    /// What kind of board.
    pub profile: &'static Profile,
    /// Its files.
    pub flash: PathBuf,
    /// More arguments of the board process.
    pub options: Vec<OsString>,
    /// What the outside gives to it, from its start on and over resets.
    pub given: Vec<Given>,
    /// Its place on the virtual network; without one, it is on this machine's.
    pub lan: Option<LanPort>,
    /// The program that it runs, and then ends; without one, it starts as a board does, and has a prompt.
    pub source: Option<Source>,
}

/// What the outside gives to a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The level at a pin.
    Level {
        /// The pin's number on the board.
        pin: u8,
        /// High or low.
        high: bool,
    },
    /// What a sensor measures.
    Measured {
        /// Which.
        sensor: Sensor,
        /// In the sensor's unit.
        value: i32,
    },
}

impl Given {
    /// Whether the other is of the same pin or sensor.
    fn replaces(&self, other: &Given) -> bool {
        match (self, other) {
            (Given::Level { pin, .. }, Given::Level { pin: other, .. }) => pin == other,
            (Given::Measured { sensor, .. }, Given::Measured { sensor: other, .. }) => sensor == other,
            _ => false,
        }
    }

    fn frame(self) -> ToBoard {
        match self {
            Given::Level { pin, high } => ToBoard::SetPin { pin, high },
            Given::Measured { sensor: Sensor::Voltage(pin), value } => ToBoard::SetAdc { pin, microvolts: value },
            Given::Measured { sensor, value } => ToBoard::SetSensor { sensor, value },
        }
    }
}

/// A program that is not in the flash.
#[derive(Clone, Debug)]
pub struct Source {
    /// What tracebacks call it.
    pub name: String,
    /// Its text.
    pub text: Vec<u8>,
}

/// What those who watch a board are told. What it prints, they see at its console.
#[derive(Debug)]
pub enum BoardEvent {
    /// The board has something to show: a pin, a remark. It waits when too much of that is held.
    Told(FromBoard, Ticket),
    /// It begins anew, for this reason: what its parts showed is over.
    Anew(Cause),
    /// The program, its watchdog or its sleep has reset the board, which begins anew. As with [`BoardEvent::Told`], a
    /// board that does so again and again waits.
    Reset(Cause, Ticket),
    /// Whether a program runs from now on, or the prompt waits.
    Busy(bool),
    /// An exception that nobody caught, after its traceback was printed.
    Raised(socklab_board::link::Raised),
    /// The program is over, and so is the board.
    Ended(End),
    /// The process ended when nobody had asked it to. A board with a prompt starts again.
    Crashed(ExitStatus),
    /// The process cannot be started; the board is over.
    Failed(io::Error),
}

/// What anything takes, in bytes, while it waits to be told.
const TELLING: usize = 64;

/// What a frame of the board takes while it waits to be told.
fn weight(frame: &FromBoard) -> usize {
    let payload = match frame {
        FromBoard::Output(bytes) | FromBoard::Serial { bytes, .. } | FromBoard::Display { bits: bytes, .. } => {
            bytes.len()
        }
        FromBoard::Lights { colours, .. } => colours.len() * 4,
        _ => 0,
    };
    payload + TELLING
}

/// How a reader is shown output.
type Write = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

enum Happening {
    Heard(u64, Option<FromBoard>, Ticket),
    Attach(Reader, Write, Sender<SeatId>),
    Detach(SeatId),
    Typed(Vec<u8>),
    Interrupt,
    Remarked(look::Said),
    Give(Given),
    Run(Source),
    Reset(Cause),
    EndWhenIdle,
    Stop,
}

/// A board that runs.
#[derive(Debug)]
pub struct Board {
    remote: BoardRemote,
    runs_program: bool,
    thread: Option<JoinHandle<()>>,
}

/// A way to reach a board, from any thread.
#[derive(Clone, Debug)]
pub struct BoardRemote {
    sender: Sender<Happening>,
    typing: Arc<Backlog>,
}

/// A place at a board's console; dropping it leaves it.
#[derive(Debug)]
pub struct Seat {
    id: Option<SeatId>,
    sender: Sender<Happening>,
    typing: Arc<Backlog>,
}

impl Board {
    /// Switches a board on. `tell` is called in the board's own thread.
    pub fn start(config: BoardConfig, tell: impl Fn(BoardEvent) + Send + 'static) -> Self {
        let (sender, happenings) = mpsc::channel();
        if let Some(lan) = &config.lan {
            let sender = sender.clone();
            lan.on_remark(move |said| {
                drop(sender.send(Happening::Remarked(said.clone())));
            });
        }
        let runs_program = config.source.is_some();
        let typing = Arc::<Backlog>::default();
        let keeper = Keeper {
            config,
            tell,
            sender: sender.clone(),
            process: None,
            generation: 0,
            repl: Repl::new(),
            doing: Doing::Idle,
            joined: None,
            typed: VecDeque::new(),
            looked_at: 0,
            lent: 0,
            typing: Arc::clone(&typing),
            crashes: 0,
            interrupt_byte: Some(CTRL_C),
            lost: None,
            unanswered: 0,
            cutting: false,
            ends_when_idle: false,
            told_end: false,
            console: Console::default(),
        };
        let thread = thread::Builder::new().name("socklab-board".into());
        let thread = thread.spawn(move || keeper.run(happenings)).expect("the system has room for a thread");
        Board { remote: BoardRemote { sender, typing }, runs_program, thread: Some(thread) }
    }

    /// Whether it runs one program, and has no prompt.
    pub fn runs_program(&self) -> bool {
        self.runs_program
    }

    /// To reach it.
    pub fn remote(&self) -> BoardRemote {
        self.remote.clone()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.remote.sender.send(Happening::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl BoardRemote {
    /// Sits down at the console: `write` gets all output from now on, in a thread of its own, until it fails.
    pub fn attach(&self, write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Seat {
        self.seat(Reader::Any, Box::new(write))
    }

    /// The same for a person's terminal, which Ctrl-C is to reach at once: output that it has not shown then is let go
    /// of, as terminals themselves do.
    pub fn attach_terminal(&self, write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Seat {
        self.seat(Reader::Terminal, Box::new(write))
    }

    fn seat(&self, reader: Reader, write: Write) -> Seat {
        let (answer, id) = mpsc::channel();
        let _ = self.sender.send(Happening::Attach(reader, write, answer));
        Seat { id: id.recv().ok(), sender: self.sender.clone(), typing: Arc::clone(&self.typing) }
    }

    /// Ctrl-C for the program that runs.
    pub fn interrupt(&self) {
        let _ = self.sender.send(Happening::Interrupt);
    }

    /// Runs a program after a soft reset, without what the flash has for the start; then comes the prompt.
    pub fn run(&self, source: Source) {
        let _ = self.sender.send(Happening::Run(source));
    }

    /// A soft reset, as by Ctrl-D at the prompt, whatever the board is doing.
    pub fn soft_reset(&self) {
        let _ = self.sender.send(Happening::Reset(Cause::Soft));
    }

    /// A reset as by the button.
    pub fn hard_reset(&self) {
        let _ = self.sender.send(Happening::Reset(Cause::Hard));
    }

    /// Nothing more is typed: a program that waits for input meets the input's end, and the board ends at the next
    /// prompt that has nothing to do.
    pub fn end_when_idle(&self) {
        let _ = self.sender.send(Happening::EndWhenIdle);
    }

    /// Gives something to the board from outside: from now on, and over resets.
    pub fn give(&self, given: Given) {
        let _ = self.sender.send(Happening::Give(given));
    }
}

impl Seat {
    /// Types at the console; false once the board is gone. What the board has no room for is lost, as on a serial
    /// line, but for Ctrl-C.
    pub fn type_in(&self, bytes: &[u8]) -> bool {
        match (self.typing.has_room(), bytes.contains(&CTRL_C)) {
            (true, _) => self.type_now(bytes),
            (false, true) => self.type_now(&[CTRL_C]),
            (false, false) => true,
        }
    }

    /// The same, but waits for room.
    pub fn type_all(&self, bytes: &[u8]) -> bool {
        self.typing.wait_for_room();
        self.type_now(bytes)
    }

    fn type_now(&self, bytes: &[u8]) -> bool {
        self.typing.add(bytes.len());
        self.sender.send(Happening::Typed(bytes.to_vec())).is_ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = self.sender.send(Happening::Detach(id));
        }
    }
}

/// What the board is doing, which decides whose the typed bytes are.
#[derive(Clone, Debug)]
enum Doing {
    /// Nothing: the prompt takes what is typed.
    Idle,
    /// A program takes it; then comes this.
    Running(Then),
    /// A program has ended, and what was typed for it and not read is on its way back.
    TakingBack(Then, End),
    /// The names that could complete what was typed are looked for.
    Completing,
    /// All is over but for the last bytes of its connections, which are to be taken. Ctrl-C cuts them off; when
    /// it comes again, nothing is waited for.
    Closing { end: End, cut: bool },
    /// All is over. Its stack goes on to answer the other boards.
    Over,
}

/// What comes after a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The end of the board.
    End,
    /// After `boot.py`, `main.py`, for people.
    Main,
    /// The first prompt.
    Start,
    /// The next prompt; the program's end was to be marked.
    Prompt { marked: bool },
}

/// Whether the board goes on.
type Goes = std::ops::ControlFlow<()>;
const ON: Goes = Goes::Continue(());
const OVER: Goes = Goes::Break(());

/// The board's own thread.
struct Keeper<F> {
    config: BoardConfig,
    tell: F,
    sender: Sender<Happening>,
    process: Option<Process>,
    /// Counts the processes, so that what the last one said is not taken for the next one's.
    generation: u64,
    repl: Repl,
    doing: Doing,
    /// The Wi-Fi network that the board has joined: it stays so over a soft reset.
    joined: Option<String>,
    /// Typed, and nobody's yet.
    typed: VecDeque<u8>,
    /// So many of these are known to be no Ctrl-C, while a program runs.
    looked_at: usize,
    /// Bytes of what was typed that the program that runs was given and has not read.
    lent: usize,
    /// What was typed and has not been given to anybody, for those who type.
    typing: Arc<Backlog>,
    /// How often the process has died since the board was last at its prompt.
    crashes: u32,
    interrupt_byte: Option<u8>,
    /// The last words of a process that cannot go on.
    lost: Option<Raised>,
    /// So many Ctrl-C the process has been told of, and not said that they have come.
    unanswered: u32,
    /// What it printed before they came is not for terminals.
    cutting: bool,
    ends_when_idle: bool,
    /// The process has been told that nothing more is typed.
    told_end: bool,
    console: Console,
}

impl<F: Fn(BoardEvent)> Keeper<F> {
    fn run(mut self, happenings: Receiver<Happening>) {
        if self.switch_on(Cause::Power).is_break() {
            return;
        }
        for happening in &happenings {
            let goes = match happening {
                Happening::Stop => {
                    self.cut_off(&happenings);
                    OVER
                }
                Happening::Attach(reader, write, answer) => {
                    let _ = answer.send(self.console.attach(reader, write));
                    ON
                }
                Happening::Detach(seat) => {
                    self.console.detach(seat);
                    ON
                }
                other if self.is_over() => self.close_on(other),
                Happening::Heard(generation, frame, ticket) if generation == self.generation => {
                    self.hear(frame, ticket)
                }
                Happening::Heard(..) => ON,
                Happening::Typed(bytes) => {
                    self.typed.extend(bytes);
                    self.take_typed()
                }
                Happening::Interrupt => {
                    self.interrupt();
                    ON
                }
                Happening::Remarked(said) => {
                    self.remark(said);
                    ON
                }
                Happening::Give(given) => {
                    self.config.given.retain(|before| !given.replaces(before));
                    self.config.given.push(given);
                    self.say(given.frame());
                    ON
                }
                Happening::Run(source) => self.run_anew(source),
                Happening::Reset(cause) => self.reset(cause),
                Happening::EndWhenIdle => {
                    self.ends_when_idle = true;
                    self.take_typed()
                }
            };
            if goes.is_break() {
                return;
            }
        }
    }

    fn remark(&self, said: look::Said) {
        let ticket = Ticket::new(&self.console.backlog, said.en.len() + said.zh.len());
        (self.tell)(BoardEvent::Told(FromBoard::Note(said), ticket));
    }

    /// The board is over; on the virtual network, when its connections are closed.
    fn close(&mut self, end: End) -> Goes {
        if self.process.is_none() || self.config.lan.is_none() {
            (self.tell)(BoardEvent::Ended(end));
            return OVER;
        }
        self.doing = Doing::Closing { end, cut: false };
        self.say(ToBoard::SwitchOff);
        ON
    }

    fn is_over(&self) -> bool {
        matches!(self.doing, Doing::Closing { .. } | Doing::Over)
    }

    /// What happens to a board that is over, or has connections to close yet.
    fn close_on(&mut self, happening: Happening) -> Goes {
        match happening {
            Happening::Heard(generation, ..) if generation != self.generation => ON,
            Happening::Heard(_, Some(FromBoard::Note(said)), ticket) => {
                (self.tell)(BoardEvent::Told(FromBoard::Note(said), ticket));
                ON
            }
            Happening::Heard(_, Some(FromBoard::SwitchedOff), _) => self.has_closed(ON),
            Happening::Heard(_, None, _) => self.has_closed(OVER),
            Happening::Remarked(said) => {
                self.remark(said);
                ON
            }
            Happening::Interrupt => self.wait_no_longer(),
            Happening::Typed(bytes) => {
                self.typing.remove(bytes.len());
                if bytes.contains(&CTRL_C) { self.wait_no_longer() } else { ON }
            }
            _ => ON,
        }
    }

    fn has_closed(&mut self, goes: Goes) -> Goes {
        if let Doing::Closing { end, .. } = std::mem::replace(&mut self.doing, Doing::Over) {
            (self.tell)(BoardEvent::Ended(end));
        }
        goes
    }

    fn wait_no_longer(&mut self) -> Goes {
        match &mut self.doing {
            Doing::Closing { cut: true, .. } => self.has_closed(OVER),
            Doing::Closing { cut, .. } => {
                *cut = true;
                self.say(ToBoard::CutOff);
                ON
            }
            _ => ON,
        }
    }

    /// Has a board that is stopped cut off what it is still closing, and say so.
    fn cut_off(&mut self, happenings: &Receiver<Happening>) {
        if !matches!(self.doing, Doing::Closing { .. }) {
            return;
        }
        self.say(ToBoard::CutOff);
        let until = Instant::now() + LAST_WORDS;
        while matches!(self.doing, Doing::Closing { .. }) {
            let Ok(happening) = happenings.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                return;
            };
            let _ = self.close_on(happening); // it is over in any case
        }
    }

    /// A new process, which begins as a board does.
    fn switch_on(&mut self, cause: Cause) -> Goes {
        self.renew(cause)?;
        match &self.config.source {
            Some(Source { name, text }) => {
                let program = Program::Text { name: name.clone(), text: text.clone() };
                self.start(program, Then::End);
            }
            None => self.start(Program::File("boot.py".into()), Then::Main),
        }
        ON
    }

    /// A new process, which runs nothing yet.
    fn renew(&mut self, cause: Cause) -> Goes {
        if cause != Cause::Soft {
            self.joined = None;
        }
        self.process = None; // the old one is gone before its flash is another's
        if let Some(lan) = &self.config.lan {
            lan.hear(FromBoard::Serve(None)); // it does not know that the old one was an access point
        }
        self.generation += 1;
        self.interrupt_byte = Some(CTRL_C);
        self.lent = 0;
        self.lost = None;
        self.unanswered = 0;
        self.cutting = false;
        self.told_end = false;
        let (generation, sender) = (self.generation, self.sender.clone());
        let (lan, backlog) = (self.config.lan.clone(), Arc::clone(&self.console.backlog));
        let heard = move |frame: Option<FromBoard>| {
            let network = frame.is_some().then_some(lan.as_ref()).flatten();
            let frame = match network {
                Some(lan) => frame.and_then(|frame| lan.hear(frame)).map(Some),
                None => Some(frame),
            };
            if let Some(frame) = frame {
                let ticket = Ticket::new(&backlog, frame.as_ref().map_or(0, weight));
                let _ = sender.send(Happening::Heard(generation, frame, ticket));
            }
        };
        match Process::start(&self.command(cause), self.console.backlog.clone(), heard) {
            Ok(process) => {
                if let Some(lan) = &self.config.lan {
                    lan.connect(process.teller());
                }
                self.process = Some(process);
                (self.tell)(BoardEvent::Anew(cause));
            }
            Err(error) => {
                (self.tell)(BoardEvent::Failed(error));
                return OVER;
            }
        }
        // Before it runs anything: a program finds its world as it was said to be.
        for given in self.config.given.clone() {
            self.say(given.frame());
        }
        ON
    }

    fn command(&self, cause: Cause) -> Vec<OsString> {
        let mut command = self.config.command.clone();
        command.extend(["--profile".into(), self.config.profile.name.into(), "--flash".into()]);
        command.push(self.config.flash.clone().into());
        command.extend(self.config.options.iter().cloned());
        command.extend(["--cause".into(), cause.name().into()]);
        command.extend(self.config.lan.iter().flat_map(LanPort::arguments).map(OsString::from));
        if let Some(network) = &self.joined {
            command.extend(["--joined".into(), network.into()]);
        }
        command
    }

    fn say(&mut self, frame: ToBoard) {
        if let Some(process) = &mut self.process {
            process.tell(frame);
        }
    }

    /// Ctrl-C. What a slow terminal has not shown of the output would keep a person waiting for its effect.
    fn interrupt(&mut self) {
        self.say(ToBoard::Interrupt);
        self.unanswered += 1;
        if self.console.cut() && !std::mem::replace(&mut self.cutting, true) {
            self.remark(look::Said {
                en: "Ctrl-C: output that the terminal had not shown yet is left out".to_owned(),
                zh: "Ctrl-C：终端还没有显示的输出不再显示".to_owned(),
            });
        }
    }

    fn start(&mut self, program: Program, then: Then) {
        self.doing = Doing::Running(then);
        self.looked_at = 0;
        (self.tell)(BoardEvent::Busy(true));
        self.say(ToBoard::Run(program));
        self.tell_end();
    }

    /// Tells the process once that all has been typed, when it has been given all.
    fn tell_end(&mut self) {
        if self.ends_when_idle && self.typed.is_empty() && !std::mem::replace(&mut self.told_end, true) {
            self.say(ToBoard::InputEnds);
        }
    }

    fn hear(&mut self, frame: Option<FromBoard>, ticket: Ticket) -> Goes {
        match frame {
            None => return self.crash(),
            Some(FromBoard::Output(bytes)) if self.cutting => self.console.put_aside(&bytes),
            Some(FromBoard::Output(bytes)) => self.console.put(&bytes),
            Some(FromBoard::Interrupted) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                self.cutting &= self.unanswered > 0;
            }
            Some(FromBoard::Read(count)) => {
                self.lent = self.lent.saturating_sub(count as usize);
                return self.take_typed();
            }
            Some(FromBoard::InterruptByte(byte)) => (self.interrupt_byte, self.looked_at) = (byte, 0),
            Some(FromBoard::Ended(end)) => return self.program_ends(end),
            Some(FromBoard::Lost(raised)) => self.lost = Some(raised),
            Some(FromBoard::Wifi(network)) => {
                self.joined = network.clone();
                (self.tell)(BoardEvent::Told(FromBoard::Wifi(network), ticket));
            }
            Some(FromBoard::Unread(bytes)) => return self.took_back(&bytes),
            Some(FromBoard::Candidates { typed, names }) => return self.complete(&typed, &names),
            Some(told) => (self.tell)(BoardEvent::Told(told, ticket)),
        }
        ON
    }

    /// The process has ended by itself.
    fn crash(&mut self) -> Goes {
        let Some(mut process) = self.process.take() else { return ON };
        let ended = process.end();
        if let (Some(raised), Ok(status)) = (self.lost.take(), &ended) {
            return self.recover(raised, *status);
        }
        match ended {
            Ok(status) => (self.tell)(BoardEvent::Crashed(status)),
            Err(error) => (self.tell)(BoardEvent::Failed(error)),
        }
        let runs_program = matches!(self.doing, Doing::Running(Then::End) | Doing::TakingBack(Then::End, _));
        self.crashes += 1;
        if runs_program {
            return OVER;
        }
        if self.crashes >= CRASHES {
            let error = io::Error::other(format!("its interpreter has died {CRASHES} times at its start"));
            (self.tell)(BoardEvent::Failed(error));
            return OVER;
        }
        self.switch_on(Cause::Hard)
    }

    /// It has said why. Its program is over as by an exception, and what comes next has a board of its own.
    fn recover(&mut self, raised: Raised, status: ExitStatus) -> Goes {
        let doing = std::mem::replace(&mut self.doing, Doing::Idle);
        if let Doing::Running(Then::End) = doing {
            return self.go_on(Then::End, End::Raised(raised));
        }
        (self.tell)(BoardEvent::Crashed(status));
        self.renew(Cause::Hard)?;
        match doing {
            Doing::Running(then) => self.go_on(then, End::Raised(raised)),
            _ => {
                self.console.put(raised.traceback.as_bytes());
                self.at_prompt(|repl, _, out| repl.ready(out));
                self.take_typed()
            }
        }
    }

    fn program_ends(&mut self, end: End) -> Goes {
        let Doing::Running(then) = self.doing else { return self.reset_at_prompt(&end) };
        if std::mem::take(&mut self.lent) > 0 {
            self.doing = Doing::TakingBack(then, end);
            self.say(ToBoard::GiveBack);
            return ON;
        }
        self.go_on(then, end)
    }

    /// Nothing runs but callbacks and the watchdog, and one of them wants a reset.
    fn reset_at_prompt(&mut self, end: &End) -> Goes {
        match (end, Cause::of(end)) {
            (End::SoftReset, _) => self.soft_reset(),
            (_, Some(cause)) => self.resets_itself(cause),
            (_, None) => ON,
        }
    }

    fn resets_itself(&mut self, cause: Cause) -> Goes {
        let ticket = Ticket::new(&self.console.backlog, TELLING);
        (self.tell)(BoardEvent::Reset(cause, ticket));
        self.switch_on(cause)
    }

    fn took_back(&mut self, bytes: &[u8]) -> Goes {
        let Doing::TakingBack(then, end) = std::mem::replace(&mut self.doing, Doing::Idle) else { return ON };
        self.typing.add(bytes.len());
        bytes.iter().rev().for_each(|&byte| self.typed.push_front(byte));
        self.go_on(then, end)
    }

    /// What comes after a program that ended like that.
    fn go_on(&mut self, then: Then, end: End) -> Goes {
        self.interrupt_byte = Some(CTRL_C);
        self.show_end(then, &end);
        match (then, &end) {
            (_, End::HardReset | End::Watchdog | End::DeepSleep) | (Then::End, End::SoftReset) => {
                return self.resets_itself(Cause::of(&end).unwrap_or_default());
            }
            (Then::End, _) => return self.close(end),
            (_, End::SoftReset | End::Exit(_)) => return self.soft_reset(),
            (Then::Main, _) if self.repl.is_friendly() => {
                self.start(Program::File("main.py".into()), Then::Start);
                return ON;
            }
            (Then::Main | Then::Start, _) => self.at_prompt(|repl, banner, out| repl.start(banner, out)),
            (Then::Prompt { .. }, _) => self.at_prompt(|repl, _, out| repl.ready(out)),
        }
        self.take_typed()
    }

    /// Prints what was raised, and the marks around it.
    fn show_end(&mut self, then: Then, end: &End) {
        let mark = if then == (Then::Prompt { marked: true }) { MARK } else { b"" };
        self.console.put(mark);
        if let End::Raised(raised) = end {
            self.console.put(raised.traceback.as_bytes());
        }
        self.console.put(mark);
        if let End::Raised(raised) = end {
            (self.tell)(BoardEvent::Raised(raised.clone()));
        }
    }

    fn at_prompt(&mut self, say: impl FnOnce(&mut Repl, &str, &mut Vec<u8>)) {
        let mut out = Vec::new();
        say(&mut self.repl, &self.config.profile.banner(), &mut out);
        self.console.put(&out);
        self.doing = Doing::Idle;
        (self.tell)(BoardEvent::Busy(false));
        self.crashes = 0;
    }

    /// The prompt and what was typed at it are gone with what runs.
    fn forget_typed(&mut self) {
        self.typing.remove(self.typed.len());
        self.typed.clear();
        self.looked_at = 0;
        self.repl = Repl::new();
        self.console.put(b"\r\n");
    }

    fn run_anew(&mut self, Source { name, text }: Source) -> Goes {
        self.forget_typed();
        self.console.put(b"MPY: soft reboot\r\n");
        self.renew(Cause::Soft)?;
        self.start(Program::Text { name, text }, Then::Prompt { marked: false });
        ON
    }

    fn reset(&mut self, cause: Cause) -> Goes {
        self.forget_typed();
        if cause == Cause::Soft { self.soft_reset() } else { self.switch_on(cause) }
    }

    fn soft_reset(&mut self) -> Goes {
        self.console.put(b"MPY: soft reboot\r\n");
        self.switch_on(Cause::Soft)
    }

    /// Gives what was typed to whoever it is for.
    fn take_typed(&mut self) -> Goes {
        loop {
            match self.doing {
                Doing::Idle if self.typed.is_empty() && self.ends_when_idle => return self.close(End::Finished),
                Doing::Running(_) if self.typed.is_empty() => {
                    self.tell_end();
                    return ON;
                }
                _ if self.typed.is_empty() => return ON,
                Doing::Idle => self.prompt_takes()?,
                Doing::Running(_) => {
                    if !self.program_takes() {
                        return ON;
                    }
                }
                Doing::TakingBack(..) | Doing::Completing | Doing::Closing { .. } | Doing::Over => return ON,
            }
        }
    }

    fn prompt_takes(&mut self) -> Goes {
        let (mut out, before) = (Vec::new(), self.typed.len());
        let action = loop {
            let Some(byte) = self.typed.pop_front() else { break None };
            if let Some(action) = self.repl.byte(byte, &mut out) {
                break Some(action);
            }
        };
        self.typing.remove(before - self.typed.len());
        self.console.put(&out);
        match action {
            None => ON,
            Some(action) => self.act(action),
        }
    }

    /// Gives the program what it has room for; false when that is nothing. Ctrl-C does not wait for a program to read
    /// what was typed before: that is let go.
    fn program_takes(&mut self) -> bool {
        let is_interrupt = |byte: &u8| Some(*byte) == self.interrupt_byte;
        let found = self.typed.range(self.looked_at..).position(is_interrupt);
        let interrupt = found.map(|place| self.looked_at + place);
        self.looked_at = interrupt.unwrap_or(self.typed.len());
        let count = interrupt.unwrap_or(self.typed.len()).min(LENT.saturating_sub(self.lent));
        match interrupt {
            _ if count > 0 => {
                let input: Vec<u8> = self.typed.drain(..count).collect();
                self.looked_at -= count;
                self.typing.remove(count);
                self.lent += count;
                self.say(ToBoard::Input(input));
            }
            Some(place) => {
                self.typed.drain(..=place);
                self.looked_at = 0;
                self.typing.remove(place + 1);
                self.interrupt();
            }
            None => return false,
        }
        true
    }

    fn act(&mut self, action: Action) -> Goes {
        let text = |text: Vec<u8>| Program::Text { name: "<stdin>".into(), text };
        match action {
            Action::Interactive(line) => self.start(Program::Interactive(line), Then::Prompt { marked: false }),
            Action::File(file) => self.start(text(file.into_bytes()), Then::Prompt { marked: false }),
            Action::Marked(file) => self.start(text(file), Then::Prompt { marked: true }),
            Action::SoftReset => return self.soft_reset(),
            Action::Complete(before) => {
                self.doing = Doing::Completing;
                self.say(ToBoard::Complete(before));
            }
            Action::Banner => self.at_prompt(|repl, banner, out| {
                out.extend_from_slice(banner.as_bytes());
                repl.ready(out);
            }),
        }
        ON
    }

    fn complete(&mut self, typed: &str, names: &[String]) -> Goes {
        self.at_prompt(|repl, _, out| repl.complete(typed, names, out));
        self.take_typed()
    }
}
