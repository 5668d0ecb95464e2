//! `lan`: the network of another process is asked, and changed. How it is reached belongs in the engine.

use std::process::ExitCode;

use socklab_engine::ControlError;
use socklab_engine::Lang;
use socklab_engine::control;
use socklab_engine::lan::{FaultSpec, Steer};

use crate::cli::{AirState, LanArgs, LanCommand};
use crate::say::{self, Fail};

pub(crate) fn run(args: &LanArgs) -> Result<ExitCode, Fail> {
    let shown = control::ask(args.pid, &steer(&args.command)?)?;
    say::print(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn steer(command: &LanCommand) -> Result<Steer, Fail> {
    Ok(match command {
        LanCommand::Status => Steer::Status,
        LanCommand::Netstat => Steer::Netstat,
        LanCommand::Fault { board, spec } => Steer::Fault(fault(board, &spec.join(" "))?),
        LanCommand::Air { name, state } => Steer::Air { name: name.clone(), gone: *state == AirState::Gone },
    })
}

/// The text of a fault that can be read.
fn fault(board: &str, spec: &str) -> Result<String, Fail> {
    let text = if board == "all" { spec.to_owned() } else { format!("{board}:{spec}") };
    match text.parse::<FaultSpec>() {
        Ok(_) => Ok(text),
        Err(error) => Err(Fail::usage(error.to_string(), error.zh())),
    }
}

impl From<ControlError> for Fail {
    fn from(error: ControlError) -> Self {
        let code = if matches!(error, ControlError::Broken(_)) { 1 } else { 2 };
        Fail::Said { en: error.text(Lang::En), zh: error.text(Lang::Zh), code }
    }
}
