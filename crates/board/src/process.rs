//! The board process: its arguments, and its threads. One reads the link, one writes it, one runs Python.
//! What Python sees is made in `vm`; when what is run, the parent knows.

use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyInt};
use rustpython_vm::scope::Scope;
use rustpython_vm::{AsObject, PyResult, VirtualMachine};
use socklab_lan::{Interface, Mac};

use crate::board::{self, Board, Job};
use crate::dialect::strict;
use crate::flash::Flash;
use crate::link::{self, Cause, End, FromBoard, Program, Sensor, ToBoard};
use crate::net::Outside;
use crate::profile::Profile;
use crate::{compile, complete, cpython, hardware, lost, memory, modules, traceback, vm};

/// The stack of the thread that runs Python: room for the recursion limit at more than 10 KiB a call.
/// It is reserved, not used: a page costs memory when it is touched.
const STACK: usize = 64 << 20;

/// Exit status when the arguments are wrong, or the flash folder cannot be opened.
const USAGE: u8 = 2;

/// The board process. What it runs, the parent says.
///
/// `--flash FOLDER` must be there; `--profile NAME` is esp32 unless told. `--internet` lets it dial any host,
/// `--wifi SSID:PASSWORD` names the one network that is there (else every network is), `--join-delay MS` is how long
/// joining takes (1000), `--joined SSID` the network that it has joined already. `--beside FOLDER` has modules of the
/// program; `--strict` refuses what the real board lacks; `--cause` is that of this
/// start where it is not power. `--lan MAC` puts it on the virtual network, whose frames come and go by the link;
/// `--name NAME` is what it is called there. `--lang zh` makes remarks in Chinese.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match Arguments::parse(arguments) {
        Ok(arguments) => run(arguments),
        Err(message) => {
            // stdout is the link; a person reads stderr.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(USAGE)
        }
    }
}

struct Arguments {
    profile: &'static Profile,
    flash: Flash,
    beside: Option<Flash>,
    strict: bool,
    outside: Outside,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let (mut profile, mut flash, mut beside, mut strict) = (None, None, None, false);
        let mut outside = Outside::default();
        let mut cause = Cause::Power;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("start a board: {word} wants a value"));
            match word.as_str() {
                "--profile" => profile = Some(value()?),
                "--flash" => flash = Some(value()?),
                "--beside" => beside = Some(value()?),
                "--strict" => strict = true,
                "--internet" => outside.internet = true,
                "--closed" => outside.closed = Some(port(&value()?)?),
                "--lan" => outside.lan = Some(mac(&value()?)?),
                "--name" => outside.name = value()?,
                "--joined" => outside.joined = Some(value()?),
                "--wifi" => outside.only = Some(network(&value()?)?),
                "--join-delay" => outside.join_delay = delay(&value()?)?,
                "--cause" => cause = Cause::named(&value()?).ok_or("start a board: no such cause of a start")?,
                _ => return Err(format!("start a board: no option {word}")),
            }
        }
        let profile = profile.as_deref().unwrap_or("esp32");
        let folder = flash.ok_or("start a board: --flash FOLDER says where its files are")?;
        hardware::was_started(&folder, cause);
        let profile = Profile::named(profile).ok_or_else(|| {
            let names = Profile::names().collect::<Vec<_>>().join(", ");
            format!("start a board: no profile {profile}; there are {names}")
        })?;
        let flash = Flash::open(&folder).map_err(|e| format!("open the flash folder {folder}: {e}"))?;
        Ok(Arguments {
            profile,
            flash: if profile.is_cpython() { flash } else { flash.with_the_room_of_a_board() },
            // Modules there may be used; one that cannot be opened has none.
            beside: beside.and_then(|folder| Flash::open(&folder).ok()),
            strict,
            outside,
        })
    }
}

