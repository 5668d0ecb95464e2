//! How fast requests are answered: 64 bytes there and back, with one and with many connections.

use std::time::Duration;

use anyhow::Result;

use crate::bench::{Bench, Context};
use crate::process::run_role;
use crate::report::{Report, Target};
use crate::roles::echoer::{Arguments, Echoed};
use crate::server::{Contestant, Server};
use crate::stats::{Clock, interleaved, median};
use crate::table::{Table, figure, ratio};

/// The bench.
pub(crate) const BENCH: Bench =
    Bench { name: "echo", about: "64-byte requests and replies, compared", only_ours: false, run: bench };

/// Who is measured with one connection, and with many; the other tools serve only one here.
const CONTESTANTS: [(usize, Contestant); 8] = [
    (1, Contestant::Bare),
    (1, Contestant::Capturing),
    (1, Contestant::Plain),
    (1, Contestant::Socat),
    (1, Contestant::Ncat),
    (64, Contestant::Bare),
    (64, Contestant::Capturing),
    (64, Contestant::Plain),
];

/// One contestant with its figures.
struct Entry {
    connections: usize,
    contestant: Contestant,
    runs: Vec<Echoed>,
}

impl Entry {
    /// The median of one figure.
    fn median(&self, figure: fn(&Echoed) -> f64) -> f64 {
        median(&self.runs.iter().map(figure).collect::<Vec<f64>>())
    }
}

/// Runs all rounds and prints the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let present = context.present(&CONTESTANTS.map(|(_, contestant)| contestant));
    let mut entries: Vec<Entry> = CONTESTANTS
        .into_iter()
        .filter(|(_, contestant)| present.contains(contestant))
        .map(|(connections, contestant)| Entry { connections, contestant, runs: Vec::new() })
        .collect();
    let clock = Clock::of_seconds(90);
    for (round, index) in interleaved(context.options.rounds, entries.len()) {
        let entry = &mut entries[index];
        if round >= entry.contestant.rounds(context.options.rounds) || !clock.permits(round) {
            continue;
        }
        match measure(entry, context, round == 0, report) {
            Ok(echoed) => entry.runs.push(echoed),
            Err(error) if entry.contestant.is_ours() => report.broken(entry.contestant.name(), &error),
            Err(error) => println!("   {} failed: {error:#}", entry.contestant.name()),
        }
    }
    print(&entries, report);
    Ok(())
}

/// One run of one contestant; its capture has to hold both directions.
fn measure(entry: &Entry, context: &Context, first: bool, report: &mut Report) -> Result<Echoed> {
    let mut server = Server::echo(entry.contestant, context)?;
    let seconds = context.options.full_or_quick(2.0, 0.5);
    let arguments = Arguments { port: server.port, connections: entry.connections, seconds };
    let echoed: Echoed = run_role("echoer", &arguments, Duration::from_secs(60))?;
    server.stop()?;
    if entry.contestant == Contestant::Capturing && first {
        let stat = server.data()?.stat()?;
        let held = stat.received == echoed.bytes && stat.sent == echoed.bytes;
        report
            .check(format!("stat counts {} received and {} sent of {}", stat.received, stat.sent, echoed.bytes), held);
    }
    Ok(echoed)
}

/// The table, each number of connections beside its own bare loop.
fn print(entries: &[Entry], report: &mut Report) {
    let mut table = Table::new([
        "connections, server",
        "requests/s",
        "p50 us",
        "p99 us",
        "/ bare",
        "target",
        "p99 / bare",
        "target",
    ]);
    for entry in entries {
        let bare = entries.iter().find(|other| other.connections == entry.connections).unwrap_or(entry);
        let speed = entry.median(|run| run.rate) / bare.median(|run| run.rate);
        let tail = entry.median(|run| run.p99) / bare.median(|run| run.p99);
        let wanted = judge(entry, speed, tail, report);
        table.row([
            format!("{:>2} {}", entry.connections, entry.contestant.name()),
            figure(entry.median(|run| run.rate), 0),
            figure(entry.median(|run| run.p50), 1),
            figure(entry.median(|run| run.p99), 1),
            ratio(speed),
            wanted.0,
            ratio(tail),
            wanted.1,
        ]);
    }
    table.print();
}

/// Notes how ours did; returns the texts of the targets.
fn judge(entry: &Entry, speed: f64, tail: f64, report: &mut Report) -> (String, String) {
    if !entry.contestant.is_ours() {
        return Default::default();
    }
    let (least, most) = (Target::AtLeast(0.7), Target::AtMost(2.0));
    let name = format!("echo, {} connections, {}", entry.connections, entry.contestant.name());
    report.target(&format!("{name}, requests/s / bare"), speed, least);
    report.target(&format!("{name}, p99 / bare"), tail, most);
    (least.text(), most.text())
}
