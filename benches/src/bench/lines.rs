//! A room full of devices that send lines: every line is kept, whoever reads the screen, and no device has to wait.

use std::io::{BufRead, BufReader, Read};
use std::process::ChildStdout;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::{Bench, Context};
use crate::memory::Memory;
use crate::process::run_role;
use crate::report::{Report, Target};
use crate::roles::liner::{Arguments, LINE, Lined, fill_line};
use crate::server::{Contestant, Server};
use crate::socklab::{Data, Listen};
use crate::table::{Table, figure};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "lines",
    about: "1 000 connections, 100 000 lines/s in all, with and without a reader of the screen",
    only_ours: false,
    run: bench,
};

/// The most that the server's memory may grow to, whoever reads.
const MOST_MIB: f64 = 256.0;

/// How often a sender may find its socket full.
const MOST_STALLS: f64 = 0.0;

/// Who is measured, and what happens to its standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    /// The bare server, which has none.
    Bare,
    /// Nothing is shown.
    Off,
    /// JSON is shown and read.
    Read,
    /// JSON is shown and never read: the pipe fills.
    Stuck,
}

impl Screen {
    /// For the first column.
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare epoll",
            Self::Off => "socklab --show none",
            Self::Read => "socklab --show json, read",
            Self::Stuck => "socklab --show json, never read",
        }
    }

    /// Its server.
    fn start(self, context: &Context) -> Result<Server> {
        match self {
            Self::Bare => Server::sink(Contestant::Bare, context),
            Self::Off => Server::socklab(context, Listen::TCP),
            Self::Read | Self::Stuck => Server::socklab(context, Listen { show: "json", ..Listen::TCP }),
        }
    }
}

/// Runs each once: the pace makes rounds alike.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let screens = [Screen::Bare, Screen::Off, Screen::Read, Screen::Stuck];
    let all = if context.socklab.is_some() { &screens[..] } else { &screens[..1] };
    let mut table =
        Table::new(["server", "lines/s", "worst lag ms", "stalls", "target", "peak RSS MiB", "target", "shown"]);
    for screen in all {
        match measure(*screen, context, report) {
            Ok(cells) => table.row(cells),
            Err(error) => report.broken(screen.name(), &error),
        }
    }
    table.print();
    Ok(())
}

/// One run; returns its row.
fn measure(screen: Screen, context: &Context, report: &mut Report) -> Result<[String; 8]> {
    let mut server = screen.start(context)?;
    let seconds = context.options.full_or_quick(10.0, 1.0);
    let connections = context.options.full_or_quick(1_000, 100);
    let arguments = Arguments { port: server.port, connections, rate: 100_000.0, seconds };
    let mut stuck = None;
    let reader = match screen {
        Screen::Read => Some(count_lines(server.process.take_stdout()?)),
        Screen::Stuck => {
            stuck = Some(server.process.take_stdout()?);
            None
        }
        _ => None,
    };
    let lined: Lined = run_role("liner", &arguments, Duration::from_secs(120))?;
    let memory = Memory::of(server.process.id())?;
    let stopped = server.stop();
    drop(stuck);
    stopped?;
    let shown = reader.map(join).transpose()?;
    if screen != Screen::Bare {
        check(screen, server.data()?, &arguments, &lined, report)?;
    }
    Ok(row(screen, &lined, memory, shown, report))
}

/// A reader that keeps up as well as it can.
fn count_lines(stdout: ChildStdout) -> JoinHandle<std::io::Result<u64>> {
    std::thread::spawn(move || {
        let mut lines = 0;
        for line in BufReader::with_capacity(1 << 20, stdout).split(b'\n') {
            lines += u64::from(line?.starts_with(b"{"));
        }
        Ok(lines)
    })
}

/// What the reader counted.
fn join(reader: JoinHandle<std::io::Result<u64>>) -> Result<u64> {
    Ok(reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??)
}

/// Every line has to be in the capture: by count of every peer, and byte by byte for the first and the last.
fn check(screen: Screen, data: &Data, arguments: &Arguments, lined: &Lined, report: &mut Report) -> Result<()> {
    let stat = data.stat()?;
    let (bytes, each) = (lined.lines * LINE as u64, lined.lines / arguments.connections as u64);
    let all_there =
        stat.peers.len() == arguments.connections && stat.peers.iter().all(|peer| peer.received == each * LINE as u64);
    let name = screen.name();
    report.check(format!("{name}: stat counts {} received bytes of {bytes}", stat.received), stat.received == bytes);
    report.check(format!("{name}: {} peers, {each} lines from each", stat.peers.len()), all_there);
    for peer in [stat.peers.first(), stat.peers.last()].into_iter().flatten() {
        let right = lines_in_order(&mut data.open_raw(&peer.peer)?, each)?;
        report.check(format!("{name}: the lines of {} are whole and in order", peer.peer), right);
    }
    Ok(())
}

/// Whether these are the lines that one connection sends.
fn lines_in_order(raw: &mut impl Read, count: u64) -> Result<bool> {
    let mut got = String::new();
    raw.read_to_string(&mut got).context("the export is no text")?;
    let connection = got.get(1..5).and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
    let (mut expected, mut line) = (String::with_capacity(got.len()), String::new());
    for number in 0..count {
        fill_line(&mut line, connection, number);
        expected.push_str(&line);
    }
    Ok(got == expected)
}

/// The row of the table.
fn row(screen: Screen, lined: &Lined, memory: Memory, shown: Option<u64>, report: &mut Report) -> [String; 8] {
    let peak = memory.peak / f64::from(1 << 20);
    let (stalls, size) = (Target::AtMost(MOST_STALLS), Target::AtMost(MOST_MIB));
    if screen != Screen::Bare {
        report.target(&format!("lines, {}, stalls of the sender", screen.name()), lined.stalls as f64, stalls);
        report.target(&format!("lines, {}, peak MiB", screen.name()), peak, size);
    }
    [
        screen.name().to_owned(),
        figure(lined.lines as f64 / lined.seconds, 0),
        figure(lined.worst_lag, 1),
        lined.stalls.to_string(),
        stalls.text(),
        figure(peak, 1),
        size.text(),
        shown.map_or("-".to_owned(), |lines| format!("{lines} lines")),
    ]
}
