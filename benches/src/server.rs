//! The contestants as servers: each started its own way, all spoken to alike.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde::Serialize;

use crate::bench::Context;
use crate::process::{Lines, Process, start_role};
use crate::roles::serving::{Arguments, Listening};
use crate::socklab::{Data, Listen, announced_port};

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// The bare epoll loop.
    Bare,
    /// The bare epoll loop, writing every byte to a plain file: what a capture costs at the very least.
    BareFile,
    /// Socklab, writing a capture.
    Capturing,
    /// Socklab with `--capture none`.
    Plain,
    /// socat.
    Socat,
    /// ncat.
    Ncat,
    /// iperf3, which brings its own client.
    Iperf3,
}

impl Contestant {
    /// For the first column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare epoll",
            Self::BareFile => "bare epoll, to a file",
            Self::Capturing => "socklab",
            Self::Plain => "socklab --capture none",
            Self::Socat => "socat",
            Self::Ncat => "ncat",
            Self::Iperf3 => "iperf3",
        }
    }

    /// Whether every byte goes to the disk's cache.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::BareFile | Self::Capturing)
    }

    /// In how many of the rounds it takes part: those that are there for orientation in three.
    pub(crate) fn rounds(self, all: usize) -> usize {
        if self == Self::Bare || self.is_ours() { all } else { all.min(3) }
    }

    /// Whether it is ours; when ours fails, the run fails.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Capturing | Self::Plain)
    }
}

/// What makes a server end.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// Its standard input is closed.
    EndOfInput,
    /// An interrupt.
    Interrupt,
    /// The end of its only connection.
    LastConnection,
}

/// A running server, ended when dropped; the data folder goes with it.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) port: u16,
    data: Option<Data>,
    lines: Option<Lines>,
    ending: Ending,
}

impl Server {
    /// Starts a server that takes bytes and forgets them (ours: captures them).
    pub(crate) fn sink(contestant: Contestant, context: &Context) -> Result<Self> {
        match contestant {
            Contestant::Bare => Self::role("sink", &Arguments::default()),
            Contestant::BareFile => Self::role("sink", &Arguments { file: Some(context.bare_file()) }),
            Contestant::Capturing => Self::socklab(context, Listen::TCP),
            Contestant::Plain => Self::socklab(context, Listen { capture: false, ..Listen::TCP }),
            Contestant::Socat => Self::tool("socat", &["-u", "TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr", "-"]),
            Contestant::Ncat => Self::tool("ncat", &["-l", "--recv-only", "127.0.0.1", "PORT"]),
            Contestant::Iperf3 => Self::tool("iperf3", &["-s", "-1", "-B", "127.0.0.1", "-p", "PORT"]),
        }
    }

    /// Starts a server that sends every byte back.
    pub(crate) fn echo(contestant: Contestant, context: &Context) -> Result<Self> {
        match contestant {
            Contestant::Bare => Self::role("echo", &Arguments::default()),
            Contestant::Capturing => Self::socklab(context, Listen { echo: true, ..Listen::TCP }),
            Contestant::Plain => Self::socklab(context, Listen { echo: true, capture: false, ..Listen::TCP }),
            Contestant::Socat => Self::tool("socat", &["TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr", "PIPE"]),
            Contestant::Ncat => Self::tool("ncat", &["-l", "--exec", "/bin/cat", "127.0.0.1", "PORT"]),
            Contestant::BareFile | Contestant::Iperf3 => bail!("{} is no echo server", contestant.name()),
        }
    }

    /// Starts one of our own roles.
    pub(crate) fn role(role: &str, arguments: &impl Serialize) -> Result<Self> {
        let (process, lines) = start_role(role, arguments)?;
        let listening: Listening = lines.report(Duration::from_secs(10))?;
        Ok(Self { process, port: listening.port, data: None, lines: Some(lines), ending: Ending::EndOfInput })
    }

    /// Starts `socklab listen` with a fresh data folder.
    pub(crate) fn socklab(context: &Context, listen: Listen) -> Result<Self> {
        let (binary, data) = context.binary_and_data()?;
        let mut command = listen.command(binary, data.path());
        if listen.show != "none" {
            command.stdout(Stdio::piped());
        }
        let mut process = Process::spawn("socklab", &mut command)?;
        let port = announced_port(&mut process)?;
        Ok(Self { process, port, data: Some(data), lines: None, ending: Ending::Interrupt })
    }

    /// Starts another tool on a free port, which stands in its arguments as PORT; it serves one connection.
    fn tool(program: &str, arguments: &[&str]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(arguments.iter().map(|argument| argument.replace("PORT", &port.to_string())));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::spawn(program, &mut command)?;
        wait_for_listener(port).with_context(|| program.to_owned())?;
        Ok(Self { process, port, data: None, lines: None, ending: Ending::LastConnection })
    }

    /// The capture of one of ours.
    pub(crate) fn data(&self) -> Result<&Data> {
        self.data.as_ref().context("this contestant has no capture")
    }

    /// The last report of a role, after [`Server::stop`].
    pub(crate) fn last_report<R: serde::de::DeserializeOwned>(&self) -> Result<R> {
        self.lines.as_ref().context("only roles report")?.report(PATIENCE)
    }

    /// Ends the server in its proper way and waits for it.
    pub(crate) fn stop(&mut self) -> Result<()> {
        match self.ending {
            Ending::EndOfInput => drop(self.process.take_stdin()),
            Ending::Interrupt => self.process.signal(Signal::INT)?,
            Ending::LastConnection => {}
        }
        let status = self.process.wait(PATIENCE)?;
        if matches!(self.ending, Ending::Interrupt) {
            ensure!(status.code() == Some(130), "socklab ended with {status} after an interrupt, not with 130");
        }
        Ok(())
    }
}

/// Waits until the kernel lists a listener on this port; connecting would use up its only connection.
fn wait_for_listener(port: u16) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let listener = format!("0100007F:{port:04X} 00000000:0000 0A");
    while !std::fs::read_to_string("/proc/net/tcp")?.contains(&listener) {
        ensure!(Instant::now() < deadline, "does not listen on port {port}");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
