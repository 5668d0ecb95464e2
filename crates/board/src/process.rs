//! The board process: its arguments, its three threads, and the run from switching on to the end.
//!
//! The main thread reads the link, one thread writes it, one runs Python. What Python sees is made in `vm`.

use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::thread;

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{AsObject, VirtualMachine};

use crate::board::{self, Board};
use crate::flash::Flash;
use crate::link::{self, End, FromBoard, ToBoard};
use crate::profile::Profile;
use crate::{compile, memory, traceback, vm};

/// The stack of the thread that runs Python: room for the recursion limit at more than 10 KiB a call.
/// It is reserved, not used: a page costs memory when it is touched.
const STACK: usize = 64 << 20;

/// Exit status when the arguments are wrong, or the flash folder cannot be opened.
const USAGE: u8 = 2;

/// The board process: `--profile NAME --flash FOLDER FILE`, where FILE is a program in the flash.
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
    program: String,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let (mut profile, mut flash, mut program) = (None, None, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("start a board: {word} wants a value"));
            match word.as_str() {
                "--profile" => profile = Some(value()?),
                "--flash" => flash = Some(value()?),
                _ if word.starts_with('-') => return Err(format!("start a board: no option {word}")),
                _ => program = Some(word),
            }
        }
        let profile = profile.as_deref().unwrap_or("esp32");
        let folder = flash.ok_or("start a board: --flash FOLDER says where its files are")?;
        Ok(Arguments {
            profile: Profile::named(profile).ok_or_else(|| {
                let names = Profile::names().collect::<Vec<_>>().join(", ");
                format!("start a board: no profile {profile}; there are {names}")
            })?,
            flash: Flash::open(&folder).map_err(|e| format!("open the flash folder {folder}: {e}"))?,
            program: program.unwrap_or_else(|| "main.py".to_owned()),
        })
    }
}

fn run(arguments: Arguments) -> ExitCode {
    if let Err(error) = memory::limit_process() {
        let _ = writeln!(io::stderr(), "limit the board's memory: {error}");
    }
    let board = board::switch_on(arguments.profile, arguments.flash);
    thread::spawn(move || write_link(board));
    thread::spawn(move || read_link(board));
    let python = thread::Builder::new().name("python".to_owned()).stack_size(STACK);
    let python = python.spawn(move || run_program(board, &arguments.program));
    match python.map(thread::JoinHandle::join) {
        Ok(Ok(End::Finished | End::SoftReset)) => ExitCode::SUCCESS,
        Ok(Ok(End::Exit(status))) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Ok(Ok(End::Raised)) | Ok(Err(_)) | Err(_) => ExitCode::FAILURE,
    }
}

/// Runs the program, again after each soft reset.
fn run_program(board: &'static Board, program: &str) -> End {
    loop {
        let end = run_once(board, program);
        board.tell(FromBoard::Exited(end));
        board.drain();
        if end != End::SoftReset {
            return end;
        }
    }
}

fn run_once(board: &'static Board, program: &str) -> End {
    vm::start(board).enter(|vm| {
        let result = compile::file(vm, program).and_then(|code| {
            let scope = vm.new_scope_with_main()?;
            vm.run_code_obj(code, scope)
        });
        let end = match result {
            Ok(_) => End::Finished,
            Err(raised) => end_of(board, &raised, vm),
        };
        if board.resetting() { End::SoftReset } else { end }
    })
}

fn end_of(board: &Board, raised: &PyBaseExceptionRef, vm: &VirtualMachine) -> End {
    if !raised.fast_isinstance(vm.ctx.exceptions.system_exit) {
        board.last_words(&traceback::text(vm, raised).replace('\n', "\r\n"));
        return End::Raised;
    }
    match raised.get_arg(0) {
        None => End::Exit(0),
        Some(status) => End::Exit(status.try_into_value(vm).unwrap_or(1)),
    }
}

fn write_link(board: &'static Board) {
    let mut to = BufWriter::new(io::stdout().lock());
    loop {
        for frame in board.to_send() {
            if link::write(&mut to, &frame).is_err() {
                end_now();
            }
        }
        if to.flush().is_err() {
            end_now();
        }
        board.sent();
    }
}

fn read_link(board: &'static Board) {
    let mut from = BufReader::new(io::stdin().lock());
    loop {
        match link::read(&mut from) {
            Ok(Some(ToBoard::Input(bytes))) => board.change(|state| state.input.extend(bytes)),
            Ok(Some(ToBoard::Interrupt)) => board.interrupt(),
            Ok(Some(ToBoard::SoftReset)) => board.soft_reset(),
            Ok(Some(ToBoard::SetPin { pin, high })) => {
                board.change(|state| state.pins[usize::from(pin)].given = high);
            }
            // Without a parent there is nobody to run for.
            Ok(Some(ToBoard::HardReset) | None) | Err(_) => end_now(),
        }
    }
}

/// Ends the process whatever Python is doing.
#[expect(clippy::exit, reason = "a hard reset waits for nobody")]
fn end_now() -> ! {
    std::process::exit(0)
}
