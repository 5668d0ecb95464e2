//! From what was typed to what is done: one match.

use std::process::ExitCode;

use clap::CommandFactory;
use socklab_engine::Lang;

use crate::cli::{Cli, Command, ConnectArgs, ServeArgs};
use crate::places::Places;
use crate::say::Fail;
use crate::{addr, board, capture, nc, say, send, serve, session, steer};

pub(crate) fn run(cli: Cli, lang: Lang) -> Result<ExitCode, Fail> {
    let places = Places::new(cli.data);
    match cli.command {
        None => serve::run(&default_serve()?, &places, lang),
        Some(Command::Listen(args)) => session::listen(args, &places, lang),
        Some(Command::Connect(args)) => session::connect(args, &places, lang),
        Some(Command::Send(args)) => send::run(args, lang),
        Some(Command::Nc(args)) => nc::run(args, lang),
        Some(Command::Run(args)) => board::run(args, &places, lang),
        Some(Command::Repl(args)) => board::repl(args, &places, lang),
        Some(Command::Lan(args)) => steer::run(&args, lang),
        Some(Command::Capture(args)) => capture::run(args, &places, lang),
        Some(Command::Addr(args)) => addr::run(&args, lang),
        Some(Command::Serve(args)) => serve::run(&args, &places, lang),
        Some(Command::Completions { shell }) => completions(shell),
    }
}

/// `socklab` alone is `socklab serve`.
fn default_serve() -> Result<ServeArgs, Fail> {
    use clap::Parser;
    match Cli::try_parse_from(["socklab", "serve"])?.command {
        Some(Command::Serve(args)) => Ok(args),
        _ => Err(Fail::Usage("no default command".into())),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Fail> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "socklab", &mut script);
    say::print(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// What `connect` was told, as one list.
pub(crate) fn place_words(args: &ConnectArgs) -> Vec<&str> {
    args.place.iter().map(String::as_str).collect()
}
