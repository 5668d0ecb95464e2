//! Measures Socklab beside ncat, socat, iperf3 and a bare epoll loop, all in one interleaved run.
//!
//! `socklab-benches [NAMES...]` is the conductor: it starts every server and every client as a process of its own,
//! collects what they report, and prints a table a bench. `socklab-benches role NAME JSON` is one of those processes.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod disk;
mod memory;
mod options;
mod process;
mod report;
mod reserve;
mod roles;
mod server;
mod socklab;
mod stats;
mod stream;
mod surroundings;
mod table;

use std::process::ExitCode;

use anyhow::Result;

use crate::bench::Context;
use crate::options::{Options, Wish};
use crate::report::Report;

/// Runs a role, or the benches that were asked for; fails when bytes differ, not when a target is missed.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("role") => roles::run(&arguments[1..]).map(|()| true),
        _ => conduct(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("socklab-benches: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the wanted benches one after the other and prints the summary; true when every check held.
fn conduct(arguments: &[String]) -> Result<bool> {
    let options = match options::parse(arguments)? {
        Wish::Run(options) => options,
        Wish::Print(text) => {
            println!("{text}");
            return Ok(true);
        }
    };
    let report = run_benches(options)?;
    report.print_summary();
    Ok(report.all_checks_held())
}

/// Every wanted bench in turn.
fn run_benches(options: Options) -> Result<Report> {
    let context = Context::new(options)?;
    let mut report = Report::default();
    surroundings::print(&context);
    for bench in bench::ALL.iter().filter(|bench| context.options.wants(bench.name)) {
        bench.run_and_report(&context, &mut report);
    }
    Ok(report)
}
