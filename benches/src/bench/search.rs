//! How fast a large capture is searched, with its pages in the cache; grep over the same bytes for orientation.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, Context};
use crate::process::{run, run_role};
use crate::report::Report;
use crate::roles::source::{Arguments, Sent};
use crate::server::{Contestant, Server};
use crate::socklab::Data;
use crate::stats::{extremes, median};
use crate::table::{Table, figure, range, ratio};

/// The bench.
pub(crate) const BENCH: Bench =
    Bench { name: "search", about: "an 8-byte needle at the end of a 1 GiB capture", only_ours: true, run: bench };

/// What is searched for: it stands once, at the end.
const NEEDLE: &str = "Needle#7";

/// The longest that one run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes the capture, searches it in rounds, and prints the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let bytes = context.options.full_or_quick(1 << 30, 64 << 20);
    let mut server = Server::sink(Contestant::Capturing, context)?;
    let arguments = Arguments { port: server.port, bytes, tail: NEEDLE.to_owned(), ..Arguments::default() };
    run_role::<Sent>("source", &arguments, PATIENCE)?;
    server.stop()?;
    let data = server.data()?;
    let raw = data.export_raw("e1.1")?;
    report.check("search finds the needle".to_owned(), search(data, &["search", NEEDLE]).is_ok());
    grep(&raw)?;
    let mut seconds = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..context.options.rounds_up_to(3) {
        seconds[0].push(grep(&raw)?);
        seconds[1].push(search(data, &["search", NEEDLE])?);
        seconds[2].push(search(data, &["search", "--hex", &hex(NEEDLE)])?);
    }
    print(&seconds, bytes);
    Ok(())
}

/// The digits of a text's bytes.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Searches the capture; returns the seconds.
fn search(data: &Data, arguments: &[&str]) -> Result<f64> {
    let finished = data.capture(arguments)?;
    ensure!(!finished.output.is_empty(), "capture {} found nothing", arguments.join(" "));
    Ok(finished.took.as_secs_f64())
}

/// Searches the exported bytes; returns the seconds.
fn grep(raw: &Path) -> Result<f64> {
    let mut command = Command::new("grep");
    let finished = run("grep", command.args(["-c", "-a", "-F", NEEDLE]).arg(raw), PATIENCE)?;
    ensure!(finished.output.starts_with(b"1"), "grep did not find the needle once");
    Ok(finished.took.as_secs_f64())
}

/// The table.
fn print(seconds: &[Vec<f64>; 3], bytes: u64) {
    let names = ["grep -c -a -F over the raw file", "socklab capture search TEXT", "socklab capture search --hex"];
    let speeds = |taken: &Vec<f64>| taken.iter().map(|taken| bytes as f64 / taken / 1e9).collect::<Vec<f64>>();
    let grep = median(&speeds(&seconds[0]));
    let mut table = Table::new([&format!("{} MiB, cached", bytes >> 20), "GB/s", "rounds", "/ grep"]);
    for (name, taken) in names.iter().zip(seconds) {
        let (middle, extremes) = (median(&speeds(taken)), extremes(&speeds(taken)));
        table.row([(*name).to_owned(), figure(middle, 2), range(extremes, 2), ratio(middle / grep)]);
    }
    table.print();
}