/// `SSID:PASSWORD`; an SSID with a colon cannot be said.
fn network(word: &str) -> Result<(String, String), String> {
    let (ssid, password) = word.split_once(':').ok_or("start a board: --wifi wants SSID:PASSWORD")?;
    Ok((ssid.to_owned(), password.to_owned()))
}

fn port(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("start a board: --closed {word} is no port"))
}

/// Six octets in hex with colons between.
fn mac(word: &str) -> Result<Mac, String> {
    let octets = word.split(':').map(|octet| u8::from_str_radix(octet, 16)).collect::<Result<Vec<_>, _>>();
    let octets = octets.ok().and_then(|octets| <[u8; 6]>::try_from(octets).ok());
    octets.map(Mac).ok_or_else(|| format!("start a board: --lan {word} is no hardware address"))
}

fn delay(word: &str) -> Result<Duration, String> {
    let ms = word.parse().map_err(|_| format!("start a board: --join-delay {word} is no number of milliseconds"))?;
    Ok(Duration::from_millis(ms))
}

fn run(arguments: Arguments) -> ExitCode {
    if let Err(error) = memory::limit_process(arguments.profile.has_threads()) {
        let _ = writeln!(io::stderr(), "limit the board's memory: {error}");
    }
    lost::say_panics();
    strict::decide(arguments.strict);
    let board = board::switch_on(arguments.profile, arguments.flash, arguments.beside, arguments.outside);
    let link: &'static Mutex<_> = Box::leak(Box::new(Mutex::new(BufWriter::new(io::stdout()))));
    thread::spawn(move || write_link(board, link));
    // Frames have a thread of their own: they must not wait for output to become more.
    let hand = Box::new(move |frames| send(link, &[FromBoard::Frames(frames)]));
    thread::spawn(move || board.network.wire().transmit(hand));
    thread::spawn(move || read_link(board));
    thread::spawn(move || board.keep_time());
    let python = thread::Builder::new().name("python".to_owned()).stack_size(STACK);
    match python.spawn(move || run_programs(board)).map(thread::JoinHandle::join) {
        Ok(Ok(never)) => match never {},
        Ok(Err(_)) | Err(_) => ExitCode::FAILURE,
    }
}

/// Runs one program after the other, all in the same globals, until the parent ends the process: a reset is a new one.
fn run_programs(board: &'static Board) -> Never {
    vm::start(board).enter(|vm| {
        memory::watch();
        let scope = vm.new_scope_with_main();
        let scope = vm.expect_pyresult(scope, "a fresh interpreter has a main module");
        if board.profile.wifi.is_some() {
            board.network.await_old_address(vm);
        }
        loop {
            match board.next_job(vm) {
                Job::Run(program) => {
                    let end = run_program(vm, &program, &scope).unwrap_or_else(|raised| end_of(&raised, vm));
                    board.network.settle();
                    board.tell(FromBoard::Ended(board.take_reset().unwrap_or(end)));
                }
                Job::Complete(text) => {
                    let (typed, names) = complete::names(vm, &scope, &text);
                    board.tell(FromBoard::Candidates { typed, names });
                }
            }
        }
    })
}

fn run_program(vm: &VirtualMachine, program: &Program, scope: &Scope) -> PyResult<End> {
    let Some(code) = compile::program(vm, program)? else { return Ok(End::Missing) };
    vm.run_code_obj(code, scope.clone())?;
    match program {
        Program::Interactive(_) => {}
        _ if board::board().profile.is_cpython() => cpython::finish(vm)?,
        // A program by itself goes on as long as its threads; at the prompt they go on beside it.
        Program::Text { name, .. } if name != "<stdin>" => modules::thread::finish(vm)?,
        Program::Text { .. } | Program::File(_) => {}
    }
    Ok(End::Finished)
}

