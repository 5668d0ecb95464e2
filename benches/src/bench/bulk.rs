//! How fast one connection is read: from the first byte until the server has everything and closes.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::bench::{Bench, Context};
use crate::disk::write_directly;
use crate::process::{run, run_role};
use crate::report::{Report, Target};
use crate::reserve::Reserve;
use crate::roles::source::{Arguments, Sent};
use crate::server::{Contestant, Server};
use crate::socklab::Data;
use crate::stats::{Clock, extremes, interleaved, median};
use crate::stream::Stream;
use crate::table::{Table, figure, range, ratio};

/// The bench.
pub(crate) const BENCH: Bench =
    Bench { name: "bulk", about: "one sender pushes bytes into one connection", only_ours: false, run: bench };

/// Who is measured.
const CONTESTANTS: [Contestant; 7] = [
    Contestant::Bare,
    Contestant::BareFile,
    Contestant::Capturing,
    Contestant::Plain,
    Contestant::Socat,
    Contestant::Ncat,
    Contestant::Iperf3,
];

/// The longest that one run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One contestant with its figures, in GB/s.
struct Entry {
    contestant: Contestant,
    speeds: Vec<f64>,
}

/// Runs all rounds and prints the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let present = context.present(&CONTESTANTS);
    let mut entries: Vec<Entry> =
        present.into_iter().map(|contestant| Entry { contestant, speeds: Vec::new() }).collect();
    let mut reserve = Reserve::for_files_of(context.options.bulk_bytes)?;
    let mut disk = Vec::new();
    let clock = Clock::of_seconds(90);
    for (round, index) in interleaved(context.options.rounds, entries.len()) {
        let entry = &mut entries[index];
        if round >= entry.contestant.rounds(context.options.rounds) || !clock.permits(round) {
            continue;
        }
        let mut run = || measure(entry.contestant, context, round == 0, report);
        let outcome = if entry.contestant.writes() { reserve.lend(run) } else { run() };
        match outcome {
            Ok(speed) => entry.speeds.push(speed),
            Err(error) if entry.contestant.is_ours() => report.broken(entry.contestant.name(), &error),
            Err(error) => println!("   {} failed: {error:#}", entry.contestant.name()),
        }
        if entry.contestant == Contestant::Capturing {
            rustix::fs::sync();
            match write_directly(context.folder(), context.options.bulk_bytes) {
                Ok(speed) => disk.push(speed),
                Err(error) => println!("   writing directly failed: {error:#}"),
            }
        }
    }
    print(&entries, &disk, context.options.bulk_bytes, report);
    Ok(())
}

/// One run of one contestant; the capture is compared when it is the first.
fn measure(contestant: Contestant, context: &Context, first: bool, report: &mut Report) -> Result<f64> {
    let bytes = context.options.bulk_bytes;
    rustix::fs::sync(); // what an earlier one left to be written is not this one's burden
    let mut server = Server::sink(contestant, context)?;
    if contestant == Contestant::Iperf3 {
        return iperf3_client(server.port, bytes);
    }
    let arguments = Arguments { port: server.port, bytes, ..Arguments::default() };
    let sent: Sent = run_role("source", &arguments, PATIENCE)?;
    server.stop()?;
    match contestant {
        Contestant::Bare => check_count(&server, sent.bytes)?,
        Contestant::BareFile => {
            check_count(&server, sent.bytes)?;
            std::fs::remove_file(context.bare_file())?;
        }
        Contestant::Capturing if first => check_capture(server.data()?, bytes, report)?,
        _ => {}
    }
    Ok(sent.bytes as f64 / sent.seconds / 1e9)
}

/// The bare server has to have counted every byte.
fn check_count(server: &Server, bytes: u64) -> Result<()> {
    let served: crate::roles::serving::Served = server.last_report()?;
    ensure!(served.bytes == bytes, "the bare server counted {} bytes of {bytes}", served.bytes);
    Ok(())
}

/// The export has to be the stream, byte for byte, and nothing more.
fn check_capture(data: &Data, bytes: u64, report: &mut Report) -> Result<()> {
    let mut file = data.open_raw("e1.1")?;
    let length = file.metadata()?.len();
    let same = Stream::new().common_prefix(&mut file, bytes)?;
    report.check(format!("the raw export is the stream ({same} of {bytes} bytes)"), same == bytes && length == bytes);
    let stat = data.stat()?;
    report.check(format!("stat counts {} received bytes of {bytes}", stat.received), stat.received == bytes);
    Ok(())
}

/// iperf3's own client; its figure is that of its server.
fn iperf3_client(port: u16, bytes: u64) -> Result<f64> {
    let mut command = Command::new("iperf3");
    command.args(["-c", "127.0.0.1", "-l", "256K", "-J", "-n", &bytes.to_string(), "-p", &port.to_string()]);
    let finished = run("iperf3 -c", &mut command, PATIENCE)?;
    let json: serde_json::Value = serde_json::from_slice(&finished.output)?;
    let bits = json["end"]["sum_received"]["bits_per_second"].as_f64();
    Ok(bits.context("iperf3 reports no speed")? / 8e9)
}

/// The target of a contestant's ratio to the bare loop.
fn target(contestant: Contestant) -> Option<Target> {
    match contestant {
        Contestant::Capturing => Some(Target::AtLeast(0.5)),
        Contestant::Plain => Some(Target::AtLeast(0.9)),
        _ => None,
    }
}

/// The table; its last line is what the disk took right after each run that captured.
fn print(entries: &[Entry], disk: &[f64], bytes: u64, report: &mut Report) {
    let bare = entries.first().map_or(f64::NAN, |entry| median(&entry.speeds));
    let mut table = Table::new([&format!("{} MiB", bytes >> 20), "GB/s", "rounds", "/ bare", "target"]);
    for Entry { contestant, speeds } in entries {
        let share = median(speeds) / bare;
        let target = target(*contestant);
        if let Some(target) = target {
            report.target(&format!("bulk, {} / bare", contestant.name()), share, target);
        }
        let name = contestant.name().to_owned();
        let wanted = target.map_or(String::new(), Target::text);
        table.row([name, figure(median(speeds), 2), range(extremes(speeds), 2), ratio(share), wanted]);
    }
    let name = "the disk, no socket".to_owned();
    table.row([name, figure(median(disk), 2), range(extremes(disk), 2), ratio(median(disk) / bare), String::new()]);
    table.print();
}
