//! The benches, and what they all need.

mod bulk;
mod echo;
mod idle;
mod kill;
mod lines;
mod lost;
mod search;
mod start;
mod udp;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::options::Options;
use crate::process::clean_up_on_signals;
use crate::report::Report;
use crate::server::Contestant;
use crate::socklab::Data;

/// One bench.
pub(crate) struct Bench {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) about: &'static str,
    /// Whether there is nothing to measure without the binary under test.
    pub(crate) only_ours: bool,
    /// Runs it and prints its table.
    pub(crate) run: fn(&Context, &mut Report) -> Result<()>,
}

/// All benches, in the order they run.
pub(crate) const ALL: &[Bench] = &[
    bulk::BENCH,
    echo::BENCH,
    idle::BENCH,
    lines::BENCH,
    lost::BENCH,
    udp::BENCH,
    search::BENCH,
    start::BENCH,
    kill::BENCH,
];

impl Bench {
    /// Runs it where it can run; a breakdown is reported and does not stop the others.
    pub(crate) fn run_and_report(&self, context: &Context, report: &mut Report) {
        println!("\n== {}: {}", self.name, self.about);
        if self.only_ours && context.socklab.is_none() {
            return println!("   skipped: there is no socklab binary; see --socklab");
        }
        let started = Instant::now();
        if let Err(error) = (self.run)(context, report) {
            report.broken(self.name, &error);
        }
        println!("   ({:.1} s)", started.elapsed().as_secs_f64());
    }
}

/// What a bench works with.
pub(crate) struct Context {
    /// What was asked for.
    pub(crate) options: Options,
    /// The binary under test, when there is one.
    pub(crate) socklab: Option<PathBuf>,
    folder: TempDir,
}

impl Context {
    /// Finds the binary and makes the temporary folder, which goes with us however we end.
    pub(crate) fn new(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("socklab-benches-").tempdir_in(&options.temp)?;
        clean_up_on_signals(folder.path().to_owned())?;
        Ok(Self { socklab: find_socklab(&options)?, options, folder })
    }

    /// The temporary folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the bare loop keeps bytes.
    pub(crate) fn bare_file(&self) -> PathBuf {
        self.folder.path().join("bare.raw")
    }

    /// The binary under test with an empty data folder.
    pub(crate) fn binary_and_data(&self) -> Result<(&Path, Data)> {
        let binary = self.socklab.as_deref().context("there is no socklab binary; see --socklab")?;
        Ok((binary, Data::new(binary, self.folder.path())?))
    }

    /// Those of the contestants that can run here.
    pub(crate) fn present(&self, contestants: &[Contestant]) -> Vec<Contestant> {
        let can_run = |contestant: &&Contestant| match contestant {
            Contestant::Bare | Contestant::BareFile => true,
            Contestant::Capturing | Contestant::Plain => self.socklab.is_some(),
            other => is_installed(other.name()),
        };
        contestants.iter().filter(can_run).copied().collect()
    }
}

/// Whether a program of this name lies in the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The binary that was named, else the one beside this one, else the release build.
fn find_socklab(options: &Options) -> Result<Option<PathBuf>> {
    if let Some(path) = &options.socklab {
        return Ok(Some(path.canonicalize().with_context(|| format!("no binary {}", path.display()))?));
    }
    let beside = std::env::current_exe()?.with_file_name("socklab");
    Ok([beside, PathBuf::from("target/release/socklab")].into_iter().find(|path| path.is_file()))
}
