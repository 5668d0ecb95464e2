//! How long it takes to start: to print the version, and to accept the first connection.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::bench::{Bench, Context, is_installed};
use crate::process::{Process, run};
use crate::report::Report;
use crate::roles::loopback;
use crate::socklab::{Data, Listen};
use crate::stats::{interleaved, median, quantile};
use crate::table::{Table, figure, ratio};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "start",
    about: "milliseconds until the version is out, and until a connection is accepted",
    only_ours: false,
    run: bench,
};

/// The longest pause between two tries to connect.
const PAUSE: Duration = Duration::from_micros(100);

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// `socklab --version`.
    Version,
    /// `socklab listen`, with a capture.
    Listen,
    /// `socat TCP-LISTEN`.
    Socat,
    /// `ncat -l`.
    Ncat,
}

impl Start {
    /// For the first column.
    fn name(self) -> &'static str {
        match self {
            Self::Version => "socklab --version",
            Self::Listen => "socklab listen, until it accepts",
            Self::Socat => "socat TCP-LISTEN, until it accepts",
            Self::Ncat => "ncat -l, until it accepts",
        }
    }

    /// Starts it once; returns the milliseconds.
    fn measure(self, context: &Context) -> Result<f64> {
        let port = TcpListener::bind(loopback(0))?.local_addr()?.port();
        match self {
            Self::Version => version(context.socklab.as_deref().context("there is no socklab binary")?),
            Self::Listen => {
                let (binary, data) = context.binary_and_data()?;
                listen(binary, &data, port)
            }
            Self::Socat => until_accepted(
                Command::new("socat").args([&format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"), "PIPE"]),
                port,
            ),
            Self::Ncat => until_accepted(Command::new("ncat").args(["-l", "127.0.0.1", &port.to_string()]), port),
        }
    }

    /// Whether it can run here.
    fn is_present(self, context: &Context) -> bool {
        match self {
            Self::Version | Self::Listen => context.socklab.is_some(),
            Self::Socat => is_installed("socat"),
            Self::Ncat => is_installed("ncat"),
        }
    }
}

/// Starts each twenty times and prints the table.
fn bench(context: &Context, _: &mut Report) -> Result<()> {
    let mut starts = vec![Start::Socat, Start::Ncat, Start::Version, Start::Listen];
    starts.retain(|start| start.is_present(context));
    let mut figures: Vec<Vec<f64>> = starts.iter().map(|_| Vec::new()).collect();
    for (_, index) in interleaved(context.options.full_or_quick(20, 5), starts.len()) {
        figures[index].push(starts[index].measure(context)?);
    }
    let first = figures.first().map_or(f64::NAN, |figures| median(figures));
    let mut table = Table::new(["start", "median ms", "p90 ms", "/ socat"]);
    for (start, figures) in starts.iter().zip(&figures) {
        let middle = median(figures);
        let cells = [figure(middle, 2), figure(quantile(figures, 0.9), 2), ratio(middle / first)];
        let [middle, slow, share] = cells;
        table.row([start.name().to_owned(), middle, slow, share]);
    }
    table.print();
    Ok(())
}

/// From the start until the end of `--version`.
fn version(binary: &Path) -> Result<f64> {
    let finished = run("socklab --version", Command::new(binary).arg("--version"), Duration::from_secs(10))?;
    ensure!(finished.status.success() && !finished.output.is_empty(), "socklab --version says nothing");
    Ok(finished.took.as_secs_f64() * 1e3)
}

/// From the start of our listener until it accepts.
fn listen(binary: &Path, data: &Data, port: u16) -> Result<f64> {
    until_accepted(&mut Listen { port, ..Listen::TCP }.command(binary, data.path()), port)
}

/// From the start until a connection is accepted; the program is ended then.
fn until_accepted(command: &mut Command, port: u16) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let _process = Process::spawn("the listener", command)?;
    while TcpStream::connect(loopback(port)).is_err() {
        ensure!(started.elapsed() < Duration::from_secs(10), "nothing accepts on port {port}");
        std::thread::sleep(PAUSE);
    }
    Ok(started.elapsed().as_secs_f64() * 1e3)
}
