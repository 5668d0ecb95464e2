//! What the command line asks for.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::bench;

/// The figures of one run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Names of the benches to run; empty: all of them.
    pub(crate) names: Vec<String>,
    /// How often each contestant runs; the medians are printed.
    pub(crate) rounds: usize,
    /// The binary under test.
    pub(crate) socklab: Option<PathBuf>,
    /// Where the temporary data folders go.
    pub(crate) temp: PathBuf,
    /// How many bytes the bulk sender pushes.
    pub(crate) bulk_bytes: u64,
    /// A smoke run: everything small and short.
    pub(crate) quick: bool,
}

/// Either a run or something to print and be done.
pub(crate) enum Wish {
    /// Run the benches.
    Run(Options),
    /// Print this text.
    Print(String),
}

impl Options {
    /// What applies when nothing is said.
    fn standard() -> Self {
        Self {
            names: Vec::new(),
            rounds: 5,
            socklab: None,
            temp: std::env::temp_dir(),
            bulk_bytes: 2 << 30,
            quick: false,
        }
    }

    /// Whether this bench was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    /// The number of rounds, at most this many: for the benches whose rounds are long.
    pub(crate) fn rounds_up_to(&self, most: usize) -> usize {
        self.rounds.min(most)
    }

    /// One of two figures: that of a full run, or that of a quick one.
    pub(crate) fn full_or_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Takes over one argument, with the following ones where it has a value.
    fn take(&mut self, argument: &str, rest: &mut dyn Iterator<Item = &String>) -> Result<()> {
        let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
        match argument {
            "--rounds" => self.rounds = value()?.parse::<usize>().context("--rounds takes a number")?.max(1),
            "--socklab" => self.socklab = Some(PathBuf::from(value()?)),
            "--temp" => self.temp = PathBuf::from(value()?),
            "--bytes" => self.bulk_bytes = parse_size(value()?)?,
            "--quick" => self.make_quick(),
            name if bench::ALL.iter().any(|bench| bench.name == name) => self.names.push(name.to_owned()),
            other => bail!("unknown argument {other:?}; --help lists the benches and options"),
        }
        Ok(())
    }

    /// Small and short, to see that everything runs; the figures mean little.
    fn make_quick(&mut self) {
        self.quick = true;
        self.rounds = 1;
        self.bulk_bytes = 256 << 20;
    }
}

/// Reads the command line.
pub(crate) fn parse(arguments: &[String]) -> Result<Wish> {
    let mut options = Options::standard();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if matches!(argument.as_str(), "-h" | "--help" | "--list") {
            return Ok(Wish::Print(help()));
        }
        options.take(argument, &mut rest)?;
    }
    Ok(Wish::Run(options))
}

/// The text of `--help`.
fn help() -> String {
    let benches: String = bench::ALL.iter().map(|bench| format!("  {:7} {}\n", bench.name, bench.about)).collect();
    format!(
        "socklab-benches [NAMES...] [--rounds N] [--socklab PATH] [--bytes SIZE] [--temp DIR] [--quick]\n\n\
         Benches (all when none is named):\n{benches}\n\
         --rounds N      rounds of which the medians are taken (5)\n\
         --socklab PATH  the binary under test (the one beside this one, else target/release/socklab)\n\
         --bytes SIZE    what the bulk sender pushes, with k, m or g (2g)\n\
         --temp DIR      where the captures are written and deleted again\n\
         --quick         a smoke run: one round, small figures\n\n\
         Exit code: 0 also when a target is missed; 1 when bytes differ or a bench breaks down; 2 wrong usage."
    )
}

/// A number of bytes with an optional `k`, `m` or `g`.
fn parse_size(text: &str) -> Result<u64> {
    let shift = match text.chars().last() {
        Some('k') => 10,
        Some('m') => 20,
        Some('g') => 30,
        _ => 0,
    };
    let digits = text.trim_end_matches(['k', 'm', 'g']);
    let number: u64 = digits.parse().with_context(|| format!("{text:?} is not a size"))?;
    Ok(number << shift)
}
