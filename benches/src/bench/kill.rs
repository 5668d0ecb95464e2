//! A server killed in the middle of a stream: what it had captured is whole and can be read, by others too.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::bench::{Bench, Context, is_installed};
use crate::process::{run, start_role};
use crate::report::Report;
use crate::roles::source::{Arguments, Sent};
use crate::server::{Contestant, Server};
use crate::socklab::Data;
use crate::stream::Stream;

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "kill",
    about: "kill -9 in the middle of 500 MB/s; the capture has to be readable",
    only_ours: true,
    run: bench,
};

/// Bytes a second.
const RATE: f64 = 500e6;

/// The longest that anything may take here.
const PATIENCE: Duration = Duration::from_secs(120);

/// Streams, kills, and looks at what is left.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let seconds = context.options.full_or_quick(2.0, 0.5);
    let mut server = Server::sink(Contestant::Capturing, context)?;
    let bytes = (RATE * 60.0) as u64;
    let arguments =
        Arguments { port: server.port, bytes, rate: Some(RATE), until_broken: true, ..Arguments::default() };
    let (mut source, lines) = start_role("source", &arguments)?;
    std::thread::sleep(Duration::from_secs_f64(seconds));
    server.process.signal(Signal::KILL)?;
    server.process.wait(PATIENCE)?;
    let sent: Sent = lines.report(PATIENCE)?;
    source.wait(PATIENCE)?;
    inspect(server.data()?, sent.bytes, report)
}

/// Reads what is left, with our own tools and with tshark.
fn inspect(data: &Data, sent: u64, report: &mut Report) -> Result<()> {
    let list = data.capture(&["ls"])?;
    report.check("capture ls lists the run".to_owned(), !list.output.is_empty());
    let stat = data.stat()?;
    let mut raw = data.open_raw("e1.1")?;
    let length = raw.metadata()?.len();
    let same = Stream::new().common_prefix(&mut raw, length)?;
    let held = same == length && length == stat.received && length <= sent && length > 0;
    report.check(format!("{same} of {length} exported bytes are the stream, stat counts {}", stat.received), held);
    let (taken, kept) = (sent as f64 / 1e6, length as f64 / 1e6);
    println!("   the sender's socket took {taken:.1} MB, the capture has {kept:.1} MB;");
    println!("   the {:.1} MB between lay in the sockets and in the server", taken - kept);
    if is_installed("tshark") {
        let packets = count_with_tshark(data)?;
        report.check(format!("tshark reads {packets} packets, stat counts {}", stat.packets), packets == stat.packets);
    }
    Ok(())
}

/// How many packets tshark reads from all files; a last packet that is cut short it reports, and we do not count.
fn count_with_tshark(data: &Data) -> Result<u64> {
    let mut packets = 0;
    for file in data.segments()? {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(file).args(["-T", "fields", "-e", "frame.number"]);
        let finished = run("tshark", &mut command, PATIENCE)?;
        packets += finished.output.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    Ok(packets)
}
