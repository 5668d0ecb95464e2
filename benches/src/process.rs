//! Child processes that are always ended and reaped, by their id, also when something fails or Ctrl-C comes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The ids of our children that are not reaped yet.
static LIVING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The living children, also after a panic elsewhere.
fn living() -> MutexGuard<'static, BTreeSet<u32>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that is killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program; every one speaks the C locale.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let mut registry = living();
        let child = command.env("LC_ALL", "C").spawn().with_context(|| format!("cannot start {name}"))?;
        registry.insert(child.id());
        Ok(Self { name: name.to_owned(), child })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipe to its standard input; dropping it is how a role is told to end.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe from its standard output.
    pub(crate) fn take_stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("{} has no stdout pipe", self.name))
    }

    /// The lines of its standard output as they come.
    pub(crate) fn stdout_lines(&mut self) -> Result<Lines> {
        let stdout = self.take_stdout()?;
        Ok(Lines::of(&self.name, stdout))
    }

    /// The lines of its standard error as they come.
    pub(crate) fn stderr_lines(&mut self) -> Result<Lines> {
        let stderr = self.child.stderr.take().with_context(|| format!("{} has no stderr pipe", self.name))?;
        Ok(Lines::of(&self.name, stderr))
    }

    /// Sends a signal to this one process.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Waits for its end, but not longer than this.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + at_most;
        loop {
            if let Some(status) = self.reap()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} has not ended after {} s", self.name, at_most.as_secs());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its exit status if it has ended. The lock keeps the id from being signalled once it is free again.
    fn reap(&mut self) -> Result<Option<ExitStatus>> {
        let mut registry = living();
        let status = self.child.try_wait()?;
        if status.is_some() {
            registry.remove(&self.child.id());
        }
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.reap(), Ok(None)) {
            self.child.kill().ok();
            self.wait(Duration::from_secs(10)).ok();
        }
    }
}

/// Lines that another thread reads, so that waiting for one can end and the pipe never fills.
#[derive(Debug)]
pub(crate) struct Lines {
    name: String,
    lines: Receiver<String>,
}

impl Lines {
    /// Starts reading.
    fn of(name: &str, stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        Self { name: name.to_owned(), lines }
    }

    /// The next line.
    pub(crate) fn next(&self, at_most: Duration) -> Result<String> {
        self.lines.recv_timeout(at_most).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow!("{} said nothing for {} s", self.name, at_most.as_secs()),
            RecvTimeoutError::Disconnected => anyhow!("{} ended without a word", self.name),
        })
    }

    /// The next line, read as the report of a role.
    pub(crate) fn report<R: DeserializeOwned>(&self, at_most: Duration) -> Result<R> {
        let line = self.next(at_most)?;
        serde_json::from_str(&line).with_context(|| format!("{} reported {line:?}", self.name))
    }

    /// What follows the given words in the first line that has them.
    pub(crate) fn after(&self, words: &str, at_most: Duration) -> Result<String> {
        let deadline = Instant::now() + at_most;
        let mut seen = Vec::new();
        loop {
            let line = self
                .next(deadline.saturating_duration_since(Instant::now()))
                .with_context(|| format!("waited for {words:?}; it said {seen:?}"))?;
            match line.split_once(words) {
                Some((_, rest)) => return Ok(rest.to_owned()),
                None => seen.push(line),
            }
        }
    }
}

/// The command that runs this very executable in a role, even if its file has been replaced meanwhile.
fn role_command(role: &str, arguments: &impl Serialize) -> Result<Command> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("socklab-benches").args(["role", role, &serde_json::to_string(arguments)?]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

/// Starts a role that goes on until its standard input is closed.
pub(crate) fn start_role(role: &str, arguments: &impl Serialize) -> Result<(Process, Lines)> {
    let mut process = Process::spawn(role, &mut role_command(role, arguments)?)?;
    let lines = process.stdout_lines()?;
    Ok((process, lines))
}

/// Runs a role that ends by itself, and returns its report.
pub(crate) fn run_role<R: DeserializeOwned>(role: &str, arguments: &impl Serialize, at_most: Duration) -> Result<R> {
    let (mut process, lines) = start_role(role, arguments)?;
    let report = lines.report(at_most)?;
    process.wait(Duration::from_secs(10))?;
    Ok(report)
}

/// What a finished program left behind.
pub(crate) struct Finished {
    /// What it wrote to standard output.
    pub(crate) output: Vec<u8>,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// From start to end.
    pub(crate) took: Duration,
    /// The last line that it wrote to standard error.
    pub(crate) complaint: String,
}

/// Runs a program to its end, collecting what it writes.
pub(crate) fn run(name: &str, command: &mut Command, at_most: Duration) -> Result<Finished> {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(name, command)?;
    let complaints = process.stderr_lines()?;
    let mut pipe = process.take_stdout()?;
    let reader = std::thread::spawn(move || {
        let mut output = Vec::new();
        pipe.read_to_end(&mut output).map(|_| (output, Instant::now()))
    });
    let status = process.wait(at_most)?;
    let (output, ended) = reader.join().map_err(|_| anyhow!("the reader of {name} panicked"))??;
    let complaint = complaints.lines.iter().last().unwrap_or_default();
    Ok(Finished { output, status, took: ended - started, complaint })
}

/// On Ctrl-C or SIGTERM: ends every living child, deletes the folder and leaves.
pub(crate) fn clean_up_on_signals(folder: PathBuf) -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([2, 15])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            leave(&folder);
        }
    });
    Ok(())
}

/// Kills the living children and ends this process; holding the lock, so that no other is started or reaped.
#[allow(clippy::exit)]
fn leave(folder: &PathBuf) {
    let registry = living();
    for id in registry.iter().filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?)) {
        kill_process(id, Signal::KILL).ok();
    }
    std::fs::remove_dir_all(folder).ok();
    std::process::exit(130);
}
