//! Socklab's command line. What can be typed is in `cli`; each command is a module.

mod addr;
mod board;
mod capture;
mod cli;
mod command;
mod flash;
mod input;
mod interactive;
mod lan;
mod nc;
mod output;
mod places;
mod run;
mod say;
mod send;
mod serve;
mod session;
mod steer;
mod terminal;
mod watch;
mod zh;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = board::process() {
        return code;
    }
    let lang = say::language();
    let result = zh::parse(lang).map_err(say::Fail::from).and_then(|cli| command::run(cli, lang));
    match result {
        Ok(code) => code,
        Err(fail) => fail.report(lang),
    }
}
