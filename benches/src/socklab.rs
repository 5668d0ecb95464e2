//! The binary under test: how its listener is started, and what its captures say afterwards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::process::{Finished, Process, run};

/// The longest that a capture command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen {
    /// What stands before `://127.0.0.1:PORT`.
    pub(crate) scheme: &'static str,
    /// The port; 0 for a free one.
    pub(crate) port: u16,
    /// Whether bytes are sent back.
    pub(crate) echo: bool,
    /// Whether a capture is written.
    pub(crate) capture: bool,
    /// What it shows on standard output.
    pub(crate) show: &'static str,
}

impl Listen {
    /// A TCP server on a free port that captures and shows nothing.
    pub(crate) const TCP: Self = Self { scheme: "tcp-listen", port: 0, echo: false, capture: true, show: "none" };

    /// The command line.
    pub(crate) fn command(self, binary: &Path, data: &Path) -> Command {
        let mut command = Command::new(binary);
        command.arg("listen").arg(format!("{}://127.0.0.1:{}", self.scheme, self.port));
        command.arg("--data").arg(data).args(["--show", self.show]);
        if self.echo {
            command.arg("--echo");
        }
        if !self.capture {
            command.args(["--capture", "none"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

/// Waits until it says that it listens, and returns the port.
pub(crate) fn announced_port(process: &mut Process) -> Result<u16> {
    let address = process.stderr_lines()?.after("e1 listening on ", Duration::from_secs(10))?;
    let authority = address.split(['?', ' ']).next().unwrap_or(&address);
    let port = authority.rsplit(':').next().and_then(|digits| digits.trim().parse().ok());
    port.with_context(|| format!("no port in {address:?}"))
}

/// What `capture stat --json` tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stat {
    /// Packets that a reader of the files sees.
    pub(crate) packets: u64,
    /// Bytes received, over all peers.
    pub(crate) received: u64,
    /// Bytes sent, over all peers.
    pub(crate) sent: u64,
    /// Datagrams that had to be dropped.
    pub(crate) dropped: u64,
    /// Every peer.
    pub(crate) peers: Vec<PeerStat>,
}

/// The counts of one peer.
#[derive(Debug, Deserialize)]
pub(crate) struct PeerStat {
    /// Its id.
    pub(crate) peer: String,
    /// Where it sent from.
    #[serde(default)]
    pub(crate) address: String,
    /// Bytes received from it.
    pub(crate) received: u64,
}

/// A data folder of one run, deleted when dropped.
#[derive(Debug)]
pub(crate) struct Data {
    binary: PathBuf,
    folder: TempDir,
}

impl Data {
    /// An empty folder.
    pub(crate) fn new(binary: &Path, parent: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("data-").tempdir_in(parent)?;
        Ok(Self { binary: binary.to_owned(), folder })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `socklab capture ... --data ...`, which has to succeed.
    pub(crate) fn capture(&self, arguments: &[&str]) -> Result<Finished> {
        let mut command = Command::new(&self.binary);
        command.arg("capture").args(arguments).arg("--data").arg(self.path());
        let name = format!("socklab capture {}", arguments.join(" "));
        let finished = run(&name, &mut command, PATIENCE)?;
        ensure!(finished.status.success(), "{name} ended with {}: {}", finished.status, finished.complaint);
        Ok(finished)
    }

    /// What the capture counts.
    pub(crate) fn stat(&self) -> Result<Stat> {
        let finished = self.capture(&["stat", "--json"])?;
        serde_json::from_slice(&finished.output).context("cannot read the output of capture stat --json")
    }

    /// The bytes received from a peer, as a file in the folder.
    pub(crate) fn export_raw(&self, peer: &str) -> Result<PathBuf> {
        let path = self.path().join(format!("{peer}.raw"));
        self.capture(&["export", "--peer", peer, "--as", "raw", "-o", &path.to_string_lossy()])?;
        Ok(path)
    }

    /// The same, opened.
    pub(crate) fn open_raw(&self, peer: &str) -> Result<File> {
        Ok(File::open(self.export_raw(peer)?)?)
    }

    /// The files of its one capture, in order.
    pub(crate) fn segments(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for run in std::fs::read_dir(self.path().join("captures"))? {
            for file in std::fs::read_dir(run?.path())? {
                files.push(file?.path());
            }
        }
        files.retain(|file| file.extension().is_some_and(|extension| extension == "pcapng"));
        files.sort();
        Ok(files)
    }
}
