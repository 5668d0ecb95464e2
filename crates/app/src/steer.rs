//! `lan`: the network of another process is asked, changed, and followed. How it is reached belongs in the engine.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socklab_engine::ControlError;
use socklab_engine::Lang;
use socklab_engine::control;
use socklab_engine::lan::{AirFaults, FaultError, FaultSpec, Steer};

use crate::cli::{LanArgs, LanCommand};
use crate::output::CHUNK;
use crate::say::{self, Fail, INTERRUPTED};
use crate::terminal;
use crate::watch::on_interrupt;

pub(crate) fn run(args: &LanArgs, lang: Lang) -> Result<ExitCode, Fail> {
    if let LanCommand::Capture { output } = &args.command {
        return capture(args.pid, output.as_deref().filter(|path| *path != Path::new("-")));
    }
    let shown = control::ask(args.pid, steer(&args.command)?, lang)?;
    say::print(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn steer(command: &LanCommand) -> Result<Steer, Fail> {
    Ok(match command {
        LanCommand::Status => Steer::Status,
        LanCommand::Netstat => Steer::Netstat,
        LanCommand::Capture { .. } => Steer::Capture,
        LanCommand::Fault { board, spec } => Steer::Fault(fault(board, &spec.join(" "))?),
        LanCommand::Air { name, spec } => Steer::Air { name: name.clone(), spec: air(&spec.join(" "))? },
    })
}

/// Follows the frames, into a file or to stdout, until the network or the user has had enough.
fn capture(pid: Option<u32>, output: Option<&Path>) -> Result<ExitCode, Fail> {
    if output.is_none() && io::stdout().is_terminal() {
        return Err(Fail::usage(
            "frames are not for a terminal: give -o FILE, or pipe them to wireshark -k -i -",
            "帧不适合在终端显示：请用 -o 指定文件，或通过管道交给 wireshark -k -i -",
        ));
    }
    let mut frames = control::follow(pid)?; // before a file of that name is emptied
    let mut out: Box<dyn Write> = match output {
        Some(path) => Box::new(File::create(path).map_err(|error| not_created(path, &error))?),
        None => Box::new(io::stdout().lock()),
    };
    if output.is_none() {
        terminal::on_reader_gone(frames.end());
    }
    let (end, interrupted) = (frames.end(), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&interrupted);
    on_interrupt(move || {
        told.store(true, Ordering::SeqCst);
        end();
    })?;
    copy(&mut frames, &mut out)?;
    Ok(if interrupted.load(Ordering::SeqCst) { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Everything as soon as it comes.
fn copy(frames: &mut control::Frames, out: &mut dyn Write) -> Result<(), Fail> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match frames.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(&buffer[..count]).and_then(|()| out.flush()).map_err(say::output_failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ControlError::Broken(error).into()),
        }
    }
}

fn not_created(path: &Path, error: &io::Error) -> Fail {
    let (path, cause) = (path.display(), |lang| socklab_engine::failure::cause(error, lang));
    Fail::other(format!("cannot create {path}: {}", cause(Lang::En)), format!("无法创建 {path}：{}", cause(Lang::Zh)))
}

/// The text of a fault that can be read.
fn fault(board: &str, spec: &str) -> Result<String, Fail> {
    let text = if board == "all" { spec.to_owned() } else { format!("{board}:{spec}") };
    text.parse::<FaultSpec>().map(|_| text).map_err(|error| no_fault(&error))
}

/// The same, of an access point.
fn air(spec: &str) -> Result<String, Fail> {
    spec.parse::<AirFaults>().map(|_| spec.to_owned()).map_err(|error| no_fault(&error))
}

fn no_fault(error: &FaultError) -> Fail {
    Fail::usage(error.to_string(), error.zh())
}

impl From<ControlError> for Fail {
    fn from(error: ControlError) -> Self {
        let code = if matches!(error, ControlError::Broken(_)) { 1 } else { 2 };
        Fail::Said { en: error.text(Lang::En), zh: error.text(Lang::Zh), code }
    }
}