fn end_of(raised: &PyBaseExceptionRef, vm: &VirtualMachine) -> End {
    if !raised.fast_isinstance(vm.ctx.exceptions.system_exit) {
        return End::Raised(traceback::raised(vm, raised));
    }
    match raised.get_arg(0).filter(|status| !vm.is_none(status)) {
        None => End::Exit(0),
        Some(status) => {
            if board::board().profile.is_cpython() && status.downcast_ref::<PyInt>().is_none() {
                let text = status.str(vm).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
                board::board().last_words(&format!("{}\r\n", text.replace('\n', "\r\n")));
            }
            End::Exit(status.try_into_value(vm).unwrap_or(1))
        }
    }
}

/// What a function gives that does not come back.
enum Never {}

/// The link to the parent, which two threads write.
type Link = Mutex<BufWriter<io::Stdout>>;

#[expect(clippy::exit, reason = "a board that cannot go on says so, and ends")]
fn write_link(board: &'static Board, link: &'static Link) {
    loop {
        match board.to_send() {
            Ok(frames) => send(link, &frames),
            Err(status) => std::process::exit(status),
        }
    }
}

fn send(link: &Link, frames: &[FromBoard]) {
    let mut to = link.lock();
    let sent = frames.iter().try_for_each(|frame| link::write(&mut *to, frame)).and_then(|()| to.flush());
    if sent.is_err() {
        end_now();
    }
}

fn read_link(board: &'static Board) {
    let mut from = BufReader::new(io::stdin().lock());
    loop {
        match link::read(&mut from) {
            Ok(Some(ToBoard::Input(bytes))) => board.change(|state| state.input.extend(bytes)),
            Ok(Some(ToBoard::InputEnds)) => board.change(|state| state.input_ends = true),
            Ok(Some(ToBoard::GiveBack)) => {
                let mut unread = Vec::new();
                board.change(|state| unread.extend(state.input.drain(..)));
                board.tell(FromBoard::Unread(unread));
            }
            Ok(Some(ToBoard::Interrupt)) => board.interrupt(),
            Ok(Some(ToBoard::Run(program))) => board.change(|state| state.begin(program)),
            Ok(Some(ToBoard::Complete(text))) => board.change(|state| state.jobs.push_back(Job::Complete(text))),
            Ok(Some(ToBoard::SetPin { pin, high })) => board.outside(|hardware| hardware.give(pin, high)),
            Ok(Some(ToBoard::SetAdc { pin, microvolts })) => {
                board.outside(|hardware| hardware.set(Sensor::Voltage(pin), microvolts));
            }
            Ok(Some(ToBoard::SetSensor { sensor, value })) => board.outside(|hardware| hardware.set(sensor, value)),
            Ok(Some(ToBoard::Serial { port, bytes })) => board.outside(|hardware| hardware.receive(port, &bytes)),
            Ok(Some(ToBoard::SwitchOff)) => drop(thread::spawn(move || board.network.switch_off())),
            Ok(Some(ToBoard::CutOff)) => board.network.cut_off(),
            Ok(Some(ToBoard::Frames(frames))) => board.network.deliver(Interface::Station, frames),
            Ok(Some(ToBoard::OwnFrames(frames))) => board.network.deliver(Interface::AccessPoint, frames),
            Ok(Some(ToBoard::Joined { attempt, outcome })) => board.network.joined(attempt, outcome),
            Ok(Some(ToBoard::Stations(stations))) => board.network.station(|station| station.stations = stations),
            Ok(Some(ToBoard::Left)) => board.network.lose(),
            Ok(Some(ToBoard::Netstat)) => board.tell(FromBoard::Netstat(board.network.netstat())),
            Ok(Some(ToBoard::Scanned(seen))) => board.change(|state| state.scanned = Some(seen)),
            // Without a parent there is nobody to run for.
            Ok(None) | Err(_) => end_now(),
        }
    }
}

/// Ends the process whatever Python is doing.
#[expect(clippy::exit, reason = "a board that nobody holds stops at once")]
fn end_now() -> ! {
    std::process::exit(0)
}
