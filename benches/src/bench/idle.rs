//! Many connections that are open and say nothing: how fast they are taken in, and what memory each needs.

use anyhow::{Result, ensure};

use crate::bench::{Bench, Context};
use crate::memory::Memory;
use crate::process::{Lines, Process, start_role};
use crate::report::{Report, Target};
use crate::roles::PATIENCE;
use crate::roles::holder::{Arguments, Held};
use crate::server::{Contestant, Server};
use crate::stats::{interleaved, median};
use crate::table::{Table, figure, ratio};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "idle",
    about: "19 000 open connections, a byte there and back on each",
    only_ours: false,
    run: bench,
};

/// Who is measured.
const CONTESTANTS: [Contestant; 2] = [Contestant::Bare, Contestant::Capturing];

/// What an idle connection may cost.
const MOST_BYTES: f64 = 6.0 * 1024.0;

/// The figures of one run.
struct Run {
    accepted_per_second: f64,
    resident: f64,
    anonymous: f64,
    proportional: f64,
}

/// One contestant with its runs.
struct Entry {
    contestant: Contestant,
    runs: Vec<Run>,
}

impl Entry {
    /// The median of one figure.
    fn median(&self, figure: fn(&Run) -> f64) -> f64 {
        median(&self.runs.iter().map(figure).collect::<Vec<f64>>())
    }
}

/// Runs all rounds and prints the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let connections = context.options.full_or_quick(19_000, 2_000);
    let rounds = context.options.rounds_up_to(3);
    let present = context.present(&CONTESTANTS);
    let mut entries: Vec<Entry> =
        present.into_iter().map(|contestant| Entry { contestant, runs: Vec::new() }).collect();
    for (_, index) in interleaved(rounds, entries.len()) {
        let entry = &mut entries[index];
        match measure(entry.contestant, connections, context) {
            Ok(run) => entry.runs.push(run),
            Err(error) => report.broken(&format!("idle, {}", entry.contestant.name()), &error),
        }
    }
    print(&entries, connections, rounds, report);
    Ok(())
}

/// One run of one contestant.
fn measure(contestant: Contestant, connections: usize, context: &Context) -> Result<Run> {
    let mut server = Server::echo(contestant, context)?;
    let before = Memory::of(server.process.id())?;
    let (mut holder, lines) = start_role("holder", &Arguments { port: server.port, connections })?;
    let opened: Held = lines.report(PATIENCE)?;
    let after = Memory::of(server.process.id())?;
    let still_held = ask_again(&mut holder, &lines)?;
    ensure!(still_held == connections, "only {still_held} of {connections} connections were held");
    server.stop()?;
    let each = |figure: fn(&Memory) -> f64| (figure(&after) - figure(&before)) / connections as f64;
    Ok(Run {
        accepted_per_second: opened.connections as f64 / opened.seconds,
        resident: each(|memory| memory.resident),
        anonymous: each(|memory| memory.anonymous),
        proportional: each(|memory| memory.proportional),
    })
}

/// Has every connection answer once more, and ends the client.
fn ask_again(holder: &mut Process, lines: &Lines) -> Result<usize> {
    drop(holder.take_stdin());
    let held: Held = lines.report(PATIENCE)?;
    holder.wait(PATIENCE)?;
    Ok(held.connections)
}

/// The table.
fn print(entries: &[Entry], connections: usize, rounds: usize, report: &mut Report) {
    let title = format!("{connections} connections");
    let mut table =
        Table::new([&title, "accepted/s", "/ bare", "target", "RSS B each", "anon", "PSS", "target", "held"]);
    for entry in entries {
        let share = entry.median(|run| run.accepted_per_second) / entries[0].median(|run| run.accepted_per_second);
        let wanted = judge(entry, share, report);
        table.row([
            entry.contestant.name().to_owned(),
            figure(entry.median(|run| run.accepted_per_second), 0),
            ratio(share),
            wanted.0,
            figure(entry.median(|run| run.resident), 0),
            figure(entry.median(|run| run.anonymous), 0),
            figure(entry.median(|run| run.proportional), 0),
            wanted.1,
            format!("{} of {rounds} rounds", entry.runs.len()),
        ]);
    }
    table.print();
}

/// Notes how ours did; returns the texts of the targets.
fn judge(entry: &Entry, share: f64, report: &mut Report) -> (String, String) {
    if !entry.contestant.is_ours() {
        return Default::default();
    }
    let (least, most) = (Target::AtLeast(0.6), Target::AtMost(MOST_BYTES));
    let name = entry.contestant.name();
    report.target(&format!("idle, {name}, accept rate / bare"), share, least);
    report.target(&format!("idle, {name}, resident bytes each"), entry.median(|run| run.resident), most);
    (least.text(), most.text())
}
